package koywe

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// Wants says whether an endpoint is told an event. Koywe's endpoints have no filter: one without a subscription is
// told everything.
func (d *Dialect) Wants(subscribed []string, kind string) bool {
	return len(subscribed) == 0 || slices.Contains(subscribed, kind)
}

// Retries is ours: Koywe publishes no schedule.
func (d *Dialect) Retries(engine.Endpoint, map[string]json.RawMessage) webhook.Retries {
	return webhook.Retries{Waits: webhook.Schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute}.Then(webhook.Ours)}
}

// Tell renders what there is to tell of an event.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	if o == nil || o.Standing != "" {
		return d.tellRecord(ev, o)
	}
	return "", "", nil, false
}

// signatureHeader carries Koywe's signature.
const signatureHeader = "Koywe-Signature"

// Sign makes Koywe's header, the HMAC-SHA256 of the body in lower-case hexadecimal, and, beside it, those of Standard
// Webhooks. While a secret is being replaced Koywe's header holds the newest one's signature alone: its form has no
// room for two, and who still knows the old secret checks the standard headers.
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
