package glomo

import (
	"net/http"
	"slices"

	"till/internal/fault"
	"till/internal/party"
	"till/internal/web"
)

// Limits of what is read of an order.
const (
	maxReference = 255 // code points
	maxMethods   = 10
	maxAccount   = 64
)

// asked is the fields of a request for an order, each of its type and no more.
type asked struct {
	body     web.Object // for the notes, whose rules are known in the transaction only
	customer string
	document string
	currency string
	amount   *int64
	purpose  string

	invoiceNumber      string
	invoiceDescription string
	invoiceAmount      *int64
	reference          string
	price              string
	request            string
	quote              string
	product            *product
	account            *bankAccount
	methods            []string // none: all that there are
}

// product is what the payment is for.
type product struct {
	Name        string  `json:"name"`
	Description *string `json:"description"`
}

// bankAccount is an account of the customer. What was not sent is null.
type bankAccount struct {
	Number     string  `json:"account_number"`
	Primary    *string `json:"bic_primary"`
	Secondary  *string `json:"bic_secondary"`
	CustomerID *string `json:"bank_customer_id"`
}

// decodeOrder reads POST /orders.
func (d *Dialect) decodeOrder(r *http.Request) (a asked, err error) {
	if a.body, err = web.Decode(r, maxBody); err != nil {
		return a, err
	}
	for _, t := range []struct {
		field string
		limit int
		into  *string
	}{
		{"customer_id", maxText, &a.customer}, {"document_id", maxText, &a.document}, {"currency", maxText, &a.currency}, {"purpose_code", maxText, &a.purpose},
		{"invoice_number", maxReference, &a.invoiceNumber}, {"invoice_description", maxText, &a.invoiceDescription},
		{"reference_number", maxReference, &a.reference}, {"price_id", maxText, &a.price}, {"request_id", maxReference, &a.request},
		{"quote_id", maxID, &a.quote},
	} {
		if *t.into, err = optional(a.body, t.field, t.limit); err != nil {
			return a, err
		}
	}
	if a.amount, err = whole(a.body, "amount", "Amount "+notPositive); err != nil {
		return a, err
	}
	if a.invoiceAmount, err = whole(a.body, "invoice_amount", "Invoice amount "+notPositive); err != nil {
		return a, err
	}
	if a.product, err = decodeProduct(a.body); err != nil {
		return a, err
	}
	if a.account, err = decodeBankAccount(a.body); err != nil {
		return a, err
	}
	if a.methods, err = decodeMethods(a.body); err != nil {
		return a, err
	}
	if err = a.checkCards(); err != nil {
		return a, err
	}
	return a, a.check()
}

// check refuses what is wrong whatever the merchant is.
func (a asked) check() error {
	switch {
	case !isID(a.customer, customerID):
		return wrong("customer_id", "Customer ID must start with cust_ and be valid.")
	case a.document != "" && !isID(a.document, documentID):
		return wrong("document_id", "Document ID must start with doc_ and be valid.")
	case a.price != "" && !isID(a.price, priceID):
		return wrong("price_id", "Price ID must start with price_ and be valid.")
	case a.quote != "":
		if err := a.checkQuoted(); err != nil {
			return err
		}
	case a.amount == nil:
		return fault.New(fault.CodeMissingField, "Amount "+notPositive).On("amount")
	}
	for _, field := range unserved {
		if _, sent := a.body.Get(field); sent {
			return wrong(field, field+" is not served here")
		}
	}
	return checkPurpose(a.purpose)
}

// checkCards refuses the number of a card in what people write. It is not repeated.
func (a asked) checkCards() error {
	type written struct{ field, text string }
	list := []written{{"invoice_description", a.invoiceDescription}, {"reference_number", a.reference}, {"invoice_number", a.invoiceNumber}}
	if a.product != nil {
		list = append(list, written{"product.name", a.product.Name})
		if a.product.Description != nil {
			list = append(list, written{"product.description", *a.product.Description})
		}
	}
	for _, w := range list {
		if party.HoldsCardNumber(w.text) {
			return wrong(w.field, w.field+" must not hold the number of a card")
		}
	}
	return nil
}

// unserved are fields of orders that would change where money goes or what is asked of the payer: to ignore them would
// make another order than the one that was asked for.
var unserved = []string{"split_ids", "lrs"}

// quoteSays are the fields of an order that its quote says already, or that would change what it says.
var quoteSays = []string{"amount", "currency", "price_id", "payment_methods", "split_ids"}

// checkQuoted refuses what the quote says already.
func (a asked) checkQuoted() error {
	if !isID(a.quote, quoteID) {
		return wrong("quote_id", "quote_id must start with 'quote_'")
	}
	for _, field := range quoteSays {
		if _, sent := a.body.Get(field); sent {
			return wrong(field, field+" cannot be specified when quote_id is present")
		}
	}
	return nil
}

func decodeProduct(body web.Object) (*product, error) {
	o, sent, err := body.Object("product")
	if err != nil || !sent {
		return nil, err
	}
	name, err := required(o, "name", maxReference)
	if err != nil {
		return nil, err
	}
	description, err := optional(o, "description", maxText)
	return &product{name, textOrNull(description)}, err
}

func decodeBankAccount(body web.Object) (*bankAccount, error) {
	o, sent, err := body.Object("bank_account_details")
	if err != nil || !sent {
		return nil, err
	}
	return readBankAccount(o)
}

// readBankAccount reads the account of a customer.
func readBankAccount(o web.Object) (*bankAccount, error) {
	number, err := required(o, "account_number", maxAccount)
	if err != nil {
		return nil, err
	}
	var more [3]string
	for i, field := range []string{"bic_primary", "bic_secondary", "bank_customer_id"} {
		if more[i], err = optional(o, field, maxAccount); err != nil {
			return nil, err
		}
	}
	if more[0] == "" && more[1] == "" {
		return nil, fault.New(fault.CodeMissingField, "Either bic_primary or bic_secondary must be provided").On(o.Param("bic_primary"))
	}
	return &bankAccount{number, textOrNull(more[0]), textOrNull(more[1]), textOrNull(more[2])}, nil
}

// The ways to pay, which are the codes of the methods as well, in the order in which they are shown.
const (
	byTransfer = "bank_transfer"
	byBank     = "pay_via_bank"
	byCard     = "card"
)

var payments = []string{byTransfer, byBank, byCard}

// decodeMethods reads payment_methods. One that stands there twice is one.
func decodeMethods(body web.Object) ([]string, error) {
	const field = "payment_methods"
	list, sent, err := body.Array(field, maxMethods)
	if err != nil || !sent {
		return nil, err
	}
	if len(list) == 0 {
		return nil, wrong(field, "payment_methods must not be empty")
	}
	var codes []string
	for _, v := range list {
		code, err := v.String(64)
		switch {
		case err != nil:
			return nil, err
		case !slices.Contains(payments, code):
			return nil, wrong(field, "payment_methods must be of bank_transfer, pay_via_bank, card")
		case !slices.Contains(codes, code):
			codes = append(codes, code)
		}
	}
	return codes, nil
}
