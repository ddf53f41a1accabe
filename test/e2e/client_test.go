package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"till/internal/operator/client"
)

// order is an order as the API shows it. A pointer is a field that may be absent.
type order struct {
	OrderID           string  `json:"orderId"`
	OrderReference    string  `json:"orderReference"`
	Amount            string  `json:"amount"`
	Currency          string  `json:"currency"`
	Address           string  `json:"address"`
	Status            string  `json:"status"`
	TxHash            *string `json:"txHash"`
	BlockNumber       *uint64 `json:"blockNumber"`
	Confirmations     *uint64 `json:"confirmations"`
	ConfirmedReceived *string `json:"confirmedReceived"`
	CompletedAt       *string `json:"completedAt"`
}

// untouched says that the order shows no sign of any money.
func (o order) untouched() bool {
	return o.Status == "pending" && o.TxHash == nil && o.BlockNumber == nil && o.Confirmations == nil && o.ConfirmedReceived == nil
}

// refusal is the API's error body.
type refusal struct {
	Error           string `json:"error"`
	Message         string `json:"message"`
	Code            string `json:"code"`
	StatusCode      int    `json:"statusCode"`
	ExistingOrderID string `json:"existingOrderId"`
}

// answer is a complete answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) refusal() (r refusal) {
	json.Unmarshal(a.body, &r) // what is not one stays empty
	return r
}

// send makes a request and reads the whole answer.
func (s *server) send(r *http.Request) (answer, error) {
	got, err := s.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 64<<20))
	return answer{got.StatusCode, got.Header, body}, err
}

// call sends a body, if any, to the merchant's API. It may be called from any goroutine.
func (s *server) call(method, path string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		reader = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, s.info.PayIn.BaseURL+path, reader)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("X-API-Key", s.info.PayIn.APIKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return s.send(r)
}

const ordersPath = "/api/v1/orders"

// asked is the body of a request for an order.
func asked(reference, amount, currency string) map[string]any {
	return map[string]any{"orderReference": reference, "amount": amount, "currency": currency, "chainId": network}
}

// create makes an order, which must succeed.
func (s *server) create(t *testing.T, reference, amount, currency string) order {
	t.Helper()
	return decode[order](t, http.StatusCreated)(s.call(http.MethodPost, ordersPath, asked(reference, amount, currency)))
}

// get reads an order by its id.
func (s *server) get(t *testing.T, id string) order {
	t.Helper()
	return decode[order](t, http.StatusOK)(s.call(http.MethodGet, ordersPath+"/"+id, nil))
}

// find reads an order by the merchant's reference. It may be called from any goroutine.
func (s *server) find(reference string) (answer, error) {
	return s.call(http.MethodGet, ordersPath+"/by-reference/"+url.PathEscape(reference), nil)
}

// until reads an order until it is as wanted.
func (s *server) until(t *testing.T, id, what string, want func(order) bool) order {
	t.Helper()
	var last order
	eventually(t, "order "+id+": "+what, func() bool {
		last = s.get(t, id)
		return want(last)
	})
	return last
}

// ends waits until an order has this final status.
func (s *server) ends(t *testing.T, id, status string) order {
	t.Helper()
	last := s.until(t, id, "is "+status, func(o order) bool { return o.Status != "pending" })
	if last.Status != status {
		t.Fatalf("order %s is %s, not %s", id, last.Status, status)
	}
	return last
}

// list is a page of orders.
type list struct {
	Data       []order `json:"data"`
	Pagination struct {
		Total   int  `json:"total"`
		HasMore bool `json:"hasMore"`
	} `json:"pagination"`
}

func (s *server) page(t *testing.T, number, limit int, status string) list {
	t.Helper()
	query := url.Values{"page": {strconv.Itoa(number)}, "limit": {strconv.Itoa(limit)}}
	if status != "" {
		query.Set("status", status)
	}
	return decode[list](t, http.StatusOK)(s.call(http.MethodGet, ordersPath+"?"+query.Encode(), nil))
}

// all reads every page of the list, which must hold as many orders as it says, each once.
func (s *server) all(t *testing.T, status string) []order {
	t.Helper()
	var orders []order
	for number := 1; ; number++ {
		p := s.page(t, number, 100, status)
		orders = append(orders, p.Data...)
		if p.Pagination.HasMore {
			continue
		}
		seen := map[string]bool{}
		for _, o := range orders {
			seen[o.OrderID] = true
		}
		if len(orders) != p.Pagination.Total || len(seen) != len(orders) {
			t.Fatalf("the pages show %d orders, %d different ones; the total is %d", len(orders), len(seen), p.Pagination.Total)
		}
		return orders
	}
}

// story is everything the operator sees of an order.
func (s *server) story(t *testing.T, id string) client.Order {
	t.Helper()
	got, err := s.operator.Order(bounded(t), id)
	if err != nil {
		t.Fatalf("the operator's view of order %s: %v", id, err)
	}
	return got
}

// shares are what an order's money stands on: decimal amounts by the account's role and currency, as in
// "merchant USDT". The outside world is left out.
func shares(o client.Order) map[string]string {
	found := map[string]string{}
	for _, b := range o.Balances {
		if len(b.Role) >= len("outside") && b.Role[:len("outside")] == "outside" {
			continue
		}
		found[b.Role+" "+b.Amount.Currency] = b.Amount.Decimal
	}
	return found
}

// happened counts an order's events of a kind.
func happened(o client.Order, kind string) (n int) {
	for _, e := range o.Events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// counts is how many addresses the merchant's pool has in each state.
func (s *server) counts(t *testing.T) client.InstrumentCounts {
	t.Helper()
	got, err := s.operator.Counts(bounded(t), "default", "sandbox", "evm")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// forward moves the sandbox's clock.
func (s *server) forward(t *testing.T, minutes int64) {
	t.Helper()
	if _, err := s.operator.AdvanceClock(bounded(t), "sandbox", minutes*60); err != nil {
		t.Fatal(err)
	}
}

// delivery is a webhook as the receiver's log has it.
type delivery struct {
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Verified bool              `json:"verified"`
	Scheme   string            `json:"scheme"`
}

func (d delivery) id() string { return d.Headers["Webhook-Id"] }

// event is what a webhook says.
type event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		OrderID string `json:"orderId"`
		Status  string `json:"status"`
	} `json:"data"`
}

func (d delivery) event(t *testing.T) (e event) {
	t.Helper()
	if err := json.Unmarshal([]byte(d.Body), &e); err != nil {
		t.Fatalf("a webhook is not JSON: %v: %s", err, d.Body)
	}
	return e
}

// deliveries are the webhooks that came for an order, oldest first.
func (s *server) deliveries(t *testing.T, id string) []delivery {
	t.Helper()
	var came []delivery
	for _, d := range decode[[]delivery](t, http.StatusOK)(s.fetch(http.MethodGet, s.info.Sink.LogURL, nil)) {
		if d.event(t).Data.OrderID == id {
			came = append(came, d)
		}
	}
	return came
}

// told waits for n deliveries for an order. All of them must be one message of this kind: the same id and
// bytes, both signatures right.
func (s *server) told(t *testing.T, id, kind string, n int) []delivery {
	t.Helper()
	var came []delivery
	eventually(t, fmt.Sprintf("%d webhooks for order %s", n, id), func() bool {
		came = s.deliveries(t, id)
		return len(came) >= n
	})
	for _, d := range came {
		e := d.event(t)
		if !d.Verified || d.Scheme != "payin+standard" || e.Type != kind || e.ID != d.id() || d.id() != came[0].id() || d.Body != came[0].Body {
			t.Errorf("webhook %s (verified %v by %s): %s", d.id(), d.Verified, d.Scheme, d.Body)
		}
	}
	return came
}

// refuseNext lets the receiver answer the next deliveries with an error.
func (s *server) refuseNext(t *testing.T, count int) {
	t.Helper()
	decode[any](t, http.StatusOK)(s.fetch(http.MethodPost, s.info.Sink.LogURL+"/fail", map[string]int{"count": count, "status": 500}))
}

// fetch calls one of the tools of a dev server.
func (s *server) fetch(method, address string, body any) (answer, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, address, reader)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	return s.send(r)
}

// decode reads an answer that must have this status.
func decode[T any](t *testing.T, status int) func(answer, error) T {
	t.Helper()
	return func(a answer, err error) T {
		t.Helper()
		var v T
		if err != nil {
			t.Fatal(err)
		}
		if a.status != status {
			t.Fatalf("the answer is %d, not %d: %s", a.status, status, a.body)
		}
		if err := json.Unmarshal(a.body, &v); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		return v
	}
}
