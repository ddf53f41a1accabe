package operator

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) messages() {
	serve(a, huma.Operation{
		OperationID: "listMessages", Method: http.MethodGet, Path: "/messages", Security: needs("messages:read"),
		Summary: "Webhooks, those that wait and those that are done", Description: "The newest first.",
	}, a.listMessages)
	serve(a, huma.Operation{
		OperationID: "replayMessage", Method: http.MethodPost, Path: "/messages/{messageId}/replay", Security: needs("messages:write"),
		Summary: "Send one webhook again", Description: "The same id and the same bytes, from the first attempt on, now.",
	}, a.replayMessage)
	serve(a, huma.Operation{
		OperationID: "replayMessages", Method: http.MethodPost, Path: "/messages/replay", Security: needs("messages:write"),
		Summary:     "Send webhooks again",
		Description: "Those of an order, or those of an endpoint that were made in a time. Those of deleted or disabled endpoints are left alone.",
	}, a.replayMessages)
}

type messagesInput struct {
	PageInput
	ModeInput
	Merchant      string    `query:"merchant" maxLength:"64"`
	State         string    `query:"state" enum:"pending,delivered,exhausted,cancelled"`
	Type          string    `query:"type" maxLength:"64" doc:"the event's name in the API"`
	Endpoint      string    `query:"endpoint" maxLength:"64"`
	Order         string    `query:"order" maxLength:"64" doc:"public id"`
	CreatedAfter  time.Time `query:"createdAfter" doc:"true time, included"`
	CreatedBefore time.Time `query:"createdBefore" doc:"true time, included"`
}

func (a *api) listMessages(ctx context.Context, in *messagesInput) (client.MessagePage, error) {
	page := client.MessagePage{Messages: []client.FoundMessage{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchMessages(ctx, engine.MessageSearch{
		Merchant: in.Merchant, Mode: mode, State: engine.MessageState(in.State), Type: in.Type, Endpoint: in.Endpoint,
		CreatedAfter: in.CreatedAfter, CreatedBefore: in.CreatedBefore, After: in.After, Limit: in.Limit + 1,
	}, in.Order)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(m engine.FoundMessage) string { return m.ID })
	for _, m := range list {
		page.Messages = append(page.Messages, foundMessage(m.Message, m.Order))
	}
	return page, nil
}

func foundMessage(m engine.Message, publicID string) client.FoundMessage {
	return client.FoundMessage{Message: messageOf(m), Order: publicID, Merchant: m.Scope.Merchant, Mode: string(m.Scope.Mode)}
}

type messageInput struct {
	ID string `path:"messageId"`
}

func (a *api) replayMessage(ctx context.Context, in *messageInput) (client.FoundMessage, error) {
	m, err := a.Engine.Message(ctx, in.ID)
	if err != nil {
		return client.FoundMessage{}, err
	}
	if m == nil || !sees(ctx, m.Scope.Mode) {
		return client.FoundMessage{}, fault.New(fault.CodeNotFound, "no such message")
	}
	if m, err = a.as(ctx).ReplayMessage(ctx, in.ID); err != nil {
		return client.FoundMessage{}, err
	}
	list, err := a.Engine.SearchMessages(ctx, engine.MessageSearch{OrderID: m.OrderID, Endpoint: m.EndpointID, Limit: engine.MaxSearch}, "")
	for _, found := range list {
		if found.ID == m.ID {
			return foundMessage(found.Message, found.Order), err
		}
	}
	return foundMessage(*m, ""), err
}

type replayInput struct{ Body client.Replay }

func (a *api) replayMessages(ctx context.Context, in *replayInput) (client.Replayed, error) {
	b := in.Body
	s := engine.MessageSearch{State: engine.MessageState(b.State), Type: b.Type, Endpoint: b.Endpoint}
	if b.CreatedAfter != nil {
		s.CreatedAfter = *b.CreatedAfter
	}
	if b.CreatedBefore != nil {
		s.CreatedBefore = *b.CreatedBefore
	}
	switch {
	case b.Order == "" && b.Endpoint == "":
		return client.Replayed{}, fault.New(fault.CodeMissingField, "say whose messages: of an order, or of an endpoint").On("order")
	case b.Order == "" && b.CreatedAfter == nil:
		return client.Replayed{}, fault.New(fault.CodeMissingField, "say from when on").On("createdAfter")
	}
	if b.Order != "" {
		if _, err := a.find(ctx, b.Order); err != nil {
			return client.Replayed{}, err
		}
	}
	if b.Endpoint != "" {
		if _, err := a.endpoint(ctx, b.Endpoint); err != nil {
			return client.Replayed{}, err
		}
	}
	n, err := a.as(ctx).Replay(ctx, s, b.Order)
	return client.Replayed{Replayed: n}, err
}
