package store

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
)

// The statements of the balances that merchants may spend: a line for each posting that moves one.

const (
	insertLine = `INSERT INTO lines (mode, account, asset, n, entry_id, posting, at, amount, balance) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`
	lineColumns = `l.n, l.entry_id, l.posting, l.at, l.amount, l.balance, e.order_id, p.from_account, p.to_account, p.row_name
		FROM lines l JOIN entries e ON e.id = l.entry_id JOIN postings p ON p.entry_id = l.entry_id AND p.n = l.posting
		WHERE l.mode = $1 AND l.account = $2 AND l.asset = $3 AND `
	// Times become numbers first: a page is found through those alone.
	selectLines    = `SELECT ` + lineColumns + `l.n > $4 AND l.n <= $5 ORDER BY l.n LIMIT $6`
	selectLineAt   = `SELECT n FROM lines WHERE mode = $1 AND account = $2 AND asset = $3 AND at < $4 ORDER BY at DESC, n DESC LIMIT 1`
	selectLastLine = `SELECT ` + lineColumns + `l.at < $4 ORDER BY l.at DESC, l.n DESC LIMIT 1`
)

// flushLines writes the lines of the group's postings and counts them by balance. What the balances were is loaded.
func (g *group) flushLines(entries []engine.Entry) (map[balanceKey]int64, error) {
	var written map[balanceKey]int64
	stood := map[balanceKey]money.Amount{}
	for _, e := range entries {
		for n, p := range e.Postings {
			for _, side := range [2]struct {
				account ledger.Account
				by      money.Amount
			}{{p.From, p.Amount.Neg()}, {p.To, p.Amount}} {
				if !side.account.Spendable() {
					continue
				}
				k := balanceKey{e.Mode, side.account, p.Amount.Asset()}
				if written[k] == 0 {
					stood[k] = g.balances[k].amount
				}
				clock, err := g.clock(e.Mode)
				if err != nil {
					return nil, err
				}
				stood[k] = stood[k].Add(side.by)
				set(&written, k, written[k]+1)
				err = g.write("the statement of "+string(k.account), insertLine, string(k.mode), string(k.account), k.asset.String(), g.balances[k].lines+written[k],
					e.ID, n+1, micros(clock.Shift(e.At)), side.by.Units(), stood[k].Units())
				if err != nil {
					return nil, err
				}
			}
		}
	}
	return written, nil
}

// linedBalances are the balances whose statements the group goes on with.
func (g *group) linedBalances() (keys []balanceKey) {
	for _, e := range g.entries.group {
		for _, p := range e.Postings {
			for _, account := range [2]ledger.Account{p.From, p.To} {
				if account.Spendable() {
					keys = append(keys, balanceKey{e.Mode, account, p.Amount.Asset()})
				}
			}
		}
	}
	return keys
}

// Lines implements engine.Reader.
func (r *reader) Lines(f engine.LineFilter) ([]engine.Line, error) {
	k := f.Balance
	after, last := f.After, int64(math.MaxInt64)
	if !f.From.IsZero() {
		before, err := r.lineBefore(k, f.From)
		if err != nil {
			return nil, err
		}
		after = max(after, before)
	}
	if !f.Before.IsZero() {
		var err error
		if last, err = r.lineBefore(k, f.Before); err != nil {
			return nil, err
		}
	}
	return r.lines(k, selectLines, string(k.Mode), string(k.Account), k.Asset.String(), after, last, f.Limit)
}

// lineBefore is the number of the last line before a time; 0 when there is none.
func (r *reader) lineBefore(k engine.BalanceKey, at time.Time) (n int64, err error) {
	err = scan(r, selectLineAt, []any{string(k.Mode), string(k.Account), k.Asset.String(), micros(at)}, func(rows record) error { return rows.Scan(&n) })
	return n, err
}

// LastLine implements engine.Reader.
func (r *reader) LastLine(k engine.BalanceKey, before time.Time) (*engine.Line, error) {
	list, err := r.lines(k, selectLastLine, string(k.Mode), string(k.Account), k.Asset.String(), until(before))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// until is a bound in microseconds; the end of time for the zero time.
func until(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return micros(t)
}

func (r *reader) lines(k engine.BalanceKey, query string, args ...any) (list []engine.Line, err error) {
	err = scan(r, query, args, func(rows record) error {
		var l engine.Line
		var at int64
		var amount, balance string
		var from, to ledger.Account
		if err := rows.Scan(&l.N, &l.Entry, &l.Posting, &at, &amount, &balance, &l.Order, &from, &to, &l.Row); err != nil {
			return err
		}
		l.At, l.Other = timeOf(at), from
		if from == k.Account {
			l.Other = to
		}
		if l.Amount, err = unitsOf(k.Asset, amount); err != nil {
			return err
		}
		l.Balance, err = unitsOf(k.Asset, balance)
		list = append(list, l)
		return err
	})
	return list, err
}

func unitsOf(a money.Asset, text string) (money.Amount, error) {
	units, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return money.Amount{}, fmt.Errorf("%q is not a number of units", text)
	}
	return money.New(a, units), nil
}
