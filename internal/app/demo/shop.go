package demo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"till/internal/app/dev"
)

// shop is a merchant's shop: it makes orders with its API key and is told of them at its endpoint.
type shop struct {
	info   dev.Info
	client *http.Client
}

// order is an order as the API shows it.
type order struct {
	OrderID           string `json:"orderId"`
	OrderReference    string `json:"orderReference"`
	Amount            string `json:"amount"`
	Currency          string `json:"currency"`
	Address           string `json:"address"`
	Status            string `json:"status"`
	TxHash            string `json:"txHash"`
	BlockNumber       uint64 `json:"blockNumber"`
	Confirmations     uint64 `json:"confirmations"`
	ConfirmedReceived string `json:"confirmedReceived"`
	ExpiresAt         string `json:"expiresAt"`
	GracePeriodEndsAt string `json:"gracePeriodEndsAt"`
	PaymentURL        string `json:"paymentUrl"`
}

func (s *shop) create(ctx context.Context, reference, amount, currency string) (order, error) {
	var o order
	err := s.call(ctx, http.MethodPost, "/api/v1/orders", map[string]any{
		"orderReference": reference, "amount": amount, "currency": currency, "chainId": "ethereum-sepolia",
	}, &o)
	return o, err
}

func (s *shop) get(ctx context.Context, id string) (order, error) {
	var o order
	err := s.call(ctx, http.MethodGet, "/api/v1/orders/"+url.PathEscape(id), nil, &o)
	return o, err
}

// until asks for an order again and again until it is as wanted. Each new picture of it is shown.
func (s *shop) until(ctx context.Context, id string, show func(order), want func(order) bool) (order, error) {
	var last order
	for {
		o, err := s.get(ctx, id)
		if err != nil {
			return o, err
		}
		if o != last {
			show(o)
			last = o
		}
		if want(o) {
			return o, nil
		}
		if err := pause(ctx); err != nil {
			return o, fmt.Errorf("order %s stayed %s: %w", id, o.Status, err)
		}
	}
}

func (s *shop) call(ctx context.Context, method, path string, body, answer any) error {
	r, err := request(ctx, method, s.info.PayIn.BaseURL+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("X-API-Key", s.info.PayIn.APIKey)
	return do(s.client, r, answer)
}

// delivery is one webhook as it came.
type delivery struct {
	Path     string            `json:"path"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Verified bool              `json:"verified"`
}

func (d delivery) id() string { return d.Headers["Webhook-Id"] }

// event is what a webhook says.
type event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		OrderID          string `json:"orderId"`
		DepositID        string `json:"depositId"`
		DepositReference string `json:"depositReference"`
		DepositAddress   string `json:"depositAddress"`
	} `json:"data"`
}

// deliveries returns what came about something so far.
func (s *shop) deliveries(ctx context.Context, about func(event) bool) ([]delivery, []event, error) {
	log, err := s.log(ctx)
	if err != nil {
		return nil, nil, err
	}
	var came []delivery
	var events []event
	for _, d := range log {
		var e event
		if err := json.Unmarshal([]byte(d.Body), &e); err != nil {
			return nil, nil, fmt.Errorf("a webhook is not JSON: %w", err)
		}
		if about(e) {
			came, events = append(came, d), append(events, e)
		}
	}
	return came, events, nil
}

// log is all webhooks that came so far, to whichever path.
func (s *shop) log(ctx context.Context) (log []delivery, err error) {
	r, err := request(ctx, http.MethodGet, s.info.Sink.LogURL, nil)
	if err == nil {
		err = do(s.client, r, &log)
	}
	return log, err
}

// refuseNext lets the receiver answer the next deliveries with a status.
func (s *shop) refuseNext(ctx context.Context, count, status int) error {
	r, err := request(ctx, http.MethodPost, s.info.Sink.LogURL+"/fail", map[string]int{"count": count, "status": status})
	if err != nil {
		return err
	}
	return do(s.client, r, nil)
}

// verify checks a webhook twice: by the Standard Webhooks library, and by the API's own formula.
func (s *shop) verify(d delivery, now time.Time) error {
	library, err := standard.NewWebhook(s.info.PayIn.WebhookSecret)
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range d.Headers {
		header.Set(name, value)
	}
	if err := library.Verify([]byte(d.Body), header); err != nil {
		return fmt.Errorf("the standard signature does not fit: %w", err)
	}
	var stamp, given string
	for _, part := range strings.Split(header.Get("X-PayIn-Signature"), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			stamp = value
		case "v1":
			given = value
		}
	}
	mac := hmac.New(sha256.New, []byte(s.info.PayIn.WebhookSecret))
	mac.Write([]byte(stamp + "." + d.Body))
	if !hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(given)) {
		return fmt.Errorf("the signature %q does not fit", given)
	}
	if !d.Verified {
		return fmt.Errorf("the receiver did not verify it")
	}
	return nil
}

func request(ctx context.Context, method, url string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err == nil && body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}

func do(c *http.Client, r *http.Request, answer any) error {
	got, err := c.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, 64<<20))
	if err != nil {
		return err
	}
	if got.StatusCode/100 != 2 {
		return &refusal{got.StatusCode, fmt.Sprintf("%s %s answered %d: %s", r.Method, r.URL.Path, got.StatusCode, text)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// refusal is an answer other than 2xx.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// pause waits a moment before the next look.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
