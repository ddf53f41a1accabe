package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/sandbox"
)

// deal is an order of 100 EUR that is collected on a network and delivered to a bank account of the sandbox.
func deal(publicID string, mode engine.Mode, n engine.Network, due money.Amount, from engine.Origin) engine.NewOrder {
	book := ledger.Owed("default")
	return engine.NewOrder{
		Scope: engine.Scope{Merchant: "default", Mode: mode, Dialect: "none"}, PublicID: publicID, Network: n, Instrument: from,
		Destination: engine.Destination{Rail: sandbox.Name, To: sandbox.OK},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: due, To: ledger.House.Account(ledger.PayeeOn(string(sandbox.Name))), OverAny: true, Sends: 1, Deadline: p.Now.Add(time.Hour)}, nil, nil
		},
	}
}

// The sandbox's own rail collects what an operator makes up and delivers it, all by itself, and in the sandbox
// only. An API whose contract has no such network does not offer it.
func TestSandboxRail(t *testing.T) {
	a := startIn(t, t.TempDir(), strings.Replace(networksOff, "ethereum-mainnet.enabled = false\n", "", 1), io.Discard)
	keys, err := a.FirstStart(t.Context(), filepath.Join(t.TempDir(), FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	api := client.New(a.URL()+client.Path, keys.OperatorToken.Reveal(), http.DefaultClient)
	network, err := a.Engine.Network("sandbox", engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	eur, err := network.Asset("EUR")
	if err != nil {
		t.Fatal(err)
	}
	hundred := money.FromInt(eur, 10_000)
	var made engine.Created
	for end := time.Now().Add(deadline); ; <-time.After(10 * time.Millisecond) { // until the rail has spoken for the first time
		made, err = a.Engine.Create(t.Context(), deal("paid", engine.Sandbox, network, hundred, engine.Made))
		if !fault.Is(err, fault.CodeNotConfigured) || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	paid, err := api.SimulatePayment(t.Context(), client.SimulatedPayment{Order: "paid", Amount: "100.00"})
	if err != nil || paid.Reference != made.Order.Instrument.Value {
		t.Fatalf("%+v %v", paid, err)
	}
	for end := time.Now().Add(deadline); ; <-time.After(10 * time.Millisecond) {
		o, err := api.Order(t.Context(), "paid")
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v %v", o, err)
		}
		if o.State == string(order.Completed) {
			break
		}
	}

	// A live mode never accepts one, whatever is tried.
	mainnet, err := a.Engine.Network("ethereum-mainnet", engine.Live)
	if err != nil {
		t.Fatal(err)
	}
	pool := engine.HousePool(engine.Live, engine.EVM) // the money will be owed
	if _, err := a.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: goodContract}}); err != nil {
		t.Fatal(err)
	}
	told := engine.Report{Progress: engine.Progress{Rail: mainnet.Rail, Fence: 1, Cursor: rail.Cursor{Head: 1, Horizon: time.Now()}}}
	if err := a.Engine.Observe(t.Context(), mainnet, told); err != nil {
		t.Fatal(err)
	}
	live := deal("live", engine.Live, mainnet, money.FromInt(mainnet.Tokens[0].Asset, 5), engine.Pooled)
	if _, err := a.Engine.Create(t.Context(), live); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("a live order that is delivered on the sandbox's rail: %v", err)
	}
	live.Destination = engine.Destination{}
	terms := live.Terms
	live.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		t, doc, err := terms(p)
		t.To, t.Instant, t.Sends = t.Book.Account(ledger.Merchant), true, 0
		return t, doc, err
	}
	if _, err := a.Engine.Create(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	if _, err := api.SimulatePayment(t.Context(), client.SimulatedPayment{Order: "live", Amount: "1"}); !client.IsCode(err, string(fault.CodeForbidden)) {
		t.Errorf("a simulated payment of a live order: %v", err)
	}
	if _, err := a.sandbox.Pay(t.Context(), sandbox.Payment{Reference: goodContract, Amount: hundred}); !fault.Is(err, fault.CodeInvalidValue) {
		t.Errorf("a simulated payment to a live order's address: %v", err)
	}
	live.Network, live.Instrument, live.PublicID = network, engine.Made, "crossed"
	if _, err := a.Engine.Create(t.Context(), live); !fault.Is(err, fault.CodeInvalidNetwork) {
		t.Errorf("a live order on the sandbox's rail: %v", err)
	}
	if _, err := a.Engine.Network("sandbox", engine.Live); !fault.Is(err, fault.CodeInvalidNetwork) {
		t.Errorf("the sandbox's rail in live mode: %v", err)
	}
	if o, err := a.Engine.Find(context.Background(), "live"); err != nil || len(o.Payments) != 0 {
		t.Errorf("%+v %v", o, err)
	}

	// PayIn's networks are chains.
	code, answer := post(t, a, keys.APIKeys["payin"].Test, `{"orderReference":"r","amount":"1.00","currency":"USD","chainId":"sandbox"}`)
	if code != http.StatusBadRequest || !strings.Contains(answer, "INVALID_CHAIN") {
		t.Errorf("%d %s", code, answer)
	}
	// Nobody waits for it to be ready, and its work is on view.
	if _, got := readyz(t, a); got.Networks["sandbox"].Status != "" {
		t.Errorf("%+v", got)
	}
	jobs, err := api.Jobs(t.Context())
	if err != nil || !slices.ContainsFunc(jobs.Jobs, func(j client.Job) bool { return j.Name == "deliver sandbox" && j.OK }) {
		t.Errorf("%+v %v", jobs, err)
	}
}
