package operator

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store"
)

// One order from its creation to its completion on the real engine and a real database, as an operator sees
// it at each step.
func TestStoryOfAnOrder(t *testing.T) {
	ctx := t.Context()
	now := testNow
	clock := func() time.Time { return now }
	log := slog.New(slog.DiscardHandler)
	st, err := store.OpenSQLite(ctx, filepath.Join(t.TempDir(), "till.db"), store.Options{Now: clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	usdt := money.MustAsset("USDT", "some-chain", 6)
	network := engine.Network{ID: "some-chain", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:some-chain", ChainID: 1, Confirmations: 2, Tokens: []engine.Token{{Asset: usdt, Contract: "0x1"}}}
	e := engine.New(st, []engine.Network{network}, nil)
	server := httptest.NewServer(Handler(Config{Engine: e, Auth: auth.New(newTestKeys(), clock), Now: clock, Log: log}))
	defer server.Close()
	c := client.New(server.URL+client.Path, tokenAll, server.Client())

	scope := engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}
	pool := engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM}
	report := func(head uint64, seen ...rail.Observation) {
		t.Helper()
		p := engine.Progress{Rail: network.Rail, Cursor: rail.Cursor{State: []byte("{}"), Head: head, Horizon: now}}
		if err := e.Observe(ctx, network, engine.Report{Progress: p, Seen: seen}); err != nil {
			t.Fatal(err)
		}
	}
	must(t, e.SaveMerchant(ctx, engine.Merchant{ID: "m1", Organisation: "o1", Name: "One"}))
	must(t, e.SaveEndpoint(ctx, engine.Endpoint{ID: "ep_1", Scope: scope, URL: "https://example.com/", Enabled: true}))
	if _, err := e.ImportInstruments(ctx, pool, []engine.Imported{{Value: "0xaddr1"}, {Value: "0xaddr2"}}); err != nil {
		t.Fatal(err)
	}
	report(100)

	book := ledger.Wallet("m1")
	due := money.FromInt(usdt, 100_000_000)
	made, err := e.Create(ctx, engine.NewOrder{Scope: scope, PublicID: "ord_1", Reference: "r-1", UniqueKey: "r-1", Network: network,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: due, To: book.Account(ledger.Merchant), Deadline: p.Now.Add(15 * time.Minute), Instant: true, OverAny: true}, nil, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	address := made.Order.Instrument.Value

	o := mustOrder(t, c)
	if o.State != "waiting" || o.Instrument != address || o.Due.Decimal != "100.000000" || o.Received.Units != "0" || o.Reference != "r-1" ||
		o.Deadline == nil || !o.Deadline.Equal(testNow.Add(15*time.Minute)) || o.EndedAt != nil || len(o.Payments) != 0 || len(o.Entries) != 0 {
		t.Errorf("created: %+v", o)
	}
	counts, err := c.Counts(ctx, "m1", "sandbox", "")
	if err != nil || counts.Total != 2 || counts.Available != 1 || counts.Allocated != 1 {
		t.Errorf("counts %+v %v", counts, err)
	}
	page, err := c.Instruments(ctx, client.InstrumentQuery{Merchant: "m1", Mode: "sandbox"})
	if err != nil || len(page.Instruments) != 2 || page.Next != "" {
		t.Fatalf("instruments %+v %v", page, err)
	}
	for _, i := range page.Instruments {
		if (i.Address == address) != (i.Order == "ord_1" && i.State == "allocated") {
			t.Errorf("instrument %+v", i)
		}
	}

	now = now.Add(time.Minute)
	paid := rail.Observation{External: "0xaa:0", Instrument: address, Rank: order.RankSeen, Amount: due, Value: now,
		Evidence: order.Evidence{Tx: "0xaa", Block: 101, BlockHash: "0xb", From: "0xpayer", To: address}}
	report(101, paid)
	o = mustOrder(t, c)
	if o.Waiting.Deadline == nil || len(o.Waiting.Missing) != 2 || !strings.Contains(o.Waiting.Missing[0], "100.000000 USDT") ||
		!strings.Contains(o.Waiting.Missing[1], "0xaa") || o.Waiting.Says == "" || o.Waiting.Then == "" {
		t.Errorf("what a seen order waits for: %+v", o.Waiting)
	}
	if o.State != "seen" || len(o.Payments) != 1 || len(o.Entries) != 0 {
		t.Fatalf("seen: %+v", o)
	}
	if p := o.Payments[0]; p.State != "seen" || p.Confirmations != 1 || p.Booked != "" || p.Tx != "0xaa" || p.Block != 101 || p.Amount.Units != "100000000" {
		t.Errorf("seen: %+v", p)
	}

	now = now.Add(time.Minute)
	paid.Rank = order.RankConfirmed
	report(102, paid)
	o = mustOrder(t, c)
	if o.State != "completed" || o.Received.Decimal != "100.000000" || o.EndedAt == nil || len(o.Payments) != 1 {
		t.Fatalf("completed: %+v", o)
	}
	if p := o.Payments[0]; p.State != "confirmed" || p.Confirmations != 2 || p.BookedRole != "order/in" || p.SettledAt == nil {
		t.Errorf("completed: %+v", p)
	}
	var roles []string
	for _, entry := range o.Entries {
		for _, p := range entry.Postings {
			roles = append(roles, p.FromRole+" > "+p.ToRole+" "+p.Amount.Decimal)
			if p.Row == "" {
				t.Errorf("a posting without its row: %+v", p)
			}
		}
	}
	if len(roles) != 2 || roles[0] != "outside/payer:evm:some-chain > order/in 100.000000" || roles[1] != "order/in > merchant 100.000000" {
		t.Errorf("postings %q", roles)
	}
	if len(o.Events) == 0 || o.Events[0].Type != "order.created" || o.Events[len(o.Events)-1].Type != "order.completed" {
		t.Errorf("events %+v", o.Events)
	}
	for i, ev := range o.Events {
		if ev.Seq != int64(i+1) || ev.Row == "" || ev.At.IsZero() {
			t.Errorf("event %d: %+v", i, ev)
		}
	}
	if len(o.Waiting.Missing) != 0 || o.Waiting.Deadline != nil {
		t.Errorf("what a completed order waits for: %+v", o.Waiting)
	}
	wantTimeline(t, o)
	balances, err := c.Balances(ctx, "m1", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, b := range balances {
		got[b.Role] = b.Amount.Decimal
	}
	if got["merchant"] != "100.000000" || got["outside/payer:evm:some-chain"] != "-100.000000" {
		t.Errorf("balances %v", got)
	}
	if live, err := c.Balances(ctx, "m1", "live"); err != nil || len(live) != 0 {
		t.Errorf("live balances %v %v", live, err)
	}

	untold, err := e.Untold(ctx, []string{"some"}, 100)
	if err != nil || len(untold) == 0 {
		t.Fatalf("%d untold: %v", len(untold), err)
	}
	told := untold[0].Event
	must(t, e.Told(ctx, []string{told.ID}, []engine.Message{{EventID: told.ID, OrderID: told.OrderID, EndpointID: "ep_1", Scope: scope,
		WireID: "evt_1", Type: "made", Body: []byte("{}"), State: engine.MessagePending}}))
	o = mustOrder(t, c)
	if len(o.Messages) != 1 || o.Messages[0].ID != "evt_1" || o.Messages[0].Endpoint != "ep_1" || o.Messages[0].State != "pending" || o.Messages[0].NextAt == nil {
		t.Errorf("messages %+v", o.Messages)
	}

	moved, err := c.AdvanceClock(ctx, "sandbox", 3600)
	if err != nil || moved.OffsetSeconds != 3600 || !moved.Now.Equal(now.Add(time.Hour)) {
		t.Errorf("clock %+v %v", moved, err)
	}
	stands, err := c.Clock(ctx, "sandbox")
	if err != nil || stands != moved {
		t.Errorf("clock %+v %v", stands, err)
	}
	if live, err := c.Clock(ctx, "live"); err != nil || live.OffsetSeconds != 0 {
		t.Errorf("live clock %+v %v", live, err)
	}
	if _, err := c.Order(ctx, "ord_2"); !client.IsCode(err, string(fault.CodeNotFound)) {
		t.Errorf("an unknown order: %v", err)
	}
	if _, err := client.New(server.URL+client.Path, "op_none", server.Client()).Order(ctx, "ord_1"); !client.IsCode(err, string(fault.CodeUnauthorized)) {
		t.Errorf("another token: %v", err)
	}
}

// wantTimeline wants every event and posting in words, in the order of time, each with the reason its row gives.
func wantTimeline(t *testing.T, o client.Order) {
	t.Helper()
	var events, bookings int
	for i, step := range o.Timeline {
		if i > 0 && step.At.Before(o.Timeline[i-1].At) {
			t.Errorf("step %d is before the one above it", i)
		}
		if step.Why == "" || step.Row == "" || step.Text == "" {
			t.Errorf("step %d explains nothing: %+v", i, step)
		}
		switch step.Kind {
		case "event":
			events++
		case "booking":
			bookings++
		}
	}
	if events != len(o.Events) || bookings != 2 {
		t.Errorf("%d events and %d bookings told of %d events: %+v", events, bookings, len(o.Events), o.Timeline)
	}
	var all string
	for _, step := range o.Timeline {
		all += step.Text + "\n"
	}
	for _, want := range []string{"payment.seen: 100.000000 USDT", "from 0xpayer, transaction 0xaa in block 101", "order.completed", "from order/in to merchant"} {
		if !strings.Contains(all, want) {
			t.Errorf("the timeline lacks %q:\n%s", want, all)
		}
	}
}

func mustOrder(t *testing.T, c *client.Client) client.Order {
	t.Helper()
	o, err := c.Order(t.Context(), "ord_1")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What a payer chose is told by its method and by what he was given to pay to; where he must still choose, that is waited
// for.
func TestChoicesAreTold(t *testing.T) {
	mxn := money.MustAsset("MXN", "", 2)
	o := &engine.Order{Methods: []string{engine.AnyMethod}}
	o.State, o.Terms.Due = order.Waiting, money.FromInt(mxn, 100)
	if w := waitingOf(o); len(w.Missing) != 2 || w.Missing[0] != "the payer's choice of a method" {
		t.Errorf("waits for %q", w.Missing)
	}
	o.Attempts = []order.Attempt{{ID: "a1", Method: "SPEI", State: order.AttemptOpen}}
	o.Chosen = map[string]engine.Chosen{"a1": {Method: "SPEI", Network: "sandbox", Instrument: engine.Instrument{Value: "SBX-1"}}}
	if got := eventText(o, engine.Event{Type: "attempt.open", Facts: engine.Facts{Ref: "a1"}}); got != "attempt.open: SPEI on sandbox, paid to SBX-1" {
		t.Errorf("told as %q", got)
	}
	if w := waitingOf(o); len(w.Missing) != 1 {
		t.Errorf("waits for %q", w.Missing)
	}
}
