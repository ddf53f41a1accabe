package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/rail"
)

const testRail = rail.Name("chain:test")

// logbook is the part of the engine that watching needs, in memory.
type logbook struct {
	mu      sync.Mutex
	stored  *engine.Progress
	reports []engine.Report
	fails   func(r engine.Report) error // before each Observe; nil: nothing
}

func (b *logbook) Progress(context.Context, rail.Name) (*engine.Progress, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored == nil {
		return nil, nil
	}
	copied := *b.stored
	return &copied, nil
}

func (b *logbook) Book(engine.Network) rail.Book { return nil }

func (b *logbook) Observe(_ context.Context, _ engine.Network, r engine.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		if err := b.fails(r); err != nil {
			return err
		}
	}
	if b.stored != nil && b.stored.Fence > r.Progress.Fence {
		return fault.New(fault.CodeVersionConflict, "a larger fence")
	}
	b.stored = &r.Progress
	b.reports = append(b.reports, r)
	return nil
}

func (b *logbook) heads() []uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var heads []uint64
	for _, r := range b.reports {
		heads = append(heads, r.Progress.Cursor.Head)
	}
	return heads
}

// chain is a rail with a watch function of its own.
type chain func(ctx context.Context, from rail.Cursor, report func(context.Context, rail.Cursor, []rail.Observation) error) error

func (chain) Name() rail.Name { return testRail }

func (c chain) Watch(ctx context.Context, from rail.Cursor, _ rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	return c(ctx, from, report)
}

func at(head uint64) rail.Cursor {
	return rail.Cursor{State: []byte{byte(head)}, Head: head, Horizon: start.Add(time.Duration(head) * time.Second)}
}

func newWatch(b *logbook, c chain, now func() time.Time) *Watch {
	return &Watch{
		loop: newLoop("watch", nil, quiet(now)), engine: b, watcher: c, told: NewBell(),
		network: engine.Network{ID: "test", Rail: testRail, Mode: engine.Sandbox},
	}
}

// case 28: a watcher begins where the last one ended, with a larger fence.
func TestWatchGoesOn(t *testing.T) {
	b := &logbook{}
	stopped := errors.New("enough")
	var began []uint64
	w := newWatch(b, func(ctx context.Context, from rail.Cursor, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
		began = append(began, from.Head)
		for head := from.Head + 1; head <= from.Head+3; head++ {
			if err := report(ctx, at(head), nil); err != nil {
				return err
			}
		}
		return stopped
	}, (&clock{at: start}).now)
	for range 2 {
		if n, err := w.RunOnce(t.Context()); n != 3 || !errors.Is(err, stopped) {
			t.Errorf("%d reports and %v", n, err)
		}
	}
	if !slices.Equal(began, []uint64{0, 3}) || !slices.Equal(b.heads(), []uint64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("began at %v, told %v", began, b.heads())
	}
	if f, l := b.reports[0].Progress.Fence, b.reports[5].Progress.Fence; f != 1 || l != 2 {
		t.Errorf("fences %d and %d, want 1 and 2", f, l)
	}
	s := w.Status()
	if s.Rail != testRail || s.Head != 6 || !s.Horizon.Equal(at(6).Horizon) || !s.Told.Equal(start) || s.Err != nil {
		t.Errorf("status %+v", s)
	}
	select {
	case <-w.told.rung:
	default:
		t.Error("the tick loop was not woken")
	}
}

// case 24: another chain answers. It is asked once a minute, and nothing is booked until the right one does.
func TestWatchWrongChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &logbook{}
		var asked []time.Duration
		began := time.Now()
		wrong := errors.New("the node serves another chain")
		w := newWatch(b, func(ctx context.Context, from rail.Cursor, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
			asked = append(asked, time.Since(began))
			if len(asked) < 4 {
				return wrong
			}
			if err := report(ctx, at(1), nil); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}, time.Now)
		stop := running(t, w.Run)
		defer stop()
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if s := w.Status(); !errors.Is(s.Err, wrong) || !s.Since.Equal(began) || len(b.heads()) != 0 {
			t.Errorf("status %+v, told %v", s, b.heads())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(asked, want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
		if s := w.Status(); s.Err != nil || s.Head != 1 {
			t.Errorf("mended, and the status is %+v", s)
		}
	})
}

// case 25: a report that is not booked is an error to the rail, the cursor stands, and a rail that gives up
// is started again after 1 s doubling to 1 min.
func TestWatchReportFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		b := &logbook{fails: func(engine.Report) error { return full }}
		var asked []time.Duration
		began := time.Now()
		w := newWatch(b, func(ctx context.Context, from rail.Cursor, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
			asked = append(asked, time.Since(began))
			if from.Head != 0 {
				t.Errorf("began at %d", from.Head)
			}
			err := report(ctx, at(1), nil)
			if err == nil {
				<-ctx.Done()
			}
			return err
		}, time.Now)
		stop := running(t, w.Run)
		defer stop()
		time.Sleep(190 * time.Second)
		synctest.Wait()
		if s := w.Status(); !errors.Is(s.Err, full) || !s.Since.Equal(began) {
			t.Errorf("status %+v", s)
		}
		b.mu.Lock()
		b.fails = nil
		b.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		s := func(n int) time.Duration { return time.Duration(n) * time.Second }
		if want := []time.Duration{0, s(1), s(3), s(7), s(15), s(31), s(63), s(123), s(183), s(243)}; !slices.Equal(asked, want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
		if !slices.Equal(b.heads(), []uint64{1}) || w.Status().Err != nil {
			t.Errorf("told %v, status %+v", b.heads(), w.Status())
		}
	})
}

// stubborn is a rail that repeats a report until it is booked, as a chain's watcher does.
func stubborn(ctx context.Context, from rail.Cursor, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	for report(ctx, at(from.Head+1), nil) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestWatchIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &logbook{stored: &engine.Progress{Rail: testRail, Cursor: at(7), Fence: 3}}
		b.fails = func(r engine.Report) error {
			b.stored = &engine.Progress{Rail: testRail, Cursor: at(9), Fence: 5} // somebody else was here
			return nil
		}
		w := newWatch(b, stubborn, time.Now)
		w.Run(t.Context()) // ends by itself
		if s := w.Status(); !errors.Is(s.Err, errTakenOver) {
			t.Errorf("status %+v", s)
		}
		if b.stored.Cursor.Head != 9 || len(b.reports) != 0 {
			t.Errorf("the cursor is %+v after %v", b.stored, b.reports)
		}
	})
}

// A conflict over an order is not a take-over: the rail tells it again.
func TestWatchConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &logbook{}
		conflicts := 2
		b.fails = func(engine.Report) error {
			if conflicts--; conflicts >= 0 {
				return fault.New(fault.CodeVersionConflict, "an order was changed meanwhile")
			}
			return nil
		}
		w := newWatch(b, stubborn, time.Now)
		stop := running(t, w.Run)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.Equal(b.heads(), []uint64{1}) || w.Status().Err != nil {
			t.Errorf("told %v, status %+v", b.heads(), w.Status())
		}
		stop()
		if err := w.Status().Err; err != nil {
			t.Errorf("stopping is no trouble: %v", err)
		}
	})
}

func TestWatchEndsWithoutReason(t *testing.T) {
	w := newWatch(&logbook{}, func(context.Context, rail.Cursor, func(context.Context, rail.Cursor, []rail.Observation) error) error {
		return nil
	}, (&clock{at: start}).now)
	if _, err := w.RunOnce(t.Context()); err == nil {
		t.Error("a watcher that just ends is trouble")
	}
}
