package bank

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"till/internal/money"
)

// maxNumber is the most digits an amount of a bank file has, as in ISO 20022.
const maxNumber = 18

var errNoComma = errors.New("the amount has no comma")

// number is a count of up to nine digits; 0 of anything else.
func number(s string) int {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) || len(s) > 9 {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// amount reads digits with a decimal sign, without a sign of its own. Decimals that the currency does not have may be
// there as zeros, for many banks write two of every currency; anything else would have to be rounded and is refused.
func amount(asset money.Asset, s string, decimal byte) (money.Amount, error) {
	whole, fraction, _ := strings.Cut(s, string(decimal))
	switch {
	case s == "":
		return money.Amount{}, errors.New("the amount is missing")
	case s[0] == '-':
		return money.Amount{}, errors.New("the amount is negative")
	case whole+fraction == "" || !every(whole, isDigit) || !every(fraction, isDigit):
		return money.Amount{}, fmt.Errorf("%q is no amount: digits and %q are", clip(s), string(decimal))
	case len(whole)+len(fraction) > maxNumber:
		return money.Amount{}, fmt.Errorf("the amount has %d digits, no amount of a bank has more than %d", len(whole)+len(fraction), maxNumber)
	}
	scale := int(asset.Scale())
	if len(fraction) > scale {
		if strings.Trim(fraction[scale:], "0") != "" {
			return money.Amount{}, fmt.Errorf("%q has more decimals than %s: %d", s, asset.Code(), scale)
		}
		fraction = fraction[:scale]
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return money.Parse(asset, whole)
}

// isoDay reads the day of an xs:date or xs:dateTime: the day that stands there, where the bank is.
func isoDay(s string) (time.Time, error) {
	if len(s) < 10 {
		return time.Time{}, fmt.Errorf("%q is no day: YYYY-MM-DD is", clip(s))
	}
	day, err := time.Parse(time.DateOnly, s[:10])
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no day that exists", clip(s))
	}
	rest := s[10:]
	if rest == "" {
		return day, nil
	}
	for _, layout := range []string{"Z07:00", "T15:04:05Z07:00", "T15:04:05", "T15:04Z07:00", "T15:04"} {
		if _, err := time.Parse(layout, rest); err == nil {
			return day, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day or time", clip(s))
}

// mtDay reads YYMMDD. Years from 80 on are of the last century, as SWIFT has it.
func mtDay(s string) (time.Time, error) {
	if len(s) != 6 || !every(s, isDigit) {
		return time.Time{}, fmt.Errorf("%q is no day: YYMMDD is", clip(s))
	}
	century := "20"
	if s >= "80" {
		century = "19"
	}
	day, err := time.Parse("20060102", century+s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no day that exists", s)
	}
	return day, nil
}

// entryDay reads MMDD, of the year in which it is nearest to the value day: a line of the turn of the year may be booked
// in another than it is valued in.
func entryDay(s string, value time.Time) (time.Time, error) {
	best, found := time.Time{}, false
	for year := value.Year() - 1; year <= value.Year()+1; year++ {
		day, err := time.Parse("20060102", fmt.Sprintf("%04d%s", year, s))
		if err == nil && (!found || value.Sub(day).Abs() < value.Sub(best).Abs()) {
			best, found = day, true
		}
	}
	if !found {
		return time.Time{}, fmt.Errorf("%q is no day that exists", s)
	}
	return best, nil
}
