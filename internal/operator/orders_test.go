package operator

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
)

var dai = money.MustAsset("DAI", "some-chain", 18)

func daiUnits(t testing.TB, units string) money.Amount {
	a, err := money.ParseUnits(dai, units)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// testStory is an order with one of everything, with amounts that no float could hold.
func testStory() *engine.Story {
	book := ledger.Wallet("m1")
	amount, _ := money.ParseUnits(dai, "9007199254740993000000000000000001")
	payer, in := ledger.House.Account(ledger.PayerOn("evm:some-chain")), book.Account(ledger.In)
	key := order.PaymentKey{Rail: "evm:some-chain", External: "0xaa:0"}
	second := order.PaymentKey{Rail: "evm:some-chain", External: "0xbb:1"}
	return &engine.Story{
		Order: &engine.Order{
			ID: "internal_never_shown", PublicID: "ord_1", Scope: engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"},
			Reference: "ref <1>", Network: "some-chain", Rail: "evm:some-chain", Instrument: engine.Instrument{Family: engine.EVM, Value: "0xcc"},
			CreatedAt: testNow, UpdatedAt: testNow.Add(time.Minute), EndedAt: testNow.Add(time.Minute),
			Closing: key, ClosingAt: 12,
			Order: order.Order{
				Terms: order.Terms{Book: book, Due: amount, To: book.Account(ledger.Merchant), Deadline: testNow.Add(time.Hour), ConfirmBy: testNow.Add(2 * time.Hour)},
				State: order.Completed, Overlay: order.Refunding, Reason: "a reason",
				Balances: []order.Balance{{Account: book.Account(ledger.Merchant), Amount: amount}, {Account: book.Account(ledger.Short), Amount: money.FromInt(dai, -1)}},
				Payments: []order.Payment{
					{
						PaymentKey: key, Epoch: 1, Rank: order.RankConfirmed, Amount: amount, Value: testNow, Told: testNow.Add(time.Second), Settled: testNow.Add(time.Minute),
						Booked: in, Source: payer, Evidence: order.Evidence{Tx: "0xaa", Block: 10, BlockHash: "0xb10c", From: "0xdd", To: "0xcc"},
					},
					{PaymentKey: second, Rank: order.RankSeen, Amount: money.FromInt(dai, 5), Value: testNow, Told: testNow, Evidence: order.Evidence{Tx: "0xbb", Block: 14}},
				},
			},
		},
		Entries: []engine.Entry{{ID: "ent_1", OrderID: "internal_never_shown", At: testNow, Postings: []order.Posting{
			{Row: "P5", Posting: ledger.Posting{From: payer, To: in, Amount: amount}},
		}}},
		Events: []engine.Event{{ID: "internal_never_shown", Seq: 1, Type: "order.created", State: order.Waiting, Overlay: order.NoOverlay, Row: "O1", At: testNow}},
		Messages: []engine.Message{
			{ID: "msg_1", WireID: "evt_1", Type: "order_created", EndpointID: "ep_1", State: engine.MessageDelivered, Attempts: 2, LastStatus: 200, NextAt: testNow, CreatedAt: testNow, DoneAt: testNow.Add(time.Second)},
			{ID: "msg_2", WireID: "evt_2", Type: "order_done", EndpointID: "ep_1", State: engine.MessagePending, Attempts: 1, LastError: "refused", NextAt: testNow.Add(time.Minute), CreatedAt: testNow},
		},
	}
}

func TestOrderStory(t *testing.T) {
	const big = `{"decimal":"9007199254740993.000000000000000001","units":"9007199254740993000000000000000001","asset":"DAI/18@some-chain","currency":"DAI"}`
	o1, p5 := strconv.Quote(order.Explain("O1")), strconv.Quote(order.Explain("P5"))
	want := `{
		"id":"ord_1","merchant":"m1","mode":"sandbox","dialect":"some","reference":"ref <1>","network":"some-chain","instrument":"0xcc",
		"state":"completed","overlay":"refunding","reason":"a reason","due":` + big + `,"received":` + big + `,
		"deadline":"2026-03-01T13:00:00Z","confirmBy":"2026-03-01T14:00:00Z",
		"createdAt":"2026-03-01T12:00:00Z","updatedAt":"2026-03-01T12:01:00Z","endedAt":"2026-03-01T12:01:00Z",
		"waiting":{"says":"It was delivered. Terminal.","missing":["a shortfall of 0.000000000000000001 DAI is not covered: money that still counts covers it, or an operator absorbs it"]},
		"timeline":[
			{"at":"2026-03-01T12:00:00Z","kind":"event","text":"order.created","why":` + o1 + `,"row":"O1","state":"waiting"},
			{"at":"2026-03-01T12:00:00Z","kind":"booking","text":"9007199254740993.000000000000000001 DAI from outside/payer:evm:some-chain to order/in","why":` + p5 + `,"row":"P5"},
			{"at":"2026-03-01T12:00:00Z","kind":"webhook","text":"webhook order_done to endpoint ep_1 is pending after 1 attempt: refused; next at 2026-03-01T12:01:00Z"},
			{"at":"2026-03-01T12:00:01Z","kind":"webhook","text":"webhook order_created to endpoint ep_1 is delivered after 2 attempts, last answer 200"}],
		"balances":[
			{"account":"wallet/m1/merchant","role":"merchant","amount":` + big + `},
			{"account":"wallet/m1/order/short","role":"order/short","amount":{"decimal":"-0.000000000000000001","units":"-1","asset":"DAI/18@some-chain","currency":"DAI"}}],
		"payments":[
			{"rail":"evm:some-chain","external":"0xaa:0","amount":` + big + `,"state":"confirmed","epoch":1,"tx":"0xaa","block":10,"blockHash":"0xb10c",
				"confirmations":3,"from":"0xdd","to":"0xcc","booked":"wallet/m1/order/in","bookedRole":"order/in",
				"valueAt":"2026-03-01T12:00:00Z","toldAt":"2026-03-01T12:00:01Z","settledAt":"2026-03-01T12:01:00Z"},
			{"rail":"evm:some-chain","external":"0xbb:1","amount":{"decimal":"0.000000000000000005","units":"5","asset":"DAI/18@some-chain","currency":"DAI"},
				"state":"seen","epoch":0,"tx":"0xbb","block":14,"confirmations":7,"valueAt":"2026-03-01T12:00:00Z","toldAt":"2026-03-01T12:00:00Z"}],
		"transfers":[],"reviews":[],
		"entries":[{"id":"ent_1","at":"2026-03-01T12:00:00Z","postings":[
			{"row":"P5","from":"house/outside/payer:evm:some-chain","fromRole":"outside/payer:evm:some-chain","to":"wallet/m1/order/in","toRole":"order/in","amount":` + big + `}]}],
		"events":[{"seq":1,"type":"order.created","state":"waiting","row":"O1","at":"2026-03-01T12:00:00Z"}],
		"messages":[
			{"id":"evt_1","messageId":"msg_1","type":"order_created","endpoint":"ep_1","state":"delivered","attempts":2,"lastStatus":200,"createdAt":"2026-03-01T12:00:00Z","doneAt":"2026-03-01T12:00:01Z"},
			{"id":"evt_2","messageId":"msg_2","type":"order_done","endpoint":"ep_1","state":"pending","attempts":1,"lastError":"refused","nextAt":"2026-03-01T12:01:00Z","createdAt":"2026-03-01T12:00:00Z"}]
	}`
	w := call(testHandler(&fakeStore{story: testStory(), head: 20}, io.Discard), "GET", "/orders/ord_1", tokenAll, "")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if got := string(bytes.TrimSpace(w.Body.Bytes())); got != compact.String() {
		t.Errorf("got  %s\nwant %s", got, compact.String())
	}
}

// A list without members is an empty list, never null; what has no value is left out.
func TestEmptyOrder(t *testing.T) {
	story := &engine.Story{Order: &engine.Order{PublicID: "ord_1", CreatedAt: testNow, UpdatedAt: testNow,
		Scope: engine.Scope{Merchant: "m1", Mode: engine.Live, Dialect: "some"},
		Order: order.Order{State: order.Waiting, Terms: order.Terms{Due: daiUnits(t, "0")}}}}
	w := call(testHandler(&fakeStore{story: story}, io.Discard), "GET", "/orders/ord_1", tokenLive, "")
	const zero = `{"decimal":"0.000000000000000000","units":"0","asset":"DAI/18@some-chain","currency":"DAI"}`
	const want = `{"id":"ord_1","merchant":"m1","mode":"live","dialect":"some","state":"waiting","due":` + zero + `,"received":` + zero + `,` +
		`"createdAt":"2026-03-01T12:00:00Z","updatedAt":"2026-03-01T12:00:00Z",` +
		`"waiting":{"says":"Nothing has come. The payer acts.","missing":[]},"timeline":[],"balances":[],"payments":[],"transfers":[],"reviews":[],"entries":[],"events":[],"messages":[]}`
	if got := string(bytes.TrimSpace(w.Body.Bytes())); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBalances(t *testing.T) {
	store := &fakeStore{balances: []order.Balance{
		{Account: ledger.Wallet("m1").Account(ledger.Merchant), Amount: daiUnits(t, "123456789012345678901234567890")},
		{Account: ledger.House.Account(ledger.PayerOn("evm:some-chain")), Amount: daiUnits(t, "-1")},
	}}
	server := httptest.NewServer(testHandler(store, io.Discard))
	defer server.Close()
	got, err := client.New(server.URL+client.Path, tokenAll, server.Client()).Balances(t.Context(), "m1", "sandbox")
	if err != nil {
		t.Fatal(err)
	}
	want := []client.Balance{
		{Account: "wallet/m1/merchant", Role: "merchant", Amount: client.Amount{Decimal: "123456789012.345678901234567890", Units: "123456789012345678901234567890", Asset: "DAI/18@some-chain", Currency: "DAI"}},
		{Account: "house/outside/payer:evm:some-chain", Role: "outside/payer:evm:some-chain", Amount: client.Amount{Decimal: "-0.000000000000000001", Units: "-1", Asset: "DAI/18@some-chain", Currency: "DAI"}},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// The client tells a refusal apart from everything else.
func TestClientSeesTheRefusal(t *testing.T) {
	server := httptest.NewServer(testHandler(&fakeStore{}, io.Discard))
	defer server.Close()
	c := client.New(server.URL+client.Path, tokenAll, server.Client())
	if _, err := c.Order(t.Context(), "../clock?mode=sandbox"); !client.IsCode(err, string(fault.CodeNotFound)) {
		t.Errorf("an id is no path: %v", err)
	}
	if _, err := c.AdvanceClock(t.Context(), "live", 1); !client.IsCode(err, string(fault.CodeForbidden)) {
		t.Errorf("the live clock: %v", err)
	}
	if clock, err := c.AdvanceClock(t.Context(), "sandbox", 30); err != nil || clock.OffsetSeconds != 30 {
		t.Errorf("%+v %v", clock, err)
	}
	if clock, err := c.Clock(t.Context(), "sandbox"); err != nil || !clock.Now.Equal(testNow.Add(30*time.Second)) {
		t.Errorf("%+v %v", clock, err)
	}
}

// An order that is paid through a gateway shows its payment there, and one that is not shows none.
func TestOrderAtAGateway(t *testing.T) {
	k := newKit(t)
	gate := engine.Network{ID: "gate", Family: "gate:one", Mode: engine.Sandbox, Rail: "gate:one"}
	k.engine = k.engine.WithGateways([]engine.Gateway{{ID: "gate", Mode: engine.Sandbox, Rail: gate.Rail}})
	k.handler = Handler(testConfig(k.engine, func() time.Time { return k.now }, slog.New(slog.DiscardHandler)))
	tell := func(seen ...rail.Observation) {
		p := engine.Progress{Rail: gate.Rail, Cursor: rail.Cursor{State: []byte("1"), Horizon: k.now}}
		must(t, k.engine.Observe(t.Context(), gate, engine.Report{Progress: p, Seen: seen}))
	}
	tell()
	k.address(t, "0xgate")
	book := ledger.Owed("m1")
	_, err := k.engine.Create(t.Context(), engine.NewOrder{
		Scope: engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}, PublicID: "ord_gate", UniqueKey: "ord_gate", Network: k.delivery,
		Gateway: engine.Paying{Gateway: "gate", Request: "req_1", Title: "A thing"},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(usdt, 100_000_000), To: book.Account(ledger.Merchant), Deadline: p.Now.Add(15 * time.Minute),
				Instant: true, Whole: true, OneAttempt: true}, nil, nil
		},
	})
	must(t, err)
	c := k.client(t, tokenAll)
	o, err := c.Order(t.Context(), "ord_gate")
	must(t, err)
	if o.Gateway == nil || *o.Gateway != (client.AtGateway{Gateway: "gate", Request: "req_1", To: "0xgate"}) {
		t.Errorf("before the gateway said anything: %+v", o.Gateway)
	}
	k.now = k.now.Add(time.Minute)
	s := rail.Session{Payment: "p_1", Status: "started", URL: "https://pay", Tx: "0xt", From: "0xf", Note: rail.NoteRefunded}
	tell(rail.Observation{Session: &s, External: "p_1", Instrument: "req_1", Value: k.now})
	o, err = c.Order(t.Context(), "ord_gate")
	must(t, err)
	if o.Gateway == nil || o.Gateway.ToldAt == nil || !o.Gateway.ToldAt.Equal(k.now) {
		t.Fatalf("after it did: %+v", o.Gateway)
	}
	o.Gateway.ToldAt = nil
	want := client.AtGateway{Gateway: "gate", Request: "req_1", To: "0xgate", Payment: "p_1", Status: "started", Note: "payment_refunded", URL: "https://pay", Tx: "0xt", From: "0xf"}
	if *o.Gateway != want {
		t.Errorf("after it did: %+v, want %+v", *o.Gateway, want)
	}
	if o, err = c.Order(t.Context(), "ord_open"); err != nil || o.Gateway != nil {
		t.Errorf("an order of no gateway: %+v, %v", o.Gateway, err)
	}
}
