package payin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/webhook"
)

func endedOrder(state order.State) *engine.Order {
	usdt := money.MustAsset("USDT", "ethereum-sepolia", 6)
	created := time.Date(2025, 1, 20, 10, 30, 0, 0, time.UTC)
	closing := order.PaymentKey{Rail: "evm:ethereum-sepolia", External: "0xabc123:0"}
	return &engine.Order{
		Order: order.Order{
			State: state,
			Terms: order.Terms{Due: money.FromInt(usdt, 100_000_000), Deadline: created.Add(15 * time.Minute)},
			Payments: []order.Payment{
				{PaymentKey: order.PaymentKey{Rail: "evm:ethereum-sepolia", External: "0xfff:1"}, Rank: order.RankSeen, Evidence: order.Evidence{Tx: "0xfff", Block: 3}},
				{PaymentKey: closing, Rank: order.RankConfirmed, Amount: money.FromInt(usdt, 100_000_000), Evidence: order.Evidence{Tx: "0xabc123", Block: 1234567}},
			},
		},
		PublicID: "ord_abcdefghijklmnopqrstuvwx09", Reference: "ORDER-2025-001", Network: "ethereum-sepolia",
		Instrument: engine.Instrument{Family: engine.EVM, Value: "0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0"},
		CreatedAt:  created, EndedAt: created.Add(5*time.Minute + 22*time.Second),
		Closing: closing, ClosingAt: 1234578, Head: 9999999,
		Doc: json.RawMessage(`{"amount":"100.00","windowMinutes":10,"metadata":{"b":1.10,"a":"<&>"}}`),
	}
}

func TestTell(t *testing.T) {
	d := New(Config{})
	event := func(kind string, state order.State) engine.Event {
		return engine.Event{Type: kind, State: state, Facts: engine.Facts{At: time.Date(2025, 1, 20, 10, 35, 22, 0, time.UTC)}}
	}
	id, kind, body, ok := d.Tell(event("order.completed", order.Completed), endedOrder(order.Completed))
	want := `{"id":"evt_order_completed_ord_abcdefghijklmnopqrstuvwx09","type":"order.completed","created_at":"2025-01-20T10:35:22.000Z",` +
		`"data":{"orderId":"ord_abcdefghijklmnopqrstuvwx09","orderReference":"ORDER-2025-001","status":"completed","amount":"100.00",` +
		`"currency":"USDT","chainId":"ethereum-sepolia","address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0","txHash":"0xabc123",` +
		`"blockNumber":1234567,"confirmations":12,"completedAt":"2025-01-20T10:35:22.000Z","createdAt":"2025-01-20T10:30:00.000Z",` +
		`"metadata":{"b":1.10,"a":"<&>"}}}`
	if !ok || id != "evt_order_completed_ord_abcdefghijklmnopqrstuvwx09" || kind != "order.completed" || string(body) != want {
		t.Errorf("%v %s %s\n%s\nwant\n%s", ok, id, kind, body, want)
	}

	for _, state := range []order.State{order.Expired, order.Cancelled, order.Failed} {
		id, kind, body, ok := d.Tell(event("order."+string(state), state), endedOrder(state))
		want := `{"id":"evt_order_expired_ord_abcdefghijklmnopqrstuvwx09","type":"order.expired","created_at":"2025-01-20T10:35:22.000Z",` +
			`"data":{"orderId":"ord_abcdefghijklmnopqrstuvwx09","orderReference":"ORDER-2025-001","status":"expired","amount":"100.00",` +
			`"currency":"USDT","chainId":"ethereum-sepolia","address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0",` +
			`"expiresAt":"2025-01-20T10:40:00.000Z","createdAt":"2025-01-20T10:30:00.000Z","metadata":{"b":1.10,"a":"<&>"}}}`
		if !ok || id != "evt_order_expired_ord_abcdefghijklmnopqrstuvwx09" || kind != "order.expired" || string(body) != want {
			t.Errorf("%v %s %s\n%s\nwant\n%s", ok, id, kind, body, want)
		}
	}

	id, kind, body, ok = d.Tell(event("order.created", order.Waiting), endedOrder(order.Waiting))
	want = `{"id":"evt_order_created_ord_abcdefghijklmnopqrstuvwx09","type":"order.created","created_at":"2025-01-20T10:35:22.000Z",` +
		`"data":{"orderId":"ord_abcdefghijklmnopqrstuvwx09","orderReference":"ORDER-2025-001","status":"pending","amount":"100.00",` +
		`"currency":"USDT","chainId":"ethereum-sepolia","address":"0x742d35Cc6634C0532925a3b844Bc9e7595f0bEb0",` +
		`"expiresAt":"2025-01-20T10:40:00.000Z","createdAt":"2025-01-20T10:30:00.000Z","metadata":{"b":1.10,"a":"<&>"}}}`
	if !ok || kind != "order.created" || string(body) != want {
		t.Errorf("%v %s %s\n%s\nwant\n%s", ok, id, kind, body, want)
	}

	for _, kind := range []string{"order.seen", "order.paid", "payment.aside", "payment.reversed", "refund.sent", ""} {
		if _, _, body, ok := d.Tell(event(kind, order.Seen), endedOrder(order.Seen)); ok || body != nil {
			t.Errorf("%q is told", kind)
		}
	}
}

// case 77: the vector was computed with Python's hmac module.
func TestSign(t *testing.T) {
	d := New(Config{Random: bytes.NewReader(make([]byte, 64))})
	message := engine.Message{WireID: "evt_order_completed_ord_abc123", Type: "order.completed", Body: []byte(`{"id":"evt_order_completed_ord_abc123"}`)}
	at := time.Date(2025, 1, 20, 10, 35, 22, 7_000_000, time.UTC)
	header := d.Sign(message, []webhook.Secret{"whsec_test"}, at)
	for key, want := range map[string]string{
		"X-PayIn-Signature":   "t=1737369322,v1=7c82002da2289aaee5220c942b1b2ba797ef6713d46028d68b460a8d6d0d11bd",
		"X-PayIn-Event-Type":  "order.completed",
		"X-PayIn-Event-Id":    "evt_order_completed_ord_abc123",
		"X-PayIn-Delivery-Id": "dlv_1737369322007_aaaaaaaaaa",
		"User-Agent":          "PayIn-Webhook/1.0",
		"Webhook-Id":          "evt_order_completed_ord_abc123",
		"Webhook-Timestamp":   "1737369322",
	} {
		if got := header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if err := webhook.VerifyStandard([]webhook.Secret{"whsec_test"}, header, message.Body, at); err != nil {
		t.Error(err)
	}
}

// While a secret is being replaced, a receiver that knows either of them can verify. case 76
func TestSignWhileRotating(t *testing.T) {
	d := New(Config{Random: bytes.NewReader(make([]byte, 64))})
	message := engine.Message{WireID: "evt_1", Type: "order.expired", Body: []byte("{}")}
	at := time.Unix(1737369322, 0)
	header := d.Sign(message, []webhook.Secret{"whsec_new", "", "whsec_old"}, at)
	parts := strings.Split(header.Get("X-PayIn-Signature"), ",")
	if len(parts) != 3 || parts[0] != "t=1737369322" {
		t.Fatal(parts)
	}
	for i, secret := range []string{"whsec_new", "whsec_old"} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("1737369322.{}"))
		if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); parts[i+1] != want {
			t.Errorf("%s, want %s", parts[i+1], want)
		}
	}
}

func TestDeliveryIDsDiffer(t *testing.T) {
	random := new(dialecttest.Counter)
	d := New(Config{Random: random})
	seen := map[string]bool{}
	for range 100 {
		id := d.Sign(engine.Message{}, nil, time.UnixMilli(1737369322007)).Get("X-PayIn-Delivery-Id")
		if seen[id] || !regexp.MustCompile(`^dlv_1737369322007_[a-z0-9]{10}$`).MatchString(id) {
			t.Fatalf("delivery id %q", id)
		}
		seen[id] = true
	}
}

// What an endpoint is told: PayIn's documented events unless it says something else.
func TestWants(t *testing.T) {
	d := New(Config{})
	for _, test := range []struct {
		subscribed []string
		told, not  string
	}{
		{nil, "order.completed order.expired deposit.completed deposit.address_bound deposit.address_unbound alert.address_pool_low", "order.created transfer.detected transfer.confirmed"},
		{[]string{}, "order.completed", "order.created"},
		{[]string{"order.completed"}, "order.completed", "order.expired order.created deposit.completed"},
		{[]string{"order.*"}, "order.completed order.expired order.created", "deposit.completed transfer.detected"},
		{[]string{"transfer.detected", "order.expired"}, "transfer.detected order.expired", "transfer.confirmed order.completed"},
		{[]string{"*"}, "order.completed order.created transfer.confirmed alert.address_pool_low", ""},
		{[]string{"order"}, "", "order.completed"},
		{[]string{"order*"}, "", "order.completed"},
		{[]string{"order.c*"}, "", "order.completed order.created"},
	} {
		for _, kind := range strings.Fields(test.told) {
			if !d.Wants(test.subscribed, kind) {
				t.Errorf("%q is not told %s", test.subscribed, kind)
			}
		}
		for _, kind := range strings.Fields(test.not) {
			if d.Wants(test.subscribed, kind) {
				t.Errorf("%q is told %s", test.subscribed, kind)
			}
		}
	}
}

// case 75
func TestRetries(t *testing.T) {
	d := New(Config{})
	vendor := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	on := map[string]json.RawMessage{scheduleSetting.stored: json.RawMessage("true")}
	off := map[string]json.RawMessage{scheduleSetting.stored: json.RawMessage("false")}
	for name, test := range map[string]struct {
		ep       engine.Endpoint
		settings map[string]json.RawMessage
		waits    []time.Duration
		after404 bool
	}{
		"theirs and then ours":        {engine.Endpoint{}, nil, append(slices.Clone(vendor), webhook.Ours...), true},
		"switched off":                {engine.Endpoint{}, off, append(slices.Clone(vendor), webhook.Ours...), true},
		"theirs, for one endpoint":    {engine.Endpoint{ScheduleOnly: true}, off, vendor, false},
		"theirs, for all endpoints":   {engine.Endpoint{}, on, vendor, false},
		"theirs, whoever asks for it": {engine.Endpoint{ScheduleOnly: true}, on, vendor, false},
	} {
		r := d.Retries(test.ep, test.settings)
		for i, wait := range test.waits {
			for _, status := range []int{0, 500, 301} {
				if got, ok := r.Next(i+1, status, nil); !ok || got != wait {
					t.Errorf("%s: after %d failures with %d %v, want %v", name, i+1, status, got, wait)
				}
			}
		}
		if _, more := r.Next(len(test.waits)+1, 500, nil); more {
			t.Errorf("%s: more than %d retries", name, len(test.waits))
		}
		for _, status := range []int{400, 404, 429, 499} {
			if _, again := r.Next(1, status, nil); again != test.after404 {
				t.Errorf("%s: retried after %d: %t", name, status, again)
			}
		}
	}
}

// Two transfers in one transaction are two events; each is the same one when its transaction is mined again.
func TestTransfersAreTold(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	k.must(k.engine.SaveEndpoint(context.Background(), engine.Endpoint{ID: "ep_1", Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}, Enabled: true}))
	o := k.create("R-1")
	half := money.FromInt(sepoliaUSDT, 50_000_000)
	first, second := k.payment(o.Address, "0xaaa", 1234001, order.RankSeen, half), k.payment(o.Address, "0xaaa", 1234001, order.RankSeen, half)
	first.External, second.External = "0xaaa/token/to/0", "0xaaa/token/to/1"
	k.told(sepolia, 1234001, first, second)
	first.Rank, first.Epoch, first.Evidence.Block = order.RankSeen, 2, 1234002 // mined again elsewhere
	k.told(sepolia, 1234002, first)
	second.Rank = order.RankConfirmed
	k.told(sepolia, 1234004, second)

	untold, err := k.engine.Untold(context.Background(), []string{Name}, 100)
	k.must(err)
	ids := map[string][]string{}
	for _, u := range untold {
		if id, kind, body, ok := k.dialect.Tell(u.Event, u.Order); ok {
			ids[kind] = append(ids[kind], id)
			if kind != "transfer.confirmed" {
				continue
			}
			var got struct{ Data map[string]any }
			k.must(json.Unmarshal(body, &got))
			want := map[string]any{
				"orderId": o.OrderID, "orderReference": "R-1", "status": "pending", "amount": "50.000000", "currency": "USDT", "chainId": "ethereum-sepolia",
				"fromAddress": "0x00000000000000000000000000000000000000aa", "toAddress": o.Address, "txHash": "0xaaa", "blockNumber": 1234001.0,
				"confirmations": 4.0, "requiredConfirmations": 3.0, "confirmedAt": "2025-01-20T10:30:00.000Z",
			}
			if fmt.Sprint(got.Data) != fmt.Sprint(want) {
				t.Errorf("%v\nwant\n%v", got.Data, want)
			}
		}
	}
	detected, confirmed := ids["transfer.detected"], ids["transfer.confirmed"]
	if len(detected) != 3 || len(confirmed) != 1 || detected[0] == detected[1] || detected[2] != detected[0] ||
		strings.TrimPrefix(confirmed[0], "evt_transfer_confirmed_") != strings.TrimPrefix(detected[1], "evt_transfer_detected_") {
		t.Errorf("%q", ids)
	}
}
