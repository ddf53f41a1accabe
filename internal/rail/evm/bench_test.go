package evm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/simchain"
)

const (
	network       = "dev"
	confirmations = 3
	patience      = time.Minute // how long a condition is waited for
	smallAnswer   = 2 << 20     // bytes read of an answer
)

var (
	usdt = money.MustAsset("USDT", network, 6)
	usdc = money.MustAsset("USDC", network, 6)
)

// bench is a watcher on a real chain, with a proxy in between that can lie and a book that keeps what
// is reported.
type bench struct {
	t      *testing.T
	chain  *simchain.Chain
	node   *proxy
	book   *book
	cfg    Config
	log    *lines
	now    func() time.Time // nil: the system's
	rail   *Rail
	cancel context.CancelFunc
	done   chan error

	started bool
	gone    map[string]bool // payments of another chain, which stay in the book as they are
	born    uint64          // the head at the first start: what is older is not told

	mu     sync.Mutex
	kill   context.CancelFunc // ends the present run of Watch; another begins from the stored cursor
	pauses []time.Duration    // what Wait was asked for
}

func newBench(t *testing.T, addresses ...string) *bench {
	t.Helper()
	chain, err := simchain.Start(simchain.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	b := &bench{t: t, chain: chain, node: newProxy(t, chain.RPCURL()), log: &lines{}}
	b.book = &book{t: t, known: map[string]bool{}, payments: map[string]rail.Observation{}}
	for _, a := range addresses {
		b.book.known[a] = true
	}
	b.cfg = Config{
		Network:       network,
		ChainID:       chain.ChainID(),
		RPC:           []string{b.node.url},
		Confirmations: confirmations,
		Tokens: []Token{
			{Asset: usdt, Contract: chain.Tokens()["USDT"].Address},
			{Asset: usdc, Contract: chain.Tokens()["USDC"].Address},
		},
		Poll: time.Millisecond,
	}
	t.Cleanup(func() {
		if b.cancel != nil {
			b.stop()
		}
	})
	return b
}

// start starts the watcher from the stored cursor; stop ends it.
func (b *bench) start() {
	b.t.Helper()
	b.launch()
	b.eventually("the first cursor", func() bool { return len(b.book.stored().State) > 0 })
	if !b.started {
		b.started, b.born = true, b.book.stored().Head
	}
}

func (b *bench) launch() {
	b.t.Helper()
	r, err := New(b.cfg, Opts{Now: b.now, Log: slog.New(slog.NewTextHandler(b.log, nil)), Wait: b.wait})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, n := range r.nodes.list {
		n.http.Transport = bounded{n.http.Transport.(bounded).next, smallAnswer} // 64 MiB take long to make
	}
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(context.Background())
	b.rail, b.done = r, make(chan error, 1)
	done := b.done
	go func() {
		for {
			run, kill := context.WithCancel(ctx)
			b.mu.Lock()
			b.kill = kill
			b.mu.Unlock()
			err := r.Watch(run, b.book.stored(), b.book, b.book.report)
			killed := run.Err() != nil && ctx.Err() == nil
			kill()
			if !killed {
				done <- err
				return
			}
		}
	}()
}

// restart ends the watcher wherever it is and starts it from the stored cursor.
func (b *bench) restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kill()
}

func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	if err := b.ended(); !errors.Is(err, context.Canceled) {
		b.t.Fatalf("Watch returned %v", err)
	}
}

// ended waits until Watch returns.
func (b *bench) ended() error {
	b.t.Helper()
	b.cancel = nil
	select {
	case err := <-b.done:
		return err
	case <-time.After(patience):
		b.t.Fatal("Watch did not return")
		return nil
	}
}

// wait makes every pause short and remembers how long it should have been.
func (b *bench) wait(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	b.pauses = append(b.pauses, d)
	b.mu.Unlock()
	return wait(ctx, min(d, time.Millisecond))
}

func (b *bench) paused() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.pauses)
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-deadline:
			status := Status{}
			if b.rail != nil {
				status = b.rail.Status()
			}
			b.t.Fatalf("%s: not within %s; status %+v; log:\n%s", what, patience, status, b.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// pay sends units of a token and returns the transaction's hash; mine it with b.chain.Mine.
func (b *bench) pay(token, to string, units int64) string {
	b.t.Helper()
	return b.payBig(b.chain.Tokens()[token].Address, to, big.NewInt(units))
}

func (b *bench) payBig(token common.Address, to string, units *big.Int) string {
	b.t.Helper()
	hash, err := b.chain.Transfer(context.Background(), token, common.HexToAddress(to), units)
	if err != nil {
		b.t.Fatal(err)
	}
	return hash.Hex()
}

func (b *bench) reorg(depth int, keep bool) {
	b.t.Helper()
	if err := b.chain.Reorg(depth, keep); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) head() (uint64, common.Hash) {
	b.t.Helper()
	h, err := b.chain.Client().HeaderByNumber(context.Background(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return h.Number.Uint64(), h.Hash()
}

// settle waits until the chain's head is told, then compares everything told with the chain itself:
// every transfer of a listed token to a known address since the start is in the book, under its block,
// at its depth; everything else in the book is reversed.
func (b *bench) settle() {
	b.t.Helper()
	number, hash := b.head()
	b.eventually("the head is told", func() bool {
		c := b.book.stored()
		if c.Head != number {
			return false
		}
		at, err := decodeState(c.State)
		return err == nil && at.last().Hash == hash
	})
	want, got := b.canonical(number), b.book.standing()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			b.t.Errorf("on the chain: %s %s\n in the book: %s", key, want[key], got[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok && !b.gone[key] {
			b.t.Errorf("in the book and not on the chain: %s %s", key, got[key])
		}
	}
	if b.t.Failed() {
		b.t.Fatalf("log:\n%s", b.log)
	}
}

// canonical reads the chain directly.
func (b *bench) canonical(head uint64) map[string]string {
	b.t.Helper()
	assets := map[common.Address]money.Asset{}
	for _, t := range b.cfg.Tokens {
		assets[t.Contract] = t.Asset
	}
	logs, err := b.chain.Client().FilterLogs(context.Background(), ethereum.FilterQuery{
		FromBlock: new(big.Int).SetUint64(b.born + 1), ToBlock: new(big.Int).SetUint64(head),
		Addresses: slices.Collect(maps.Keys(assets)),
	})
	if err != nil && head > b.born {
		b.t.Fatal(err)
	}
	standing := map[string]string{}
	for _, l := range logs {
		to, units := common.BytesToAddress(l.Topics[2][:]).Hex(), new(big.Int).SetBytes(l.Data)
		if !b.book.has(to) || units.Sign() == 0 {
			continue
		}
		block, err := b.chain.Client().HeaderByHash(context.Background(), l.BlockHash)
		if err != nil {
			b.t.Fatal(err)
		}
		rank := order.RankSeen
		if head-l.BlockNumber+1 >= uint64(b.cfg.Confirmations) {
			rank = order.RankConfirmed
		}
		key := fmt.Sprintf("%s/%s/%s/0", l.TxHash.Hex(), strings.ToLower(l.Address.Hex()), strings.ToLower(to))
		standing[key] = fmt.Sprintf("rank %d, %s %s to %s in %d %s at %d", rank, units, assets[l.Address], to, l.BlockNumber, l.BlockHash, block.Time)
	}
	return standing
}

// book is a rail.Book and the far side of report: it stores cursor and observations together and
// keeps the largest (epoch, rank) of each payment.
type book struct {
	t        *testing.T
	mu       sync.Mutex
	cursor   rail.Cursor
	known    map[string]bool
	many     bool // answers Few as if there were too many
	payments map[string]rail.Observation
	words    []rail.Observation // every word that was news
	reports  int
	fails    func(report int) (stored bool, err error) // makes a report fail, after storing it or not
}

func (k *book) report(ctx context.Context, to rail.Cursor, seen []rail.Observation) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	k.reports++
	stored, failure := true, error(nil)
	if k.fails != nil {
		if stored, failure = k.fails(k.reports); !stored && failure != nil {
			return failure
		}
	}
	for _, o := range seen {
		if o.Rank != order.RankReversed && o.Evidence.Block > to.Head {
			k.t.Errorf("block %d is told with a cursor at %d", o.Evidence.Block, to.Head)
		}
		if !k.known[o.Instrument] {
			k.t.Errorf("a payment to %s, which is not known here", o.Instrument)
		}
		had, ok := k.payments[o.External]
		if ok && (o.Epoch < had.Epoch || o.Epoch == had.Epoch && o.Rank <= had.Rank) {
			if o.Epoch < had.Epoch || o.Rank < had.Rank {
				k.t.Errorf("rank %d of epoch %d is told of a payment at rank %d of epoch %d", o.Rank, o.Epoch, had.Rank, had.Epoch)
			}
			continue
		}
		k.payments[o.External] = o
		k.words = append(k.words, o)
	}
	k.cursor = to
	return failure
}

func (k *book) Known(_ context.Context, values []string) (map[string]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := map[string]bool{}
	for _, v := range values {
		if k.known[v] {
			found[v] = true
		}
	}
	return found, nil
}

func (k *book) Few(_ context.Context, max int) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.many || len(k.known) > max {
		return nil, nil
	}
	return append([]string{}, slices.Sorted(maps.Keys(k.known))...), nil
}

func (k *book) Since(_ context.Context, from uint64) ([]rail.Mark, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var marks []rail.Mark
	for _, p := range k.payments {
		if p.Evidence.Block >= from && (p.Rank == order.RankSeen || p.Rank == order.RankConfirmed) {
			marks = append(marks, rail.Mark{Observation: p, Confirmed: p.Rank == order.RankConfirmed})
		}
	}
	slices.SortFunc(marks, func(a, b rail.Mark) int { return int(a.Evidence.Block) - int(b.Evidence.Block) })
	return marks, nil
}

func (k *book) stored() rail.Cursor {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.cursor
}

func (k *book) has(address string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[address]
}

func (k *book) set(change func(*book)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}

// told is every word told of a transaction so far, as "rank@epoch".
func (k *book) told(tx string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	names := map[order.Rank]string{order.RankSeen: "seen", order.RankConfirmed: "confirmed", order.RankReversed: "reversed"}
	var words []string
	for _, o := range k.words {
		if o.Evidence.Tx == tx {
			words = append(words, fmt.Sprintf("%s@%d", names[o.Rank], o.Epoch))
		}
	}
	return strings.Join(words, " ")
}

// standing are the payments that are not reversed.
func (k *book) standing() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	standing := map[string]string{}
	for key, p := range k.payments {
		if p.Rank != order.RankReversed {
			standing[key] = fmt.Sprintf("rank %d, %s %s to %s in %d %s at %d",
				p.Rank, p.Amount.Units(), p.Amount.Asset(), p.Instrument, p.Evidence.Block, p.Evidence.BlockHash, p.Value.Unix())
		}
	}
	return standing
}

// proxy stands between the watcher and the node and may answer in its place.
type proxy struct {
	url string

	mu     sync.Mutex
	target string
	lie    func(call) *answer
	calls  []call
	honest []chan struct{} // a call each that is answered truly, closed when it was
}

type call struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`

	together []call // those of a batch
}

// answer is what the proxy does instead of passing a call on. Exactly one field is set.
type answer struct {
	body   string                               // sent as it is
	status int                                  // an HTTP status with an HTML page
	result string                               // the JSON of a result
	fault  string                               // the JSON of an error
	edit   func(result []byte) (changed string) // changes the node's own result
	hang   bool                                 // never answers
	cut    bool                                 // sends half of the node's answer and closes
	write  func(http.ResponseWriter)            // writes by itself
}

// batch is the method of a request with several calls.
const batch = "a batch"

func newProxy(t *testing.T, target string) *proxy {
	p := &proxy{target: target}
	closing := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var c call
		if err == nil && bytes.HasPrefix(body, []byte("[")) {
			c.Method = batch
			if json.Unmarshal(body, &c.together) != nil {
				return
			}
		} else if err != nil || json.Unmarshal(body, &c) != nil {
			return // the watcher went away in the middle
		}
		p.mu.Lock()
		p.calls = append(p.calls, c)
		target, a := p.target, (*answer)(nil)
		if p.lie != nil {
			a = p.lie(c)
		}
		if a == nil {
			a = &answer{}
			answered := make(chan struct{})
			defer close(answered)
			p.honest = append(slices.DeleteFunc(p.honest, isClosed), answered)
		}
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		wrap := func(member, value string) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"%s":%s}`, c.ID, member, value)
		}
		switch {
		case a.hang:
			select {
			case <-r.Context().Done():
			case <-closing:
			}
		case a.write != nil:
			a.write(w)
		case a.status != 0:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(a.status)
			io.WriteString(w, "<html><body>Service "+strings.Repeat("very ", 100)+"busy</body></html>")
		case a.body != "":
			io.WriteString(w, a.body)
		case a.result != "":
			io.WriteString(w, wrap("result", a.result))
		case a.fault != "":
			io.WriteString(w, wrap("error", a.fault))
		default:
			request, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, target, bytes.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			if a.cut {
				text = text[:len(text)/2]
			}
			if a.edit != nil {
				var said struct{ Result json.RawMessage }
				_ = json.Unmarshal(text, &said)
				text = []byte(wrap("result", a.edit(said.Result)))
			}
			w.Write(text)
		}
	}))
	p.url = server.URL
	t.Cleanup(func() {
		close(closing)
		server.Close()
	})
	return p
}

// lies installs what is answered in the node's place; nil is the truth again. Calls that were to be
// answered truly are waited for: such an answer could else tell of blocks that are mined afterwards.
func (p *proxy) lies(lie func(call) *answer) {
	p.mu.Lock()
	p.lie = lie
	honest := slices.Clone(p.honest)
	p.mu.Unlock()
	for _, answered := range honest {
		<-answered
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *proxy) serve(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// asked is how many calls of a method came.
func (p *proxy) asked(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.calls {
		if c.Method == method {
			n++
		}
	}
	return n
}

// forget starts the count of calls anew.
func (p *proxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// of lies about one method only.
func of(method string, a *answer) func(call) *answer {
	return func(c call) *answer {
		if c.Method == method {
			return a
		}
		return nil
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// address makes an address nobody else has, in canonical spelling.
func address(name string) string {
	return common.BytesToAddress(crypto.Keccak256([]byte(name))).Hex()
}
