package koywe

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/web"
)

func (d *Dialect) orderRoutes() []route {
	return []route{
		{http.MethodPost, ofM + "/orders", "orders:write", d.createOrder},
		{http.MethodGet, ofM + "/orders", "orders:read", d.listOrders},
		{http.MethodGet, ofM + "/orders/{orderId}", "orders:read", d.getOrder},
		{http.MethodGet, ofM + "/orders/external/{externalId...}", "orders:read", d.getOrderByExternal},
		{http.MethodPost, ofM + "/orders/{orderId}/cancel", "orders:write", d.cancelOrder},
		{http.MethodPost, ofM + "/orders/{orderId}/refund", "orders:write", d.refundOrder},
		{http.MethodPost, ofM + "/withdrawals", "orders:write", d.withdraw},
	}
}

func (d *Dialect) createOrder(r *http.Request, s engine.Scope) (answer, error) {
	a, err := decodeOrder(r)
	if err != nil {
		return answer{}, err
	}
	o, err := d.create(r, s, a)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, d.encodeOrder(o)}, nil
}

// create makes an order of what is asked.
func (d *Dialect) create(r *http.Request, s engine.Scope, a asked) (*engine.Order, error) {
	organisation := r.PathValue("organizationId")
	p, err := d.plan(r.Context(), s, organisation, a)
	if err != nil {
		return nil, err
	}
	n := p.order()
	n.PublicID, n.Organisation, n.Maker = d.newOrderID(), organisation, callerOf(r.Context()).Who()
	made, err := d.engine.Create(r.Context(), n)
	return made.Order, explain(err, a)
}

// order is the plan as the engine is asked for it.
func (p plan) order() engine.NewOrder {
	n := engine.NewOrder{
		Scope: p.scope, Kind: p.kind.name, Reference: p.asked.external, UniqueKey: uniqueKey(p.kind.name, p.asked.external),
		Words: p.words(), Quote: p.asked.quote, Ask: p.ask, Releases: true, Destination: p.goes, Enforced: p.enforced, Notify: p.notify(), Terms: p.terms,
	}
	if p.kind.origin == crypto {
		n.Network = p.network
		if p.network.Makes() {
			n.Instrument = engine.Made
		}
	}
	if !p.kind.paidByMethod(p.asked) {
		return n
	}
	for _, m := range p.chosen {
		n.Methods = append(n.Methods, m.Code)
	}
	if len(n.Methods) == 0 {
		n.Methods = []string{engine.AnyMethod}
	}
	if p.kind.methods != methodsAny { // what is named is chosen; the payer of a link chooses himself
		n.Method, n.Given = &p.chosen[0], p.given()
	}
	return n
}

// given is what the merchant knows of the payer, for the method.
func (p plan) given() map[string]string {
	given := map[string]string{}
	if c := p.contact; c != nil {
		given[engine.FieldName] = strings.TrimSpace(c.FirstName + " " + c.LastName)
		given[engine.FieldEmail], given[engine.FieldPhone] = c.Email, c.Phone
		if c.Document.Country == p.chosen[0].Country { // another country's the method does not know
			given[engine.FieldDocument] = c.Document.Number
		}
	}
	for field, text := range p.asked.methods[0].given {
		if text != "" {
			given[field] = text
		}
	}
	return given
}

// notify is whom the order tells. URLs are told only where the merchant's setting wants it.
func (p plan) notify() engine.Notify {
	a := p.asked
	return engine.Notify{
		Customer: a.contact, Email: a.sendEmail, InApp: a.sendNotification, WhatsApp: a.sendWhatsapp, Reminders: a.sendReminders,
		SuccessURL: a.successURL, FailedURL: a.failedURL,
	}
}

// uniqueKey is what an order's externalId is unique by: merchant and type.
func uniqueKey(kind, external string) string {
	if external == "" {
		return ""
	}
	return kind + ":" + external
}

// explain says an engine's refusal of a new order in this API's words.
func explain(err error, a asked) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	switch {
	case f.Code == fault.CodeDuplicateReference:
		said := *f
		said.Message = "There is a " + a.kind + " order with the externalId '" + a.external + "' already"
		return said.On("externalId")
	case f.Code == fault.CodeNotFound && f.Param == "quote": // it was forgotten since it was looked at
		return wrong("quoteId", "There is no such quote")
	case f.Param == "quote":
		return f.On("quoteId")
	case slices.Contains(engine.Fields(), f.Param): // what a method wants to know of the payer
		said := *f
		said.Message = f.Param + ": " + f.Message
		return said.On("paymentMethods[0].extra")
	case f.Param == "due" || f.Param == "fee" || f.Param == "out":
		return onAmount(err, a)
	}
	return err
}

func (d *Dialect) getOrder(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeOrder(o)}, nil
}

// find is the order that the path names.
func (d *Dialect) find(r *http.Request, s engine.Scope) (*engine.Order, error) {
	id := r.PathValue("orderId")
	if !isOrderID(id) {
		return nil, noOrder()
	}
	o, err := d.engine.Order(r.Context(), s, id)
	return o, orNoOrder(err)
}

// getOrderByExternal finds the newest order with an externalId, of any type or of one.
func (d *Dialect) getOrderByExternal(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	wanted := q.word("type", kindNames()...)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	external := r.PathValue("externalId")
	if !isExternal(external) {
		return answer{}, noOrder()
	}
	var newest *engine.Order
	for _, name := range kindNames() {
		if wanted != "" && wanted != name {
			continue
		}
		o, err := d.engine.OrderByUnique(r.Context(), engine.UniqueKey{Scope: s, Key: uniqueKey(name, external)})
		if fault.Is(err, fault.CodeNotFound) {
			continue
		}
		if err != nil {
			return answer{}, err
		}
		if newest == nil || o.Number > newest.Number {
			newest = o
		}
	}
	if newest == nil {
		return answer{}, noOrder()
	}
	return answer{http.StatusOK, d.encodeOrder(newest)}, nil
}

func (d *Dialect) listOrders(r *http.Request, s engine.Scope) (answer, error) {
	f, err := d.decodeOrderFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.Orders(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeOrders(f, page)}, nil
}

func (d *Dialect) cancelOrder(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	o, err = d.engine.Cancel(r.Context(), o.ID, order.ByMerchant, callerOf(r.Context()).Who(), "")
	if fault.Is(err, fault.CodeOrderStateConflict) {
		err = fault.New(fault.CodeOrderStateConflict, "The order cannot be cancelled any more")
	}
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeOrder(o)}, nil
}

// refundOrder gives money of a completed order back to who paid it.
func (d *Dialect) refundOrder(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeRefund(r)
	if err != nil {
		return answer{}, err
	}
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	id, again, err := d.refundID(r, o)
	if err != nil {
		return answer{}, err
	}
	if again != nil && asked.repeats(*again) {
		return answer{http.StatusOK, d.encodeOrder(o)}, nil
	}
	amount, err := asked.of(o)
	if err != nil {
		return answer{}, err
	}
	o, err = d.engine.Refund(r.Context(), engine.NewRefund{
		OrderID: o.ID, ID: id, Amount: amount, From: ledger.Merchant, Why: asked.reason,
		Actor: order.ByMerchant, Who: callerOf(r.Context()).Who(),
	})
	switch f, _ := fault.As(err); {
	case f == nil:
	case f.Param == "destination":
		err = fault.New(fault.CodeOrderStateConflict, "Nobody knows to whom the money would go back, or several paid: pay it back with a PAYOUT")
	case f.Code == fault.CodeOrderStateConflict:
		err = fault.New(fault.CodeOrderStateConflict, "The order cannot be refunded, or not by so much")
	}
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeOrder(o)}, nil
}

// refundID is the id of a refund, and the refund itself when it was made before: with an Idempotency-Key a repeat names the
// same one, and each request without is a refund of its own.
//
// Error: invalid_value (Param: Idempotency-Key).
func (d *Dialect) refundID(r *http.Request, o *engine.Order) (id string, again *order.Transfer, err error) {
	key, err := web.IdempotencyKey(r.Header)
	if err != nil {
		return "", nil, err
	}
	if key == "" {
		return d.newID("rfd"), nil, nil
	}
	id = madeOf("rfd", "refund", o.ID, key)
	if i := slices.IndexFunc(o.Transfers, func(t order.Transfer) bool { return t.ID == id }); i >= 0 {
		again = &o.Transfers[i]
	}
	return id, again, nil
}

// repeats says whether a refund that was made is the one that is asked for; what is left goes without saying. Another
// amount is refused by the engine, under whose id it is.
func (a refund) repeats(was order.Transfer) bool {
	if a.amount == nil {
		return true
	}
	amount, err := a.amount.amountOf(was.Amount.Asset(), "amount")
	return err == nil && amount.Equal(was.Amount)
}

// refund is what is asked to go back.
type refund struct {
	amount *number // nil: all that is left
	reason string
}

func decodeRefund(r *http.Request) (a refund, err error) {
	if r.ContentLength == 0 {
		return a, nil
	}
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return a, err
	}
	if a.amount, err = amountField(body, "amount"); err != nil {
		return a, err
	}
	a.reason, err = optional(body, "reason", maxDescription)
	return a, err
}

// of is the amount in what the order brought its merchant.
func (a refund) of(o *engine.Order) (money.Amount, error) {
	brought := o.Balance(o.Terms.Book.Account(ledger.Merchant), outOf(o).Asset())
	if a.amount == nil {
		if brought.Sign() <= 0 {
			return brought, fault.New(fault.CodeOrderStateConflict, "Nothing of the order is left to be refunded")
		}
		return brought, nil
	}
	amount, err := a.amount.amountOf(brought.Asset(), "amount")
	if err == nil && amount.Cmp(brought) > 0 {
		err = fault.New(fault.CodeAmountTooLarge, "The field 'amount' is more than is left of the order").On("amount")
	}
	return amount, err
}

// withdraw pays the merchant's own balance out to an account of his.
func (d *Dialect) withdraw(r *http.Request, s engine.Scope) (answer, error) {
	a, err := decodeWithdrawal(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.checkOwn(r.Context(), s, a.account); err != nil {
		return answer{}, err
	}
	o, err := d.create(r, s, a)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, d.encodeOrder(o)}, nil
}

// decodeWithdrawal reads a withdrawal as the PAYOUT that it is.
func decodeWithdrawal(r *http.Request) (asked, error) {
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return asked{}, err
	}
	a := asked{kind: payOut}
	if a.account, err = required(body, "destinationAccountId", maxID); err != nil {
		return a, err
	}
	if a.origin, err = required(body, "currencySymbol", maxSymbol); err != nil {
		return a, err
	}
	a.origin = symbol(a.origin)
	a.destination = a.origin
	if a.amountIn, err = amountField(body, "amount"); err != nil {
		return a, err
	}
	if a.amountIn == nil {
		return a, missing("amount")
	}
	if a.description, err = optional(body, "description", maxDescription); err != nil {
		return a, err
	}
	self := true
	a.self = &self
	a.external, err = decodeExternal(body)
	return a, err
}

// checkOwn refuses an account that is not the merchant's own.
func (d *Dialect) checkOwn(ctx context.Context, s engine.Scope, id string) error {
	if _, own := virtualCurrency(s, id); own {
		return nil // told with the other rules of a PAYOUT
	}
	found, err := d.accountOf(ctx, s, id)
	if err == nil && found.Customer != "" {
		return wrong("destinationAccountId", "A withdrawal goes to an account of the merchant himself")
	}
	return err
}

func noOrder() error { return fault.New(fault.CodeNotFound, "Order not found") }

// orNoOrder says in this API's words that there is no such order.
func orNoOrder(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return noOrder()
	}
	return err
}

var _ json.Marshaler = number("")
