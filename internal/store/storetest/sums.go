package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// tallied is what a filter's orders must sum up to, added up one by one.
func tallied(all []*engine.Order, f engine.Filter) string {
	sums := map[string]*engine.Tally{}
	for _, o := range all {
		a := o.Terms.Due.Asset()
		if o.Scope != f.Scope || len(f.States) > 0 && !slices.Contains(f.States, o.State) || f.Network != "" && a.Network() != f.Network ||
			f.AssetCode != "" && a.Code() != f.AssetCode || o.CreatedAt.Before(f.CreatedAfter) || !f.CreatedBefore.IsZero() && o.CreatedAt.After(f.CreatedBefore) {
			continue
		}
		k := string(o.State) + " " + a.String()
		if sums[k] == nil {
			sums[k] = &engine.Tally{State: o.State, Asset: a}
		}
		t := sums[k]
		t.Orders++
		t.Due = t.Due.Add(o.Terms.Due)
		var first time.Time
		for _, p := range o.Payments {
			if p.Amount.Asset() == a && (first.IsZero() || p.Told.Before(first)) {
				first = p.Told
			}
		}
		if !first.IsZero() {
			t.Seen++
			t.Wait += max(0, first.Sub(o.CreatedAt).Microseconds())
		}
	}
	var list []engine.Tally
	for _, t := range sums {
		list = append(list, *t)
	}
	return showTallies(list)
}

func showTallies(list []engine.Tally) string {
	var lines []string
	for _, t := range list {
		lines = append(lines, fmt.Sprintf("%s %s: %d of %s, %d seen after %d", t.State, t.Asset, t.Orders, t.Due.Units(), t.Seen, t.Wait))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (s *suite) wantTally(what string, all []*engine.Order, f engine.Filter) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Tally(f)
		if err == nil && showTallies(got) != tallied(all, f) {
			s.Errorf("%s:\n got %s\nwant %s", what, showTallies(got), tallied(all, f))
		}
		return err
	})
}

// orderSums: what orders sum up to, through every change, by each filter.
func orderSums(s *suite) {
	s.wantTally("empty", nil, engine.Filter{Scope: scopeA})
	all := s.fill(40)
	paid := func(o *engine.Order, external string, amount money.Amount, after time.Duration) {
		o.Payments = append(o.Payments, order.Payment{PaymentKey: order.PaymentKey{Rail: testRail, External: external}, Rank: order.RankSeen, Amount: amount, Told: o.CreatedAt.Add(after)})
	}
	change := func(i int, fn func(o *engine.Order)) {
		if err := s.save(all[i].ID, fn); err != nil {
			s.Fatal(err)
		}
		fn(all[i])
	}
	for i := range 10 {
		change(i, func(o *engine.Order) {
			o.State = order.Completed
			paid(o, fmt.Sprint("a", i), o.Terms.Due, time.Duration(i)*time.Minute+time.Microsecond)
		})
		if i%2 == 0 { // a second payment changes nothing, nor does one of another asset
			change(i, func(o *engine.Order) { paid(o, fmt.Sprint("b", i), o.Terms.Due, time.Hour) })
		}
		change(20+i, func(o *engine.Order) { paid(o, fmt.Sprint("c", i), money.FromInt(foreign, 5), time.Second) })
	}
	change(30, func(o *engine.Order) { paid(o, "early", o.Terms.Due, -time.Second) }) // told on a clock that is behind
	s.reopen()
	first, last := all[0].CreatedAt, all[39].CreatedAt
	for what, f := range map[string]engine.Filter{
		"all":             {},
		"states":          {States: []order.State{order.Completed, order.Waiting}},
		"a network":       {Network: "testnet"},
		"a currency":      {AssetCode: "EUR"},
		"none":            {AssetCode: "XYZ"},
		"from":            {CreatedAfter: first.Add(5 * time.Minute)},
		"to":              {CreatedBefore: first.Add(5 * time.Minute)},
		"from and to":     {CreatedAfter: first.Add(3 * time.Minute), CreatedBefore: last.Add(-7 * time.Minute), States: []order.State{order.Completed}},
		"before them all": {CreatedBefore: first.Add(-time.Second)},
		"after them all":  {CreatedAfter: last.Add(time.Second)},
		"one":             {CreatedAfter: first, CreatedBefore: first},
	} {
		f.Scope = scopeA
		s.wantTally(what, all, f)
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.Tally(engine.Filter{Scope: scopeB})
		if err == nil && (len(list) != 1 || list[0].Orders != 1) {
			s.Errorf("another scope: %+v", list)
		}
		_, err = rd.Tally(engine.Filter{Scope: scopeA, Reference: "x"})
		s.wantCode(err, fault.CodeInvalidPage)
		return nil
	})
}

// foreign is an asset no order of these tests is due in.
var foreign = money.MustAsset("FOREIGN", "testnet", 18)

// longSums: no amount is too long to be added up, and nothing is rounded.
func longSums(s *suite) {
	longest, err := money.ParseUnits(foreign, strings.Repeat("9", money.MaxDigits))
	if err != nil {
		s.Fatal(err)
	}
	var all []*engine.Order
	for _, due := range []money.Amount{longest, longest, money.FromInt(foreign, 1), money.FromInt(foreign, 999_999_999), money.FromInt(foreign, 1_000_000_000), longest} {
		all = append(all, s.insert(scopeA, func(o *engine.Order) { o.Terms.Due = due }))
	}
	s.wantTally("long amounts", all, engine.Filter{Scope: scopeA})
}

// sumsUnderWriters: whoever writes at the same time, nothing is lost and nothing counted twice.
func sumsUnderWriters(s *suite) {
	var all []*engine.Order
	for range 4 {
		all = append(all, s.insert(scopeA, nil))
	}
	errs := AtOnce(32, func(i int) error {
		if i >= 16 {
			return s.try(func(tx engine.Tx) error { return tx.InsertOrder(s.draft(tx, scopeA)) })
		}
		if i >= 8 {
			return s.try(func(tx engine.Tx) error { // a refused caller counts for nothing
				if err := tx.InsertOrder(s.draft(tx, scopeA)); err != nil {
					return err
				}
				return errRefused
			})
		}
		return s.save(all[i%4].ID, func(o *engine.Order) { o.State = order.Completed })
	})
	for i, err := range errs {
		if (err != nil) != (i >= 8 && i < 16) {
			s.Fatal(i, err)
		}
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.Tally(engine.Filter{Scope: scopeA})
		if got, want := showTallies(list), "completed USDT/6@testnet: 4 of 4000000, 0 seen after 0\nwaiting USDT/6@testnet: 16 of 16000000, 0 seen after 0"; got != want {
			s.Errorf("got %s", got)
		}
		return err
	})
}
