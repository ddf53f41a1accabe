package worker

import (
	"context"
	"time"

	"till/internal/engine"
	"till/internal/rail"
)

// tickEngine is what ticking needs of the engine.
type tickEngine interface {
	Tick(ctx context.Context, m engine.Mode, r rail.Name, now time.Time) (int, error)
}

// Tick lets time pass for the orders of one rail, or of none in one mode: after each report of its watcher, because then time
// has passed on the rail's clock, and every second, because then it has passed on ours.
type Tick struct {
	*loop
	engine  tickEngine
	network engine.Network
}

// Run ticks until ctx ends.
func (t *Tick) Run(ctx context.Context) { t.run(ctx, t.RunOnce) }

// RunOnce ticks every order that is due, each once, and returns how many. An order that stays due (its
// own clock is behind the rail's) waits for the next round like all others.
func (t *Tick) RunOnce(ctx context.Context) (int, error) {
	return t.engine.Tick(ctx, t.network.Mode, t.network.Rail, t.now())
}
