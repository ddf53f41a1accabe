package glomo

import (
	"slices"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
)

const entityPayment = "payment"

// tellPayment renders what happens to a payment. That an order is paid is told as its payment's success; it is told of the
// order itself when it has completed.
func (d *Dialect) tellPayment(ev engine.Event, o *engine.Order) (told, bool) {
	if o == nil || o.Terms.FromBalance || o.Kind != kindOrder && o.Kind != kindLink {
		return told{}, false
	}
	p, event, ok := paymentTold(ev, o)
	if !ok {
		return told{}, false
	}
	body := d.encodePayment(p)
	switch event { // as it was then, whatever came after
	case paymentInProgress, paymentFailed, paymentAction, paymentSuccess:
		if body.Status != event {
			body.Status, body.ErrorCode, body.ErrorMessage, body.ErrorDescription, body.CustomerErrorDescription = event, nil, nil, nil, nil
		}
	}
	return told{entityPayment, event, body}, true
}

// complianceEvents are the steps of a compliance review.
var complianceEvents = map[string]string{
	"review.open":      "compliance_under_review",
	"review.documents": "compliance_action_required",
	"review.approved":  "compliance_approved",
	"review.refused":   "compliance_rejected",
}

// paymentTold is which payment an event of an order is about, and what it is called; ok is false where it is told of none.
func paymentTold(ev engine.Event, o *engine.Order) (p payment, event string, ok bool) {
	list := paymentsOf(o)
	if i := slices.IndexFunc(list, func(p payment) bool { return p.PaymentKey == ev.Facts.Payment }); i >= 0 {
		p = list[i]
		switch ev.Type {
		case "payment.seen":
			return p, paymentInProgress, true
		case "payment.failed":
			return p, paymentFailed, true
		case "payment.reversed":
			return p, paymentFailed, !(o.State == order.Completed && p.PaymentKey == o.Closing)
		case "payment.aside":
			return p, paymentAction, true
		case "payment.confirmed":
			// What counts and makes nothing paid waits for a decision, or came when nobody waited any more.
			if p.PaymentKey == o.Closing || p.Booked != o.Terms.Book.Account(ledger.In) {
				return p, "", false
			}
			if ev.State.Terminal() {
				return p, paymentAction, true
			}
			return p, paymentInProgress, true
		}
		return p, "", false
	}
	paid, found := paidBy(o)
	if !found {
		return p, "", false
	}
	switch word, compliance := complianceEvents[ev.Type]; {
	case ev.Type == "order.paid":
		return paid, paymentSuccess, true
	case ev.Type == "funds.available":
		return paid, "funds_available", true
	case compliance && ev.Facts.Ref == string(order.Compliance):
		return paid, word, true
	}
	return p, "", false
}
