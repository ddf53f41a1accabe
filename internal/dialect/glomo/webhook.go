package glomo

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// When a failed webhook is tried again, as published; then as this server does.
var (
	liveRetries    = webhook.Schedule{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour}
	sandboxRetries = webhook.Schedule{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute}
)

// Retries are as published for each environment. They are long enough that nothing follows them.
func (d *Dialect) Retries(ep engine.Endpoint, _ map[string]json.RawMessage) webhook.Retries {
	if ep.Scope.Mode == engine.Live {
		return webhook.Retries{Waits: liveRetries}
	}
	return webhook.Retries{Waits: sandboxRetries}
}

// Wants says whether an endpoint is told an event. Every endpoint gets every event; one of ours may name those it wants.
func (d *Dialect) Wants(subscribed []string, kind string) bool {
	return len(subscribed) == 0 || slices.Contains(subscribed, kind)
}

// eventBody is every webhook.
type eventBody struct {
	Data       any    `json:"data"`
	EntityType string `json:"entity_type"`
	EventType  string `json:"event_type"`
}

// told is what one event is told as.
type told struct {
	entity, event string // "orders", "paid"
	data          any
}

// tellers are the nouns that tell events, each in its own file; of several the first that knows the event tells it.
func (d *Dialect) tellers() []func(ev engine.Event, o *engine.Order) (told, bool) {
	return []func(engine.Event, *engine.Order) (told, bool){d.tellOrder, d.tellPayment, d.tellLink, d.tellRefund, d.tellPayout}
}

// Tell renders an event. The body's bytes are those of RFC 8785, which the signature is made over.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	for _, tell := range d.tellers() {
		if t, ok := tell(ev, o); ok {
			return "evt_" + ev.ID, t.entity + "." + t.event, canonical(eventBody{t.data, t.entity, t.event}), true
		}
	}
	return "", "", nil, false
}

// signatureHeader carries the signature: 64 hexadecimal digits and nothing before them.
const signatureHeader = "X-Glomopay-Signature"

// Sign makes that header, the HMAC-SHA256 of the body, and, beside it, those of Standard Webhooks. While a secret is
// being replaced the header holds the newest one's signature alone: its form has no room for two, and who still knows
// the old secret checks the standard headers.
func (d *Dialect) Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header {
	header := webhook.StandardHeaders(keys, m.WireID, at, m.Body)
	for _, key := range keys {
		if key != "" {
			header.Set(signatureHeader, webhook.HMACHex([]byte(key.Reveal()), m.Body))
			break
		}
	}
	return header
}
