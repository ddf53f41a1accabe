package operator

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) deliveries() {
	serve(a, huma.Operation{
		OperationID: "listWaitingDeliveries", Method: http.MethodGet, Path: "/deliveries/waiting", Security: needs("deliveries:read"),
		Summary: "Deliveries and refunds above a limit", Description: "Each waits until somebody else than its maker approves or refuses it. The oldest order first.",
	}, a.waitingDeliveries)
	serve(a, huma.Operation{
		OperationID: "approveDelivery", Method: http.MethodPost, Path: "/deliveries/approve", Security: needs("deliveries:write"),
		Summary: "Let a delivery or refund above a limit be sent", Description: "Not by who made the order or asked for the refund.",
	}, a.approveDelivery)
	serve(a, huma.Operation{
		OperationID: "refuseDelivery", Method: http.MethodPost, Path: "/deliveries/refuse", Security: needs("deliveries:write"),
		Summary: "End a delivery or refund above a limit", Description: "The order is cancelled and its money set aside or back in the balance; a refund's money goes back to where it was taken from.",
	}, a.refuseDelivery)
}

type waitingInput struct {
	PageInput
	ModeInput
}

// waitingDeliveries reads on until the page is full: what the caller may not see is passed over.
func (a *api) waitingDeliveries(ctx context.Context, in *waitingInput) (client.WaitingPage, error) {
	page := client.WaitingPage{Deliveries: []client.WaitingDelivery{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	after := engine.AwaitsApproval{}
	if in.After != "" {
		public, transfer, _ := strings.Cut(in.After, "/")
		o, err := a.find(ctx, public)
		if err != nil {
			return page, fault.New(fault.CodeInvalidPage, "no such order to go on behind").On("after")
		}
		after.OrderID, after.Transfer = o.ID, transfer
	}
	var found []client.WaitingDelivery
	for len(found) <= in.Limit {
		list, err := a.Engine.AwaitApproval(ctx, after, engine.MaxSearch)
		if err != nil {
			return page, err
		}
		for _, w := range list {
			if mode == "" || w.Scope.Mode == mode {
				found = append(found, waitingDeliveryOf(w))
			}
		}
		if len(list) < engine.MaxSearch {
			break
		}
		after = list[len(list)-1]
	}
	found, page.Next = cut(found[:min(len(found), in.Limit+1)], in.Limit, func(w client.WaitingDelivery) string { return w.Order + "/" + w.Transfer })
	page.Deliveries = append(page.Deliveries, found...)
	return page, nil
}

func waitingDeliveryOf(w engine.AwaitsApproval) client.WaitingDelivery {
	return client.WaitingDelivery{
		Order: w.PublicID, Transfer: w.Transfer, Purpose: string(w.Purpose), Merchant: w.Scope.Merchant, Mode: string(w.Scope.Mode),
		Amount: amountOf(w.Amount), Rail: string(w.Rail), To: w.To, Maker: w.Maker, Why: w.Why, AskedAt: w.Asked.UTC(),
	}
}

type decideInput struct{ Body client.DeliveryDecision }

func (a *api) approveDelivery(ctx context.Context, in *decideInput) (client.Order, error) {
	return a.decide(ctx, in.Body, a.Engine.ApproveDelivery)
}

func (a *api) refuseDelivery(ctx context.Context, in *decideInput) (client.Order, error) {
	return a.decide(ctx, in.Body, a.Engine.RefuseDelivery)
}

func (a *api) decide(ctx context.Context, d client.DeliveryDecision, do func(context.Context, engine.Decision) (*engine.Order, error)) (client.Order, error) {
	o, err := a.find(ctx, d.Order)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := do(ctx, engine.Decision{OrderID: o.ID, Transfer: d.Transfer, Who: keyID(ctx), Reason: d.Reason}); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, d.Order)
}
