package storetest

import (
	"fmt"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// The statement of a spendable balance has a line for each posting that moved it, also where many write at once and what
// came goes again, in the order in which they were written.
func statements(s *suite) {
	o := s.insert(scopeA, nil)
	book := func(tx engine.Tx, postings ...ledger.Posting) error {
		e := engine.Entry{ID: tx.NewID(), OrderID: o.ID, Merchant: "m1", Mode: engine.Sandbox, At: tx.Now()}
		for _, p := range postings {
			e.Postings = append(e.Postings, order.Posting{Posting: p, Row: "P1"})
		}
		return tx.AddEntry(e)
	}
	post := func(from, to ledger.Account, units int64) ledger.Posting {
		return ledger.Posting{From: from, To: to, Amount: money.FromInt(eur, units)}
	}
	for n, err := range AtOnce(16, func(i int) error {
		return s.try(func(tx engine.Tx) error { // 3 lines each, and one that is of no statement
			return book(tx, post(payer, incoming, 9), post(payer, earned, int64(100+i)), post(earned, incoming, 7), post(incoming, earned, 7))
		})
	}) {
		if err != nil {
			s.Fatal(n, err)
		}
	}
	s.reopen()
	k := engine.BalanceKey{Account: earned, Asset: eur, Mode: engine.Sandbox}
	lines := s.lines(engine.LineFilter{Balance: k, Limit: 1000})
	want(s, "lines", len(lines), 48)
	stood := money.Zero(eur)
	for i, l := range lines {
		stood = stood.Add(l.Amount)
		if l.N != int64(i+1) || !l.Balance.Equal(stood) || l.Order != o.ID || l.Row != "P1" || l.Posting != i%3+2 || i > 0 && l.At.Before(lines[i-1].At) {
			s.Fatalf("line %d, with %s before it: %+v", i+1, stood.Sub(l.Amount), l)
		}
	}
	if first := lines[1]; first.Amount.Units() != "-7" || first.Other != incoming || lines[0].Other != payer {
		s.Errorf("the first lines: %+v %+v", lines[0], first)
	}
	s.update(func(tx engine.Tx) error {
		have, err := tx.Balance(earned, eur, engine.Sandbox)
		if err == nil && !have.Equal(stood) {
			s.Errorf("the statement ends with %s, the balance is %s", stood, have)
		}
		return err
	})
	for _, none := range []engine.BalanceKey{{Account: incoming, Asset: eur, Mode: engine.Sandbox}, {Account: earned, Asset: usdt, Mode: engine.Sandbox}, {Account: earned, Asset: eur, Mode: engine.Live}} {
		want(s, "lines of "+fmt.Sprint(none), len(s.lines(engine.LineFilter{Balance: none, Limit: 10})), 0)
	}

	// A page by number, and one by time on the mode's clock, which was moved.
	s.clock.advance(time.Hour)
	s.update(func(tx engine.Tx) error {
		return tx.MoveClock(engine.Sandbox, engine.ClockMove{At: tx.Now(), Offset: 24 * time.Hour})
	})
	var later time.Time
	s.update(func(tx engine.Tx) error { later = tx.Now(); return book(tx, post(earned, payer, 1)) })
	later = later.Add(24 * time.Hour)
	numbers := func(f engine.LineFilter) (list []int64) {
		f.Balance = k
		for _, l := range s.lines(f) {
			list = append(list, l.N)
		}
		return list
	}
	for _, tc := range []struct {
		filter engine.LineFilter
		want   []int64
	}{
		{engine.LineFilter{After: 46, Limit: 10}, []int64{47, 48, 49}},
		{engine.LineFilter{After: 46, Limit: 1}, []int64{47}},
		{engine.LineFilter{From: later, Limit: 10}, []int64{49}},
		{engine.LineFilter{From: later.Add(time.Microsecond), Limit: 10}, nil},
		{engine.LineFilter{Before: later, After: 47, Limit: 10}, []int64{48}},
		{engine.LineFilter{Before: lines[0].At, Limit: 10}, nil},
		{engine.LineFilter{From: lines[0].At, Before: later.Add(time.Microsecond), After: 48, Limit: 10}, []int64{49}},
	} {
		if got := numbers(tc.filter); !slices.Equal(got, tc.want) {
			s.Errorf("%+v: %v, want %v", tc.filter, got, tc.want)
		}
	}
	s.view(func(rd engine.Reader) error {
		for _, tc := range []struct {
			before time.Time
			want   int64
		}{{time.Time{}, 49}, {later, 48}, {later.Add(time.Microsecond), 49}, {lines[0].At, 0}} {
			last, err := rd.LastLine(k, tc.before)
			if err != nil {
				return err
			}
			var n int64
			if last != nil {
				n = last.N
			}
			want(s, "last line before "+tc.before.String(), n, tc.want)
		}
		return nil
	})
}

func (s *suite) lines(f engine.LineFilter) (list []engine.Line) {
	s.Helper()
	s.view(func(rd engine.Reader) (err error) { list, err = rd.Lines(f); return err })
	return list
}

func reviewedOrders(s *suite) {
	open := func(o *engine.Order) { o.Reviews = []order.Review{{Kind: order.Approval, State: order.ReviewOpen}} }
	first := s.insert(scopeA, open)
	s.insert(scopeA, nil)
	second := s.insert(scopeB, func(o *engine.Order) {
		o.Reviews = []order.Review{{Kind: order.Screening, State: order.ReviewDocuments}}
	})
	s.insert(scopeC, open)
	s.insert(scopeA, func(o *engine.Order) { open(o); o.State = order.Cancelled })
	withheld := s.insert(scopeA, func(o *engine.Order) {
		o.State, o.Reviews = order.Completed, []order.Review{{Kind: order.Compliance, State: order.ReviewOpen}}
	})
	check := func(ids ...string) {
		s.Helper()
		s.view(func(rd engine.Reader) error {
			var got []string
			for after := ""; ; {
				page, err := rd.Reviewed(engine.Sandbox, after, 2)
				if err != nil {
					return err
				}
				for _, o := range page {
					got, after = append(got, o.ID), o.ID
				}
				if len(page) < 2 {
					break
				}
			}
			if !slices.Equal(got, ids) {
				s.Errorf("orders about which somebody must decide: %v, want %v", got, ids)
			}
			return nil
		})
	}
	check(first.ID, second.ID, withheld.ID)
	if err := s.save(first.ID, func(o *engine.Order) { o.Reviews[0].State = order.ReviewApproved }); err != nil {
		s.Fatal(err)
	}
	check(second.ID, withheld.ID)
}
