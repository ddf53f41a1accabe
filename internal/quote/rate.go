package quote

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"till/internal/money"
)

// Forever is the MaxAge of a rate that somebody set by hand and that does not
// age. There is no default: who writes it means it.
const Forever = time.Duration(math.MaxInt64)

// maxRateDigits bounds the text of one rate that a source tells. The most
// extreme pairs there are need about 25 digits.
const maxRateDigits = 64

// ErrRate says that something a source told is not a rate, or that what was
// read is not in the source's format. The text around it says what and where.
var ErrRate = errors.New("not a usable rate")

// Rate is one word of a source: at a moment, one of Base was worth Value of
// Quote. Base and Quote are codes as money.Asset has them: the same token on
// two networks has one price.
type Rate struct {
	Base   string        `json:"base"`
	Quote  string        `json:"quote"`
	Value  Decimal       `json:"value"`
	At     time.Time     `json:"at"`     // when it was so, as the source says
	Source string        `json:"source"` // who said it
	MaxAge time.Duration `json:"maxAge"` // how long after At it may be used, in nanoseconds
}

// Source is who tells rates, and how long what it tells may be used.
type Source struct {
	Name   string
	MaxAge time.Duration // above zero; Forever for rates set by hand
}

// Check says why this is not a usable rate; the error is ErrRate.
func (r Rate) Check() error {
	for _, code := range []string{r.Base, r.Quote} {
		_, err := money.NewAsset(code, "any", 0)
		capital := strings.ToUpper(code)
		if _, fiat := money.Fiat(capital); err != nil || fiat == nil && code != capital { // a token may have small letters, a currency has none
			return fmt.Errorf("%w: %.20q is not a currency code", ErrRate, code)
		}
	}
	switch {
	case r.Base == r.Quote:
		return fmt.Errorf("%w: %s for itself", ErrRate, r.Base)
	case r.Value.IsZero():
		return fmt.Errorf("%w: %s/%s has no value", ErrRate, r.Base, r.Quote)
	case len(r.Value.text) > maxRateDigits:
		return fmt.Errorf("%w: %s/%s has more than %d characters", ErrRate, r.Base, r.Quote, maxRateDigits)
	case r.At.IsZero():
		return fmt.Errorf("%w: %s/%s has no time", ErrRate, r.Base, r.Quote)
	case r.Source == "":
		return fmt.Errorf("%w: %s/%s has no source", ErrRate, r.Base, r.Quote)
	case r.MaxAge <= 0:
		return fmt.Errorf("%w: %s/%s has no age up to which it may be used", ErrRate, r.Base, r.Quote)
	}
	return nil
}

// rate is what a document of this source says of one pair, checked.
func (s Source) rate(base, quote, text string, at time.Time) (Rate, error) {
	value, err := ParseDecimal(text)
	if err != nil {
		return Rate{}, fmt.Errorf("%w: %.20q/%.20q: %.80q is %w", ErrRate, base, quote, text, err)
	}
	r := Rate{Base: base, Quote: quote, Value: value, At: at, Source: s.Name, MaxAge: s.MaxAge}
	return r, r.Check()
}

// A market is two codes whose rates one another's inverse are, the smaller
// first.
type market struct{ a, b string }

func marketOf(one, other string) market {
	if one < other {
		return market{one, other}
	}
	return market{other, one}
}

// once refuses a pair that a document tells twice, in whichever direction.
func once(rates []Rate) error {
	seen := map[market]bool{}
	for _, r := range rates {
		if seen[marketOf(r.Base, r.Quote)] {
			return fmt.Errorf("%w: %s/%s is told twice", ErrRate, r.Base, r.Quote)
		}
		seen[marketOf(r.Base, r.Quote)] = true
	}
	return nil
}
