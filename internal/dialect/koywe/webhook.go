package koywe

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/webhook"
)

// What endpoints are told. Koywe's newer names: an order that was cancelled is told as canceled.
const (
	eventCreated  = "order.created"
	eventApproved = "order.approved"
)

// eventOf is what a change to a status is called. PENDING and ON_HOLD have no event beside that of the creation, and
// REFUND_REQUESTED has none.
var eventOf = map[string]string{
	statusProcessing: "order.processing",
	statusPaid:       "order.paid",
	statusCompleted:  "order.completed",
	statusFailed:     "order.failed",
	statusExpired:    "order.expired",
	statusCancelled:  "order.canceled",
	statusRefunded:   "order.refunded",
}

// Wants says whether an endpoint is told an event. Koywe's endpoints have no filter: one without a subscription is
// told everything.
func (d *Dialect) Wants(subscribed []string, kind string) bool {
	return len(subscribed) == 0 || slices.Contains(subscribed, kind)
}

// Retries is ours: Koywe publishes no schedule.
func (d *Dialect) Retries(engine.Endpoint, map[string]json.RawMessage) webhook.Retries {
	return webhook.Retries{Waits: webhook.Schedule{5 * time.Second, 30 * time.Second, 2 * time.Minute}.Then(webhook.Ours)}
}

// Tell renders an order's creation, its approval, and each change of what it is called here. What the engine tells of
// it beside, and changes that leave the status as it is, have no webhook.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	if o == nil || o.Standing != "" {
		return d.tellRecord(ev, o)
	}
	if kind, ok = kindOfEvent(ev, o); !ok {
		return "", "", nil, false
	}
	id = madeOf("evt", ev.ID)
	return id, kind, encode(orderEvent{
		ID: id, Type: kind, CreatedAt: wireTime(ev.Facts.At), Data: tellOrder(ev, o),
		Relationships: recordRelation{recordSelf{"order", o.PublicID}},
	}), true
}

// kindOfEvent is what an event of an order is told as; ok is false when it is not told.
func kindOfEvent(ev engine.Event, o *engine.Order) (kind string, ok bool) {
	switch {
	case ev.Type == "order.created":
		return eventCreated, true
	case ev.Type == "review.approved" && ev.Facts.Ref == string(order.Approval):
		return eventApproved, true
	}
	state, overlay, known := ev.Before()
	status, before := statusOf(o.Kind, ev.State, ev.Overlay), statusOf(o.Kind, state, overlay)
	// Where a refund came to nothing the order is what it was before, and was told.
	if !known || status == before || overlay != order.NoOverlay && ev.Overlay == order.NoOverlay {
		return "", false
	}
	kind, ok = eventOf[status]
	return kind, ok
}

// orderEvent is what is told of an order. The order's id stands in relationships, as at Koywe, and not in data.
type orderEvent struct {
	ID            string         `json:"id"`
	Type          string         `json:"type"`
	CreatedAt     string         `json:"created_at"`
	Data          orderData      `json:"data"`
	Relationships recordRelation `json:"relationships"`
}

// orderData is the order as it was at the event, in the spelling of webhooks.
type orderData struct {
	Type                string  `json:"type"`
	Status              string  `json:"status"`
	ExternalID          *string `json:"external_id"`
	OriginCurrency      string  `json:"origin_currency_symbol"`
	DestinationCurrency string  `json:"destination_currency_symbol"`
	AmountIn            number  `json:"amount_in"`
	AmountOut           number  `json:"amount_out"`
	DestinationAccount  *string `json:"destination_account_id"`
	QuoteID             *string `json:"quote_id"`
	ContactID           *string `json:"contact_id"`
	Description         *string `json:"description"`
	StatusReason        string  `json:"status_reason,omitempty"`
	TxHash              string  `json:"tx_hash,omitempty"`
	MerchantID          string  `json:"merchant_id"`
	CreatedAt           string  `json:"created_at"`
}

func tellOrder(ev engine.Event, o *engine.Order) orderData {
	kept := recordOf(o)
	in, out := o.Terms.Due, outOf(o)
	data := orderData{
		Type: o.Kind, Status: statusOf(o.Kind, ev.State, ev.Overlay), ExternalID: textOrNull(o.Reference),
		OriginCurrency: in.Asset().Code(), DestinationCurrency: out.Asset().Code(), AmountIn: numberOf(in), AmountOut: numberOf(out),
		DestinationAccount: textOrNull(kept.Account), QuoteID: quoteID(o), ContactID: textOrNull(kept.Contact), Description: textOrNull(kept.Description),
		MerchantID: o.Scope.Merchant, CreatedAt: wireTime(o.CreatedAt),
	}
	if ev.State == o.State && ev.Overlay == o.Overlay {
		data.StatusReason = reasonOf(o)
	}
	return data
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
