package dialecttest

import (
	"encoding/json"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail/sandbox"
)

// Engine is no API: it plays the scenarios through the engine alone, on the sandbox's own rail, with orders whose
// money the operator holds. It plays every one of them, also those that some contract has no room for.
func Engine() Face {
	return Face{
		Open: func(h *House) Client { return custodian{h} },
		Far:  Sandbox,
		Words: Words{
			Open: "open", Completed: "completed", Expired: "expired", Cancelled: "cancelled", Failed: "failed", Refunded: "refunded",
			CompletedEvent: "order.completed", ExpiredEvent: "order.expired", CancelledEvent: "order.cancelled", FailedEvent: "order.failed",
			RefundedEvent: "refund.confirmed",
		},
	}
}

// custodian asks the engine as an API would that leaves everything out.
type custodian struct{ *House }

func (c custodian) Place(reference, amount string) string {
	c.Helper()
	made, err := c.Engine.Create(c.Context(), c.order(reference, amount))
	c.must(err)
	return made.Order.PublicID
}

func (c custodian) PlaceAgain(reference, amount string) string {
	c.Helper()
	_, err := c.Engine.Create(c.Context(), c.order(reference, amount))
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeDuplicateReference {
		c.Fatalf("a repeat: %v", err)
	}
	return f.Details["existing"]
}

func (c custodian) PlaceTo(reference, amount, to string) string {
	c.Helper()
	n := c.order(reference, amount)
	n.Destination = engine.Destination{Rail: sandbox.Name, To: to}
	collected := n.Terms
	n.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		t, doc, err := collected(p)
		t.To, t.Instant, t.Sends = ledger.House.Account(ledger.PayeeOn(string(sandbox.Name))), false, 1
		return t, doc, err
	}
	made, err := c.Engine.Create(c.Context(), n)
	c.must(err)
	return made.Order.PublicID
}

// order is collected on the sandbox's rail and given to the merchant's balance.
func (c custodian) order(reference, amount string) engine.NewOrder {
	c.Helper()
	due, err := money.Parse(sandboxNetwork.Tokens[0].Asset, amount)
	c.must(err)
	book := ledger.Owed(c.Scope.Merchant)
	return engine.NewOrder{
		Scope: c.Scope, PublicID: "public " + reference, Reference: reference, UniqueKey: reference, Network: sandboxNetwork, Instrument: engine.Made,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			deadline := p.Now.Add(window + grace)
			return order.Terms{
				Book: book, Due: due, To: book.Account(ledger.Merchant), OverAny: true, Instant: true,
				Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(30 * time.Minute),
			}, nil, nil
		},
	}
}

func (c custodian) Status(id string) string {
	c.Helper()
	o, err := c.Engine.Order(c.Context(), c.Scope, id)
	c.must(err)
	switch {
	case o.Overlay == order.Refunded:
		return string(order.Refunded)
	case o.State.Terminal():
		return string(o.State)
	}
	return "open"
}

// Tell names an order's ends, and a refund that arrived, as the engine does.
func (custodian) Tell(ev engine.Event, _ *engine.Order) (id, kind string, body []byte, ok bool) {
	return ev.ID, ev.Type, nil, strings.HasPrefix(ev.Type, "order.") || ev.Type == "refund.confirmed"
}
