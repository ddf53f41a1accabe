package glomo

import (
	"encoding/json"
	"strconv"
	"strings"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

// Amounts are whole numbers of the smallest unit. They are read from their digits, so that 1000, 1000.0 and 1e3 are the
// same and nothing between two whole numbers is ever rounded.

// maxExponent keeps what an exponent stretches a number to short.
const maxExponent = 20

// wholeText is the digits of a JSON number that is whole and not negative: 1e3 is 1000. ok is false for any other.
func wholeText(number string) (digits string, ok bool) {
	mantissa, exponent, written := strings.Cut(strings.ToLower(number), "e")
	shift := 0
	if written {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift < -maxExponent || shift > maxExponent {
			return "", false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if strings.HasPrefix(whole, "-") {
		return "", false
	}
	digits, point := whole+fraction, len(whole)+shift
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	if point < 0 || strings.Trim(digits[point:], "0") != "" {
		return "", false
	}
	digits = strings.TrimLeft(digits[:point], "0")
	if digits == "" {
		digits = "0"
	}
	return digits, true
}

// whole reads a field that is a whole number from 0 to maxNumber; nil where it is absent or null. message is what is said
// where it is not.
func whole(body web.Object, field, message string) (*int64, error) {
	v, present := body.Get(field)
	if !present {
		return nil, nil
	}
	if v.Kind() != "number" {
		return nil, fault.New(fault.CodeWrongType, named(body.Param(field))+" must be an integer").On(body.Param(field))
	}
	number, err := v.Number()
	if err != nil {
		return nil, err
	}
	digits, ok := wholeText(number)
	if !ok {
		return nil, fault.New(fault.CodeInvalidAmount, message).On(body.Param(field))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > maxNumber {
		return nil, fault.New(fault.CodeAmountTooLarge, named(body.Param(field))+" must not be above "+strconv.FormatInt(maxNumber, 10)).On(body.Param(field))
	}
	return &n, nil
}

// named is a field in the words of the contract's messages: invoice_amount is "Invoice amount".
func named(field string) string {
	text := strings.ReplaceAll(field, "_", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

const notPositive = "must be a positive whole number in the smallest currency unit (e.g., cents)."

// amountOf is an amount of a currency. One of three decimals is told to the second: its last digit is 0.
//
// Error: invalid_amount.
func amountOf(units int64, a money.Asset, field string) (money.Amount, error) {
	switch {
	case units < 1:
		return money.Amount{}, fault.New(fault.CodeInvalidAmount, named(field)+" "+notPositive).On(field)
	case a.Scale() == 3 && units%10 != 0:
		return money.Amount{}, fault.New(fault.CodeInvalidAmount, named(field)+" in "+a.Code()+" must end in 0: 295.991 is 295990").On(field)
	}
	return money.FromInt(a, units), nil
}

// unitsOf is an amount as this API writes it. Amounts of its orders come from whole; of any other the store keeps no larger
// one than its readers keep exactly.
func unitsOf(a money.Amount) wireNumber { return wireNumber(a.Units()) }

// wireNumber is the digits of a whole number, which are written and read as they are.
type wireNumber = json.Number
