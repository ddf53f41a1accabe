package payin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// events is what PayIn calls the engine's events. An order that was cancelled or failed has ended without
// payment, and that is told as expired.
var events = map[string]string{
	"order.completed": "order.completed",
	"order.expired":   "order.expired",
	"order.cancelled": "order.expired",
	"order.failed":    "order.expired",
}

// Tell renders order.completed and order.expired; other events have no webhook.
// The id names the order, so that an order is told to have ended once.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	kind, ok = events[ev.Type]
	if !ok {
		return "", "", nil, false
	}
	kept := recordOf(o)
	data := eventData{
		OrderID: o.PublicID, OrderReference: o.Reference, Status: statusOf(ev.State), Amount: kept.Amount,
		Currency: o.Terms.Due.Asset().Code(), ChainID: o.Network, Address: o.Instrument.Value,
		CreatedAt: wireTime(o.CreatedAt), Metadata: kept.Metadata,
	}
	if kind == "order.expired" {
		data.ExpiresAt = wireTime(windowEnd(o, kept))
	} else {
		data.CompletedAt = wireTime(o.EndedAt)
		if p, found := closingPayment(o); found {
			confirmations := o.Confirmations(p)
			data.TxHash, data.BlockNumber, data.Confirmations = p.Evidence.Tx, &p.Evidence.Block, &confirmations
		}
	}
	id = "evt_" + strings.ReplaceAll(kind, ".", "_") + "_" + o.PublicID
	return id, kind, encode(eventBody{ID: id, Type: kind, CreatedAt: wireTime(ev.Facts.At), Data: data}), true
}

// Sign makes PayIn's headers and, beside them, those of Standard Webhooks. PayIn's key is the secret as it
// is written, with its whsec_. While a secret is being replaced there is a v1 for each, the newest first.
func (d *Dialect) Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header {
	header := webhook.StandardHeaders(keys, m.WireID, at, m.Body)
	seconds := strconv.FormatInt(at.Unix(), 10)
	message := append([]byte(seconds+"."), m.Body...)
	parts := []string{"t=" + seconds}
	for _, key := range keys {
		if key != "" {
			parts = append(parts, "v1="+webhook.HMACHex([]byte(key.Reveal()), message))
		}
	}
	header.Set("X-PayIn-Signature", strings.Join(parts, ","))
	header.Set("X-PayIn-Event-Type", m.Type)
	header.Set("X-PayIn-Event-Id", m.WireID)
	header.Set("X-PayIn-Delivery-Id", fmt.Sprintf("dlv_%d_%s", at.UnixMilli(), d.randomText(10)))
	header.Set("User-Agent", "PayIn-Webhook/1.0")
	return header
}
