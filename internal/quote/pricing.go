package quote

import (
	"fmt"
	"math/big"

	"till/internal/money"
)

// basis is what basis points are parts of.
const basis = 10_000

// Pricing is what the house takes for an exchange. All shares are in basis
// points: 50 is half a percent. The zero Pricing takes nothing.
type Pricing struct {
	Spread  int64        // taken off the rate, 0 to 9999
	Percent int64        // fee, as a share of what is paid in
	Fixed   money.Amount // fee beside it, in what is paid in; the zero value is none
	Tax     int64        // on the fee, as a share of it, 0 to 10000
}

// Check says why nothing paid in that asset can be priced so: a share is out
// of range, the fixed fee is negative or in another asset, or share and tax
// together would take all there is. The error is for who configured it.
func (p Pricing) Check(paid money.Asset) error {
	switch {
	case p.Spread < 0 || p.Spread >= basis:
		return fmt.Errorf("the spread is %d basis points: want 0 to %d", p.Spread, basis-1)
	case p.Tax < 0 || p.Tax > basis:
		return fmt.Errorf("the tax is %d basis points: want 0 to %d", p.Tax, basis)
	case p.Percent < 0 || p.Percent >= basis || p.Percent*(basis+p.Tax) >= basis*basis:
		return fmt.Errorf("the fee of %d basis points and its tax are the whole amount or more", p.Percent)
	case p.Fixed.Sign() < 0:
		return fmt.Errorf("the fixed fee %s is negative", p.Fixed)
	case !p.Fixed.Asset().IsZero() && p.Fixed.Asset() != paid:
		return fmt.Errorf("the fixed fee is in %s, the amount in %s", p.Fixed.Asset(), paid)
	case tooLarge(p.Fixed.Big()):
		return fmt.Errorf("the fixed fee is %w", money.ErrTooLarge)
	}
	return nil
}

func (p Pricing) lessSpread(rate *big.Rat) *big.Rat {
	return new(big.Rat).Mul(rate, big.NewRat(basis-p.Spread, basis))
}

// fee is what is kept of that many units paid in, tax included, rounded up
// once. Fee and tax each rounded would sometimes grow by two units where the
// payment grows by one, and who pays more would get less.
func (p Pricing) fee(in *big.Int) *big.Int {
	if p.Percent == 0 && p.Fixed.IsZero() {
		return new(big.Int)
	}
	return ceil(p.taxed(p.exactFee(in)))
}

// untaxed is the fee without its tax, rounded up: the tax is what is left.
func (p Pricing) untaxed(in *big.Int) *big.Int { return ceil(p.exactFee(in)) }

// gross is the smallest number of units paid in of which rest is left after
// the fee: rest = in - ceil(taxed(fixed + in x percent)), solved for in.
func (p Pricing) gross(rest *big.Int) *big.Int {
	one := big.NewRat(1, 1)
	kept := one.Sub(one, p.taxed(big.NewRat(p.Percent, basis)))
	sum := new(big.Rat).SetInt(rest)
	sum.Add(sum, p.taxed(p.exactFee(new(big.Int))))
	return ceil(sum.Quo(sum, kept))
}

func (p Pricing) exactFee(in *big.Int) *big.Rat {
	share := new(big.Rat).SetInt(in)
	share.Mul(share, big.NewRat(p.Percent, basis))
	return share.Add(share, new(big.Rat).SetInt(p.Fixed.Big()))
}

func (p Pricing) taxed(fee *big.Rat) *big.Rat {
	return new(big.Rat).Mul(fee, big.NewRat(basis+p.Tax, basis))
}
