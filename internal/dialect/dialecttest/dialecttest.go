// Package dialecttest plays the same scenarios against every API, over the real engine on a real database:
// what happens to money must not depend on the API it was asked through. Each scenario says what the payer
// does, where the order must then stand, which webhooks tell of it, and what must be booked: a list of
// (account role, sign, amount) that is the same for every API.
//
// scenarios.go holds them. To add an API: write a Face in its test and call Run.
package dialecttest

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store"
)

// Face is one API as the scenarios play it.
type Face struct {
	// Open wires the API over the house and returns a client of the house's merchant.
	Open func(h *House) Client
	// Words are the API's own for where an order stands and what it is told of.
	Words Words
	// Leaves names the scenarios that the API's contract has no room for, and why.
	Leaves map[string]string
}

// Words translate the scenarios' outcomes.
type Words struct {
	Open, Completed, Expired     string // status
	CompletedEvent, ExpiredEvent string // events; empty: the API tells none
}

// Client asks for orders through the API. What it does not expect fails the test.
type Client interface {
	dialect.Dialect
	// Place makes an order over a decimal amount of the house's first token and returns its public id.
	Place(reference, amount string) (id string)
	// PlaceAgain repeats a reference and returns the public id that the refusal or the answer names.
	PlaceAgain(reference, amount string) (id string)
	// Status is what the API says of the order.
	Status(id string) string
}

// House is the engine under the API, with a clock that is moved by hand and a chain that says what it is
// told to say.
type House struct {
	*testing.T
	Engine  *engine.Engine
	Network engine.Network
	Scope   engine.Scope // of the merchant whose orders are made; Dialect is the API's
	Log     *slog.Logger

	client Client
	words  Words
	now    time.Time
	head   uint64
	epoch  uint64
}

const (
	merchant = "merchant"
	window   = 10 * time.Minute // every API makes its orders payable for this long
	grace    = 5 * time.Minute  // and counts what is sent this much later
)

var (
	first  = money.MustAsset("USDT", "ethereum-sepolia", 6)
	second = money.MustAsset("USDC", "ethereum-sepolia", 6)
)

// Run plays every scenario against an API, each on a database of its own.
func Run(t *testing.T, name string, face Face) {
	for left := range face.Leaves {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == left }) {
			t.Errorf("there is no scenario %q to leave out", left)
		}
	}
	for _, s := range scenarios {
		if _, left := face.Leaves[s.name]; left {
			continue
		}
		t.Run(s.name, func(t *testing.T) { s.play(open(t, name, face)) })
	}
}

func open(t *testing.T, name string, face Face) *House {
	h := &House{
		T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), head: 1000, words: face.Words,
		Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: name},
		Log:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		Network: engine.Network{
			ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox,
			Rail: "evm:ethereum-sepolia", ChainID: 11155111, Confirmations: 3,
			Tokens: []engine.Token{{Asset: first}, {Asset: second}},
		},
	}
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: h.Now, Log: h.Log})
	h.must(err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Engine = engine.New(db, []engine.Network{h.Network}, nil)
	h.must(h.Engine.SaveMerchant(t.Context(), engine.Merchant{ID: merchant, Name: merchant}))
	pool := engine.Pool{Merchant: merchant, Mode: engine.Sandbox, Family: engine.EVM}
	_, err = h.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: address(1)}, {Value: address(2)}, {Value: address(3)}})
	h.must(err)
	h.told()
	h.client = face.Open(h)
	return h
}

// Now is the house's clock.
func (h *House) Now() time.Time { return h.now }

func address(n int) string { return fmt.Sprintf("0x%040d", n) }

func (h *House) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// placed is an order under play.
type placed struct {
	id, address string
}

func (h *House) place(reference, amount string) placed {
	h.Helper()
	id := h.client.Place(reference, amount)
	s, err := h.Engine.Story(h.Context(), id)
	h.must(err)
	return placed{id: id, address: s.Order.Instrument.Value}
}

// payment is a transfer; its block is where it was mined last.
type payment struct {
	tx    string
	to    string
	units money.Amount
	block uint64
	at    time.Time
	epoch uint64
}

// mine puts a transfer of a decimal amount into the next block; it is seen and not yet final.
func (h *House) mine(o placed, tx, amount string, asset money.Asset) payment {
	h.Helper()
	units, err := money.Parse(asset, amount)
	h.must(err)
	h.pass(time.Second)
	p := payment{tx: tx, to: o.address, units: units, block: h.head + 1, at: h.now, epoch: h.epoch}
	h.tell(p, order.RankSeen)
	return p
}

// pay is mine, and then as many blocks as make it final.
func (h *House) pay(o placed, tx, amount string) payment {
	h.Helper()
	p := h.mine(o, tx, amount, first)
	h.confirm(p)
	return p
}

func (h *House) confirm(p payment) {
	h.Helper()
	h.pass(time.Second)
	h.told()
	h.tell(p, order.RankConfirmed)
}

// reverse takes a payment's block out of the chain.
func (h *House) reverse(p payment) {
	h.Helper()
	h.tell(p, order.RankReversed)
	h.epoch++
}

// tell reports one word about a payment.
func (h *House) tell(p payment, rank order.Rank) {
	h.Helper()
	h.told(rail.Observation{
		External: p.tx, Instrument: p.to, Epoch: p.epoch, Rank: rank, Amount: p.units, Value: p.at,
		Evidence: order.Evidence{Tx: p.tx, Block: p.block, BlockHash: fmt.Sprintf("0x%x", p.block), To: p.to},
	})
}

// told reports a block at the house's time, and what was seen in it.
func (h *House) told(seen ...rail.Observation) {
	h.Helper()
	h.head++
	h.must(h.Engine.Observe(h.Context(), h.Network, engine.Report{
		Progress: engine.Progress{Rail: h.Network.Rail, Cursor: rail.Cursor{Horizon: h.now, Head: h.head}, Fence: 1},
		Seen:     seen,
	}))
	h.tick()
}

func (h *House) tick() {
	h.Helper()
	_, err := h.Engine.Tick(h.Context(), h.Network.Mode, h.Network.Rail, h.now)
	h.must(err)
}

// pass lets time pass without a word of the chain; passTo also tells a block then.
func (h *House) pass(d time.Duration) { h.now = h.now.Add(d) }

func (h *House) passTo(d time.Duration) {
	h.Helper()
	h.pass(d)
	h.told()
}

// stands checks what the API says of the order.
func (h *House) stands(o placed, status string) {
	h.Helper()
	if got := h.client.Status(o.id); got != status {
		h.Errorf("the order is %q, want %q", got, status)
	}
}

// tells checks which webhooks the order's events make, in order.
func (h *House) tells(o placed, want ...string) {
	h.Helper()
	s, err := h.Engine.Story(h.Context(), o.id)
	h.must(err)
	var got []string
	for _, ev := range s.Events {
		if _, kind, _, ok := h.client.Tell(ev, s.Order); ok && (kind == h.words.CompletedEvent || kind == h.words.ExpiredEvent) {
			got = append(got, kind)
		}
	}
	want = slices.DeleteFunc(want, func(kind string) bool { return kind == "" })
	if !slices.Equal(got, want) {
		h.Errorf("the webhooks are %q, want %q", got, want)
	}
}

// books checks everything that was ever booked for the order: "role +amount" or "role -amount", in whole
// units of its asset, in the order of booking.
func (h *House) books(o placed, want ...string) {
	h.Helper()
	s, err := h.Engine.Story(h.Context(), o.id)
	h.must(err)
	var got []string
	for _, e := range s.Entries {
		for _, p := range e.Postings {
			amount := strings.TrimSuffix(p.Amount.Decimal(), ".000000")
			got = append(got, fmt.Sprintf("%s -%s", p.From.Kind(), amount), fmt.Sprintf("%s +%s", p.To.Kind(), amount))
		}
	}
	if !slices.Equal(got, want) {
		h.Errorf("booked:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if s.Order.State.Terminal() {
		for _, b := range s.Order.Balances {
			if strings.HasSuffix(string(b.Account), "/order/in") {
				h.Errorf("an ended order keeps %s in", b.Amount)
			}
		}
	}
}
