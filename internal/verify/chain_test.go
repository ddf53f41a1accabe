package verify_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/money"
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
	}{
		{"all of it is there", chain, wallet{held: held(1000, 1100)}, "", "14 addresses; USDT: booked 0.003167, held 0.003167", nil},
		{"more is there", chain, wallet{held: held(1000, 9100)}, "", "booked 0.003167, held 0.011167", nil},
		{"less, and nothing was ever sent", chain, wallet{held: held(1000, 1099)}, "chain      address " + at["parts"] + " on test: holds 0.001099 USDT at block 9, and 0.001100 USDT was booked for it", "", nil},
		{"the merchant moved it", chain, wallet{held: held(0, 1100), sent: map[string]bool{at["exact"]: true}}, "", "1 addresses hold less", nil},
		{"the house's money moved", custodial, wallet{held: held(0, 1100), sent: map[string]bool{at["exact"]: true}}, "address " + at["exact"], "", nil},
		{"nobody answers", chain, wallet{err: down}, "", "", down},
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
				return verify.AddHoldings(t.Context(), r, &report, test.network, test.chain)
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
