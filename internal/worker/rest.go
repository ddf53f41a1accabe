package worker

import (
	"context"
	"fmt"

	"till/internal/engine"
	"till/internal/rail"
)

// restPage is how many addresses are looked into at once.
const restPage = 100

// restEngine is what ending rests needs of the engine.
type restEngine interface {
	RestOver(ctx context.Context, f engine.Family, m engine.Mode, limit int) ([]engine.Rested, error)
	EndRests(ctx context.Context, list []engine.Rested, found map[engine.Instrument][]engine.Balance) error
}

// Rest ends the rest of the instruments of one family and mode: what each holds, on every network that is
// watched, goes on record before another order may get it. When a network does not answer, they rest on.
type Rest struct {
	*loop
	engine  restEngine
	family  engine.Family
	mode    engine.Mode
	holders []holder
}

// holder is a network whose instruments can be looked into.
type holder struct {
	network string
	rail    rail.Holder
}

// holders are the networks of a family and mode that can be looked into; watched says whether any is
// listened to at all.
func holders(rails []Rail, f engine.Family, m engine.Mode) (list []holder, watched bool) {
	for _, r := range rails {
		if r.Network.Family != f || r.Network.Mode != m || r.Watcher == nil {
			continue
		}
		watched = true
		if h, ok := r.Watcher.(rail.Holder); ok {
			list = append(list, holder{r.Network.ID, h})
		}
	}
	return list, watched
}

// rests makes a loop for each family and mode of which a network is listened to.
func rests(c Config) (list []*Rest) {
	type kind struct {
		family engine.Family
		mode   engine.Mode
	}
	done := map[kind]bool{}
	for _, r := range c.Rails {
		k := kind{r.Network.Family, r.Network.Mode}
		found, watched := holders(c.Rails, k.family, k.mode)
		if !watched || done[k] {
			continue
		}
		done[k] = true
		list = append(list, &Rest{
			loop:   newLoop(fmt.Sprintf("rest %s %s", k.mode, k.family), nil, c),
			engine: c.Engine, family: k.family, mode: k.mode, holders: found,
		})
	}
	return list
}

// Covers says whether the loop is for that family and mode.
func (r *Rest) Covers(f engine.Family, m engine.Mode) bool { return r.family == f && r.mode == m }

// Run ends rests until ctx ends.
func (r *Rest) Run(ctx context.Context) { r.run(ctx, r.RunOnce) }

// RunOnce ends every rest that is over and returns how many.
func (r *Rest) RunOnce(ctx context.Context) (n int, err error) {
	for {
		list, err := r.engine.RestOver(ctx, r.family, r.mode, restPage)
		if err != nil || len(list) == 0 {
			return n, err
		}
		found, err := r.look(ctx, list)
		if err != nil {
			return n, err
		}
		if err := r.engine.EndRests(ctx, list, found); err != nil {
			return n, err
		}
		n += len(list)
		if len(list) < restPage || ctx.Err() != nil {
			return n, ctx.Err()
		}
	}
}

// look finds out what instruments hold on every network.
func (r *Rest) look(ctx context.Context, list []engine.Rested) (map[engine.Instrument][]engine.Balance, error) {
	values := make([]string, len(list))
	for i, in := range list {
		values[i] = in.Instrument.Value
	}
	found := map[engine.Instrument][]engine.Balance{}
	for _, h := range r.holders {
		holdings, err := h.rail.Holdings(ctx, values)
		if err != nil {
			return nil, fmt.Errorf("what addresses hold on %s: %w", h.network, err)
		}
		for i, held := range holdings {
			in := list[i].Instrument
			found[in] = append(found[in], engine.Balance{Network: h.network, Block: held.Block, Amounts: held.Amounts})
		}
	}
	return found, nil
}
