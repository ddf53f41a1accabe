package operator

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) payments() {
	serve(a, huma.Operation{
		OperationID: "listPayments", Method: http.MethodGet, Path: "/payments", Security: needs("payments:read"),
		Summary: "Money that arrived for orders", Description: "By rail and the rail's id.",
	}, a.listPayments)
	serve(a, huma.Operation{
		OperationID: "listStrays", Method: http.MethodGet, Path: "/strays", Security: needs("payments:read"),
		Summary: "Money that arrived and belongs to no order", Description: "By rail and the rail's id. Assign it to an order that is still collecting.",
	}, a.listStrays)
	serve(a, huma.Operation{
		OperationID: "listUnmatched", Method: http.MethodGet, Path: "/unmatched", Security: needs("payments:read"),
		Summary:     "Payments that a gateway or a payment service reports and that are not what was asked for",
		Description: "What was said of them did not agree, and was credited to nobody. They stay listed, also where the same payment agreed before or later: look it up at the far side, and in the order where one is named, before money is given back. By rail and the far side's id.",
	}, a.listUnmatched)
}

type paymentsInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
	Rail     string `query:"rail" maxLength:"64"`
}

func (a *api) listPayments(ctx context.Context, in *paymentsInput) (client.PaymentPage, error) {
	page := client.PaymentPage{Payments: []client.FoundPayment{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	after, err := paymentKey(in.After)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchPayments(ctx, engine.PaymentSearch{Merchant: in.Merchant, Mode: mode, Rail: in.Rail, After: after, Limit: in.Limit + 1})
	if err != nil {
		return page, err
	}
	heads := map[string]*engine.Order{}
	list, page.Next = cut(list, in.Limit, func(p engine.FoundPayment) string { return paymentCursor(p.PaymentKey) })
	for _, p := range list {
		o := heads[p.Order]
		if o == nil {
			if o, err = a.Engine.Find(ctx, p.Order); err != nil {
				return page, err
			}
			heads[p.Order] = o
		}
		page.Payments = append(page.Payments, client.FoundPayment{
			Payment: paymentOf(o, p.Payment), Order: p.Order, Merchant: p.Scope.Merchant, Mode: string(p.Scope.Mode),
		})
	}
	return page, nil
}

type straysInput struct {
	PageInput
	ModeInput
}

// listStrays reads on until a page of one mode is full: strays are few.
func (a *api) listStrays(ctx context.Context, in *straysInput) (client.StrayPage, error) {
	page := client.StrayPage{Strays: []client.Stray{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	after, err := paymentKey(in.After)
	if err != nil {
		return page, err
	}
	var found []engine.Stray
	for len(found) <= in.Limit {
		list, err := a.Engine.Strays(ctx, after, engine.MaxSearch)
		if err != nil {
			return page, err
		}
		for _, s := range list {
			if mode == "" || s.Mode == mode {
				found = append(found, s)
			}
		}
		if len(list) < engine.MaxSearch {
			break
		}
		after = list[len(list)-1].PaymentKey
	}
	found, page.Next = cut(found[:min(len(found), in.Limit+1)], in.Limit, func(s engine.Stray) string { return paymentCursor(s.PaymentKey) })
	for _, s := range found {
		page.Strays = append(page.Strays, client.Stray{
			Payment: paymentOf(&engine.Order{}, s.Payment), Mode: string(s.Mode), Merchant: s.Merchant, Instrument: s.Instrument.Value,
		})
	}
	return page, nil
}

type unmatchedInput struct {
	PageInput
	ModeInput
}

func (a *api) listUnmatched(ctx context.Context, in *unmatchedInput) (client.UnmatchedPage, error) {
	page := client.UnmatchedPage{Unmatched: []client.Unmatched{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	after, err := paymentKey(in.After)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.Unmatched(ctx, mode, after, in.Limit+1)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(u engine.Unmatched) string {
		return paymentCursor(order.PaymentKey{Rail: string(u.Rail), External: u.Payment})
	})
	for _, u := range list {
		page.Unmatched = append(page.Unmatched, client.Unmatched{
			Rail: string(u.Rail), Mode: string(u.Mode), Payment: u.Payment, Request: u.Request, Order: u.Order, Why: u.Why, FoundAt: u.At.UTC(),
		})
	}
	return page, nil
}

// A payment's cursor is its rail and external id, which may hold any character.
func paymentCursor(k order.PaymentKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.Rail + "\x00" + k.External))
}

func paymentKey(cursor string) (order.PaymentKey, error) {
	if cursor == "" {
		return order.PaymentKey{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	rail, external, found := strings.Cut(string(text), "\x00")
	if err != nil || !found {
		return order.PaymentKey{}, fault.New(fault.CodeInvalidPage, "this is not the next of any page").On("after")
	}
	return order.PaymentKey{Rail: rail, External: external}, nil
}
