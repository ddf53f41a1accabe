package payin

import (
	"crypto/sha256"
	"encoding/hex"
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

// events is what PayIn calls the engine's events. An order that was cancelled or failed has ended without
// payment, and that is told as expired.
var events = map[string]string{
	"order.created":     "order.created",
	"order.completed":   "order.completed",
	"order.expired":     "order.expired",
	"order.cancelled":   "order.expired",
	"order.failed":      "order.expired",
	"payment.seen":      "transfer.detected",
	"payment.confirmed": "transfer.confirmed",
}

// poolLow is PayIn's name of the engine's event of a pool that runs low.
const poolLow = "alert.address_pool_low"

// What an endpoint can subscribe to. One without a subscription is told what PayIn documents; the others are told to
// those who ask for them.
var (
	documented = []string{
		"order.completed", "order.expired", "deposit.completed", "deposit.address_bound", "deposit.address_unbound", poolLow,
	}
	optional = []string{"order.created", "transfer.detected", "transfer.confirmed"}
)

// endpointTried is the engine's event behind test.event.
const endpointTried = "endpoint.test"

// Wants says whether an endpoint is told an event: "order.expired" is that event, "order.*" all of orders, "*" all.
func (d *Dialect) Wants(subscribed []string, kind string) bool {
	if len(subscribed) == 0 {
		return slices.Contains(documented, kind)
	}
	return slices.ContainsFunc(subscribed, func(pattern string) bool { return covers(pattern, kind) })
}

func covers(pattern, kind string) bool {
	before, any := strings.CutSuffix(pattern, "*")
	return pattern == kind || any && (before == "" || strings.HasSuffix(before, ".")) && strings.HasPrefix(kind, before)
}

// vendorWaits is PayIn's own schedule.
var vendorWaits = webhook.Schedule{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

// Retries is PayIn's own schedule and then ours, or PayIn's alone, which ends with an answer of 4xx.
func (d *Dialect) Retries(ep engine.Endpoint, settings map[string]json.RawMessage) webhook.Retries {
	if ep.ScheduleOnly || scheduleSetting.on(settings) {
		return webhook.Retries{Waits: vendorWaits, NotAfter4xx: true}
	}
	return webhook.Retries{Waits: vendorWaits.Then(webhook.Ours)}
}

// Tell renders the events above; others have no webhook. The id of an order's event names the order, so that an
// order is told to have ended once; that of a transfer's names the transfer, so that two in one transaction are two.
func (d *Dialect) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	table := events
	if o == nil || o.Standing != "" {
		table = depositEvents
	}
	if kind, ok = table[ev.Type]; !ok {
		return "", "", nil, false
	}
	var about string
	var data any
	switch kind {
	case "test.event":
		id = testID(ev)
		data = testData{Message: "This is a test of your webhook endpoint", EndpointID: ev.Facts.Endpoint}
	case poolLow:
		about, data = ev.ID, tellLow(ev)
	case "transfer.detected", "transfer.confirmed":
		about, data = o.PublicID+"_"+transferID(ev), d.tellTransfer(kind, ev, o)
	case "deposit.completed", "deposit.address_bound", "deposit.address_unbound":
		about, data = d.tellDeposit(kind, ev, o)
	default:
		about, data = o.PublicID, tellOrder(kind, ev, o)
	}
	if id == "" {
		id = "evt_" + strings.ReplaceAll(kind, ".", "_") + "_" + about
	}
	return id, kind, encode(eventBody{ID: id, Type: kind, CreatedAt: wireTime(ev.Facts.At), Data: data}), true
}

func testID(ev engine.Event) string { return "test_" + strconv.FormatInt(ev.At.UnixMilli(), 10) }

// LowPool is how many free addresses are enough, by the merchant's settings; 0: he is not told.
func (d *Dialect) LowPool(settings map[string]json.RawMessage) int64 {
	return lowSetting.number(settings)
}

func tellLow(ev engine.Event) lowData {
	said := ev.Facts.Details
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(said[name], 10, 64) // the engine wrote it
		return n
	}
	data := lowData{Protocol: said["family"], Available: number("available"), Total: number("total"), Threshold: number("threshold")}
	if data.Total > 0 {
		data.Percentage = data.Available * 100 / data.Total
	}
	return data
}

func tellOrder(kind string, ev engine.Event, o *engine.Order) eventData {
	kept := recordOf(o)
	data := eventData{
		OrderID: o.PublicID, OrderReference: o.Reference, Status: statusOf(ev.State), Amount: kept.Amount,
		Currency: o.Terms.Due.Asset().Code(), ChainID: o.Network, Address: o.Instrument.Value,
		CreatedAt: wireTime(o.CreatedAt), Metadata: kept.Metadata,
	}
	if kind != "order.completed" {
		data.ExpiresAt = wireTime(windowEnd(o, kept))
		return data
	}
	data.CompletedAt = wireTime(o.EndedAt)
	if p, found := closingPayment(o); found {
		confirmations := o.Confirmations(p)
		data.TxHash, data.BlockNumber, data.Confirmations = p.Evidence.Tx, &p.Evidence.Block, &confirmations
	}
	return data
}

func (d *Dialect) tellTransfer(kind string, ev engine.Event, o *engine.Order) transferData {
	f := ev.Facts
	data := transferData{
		OrderID: o.PublicID, OrderReference: o.Reference, Status: statusOf(ev.State),
		Amount: f.Amount.Decimal(), Currency: f.Amount.Asset().Code(), ChainID: o.Network,
		FromAddress: f.Evidence.From, ToAddress: f.Evidence.To, TxHash: f.Evidence.Tx, BlockNumber: f.Evidence.Block,
		Confirmations: f.Confirmations, Metadata: recordOf(o).Metadata,
	}
	if n, err := d.engine.Network(o.Network, o.Scope.Mode); err == nil {
		data.RequiredConfirmations = &n.Confirmations
	}
	if kind == "transfer.confirmed" {
		data.ConfirmedAt = wireTime(f.At)
	} else {
		data.DetectedAt = wireTime(f.At)
	}
	return data
}

// transferID names a transfer the same way in every block it is mined in: its transaction, and which of the transfers
// of that transaction it is.
func transferID(ev engine.Event) string {
	sum := sha256.Sum256([]byte(ev.Facts.Payment.External))
	return ev.Facts.Evidence.Tx + "_" + hex.EncodeToString(sum[:4])
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
