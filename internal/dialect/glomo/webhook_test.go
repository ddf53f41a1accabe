package glomo

import (
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// The vector that is published: a body, the secret and the signature.
func TestPublishedSignature(t *testing.T) {
	const body = `{"data":{"amount":250000,"beneficiary":{"country":"DEU","name":"Acme GmbH"},"created_at":"2026-09-09T07:00:09Z","currency":"USD","id":"payout_6a8fd80eo6coZ","status":"success"},"entity_type":"payout","event_type":"success"}`
	var event eventBody
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		t.Fatal(err)
	}
	if got := string(canonical(event)); got != body || len(got) != 223 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	header := new(Dialect).Sign(engine.Message{WireID: "evt_1", Body: []byte(body)}, []webhook.Secret{"whsec_2f1c9b7a4d6e8031", "whsec_older"}, time.Unix(1, 0))
	if got := header.Get("X-Glomopay-Signature"); got != "d5b5a68b9729f41c4a46f1e94c750bf10fb32f345a5467cbfec7739df83f2c02" {
		t.Error(got)
	}
	if header.Get(webhook.HeaderSignature) == "" {
		t.Error("there are no standard headers")
	}
}

// RFC 8785: names by their UTF-16 code units, as few escapes as there can be.
func TestCanonical(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{map[string]any{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}, "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001f600\":5,\"\ufb33\":3}"},
		{"\u20ac$\u000f\nA'B\"\\\"/<>&\u2028", "\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\"/<>&\u2028\""},
		{[]any{true, nil, -5, map[string]any{}}, `[true,null,-5,{}]`},
		{9007199254740991, `9007199254740991`},
	} {
		if got := string(canonical(test.value)); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a fraction was written")
		}
	}()
	canonical(json.RawMessage(`1.5`))
}

// The schedules are those of the contract, for each environment.
func TestRetries(t *testing.T) {
	d := new(Dialect)
	for mode, want := range map[engine.Mode]webhook.Schedule{
		engine.Live:    {time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour},
		engine.Sandbox: {time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute},
	} {
		got := d.Retries(engine.Endpoint{Scope: scopeOf("shop", mode)}, nil).Waits
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s: %v", mode, got)
			}
		}
	}
}

func TestWants(t *testing.T) {
	d := new(Dialect)
	if !d.Wants(nil, "orders.paid") || !d.Wants([]string{"orders.paid"}, "orders.paid") || d.Wants([]string{"orders.paid"}, "orders.failed") {
		t.Error("an endpoint is told the wrong events")
	}
}
