package evm

import (
	"fmt"
	"strings"
	"testing"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
)

// What every rail must hold, on a real chain.
func TestRail(t *testing.T) {
	railtest.Run(t, railtest.Fixture{Collects: func(t *testing.T) railtest.Collecting {
		b, known, addresses := newBench(t), &railtest.Book{}, 0
		open := func(t *testing.T) *Rail {
			t.Helper()
			r, err := New(b.cfg, Opts{})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := open(t)
		told := railtest.Watching(func() rail.Watcher { return r }, known)
		b.chain.Mine(3)
		start, _ := told(t, rail.Cursor{}, func([]rail.Observation) bool { return true }) // the head: what is older is not told
		return railtest.Collecting{
			Rail: r, Start: start, Told: told, Asset: usdt,
			Instrument: func(*testing.T) string {
				addresses++
				in := address(fmt.Sprint("payer's ", addresses))
				known.Add(in)
				return in
			},
			Spelled: strings.ToLower,
			Pay: func(t *testing.T, in string, amount money.Amount) string {
				t.Helper()
				token := b.chain.Tokens()["USDT"].Address
				tx := b.payBig(token, in, amount.Big())
				b.chain.Mine(confirmations)
				return strings.ToLower(tx + "/" + token.Hex() + "/" + in + "/0")
			},
			Reverse: func(t *testing.T, _ string) {
				t.Helper()
				b.reorg(confirmations, false)
				b.chain.Mine(1)
			},
			Reopen: func(t *testing.T) { r = open(t) },
		}
	}})
}
