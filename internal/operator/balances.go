package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) balances() {
	serve(a, huma.Operation{
		OperationID: "listBalances", Method: http.MethodGet, Path: "/balances", Security: needs("balances:read"),
		Summary: "The balances of a merchant's books",
	}, a.listBalances)
}

type balancesInput struct {
	Merchant string `query:"merchant" required:"true" maxLength:"64"`
	Mode     string `query:"mode" required:"true" enum:"live,sandbox"`
}

func (a *api) listBalances(ctx context.Context, in *balancesInput) (client.BalanceList, error) {
	mode := engine.Mode(in.Mode)
	if err := mustSee(ctx, mode); err != nil {
		return client.BalanceList{}, err
	}
	list, err := a.Engine.Balances(ctx, in.Merchant, mode)
	return client.BalanceList{Balances: balancesOf(list)}, err
}

func balancesOf(list []order.Balance) []client.Balance {
	out := make([]client.Balance, 0, len(list))
	for _, b := range list {
		out = append(out, client.Balance{Account: string(b.Account), Role: string(b.Account.Role()), Amount: amountOf(b.Amount)})
	}
	return out
}

func amountOf(a money.Amount) client.Amount {
	return client.Amount{Decimal: a.Decimal(), Units: a.Units(), Asset: a.Asset().String(), Currency: a.Asset().Code()}
}
