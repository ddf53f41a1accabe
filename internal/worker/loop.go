package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"till/internal/rail"
)

const (
	look       = time.Second // the longest a loop sleeps with nothing wrong
	firstPause = time.Second // after the first failure
	maxPause   = time.Minute // and at most
)

// Bell wakes one loop. It may be rung from anywhere at any time and never blocks: rings while the loop
// is busy make one more round.
type Bell struct{ rung chan struct{} }

// NewBell makes a bell.
func NewBell() *Bell { return &Bell{rung: make(chan struct{}, 1)} }

// Ring wakes the loop.
func (b *Bell) Ring() {
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

// Status is how a loop is, for a health page.
type Status struct {
	Name  string
	Err   error     // what is wrong at present; nil: nothing
	Since time.Time // since when Err

	// Watchers only. What a rail retries by itself is not an Err here: it shows in Told standing still.
	Rail    rail.Name
	Head    uint64    // the last block told
	Horizon time.Time // its time
	Told    time.Time // when the rail was last heard; zero: not since the start
}

// loop is what all loops have in common.
type loop struct {
	log  *slog.Logger
	now  func() time.Time
	bell *Bell // nil: nobody wakes it

	every  time.Duration // the longest it sleeps with nothing wrong; 0: look
	gather time.Duration // after a round that found work or was rung for: so long no bell is heard, and the next round finds more at once

	mu     sync.Mutex
	status Status
}

func newLoop(name string, bell *Bell, c Config) *loop {
	return &loop{log: c.Log.With("worker", name), now: c.Now, bell: bell, status: Status{Name: name}}
}

// Status is how the loop is.
func (l *loop) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

// well and trouble keep what Status says.
func (l *loop) well() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Err, l.status.Since = nil, time.Time{}
}

func (l *loop) trouble(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status.Err == nil {
		l.status.Since = l.now()
	}
	l.status.Err = err
}

// ended is an error that the usual pauses do not fit.
type ended struct {
	error
	again time.Duration // when to try again; 0: never
}

func (e ended) Unwrap() error { return e.error }

// run repeats once until ctx ends. once does all that is due, so there is a wait after each: until the
// bell, or a second at most unless the loop has a time of its own. A failure is logged, shown in the status and tried again after 1 s doubling
// to 1 min, bell or not.
func (l *loop) run(ctx context.Context, once func(context.Context) (int, error)) {
	pause, rung := firstPause, false
	for {
		n, err := once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			l.well()
			pause = firstPause
			var rest time.Duration
			if n > 0 || rung {
				rest = l.gather
				sleep(ctx, rest)
			}
			rung = l.wait(ctx, cmp.Or(l.every, look)-rest)
			continue
		}
		l.trouble(err)
		again := pause
		pause = min(2*pause, maxPause)
		if end, ok := errors.AsType[ended](err); ok {
			if end.again == 0 {
				l.log.Error("stopped", "error", err)
				return
			}
			again = end.again
		}
		l.log.Error("failed", "error", err, "again", again.String())
		sleep(ctx, again)
	}
}

// wait returns at the bell, after d or when ctx ends, and says whether it was the bell.
func (l *loop) wait(ctx context.Context, d time.Duration) bool {
	var rung chan struct{}
	if l.bell != nil {
		rung = l.bell.rung
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-rung:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// sleep returns after d or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
