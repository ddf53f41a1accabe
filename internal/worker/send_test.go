package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

var short = webhook.Schedule{time.Minute, time.Hour}

func TestSendSigns(t *testing.T) {
	rc := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	id := b.queue("e", "o")
	if n := once(t, b.send(testClient(t, 0), (&clock{at: start}).now, short).RunOnce); n != 1 {
		t.Errorf("took up %d messages, want 1", n)
	}
	got := rc.received()
	if len(got) != 1 || got[0].id != "wire-"+id || got[0].body != string(b.bodies[id]) {
		t.Fatalf("received %+v", got)
	}
	if err := webhook.VerifyStandard([]webhook.Secret{testSecret}, got[0].header, []byte(got[0].body), start); err != nil {
		t.Error(err)
	}
	m := b.message(id)
	if m.State != engine.MessageDelivered || m.Attempts != 1 || m.LastStatus != 200 || m.LastError != "" || !m.DoneAt.Equal(start) {
		t.Errorf("recorded %+v", m)
	}
}

// A message of an API that another server serves is left to it: it stays due, and is not tried here.
func TestSendServesItsOwnDialects(t *testing.T) {
	rc := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	b.endpoint("new", rc.URL)
	id, foreign := b.queue("e", "o"), b.queue("new", "o")
	m := b.message(foreign)
	m.Scope.Dialect = "new"
	b.messages[foreign] = m
	old := b.send(testClient(t, 0), (&clock{at: start}).now, short)
	for range 2 {
		once(t, old.RunOnce)
	}
	if got := rc.received(); len(got) != 1 || got[0].id != "wire-"+id {
		t.Errorf("received %+v", got)
	}
	if m := b.message(foreign); m.State != engine.MessagePending || m.Attempts != 0 {
		t.Errorf("recorded %+v", m)
	}
	now := b.send(testClient(t, 0), (&clock{at: start}).now, short)
	now.tellers["new"] = plainTeller{}
	once(t, now.RunOnce)
	if m := b.message(foreign); m.State != engine.MessageDelivered {
		t.Errorf("the server that serves it: %+v", m)
	}
}

// case 73
func TestSendOutcomes(t *testing.T) {
	for _, test := range []struct {
		name       string
		status     int
		retryAfter string
		state      engine.MessageState
		wait       time.Duration
		enabled    bool
	}{
		{"200", 200, "", engine.MessageDelivered, 0, true},
		{"204", 204, "", engine.MessageDelivered, 0, true},
		{"301", 301, "", engine.MessagePending, time.Minute, true},
		{"400", 400, "", engine.MessagePending, time.Minute, true},
		{"410", 410, "", engine.MessageCancelled, 0, false},
		{"429 asks for more", 429, "600", engine.MessagePending, 10 * time.Minute, true},
		{"429 asks for less", 429, "1", engine.MessagePending, time.Minute, true},
		{"503 asks for a year", 503, "31536000", engine.MessagePending, 24 * time.Hour, true},
		{"500", 500, "", engine.MessagePending, time.Minute, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			if test.retryAfter != "" {
				header.Set("Retry-After", test.retryAfter)
			}
			rc := newReceiver(t, func(received) (int, http.Header) { return test.status, header })
			b := newOutbox(t)
			b.endpoint("e", rc.URL)
			id := b.queue("e", "o")
			once(t, b.send(testClient(t, 0), (&clock{at: start}).now, short).RunOnce)
			m := b.message(id)
			if m.State != test.state || m.Attempts != 1 || m.LastStatus != test.status {
				t.Errorf("recorded %+v", m)
			}
			if m.State == engine.MessagePending && !m.NextAt.Equal(start.Add(test.wait)) {
				t.Errorf("next after %s, want %s", m.NextAt.Sub(start), test.wait)
			}
			if m.State != engine.MessagePending && !m.DoneAt.Equal(start) {
				t.Errorf("done at %s", m.DoneAt)
			}
			if enabled := b.endpoints["e"].Enabled; enabled != test.enabled {
				t.Errorf("endpoint enabled = %t", enabled)
			}
		})
	}
}

// case 73
func TestSendWithoutAnswer(t *testing.T) {
	hang := make(chan struct{})
	hanging := newReceiver(t, func(received) (int, http.Header) { <-hang; return 200, nil })
	t.Cleanup(func() { close(hang) })
	closed := newReceiver(t, nil)
	closed.Close()
	b := newOutbox(t)
	b.endpoint("hangs", hanging.URL)
	b.endpoint("refuses", closed.URL)
	b.endpoint("forbidden", "ftp://127.0.0.1/")
	hangs, refuses, forbidden := b.queue("hangs", "1"), b.queue("refuses", "2"), b.queue("forbidden", "3")
	once(t, b.send(testClient(t, 100*time.Millisecond), (&clock{at: start}).now, short).RunOnce)
	for id, want := range map[string]error{hangs: webhook.ErrTimeout, refuses: webhook.ErrNetwork, forbidden: webhook.ErrRefused} {
		m := b.message(id)
		if m.State != engine.MessagePending || m.Attempts != 1 || m.LastStatus != 0 || !strings.HasPrefix(m.LastError, want.Error()) ||
			!m.NextAt.Equal(start.Add(time.Minute)) {
			t.Errorf("want %v; recorded %+v", want, m)
		}
	}
}

// case 75
func TestSendFollowsTheSchedule(t *testing.T) {
	schedule := webhook.Schedule{time.Minute, 10 * time.Minute}.Then(webhook.Ours)
	for name, chance := range map[string]func() uint64{"exact": nil, "spread": func() uint64 { return 12_345_678_901 }} {
		t.Run(name, func(t *testing.T) {
			rc := newReceiver(t, nil)
			rc.answers(500)
			b := newOutbox(t)
			b.endpoint("e", rc.URL)
			id := b.queue("e", "o")
			c := &clock{at: start}
			s := b.send(testClient(t, 0), c.now, schedule)
			s.chance = chance
			for attempt := 1; attempt <= len(schedule)+1; attempt++ {
				if n := once(t, s.RunOnce); n != 1 {
					t.Fatalf("attempt %d was not made", attempt)
				}
				m := b.message(id)
				wait, more := schedule.Next(attempt, chance)
				if m.Attempts != attempt || more != (m.State == engine.MessagePending) {
					t.Fatalf("after attempt %d: %+v", attempt, m)
				}
				if !more {
					break
				}
				if !m.NextAt.Equal(c.now().Add(wait)) {
					t.Fatalf("attempt %d after %s, want %s", attempt+1, m.NextAt.Sub(c.now()), wait)
				}
				c.move(wait - time.Nanosecond)
				if n := once(t, s.RunOnce); n != 0 {
					t.Fatalf("attempt %d came too early", attempt+1)
				}
				c.move(time.Nanosecond)
			}
			if m := b.message(id); m.State != engine.MessageExhausted || m.LastStatus != 500 || !m.DoneAt.Equal(c.now()) {
				t.Errorf("at the end: %+v", m)
			}
			// Put back to pending, as a replay by hand does, it is sent again with the same id and bytes.
			b.mu.Lock()
			m := b.messages[id]
			m.State, m.NextAt, m.Attempts = engine.MessagePending, c.now(), 0
			b.messages[id] = m
			b.mu.Unlock()
			rc.answers(200)
			once(t, s.RunOnce)
			if m := b.message(id); m.State != engine.MessageDelivered || m.Attempts != 1 {
				t.Errorf("replayed: %+v", m)
			}
			for _, r := range rc.received() {
				if r.id != "wire-"+id || r.body != string(b.bodies[id]) {
					t.Errorf("an attempt sent %q with %q", r.id, r.body)
				}
			}
		})
	}
}

// case 75: success after a failure
func TestSendRecovers(t *testing.T) {
	rc := newReceiver(t, nil)
	rc.answers(500)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	for range 30 {
		b.queue("e", "o")
	}
	c := &clock{at: start}
	s := b.send(testClient(t, 0), c.now, short)
	once(t, s.RunOnce)
	rc.answers(200)
	c.move(time.Minute)
	once(t, s.RunOnce)
	if n := b.count("e", engine.MessageDelivered); n != 30 {
		t.Errorf("%d of 30 delivered", n)
	}
	if n := len(rc.received()); n != 60 {
		t.Errorf("%d attempts, want 60", n)
	}
	once(t, s.RunOnce)
	if len(s.lanes) != 0 {
		t.Errorf("%d lanes are left", len(s.lanes))
	}
}

// case 79
func TestSendCancels(t *testing.T) {
	rc := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("off", rc.URL)
	b.endpoints["off"].Enabled = false
	off, gone := b.queue("off", "1"), b.queue("gone", "2")
	once(t, b.send(testClient(t, 0), (&clock{at: start}).now, short).RunOnce)
	for _, id := range []string{off, gone} {
		if m := b.message(id); m.State != engine.MessageCancelled || m.Attempts != 0 || m.LastError == "" || !m.DoneAt.Equal(start) {
			t.Errorf("recorded %+v", m)
		}
	}
	if got := rc.received(); len(got) != 0 {
		t.Errorf("received %+v", got)
	}
}

// case 79: the rest of a queue whose receiver answers 410 is not sent.
func TestSendCancelsTheRest(t *testing.T) {
	rc := newReceiver(t, nil)
	rc.answers(410)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	for range 20 {
		b.queue("e", "one order, so one at a time")
	}
	once(t, b.send(testClient(t, 0), (&clock{at: start}).now, short).RunOnce)
	if n := len(rc.received()); n != 1 {
		t.Errorf("%d were sent, want 1", n)
	}
	if n := b.count("e", engine.MessageCancelled); n != 20 {
		t.Errorf("%d of 20 are cancelled", n)
	}
}

func TestSendCannotSign(t *testing.T) {
	rc := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	sealed := b.queue("e", "1")
	s := b.send(testClient(t, 0), (&clock{at: start}).now, short)
	s.open = func(engine.Endpoint) ([]webhook.Secret, error) {
		return nil, errors.New("the master key ab12 is unknown")
	}
	once(t, s.RunOnce)
	if m := b.message(sealed); m.State != engine.MessagePending || m.Attempts != 1 || strings.Contains(m.LastError, "ab12") || m.LastError == "" {
		t.Errorf("recorded %+v", m)
	}
	if got := rc.received(); len(got) != 0 {
		t.Errorf("sent unsigned: %+v", got)
	}
}

// case 68: what was posted and not recorded is posted again by the next process, with the same id and bytes.
func TestSendAfterACrash(t *testing.T) {
	rc := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("e", rc.URL)
	id := b.queue("e", "o")
	c := &clock{at: start}
	b.loses = true
	once(t, b.send(testClient(t, 0), c.now, short).RunOnce)
	if m := b.message(id); m.State != engine.MessagePending || m.Attempts != 0 {
		t.Fatalf("the crash left %+v", m)
	}
	b.loses = false
	once(t, b.send(testClient(t, 0), c.now, short).RunOnce)
	if m := b.message(id); m.State != engine.MessageDelivered {
		t.Errorf("recorded %+v", m)
	}
	got := rc.received()
	if len(got) != 2 || got[0].id != got[1].id || got[0].body != got[1].body || got[0].body != string(b.bodies[id]) {
		t.Errorf("received %+v", got)
	}
}

// case 74
func TestSendDeadEndpoint(t *testing.T) {
	hang := make(chan struct{})
	var hanging atomic.Int64
	dead := newReceiver(t, func(received) (int, http.Header) { hanging.Add(1); <-hang; return 500, nil })
	well := newReceiver(t, nil)
	b := newOutbox(t)
	b.endpoint("a dead one", dead.URL)
	b.endpoint("b well", well.URL)
	for i := range 5000 {
		b.queue("a dead one", fmt.Sprint("d", i))
	}
	for i := range 300 {
		b.queue("b well", fmt.Sprint("w", i))
	}
	s := b.send(testClient(t, time.Minute), (&clock{at: start}).now, short)
	stop := running(t, s.Run)
	eventually(t, "the other endpoint has everything", func() bool { return b.count("b well", engine.MessageDelivered) == 300 })
	if n := hanging.Load(); n > 8 {
		t.Errorf("%d attempts at one endpoint at a time", n)
	}
	if n := b.count("a dead one", engine.MessagePending); n != 5000 {
		t.Errorf("%d of 5000 are pending", n)
	}
	if n := b.asked["a dead one"]; n != 1 {
		t.Errorf("the dead endpoint's queue was read %d times, want once", n)
	}
	close(hang)
	stop()
	if claimed := len(s.lanes["a dead one"].claimed); claimed != 0 {
		t.Errorf("%d messages are still claimed", claimed)
	}
}

// Endpoints that hang hold at most half of all attempts, however many they are. (case 74)
func TestSendManyDeadEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 15 * time.Second
		b := newOutbox(t)
		b.endpoint("well", "well")
		for e := range 40 {
			b.endpoint(fmt.Sprint("dead", e), fmt.Sprint("dead", e))
			for i := range 50 {
				b.queue(fmt.Sprint("dead", e), fmt.Sprint(e, ".", i))
			}
		}
		var mu sync.Mutex
		flying, most, each := 0, 0, map[string]int{}
		count := func(url string, n int) {
			mu.Lock()
			defer mu.Unlock()
			flying += n
			each[url] += n
			most = max(most, flying)
		}
		s := b.send(posterFunc(func(ctx context.Context, url string, _ http.Header, _ []byte) (webhook.Answer, error) {
			count(url, 1)
			defer count(url, -1)
			if url == "well" {
				return webhook.Answer{Status: 200}, nil
			}
			select {
			case <-time.After(timeout):
				return webhook.Answer{}, webhook.ErrTimeout
			case <-ctx.Done():
				return webhook.Answer{}, context.Canceled
			}
		}), func() time.Time { return start }, short)
		s.inAll = 20
		stop := running(t, s.Run)
		defer stop()
		// Each dead endpoint needs one attempt to be known as dead. Until then it may have several at a time, so that
		// another waits for its turn.
		time.Sleep(12 * timeout)
		for i := range 10 {
			b.queue("well", fmt.Sprint("w", i))
		}
		s.bell.Ring()
		synctest.Wait()
		if n := b.count("well", engine.MessageDelivered); n != 10 {
			t.Errorf("%d of 10 delivered while the dead ones hang", n)
		}
		mu.Lock()
		defer mu.Unlock()
		if flying != 10 || most != 20 {
			t.Errorf("%d attempts hang, want half of 20; there were %d at a time, want 20", flying, most)
		}
		for url, n := range each {
			if n > 1 {
				t.Errorf("%d attempts at %s at a time, which is known as dead", n, url)
			}
		}
	})
}

// An endpoint whose last attempt failed is probed by one attempt at a time, until one succeeds.
func TestSendProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		for i := range 60 {
			b.queue("e", fmt.Sprint(i))
		}
		var flying atomic.Int64
		var mended atomic.Bool
		s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
			flying.Add(1)
			defer flying.Add(-1)
			time.Sleep(10 * time.Second)
			if mended.Load() {
				return webhook.Answer{Status: 200}, nil
			}
			return webhook.Answer{}, webhook.ErrTimeout
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		defer stop()
		for _, step := range []struct {
			after  time.Duration
			mended bool
			flying int64
		}{
			{time.Second, false, 8}, {10 * time.Second, false, 1}, {10 * time.Second, true, 1}, {10 * time.Second, true, 8},
		} {
			time.Sleep(step.after)
			synctest.Wait()
			mended.Store(step.mended)
			if n := flying.Load(); n != step.flying {
				t.Errorf("%d attempts at a time, want %d", n, step.flying)
			}
		}
	})
}

// case 80
func TestSendKeepsTheOrderOfEvents(t *testing.T) {
	var mu sync.Mutex
	open := map[string]bool{}
	b := newOutbox(t)
	var failing string
	rc := newReceiver(t, func(r received) (int, http.Header) {
		mu.Lock()
		order := b.message(strings.TrimPrefix(r.id, "wire-")).OrderID
		if open[order] {
			t.Errorf("two messages of order %s at a time", order)
		}
		open[order] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			open[order] = false
			mu.Unlock()
		}()
		if r.id == failing {
			return 500, nil
		}
		return 200, nil
	})
	b.endpoint("e", rc.URL)
	want := map[string][]string{}
	for i := range 90 {
		order := fmt.Sprint("o", i%3)
		want[order] = append(want[order], "wire-"+b.queue("e", order))
	}
	failing = want["o1"][4]
	c := &clock{at: start}
	s := b.send(testClient(t, 0), c.now, short)
	once(t, s.RunOnce)
	got := map[string][]string{}
	for _, id := range rc.ids() {
		order := b.message(strings.TrimPrefix(id, "wire-")).OrderID
		got[order] = append(got[order], id)
	}
	for order := range want {
		if !slices.Equal(got[order], want[order]) {
			t.Errorf("%s: received %v, want %v", order, got[order], want[order])
		}
	}
	if n := b.count("e", engine.MessageDelivered); n != 89 {
		t.Errorf("%d delivered, want all but the one that failed", n)
	}
}

// A busy sender commits rarely: what finishes while a commit is under way goes into the next one.
func TestSendRecordsInGroups(t *testing.T) {
	b := newOutbox(t)
	b.endpoint("e", "somewhere")
	for i := range 90 {
		b.queue("e", fmt.Sprint(i))
	}
	var posted atomic.Int64
	all := make(chan struct{})
	b.saving = func(context.Context) error { <-all; return nil }
	s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
		if posted.Add(1) == 90 {
			close(all)
		}
		return webhook.Answer{Status: 200}, nil
	}), (&clock{at: start}).now, short)
	once(t, s.RunOnce)
	if n := b.count("e", engine.MessageDelivered); n != 90 {
		t.Errorf("%d of 90 delivered", n)
	}
	if b.saves > 10 {
		t.Errorf("%d commits for 90 attempts", b.saves)
	}
}

// While the database cannot record attempts they stay claimed: nothing is sent twice, and the trouble shows.
func TestSendCannotRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		id := b.queue("e", "o")
		var posted atomic.Int64
		broken := errors.New("disk full")
		var fails atomic.Bool
		fails.Store(true)
		b.saving = func(context.Context) error {
			if fails.Load() {
				return broken
			}
			return nil
		}
		s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
			posted.Add(1)
			return webhook.Answer{Status: 200}, nil
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		defer stop()
		for range 10 {
			time.Sleep(time.Second)
			s.bell.Ring()
		}
		synctest.Wait()
		if !errors.Is(s.Status().Err, broken) {
			t.Errorf("status %+v", s.Status())
		}
		fails.Store(false)
		time.Sleep(2 * maxPause)
		synctest.Wait()
		if n := posted.Load(); n != 1 {
			t.Errorf("posted %d times, want once", n)
		}
		if m := b.message(id); m.State != engine.MessageDelivered {
			t.Errorf("recorded %+v", m)
		}
		if s.Status().Err != nil {
			t.Errorf("status %+v", s.Status())
		}
	})
}

// A look-up that fails is no attempt: the message is found again.
func TestSendCannotRead(t *testing.T) {
	b := newOutbox(t)
	b.endpoint("e", "somewhere")
	id := b.queue("e", "o")
	b.lookup = func(string) error { return errors.New("busy") }
	s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
		return webhook.Answer{Status: 200}, nil
	}), (&clock{at: start}).now, short)
	once(t, s.RunOnce)
	if m := b.message(id); m.State != engine.MessagePending || m.Attempts != 0 {
		t.Errorf("recorded %+v", m)
	}
	b.lookup = nil
	once(t, s.RunOnce)
	if m := b.message(id); m.State != engine.MessageDelivered || m.Attempts != 1 {
		t.Errorf("recorded %+v", m)
	}
}

// More than fits a lane is read as the lane empties, without waiting for the next look.
func TestSendLongQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		for i := range 1000 {
			b.queue("e", fmt.Sprint(i))
		}
		began := time.Now()
		s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
			time.Sleep(time.Millisecond)
			return webhook.Answer{Status: 200}, nil
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		defer stop()
		for b.count("e", engine.MessageDelivered) < 1000 {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("1000 messages at 8 a millisecond took %s", took)
		}
	})
}

// case 89: what is in flight is answered and recorded, what waits is not begun.
func TestSendStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		for i := range 50 {
			b.queue("e", fmt.Sprint(i))
		}
		s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
			time.Sleep(3 * time.Second)
			return webhook.Answer{Status: 200}, nil
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if d, p := b.count("e", engine.MessageDelivered), b.count("e", engine.MessagePending); d != 8 || p != 42 {
			t.Errorf("%d delivered and %d pending, want 8 and 42", d, p)
		}
	})
}

// case 89: an attempt that is not answered within the grace is cut off, and made again by the next process.
func TestSendIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		id := b.queue("e", "o")
		hanging := posterFunc(func(ctx context.Context, _ string, _ http.Header, _ []byte) (webhook.Answer, error) {
			<-ctx.Done()
			return webhook.Answer{}, context.Canceled
		})
		s := b.send(hanging, func() time.Time { return start }, short)
		stop := running(t, s.Run)
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != grace {
			t.Errorf("stopping took %s, want the grace of %s", took, grace)
		}
		if m := b.message(id); m.State != engine.MessagePending || m.Attempts != 0 || b.saves != 0 {
			t.Errorf("recorded %+v", m)
		}
	})
}

// case 89: neither a receiver nor a database that hangs keeps the worker from stopping within 10 s.
func TestSendStopsWithoutDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		quick := b.queue("e", "quick")
		b.queue("e", "slow")
		b.saving = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		s := b.send(posterFunc(func(ctx context.Context, _ string, h http.Header, _ []byte) (webhook.Answer, error) {
			if h.Get(webhook.HeaderID) != "wire-"+quick {
				time.Sleep(grace - time.Millisecond)
			}
			return webhook.Answer{Status: 200}, nil
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took >= 10*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if n := b.count("e", engine.MessagePending); n != 2 {
			t.Errorf("%d are pending, want both", n)
		}
	})
}

// A copy of a message that was read before its attempt was recorded is not sent again.
func TestSendIgnoresOldCopies(t *testing.T) {
	b := newOutbox(t)
	b.endpoint("e", "somewhere")
	id := b.queue("e", "o")
	answer := make(chan struct{})
	var posted atomic.Int64
	s := b.send(posterFunc(func(context.Context, string, http.Header, []byte) (webhook.Answer, error) {
		posted.Add(1)
		<-answer
		return webhook.Answer{Status: 200}, nil
	}), (&clock{at: start}).now, short)
	if n, err := s.dispatch(t.Context(), t.Context()); n != 1 || err != nil {
		t.Fatalf("claimed %d, %v", n, err)
	}
	b.read = func() {
		close(answer)
		eventually(t, "the attempt is recorded and its claim given up", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.lanes["e"].claimed) == 0
		})
	}
	if n := once(t, s.RunOnce); n != 0 || posted.Load() != 1 {
		t.Errorf("claimed %d, posted %d times", n, posted.Load())
	}
	if m := b.message(id); m.State != engine.MessageDelivered {
		t.Errorf("recorded %+v", m)
	}
}

// case 89: an answer that comes when the grace is over already is recorded all the same.
func TestSendRecordsTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newOutbox(t)
		b.endpoint("e", "somewhere")
		id := b.queue("e", "o")
		s := b.send(posterFunc(func(ctx context.Context, _ string, _ http.Header, _ []byte) (webhook.Answer, error) {
			<-ctx.Done()
			return webhook.Answer{Status: 200}, nil
		}), func() time.Time { return start }, short)
		stop := running(t, s.Run)
		synctest.Wait()
		stop()
		if m := b.message(id); m.State != engine.MessageDelivered {
			t.Errorf("recorded %+v", m)
		}
	})
}
