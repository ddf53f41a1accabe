package baanx

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
)

// The statuses of an order, and no others.
const (
	statusStarted   = "STARTED"
	statusCompleted = "COMPLETED"
	statusFailed    = "FAILED"
	statusExpired   = "EXPIRED"
)

// projection is what each state of the machine is called here. Until the product is handed over an order is STARTED,
// whatever else happens.
var projection = map[order.State]string{
	order.Documents:  statusStarted,
	order.InReview:   statusStarted,
	order.Waiting:    statusStarted,
	order.Seen:       statusStarted,
	order.Part:       statusStarted,
	order.Paid:       statusStarted,
	order.Held:       statusStarted,
	order.Delivering: statusStarted,
	order.Completed:  statusCompleted,
	order.Expired:    statusExpired,
	order.Cancelled:  statusFailed,
	order.Failed:     statusFailed,
}

// What a note can say.
const (
	noteRefunded    = engine.NoteRefunded
	noteRefunding   = "payment_refund_pending"
	noteUnderpaid   = "underpaid"
	noteUnfulfilled = "fulfilment_failed"
	noteRefused     = "refused"
	noteCancelled   = "cancelled"
	noteFailed      = "payment_failed"
	noteLate        = "paid_late"
	noteOverpaid    = "overpaid"
)

// noteOf says why an order ended as it did, or what became of its money afterwards.
func noteOf(o *engine.Order) string {
	if !o.State.Terminal() {
		return ""
	}
	switch {
	case o.Overlay == order.Refunded || o.Gateway.Note == engine.NoteRefunded:
		return noteRefunded
	case o.Overlay == order.Refunding:
		return noteRefunding
	case o.State == order.Failed && o.Reason == order.ReasonAttemptLost && o.Gateway.Note != "":
		return o.Gateway.Note // the gateway's own word: it bounced
	}
	switch {
	case o.State == order.Cancelled:
		return noteCancelled
	case o.State == order.Expired && arrived(o):
		return noteLate
	case o.State == order.Expired:
		return ""
	case o.State == order.Completed:
		if setAside(o, ledger.Extra, ledger.Late, ledger.Wrong, ledger.Unfit) {
			return noteOverpaid
		}
		return ""
	case o.Reason == order.ReasonAttemptLost && setAside(o, ledger.Unfit):
		return noteUnderpaid
	case o.Reason == order.ReasonAttemptLost:
		return noteFailed
	}
	for _, t := range o.Transfers {
		if t.Purpose == order.Delivery {
			return noteUnfulfilled
		}
	}
	return noteRefused
}

func arrived(o *engine.Order) bool {
	for _, p := range o.Payments {
		if p.Rank == order.RankConfirmed {
			return true
		}
	}
	return false
}

// setAside says that money of the order lies in one of the accounts.
func setAside(o *engine.Order, roles ...ledger.Role) bool {
	for _, p := range o.Payments {
		for _, role := range roles {
			if p.Rank == order.RankConfirmed && p.Booked == o.Terms.Book.Account(role) {
				return true
			}
		}
	}
	for _, role := range roles {
		if o.Balance(o.Terms.Book.Account(role), o.Terms.Due.Asset()).Sign() > 0 {
			return true
		}
	}
	return false
}

func recordOf(o *engine.Order) (kept record) {
	if json.Unmarshal(o.Doc, &kept) != nil {
		return record{}
	}
	return kept
}

// encodeCreated is an order as its payer needs it.
func (d *Dialect) encodeCreated(o *engine.Order) createdBody {
	body := createdBody{RequestID: o.Reference, OrderID: o.PublicID}
	if o.Purchase.Method != methodGateway {
		return body
	}
	due := o.Terms.Due
	c := &paymentConfig{
		PaymentAmount: shortest(due.Decimal()), PaymentCurrency: recordOf(o).Currency, DestinationAddress: o.Instrument.Value,
		DestinationTokenSymbol: due.Asset().Code(),
	}
	if o.Gateway.To != "" {
		c.DestinationAddress = o.Gateway.To
	}
	if n, err := d.engine.Network(o.Network, o.Scope.Mode); err == nil {
		c.DestinationChainID = strconv.FormatUint(n.ChainID, 10)
		for _, t := range n.Tokens {
			if t.Asset == due.Asset() {
				c.DestinationTokenAddress = t.Contract
			}
		}
	}
	body.PaymentConfig = c
	return body
}

// shortest is a decimal without the zeros at its end: 199, 199.5. It never has an exponent.
func shortest(decimal string) number {
	if strings.Contains(decimal, ".") {
		decimal = strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
	}
	return number(decimal)
}

// encodeStatus is what became of an order.
func (d *Dialect) encodeStatus(o *engine.Order) statusBody {
	body := statusBody{RequestID: o.Reference, OrderID: o.PublicID, Status: projection[o.State]}
	if o.State == order.Completed {
		body.PaidAt = d.paidAt(paidTime(o))
	}
	m := metadata{Note: noteOf(o), PaymentID: o.Gateway.Payment}
	if p, ok := closing(o); ok {
		m.TxHash = p.Evidence.Tx
	}
	if m.TxHash == "" {
		m.TxHash = o.Gateway.Tx
	}
	if m != (metadata{}) {
		body.Metadata = &m
	}
	return body
}

// closing is the payment that paid the order; of one that was never paid the first that came and counts.
func closing(o *engine.Order) (order.Payment, bool) {
	for _, p := range o.Payments {
		if p.PaymentKey == o.Closing {
			return p, true
		}
	}
	for _, p := range o.Payments {
		if p.Rank == order.RankConfirmed {
			return p, true
		}
	}
	return order.Payment{}, false
}

func paidTime(o *engine.Order) time.Time {
	if p, ok := closing(o); ok {
		return p.Value
	}
	return o.EndedAt
}

// paidAt is a time as RFC 3339 in UTC writes it, or as the documentation's example does, which is PostgreSQL's text.
func (d *Dialect) paidAt(t time.Time) string {
	if d.DocumentedAt {
		return t.UTC().Format("2006-01-02 15:04:05.000-07")
	}
	return wireTime(t)
}

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// maskPhone shows the beginning and the end of a number: +445*****225.
func maskPhone(phone string) string {
	if len(phone) < 8 {
		return strings.Repeat("*", len(phone))
	}
	return phone[:4] + strings.Repeat("*", len(phone)-7) + phone[len(phone)-3:]
}

var verifications = map[engine.Verification]string{
	engine.Verified: "VERIFIED", engine.Unverified: "UNVERIFIED", engine.VerifyPending: "PENDING", engine.VerifyRejection: "REJECTED",
}

// encode is v as JSON on one line. Texts are kept as they are, and not escaped for HTML.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("baanx: an answer cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
