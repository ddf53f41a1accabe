package evm

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
	"till/internal/simchain"
)

func ether(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), big.NewInt(params.Ether)) }

var eth = money.MustAsset("ETH", network, 18)

// payer is a sender on a real chain, with a proxy in between.
type sending struct {
	*bench
	key    *ecdsa.PrivateKey
	state  rail.State
	clock  time.Time
	mu     sync.Mutex
	sender *Sender
	send   SendConfig
}

// newSending makes a hot wallet that holds a million of each token and 10 ETH.
func newSending(t *testing.T, blocks time.Duration) *sending {
	t.Helper()
	chain, err := simchain.Start(simchain.Config{BlockTime: blocks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	b := &bench{t: t, chain: chain, node: newProxy(t, chain.RPCURL()), log: &lines{}}
	b.cfg = Config{
		Network: network, ChainID: chain.ChainID(), RPC: []string{b.node.url}, Confirmations: confirmations, Poll: time.Millisecond,
		Tokens: []Token{
			{Asset: usdt, Contract: chain.Tokens()["USDT"].Address},
			{Asset: usdc, Contract: chain.Tokens()["USDC"].Address},
		},
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &sending{bench: b, key: key, state: railtest.Memory(), clock: time.Now()}
	b.now = s.at
	s.send = SendConfig{Signer: KeySigner(key), State: s.state, MaxFee: big.NewInt(500 * params.GWei), Coin: eth}
	s.fund(ether(10))
	for _, code := range []string{"USDT", "USDC"} {
		b.pay(code, s.address(), 1_000_000_000_000)
	}
	chain.Mine(1)
	s.open()
	return s
}

func (s *sending) address() string { return crypto.PubkeyToAddress(s.key.PublicKey).Hex() }

func (s *sending) fund(wei *big.Int) {
	s.t.Helper()
	if _, err := s.chain.Fund(context.Background(), common.HexToAddress(s.address()), wei); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sending) at() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *sending) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

// open starts the sender anew.
func (s *sending) open() {
	s.t.Helper()
	s.sender = s.another()
}

// another is a second process with the same wallet and memory.
func (s *sending) another() *Sender {
	s.t.Helper()
	r, err := New(s.cfg, Opts{Now: s.now, Log: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	sender, err := NewSender(r, s.send)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(r.nodes.close)
	return sender
}

func (s *sending) delivery(id, to string, units int64) rail.Delivery {
	return rail.Delivery{ID: id, To: to, Amount: money.FromInt(usdt, units)}
}

// moved counts the transfers of the wallet to an address in the chain.
func (s *sending) moved(to string) int {
	s.t.Helper()
	from, recipient := common.HexToAddress(s.address()), common.HexToAddress(to)
	logs, err := s.chain.Client().FilterLogs(context.Background(), ethereum.FilterQuery{
		FromBlock: new(big.Int),
		Topics:    [][]common.Hash{{transferTopic}, {common.BytesToHash(from[:])}, {common.BytesToHash(recipient[:])}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(logs)
}

func (s *sending) must(d rail.Delivery) rail.Ref {
	s.t.Helper()
	ref, err := s.sender.Send(s.t.Context(), d)
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

func (s *sending) status(d rail.Delivery) rail.Status {
	s.t.Helper()
	status, _, err := s.sender.Lookup(s.t.Context(), d)
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *sending) tend() []rail.Word {
	s.t.Helper()
	words, err := s.sender.Tend(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return words
}

// is looks a transfer up.
func (s *sending) is(d rail.Delivery, want rail.Status) {
	s.t.Helper()
	if got := s.status(d); got != want {
		s.t.Fatalf("transfer %s is %s, want %s; log:\n%s", d.ID, got, want, s.log)
	}
}

func (s *sending) movedTo(to string, want int) {
	s.t.Helper()
	if got := s.moved(to); got != want {
		s.t.Errorf("%d transfers to %s, want %d", got, to, want)
	}
}

// nonce is the chain's count of the wallet's transactions.
func (s *sending) nonce() uint64 {
	s.t.Helper()
	n, err := s.chain.Client().NonceAt(context.Background(), common.HexToAddress(s.address()), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// spends sends a transaction of the wallet that the sender knows nothing of.
func (s *sending) spends(nonce uint64, to string, wei int64, tip int64) {
	s.t.Helper()
	recipient := common.HexToAddress(to)
	tx, err := types.SignNewTx(s.key, types.LatestSignerForChainID(new(big.Int).SetUint64(s.cfg.ChainID)), &types.DynamicFeeTx{
		ChainID: new(big.Int).SetUint64(s.cfg.ChainID), Nonce: nonce, GasTipCap: big.NewInt(tip), GasFeeCap: big.NewInt(200 * params.GWei), Gas: 21_000,
		To: &recipient, Value: big.NewInt(wei),
	})
	if err == nil {
		err = s.chain.Client().SendTransaction(context.Background(), tx)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// What every sender must hold, on a real chain.
func TestSender(t *testing.T) {
	railtest.Run(t, railtest.Fixture{Sends: func(t *testing.T) railtest.Sending {
		s := newSending(t, 20*time.Millisecond)
		good, fails, answers, loses := address("good"), address("fails"), address("answers"), address("loses")
		first := map[string]bool{}
		s.node.lies(func(c call) *answer {
			text := string(joined(c.Params))
			switch c.Method {
			case "eth_estimateGas":
				if strings.Contains(strings.ToLower(text), strings.ToLower(fails[2:])) {
					return &answer{result: `"0x7530"`} // 30,000: it will run out
				}
			case "eth_sendRawTransaction":
				for _, victim := range []string{answers, loses} {
					if strings.Contains(text, strings.ToLower(victim[2:])) && !first[victim] {
						first[victim] = true
						if victim == loses {
							return &answer{status: 502}
						}
						return &answer{edit: func([]byte) string { return `"0x"` }} // taken, and the answer is unreadable
					}
				}
			}
			return nil
		})
		return railtest.Sending{
			Rail: func() rail.Sender { return s.sender },
			Moved: func(t *testing.T, id string) int {
				t.Helper()
				n := 0
				for _, address := range []string{good, fails, answers, loses} {
					n += s.moved(address)
				}
				if n == 0 { // perhaps it only waits for a block
					s.chain.Mine(1)
					for _, address := range []string{good, fails, answers, loses} {
						n += s.moved(address)
					}
				}
				return n
			},
			Reopen: func(t *testing.T) { s.open() },
			Asset:  usdt,
			Good:   good, Refuses: s.chain.Tokens()["USDT"].Address.Hex(), Fails: fails, Answers: answers, Loses: loses,
		}
	}})
}

func joined(params []json.RawMessage) (all []byte) {
	for _, p := range params {
		all = append(all, p...)
	}
	return all
}

func TestNativeCoin(t *testing.T) {
	s := newSending(t, 0)
	d := rail.Delivery{ID: "t1", To: address("someone"), Amount: money.New(eth, ether(1))}
	s.must(d)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
	got, err := s.chain.Client().BalanceAt(t.Context(), common.HexToAddress(d.To), nil)
	if err != nil || got.Cmp(ether(1)) != 0 {
		t.Errorf("it holds %s, %v", got, err)
	}
}

func TestDeliveredOnlyWhenFinal(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	for range confirmations {
		s.is(d, rail.StatusSent)
		s.chain.Mine(1)
	}
	s.is(d, rail.StatusDelivered)
	s.movedTo(d.To, 1)
}

func TestReorganisationBeforeItIsFinal(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprint("mined again ", keep), func(t *testing.T) {
			s := newSending(t, 0)
			s.chain.Mine(5)
			d := s.delivery("t1", address("someone"), 5)
			s.must(d)
			s.chain.Mine(2)
			s.is(d, rail.StatusSent)
			s.reorg(2, keep)
			s.is(d, rail.StatusSent)
			s.tend() // where its transaction was dropped it is sent again
			s.chain.Mine(confirmations + 2)
			s.is(d, rail.StatusDelivered)
			s.movedTo(d.To, 1)
		})
	}
}

// A block that is in place for the first time after the transfer was mined in another one does not count as final.
func TestReorganisationRightAtTheEnd(t *testing.T) {
	s := newSending(t, 0)
	s.chain.Mine(5)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	s.reorg(confirmations, true) // one block later, and one block more
	s.is(d, rail.StatusDelivered)
	s.reorg(2, true)
	s.is(d, rail.StatusDelivered)
	s.movedTo(d.To, 1)
}

func TestForgottenIsSentAgainWithTheSameBytes(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	ref := s.must(d)
	s.chain.Mine(1)
	s.reorg(1, false)
	if known, _ := s.sender.rail.nodes.list[0].knows(t.Context(), common.HexToHash(string(ref))); known {
		t.Fatal("the node still has it")
	}
	s.is(d, rail.StatusSent) // it was taken once, so nobody may send it under another nonce
	s.tend()
	s.chain.Mine(confirmations)
	if _, found, _ := s.sender.Lookup(t.Context(), d); found != ref {
		t.Errorf("sent as %s, found as %s", ref, found)
	}
	s.movedTo(d.To, 1)
}

func TestManyAtOnceFromTwoProcesses(t *testing.T) {
	s := newSending(t, 0)
	second := s.another()
	var all sync.WaitGroup
	const each = 12
	for i := range 2 * each {
		for _, sender := range []*Sender{s.sender, second} { // every transfer by both
			all.Go(func() {
				d := s.delivery(fmt.Sprint("t", i), address(fmt.Sprint("someone ", i)), 5)
				_, err := sender.Send(t.Context(), d)
				for errors.Is(err, rail.ErrNotNow) { // the other one's first transfer is on its way and not on record yet
					_, err = sender.Send(t.Context(), d)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	s.chain.Mine(confirmations)
	for i := range 2 * each {
		d := s.delivery(fmt.Sprint("t", i), address(fmt.Sprint("someone ", i)), 5)
		s.is(d, rail.StatusDelivered)
		s.movedTo(d.To, 1)
	}
	if got := s.nonce(); got != 2*each {
		t.Errorf("%d nonces were used for %d transfers", got, 2*each)
	}
}

func TestStuckIsOfferedMore(t *testing.T) {
	s := newSending(t, 0)
	s.send.BumpAfter = time.Minute
	s.open()
	d := s.delivery("t1", address("someone"), 5)
	first := s.must(d)
	s.tend()
	if n := s.tries(0); n != 1 {
		t.Fatalf("%d tries at once", n)
	}
	s.later(time.Minute)
	s.tend()
	if n := s.tries(0); n != 2 {
		t.Fatalf("%d tries after a minute", n)
	}
	s.open() // both are on record
	s.is(d, rail.StatusSent)
	s.chain.Mine(confirmations)
	_, ref, err := s.sender.Lookup(t.Context(), d)
	if err != nil || ref == first {
		t.Errorf("delivered by %s, %v; the first was %s", ref, err, first)
	}
	s.is(d, rail.StatusDelivered)
	s.movedTo(d.To, 1)
	if got := s.nonce(); got != 1 {
		t.Errorf("%d nonces were used", got)
	}
}

// The first of two transactions of a nonce is mined, though the second pays more.
func TestTheReplacedOneIsMined(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	first := s.must(d)
	s.later(defaultBump)
	s.node.lies(of("eth_sendRawTransaction", &answer{fault: `{"code":-32000,"message":"replacement transaction underpriced"}`}))
	if _, err := s.sender.Tend(t.Context()); err == nil {
		t.Error("the node's refusal is not told")
	}
	s.node.lies(nil)
	s.chain.Mine(confirmations)
	_, ref, err := s.sender.Lookup(t.Context(), d)
	if err != nil || ref != first {
		t.Errorf("delivered by %s, %v; the first was %s", ref, err, first)
	}
	s.is(d, rail.StatusDelivered)
}

func (s *sending) tries(nonce uint64) int {
	s.t.Helper()
	o, err := s.sender.openAt(s.t.Context(), common.HexToAddress(s.address()), nonce)
	if err != nil || o == nil {
		s.t.Fatalf("nonce %d: %v, %v", nonce, o, err)
	}
	return len(o.Tries)
}

func TestNotNowUsesNoNonce(t *testing.T) {
	for name, test := range map[string]struct {
		change func(s *sending) rail.Delivery
		mend   func(s *sending)
		low    bool
	}{
		"not enough tokens": {
			func(s *sending) rail.Delivery { return s.delivery("t1", address("someone"), 1_000_000_000_001) },
			func(s *sending) { s.pay("USDT", s.address(), 1); s.chain.Mine(1) }, true,
		},
		"no gas": {
			func(s *sending) rail.Delivery {
				s.key, _ = crypto.GenerateKey()
				s.send.Signer = KeySigner(s.key)
				s.open()
				s.pay("USDT", s.address(), 5)
				s.chain.Mine(1)
				return s.delivery("t1", address("someone"), 5)
			},
			func(s *sending) { s.fund(ether(1)); s.chain.Mine(1) }, true,
		},
		"gas is dear": {
			func(s *sending) rail.Delivery {
				s.send.MaxFee = big.NewInt(2)
				s.open()
				return s.delivery("t1", address("someone"), 5)
			},
			func(s *sending) { s.send.MaxFee = big.NewInt(100 * params.GWei); s.open() }, false,
		},
		"the coin itself is short": {
			func(s *sending) rail.Delivery {
				return rail.Delivery{ID: "t1", To: address("someone"), Amount: money.New(eth, ether(10))}
			},
			func(s *sending) { s.fund(ether(1)); s.chain.Mine(1) }, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSending(t, 0)
			d := test.change(s)
			_, err := s.sender.Send(t.Context(), d)
			if !errors.Is(err, rail.ErrNotNow) || errors.Is(err, rail.ErrRefused) {
				t.Fatalf("the error is %v", err)
			}
			if got := s.sender.Status(); got.Low != test.low || got.Err == nil {
				t.Errorf("the status is %+v", got)
			}
			s.is(d, rail.StatusNone)
			if _, lines, err := s.sender.opens(t.Context()); err != nil || len(lines) != 0 {
				t.Errorf("%d nonces are reserved, %v", len(lines), err)
			}
			test.mend(s)
			s.must(d)
			s.chain.Mine(confirmations)
			s.is(d, rail.StatusDelivered)
			if got := s.sender.Status(); got.Err != nil || got.Low {
				t.Errorf("the status is %+v", got)
			}
			if got := s.nonce(); got != 1 {
				t.Errorf("%d nonces were used", got)
			}
		})
	}
}

// What is on its way and not mined yet is not spent again.
func TestReservedIsNotSpentTwice(t *testing.T) {
	s := newSending(t, 0)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			_, errs[i] = s.sender.Send(t.Context(), s.delivery(fmt.Sprint("t", i), address(fmt.Sprint("someone ", i)), 300_000_000_000))
		})
	}
	all.Wait()
	sent := 0
	for _, err := range errs {
		if err == nil {
			sent++
		} else if !errors.Is(err, errLow) {
			t.Error(err)
		}
	}
	if sent != 3 {
		t.Errorf("%d of 8 were sent", sent)
	}
	s.chain.Mine(confirmations)
	for _, w := range s.tend() {
		if w.Status != rail.StatusDelivered {
			t.Errorf("%+v", w)
		}
	}
}

// A lying node, alone: it says that it knows nothing of what was mined, and that the nonce is used.
func TestLyingNodeNeverMakesItPayTwice(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations + 3)
	s.node.lies(func(c call) *answer {
		if c.Method == "eth_getTransactionReceipt" || c.Method == "eth_getTransactionByHash" {
			return &answer{result: "null"}
		}
		return nil
	})
	if status, _, err := s.sender.Lookup(t.Context(), d); err == nil && status != rail.StatusSent {
		t.Errorf("it is called %s", status)
	}
	s.sender.Tend(t.Context())
	s.must(d)
	s.chain.Mine(confirmations)
	s.movedTo(d.To, 1)
	s.node.lies(nil)
	s.is(d, rail.StatusDelivered)
}

// A failure is believed when every node says so.
func TestTwoNodesAndALie(t *testing.T) {
	s := newSending(t, 0)
	honest := newProxy(t, s.chain.RPCURL())
	s.cfg.RPC = append(s.cfg.RPC, honest.url)
	s.open()
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	failed := of("eth_getTransactionReceipt", &answer{edit: func(result []byte) string {
		return strings.Replace(string(result), `"status":"0x1"`, `"status":"0x0"`, 1)
	}})
	s.node.lies(failed)
	if status, _, err := s.sender.Lookup(t.Context(), d); err == nil {
		t.Errorf("it is called %s, though the nodes disagree", status)
	}
	honest.lies(func(call) *answer { return &answer{status: 503} })
	s.is(d, rail.StatusSent) // the one that says so is not enough
	honest.lies(nil)
	s.node.lies(nil)
	s.is(d, rail.StatusDelivered)
}

func TestNodeOutage(t *testing.T) {
	s := newSending(t, 0)
	spare := newProxy(t, s.chain.RPCURL())
	s.cfg.RPC = append(s.cfg.RPC, spare.url)
	s.open()
	s.node.lies(func(call) *answer { return &answer{status: 503} })
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)

	spare.lies(func(call) *answer { return &answer{status: 503} })
	e := s.delivery("t2", address("somebody"), 5)
	if _, err := s.sender.Send(t.Context(), e); err == nil || errors.Is(err, rail.ErrRefused) {
		t.Errorf("without a node: %v", err)
	}
	s.node.lies(nil)
	s.is(e, rail.StatusNone)
	s.must(e)
	s.chain.Mine(confirmations)
	s.is(e, rail.StatusDelivered)
	s.movedTo(e.To, 1)
}

// Somebody else uses the key: nothing more is sent until the operator has looked.
func TestForeignTransactions(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
	s.spends(1, address("thief"), 1, params.GWei)
	s.chain.Mine(1)
	e := s.delivery("t2", address("somebody"), 5)
	if _, err := s.sender.Send(t.Context(), e); !errors.Is(err, rail.ErrNotNow) || !errors.Is(err, errForeign) {
		t.Errorf("the error is %v", err)
	}
	if !s.sender.Status().Foreign {
		t.Error("the status does not say so")
	}
	s.send.Start = 2
	s.open()
	s.must(e)
	s.chain.Mine(confirmations)
	s.is(e, rail.StatusDelivered)
	if s.tend(); s.sender.Status().Foreign {
		t.Error("the status still says so")
	}
}

// Another transaction takes the nonce of a transfer that is on its way: that is proof that it will never be mined.
func TestNonceTakenByAnother(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.spends(0, address("thief"), 1, 100*params.GWei)
	s.chain.Mine(1)
	s.is(d, rail.StatusSent) // a reorganisation may still bring it back
	s.chain.Mine(confirmations - 1)
	s.is(d, rail.StatusFailed)
	s.movedTo(d.To, 0)
	if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("sent again: %v", err)
	}
}

// A process that died after the reservation leaves a nonce that others wait behind: whoever tends finishes it.
func TestReservedAndNeverSigned(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	p, err := s.sender.paymentOf(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.sender.reserve(t.Context(), d.ID, p); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.is(d, rail.StatusNone)
	behind := s.delivery("t2", address("somebody"), 5)
	s.must(behind)
	s.chain.Mine(confirmations)
	s.is(behind, rail.StatusSent)
	s.later(signAfter)
	s.tend()
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
	s.is(behind, rail.StatusDelivered)
	s.movedTo(d.To, 1)
}

// denier signs nothing for one recipient.
type denier struct {
	Signer
	no common.Address
}

func (d denier) Sign(ctx context.Context, tx *types.Transaction, chain *big.Int) (*types.Transaction, error) {
	if strings.Contains(hexutil.Encode(tx.Data()), strings.ToLower(d.no.Hex()[2:])) {
		return nil, fmt.Errorf("%w: a rule", ErrDenied)
	}
	return d.Signer.Sign(ctx, tx, chain)
}

// What the signer denies is refused, and its nonce is the next transfer's.
func TestDeniedLeavesNoGap(t *testing.T) {
	s := newSending(t, 0)
	no := address("sanctioned")
	s.send.Signer = denier{KeySigner(s.key), common.HexToAddress(no)}
	s.open()
	d := s.delivery("t1", no, 5)
	if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("the error is %v", err)
	}
	s.is(d, rail.StatusNone)
	e := s.delivery("t2", address("someone"), 5)
	s.must(e)
	s.chain.Mine(confirmations)
	s.is(e, rail.StatusDelivered)
	if got := s.nonce(); got != 1 {
		t.Errorf("%d nonces were used", got)
	}
}

func TestGapIsFilled(t *testing.T) {
	s := newSending(t, 0)
	p, err := s.sender.paymentOf(s.delivery("t1", address("someone"), 5))
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.sender.reserve(t.Context(), "t1", p)
	if err != nil {
		t.Fatal(err)
	}
	behind := s.delivery("t2", address("somebody"), 5)
	s.must(behind)
	if gone, _ := s.sender.vacate(t.Context(), made.Nonce, "t1", ErrDenied); !gone {
		t.Fatal("the nonce was not taken back")
	}
	s.tend()
	s.chain.Mine(confirmations)
	s.is(behind, rail.StatusDelivered)
	s.tend()
	if _, lines, err := s.sender.opens(t.Context()); err != nil || len(lines) != 0 {
		t.Errorf("%d nonces are open, %v", len(lines), err)
	}
}

func TestRefusedForEver(t *testing.T) {
	s := newSending(t, 0)
	other := money.MustAsset("DAI", network, 18)
	for name, d := range map[string]rail.Delivery{
		"no id":                {To: address("someone"), Amount: money.FromInt(usdt, 5)},
		"a long id":            {ID: strings.Repeat("x", maxID+1), To: address("someone"), Amount: money.FromInt(usdt, 5)},
		"no address":           s.delivery("t", "someone", 5),
		"the zero address":     s.delivery("t", "0x0000000000000000000000000000000000000000", 5),
		"a wrong checksum":     s.delivery("t", "0xfb6916095ca1df60bB79Ce92cE3Ea74c37c5d359", 5),
		"the token itself":     s.delivery("t", s.chain.Tokens()["USDC"].Address.Hex(), 5),
		"the wallet itself":    s.delivery("t", s.address(), 5),
		"nothing":              s.delivery("t", address("someone"), 0),
		"less than nothing":    s.delivery("t", address("someone"), -1),
		"a token not listed":   {ID: "t", To: address("someone"), Amount: money.FromInt(other, 5)},
		"money of elsewhere":   {ID: "t", To: address("someone"), Amount: money.FromInt(money.MustAsset("USDT", "other", 6), 5)},
		"no money of anything": {ID: "t", To: address("someone")},
	} {
		if _, err := s.sender.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.node.lies(of("eth_estimateGas", &answer{fault: `{"code":3,"message":"execution reverted: blacklisted"}`}))
	if _, err := s.sender.Send(t.Context(), s.delivery("t", address("someone"), 5)); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("a contract that does not let it through: %v", err)
	}
	if s.nonce() != 0 || s.node.asked("eth_sendRawTransaction") != 0 {
		t.Error("something was sent")
	}
}

// A transfer that is on record is not unknown because its asset is not listed any more.
func TestLookupOfAnAssetThatIsGone(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.cfg.Tokens = s.cfg.Tokens[1:]
	s.open()
	s.is(d, rail.StatusSent)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
}

func TestLegacyFees(t *testing.T) {
	s := newSending(t, 0)
	s.node.lies(of("eth_getBlockByNumber", &answer{edit: func(result []byte) string {
		var block map[string]json.RawMessage
		if json.Unmarshal(result, &block) != nil || block == nil {
			return "null"
		}
		delete(block, "baseFeePerGas")
		text, _ := json.Marshal(block)
		return string(text)
	}}))
	d := s.delivery("t1", address("someone"), 5)
	ref := s.must(d)
	tx, _, err := s.chain.Client().TransactionByHash(t.Context(), common.HexToHash(string(ref)))
	if err != nil || tx.Type() != types.LegacyTxType || tx.ChainId().Uint64() != s.cfg.ChainID {
		t.Errorf("%v, %v", tx, err)
	}
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
}

func TestHighestFee(t *testing.T) {
	s := newSending(t, 0)
	s.send.MaxFee = big.NewInt(3 * params.GWei)
	s.open()
	s.must(s.delivery("t1", address("someone"), 5))
	for range 10 {
		s.later(defaultBump)
		if _, err := s.sender.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	o, err := s.sender.openAt(t.Context(), common.HexToAddress(s.address()), 0)
	if err != nil || o == nil {
		t.Fatal(o, err)
	}
	for _, try := range o.Tries {
		if (*big.Int)(try.Price).Cmp(s.send.MaxFee) > 0 || (*big.Int)(try.Tip).Cmp((*big.Int)(try.Price)) > 0 {
			t.Errorf("%s wei with a tip of %s were offered", (*big.Int)(try.Price), (*big.Int)(try.Tip))
		}
	}
}

func TestNewSenderRefuses(t *testing.T) {
	s := newSending(t, 0)
	for name, change := range map[string]func(c *SendConfig){
		"no signer":       func(c *SendConfig) { c.Signer = nil },
		"no state":        func(c *SendConfig) { c.State = nil },
		"no fee":          func(c *SendConfig) { c.MaxFee = nil },
		"no fee at all":   func(c *SendConfig) { c.MaxFee = new(big.Int) },
		"negative time":   func(c *SendConfig) { c.BumpAfter = -1 },
		"a foreign coin":  func(c *SendConfig) { c.Coin = money.MustAsset("ETH", "other", 18) },
		"a coin of cents": func(c *SendConfig) { c.Coin = money.MustAsset("ETH", network, 2) },
	} {
		cfg := s.send
		change(&cfg)
		if _, err := NewSender(s.sender.rail, cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A process died between putting a higher offer on record and signing it: whoever tends goes on from there.
func TestHigherOfferThatWasNotSigned(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	first := s.must(d)
	err := s.sender.change(t.Context(), 0, func(at *open) {
		last := at.last()
		at.Tries = append(at.Tries, try{Price: more(last.Price, last.Price), Tip: more(last.Tip, last.Tip), At: s.at()})
	})
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	s.is(d, rail.StatusSent)
	s.tend()
	s.chain.Mine(confirmations)
	_, ref, err := s.sender.Lookup(t.Context(), d)
	if err != nil || ref == first {
		t.Errorf("delivered by %s, %v; the first was %s", ref, err, first)
	}
	s.movedTo(d.To, 1)
}

// A token that answers false instead of reverting moves nothing, and one that pays somebody else is for an operator.
// case 20
func TestMinedAndNothingMoved(t *testing.T) {
	s := newSending(t, 0)
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	s.node.lies(of("eth_getTransactionReceipt", &answer{edit: func(result []byte) string {
		return strings.ReplaceAll(string(result), strings.ToLower(d.To[2:]), strings.ToLower(address("somebody else")[2:]))
	}}))
	if status, _, err := s.sender.Lookup(t.Context(), d); err == nil {
		t.Errorf("paid to somebody else, it is called %s", status)
	}
	s.node.lies(of("eth_getTransactionReceipt", &answer{edit: func(result []byte) string {
		var r map[string]json.RawMessage
		if json.Unmarshal(result, &r) != nil || r == nil {
			return "null"
		}
		r["logs"] = json.RawMessage("[]")
		text, _ := json.Marshal(r)
		return string(text)
	}}))
	s.is(d, rail.StatusFailed)
}
