// Package quote says what an exchange costs: how much is paid in, how much
// comes out, what the house keeps of it, at which rate, and until when that is
// promised. It is pure: rates are handed in as data, time as a value.
//
// All numbers are integers of smallest units or exact fractions, and there is
// one rounding direction, for the house: what is paid in and the fee are
// rounded up, what comes out is rounded down (docs/adr/0020). Rounding happens
// in New and in Part and nowhere else: who freezes a quote on an order copies
// its amounts and computes nothing again.
//
// It does not remember which quotes were used, holds no money and fetches
// nothing: that is the engine's, the ledger's and the workers' part. Start at
// New; what a quote's four numbers have to do with each other is in
// reproduce.go, where rates come from in rate.go, table.go, ecb.go and json.go.
package quote

import (
	"errors"
	"fmt"
	"math/big"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// DefaultLife is how long a quote is promised where nobody configured another
// time.
const DefaultLife = 15 * time.Second

// Ask is what a client wants a quote for: what is paid, what is wanted for it,
// and exactly one of the two amounts. An amount without an asset is not given.
type Ask struct {
	From, To  money.Asset
	AmountIn  money.Amount // in From, the fee included
	AmountOut money.Amount // in To
}

// Quote is one promise of exchange. The payer pays AmountIn and nothing more,
// of which the house keeps Fee; for the rest AmountOut is delivered. The
// amount that was asked for stands in it as it was asked for.
//
// The first four fields reproduce one another exactly: AmountOutOf, AmountInOf,
// FeeOf and ExchangeRateOf give each of them from the other three.
type Quote struct {
	AmountIn     money.Amount `json:"amountIn"`
	AmountOut    money.Amount `json:"amountOut"`
	Fee          money.Amount `json:"fee"`          // of AmountIn's asset, Tax included; part of AmountIn
	ExchangeRate Decimal      `json:"exchangeRate"` // AmountIn's asset for one of AmountOut's, after the spread, before the fee

	Tax   money.Amount `json:"tax"`             // the part of Fee that is tax on the fee
	Rates []Rate       `json:"rates,omitempty"` // what it was made of: none for one asset, one, or two for a cross
	Made  time.Time    `json:"made"`
	Ends  time.Time    `json:"ends"` // the last moment at which it may be used
}

// New makes a quote that may be used until now + life. Now is the true time,
// which rates are measured with, never a sandbox's moved clock.
//
// Between two different assets the table's rate less the spread applies; for
// one asset the rate is 1 and there is no spread. It fails with
//
//   - missing_field or invalid_value on "amountIn" unless exactly one amount is given,
//   - invalid_currency on the amount that is not in its asset,
//   - invalid_amount on the amount that is not above zero, or so small that
//     after the fee nothing comes out,
//   - amount_too_large on the amount that has, or whose counterpart would have,
//     more than money.MaxDigits digits,
//   - not_configured without a rate, or with a pricing that fails its Check,
//   - overloaded, with an advice to wait, while the rate is out of date or in
//     doubt (ErrStale, ErrAbsurd).
//
// A life that is not above zero is a programming error: an error that is no
// fault.
func New(ask Ask, table *Table, pricing Pricing, now time.Time, life time.Duration) (Quote, error) {
	if life <= 0 {
		return Quote{}, fmt.Errorf("a quote that lives for %s", life)
	}
	if err := ask.check(); err != nil {
		return Quote{}, err
	}
	if err := pricing.Check(ask.From); err != nil {
		return Quote{}, fault.New(fault.CodeNotConfigured, "There is no price for this exchange.").Because(err)
	}
	price := Price{value: big.NewRat(1, 1)}
	if ask.From != ask.To {
		found, err := table.Price(ask.From.Code(), ask.To.Code(), now)
		if err != nil {
			return Quote{}, err
		}
		price = found
		price.value = pricing.lessSpread(found.value)
	}

	// What one smallest unit that is left after the fee buys, in smallest units.
	perUnit := new(big.Rat).Mul(price.value, new(big.Rat).SetFrac(tenTo(ask.To.Scale()), tenTo(ask.From.Scale())))
	var in, out *big.Int
	param := "amountIn"
	if ask.AmountOut.Asset().IsZero() {
		in = ask.AmountIn.Big()
		rest := new(big.Int).Sub(in, pricing.fee(in))
		out = floor(new(big.Rat).Mul(new(big.Rat).SetInt(rest), perUnit))
	} else {
		param = "amountOut"
		out = ask.AmountOut.Big()
		rest := ceil(new(big.Rat).Quo(new(big.Rat).SetInt(out), perUnit))
		in = pricing.gross(rest)
	}
	if out.Sign() <= 0 {
		return Quote{}, fault.New(fault.CodeInvalidAmount, "The amount is too small: after the fee nothing is left of it.").On(param)
	}
	if tooLarge(in) || tooLarge(out) {
		return Quote{}, fault.New(fault.CodeAmountTooLarge, "The amount is too large to be exchanged.").On(param)
	}

	fee := pricing.fee(in)
	q := Quote{
		AmountIn:  money.New(ask.From, in),
		AmountOut: money.New(ask.To, out),
		Fee:       money.New(ask.From, fee),
		Tax:       money.New(ask.From, new(big.Int).Sub(fee, pricing.untaxed(in))),
		Rates:     price.Rates,
		Made:      now,
		Ends:      now.Add(life),
	}
	rate, err := ExchangeRateOf(q.AmountIn, q.Fee, q.AmountOut)
	if err != nil {
		return Quote{}, fmt.Errorf("a quote without a rate: %w", err)
	}
	q.ExchangeRate = rate
	return q, nil
}

func (a Ask) check() error {
	hasIn, hasOut := !a.AmountIn.Asset().IsZero(), !a.AmountOut.Asset().IsZero()
	if !hasIn && !hasOut {
		return fault.New(fault.CodeMissingField, "Either the amount paid in or the amount delivered must be given.").On("amountIn")
	}
	if hasIn && hasOut {
		return fault.New(fault.CodeInvalidValue, "The amount paid in and the amount delivered must not both be given.").On("amountIn")
	}
	amount, asset, param := a.AmountIn, a.From, "amountIn"
	if hasOut {
		amount, asset, param = a.AmountOut, a.To, "amountOut"
	}
	if amount.Asset() != asset || a.From.IsZero() || a.To.IsZero() {
		return fault.New(fault.CodeInvalidCurrency, "The amount is not in the currency that is exchanged.").On(param)
	}
	if amount.Sign() <= 0 {
		return fault.New(fault.CodeInvalidAmount, "The amount must be above zero.").On(param)
	}
	if tooLarge(amount.Big()) {
		return fault.New(fault.CodeAmountTooLarge, "The amount is too large to be exchanged.").On(param)
	}
	return nil
}

// CheckAlive fails with quote_expired after the quote's end; at the end itself
// it may still be used. Whether it was used before is not known here.
func (q Quote) CheckAlive(now time.Time) error {
	if now.After(q.Ends) {
		return fault.New(fault.CodeQuoteExpired, "The quote has expired.")
	}
	return nil
}

// Check says why these are not the numbers of one quote, nil when each of the
// four follows from the other three. It is for who reads a stored quote and
// wants proof; what New returns always passes.
func (q Quote) Check() error {
	if q.AmountIn.Sign() <= 0 || q.AmountOut.Sign() <= 0 {
		return errors.New("a quote's amounts are above zero")
	}
	if q.Fee.Asset() != q.AmountIn.Asset() || q.Tax.Asset() != q.AmountIn.Asset() {
		return errors.New("a quote's fee and tax are in what is paid in")
	}
	if q.Tax.Sign() < 0 || q.Tax.Cmp(q.Fee) > 0 {
		return errors.New("a quote's tax is part of its fee")
	}
	rate, err := ExchangeRateOf(q.AmountIn, q.Fee, q.AmountOut)
	if err != nil {
		return err
	}
	if rate != q.ExchangeRate {
		return fmt.Errorf("a quote says the rate %s, its amounts say %s", q.ExchangeRate, rate)
	}
	return nil
}
