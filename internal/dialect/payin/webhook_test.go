package payin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

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

	for _, kind := range []string{"order.created", "order.seen", "order.paid", "payment.confirmed", "refund.sent", ""} {
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
	random := &counter{}
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

func TestSchedule(t *testing.T) {
	s := New(Config{}).Schedule()
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	for i, wait := range append(want, webhook.Ours...) {
		if got, ok := s.Next(i+1, nil); !ok || got != wait {
			t.Errorf("after %d failures %v, want %v", i+1, got, wait)
		}
	}
	if len(s) != len(want)+len(webhook.Ours) {
		t.Errorf("%d retries", len(s))
	}
}
