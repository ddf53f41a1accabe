package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"till/internal/engine"
	"till/internal/rail"
)

// journal is the part of the engine that telling needs, in memory.
type journal struct {
	mu       sync.Mutex
	untold   []engine.Untold
	messages []engine.Message
	commits  int
	looks    int
	fails    error
}

func (j *journal) Untold(_ context.Context, dialects []string, limit int) ([]engine.Untold, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.looks++
	var list []engine.Untold
	for _, u := range j.untold {
		if len(list) < limit && slices.Contains(dialects, u.Event.Scope.Dialect) {
			list = append(list, u)
		}
	}
	return list, nil
}

func (j *journal) Told(_ context.Context, ids []string, messages []engine.Message) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fails != nil {
		return j.fails
	}
	j.untold = slices.DeleteFunc(j.untold, func(u engine.Untold) bool { return slices.Contains(ids, u.Event.ID) })
	j.messages = append(j.messages, messages...)
	j.commits++
	return nil
}

func (j *journal) told() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.messages)
}

func (j *journal) looked() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.looks
}

func (j *journal) happens(dialect, kind string, endpoints ...engine.Endpoint) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id := fmt.Sprintf("%03d", len(j.untold)+len(j.messages))
	for i := range endpoints {
		endpoints[i].Scope = engine.Scope{Merchant: "m", Dialect: dialect}
	}
	u := engine.Untold{Event: engine.Event{ID: id, OrderID: "o", Type: kind, Scope: engine.Scope{Merchant: "m", Dialect: dialect}}, Endpoints: endpoints}
	if len(endpoints) > 0 {
		u.Order = &engine.Order{ID: "o", PublicID: "public"}
	}
	j.untold = append(j.untold, u)
}

func newTell(j *journal, now func() time.Time) *Tell {
	return &Tell{loop: newLoop("tell", NewBell(), quiet(now)), engine: j, tellers: map[string]Teller{"plain": plainTeller{}}, due: NewBell()}
}

func TestTell(t *testing.T) {
	all := engine.Endpoint{ID: "all"}
	paid := engine.Endpoint{ID: "paid", Events: []string{"order.created", "order.paid"}}
	j := &journal{}
	j.happens("plain", "order.paid", all, paid)
	j.happens("plain", "order.completed", all, paid)
	j.happens("plain", "payment.seen", all, paid) // the API has no such event
	j.happens("plain", "order.paid")              // nobody listens
	tell := newTell(j, (&clock{at: start}).now)
	if n := once(t, tell.RunOnce); n != 4 {
		t.Errorf("%d events told, want 4", n)
	}
	if len(j.untold) != 0 {
		t.Errorf("still untold: %+v", j.untold)
	}
	var got []string
	for _, m := range j.messages {
		got = append(got, m.EndpointID+" "+m.Type+" "+m.WireID)
		if m.OrderID != "o" || m.Scope.Merchant != "m" || m.State != engine.MessagePending || m.EventID == "" {
			t.Errorf("message %+v", m)
		}
	}
	want := []string{"all order.paid evt_000", "paid order.paid evt_000", "all order.completed evt_001"}
	if !slices.Equal(got, want) {
		t.Errorf("messages %v, want %v", got, want)
	}
	if string(j.messages[0].Body) != string(j.messages[1].Body) || len(j.messages[0].Body) == 0 {
		t.Error("two endpoints are told different bytes")
	}
	select {
	case <-tell.due.rung:
	default:
		t.Error("the sender was not woken")
	}
}

// An event for one endpoint is told to it whatever it wants to hear; an event of a scope has no order.
func TestTellOne(t *testing.T) {
	j := &journal{}
	j.happens("plain", "order.tried", engine.Endpoint{ID: "paid", Events: []string{"order.paid"}})
	u := &j.untold[0]
	u.Order, u.Event.OrderID, u.Event.Facts.Endpoint = nil, "", "paid"
	once(t, newTell(j, (&clock{at: start}).now).RunOnce)
	if len(j.messages) != 1 || j.messages[0].Type != "order.tried" || j.messages[0].EndpointID != "paid" || j.messages[0].OrderID != "" {
		t.Errorf("messages %+v", j.messages)
	}
}

// While servers are replaced one by one, the old ones leave the events of an API that only the new ones serve, and
// are not held up by them.
func TestTellServesItsOwnDialects(t *testing.T) {
	all := engine.Endpoint{ID: "all"}
	j := &journal{}
	for range 2 * tellBatch {
		j.happens("new", "order.paid", all)
	}
	j.happens("plain", "order.paid", all)
	old, now := newTell(j, (&clock{at: start}).now), newTell(j, (&clock{at: start}).now)
	now.tellers["new"] = plainTeller{}
	if n := once(t, old.RunOnce); n != 1 || j.told() != 1 || j.messages[0].Scope.Dialect != "plain" {
		t.Errorf("the old server told %d events: %+v", n, j.messages)
	}
	if n := once(t, now.RunOnce); n != 2*tellBatch || j.told() != 2*tellBatch+1 {
		t.Errorf("the new server told %d events", n)
	}
	if len(j.untold) != 0 {
		t.Errorf("%d events are lost", len(j.untold))
	}
}

func TestTellInBatches(t *testing.T) {
	j := &journal{}
	for range 2*tellBatch + 1 {
		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
	}
	if n := once(t, newTell(j, (&clock{at: start}).now).RunOnce); n != 2*tellBatch+1 || j.commits != 3 {
		t.Errorf("%d events in %d commits", n, j.commits)
	}
	if !slices.IsSortedFunc(j.messages, func(a, b engine.Message) int { return cmp.Compare(a.EventID, b.EventID) }) {
		t.Error("messages are not in the order of events")
	}
}

// A loop works at the bell, looks every second without it, and after a failure pauses for longer and longer.
func TestLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		tell := newTell(j, time.Now)
		stop := running(t, tell.Run)
		defer stop()
		synctest.Wait()

		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
		tell.bell.Ring()
		synctest.Wait()
		if j.told() != 1 {
			t.Error("the bell did not wake the loop")
		}
		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
		time.Sleep(look)
		synctest.Wait()
		if j.told() != 2 {
			t.Error("without the bell nothing happened within a second")
		}
		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
		tell.bell.Ring()
		synctest.Wait()
		if j.told() != 2 {
			t.Error("under load events were not gathered")
		}
		time.Sleep(tellGather)
		synctest.Wait()
		if j.told() != 3 {
			t.Error("a bell that rang while events were gathered was not heard")
		}
		time.Sleep(tellGather)
		synctest.Wait()

		// Commits that leave nothing to tell ring too: they share looks as those do that leave something.
		looks := j.looked()
		for range 100 {
			tell.bell.Ring()
			synctest.Wait()
			time.Sleep(tellGather / 10)
		}
		if n := j.looked() - looks; n < 9 || n > 12 {
			t.Errorf("%d looks at nothing while %d were gathered", n, 100)
		}
		time.Sleep(tellGather)
		synctest.Wait()

		broken := errors.New("disk full")
		fail := func(err error) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.fails = err
		}
		fail(broken)
		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
		tell.bell.Ring()
		synctest.Wait()
		since := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := tell.Status(); s.Name != "tell" || !errors.Is(s.Err, broken) || !s.Since.Equal(since) {
			t.Errorf("status %+v", s)
		}
		fail(nil)
		time.Sleep(maxPause)
		synctest.Wait()
		if j.told() != 4 || tell.Status().Err != nil {
			t.Errorf("told %d, status %+v", j.told(), tell.Status())
		}

		// The next failure is a first one again.
		fail(broken)
		j.happens("plain", "order.paid", engine.Endpoint{ID: "e"})
		tell.bell.Ring()
		synctest.Wait()
		fail(nil)
		time.Sleep(firstPause)
		synctest.Wait()
		if j.told() != 5 {
			t.Errorf("told %d a second after the failure", j.told())
		}
	})
}

// tickFunc is an engine that only ticks.
type tickFunc func() (int, error)

func (f tickFunc) Tick(context.Context, engine.Mode, rail.Name, time.Time) (int, error) { return f() }

// An order that stays due is looked at once a second, not in a spin.
func TestTickDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := 0
		tick := &Tick{loop: newLoop("tick", NewBell(), quiet(time.Now)), engine: tickFunc(func() (int, error) { ticks++; return 1, nil })}
		stop := running(t, tick.Run)
		time.Sleep(9*time.Second + 500*time.Millisecond)
		synctest.Wait()
		if ticks != 10 {
			t.Errorf("%d ticks in 9.5 s, want 10", ticks)
		}
		tick.bell.Ring()
		synctest.Wait()
		if ticks != 11 {
			t.Errorf("%d ticks after the bell, want 11", ticks)
		}
		stop()
	})
}
