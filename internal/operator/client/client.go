// Package client is a typed client of the operator API. The command line, the demo and the pages use it; it
// imports nothing else of the program, so it can do no more than any other client.
//
// Next to read: types.go, the wire types, which the server uses too. What each call answers and when it
// fails is in package operator.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Path is where a server has the API, below its base URL.
const Path = "/operator/v1"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client calls the operator API of one server. Safe for concurrent use.
type Client struct {
	url   string
	token string
	http  *http.Client
}

// New makes a client. apiURL is where the API is, Path included, with or without a slash at the end; the
// token is an operator's. A nil http.Client is http.DefaultClient, which waits for ever: give one with a
// timeout, or a context with a deadline.
func New(apiURL, token string, h *http.Client) *Client {
	if h == nil {
		h = http.DefaultClient
	}
	return &Client{url: strings.TrimRight(apiURL, "/"), token: token, http: h}
}

// Every call below fails with a *Problem when the server refused it, and with another error when there was
// no answer or none that can be read.

// Order is an order's whole story by its public id, whatever API made it.
func (c *Client) Order(ctx context.Context, id string) (Order, error) {
	var got Order
	return got, c.call(ctx, http.MethodGet, "/orders/"+url.PathEscape(id), nil, nil, &got)
}

// InstrumentQuery chooses a page of a pool. Merchant and Mode are required; an empty Family is evm, a Limit
// of 0 the server's default; After is the Next of the page before.
type InstrumentQuery struct {
	Merchant, Mode, Family string
	After                  string
	Limit                  int
}

// House stands for a merchant where the operator's own pool is meant. No merchant is called so.
const House = ":house"

// Instruments is one page of a pool, by address.
func (c *Client) Instruments(ctx context.Context, q InstrumentQuery) (InstrumentPage, error) {
	query := pool(q.Merchant, q.Mode, q.Family)
	if q.After != "" {
		query.Set("after", q.After)
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	var got InstrumentPage
	return got, c.call(ctx, http.MethodGet, "/instruments", query, nil, &got)
}

// Counts is how many instruments a pool has in each state. An empty family is evm.
func (c *Client) Counts(ctx context.Context, merchant, mode, family string) (InstrumentCounts, error) {
	var got InstrumentCounts
	return got, c.call(ctx, http.MethodGet, "/instruments/counts", pool(merchant, mode, family), nil, &got)
}

// Balances is the balance of every account of a merchant's books in one mode.
func (c *Client) Balances(ctx context.Context, merchant, mode string) ([]Balance, error) {
	var got BalanceList
	err := c.call(ctx, http.MethodGet, "/balances", url.Values{"merchant": {merchant}, "mode": {mode}}, nil, &got)
	return got.Balances, err
}

// Clock is where a mode's clock stands.
func (c *Client) Clock(ctx context.Context, mode string) (Clock, error) {
	var got Clock
	return got, c.call(ctx, http.MethodGet, "/clock", url.Values{"mode": {mode}}, nil, &got)
}

// AdvanceClock moves a mode's clock forward by seconds. Only the sandbox's can be moved.
func (c *Client) AdvanceClock(ctx context.Context, mode string, seconds int64) (Clock, error) {
	var got Clock
	return got, c.call(ctx, http.MethodPost, "/clock", nil, ClockMove{Mode: mode, AdvanceSeconds: seconds}, &got)
}

func pool(merchant, mode, family string) url.Values {
	query := url.Values{"merchant": {merchant}, "mode": {mode}}
	if family != "" {
		query.Set("family", family)
	}
	return query
}

// call sends one request and reads the answer into got.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, got any) error {
	address := c.url + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return c.do(r, method, path, got)
}

// send posts a file as it is.
func (c *Client) send(ctx context.Context, path string, file io.Reader, got any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, file)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	return c.do(r, http.MethodPost, path, got)
}

func (c *Client) do(r *http.Request, method, path string, got any) error {
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s %s: the answer broke off: %w", method, path, err)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("%s %s: the answer is too long", method, path)
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusCreated {
		return problem(answer, text, method, path)
	}
	if err := json.Unmarshal(text, got); err != nil {
		return fmt.Errorf("%s %s: the answer cannot be read: %w", method, path, err)
	}
	return nil
}

// problem reads a refusal. What is not a problem document (a proxy's page) becomes one that says so.
func problem(answer *http.Response, text []byte, method, path string) error {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(text, p) != nil {
		p = &Problem{Title: http.StatusText(answer.StatusCode), Detail: "the answer to " + method + " " + path + " is no problem document"}
	}
	p.Status = answer.StatusCode
	return p
}

// IsCode says whether an error is a refusal with this code.
func IsCode(err error, code string) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Code == code
}
