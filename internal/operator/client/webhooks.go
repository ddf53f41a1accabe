package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// FoundMessage is a message in a list.
type FoundMessage struct {
	Message
	Order    string `json:"order,omitempty" doc:"public id; absent: it tells of no order"`
	Merchant string `json:"merchant"`
	Mode     string `json:"mode" enum:"live,sandbox"`
}

// MessagePage is one page of messages.
type MessagePage struct {
	Messages []FoundMessage `json:"messages" nullable:"false"`
	Next     string         `json:"next,omitempty"`
}

// MessageQuery chooses messages.
type MessageQuery struct {
	Merchant, Mode, State, Type, Endpoint, Order string
	CreatedAfter, CreatedBefore                  time.Time
	After                                        string
	Limit                                        int
}

// Messages is one page of the webhook queue and its history, the newest first.
func (c *Client) Messages(ctx context.Context, q MessageQuery) (MessagePage, error) {
	var got MessagePage
	return got, c.call(ctx, http.MethodGet, "/messages", params("merchant", q.Merchant, "mode", q.Mode, "state", q.State, "type", q.Type,
		"endpoint", q.Endpoint, "order", q.Order, "createdAfter", moment(q.CreatedAfter), "createdBefore", moment(q.CreatedBefore),
		"after", q.After, "limit", number(q.Limit)), nil, &got)
}

// ReplayMessage sends one message again, by its messageId.
func (c *Client) ReplayMessage(ctx context.Context, id string) (FoundMessage, error) {
	var got FoundMessage
	return got, c.call(ctx, http.MethodPost, "/messages/"+url.PathEscape(id)+"/replay", nil, nil, &got)
}

// Replay chooses messages to send again: those of an order, or those of an endpoint made in a time.
type Replay struct {
	Order         string     `json:"order,omitempty" doc:"public id; this or endpoint is needed"`
	Endpoint      string     `json:"endpoint,omitempty"`
	CreatedAfter  *time.Time `json:"createdAfter,omitempty" doc:"needed with endpoint alone"`
	CreatedBefore *time.Time `json:"createdBefore,omitempty"`
	State         string     `json:"state,omitempty" enum:"pending,delivered,exhausted,cancelled" doc:"absent: any"`
	Type          string     `json:"type,omitempty" maxLength:"64" doc:"the event's name in the API; absent: any"`
}

// Replayed says how many messages are sent again.
type Replayed struct {
	Replayed int `json:"replayed"`
}

// Replay sends messages again: the same ids and bytes, each from its first attempt.
func (c *Client) Replay(ctx context.Context, r Replay) (Replayed, error) {
	var got Replayed
	return got, c.call(ctx, http.MethodPost, "/messages/replay", nil, r, &got)
}

// Endpoint is where a merchant's events are told. A secret is shown when it is made, and never again.
type Endpoint struct {
	ID        string    `json:"id"`
	Merchant  string    `json:"merchant"`
	Mode      string    `json:"mode" enum:"live,sandbox"`
	Dialect   string    `json:"dialect"`
	Name      string    `json:"name,omitempty"`
	URL       string    `json:"url"`
	Events    []string  `json:"events" nullable:"false" doc:"the API's names of the events it wants; empty: all"`
	Enabled   bool      `json:"enabled"`
	CreatedAt time.Time `json:"createdAt"`
	Secret    string    `json:"secret,omitempty" doc:"only in the answer that made it"`

	OldSecretsUntil []time.Time `json:"oldSecretsUntil,omitempty" doc:"when the secrets before this one end or ended, the newest first: until then they sign as well"`
}

// EndpointPage is one page of endpoints.
type EndpointPage struct {
	Endpoints []Endpoint `json:"endpoints" nullable:"false"`
	Next      string     `json:"next,omitempty"`
}

// EndpointQuery chooses endpoints.
type EndpointQuery struct {
	Merchant, Mode, Dialect, After string
	Limit                          int
}

// Endpoints is one page of endpoints, by id.
func (c *Client) Endpoints(ctx context.Context, q EndpointQuery) (EndpointPage, error) {
	var got EndpointPage
	return got, c.call(ctx, http.MethodGet, "/endpoints", params("merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect,
		"after", q.After, "limit", number(q.Limit)), nil, &got)
}

// NewEndpoint asks for an endpoint.
type NewEndpoint struct {
	Merchant string   `json:"merchant" minLength:"1" maxLength:"64"`
	Mode     string   `json:"mode" enum:"live,sandbox"`
	Dialect  string   `json:"dialect" minLength:"1" maxLength:"32" doc:"the API whose events it is told"`
	Name     string   `json:"name,omitempty" maxLength:"100"`
	URL      string   `json:"url" minLength:"1" maxLength:"2048"`
	Events   []string `json:"events,omitempty" maxItems:"100"`
}

// AddEndpoint makes an endpoint. Only its answer has the secret.
func (c *Client) AddEndpoint(ctx context.Context, e NewEndpoint) (Endpoint, error) {
	var got Endpoint
	return got, c.call(ctx, http.MethodPost, "/endpoints", nil, e, &got)
}

// EndpointChange changes what it names.
type EndpointChange struct {
	Name    *string   `json:"name,omitempty" maxLength:"100"`
	URL     *string   `json:"url,omitempty" minLength:"1" maxLength:"2048"`
	Events  *[]string `json:"events,omitempty" maxItems:"100"`
	Enabled *bool     `json:"enabled,omitempty"`
}

// ChangeEndpoint changes an endpoint.
func (c *Client) ChangeEndpoint(ctx context.Context, id string, change EndpointChange) (Endpoint, error) {
	var got Endpoint
	return got, c.call(ctx, http.MethodPatch, "/endpoints/"+url.PathEscape(id), nil, change, &got)
}

// SecretRotation asks for a new secret.
type SecretRotation struct {
	OverlapSeconds *int64 `json:"overlapSeconds,omitempty" minimum:"0" maximum:"2592000" doc:"how long the old secret signs as well; absent: a day; 0: every older one ends at once"`
}

// RotateEndpoint gives an endpoint a new secret. Only its answer has it.
func (c *Client) RotateEndpoint(ctx context.Context, id string, r SecretRotation) (Endpoint, error) {
	var got Endpoint
	return got, c.call(ctx, http.MethodPost, "/endpoints/"+url.PathEscape(id)+"/rotate", nil, r, &got)
}

// Removed names what is gone.
type Removed struct {
	ID string `json:"id"`
}

// RemoveEndpoint deletes an endpoint; what waits for it is never sent.
func (c *Client) RemoveEndpoint(ctx context.Context, id string) (Removed, error) {
	var got Removed
	return got, c.call(ctx, http.MethodDelete, "/endpoints/"+url.PathEscape(id), nil, nil, &got)
}
