package verify

import (
	"context"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
)

// holdingsPage is how many addresses are asked about at once.
const holdingsPage = 200

// AddHoldings compares, address by address, what was booked for a network with what its addresses hold there,
// and adds what it finds to the report. An address that nothing was ever sent from holds at least what was
// booked for it. One that its merchant emptied may hold less: it is counted in a note, where the network is
// not custodial. More than was booked is no contradiction: it may be on its way, or of before the import.
func AddHoldings(ctx context.Context, r Reader, report *Report, n engine.Network, chain rail.Holder) error {
	addresses, moved := 0, 0
	booked, held := map[money.Asset]money.Amount{}, map[money.Asset]money.Amount{}
	for after := ""; ; {
		page, err := r.Booked(n.Mode, n.Family, n.Rail, after, holdingsPage)
		if err != nil || len(page) == 0 {
			if err == nil {
				report.Note("%s: %d addresses; %s", n.ID, addresses, summary(booked, held))
				if moved > 0 {
					report.Note("%s: %d addresses hold less than was booked for them, and something was sent from each: their merchant moved it", n.ID, moved)
				}
			}
			return err
		}
		var values []string
		for _, b := range page {
			values = append(values, b.Address)
		}
		holdings, err := chain.Holdings(ctx, values)
		if err != nil {
			return err
		}
		for i, h := range holdings {
			addresses++
			for _, have := range h.Amounts {
				asset := have.Asset()
				want := money.Zero(asset).Add(page[i].Amounts[asset])
				booked[asset], held[asset] = booked[asset].Add(want), held[asset].Add(have)
				switch {
				case have.Cmp(want) >= 0:
				case h.Sent && !n.Custodial:
					moved++
				default:
					report.Add(Chain, "address "+h.Address+" on "+n.ID, "holds %s at block %d, and %s was booked for it", have, h.Block, want)
				}
			}
		}
		after = values[len(values)-1]
	}
}

func summary(booked, held map[money.Asset]money.Amount) string {
	text := ""
	for asset, have := range held {
		if text != "" {
			text += "; "
		}
		text += asset.Code() + ": booked " + booked[asset].Decimal() + ", held " + have.Decimal()
	}
	return text
}
