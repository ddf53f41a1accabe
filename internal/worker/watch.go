package worker

import (
	"context"
	"errors"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/rail"
)

// watchEngine is what watching needs of the engine.
type watchEngine interface {
	Progress(ctx context.Context, r rail.Name) (*engine.Progress, error)
	Book(n engine.Network) rail.Book
	Observe(ctx context.Context, n engine.Network, r engine.Report) error
}

var errTakenOver = errors.New("another process watches this rail now")

// Watch listens to one rail and books what it tells.
type Watch struct {
	*loop
	engine  watchEngine
	network engine.Network
	watcher rail.Watcher
	told    *Bell // rung after each report: time has passed on the rail's clock
}

// Run watches until ctx ends or another process takes over. When the rail says that going on would be
// wrong (another chain answers) it is asked again once a minute: somebody may mend that, and until then
// nothing is credited.
func (w *Watch) Run(ctx context.Context) { w.run(ctx, w.RunOnce) }

// RunOnce watches from the stored cursor on until the rail stops, and returns how many reports were
// booked. It always ends with an error: ctx's own, or why the rail stopped.
//
// A report that cannot be booked is an error to the rail, which then must not move on. Each run has a
// larger fence than the one before, so that a report which was under way when another watcher began is
// refused instead of moving the cursor back.
func (w *Watch) RunOnce(ctx context.Context) (n int, err error) {
	at := engine.Progress{Rail: w.network.Rail}
	stored, err := w.engine.Progress(ctx, w.network.Rail)
	if err != nil {
		return 0, err
	}
	if stored != nil {
		at = *stored
	}
	at.Fence++
	w.progress(at.Cursor, false)

	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var unbooked error // the last report's
	err = w.watcher.Watch(ctx, at.Cursor, w.engine.Book(w.network), func(ctx context.Context, to rail.Cursor, seen []rail.Observation) error {
		at.Cursor = to
		unbooked = w.book(ctx, engine.Report{Progress: at, Seen: seen})
		if errors.Is(unbooked, errTakenOver) {
			end(errTakenOver) // the rail repeats a report that fails; this one would fail for ever
		}
		if unbooked == nil {
			n++
		}
		return unbooked
	})
	switch {
	case errors.Is(context.Cause(ctx), errTakenOver):
		return n, ended{errTakenOver, 0}
	case ctx.Err() != nil:
		return n, ctx.Err()
	case unbooked != nil:
		return n, unbooked
	case err == nil:
		err = errors.New("the rail stopped watching without a reason")
	}
	return n, ended{err, maxPause}
}

// book stores one report.
func (w *Watch) book(ctx context.Context, r engine.Report) error {
	killpoint.Here("watch.report")
	err := w.engine.Observe(ctx, w.network, r)
	if fault.Is(err, fault.CodeVersionConflict) && w.takenOver(ctx, r.Progress.Fence) {
		err = errTakenOver
	}
	if err != nil {
		if ctx.Err() == nil {
			w.trouble(err)
			w.log.Error("a report was not booked", "error", err, "head", r.Progress.Cursor.Head)
		}
		return err
	}
	killpoint.Here("watch.booked")
	w.progress(r.Progress.Cursor, true)
	w.well()
	w.told.Ring()
	return nil
}

// takenOver tells a larger fence from a conflict over an order, which the rail may simply try again.
func (w *Watch) takenOver(ctx context.Context, fence int64) bool {
	stored, err := w.engine.Progress(ctx, w.network.Rail)
	return err == nil && stored != nil && stored.Fence > fence
}

// progress keeps for the status how far the rail is.
func (w *Watch) progress(c rail.Cursor, heard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Rail, w.status.Head, w.status.Horizon = w.network.Rail, c.Head, c.Horizon
	if heard {
		w.status.Told = w.now()
	}
}
