package store

import (
	"math"
	"slices"
	"strings"

	"till/internal/engine"
)

// New instruments are given out in runs of numbers (docs/adr/0023-runs-of-addresses.md). A process takes the next run of a pool by
// moving the pool's mark and writing one row; the rows of the instruments do not change.

const (
	inRun = "run" // in the claim column: a run gives it out

	claimRuns = `UPDATE runs SET claim = $1 WHERE merchant = $2 AND mode = $3 AND family = $4 AND claim = '' RETURNING derived, first, last`
	insertRun = `INSERT INTO runs (merchant, mode, family, derived, first, last, claim) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	deleteRun = `DELETE FROM runs WHERE merchant = $1 AND mode = $2 AND family = $3 AND derived = $4 AND first = $5 AND claim = $6`
	freeRuns  = `UPDATE runs SET claim = '' WHERE claim > '' AND claim <> $1`
	runOf     = `FROM instruments i WHERE i.merchant = $1 AND i.mode = $2 AND i.family = $3 AND i.number >= $4 AND i.number <= $5 AND i.archived = 0
		AND i.quarantined = 0 AND i.rest_since = 0 AND i.claim = '` + inRun + `' AND i.derived = {derived}`
	selectRun  = `SELECT i.value, i.number ` + runOf + ` AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = i.number AND h.to_at = 0) ORDER BY i.number LIMIT $6`
	selectFar  = `SELECT i.number ` + runOf + ` ORDER BY i.number LIMIT 1 OFFSET $6` // whether there are many
	manyRuns   = 8                                                                   // of one pool, from which on those that are used up are looked for
	enoughLeft = 4                                                                   // blocks: with less, several processes take new instruments one by one
)

// ofKind words a query for imported or for derived instruments: each kind has a partial index.
func ofKind(query string, derived bool) string {
	return strings.Replace(query, "{derived}", string('0'+rune(flag(derived))), 1)
}

// run is a run of numbers that this process has.
type run struct {
	derived     bool
	first, last int64
}

func (r run) has(in pooled) bool {
	return in.derived == r.derived && in.number >= r.first && in.number <= r.last
}

// markRun names the mark behind which a pool's next run begins.
func markRun(p engine.Pool, derived bool) string {
	kind := "imported"
	if derived {
		kind = "derived"
	}
	return "run/" + string(p.Mode) + "/" + string(p.Family) + "/" + kind + "/" + p.Merchant
}

// claimLeft takes over the runs of processes that are gone, and returns how many instruments these had left.
func (g *group) claimLeft(pool engine.Pool) (n int, err error) {
	var left []run
	err = scan(g.db, claimRuns, append([]any{g.store.pools.claim}, poolArgs(pool)...), func(rows record) error {
		var r run
		err := rows.Scan(&r.derived, &r.first, &r.last)
		left = append(left, r)
		return err
	})
	for _, r := range left {
		if err != nil {
			break
		}
		g.dirty = true
		var got []pooled
		got, err = g.readRun(pool, r, math.MaxInt32)
		if err == nil {
			g.haveRun(pool, r, got)
		}
		n += len(got)
	}
	return n, err
}

// claimRun takes the pool's next run, a block, or one instrument where several processes share few, and returns how many it took.
func (g *group) claimRun(pool engine.Pool, derived bool) (n int, err error) {
	name, size := markRun(pool, derived), g.store.pools.block
	after, err := g.mark(name)
	if err != nil {
		return 0, err
	}
	ahead := run{derived, after + 1, math.MaxInt64}
	if g.store.pools.shared {
		many := false
		err := scan(g.db, ofKind(selectFar, derived), append(poolArgs(pool), ahead.first, ahead.last, enoughLeft*size-1), func(record) error { many = true; return nil })
		if err != nil {
			return 0, err
		}
		if !many {
			size = 1
		}
	}
	got, err := g.readRun(pool, ahead, size)
	if err != nil || len(got) == 0 {
		return 0, err
	}
	// Written at once and not recorded: the run stays this process's when the caller fails.
	r := run{derived, ahead.first, got[len(got)-1].number}
	moved, err := g.db.exec(raiseMark, name, r.last, after)
	if err == nil && moved == 0 {
		err = &conflict{what: "the next run of " + name}
	}
	if err != nil {
		return 0, err
	}
	g.dirty = true
	g.marks.load(name, r.last)
	if _, err := g.db.exec(insertRun, append(poolArgs(pool), flag(derived), r.first, r.last, g.store.pools.claim)...); err != nil {
		return 0, err
	}
	g.haveRun(pool, r, got)
	return len(got), nil
}

// readRun reads what is free of a run's numbers.
func (g *group) readRun(pool engine.Pool, r run, limit int) (got []pooled, err error) {
	err = scan(g.db, ofKind(selectRun, r.derived), append(poolArgs(pool), r.first, r.last, limit), func(rows record) error {
		in := pooled{pool: pool, fresh: true, derived: r.derived}
		err := rows.Scan(&in.value, &in.number)
		got = append(got, in)
		return err
	})
	return got, err
}

// haveRun puts a run, and what is free of it, into this process's memory, for as long as the transaction is not undone.
func (g *group) haveRun(pool engine.Pool, r run, free []pooled) {
	l := g.store.pools.list(pool)
	l.runs = append(l.runs, r)
	g.runs = append(g.runs, poolRun{pool, r})
	g.have(l, free)
}

// have puts claimed new instruments among those of a pool that go next.
func (g *group) have(l *freeList, free []pooled) {
	g.claimed = append(g.claimed, free...)
	l.fresh = append(l.fresh, free...)
	byTurn(l.fresh)
}

// poolRun is a run of a pool.
type poolRun struct {
	pool engine.Pool
	run
}

// forgetRun removes a run whose claim was rolled back.
func (p *pools) forgetRun(r poolRun) {
	l := p.list(r.pool)
	l.runs = slices.DeleteFunc(l.runs, func(one run) bool { return one == r.run })
}

// endRuns deletes the pool's runs of which nothing is left. It is called where no caller has an instrument that he may yet give back.
func (g *group) endRuns(pool engine.Pool) error {
	l := g.store.pools.list(pool)
	kept := make([]run, 0, len(l.runs))
	for _, r := range l.runs {
		if slices.ContainsFunc(l.fresh, r.has) {
			kept = append(kept, r)
			continue
		}
		if _, err := g.db.exec(deleteRun, append(poolArgs(pool), flag(r.derived), r.first, g.store.pools.claim)...); err != nil {
			return err
		}
		g.dirty = true
	}
	l.runs = kept
	return nil
}

func poolArgs(p engine.Pool) []any { return []any{p.Merchant, string(p.Mode), string(p.Family)} }
