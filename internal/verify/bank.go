package verify

import (
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/rail"
)

// Booking is a row of a bank's booking.
type Booking struct {
	ID         string
	Unreadable string
	Record     *engine.Booking // nil when it is unreadable
	Columns    []string        // of its row, that contradict the record
}

// BankDay is a row of what moved an account on a day.
type BankDay struct {
	Rail       rail.Name
	Day        time.Time
	Moved      money.Amount
	Unreadable string
}

// BankStatement is a row of a bank's statement. Place is its key, behind its rail.
type BankStatement struct {
	Rail       rail.Name
	Place      string
	Unreadable string
	Record     *engine.BankStatement // nil when it is unreadable
	Columns    []string              // of its row, that contradict the record
}

// bankKey is an account at a bank.
type bankKey struct {
	mode  engine.Mode
	rail  rail.Name
	asset string
}

// atBank is what bookings say moved an account: in all, and by days.
type atBank struct {
	sum  money.Amount
	days map[time.Time]money.Amount
}

// bookings adds up what banks booked, and holds it against what the ledger says of their rails.
func (v *run) bookings() error {
	v.banks = map[bankKey]*atBank{}
	err := pages(v.Page, "", v.Bookings, func(b Booking) string { return b.ID }, func(b Booking) {
		v.report.Counted.Bookings++
		row := "booking " + b.ID
		if b.Record == nil {
			v.report.Add(Record, row, "cannot be read: %s", b.Unreadable)
			return
		}
		if len(b.Columns) > 0 {
			v.report.Add(Record, row, "its columns contradict its record: %s", strings.Join(b.Columns, ", "))
		}
		moved := b.Record.Moved()
		k := bankKey{b.Record.Mode, b.Record.Rail, moved.Asset().String()}
		at := v.banks[k]
		if at == nil {
			at = &atBank{sum: money.Zero(moved.Asset()), days: map[time.Time]money.Amount{}}
			v.banks[k] = at
		}
		day := b.Record.Booked.UTC()
		at.sum, at.days[day] = at.sum.Add(moved), at.days[day].Add(moved)
	})
	if err != nil {
		return err
	}
	if err := v.bankDays(); err != nil {
		return err
	}
	for k, at := range v.banks {
		ledgerSum := money.Zero(at.sum.Asset())
		for _, role := range []ledger.Role{ledger.PayerOn(string(k.rail)), ledger.PayeeOn(string(k.rail))} {
			ledgerSum = ledgerSum.Sub(v.sums[BalanceKey{k.mode, ledger.House.Account(role), k.asset}])
		}
		if !same(ledgerSum, at.sum) {
			v.report.Add(Bank, string(k.rail)+" of "+string(k.mode), "was moved by %s by its bookings, and by %s by the ledger", at.sum, ledgerSum)
		}
	}
	return v.bankStatements()
}

// bankDays holds the sum of each day against its bookings. A rail is of one mode.
func (v *run) bankDays() error {
	type key struct {
		rail  rail.Name
		day   time.Time
		asset string
	}
	want := map[key]money.Amount{}
	for k, at := range v.banks {
		for day, sum := range at.days {
			want[key{k.rail, day, k.asset}] = sum
		}
	}
	list, err := v.BankDays()
	if err != nil {
		return err
	}
	for _, d := range list {
		k, row := key{d.Rail, d.Day, d.Moved.Asset().String()}, "the day "+d.Day.Format(time.DateOnly)+" of "+string(d.Rail)
		booked, known := want[k]
		switch {
		case d.Unreadable != "":
			v.report.Add(Record, row, "cannot be read: %s", d.Unreadable)
		case !known && !d.Moved.IsZero() || known && !same(booked, d.Moved):
			v.report.Add(Bank, row, "has a sum of %s, and bookings of %s", d.Moved, booked)
		}
		delete(want, k)
	}
	for k, sum := range want {
		if !sum.IsZero() && sum.Sign() != 0 {
			v.report.Add(Bank, "the day "+k.day.Format(time.DateOnly)+" of "+string(k.rail), "has no sum, and bookings of %s", sum)
		}
	}
	return nil
}

// bankStatements holds what the statements of each account say from the first to the last against the bookings of those days. Where a
// statement is missing between them that is said, and no problem.
func (v *run) bankStatements() error {
	type span struct{ first, last *engine.BankStatement }
	spans, gaps := map[bankKey]*span{}, map[bankKey]bool{}
	err := pages(v.Page, BankStatement{}, v.BankStatements, func(s BankStatement) BankStatement { return s }, func(s BankStatement) {
		v.report.Counted.BankStatements++
		row := "statement " + s.Place + " of " + string(s.Rail)
		if s.Record == nil {
			v.report.Add(Record, row, "cannot be read: %s", s.Unreadable)
			return
		}
		if len(s.Columns) > 0 {
			v.report.Add(Record, row, "its columns contradict its record: %s", strings.Join(s.Columns, ", "))
		}
		st := s.Record
		if !st.Closes() {
			return
		}
		k := bankKey{st.Mode, st.Rail, st.Asset.String()}
		if spans[k] == nil {
			spans[k] = &span{first: st}
		} else if last := spans[k].last; !same(last.Closing, st.Opening) {
			gaps[k] = true
			v.report.Note("%s opens with %s, and the one before it closes with %s: a statement is missing", row, st.Opening, last.Closing)
		}
		spans[k].last = st
	})
	if err != nil {
		return err
	}
	for k, s := range spans {
		if gaps[k] {
			continue
		}
		told, booked := s.last.Closing.Sub(s.first.Opening), money.Zero(s.last.Asset)
		if at := v.banks[k]; at != nil {
			for day, sum := range at.days {
				if !day.Before(s.first.From) && !day.After(s.last.To) {
					booked = booked.Add(sum)
				}
			}
		}
		if !same(told, booked) {
			v.report.Add(Bank, string(k.rail)+" of "+string(k.mode), "grew by %s by its statements from %s to %s, and by %s by its bookings of those days",
				told, s.first.From.Format(time.DateOnly), s.last.To.Format(time.DateOnly), booked)
		}
	}
	return nil
}
