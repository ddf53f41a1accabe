package koywe

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/party"
	"till/internal/quote"
)

// What the types of orders do with money. Everything that is checked before the transaction is here in the order in
// which it is told: the quote's own facts, the accounts, the methods; the quote's life and the balance are the
// engine's to check, in the transaction.

const (
	defaultDue  = 30 * 24 * time.Hour // of a link that says nothing
	maxDue      = 366 * 24 * time.Hour
	confirmTime = 30 * time.Minute // how long money that was sent in time is waited for
	methodTime  = 30 * time.Minute // of a method that says no window

	// How often a delivery is tried that fails.
	payOutSends = 1
	bankSends   = 2
	chainSends  = 3
)

// plan is an order as it is asked for, with everything found that it names.
type plan struct {
	kind     kind
	asked    asked
	scope    engine.Scope
	from, to money.Asset
	ask      *quote.Ask
	network  engine.Network  // that crypto is collected on
	payee    *engine.Account // where the money goes that leaves the house; nil: a balance
	goes     engine.Destination
	contact  *engine.Customer
	chosen   []engine.Method // in the order of asked.methods
	enforced engine.Enforced
}

// plan finds what a request names.
func (d *Dialect) plan(ctx context.Context, s engine.Scope, organisation string, a asked) (plan, error) {
	k, _ := kindOf(a.kind)
	if err := k.check(a); err != nil {
		return plan{}, err
	}
	p := plan{kind: k, asked: a, scope: s}
	for _, find := range []func(context.Context, *plan) error{d.findMoney, d.findAccount, d.findContact, d.findMethods} {
		if err := find(ctx, &p); err != nil {
			return plan{}, err
		}
	}
	if k.merchant {
		return p, d.checkMerchant(ctx, organisation, a.merchant, s.Merchant)
	}
	return p, nil
}

// findMoney finds what is exchanged for what: what the quote says, or the request.
func (d *Dialect) findMoney(ctx context.Context, p *plan) (err error) {
	a := p.asked
	if a.quote != "" {
		q, err := d.engine.Quote(ctx, p.scope, a.quote)
		if fault.Is(err, fault.CodeNotFound) {
			return wrong("quoteId", "There is no such quote")
		}
		if err != nil {
			return err
		}
		if err := p.kind.checkSides(q); err != nil {
			return err
		}
		p.from, p.to = q.AmountIn.Asset(), q.AmountOut.Asset()
	} else {
		if p.from, err = d.assetOf(ctx, p, "originCurrencySymbol", a.origin, p.kind.origin); err != nil {
			return err
		}
		if p.to, err = d.assetOf(ctx, p, "destinationCurrencySymbol", a.destination, p.kind.destination); err != nil {
			return err
		}
		p.ask = &quote.Ask{From: p.from, To: p.to}
		if a.amountIn != nil {
			p.ask.AmountIn, err = a.amountIn.amountOf(p.from, "amountIn")
		} else {
			p.ask.AmountOut, err = a.amountOut.amountOf(p.to, "amountOut")
		}
		if err != nil {
			return err
		}
	}
	if p.kind.origin == crypto {
		p.network, err = d.engine.Network(p.from.Network(), p.scope.Mode)
	}
	return err
}

// assetOf is a currency of a side. Crypto is one network's: a wallet's own, the one that the request names, or the only
// one that there is.
func (d *Dialect) assetOf(ctx context.Context, p *plan, field, code string, s side) (money.Asset, error) {
	if s == fiat {
		return money.Fiat(code)
	}
	named := ""
	if p.asked.network != "" {
		n, err := d.chain(p.scope.Mode, p.asked.network, "network")
		if err != nil {
			return money.Asset{}, err
		}
		named = n.ID
	}
	if field == "destinationCurrencySymbol" {
		wallet, err := d.accountOf(ctx, p.scope, p.asked.account)
		if err != nil {
			return money.Asset{}, err
		}
		if wallet.Wallet == nil {
			return money.Asset{}, wrong("destinationAccountId", p.kind.name+" goes to a crypto wallet")
		}
		named = wallet.Wallet.Network
	}
	var found []money.Asset
	for _, n := range d.engine.Networks(p.scope.Mode) {
		if n.Simulated || named != "" && n.ID != named {
			continue
		}
		if asset, err := n.AssetLike(code); err == nil {
			found = append(found, asset)
		}
	}
	switch len(found) {
	case 0:
		return money.Asset{}, fault.New(fault.CodeInvalidCurrency, "The currency '"+code+"' is not served").On(field)
	case 1:
		return found[0], nil
	}
	return money.Asset{}, fault.New(fault.CodeInvalidNetwork, code+" is served on several networks: name one, or use a quote").On("network")
}

// findAccount finds where the money goes, and whether it can go there.
func (d *Dialect) findAccount(ctx context.Context, p *plan) error {
	const field = "destinationAccountId"
	id := p.asked.account
	if id == "" {
		return nil
	}
	if asset, own := virtualCurrency(p.scope, id); own {
		switch {
		case p.kind.account != accountAny:
			return wrong(field, p.kind.name+" goes to an account outside, not to a virtual balance")
		case asset != p.to:
			return otherCurrency(p.to)
		}
		return nil
	}
	found, err := d.accountOf(ctx, p.scope, id)
	if err != nil {
		return err
	}
	if (p.kind.account == accountWallet) != (found.Wallet != nil) {
		if found.Wallet != nil {
			return wrong(field, p.kind.name+" goes to a bank account, not to a wallet")
		}
		return wrong(field, p.kind.name+" goes to a crypto wallet, not to a bank account")
	}
	switch {
	case found.Bank != nil && found.Bank.Currency != p.to:
		return otherCurrency(p.to)
	case found.Wallet != nil && found.Wallet.Network != p.to.Network():
		return wrong(field, "The wallet is on another network than the "+p.to.Code()+" of the order")
	case found.Wallet != nil && !found.Wallet.Asset.IsZero() && found.Wallet.Asset != p.to:
		return otherCurrency(p.to)
	case p.asked.contact != "" && found.Customer != "" && found.Customer != p.asked.contact:
		return wrong(field, "The account is another contact's than contactId")
	}
	p.payee = found
	p.goes, err = d.engine.Destination(ctx, found)
	return err
}

// accountOf finds an account of the merchant or of a contact of his.
func (d *Dialect) accountOf(ctx context.Context, s engine.Scope, id string) (*engine.Account, error) {
	found, err := d.engine.Account(ctx, s, id)
	if fault.Is(err, fault.CodeNotFound) {
		return nil, fault.New(fault.CodeInvalidAddress, "There is no such account").On("destinationAccountId")
	}
	return found, err
}

// otherCurrency is the refusal of an account that is kept in another currency than the money comes in.
func otherCurrency(a money.Asset) error {
	return numbered{fault.New(fault.CodeInvalidValue, "The destination account is not kept in "+a.Code()).On("destinationAccountId"), numberAccountCurrency}
}

func (d *Dialect) findContact(ctx context.Context, p *plan) error {
	if p.asked.contact == "" {
		return nil
	}
	found, err := d.engine.Customer(ctx, p.scope, p.asked.contact)
	if fault.Is(err, fault.CodeNotFound) {
		return wrong("contactId", "There is no such contact")
	}
	p.contact = found
	return err
}

// findMethods finds the payment methods and who must pay.
func (d *Dialect) findMethods(_ context.Context, p *plan) error {
	if !p.kind.paidByMethod(p.asked) {
		return nil
	}
	for _, one := range p.asked.methods {
		m, err := d.engine.Method(p.scope.Mode, one.code, p.from.Code())
		if f, ok := fault.As(err); ok {
			return f.On("paymentMethods")
		}
		if err != nil {
			return err
		}
		p.chosen = append(p.chosen, m)
	}
	if len(p.chosen) == 0 && len(d.engine.Methods(p.scope.Mode, engine.MethodFilter{Currency: p.from.Code()})) == 0 {
		return fault.New(fault.CodeNotConfigured, "There is no payment method in "+p.from.Code()).On("paymentMethods")
	}
	return p.enforce()
}

// enforce checks the document that must pay, by the rules of the country it is paid in.
func (p *plan) enforce() error {
	if p.asked.enforced == "" {
		return nil
	}
	country := countryOf[p.from.Code()]
	switch {
	case len(p.chosen) > 0:
		country = p.chosen[0].Country
	case p.contact != nil:
		country = cmp.Or(p.contact.Country, country)
	}
	number, err := party.DocumentNumber("enforcedDocument", country, p.asked.enforced)
	if f, ok := fault.As(err); ok {
		return numbered{f, numberDocument}
	}
	p.enforced = engine.Enforced{Country: country, Document: number}
	return err
}

// countryOf is where a currency is paid in, as far as one country has it.
var countryOf = map[string]string{"ARS": "AR", "BOB": "BO", "BRL": "BR", "CLP": "CL", "COP": "CO", "MXN": "MX", "PEN": "PE"}

// checkMerchant refuses another merchant that is not of the organisation.
func (d *Dialect) checkMerchant(ctx context.Context, organisation, id, own string) error {
	const field = "destinationMerchantId"
	if id == own {
		return wrong(field, "The money would stay where it is: name another merchant")
	}
	m, err := d.engine.Merchant(ctx, id)
	if err != nil {
		return err
	}
	if m == nil || m.Organisation != organisation {
		return numbered{fault.New(fault.CodeInvalidValue, "There is no such merchant in this organization").On(field), numberMerchant}
	}
	return nil
}

// terms are what the engine is told of the order. It is called in the transaction, where the quote is used.
func (p plan) terms(at engine.Plan) (order.Terms, json.RawMessage, error) {
	book := ledger.Owed(p.scope.Merchant)
	q := at.Quote
	t := order.Terms{Book: book, Due: q.AmountIn, Fee: q.Fee, To: book.Account(ledger.Merchant), MerchantCancels: true}
	if p.from != p.to {
		t.Out = q.AmountOut
	}
	if p.kind.merchant {
		t.To = ledger.Owed(p.asked.merchant).Account(ledger.Merchant)
	}
	t.Instant = p.payee == nil
	if !t.Instant {
		t.To, t.Sends = ledger.House.Account(ledger.PayeeOn(string(p.goes.Rail))), p.sends()
	}
	kept := p.record()
	if p.kind.fromBalance(p.asked) {
		t.FromBalance = true
		return t, encode(kept), nil
	}
	t.OverAny = true
	for _, m := range p.chosen {
		if err := m.Check(t.Due); err != nil && len(p.chosen) == 1 {
			return t, nil, onAmount(err, p.asked)
		}
	}
	switch p.kind.name {
	case payIn:
		if p.contact == nil && !p.kind.isSelf(p.asked) && at.Requires(engine.CustomerRequired) {
			return t, nil, numbered{fault.New(fault.CodeMissingField, "Contact is required for PAYIN orders").On("contactId"), numberContact}
		}
		t.Whole, t.OneAttempt = true, true
		t.Deadline = at.Now.Add(cmp.Or(p.chosen[0].Window, methodTime))
	case paymentLink:
		due, err := p.due(at.Now)
		if err != nil {
			return t, nil, err
		}
		t.Whole, t.Deadline = true, due
	default: // the rate ends it
		t.Deadline = at.Now.Add(at.RateHold)
		t.SeenWaits, t.ConfirmBy = true, t.Deadline.Add(confirmTime)
	}
	return t, encode(kept), nil
}

func (p plan) sends() int {
	switch {
	case p.kind.name == payOut:
		return payOutSends
	case p.payee.Wallet != nil:
		return chainSends
	}
	return bankSends
}

// due is until when a link is paid.
func (p plan) due(now time.Time) (time.Time, error) {
	due := p.asked.due
	switch {
	case due.IsZero():
		return now.Add(defaultDue).Truncate(shownTime), nil
	case !due.After(now):
		return due, wrong("dueDate", "The field 'dueDate' must be in the future")
	case due.Sub(now) > maxDue:
		return due, wrong("dueDate", "The field 'dueDate' must be within a year")
	}
	return due, nil
}

// onAmount puts a method's refusal of an amount on the field that said it.
func onAmount(err error, a asked) error {
	field := "amountIn"
	if a.amountOut != nil {
		field = "amountOut"
	}
	if f, ok := fault.As(err); ok {
		return f.On(field)
	}
	return err
}
