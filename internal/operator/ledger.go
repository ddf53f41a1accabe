package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) ledger() {
	serve(a, huma.Operation{
		OperationID: "listBalances", Method: http.MethodGet, Path: "/balances", Security: needs("balances:read"),
		Summary: "The balances of a merchant's books",
	}, a.listBalances)
	serve(a, huma.Operation{
		OperationID: "listEntries", Method: http.MethodGet, Path: "/entries", Security: needs("balances:read"),
		Summary: "What was booked", Description: "The newest first. An entry is the postings of one change.",
	}, a.listEntries)
	serve(a, huma.Operation{
		OperationID: "listEvents", Method: http.MethodGet, Path: "/events", Security: needs("orders:read"),
		Summary: "What happened, to orders and beside them", Description: "The newest first.",
	}, a.listEvents)
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

type entriesInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
	Order    string `query:"order" maxLength:"64" doc:"public id"`
	Account  string `query:"account" maxLength:"200" doc:"of one of its postings, like owed/m1/merchant"`
}

func (a *api) listEntries(ctx context.Context, in *entriesInput) (client.EntryPage, error) {
	page := client.EntryPage{Entries: []client.FoundEntry{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	var account ledger.Account
	if in.Account != "" {
		if account, err = ledger.ParseAccount(in.Account); err != nil {
			return page, fault.New(fault.CodeInvalidValue, "there is no such account").On("account")
		}
	}
	list, err := a.Engine.SearchEntries(ctx, engine.EntrySearch{
		Merchant: in.Merchant, Mode: mode, Account: account, After: in.After, Limit: in.Limit + 1,
	}, in.Order)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(e engine.FoundEntry) string { return e.ID })
	for _, e := range list {
		page.Entries = append(page.Entries, client.FoundEntry{Entry: entryOf(e.Entry), Order: e.Order, Merchant: e.Merchant, Mode: string(e.Mode)})
	}
	return page, nil
}

type eventsInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
	Dialect  string `query:"dialect" maxLength:"32"`
	Order    string `query:"order" maxLength:"64" doc:"public id"`
	Type     string `query:"type" maxLength:"64" example:"order.completed"`
}

func (a *api) listEvents(ctx context.Context, in *eventsInput) (client.EventPage, error) {
	page := client.EventPage{Events: []client.FoundEvent{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchEvents(ctx, engine.EventSearch{
		Merchant: in.Merchant, Mode: mode, Dialect: in.Dialect, Type: in.Type, After: in.After, Limit: in.Limit + 1,
	}, in.Order)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(e engine.FoundEvent) string { return e.ID })
	for _, e := range list {
		page.Events = append(page.Events, client.FoundEvent{
			ID: e.ID, Event: eventOf(e.Event), Order: e.Order, Merchant: e.Scope.Merchant, Mode: string(e.Scope.Mode), Dialect: e.Scope.API(),
		})
	}
	return page, nil
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
