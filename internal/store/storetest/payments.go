package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// listPayments reads every page of a list and checks each against the total.
func (s *suite) listPayments(f engine.PaymentFilter) (externals []string) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		for f.Page = 1; ; f.Page++ {
			page, err := rd.Payments(f)
			if err != nil {
				return err
			}
			for _, p := range page.Payments {
				externals = append(externals, p.External)
				if p.Order == nil || !slices.ContainsFunc(p.Order.Payments, func(q order.Payment) bool { return q.PaymentKey == p.PaymentKey }) {
					s.Fatalf("%s comes with %+v", p.External, p.Order)
				}
			}
			if len(page.Payments) < f.Limit {
				want(s, fmt.Sprint("total of page ", f.Page), page.Total, int64(len(externals)))
				return nil
			}
		}
	})
	return externals
}

// paymentLists: payments of a scope's orders by every filter and sort, against a plain computation.
func paymentLists(s *suite) {
	random := rand.New(rand.NewPCG(5, 6))
	type row struct {
		order.Payment
		owner *engine.Order
	}
	var all []row
	var orders []*engine.Order
	for range 8 {
		orders = append(orders, s.insert(scopeA, nil))
	}
	strangers := []*engine.Order{s.insert(scopeB, nil), s.insert(scopeC, nil)}
	assets := []money.Asset{usdt, eur, foreign}
	for i := range 60 {
		s.clock.advance(17*time.Minute + time.Duration(random.IntN(5))*time.Microsecond)
		o := orders[random.IntN(len(orders))]
		rank := paymentRank(random.IntN(4))
		p := order.Payment{
			PaymentKey: order.PaymentKey{Rail: testRail, External: fmt.Sprintf("p%02d", i)}, Epoch: 1, Rank: rank, Told: s.clock.now(),
			Amount:   money.FromInt(assets[random.IntN(3)], int64(random.IntN(900)+1)),
			Evidence: order.Evidence{Tx: fmt.Sprint("tx", i/2), Block: uint64(i)}, // two share a transaction
		}
		if i%7 == 0 {
			p.Told = s.clock.now().Add(-3 * time.Hour) // assigned long after it was told
		}
		if rank == order.RankConfirmed {
			p.Settled = p.Told.Add(time.Duration(random.IntN(1000)) * time.Minute)
		}
		if err := s.save(o.ID, func(o *engine.Order) { o.Payments = append(o.Payments, p) }); err != nil {
			s.Fatal(err)
		}
		all = append(all, row{p, o})
	}
	for i, o := range strangers {
		err := s.save(o.ID, func(o *engine.Order) {
			o.Payments = append(o.Payments, order.Payment{PaymentKey: order.PaymentKey{Rail: testRail, External: fmt.Sprint("strange", i)}, Rank: order.RankSeen, Told: s.clock.now(), Amount: money.FromInt(usdt, 1)})
		})
		if err != nil {
			s.Fatal(err)
		}
	}
	s.update(func(tx engine.Tx) error {
		stray := engine.Stray{Payment: s.payment("stray", 5, s.clock.now()), Mode: engine.Sandbox, Merchant: "m1"}
		return tx.SaveStray(&stray)
	})
	// Later words move payments from one rank to another.
	for i := range all {
		if i%3 == 0 {
			all[i].Rank, all[i].Epoch = order.RankConfirmed, 2
			all[i].Settled = all[i].Told.Add(time.Hour)
			p := all[i].Payment
			err := s.save(all[i].owner.ID, func(o *engine.Order) {
				for j := range o.Payments {
					if o.Payments[j].PaymentKey == p.PaymentKey {
						o.Payments[j] = p
					}
				}
			})
			if err != nil {
				s.Fatal(err)
			}
		}
	}
	s.reopen()

	settled := func(r row) time.Time {
		if r.Rank != order.RankConfirmed {
			return time.Time{}
		}
		return r.Settled
	}
	compare := map[engine.SortKey]func(a, b row) int{
		"": func(a, b row) int { return 0 }, engine.ByTold: func(a, b row) int { return 0 },
		engine.BySettled: func(a, b row) int { return settled(a).Compare(settled(b)) },
		engine.ByAmount:  func(a, b row) int { return cmp.Compare(a.Amount.SortKey(), b.Amount.SortKey()) },
	}
	check := func(what string, f engine.PaymentFilter) {
		s.Helper()
		f.Scopes = []engine.Scope{scopeA}
		chosen := slices.DeleteFunc(slices.Clone(all), func(r row) bool {
			return f.OrderID != "" && r.owner.ID != f.OrderID || len(f.Ranks) > 0 && !slices.Contains(f.Ranks, r.Rank) || f.Network != "" && r.Amount.Asset().Network() != f.Network ||
				f.AssetCode != "" && r.Amount.Asset().Code() != f.AssetCode || f.Tx != "" && r.Evidence.Tx != f.Tx ||
				!f.ToldAfter.IsZero() && r.Told.Before(f.ToldAfter) || !f.ToldBefore.IsZero() && r.Told.After(f.ToldBefore)
		})
		slices.SortFunc(chosen, func(a, b row) int {
			return cmp.Or(compare[f.Sort](a, b), a.Told.Compare(b.Told), cmp.Compare(a.External, b.External))
		})
		if f.Descending {
			slices.Reverse(chosen)
		}
		var want []string
		for _, r := range chosen {
			want = append(want, r.External)
		}
		for _, f.Limit = range []int{3, 7, 100} {
			if got := s.listPayments(f); !slices.Equal(got, want) {
				s.Errorf("%s %q down %t, %d a page:\n got %s\nwant %s", what, f.Sort, f.Descending, f.Limit, strings.Join(got, " "), strings.Join(want, " "))
			}
		}
	}
	begin, end := all[10].Told, all[50].Told
	for _, down := range []bool{false, true} {
		for key := range compare {
			for what, f := range map[string]engine.PaymentFilter{
				"all":                    {},
				"confirmed":              {Ranks: []order.Rank{order.RankConfirmed}},
				"failed":                 {Ranks: []order.Rank{order.RankReversed, order.RankFailed, order.RankFailed}},
				"from":                   {ToldAfter: begin},
				"to":                     {ToldBefore: end},
				"from and to":            {ToldAfter: begin, ToldBefore: end, Ranks: []order.Rank{order.RankSeen, order.RankConfirmed}},
				"a moment":               {ToldAfter: end, ToldBefore: end},
				"no moment":              {ToldAfter: end.Add(time.Microsecond), ToldBefore: end.Add(2 * time.Microsecond)},
				"an order":               {OrderID: orders[0].ID},
				"a stranger's order":     {OrderID: strangers[0].ID},
				"an order, confirmed":    {OrderID: orders[1].ID, Ranks: []order.Rank{order.RankConfirmed}},
				"a transaction":          {Tx: "tx4"},
				"no transaction":         {Tx: "tx"},
				"a network":              {Network: "testnet"},
				"a currency":             {AssetCode: "EUR"},
				"a currency, from":       {AssetCode: "USDT", ToldAfter: begin},
				"a currency nobody sent": {AssetCode: "XYZ"},
			} {
				f.Sort, f.Descending = key, down
				check(what, f)
			}
		}
	}
	s.view(func(rd engine.Reader) error {
		for _, f := range []engine.PaymentFilter{{Page: 0, Limit: 1}, {Page: 1, Limit: 0}, {Page: 1 << 62, Limit: 100}, {Page: 1, Limit: 1, Sort: "told; DROP TABLE payments"}} {
			f.Scopes = []engine.Scope{scopeA}
			_, err := rd.Payments(f)
			s.wantCode(err, fault.CodeInvalidPage)
		}
		page, err := rd.Payments(engine.PaymentFilter{Scopes: []engine.Scope{scopeA}, Page: 1000, Limit: 10})
		want(s, "total behind the end", page.Total, int64(len(all)))
		want(s, "payments behind the end", len(page.Payments), 0)
		page, err = rd.Payments(engine.PaymentFilter{Scopes: []engine.Scope{scopeD}, Page: 1, Limit: 10})
		want(s, "of a scope without orders", page.Total, 0)
		if err != nil {
			return err
		}
		page, err = rd.Payments(engine.PaymentFilter{Scopes: []engine.Scope{scopeD, scopeB, scopeA}, Page: 1, Limit: 1, Descending: true})
		want(s, "of several scopes", page.Total, int64(len(all)+1))
		want(s, "the newest of several scopes", page.Payments[0].External, "strange0")
		return err
	})
}

func paymentRank(i int) order.Rank {
	return []order.Rank{order.RankSeen, order.RankFailed, order.RankConfirmed, order.RankReversed}[i]
}

// assignedPayments: a stray is nobody's until an order takes it.
func assignedPayments(s *suite) {
	o := s.insert(scopeA, nil)
	p := s.payment("tx1", 5, s.clock.now())
	s.update(func(tx engine.Tx) error {
		return tx.SaveStray(&engine.Stray{Payment: p, Mode: engine.Sandbox, Merchant: "m1"})
	})
	all := engine.PaymentFilter{Scopes: []engine.Scope{scopeA}, Limit: 5}
	want(s, "before", len(s.listPayments(all)), 0)
	if err := s.save(o.ID, func(o *engine.Order) { o.Payments = append(o.Payments, p) }); err != nil {
		s.Fatal(err)
	}
	want(s, "after", strings.Join(s.listPayments(all), " "), "tx1")
}

// arrivedPayments: what arrived for a standing instruction, among others.
func arrivedPayments(s *suite) {
	anna, bob := s.insertStanding(scopeA, "Anna"), s.insertStanding(scopeA, "Bob")
	asked := s.insert(scopeA, nil)
	for i, st := range []*engine.Standing{anna, bob, anna, nil} {
		s.clock.advance(time.Minute)
		pay := func(o *engine.Order) {
			o.Payments = append(o.Payments, s.payment(fmt.Sprint("tx", i), 5, s.clock.now()))
		}
		if st == nil {
			if err := s.save(asked.ID, pay); err != nil {
				s.Fatal(err)
			}
			continue
		}
		s.insert(scopeA.Arrivals(), func(o *engine.Order) { o.Standing = st.ID; pay(o) })
	}
	both := []engine.Scope{scopeA, scopeA.Arrivals()}
	for want, f := range map[string]engine.PaymentFilter{
		"tx0 tx1 tx2 tx3": {Scopes: both},
		"tx0 tx1 tx2":     {Scopes: both[1:]},
		"tx3":             {Scopes: both[:1]},
		"tx0 tx2":         {Scopes: both, Standing: anna.ID},
		"tx1":             {Scopes: both, Standing: bob.ID, Sort: engine.ByAmount},
		"":                {Scopes: both[:1], Standing: anna.ID},
	} {
		f.Limit = 2
		if got := strings.Join(s.listPayments(f), " "); got != want {
			s.Errorf("%+v: %s, want %s", f, got, want)
		}
	}
}
