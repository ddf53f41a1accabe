package verify_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/verify"
)

// wallet is a chain on which each address holds what it was given.
type wallet struct {
	held map[string]int64
	sent map[string]bool
	err  error
}

func (wallet) Name() rail.Name { return chain.Rail }

func (w wallet) Holdings(_ context.Context, addresses []string) ([]rail.Holding, error) {
	var found []rail.Holding
	for _, a := range addresses {
		found = append(found, rail.Holding{Address: a, Block: 9, Sent: w.sent[a], Amounts: []money.Amount{money.FromInt(coin, w.held[a])}})
	}
	return found, w.err
}

// invariant I4, cases 20, 21
func TestHoldings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := open(t, path)
	s.fill()
	at := map[string]string{}
	for _, public := range []string{"exact", "parts", "gone", "sold"} {
		o, err := s.engine.Order(t.Context(), sandboxScope, public)
		s.must(err)
		at[public] = o.Instrument.Value
	}
	for _, arrival := range []string{"arrival0", "arrival2"} { // the confirmed ones of anna and bob
		s.must(s.store.View(t.Context(), func(rd engine.Reader) error {
			o, err := rd.Order(s.ids[arrival])
			if err == nil {
				at[arrival] = o.Instrument.Value
			}
			return err
		}))
	}
	s.close()
	held := func(exact, parts int64) map[string]int64 {
		return map[string]int64{at["exact"]: exact, at["parts"]: parts, at["sold"]: 1000, "0xsandbox8": 7, at["arrival0"]: 30, at["arrival2"]: 30}
	}
	with := func(all map[string]int64, address string, n int64) map[string]int64 {
		all[address] = n
		return all
	}
	custodial := chain
	custodial.Custodial = true
	down := errors.New("down")
	tests := []struct {
		name    string
		network engine.Network
		chain   wallet
		problem string // "": none
		note    string
		err     error
		wallet  string
	}{
		{"all of it is there", chain, wallet{held: held(1000, 1100)}, "", "14 addresses; USDT: booked 0.003167, held 0.003167", nil, ""},
		{"more is there", chain, wallet{held: held(1000, 9100)}, "", "booked 0.003167, held 0.011167", nil, ""},
		{"less, and nothing was ever sent", chain, wallet{held: held(1000, 1099)}, "chain      address " + at["parts"] + " on test: holds 0.001099 USDT at block 9, and 0.001100 USDT was booked for it", "", nil, ""},
		{"the merchant moved it", chain, wallet{held: held(0, 1100), sent: map[string]bool{at["exact"]: true}}, "", "1 addresses hold less", nil, ""},
		{"the house's money moved", custodial, wallet{held: held(0, 1100), sent: map[string]bool{at["exact"]: true}}, "address " + at["exact"], "", nil, ""},
		{"the house has a wallet", chain, wallet{held: with(held(1000, 1100), "0xhot", 50)}, "", "its addresses hold 0.000000 USDT, its hot wallet 0.000050 USDT", nil, "0xhot"},
		{"nobody answers", chain, wallet{err: down}, "", "", down, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db, err := store.OpenReadOnly(t.Context(), path, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var report verify.Report
			err = db.Audit(t.Context(), func(r verify.Reader) error {
				return verify.AddHoldings(t.Context(), r, &report, test.network, test.chain, test.wallet)
			})
			if !errors.Is(err, test.err) {
				t.Fatal(err)
			}
			if report.OK() != (test.problem == "") || !strings.Contains(text(&report), test.problem) || !strings.Contains(text(&report), test.note) {
				t.Errorf("%s", text(&report))
			}
		})
	}
}

// What came to the house's own addresses may be swept by the house, and is compared with the ledger in a note.
func TestHouseHoldings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := open(t, path)
	s.must(s.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	_, err := s.engine.ImportInstruments(t.Context(), engine.HousePool(engine.Sandbox, engine.EVM), []engine.Imported{{Value: "0xhouse"}})
	s.must(err)
	s.told(chain)
	book := ledger.Owed("m")
	o := s.order("owed", sandboxScope, chain, engine.Pooled, order.Terms{Book: book, Due: money.FromInt(coin, 1000), To: book.Account(ledger.Merchant),
		OverAny: true, Instant: true, Deadline: s.at().Add(10 * time.Minute)}, engine.Destination{})
	s.told(chain, s.paid("tx", o.Instrument.Value, money.FromInt(coin, 1000), order.RankConfirmed, 0))
	s.close()
	for _, test := range []struct {
		chain         wallet
		problem, note string
	}{
		{wallet{held: map[string]int64{"0xhouse": 1000}}, "", "0.001000 USDT came to the house for merchants, less refunds, and 0.000000 USDT was delivered; " +
			"its addresses hold 0.001000 USDT, its hot wallet 0.000000 USDT: 0.000000 USDT more than the ledger needs there"},
		{wallet{held: map[string]int64{"0xhot": 1500}, sent: map[string]bool{"0xhouse": true}}, "", "0.000500 USDT more than the ledger needs"},
		{wallet{held: map[string]int64{}, sent: map[string]bool{"0xhouse": true}}, "", "1 addresses of the house hold less"},
		{wallet{held: map[string]int64{"0xhouse": 999}}, "address 0xhouse on test: holds 0.000999 USDT", ""},
	} {
		db, err := store.OpenReadOnly(t.Context(), path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var report verify.Report
		err = db.Audit(t.Context(), func(r verify.Reader) error {
			return verify.AddHoldings(t.Context(), r, &report, chain, test.chain, "0xhot")
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if report.OK() != (test.problem == "") || !strings.Contains(text(&report), test.problem) || !strings.Contains(text(&report), test.note) {
			t.Errorf("%s", text(&report))
		}
	}
}
