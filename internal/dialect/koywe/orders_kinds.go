package koywe

import (
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// The types of orders.
const (
	payIn           = "PAYIN"
	payOut          = "PAYOUT"
	onRamp          = "ONRAMP"
	offRamp         = "OFFRAMP"
	balanceTransfer = "BALANCE_TRANSFER"
	paymentLink     = "PAYMENT_LINK"
	interMerchant   = "INTER_MERCHANT_TRANSFER"
)

// kind is what a type of order asks for: the seed's rules as data. What an order does with money is orders_terms.go's.
type kind struct {
	name                string
	origin, destination side // what the currencies must be
	pair                pairing
	account             account
	methods             methods
	merchant            bool // another merchant is named
	due                 bool // it may say until when it is paid
	self                bool // the merchant acts for himself, where nothing is said
}

// side is what a currency must be.
type side string

const (
	fiat   side = "fiat"
	crypto side = "crypto"
)

// pairing says which currencies, and whether a quote may be used.
type pairing int

const (
	pairFree  pairing = iota // any two, at the rate of the moment; no quote
	pairQuote                // any two, by a quote or at the rate of the moment
	pairOnly                 // two, of different currencies
	pairNamed                // two different ones by a quote only
	pairNone                 // one currency
)

// account is what an order's destinationAccountId must be.
type account int

const (
	accountNone   account = iota // there is none
	accountAny                   // a bank account, or the merchant's own balance, which it also is when nothing is said
	accountBank                  // a bank account
	accountWallet                // a crypto wallet
)

// methods is how many payment methods an order names.
type methods int

const (
	methodsNone methods = iota
	methodsOne
	methodsFew // at most one
	methodsAny // none is every one that there is
)

var kinds = []kind{
	{name: payIn, origin: fiat, destination: fiat, pair: pairFree, account: accountAny, methods: methodsOne},
	{name: payOut, origin: fiat, destination: fiat, pair: pairNamed, account: accountBank},
	{name: onRamp, origin: fiat, destination: crypto, pair: pairQuote, account: accountWallet, methods: methodsFew},
	{name: offRamp, origin: crypto, destination: fiat, pair: pairQuote, account: accountAny},
	{name: balanceTransfer, origin: fiat, destination: fiat, pair: pairOnly, self: true},
	{name: paymentLink, origin: fiat, destination: fiat, pair: pairFree, account: accountAny, methods: methodsAny, due: true},
	{name: interMerchant, origin: fiat, destination: fiat, pair: pairNone, merchant: true},
}

// kindNames lists the types.
func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// kindOf is the type of that name; ok is false when there is none.
func kindOf(name string) (k kind, ok bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// fromBalance says that an order of the type takes its money from the merchant's balance.
func (k kind) fromBalance(a asked) bool {
	switch k.name {
	case payOut, balanceTransfer, interMerchant:
		return true
	case onRamp:
		return len(a.methods) == 0
	}
	return false
}

// paidByMethod says that an order of the type is paid by somebody with a payment method.
func (k kind) paidByMethod(a asked) bool {
	return k.name == payIn || k.name == paymentLink || k.name == onRamp && len(a.methods) > 0
}

// check holds what a request says to the type's rules; the first that is broken is told, in the order of the fields
// of the seed's table. Currencies are held to it here where the request names them, and by checkSides once a quote
// has.
func (k kind) check(a asked) error {
	if err := k.checkMoney(a); err != nil {
		return err
	}
	switch {
	case k.account == accountNone && a.account != "":
		return wrong("destinationAccountId", k.name+" has no destination account")
	case (k.account == accountBank || k.account == accountWallet) && a.account == "":
		return missing("destinationAccountId")
	case k.merchant && a.merchant == "":
		return missing("destinationMerchantId")
	case !k.merchant && a.merchant != "":
		return wrong("destinationMerchantId", k.name+" goes to no other merchant")
	case !k.due && !a.due.IsZero():
		return wrong("dueDate", "Only a PAYMENT_LINK has a due date")
	}
	if err := k.checkMethods(a); err != nil {
		return err
	}
	return k.checkPeople(a)
}

func (k kind) checkMoney(a asked) error {
	if a.quote != "" {
		if k.pair == pairFree || k.pair == pairNone {
			return wrong("quoteId", k.name+" takes no quote")
		}
		for _, of := range []struct {
			field string
			given bool
		}{
			{"originCurrencySymbol", a.origin != ""}, {"destinationCurrencySymbol", a.destination != ""}, {"amountIn", a.amountIn != nil}, {"amountOut", a.amountOut != nil},
		} {
			if of.given {
				return wrong(of.field, "With quoteId the field '"+of.field+"' must not be sent: the quote says it")
			}
		}
		return nil
	}
	switch {
	case a.origin == "":
		return missing("originCurrencySymbol")
	case a.destination == "":
		return missing("destinationCurrencySymbol")
	case a.amountIn == nil && a.amountOut == nil:
		return missing("amountIn")
	case a.amountIn != nil && a.amountOut != nil:
		return wrong("amountOut", "Exactly one of amountIn and amountOut is sent, not both")
	}
	if err := k.origin.checkCode("originCurrencySymbol", a.origin, k.name); err != nil {
		return err
	}
	if err := k.destination.checkCode("destinationCurrencySymbol", a.destination, k.name); err != nil {
		return err
	}
	same := a.origin == a.destination
	switch {
	case k.pair == pairOnly && same:
		return wrong("destinationCurrencySymbol", k.name+" is between two different currencies")
	case k.pair == pairNone && !same:
		return wrong("destinationCurrencySymbol", k.name+" is in one currency")
	case k.pair == pairNamed && !same:
		return wrong("quoteId", k.name+" between two currencies needs a quoteId")
	}
	return nil
}

// checkCode refuses a currency that is not of the side. Which crypto there is on which network is found out later.
func (s side) checkCode(field, code, kind string) error {
	_, err := money.Fiat(code)
	switch {
	case s == fiat && err != nil:
		return fault.New(fault.CodeInvalidCurrency, "The field '"+field+"' of "+kind+" must be a fiat currency").On(field)
	case s == crypto && err == nil:
		return fault.New(fault.CodeInvalidCurrency, "The field '"+field+"' of "+kind+" must be a crypto currency").On(field)
	}
	return nil
}

// checkSides holds a quote to the type: what it was made for, and what it exchanges.
func (k kind) checkSides(q *engine.Quote) error {
	in, out := q.AmountIn.Asset(), q.AmountOut.Asset()
	is := func(a money.Asset, s side) bool { return (s == fiat) == (a.Network() == "") }
	switch {
	case q.OrderKind != k.name:
		return wrong("quoteId", "The quote is for "+q.OrderKind+", not for "+k.name)
	case !is(in, k.origin) || !is(out, k.destination):
		return wrong("quoteId", "The quote exchanges "+in.Code()+" for "+out.Code()+", which "+k.name+" does not")
	case k.pair == pairOnly && in == out:
		return wrong("quoteId", k.name+" is between two different currencies")
	}
	return nil
}

func (k kind) checkMethods(a asked) error {
	n := len(a.methods)
	switch {
	case k.methods == methodsNone && n > 0:
		return wrong("paymentMethods", k.name+" takes no payment method")
	case k.methods == methodsOne && n != 1:
		return wrong("paymentMethods", k.name+" needs exactly one payment method")
	case k.methods == methodsFew && n > 1:
		return wrong("paymentMethods", k.name+" takes at most one payment method")
	}
	return nil
}

// checkPeople holds what is said of the payer and of who is told.
func (k kind) checkPeople(a asked) error {
	if a.enforced != "" && !k.paidByMethod(a) {
		return wrong("enforcedDocument", "Nobody pays such an order with a document: it cannot be enforced")
	}
	if a.contact != "" && k.isSelf(a) {
		return wrong("contactId", "An order of the merchant for himself (isMerchantSelfOrder) has no contact")
	}
	if a.contact != "" {
		return nil
	}
	for _, flag := range flags {
		if *flag.of(&a) {
			return fault.New(fault.CodeMissingField, "The field '"+flag.name+"' requires contactId").On("contactId")
		}
	}
	return nil
}

// isSelf says whether the merchant acts for himself.
func (k kind) isSelf(a asked) bool {
	if a.self != nil {
		return *a.self
	}
	return k.self
}

func wrong(field, message string) error {
	return fault.New(fault.CodeInvalidValue, message).On(field)
}

// flags are the fields that say whom an order tells.
var flags = []struct {
	name string
	of   func(a *asked) *bool
}{
	{"sendEmail", func(a *asked) *bool { return &a.sendEmail }},
	{"sendNotification", func(a *asked) *bool { return &a.sendNotification }},
	{"sendWhatsapp", func(a *asked) *bool { return &a.sendWhatsapp }},
	{"sendReminders", func(a *asked) *bool { return &a.sendReminders }},
}
