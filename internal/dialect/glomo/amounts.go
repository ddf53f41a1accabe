package glomo

import (
	"strings"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

// minor is an amount in the smallest unit of its currency, for what is not an order's: a balance may be more than any reader
// of JSON keeps exactly, and shows the most that one does.
func minor(a money.Amount) int64 {
	if n := a.Big(); n.IsInt64() {
		return min(n.Int64(), maxNumber)
	}
	return maxNumber
}

// fiatOf is a currency by its code, in capital letters. Error: invalid_currency on the field.
func fiatOf(code, field string) (money.Asset, error) {
	a, err := money.Fiat(code)
	if err != nil {
		return a, fault.New(fault.CodeInvalidCurrency, "Currency not supported").On(field)
	}
	return a, nil
}

// currencyField is a currency that must be there.
func currencyField(body web.Object, field string) (money.Asset, error) {
	code, err := required(body, field, 8)
	if err != nil {
		return money.Asset{}, err
	}
	return fiatOf(code, field)
}

// currency is a currency of a filter, however it is capitalised.
func (q *query) currency(param string) string {
	code := strings.ToUpper(q.Text(param))
	if _, err := money.Fiat(code); code != "" && err != nil {
		q.Refuse(param, "Invalid "+param)
	}
	return code
}

// shortfall is how much of what is required is not available, both decimals of a currency, in its smallest units.
func shortfall(currency money.Asset, required, available string) (string, error) {
	need, err := money.Parse(currency, required)
	if err != nil {
		return "", err
	}
	have, err := money.Parse(currency, available)
	return need.Sub(have).Units(), err
}
