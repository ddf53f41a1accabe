package glomo

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/party"
	"till/internal/screen"
)

// The kinds of orders: what a checkout is opened for, and a payment link.
const (
	kindOrder = "order"
	kindLink  = "payment_link"
)

// orderMonths is how long an order waits for its payment.
const orderMonths = 3

// plan is an order as it is asked for, with everything found that it names.
type plan struct {
	scope    engine.Scope
	asked    asked
	customer *engine.Customer
	due      money.Amount
	invoice  money.Amount // zero: none
	methods  []string
	price    *engine.ReferralFee // nil: none
	account  *customerAccount    // becomes the customer's; nil: his stays
}

// plan finds what a request names.
//
// Errors, on the fields: not_found, invalid_value, invalid_currency, invalid_amount, amount_too_large, not_configured.
func (d *Dialect) plan(ctx context.Context, s engine.Scope, a asked) (p plan, err error) {
	p = plan{scope: s, asked: a}
	if err = d.priced(ctx, &p); err != nil {
		return p, err
	}
	asset := p.due.Asset()
	if a.invoiceAmount != nil && *a.invoiceAmount != 0 {
		if p.invoice, err = amountOf(*a.invoiceAmount, asset, "invoice_amount"); err != nil {
			return p, err
		}
	}
	if p.methods, err = d.methodsOf(s.Mode, asset.Code(), a.methods, p.due); err != nil {
		return p, err
	}
	p.customer, err = d.engine.Customer(ctx, s, a.customer)
	if fault.Is(err, fault.CodeNotFound) {
		return p, fault.New(fault.CodeNotFound, "Customer not found").On("customer_id")
	}
	if err != nil {
		return p, err
	}
	named, err := namedAccount(a.body, p.customer)
	if err != nil {
		return p, err
	}
	switch {
	case named != nil:
		p.asked.account = named
	case a.account != nil && !hasAccount(p.customer, *a.account):
		if p.account, err = d.newAccount(ctx, s, *a.account); err != nil {
			return p, err
		}
	}
	if err := d.checkDocument(ctx, s, a.document); err != nil {
		return p, err
	}
	if a.price != "" {
		p.price, err = d.priceOf(ctx, s, a.price, asset)
	}
	return p, err
}

// priced finds how much the order is about: what is asked for, or what its quote says that the customer pays.
//
// Errors: invalid_currency, invalid_amount, amount_too_large; on quote_id invalid_value, quote_used, quote_expired. That the
// quote is still alive when the order is made is the engine's to see.
func (d *Dialect) priced(ctx context.Context, p *plan) error {
	if p.asked.quote == "" {
		asset, err := d.currencyOf(p.asked.currency)
		if err != nil {
			return err
		}
		p.due, err = amountOf(*p.asked.amount, asset, "amount")
		return err
	}
	q, err := d.engine.Quote(ctx, p.scope, p.asked.quote)
	if fault.Is(err, fault.CodeNotFound) {
		if _, other := d.engine.Quote(ctx, p.scope.Spending(), p.asked.quote); other == nil {
			return wrong("quote_id", "Quote is not a payin quote")
		}
	}
	switch {
	case err != nil:
		return onExchange(err)
	case q.OrderKind != kindOrder:
		return wrong("quote_id", "Quote is not a payin quote")
	}
	if _, err := d.currencyOf(q.AmountIn.Asset().Code()); err != nil {
		return wrong("quote_id", "Nothing is sold here in the currency of the quote")
	}
	p.due = q.AmountIn
	return nil
}

// currencyOf is a currency that orders are sold in.
//
// Error: invalid_currency.
func (d *Dialect) currencyOf(code string) (money.Asset, error) {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return money.Asset{}, fault.New(fault.CodeInvalidCurrency, "Currency code must be valid ("+strings.Join(d.currencies, ", ")+").").On("currency")
	}
	asset, err := money.Fiat(code)
	if err != nil || !slices.Contains(d.currencies, code) {
		return money.Asset{}, fault.New(fault.CodeInvalidCurrency, "Currency not supported").On("currency")
	}
	return asset, nil
}

// methodsOf are the ways to pay an amount: those that are named, or all that there are. Each that is named must be there,
// and one must take the amount.
//
// Errors: invalid_value (on payment_methods), not_configured, invalid_amount and amount_too_large (on amount).
func (d *Dialect) methodsOf(m engine.Mode, currency string, named []string, due money.Amount) (list []string, err error) {
	configured := d.engine.Methods(m, engine.MethodFilter{API: Name, Currency: currency, Codes: payments})
	var refused error
	takes := false
	for _, code := range payments {
		i := slices.IndexFunc(configured, func(one engine.Method) bool { return one.Code == code })
		if i < 0 {
			continue
		}
		list = append(list, code)
		if err := configured[i].Check(due); err != nil {
			refused = err
		} else {
			takes = takes || len(named) == 0 || slices.Contains(named, code)
		}
	}
	if len(named) > 0 {
		for _, code := range named {
			if !slices.Contains(list, code) {
				return nil, wrong("payment_methods", "The payment method "+code+" is not enabled in "+currency)
			}
		}
		list = named
	}
	switch f, _ := fault.As(refused); {
	case len(list) == 0:
		return nil, fault.New(fault.CodeNotConfigured, "No payment method is enabled in "+currency)
	case !takes && f != nil:
		return nil, f.On("amount")
	}
	return list, nil
}

// order is the plan as the engine is asked for it.
func (p plan) order() engine.NewOrder {
	n := engine.NewOrder{
		Scope: p.scope, Kind: kindOrder, Reference: p.asked.reference, UniqueKey: uniqueKey(p.asked.request),
		Words: []string{customerWord(p.customer.ID)}, Methods: p.methods, Screen: p.screening(), Terms: p.terms,
	}
	n.Quote = p.asked.quote
	if p.account != nil {
		n.Customer = engine.CustomerChange{ID: p.customer.ID, Change: p.account.putOn}
	}
	return n
}

// The reference numbers by which the sandbox decides about an order as it is made.
const (
	SandboxDocuments = "SANDBOX_DOCUMENTS" // documents are asked for
	SandboxReview    = "SANDBOX_REVIEW"    // a person looks at it
	SandboxRefuse    = "SANDBOX_REFUSE"    // it is refused
)

var sandboxTriggers = map[string]engine.Force{SandboxDocuments: engine.ForceDocuments, SandboxReview: engine.ForceReview, SandboxRefuse: engine.ForceRefusal}

// What is asked for where the lists know a customer's name.
var (
	individualDocuments = []string{"Passport", "Proof of Address"}
	businessDocuments   = []string{"Certificate of Incorporation", "Proof of Address"}
)

// screening is who the order is for, and which account he pays from.
func (p plan) screening() *engine.Screening {
	who := screen.Query{Name: p.customer.FirstName, Kind: screen.Individual}
	s := &engine.Screening{Documents: individualDocuments, Force: sandboxTriggers[p.asked.reference]}
	if p.customer.Kind == party.Business {
		who.Kind, s.Documents = "", businessDocuments
	}
	s.Names = []screen.Query{who}
	if a := p.asked.account; a != nil {
		s.Accounts = []string{a.Number}
	}
	return s
}

// uniqueKey is what no two orders of a merchant have alike: what names the request.
func uniqueKey(request string) string {
	if request == "" {
		return ""
	}
	return "request:" + request
}

// customerWord is the word by which lists find the orders of a customer.
func customerWord(id string) string { return "customer:" + id }

// terms is what the engine is told of the order. It is called in the transaction, where the merchant's settings are known.
func (p plan) terms(at engine.Plan) (order.Terms, json.RawMessage, error) {
	rules, err := engine.ParseFieldRules(at.Settings[engine.CustomFields])
	if err != nil {
		return order.Terms{}, nil, err
	}
	notes, err := readNotes(p.asked.body, rules)
	if err != nil {
		return order.Terms{}, nil, err
	}
	var referral money.Amount
	if p.price != nil {
		if string(at.Settings[engine.Platform]) != "true" {
			return order.Terms{}, nil, wrong("price_id", "price_id is only applicable for platform businesses")
		}
		if referral, err = p.price.Of(p.due); err != nil {
			return order.Terms{}, nil, err
		}
	}
	book := ledger.Owed(p.scope.Merchant)
	t := order.Terms{
		Book: book, To: book.Account(ledger.Merchant), Whole: true, Instant: true, CompleteOnCollect: true, Deadline: at.Now.AddDate(0, orderMonths, 0),
	}
	kept := p.record(notes)
	if at.Quote != nil {
		exchanged(&t, at)
	} else {
		charges, err := at.Charges(p.due, referral)
		if err != nil {
			return order.Terms{}, nil, err
		}
		charges.Put(&t)
		kept.Bearer = charges.Bearer
	}
	doc, err := json.Marshal(kept)
	return t, doc, err
}

// exchanged writes the amounts of a quote into the terms of the order that uses it. Its fee is all that is taken, and the order
// does not outlive it.
func exchanged(t *order.Terms, at engine.Plan) {
	q := at.Quote
	t.Due, t.Fee = q.AmountIn, q.Fee
	if q.AmountIn.Asset() != q.AmountOut.Asset() {
		t.Out = q.AmountOut
	}
	if end := at.Now.Add(q.Ends.Sub(q.UsedAt)); end.Before(t.Deadline) { // the quote's times are true ones, the order's of its mode's clock
		t.Deadline = end
	}
}
