package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// start is the time at which the tests' clocks stand.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// quiet is a config with what every loop needs.
func quiet(now func() time.Time) Config {
	return Config{Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// plainTeller tells of everything but seen payments, by the event's own name.
type plainTeller struct{ schedule webhook.Schedule }

func (plainTeller) Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool) {
	if ev.Type == "payment.seen" {
		return "", "", nil, false
	}
	public := ""
	if o != nil {
		public = o.PublicID
	}
	body, err := json.Marshal(map[string]any{"type": ev.Type, "order": public, "state": ev.State, "seq": ev.Seq})
	if err != nil {
		panic(err)
	}
	return "evt_" + ev.ID, ev.Type, body, true
}

func (plainTeller) Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header {
	return webhook.StandardHeaders(keys, m.WireID, at, m.Body)
}

func (t plainTeller) Retries(ep engine.Endpoint, _ map[string]json.RawMessage) webhook.Retries {
	return webhook.Retries{Waits: t.schedule, NotAfter4xx: ep.ScheduleOnly}
}

func (plainTeller) Wants(subscribed []string, kind string) bool {
	return len(subscribed) == 0 || slices.Contains(subscribed, kind)
}

const testSecret = webhook.Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")

func openTest(engine.Endpoint) ([]webhook.Secret, error) {
	return []webhook.Secret{testSecret}, nil
}

// testClient posts to loopback servers.
func testClient(t *testing.T, timeout time.Duration) *webhook.Client {
	client := webhook.NewClient(webhook.Guard{AllowPrivate: true, AllowHTTP: true}, webhook.Options{Timeout: timeout})
	t.Cleanup(client.Close)
	return client
}

// receiver is a merchant's server: it remembers what arrives and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(r received) (status int, header http.Header)
}

type received struct {
	id     string
	header http.Header
	body   string
}

func newReceiver(t *testing.T, answer func(r received) (int, http.Header)) *receiver {
	rc := &receiver{answer: answer}
	rc.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		in := received{id: r.Header.Get(webhook.HeaderID), header: r.Header, body: string(body)}
		rc.mu.Lock()
		rc.got = append(rc.got, in)
		answer := rc.answer
		rc.mu.Unlock()
		status, header := http.StatusOK, http.Header(nil)
		if answer != nil {
			status, header = answer(in)
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(rc.Close)
	return rc
}

// answers changes what it answers from now on.
func (rc *receiver) answers(status int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.answer = func(received) (int, http.Header) { return status, nil }
}

func (rc *receiver) received() []received {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.got)
}

// ids are the wire ids in the order of their arrival.
func (rc *receiver) ids() []string {
	var ids []string
	for _, r := range rc.received() {
		ids = append(ids, r.id)
	}
	return ids
}

// eventually polls until ok says so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// outbox is the part of the engine that sending needs, in memory.
type outbox struct {
	mu        sync.Mutex
	endpoints map[string]*engine.Endpoint
	messages  map[string]engine.Message
	bodies    map[string][]byte // as they were queued: a message's bytes never change

	saves    int                                                           // calls of Attempted that succeeded
	asked    map[string]int                                                // calls of DueMessages, by endpoint
	saving   func(ctx context.Context) error                               // before each Attempted; nil: nothing
	lookup   func(ep string) error                                         // before each Endpoint; nil: nothing
	read     func()                                                        // after each look of DueMessages, before its answer; nil: nothing
	settings func(engine.SettingScope) (map[string]json.RawMessage, error) // what merchants set; nil: nothing
	loses    bool                                                          // Attempted forgets what it is given, as a crash before it would
	wrong    func(f string, a ...any)
}

func newOutbox(t *testing.T) *outbox {
	return &outbox{endpoints: map[string]*engine.Endpoint{}, messages: map[string]engine.Message{}, bodies: map[string][]byte{},
		asked: map[string]int{}, wrong: t.Errorf}
}

func (b *outbox) endpoint(id, url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints[id] = &engine.Endpoint{ID: id, URL: url, Enabled: true, Secret: "sealed"}
}

// queue adds a message that is due at start. Ids count up, so that they sort as they were queued.
func (b *outbox) queue(endpoint, order string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := fmt.Sprintf("m%06d", len(b.messages))
	b.bodies[id] = []byte(`{"n":"` + id + `"}`)
	b.messages[id] = engine.Message{
		ID: id, OrderID: order, EndpointID: endpoint, Scope: engine.Scope{Dialect: "plain"}, WireID: "wire-" + id,
		Type: "order.paid", Body: b.bodies[id], State: engine.MessagePending, NextAt: start, CreatedAt: start,
	}
	return id
}

func (b *outbox) message(id string) engine.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages[id]
}

// count is how many messages of an endpoint are in a state.
func (b *outbox) count(endpoint string, state engine.MessageState) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if m.EndpointID == endpoint && m.State == state {
			n++
		}
	}
	return n
}

func (b *outbox) due(now time.Time) (list []engine.Message) {
	for _, m := range b.messages {
		if m.State == engine.MessagePending && !m.NextAt.After(now) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(x, y engine.Message) int {
		if c := x.NextAt.Compare(y.NextAt); c != 0 {
			return c
		}
		return bytes.Compare([]byte(x.ID), []byte(y.ID))
	})
	return list
}

func (b *outbox) DueEndpoints(ctx context.Context, now time.Time, after string, limit int) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for _, m := range b.due(now) {
		if m.EndpointID > after && !slices.Contains(ids, m.EndpointID) {
			ids = append(ids, m.EndpointID)
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], ctx.Err()
}

func (b *outbox) DueMessages(ctx context.Context, endpoint string, now time.Time, limit int) ([]engine.Message, error) {
	b.mu.Lock()
	b.asked[endpoint]++
	list := slices.DeleteFunc(b.due(now), func(m engine.Message) bool { return m.EndpointID != endpoint })
	b.mu.Unlock()
	if b.read != nil {
		b.read()
	}
	return list[:min(limit, len(list))], ctx.Err()
}

func (b *outbox) Endpoint(ctx context.Context, id string) (*engine.Endpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lookup != nil {
		if err := b.lookup(id); err != nil {
			return nil, err
		}
	}
	ep := b.endpoints[id]
	if ep == nil {
		return nil, ctx.Err()
	}
	copied := *ep
	return &copied, ctx.Err()
}

func (b *outbox) Settings(_ context.Context, at engine.SettingScope) (map[string]json.RawMessage, error) {
	if b.settings != nil {
		return b.settings(at)
	}
	return nil, nil
}

func (b *outbox) DisableEndpoint(ctx context.Context, id, url string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ep := b.endpoints[id]
	if ep.URL != url {
		return false, ctx.Err()
	}
	ep.Enabled = false
	return true, ctx.Err()
}

func (b *outbox) Attempted(ctx context.Context, messages []engine.Message) error {
	if b.saving != nil {
		if err := b.saving(ctx); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		was, known := b.messages[m.ID]
		if !known || was.State != engine.MessagePending || was.WireID != m.WireID || !bytes.Equal(m.Body, b.bodies[m.ID]) {
			b.wrong("message %s was recorded as %+v after %+v", m.ID, m, was)
		}
		if !b.loses {
			b.messages[m.ID] = m
		}
	}
	b.saves++
	return nil
}

// send makes a sender over an outbox.
func (b *outbox) send(client Poster, now func() time.Time, schedule webhook.Schedule) *Send {
	return &Send{
		loop: newLoop("send", NewBell(), quiet(now)), engine: b, tellers: map[string]Teller{"plain": plainTeller{schedule}},
		open: openTest, client: client, perEndpoint: 8, inAll: 256, lanes: map[string]*lane{},
	}
}

// posterFunc is a client made of a function.
type posterFunc func(ctx context.Context, url string, header http.Header, body []byte) (webhook.Answer, error)

func (f posterFunc) Post(ctx context.Context, url string, header http.Header, body []byte) (webhook.Answer, error) {
	return f(ctx, url, header, body)
}

// once runs a loop once and fails the test on an error.
func once(t *testing.T, runOnce func(context.Context) (int, error)) int {
	t.Helper()
	n, err := runOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// running runs something until the test, or the function it returns, stops it.
func running(t *testing.T, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}
