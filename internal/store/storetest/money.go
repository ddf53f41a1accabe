package storetest

import (
	"math/big"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

func entry(tx engine.Tx, orderID string, from, to ledger.Account, amount money.Amount) engine.Entry {
	return engine.Entry{ID: tx.NewID(), OrderID: orderID, Merchant: "m1", Mode: engine.Sandbox, At: tx.Now(),
		Postings: []order.Posting{{Posting: ledger.Posting{From: from, To: to, Amount: amount}, Row: "P1"}}}
}

var (
	payer    = ledger.House.Account(ledger.PayerOn("bank"))
	incoming = ledger.Owed("m1").Account(ledger.In)
	earned   = ledger.Owed("m1").Account(ledger.Merchant)
)

// invariants I1 and I3
func balances(s *suite) {
	var posted []ledger.Posting
	var ids []string
	for i := range 8 {
		ids = append(ids, s.insert(scopeA, nil).ID)
		posted = append(posted, ledger.Posting{From: payer, To: incoming, Amount: money.FromInt(eur, int64(100+i))})
		posted = append(posted, ledger.Posting{From: incoming, To: earned, Amount: money.FromInt(eur, int64(50+i))})
		posted = append(posted, ledger.Posting{From: payer, To: incoming, Amount: money.FromInt(usdt, int64(7+i))})
	}
	for _, err := range AtOnce(8, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			e := engine.Entry{ID: tx.NewID(), OrderID: ids[i], Merchant: "m1", Mode: engine.Sandbox, At: tx.Now()}
			for _, p := range posted[3*i : 3*i+3] {
				e.Postings = append(e.Postings, order.Posting{Posting: p, Row: "P2"})
			}
			before, err := tx.Balance(earned, eur, engine.Sandbox)
			if err != nil {
				return err
			}
			if err := tx.AddEntry(e); err != nil {
				return err
			}
			after, err := tx.Balance(earned, eur, engine.Sandbox)
			if err == nil && !after.Equal(before.Add(money.FromInt(eur, int64(50+i)))) {
				s.Errorf("balance went from %s to %s", before, after)
			}
			return err
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	s.reopen()
	sums := ledger.Sum(posted)
	s.update(func(tx engine.Tx) error {
		for _, account := range []ledger.Account{payer, incoming, earned} {
			for _, asset := range []money.Asset{eur, usdt} {
				got, err := tx.Balance(account, asset, engine.Sandbox)
				if err != nil {
					return err
				}
				if !got.Equal(sums.Of(account, asset)) {
					s.Errorf("%s: got %s, the postings give %s", account, got, sums.Of(account, asset))
				}
				if live, err := tx.Balance(account, asset, engine.Live); err != nil || !live.IsZero() {
					s.Errorf("%s in the other mode: %s, %v", account, live, err)
				}
			}
		}
		return nil
	})
	s.view(func(rd engine.Reader) error {
		list, err := rd.Balances("m1", engine.Sandbox)
		if err != nil {
			return err
		}
		var names []string
		for _, b := range list {
			names = append(names, string(b.Account)+" "+b.Amount.Asset().Code()+" "+b.Amount.Units())
			if !b.Amount.Equal(sums.Of(b.Account, b.Amount.Asset())) {
				s.Errorf("listed balance of %s: %s", b.Account, b.Amount)
			}
		}
		if len(list) != 3 || !slices.IsSorted(names) {
			s.Errorf("balances of the merchant: %v", names)
		}
		if other, err := rd.Balances("m", engine.Sandbox); err != nil || len(other) != 0 {
			s.Errorf("balances of a merchant whose id begins alike: %v, %v", other, err)
		}
		for i, id := range ids {
			entries, err := rd.Entries(id)
			if err != nil {
				return err
			}
			if len(entries) != 1 || len(entries[0].Postings) != 3 || entries[0].OrderID != id || entries[0].Merchant != "m1" {
				s.Fatalf("entries of order %d: %+v", i, entries)
			}
			for n, p := range entries[0].Postings {
				want := posted[3*i+n]
				if p.From != want.From || p.To != want.To || !p.Amount.Equal(want.Amount) || p.Row != "P2" {
					s.Errorf("posting %d: %+v", n, p)
				}
			}
		}
		return nil
	})
}

// case 5: nothing overflows, not even a sum that has more digits than one amount may.
func longAmounts(s *suite) {
	most, err := money.ParseUnits(usdt, strings.Repeat("9", money.MaxDigits))
	if err != nil {
		s.Fatal(err)
	}
	o := s.insert(scopeA, func(o *engine.Order) {
		o.Terms.Due = most
		p := s.payment("big", 1, o.CreatedAt)
		p.Amount = most
		o.Payments = []order.Payment{p}
	})
	for range 3 {
		s.update(func(tx engine.Tx) error { return tx.AddEntry(entry(tx, o.ID, payer, earned, most)) })
	}
	got := s.order(o.ID)
	if !got.Terms.Due.Equal(most) || !got.Payments[0].Amount.Equal(most) {
		s.Fatalf("the order came back with %s", got.Terms.Due)
	}
	sum := money.New(usdt, new(big.Int).Mul(most.Big(), big.NewInt(3)))
	s.view(func(rd engine.Reader) error {
		list, err := rd.Balances("m1", engine.Sandbox)
		if err != nil {
			return err
		}
		if len(list) != 1 || !list[0].Amount.Equal(sum) {
			s.Errorf("balance is %v, want %s", list, sum)
		}
		page, err := rd.Orders(engine.Filter{Scope: scopeA, Sort: engine.ByAmount, Page: 1, Limit: 1})
		want(s, "listed", len(page.Orders), 1)
		return err
	})
}

func badPosting(s *suite) {
	for i, p := range []ledger.Posting{
		{From: payer, To: earned, Amount: money.Zero(eur)},
		{From: payer, To: earned, Amount: money.FromInt(eur, -5)},
		{From: earned, To: earned, Amount: money.FromInt(eur, 5)},
		{From: "nowhere", To: earned, Amount: money.FromInt(eur, 5)},
	} {
		err := s.try(func(tx engine.Tx) error { return tx.AddEntry(entry(tx, "", p.From, p.To, p.Amount)) })
		if err == nil {
			s.Errorf("posting %d was taken", i)
		}
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.Balances("m1", engine.Sandbox)
		want(s, "balances", len(list), 0)
		return err
	})
}
