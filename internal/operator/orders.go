package operator

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/order"
)

func (a *api) orders() {
	serve(a, huma.Operation{
		OperationID: "getOrder", Method: http.MethodGet, Path: "/orders/{publicId}", Security: needs("orders:read"),
		Summary:     "One order with its whole story",
		Description: "By the public id, whatever API the order was made through: terms, payments, postings, events, webhooks.",
	}, a.getOrder)
}

type orderInput struct {
	PublicID string `path:"publicId" doc:"the order's id in the API that made it"`
}

func (a *api) getOrder(ctx context.Context, in *orderInput) (client.Order, error) {
	story, err := a.Engine.Story(ctx, in.PublicID)
	if err != nil {
		return client.Order{}, err
	}
	if !sees(ctx, story.Order.Scope.Mode) {
		return client.Order{}, fault.New(fault.CodeNotFound, "no such order")
	}
	return storyOf(story), nil
}

func storyOf(s engine.Story) client.Order {
	o := s.Order
	out := client.Order{
		ID: o.PublicID, Merchant: o.Scope.Merchant, Mode: string(o.Scope.Mode), Dialect: o.Scope.Dialect,
		Reference: o.Reference, Network: o.Network, Instrument: o.Instrument.Value,
		State: string(o.State), Overlay: string(o.Overlay), Reason: string(o.Reason),
		Due: amountOf(o.Terms.Due), Received: amountOf(o.Received()),
		Deadline: timeOf(o.Terms.Deadline), ConfirmBy: timeOf(o.Terms.ConfirmBy),
		CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(), EndedAt: timeOf(o.EndedAt),
		Balances: balancesOf(o.Balances),
		Payments: make([]client.Payment, 0, len(o.Payments)),
		Entries:  make([]client.Entry, 0, len(s.Entries)),
		Events:   make([]client.Event, 0, len(s.Events)),
		Messages: make([]client.Message, 0, len(s.Messages)),
	}
	for _, p := range o.Payments {
		out.Payments = append(out.Payments, paymentOf(o, p))
	}
	for _, e := range s.Entries {
		out.Entries = append(out.Entries, entryOf(e))
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, client.Event{
			Seq: e.Seq, Type: e.Type, State: string(e.State), Overlay: string(e.Overlay), Row: e.Row, At: e.At.UTC(),
		})
	}
	for _, m := range s.Messages {
		out.Messages = append(out.Messages, messageOf(m))
	}
	return out
}

func paymentOf(o *engine.Order, p order.Payment) client.Payment {
	return client.Payment{
		Rail: p.Rail, External: p.External, Amount: amountOf(p.Amount), State: p.Rank.String(), Epoch: p.Epoch,
		Tx: p.Evidence.Tx, Block: p.Evidence.Block, BlockHash: p.Evidence.BlockHash, Confirmations: o.Confirmations(p),
		From: p.Evidence.From, To: p.Evidence.To, Booked: string(p.Booked), BookedRole: string(p.Booked.Role()),
		ValueAt: p.Value.UTC(), ToldAt: p.Told.UTC(), SettledAt: timeOf(p.Settled),
	}
}

func entryOf(e engine.Entry) client.Entry {
	out := client.Entry{ID: e.ID, At: e.At.UTC(), Postings: make([]client.Posting, 0, len(e.Postings))}
	for _, p := range e.Postings {
		out.Postings = append(out.Postings, client.Posting{
			Row: p.Row, From: string(p.From), FromRole: string(p.From.Role()), To: string(p.To), ToRole: string(p.To.Role()),
			Amount: amountOf(p.Amount),
		})
	}
	return out
}

func messageOf(m engine.Message) client.Message {
	out := client.Message{
		ID: m.WireID, Type: m.Type, Endpoint: m.EndpointID, State: string(m.State), Attempts: m.Attempts,
		LastStatus: m.LastStatus, LastError: m.LastError, CreatedAt: m.CreatedAt.UTC(), DoneAt: timeOf(m.DoneAt),
	}
	if m.State == engine.MessagePending {
		out.NextAt = timeOf(m.NextAt)
	}
	return out
}

// timeOf is nil for no time.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
