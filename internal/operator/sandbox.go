package operator

import (
	"context"
	"net/http"
	"strconv"
	"strings"

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
		Summary: "Make up a payment to a sandbox order, or to a virtual account",
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
	to, err := a.payable(ctx, b)
	if err != nil {
		return client.Simulated{}, err
	}
	asset := to.asset
	if b.Currency != "" {
		if asset, err = to.network.Asset(b.Currency); err != nil {
			return client.Simulated{}, fault.New(fault.CodeInvalidCurrency, "the sandbox's rail has no such currency").On("currency")
		}
	}
	amount, err := money.Parse(asset, b.Amount)
	if err != nil {
		return client.Simulated{}, fault.New(fault.CodeInvalidAmount, "want a decimal above zero, with at most "+
			strconv.Itoa(int(asset.Scale()))+" decimals").On("amount").Because(err)
	}
	id, err := a.Pay(ctx, Payment{ID: b.ID, Reference: to.reference, Amount: amount, Rank: ranks[b.State], From: b.From, Name: b.Name})
	if err != nil {
		return client.Simulated{}, err
	}
	return client.Simulated{ID: id, Order: b.Order, Reference: to.reference, Amount: amountOf(amount)}, nil
}

// payable is what a made-up payment goes to.
type payable struct {
	network   engine.Network
	reference string
	asset     money.Asset // of the order; zero where there is none
}

// payable finds the order that is to be paid, or the rail whose reference is.
func (a *api) payable(ctx context.Context, b client.SimulatedPayment) (payable, error) {
	switch {
	case b.Order == "" && b.Reference == "":
		return payable{}, fault.New(fault.CodeMissingField, "say an order or a reference").On("order")
	case b.Order != "" && b.Reference != "":
		return payable{}, fault.New(fault.CodeInvalidValue, "say an order or a reference, not both").On("reference")
	case b.Reference != "":
		return a.payableReference(b)
	}
	o, err := a.find(ctx, b.Order)
	if err != nil {
		return payable{}, err
	}
	if o.Scope.Mode == engine.Live {
		return payable{}, fault.New(fault.CodeForbidden, "a live order takes no simulated payment").On("order")
	}
	network, err := a.Engine.Network(o.Network, o.Scope.Mode)
	if err != nil || !network.Simulated || o.Instrument.Value == "" {
		return payable{}, fault.New(fault.CodeInvalidValue, "this order is not collected on the sandbox's own rail").On("order")
	}
	return payable{network, o.Instrument.Value, o.Terms.Due.Asset()}, nil
}

func (a *api) payableReference(b client.SimulatedPayment) (payable, error) {
	if b.Currency == "" {
		return payable{}, fault.New(fault.CodeMissingField, "a reference has no currency of its own").On("currency")
	}
	for _, n := range a.Engine.Networks(engine.Sandbox) {
		if n.Simulated && n.Prefix != "" && strings.HasPrefix(strings.ToUpper(b.Reference), n.Prefix) {
			return payable{network: n, reference: b.Reference}, nil
		}
	}
	return payable{}, fault.New(fault.CodeInvalidValue, "this is no reference of the sandbox's own rail").On("reference")
}
