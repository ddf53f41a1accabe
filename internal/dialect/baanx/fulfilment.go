package baanx

import (
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// How the merchant's server is told to hand a product over: a call in the envelope of the webhooks, signed alike. It is
// answered by 2xx once the product is the user's; a repeat with the same id is about the same product.

// eventFulfil is what it is called.
const eventFulfil = "order.paid"

// fulfilling is what the merchant must know to hand over.
type fulfilling struct {
	OrderID       string  `json:"orderId"`
	RequestID     string  `json:"requestId"`
	ProductID     string  `json:"productId"`
	PaymentMethod string  `json:"paymentMethod"`
	PaidAt        string  `json:"paidAt"`
	TxHash        string  `json:"txHash,omitempty"`
	Amount        number  `json:"amount"`
	Currency      string  `json:"currency"`
	Email         *string `json:"email"`
	Country       *string `json:"country"`
}

// fulfilBody is the call's body.
type fulfilBody struct {
	APIVersion        string     `json:"api_version"`
	EventID           string     `json:"event_id"`
	EventCategory     string     `json:"event_category"`
	EventType         string     `json:"event_type"`
	UserID            string     `json:"user_id"`
	EventObjectID     string     `json:"event_object_id"`
	EventObjectStatus string     `json:"event_object_status"`
	EventObject       fulfilling `json:"event_object"`
	OccurredAt        string     `json:"occurred_at"`
}

// Fulfilment renders the call that asks the merchant to hand over what an order sells, for a delivery of it. The same
// delivery always has the same id, and a further one of the same order the same object: the merchant hands over once by
// the order's id.
func (d *Dialect) Fulfilment(o *engine.Order, u *engine.User, delivery string, key webhook.Secret, at time.Time) (header http.Header, body []byte) {
	id := eventID("delivery " + delivery)
	object := fulfilling{
		OrderID: o.PublicID, RequestID: o.Reference, ProductID: o.Purchase.Product, PaymentMethod: o.Purchase.Method, PaidAt: d.paidAt(paidTime(o)),
		Amount: shortest(o.Terms.Due.Decimal()), Currency: recordOf(o).Currency, Email: textOrNull(u.Email), Country: textOrNull(u.Country),
	}
	if p, ok := closing(o); ok {
		object.TxHash = p.Evidence.Tx
	}
	body = encode(fulfilBody{
		APIVersion: "v1", EventID: id, EventCategory: "order", EventType: eventFulfil, UserID: u.ID, EventObjectID: o.PublicID, EventObjectStatus: statusStarted,
		EventObject: object, OccurredAt: wireTime(paidTime(o)),
	})
	keys := []webhook.Secret{key}
	header = webhook.StandardHeaders(keys, id, at, body)
	signBody(header, keys, at, body)
	return header, body
}
