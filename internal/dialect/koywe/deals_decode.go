package koywe

import (
	"net/http"

	"till/internal/web"
)

// decodeDeal reads POST /deals: an order of the type ONRAMP or OFFRAMP, over a quote.
func decodeDeal(r *http.Request) (asked, error) {
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return asked{}, err
	}
	a, err := decodeFields(body)
	if err != nil {
		return a, err
	}
	switch {
	case a.kind != onRamp && a.kind != offRamp:
		return a, wrong("type", "A deal is of the type ONRAMP or OFFRAMP")
	case a.quote == "":
		return a, missing("quoteId")
	case len(a.methods) > 0:
		return a, wrong("paymentMethods", "A deal is paid from the balance or on a chain: make an order to pay with a method")
	case a.external != "":
		return a, wrong("externalId", "A deal has no externalId: its quote is used once, whatever is repeated")
	}
	return a, nil
}
