// Package dialecttest plays the same scenarios against every API, over the real engine on both databases:
// what happens to money must not depend on the API it was asked through. Each scenario says what the payer
// does, where the order must then stand, which webhooks tell of it, and what must be booked: a list of
// (account role, sign, amount) that is the same for every API.
//
// scenarios.go holds them, far.go the rails they are played on. engine.go plays all of them without an API. To add an
// API: write a Face in its test and call Run, with a TestMain that calls pgtest.Stop. A face leaves a scenario out only
// where no kind of order of its contract can come to it; where another kind than its usual one can, Kinds names that.
//
// golden.go and document.go are the other half of an API's tests: files of requests with their answers, and the OpenAPI
// document that each answer is held against.
package dialecttest

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail/sandbox"
	"till/internal/store"
	"till/internal/store/pgtest"
)

// Face is one API as the scenarios play it.
type Face struct {
	// Open wires the API over the house and returns a client of the house's merchant.
	Open func(h *House) Client
	// Far is where its orders are collected; nil: Chain.
	Far func(h *House) Far
	// Networks are what the engine serves beside the chain and the sandbox's rail.
	Networks []engine.Network
	// Words are the API's own for where an order stands and what it is told of.
	Words Words
	// Waits is how long its orders wait for their money, what they allow for its way included; 0: fifteen minutes.
	Waits time.Duration
	// Fits says that by its contract an order is paid by one payment of its amount exactly: any other is set aside as soon as
	// it is final, and the order goes on waiting.
	Fits bool
	// Sends is how often its contract tries a delivery that fails; 0: once.
	Sends int
	// Releases says that by its contract what is collected and cannot be delivered goes to the merchant's balance.
	Releases bool
	// Exchanges says that its orders pay out another asset than they take in, at a rate of one and without a fee. What is
	// booked is then compared without the house's exchange account between the two, see House.books.
	Exchanges bool
	// Kinds are scenarios that another kind of the API's orders plays, each with its face.
	Kinds map[string]Face
	// Leaves names the scenarios that no kind of the API's orders has room for, and why.
	Leaves map[string]string
}

// Words translate the scenarios' outcomes. A status that the API does not have is the one that it shows instead.
type Words struct {
	Open, Completed, Expired, Cancelled, Failed, Refunded                    string // status
	CompletedEvent, ExpiredEvent, CancelledEvent, FailedEvent, RefundedEvent string // events; empty: the API tells none
}

// Client asks for orders through the API. What it does not expect fails the test. It may also be a Canceller, a
// Forwarder or a Refunder.
type Client interface {
	// Tell is the API's own, see dialect.Dialect.
	Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool)
	// Place makes an order over a decimal amount of the first token of its network and returns its public id.
	Place(reference, amount string) (id string)
	// PlaceAgain repeats a reference and returns the public id that the refusal or the answer names.
	PlaceAgain(reference, amount string) (id string)
	// Status is what the API says of the order.
	Status(id string) string
}

// Canceller is a client of an API whose merchants cancel orders. For others an operator does.
type Canceller interface{ Cancel(id string) }

// Forwarder is a client of an API whose orders leave the house: what is collected goes to a destination of the
// sandbox's rail. An API without one leaves delivery_failed out.
type Forwarder interface {
	PlaceTo(reference, amount, to string) (id string)
}

// Refunder is a client of an API whose merchants give a completed order's money back, all of it. For others an
// operator does.
type Refunder interface{ Refund(id, amount string) }

// Fulfiller is a client of an API whose orders are handed over by the merchant once they are paid. What is booked is then
// compared without the account of what is on its way, see House.books.
type Fulfiller interface{ Fulfil() }

// House is the engine under the API, with a clock that is moved by hand and far sides that say what they are
// told to say.
type House struct {
	*testing.T
	Engine *engine.Engine
	Scope  engine.Scope // of the merchant whose orders are made; Dialect is the API's
	Log    *slog.Logger

	far    Far
	office *office
	client Client
	words  Words
	waits  time.Duration // Face.Waits
	fits   bool          // Face.Fits
	sends  int
	gives  bool // Face.Releases
	swaps  bool // Face.Exchanges
	now    time.Time
}

const (
	merchant = "merchant"
	window   = 10 * time.Minute // an API makes its orders payable for this long, where its face does not say otherwise
	grace    = 5 * time.Minute  // and counts what is sent this much later
)

// Run plays every scenario against an API, each on a database of its own, of both kinds.
func Run(t *testing.T, name string, face Face) {
	for _, named := range slices.Concat(slices.Collect(maps.Keys(face.Leaves)), slices.Collect(maps.Keys(face.Kinds))) {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == named }) {
			t.Errorf("there is no scenario %q", named)
		}
	}
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			for _, s := range scenarios {
				if _, left := face.Leaves[s.name]; left {
					continue
				}
				f := face
				if other, ok := face.Kinds[s.name]; ok {
					f = other
				}
				t.Run(s.name, func(t *testing.T) { s.play(open(t, d, name, f)) })
			}
		})
	}
}

// database is a kind of database, and how a new one is opened.
type database struct {
	name string
	open func(t *testing.T, o store.Options) (*store.Store, error)
}

var databases = []database{
	{"sqlite", func(t *testing.T, o store.Options) (*store.Store, error) {
		return store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), o)
	}},
	{"postgres", func(t *testing.T, o store.Options) (*store.Store, error) {
		return store.OpenPostgres(t.Context(), emptyPostgres(t), o)
	}},
}

var emptied struct {
	sync.Once
	url string
}

// emptyPostgres is a new database with an empty schema: the migrations run once for all scenarios.
func emptyPostgres(t *testing.T) string {
	t.Helper()
	emptied.Do(func() {
		url := pgtest.URL(t)
		s, err := store.OpenPostgres(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		emptied.url = url
	})
	return pgtest.Copy(t, emptied.url)
}

func open(t *testing.T, d database, name string, face Face) *House {
	h := &House{
		T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), words: face.Words, waits: cmp.Or(face.Waits, window+grace), fits: face.Fits, sends: max(face.Sends, 1), gives: face.Releases, swaps: face.Exchanges,
		Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: name},
		Log:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	db, err := d.open(t, store.Options{Now: h.Now, Log: h.Log})
	h.must(err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Engine = engine.New(db, append([]engine.Network{chainNetwork, sandboxNetwork}, face.Networks...), nil)
	h.office = newOffice(h)
	if face.Far == nil {
		face.Far = Chain
	}
	h.far = face.Far(h)
	h.must(h.Engine.SaveMerchant(t.Context(), engine.Merchant{ID: merchant, Name: merchant}))
	for i, pool := range []engine.Pool{{Merchant: merchant, Mode: engine.Sandbox, Family: engine.EVM}, engine.HousePool(engine.Sandbox, engine.EVM)} {
		_, err = h.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: address(3*i + 1)}, {Value: address(3*i + 2)}, {Value: address(3*i + 3)}})
		h.must(err)
	}
	h.far.Told()
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
	id, instrument string
}

func (h *House) place(reference, amount string) placed {
	h.Helper()
	return h.placed(h.client.Place(reference, amount))
}

// placeTo places an order whose money goes to a destination of the sandbox's rail.
func (h *House) placeTo(reference, amount, to string) placed {
	h.Helper()
	c, ok := h.client.(Forwarder)
	if !ok {
		h.Fatal("the client is no Forwarder, and the scenario is not left out")
	}
	return h.placed(c.PlaceTo(reference, amount, to))
}

func (h *House) placed(id string) placed {
	h.Helper()
	return placed{id: id, instrument: h.story(placed{id: id}).Order.Instrument.Value}
}

func (h *House) story(o placed) engine.Story {
	h.Helper()
	s, err := h.Engine.Story(h.Context(), o.id)
	h.must(err)
	return s
}

// see makes a payment of a decimal amount known; it is not final.
func (h *House) see(o placed, id, amount string, asset money.Asset) Payment {
	h.Helper()
	units, err := money.Parse(asset, amount)
	h.must(err)
	h.pass(time.Second)
	p := Payment{ID: id, To: o.instrument, Amount: units}
	h.far.Tell(p, order.RankSeen)
	return p
}

// first is what orders ask for, second something else.
func (h *House) first() money.Asset  { return h.far.Network().Tokens[0].Asset }
func (h *House) second() money.Asset { return h.far.Network().Tokens[1].Asset }

// pay makes a payment that becomes final.
func (h *House) pay(o placed, id, amount string) Payment {
	h.Helper()
	p := h.see(o, id, amount, h.first())
	h.confirm(p)
	return p
}

func (h *House) confirm(p Payment) {
	h.Helper()
	h.pass(time.Second)
	h.far.Told()
	h.far.Tell(p, order.RankConfirmed)
	if f, ok := h.client.(Fulfiller); ok {
		f.Fulfil()
	}
}

// cancel ends the order, as its merchant where the API lets him.
func (h *House) cancel(o placed) {
	h.Helper()
	if c, ok := h.client.(Canceller); ok {
		c.Cancel(o.id)
		return
	}
	_, err := h.Engine.Cancel(h.Context(), h.story(o).Order.ID, order.ByOperator, "operator", "")
	h.must(err)
}

// refund gives back all that the order brought, as its merchant where the API lets him.
func (h *House) refund(o placed, amount string) {
	h.Helper()
	if c, ok := h.client.(Refunder); ok {
		c.Refund(o.id, amount)
		return
	}
	units, err := money.Parse(h.first(), amount)
	h.must(err)
	_, err = h.Engine.Refund(h.Context(), engine.NewRefund{
		OrderID: h.story(o).Order.ID, ID: "refund of " + o.id, Amount: units, From: ledger.Merchant, Actor: order.ByOperator, Who: "operator",
		To: engine.Destination{Rail: sandbox.Name, To: sandbox.OK},
	})
	h.must(err)
}

// send sends what waits to leave the house, and hears what became of it.
func (h *House) send() {
	h.Helper()
	h.pass(time.Second)
	h.office.send()
}

func (h *House) tick() {
	h.Helper()
	for _, n := range []engine.Network{h.far.Network(), sandboxNetwork} {
		_, err := h.Engine.Tick(h.Context(), n.Mode, n.Rail, h.now)
		h.must(err)
	}
}

// pass lets time pass without a word of the chain; passTo also tells a block then.
func (h *House) pass(d time.Duration) { h.now = h.now.Add(d) }

func (h *House) passTo(d time.Duration) {
	h.Helper()
	h.pass(d)
	h.far.Told()
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
	s := h.story(o)
	w := h.words
	ends := []string{w.CompletedEvent, w.ExpiredEvent, w.CancelledEvent, w.FailedEvent, w.RefundedEvent}
	var got []string
	for _, ev := range s.Events {
		if _, kind, _, ok := h.client.Tell(ev, s.Order); ok && slices.Contains(ends, kind) {
			got = append(got, kind)
		}
	}
	want = slices.DeleteFunc(want, func(kind string) bool { return kind == "" })
	if !slices.Equal(got, want) {
		h.Errorf("the webhooks are %q, want %q", got, want)
	}
}

// books checks everything that was ever booked for the order: "role +amount" or "role -amount", in whole
// units of its asset, in the order of booking. An exchange at a rate of one is two postings where a scenario says one:
// so much into the house's exchange account, and as much of the other asset out of it at once. Both are compared as the
// one posting from where the money came to where it went.
func (h *House) books(o placed, want ...string) {
	h.Helper()
	s := h.story(o)
	var got []string
	_, fulfils := h.client.(Fulfiller)
	for _, e := range s.Entries {
		for i, p := range e.Postings {
			from, amount := p.From.Kind(), whole(p.Amount)
			if fulfils && p.To.Kind() == ledger.Out {
				continue
			}
			if fulfils && from == ledger.Out {
				from = ledger.In
			}
			if h.swaps && i+1 < len(e.Postings) && p.To.Kind() == ledger.FX && e.Postings[i+1].From == p.To && whole(e.Postings[i+1].Amount) == amount {
				continue
			}
			if h.swaps && i > 0 && from == ledger.FX && e.Postings[i-1].To == p.From && whole(e.Postings[i-1].Amount) == amount {
				from = e.Postings[i-1].From.Kind()
			}
			got = append(got, fmt.Sprintf("%s -%s", from, amount), fmt.Sprintf("%s +%s", p.To.Kind(), amount))
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

// whole is an amount without the zeros behind its point.
func whole(a money.Amount) string {
	text := a.Decimal()
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}
