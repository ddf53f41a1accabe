package glomo

import (
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/web"
)

// paymentFilter is which payments a list shows.
type paymentFilter struct {
	paging
	customer, status, payin, currency string
	compliance, kind                  string
	none                              bool // it names what no payment here has
}

func decodePaymentFilter(raw string) (f paymentFilter, err error) {
	q, err := queryOf(raw)
	if err != nil {
		return f, err
	}
	f.paging = q.paging()
	f.customer, f.status = q.id("customer_id", customerID), q.word("status", paymentStatuses...)
	f.payin, f.currency = q.Text("payin_id"), q.currency("currency")
	f.compliance = q.word("compliance_status", complianceStatuses...)
	f.kind = q.word("payment_type", payinLink, payinOrder, payinAddFunds)
	subscription := q.Text("subscription_id")
	switch {
	case f.payin != "" && subscription != "":
		q.Refuse("payin_id", "Only one of payin_id and subscription_id can be given")
	case f.payin != "" && !isID(f.payin, orderID) && !isID(f.payin, linkID):
		q.Refuse("payin_id", "Invalid payin_id")
	}
	f.none = subscription != "" || f.kind == payinAddFunds || q.Text("request_id") != ""
	return f, q.Err()
}

// plain says that the list is every payment of its time.
func (f paymentFilter) plain() bool {
	return f.customer == "" && f.status == "" && f.payin == "" && f.currency == "" && f.compliance == "" && f.kind == ""
}

// shows says whether the list shows a payment.
func (f paymentFilter) shows(p payment) bool {
	if !f.from.IsZero() && p.Told.Before(f.from) || !f.to.IsZero() && p.Told.After(f.to) {
		return false
	}
	status, _ := p.status()
	if f.status != "" && f.status != status || f.currency != "" && f.currency != p.Amount.Asset().Code() ||
		f.compliance != "" && f.compliance != complianceWords[p.compliance().State] {
		return false
	}
	if p.order == nil {
		return f.customer == "" && f.payin == "" && f.kind == ""
	}
	kind := payinOrder
	if p.order.Kind == kindLink {
		kind = payinLink
	}
	return (f.payin == "" || f.payin == p.order.PublicID) && (f.kind == "" || f.kind == kind) && (f.customer == "" || f.customer == billOf(p.order).Customer)
}

// ranks are the last words about payments of the status, to look through fewer.
func (f paymentFilter) ranks() []order.Rank {
	switch f.status {
	case paymentInProgress:
		return []order.Rank{order.RankSeen, order.RankConfirmed}
	case paymentFailed:
		return []order.Rank{order.RankFailed, order.RankReversed}
	case paymentSuccess:
		return []order.Rank{order.RankConfirmed, order.RankReversed}
	case paymentAction:
		return []order.Rank{order.RankConfirmed}
	}
	return nil
}

// mocked is a payment that is asked to be made up.
type mocked struct {
	amount          int64
	currency, payin string // payin empty: a transfer that names nothing
	remitter        string
}

const (
	minMock      = 100 // minor units
	mockTransfer = "BankTransfer"

	remitterListed = engine.SandboxHitName
	remitterFine   = "Non_Sanctioned_Entity"
)

func decodeMock(r *http.Request) (m mocked, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return m, err
	}
	amount, err := whole(body, "amount", "Amount "+notPositive)
	if err != nil {
		return m, err
	}
	if amount == nil {
		return m, missing("amount")
	}
	if m.amount = *amount; m.amount < minMock {
		return m, wrong("amount", "amount must be at least 100")
	}
	if m.currency, err = required(body, "currency", 8); err != nil {
		return m, err
	}
	if m.payin, err = optional(body, "payin_id", maxID); err != nil {
		return m, err
	}
	method, err := word(body, "payment_method", mockTransfer)
	if err != nil {
		return m, err
	}
	if m.remitter, err = word(body, "remitter_name", remitterListed, remitterFine); err != nil {
		return m, err
	}
	if m.remitter == "" {
		m.remitter = remitterFine
	}
	switch {
	case m.payin == "" && method == "":
		return m, missing("payin_id")
	case m.payin != "" && method != "":
		return m, wrong("payment_method", "Only one of payin_id and payment_method can be given")
	case m.payin != "" && !isID(m.payin, orderID) && !isID(m.payin, linkID):
		return m, wrong("payin_id", "payin_id must start with 'order_' or 'plink_'")
	}
	return m, nil
}

// pairs is what answers requests for documents: each a document and what it answers. Nothing else may stand there.
//
// Errors: those of the body; missing_field, invalid_value.
func decodePairs(r *http.Request, list, document string) ([]engine.Given, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return nil, err
	}
	if err := body.Only(list); err != nil {
		return nil, err
	}
	values, present, err := body.Array(list, 100)
	if err != nil {
		return nil, err
	}
	if !present || len(values) == 0 {
		return nil, missing(list)
	}
	var given []engine.Given
	for _, v := range values {
		one, err := v.Object()
		if err != nil {
			return nil, err
		}
		if err := one.Only(document, "rfi_doc_id"); err != nil {
			return nil, err
		}
		var g engine.Given
		if g.Document, err = required(one, document, maxID); err != nil {
			return nil, err
		}
		if g.Slot, err = required(one, "rfi_doc_id", maxID); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(given, func(other engine.Given) bool { return other.Slot == g.Slot }) {
			return nil, wrong(one.Param("rfi_doc_id"), "rfi_doc_id is given twice")
		}
		given = append(given, g)
	}
	return given, nil
}

// second is the bounds of one second.
func second(t time.Time) (from, to time.Time) { return t, t.Add(time.Second - time.Microsecond) }

// money is how much is to be paid.
func (m mocked) money() (money.Amount, error) {
	currency, err := fiatOf(m.currency, "currency")
	if err != nil {
		return money.Amount{}, err
	}
	return amountOf(m.amount, currency, "amount")
}

// decodeConnect reads what a payment is connected with.
func decodeConnect(r *http.Request) (payin string, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return "", err
	}
	if payin, err = required(body, "payin_id", maxID); err != nil {
		return "", err
	}
	if !isID(payin, orderID) && !isID(payin, linkID) {
		return "", wrong("payin_id", "payin_id must start with 'order_' or 'plink_'")
	}
	return payin, nil
}
