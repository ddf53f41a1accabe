package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Step is one thing in an order's timeline.
type Step struct {
	At    time.Time `json:"at" doc:"true time"`
	Kind  string    `json:"kind" enum:"event,booking,webhook" doc:"what happened, what was booked for it, who was told"`
	Text  string    `json:"text" doc:"in words"`
	Why   string    `json:"why,omitempty" doc:"what the row of the state machine says that made it"`
	Row   string    `json:"row,omitempty" doc:"the row's number"`
	State string    `json:"state,omitempty" doc:"of the order after it"`
}

// Waiting is why an order is where it is and what would move it.
type Waiting struct {
	Says     string     `json:"says" doc:"what the state means and who acts next"`
	Missing  []string   `json:"missing" nullable:"false" doc:"what must come for the order to go on; empty: nothing"`
	Deadline *time.Time `json:"deadline,omitempty" doc:"the next one, on the mode's clock; absent: none is left"`
	Then     string     `json:"then,omitempty" doc:"what happens at the deadline"`
}

// Transfer is money that was sent: a delivery or a refund.
type Transfer struct {
	ID      string     `json:"id"`
	Purpose string     `json:"purpose" enum:"delivery,refund"`
	State   string     `json:"state" enum:"reserved,sent,unknown,confirmed,failed,returned"`
	Amount  Amount     `json:"amount"`
	Rail    string     `json:"rail,omitempty"`
	To      string     `json:"to,omitempty" doc:"the address or account on the rail"`
	Ref     string     `json:"ref,omitempty" doc:"the far side's id"`
	Looks   int        `json:"looks" doc:"how often the far side was asked what became of it"`
	LookAt  *time.Time `json:"lookAt,omitempty" doc:"when it is asked next; only in flight"`
	Reason  string     `json:"reason,omitempty" doc:"of a refund: why, in the words of who asked for it"`
	Maker   string     `json:"maker,omitempty" doc:"of a refund: the key or person that asked for it"`
}

// Review is something a person must decide.
type Review struct {
	Kind    string   `json:"kind" enum:"screening,approval,compliance"`
	State   string   `json:"state" enum:"documents,open,approved,refused"`
	Missing []string `json:"missing,omitempty" doc:"documents asked for"`
	By      string   `json:"by,omitempty" doc:"who decided"`
	Reason  string   `json:"reason,omitempty"`
	First   string   `json:"first,omitempty" doc:"who approved first, where a second person must too"`

	Findings  []Finding        `json:"findings,omitempty" doc:"who was found on which list"`
	Documents []ReviewDocument `json:"documents,omitempty" doc:"what was asked for, and what was given"`
}

// Finding is somebody who was found on a list.
type Finding struct {
	Asked   string        `json:"asked" doc:"the name or account that was looked up"`
	Payment string        `json:"payment,omitempty" doc:"the payment whose sender it is; none: it is who the order is for"`
	List    string        `json:"list"`
	Entry   string        `json:"entry,omitempty" doc:"the list's own id of the entry"`
	Name    string        `json:"name" doc:"which name or address of the entry"`
	Score   int           `json:"score" doc:"0 to 1000"`
	Why     []ScreenMatch `json:"why,omitempty" doc:"the words that agree"`
	At      time.Time     `json:"at"`
}

// ReviewDocument is a document that a review asked for.
type ReviewDocument struct {
	ID       string     `json:"id" doc:"what it is answered under"`
	Name     string     `json:"name"`
	Document string     `json:"document,omitempty" doc:"the file; none: it is missing"`
	GivenAt  *time.Time `json:"givenAt,omitempty"`
}

// OrderLine is an order in a list.
type OrderLine struct {
	ID        string     `json:"id"`
	Merchant  string     `json:"merchant"`
	Mode      string     `json:"mode" enum:"live,sandbox"`
	Dialect   string     `json:"dialect"`
	Arrival   bool       `json:"arrival,omitempty" doc:"made by a payment to a standing instruction"`
	Reference string     `json:"reference,omitempty"`
	Network   string     `json:"network,omitempty"`
	State     string     `json:"state"`
	Overlay   string     `json:"overlay,omitempty"`
	Due       Amount     `json:"due"`
	Received  Amount     `json:"received"`
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
	EndedAt   *time.Time `json:"endedAt,omitempty"`
}

// OrderPage is one page of orders.
type OrderPage struct {
	Orders []OrderLine `json:"orders" nullable:"false"`
	Next   string      `json:"next,omitempty" doc:"what to pass as after for the next page; absent: this is the last"`
}

// OrderQuery chooses orders of every API. What is empty lets everything through.
type OrderQuery struct {
	Merchant, Mode, Dialect, State, Reference string
	CreatedAfter, CreatedBefore               time.Time
	After                                     string
	Limit                                     int
}

// Orders is one page of orders, the newest first.
func (c *Client) Orders(ctx context.Context, q OrderQuery) (OrderPage, error) {
	var got OrderPage
	return got, c.call(ctx, http.MethodGet, "/orders", params(
		"merchant", q.Merchant, "mode", q.Mode, "dialect", q.Dialect, "state", q.State, "reference", q.Reference,
		"createdAfter", moment(q.CreatedAfter), "createdBefore", moment(q.CreatedBefore), "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// Cancellation says why an order is cancelled.
type Cancellation struct {
	Reason string `json:"reason,omitempty" maxLength:"200"`
}

// Cancel ends an order that is not on its way to its destination yet.
func (c *Client) Cancel(ctx context.Context, id, reason string) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, "/orders/"+url.PathEscape(id)+"/cancel", nil, Cancellation{Reason: reason}, &got)
}

// params makes a query of names and values; a name with an empty value is left out.
func params(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
