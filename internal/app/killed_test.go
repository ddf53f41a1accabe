package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/dialect/baanx"
	"till/internal/engine"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/verify"
	"till/internal/webhook"
)

// restart starts the server again, at a time when what a process that died had leased is free.
func restart(t *testing.T, config string, later time.Duration) *App {
	t.Helper()
	cfg, err := LoadConfig(config, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Now = func() time.Time { return time.Now().Add(later) }
	return startWith(t, cfg)
}

// verified proves the books of a running server.
func verified(t *testing.T, a *App) {
	t.Helper()
	err := a.store.Audit(t.Context(), func(r verify.Reader) error {
		report, err := verify.Run(r, verify.Options{})
		if err == nil {
			for _, problem := range report.Problems {
				t.Error(problem)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// atRest opens the database of a server that is not running, with an engine that knows what the config knows.
func atRest(t *testing.T, config string, do func(e *engine.Engine)) {
	t.Helper()
	cfg, err := LoadConfig(config, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	db, err := openStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do(withGateways(engine.New(db, append(networks(cfg), gatewayNetworks(cfg)...), nil).WithMethods(cfg.Methods), cfg))
}

// eachWhereKilled plays each place on both databases; database is what the config says of it.
func eachWhereKilled(t *testing.T, places []string, test func(t *testing.T, place, database string)) {
	for _, place := range places {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, database string) { test(t, place, database) })
		})
	}
}

// storyOf polls an order until it is as it should be.
func storyOf(t *testing.T, a *App, id, what string, ok func(o *engine.Order) bool) *engine.Order {
	t.Helper()
	for end := time.Now().Add(4 * deadline); ; <-time.After(20 * time.Millisecond) {
		story, err := a.Engine.Story(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if o := story.Order; ok(o) {
			return o
		} else if time.Now().After(end) {
			t.Fatalf("not %s: %s %+v %+v %+v %+v", what, o.State, o.Attempts, o.Payments, o.Transfers, o.Sendings)
		}
	}
}

// shopfront is the merchant's server, which hands a product over once for each order.
type shopfront struct {
	mu      sync.Mutex
	refuses int               // calls that it answers with 503 before it does anything
	calls   []string          // what each was about, by the id of the call
	bodies  map[string]string // by the id of the call
	handed  map[string]int    // by order, how often it was asked for with an id that it did not know
	wrong   []string
}

func (s *shopfront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var about struct {
		Order string `json:"event_object_id"`
	}
	if err != nil || json.Unmarshal(body, &about) != nil {
		s.wrong = append(s.wrong, fmt.Sprintf("%v %s", err, body))
	}
	if r.Header.Get("X-Signature") != webhook.HMACHex([]byte("hunter2"), []byte(r.Header.Get("X-Timestamp")+"."+string(body))) {
		s.wrong = append(s.wrong, "a call that is not signed right")
	}
	id := r.Header.Get(webhook.HeaderID)
	s.calls = append(s.calls, id)
	if s.refuses > 0 {
		s.refuses--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if was, known := s.bodies[id]; !known {
		s.bodies[id] = string(body)
		s.handed[about.Order]++
	} else if was != string(body) {
		s.wrong = append(s.wrong, "the same call says something else: "+was+" and "+string(body))
	}
}

// case 81: a server that is killed at any step of asking the merchant to hand over asks again with the same id, and only where
// the answer may be lost: the product is handed over once.
func TestKilledFulfilling(t *testing.T) {
	program := victimProgram(t)
	eachWhereKilled(t, []string{
		"deliver.reserve", "deliver.reserved", "fulfil.noted", "fulfil.called", "fulfil.recorded", "deliver.sent", "deliver.record", "deliver.recorded",
		"deliver.claimed", "deliver.looked", "fulfil.claimed", "fulfil.called:2", "fulfil.recorded:2",
	}, func(t *testing.T, place, database string) { killedFulfilling(t, program, place, database) })
}

func killedFulfilling(t *testing.T, program, place, database string) {
	shop := &shopfront{bodies: map[string]string{}, handed: map[string]int{}}
	want := 1
	if strings.HasPrefix(place, "fulfil.called") { // the answer is lost
		want++
	}
	if place == "fulfil.claimed" || strings.HasSuffix(place, ":2") {
		shop.refuses = 1
		want++
	}
	server := httptest.NewServer(shop)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	config := write(t, dir, "till.toml", networksOff+"ethereum-sepolia.enabled = false\n[server]\naddr = \"127.0.0.1:0\"\n[webhooks]\nallow_private = true\nallow_http = true\n"+
		strings.Replace(productText, "https://shop.example.com/hand-over", server.URL, 1)+database)

	scope := engine.Scope{Merchant: firstMerchant, Mode: engine.Sandbox, Dialect: baanx.Name}
	atRest(t, config, func(e *engine.Engine) { paidPurchase(t, e, config, scope) })
	killServer(t, program, config, place, nil)

	a := restart(t, config, 10*time.Minute)
	o := storyOf(t, a, "one", "completed", func(o *engine.Order) bool { return o.State == order.Completed })
	if len(o.Transfers) != 1 || o.Transfers[0].State != order.TransferConfirmed {
		t.Errorf("its deliveries are %+v", o.Transfers)
	}
	if u, err := a.Engine.User(t.Context(), scope, "user-ana"); err != nil || fmt.Sprint(u.Holds) != "[METAL_CARD]" {
		t.Errorf("the user holds %v, %v", u.Holds, err)
	}
	verified(t, a)
	stop(t, a)
	shop.mu.Lock()
	defer shop.mu.Unlock()
	if len(shop.wrong) > 0 || len(shop.calls) != want || len(slices.Compact(slices.Clone(shop.calls))) != 1 || len(shop.handed) != 1 || shop.handed["one"] != 1 {
		t.Errorf("handed over %v by the calls %v, want %d; %v", shop.handed, shop.calls, want, shop.wrong)
	}
}

// paidPurchase puts an order of a product on record that is paid and waits to be handed over.
func paidPurchase(t *testing.T, e *engine.Engine, config string, scope engine.Scope) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(e.SaveMerchant(t.Context(), engine.Merchant{ID: firstMerchant, Organisation: firstMerchant, Name: "Default"}))
	_, err := e.AddUser(t.Context(), engine.User{ID: "user-ana", Scope: scope, Email: "ana@example.com", Verification: engine.Verified, Active: true})
	must(err)
	cfg, err := LoadConfig(config, noEnv, io.Discard)
	must(err)
	product := cfg.Baanx.Products[0].Product
	product.Fulfilment = engine.Fulfilment{Kind: engine.FulfilByHand} // until the server starts with what the config says
	_, err = e.SaveProduct(t.Context(), product)
	must(err)
	n := sandboxGatewayNetwork()
	report := func(seen ...rail.Observation) {
		t.Helper()
		must(e.Observe(t.Context(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: time.Now()}}, Seen: seen}))
	}
	report()
	made, err := e.Buy(t.Context(), engine.NewPurchase{
		Scope: scope, Purchase: engine.Purchase{User: "user-ana", Product: product.Code, Method: "CRYPTO_EXTERNAL_DAIMO"}, PublicID: "one", Reference: "payment_one",
		Paying: func(p *engine.Product) engine.Paying {
			return engine.Paying{Title: p.Description, Currency: "USD", Price: p.Price.Decimal(), Metadata: map[string]string{"orderId": "one"}}
		},
		Terms: func(p *engine.Product, plan engine.Plan) (order.Terms, json.RawMessage, error) {
			until := plan.Now.Add(p.TTL)
			return order.Terms{Whole: true, OverAny: true, OneAttempt: true, Deadline: until, SeenWaits: true, ConfirmBy: until.Add(time.Hour), Sends: 9}, json.RawMessage(`{"currency":"USD"}`), nil
		},
	})
	must(err)
	report(rail.Observation{External: "paid", Instrument: "payment_one", Rank: order.RankConfirmed, Amount: made.Order.Terms.Due, Value: time.Now()})
}
