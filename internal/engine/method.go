package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// Method is a way to pay in one country that a payer may choose: by the login of a bank, a QR code, a card. It is
// configuration, not a record. The network that serves it gives its mode: what no network of a mode serves is no
// method there.
type Method struct {
	Code     string // as APIs name it: "PSE"; with Country unique in a mode
	API      string // the name of the API whose orders alone may be paid by it; "": any's
	Name     string // for people
	Country  string // ISO 3166-1 alpha-2
	Currency string // ISO 4217, of what is paid
	Network  string // id of the network whose rail serves it

	Min, Max money.Amount  // that one payment may have, both included; a zero Max: no limit
	Required []string      // what the payer must say beside: the Field constants
	Banks    []string      // that FieldBank may name
	Prompt   Prompt        // what the payer gets
	Window   time.Duration // how long an order waits that has no other way
	Details  BankDetails   // of PromptTransfer: where to; the instrument is what the payer must name there
	Reports  bool          // the rail reports the payer's document with the payment
	Cards    []TestCard    // that a made-up far side knows, which then asks for the number of one; none: it asks how the payment ends

	// Scan is what the method's QR code says, and what payers copy who cannot scan it: an amount, to be paid in the name of
	// an instrument. nil: there is no code but that of PromptQR, which says the instrument alone.
	Scan func(instrument string, amount money.Amount) string

	// Itself says that its payment comes by itself, so long after the payer was told what to do, on the mode's
	// clock. Only payments that are made up can do that. Zero: it does not.
	Itself time.Duration
}

// TestCard is the number of a card that does not exist, and what becomes of a payment with it. Only far sides that are made
// up know any.
type TestCard struct {
	Number   string // digits alone
	Code     bool   // the payer is asked for a one-time code first
	Declines string // the far side's word for why it refuses; "": it pays
}

// Prompt is what a method gives its payer to act on.
type Prompt string

// The prompts.
const (
	PromptQR       Prompt = "qr"            // a code to scan
	PromptLink     Prompt = "link"          // a page of the far side
	PromptTransfer Prompt = "bank_transfer" // an account, and what to name there; with Scan a code to scan too
	PromptAddress  Prompt = "address"       // an address on a chain
	PromptNone     Prompt = "none"          // nothing: the money is here
)

// Prompts lists them.
func Prompts() []Prompt {
	return []Prompt{PromptQR, PromptLink, PromptTransfer, PromptAddress, PromptNone}
}

// What a method may want to know of its payer.
const (
	FieldBank     = "bank"
	FieldDocument = "document"
	FieldEmail    = "email"
	FieldPhone    = "phone"
	FieldName     = "name"
)

// Fields lists them in the order in which they are asked for.
func Fields() []string {
	return []string{FieldBank, FieldName, FieldDocument, FieldEmail, FieldPhone}
}

// BankDetails is an account that payers transfer to.
type BankDetails struct {
	Bank, Holder, Account, BIC string
}

// MethodFilter chooses methods; what is empty chooses all.
type MethodFilter struct {
	Country, Currency string
	API               string // beside the methods of any API those of this one
	Codes             []string
	Amount            money.Amount // inside the method's limits
}

// WithMethods is the engine with the methods that its payers may choose. A method whose network does not exist, or
// whose payments come by themselves on a network where they are real, is left out.
func (e *Engine) WithMethods(list []Method) *Engine {
	mine := *e
	mine.methods = nil
	for _, m := range list {
		n, ok := e.networks[m.Network]
		if ok && (m.Itself == 0 || n.Simulated) {
			mine.methods = append(mine.methods, m)
		}
	}
	slices.SortStableFunc(mine.methods, func(a, b Method) int {
		return cmp.Or(strings.Compare(a.Country, b.Country), strings.Compare(a.Code, b.Code))
	})
	return &mine
}

// Methods lists the methods of a mode by country and code: those that a network of the mode serves. What is one API's alone is
// listed for that API only.
func (e *Engine) Methods(m Mode, f MethodFilter) []Method {
	var list []Method
	for _, one := range e.methods {
		n, err := e.Network(one.Network, m)
		switch {
		case err != nil, one.API != "" && one.API != f.API, f.Country != "" && f.Country != one.Country, f.Currency != "" && f.Currency != one.Currency,
			len(f.Codes) > 0 && !slices.Contains(f.Codes, one.Code),
			!f.Amount.Asset().IsZero() && !one.Takes(f.Amount):
			continue
		}
		if _, err := n.Asset(one.Currency); err == nil {
			list = append(list, one)
		}
	}
	return list
}

// Method finds a method of the mode and of any API by its code and the currency that is paid. Error: invalid_value, which
// says which there are.
func (e *Engine) Method(m Mode, code, currency string) (Method, error) {
	if list := e.Methods(m, MethodFilter{Currency: currency, Codes: []string{code}}); len(list) > 0 {
		return list[0], nil
	}
	var known []string
	for _, one := range e.Methods(m, MethodFilter{Currency: currency}) {
		known = append(known, one.Code)
	}
	message := "the payment method '" + code + "' is not available in " + currency
	if len(known) > 0 {
		message += "; there are " + strings.Join(known, ", ")
	}
	return Method{}, fault.New(fault.CodeInvalidValue, message)
}

// Takes says whether an amount is inside the method's limits and of its currency.
func (m Method) Takes(a money.Amount) bool { return m.Check(a) == nil }

// Check refuses an amount that the method does not take, with the limit in its message. Errors: invalid_currency,
// invalid_amount, amount_too_large.
func (m Method) Check(a money.Amount) error {
	switch {
	case a.Asset().Code() != m.Currency || a.Asset().Network() != "":
		return fault.New(fault.CodeInvalidCurrency, m.Code+" is paid in "+m.Currency)
	case m.Min.Sign() > 0 && a.Cmp(m.Min) < 0:
		return fault.New(fault.CodeInvalidAmount, m.Code+" takes at least "+m.Min.String()).With("min", m.Min.Decimal())
	case m.Max.Sign() > 0 && a.Cmp(m.Max) > 0:
		return fault.New(fault.CodeAmountTooLarge, m.Code+" takes at most "+m.Max.String()).With("max", m.Max.Decimal())
	}
	return nil
}
