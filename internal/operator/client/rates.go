package client

import (
	"context"
	"net/http"
	"time"
)

// Rate is an exchange rate on record: one of Base was worth Value of Quote at a moment, as Source said.
type Rate struct {
	Base   string     `json:"base" pattern:"^[A-Za-z0-9]{1,16}$"`
	Quote  string     `json:"quote" pattern:"^[A-Za-z0-9]{1,16}$"`
	Value  string     `json:"value" maxLength:"64" doc:"a decimal"`
	At     time.Time  `json:"at"`
	Source string     `json:"source" maxLength:"64"`
	Until  *time.Time `json:"until,omitempty" doc:"when it is too old to be used; absent: it does not age"`
	Doubt  bool       `json:"doubt" doc:"it is not believed, and closes its pair"`
}

// RateList is every rate on record.
type RateList struct {
	Rates []Rate `json:"rates" nullable:"false"`
}

// Rates is every rate on record, those in doubt last.
func (c *Client) Rates(ctx context.Context) ([]Rate, error) {
	var got RateList
	err := c.call(ctx, http.MethodGet, "/rates", nil, nil, &got)
	return got.Rates, err
}

// SeenRate names a rate in doubt as it was seen.
type SeenRate struct {
	Base   string    `json:"base" pattern:"^[A-Za-z0-9]{1,16}$"`
	Quote  string    `json:"quote" pattern:"^[A-Za-z0-9]{1,16}$"`
	Value  string    `json:"value" maxLength:"64" doc:"a decimal"`
	At     time.Time `json:"at"`
	Source string    `json:"source" maxLength:"64"`
}

// AcceptRate says that a rate in doubt is right.
func (c *Client) AcceptRate(ctx context.Context, seen SeenRate) ([]Rate, error) {
	var got RateList
	err := c.call(ctx, http.MethodPost, "/rates/accept", nil, seen, &got)
	return got.Rates, err
}
