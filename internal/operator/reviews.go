package operator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/screen"
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
	serve(a, huma.Operation{
		OperationID: "askReview", Method: http.MethodPost, Path: "/orders/{publicId}/reviews/{kind}/ask", Security: needs("reviews:write"),
		Summary:     "Ask the merchant for documents before a review goes on",
		Description: "Each name opens a place that a file is given for. A file that was given under such a name before is rejected by it.",
	}, a.askReview)
	huma.Register(a.huma, huma.Operation{
		OperationID: "getFile", Method: http.MethodGet, Path: "/files/{fileId}", Security: needs("reviews:read"),
		Summary: "A file that a merchant gave", Description: "As an attachment. That it was read is recorded.",
		Responses: map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{
			"application/pdf": {}, "image/png": {}, "image/jpeg": {},
		}}},
	}, a.getFile)
}

type askReviewInput struct {
	ReviewInput
	Body client.Asked
}

func (a *api) askReview(ctx context.Context, in *askReviewInput) (client.Order, error) {
	return a.decided(ctx, &in.ReviewInput, func(id string) error {
		_, err := a.Engine.Ask(ctx, id, order.ReviewKind(in.Kind), keyID(ctx), in.Body.Documents)
		return err
	})
}

type fileInput struct {
	ID string `path:"fileId" maxLength:"200"`
}

// getFile hands a file out as what it is, to be saved and never to be shown in place.
func (a *api) getFile(ctx context.Context, in *fileInput) (*huma.StreamResponse, error) {
	f, content, err := a.Engine.OpenFile(ctx, engine.Scope{}, in.ID)
	if err == nil && !sees(ctx, f.Scope.Mode) {
		err = errors.Join(fault.New(fault.CodeNotFound, "there is no such document"), content.Close())
	}
	if err != nil {
		return nil, a.refuse(ctx, err)
	}
	if err := a.as(ctx).Asked(ctx, f.Scope.Mode, "file.read", f.ID, ""); err != nil {
		return nil, a.refuse(ctx, errors.Join(err, content.Close()))
	}
	return &huma.StreamResponse{Body: func(to huma.Context) {
		defer content.Close()
		for name, value := range map[string]string{
			"Content-Type": f.Type, "Content-Length": strconv.FormatInt(f.Size, 10), "Content-Disposition": `attachment; filename="` + f.FileName + `"`,
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox",
		} {
			to.SetHeader(name, value)
		}
		_, _ = io.Copy(to.BodyWriter(), content) // who reads it sees that it is short
	}}, nil
}

// findingOf and matchesOf are what a list says, as operators see it.
func findingOf(f engine.Finding) client.Finding {
	return client.Finding{
		Asked: f.Asked, Payment: f.Payment.External, List: f.List, Entry: f.Entry, Name: f.Name, Score: f.Score, Why: matchesOf(f.Why), At: f.At.UTC(),
	}
}

func matchesOf(list []screen.Match) (out []client.ScreenMatch) {
	for _, m := range list {
		out = append(out, client.ScreenMatch{Asked: m.Asked, Listed: m.Listed, Score: m.Score})
	}
	return out
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
