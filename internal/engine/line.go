package engine

import (
	"context"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// Line is one posting as the statement of a balance shows it. Every balance that a merchant may spend
// (ledger.Account.Spendable) has a line for each posting that moved it, written with the posting: what a statement
// opens with and its movements give what it closes with because all three are the same rows.
type Line struct {
	N       int64 // counts the balance's from 1
	Entry   string
	Posting int            // its place in the entry, from 1
	Row     string         // the row of the table that posted it
	Other   ledger.Account // where the money came from, or went to
	Amount  money.Amount   // what it added; below zero what it took
	Balance money.Amount   // what stood there behind it
	At      time.Time      // on the mode's clock; never before the line before it

	// Whose change it was; all empty for money of no order. Another merchant's order may pay into a balance.
	Order  string // public id
	Kind   string // of the order
	Scope  Scope  // of the order
	Reason string // of the order's end
}

// BalanceKey names one balance: an account in one asset and mode.
type BalanceKey struct {
	Account ledger.Account
	Asset   money.Asset
	Mode    Mode
}

// LineFilter chooses lines of one balance, by their number.
type LineFilter struct {
	Balance BalanceKey
	From    time.Time // on the mode's clock, included; zero: no bound
	Before  time.Time // not included; zero: no bound
	After   int64     // behind this number
	Limit   int
}

// lineReader is how statements are read. Each answer is found by a key, however many lines there are.
type lineReader interface {
	// Lines returns lines by number, without their orders' public ids, kinds, scopes and reasons: Line.Order is the
	// internal id.
	Lines(f LineFilter) ([]Line, error)
	// LastLine is the last line before a time on the mode's clock; nil when there is none. The zero time is the end of time.
	LastLine(k BalanceKey, before time.Time) (*Line, error)
}

// Statement is what moved a balance from one time to another, or a part of it.
type Statement struct {
	Opening money.Amount // before the first movement of the time
	Closing money.Amount // behind the last one
	Count   int64        // how many movements the time has
	Lines   []Line       // a page of them
	More    bool         // others follow behind the last one
	Periods []StatementPeriod
}

// StatementPeriod is one period of a statement in which something moved.
type StatementPeriod struct {
	From, Before     time.Time
	Opening, Closing money.Amount
	Count            int64
}

// StatementAsk asks for a statement. Times are on the mode's clock.
type StatementAsk struct {
	Balance      BalanceKey
	From, Before time.Time                   // the first is included
	Next         func(t time.Time) time.Time // when the period ends that begins at t; nil: no periods
	After        int64                       // the page behind this line; 0: the first
	Limit        int
}

// MaxPeriods is how many periods a statement may have, with those in which nothing moved.
const MaxPeriods = 400

// Statement reads what moved a balance. Opening and the movements of all pages give Closing.
//
// Errors: invalid_page (limit; too many periods).
func (e *Engine) Statement(ctx context.Context, a StatementAsk) (Statement, error) {
	if a.Limit < 1 || a.Limit > MaxSearch {
		return Statement{}, fault.New(fault.CodeInvalidPage, "want 1 to 1000").On("limit")
	}
	var s Statement
	err := e.store.View(ctx, func(rd Reader) error {
		opening, opened, err := standAt(rd, a.Balance, a.From)
		if err != nil {
			return err
		}
		closing, closed, err := standAt(rd, a.Balance, a.Before)
		if err != nil {
			return err
		}
		s = Statement{Opening: opening, Closing: closing, Count: closed - opened}
		if s.Lines, err = rd.Lines(LineFilter{Balance: a.Balance, From: a.From, Before: a.Before, After: a.After, Limit: a.Limit + 1}); err != nil {
			return err
		}
		if s.More = len(s.Lines) > a.Limit; s.More {
			s.Lines = s.Lines[:a.Limit]
		}
		if err := withOrders(rd, s.Lines); err != nil {
			return err
		}
		s.Periods, err = periods(rd, a, opening, opened)
		return err
	})
	return s, err
}

// periods are the periods of a statement in which something moved.
func periods(rd Reader, a StatementAsk, opening money.Amount, opened int64) (list []StatementPeriod, err error) {
	if a.Next == nil {
		return nil, nil
	}
	n := 0
	for from := a.From; from.Before(a.Before); n++ {
		if n == MaxPeriods {
			return nil, fault.New(fault.CodeInvalidPage, "the time has too many periods").On("granularity")
		}
		end := a.Next(from)
		if end.After(a.Before) {
			end = a.Before
		}
		closing, closed, err := standAt(rd, a.Balance, end)
		if err != nil {
			return nil, err
		}
		if closed > opened {
			list = append(list, StatementPeriod{From: from, Before: end, Opening: opening, Closing: closing, Count: closed - opened})
		}
		from, opening, opened = end, closing, closed
	}
	return list, nil
}

// standAt is how a balance stood before a time, and how many lines it had.
func standAt(rd Reader, k BalanceKey, before time.Time) (money.Amount, int64, error) {
	last, err := rd.LastLine(k, before)
	if err != nil || last == nil {
		return money.Zero(k.Asset), 0, err
	}
	return last.Balance, last.N, nil
}

// BalanceAt is how a balance that a merchant may spend stood at a time on the mode's clock, with all that happened at
// that very moment; the zero time is now.
func (e *Engine) BalanceAt(ctx context.Context, k BalanceKey, at time.Time) (money.Amount, error) {
	var stood money.Amount
	err := e.store.View(ctx, func(rd Reader) (err error) {
		if !at.IsZero() {
			at = at.Add(time.Microsecond)
		}
		stood, _, err = standAt(rd, k, at)
		return err
	})
	return stood, err
}

// Line finds a line of a balance by its number. Error: not_found.
func (e *Engine) Line(ctx context.Context, k BalanceKey, n int64) (Line, error) {
	var found Line
	err := e.store.View(ctx, func(rd Reader) error {
		list, err := rd.Lines(LineFilter{Balance: k, After: n - 1, Limit: 1})
		if err != nil {
			return err
		}
		if len(list) == 0 || list[0].N != n {
			return fault.New(fault.CodeNotFound, "no such line")
		}
		if err := withOrders(rd, list); err != nil {
			return err
		}
		found = list[0]
		return nil
	})
	return found, err
}

// withOrders says of lines whose they are. Lines of one order ask once.
func withOrders(rd Reader, lines []Line) error {
	orders := map[string]*Order{"": {}}
	for i := range lines {
		l := &lines[i]
		o := orders[l.Order]
		if o == nil {
			var err error
			if o, err = rd.Order(l.Order); err != nil {
				return err
			}
			orders[l.Order] = o
		}
		l.Order, l.Kind, l.Scope, l.Reason = o.PublicID, o.Kind, o.Scope, string(o.Reason)
	}
	return nil
}
