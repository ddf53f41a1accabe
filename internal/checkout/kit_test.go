package checkout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page"
	"till/internal/page/pagetest"
	"till/internal/rail"
	"till/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pagetest.Run(m)) }

var (
	usdt  = money.MustAsset("USDT", "ethereum-sepolia", 6)
	usdc  = money.MustAsset("USDC", "ethereum-sepolia", 6)
	chain = engine.Network{ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:ethereum-sepolia",
		ChainID: 11155111, Confirmations: 3, Tokens: []engine.Token{
			{Asset: usdt, Contract: "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0"}, {Asset: usdc, Contract: "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"},
		}}
	scope   = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "face"}
	started = time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC)
)

const (
	window = 10 * time.Minute
	grace  = 5 * time.Minute
	// payTo is the address of the first order.
	payTo = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
)

// house is the checkout on a server, over the real engine, with a clock that is moved by hand and a chain that
// says what it is told to say.
type house struct {
	*testing.T
	engine *engine.Engine
	url    string
	shop   pagetest.Shop // on the same host, where most leaks

	mu    sync.Mutex
	now   time.Time
	head  uint64
	title string
	back  string
	seen  int
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// The face of the tests.
func (h *house) Name() string                   { return scope.Dialect }
func (h *house) PageTitle(*engine.Order) string { return h.title }
func (h *house) PageWindow(o *engine.Order) time.Time {
	if len(o.Methods) > 0 {
		return o.Terms.Deadline
	}
	return o.CreatedAt.Add(window)
}
func (h *house) ReturnURL(o *engine.Order) string {
	if !o.State.Terminal() {
		return ""
	}
	return h.back
}

func open(t *testing.T) *house {
	t.Helper()
	return openWith(t, func(h *house) Face { return h })
}

// openWith opens the house with another face than its own.
func openWith(t *testing.T, face func(h *house) Face) *house {
	t.Helper()
	h := &house{T: t, now: started, head: 100}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	opened, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: h.clock, Log: log})
	h.must(err)
	t.Cleanup(func() { h.must(opened.Close()) })
	h.engine = engine.New(opened, []engine.Network{chain, played, kept, service}, nil).WithMethods(ways)
	h.must(h.engine.SaveMerchant(context.Background(), engine.Merchant{ID: scope.Merchant, Name: "Shop"}))
	pool := engine.Pool{Merchant: scope.Merchant, Mode: scope.Mode, Family: engine.EVM}
	_, err = h.engine.ImportInstruments(context.Background(), pool, []engine.Imported{{Value: payTo}, {Value: "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"}})
	h.must(err)
	h.told()
	for _, n := range []engine.Network{played, kept, service} {
		h.must(h.engine.Observe(context.Background(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: 1}}))
	}

	kit, err := page.New(page.Config{Log: log})
	h.must(err)
	c, err := New(Config{Play: h.play, Public: "https://pay.example.com", Engine: h.engine, Kit: kit, Faces: []Face{face(h)}, Now: h.clock, Random: rand.Reader, Log: log,
		Bounds: page.StreamBounds{All: 100, PerClient: 100, Every: 10 * time.Millisecond, Beat: time.Second, Life: time.Minute}})
	h.must(err)
	mux := http.NewServeMux()
	mux.Handle(page.AssetPath, kit.Assets())
	for _, path := range Paths {
		mux.Handle(path, c.Handler(""))
		mux.Handle("/face"+path, http.StripPrefix("/face", c.Handler("face")))
		mux.Handle("/other"+path, http.StripPrefix("/other", c.Handler("other")))
	}
	mux.Handle("/shop/", &h.shop)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	h.url = server.URL
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func amount(t testing.TB, a money.Asset, decimal string) money.Amount {
	t.Helper()
	m, err := money.Parse(a, decimal)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// create makes an order over an amount of USDT.
func (h *house) create(id, reference, due string) *engine.Order {
	h.Helper()
	book := ledger.Wallet(scope.Merchant)
	made, err := h.engine.Create(context.Background(), engine.NewOrder{
		Scope: scope, PublicID: id, Reference: reference, UniqueKey: reference, Network: chain,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			deadline := p.Now.Add(window + grace)
			return order.Terms{
				Book: book, Due: amount(h, usdt, due), To: book.Account(ledger.Merchant), OverAny: true, Instant: true,
				Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(30 * time.Minute),
			}, nil, nil
		},
	})
	h.must(err)
	return made.Order
}

// told is what the chain tells: everything up to now, and these payments.
func (h *house) told(seen ...rail.Observation) {
	h.Helper()
	h.must(h.engine.Observe(context.Background(), chain, engine.Report{
		Progress: engine.Progress{Rail: chain.Rail, Cursor: rail.Cursor{Horizon: h.clock(), Head: h.head}, Fence: 1}, Seen: seen,
	}))
}

// sends is a payment in the next block.
func (h *house) sends(o *engine.Order, a money.Asset, decimal string) rail.Observation {
	h.Helper()
	h.seen++
	h.head++
	p := rail.Observation{
		External: fmt.Sprintf("0x%064x:0", h.seen), Instrument: o.Instrument.Value, Epoch: 1, Rank: order.RankSeen, Amount: amount(h, a, decimal), Value: h.clock(),
		Evidence: order.Evidence{Tx: fmt.Sprintf("0x%064x", h.seen), Block: h.head, BlockHash: "0xb10c", To: o.Instrument.Value},
	}
	h.told(p)
	return p
}

// confirms makes a payment final.
func (h *house) confirms(p rail.Observation) {
	h.Helper()
	h.head = max(h.head, p.Evidence.Block+2)
	p.Rank = order.RankConfirmed
	h.told(p)
}

// pass lets time go by, and end what it ends.
func (h *house) pass(by time.Duration) {
	h.Helper()
	h.mu.Lock()
	h.now = h.now.Add(by)
	h.mu.Unlock()
	h.told()
	_, err := h.engine.Tick(context.Background(), chain.Mode, chain.Rail, h.clock())
	h.must(err)
}

func (h *house) page(id string) string { return h.url + "/pay/order/" + id }

func (h *house) fetch(url string) (int, string) {
	h.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	h.must(err)
	got, body := answered(h, http.DefaultClient, r)
	return got.StatusCode, body
}

func answered(h *house, client *http.Client, r *http.Request) (*http.Response, string) {
	h.Helper()
	got, err := client.Do(r)
	h.must(err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	h.must(err)
	return got, string(body)
}

// arrives waits until a window went to the shop, by an address that begins so.
func (h *house) arrives(tab *pagetest.Tab, where string) pagetest.Visit {
	h.Helper()
	tab.Until("the window goes to "+where, func() bool { return len(h.shop.Visits()) > 0 })
	first := h.shop.Visits()[0]
	if !strings.HasPrefix(first.URL, where) {
		h.Errorf("the window went to %s, not to %s", first.URL, where)
	}
	return first
}
