package verify

import (
	"context"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/rail"
)

// holdingsPage is how many addresses are asked about at once.
const holdingsPage = 200

// AddHoldings compares, address by address, what was booked for a network with what its addresses hold there,
// and adds what it finds to the report. An address that nothing was ever sent from holds at least what was
// booked for it. One that its owner emptied, a merchant or the house, may hold less: it is counted in a note, where the
// network is not custodial. More than was booked is no contradiction: it may be on its way, or of before the import.
//
// wallet is the house's hot wallet there, "" for none. A note compares what the ledger says came in for merchants and left
// again with what the house's addresses and the wallet hold. That proves nothing: the house may put in its own money, and
// may keep some elsewhere.
func AddHoldings(ctx context.Context, r Reader, report *Report, n engine.Network, chain rail.Holder, wallet string) error {
	addresses, moved, swept, house := 0, 0, 0, false
	houses := map[money.Asset]money.Amount{}
	booked, held := map[money.Asset]money.Amount{}, map[money.Asset]money.Amount{}
	for after := ""; ; {
		page, err := r.Booked(n.Mode, n.Family, n.Rail, after, holdingsPage)
		if err != nil || len(page) == 0 {
			if err == nil {
				report.Note("%s: %d addresses; %s", n.ID, addresses, summary(booked, held))
				if moved > 0 {
					report.Note("%s: %d addresses hold less than was booked for them, and something was sent from each: their merchant moved it", n.ID, moved)
				}
				if swept > 0 {
					report.Note("%s: %d addresses of the house hold less than was booked for them, and something was sent from each: the house moved it", n.ID, swept)
				}
				if house || wallet != "" {
					err = addHouse(ctx, r, report, n, chain, wallet, houses)
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
			house = house || page[i].House
			for _, have := range h.Amounts {
				asset := have.Asset()
				want := money.Zero(asset).Add(page[i].Amounts[asset])
				booked[asset], held[asset] = booked[asset].Add(want), held[asset].Add(have)
				if page[i].House {
					houses[asset] = money.Zero(asset).Add(houses[asset]).Add(have)
				}
				switch {
				case have.Cmp(want) >= 0:
				case h.Sent && page[i].House:
					swept++
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

// addHouse notes what the house holds on a network beside what the ledger says it holds there for others.
func addHouse(ctx context.Context, r Reader, report *Report, n engine.Network, chain rail.Holder, wallet string, houses map[money.Asset]money.Amount) error {
	in, out := map[money.Asset]money.Amount{}, map[money.Asset]money.Amount{}
	payer, payee := ledger.House.Account(ledger.PayerOn(string(n.Rail))), ledger.House.Account(ledger.PayeeOn(string(n.Rail)))
	for _, account := range []ledger.Account{payer, payee} {
		list, err := r.Balances(BalanceKey{Mode: n.Mode, Account: account}, 1000)
		if err != nil {
			return err
		}
		for _, b := range list {
			var amount money.Amount
			if b.Mode != n.Mode || b.Account != account || amount.UnmarshalText([]byte(b.Units)) != nil {
				continue
			}
			if account == payer {
				in[amount.Asset()] = amount.Neg()
			} else {
				out[amount.Asset()] = amount
			}
		}
	}
	held := map[money.Asset]money.Amount{}
	if wallet != "" {
		list, err := chain.Holdings(ctx, []string{wallet})
		if err != nil {
			return err
		}
		for _, amount := range list[0].Amounts {
			held[amount.Asset()] = amount
		}
	}
	for _, t := range n.Tokens {
		zero := money.Zero(t.Asset)
		came, left := zero.Add(in[t.Asset]), zero.Add(out[t.Asset])
		there, hot := zero.Add(houses[t.Asset]), zero.Add(held[t.Asset])
		report.Note("%s: %s came to the house for merchants, less refunds, and %s was delivered; its addresses hold %s, its hot wallet %s: %s more than the ledger needs there",
			n.ID, came, left, there, hot, there.Add(hot).Sub(came.Sub(left)))
	}
	return nil
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
