package glomo

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

func (d *Dialect) refundRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/refunds", "refunds:write", d.createRefund},
		{http.MethodGet, v1 + "/refunds", "refunds:read", d.listRefunds},
		{http.MethodGet, v1 + "/refunds/{id}", "refunds:read", d.getRefund},
		{http.MethodPatch, v1 + "/refunds/{id}/update_rfi", "refunds:write", d.updateRefundRFI},
		{http.MethodPatch, v1 + "/refunds/{id}/update-rfi", "refunds:write", d.updateRefundRFI},
		{http.MethodPatch, v1 + "/refunds/{id}/mock_update_status", "refunds:write", d.mockRefund},
	}
}

// refundDays is how long after it was paid a payment is given back: after its earliest value time, which no newer word about
// the payment moves.
const refundDays = 180

// PartialRefunds is the merchant's setting, true or false, that card payments are given back in part.
const PartialRefunds = "partial_refunds"

// refundRecord is what is remembered of a request for a refund.
type refundRecord struct {
	Payment  string `json:"payment"`
	Reason   string `json:"reason"`
	Document string `json:"document,omitempty"`
	Request  string `json:"request,omitempty"`
	URL      string `json:"url,omitempty"`
	File     string `json:"file,omitempty"`
}

func (d *Dialect) createRefund(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeRefund(r)
	if err != nil {
		return answer{}, err
	}
	p, err := d.paymentByID(r.Context(), s, asked.Payment)
	if err != nil {
		return answer{}, err
	}
	if asked.Document != "" {
		if err := d.checkDocument(r.Context(), s, asked.Document); err != nil {
			return answer{}, err
		}
	}
	if err := d.mayRefund(r.Context(), s, p, asked); err != nil {
		return answer{}, err
	}
	amount, err := d.refundable(r.Context(), s, p, asked)
	if err != nil {
		return answer{}, err
	}
	doc, err := json.Marshal(asked.refundRecord)
	if err != nil {
		return answer{}, err
	}
	id := d.newID(refundID)
	_, err = d.engine.Refund(r.Context(), engine.NewRefund{
		OrderID: p.order.ID, ID: id, Amount: amount, From: ledger.Merchant, Actor: order.ByMerchant, Who: callerOf(r.Context()).Who(), Why: asked.Reason,
		Check:  noneInProgress,
		Record: engine.RefundRecord{Key: asked.Request, Doc: doc},
	})
	if err != nil {
		return answer{}, refundFault(err)
	}
	made, err := d.engine.RefundByID(r.Context(), s, id)
	if err != nil {
		return answer{}, err
	}
	b := refundBodyOf(made)
	return answer{status: refundStatuses[b.Status], body: b}, nil
}

// refundFault says an engine's refusal of a refund in this API's words.
func refundFault(err error) error {
	switch f, _ := fault.As(err); {
	case f == nil:
	case f.Code == fault.CodeDuplicateReference:
		return fault.New(f.Code, "Refund already exists for this request_id").On("request_id")
	case f.Code == fault.CodeVersionConflict:
		return fault.New(f.Code, "Refund is being processed")
	case f.Code == fault.CodeInsufficientBalance:
		return fault.New(f.Code, "Account has insufficient balance to process this refund")
	case f.Param == "destination":
		return wrongState("Nobody knows to which account this payment would go back")
	case f.Message == inProgress:
	case f.Code == fault.CodeOrderStateConflict:
		return wrongState("The payment cannot be refunded, or not by so much")
	}
	return err
}

// mayRefund refuses what no payment is given back for.
//
// Errors: order_state_conflict, duplicate_reference.
func (d *Dialect) mayRefund(ctx context.Context, s engine.Scope, p payment, a askedRefund) error {
	if a.Request != "" {
		_, err := d.engine.RefundByKey(ctx, s, a.Request)
		if err == nil {
			return fault.New(fault.CodeDuplicateReference, "Refund already exists for this request_id").On("request_id")
		}
		if !fault.Is(err, fault.CodeNotFound) {
			return err
		}
	}
	clock, err := d.engine.Clock(ctx, s.Mode)
	if err != nil {
		return err
	}
	status, code := p.status()
	compliance := p.compliance()
	switch {
	case status != paymentSuccess || code != "":
		return wrongState("Only a payment in success status can be refunded")
	case p.method() == byBank:
		return wrongState("A payment by pay_via_bank cannot be refunded")
	case compliance.State == engine.ComplianceRefused || compliance.State == engine.ComplianceBarred:
		return wrongState("A payment that compliance rejected cannot be refunded")
	case !compliance.Available:
		return wrongState("A payment whose funds are withheld cannot be refunded")
	case clock.Shift(d.now()).Sub(p.Value) > refundDays*24*time.Hour:
		return wrongState("A payment cannot be refunded after 180 days")
	}
	return noneInProgress(p.order)
}

// noneInProgress refuses a refund beside another. It is asked once more in the transaction of the refund, so that of several that
// come at once one is made.
func noneInProgress(o *engine.Order) error {
	for _, t := range o.Transfers {
		if t.Purpose == order.Refund && t.State.InFlight() {
			return wrongState(inProgress)
		}
	}
	return nil
}

const inProgress = "Refund is already in progress."

// refundable is how much goes back: what is asked for, or all that the payment brought its merchant and that did not go back
// before.
//
// Errors, on amount: invalid_amount, amount_too_large, order_state_conflict.
func (d *Dialect) refundable(ctx context.Context, s engine.Scope, p payment, a askedRefund) (money.Amount, error) {
	o := p.order
	if out := o.Terms.Out.Asset(); !out.IsZero() && out != o.Terms.Due.Asset() {
		return o.Terms.Out, wrongState("The money of an order with a quote was exchanged and cannot be refunded")
	}
	left := o.Balance(o.Terms.Book.Account(ledger.Merchant), o.Terms.Due.Asset())
	if left.Sign() <= 0 {
		return left, wrongState("The payment was refunded already")
	}
	if a.amount == nil {
		return left, nil
	}
	amount, err := amountOf(*a.amount, left.Asset(), "amount")
	switch {
	case err != nil:
		return amount, err
	case amount.Cmp(left) > 0:
		return amount, fault.New(fault.CodeAmountTooLarge, "Amount is more than is left of the payment").On("amount")
	case amount.Equal(left):
		return amount, nil
	}
	settings, err := d.engine.Settings(ctx, engine.SettingScope{Merchant: s.Merchant, Mode: s.Mode})
	if err != nil {
		return amount, err
	}
	var on bool
	if json.Unmarshal(settings[PartialRefunds], &on) != nil || !on {
		return amount, wrongState("Partial refunds are not enabled for this business")
	}
	if p.method() != byCard {
		return amount, wrongState("Only card payments are refunded in part")
	}
	return amount, nil
}

func (d *Dialect) getRefund(r *http.Request, s engine.Scope) (answer, error) {
	found, err := d.refund(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: refundBodyOf(found)}, nil
}

// refund is the one that the path names.
func (d *Dialect) refund(r *http.Request, s engine.Scope) (engine.RecordedRefund, error) {
	id := r.PathValue("id")
	if err := checkID(id, refundID); err != nil {
		return engine.RecordedRefund{}, err
	}
	found, err := d.engine.RefundByID(r.Context(), s, id)
	return found, orNoEntity(err)
}

func (d *Dialect) listRefunds(r *http.Request, s engine.Scope) (answer, error) {
	f, err := decodeRefundFilter(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	list, total, err := d.findRefunds(r.Context(), s, f)
	if err != nil {
		return answer{}, err
	}
	var shown []refundBody
	for _, one := range list {
		shown = append(shown, refundBodyOf(one))
	}
	return answer{status: http.StatusOK, body: pageOf(f.paging, shown, total)}, nil
}

// findRefunds is a page of the list, and how many it has. With a filter it looks through the scope's refunds.
//
// Error: overloaded, where there are too many to look through.
func (d *Dialect) findRefunds(ctx context.Context, s engine.Scope, f refundFilter) (list []engine.RecordedRefund, total int64, err error) {
	of := engine.RefundFilter{Scope: s, Page: f.page, Limit: f.perPage}
	if f.plain() {
		page, err := d.engine.Refunds(ctx, of)
		return page.Refunds, page.Total, err
	}
	if f.payment != "" {
		p, err := d.paymentByID(ctx, s, f.payment)
		if fault.Is(err, fault.CodeNotFound) || err == nil && p.order == nil {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		of.OrderID = p.order.ID
	}
	of.Limit = lookPage
	for of.Page = 1; ; of.Page++ {
		page, err := d.engine.Refunds(ctx, of)
		if err != nil {
			return nil, 0, err
		}
		if page.Total > maxLooked {
			return nil, 0, fault.New(fault.CodeOverloaded, "There are too many refunds to look through")
		}
		for _, one := range page.Refunds {
			if f.shows(one) {
				list = append(list, one)
			}
		}
		if len(page.Refunds) < lookPage {
			break
		}
	}
	first := min((f.page-1)*f.perPage, len(list))
	return list[first:min(first+f.perPage, len(list))], int64(len(list)), nil
}

// updateRefundRFI finds no refund that asks for documents: none does here.
func (d *Dialect) updateRefundRFI(r *http.Request, s engine.Scope) (answer, error) {
	if _, err := decodePairs(r, "documents", "id"); err != nil {
		return answer{}, err
	}
	if _, err := d.refund(r, s); err != nil {
		return answer{}, err
	}
	return answer{}, wrongState("Invalid rfi_doc_id or refund not in action_required status")
}

// mockRefund says in the sandbox what became of a refund.
func (d *Dialect) mockRefund(r *http.Request, s engine.Scope) (answer, error) {
	if s.Mode != engine.Sandbox {
		return answer{}, noEntity()
	}
	status, err := decodeMockStatus(r, refundSuccess, refundFailed)
	if err != nil {
		return answer{}, err
	}
	found, err := d.refund(r, s)
	if err != nil {
		return answer{}, err
	}
	n, err := d.sandbox()
	if err != nil {
		return answer{}, err
	}
	t := found.Transfer()
	if !t.State.InFlight() || found.Sending().Rail != n.Rail || found.Sending().Approval.State == engine.ApprovalOpen {
		return answer{}, wrongState("Refund cannot be marked " + status + ".")
	}
	kind := order.Delivered
	if status == refundFailed {
		kind = order.Undelivered
	}
	if err := d.engine.Transferred(r.Context(), found.Order.ID, found.ID, kind, ""); err != nil {
		return answer{}, err
	}
	if found, err = d.engine.RefundByID(r.Context(), s, found.ID); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: refundBodyOf(found)}, nil
}

const entityRefund = "refund"

// tellRefund renders how a refund ended.
func (d *Dialect) tellRefund(ev engine.Event, o *engine.Order) (told, bool) {
	event := map[string]string{"refund.confirmed": refundSuccess, "refund.failed": refundFailed, "refund.returned": refundFailed}[ev.Type]
	if o == nil || event == "" || o.Terms.FromBalance {
		return told{}, false
	}
	for _, t := range o.Transfers {
		if t.ID == ev.Facts.Ref && isID(t.ID, refundID) {
			b := refundBodyFor(o, t)
			b.Status = event
			return told{entityRefund, event, b}, true
		}
	}
	return told{}, false
}
