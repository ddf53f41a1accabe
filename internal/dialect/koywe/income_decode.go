package koywe

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

const maxReceiving = 4 << 10

// decodeReceiving reads for which country and currency a number is asked for.
func decodeReceiving(r *http.Request) (place, error) {
	body, err := web.Decode(r, maxReceiving)
	if err != nil {
		return place{}, err
	}
	var texts [2]string
	for i, names := range [][2]string{{"country", "countrySymbol"}, {"currency", "currencySymbol"}} {
		for _, name := range names {
			text, err := optional(body, name, 16)
			if err != nil {
				return place{}, err
			}
			texts[i] = cmp.Or(texts[i], text)
		}
		if texts[i] == "" {
			return place{}, missing(names[0])
		}
	}
	return newPlace(texts[0], texts[1])
}

// decodeDeposit reads for which country and currency instructions are asked for.
func decodeDeposit(r *http.Request) (place, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return place{}, err
	}
	country := cmp.Or(q.Text("country"), q.Text("countrySymbol"))
	currency := cmp.Or(q.Text("currency"), q.Text("currencySymbol"))
	if q.Err() != nil {
		return place{}, q.Err()
	}
	for _, given := range []struct{ name, text string }{{"country", country}, {"currency", currency}} {
		if given.text == "" {
			return place{}, fault.New(fault.CodeInvalidPage, "The parameter '"+given.name+"' is required").On(given.name)
		}
	}
	return newPlace(country, currency)
}

func newPlace(country, code string) (place, error) {
	country, code = strings.ToUpper(country), strings.ToUpper(code)
	codes, known := received[country]
	if !known {
		return place{}, fault.New(fault.CodeInvalidValue, "Nothing can be received in the country "+country).On("country")
	}
	if !slices.Contains(codes, code) {
		return place{}, fault.New(fault.CodeInvalidCurrency, "In "+country+" only "+strings.Join(codes, " and ")+" can be received").On("currency")
	}
	currency, err := money.Fiat(code)
	return place{country, currency}, err
}
