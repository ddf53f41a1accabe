package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/quote"
)

func (a *api) rates() {
	serve(a, huma.Operation{
		OperationID: "listRates", Method: http.MethodGet, Path: "/rates", Security: needs("rates:read"),
		Summary: "Exchange rates on record", Description: "Those that are believed, then those in doubt, each of which closes its pair.",
	}, a.listRates)
	serve(a, huma.Operation{
		OperationID: "acceptRate", Method: http.MethodPost, Path: "/rates/accept", Security: needs("rates:write"),
		Summary: "Accept a rate in doubt", Description: "Opens its pair. It must be the rate that was seen: 409 when another one was told since.",
	}, a.acceptRate)
}

func (a *api) listRates(ctx context.Context, _ *struct{}) (client.RateList, error) {
	believed, doubts, err := a.Engine.Rates(ctx)
	list := client.RateList{Rates: []client.Rate{}}
	for _, r := range believed {
		list.Rates = append(list.Rates, rateOf(r, false))
	}
	for _, r := range doubts {
		list.Rates = append(list.Rates, rateOf(r, true))
	}
	return list, err
}

func rateOf(r quote.Rate, doubt bool) client.Rate {
	out := client.Rate{Base: r.Base, Quote: r.Quote, Value: r.Value.String(), At: r.At.UTC(), Source: r.Source, Doubt: doubt}
	if r.MaxAge != quote.Forever {
		until := r.At.Add(r.MaxAge).UTC()
		out.Until = &until
	}
	return out
}

type acceptRateInput struct{ Body client.SeenRate }

func (a *api) acceptRate(ctx context.Context, in *acceptRateInput) (client.RateList, error) {
	for _, m := range engine.Modes() { // a rate counts in both
		if err := mustSee(ctx, m); err != nil {
			return client.RateList{}, err
		}
	}
	value, err := quote.ParseDecimal(in.Body.Value)
	if err != nil {
		return client.RateList{}, fault.New(fault.CodeInvalidValue, "the value is no decimal above zero").On("value")
	}
	seen := quote.Rate{Base: in.Body.Base, Quote: in.Body.Quote, Value: value, At: in.Body.At, Source: in.Body.Source}
	if err := a.as(ctx).AcceptRate(ctx, seen); err != nil {
		return client.RateList{}, err
	}
	return a.listRates(ctx, nil)
}
