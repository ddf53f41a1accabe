package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/order"
)

// Whatever the order of blocks, payments, reorganisations, restarts, broken answers and failing reports, the
// book ends with exactly the transfers that are on the chain, each at its rank.
func TestAnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			chance := rand.New(rand.NewPCG(seed, 14))
			b := newBench(t, alice, bob)
			b.cfg.Confirmations = 1 + chance.IntN(5)
			b.chain.Mine(chance.IntN(10))
			b.start()
			tokens := []common.Address{b.cfg.Tokens[0].Contract, b.cfg.Tokens[1].Contract, b.chain.FakeToken().Address}
			recipients := []string{alice, bob, stranger}
			faults := []*answer{
				{status: 503}, {cut: true}, {result: "null"}, {body: "<html>"},
				{fault: `{"code":-32005,"message":"limit exceeded"}`}, {fault: `{"code":-32000,"message":"header not found"}`},
			}
			var trail []string
			for range 80 {
				step := ""
				switch n := chance.IntN(20); {
				case n < 6:
					token, to, units := chance.IntN(3), chance.IntN(3), chance.IntN(4)
					step = fmt.Sprintf("pay %d %d %d", token, to, units)
					_, err := b.chain.Transfer(t.Context(), tokens[token], common.HexToAddress(recipients[to]), big.NewInt(int64(units)))
					if err != nil {
						t.Fatal(err)
					}
				case n < 11:
					blocks := 1 + chance.IntN(3)
					b.chain.Mine(blocks)
					step = fmt.Sprint("mine ", blocks)
				case n < 14:
					head, _ := b.head()
					depth, keep := 1+chance.IntN(6), chance.IntN(2) == 0
					// Blocks from before the start stay: what was in them was never to be told.
					if depth = min(depth, int(head-b.born)); depth == 0 {
						continue
					}
					b.reorg(depth, keep)
					step = fmt.Sprintf("reorg %d %v", depth, keep)
				case n == 14:
					b.restart()
					step = "restart"
				case n == 15:
					b.book.set(func(k *book) { k.many = !k.many })
					step = "many"
				case n == 16:
					left, every, fault := 1+chance.IntN(8), 1+chance.IntN(3), faults[chance.IntN(len(faults))]
					step = fmt.Sprintf("%d faults %+v", left, *fault)
					b.node.lies(func(call) *answer {
						if left--; left < 0 || left%every != 0 {
							return nil
						}
						return fault
					})
				case n == 17:
					stored, kill, left := chance.IntN(2) == 0, chance.IntN(2) == 0, 1+chance.IntN(2)
					step = fmt.Sprintf("%d failing reports, stored %v, killed %v", left, stored, kill)
					b.book.set(func(k *book) {
						k.fails = func(int) (bool, error) {
							if left--; left < 0 {
								return true, nil
							}
							if kill {
								b.restart()
								return stored, context.Canceled
							}
							return stored, errors.New("the database is gone")
						}
					})
				default:
					b.node.lies(nil)
					b.settle()
					step = "settle"
				}
				trail = append(trail, step)
			}
			t.Cleanup(func() {
				if t.Failed() {
					for _, step := range trail {
						t.Log(step)
					}
				}
			})
			b.node.lies(nil)
			b.chain.Mine(b.cfg.Confirmations)
			b.settle()
			confirmed := 0
			for _, p := range b.book.payments {
				if p.Rank == order.RankConfirmed {
					confirmed++
				}
			}
			if confirmed == 0 {
				t.Error("no payment was confirmed: the test tests nothing")
			}
		})
	}
}
