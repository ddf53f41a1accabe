package koywe

import (
	"strings"

	"till/internal/engine"
	"till/internal/party"
)

// decodePaymentMethods reads which country's and currency's methods are asked for; all where nothing is said.
func decodePaymentMethods(raw string) (engine.MethodFilter, error) {
	q, err := queryOf(raw)
	if err != nil {
		return engine.MethodFilter{}, err
	}
	f := engine.MethodFilter{Country: q.Text("countrySymbol"), Currency: strings.ToUpper(q.Text("currencySymbol"))}
	if f.Country != "" {
		if f.Country, err = party.Country("countrySymbol", f.Country); err != nil {
			q.Refuse("countrySymbol", "The parameter 'countrySymbol' must be a country in two letters")
		}
	}
	if f.Currency != "" && (len(f.Currency) != 3 || strings.Trim(f.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		q.Refuse("currencySymbol", "The parameter 'currencySymbol' must be a currency in three letters")
	}
	return f, q.Err()
}
