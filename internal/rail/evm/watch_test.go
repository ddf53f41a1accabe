package evm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"till/internal/money"
	"till/internal/rail"
)

var alice, bob, stranger = address("alice"), address("bob"), address("stranger")

// case 13: a transaction that waits in the mempool is not told; mined it is seen, and confirmed at the
// configured depth and not before.
func TestSeenThenConfirmed(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(5)
	b.start()
	tx := b.pay("USDT", alice, 100_000_000)
	asked := b.node.asked("eth_getBlockByNumber")
	b.eventually("some more polls", func() bool { return b.node.asked("eth_getBlockByNumber") > asked+5 })
	if words := b.book.told(tx); words != "" {
		t.Fatalf("before it is mined: %s", words)
	}
	for depth, want := range []string{"seen@0", "seen@0", "seen@0 confirmed@0", "seen@0 confirmed@0"} {
		b.chain.Mine(1)
		b.settle()
		if words := b.book.told(tx); words != want {
			t.Fatalf("at depth %d: told %q, want %q", depth+1, words, want)
		}
	}
	o := b.book.words[1]
	token := b.chain.Tokens()["USDT"].Address
	if want := strings.ToLower(tx + "/" + token.Hex() + "/" + alice + "/0"); o.External != want {
		t.Errorf("external id %s, want %s", o.External, want)
	}
	if o.Instrument != alice || o.Evidence.To != alice || o.Evidence.From != b.chain.Payer().Hex() || o.Evidence.Tx != tx || o.Evidence.Block != 6 {
		t.Errorf("evidence %+v of instrument %s", o.Evidence, o.Instrument)
	}
	if !o.Amount.Equal(money.FromInt(usdt, 100_000_000)) {
		t.Errorf("amount %s", o.Amount)
	}
	head, err := b.chain.Client().HeaderByNumber(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cursor, status := b.book.stored(), b.rail.Status()
	if cursor.Head != 9 || cursor.Horizon.Unix() != int64(head.Time) {
		t.Errorf("cursor at %d, %s", cursor.Head, cursor.Horizon)
	}
	if status.Head != cursor.Head || !status.Horizon.Equal(cursor.Horizon) || status.Err != nil {
		t.Errorf("status %+v", status)
	}
}

// One confirmation means: mined.
func TestOneConfirmation(t *testing.T) {
	b := newBench(t, alice)
	b.cfg.Confirmations = 1
	b.start()
	tx := b.pay("USDT", alice, 1)
	b.chain.Mine(1)
	b.settle()
	if words := b.book.told(tx); words != "confirmed@0" {
		t.Errorf("told %q", words)
	}
}

// The first start is at the head, reported before there is any block to tell.
func TestFirstStart(t *testing.T) {
	b := newBench(t, alice)
	old := b.pay("USDT", alice, 5)
	b.chain.Mine(2)
	b.start()
	c := b.book.stored()
	if c.Head != 2 || c.Horizon.IsZero() {
		t.Errorf("first cursor %d, %s", c.Head, c.Horizon)
	}
	b.chain.Mine(5)
	b.settle()
	if words := b.book.told(old); words != "" {
		t.Errorf("told of a payment before the start: %s", words)
	}
}

// case 18: another contract with the symbol of a listed token. case 22: a transfer of nothing, and one
// to the sender itself. case 23: the native coin is documented as not supported, so it is never told.
func TestIgnored(t *testing.T) {
	for _, many := range []bool{false, true} {
		t.Run(fmt.Sprint("many addresses ", many), func(t *testing.T) {
			b := newBench(t, alice, bob)
			b.book.many = many
			payer := b.chain.Payer().Hex()
			b.book.known[payer] = true
			b.start()
			b.payBig(b.chain.FakeToken().Address, alice, big.NewInt(9))
			b.payBig(b.chain.Tokens()["DAI"].Address, alice, big.NewInt(9)) // not listed
			b.pay("USDT", alice, 0)
			b.pay("USDT", stranger, 9)
			client := b.chain.Client()
			nonce, err := client.PendingNonceAt(t.Context(), b.chain.Payer())
			if err != nil {
				t.Fatal(err)
			}
			to := common.HexToAddress(alice)
			native, err := types.SignNewTx(b.chain.PayerKey(), types.LatestSignerForChainID(new(big.Int).SetUint64(b.chain.ChainID())), &types.DynamicFeeTx{
				ChainID: new(big.Int).SetUint64(b.chain.ChainID()), Nonce: nonce, Gas: 21_000, To: &to,
				GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11), Value: big.NewInt(1e15),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := client.SendTransaction(t.Context(), native); err != nil {
				t.Fatal(err)
			}
			real := b.pay("USDC", bob, 7)
			b.chain.Mine(1)
			b.settle()
			self := b.pay("USDT", payer, 3)
			b.chain.Mine(confirmations)
			number, _ := b.head()
			b.eventually("the head is told", func() bool { return b.book.stored().Head == number })
			if balance, err := client.BalanceAt(t.Context(), to, nil); err != nil || balance.Sign() == 0 {
				t.Fatalf("the native transfer did not happen: %v %v", balance, err)
			}
			if len(b.book.payments) != 1 || b.book.told(real) != "seen@0 confirmed@0" || b.book.told(self) != "" {
				t.Errorf("told of %d payments, want only %s: %v", len(b.book.payments), real, b.book.standing())
			}
		})
	}
}

// An address given out while the watcher runs is watched from then on, with few and with many.
func TestNewAddress(t *testing.T) {
	b := newBench(t)
	b.start()
	for i, many := range []bool{false, true} {
		a := address(fmt.Sprint("new ", i))
		b.chain.Mine(1)
		b.settle()
		b.book.set(func(k *book) { k.known[a], k.many = true, many })
		tx := b.pay("USDT", a, 3)
		b.chain.Mine(confirmations)
		b.settle()
		if words := b.book.told(tx); !strings.Contains(words, "confirmed") {
			t.Errorf("many %v: told %q", many, words)
		}
	}
}

// Without any address there is nothing to ask the node for, and the horizon moves all the same. The
// empty filter list would have meant everybody.
func TestNoAddress(t *testing.T) {
	b := newBench(t)
	b.start()
	b.pay("USDT", stranger, 3)
	b.chain.Mine(3)
	b.settle()
	if n := b.node.asked("eth_getLogs"); n != 0 {
		t.Errorf("%d log calls for nobody", n)
	}
}

// More than 1,000 addresses: every transfer of the tokens is read and the book says who is known.
func TestManyAddresses(t *testing.T) {
	b := newBench(t, alice)
	for i := range maxKnown {
		b.book.known[address(fmt.Sprint("pool ", i))] = true
	}
	b.start()
	tx, other := b.pay("USDT", address("pool 999"), 3), b.pay("USDT", stranger, 3)
	b.chain.Mine(confirmations)
	b.settle()
	if b.book.told(tx) == "" || b.book.told(other) != "" {
		t.Errorf("told %q and %q", b.book.told(tx), b.book.told(other))
	}
	for _, c := range b.node.calls {
		if c.Method == "eth_getLogs" && strings.Contains(string(c.Params[0]), "null") {
			t.Errorf("filtered by recipients: %.100s", c.Params[0])
		}
	}
}

// cases 3 and 4: the scale in the config must be the contract's own; a contract that has none to give
// leaves the configured one in force.
func TestScales(t *testing.T) {
	t.Run("the config is wrong", func(t *testing.T) {
		b := newBench(t, alice)
		b.cfg.Tokens[0].Asset = money.MustAsset("USDT", network, 18)
		b.launch()
		if err := b.ended(); err == nil || !strings.Contains(err.Error(), "has 6 decimals") {
			t.Errorf("Watch returned %v", err)
		}
	})
	for name, a := range map[string]*answer{
		"the contract lies":       {result: `"0x` + strings.Repeat("0", 63) + `8"`},
		"a scale beyond any byte": {result: `"0x` + strings.Repeat("f", 64) + `"`},
		"an answer of one byte":   {result: `"0x06"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, alice)
			b.node.lies(of("eth_call", a))
			b.launch()
			if err := b.ended(); err == nil || !strings.Contains(err.Error(), "decimals") {
				t.Errorf("Watch returned %v", err)
			}
			if b.book.reports != 0 || b.rail.Status().Err == nil {
				t.Errorf("%d reports, status %+v", b.book.reports, b.rail.Status())
			}
		})
	}
	for name, a := range map[string]*answer{
		"it reverts":            {fault: `{"code":3,"message":"execution reverted","data":"0x"}`},
		"it reverts, older way": {fault: `{"code":-32000,"message":"execution reverted"}`},
		"it answers nothing":    {result: `"0x"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, alice)
			b.node.lies(of("eth_call", a))
			b.start()
			tx := b.pay("USDT", alice, 5)
			b.chain.Mine(1)
			b.settle()
			if b.book.told(tx) != "seen@0" || !strings.Contains(b.log.String(), "does not tell its decimals") {
				t.Errorf("told %q; log %s", b.book.told(tx), b.log)
			}
		})
	}
	t.Run("the node cannot say now", func(t *testing.T) {
		b := newBench(t, alice)
		b.node.lies(of("eth_call", &answer{fault: `{"code":-32005,"message":"rate limit"}`}))
		b.launch()
		b.eventually("five tries", func() bool { return b.node.asked("eth_call") >= 5 })
		if b.book.reports != 0 {
			t.Error("reported without knowing the scale")
		}
		b.node.lies(nil)
		b.eventually("the first cursor", func() bool { return len(b.book.stored().State) > 0 })
	})
}

// case 24: another chain than the configured one, at the start and in the middle of the run.
func TestWrongChain(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		b := newBench(t, alice)
		b.cfg.ChainID = 1
		b.launch()
		if err := b.ended(); err == nil || !strings.Contains(err.Error(), "serves chain 1337, not 1") {
			t.Errorf("Watch returned %v", err)
		}
		if b.book.reports != 0 {
			t.Error("something was reported")
		}
	})
	t.Run("in the middle", func(t *testing.T) {
		b := newBench(t, alice)
		b.start()
		b.chain.Mine(1)
		b.settle()
		before := b.book.stored().Head
		b.node.lies(of("eth_chainId", &answer{result: `"0x2"`}))
		tx := b.pay("USDT", alice, 5)
		b.chain.Mine(confirmations)
		if err := b.ended(); err == nil || !strings.Contains(err.Error(), "serves chain 2, not 1337") {
			t.Errorf("Watch returned %v", err)
		}
		if b.book.told(tx) != "" || b.book.stored().Head != before {
			t.Errorf("told %q, cursor moved from %d to %d", b.book.told(tx), before, b.book.stored().Head)
		}
		if b.rail.Status().Err == nil {
			t.Error("the status says nothing")
		}
	})
}

// case 16: a list of logs that names each twice and backwards, as two nodes behind one name may give it.
func TestLogsTwiceAndOutOfOrder(t *testing.T) {
	for _, behind := range []int{0, 200} { // block by block, and in ranges
		t.Run(fmt.Sprint(behind, " blocks behind"), func(t *testing.T) {
			b := newBench(t, alice, bob)
			b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
				var logs []json.RawMessage
				changed := []json.RawMessage{}
				if err := json.Unmarshal(result, &logs); err != nil {
					t.Error(err)
				}
				for i := len(logs) - 1; i >= 0; i-- {
					changed = append(changed, logs[i])
				}
				return encode(append(changed, logs...))
			}}))
			b.start()
			b.stop()
			b.pay("USDT", alice, 1)
			b.pay("USDT", bob, 2)
			b.pay("USDC", alice, 3)
			b.chain.Mine(1)
			b.pay("USDT", alice, 4)
			b.chain.Mine(confirmations + behind)
			b.start()
			b.settle()
			if len(b.book.payments) != 4 {
				t.Errorf("%d payments, want 4", len(b.book.payments))
			}
			for key, p := range b.book.payments {
				if !strings.HasSuffix(key, "/0") {
					t.Errorf("a second %s", p.External)
				}
			}
		})
	}
}

func encode(logs []json.RawMessage) string {
	text, err := json.Marshal(logs)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// case 28: the watcher is down for long. Everything is told in order, in ranges, without a gap.
func TestCatchUp(t *testing.T) {
	for _, many := range []bool{false, true} {
		t.Run(fmt.Sprint("many addresses ", many), func(t *testing.T) {
			b := newBench(t, alice, bob)
			b.book.many = many
			b.cfg.Confirmations = 12
			b.start()
			before := b.pay("USDT", alice, 1)
			b.chain.Mine(2)
			b.settle()
			b.stop()
			var txs []string
			for i := range 31 {
				txs = append(txs, b.pay([]string{"USDT", "USDC"}[i%2], []string{alice, bob, stranger}[i%3], int64(i+1)))
				b.chain.Mine(100)
			}
			b.node.forget()
			b.start()
			b.settle()
			if b.book.told(before) != "seen@0 confirmed@0" {
				t.Errorf("the payment that waited for its confirmation: %q", b.book.told(before))
			}
			for i, tx := range txs[:30] {
				if told := b.book.told(tx); (told == "") != (i%3 == 2) || told != "" && !strings.HasSuffix(told, "confirmed@0") {
					t.Errorf("payment %d: %q", i, told)
				}
			}
			last := uint64(0)
			for _, o := range b.book.words {
				if o.Rank == 1 && o.Evidence.Block < last {
					t.Error("told out of order")
				}
				if o.Rank == 1 {
					last = o.Evidence.Block
				}
			}
			// 3,100 blocks are a few ranges of 1,000 and the last 76 blocks one by one.
			if n := b.node.asked("eth_getLogs"); n > 90 {
				t.Errorf("%d log calls for 3,100 blocks", n)
			}
			if at, err := decodeState(b.book.stored().State); err != nil || len(at.Tail) < nearHead+b.cfg.Confirmations || len(at.Tail) > maxTail {
				t.Errorf("%d blocks remembered, %v", len(at.Tail), err)
			}
		})
	}
}

// case 26: a node that refuses more than some blocks or logs; a block it refuses even alone is read by
// its receipts.
func TestRefusedRanges(t *testing.T) {
	for name, test := range map[string]struct {
		span     uint64
		refusal  answer
		receipts int // at least
	}{
		"50 blocks":             {50, answer{fault: `{"code":-32005,"message":"query returned more than 10000 results"}`}, 0},
		"7 blocks, status 413":  {7, answer{status: 413}, 0},
		"one block":             {1, answer{fault: `{"code":-32602,"message":"block range too large"}`}, 0},
		"not even one":          {0, answer{fault: `{"code":-32005,"message":"limit exceeded"}`}, 1},
		"an answer beyond size": {60, answer{write: endless}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, alice)
			b.node.lies(func(c call) *answer {
				if c.Method == "eth_getLogs" && spanOf(t, c) > test.span {
					return &test.refusal
				}
				return nil
			})
			b.start()
			b.stop()
			for range 10 {
				b.pay("USDT", alice, 2)
				b.chain.Mine(15)
			}
			b.chain.Mine(confirmations)
			b.start()
			b.settle()
			if n := b.node.asked("eth_getBlockReceipts"); n < test.receipts || test.receipts == 0 && n > 0 {
				t.Errorf("%d blocks read by receipts", n)
			}
		})
	}
}

// A node that refuses the logs of one block and has no receipts to offer: nothing is told until it
// does, and the reason is shown.
func TestRefusedBlockWithoutReceipts(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	before := b.book.stored().Head
	b.node.lies(func(c call) *answer {
		switch c.Method {
		case "eth_getLogs":
			return &answer{fault: `{"code":-32005,"message":"limit exceeded"}`}
		case "eth_getBlockReceipts":
			return &answer{fault: `{"code":-32601,"message":"the method does not exist"}`}
		}
		return nil
	})
	tx := b.pay("USDT", alice, 5)
	b.chain.Mine(confirmations)
	b.eventually("five tries", func() bool { return b.node.asked("eth_getBlockReceipts") >= 5 })
	if err := b.rail.Status().Err; err == nil || !strings.Contains(err.Error(), "limit exceeded") || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("status %v", err)
	}
	if b.book.stored().Head != before {
		t.Error("the cursor moved")
	}
	b.node.lies(nil)
	b.settle()
	if b.book.told(tx) != "confirmed@0" {
		t.Errorf("told %q", b.book.told(tx))
	}
}

// A report that fails, before or after it was stored, is made again; nothing is lost or doubled. The
// watcher is also killed at every report.
func TestReportFails(t *testing.T) {
	play := func(b *bench) {
		b.t.Helper()
		b.pay("USDT", alice, 1)
		b.chain.Mine(1)
		b.settle()
		b.pay("USDC", alice, 2)
		b.chain.Mine(2)
		b.settle()
		b.reorg(2, true)
		b.settle()
		b.reorg(1, false)
		b.chain.Mine(confirmations)
		b.settle()
	}
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			b := newBench(t, alice)
			failed := map[uint64]int{}
			b.book.fails = func(int) (bool, error) {
				if failed[b.book.cursor.Head]++; failed[b.book.cursor.Head]%2 == 1 {
					return stored, fmt.Errorf("the database is gone")
				}
				return true, nil
			}
			b.start()
			play(b)
			if !strings.Contains(b.log.String(), "the database is gone") {
				t.Error("no report failed")
			}
		})
	}
	t.Run("killed", func(t *testing.T) {
		b := newBench(t, alice)
		kills := 0
		b.book.fails = func(report int) (bool, error) {
			switch report % 3 {
			case 1: // after it was stored, before the watcher hears of it
				kills++
				b.restart()
				return true, context.Canceled
			case 2: // before it was stored
				kills++
				b.restart()
				return false, context.Canceled
			}
			return true, nil
		}
		b.start()
		play(b)
		if kills < 6 {
			t.Errorf("killed %d times only", kills)
		}
	})
}

// Other confirmations after a restart, more and fewer: what waited is confirmed at the new depth, and what
// was confirmed stays so.
func TestOtherConfirmations(t *testing.T) {
	b := newBench(t, alice)
	b.cfg.Confirmations = 50
	b.start()
	tx := b.pay("USDT", alice, 1)
	b.chain.Mine(20)
	b.settle()
	b.stop()
	b.cfg.Confirmations = 60
	b.launch()
	b.chain.Mine(35)
	b.settle()
	if told := b.book.told(tx); told != "seen@0" {
		t.Errorf("at depth 55 of 60: told %q", told)
	}
	b.stop()
	b.cfg.Confirmations = 4
	b.launch()
	b.chain.Mine(1)
	b.settle()
	if told := b.book.told(tx); told != "seen@0 confirmed@0" {
		t.Errorf("told %q", told)
	}
}

// One transaction may pay one address several times: each transfer has its ordinal, whatever the log index,
// and keeps it when the transaction is mined again.
func TestTransfersOfOneTransaction(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(3)
	b.start()
	shift := 0 // where the logs begin within their block
	b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
		var logs []types.Log
		if err := json.Unmarshal(result, &logs); err != nil {
			t.Error(err)
		}
		var several []types.Log
		for _, l := range logs {
			for i := 2; i >= 0; i-- { // the last first
				l.Index = uint(shift + i)
				l.Data = common.BigToHash(big.NewInt(int64(10 + i))).Bytes()
				several = append(several, l)
			}
		}
		text, err := json.Marshal(append([]types.Log{}, several...))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}}))
	tx := b.pay("USDT", alice, 1)
	for _, want := range []string{"seen@0 seen@0 seen@0", "seen@0 seen@0 seen@0 reversed@0 reversed@0 reversed@0 seen@1 seen@1 seen@1"} {
		b.chain.Mine(1)
		b.eventually(want, func() bool { return b.book.told(tx) == want })
		if len(b.book.payments) != 3 {
			t.Errorf("%d payments", len(b.book.payments))
		}
		key := strings.ToLower(tx + "/" + b.cfg.Tokens[0].Contract.Hex() + "/" + alice)
		for i := range 3 {
			if o := b.book.payments[fmt.Sprintf("%s/%d", key, i)]; o.Amount.Units() != fmt.Sprint(10+i) || o.Evidence.Index != uint64(shift+i) {
				t.Errorf("ordinal %d: %s units, log %d", i, o.Amount.Units(), o.Evidence.Index)
			}
		}
		number, _ := b.head()
		b.eventually("the head is told", func() bool { return b.book.stored().Head == number })
		shift = 40
		if want == "seen@0 seen@0 seen@0" {
			b.reorg(1, true)
		}
	}
}

// cases 18, 21 and 22: which logs are transfers that bring somebody money, and how much.
func TestTransferOf(t *testing.T) {
	token := common.HexToAddress("0x7e57c01A00000000000000000000000000000dA1")
	r := &Rail{tokens: map[common.Address]money.Asset{token: usdt}}
	from, to := common.HexToAddress(bob), common.HexToAddress(alice)
	good := func() types.Log {
		return types.Log{
			Address: token,
			Topics:  []common.Hash{transferTopic, common.BytesToHash(from[:]), common.BytesToHash(to[:])},
			Data:    common.BigToHash(big.NewInt(77)).Bytes(),
		}
	}
	if got, ok := r.transferOf(good()); !ok || got.asset != usdt || got.from != from || got.to != to || got.amount.Int64() != 77 {
		t.Errorf("got %+v, %v", got, ok)
	}
	// A token that keeps 3 of 100 says so in two events: what reached the address is 97.
	collector := common.HexToAddress(stranger)
	for recipient, units := range map[common.Address]int64{to: 97, collector: 3} {
		l := good()
		l.Topics[2], l.Data = common.BytesToHash(recipient[:]), common.BigToHash(big.NewInt(units)).Bytes()
		if got, ok := r.transferOf(l); !ok || got.to != recipient || got.amount.Int64() != units {
			t.Errorf("of a token with a fee: got %+v, %v, want %d", got, ok, units)
		}
	}
	for name, change := range map[string]func(*types.Log){
		"another contract":        func(l *types.Log) { l.Address[0]++ },
		"another event":           func(l *types.Log) { l.Topics[0][0]++ },
		"no topic":                func(l *types.Log) { l.Topics = nil },
		"two topics":              func(l *types.Log) { l.Topics = l.Topics[:2] },
		"four topics":             func(l *types.Log) { l.Topics = append(l.Topics, common.Hash{}) },
		"no data":                 func(l *types.Log) { l.Data = nil },
		"short data":              func(l *types.Log) { l.Data = l.Data[1:] },
		"long data":               func(l *types.Log) { l.Data = append(l.Data, 0) },
		"nothing":                 func(l *types.Log) { clear(l.Data) },
		"a sender of 32 bytes":    func(l *types.Log) { l.Topics[1][0] = 1 },
		"a recipient of 32 bytes": func(l *types.Log) { l.Topics[2][11] = 1 },
		"to the sender":           func(l *types.Log) { l.Topics[1] = l.Topics[2] },
		"taken back":              func(l *types.Log) { l.Removed = true },
	} {
		l := good()
		change(&l)
		if got, ok := r.transferOf(l); ok {
			t.Errorf("%s: taken for %+v", name, got)
		}
	}
}

// Killed at two of three reports while it catches up in ranges, with a reorganisation below the cursor.
func TestKilledWhileCatchingUp(t *testing.T) {
	b := newBench(t, alice)
	b.chain.Mine(5)
	b.start()
	b.pay("USDT", alice, 1)
	b.chain.Mine(3)
	b.settle()
	b.stop()
	b.reorg(2, true)
	for i := range 12 {
		b.pay("USDC", alice, int64(i+1))
		b.chain.Mine(40)
	}
	reports := map[bool]int{}
	b.book.fails = func(report int) (bool, error) {
		if report%3 == 0 {
			reports[true]++
			return true, nil
		}
		reports[false]++
		b.restart()
		return report%3 == 1, context.Canceled
	}
	b.node.lies(func(c call) *answer {
		if c.Method == "eth_getLogs" && spanOf(t, c) > 60 {
			return &answer{fault: `{"code":-32005,"message":"limited to 60 blocks"}`}
		}
		return nil
	})
	b.start()
	b.settle()
	if reports[false] < 6 {
		t.Errorf("killed %d times only", reports[false])
	}
}

// spanOf is how many blocks a call of eth_getLogs asks for.
func spanOf(t *testing.T, c call) uint64 {
	var f struct {
		FromBlock, ToBlock *hexutil.Uint64
	}
	if err := json.Unmarshal(c.Params[0], &f); err != nil {
		t.Error(err)
	}
	if f.FromBlock == nil {
		return 1
	}
	return uint64(*f.ToBlock-*f.FromBlock) + 1
}

// A stored cursor that cannot be read stops the watcher: to begin anew would skip payments.
func TestUnreadableCursor(t *testing.T) {
	for _, text := range []string{`{`, `{"tail":[]}`, `{"tail":[[5,"0x00"]]}`, `{"tail":"x"}`} {
		b := newBench(t, alice)
		b.book.cursor = rail.Cursor{State: []byte(text)}
		b.launch()
		if err := b.ended(); err == nil || !strings.Contains(err.Error(), "cursor") {
			t.Errorf("%s: Watch returned %v", text, err)
		}
		if b.book.reports != 0 {
			t.Error("something was reported")
		}
	}
}

// endless answers 200 with a well-formed beginning and far more than is read.
func endless(w http.ResponseWriter) {
	part := []byte(strings.Repeat(" ", 1<<20))
	_, err := w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":[`))
	for range smallAnswer>>20 + 8 {
		if err != nil {
			return // the watcher hung up
		}
		_, err = w.Write(part)
	}
}
