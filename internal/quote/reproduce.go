package quote

import (
	"errors"
	"math/big"

	"till/internal/money"
)

// The four numbers of a quote, and how each follows from the other three:
//
//	amountOut    = (amountIn - fee) / exchangeRate, rounded down
//	amountIn     = fee + amountOut x exchangeRate, the product rounded up
//	fee          = amountIn - amountOut x exchangeRate, the product rounded up
//	exchangeRate = (amountIn - fee) / amountOut, cut after the fewest decimals
//	               for which the other three lines hold
//
// Rounded means to the smallest unit of the asset in question. The fourth line
// always has an answer, because the uncut fraction makes the others hold. So
// nobody who reads a quote need know the house's own rate or fee schedule to
// check it to the last unit.

// errNumbers says that there is no quote of these numbers.
var errNumbers = errors.New("not the numbers of a quote: amounts and rate are above zero, the fee is part of what is paid in")

// AmountOutOf is what is delivered, by the other three numbers of a quote.
func AmountOutOf(in, fee money.Amount, rate Decimal, to money.Asset) (money.Amount, error) {
	if fee.Asset() != in.Asset() || fee.Sign() < 0 || fee.Cmp(in) >= 0 || rate.IsZero() || to.IsZero() {
		return money.Amount{}, errNumbers
	}
	return atScale(to, new(big.Rat).Quo(value(in.Sub(fee)), rate.Rat()), floor), nil
}

// AmountInOf is what is paid in, by the other three numbers of a quote; its
// asset is the fee's.
func AmountInOf(out, fee money.Amount, rate Decimal) (money.Amount, error) {
	if out.Sign() <= 0 || fee.Sign() < 0 || rate.IsZero() || fee.Asset().IsZero() {
		return money.Amount{}, errNumbers
	}
	return fee.Add(atScale(fee.Asset(), new(big.Rat).Mul(value(out), rate.Rat()), ceil)), nil
}

// FeeOf is what the house keeps as its fee, by the other three numbers of a
// quote.
func FeeOf(in, out money.Amount, rate Decimal) (money.Amount, error) {
	if in.Sign() <= 0 || out.Sign() <= 0 || rate.IsZero() {
		return money.Amount{}, errNumbers
	}
	fee := in.Sub(atScale(in.Asset(), new(big.Rat).Mul(value(out), rate.Rat()), ceil))
	if fee.Sign() < 0 {
		return money.Amount{}, errNumbers
	}
	return fee, nil
}

// ExchangeRateOf is the rate, by the other three numbers of a quote.
func ExchangeRateOf(in, fee, out money.Amount) (Decimal, error) {
	if fee.Asset() != in.Asset() || fee.Sign() < 0 || fee.Cmp(in) >= 0 || out.Sign() <= 0 {
		return Decimal{}, errNumbers
	}
	rest, one := in.Sub(fee), big.NewInt(1)
	if rest.Equal(out) {
		return decimalOf(one, 0) // the usual case of one asset: the way below ends there too
	}
	uncut := new(big.Rat).Quo(value(rest), value(out))
	// Below or at the first bound the product would round to one unit less than
	// the rest, below or at the second the division to one unit more than out.
	bound := new(big.Rat).Quo(value(money.New(in.Asset(), rest.Big().Sub(rest.Big(), one))), value(out))
	if other := new(big.Rat).Quo(value(rest), value(money.New(out.Asset(), out.Big().Add(out.Big(), one)))); other.Cmp(bound) > 0 {
		bound = other
	}
	// Of all numbers with that many decimals the cut one is the largest that is
	// not above the uncut one: if any fits, it does.
	ten := big.NewInt(10)
	dividend, least, digits := new(big.Int).Set(uncut.Num()), new(big.Int).Set(bound.Num()), new(big.Int)
	for decimals := 0; decimals <= maxDecimalDigits; decimals++ {
		digits.Div(dividend, uncut.Denom())
		if new(big.Int).Mul(digits, bound.Denom()).Cmp(least) > 0 { // digits / 10^decimals > bound
			return decimalOf(digits, decimals)
		}
		dividend.Mul(dividend, ten)
		least.Mul(least, ten)
	}
	return Decimal{}, errNumbers
}

// value is an amount in whole units of its asset.
func value(a money.Amount) *big.Rat {
	return new(big.Rat).SetFrac(a.Big(), tenTo(a.Asset().Scale()))
}

// atScale is a value in whole units as an amount, rounded by round.
func atScale(asset money.Asset, value *big.Rat, round func(*big.Rat) *big.Int) money.Amount {
	return money.New(asset, round(new(big.Rat).Mul(value, new(big.Rat).SetInt(tenTo(asset.Scale())))))
}

// floor is the largest integer that is not above r.
func floor(r *big.Rat) *big.Int {
	// Div and not Quo: for a positive divisor it rounds down below zero too.
	return new(big.Int).Div(r.Num(), r.Denom())
}

// ceil is the smallest integer that is not below r.
func ceil(r *big.Rat) *big.Int {
	negative := floor(new(big.Rat).Neg(r))
	return negative.Neg(negative)
}

func tenTo[N uint8 | int](n N) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

var limit = tenTo(money.MaxDigits)

func tooLarge(units *big.Int) bool { return units.CmpAbs(limit) >= 0 }
