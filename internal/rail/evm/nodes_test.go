package evm

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/simchain"
)

// pair is a bench whose watcher has two nodes, proxies of one chain, and a clock that stands until it is moved.
type pair struct {
	*bench
	second *proxy
	mu     sync.Mutex
	at     time.Time
}

func newPair(t *testing.T) *pair {
	b := newBench(t, alice)
	p := &pair{bench: b, second: newProxy(t, b.chain.RPCURL()), at: time.Unix(1_800_000_000, 0)}
	b.cfg.RPC = append(b.cfg.RPC, p.second.url)
	b.now = func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.at
	}
	return p
}

func (p *pair) move(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

// reads waits until the watcher reads from a node; both count from 1.
func (p *pair) reads(node int) {
	p.t.Helper()
	p.eventually("the other node is used", func() bool { return p.rail.Status().Nodes[node-1].Used })
}

// case 25: while one of two nodes is broken in whatever way, the other one is read, and nothing is lost,
// doubled or late. The first is used again some time after it works again.
func TestFailover(t *testing.T) {
	for name, lie := range map[string]answer{
		"it is gone":      {status: 503},
		"it hangs":        {hang: true},
		"it lies":         {result: `{"number":"0x3"}`},
		"it says null":    {result: "null"},
		"it refuses":      {fault: `{"code":-32005,"message":"daily request count exceeded"}`},
		"it cuts answers": {cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			if lie.hang {
				p.cfg.Timeout = 5 * time.Second // the other node answers within it on a busy machine too
			}
			p.start()
			first := p.pay("USDT", alice, 1)
			p.chain.Mine(1)
			p.settle()
			if p.second.asked("eth_getLogs") > 0 {
				t.Error("the second node was read without need")
			}
			p.node.lies(func(call) *answer { return &lie })
			second := p.pay("USDT", alice, 2)
			p.chain.Mine(confirmations)
			p.reads(2)
			p.settle()
			s := p.rail.Status()
			if s.Err != nil || s.Nodes[0].Err == nil || s.Nodes[0].Used || s.Nodes[1].Err != nil || !s.Nodes[0].Since.Equal(p.now()) {
				t.Errorf("status %+v", s)
			}
			// It stays with the one that works, until it is time.
			p.node.forget()
			p.node.lies(nil)
			const step = 50 * time.Second
			for passed := step; passed < backAfter; passed += step {
				p.move(step)
				p.chain.Mine(1)
				p.settle()
			}
			if !p.rail.Status().Nodes[1].Used || p.node.asked("eth_getBlockByNumber") > 0 {
				t.Error("the first node was asked too early")
			}
			p.move(step)
			p.chain.Mine(1)
			p.reads(1)
			p.settle()
			p.eventually("nothing is held against it", func() bool { return p.rail.Status().Nodes[0].Err == nil })
			for _, tx := range []string{first, second} {
				if told := p.book.told(tx); told != "seen@0 confirmed@0" && told != "confirmed@0" {
					t.Errorf("told %q", told)
				}
			}
			if log := p.log.String(); strings.Contains(log, p.node.url) || strings.Count(log, "a node failed") != 1 {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// Both are broken: the pauses are those of one node, and the trouble shows with the reason of each.
func TestBothNodesFail(t *testing.T) {
	p := newPair(t)
	p.start()
	p.node.lies(func(call) *answer { return &answer{status: 503} })
	p.second.lies(func(call) *answer { return &answer{status: 429} })
	p.eventually("trouble", func() bool { return p.rail.Status().Err != nil })
	text := p.rail.Status().Err.Error()
	for _, want := range []string{"node 1 (127.0.0.1:", "503", "node 2 (127.0.0.1:", "429"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
	p.node.lies(nil)
	p.second.lies(nil)
	p.pay("USDT", alice, 1)
	p.chain.Mine(1)
	p.settle()
}

// case 24: a node of another chain, by its id or by its first block, is out; the watcher stops only when all
// are.
func TestNodeOfAnotherChain(t *testing.T) {
	for _, how := range []string{"another id", "another block 0"} {
		t.Run(how, func(t *testing.T) {
			p := newPair(t)
			p.start()
			p.chain.Mine(2)
			p.settle()
			if how == "another id" {
				p.second.lies(of("eth_chainId", &answer{result: `"0x2"`}))
			} else {
				other, err := simchain.Start(simchain.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
				other.Mine(9)
				p.second.serve(other.RPCURL())
			}
			p.node.lies(func(call) *answer { return &answer{status: 503} })
			before := p.book.stored().Head
			tx := p.pay("USDT", alice, 1)
			p.chain.Mine(1)
			p.eventually("the second is out", func() bool { return p.rail.Status().Nodes[1].Err != nil })
			if p.book.stored().Head != before {
				t.Error("the cursor moved by a node of another chain")
			}
			if calls := p.second.asked("eth_getLogs"); calls > 0 {
				t.Errorf("it was asked for logs %d times", calls)
			}
			p.node.lies(nil)
			p.settle()
			if told := p.book.told(tx); told != "seen@0" {
				t.Errorf("told %q", told)
			}
			// The first one as well: nothing is left.
			p.node.lies(of("eth_chainId", &answer{result: `"0x3"`}))
			p.chain.Mine(1)
			if err := p.ended(); err == nil || !strings.Contains(err.Error(), "node 1 (") || !strings.Contains(err.Error(), "serves chain 3, not 1337") ||
				!strings.Contains(err.Error(), "node 2 (") {
				t.Errorf("Watch returned %v", err)
			}
		})
	}
}

// case 27: the second node is on another branch. Changing to it is one finding of a replaced block, which has to
// be found in two rounds in a row.
func TestOtherNodeOnAnotherBranch(t *testing.T) {
	p := newPair(t)
	p.start()
	tx := p.pay("USDT", alice, 1)
	p.chain.Mine(confirmations)
	p.settle()
	told, head := p.book.told(tx), p.book.stored().Head
	// The first node hangs once, and the other one answers that round with another branch.
	other := strings.Repeat("ab", 32)
	rounds := 0
	p.second.lies(func(c call) *answer {
		if c.Method != "eth_getBlockByNumber" || string(c.Params[0]) == `"0x0"` {
			return nil
		}
		if string(c.Params[0]) == `"latest"` {
			rounds++
		}
		if rounds != 1 {
			return nil
		}
		return &answer{edit: func(result []byte) string {
			text := string(result)
			i := strings.Index(text, `"hash":"0x`) + len(`"hash":"0x`)
			return text[:i] + other + text[i+64:]
		}}
	})
	p.node.lies(func(call) *answer { return &answer{status: 503} })
	p.reads(2)
	p.eventually("three rounds", func() bool { return p.second.asked("eth_getBlockByNumber") > 12 })
	if now := p.book.told(tx); now != told || p.book.stored().Head < head {
		t.Errorf("told %q, was %q", now, told)
	}
	p.chain.Mine(1)
	p.settle()
}

// A node whose head stands still errs in nothing and is left all the same.
func TestNodeStandsStill(t *testing.T) {
	p := newPair(t)
	p.start()
	p.chain.Mine(3)
	p.settle()
	head := p.block(3)
	p.node.lies(func(c call) *answer {
		if c.Method == "eth_getBlockByNumber" && string(c.Params[0]) == `"latest"` {
			return &answer{result: head}
		}
		return nil
	})
	tx := p.pay("USDT", alice, 1)
	p.chain.Mine(1)
	asked := p.node.asked("eth_getBlockByNumber")
	p.eventually("some rounds", func() bool { return p.node.asked("eth_getBlockByNumber") > asked+5 })
	if p.book.told(tx) != "" {
		t.Error("the second node was read at once")
	}
	p.move(stallAfter)
	p.settle()
	s := p.rail.Status()
	if !s.Nodes[1].Used || s.Nodes[0].Err == nil || p.book.told(tx) != "seen@0" {
		t.Errorf("told %q, status %+v", p.book.told(tx), s)
	}
}

// Holdings are read from the node that can, and never from one of another chain.
func TestHoldings(t *testing.T) {
	p := newPair(t)
	p.pay("USDT", alice, 5)
	p.pay("USDC", bob, 7)
	head := p.chain.Mine(1)
	r, err := New(p.cfg, Opts{Log: slog.New(slog.NewTextHandler(p.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer r.nodes.close()
	payer := p.chain.Payer().Hex()
	var many []string
	for i := range 150 {
		many = append(many, address("nobody's "+string(rune('a'+i))))
	}
	list := append([]string{alice, bob, payer}, many...)
	check := func(what string) {
		t.Helper()
		got, err := r.Holdings(t.Context(), list)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for i, h := range got {
			want := map[string]string{alice: "5 0", bob: "0 7"}[list[i]]
			if want == "" && list[i] != payer {
				want = "0 0"
			}
			said := h.Amounts[0].Units() + " " + h.Amounts[1].Units()
			if h.Address != list[i] || h.Block != head || h.Sent != (list[i] == payer) || want != "" && said != want || h.Used() != (i < 3) {
				t.Errorf("%s: %+v, want %s", what, h, want)
			}
		}
	}
	check("the first node")
	if p.second.asked(batch) > 0 {
		t.Error("the second node was asked")
	}
	p.node.lies(of(batch, &answer{status: 503}))
	check("the second node")
	p.node.lies(of(batch, &answer{hang: true}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := r.Holdings(ctx, list); err == nil {
		t.Errorf("an ended context: %+v", got)
	}
	p.node.lies(of("eth_chainId", &answer{result: `"0x2"`}))
	p.second.lies(of("eth_chainId", &answer{result: `"0x2"`}))
	if got, err := r.Holdings(t.Context(), list); err == nil {
		t.Errorf("of another chain: %+v", got)
	}
	p.node.lies(nil)
	p.second.lies(nil)
	for what, bad := range map[string]string{"no address": "0x1", "another spelling": strings.ToLower(alice)} {
		if _, err := r.Holdings(t.Context(), []string{bad}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if got, err := r.Holdings(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

// case 26: a node that allows fewer questions in one request than are asked, or none together, is asked in smaller ones. One
// that refuses a question asked alone is left.
func TestHoldingsOfManyInSmallRequests(t *testing.T) {
	one := func(text string) func(call) *answer {
		return func(call) *answer {
			return &answer{body: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"` + text + `"}}`}
		}
	}
	for name, test := range map[string]struct {
		most   int // calls in one request
		refuse func(call) *answer
	}{
		"10, status 413":                {10, func(call) *answer { return &answer{status: 413} }},
		"30, one error for all of them": {30, one("batch of more than 30 requests")},
		"none together":                 {1, one("batches are not allowed")},
		"20, one error in a list": {20, func(call) *answer {
			return &answer{body: `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}]`}
		}},
		"15, a list of the first": {15, func(c call) *answer {
			return &answer{body: fmt.Sprintf(`[{"jsonrpc":"2.0","id":%s,"result":"0x%064x"}]`, c.together[0].ID, 7)}
		}},
		"25, an error for each of them": {25, func(c call) *answer {
			var each []string
			for _, asked := range c.together {
				each = append(each, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32005,"message":"limit exceeded"}}`, asked.ID))
			}
			return &answer{body: "[" + strings.Join(each, ",") + "]"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.pay("USDT", alice, 5)
			p.chain.Mine(1)
			r, err := New(p.cfg, Opts{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.nodes.close()
			p.node.lies(func(c call) *answer {
				if len(c.together) > test.most {
					return test.refuse(c)
				}
				return nil
			})
			list := []string{alice}
			for i := range 40 {
				list = append(list, address(fmt.Sprint("nobody's ", i)))
			}
			got, err := r.Holdings(t.Context(), list)
			if err != nil || len(got) != len(list) {
				t.Fatalf("%d holdings, %v", len(got), err)
			}
			for i, h := range got {
				if h.Address != list[i] || h.Used() != (i == 0) || len(h.Amounts) != 2 {
					t.Errorf("%+v", h)
				}
			}
			if p.second.asked(batch)+p.second.asked("eth_call") > 0 {
				t.Error("the second node was asked without need")
			}
			p.node.lies(func(c call) *answer {
				switch {
				case len(c.together) > test.most:
					return test.refuse(c)
				case len(c.together) > 0 || c.Method == "eth_call":
					return &answer{status: 403}
				}
				return nil
			})
			if got, err := r.Holdings(t.Context(), list); err != nil || !got[0].Used() || p.second.asked(batch) == 0 {
				t.Errorf("the second node was asked %d times: %v", p.second.asked(batch), err)
			}
		})
	}
}

// A contract that does not answer balanceOf, and an answer that lacks some: an error, never a zero.
func TestHoldingsOfALyingNode(t *testing.T) {
	b := newBench(t)
	r, err := New(b.cfg, Opts{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.nodes.close()
	for name, a := range map[string]*answer{
		"an empty list": {body: `[]`},
		"HTML":          {body: `<html>`},
		"half":          {cut: true},
	} {
		b.node.lies(func(c call) *answer {
			if len(c.together) > 0 || c.Method == "eth_call" { // the same to a question that is asked alone
				return a
			}
			return nil
		})
		if got, err := r.Holdings(t.Context(), []string{alice}); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	b.node.lies(nil)
	r.contracts[0] = [20]byte{0xee} // nobody lives there: the answer is empty
	if got, err := r.Holdings(t.Context(), []string{alice}); err == nil || !strings.Contains(err.Error(), "balanceOf") {
		t.Errorf("%+v, %v", got, err)
	}
}
