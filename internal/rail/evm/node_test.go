package evm

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// block is the JSON of one block of the chain as the node gives it.
func (b *bench) block(number uint64) string {
	b.t.Helper()
	h, err := newNode(b.chain.RPCURL(), time.Minute)
	if err != nil {
		b.t.Fatal(err)
	}
	defer h.http.CloseIdleConnections()
	got, err := h.byNumber(b.t.Context(), number)
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf(`{"number":"0x%x","hash":"%s","parentHash":"%s","timestamp":"0x%x"}`, got.number, got.hash, got.parent, got.time.Unix())
}

// case 25: whatever a broken node answers moves no cursor, tells nothing, is shown, is logged once, and
// is over when the node works again.
func TestOutage(t *testing.T) {
	methods := []string{"eth_getBlockByNumber", "eth_getLogs", "eth_chainId"}
	wrongBlock := `{"number":"0x3","hash":"0x` + strings.Repeat("1", 64) + `","parentHash":"0x` + strings.Repeat("2", 64) + `","timestamp":"0x1"}`
	for name, lie := range map[string]answer{
		"null":                     {result: "null"},
		"another type":             {result: `{"a":[1,2]}`},
		"an empty object":          {result: `{}`},
		"no result":                {body: `{"jsonrpc":"2.0","id":1}`},
		"an empty body":            {body: " "},
		"HTML with status 200":     {body: "<html><body>Welcome</body></html>"},
		"HTML with status 502":     {status: 502},
		"too many requests":        {status: 429},
		"a redirect":               {status: 307},
		"half an answer":           {cut: true},
		"an answer without end":    {write: endless},
		"an answer of 2 GB":        {write: twoGigabytes},
		"a connection that closes": {write: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
		"no answer":                {hang: true},
		"another block":            {result: wrongBlock},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, alice)
			if lie.hang {
				b.cfg.Timeout = 50 * time.Millisecond
			}
			b.start()
			b.chain.Mine(1)
			b.settle()
			for _, method := range methods {
				before := b.book.stored().Head
				b.node.lies(func(c call) *answer {
					if c.Method == method || lie.status == 502 && method == "eth_getLogs" && c.Method == "eth_getBlockReceipts" {
						return &lie
					}
					if method == "eth_getLogs" && c.Method == "eth_getBlockReceipts" {
						return &answer{fault: `{"code":-32601,"message":"no such method"}`}
					}
					return nil
				})
				if name == "another block" && method != "eth_getBlockByNumber" {
					continue
				}
				asked := b.node.asked(method)
				tx := b.pay("USDT", alice, 5)
				b.chain.Mine(2)
				b.eventually("three tries", func() bool { return b.node.asked(method) >= asked+3 })
				if method != "eth_getBlockByNumber" || name != "another block" {
					b.eventually("trouble", func() bool { return b.rail.Status().Err != nil })
					if err := b.rail.Status().Err.Error(); strings.Contains(err, b.node.url) || len(err) > 1000 {
						t.Errorf("%s: the status says %s", method, err)
					}
				}
				if b.book.told(tx) != "" || b.book.stored().Head != before {
					t.Errorf("%s: told %q, cursor moved from %d to %d", method, b.book.told(tx), before, b.book.stored().Head)
				}
				b.node.lies(nil)
				b.settle()
				b.eventually("all is well", func() bool { return b.rail.Status().Err == nil })
				if told := b.book.told(tx); told != "seen@0" {
					t.Errorf("%s: afterwards told %q", method, told)
				}
				b.chain.Mine(1)
				b.settle()
			}
		})
	}
}

func twoGigabytes(w http.ResponseWriter) {
	w.Header().Set("Content-Length", fmt.Sprint(2<<30))
	endless(w)
}

// case 25: an answer that never ends is read up to the bound, and no longer than that.
func TestAnswersAreBounded(t *testing.T) {
	const limit = 1 << 16
	for name, length := range map[string]string{"that says its length": fmt.Sprint(2 << 30), "that does not": ""} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":"`)
				for r.Context().Err() == nil { // until nobody listens
					if _, err := io.WriteString(w, strings.Repeat("a", 1<<12)); err != nil {
						return
					}
				}
			}))
			t.Cleanup(server.Close)
			n, err := newNode(server.URL, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(n.http.CloseIdleConnections)
			n.http.Transport = bounded{n.http.Transport.(bounded).next, limit}
			var answer string
			if err := n.call(t.Context(), &answer, "eth_chainId"); !errors.Is(err, errTooLarge) || !refused(err) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// An outage is logged once when it begins and once when it ends, and the pauses double to 15 seconds.
func TestOutagePauses(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	b.chain.Mine(1)
	b.settle()
	before := len(b.paused())
	b.node.lies(func(call) *answer { return &answer{status: 503} })
	asked := b.node.asked("eth_getBlockByNumber")
	b.eventually("twelve tries", func() bool { return b.node.asked("eth_getBlockByNumber") >= asked+12 })
	b.node.lies(nil)
	b.chain.Mine(1)
	b.settle()
	b.eventually("all is well", func() bool { return b.rail.Status().Err == nil })
	var pauses []time.Duration
	for _, d := range b.paused()[before:] {
		if d != b.cfg.Poll {
			pauses = append(pauses, d)
		}
	}
	want := 250 * time.Millisecond
	for i, d := range pauses {
		if d != want {
			t.Errorf("pause %d is %s, want %s", i, d, want)
		}
		want = min(2*want, 15*time.Second)
	}
	if len(pauses) < 10 {
		t.Errorf("only %d pauses", len(pauses))
	}
	log := b.log.String()
	if strings.Count(log, "watching is interrupted") != 1 || strings.Count(log, "watching goes on") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// case 17, for a node that is polled: a log marked as removed is no payment, though the node lists it.
func TestRemovedLog(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
		return strings.ReplaceAll(string(result), `"removed":false`, `"removed":true`)
	}}))
	tx := b.pay("USDT", alice, 5)
	b.chain.Mine(1)
	number, _ := b.head()
	b.eventually("the block is told", func() bool { return b.book.stored().Head == number })
	if told := b.book.told(tx); told != "" {
		t.Errorf("told %q", told)
	}
}

// case 19: a receipt of a failed transaction brings nothing, whatever logs it shows.
func TestFailedReceipt(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	b.node.lies(func(c call) *answer {
		switch c.Method {
		case "eth_getLogs":
			return &answer{fault: `{"code":-32005,"message":"limit exceeded"}`}
		case "eth_getBlockReceipts":
			return &answer{edit: func(result []byte) string {
				return strings.Replace(string(result), `"status":"0x1"`, `"status":"0x0"`, 1)
			}}
		}
		return nil
	})
	failed, good := b.pay("USDT", alice, 5), b.pay("USDT", alice, 6)
	b.chain.Mine(1)
	number, _ := b.head()
	b.eventually("the block is told", func() bool { return b.book.stored().Head == number })
	if b.book.told(failed) != "" || b.book.told(good) != "seen@0" {
		t.Errorf("told %q and %q", b.book.told(failed), b.book.told(good))
	}
}

// Logs of blocks that were not asked for, or of a block that is not on the node's chain, are a contradiction:
// nothing is told and nothing moves.
func TestForeignLogs(t *testing.T) {
	for _, behind := range []int{0, 200} {
		for name, change := range map[string][2]string{
			"block number": {`"blockNumber":"0x`, `"blockNumber":"0x99`},
			"block hash":   {`"blockHash":"0x`, `"blockHash":"0x` + strings.Repeat("9", 64)},
		} {
			t.Run(fmt.Sprintf("%s, %d behind", name, behind), func(t *testing.T) {
				b := newBench(t, alice)
				b.start()
				b.stop()
				before := b.book.stored().Head
				b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
					text := strings.ReplaceAll(string(result), change[0], change[1])
					if name == "block hash" { // cut to the right length
						parts := strings.Split(text, change[1])
						for i := 1; i < len(parts); i++ {
							parts[i] = parts[i][64:]
						}
						text = strings.Join(parts, change[1])
					}
					return text
				}}))
				tx := b.pay("USDT", alice, 5)
				b.chain.Mine(1 + behind)
				b.launch()
				b.eventually("three tries", func() bool { return b.node.asked("eth_getLogs") >= 3 })
				if b.book.told(tx) != "" || b.book.stored().Head != before {
					t.Errorf("told %q, cursor at %d", b.book.told(tx), b.book.stored().Head)
				}
				b.node.lies(nil)
				b.settle()
			})
		}
	}
}

// The logs of an earlier block in answer to a question about a later one, near the head and far from it.
func TestLogsOfAnEarlierBlock(t *testing.T) {
	for _, behind := range []int{0, 200} {
		t.Run(fmt.Sprint(behind, " behind"), func(t *testing.T) {
			b := newBench(t, alice)
			b.start()
			var earlier string
			b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
				earlier = string(result)
				return earlier
			}}))
			b.pay("USDT", alice, 5)
			b.chain.Mine(1)
			b.settle()
			b.stop()
			b.node.lies(of("eth_getLogs", &answer{edit: func([]byte) string { return earlier }}))
			b.node.forget()
			b.chain.Mine(1 + behind)
			b.launch()
			b.eventually("three tries", func() bool { return b.node.asked("eth_getLogs") >= 3 })
			if head := b.book.stored().Head; head != 1 || b.rail.Status().Err == nil {
				t.Errorf("cursor at %d, status %+v", head, b.rail.Status())
			}
			b.node.lies(nil)
			b.settle()
		})
	}
}

// case 25: a node that lost its place tells of no transfers in a range far from the head, and has another block at its end right
// afterwards: that is no range without transfers.
func TestNodeLosesItsPlace(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	b.settle()
	b.stop()
	tx := b.pay("USDT", alice, 5)
	b.chain.Mine(200)
	var lost atomic.Bool
	hash := regexp.MustCompile(`"hash":"0x[0-9a-f]{64}"`)
	b.node.lies(func(c call) *answer {
		switch {
		case c.Method == "eth_getLogs":
			lost.Store(true)
			return &answer{result: "[]"}
		case c.Method == "eth_getBlockByNumber" && lost.CompareAndSwap(true, false):
			return &answer{edit: func(result []byte) string {
				return hash.ReplaceAllString(string(result), `"hash":"0x`+strings.Repeat("1", 64)+`"`)
			}}
		}
		return nil
	})
	b.node.forget()
	before := b.book.stored().Head
	b.launch()
	b.eventually("three tries", func() bool { return b.node.asked("eth_getLogs") >= 3 })
	if head := b.book.stored().Head; head != before || b.book.told(tx) != "" {
		t.Errorf("cursor moved from %d to %d, told %q", before, head, b.book.told(tx))
	}
	b.node.lies(nil)
	b.settle()
	if told := b.book.told(tx); told != "confirmed@0" {
		t.Errorf("afterwards told %q", told)
	}
}

// A block that was not asked for is no answer.
func TestAnotherBlock(t *testing.T) {
	b := newBench(t)
	b.chain.Mine(3)
	n, err := newNode(b.node.url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer n.http.CloseIdleConnections()
	first, err := n.byNumber(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.byHash(t.Context(), first.hash); err != nil {
		t.Fatal(err)
	}
	second := b.block(2)
	b.node.lies(func(call) *answer { return &answer{result: second} })
	if got, err := n.byNumber(t.Context(), 1); err == nil {
		t.Errorf("asked for block 1, got %+v", got)
	}
	if got, err := n.byHash(t.Context(), first.hash); err == nil {
		t.Errorf("asked for block %s, got %+v", first.hash, got)
	}
}

func TestNew(t *testing.T) {
	token := Token{Asset: usdt, Contract: [20]byte{1}}
	good := Config{Network: network, ChainID: 1337, RPC: []string{"http://127.0.0.1:1/v2/SECRETKEY"}, Confirmations: 1, Tokens: []Token{token}}
	r, err := New(good, Opts{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Name() != rail.Name("evm:dev") {
		t.Errorf("name %s", r.Name())
	}
	node := r.nodes.list[0]
	transport := node.http.Transport.(bounded)
	if transport.next.Proxy != nil || transport.limit != maxAnswer || node.timeout != defaultTimeout {
		t.Errorf("the node's client: %+v, timeout %s", transport, node.timeout)
	}
	for name, change := range map[string]func(*Config){
		"no network":          func(c *Config) { c.Network = "" },
		"no chain id":         func(c *Config) { c.ChainID = 0 },
		"no confirmations":    func(c *Config) { c.Confirmations = 0 },
		"a negative poll":     func(c *Config) { c.Poll = -1 },
		"a negative timeout":  func(c *Config) { c.Timeout = -1 },
		"no node":             func(c *Config) { c.RPC = nil },
		"a node twice":        func(c *Config) { c.RPC = []string{c.RPC[0], c.RPC[0]} },
		"a websocket":         func(c *Config) { c.RPC = []string{"ws://127.0.0.1/SECRETKEY"} },
		"no URL":              func(c *Config) { c.RPC = []string{"http://SECRETKEY:%zz/"} },
		"no token":            func(c *Config) { c.Tokens = nil },
		"a token twice":       func(c *Config) { c.Tokens = []Token{token, token} },
		"an asset twice":      func(c *Config) { c.Tokens = []Token{token, {Asset: usdt, Contract: [20]byte{2}}} },
		"no contract":         func(c *Config) { c.Tokens = []Token{{Asset: usdt}} },
		"no asset":            func(c *Config) { c.Tokens = []Token{{Contract: [20]byte{1}}} },
		"another net's asset": func(c *Config) { c.Tokens[0].Asset = money.MustAsset("USDT", "tron", 6) },
	} {
		cfg := good
		cfg.Tokens = []Token{token}
		change(&cfg)
		_, err := New(cfg, Opts{})
		if err == nil || strings.Contains(err.Error(), "SECRETKEY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The URL carries a key: no error, status or log line shows it.
func TestURLIsSecret(t *testing.T) {
	b := newBench(t, alice)
	b.cfg.RPC = []string{"http://user:SECRETKEY@127.0.0.1:1/SECRETKEY"} // nobody listens there
	b.launch()
	b.eventually("trouble", func() bool { return b.rail.Status().Err != nil })
	text := b.rail.Status().Err.Error() + b.log.String()
	if strings.Contains(text, "SECRETKEY") || !strings.Contains(text, "refused") {
		t.Error(text)
	}
}

// case 32: spellings of an address.
func TestParseAddress(t *testing.T) {
	const good = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
	for spelling, ok := range map[string]bool{
		good:                               true,
		strings.ToLower(good):              true,
		"0x" + strings.ToUpper(good[2:]):   true,
		"0x" + "a" + good[3:]:              false, // one letter in the other case
		strings.Replace(good, "b", "B", 1): false,
	} {
		canonical, checksumOK, err := ParseAddress(spelling)
		if err != nil || canonical != good || checksumOK != ok {
			t.Errorf("%s: %s, %v, %v", spelling, canonical, checksumOK, err)
		}
	}
	for _, bad := range []string{
		"", "0x", good[2:], "0X" + good[2:], good + "0", good[:41], " " + good, good + "\n",
		"0x" + strings.Repeat("0", 40), "0x" + strings.Repeat("g", 40), strings.Repeat("é", 21),
		"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
	} {
		if canonical, _, err := ParseAddress(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, canonical)
		}
	}
}

// case 5: the largest amount a contract can move is told to the last unit.
func TestLargestAmount(t *testing.T) {
	b := newBench(t, alice)
	b.start()
	largest := strings.Repeat("f", 64)
	b.node.lies(of("eth_getLogs", &answer{edit: func(result []byte) string {
		i := strings.Index(string(result), `"data":"0x`)
		if i < 0 {
			return string(result)
		}
		i += len(`"data":"0x`)
		return string(result[:i]) + largest + string(result[i+64:])
	}}))
	tx := b.pay("USDT", alice, 5)
	b.chain.Mine(1)
	b.eventually("the payment", func() bool { return b.book.told(tx) != "" })
	const want = "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	b.book.set(func(k *book) {
		if o := k.words[0]; o.Amount.Units() != want || o.Rank != order.RankSeen {
			t.Errorf("told %s", o.Amount.Units())
		}
	})
}
