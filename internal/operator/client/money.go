package client

import (
	"context"
	"net/http"
	"time"
)

// FoundPayment is a payment in a list.
type FoundPayment struct {
	Payment
	Order    string `json:"order" doc:"public id"`
	Merchant string `json:"merchant"`
	Mode     string `json:"mode" enum:"live,sandbox"`
}

// PaymentPage is one page of payments.
type PaymentPage struct {
	Payments []FoundPayment `json:"payments" nullable:"false"`
	Next     string         `json:"next,omitempty"`
}

// PaymentQuery chooses payments.
type PaymentQuery struct {
	Merchant, Mode, Rail, After string
	Limit                       int
}

// Payments is one page of the payments that an order owns, by rail and the rail's id.
func (c *Client) Payments(ctx context.Context, q PaymentQuery) (PaymentPage, error) {
	var got PaymentPage
	return got, c.call(ctx, http.MethodGet, "/payments",
		params("merchant", q.Merchant, "mode", q.Mode, "rail", q.Rail, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// Stray is a payment that no order owns.
type Stray struct {
	Payment
	Mode       string `json:"mode" enum:"live,sandbox"`
	Merchant   string `json:"merchant,omitempty" doc:"whose address it came to; absent: the house's"`
	Instrument string `json:"instrument,omitempty"`
}

// StrayPage is one page of strays.
type StrayPage struct {
	Strays []Stray `json:"strays" nullable:"false"`
	Next   string  `json:"next,omitempty"`
}

// Strays is one page of the payments that no order owns, by rail and the rail's id.
func (c *Client) Strays(ctx context.Context, mode, after string, limit int) (StrayPage, error) {
	var got StrayPage
	return got, c.call(ctx, http.MethodGet, "/strays", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// Unmatched is a payment that a gateway or a payment service reports and that is not what was asked for.
type Unmatched struct {
	Rail    string    `json:"rail"`
	Mode    string    `json:"mode" enum:"live,sandbox"`
	Payment string    `json:"payment" doc:"the far side's id of it"`
	Request string    `json:"request,omitempty" doc:"what was asked for that it names; absent: nothing"`
	Order   string    `json:"order,omitempty" doc:"public id of the order that it was asked for; absent: for none"`
	Why     string    `json:"why" doc:"what does not agree"`
	FoundAt time.Time `json:"foundAt"`
}

// UnmatchedPage is one page of them.
type UnmatchedPage struct {
	Unmatched []Unmatched `json:"unmatched" nullable:"false"`
	Next      string      `json:"next,omitempty"`
}

// Unmatched is one page of the payments that are not what was asked for, by rail and the far side's id.
func (c *Client) Unmatched(ctx context.Context, mode, after string, limit int) (UnmatchedPage, error) {
	var got UnmatchedPage
	return got, c.call(ctx, http.MethodGet, "/unmatched", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// FoundEntry is an entry in a list.
type FoundEntry struct {
	Entry
	Order    string `json:"order,omitempty" doc:"public id; absent: money of no order"`
	Merchant string `json:"merchant,omitempty"`
	Mode     string `json:"mode" enum:"live,sandbox"`
}

// EntryPage is one page of entries.
type EntryPage struct {
	Entries []FoundEntry `json:"entries" nullable:"false"`
	Next    string       `json:"next,omitempty"`
}

// EntryQuery chooses entries of the ledger.
type EntryQuery struct {
	Merchant, Mode, Order, Account, After string
	Limit                                 int
}

// Entries is one page of the ledger, the newest first.
func (c *Client) Entries(ctx context.Context, q EntryQuery) (EntryPage, error) {
	var got EntryPage
	return got, c.call(ctx, http.MethodGet, "/entries", params("merchant", q.Merchant, "mode", q.Mode, "order", q.Order,
		"account", q.Account, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// FoundEvent is an event in a list.
type FoundEvent struct {
	ID string `json:"id"`
	Event
	Order    string `json:"order,omitempty" doc:"public id; absent: it is of no order"`
	Merchant string `json:"merchant"`
	Mode     string `json:"mode" enum:"live,sandbox"`
	Dialect  string `json:"dialect"`
}

// EventPage is one page of events.
type EventPage struct {
	Events []FoundEvent `json:"events" nullable:"false"`
	Next   string       `json:"next,omitempty"`
}

// EventQuery chooses events.
type EventQuery struct {
	Merchant, Mode, Dialect, Order, Type, After string
	Limit                                       int
}

// Events is one page of what happened, to orders or beside them, the newest first.
func (c *Client) Events(ctx context.Context, q EventQuery) (EventPage, error) {
	var got EventPage
	return got, c.call(ctx, http.MethodGet, "/events", params("merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect,
		"order", q.Order, "type", q.Type, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// Aside is an ended order with money in suspense, or with a shortfall.
type Aside struct {
	Order     string    `json:"order" doc:"public id"`
	Merchant  string    `json:"merchant"`
	Mode      string    `json:"mode" enum:"live,sandbox"`
	State     string    `json:"state"`
	Balances  []Balance `json:"balances" nullable:"false" doc:"the suspense accounts, or the shortfall, that are not zero"`
	CreatedAt time.Time `json:"createdAt"`
}

// AsidePage is one page of them.
type AsidePage struct {
	Orders []Aside `json:"orders" nullable:"false"`
	Next   string  `json:"next,omitempty"`
}

// Suspense is one page of the orders that have money in suspense, oldest first.
func (c *Client) Suspense(ctx context.Context, mode, after string, limit int) (AsidePage, error) {
	var got AsidePage
	return got, c.call(ctx, http.MethodGet, "/suspense", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// Shortfalls is one page of the orders that are short, oldest first.
func (c *Client) Shortfalls(ctx context.Context, mode, after string, limit int) (AsidePage, error) {
	var got AsidePage
	return got, c.call(ctx, http.MethodGet, "/shortfalls", params("mode", mode, "after", after, "limit", number(limit)), nil, &got)
}

// Release gives money in suspense to the merchant.
type Release struct {
	ID     string `json:"id" minLength:"1" maxLength:"64" doc:"your own, to send it again safely for a day"`
	Order  string `json:"order" minLength:"1" doc:"public id"`
	From   string `json:"from" minLength:"1" example:"suspense/late" doc:"role of the suspense account"`
	Amount string `json:"amount" minLength:"1" example:"25.00" doc:"decimal"`
	Asset  string `json:"asset,omitempty" doc:"absent: the asset the order asks for"`
}

// Release gives it, once for each id.
func (c *Client) Release(ctx context.Context, r Release) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/suspense/release", nil, r, &got)
}

// Refund sends money of an ended order back.
type Refund struct {
	ID     string `json:"id" minLength:"1" maxLength:"64" doc:"your own, and then the transfer's: to send it again is safe"`
	Order  string `json:"order" minLength:"1" doc:"public id"`
	From   string `json:"from" minLength:"1" example:"suspense/extra" doc:"role of the account it is taken from: merchant, or one of suspense"`
	Amount string `json:"amount" minLength:"1" doc:"decimal"`
	Asset  string `json:"asset,omitempty" doc:"absent: the asset the order asks for"`
	Rail   string `json:"rail,omitempty" doc:"absent: the rail the payment came by that it gives back"`
	To     string `json:"to,omitempty" doc:"address or account there; absent: where that payment came from; needed where several paid"`
	Reason string `json:"reason,omitempty" maxLength:"200" doc:"why, for the record"`
}

// Refund sends it, once for each id.
func (c *Client) Refund(ctx context.Context, r Refund) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/suspense/refund", nil, r, &got)
}

// Assign gives a stray to an order that is still collecting.
type Assign struct {
	Order    string `json:"order" minLength:"1" doc:"public id"`
	Rail     string `json:"rail" minLength:"1"`
	External string `json:"external" minLength:"1" doc:"the rail's id of the payment"`
}

// Assign gives it.
func (c *Client) Assign(ctx context.Context, a Assign) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/suspense/assign", nil, a, &got)
}

// Absorb writes a shortfall off.
type Absorb struct {
	ID     string `json:"id" minLength:"1" maxLength:"64" doc:"your own, to send it again safely for a day"`
	Order  string `json:"order" minLength:"1" doc:"public id"`
	Amount string `json:"amount" minLength:"1" doc:"decimal"`
	Asset  string `json:"asset,omitempty" doc:"absent: the asset the order asks for"`
}

// Absorb writes it off, once for each id.
func (c *Client) Absorb(ctx context.Context, a Absorb) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/shortfalls/absorb", nil, a, &got)
}
