package evm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"till/internal/simchain"
)

// case 14: a reorganisation reverses what lay in the replaced blocks, under the epoch it was told in,
// and tells it again, under the next, where it was mined again.
func TestReorg(t *testing.T) {
	for _, depth := range []int{1, 3, 20} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("depth %d, keep %v", depth, keep), func(t *testing.T) {
				b := newBench(t, alice, bob)
				b.start()
				below := b.pay("USDT", alice, 1)
				b.chain.Mine(1)
				b.settle()
				tx := b.pay("USDC", bob, 2)
				b.chain.Mine(depth)
				b.settle()
				first := "seen@0"
				if depth >= confirmations {
					first = "seen@0 confirmed@0"
				}
				if depth > 1 && strings.HasPrefix(b.book.told(tx), "confirmed") {
					first = "confirmed@0" // deep enough when it was first read
				}
				if told := b.book.told(tx); told != first {
					t.Fatalf("before: %q", told)
				}
				b.reorg(depth, keep)
				b.settle()
				b.chain.Mine(confirmations)
				b.settle()
				told, again := b.book.told(tx), first+" reversed@0"
				if keep && told != again+" seen@1 confirmed@1" && told != again+" confirmed@1" || !keep && told != again {
					t.Errorf("told %q", told)
				}
				if told := b.book.told(below); strings.Contains(told, "reversed") || !strings.HasSuffix(told, "confirmed@0") {
					t.Errorf("below the fork: told %q", told)
				}
			})
		}
	}
}

// Two reorganisations in a row, the second before and after the first was noticed, and the payment mined a
// third time.
func TestReorgTwice(t *testing.T) {
	for _, settle := range []bool{false, true} {
		t.Run(fmt.Sprint("settled between ", settle), func(t *testing.T) {
			b := newBench(t, alice)
			b.chain.Mine(3)
			b.start()
			tx := b.pay("USDT", alice, 1)
			b.chain.Mine(2)
			b.settle()
			b.reorg(2, true)
			if settle {
				b.settle()
			}
			b.reorg(4, true)
			b.chain.Mine(confirmations)
			b.settle()
			if told := b.book.told(tx); strings.Count(told, "reversed") < 1 || !strings.Contains(told, "confirmed") {
				t.Errorf("told %q", told)
			}
		})
	}
}

// case 28: a reorganisation while the watcher was down, near and far: the cursor goes by number and
// hash.
func TestReorgWhileDown(t *testing.T) {
	for _, blocks := range []int{0, 10, 300} {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d blocks down, keep %v", blocks, keep), func(t *testing.T) {
				b := newBench(t, alice)
				b.chain.Mine(20)
				b.start()
				b.pay("USDC", alice, 9)
				b.chain.Mine(1)
				tx := b.pay("USDT", alice, 1)
				b.chain.Mine(4)
				b.settle()
				b.stop()
				b.reorg(4, keep)
				later := b.pay("USDT", alice, 2)
				b.chain.Mine(1 + blocks)
				b.start()
				b.settle()
				if told := b.book.told(tx); !strings.Contains(told, "reversed@0") || strings.Contains(told, "@1") != keep {
					t.Errorf("told %q", told)
				}
				if told := b.book.told(later); !strings.Contains(told, "@1") {
					t.Errorf("the later payment: told %q", told)
				}
			})
		}
	}
}

// A reorganisation while the node does not answer.
func TestReorgDuringOutage(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(10)
	b.start()
	tx := b.pay("USDT", alice, 1)
	b.chain.Mine(3)
	b.settle()
	b.node.lies(func(call) *answer { return &answer{status: 503} })
	b.eventually("trouble", func() bool { return b.rail.Status().Err != nil })
	b.reorg(5, true)
	b.node.lies(nil)
	b.settle()
	if told := b.book.told(tx); !strings.Contains(told, "reversed@0") || !strings.Contains(told, "@1") {
		t.Errorf("told %q", told)
	}
}

// case 15: deeper than the confirmations, and deeper than what is remembered: everything told since is
// taken back, loudly.
func TestReorgDeeperThanRemembered(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(150)
	b.start() // remembers 64 blocks
	tx := b.pay("USDT", alice, 1)
	b.chain.Mine(confirmations)
	b.settle()
	b.reorg(100, true)
	b.settle()
	if told := b.book.told(tx); !strings.HasSuffix(told, "confirmed@0 reversed@0 confirmed@1") {
		t.Errorf("told %q", told)
	}
	for _, line := range []string{"deeper than what is remembered", "a confirmed payment is reversed"} {
		if !strings.Contains(b.log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, b.log)
		}
	}
}

// case 25: an old head is a node that is behind, however low; nothing is taken back and nothing moves.
func TestOldHead(t *testing.T) {
	for _, old := range []uint64{119, 100, 30, 0} {
		t.Run(fmt.Sprint("block ", old), func(t *testing.T) {
			b := newBench(t, alice)
			b.chain.Mine(115)
			b.start() // remembers blocks 52 and later
			tx := b.pay("USDT", alice, 1)
			b.chain.Mine(5)
			b.settle()
			told, reports := b.book.told(tx), b.book.reports
			b.node.lies(func(c call) *answer { // a second node that has only the first blocks
				var number hexutil.Uint64
				if c.Method != "eth_getBlockByNumber" {
					return nil
				}
				if string(c.Params[0]) == `"latest"` {
					return &answer{result: b.block(old)}
				}
				if err := number.UnmarshalJSON(c.Params[0]); err == nil && uint64(number) > old {
					return &answer{result: "null"}
				}
				return nil
			})
			asked := b.node.asked("eth_getBlockByNumber")
			b.eventually("ten polls", func() bool { return b.node.asked("eth_getBlockByNumber") > asked+20 })
			b.book.set(func(k *book) {
				if k.reports != reports {
					t.Errorf("reported %d times", k.reports-reports)
				}
			})
			b.node.lies(nil)
			b.chain.Mine(1)
			b.settle()
			if now := b.book.told(tx); now != told {
				t.Errorf("told %q, was %q", now, told)
			}
		})
	}
}

// case 27: a second node behind the same name is on another branch and answers now and then. Its single
// answers take nothing back; when it answers alone it is believed.
func TestTwoNodesDisagree(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(10)
	b.start()
	tx := b.pay("USDT", alice, 1)
	b.chain.Mine(confirmations)
	b.settle()
	told := b.book.told(tx)
	other := strings.Repeat("ab", 32)
	fork := func(result []byte) string { // the same block with another hash
		text := string(result)
		i := strings.Index(text, `"hash":"0x`) + len(`"hash":"0x`)
		return text[:i] + other + text[i+64:]
	}
	n := 0
	b.node.lies(func(c call) *answer {
		if c.Method != "eth_getBlockByNumber" {
			return nil
		}
		if n++; n%2 == 0 {
			return &answer{edit: fork}
		}
		return nil
	})
	asked := b.node.asked("eth_getBlockByNumber")
	b.eventually("fifty answers", func() bool { return b.node.asked("eth_getBlockByNumber") > asked+50 })
	if now := b.book.told(tx); now != told {
		t.Errorf("told %q, was %q", now, told)
	}
	if !strings.Contains(b.log.String(), "do not fit together") {
		t.Error("the contradiction is not shown")
	}
	// One whole round on the other branch, then the first again.
	rounds := 0
	b.node.lies(func(c call) *answer {
		if c.Method != "eth_getBlockByNumber" {
			return nil
		}
		if string(c.Params[0]) == `"latest"` {
			rounds++
		}
		var number hexutil.Uint64
		_ = number.UnmarshalJSON(c.Params[0])
		if rounds%3 == 0 && (string(c.Params[0]) == `"latest"` || number >= 11) {
			return &answer{edit: fork}
		}
		return nil
	})
	asked = b.node.asked("eth_getBlockByNumber")
	b.eventually("many rounds", func() bool { return b.node.asked("eth_getBlockByNumber") > asked+100 })
	if now := b.book.told(tx); now != told {
		t.Errorf("told %q, was %q", now, told)
	}
	// The other branch in every round, until its own head is asked for once more.
	asked13 := 0
	b.node.lies(func(c call) *answer {
		if c.Method != "eth_getBlockByNumber" {
			return nil
		}
		if string(c.Params[0]) == `"latest"` {
			asked13 = 0
			return &answer{edit: fork}
		}
		var number hexutil.Uint64
		_ = number.UnmarshalJSON(c.Params[0])
		if number == 13 {
			asked13++
		}
		if number >= 11 && asked13 < 2 {
			return &answer{edit: fork}
		}
		return nil
	})
	asked = b.node.asked("eth_getBlockByNumber")
	b.eventually("many rounds", func() bool { return b.node.asked("eth_getBlockByNumber") > asked+50 })
	if now := b.book.told(tx); now != told {
		t.Errorf("told %q, was %q", now, told)
	}
	b.node.lies(nil)
	b.chain.Mine(1)
	b.settle()
}

// Another genesis block behind the same URL, before the start and in the middle of the run: the watcher goes
// on from the new head, reverses nothing, now or in a later reorganisation, and its epoch grows.
func TestOtherGenesis(t *testing.T) {
	for _, running := range []bool{false, true} {
		for _, blocks := range []int{0, 2, 60} { // fewer than told, and more
			t.Run(fmt.Sprintf("running %v, %d blocks", running, blocks), func(t *testing.T) {
				b := newBench(t, alice)
				b.chain.Mine(3)
				b.start()
				tx := b.pay("USDT", alice, 1)
				b.chain.Mine(5)
				b.settle()
				told := b.book.told(tx)
				if !running {
					b.stop()
				}
				next, err := simchain.Start(simchain.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer next.Close()
				next.Mine(blocks)
				b.node.serve(next.RPCURL())
				if !running {
					b.launch()
				}
				b.eventually("the other chain", func() bool { return b.book.stored().Head == uint64(blocks) })
				b.gone = map[string]bool{}
				for key := range b.book.standing() {
					b.gone[key] = true
				}
				b.chain, b.born = next, uint64(blocks)
				again := b.pay("USDT", alice, 7)
				next.Mine(1)
				b.settle()
				b.reorg(1, true)
				next.Mine(1)
				b.settle()
				if now := b.book.told(tx); now != told {
					t.Errorf("told %q, was %q", now, told)
				}
				if now := b.book.told(again); !strings.HasPrefix(now, "seen@1 reversed@1 ") || !strings.Contains(now, "@2") {
					t.Errorf("on the new chain: told %q", now)
				}
				if !strings.Contains(b.log.String(), "another block 0") {
					t.Error("the log does not say it")
				}
			})
		}
	}
}
