package glomo

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/screen"
)

func (d *Dialect) payoutRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/payouts", "payouts:write", d.createPayout},
		{http.MethodGet, v1 + "/payouts", "payouts:read", d.listPayouts},
		{http.MethodGet, v1 + "/payouts/{id}", "payouts:read", d.getPayout},
		{http.MethodPatch, v1 + "/payouts/mock", "payouts:write", d.mockPayout},
		{http.MethodPatch, v1 + "/payouts/{id}/cancel", "payouts:write", d.cancelPayout},
		{http.MethodPatch, v1 + "/payouts/{id}/update_rfi", "payouts:write", d.updatePayoutRFI},
		{http.MethodPatch, v1 + "/payouts/{id}/update-rfi", "payouts:write", d.updatePayoutRFI},
	}
}

// payoutPlan is a payout with everything found that it names.
type payoutPlan struct {
	asked askedPayout
	scope engine.Scope
	ask   *quote.Ask // nil: a quote says it
	payee *engine.Account
	goes  engine.Destination
}

// createPayout pays a beneficiary out of the balance.
func (d *Dialect) createPayout(r *http.Request, s engine.Scope) (answer, error) {
	a, err := decodePayout(r)
	if err != nil {
		return answer{}, err
	}
	for _, id := range a.Documents {
		if err := d.checkDocument(r.Context(), s, id); err != nil {
			return answer{}, err
		}
	}
	p, err := d.planPayout(r.Context(), s, a)
	if err != nil {
		return answer{}, err
	}
	payee := beneficiaryOf(p.payee)
	n := engine.NewOrder{
		Scope: s.Spending(), PublicID: d.newID(payoutID), Kind: kindPayout, UniqueKey: uniqueKey(a.Request), Maker: callerOf(r.Context()).Who(),
		Words: []string{beneficiaryWord(p.payee.ID)}, Quote: a.Quote, Ask: p.ask, Destination: p.goes, Terms: p.terms,
		Screen: &engine.Screening{Names: []screen.Query{{Name: payee.Beneficiary.Name}}, Accounts: []string{payee.Account.Number}, Documents: payoutDocuments},
	}
	made, err := d.engine.Create(r.Context(), n)
	if fault.Is(err, fault.CodeDuplicateReference) {
		err = answered{fault.New(fault.CodeDuplicateReference, "A payout with this request_id already exists").On("request_id"), http.StatusConflict}
	}
	if err != nil {
		return answer{}, lacksOf(onExchange(err))
	}
	return answer{status: http.StatusCreated, body: payoutBodyOf(made.Order)}, nil
}

// payoutDocuments are asked for when the beneficiary is like somebody on a list.
var payoutDocuments = []string{"Proof of Identity"}

// beneficiaryWord is the word by which lists find the payouts of a beneficiary.
func beneficiaryWord(id string) string { return "beneficiary:" + id }

// planPayout finds what a payout names.
func (d *Dialect) planPayout(ctx context.Context, s engine.Scope, a askedPayout) (p payoutPlan, err error) {
	p = payoutPlan{asked: a, scope: s}
	p.payee, err = d.engine.Account(ctx, s.Spending(), a.Beneficiary)
	if fault.Is(err, fault.CodeNotFound) {
		return p, wrong("beneficiary_id", "beneficiary_id not found")
	}
	if err != nil {
		return p, err
	}
	to := p.payee.Currency()
	if a.Quote == "" {
		if a.ask.To != to {
			return p, wrong("destination_currency", "destination_currency must be the currency of the beneficiary's account")
		}
		p.ask = &a.ask
	} else if err := d.checkPayoutQuote(ctx, s, a.Quote, to); err != nil {
		return p, err
	}
	p.goes, err = d.engine.Destination(ctx, p.payee)
	if fault.Is(err, fault.CodeNotConfigured) {
		return p, wrongState("No rails available for this beneficiary")
	}
	return p, err
}

// checkPayoutQuote refuses a quote that is none of payouts, or of another currency than the beneficiary's.
func (d *Dialect) checkPayoutQuote(ctx context.Context, s engine.Scope, id string, to money.Asset) error {
	q, err := d.engine.Quote(ctx, s.Spending(), id)
	if fault.Is(err, fault.CodeNotFound) {
		if _, err := d.engine.Quote(ctx, s, id); err == nil {
			return wrong("quote_id", "Quote is not a payout quote")
		}
		return wrong("quote_id", "quote_id not found")
	}
	if err != nil {
		return err
	}
	if q.AmountOut.Asset() != to {
		return wrong("quote_id", "quote_id is not compatible with the selected beneficiary")
	}
	return nil
}

// terms is what the engine is told of the payout. It is called in the transaction, where the quote is used.
func (p payoutPlan) terms(at engine.Plan) (order.Terms, json.RawMessage, error) {
	rules, err := engine.ParseFieldRules(at.Settings[engine.CustomFields])
	if err != nil {
		return order.Terms{}, nil, err
	}
	kept := p.asked.payoutRecord
	if kept.Notes, err = readNotes(p.asked.body, rules); err != nil {
		return order.Terms{}, nil, err
	}
	kept.ByOut = p.ask != nil && !p.ask.AmountOut.Asset().IsZero()
	doc, err := json.Marshal(kept)
	if err != nil {
		return order.Terms{}, nil, err
	}
	q := at.Quote
	t := order.Terms{
		Book: ledger.Owed(p.scope.Merchant), Due: q.AmountIn, Fee: q.Fee, To: ledger.House.Account(ledger.PayeeOn(string(p.goes.Rail))),
		FromBalance: true, Sends: 1, MerchantCancels: true,
	}
	if q.AmountIn.Asset() != q.AmountOut.Asset() {
		t.Out = q.AmountOut
	}
	return t, doc, nil
}

func (d *Dialect) getPayout(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.spending(r, s, payoutID, kindPayout)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: payoutBodyOf(o)}, nil
}

func (d *Dialect) cancelPayout(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.spending(r, s, payoutID, kindPayout)
	if err != nil {
		return answer{}, err
	}
	if o, err = d.stopPayout(r, o); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: payoutBodyOf(o)}, nil
}

func (d *Dialect) stopPayout(r *http.Request, o *engine.Order) (*engine.Order, error) {
	o, err := d.engine.Cancel(r.Context(), o.ID, order.ByMerchant, callerOf(r.Context()).Who(), "")
	if fault.Is(err, fault.CodeOrderStateConflict) {
		err = wrongState("Payout cannot be cancelled in its current state")
	}
	return o, err
}

// updatePayoutRFI gives documents that screening asks for about a beneficiary.
func (d *Dialect) updatePayoutRFI(r *http.Request, s engine.Scope) (answer, error) {
	given, err := decodePairs(r, "documents", "id")
	if err != nil {
		return answer{}, err
	}
	o, err := d.spending(r, s, payoutID, kindPayout)
	if err != nil {
		return answer{}, err
	}
	const refused = "Invalid rfi_doc_id or payout not in action_required status"
	if o.State != order.Documents {
		return answer{}, wrongState(refused)
	}
	if o, err = d.engine.GiveDocuments(r.Context(), s.Spending(), o.ID, given); err != nil {
		return answer{}, orRefused(err, refused)
	}
	return answer{status: http.StatusOK, body: payoutBodyOf(o)}, nil
}

// mockPayout says in the sandbox what became of a payout, along the way that payouts go.
func (d *Dialect) mockPayout(r *http.Request, s engine.Scope) (answer, error) {
	if s.Mode != engine.Sandbox {
		return answer{}, noEntity()
	}
	id, status, err := decodeMockPayout(r)
	if err != nil {
		return answer{}, err
	}
	o, err := d.engine.Order(r.Context(), s.Spending(), id)
	if err != nil || o.Kind != kindPayout {
		return answer{}, orNoEntity(err)
	}
	n, err := d.sandbox()
	if err != nil {
		return answer{}, err
	}
	ended := map[string]order.ChangeKind{payoutSuccess: order.Delivered, payoutFailed: order.Undelivered}[status]
	switch {
	case status == payoutCancelled:
		o, err = d.stopPayout(r, o)
	case ended == "" || o.Destination.Rail != n.Rail:
		err = wrongState("State change not allowed")
	default:
		o, err = d.endPayout(r.Context(), s, o, ended)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: payoutBodyOf(o)}, nil
}

// endPayout sends a payout that waits to be sent, without the rail, and says what became of it.
func (d *Dialect) endPayout(ctx context.Context, s engine.Scope, o *engine.Order, kind order.ChangeKind) (*engine.Order, error) {
	if o.State == order.Paid {
		if _, err := d.engine.Reserve(ctx, o.ID); err != nil && !fault.Is(err, fault.CodeOrderStateConflict) {
			return nil, err
		}
		var err error
		if o, err = d.engine.Order(ctx, s.Spending(), o.PublicID); err != nil {
			return nil, err
		}
	}
	for _, t := range o.Transfers {
		if t.Purpose == order.Delivery && t.State.InFlight() {
			if err := d.engine.Transferred(ctx, o.ID, t.ID, kind, ""); err != nil {
				return nil, err
			}
			return d.engine.Order(ctx, s.Spending(), o.PublicID)
		}
	}
	return nil, wrongState("State change not allowed")
}

func (d *Dialect) listPayouts(r *http.Request, s engine.Scope) (answer, error) {
	f, err := decodePayoutFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	orders, total, err := d.findPayouts(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	var list []payoutBody
	for i := range orders {
		list = append(list, payoutBodyOf(&orders[i]))
	}
	return answer{status: http.StatusOK, body: pageOf(f.paging, list, total)}, nil
}

// findPayouts is a page of the list. Those that are not on their way yet are told apart one by one: they are few.
func (d *Dialect) findPayouts(ctx context.Context, f payoutFilter) ([]engine.Order, int64, error) {
	if f.request == "" && f.status != payoutApproval && f.status != payoutQueued {
		page, err := d.engine.Orders(ctx, f.Filter)
		return page.Orders, page.Total, err
	}
	var list []engine.Order
	if f.request != "" {
		o, err := d.engine.OrderByUnique(ctx, engine.UniqueKey{Scope: f.Scope, Key: uniqueKey(f.request)})
		if err != nil && !fault.Is(err, fault.CodeNotFound) {
			return nil, 0, err
		}
		if err == nil && f.shows(o) {
			list = append(list, *o)
		}
	} else {
		of := f.Filter
		of.Limit = lookPage
		for of.Page = 1; ; of.Page++ {
			page, err := d.engine.Orders(ctx, of)
			if err != nil {
				return nil, 0, err
			}
			for i := range page.Orders {
				if f.shows(&page.Orders[i]) {
					list = append(list, page.Orders[i])
				}
			}
			if len(page.Orders) < lookPage || of.Page*lookPage >= maxLooked {
				break
			}
		}
	}
	first := min((f.paging.page-1)*f.paging.perPage, len(list))
	return list[first:min(first+f.paging.perPage, len(list))], int64(len(list)), nil
}

const entityPayout = "payout"

// tellPayout renders each change of what a payout is called.
func (d *Dialect) tellPayout(ev engine.Event, o *engine.Order) (told, bool) {
	if o == nil || o.Kind != kindPayout {
		return told{}, false
	}
	if ev.Type == "delivery.waits" { // for a second person
		return told{entityPayout, payoutApproval, payoutBodyAs(o, payoutApproval)}, true
	}
	if !strings.HasPrefix(ev.Type, "order.") {
		return told{}, false
	}
	status := payoutProjection[ev.State]
	if was, _, known := ev.Before(); !known || ev.Type == "order.created" || payoutProjection[was] == status {
		return told{}, false
	}
	return told{entityPayout, status, payoutBodyAs(o, status)}, true
}
