package quote

import (
	"math/big"

	"till/internal/fault"
	"till/internal/money"
)

// Part is one payment's share of a quote that is paid in parts.
type Part struct {
	AmountIn  money.Amount // what this part pays
	Fee       money.Amount // of that, the house's
	AmountOut money.Amount // what is delivered for it
}

// Part is the share of the payment that takes the sum paid of AmountIn from
// before to after. Shares are differences of sums: all parts up to a sum
// receive amountOut x sum / amountIn rounded down and bear fee x sum /
// amountIn rounded up. So, whatever the sizes of the parts, the house has never
// given more than was paid for, and the parts of a quote that is paid whole
// add up to its amounts exactly.
//
// A part of very few units may receive nothing, or be all fee. What it did not
// receive the next part does. Such a part cannot be an order of its own: the
// caller joins it to the next by not moving before.
//
// It fails with invalid_currency on an amount of another asset than AmountIn
// and with invalid_amount unless 0 <= before < after <= amountIn: more than
// the whole is surplus, not a part.
func (q Quote) Part(before, after money.Amount) (Part, error) {
	if before.Asset() != q.AmountIn.Asset() || after.Asset() != q.AmountIn.Asset() {
		return Part{}, fault.New(fault.CodeInvalidCurrency, "The part is paid in another currency than the quote.").On("amountIn")
	}
	if before.Sign() < 0 || before.Cmp(after) >= 0 || after.Cmp(q.AmountIn) > 0 {
		return Part{}, fault.New(fault.CodeInvalidAmount, "The part does not fit into what is left of the quote.").On("amountIn")
	}
	return Part{
		AmountIn:  after.Sub(before),
		Fee:       q.share(q.Fee, after, ceil).Sub(q.share(q.Fee, before, ceil)),
		AmountOut: q.share(q.AmountOut, after, floor).Sub(q.share(q.AmountOut, before, floor)),
	}, nil
}

// share is the part of whole that belongs to the sum paid.
func (q Quote) share(whole, paid money.Amount, round func(*big.Rat) *big.Int) money.Amount {
	part := new(big.Rat).SetFrac(new(big.Int).Mul(whole.Big(), paid.Big()), q.AmountIn.Big())
	return money.New(whole.Asset(), round(part))
}
