package engine

import (
	"context"
	"math/big"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// Worth is what amounts are worth in an asset by the rates on record at a true time, rounded down; nothing of what has no
// rate that may be used. For people to look at: no order is priced by it.
func (e *Engine) Worth(ctx context.Context, amounts []money.Amount, in money.Asset, now time.Time) (map[money.Asset]money.Amount, error) {
	found := map[money.Asset]money.Amount{}
	err := e.store.View(ctx, func(rd Reader) error {
		table, _, err := e.exchange.table(rd)
		if err != nil {
			return err
		}
		clear(found)
		for _, a := range amounts {
			price, err := table.Price(a.Asset().Code(), in.Code(), now)
			if fault.Is(err, fault.CodeNotConfigured) || fault.Is(err, fault.CodeOverloaded) {
				continue
			}
			if err != nil {
				return err
			}
			worth := new(big.Rat).Mul(new(big.Rat).SetInt(a.Big()), price.Rat())
			worth.Mul(worth, new(big.Rat).SetFrac(tenTo(in.Scale()), tenTo(a.Asset().Scale())))
			found[a.Asset()] = money.New(in, new(big.Int).Div(worth.Num(), worth.Denom()))
		}
		return nil
	})
	return found, err
}

func tenTo(n uint8) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
