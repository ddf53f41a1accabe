package koywe

import (
	"net/http"
	"strings"

	"till/internal/web"
)

const maxQuoteBody = 4 << 10

// askedQuote is a request for a quote.
type askedQuote struct {
	kind                kind
	origin, destination string
	network             string // this API's word, in capital letters; empty without crypto
	amountIn, amountOut *number
	executable          bool
}

// quotedTypes are the types that are quoted.
var quotedTypes = []string{payIn, payOut, balanceTransfer, onRamp, offRamp}

// decodeQuote reads POST /quotes and holds it to the rules of the type it is for. The older name of orderType, type, is
// read too; and a quote of older clients, who do not say so, is executable.
func decodeQuote(r *http.Request) (a askedQuote, err error) {
	body, err := web.Decode(r, maxQuoteBody)
	if err != nil {
		return a, err
	}
	name, err := word(body, "orderType", quotedTypes)
	if err != nil {
		return a, err
	}
	if name == "" {
		if name, err = word(body, "type", quotedTypes); err != nil {
			return a, err
		}
	}
	if name == "" {
		return a, missing("orderType")
	}
	a.kind, _ = kindOf(name)
	if a.origin, err = required(body, "originCurrencySymbol", maxSymbol); err != nil {
		return a, err
	}
	if a.destination, err = required(body, "destinationCurrencySymbol", maxSymbol); err != nil {
		return a, err
	}
	a.origin, a.destination = symbol(a.origin), symbol(a.destination)
	if a.network, err = optional(body, "network", maxID); err != nil {
		return a, err
	}
	a.network = strings.ToUpper(a.network)
	if _, err := optional(body, "paymentMethod", maxID); err != nil { // no price depends on it
		return a, err
	}
	if a.amountIn, err = amountField(body, "amountIn"); err != nil {
		return a, err
	}
	if a.amountOut, err = amountField(body, "amountOut"); err != nil {
		return a, err
	}
	executable, said, err := body.Bool("executable")
	if err != nil {
		return a, err
	}
	a.executable = executable || !said
	return a, a.check()
}

func (a askedQuote) check() error {
	crypto := a.kind.origin == crypto || a.kind.destination == crypto
	switch {
	case a.amountIn == nil && a.amountOut == nil:
		return missing("amountIn")
	case a.amountIn != nil && a.amountOut != nil:
		return wrong("amountOut", "Exactly one of amountIn and amountOut is sent, not both")
	case !crypto && a.network != "":
		return wrong("network", a.kind.name+" has no crypto, and so no network")
	case a.kind.pair == pairOnly && a.origin == a.destination:
		return wrong("destinationCurrencySymbol", a.kind.name+" is between two different currencies")
	case a.executable && a.kind.pair == pairFree:
		return wrong("executable", "An order of the type "+a.kind.name+" takes no quote: ask for one that is not executable")
	}
	return nil
}
