package store

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"till/internal/engine"
)

// How instruments are kept: what was derived, what rests, what is in quarantine or archived.

const (
	selectDerivedFree = `SELECT i.value, h.order_id FROM instruments i
		LEFT JOIN holds h ON h.number = i.number AND h.to_at = 0
		WHERE i.merchant = $1 AND i.mode = $2 AND i.family = $3 AND i.archived = 0 AND i.quarantined = 0 AND i.rest_since = 0 AND i.derived = 1
		ORDER BY i.number DESC LIMIT $4`
	selectRestOver = `SELECT value, rest_since FROM instruments WHERE mode = $1 AND family = $2 AND rest_until <= $3
		AND archived = 0 AND quarantined = 0 AND rest_since > 0 AND counted = 0 AND derived = 0 ORDER BY rest_until LIMIT $4`
	// Imported addresses, then those derived: each through the index of those that can serve.
	selectFreeImported = `SELECT i.number FROM instruments i
		WHERE i.merchant = $1 AND i.mode = $2 AND i.family = $3 AND i.archived = 0 AND i.quarantined = 0 AND i.derived = 0
		AND (i.rest_since = 0 OR i.rest_until <= $4 AND i.counted = 1)
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = i.number AND h.to_at = 0) ORDER BY i.number LIMIT $5`
	selectFreeDerived = `SELECT i.number FROM instruments i
		WHERE i.merchant = $1 AND i.mode = $2 AND i.family = $3 AND i.archived = 0 AND i.quarantined = 0 AND i.rest_since = 0 AND i.derived = 1
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = i.number AND h.to_at = 0) ORDER BY i.number DESC LIMIT $4`
	selectQuarantined = `SELECT value FROM instruments WHERE mode = $1 AND family = $2 AND quarantined = 1 LIMIT 1`

	endRest = `UPDATE instruments SET counted = 1, rest_balance = $1
		WHERE family = $2 AND value = $3 AND rest_since = $4 AND counted = 0`
	quarantineInstrument = `UPDATE instruments SET quarantined = 1 WHERE family = $1 AND value = $2 AND archived <> 2`
	// The claim of whoever has it goes, so that it can be claimed again; an order that holds it keeps it.
	releaseInstrument = `UPDATE instruments SET quarantined = 0, counted = CASE WHEN rest_since > 0 THEN 0 ELSE counted END,` + unclaim + `
		WHERE family = $1 AND value = $2 AND quarantined = 1`
	archiveInstrument   = `UPDATE instruments SET archived = 1 WHERE family = $1 AND value = $2 AND archived = 0`
	unarchiveInstrument = `UPDATE instruments SET archived = 0,` + unclaim + ` WHERE family = $1 AND value = $2 AND archived = 1`
	unclaim             = ` claim = CASE WHEN EXISTS (SELECT 1 FROM holds h WHERE h.number = instruments.number AND h.to_at = 0) THEN claim ELSE '' END`
)

// keeping is one change of how an instrument is kept.
type keeping struct {
	pool  engine.Pool
	value string
	query string
	args  []any
}

func (t *tx) keep(in engine.Instrument, query string) error {
	g := t.use()
	if err := g.loadInstruments([]engine.Instrument{in}); err != nil {
		return err
	}
	row, _ := g.instruments.get(in)
	if row.pool == (engine.Pool{}) {
		return fmt.Errorf("instrument %s is not on record", in.Value)
	}
	g.keepings.add(keeping{row.pool, in.Value, query, []any{string(in.Family), in.Value}})
	return nil
}

func (t *tx) QuarantineInstrument(in engine.Instrument, quarantined bool) error {
	if quarantined {
		return t.keep(in, quarantineInstrument)
	}
	return t.keep(in, releaseInstrument)
}

func (t *tx) ArchiveInstrument(in engine.Instrument, archived bool) error {
	if archived {
		return t.keep(in, archiveInstrument)
	}
	return t.keep(in, unarchiveInstrument)
}

func (t *tx) EndRest(in engine.Instrument, since time.Time, found []engine.Balance) error {
	text, err := toJSON(found)
	if err != nil {
		return err
	}
	t.use().rested.add(restEnd{in, text, since})
	return nil
}

// restEnd is what an instrument held when its rest was over.
type restEnd struct {
	instrument engine.Instrument
	balances   string
	since      time.Time
}

func (g *group) flushKeepings() error {
	for _, r := range g.rested.group {
		if err := g.write("", endRest, r.balances, string(r.instrument.Family), r.instrument.Value, micros(r.since)); err != nil {
			return err
		}
	}
	for _, k := range g.keepings.group {
		if err := g.write("", k.query, k.args...); err != nil {
			return err
		}
	}
	return nil
}

// kept tells the pools in memory what was committed.
func (g *group) kept() {
	for _, k := range g.keepings.group {
		g.store.pools.forget(k.pool, k.value)
		g.store.pools.list(k.pool).imported = true // it may have its turn before derived ones again
	}
}

// What was derived from a key is a mark of its own, so that its guard keeps two processes apart.
func markDerived(key string) string { return "derived/" + key }

func (t *tx) Derived(key string) (int64, error) { return t.use().mark(markDerived(key)) }

func (t *tx) SaveDerived(key string, next int64) error {
	was, err := t.use().mark(markDerived(key))
	if err != nil {
		return err
	}
	if next < was {
		return fmt.Errorf("%d indexes were derived before: the mark is never lowered to %d", was, next)
	}
	t.g.marks.put(markDerived(key), next)
	return nil
}

func (r *reader) Derived(key string) (int64, error) { return queryMark(r, markDerived(key)) }

func (r *reader) DerivedFree(p engine.Pool, limit int) ([]string, error) {
	var found []string
	err := scan(r, selectDerivedFree, []any{p.Merchant, string(p.Mode), string(p.Family), limit}, func(rows record) error {
		var value string
		var holder sql.NullString
		err := rows.Scan(&value, &holder)
		if !holder.Valid {
			found = append(found, value)
		}
		return err
	})
	return found, err
}

func (r *reader) RestOver(f engine.Family, m engine.Mode, limit int) ([]engine.Rested, error) {
	now, err := r.modeTime(m)
	if err != nil {
		return nil, err
	}
	var found []engine.Rested
	err = scan(r, selectRestOver, []any{string(m), string(f), now, limit}, func(rows record) error {
		in := engine.Rested{Instrument: engine.Instrument{Family: f}}
		var since int64
		err := rows.Scan(&in.Instrument.Value, &since)
		in.Since = timeOf(since)
		found = append(found, in)
		return err
	})
	return found, err
}

func (r *reader) AnyQuarantined(f engine.Family, m engine.Mode) (bool, error) {
	found, err := texts(r, selectQuarantined, string(m), string(f))
	return len(found) > 0, err
}

// keptRow is the part of an instrument's row that says how it is kept.
type keptRow struct {
	archived, quarantined, counted, derived int64
	restSince, restUntil                    int64
	holder                                  string // empty: nobody holds it
}

// state is what an instrument is doing at a time on the mode's clock.
func (k keptRow) state(now int64) engine.InstrumentState {
	switch {
	case engine.Hold{OrderID: k.holder}.IsStanding():
		return engine.InstrumentBound
	case k.holder != "":
		return engine.InstrumentHeld
	case k.quarantined > 0:
		return engine.InstrumentQuarantined
	case k.archived > 0:
		return engine.InstrumentArchived
	case k.restSince > 0 && (k.restUntil > now || k.counted == 0 && k.derived == 0):
		return engine.InstrumentResting
	case k.restSince > 0 && k.derived > 0:
		return engine.InstrumentUsed
	}
	return engine.InstrumentFree
}

// readBalances reads what EndRest wrote; "" is never counted.
func readBalances(text string) (found []engine.Balance, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &found)
	}
	return found, err
}

// byTurn sorts claimed instruments as they are handed out: imported before derived, then by their number.
func byTurn(list []pooled) {
	slices.SortStableFunc(list, func(a, b pooled) int {
		if a.derived != b.derived && b.derived {
			return -1
		}
		if a.derived != b.derived {
			return 1
		}
		return cmp.Compare(a.number, b.number)
	})
}

// Whether a scope's pool of a family is low is a mark: its guard makes one of several processes tell it.
func markLow(s engine.Scope, f engine.Family) string {
	return "low/" + string(s.Mode) + "/" + s.Dialect + "/" + string(f) + "/" + s.Merchant
}

func (t *tx) PoolIsLow(s engine.Scope, f engine.Family) (bool, error) {
	v, err := t.use().mark(markLow(s, f))
	return v == 1, err
}

func (t *tx) SavePoolIsLow(s engine.Scope, f engine.Family, low bool) error {
	if _, err := t.use().mark(markLow(s, f)); err != nil {
		return err
	}
	var v int64
	if low {
		v = 1
	}
	t.g.marks.put(markLow(s, f), v)
	return nil
}

func (r *reader) PoolIsLow(s engine.Scope, f engine.Family) (bool, error) {
	v, err := queryMark(r, markLow(s, f))
	return v == 1, err
}

func (r *reader) FreeInstruments(p engine.Pool, max int64) (n int64, err error) {
	now, err := r.modeTime(p.Mode)
	if err != nil {
		return 0, err
	}
	count := func(query string, args ...any) error {
		return scan(r, query, append([]any{p.Merchant, string(p.Mode), string(p.Family)}, args...), func(record) error {
			n++
			return nil
		})
	}
	if err := count(selectFreeImported, now, max); err != nil || n >= max {
		return n, err
	}
	err = count(selectFreeDerived, max-n)
	return n, err
}
