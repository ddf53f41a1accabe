package stripe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
)

const (
	testKey    = "sk_test_fake"
	testSecret = "whsec_fake"
)

var (
	usd   = money.MustAsset("USD", "", 2)
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

type object = map[string]any

// far is Stripe as the tests play it: what it makes it keeps, by its idempotency keys it makes once, and it says what it has.
type far struct {
	t     *testing.T
	state rail.State
	*Rail

	mu       sync.Mutex
	at       time.Time
	n        int
	sessions map[string]object
	charges  []object
	refunds  []object
	disputes []object
	events   []object // the newest last
	once     map[string][]byte
	calls    []string
	lose     int               // answers that are lost after the call was carried out
	drop     int               // calls that do not arrive
	down     bool              // no call arrives
	broken   string            // the reference of a session that cannot be made
	status   int               // of every answer; 0: as it is
	play     map[string]string // what becomes of refunds of a charge
}

var errLine = errors.New("the line is dead")

func open(t *testing.T) *far {
	t.Helper()
	f := &far{t: t, state: railtest.Memory(), at: start, sessions: map[string]object{}, once: map[string][]byte{}, play: map[string]string{}}
	f.reopen(t)
	return f
}

func (f *far) reopen(t *testing.T) {
	t.Helper()
	r, err := New(Config{
		ID: "main", URL: "https://far.example", Key: testKey, Secret: testSecret, State: f.state, Caller: f, Now: f.clock, Poll: time.Millisecond, Every: 10 * time.Second,
		Methods: map[string][]string{"card": {"card"}, "bank": {"pay_by_bank"}}, Return: func(order string) string { return "https://till.example/pay/order/" + order },
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Rail = r
}

func (f *far) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *far) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

func (f *far) id(prefix string) string {
	f.n++
	return fmt.Sprintf("%s_%d", prefix, f.n)
}

// Call implements Caller.
func (f *far) Call(ctx context.Context, method, to string, header http.Header, body []byte, limit int64) (int, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	u, err := url.Parse(to)
	if err != nil {
		return 0, nil, err
	}
	f.calls = append(f.calls, method+" "+u.Path)
	if f.down || f.drop > 0 {
		f.drop = max(0, f.drop-1)
		return 0, nil, errLine
	}
	if f.status != 0 {
		return f.status, []byte(`<html>`), nil
	}
	if header.Get("Authorization") != "Bearer "+testKey || header.Get("Stripe-Version") != version {
		return 401, []byte(`{"error":{"type":"invalid_request_error"}}`), nil
	}
	query := u.Query()
	status, answer := http.StatusOK, []byte(nil)
	if method == http.MethodPost {
		if header.Get("Content-Type") != "application/x-www-form-urlencoded" || header.Get("Idempotency-Key") == "" {
			return 400, []byte(`{"error":{"type":"invalid_request_error"}}`), nil
		}
		if query, err = url.ParseQuery(string(body)); err != nil {
			return 400, nil, nil
		}
		once := header.Get("Idempotency-Key")
		known, again := f.once[once]
		switch {
		case again && !bytes.HasPrefix(known, append(slices.Clone(body), '\n')):
			return 400, []byte(`{"error":{"type":"idempotency_error"}}`), nil
		case again:
			answer = known[len(body)+1:]
		default:
			status, answer = f.post(u.Path, query)
			if status == http.StatusOK {
				f.once[once] = append(append(slices.Clone(body), '\n'), answer...)
			}
		}
	} else {
		status, answer = f.get(u.Path, query)
	}
	if f.lose > 0 && method == http.MethodPost {
		f.lose--
		return 0, nil, errLine
	}
	if int64(len(answer)) > limit {
		f.t.Errorf("an answer of %d bytes", len(answer))
	}
	return status, bytes.Clone(answer), nil
}

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func refused(code string) (int, []byte) {
	return 400, text(object{"error": object{"type": "invalid_request_error", "code": code, "message": "a message that nobody keeps"}})
}

func metadata(q url.Values, under string) object {
	m := object{}
	for key := range q {
		if name, ok := strings.CutPrefix(key, under+"["); ok {
			m[strings.TrimSuffix(name, "]")] = q.Get(key)
		}
	}
	return m
}

func (f *far) post(path string, q url.Values) (int, []byte) {
	switch {
	case path == "/v1/checkout/sessions":
		units, err := strconv.ParseInt(q.Get("line_items[0][price_data][unit_amount]"), 10, 64)
		expires, err2 := strconv.ParseInt(q.Get("expires_at"), 10, 64)
		until := time.Unix(expires, 0).Sub(f.at)
		switch {
		case f.broken != "" && q.Get("client_reference_id") == f.broken:
			return 500, []byte(`{"error":{"type":"api_error"}}`)
		case err != nil || err2 != nil || q.Get("mode") != "payment" || q.Get("line_items[0][quantity]") != "1" || q.Get("line_items[0][price_data][product_data][name]") == "":
			return refused("parameter_invalid")
		case until < 30*time.Minute || until > 24*time.Hour:
			return refused("expires_at_invalid")
		case units > 99999999:
			return refused("amount_too_large")
		}
		id := f.id("cs_test")
		s := object{
			"id": id, "object": "checkout.session", "livemode": false, "mode": "payment", "status": "open", "payment_status": "unpaid", "amount_total": units,
			"currency": q.Get("line_items[0][price_data][currency]"), "client_reference_id": q.Get("client_reference_id"), "metadata": metadata(q, "metadata"),
			"payment_intent": nil, "url": "https://checkout.example/" + id, "inner": metadata(q, "payment_intent_data[metadata]"), "expires": expires, "types": q.Get("payment_method_types[0]"),
		}
		f.sessions[id] = s
		return 200, text(s)
	case strings.HasSuffix(path, "/expire"):
		s := f.sessions[strings.TrimSuffix(strings.TrimPrefix(path, "/v1/checkout/sessions/"), "/expire")]
		if s == nil || s["status"] != "open" {
			return refused("resource_not_open")
		}
		s["status"], s["url"] = "expired", nil
		return 200, text(s)
	case path == "/v1/refunds":
		charge := q.Get("charge")
		n, err := strconv.ParseInt(q.Get("amount"), 10, 64)
		if err != nil || n <= 0 || charge == "" {
			return refused("parameter_invalid")
		}
		switch f.play[charge] {
		case "refuse":
			return refused("charge_already_refunded")
		case "poor":
			return refused("balance_insufficient")
		}
		r := object{"id": f.id("re"), "object": "refund", "amount": n, "currency": "usd", "charge": charge, "status": "succeeded", "metadata": metadata(q, "metadata")}
		switch f.play[charge] {
		case "fail":
			r["status"], r["failure_reason"] = "failed", "expired_or_canceled_card"
		case "pending":
			r["status"] = "pending"
		}
		f.refunds = append(f.refunds, r)
		if c := f.charge(charge); c != nil {
			c["amount_refunded"] = c["amount_refunded"].(int64) + n
		}
		return 200, text(r)
	}
	return 404, text(object{"error": object{"type": "invalid_request_error"}})
}

func (f *far) charge(id string) object {
	for _, c := range f.charges {
		if c["id"] == id {
			return c
		}
	}
	return nil
}

func listed(all []object, key string, q url.Values) (int, []byte) {
	out := []object{}
	for _, one := range slices.Backward(all) {
		if one[key] == q.Get(key) {
			out = append(out, one)
		}
	}
	if after := q.Get("starting_after"); after != "" {
		i := slices.IndexFunc(out, func(o object) bool { return o["id"] == after })
		out = out[i+1:]
	}
	more := len(out) > 2 // a small page, so that lists have several
	return 200, text(object{"object": "list", "data": out[:min(2, len(out))], "has_more": more})
}

func (f *far) get(path string, q url.Values) (int, []byte) {
	if id, ok := strings.CutPrefix(path, "/v1/checkout/sessions/"); ok && f.sessions[id] != nil {
		s := maps.Clone(f.sessions[id])
		return 200, text(s)
	}
	switch path {
	case "/v1/charges":
		return listed(f.charges, "payment_intent", q)
	case "/v1/refunds":
		return listed(f.refunds, "charge", q)
	case "/v1/disputes":
		return listed(f.disputes, "payment_intent", q)
	case "/v1/events":
		events := slices.Clone(f.events)
		if before := q.Get("ending_before"); before != "" {
			i := slices.IndexFunc(events, func(e object) bool { return e["id"] == before })
			if i < 0 {
				return refused("resource_missing")
			}
			events = events[i+1:]
			more := len(events) > 2
			events = events[:min(2, len(events))]
			slices.Reverse(events)
			return 200, text(object{"object": "list", "data": events, "has_more": more})
		}
		slices.Reverse(events)
		limit, _ := strconv.Atoi(q.Get("limit"))
		return 200, text(object{"object": "list", "data": events[:min(limit, len(events))], "has_more": len(events) > limit})
	}
	return 404, text(object{"error": object{"type": "invalid_request_error", "code": "resource_missing"}})
}

// happens puts an event on the list, and returns it as a webhook carries it.
func (f *far) happens(kind string, about object) []byte {
	e := object{"id": f.id("evt"), "object": "event", "type": kind, "livemode": false, "data": object{"object": maps.Clone(about)}}
	f.events = append(f.events, e)
	return text(e)
}

// sign is the header of a webhook by the published scheme.
func sign(secret string, at time.Time, body []byte) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return http.Header{"Stripe-Signature": {fmt.Sprintf("t=%d,v1=%s,v0=00", at.Unix(), hex.EncodeToString(mac.Sum(nil)))}}
}

// calls the webhook.
func (f *far) webhook(body []byte) {
	f.t.Helper()
	if words, err := f.Receive(context.Background(), sign(testSecret, f.clock(), body), body); err != nil || len(words) > 0 {
		f.t.Fatalf("a webhook was answered %v, %v", words, err)
	}
}

// asks puts a page into the rail's memory, as the engine does.
func (f *far) asks(id string, sum money.Amount) {
	f.t.Helper()
	now := f.clock()
	p := rail.Page{ID: id, Order: "order_" + id, Attempt: "att_" + id, Method: "card", Amount: sum, At: now, Until: now.Add(time.Hour), Title: "A thing & more"}
	f.remembers(p.Key(), func() []byte { b, _ := p.Text(); return b }())
}

func (f *far) remembers(key string, value []byte) {
	f.t.Helper()
	if err := f.state.Update(context.Background(), func(m rail.Memory) error { return m.Put(key, value) }); err != nil {
		f.t.Fatal(err)
	}
}

// of is the session of a page; nil when there is none.
func (f *far) of(page string) object {
	for _, s := range f.sessions {
		if s["client_reference_id"] == page {
			return s
		}
	}
	return nil
}

// pays tries to pay a session, and says what a webhook would carry.
func (f *far) pays(page, status string, sum int64, why string) (charge string, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of(page)
	if s["payment_intent"] == nil {
		s["payment_intent"] = f.id("pi")
	}
	captured, kind := sum, "checkout.session.completed"
	switch status {
	case "failed":
		captured, kind = 0, "payment_intent.payment_failed"
	case "succeeded":
		s["status"], s["payment_status"], s["url"] = "complete", "paid", nil
	case "pending":
		captured, s["status"], s["url"] = 0, "complete", nil
	}
	c := object{
		"id": f.id("ch"), "object": "charge", "livemode": false, "amount": sum, "amount_captured": captured, "amount_refunded": int64(0), "currency": s["currency"], "status": status,
		"disputed": false, "payment_intent": s["payment_intent"], "created": f.at.Unix(), "metadata": s["inner"], "billing_details": object{"name": "Ana Payer"},
		"failure_code": nil, "outcome": nil,
	}
	if why != "" {
		c["failure_code"], c["outcome"] = "card_declined", object{"reason": why}
	}
	f.charges = append(f.charges, c)
	about := maps.Clone(s)
	if status == "failed" { // then the event's object is the intent
		about = object{"id": s["payment_intent"], "object": "payment_intent", "metadata": s["inner"]}
	}
	return c["id"].(string), f.happens(kind, about)
}

// disputes takes a charge's money, or gives it back.
func (f *far) disputed(charge, status string, moves ...int64) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.charge(charge)
	c["disputed"] = true
	i := slices.IndexFunc(f.disputes, func(d object) bool { return d["charge"] == charge })
	if i < 0 {
		f.disputes = append(f.disputes, object{"id": f.id("dp"), "object": "dispute", "charge": charge, "payment_intent": c["payment_intent"], "amount": c["amount"], "reason": "fraudulent"})
		i = len(f.disputes) - 1
	}
	list := []object{}
	for _, n := range moves {
		list = append(list, object{"amount": n})
	}
	f.disputes[i]["status"], f.disputes[i]["balance_transactions"] = status, list
	return f.happens("charge.dispute.funds_withdrawn", f.disputes[i])
}

func (f *far) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *far) moved(_ *testing.T, transfer string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.refunds {
		if r["metadata"].(object)[transferLine] == transfer {
			n++
		}
	}
	return n
}
