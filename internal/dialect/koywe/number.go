package koywe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

// number is the text of a JSON number. Amounts are numbers in this API; here they are never anything but their
// digits, so that what is read is what was written, and what is written has every digit.
type number string

// MarshalJSON writes the digits as they are.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// numberOf is an amount with as many decimals as it needs: 1000.5, 1000, 0.000001.
func numberOf(a money.Amount) number { return shortest(a.Decimal()) }

// shortest is a decimal without the zeros at its end.
func shortest(decimal string) number {
	if strings.Contains(decimal, ".") {
		decimal = strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
	}
	return number(decimal)
}

// amountField is the amount of a field above zero, as it is written; nil where the field is absent or null. amountOf
// reads it once the currency is known.
func amountField(body web.Object, field string) (*number, error) {
	text, present, err := body.Number(field)
	if err != nil || !present {
		return nil, err
	}
	n := number(text)
	return &n, nil
}

// amountOf is the amount that a number says in a currency.
//
// Errors, on the field: invalid_amount (not above zero, or more decimals than the currency has), amount_too_large.
func (n number) amountOf(a money.Asset, field string) (money.Amount, error) {
	plain, ok := n.plain()
	if !ok {
		return money.Amount{}, fault.New(fault.CodeAmountTooLarge, "The field '"+field+"' is too large, or too small").On(field)
	}
	amount, err := money.Parse(a, plain)
	switch {
	case errors.Is(err, money.ErrTooPrecise):
		return money.Amount{}, fault.New(fault.CodeInvalidAmount, fmt.Sprintf("The field '%s' has more decimals than the %d of %s", field, a.Scale(), a.Code())).On(field)
	case errors.Is(err, money.ErrTooLarge):
		return money.Amount{}, fault.New(fault.CodeAmountTooLarge, "The field '"+field+"' is too large").On(field)
	case err != nil || amount.IsZero():
		return money.Amount{}, fault.New(fault.CodeInvalidAmount, "The field '"+field+"' must be above zero").On(field)
	}
	return amount, nil
}

// maxExponent keeps what an exponent stretches a number to short.
const maxExponent = 100

// plain is the number without an exponent, which clients write for small and large ones: 1e-7 is 0.0000001. Zeros
// that an exponent leaves behind the last digit are taken away, because nobody wrote them. ok is false where it would
// be too long.
func (n number) plain() (text string, ok bool) {
	mantissa, exponent, written := strings.Cut(strings.ToLower(string(n)), "e")
	if !written {
		return mantissa, true
	}
	shift, err := strconv.Atoi(exponent)
	if err != nil || shift < -maxExponent || shift > maxExponent {
		return "", false
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+shift
	switch {
	case point <= 0:
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	case point > len(digits):
		digits += strings.Repeat("0", point-len(digits))
	}
	text = digits[:point]
	if fraction := strings.TrimRight(digits[point:], "0"); fraction != "" {
		text += "." + fraction
	}
	return sign + text, true
}
