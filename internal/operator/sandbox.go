package operator

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) sandbox() {
	serve(a, huma.Operation{
		OperationID: "simulatePayment", Method: http.MethodPost, Path: "/sandbox/payments", Security: needs("sandbox:write"),
		Summary: "Make up a payment to a sandbox order",
		Description: "For an order that is collected on the sandbox's own rail: it is told like any other rail's news. With the id of one that was made up before, " +
			"more is told of the same payment, also that it was reversed. A live order is never paid like this.",
	}, a.simulatePayment)
}

type simulateInput struct{ Body client.SimulatedPayment }

// ranks are the words that can be told of a payment.
var ranks = map[string]order.Rank{
	"": order.RankConfirmed, "seen": order.RankSeen, "failed": order.RankFailed, "confirmed": order.RankConfirmed, "reversed": order.RankReversed,
}

func (a *api) simulatePayment(ctx context.Context, in *simulateInput) (client.Simulated, error) {
	b := in.Body
	if err := mustSee(ctx, engine.Sandbox); err != nil {
		return client.Simulated{}, err
	}
	o, err := a.find(ctx, b.Order)
	if err != nil {
		return client.Simulated{}, err
	}
	if o.Scope.Mode == engine.Live {
		return client.Simulated{}, fault.New(fault.CodeForbidden, "a live order takes no simulated payment").On("order")
	}
	network, err := a.Engine.Network(o.Network, o.Scope.Mode)
	if err != nil || !network.Simulated || o.Instrument.Value == "" {
		return client.Simulated{}, fault.New(fault.CodeInvalidValue, "this order is not collected on the sandbox's own rail").On("order")
	}
	asset := o.Terms.Due.Asset()
	if b.Currency != "" {
		if asset, err = network.Asset(b.Currency); err != nil {
			return client.Simulated{}, fault.New(fault.CodeInvalidCurrency, "the sandbox's rail has no such currency").On("currency")
		}
	}
	amount, err := money.Parse(asset, b.Amount)
	if err != nil {
		return client.Simulated{}, fault.New(fault.CodeInvalidAmount, "want a decimal above zero, with at most "+
			strconv.Itoa(int(asset.Scale()))+" decimals").On("amount").Because(err)
	}
	id, err := a.Pay(ctx, Payment{ID: b.ID, Reference: o.Instrument.Value, Amount: amount, Rank: ranks[b.State], From: b.From, Name: b.Name})
	if err != nil {
		return client.Simulated{}, err
	}
	return client.Simulated{ID: id, Order: o.PublicID, Reference: o.Instrument.Value, Amount: amountOf(amount)}, nil
}
