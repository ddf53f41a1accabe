package glomo

import (
	"cmp"
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
)

func (d *Dialect) balanceRoutes() []route {
	return []route{
		{http.MethodGet, v1 + "/balances", "balances:read", d.getBalances},
	}
}

// balancesBody is what a merchant has. Available can be spent; pending was paid, and is withheld or belongs to an order that
// is not done. There is no second balance that only pays out.
type balancesBody struct {
	Available []sumBody `json:"available"`
	Pending   []sumBody `json:"pending"`
	Funded    []sumBody `json:"funded_balances"`
}

func (d *Dialect) getBalances(r *http.Request, s engine.Scope) (answer, error) {
	lines, err := d.engine.Balances(r.Context(), s.Merchant, s.Mode)
	if err != nil {
		return answer{}, err
	}
	book := ledger.Owed(s.Merchant)
	available, pending := map[money.Asset]money.Amount{}, map[money.Asset]money.Amount{}
	for _, line := range lines {
		asset := line.Amount.Asset()
		if asset.Network() != "" {
			continue // this API has no crypto
		}
		if _, known := available[asset]; !known {
			available[asset], pending[asset] = money.Zero(asset), money.Zero(asset)
		}
		switch line.Account {
		case book.Account(ledger.Merchant):
			available[asset] = available[asset].Add(line.Amount)
		case book.Account(ledger.Withheld), book.Account(ledger.In):
			pending[asset] = pending[asset].Add(line.Amount)
		}
	}
	return answer{status: http.StatusOK, body: balancesBody{sums(available), sums(pending), []sumBody{}}}, nil
}

func sums(of map[money.Asset]money.Amount) []sumBody {
	list := []sumBody{}
	for _, a := range of {
		list = append(list, sumOf(a))
	}
	slices.SortFunc(list, func(a, b sumBody) int { return cmp.Compare(a.Currency, b.Currency) })
	return list
}
