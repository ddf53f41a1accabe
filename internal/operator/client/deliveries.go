package client

import (
	"context"
	"net/http"
	"time"
)

// WaitingDelivery is a delivery or refund above a limit, which waits for a second person.
type WaitingDelivery struct {
	Order    string    `json:"order" doc:"public id"`
	Transfer string    `json:"transfer,omitempty" doc:"of a refund: its id"`
	Purpose  string    `json:"purpose" enum:"delivery,refund"`
	Merchant string    `json:"merchant"`
	Mode     string    `json:"mode"`
	Amount   Amount    `json:"amount"`
	Rail     string    `json:"rail"`
	To       string    `json:"to" doc:"address or account there"`
	Maker    string    `json:"maker,omitempty" doc:"who made the order or asked for the refund, and may not approve it"`
	Why      string    `json:"why" doc:"which limit it is above"`
	AskedAt  time.Time `json:"askedAt"`
}

// WaitingPage is one page of them.
type WaitingPage struct {
	Deliveries []WaitingDelivery `json:"deliveries" nullable:"false"`
	Next       string            `json:"next,omitempty"`
}

// WaitingDeliveries is one page of what waits, the oldest order first.
func (c *Client) WaitingDeliveries(ctx context.Context, mode, after string, limit int) (WaitingPage, error) {
	var got WaitingPage
	return got, c.call(ctx, http.MethodGet, "/deliveries/waiting", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// DeliveryDecision is a word on what waits.
type DeliveryDecision struct {
	Order    string `json:"order" minLength:"1" doc:"public id"`
	Transfer string `json:"transfer,omitempty" doc:"of a refund: its id"`
	Reason   string `json:"reason,omitempty" maxLength:"200" doc:"of a refusal, for the record"`
}

// ApproveDelivery lets it be sent.
func (c *Client) ApproveDelivery(ctx context.Context, d DeliveryDecision) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/deliveries/approve", nil, d, &got)
}

// RefuseDelivery ends it.
func (c *Client) RefuseDelivery(ctx context.Context, d DeliveryDecision) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/deliveries/refuse", nil, d, &got)
}
