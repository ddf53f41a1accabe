package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering is a client of a server that gives one answer, and the request that the server saw.
func answering(t *testing.T, status int, contentType, body string) (*Client, *string) {
	seen := new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, _ := io.ReadAll(r.Body)
		*seen = strings.Join([]string{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(in)}, "|")
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(server.URL+Path+"/", "op_1", server.Client()), seen
}

func TestRequests(t *testing.T) {
	tests := []struct {
		name string
		call func(context.Context, *Client) error
		want string
	}{
		{"order", func(ctx context.Context, c *Client) error { _, err := c.Order(ctx, "a/b?c#d é"); return err },
			"GET|/operator/v1/orders/a%2Fb%3Fc%23d%20%C3%A9|Bearer op_1||"},
		{"instruments", func(ctx context.Context, c *Client) error {
			_, err := c.Instruments(ctx, InstrumentQuery{Merchant: "m1", Mode: "sandbox", Family: "evm", After: "0x1&", Limit: 1000})
			return err
		}, "GET|/operator/v1/instruments?after=0x1%26&family=evm&limit=1000&merchant=m1&mode=sandbox|Bearer op_1||"},
		{"instruments by default", func(ctx context.Context, c *Client) error {
			_, err := c.Instruments(ctx, InstrumentQuery{Merchant: "m1", Mode: "live"})
			return err
		}, "GET|/operator/v1/instruments?merchant=m1&mode=live|Bearer op_1||"},
		{"counts", func(ctx context.Context, c *Client) error { _, err := c.Counts(ctx, "m1", "live", ""); return err },
			"GET|/operator/v1/instruments/counts?merchant=m1&mode=live|Bearer op_1||"},
		{"balances", func(ctx context.Context, c *Client) error { _, err := c.Balances(ctx, "m1", "live"); return err },
			"GET|/operator/v1/balances?merchant=m1&mode=live|Bearer op_1||"},
		{"clock", func(ctx context.Context, c *Client) error { _, err := c.Clock(ctx, "sandbox"); return err },
			"GET|/operator/v1/clock?mode=sandbox|Bearer op_1||"},
		{"advance", func(ctx context.Context, c *Client) error { _, err := c.AdvanceClock(ctx, "sandbox", 900); return err },
			`POST|/operator/v1/clock|Bearer op_1|application/json|{"mode":"sandbox","advanceSeconds":900}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, seen := answering(t, http.StatusOK, "application/json", "{}")
			if err := test.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if *seen != test.want {
				t.Errorf("sent %s\nwant %s", *seen, test.want)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const document = `{"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"no such order","param":"id","details":{"a":"b"}}`
	tests := []struct {
		name        string
		status      int
		contentType string
		body        string
		want        string
		code        string
	}{
		{"a problem", 404, "application/problem+json", document, "404 Not Found: not_found (id): no such order", "not_found"},
		{"with a charset", 404, "application/problem+json; charset=utf-8", document, "404 Not Found: not_found (id): no such order", "not_found"},
		{"a proxy's page", 502, "text/html", "<h1>Bad Gateway</h1>", "502 Bad Gateway: the answer to GET /orders/x is no problem document", ""},
		{"half a problem", 500, "application/problem+json", document[:20], "500 Internal Server Error: the answer to GET /orders/x is no problem document", ""},
		{"the answer's status counts", 503, "application/problem+json", `{"title":"Gone","status":200,"code":"x"}`, "503 Gone: x", "x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := answering(t, test.status, test.contentType, test.body)
			_, err := c.Order(t.Context(), "x")
			var p *Problem
			if !errors.As(err, &p) {
				t.Fatalf("%v", err)
			}
			if p.Error() != test.want || p.Status != test.status || !IsCode(err, test.code) || IsCode(err, "other") {
				t.Errorf("%d %q, code %q", p.Status, p.Error(), p.Code)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	c, _ := answering(t, http.StatusOK, "text/html", "<html>")
	_, err := c.Order(t.Context(), "x")
	if _, refused := errors.AsType[*Problem](err); err == nil || refused {
		t.Errorf("an answer that is no JSON: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Order(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
	if IsCode(nil, "") {
		t.Error("no error has no code")
	}
	if _, err := New("http://127.0.0.1:0"+Path, "op_1", nil).Clock(t.Context(), "live"); err == nil {
		t.Error("nobody listens")
	}
}
