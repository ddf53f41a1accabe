package baanx

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// Baanx publishes no webhooks of orders. These are ours, in the envelope and with the signature of those that it has:
// one when the order ends, and none about what becomes of its money afterwards.
var events = map[string]string{
	statusCompleted: "order.completed",
	statusFailed:    "order.failed",
	statusExpired:   "order.expired",
}

// Wants says whether an endpoint is told an event: "order.expired" is that event, "order.*" all of orders, "*" all. One
// without a subscription is told everything.
func (d *Dialect) Wants(subscribed []string, kind string) bool {
	return len(subscribed) == 0 || slices.ContainsFunc(subscribed, func(pattern string) bool {
		before, any := strings.CutSuffix(pattern, "*")
		return pattern == kind || any && (before == "" || strings.HasSuffix(before, ".")) && strings.HasPrefix(kind, before)
	})
}

// vendorWaits is Baanx's schedule as far as it is known: it begins with a second and doubles.
var vendorWaits = webhook.Schedule{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// Retries is Baanx's own schedule and then ours, or Baanx's alone, which ends with an answer of 4xx.
func (d *Dialect) Retries(ep engine.Endpoint, _ map[string]json.RawMessage) webhook.Retries {
	if ep.ScheduleOnly {
		return webhook.Retries{Waits: vendorWaits, NotAfter4xx: true}
	}
	return webhook.Retries{Waits: vendorWaits.Then(webhook.Ours)}
}

// Tell renders the end of an order. Its id is the same whenever it is told.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	if o == nil || o.Purchase == (engine.Purchase{}) {
		return "", "", nil, false
	}
	before, _, known := ev.Before()
	status := projection[ev.State]
	kind, ends := events[status]
	if !known || !ends || projection[before] == status {
		return "", "", nil, false
	}
	id = eventID(ev.ID)
	return id, kind, encode(eventBody{
		APIVersion: "v1", EventID: id, EventCategory: "order", EventType: kind, UserID: o.Purchase.User, EventObjectID: o.PublicID, EventObjectStatus: status,
		EventObject: eventedOrder{statusBody: d.encodeStatus(o), ProductID: o.Purchase.Product, PaymentMethod: o.Purchase.Method},
		OccurredAt:  wireTime(ev.Facts.At),
	}), true
}

// eventID is a UUID made of the engine's id of an event.
func eventID(internal string) string {
	sum := sha256.Sum256([]byte("event " + internal))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562, version 8
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// Sign makes Baanx's headers and, beside them, those of Standard Webhooks. While a secret is being replaced Baanx's
// signature is the newest one's alone: its form has no room for two.
func (d *Dialect) Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header {
	header := webhook.StandardHeaders(keys, m.WireID, at, m.Body)
	signBody(header, keys, at, m.Body)
	return header
}

// signBody is X-Timestamp and X-Signature: the HMAC-SHA256 of the timestamp, a dot and the body.
func signBody(header http.Header, keys []webhook.Secret, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	header.Set("X-Timestamp", seconds)
	for _, key := range keys {
		if key != "" {
			header.Set("X-Signature", webhook.HMACHex([]byte(key.Reveal()), append([]byte(seconds+"."), body...)))
			return
		}
	}
}
