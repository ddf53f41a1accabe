package glomo

import (
	"encoding/json"
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/web"
)

// The statuses of a refund. No refund asks for documents here.
const (
	refundProgress  = "in_progress"
	refundSuccess   = "success"
	refundFailed    = "failed"
	refundAction    = "action_required"
	refundReview    = "under_review"
	refundCancelled = "cancelled"
)

// refundStatuses is how the answer to a new refund is numbered by its status.
var refundStatuses = map[string]int{
	refundProgress:  http.StatusAccepted,
	refundReview:    http.StatusAccepted,
	refundAction:    http.StatusAccepted,
	refundSuccess:   http.StatusCreated,
	refundFailed:    http.StatusUnprocessableEntity,
	refundCancelled: http.StatusUnprocessableEntity,
}

// refundReasons are the reasons, in the contract's own spelling.
var refundReasons = []string{"Requested By Customer", "Duplicate", "Fradulent", "Others"}

// askedRefund is a request for a refund.
type askedRefund struct {
	refundRecord
	amount *int64 // nil: all that is left
}

func decodeRefund(r *http.Request) (a askedRefund, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return a, err
	}
	if a.Payment, err = required(body, "payment_id", maxID); err != nil {
		return a, err
	}
	if !isID(a.Payment, paymentID) {
		return a, wrong("payment_id", "payment_id must start with 'payt_'")
	}
	if a.Reason, err = word(body, "reason", refundReasons...); err != nil {
		return a, err
	}
	if a.Reason == "" {
		return a, missing("reason")
	}
	for _, t := range []struct {
		field string
		limit int
		into  *string
	}{
		{"document_id", maxID, &a.Document}, {"document_url", maxText, &a.URL}, {"file_name", maxReference, &a.File}, {"request_id", maxReference, &a.Request},
	} {
		if *t.into, err = optional(body, t.field, t.limit); err != nil {
			return a, err
		}
	}
	if a.Document != "" && !isID(a.Document, documentID) {
		return a, wrong("document_id", "Document ID must start with doc_ and be valid.")
	}
	a.amount, err = whole(body, "amount", "Amount "+notPositive)
	return a, err
}

// decodeMockStatus reads which outcome is asked for.
func decodeMockStatus(r *http.Request, allowed ...string) (string, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return "", err
	}
	status, err := word(body, "status", allowed...)
	if err == nil && status == "" {
		err = missing("status")
	}
	return status, err
}

// refundFilter is which refunds a list shows.
type refundFilter struct {
	paging
	customer, method, payment, status, request string
}

func decodeRefundFilter(raw string) (f refundFilter, err error) {
	q, err := queryOf(raw)
	if err != nil {
		return f, err
	}
	f.paging = q.paging()
	f.customer, f.payment = q.id("customer_id", customerID), q.id("payment_id", paymentID)
	f.method, f.request = q.word("payment_method", payments...), q.Text("request_id")
	f.status = q.word("status", refundProgress, refundSuccess, refundFailed, refundAction, refundReview, refundCancelled)
	return f, q.Err()
}

func (f refundFilter) plain() bool {
	return f.customer == "" && f.method == "" && f.payment == "" && f.status == "" && f.request == "" && f.from.IsZero() && f.to.IsZero()
}

// shows says whether the list shows a refund.
func (f refundFilter) shows(r engine.RecordedRefund) bool {
	kept := refundRecordOf(r.Order, r.ID)
	is := func(asked, has string) bool { return asked == "" || asked == has }
	method := ""
	if p, ok := paidBy(r.Order); ok {
		method = p.method()
	}
	return f.paging.has(r.CreatedAt) && is(f.customer, recordOf(r.Order).Customer) && is(f.method, method) && is(f.payment, kept.Payment) &&
		is(f.request, kept.Request) && is(f.status, refundStatus(r.Transfer(), r.Sending()))
}

func refundRecordOf(o *engine.Order, id string) (kept refundRecord) {
	if json.Unmarshal([]byte(o.Sendings[id].Doc), &kept) != nil {
		return refundRecord{} // a refund that an operator made
	}
	return kept
}

// refundStatus is what a refund is called.
func refundStatus(t order.Transfer, s engine.Sending) string {
	switch {
	case t.State == order.TransferConfirmed:
		return refundSuccess
	case t.State == order.TransferFailed && s.Approval.State == engine.ApprovalRefused:
		return refundCancelled
	case t.State == order.TransferFailed || t.State == order.TransferReturned:
		return refundFailed
	case s.Approval.State == engine.ApprovalOpen:
		return refundReview
	}
	return refundProgress
}

// refundBody is money of a payment that goes back.
type refundBody struct {
	ID         string   `json:"id"`
	CustomerID *string  `json:"customer_id"`
	PaymentID  string   `json:"payment_id"`
	Reason     string   `json:"reason"`
	FXFee      sumBody  `json:"fx_fee"`
	TxnFee     sumBody  `json:"txn_fee"`
	Documents  []string `json:"documents"`
	Status     string   `json:"status"`
	Currency   string   `json:"currency"`
	Amount     int64    `json:"amount"`
	RequestID  *string  `json:"request_id"`
	UTR        *string  `json:"utr"`
	CreatedAt  string   `json:"created_at"`
	UpdatedAt  string   `json:"updated_at"`
}

func refundBodyOf(r engine.RecordedRefund) refundBody { return refundBodyFor(r.Order, r.Transfer()) }

func refundBodyFor(o *engine.Order, t order.Transfer) refundBody {
	kept, sending := refundRecordOf(o, t.ID), o.Sendings[t.ID]
	code := t.Amount.Asset().Code()
	b := refundBody{
		ID: t.ID, CustomerID: textOrNull(recordOf(o).Customer), PaymentID: kept.Payment, Reason: kept.Reason, FXFee: sumBody{0, code}, TxnFee: sumBody{0, code},
		Documents: []string{}, Status: refundStatus(t, sending), Currency: code, Amount: minor(t.Amount), RequestID: textOrNull(kept.Request),
		UTR: textOrNull(string(sending.Ref)), CreatedAt: wireTime(t.At), UpdatedAt: wireTime(later(t.At, o.UpdatedAt)),
	}
	if kept.Document != "" {
		b.Documents = append(b.Documents, kept.Document)
	}
	return b
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
