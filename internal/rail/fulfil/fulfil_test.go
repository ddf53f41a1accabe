package fulfil_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/fulfil"
	"till/internal/rail/railtest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// far is the merchant's server: it answers by what a delivery goes to, and hands over by the delivery's id.
type far struct {
	mu      sync.Mutex
	state   rail.State
	rail    *fulfil.Rail
	at      time.Time
	answers map[string][]fulfil.Answer // by destination; the last one stays
	calls   map[string]int             // by delivery
	done    map[string]int
}

var waits = []time.Duration{time.Second, time.Minute, time.Hour}

func newFar() *far {
	f := &far{state: railtest.Memory(), at: start, calls: map[string]int{}, done: map[string]int{}, answers: map[string][]fulfil.Answer{
		"good": {{Status: 200}}, "refuses": {{Status: 404}}, "manual": {{Manual: true}}, "over": {{Over: true}},
	}}
	f.reopen()
	return f
}

func (f *far) reopen() {
	f.rail = fulfil.New(fulfil.Config{Name: "fulfil:sandbox", State: f.state, Caller: f, Waits: waits, Now: f.now})
}

func (f *far) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *far) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

var errSilent = errors.New("no answer")

func (f *far) Call(ctx context.Context, d rail.Delivery) (fulfil.Answer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[d.ID]++
	list := f.answers[d.To]
	a := list[0]
	if len(list) > 1 {
		f.answers[d.To] = list[1:]
	}
	switch {
	case a == (fulfil.Answer{}):
		return a, errSilent
	case a.Status == 200 && f.done[d.ID] == 0: // a repeat is the same delivery
		f.done[d.ID]++
	}
	return a, nil
}

var usdc = money.MustAsset("USDC", "north", 6)

func TestRail(t *testing.T) {
	railtest.Run(t, railtest.Fixture{Sends: func(t *testing.T) railtest.Sending {
		f := newFar()
		return railtest.Sending{
			Rail: func() rail.Sender { return f.rail }, Reopen: func(*testing.T) { f.reopen() }, Asset: usdc, Good: "good", Refuses: "refuses",
			Moved: func(_ *testing.T, id string) int {
				f.mu.Lock()
				defer f.mu.Unlock()
				return f.done[id]
			},
		}
	}})
}

func (f *far) send(t *testing.T, to string, answers ...fulfil.Answer) rail.Delivery {
	t.Helper()
	if len(answers) > 0 {
		f.answers[to] = answers
	}
	d := rail.Delivery{ID: "t1", To: to, Amount: money.FromInt(usdc, 1)}
	if _, err := f.rail.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// tends looks after deliveries and checks what is told.
func (f *far) tends(t *testing.T, want ...rail.Status) {
	t.Helper()
	words, err := f.rail.Tend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != len(want) {
		t.Fatalf("told %v, want %v", words, want)
	}
	for i, w := range words {
		if w.Status != want[i] || w.ID != "t1" {
			t.Errorf("told %v, want %v", w, want[i])
		}
	}
}

func (f *far) is(t *testing.T, d rail.Delivery, status rail.Status, calls int) {
	t.Helper()
	got, _, err := f.rail.Lookup(t.Context(), d)
	if err != nil || got != status || f.calls["t1"] != calls {
		t.Errorf("it is %q after %d calls, %v; want %q after %d", got, f.calls["t1"], err, status, calls)
	}
}

// A far side that is out is asked on the schedule, also by another process, until it says that it is done.
func TestCallsOnTheSchedule(t *testing.T) {
	f := newFar()
	d := f.send(t, "slow", fulfil.Answer{}, fulfil.Answer{Status: 503, Wait: 10 * time.Minute}, fulfil.Answer{Status: 408}, fulfil.Answer{Status: 201})
	f.is(t, d, rail.StatusSent, 1)
	f.tends(t) // too early
	f.is(t, d, rail.StatusSent, 1)
	f.reopen()
	f.pass(time.Second)
	f.tends(t)
	f.is(t, d, rail.StatusSent, 2)
	f.pass(9 * time.Minute) // it asked for ten
	f.tends(t)
	f.is(t, d, rail.StatusSent, 2)
	f.pass(time.Minute)
	f.tends(t)
	f.is(t, d, rail.StatusSent, 3)
	f.pass(time.Hour)
	f.tends(t, rail.StatusDelivered)
	f.is(t, d, rail.StatusDelivered, 4)
	f.pass(time.Hour)
	f.tends(t)
	f.is(t, d, rail.StatusDelivered, 4)
}

// The schedule's end is a failure, and so is an answer that will not change.
func TestFailures(t *testing.T) {
	f := newFar()
	d := f.send(t, "dead", fulfil.Answer{Status: 500})
	for range len(waits) - 1 {
		f.pass(2 * time.Hour)
		f.tends(t)
	}
	f.is(t, d, rail.StatusSent, 3)
	f.pass(2 * time.Hour)
	f.tends(t, rail.StatusFailed)
	f.is(t, d, rail.StatusFailed, 4)

	f = newFar()
	d = f.send(t, "later", fulfil.Answer{Status: 429}, fulfil.Answer{Status: 422})
	f.pass(time.Second)
	f.tends(t, rail.StatusFailed)
	f.is(t, d, rail.StatusFailed, 2)
	if _, err := f.rail.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("sent again: %v", err)
	}
	f.is(t, d, rail.StatusFailed, 2)
}

// What is done by hand is called once and waits; what is no delivery any more is not called again.
func TestByHand(t *testing.T) {
	f := newFar()
	d := f.send(t, "manual")
	f.pass(1000 * time.Hour)
	f.tends(t)
	f.is(t, d, rail.StatusSent, 1)

	f = newFar()
	d = f.send(t, "gone", fulfil.Answer{}, fulfil.Answer{Over: true})
	f.pass(time.Second)
	f.tends(t, rail.StatusFailed)
	f.is(t, d, rail.StatusFailed, 2)
}

// A process that dies in a call leaves it to the next, after its lease.
func TestCallThatWasCutOff(t *testing.T) {
	f := newFar()
	f.answers["good"] = []fulfil.Answer{{Status: 200}}
	ctx, end := context.WithCancel(t.Context())
	cut := fulfil.New(fulfil.Config{Name: "fulfil:sandbox", State: f.state, Caller: caller(func(context.Context, rail.Delivery) (fulfil.Answer, error) {
		end()
		return fulfil.Answer{}, errSilent
	}), Waits: waits, Now: f.now})
	d := rail.Delivery{ID: "t1", To: "good", Amount: money.FromInt(usdc, 1)}
	if _, err := cut.Send(ctx, d); err == nil || errors.Is(err, rail.ErrRefused) {
		t.Errorf("the error is %v", err)
	}
	f.is(t, d, rail.StatusSent, 0)
	f.tends(t)
	f.pass(3 * time.Minute)
	f.tends(t, rail.StatusDelivered)
	f.is(t, d, rail.StatusDelivered, 1)
}

type caller func(context.Context, rail.Delivery) (fulfil.Answer, error)

func (c caller) Call(ctx context.Context, d rail.Delivery) (fulfil.Answer, error) { return c(ctx, d) }
