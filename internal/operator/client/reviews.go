package client

import (
	"context"
	"io"
	"mime"
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

// Asked is what a review asks for.
type Asked struct {
	Documents []string `json:"documents" minItems:"1" maxItems:"20" nullable:"false" doc:"names of documents: \"Passport\""`
}

// AskReview asks the merchant for documents before a review of an order goes on.
func (c *Client) AskReview(ctx context.Context, order, kind string, documents []string) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodPost, reviewPath(order, kind)+"/ask", nil, Asked{documents}, &got)
}

// maxFile is how many bytes of a file are read. The server bounds them to less.
const maxFile = 1 << 30

// File reads a file of a merchant into to, and returns the name it is handed out under. On an error what was written is not the file.
func (c *Client) File(ctx context.Context, id string, to io.Writer) (name string, err error) {
	path := "/files/" + url.PathEscape(id)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := c.http.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err != nil {
			return "", err
		}
		return "", problem(answer, text, http.MethodGet, path)
	}
	if _, params, err := mime.ParseMediaType(answer.Header.Get("Content-Disposition")); err == nil {
		name = params["filename"]
	}
	_, err = io.Copy(to, io.LimitReader(answer.Body, maxFile))
	return name, err
}

func reviewPath(order, kind string) string {
	return "/orders/" + url.PathEscape(order) + "/reviews/" + url.PathEscape(kind)
}
