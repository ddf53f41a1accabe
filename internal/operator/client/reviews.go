package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Reviewed is an order about which a person must decide.
type Reviewed struct {
	Order     string    `json:"order" doc:"public id"`
	Merchant  string    `json:"merchant"`
	Mode      string    `json:"mode" enum:"live,sandbox"`
	Kind      string    `json:"kind,omitempty" doc:"what the API that made it calls such an order"`
	State     string    `json:"state"`
	Amount    Amount    `json:"amount" doc:"what it collects"`
	Reviews   []Review  `json:"reviews" nullable:"false"`
	CreatedAt time.Time `json:"createdAt"`
}

// ReviewPage is one page of them.
type ReviewPage struct {
	Orders []Reviewed `json:"orders" nullable:"false"`
	Next   string     `json:"next,omitempty"`
}

// Refusal says why a review is refused.
type Refusal struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500"`
}

// Reviews is one page of the orders about which a person must decide, the oldest first.
func (c *Client) Reviews(ctx context.Context, mode, after string, limit int) (ReviewPage, error) {
	var got ReviewPage
	return got, c.call(ctx, http.MethodGet, "/reviews", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// ApproveReview approves a review of an order: screening, approval or compliance.
func (c *Client) ApproveReview(ctx context.Context, order, kind string) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, reviewPath(order, kind)+"/approve", nil, nil, &got)
}

// RefuseReview refuses a review of an order.
func (c *Client) RefuseReview(ctx context.Context, order, kind, reason string) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, reviewPath(order, kind)+"/refuse", nil, Refusal{reason}, &got)
}

func reviewPath(order, kind string) string {
	return "/orders/" + url.PathEscape(order) + "/reviews/" + url.PathEscape(kind)
}
