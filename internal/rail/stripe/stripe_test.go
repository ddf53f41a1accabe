package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/railtest"
	"till/internal/secrets"
)

var ids atomic.Int64

func TestRail(t *testing.T) {
	railtest.Run(t, railtest.Fixture{
		Collects: func(t *testing.T) railtest.Collecting {
			f := open(t)
			bodies := map[string][]byte{}
			return railtest.Collecting{
				Rail: f.Rail, Asset: usd, Reopen: f.reopen,
				Told: func(t *testing.T, from rail.Cursor, enough func([]rail.Observation) bool) (rail.Cursor, []rail.Observation) {
					return railtest.Watching(func() rail.Watcher { return f.Rail }, &railtest.Book{})(t, from, enough)
				},
				Instrument: func(*testing.T) string { return fmt.Sprintf("PSP-%d", ids.Add(1)) },
				Pay: func(t *testing.T, in string, sum money.Amount) string {
					if f.of(in) == nil {
						f.asks(in, sum)
						f.until(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.of(in) != nil })
					}
					id, body := f.pays(in, "succeeded", sum.Big().Int64(), "")
					f.webhook(body)
					bodies[id] = body
					return id
				},
				Again: func(t *testing.T, id string) { f.webhook(bodies[id]) },
				Reverse: func(t *testing.T, id string) {
					f.webhook(f.disputed(id, "needs_response", -7))
				},
			}
		},
		Sends: func(t *testing.T) railtest.Sending {
			f := open(t)
			f.play = map[string]string{"ch_refuses": "refuse", "ch_fails": "fail"}
			return railtest.Sending{
				Rail: func() rail.Sender { return flaky{f.Rail, f} }, Moved: f.moved, Reopen: f.reopen, Asset: usd,
				Good: "ch_good", Refuses: "ch_refuses", Fails: "ch_fails", Answers: "ch_answers", Loses: "ch_loses",
			}
		},
	})
}

// flaky loses the first answer of one charge's refund, and the first call of another's.
type flaky struct {
	*Rail
	f *far
}

func (s flaky) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	s.f.mu.Lock()
	if s.f.play[d.To] == "" {
		switch d.To {
		case "ch_answers":
			s.f.lose, s.f.play[d.To] = 1, "ok"
		case "ch_loses":
			s.f.drop, s.f.play[d.To] = 1, "ok"
		}
	}
	s.f.mu.Unlock()
	return s.Rail.Send(ctx, d)
}

// watched is a run of the rail that keeps the last word of each kind.
type watched struct {
	mu     sync.Mutex
	words  []rail.Observation
	at     rail.Cursor
	end    context.CancelFunc
	over   sync.WaitGroup
	refuse int // reports that are not booked
}

func (f *far) watch(t *testing.T) *watched {
	ctx, end := context.WithCancel(context.Background())
	w := &watched{end: end}
	r := f.Rail
	w.over.Go(func() {
		_ = r.Watch(ctx, rail.Cursor{}, nil, func(_ context.Context, to rail.Cursor, words []rail.Observation) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.refuse > 0 && len(words) > 0 {
				w.refuse--
				return errLine
			}
			w.at, w.words = to, append(w.words, words...)
			return nil
		})
	})
	t.Cleanup(w.stop)
	return w
}

func (w *watched) stop() { w.end(); w.over.Wait() }

// until runs the rail until something holds.
func (f *far) until(t *testing.T, ok func() bool) {
	t.Helper()
	w := f.watch(t)
	defer w.stop()
	wait(t, "it holds", ok)
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// last is the last word about a charge; with "" about a page alone.
func (w *watched) last(charge string) (o rail.Observation, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.words {
		if one.Transfer == nil && one.External == charge {
			o, n = one, n+1
		}
	}
	return o, n
}

// paid asks for a page of 12.34 USD and waits until it is told where that is.
func (f *far) paid(t *testing.T, w *watched, page string) {
	t.Helper()
	f.asks(page, money.FromInt(usd, 1234))
	wait(t, "the page is told", func() bool { o, _ := w.last(""); return o.Instrument == page && o.Session.URL != "" })
}

// A page is made once, told, declined once, then paid; what the session says is told beside the money.
func TestDeclinedThenPaid(t *testing.T) {
	f := open(t)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	bad, body := f.pays("PSP-A", "failed", 1234, "insufficient_funds")
	f.webhook(body)
	wait(t, "the decline", func() bool { o, _ := w.last(bad); return o.Rank == order.RankFailed })
	o, _ := w.last(bad)
	if o.Session.Reason != "insufficient_funds" || o.Session.Ends != "" || o.Instrument != "PSP-A" {
		t.Errorf("declined as %+v %+v", o, o.Session)
	}
	good, body := f.pays("PSP-A", "succeeded", 1234, "")
	f.webhook(body)
	wait(t, "the payment", func() bool { o, _ := w.last(good); return o.Rank == order.RankConfirmed })
	o, _ = w.last(good)
	if !o.Amount.Equal(money.FromInt(usd, 1234)) || !o.Value.Equal(start) || o.Evidence.From != good || o.Evidence.Name != "Ana Payer" || o.Session.Ends != "" {
		t.Errorf("paid as %+v %+v", o, o.Session)
	}
	if n := f.count("POST /v1/checkout/sessions"); n != 1 {
		t.Errorf("%d sessions were asked for", n)
	}
}

// Without any webhook the money is found too: open sessions are asked for.
func TestWebhookIsLost(t *testing.T) {
	f := open(t)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	id, _ := f.pays("PSP-A", "succeeded", 1234, "")
	f.pass(2 * time.Second)
	wait(t, "the payment", func() bool { o, _ := w.last(id); return o.Rank == order.RankConfirmed })
	w.stop()

	// What comes after the session was over is found on the list of events.
	w = f.watch(t)
	f.disputed(id, "needs_response", -1234)
	f.pass(11 * time.Second)
	wait(t, "the dispute", func() bool { o, _ := w.last(id); return o.Rank == order.RankReversed })
	if n := f.Disputes(); n != 1 {
		t.Errorf("%d disputes are open", n)
	}
	f.disputed(id, "won", -1234, 1234)
	f.pass(11 * time.Second)
	wait(t, "it is won", func() bool { o, _ := w.last(id); return o.Rank == order.RankConfirmed && o.Epoch == 2 })
	wait(t, "no dispute is open", func() bool { return f.Disputes() == 0 })
}

// A session that nobody paid ends its attempt; one that is being worked on waits.
func TestEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(f *far)
		want rail.Ends
		why  string
	}{
		{"expired", func(f *far) { f.mu.Lock(); f.of("PSP-A")["status"] = "expired"; f.mu.Unlock() }, rail.EndsLeft, ""},
		{"pending", func(f *far) { f.pays("PSP-A", "pending", 1234, "") }, rail.EndsPending, ""},
		{"bank says no", func(f *far) {
			f.pays("PSP-A", "failed", 1234, "debit_not_authorized")
			f.mu.Lock()
			f.of("PSP-A")["status"] = "complete"
			f.mu.Unlock()
		}, rail.EndsDeclined, "debit_not_authorized"},
	} {
		f := open(t)
		w := f.watch(t)
		f.paid(t, w, "PSP-A")
		test.play(f)
		f.pass(11 * time.Second)
		wait(t, test.name, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			o := w.words[len(w.words)-1]
			return o.Session != nil && o.Session.Ends == test.want && o.Session.Reason == test.why
		})
		w.stop()
	}
}

// A page that nobody may pay on any more is closed, also one whose making was not answered.
func TestClosed(t *testing.T) {
	f := open(t)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	f.remembers(rail.CloseKey+"PSP-A", []byte("1"))
	closed := func(page string) func() bool {
		return func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			s := f.of(page)
			return s != nil && s["status"] == "expired"
		}
	}
	wait(t, "it is closed", closed("PSP-A"))
	f.mu.Lock()
	f.lose = 1
	f.mu.Unlock()
	f.asks("PSP-B", money.FromInt(usd, 500))
	f.remembers(rail.CloseKey+"PSP-B", []byte("1"))
	wait(t, "the other is closed", closed("PSP-B"))
	if len(f.sessions) != 2 {
		t.Errorf("there are %d sessions", len(f.sessions))
	}
}

// A page that cannot be made holds up no other, and its attempt ends when it is too late to make it.
func TestPageCannotBeMade(t *testing.T) {
	f := open(t)
	f.broken = "PSP-A"
	f.asks("PSP-A", money.FromInt(usd, 500))
	w := f.watch(t)
	f.paid(t, w, "PSP-B")
	f.pass(tooLate)
	wait(t, "it is given up", func() bool {
		o, _ := w.last("")
		return o.Instrument == "PSP-A" && o.Session.Ends == rail.EndsDeclined && o.Session.Reason == "too_late"
	})
}

// case 63
func TestUnmatched(t *testing.T) {
	for name, change := range map[string]func(s object, f *far){
		"another amount":   func(s object, _ *far) { s["amount_total"] = int64(1) },
		"another currency": func(s object, _ *far) { s["currency"] = "eur" },
		"another order":    func(s object, _ *far) { s["metadata"].(object)[orderLine] = "order_other" },
		"another page":     func(s object, _ *far) { s["client_reference_id"] = "PSP-Z" },
		"the other mode":   func(s object, _ *far) { s["livemode"] = true },
		"another intent":   func(_ object, f *far) { f.charges[0]["livemode"] = true },
		"a charge of another page": func(_ object, f *far) {
			f.charges[0]["metadata"] = object{pageLine: "PSP-Z"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			w := f.watch(t)
			f.paid(t, w, "PSP-A")
			id, body := f.pays("PSP-A", "succeeded", 1234, "")
			f.mu.Lock()
			change(f.of("PSP-A"), f)
			f.mu.Unlock()
			f.webhook(body)
			wait(t, "it is unmatched", func() bool { return f.Health().Unmatched == 1 })
			if _, n := w.last(id); n != 0 {
				t.Error("its money was told")
			}
			list, err := rail.ListUnmatched(t.Context(), f.state, "", 10)
			if err != nil || len(list) != 1 || list[0].Why == "" {
				t.Errorf("unmatched are %v, %v", list, err)
			}
		})
	}
}

// case 64, case 65: an event that is told again changes nothing, whatever its time; one that comes before its page is on record waits.
func TestReplayedAndEarly(t *testing.T) {
	f := open(t)
	early := []byte(`{"id":"evt_x","object":"event","type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_test_1","object":"checkout.session","metadata":{"till_page":"PSP-A"}}}}`)
	f.webhook(early)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	id, body := f.pays("PSP-A", "succeeded", 1234, "")
	f.pass(time.Minute) // until the hint is looked into again
	wait(t, "the payment", func() bool { o, _ := w.last(id); return o.Rank == order.RankConfirmed })
	o, _ := w.last(id)
	for range 3 {
		f.pass(time.Hour)
		_, before := w.last(id)
		f.webhook(body)
		wait(t, "it is told again", func() bool { _, n := w.last(id); return n > before })
	}
	again, _ := w.last(id)
	if again.Epoch != o.Epoch || again.Rank != o.Rank || !again.Value.Equal(o.Value) || !again.Amount.Equal(o.Amount) {
		t.Errorf("first told %+v, then %+v", o, again)
	}
}

// case 61, case 62: the vector was made by `printf '%s' "$t.$body" | openssl dgst -sha256 -hmac whsec_vector`.
func TestSignature(t *testing.T) {
	const (
		secret = "whsec_vector"
		body   = `{"id":"evt_1","object":"event"}`
		good   = "a795f451589fb52758f7c47016e942da1ee61d37185752f4aad1580ef09917ae"
	)
	at := time.Unix(1772366400, 0)
	for _, test := range []struct {
		name    string
		headers []string
		secret  secrets.Text
		body    string
		at      time.Time
		want    bool
	}{
		{"true", []string{"t=1772366400,v1=" + good}, secret, body, at, true},
		{"one of several", []string{"t=1772366400,v1=" + strings.Repeat("0", 64) + ",v1=" + good + ",v0=abc"}, secret, body, at, true},
		{"at the edge", []string{"t=1772366400,v1=" + good}, secret, body, at.Add(tolerance), true},
		{"too old", []string{"t=1772366400,v1=" + good}, secret, body, at.Add(tolerance + time.Second), false},
		{"of the future", []string{"t=1772366400,v1=" + good}, secret, body, at.Add(-tolerance - time.Second), false},
		{"a new time on an old signature", []string{"t=1772366401,v1=" + good}, secret, body, at, false},
		{"another secret", []string{"t=1772366400,v1=" + good}, "whsec_other", body, at, false},
		{"no secret", []string{"t=1772366400,v1=" + good}, "", body, at, false},
		{"shortened", []string{"t=1772366400,v1=" + good[:63]}, secret, body, at, false},
		{"empty", []string{"t=1772366400,v1="}, secret, body, at, false},
		{"another scheme", []string{"t=1772366400,v0=" + good}, secret, body, at, false},
		{"none", nil, secret, body, at, false},
		{"two headers", []string{"t=1772366400,v1=" + good, "t=1772366400,v1=" + good}, secret, body, at, false},
		{"no time", []string{"v1=" + good}, secret, body, at, false},
		{"encoded anew", []string{"t=1772366400,v1=" + good}, secret, `{"id": "evt_1", "object": "event"}`, at, false},
	} {
		if got := signed(test.secret, test.headers, []byte(test.body), test.at); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	f := open(t)
	_, err := f.Receive(t.Context(), http.Header{}, []byte(body))
	if !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("no signature: %v", err)
	}
	_, err = f.Receive(t.Context(), sign(testSecret, f.clock(), []byte("nonsense")), []byte("nonsense"))
	if !fault.Is(err, fault.CodeInvalidValue) {
		t.Errorf("nonsense: %v", err)
	}
}

// What is stopped anywhere goes on where it was: one session, one refund, the same last word.
func TestStoppedAnywhere(t *testing.T) {
	for stop := range 14 {
		f := open(t)
		real := f.state
		crash := &crashing{State: real, left: stop}
		f.state = crash
		f.reopen(t)
		ctx, end := context.WithCancel(context.Background())
		var words sync.Map
		run := func() *sync.WaitGroup {
			r := f.Rail
			var over sync.WaitGroup
			over.Go(func() {
				_ = r.Watch(ctx, rail.Cursor{}, nil, func(_ context.Context, _ rail.Cursor, seen []rail.Observation) error {
					if crash.die() {
						return errLine
					}
					for _, o := range seen {
						if o.External != "" {
							words.Store(o.External, o)
						}
					}
					return nil
				})
			})
			return &over
		}
		f.state = real
		f.asks("PSP-A", money.FromInt(usd, 1234))
		over := run()
		wait(t, "the session", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.of("PSP-A") != nil })
		id, body := f.pays("PSP-A", "succeeded", 1234, "")
		for { // Stripe calls again until it is heard
			if _, err := f.Receive(ctx, sign(testSecret, f.clock(), body), body); err == nil {
				break
			}
		}
		wait(t, fmt.Sprint("the payment, stopped at ", stop), func() bool {
			f.pass(time.Second) // what waits for its next try gets it
			o, ok := words.Load(id)
			return ok && o.(rail.Observation).Rank == order.RankConfirmed
		})
		d := rail.Delivery{ID: "t1", To: id, Amount: money.FromInt(usd, 1000)}
		f.mu.Lock()
		f.lose = 1
		f.mu.Unlock()
		if _, err := f.Rail.Send(ctx, d); err == nil {
			t.Fatal("a lost answer was none")
		}
		f.mu.Lock()
		clear(f.once) // a day later nobody knows the key
		f.mu.Unlock()
		if _, err := f.Rail.Send(ctx, d); err != nil {
			t.Fatal(err)
		}
		if len(f.sessions) != 1 || f.moved(t, "t1") != 1 {
			t.Errorf("stopped at %d: %d sessions, the refund moved %d times", stop, len(f.sessions), f.moved(t, "t1"))
		}
		end()
		over.Wait()
	}
}

// crashing is a memory that fails once, at its nth writing or report, before or after it was done.
type crashing struct {
	rail.State
	mu   sync.Mutex
	left int
}

func (c *crashing) die() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	return c.left == -1
}

func (c *crashing) Update(ctx context.Context, fn func(rail.Memory) error, reads ...string) error {
	if c.die() {
		return errLine
	}
	err := c.State.Update(ctx, fn, reads...)
	if err == nil && c.die() {
		return errLine // it was done, and nobody heard that
	}
	return err
}

// Refunds made elsewhere take money back, ours do not; what became of ours is told.
func TestRefunds(t *testing.T) {
	f := open(t)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	id, body := f.pays("PSP-A", "succeeded", 1234, "")
	f.webhook(body)
	wait(t, "the payment", func() bool { o, _ := w.last(id); return o.Rank == order.RankConfirmed })
	f.mu.Lock()
	f.play[id] = "pending"
	f.mu.Unlock()
	if _, err := f.Rail.Send(t.Context(), rail.Delivery{ID: "t1", To: id, Amount: money.FromInt(usd, 200)}); err != nil {
		t.Fatal(err)
	}
	transfer := func(status rail.Status) func() bool {
		return func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, o := range w.words {
				if o.Transfer != nil && o.Transfer.ID == "t1" && o.Transfer.Status == status {
					return true
				}
			}
			return false
		}
	}
	event := func(kind, status string) {
		f.mu.Lock()
		f.refunds[0]["status"] = status
		about := object{"id": "re_x", "object": "refund", "payment_intent": f.charge(id)["payment_intent"]}
		b := f.happens(kind, about)
		f.mu.Unlock()
		f.webhook(b)
	}
	event("refund.updated", "pending")
	wait(t, "sent", transfer(rail.StatusSent))
	event("refund.updated", "succeeded")
	wait(t, "delivered", transfer(rail.StatusDelivered))
	event("refund.failed", "failed")
	wait(t, "returned", transfer(rail.StatusReturned))
	if o, _ := w.last(id); !o.Amount.Equal(money.FromInt(usd, 1234)) || o.Rank != order.RankConfirmed {
		t.Errorf("our refund changed the payment: %+v", o)
	}
	f.mu.Lock()
	f.refunds = append(f.refunds, object{"id": "re_else", "object": "refund", "amount": int64(234), "charge": id, "status": "succeeded", "currency": "usd"})
	b := f.happens("charge.refunded", f.charge(id))
	f.mu.Unlock()
	f.webhook(b)
	wait(t, "a part was taken back", func() bool { o, _ := w.last(id); return o.Amount.Equal(money.FromInt(usd, 1000)) && o.Epoch == 1 })
}

// Stripe counts only what stays given back: when the only refund of a charge fails, the charge says 0 again. Both kinds are
// still told: ours came back, and what somebody else gave back is there again.
func TestFailedRefundThatTheChargeForgot(t *testing.T) {
	f := open(t)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	id, body := f.pays("PSP-A", "succeeded", 1234, "")
	f.webhook(body)
	wait(t, "the payment", func() bool { o, _ := w.last(id); return o.Rank == order.RankConfirmed })
	given := func(refund int, status string, refunded int64) {
		f.mu.Lock()
		f.refunds[refund]["status"] = status
		f.charge(id)["amount_refunded"] = refunded
		b := f.happens("refund.updated", object{"id": "re_x", "object": "refund", "payment_intent": f.charge(id)["payment_intent"]})
		f.mu.Unlock()
		f.webhook(b)
	}
	if _, err := f.Rail.Send(t.Context(), rail.Delivery{ID: "t1", To: id, Amount: money.FromInt(usd, 200)}); err != nil {
		t.Fatal(err)
	}
	said := func(status rail.Status) func() bool {
		return func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.ContainsFunc(w.words, func(o rail.Observation) bool {
				return o.Transfer != nil && o.Transfer.ID == "t1" && o.Transfer.Status == status
			})
		}
	}
	given(0, "succeeded", 200)
	wait(t, "delivered", said(rail.StatusDelivered))
	given(0, "failed", 0)
	wait(t, "returned", said(rail.StatusReturned))

	f.mu.Lock()
	f.refunds = append(f.refunds, object{"id": "re_else", "object": "refund", "amount": int64(234), "charge": id, "currency": "usd"})
	f.mu.Unlock()
	given(1, "succeeded", 234)
	wait(t, "a part was taken back", func() bool { o, _ := w.last(id); return o.Amount.Equal(money.FromInt(usd, 1000)) && o.Epoch == 1 })
	given(1, "failed", 0)
	wait(t, "it is there again", func() bool { o, _ := w.last(id); return o.Amount.Equal(money.FromInt(usd, 1234)) && o.Epoch == 2 })
}

// Errors of a refund say what they mean.
func TestRefundRefused(t *testing.T) {
	f := open(t)
	f.play["ch_poor"] = "poor"
	d := rail.Delivery{ID: "t1", To: "ch_poor", Amount: money.FromInt(usd, 200)}
	if _, err := f.Rail.Send(t.Context(), d); !errors.Is(err, rail.ErrNotNow) {
		t.Errorf("an empty balance: %v", err)
	}
	if _, err := f.Rail.Send(t.Context(), rail.Delivery{ID: "t1", To: "../x", Amount: d.Amount}); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("no charge: %v", err)
	}
	for status, want := range map[int]error{401: rail.ErrNotNow, 429: rail.ErrNotNow, 400: rail.ErrRefused} {
		f.status = status
		if _, err := f.Rail.Send(t.Context(), d); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, status := range []int{500, 409, 302} {
		f.status = status
		if _, err := f.Rail.Send(t.Context(), d); err == nil || errors.Is(err, rail.ErrRefused) || errors.Is(err, rail.ErrNotNow) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// case 7: amounts in the units of Stripe, there and back.
func TestUnits(t *testing.T) {
	for _, test := range []struct {
		code  string
		scale int
		have  int64
		want  int64 // 0: it cannot be said
	}{
		{"USD", 2, 1234, 1234}, {"JPY", 0, 295, 295}, {"KWD", 3, 295990, 295990}, {"KWD", 3, 295991, 0}, {"CLP", 0, 5, 5}, {"ISK", 0, 5, 500}, {"MGA", 2, 500, 5}, {"MGA", 2, 501, 0}, {"USD", 2, 0, 0},
	} {
		a := money.MustAsset(test.code, "", uint8(test.scale))
		got, err := units(money.FromInt(a, test.have))
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%d %s is %d, %v", test.have, test.code, got, err)
		}
		if back, err := amount(a, strings.ToLower(test.code), got); test.want != 0 && (err != nil || !back.Equal(money.FromInt(a, test.have))) {
			t.Errorf("%d %s comes back as %s, %v", test.have, test.code, back, err)
		}
	}
	if _, err := amount(usd, "eur", 5); err == nil {
		t.Error("another currency was taken")
	}
	if _, err := amount(money.MustAsset("ISK", "", 0), "isk", 550); err == nil {
		t.Error("half a unit was taken")
	}
}

// Outages hold the horizon back, are told as trouble once, and say nothing secret.
func TestOutage(t *testing.T) {
	var log strings.Builder
	var mu sync.Mutex
	f := open(t)
	f.Rail.log = slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))
	f.Rail.Service = rail.NewService(f.state, f.Rail.now, f.Rail.log, f.poll)
	w := f.watch(t)
	f.paid(t, w, "PSP-A")
	f.mu.Lock()
	f.down = true
	f.mu.Unlock()
	f.pass(time.Hour)
	wait(t, "trouble", func() bool { return f.Health().Err != nil })
	w.mu.Lock()
	behind := w.at.Horizon
	w.mu.Unlock()
	if !behind.Before(start.Add(time.Minute)) {
		t.Errorf("the horizon is %s", behind)
	}
	f.mu.Lock()
	f.down = false
	f.mu.Unlock()
	wait(t, "it is well", func() bool { return f.Health().Err == nil })
	wait(t, "the horizon follows", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.at.Horizon.After(start.Add(50 * time.Minute)) })
	w.stop()
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Contains(text, testKey) || strings.Contains(text, testSecret) || strings.Count(text, "cannot be asked") != 1 {
		t.Errorf("the log: %s", text)
	}
}

type locked struct {
	mu *sync.Mutex
	to *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// What cannot be read, or asks too much, is no answer.
func TestRefusals(t *testing.T) {
	f := open(t)
	good := Config{ID: "main", Key: "k", Secret: "s", State: f.state, Caller: f, Now: f.clock, Return: func(string) string { return "" }}
	for name, change := range map[string]func(*Config){
		"id": func(c *Config) { c.ID = "A b" }, "key": func(c *Config) { c.Key = "" }, "secret": func(c *Config) { c.Secret = "" },
		"state": func(c *Config) { c.State = nil }, "return": func(c *Config) { c.Return = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	w := f.watch(t)
	f.asks("PSP-BIG", money.FromInt(usd, 100_000_000))
	wait(t, "a refused page ends its attempt", func() bool {
		o, _ := w.last("")
		return o.Session != nil && o.Session.Ends == rail.EndsDeclined && o.Session.Reason == "amount_too_large"
	})
	f.asks("PSP-ODD", money.FromInt(money.MustAsset("KWD", "", 3), 1001))
	wait(t, "an amount that cannot be said too", func() bool {
		o, _ := w.last("")
		return o.Instrument == "PSP-ODD" && o.Session.Ends == rail.EndsDeclined && o.Session.Reason == "amount_unsupported"
	})
}
