package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) reviews() {
	serve(a, huma.Operation{
		OperationID: "listReviews", Method: http.MethodGet, Path: "/reviews", Security: needs("reviews:read"),
		Summary: "Orders about which a person must decide", Description: "The oldest first, live before sandbox. An order may wait for more than one decision.",
	}, a.listReviews)
	serve(a, huma.Operation{
		OperationID: "approveReview", Method: http.MethodPost, Path: "/orders/{publicId}/reviews/{kind}/approve", Security: needs("reviews:write"),
		Summary: "Approve a review of an order", Description: "Not by who made the order.",
	}, a.approveReview)
	serve(a, huma.Operation{
		OperationID: "refuseReview", Method: http.MethodPost, Path: "/orders/{publicId}/reviews/{kind}/refuse", Security: needs("reviews:write"),
		Summary: "Refuse a review of an order", Description: "Before the payment the order fails, and what it took from a balance is back there. Not by who made the order.",
	}, a.refuseReview)
}

func (a *api) listReviews(ctx context.Context, in *asideInput) (client.ReviewPage, error) {
	list, next, err := walk(ctx, a, in, a.Engine.Reviewed, func(o *engine.Order) (client.Reviewed, bool) { return reviewedOf(o), true })
	return client.ReviewPage{Orders: list, Next: next}, err
}

func reviewedOf(o *engine.Order) client.Reviewed {
	return client.Reviewed{
		Order: o.PublicID, Merchant: o.Scope.Merchant, Mode: string(o.Scope.Mode), Kind: o.Kind, State: string(o.State), Amount: amountOf(o.Terms.Due),
		Reviews: reviewsOf(o), CreatedAt: o.CreatedAt.UTC(),
	}
}

// ReviewInput names a review of an order. It is exported because huma reads an embedded struct only then.
type ReviewInput struct {
	OrderInput
	Kind string `path:"kind" enum:"screening,approval,compliance"`
}

type refuseReviewInput struct {
	ReviewInput
	Body client.Refusal
}

func (a *api) approveReview(ctx context.Context, in *ReviewInput) (client.Order, error) {
	return a.decided(ctx, in, func(id string) error {
		_, err := a.Engine.Approve(ctx, id, order.ReviewKind(in.Kind), order.ByOperator, keyID(ctx))
		return err
	})
}

func (a *api) refuseReview(ctx context.Context, in *refuseReviewInput) (client.Order, error) {
	return a.decided(ctx, &in.ReviewInput, func(id string) error {
		_, err := a.Engine.Refuse(ctx, id, order.ReviewKind(in.Kind), order.ByOperator, keyID(ctx), order.Reason(in.Body.Reason))
		return err
	})
}

func (a *api) decided(ctx context.Context, in *ReviewInput, decide func(id string) error) (client.Order, error) {
	o, err := a.find(ctx, in.PublicID)
	if err != nil {
		return client.Order{}, err
	}
	if err := decide(o.ID); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.PublicID)
}
