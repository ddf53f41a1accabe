package operator

import (
	"context"
	"net/http"
	"slices"
	"strings"
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
	serve(a, huma.Operation{
		OperationID: "listOrders", Method: http.MethodGet, Path: "/orders", Security: needs("orders:read"),
		Summary: "Orders of every API", Description: "The newest first. A filter that fits few of very many orders may end with overloaded after a second: narrow it.",
	}, a.listOrders)
	serve(a, huma.Operation{
		OperationID: "cancelOrder", Method: http.MethodPost, Path: "/orders/{publicId}/cancel", Security: needs("orders:write"),
		Summary: "End an order", Description: "Until its money is on the way to its destination. Money that has come is set aside.",
	}, a.cancelOrder)
}

type ordersInput struct {
	PageInput
	ModeInput
	Merchant      string    `query:"merchant" maxLength:"64"`
	Dialect       string    `query:"dialect" maxLength:"32" doc:"the API they were made through"`
	State         string    `query:"state" maxLength:"200" doc:"one or more, with commas between"`
	Reference     string    `query:"reference" maxLength:"200" doc:"contained in the merchant's own reference, ignoring case"`
	CreatedAfter  time.Time `query:"createdAfter" doc:"on the mode's clock, included"`
	CreatedBefore time.Time `query:"createdBefore" doc:"on the mode's clock, included"`
}

func (a *api) listOrders(ctx context.Context, in *ordersInput) (client.OrderPage, error) {
	page := client.OrderPage{Orders: []client.OrderLine{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	states, err := statesOf(in.State)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchOrders(ctx, engine.OrderSearch{
		Merchant: in.Merchant, Mode: mode, Dialect: in.Dialect, States: states, Reference: in.Reference,
		CreatedAfter: in.CreatedAfter, CreatedBefore: in.CreatedBefore, Limit: in.Limit + 1,
	}, in.After)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(o engine.Order) string { return o.PublicID })
	for _, o := range list {
		page.Orders = append(page.Orders, lineOf(&o))
	}
	return page, nil
}

func statesOf(text string) ([]order.State, error) {
	if text == "" {
		return nil, nil
	}
	var states []order.State
	for word := range strings.SplitSeq(text, ",") {
		state := order.State(word)
		if !slices.Contains(order.States(), state) {
			return nil, fault.New(fault.CodeInvalidValue, "there is no such state").On("state")
		}
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	return states, nil
}

func lineOf(o *engine.Order) client.OrderLine {
	return client.OrderLine{
		ID: o.PublicID, Merchant: o.Scope.Merchant, Mode: string(o.Scope.Mode), Dialect: o.Scope.API(), Arrival: o.Standing != "", Reference: o.Reference,
		Network: o.Network, State: string(o.State), Overlay: string(o.Overlay), Due: amountOf(o.Terms.Due), Received: amountOf(o.Received()),
		CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(), EndedAt: timeOf(o.EndedAt),
	}
}

type cancelInput struct {
	OrderInput
	Body client.Cancellation
}

func (a *api) cancelOrder(ctx context.Context, in *cancelInput) (client.Order, error) {
	o, err := a.find(ctx, in.PublicID)
	if err != nil {
		return client.Order{}, err
	}
	if _, err := a.Engine.Cancel(ctx, o.ID, order.ByOperator, keyID(ctx), order.Reason(in.Body.Reason)); err != nil {
		return client.Order{}, err
	}
	return a.story(ctx, in.PublicID)
}

// find finds an order that the caller may see. Error: not_found.
func (a *api) find(ctx context.Context, publicID string) (*engine.Order, error) {
	o, err := a.Engine.Find(ctx, publicID)
	if err == nil && !sees(ctx, o.Scope.Mode) {
		return nil, fault.New(fault.CodeNotFound, "no such order")
	}
	return o, err
}

// OrderInput names an order. It is exported because huma reads an embedded struct only then.
type OrderInput struct {
	PublicID string `path:"publicId" doc:"the order's id in the API that made it"`
}

func (a *api) getOrder(ctx context.Context, in *OrderInput) (client.Order, error) {
	return a.story(ctx, in.PublicID)
}

func (a *api) story(ctx context.Context, publicID string) (client.Order, error) {
	story, err := a.Engine.Story(ctx, publicID)
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
		ID: o.PublicID, Merchant: o.Scope.Merchant, Mode: string(o.Scope.Mode), Dialect: o.Scope.API(), Arrival: o.Standing != "",
		Reference: o.Reference, Network: o.Network, Instrument: o.Instrument.Value,
		State: string(o.State), Overlay: string(o.Overlay), Reason: string(o.Reason),
		Due: amountOf(o.Terms.Due), Received: amountOf(o.Received()),
		Deadline: timeOf(o.Terms.Deadline), ConfirmBy: timeOf(o.Terms.ConfirmBy),
		CreatedAt: o.CreatedAt.UTC(), UpdatedAt: o.UpdatedAt.UTC(), EndedAt: timeOf(o.EndedAt),
		Waiting: waitingOf(o), Timeline: timelineOf(s), Balances: balancesOf(o.Balances),
		Payments:  make([]client.Payment, 0, len(o.Payments)),
		Transfers: transfersOf(o), Reviews: reviewsOf(o), Proposed: proposedOf(o),
		Entries:  make([]client.Entry, 0, len(s.Entries)),
		Events:   make([]client.Event, 0, len(s.Events)),
		Messages: make([]client.Message, 0, len(s.Messages)),
	}
	if at := o.Gateway; at.Gateway != "" {
		out.Gateway = &client.AtGateway{
			Gateway: at.Gateway, Request: at.Request.Value, To: at.To, Payment: at.Payment, Status: at.Status, Note: at.Note,
			URL: at.URL, Tx: at.Tx, From: at.From, ToldAt: timeOf(at.ToldAt),
		}
	}
	for _, p := range o.Payments {
		out.Payments = append(out.Payments, paymentOf(o, p))
	}
	for _, e := range s.Entries {
		out.Entries = append(out.Entries, entryOf(e))
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, eventOf(e))
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

func transfersOf(o *engine.Order) []client.Transfer {
	out := make([]client.Transfer, 0, len(o.Transfers))
	for _, t := range o.Transfers {
		s := o.Sendings[t.ID]
		out = append(out, client.Transfer{
			ID: t.ID, Purpose: string(t.Purpose), State: string(t.State), Amount: amountOf(t.Amount), Rail: t.Rail,
			To: s.To, Ref: string(s.Ref), Looks: s.Looks, LookAt: timeOf(s.Look), Reason: s.Why, Maker: s.Maker,
		})
	}
	return out
}

func reviewsOf(o *engine.Order) []client.Review {
	out := make([]client.Review, 0, len(o.Reviews))
	for _, r := range o.Reviews {
		one := client.Review{Kind: string(r.Kind), State: string(r.State), Missing: r.Missing, By: r.By, Reason: string(r.Reason), First: o.Firsts[r.Kind]}
		for _, f := range o.Findings {
			if f.Review == r.Kind {
				one.Findings = append(one.Findings, findingOf(f))
			}
		}
		for _, d := range o.Requested {
			if d.Review == r.Kind {
				one.Documents = append(one.Documents, client.ReviewDocument{ID: d.ID, Name: d.Name, Document: d.Document, GivenAt: timeOf(d.GivenAt)})
			}
		}
		out = append(out, one)
	}
	return out
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

func eventOf(e engine.Event) client.Event {
	return client.Event{Seq: e.Seq, Type: e.Type, State: string(e.State), Overlay: string(e.Overlay), Row: e.Row, At: e.At.UTC()}
}

func messageOf(m engine.Message) client.Message {
	out := client.Message{
		ID: m.WireID, MessageID: m.ID, Type: m.Type, Endpoint: m.EndpointID, State: string(m.State), Attempts: m.Attempts,
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
