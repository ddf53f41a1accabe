package operator

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) merchants() {
	serve(a, huma.Operation{
		OperationID: "listMerchants", Method: http.MethodGet, Path: "/merchants", Security: needs("merchants:read"),
		Summary: "Who sells", Description: "By id.",
	}, a.listMerchants)
	serve(a, huma.Operation{
		OperationID: "addMerchant", Method: http.MethodPost, Path: "/merchants", Security: needs("merchants:write"), DefaultStatus: http.StatusCreated,
		Summary: "Make a merchant", Description: "It has books of its own in both modes. Make keys for it next.",
	}, a.addMerchant)
}

func (a *api) listMerchants(ctx context.Context, _ *struct{}) (client.MerchantList, error) {
	out := client.MerchantList{Merchants: []client.Merchant{}}
	list, err := a.Engine.Merchants(ctx)
	for _, m := range list {
		out.Merchants = append(out.Merchants, merchantOf(m))
	}
	return out, err
}

type addMerchantInput struct{ Body client.NewMerchant }

func (a *api) addMerchant(ctx context.Context, in *addMerchantInput) (client.Merchant, error) {
	m, err := a.as(ctx).AddMerchant(ctx, engine.Merchant{
		ID: in.Body.ID, Organisation: cmp.Or(in.Body.Organisation, in.Body.ID), Name: in.Body.Name,
	})
	return merchantOf(m), err
}

func merchantOf(m engine.Merchant) client.Merchant {
	return client.Merchant{ID: m.ID, Organisation: m.Organisation, Name: m.Name, CreatedAt: m.CreatedAt.UTC()}
}

// merchant refuses a merchant that does not exist. Error: not_found.
func (a *api) merchant(ctx context.Context, id string) error {
	list, err := a.Engine.Merchants(ctx)
	if err == nil && !slices.ContainsFunc(list, func(m engine.Merchant) bool { return m.ID == id }) {
		err = fault.New(fault.CodeNotFound, "no such merchant").On("merchant")
	}
	return err
}
