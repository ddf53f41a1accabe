package quote

import (
	"errors"
	"math/big"
	"strings"
)

// maxDecimalDigits bounds a Decimal before and behind its point. Two amounts
// of 78 digits, of 0 and 36 decimals, have an exact exchange rate within it.
const maxDecimalDigits = 200

// ErrDecimal says that a text is not a Decimal.
var ErrDecimal = errors.New("not a plain decimal number above zero")

// Decimal is an exact number above zero with finitely many decimals: a rate, a
// factor. It has one text, so it is comparable with == and may be stored and
// compared as text. The zero value is no number; its text is "".
type Decimal struct{ text string }

// ParseDecimal reads digits, or digits, a dot and digits: no sign, space,
// exponent or grouping, at most 200 digits on either side of the dot once
// superfluous zeros are gone, and not zero. Anything else is ErrDecimal.
func ParseDecimal(s string) (Decimal, error) {
	if len(s) > 4*maxDecimalDigits {
		return Decimal{}, ErrDecimal
	}
	whole, fraction, hasDot := strings.Cut(s, ".")
	if !isDigits(whole) || hasDot && !isDigits(fraction) {
		return Decimal{}, ErrDecimal
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" && fraction == "" || len(whole) > maxDecimalDigits || len(fraction) > maxDecimalDigits {
		return Decimal{}, ErrDecimal
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return Decimal{whole}, nil
	}
	return Decimal{whole + "." + fraction}, nil
}

// MustDecimal is ParseDecimal for constants in code; it panics where that
// fails.
func MustDecimal(s string) Decimal {
	d, err := ParseDecimal(s)
	if err != nil {
		panic("quote: " + s + ": " + err.Error())
	}
	return d
}

// decimalOf is digits / 10^decimals.
func decimalOf(digits *big.Int, decimals int) (Decimal, error) {
	text := digits.String()
	if short := decimals + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	if decimals > 0 {
		text = text[:len(text)-decimals] + "." + text[len(text)-decimals:]
	}
	return ParseDecimal(text)
}

// String is the one text of the number: no superfluous zero, a digit before
// the dot, no dot without decimals.
func (d Decimal) String() string { return d.text }

// IsZero says that this is no number.
func (d Decimal) IsZero() bool { return d.text == "" }

// Rat is the number as a fraction of its own, 0 for the zero value.
func (d Decimal) Rat() *big.Rat {
	r := new(big.Rat)
	if d.text != "" {
		r.SetString(d.text) // digits and a dot: it cannot fail
	}
	return r
}

// MarshalText writes String.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.text), nil }

// UnmarshalText reads what ParseDecimal reads; the empty text is the zero
// value.
func (d *Decimal) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Decimal{}
		return nil
	}
	parsed, err := ParseDecimal(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
