package daimo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
	"till/internal/simgateway"
)

var (
	usdc  = money.MustAsset("USDC", "line", 6)
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const (
	token  = "0x176211869cA2b568f2A7D4EE941E073a821EE1ff"
	to     = "0x00000000000000000000000000000000000000A1"
	refund = "0x00000000000000000000000000000000000000B2"
	secret = "the secret of callbacks"
)

// gate is a rail, its gateway, and a clock that only the test moves. Everything that was reported is in told.
type gate struct {
	*testing.T
	*watch
	sim    *simgateway.Gateway
	at     time.Time
	told   []rail.Observation
	broken bool // reports are refused
	real   bool // the clock is the system's
	config Config
}

var apis = []API{Payments, Sessions}

// both runs a test for both generations.
func both(t *testing.T, test func(g *gate)) {
	for _, api := range apis {
		t.Run(string(api), func(t *testing.T) { test(open(t, api)) })
	}
}

func open(t *testing.T, api API) *gate {
	t.Helper()
	g := &gate{T: t, at: start}
	now := func() time.Time {
		if g.real {
			return time.Now()
		}
		return g.at
	}
	sim, err := simgateway.New(simgateway.Config{API: string(api), Key: "key", Secret: secret, Now: now, Pages: "https://pages",
		Hook: func(ctx context.Context, header http.Header, body []byte) error {
			_, err := g.Receive(ctx, header, body)
			return err
		}})
	g.must(err)
	g.sim = sim
	g.config = Config{ID: "one", API: api, URL: "http://gateway", Key: "key", Secret: secret, Refund: refund, State: railtest.Memory(), Caller: sim, Now: now}
	g.reopen()
	return g
}

// reopen is a restart.
func (g *gate) reopen() {
	g.Helper()
	r, err := New(g.config)
	g.must(err)
	var from rail.Cursor
	if g.watch != nil {
		from = g.watch.at
	}
	g.watch = &watch{Rail: r, at: from, skipped: map[string]time.Time{}, report: func(_ context.Context, to rail.Cursor, seen []rail.Observation) error {
		if g.broken {
			return errors.New("not booked")
		}
		g.told = append(g.told, seen...)
		return nil
	}}
}

func (g *gate) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// request is asked of the gateway as the engine does it.
func (g *gate) request(id string) rail.Request {
	g.Helper()
	r := rail.Request{ID: id, Amount: money.FromInt(usdc, 199_000000), Chain: 59144, Token: token, To: to, Until: g.at.Add(90 * time.Minute),
		Title: "A card", Currency: "USD", Price: "199.00", Metadata: map[string]string{"orderId": "o1"}}
	text, err := r.Text()
	g.must(err)
	g.must(g.state.Update(g.Context(), func(m rail.Memory) error { return m.Put(r.Key(), text) }))
	return r
}

// made is a request whose payment the gateway has; it returns the payment's id.
func (g *gate) made(id string) string {
	g.Helper()
	g.request(id)
	g.must(g.round(g.Context()))
	p, ok := g.sim.Find(id)
	if !ok {
		g.Fatal("the gateway was not asked for a payment")
	}
	g.told = nil
	return p.ID
}

// after lets time pass and looks once.
func (g *gate) after(d time.Duration) {
	g.Helper()
	g.at = g.at.Add(d)
	g.must(g.round(g.Context()))
}

// words is what was told since the last call, shortly.
func (g *gate) words() string {
	var list []string
	for _, o := range g.told {
		list = append(list, strings.TrimSpace(fmt.Sprint(o.Rank, " ", o.Epoch, " ", o.Amount.Decimal(), " ", o.Session.Note)))
	}
	g.told = nil
	return strings.Join(list, ", ")
}

func (g *gate) wantWords(want string) {
	g.Helper()
	if got := g.words(); got != want {
		g.Errorf("told %q, want %q", got, want)
	}
}

func (g *gate) lines(prefix string) int {
	g.Helper()
	items, err := g.state.List(g.Context(), prefix, "", 100)
	g.must(err)
	return len(items)
}

func (g *gate) wantUnmatched(why string) {
	g.Helper()
	list, err := rail.ListUnmatched(g.Context(), g.state, "", 10)
	g.must(err)
	if len(list) != 1 || !strings.Contains(list[0].Why, why) {
		g.Errorf("unmatched: %+v, want one because %s", list, why)
	}
}

func TestRail(t *testing.T) {
	for _, api := range apis {
		t.Run(string(api), func(t *testing.T) {
			railtest.Run(t, railtest.Fixture{Collects: func(t *testing.T) railtest.Collecting {
				g := open(t, api)
				g.real, g.config.Poll, g.config.Every = true, time.Millisecond, 10*time.Millisecond
				g.reopen()
				n := 0
				c := railtest.Collecting{Asset: usdc, Rail: g.Rail}
				watcher := func() rail.Watcher { return g.Rail }
				c.Told = railtest.Watching(watcher, &railtest.Book{})
				c.Instrument = func(t *testing.T) string {
					n++
					g.request(fmt.Sprint("payment_", n))
					return fmt.Sprint("payment_", n)
				}
				c.Pay = func(t *testing.T, instrument string, amount money.Amount) string {
					if _, ok := g.sim.Find(instrument); !ok {
						g.must(g.round(t.Context()))
					}
					p, _ := g.sim.Find(instrument)
					if p.Status == simgateway.Completed { // a second payment of one request
						second := p
						second.Status, second.Received, second.Tx = "", "", ""
						var err error
						if p, err = g.sim.Add(second); err != nil {
							t.Fatal(err)
						}
					}
					g.must(g.sim.Complete(t.Context(), p.ID, amount.Decimal()))
					return p.ID
				}
				c.Again = func(t *testing.T, id string) {
					for i, cb := range g.sim.Callbacks() {
						if cb.Payment == id {
							g.must(g.sim.Send(t.Context(), i))
						}
					}
				}
				c.Reopen = func(t *testing.T) { g.reopen() }
				return c
			}})
		})
	}
}

// The whole way: asked for, seen, delivered. What is told says enough to find the order and to show the payment.
func TestPaid(t *testing.T) {
	both(t, func(g *gate) {
		g.request("payment_1")
		g.must(g.round(g.Context()))
		opened := g.told[0]
		if s := opened.Session; len(g.told) != 1 || opened.Rank != 0 || opened.Instrument != "payment_1" || s.Payment == "" || s.Status != "unpaid" || s.URL != "https://pages/pay/"+s.Payment {
			t.Errorf("told %+v %+v", opened, opened.Session)
		}
		g.told = nil
		p, _ := g.sim.Find("payment_1")
		if p.Amount != "199.000000" || p.To != to || p.Token != token || p.Chain != 59144 || p.RefundTo != refund || p.Title != "A card" || p.Metadata["orderId"] != "o1" {
			g.Errorf("asked for %+v", p)
		}
		g.at = g.at.Add(3 * time.Minute)
		g.must(g.sim.Begin(g.Context(), p.ID))
		g.must(g.round(g.Context()))
		seen := g.told[0]
		if seen.External != p.ID || seen.Session.Status != "started" || seen.Instrument != "payment_1" || !seen.Value.Equal(start) {
			g.Errorf("seen: %+v", seen) // it was not there when the gateway was asked before
		}
		g.wantWords("seen 0 199.000000")
		g.must(g.sim.Complete(g.Context(), p.ID, ""))
		g.must(g.round(g.Context()))
		p, _ = g.sim.Find("payment_1")
		done := g.told[0]
		if done.Evidence.Tx != p.Tx || done.Session.Tx != p.Tx || done.Evidence.To != to || !done.Value.Equal(start) {
			g.Errorf("delivered: %+v %+v", done, done.Session)
		}
		g.wantWords("confirmed 1 199.000000")
		if n := g.lines(hintKey) + g.lines(dueKey) + g.lines(lateKey) + g.lines(rail.RequestKey); n != 0 {
			g.Errorf("%d lines of work are left", n)
		}
		g.after(time.Hour)
		g.wantWords("")
	})
}

// A callback that never came is made up for by asking, within the time that the rail promises.
func TestLostCallback(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.sim.Mute(true)
		g.after(20 * time.Minute)
		g.wantWords("")
		g.must(g.sim.Complete(g.Context(), id, ""))
		g.after(g.every)
		g.wantWords("confirmed 1 199.000000")
	})
}

// case 61: a callback that proves nothing is refused, in whatever way it fails, and changes nothing.
// case 62: what is proved is the body's own bytes.
func TestForged(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.sim.Mute(true)
		g.must(g.sim.Complete(g.Context(), id, ""))
		cb := g.sim.Callbacks()[0]
		good := g.sim.Header(cb)
		headers := map[string]func(h http.Header){
			"none":     func(h http.Header) { h.Del("Authorization"); h.Del("Daimo-Signature") },
			"empty":    func(h http.Header) { h.Set("Authorization", ""); h.Set("Daimo-Signature", "") },
			"no value": func(h http.Header) { h.Set("Authorization", "Basic "); h.Set("Daimo-Signature", "t=,v1=") },
			"truncated": func(h http.Header) {
				for _, name := range []string{"Authorization", "Daimo-Signature"} {
					h.Set(name, h.Get(name)[:max(0, len(h.Get(name))-1)])
				}
			},
			"wrong": func(h http.Header) { h.Set("Authorization", "Basic other"); h.Set("Daimo-Signature", "t=1,v1=00") },
			"another scheme": func(h http.Header) {
				h.Set("Authorization", "Bearer "+secret)
				h.Set("Daimo-Signature", strings.Replace(h.Get("Daimo-Signature"), "v1=", "v0=", 1))
			},
		}
		var texts []string
		for name, change := range headers {
			h := good.Clone()
			change(h)
			_, err := g.Receive(g.Context(), h, cb.Body)
			if !fault.Is(err, fault.CodeUnauthorized) {
				g.Fatalf("%s: %v", name, err)
			}
			texts = append(texts, err.Error())
		}
		for _, text := range texts {
			if text != texts[0] {
				g.Errorf("the refusals differ: %q, %q", text, texts[0])
			}
		}
		if g.config.API == Sessions {
			var value any
			g.must(json.Unmarshal(cb.Body, &value))
			encoded, err := json.MarshalIndent(value, "", " ")
			g.must(err)
			if _, err := g.Receive(g.Context(), good, encoded); !fault.Is(err, fault.CodeUnauthorized) {
				g.Errorf("another spelling of the same body: %v", err)
			}
			for _, off := range []time.Duration{-301 * time.Second, 301 * time.Second} {
				g.at = g.at.Add(off)
				if _, err := g.Receive(g.Context(), good, cb.Body); !fault.Is(err, fault.CodeUnauthorized) {
					g.Errorf("%s away: %v", off, err)
				}
				g.at = g.at.Add(-off)
			}
			two := http.Header{"Daimo-Signature": {strings.Replace(good.Get("Daimo-Signature"), ",v1=", ",v1=00,v1=", 1)}}
			if _, err := g.Receive(g.Context(), two, []byte(cb.Body)); err != nil {
				g.Errorf("the second of two signatures fits: %v", err)
			}
		} else {
			for _, mark := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(secret)), "basic " + secret} {
				if _, err := g.Receive(g.Context(), http.Header{"Authorization": {mark}}, cb.Body); err != nil {
					g.Errorf("%s: %v", mark, err)
				}
			}
		}
		g.must(g.state.Update(g.Context(), func(m rail.Memory) error { return m.Put(hint{Payment: id}.key(), nil) }))
		g.at = g.at.Add(100 * time.Millisecond) // before the payment is asked for by itself
		g.must(g.round(g.Context()))
		g.wantWords("")
	})
}

func TestEmptySecretIsRefused(t *testing.T) {
	for _, api := range apis {
		c := Config{ID: "one", API: api, URL: "http://gateway", Key: "key", Refund: refund, State: railtest.Memory(), Caller: &simgateway.Gateway{}, Now: time.Now}
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", api, err)
		}
		// Nor does a rail without one, however it came to be, believe anything.
		for _, a := range []interface {
			event(http.Header, []byte, time.Time) (event, error)
		}{payments{token: ""}, sessions{secret: ""}} {
			for _, mark := range []string{"Basic ", "Basic", ""} {
				if _, err := a.event(http.Header{"Authorization": {mark}}, []byte(`{}`), start); !fault.Is(err, fault.CodeUnauthorized) {
					t.Errorf("%q: %v", mark, err)
				}
			}
		}
	}
}

// A body that is no event is refused; one about something else is taken and means nothing.
func TestOtherBodies(t *testing.T) {
	both(t, func(g *gate) {
		signed := func(body string) error {
			cb := simgateway.Callback{ID: "x", Body: []byte(body)}
			_, err := g.Receive(g.Context(), g.sim.Header(cb), cb.Body)
			return err
		}
		for _, body := range []string{"", "[]", "{", `{"type":5}`, `{"type":"payment_completed"}{}`,
			`{"type":"payment_completed","paymentId":"../../x"}`, `{"type":"session.succeeded","data":{"session":{"sessionId":"../x"}}}`} {
			foreign := strings.Contains(body, "payment_") && g.config.API == Sessions || strings.Contains(body, "session.") && g.config.API == Payments
			if err := signed(body); !fault.Is(err, fault.CodeInvalidValue) && !(foreign && err == nil) {
				g.Errorf("%s: %v", body, err)
			}
		}
		if err := signed(`{"type":"something.else"}`); err != nil {
			g.Error(err)
		}
		if n := g.lines(hintKey); n != 0 {
			g.Errorf("%d callbacks were noted", n)
		}
	})
}

// case 64: a true callback that is told again, with a new time, has no second effect.
func TestReplayed(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.must(g.sim.Begin(g.Context(), id))
		g.must(g.sim.Complete(g.Context(), id, ""))
		g.must(g.round(g.Context()))
		g.wantWords("confirmed 1 199.000000")
		for i := range g.sim.Callbacks() { // the first of them says that the money is on its way
			g.at = g.at.Add(time.Minute)
			g.must(g.sim.Send(g.Context(), i))
			g.must(g.sim.Send(g.Context(), i))
			g.must(g.round(g.Context()))
			g.wantWords("confirmed 1 199.000000") // the same word of the same payment, which changes nothing
		}
	})
}

// case 65: callbacks in any order, and before the payment is on record here, come to the same.
func TestDisorder(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.sim.Mute(true)
		g.must(g.sim.Begin(g.Context(), id))
		g.must(g.sim.Bounce(g.Context(), id))
		g.must(g.sim.Refund(g.Context(), id))
		n := len(g.sim.Callbacks())
		for i := range n {
			g.must(g.sim.Send(g.Context(), n-1-i))
			g.must(g.round(g.Context()))
		}
		word := map[API]string{Payments: "reversed 0 199.000000 payment_refunded", Sessions: "failed 0 199.000000 payment_bounced"}[g.config.API]
		g.wantWords(strings.Join(slices.Repeat([]string{word}, n), ", "))
	})
}

func TestCallbackBeforeOurCommit(t *testing.T) {
	both(t, func(g *gate) {
		p, err := g.sim.Add(simgateway.Payment{External: "payment_1", Metadata: map[string]string{"requestId": "payment_1"},
			Chain: 59144, Token: token, To: to, Amount: "199.00", Key: "payment_1"})
		g.must(err)
		g.must(g.sim.Complete(g.Context(), p.ID, ""))
		g.must(g.round(g.Context()))
		g.wantWords("")
		if n := g.lines(hintKey); n != 1 {
			g.Fatalf("%d callbacks are parked", n)
		}
		g.reopen() // and it survives a restart
		g.request("payment_1")
		g.after(3 * time.Second)
		if list := g.sim.Payments(); len(list) != 1 {
			g.Errorf("the gateway was made to have %d payments", len(list))
		}
		if got := g.words(); !strings.Contains(got, "confirmed 1 199.00") {
			g.Errorf("told %q", got)
		}
		if n := g.lines(hintKey); n != 0 {
			g.Errorf("%d callbacks are still parked", n)
		}
	})
}

// A callback about a payment that never becomes known is given up after an hour, and kept as unmatched.
func TestParkedIsGivenUp(t *testing.T) {
	both(t, func(g *gate) {
		p, err := g.sim.Add(simgateway.Payment{External: "another server's", Metadata: map[string]string{"requestId": "another server's"},
			Chain: 59144, Token: token, To: to, Amount: "199.00"})
		g.must(err)
		g.must(g.sim.Complete(g.Context(), p.ID, ""))
		_, before := g.sim.Calls()
		for range 90 {
			g.after(time.Minute)
		}
		if _, read := g.sim.Calls(); read-before > 75 {
			g.Errorf("the gateway was asked %d times", read-before)
		}
		g.wantWords("")
		g.wantUnmatched("names no request")
		if n := g.lines(hintKey); n != 0 {
			g.Errorf("%d callbacks are parked", n)
		}
	})
}

// case 63: a true payment of something else than what was asked for is unmatched, and told to nobody.
func TestUnmatched(t *testing.T) {
	for why, change := range map[string]func(p *simgateway.Payment){
		"another request": func(p *simgateway.Payment) {
			p.External, p.Metadata = "payment_2", map[string]string{"requestId": "payment_2"}
		},
		"another chain":   func(p *simgateway.Payment) { p.Chain = 8453 },
		"another token":   func(p *simgateway.Payment) { p.Token = refund },
		"another address": func(p *simgateway.Payment) { p.To = refund },
	} {
		both(t, func(g *gate) {
			id := g.made("payment_1")
			g.must(g.sim.Change(id, change))
			g.must(g.sim.Complete(g.Context(), id, ""))
			g.after(2 * time.Second)
			g.wantWords("")
			g.wantUnmatched(why)
			if g.Health().Unmatched != 1 {
				g.Errorf("the status tells of %d", g.Health().Unmatched)
			}
			g.after(time.Minute)
			g.wantWords("")
		})
	}
}

// A callback for another order tells that other order its own truth, and nothing to the one it was meant to hurt.
func TestCallbackForAnotherOrder(t *testing.T) {
	both(t, func(g *gate) {
		one, two := g.made("payment_1"), g.made("payment_2")
		g.must(g.sim.Complete(g.Context(), two, ""))
		g.must(g.round(g.Context()))
		cb := g.sim.Callbacks()[0]
		if bytes.Contains(cb.Body, []byte(one)) || g.told[0].Instrument != "payment_2" {
			g.Errorf("told %+v", g.told)
		}
		g.wantWords("confirmed 1 199.000000")
		// The token of the older API does not cover the body: one payment's id in a callback that speaks of the other.
		if g.config.API == Payments {
			forged := bytes.ReplaceAll(cb.Body, []byte(two), []byte(one))
			_, err := g.Receive(g.Context(), g.sim.Header(cb), forged)
			g.must(err)
			g.must(g.round(g.Context()))
			for _, o := range g.told {
				if o.Instrument == "payment_1" && o.Rank != 0 {
					g.Errorf("an order was told %+v by a forged callback", o)
				}
			}
		}
	})
}

// Less money is told as less, and more as more: what it means is not this rail's to say.
func TestOtherAmounts(t *testing.T) {
	both(t, func(g *gate) {
		for i, amount := range []string{"198.5", "200", "0.000001"} {
			id := g.made(fmt.Sprint("payment_", i))
			g.must(g.sim.Complete(g.Context(), id, amount))
			g.must(g.round(g.Context()))
			want, err := money.Parse(usdc, amount)
			g.must(err)
			g.wantWords("confirmed 1 " + want.Decimal())
		}
		// An amount that cannot be one is no word about money, now or later.
		id := g.made("payment_9")
		g.must(g.sim.Complete(g.Context(), id, "-5"))
		g.after(time.Minute)
		g.wantWords("")
		id = g.made("payment_10")
		g.must(g.sim.Complete(g.Context(), id, "1.0000001")) // more decimals than the token has
		g.after(time.Minute)
		g.wantWords("")
	})
}

func TestBounced(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.must(g.sim.Begin(g.Context(), id))
		g.must(g.round(g.Context()))
		g.must(g.sim.Bounce(g.Context(), id))
		g.must(g.round(g.Context()))
		g.wantWords("seen 0 199.000000, failed 0 199.000000 payment_bounced")
		if n := g.lines(dueKey); n != 0 {
			g.Error("what is over is asked for again")
		}
	})
}

// A refund is told as what it means: before a delivery the money is gone for good, after it there is only the note.
func TestRefunded(t *testing.T) {
	g := open(t, Payments) // the newer API tells of none
	id := g.made("payment_1")
	g.must(g.sim.Begin(g.Context(), id))
	g.must(g.round(g.Context()))
	g.must(g.sim.Refund(g.Context(), id))
	g.must(g.round(g.Context()))
	last := g.told[len(g.told)-1]
	if !last.Final {
		g.Error("it could come again")
	}
	g.wantWords("seen 0 199.000000, reversed 0 199.000000 payment_refunded")

	id = g.made("payment_2")
	g.must(g.sim.Complete(g.Context(), id, ""))
	g.must(g.round(g.Context()))
	g.must(g.sim.Refund(g.Context(), id))
	g.must(g.round(g.Context()))
	g.wantWords("confirmed 1 199.000000, confirmed 1 199.000000 payment_refunded")
}

// A session that ended by itself is no word about the order: only its own deadline ends it.
func TestExpired(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.must(g.sim.Expire(id))
		for range 5 {
			g.after(30 * time.Minute)
		}
		for _, o := range g.told {
			if o.Rank != 0 {
				g.Errorf("told %+v", o)
			}
		}
		if n := g.lines(dueKey) + g.lines(lateKey); n != 0 {
			g.Errorf("%d lines of work are left", n)
		}
	})
}

// Test events mean something in the sandbox only.
func TestTestEvents(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.sim.Mute(true)
		g.must(g.sim.Complete(g.Context(), id, ""))
		cb := g.sim.Callbacks()[0]
		cb.Body = append([]byte(`{"isTestEvent":true,`), cb.Body[1:]...)
		for live, noted := range map[bool]int{true: 0, false: 1} {
			g.config.Live = live
			g.reopen()
			if _, err := g.Receive(g.Context(), g.sim.Header(cb), cb.Body); err != nil {
				g.Error(err)
			}
			if n := g.lines(hintKey); n != noted {
				g.Errorf("live %v: %d noted", live, n)
			}
			g.must(g.state.Update(g.Context(), func(m rail.Memory) error { return m.Put(hint{Payment: id}.key(), nil) }))
		}
	})
}

// A crash between the gateway's answer and our own memory of it makes no second payment, and loses none.
func TestCrashes(t *testing.T) {
	both(t, func(g *gate) {
		g.request("payment_1")
		g.broken = true
		if err := g.round(g.Context()); err == nil {
			g.Error("a report that was not booked is no error")
		}
		g.broken = false
		g.reopen()
		g.after(time.Second)
		if list := g.sim.Payments(); len(list) != 1 {
			g.Errorf("%d payments", len(list))
		}
		p, _ := g.sim.Find("payment_1")
		g.told, g.broken = nil, true
		g.must(g.sim.Complete(g.Context(), p.ID, ""))
		if err := g.round(g.Context()); err == nil {
			g.Error("a report that was not booked is no error")
		}
		g.broken = false
		g.reopen()
		g.must(g.round(g.Context()))
		if got := g.words(); !strings.HasPrefix(got, "confirmed 1 199.000000") {
			g.Errorf("told %q", got)
		}
	})
}

// A gateway that is out of reach loses nothing: requests wait, the horizon stands still, and what was paid meanwhile is told with a
// value time at which the order was still open. It holds orders back no longer than they need a word.
func TestOutage(t *testing.T) {
	both(t, func(g *gate) {
		id := g.made("payment_1")
		g.after(time.Second)
		horizon := g.watch.at.Horizon
		g.sim.Mute(true)
		g.sim.Down(true)
		g.must(g.sim.Complete(g.Context(), id, ""))
		g.request("payment_2")
		for range 20 {
			g.at = g.at.Add(time.Minute)
			if err := g.round(g.Context()); err == nil {
				g.Fatal("no error")
			}
		}
		if moved := g.watch.at.Horizon.Sub(horizon); moved > time.Minute {
			g.Errorf("the horizon moved by %s", moved)
		}
		g.sim.Down(false)
		g.must(g.round(g.Context()))
		if done := g.told[len(g.told)-1]; !done.Value.Before(start.Add(time.Minute)) {
			g.Errorf("the value time is %s", done.Value)
		}
		if _, ok := g.sim.Find("payment_2"); !ok {
			g.Error("the request was lost")
		}
		g.must(g.round(g.Context()))
		if behind := g.at.Sub(g.watch.at.Horizon); behind > 2*g.every {
			g.Errorf("the horizon is %s behind", behind)
		}
		g.sim.Down(true)
		g.at = g.at.Add(3 * time.Hour)
		_ = g.round(g.Context()) // the gateway is down; what matters is how far it tells
		if behind := g.at.Sub(g.watch.at.Horizon); behind > 2*g.every {
			g.Errorf("the horizon is %s behind, though no order needs a word", behind)
		}
	})
}

// A request that the gateway refuses holds up no other, and the order says so. One it has no useful answer for is tried again.
func TestRefusedRequest(t *testing.T) {
	both(t, func(g *gate) {
		bad := rail.Request{ID: "payment_1", Amount: money.FromInt(usdc, 5), Chain: 1, Token: "nonsense", To: to, Until: g.at.Add(time.Hour), Title: "A card"}
		text, err := bad.Text()
		g.must(err)
		g.must(g.state.Update(g.Context(), func(m rail.Memory) error { return m.Put(bad.Key(), text) }))
		g.request("payment_2")
		g.must(g.round(g.Context()))
		if _, ok := g.sim.Find("payment_2"); !ok {
			g.Error("the other one was held up")
		}
		for _, o := range g.told {
			if o.Instrument == "payment_1" && o.Session.Note != rail.NoteRefused {
				g.Errorf("told %+v", o.Session)
			}
		}
		if len(g.told) != 2 || g.lines(rail.RequestKey) != 0 {
			g.Errorf("told %d words, %d requests are left", len(g.told), g.lines(rail.RequestKey))
		}
	})
}

// A payment that is open is asked for often at first and never later than the rail promises.
func TestPace(t *testing.T) {
	both(t, func(g *gate) {
		g.made("payment_1")
		last, longest := g.at, time.Duration(0)
		_, asked := g.sim.Calls()
		before := asked
		for g.at.Before(start.Add(time.Hour)) {
			g.after(500 * time.Millisecond)
			if _, n := g.sim.Calls(); n > asked {
				longest, last, asked = max(longest, g.at.Sub(last)), g.at, n
			}
		}
		if longest > g.every || asked-before > 150 {
			g.Errorf("%s between two questions, %d in all", longest, asked-before)
		}
	})
}

// The gateway's answers are held to their form: what makes no sense is no word about money.
func TestNonsense(t *testing.T) {
	answers := map[API][]string{
		Payments: {``, `null`, `[]`, `{"id":"p","status":"payment_paid"}`, `{"id":"","status":"payment_completed"}`, `{"id":"q","status":"payment_completed"}`, `{"id":"p/..","status":"payment_unpaid"}`,
			`{"id":"p","status":"payment_completed","destination":{"chainId":"x"}}`},
		Sessions: {`{}`, `{"session":null}`, `{"session":{"sessionId":"p","status":"paid"}}`, `{"session":{"sessionId":"q","status":"succeeded"}}`, `{"session":{"sessionId":"p","status":"succeeded","metadata":{"requestId":5}}}`},
	}
	for api, list := range answers {
		for _, answer := range list {
			g := open(t, api)
			g.request("payment_1")
			g.must(g.round(g.Context()))
			p, _ := g.sim.Find("payment_1")
			g.told = nil
			g.config.Caller = canned(strings.ReplaceAll(answer, `"p"`, `"`+p.ID+`"`))
			g.reopen()
			g.after(time.Minute)
			g.wantWords("")
		}
	}
}

type canned string

func (c canned) Call(context.Context, string, string, http.Header, []byte, int64) (int, []byte, error) {
	return http.StatusOK, []byte(c), nil
}

// No error and no log says what must stay secret.
func TestSecretsAreNotSaid(t *testing.T) {
	both(t, func(g *gate) {
		text := fmt.Sprintf("%v %+v %#v", g.config, g.config, g.config)
		if strings.Contains(text, secret) {
			g.Error("the secret is said")
		}
		_, err := g.api.event(http.Header{"Authorization": {"Basic x"}}, nil, start)
		if strings.Contains(err.Error(), secret) {
			g.Error("the error says the secret")
		}
	})
}

func TestConfig(t *testing.T) {
	good := Config{ID: "one", API: Payments, URL: "http://gateway", Key: "key", Secret: secret, Refund: refund, State: railtest.Memory(), Caller: canned(""), Now: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(c *Config){
		"id": func(c *Config) { c.ID = "One" }, "key": func(c *Config) { c.Key = "" }, "secret": func(c *Config) { c.Secret = "" },
		"refund": func(c *Config) { c.Refund = "" }, "address": func(c *Config) { c.Refund = "0x1" }, "api": func(c *Config) { c.API = "cards" },
		"state": func(c *Config) { c.State = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s was not looked at", what)
		}
	}
	good.API, good.Refund = Sessions, ""
	if _, err := New(good); err != nil {
		t.Errorf("sessions without a refund address: %v", err)
	}
}
