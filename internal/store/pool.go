package store

import (
	"cmp"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
)

// pools are the free instruments this process has claimed, new ones in runs (run.go), and may hand out without asking the database.
// Only the writer uses them.
type pools struct {
	claim string // this process, in the claim column
	block int    // claimed at a time
	free  map[engine.Pool]*freeList
	dry   bool // somebody got nothing since the last sweep

	shared bool // other processes claim too: the database gives one at a time when few are left
}

// freeList is one pool's claimed free instruments, the next one first.
type freeList struct {
	fresh, rested []pooled
	runs          []run // that this process has
	imported      bool  // there may be imported ones that are not claimed
	// Whether the database may have more: a block came back full, or something was imported.
	moreNew, moreRested bool
	few                 bool // the last claim of new ones was less than a block
}

// pooled is one free instrument.
type pooled struct {
	pool    engine.Pool
	value   string
	number  int64 // of its import
	since   int64 // when it began to rest
	fresh   bool  // never held
	derived bool  // goes after all that were imported
}

func (p *pools) list(pool engine.Pool) *freeList {
	l, ok := p.free[pool]
	if !ok {
		l = &freeList{moreNew: true}
		p.free[pool] = l
	}
	return l
}

// giveBack puts an instrument in front again.
func (p *pools) giveBack(in pooled) {
	l := p.list(in.pool)
	if in.fresh {
		l.fresh = slices.Insert(l.fresh, 0, in)
	} else {
		l.rested = slices.Insert(l.rested, 0, in)
	}
}

// forget removes an instrument whose claim was rolled back or turned out wrong.
func (p *pools) forget(pool engine.Pool, value string) {
	l := p.list(pool)
	is := func(in pooled) bool { return in.value == value }
	l.fresh, l.rested = slices.DeleteFunc(l.fresh, is), slices.DeleteFunc(l.rested, is)
	l.moreNew, l.moreRested = true, true
}

// low are the pools that have less than a quarter of a block and for which the database has more, and those with many runs.
func (p *pools) low() []engine.Pool {
	var low []engine.Pool
	for pool, l := range p.free {
		if len(l.runs) > manyRuns {
			low = append(low, pool)
			continue
		}
		if p.hoards(l) {
			continue
		}
		if len(l.fresh)+len(l.rested) < p.block/4 && (l.moreNew || l.moreRested) {
			low = append(low, pool)
		}
	}
	return low
}

// hoards says that to claim for a list beforehand would take what other processes need.
func (p *pools) hoards(l *freeList) bool { return p.shared && l.few }

// take hands out the next instrument of a pool: never held first, imported before derived, by number; then the
// longest at rest.
func (g *group) take(pool engine.Pool, onlyNew bool) (pooled, error) {
	l := g.store.pools.list(pool)
	if l.moreNew && (len(l.fresh) == 0 || l.fresh[0].derived && l.imported) {
		if err := g.claimNew(pool); err != nil {
			return pooled{}, err
		}
	}
	if len(l.fresh) > 0 {
		in := l.fresh[0]
		l.fresh = l.fresh[1:]
		return in, nil
	}
	if len(l.rested) == 0 && !onlyNew {
		if err := g.claimRested(pool); err != nil {
			return pooled{}, err
		}
	}
	if len(l.rested) > 0 && !onlyNew {
		in := l.rested[0]
		l.rested = l.rested[1:]
		return in, nil
	}
	g.store.pools.dry = true
	return pooled{}, fault.New(fault.CodeNoAddress, "No payment address is free at the moment.")
}

// refill claims a block beside the callers, and ends runs that are used up.
func (g *group) refill(pool engine.Pool) error {
	l := g.store.pools.list(pool)
	if err := g.endRuns(pool); err != nil || g.store.pools.hoards(l) {
		return err
	}
	if l.moreNew && len(l.fresh) < g.store.pools.block/4 {
		if err := g.claimNew(pool); err != nil {
			return err
		}
	}
	if len(l.fresh) < g.store.pools.block/4 && l.moreRested {
		return g.claimRested(pool)
	}
	return nil
}

// claimNew claims what processes that are gone left, what could not be given out with its run, and then the next run: of imported ones,
// and where all these are less than a block of derived ones.
func (g *group) claimNew(pool engine.Pool) error {
	l, block := g.store.pools.list(pool), g.store.pools.block
	n, err := g.claimLeft(pool)
	if err != nil {
		return err
	}
	late, err := g.claimBlock(pool, true, claimNewInstruments, append([]any{g.store.pools.claim}, append(poolArgs(pool), block)...)...)
	if err != nil {
		return err
	}
	g.have(l, late)
	imported, err := g.claimRun(pool, false)
	if err != nil {
		return err
	}
	n += len(late) + imported
	if n == 0 || n < block && !g.store.pools.shared {
		derived, err := g.claimRun(pool, true)
		if err != nil {
			return err
		}
		n += derived
	}
	l.few = n < block
	l.moreNew, l.imported = !l.few || g.store.pools.shared && n > 0, imported == block
	return nil
}

// claimRested claims those whose rest is over on the mode's clock.
func (g *group) claimRested(pool engine.Pool) error {
	l, block := g.store.pools.list(pool), g.store.pools.block
	clock, err := g.clock(pool.Mode)
	if err != nil {
		return err
	}
	now := micros(clock.Shift(g.now))
	got, err := g.claimBlock(pool, false, claimRestedInstruments, append([]any{g.store.pools.claim}, append(poolArgs(pool), now, block)...)...)
	if err != nil {
		return err
	}
	l.rested = append(l.rested, got...)
	g.claimed = append(g.claimed, got...)
	l.moreRested = len(got) == block
	return nil
}

func (g *group) claimBlock(pool engine.Pool, fresh bool, query string, args ...any) ([]pooled, error) {
	var got []pooled
	err := scan(g.db, query, args, func(rows record) error {
		in := pooled{pool: pool, fresh: fresh}
		got = append(got, in)
		last := &got[len(got)-1]
		return rows.Scan(&last.value, &last.number, &last.since, &last.derived)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(got, func(a, b pooled) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.number, b.number))
	})
	g.dirty = g.dirty || len(got) > 0
	return got, nil
}
