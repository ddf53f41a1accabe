package worker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/webhook"
)

// answering is a client that gives answers in turn, the last one again and again.
func answering(answers ...webhook.Answer) posterFunc {
	return func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		return answer, nil
	}
}

// What the receiver said is kept as text, a little of it, and never the secret that it may repeat. cases 55, 73
func TestSendKeepsTheAnswer(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"plain":              {"ok", "ok"},
		"empty":              {"", ""},
		"markup stays text":  {"<script>alert(1)</script>\n\ttwo", "<script>alert(1)</script>\n\ttwo"},
		"control characters": {"a\x00b\x1b[31mc\r\nd\u0085e", "ab[31mc\nde"},
		"not UTF-8":          {"a\xffb", "a\uFFFDb"},
		"too long":           {strings.Repeat("x", 2048), strings.Repeat("x", engine.MaxResponse)},
		"cut in a letter":    {strings.Repeat("x", engine.MaxResponse-1) + "éé", strings.Repeat("x", engine.MaxResponse-1)},
		"its own secret":     {"your secret is " + testSecret.Reveal() + "!", "your secret is [secret]!"},
		"secret at the end":  {strings.Repeat("x", engine.MaxResponse-4) + testSecret.Reveal(), strings.Repeat("x", engine.MaxResponse-4) + "[sec"},
		"secret in pieces":   {"se" + testSecret.Reveal()[:5] + "\x00" + testSecret.Reveal()[5:], "se[secret]"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOutbox(t)
			b.endpoint("e", "https://e.example")
			id := b.queue("e", "o")
			s := b.send(answering(webhook.Answer{Status: 200, Body: []byte(test.body), Took: 1_499_999 * time.Nanosecond}), (&clock{at: start}).now, short)
			once(t, s.RunOnce)
			m := b.message(id)
			if m.Response != test.want || !utf8.ValidString(m.Response) || m.Took != time.Millisecond || !m.SentAt.Equal(start) {
				t.Errorf("kept %q, %s, sent at %s, want %q", m.Response, m.Took, m.SentAt, test.want)
			}
			if len(m.Tries) != 1 || m.Tries[0] != (engine.Try{At: start, Status: 200, Took: time.Millisecond}) {
				t.Errorf("tries %+v", m.Tries)
			}
		})
	}
}

// The last attempts are kept, over a replay too, and no more than so many.
func TestSendKeepsTheLastTries(t *testing.T) {
	b := newOutbox(t)
	b.endpoint("e", "https://e.example")
	id := b.queue("e", "o")
	c := &clock{at: start}
	waits := make(webhook.Schedule, engine.KeptTries+4)
	for i := range waits {
		waits[i] = time.Minute
	}
	s := b.send(answering(webhook.Answer{Status: 500, Body: []byte("no")}), c.now, waits)
	for range waits {
		once(t, s.RunOnce)
		c.move(time.Minute)
	}
	s.client = posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
		return webhook.Answer{}, webhook.ErrTimeout
	})
	once(t, s.RunOnce)
	m := b.message(id)
	if len(m.Tries) != engine.KeptTries || m.Attempts != len(waits)+1 || m.Response != "" {
		t.Fatalf("%d tries of %d, %q", len(m.Tries), m.Attempts, m.Response)
	}
	first, last := m.Tries[0], m.Tries[engine.KeptTries-1]
	if first.Status != 500 || !first.At.Equal(start.Add(5*time.Minute)) || last.Status != 0 || last.Error != webhook.ErrTimeout.Error() || !last.At.Equal(c.now()) {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// Why there was no answer may be in the receiver's own words: they are kept like its answers, so that no receiver brings
// what a database refuses, or a book, into what is recorded for all. cases 55, 73
func TestSendKeepsWhyThereWasNoAnswer(t *testing.T) {
	for name, test := range map[string]struct{ said, want string }{
		"plain":              {"no connection", "no connection"},
		"control characters": {"header line: a\x00b\x1b[31mc", "header line: ab[31mc"},
		"not UTF-8":          {"header line: a\xffb", "header line: a\uFFFDb"},
		"too long":           {strings.Repeat("x", 64<<10), strings.Repeat("x", maxTryError)},
		"its own secret":     {"header line: " + testSecret.Reveal(), "header line: [secret]"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOutbox(t)
			b.endpoint("e", "https://e.example")
			id := b.queue("e", "o")
			s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
				return webhook.Answer{}, errors.New(test.said)
			}), (&clock{at: start}).now, short)
			once(t, s.RunOnce)
			if m := b.message(id); m.LastError != test.want || len(m.Tries) != 1 || m.Tries[0].Error != test.want {
				t.Errorf("kept %q and %+v, want %q", m.LastError, m.Tries, test.want)
			}
		})
	}
}

// An endpoint says how often it is tried again; the vendor's schedule alone ends with a refusal.
func TestSendAsTheEndpointSays(t *testing.T) {
	retries := func(n int) *int { return &n }
	for name, test := range map[string]struct {
		change   func(ep *engine.Endpoint)
		status   int
		attempts int
	}{
		"as the schedule says":             {func(*engine.Endpoint) {}, 500, 3},
		"no retry":                         {func(ep *engine.Endpoint) { ep.MaxRetries = retries(0) }, 500, 1},
		"one retry":                        {func(ep *engine.Endpoint) { ep.MaxRetries = retries(1) }, 500, 2},
		"more than there are":              {func(ep *engine.Endpoint) { ep.MaxRetries = retries(99) }, 500, 3},
		"a refusal is tried again":         {func(*engine.Endpoint) {}, 404, 3},
		"the vendor's, refused":            {func(ep *engine.Endpoint) { ep.ScheduleOnly = true }, 404, 1},
		"the vendor's, too many":           {func(ep *engine.Endpoint) { ep.ScheduleOnly = true }, 429, 1},
		"the vendor's, broken":             {func(ep *engine.Endpoint) { ep.ScheduleOnly = true }, 503, 3},
		"the vendor's, a redirect":         {func(ep *engine.Endpoint) { ep.ScheduleOnly = true }, 301, 3},
		"the vendor's, and one retry only": {func(ep *engine.Endpoint) { ep.ScheduleOnly, ep.MaxRetries = true, retries(1) }, 503, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newOutbox(t)
			b.endpoint("e", "https://e.example")
			test.change(b.endpoints["e"])
			id := b.queue("e", "o")
			c := &clock{at: start}
			s := b.send(answering(webhook.Answer{Status: test.status}), c.now, short)
			for range 10 {
				once(t, s.RunOnce)
				c.move(2 * time.Hour)
			}
			if m := b.message(id); m.State != engine.MessageExhausted || m.Attempts != test.attempts || m.LastStatus != test.status {
				t.Errorf("%s after %d attempts, want %d", m.State, m.Attempts, test.attempts)
			}
		})
	}
}

// An attempt lasts as long as its endpoint allows, and else 15 seconds. case 73
func TestSendWaitsAsLongAsTheEndpointSays(t *testing.T) {
	for _, timeout := range []time.Duration{0, 2 * time.Second, 30 * time.Second} {
		b := newOutbox(t)
		b.endpoint("e", "https://e.example")
		b.endpoints["e"].Timeout = timeout
		b.queue("e", "o")
		var given time.Duration
		s := b.send(posterFunc(func(ctx context.Context, _ string, _ http.Header, _ []byte) (webhook.Answer, error) {
			deadline, _ := ctx.Deadline()
			given = time.Until(deadline)
			return webhook.Answer{Status: 200}, nil
		}), (&clock{at: start}).now, short)
		once(t, s.RunOnce)
		if timeout == 0 {
			timeout = webhook.DefaultTimeout
		}
		if given > timeout || given < timeout-time.Second {
			t.Errorf("%s, want %s", given, timeout)
		}
	}
}

// A merchant's settings reach the schedule; when they cannot be read, the message is tried again all the same.
func TestSendReadsTheSettings(t *testing.T) {
	b := newOutbox(t)
	b.endpoint("e", "https://e.example")
	b.endpoints["e"].Scope = engine.Scope{Merchant: "m", Mode: engine.Live}
	id := b.queue("e", "o")
	c := &clock{at: start}
	s := b.send(answering(webhook.Answer{Status: 500}), c.now, short)
	var asked []engine.SettingScope
	teller := &settingsTeller{plainTeller: plainTeller{short}}
	s.tellers = map[string]Teller{"plain": teller}
	b.settings = func(at engine.SettingScope) (map[string]json.RawMessage, error) {
		asked = append(asked, at)
		if len(asked) == 1 {
			return map[string]json.RawMessage{"k": json.RawMessage("1")}, nil
		}
		return nil, context.DeadlineExceeded
	}
	once(t, s.RunOnce)
	c.move(time.Minute)
	once(t, s.RunOnce)
	if len(asked) != 2 || asked[0] != (engine.SettingScope{Merchant: "m", Mode: engine.Live}) || len(teller.seen) != 2 || string(teller.seen[0]["k"]) != "1" {
		t.Errorf("asked %v, seen %v", asked, teller.seen)
	}
	if m := b.message(id); m.State != engine.MessagePending || m.Attempts != 2 {
		t.Errorf("%+v", m)
	}
}

type settingsTeller struct {
	plainTeller
	seen []map[string]json.RawMessage
}

func (t *settingsTeller) Retries(ep engine.Endpoint, settings map[string]json.RawMessage) webhook.Retries {
	t.seen = append(t.seen, settings)
	return t.plainTeller.Retries(ep, settings)
}
