package operator

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) suspense() {
	serve(a, huma.Operation{
		OperationID: "listSuspense", Method: http.MethodGet, Path: "/suspense", Security: needs("suspense:read"),
		Summary: "Orders with money in suspense", Description: "Money that came late, in another asset, or beyond what was due. The oldest first.",
	}, a.listSuspense)
	serve(a, huma.Operation{
		OperationID: "assignStray", Method: http.MethodPost, Path: "/suspense/assign", Security: needs("suspense:write"),
		Summary: "Give a payment of no order to an order that is still collecting", Description: "It counts by its own value time.",
	}, a.assign)
	serve(a, huma.Operation{
		OperationID: "releaseSuspense", Method: http.MethodPost, Path: "/suspense/release", Security: needs("suspense:write"),
		Summary: "Give money in suspense to the merchant", Description: "The order stays as it ended. Safe to repeat under its id for a day.",
	}, a.release)
	serve(a, huma.Operation{
		OperationID: "refund", Method: http.MethodPost, Path: "/suspense/refund", Security: needs("suspense:write"),
		Summary: "Send money of an ended order back", Description: "Safe to repeat under its id for ever.",
	}, a.refund)
	serve(a, huma.Operation{
		OperationID: "listShortfalls", Method: http.MethodGet, Path: "/shortfalls", Security: needs("suspense:read"),
		Summary: "Orders under which money is missing", Description: "They hold up the merchant's deliveries of the asset. The oldest first.",
	}, a.listShortfalls)
	serve(a, huma.Operation{
		OperationID: "absorbShortfall", Method: http.MethodPost, Path: "/shortfalls/absorb", Security: needs("suspense:write"),
		Summary: "Write a shortfall off", Description: "The house bears it. Safe to repeat under its id for a day.",
	}, a.absorb)
}

type asideInput struct {
	PageInput
	ModeInput
}

func (a *api) listSuspense(ctx context.Context, in *asideInput) (client.AsidePage, error) {
	return a.aside(ctx, in, isSuspense)
}

func (a *api) listShortfalls(ctx context.Context, in *asideInput) (client.AsidePage, error) {
	return a.aside(ctx, in, func(acc ledger.Account) bool { return acc.Kind() == ledger.Short })
}

// aside lists ended orders with a balance on an account that is wanted: live ones, then sandbox ones.
func (a *api) aside(ctx context.Context, in *asideInput, wanted func(ledger.Account) bool) (client.AsidePage, error) {
	found, next, err := walk(ctx, a, in, a.Engine.Aside, func(o *engine.Order) (client.Aside, bool) { return asideOf(o, wanted) })
	return client.AsidePage{Orders: found, Next: next}, err
}

// walk makes a page of orders that read gives by internal id: live ones, then sandbox ones. It reads on until the page is
// full of those that show lets through.
func walk[T any](ctx context.Context, a *api, in *asideInput, read func(context.Context, engine.Mode, string, int) ([]engine.Order, error),
	show func(*engine.Order) (T, bool)) (list []T, next string, err error) {
	mode, err := in.mode(ctx)
	if err != nil {
		return nil, "", err
	}
	modes := engine.Modes()
	if mode != "" {
		modes = []engine.Mode{mode}
	}
	var after string
	if in.After != "" {
		o, err := a.find(ctx, in.After)
		if err != nil {
			return nil, "", fault.New(fault.CodeInvalidPage, "no such order to go on behind").On("after")
		}
		for len(modes) > 0 && modes[0] != o.Scope.Mode {
			modes = modes[1:]
		}
		after = o.ID
	}
	list = []T{}
	last := ""
	for _, m := range modes {
		for {
			orders, err := read(ctx, m, after, engine.MaxSearch)
			if err != nil {
				return nil, "", err
			}
			for i := range orders {
				line, ok := show(&orders[i])
				if !ok {
					continue
				}
				if len(list) == in.Limit {
					return list, last, nil
				}
				list, last = append(list, line), orders[i].PublicID
			}
			if len(orders) < engine.MaxSearch {
				break
			}
			after = orders[len(orders)-1].ID
		}
		after = ""
	}
	return list, "", nil
}

func asideOf(o *engine.Order, wanted func(ledger.Account) bool) (client.Aside, bool) {
	var balances []order.Balance
	for _, b := range o.Balances {
		if wanted(b.Account) {
			balances = append(balances, b)
		}
	}
	return client.Aside{
		Order: o.PublicID, Merchant: o.Scope.Merchant, Mode: string(o.Scope.Mode), State: string(o.State),
		Balances: balancesOf(balances), CreatedAt: o.CreatedAt.UTC(),
	}, len(balances) > 0
}

type assignInput struct{ Body client.Assign }

func (a *api) assign(ctx context.Context, in *assignInput) (client.Order, error) {
	o, err := a.find(ctx, in.Body.Order)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := a.Engine.Assign(ctx, order.PaymentKey{Rail: in.Body.Rail, External: in.Body.External}, o.ID, keyID(ctx)); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.Body.Order)
}

type releaseInput struct{ Body client.Release }

func (a *api) release(ctx context.Context, in *releaseInput) (client.Order, error) {
	o, amount, err := a.remedy(ctx, in.Body.Order, in.Body.Amount, in.Body.Asset)
	if err != nil {
		return client.Order{}, err
	}
	role, err := roleOf(in.Body.From)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := a.Engine.ReleaseOnce(ctx, engine.Remedy{ID: in.Body.ID, OrderID: o.ID, Amount: amount, From: role, Who: keyID(ctx)}); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.Body.Order)
}

type refundInput struct{ Body client.Refund }

func (a *api) refund(ctx context.Context, in *refundInput) (client.Order, error) {
	o, amount, err := a.remedy(ctx, in.Body.Order, in.Body.Amount, in.Body.Asset)
	if err != nil {
		return client.Order{}, err
	}
	role, err := roleOf(in.Body.From)
	if err != nil {
		return client.Order{}, err
	}
	if (in.Body.Rail == "") != (in.Body.To == "") {
		return client.Order{}, fault.New(fault.CodeMissingField, "rail and to are given together").On("to")
	}
	_, err = a.Engine.Refund(ctx, engine.NewRefund{
		OrderID: o.ID, ID: in.Body.ID, Amount: amount, From: role, Actor: order.ByOperator, Who: keyID(ctx), Why: in.Body.Reason,
		To: engine.Destination{Rail: engine.RailName(in.Body.Rail), To: in.Body.To},
	})
	if f, ok := fault.As(err); ok && f.Param == "destination" {
		err = f.On("to")
	}
	if err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.Body.Order)
}

type absorbInput struct{ Body client.Absorb }

func (a *api) absorb(ctx context.Context, in *absorbInput) (client.Order, error) {
	o, amount, err := a.remedy(ctx, in.Body.Order, in.Body.Amount, in.Body.Asset)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := a.Engine.AbsorbOnce(ctx, engine.Remedy{ID: in.Body.ID, OrderID: o.ID, Amount: amount, Who: keyID(ctx)}); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.Body.Order)
}

// remedy finds the order that a command is about, and the amount.
func (a *api) remedy(ctx context.Context, publicID, decimal, asset string) (*engine.Order, money.Amount, error) {
	o, err := a.find(ctx, publicID)
	if err != nil {
		return nil, money.Amount{}, err
	}
	of := o.Terms.Due.Asset()
	if asset != "" {
		if of, err = money.ParseAsset(asset); err != nil {
			return nil, money.Amount{}, fault.New(fault.CodeInvalidCurrency, "want an asset as lists show it, like USDT/6@ethereum-sepolia").On("asset")
		}
	}
	amount, err := money.Parse(of, decimal)
	if err != nil || amount.Sign() <= 0 {
		return nil, money.Amount{}, fault.New(fault.CodeInvalidAmount, "want a decimal above zero, with at most "+
			strconv.Itoa(int(of.Scale()))+" decimals").On("amount").Because(err)
	}
	return o, amount, nil
}

// roleOf is an account of an order that money can be given from.
func roleOf(text string) (ledger.Role, error) {
	for _, f := range ledger.Roles() {
		if string(f.Role) == text {
			return f.Role, nil
		}
	}
	return "", fault.New(fault.CodeInvalidValue, "there is no such account").On("from")
}
