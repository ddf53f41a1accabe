package glomo

import (
	"context"
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

func (d *Dialect) paymentRoutes() []route {
	return []route{
		{http.MethodGet, v1 + "/payment", "payments:read", d.listPayments},
		{http.MethodGet, v1 + "/payment/{id}", "payments:read", d.getPayment},
		{http.MethodPost, v1 + "/payment/mock", "payments:write", d.mockPayment},
		{http.MethodPatch, v1 + "/payment/{id}/mock-funds-available", "payments:write", d.mockFunds},
		{http.MethodPatch, v1 + "/payment/{id}/update_rfi", "payments:write", d.updatePaymentRFI},
		{http.MethodPatch, v1 + "/payment/{id}/update-rfi", "payments:write", d.updatePaymentRFI},
		{http.MethodGet, v1 + "/payment/{id}/eligible-payins", "payments:read", d.eligiblePayins},
		{http.MethodPost, v1 + "/payment/{id}/connect-payin", "payments:write", d.connectPayin},
	}
}

const (
	maxStrays = 200    // payments that no order owns, of one merchant: they are few, or something is wrong
	maxLooked = 10_000 // payments that a list with a filter looks through
	lookPage  = 500
)

func (d *Dialect) listPayments(r *http.Request, s engine.Scope) (answer, error) {
	f, err := decodePaymentFilter(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	if f.none {
		return answer{status: http.StatusOK, body: pageOf[paymentBody](f.paging, nil, 0)}, nil
	}
	find := d.findPayments
	if f.plain() {
		find = d.pageOfPayments
	}
	list, total, err := find(r.Context(), s, f)
	if err != nil {
		return answer{}, err
	}
	var shown []paymentBody
	for _, p := range list {
		shown = append(shown, d.encodePayment(p))
	}
	return answer{status: http.StatusOK, body: pageOf(f.paging, shown, total)}, nil
}

// strays are the payments of the scope's merchant that no order owns and that the list shows, the newest first: fiat money that
// came by a method of this API. What came otherwise belongs to orders of other APIs.
func (d *Dialect) strays(ctx context.Context, s engine.Scope, f paymentFilter) ([]payment, error) {
	found, err := d.engine.StraysOf(ctx, s.Merchant, s.Mode, maxStrays)
	if err != nil {
		return nil, err
	}
	rails := d.rails(s.Mode)
	var list []payment
	for i := range found {
		if !ofMethods(found[i].Payment, rails) {
			continue
		}
		if p := (payment{Payment: found[i].Payment, stray: &found[i]}); f.shows(p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// ofMethods says that a payment is fiat money and came by one of the rails.
func ofMethods(p order.Payment, rails map[string]bool) bool {
	return p.Amount.Asset().Network() == "" && rails[p.Rail]
}

// rails are the names of those that the methods of this API are paid by.
func (d *Dialect) rails(m engine.Mode) map[string]bool {
	rails := map[string]bool{}
	for _, method := range d.engine.Methods(m, engine.MethodFilter{API: Name, Codes: []string{byCard, byTransfer, byBank}}) {
		if n, err := d.engine.Network(method.Network, m); err == nil {
			rails[string(n.Rail)] = true
		}
	}
	return rails
}

// engineFilter is the list as the engine makes it.
func (f paymentFilter) engineFilter(s engine.Scope) engine.PaymentFilter {
	return engine.PaymentFilter{
		Scopes: []engine.Scope{s}, Ranks: f.ranks(), AssetCode: f.currency, ToldAfter: f.from, ToldBefore: f.to, Sort: engine.ByTold, Descending: true,
	}
}

// pageOfPayments is a page of all payments of a time and how many there are, at the same cost however many that is. Those
// that no order owns stand among the others by their time: a page reads as many more of the others as there are of them.
func (d *Dialect) pageOfPayments(ctx context.Context, s engine.Scope, f paymentFilter) ([]payment, int64, error) {
	strays, err := d.strays(ctx, s, f)
	if err != nil {
		return nil, 0, err
	}
	first := (f.page - 1) * f.perPage // of the page among all
	begin := max(0, first-len(strays))
	var owned []payment
	var total int64
	of := f.engineFilter(s)
	of.Limit = f.perPage
	for of.Page = begin/f.perPage + 1; of.Page <= f.page; of.Page++ {
		page, err := d.engine.Payments(ctx, of, engine.PaymentOwner{})
		if err != nil {
			return nil, 0, err
		}
		owned, total = append(owned, ownedPayments(page)...), page.Total
	}
	all := total + int64(len(strays))
	if int64(first) >= all {
		return nil, all, nil
	}
	owned = owned[min(begin%f.perPage, len(owned)):]
	// Those before the first that was read are before the page: there are not so many of them that they could reach it.
	passed := 0
	if begin > 0 && len(owned) > 0 {
		passed = slices.IndexFunc(strays, func(p payment) bool { return !newer(p, owned[0]) })
		if passed < 0 {
			passed = len(strays)
		}
	}
	merged := append(owned, strays[passed:]...)
	slices.SortStableFunc(merged, newestFirst)
	skip := min(first-begin-passed, len(merged))
	return merged[skip:min(skip+f.perPage, len(merged))], all, nil
}

// findPayments looks through the payments of a time for those with a filter.
//
// Error: overloaded, where there are too many to look through.
func (d *Dialect) findPayments(ctx context.Context, s engine.Scope, f paymentFilter) ([]payment, int64, error) {
	list, err := d.strays(ctx, s, f)
	if err != nil {
		return nil, 0, err
	}
	of := f.engineFilter(s)
	of.Limit = lookPage
	for of.Page = 1; ; of.Page++ {
		page, err := d.engine.Payments(ctx, of, engine.PaymentOwner{Order: f.payin})
		if err != nil {
			return nil, 0, err
		}
		if page.Total > maxLooked {
			return nil, 0, fault.New(fault.CodeOverloaded, "There are too many payments to look through: narrow the time by after and before")
		}
		for _, p := range ownedPayments(page) {
			if f.shows(p) {
				list = append(list, p)
			}
		}
		if len(page.Payments) < lookPage {
			break
		}
	}
	slices.SortStableFunc(list, newestFirst)
	first := min((f.page-1)*f.perPage, len(list))
	return list[first:min(first+f.perPage, len(list))], int64(len(list)), nil
}

func ownedPayments(page engine.PaymentPage) []payment {
	list := make([]payment, 0, len(page.Payments))
	for _, p := range page.Payments {
		list = append(list, payment{Payment: p.Payment, order: p.Order})
	}
	return list
}

func newer(a, b payment) bool { return a.Told.After(b.Told) }

func newestFirst(a, b payment) int { return b.Told.Compare(a.Told) }

func (d *Dialect) getPayment(r *http.Request, s engine.Scope) (answer, error) {
	p, err := d.payment(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: d.encodePayment(p)}, nil
}

// payment is the one that the path names.
func (d *Dialect) payment(r *http.Request, s engine.Scope) (payment, error) {
	id := r.PathValue("id")
	if err := checkID(id, paymentID); err != nil {
		return payment{}, err
	}
	return d.paymentByID(r.Context(), s, id)
}

// paymentByID finds a payment among those that were first told in the second that its id names. Error: not_found.
func (d *Dialect) paymentByID(ctx context.Context, s engine.Scope, id string) (payment, error) {
	at, err := toldAt(id)
	if err != nil {
		return payment{}, err
	}
	of := engine.PaymentFilter{Scopes: []engine.Scope{s}, Sort: engine.ByTold, Limit: lookPage}
	of.ToldAfter, of.ToldBefore = second(at)
	for of.Page = 1; ; of.Page++ {
		page, err := d.engine.Payments(ctx, of, engine.PaymentOwner{})
		if err != nil {
			return payment{}, err
		}
		for _, p := range ownedPayments(page) {
			if p.id() == id {
				return p, nil
			}
		}
		if len(page.Payments) < lookPage {
			break
		}
	}
	strays, err := d.strays(ctx, s, paymentFilter{paging: paging{from: of.ToldAfter, to: of.ToldBefore}})
	if err != nil {
		return payment{}, err
	}
	if i := slices.IndexFunc(strays, func(p payment) bool { return p.id() == id }); i >= 0 {
		return strays[i], nil
	}
	return payment{}, noEntity()
}

// updatePaymentRFI gives documents that compliance asks for about a payment.
func (d *Dialect) updatePaymentRFI(r *http.Request, s engine.Scope) (answer, error) {
	given, err := decodePairs(r, "documents", "id")
	if err != nil {
		return answer{}, err
	}
	p, err := d.payment(r, s)
	if err != nil {
		return answer{}, err
	}
	const refused = "Invalid rfi_doc_id or payment not in action_required status"
	if p.compliance().State != engine.ComplianceDocuments {
		return answer{}, wrongState(refused)
	}
	o, err := d.engine.GiveDocuments(r.Context(), s, p.order.ID, given)
	if err != nil {
		return answer{}, orRefused(err, refused)
	}
	return d.shownAgain(o, p)
}

// orRefused says of documents that do not fit what the API says of them, whatever it is that does not fit.
func orRefused(err error, message string) error {
	if f, ok := fault.As(err); ok && (f.Code == fault.CodeInvalidValue || f.Code == fault.CodeOrderStateConflict) {
		return fault.New(f.Code, message)
	}
	return err
}

// shownAgain is a payment of an order that has just changed.
func (d *Dialect) shownAgain(o *engine.Order, was payment) (answer, error) {
	for _, p := range paymentsOf(o) {
		if p.PaymentKey == was.PaymentKey {
			return answer{status: http.StatusOK, body: d.encodePayment(p)}, nil
		}
	}
	return answer{}, noEntity()
}

// payin is what a payment can be connected with.
type payinBody struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Customer  string `json:"customer_id"`
	CreatedAt string `json:"created_at"`
}

const maxEligible = 100

// eligiblePayins are the orders and links that wait for exactly the money of a payment that belongs to none.
func (d *Dialect) eligiblePayins(r *http.Request, s engine.Scope) (answer, error) {
	p, err := d.payment(r, s)
	if err != nil {
		return answer{}, err
	}
	list := []payinBody{}
	if p.connectable() {
		page, err := d.engine.Orders(r.Context(), engine.Filter{
			Scope: s, States: []order.State{order.Waiting}, AssetCode: p.Amount.Asset().Code(), Descending: true, Page: 1, Limit: maxEligible,
		})
		if err != nil {
			return answer{}, err
		}
		for i := range page.Orders {
			if o := &page.Orders[i]; fits(o, p) {
				list = append(list, payinBodyOf(o))
			}
		}
	}
	return answer{status: http.StatusOK, body: struct {
		Data []payinBody `json:"data"`
	}{list}}, nil
}

func payinBodyOf(o *engine.Order) payinBody {
	kind := payinOrder
	if o.Kind == kindLink {
		kind = payinLink
	}
	of := billOf(o)
	return payinBody{ID: o.PublicID, Type: kind, Amount: minor(o.Terms.Due), Currency: o.Terms.Due.Asset().Code(), Customer: of.Customer, CreatedAt: wireTime(o.CreatedAt)}
}

// connectable says that the payment is money that is there and that no order owns.
func (p payment) connectable() bool { return p.order == nil && p.Rank == order.RankConfirmed }

// fits says that an order waits for exactly the payment's money.
func fits(o *engine.Order, p payment) bool {
	return o.State == order.Waiting && o.Terms.Due.Equal(p.Amount) && (o.Terms.Deadline.IsZero() || !p.Value.After(o.Terms.Deadline))
}

// connectPayin gives the money of a payment that belongs to no order to one that waits for exactly so much.
func (d *Dialect) connectPayin(r *http.Request, s engine.Scope) (answer, error) {
	payin, err := decodeConnect(r)
	if err != nil {
		return answer{}, err
	}
	p, err := d.payment(r, s)
	if err != nil {
		return answer{}, err
	}
	o, err := d.engine.Order(r.Context(), s, payin)
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	switch {
	case !p.connectable():
		return answer{}, wrongState("The payment is connected, or its money is not there")
	case !fits(o, p):
		return answer{}, wrongState("The payin does not wait for exactly this payment")
	}
	o, err = d.engine.Assign(r.Context(), p.PaymentKey, o.ID, callerOf(r.Context()).Who())
	if fault.Is(err, fault.CodeNotFound) || fault.Is(err, fault.CodeOrderStateConflict) { // somebody was faster
		err = wrongState("The payin does not wait for exactly this payment")
	}
	if err != nil {
		return answer{}, err
	}
	return d.shownAgain(o, p)
}

// mockFunds makes money available that compliance withholds, in the sandbox.
func (d *Dialect) mockFunds(r *http.Request, s engine.Scope) (answer, error) {
	if s.Mode != engine.Sandbox {
		return answer{}, noEntity()
	}
	p, err := d.payment(r, s)
	if err != nil {
		return answer{}, err
	}
	status, code := p.status()
	compliance := p.compliance()
	switch {
	case status != paymentSuccess:
		return answer{}, wrongState("Payment must be in success status")
	case compliance.Available:
		return answer{}, wrongState("Transaction already has funds available")
	case code != "" || compliance.State != engine.ComplianceOpen: // given back, or documents are still missing
		return answer{}, wrongState("No transaction found for payment")
	}
	o, err := d.approveMocked(r.Context(), p)
	if err != nil {
		return answer{}, err
	}
	shown, err := d.shownAgain(o, p)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: struct {
		Data    any    `json:"data"`
		Message string `json:"message"`
	}{shown.body, "Funds are available"}}, nil
}

// The reviewers that the sandbox makes up: two, because above a limit two must approve.
var mockReviewers = []string{"sandbox reviewer 1", "sandbox reviewer 2"}

// approveMocked plays the reviewers of the sandbox.
func (d *Dialect) approveMocked(ctx context.Context, p payment) (o *engine.Order, err error) {
	for _, who := range mockReviewers {
		if o, err = d.engine.Approve(ctx, p.order.ID, order.Compliance, order.ByOperator, who); err != nil {
			return nil, err
		}
		if o.ComplianceOf(p.Payment).State != engine.ComplianceOpen {
			break
		}
	}
	return o, nil
}
