package store

import (
	"errors"
	"fmt"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// Operators' actions, the chains of seals, and leases of work that one process does at a time.

const (
	selectUnsealedEntries = `SELECT id FROM entries WHERE sealed = 0 ORDER BY id LIMIT $1`
	selectEntriesByID     = `SELECT e.id, e.order_id, e.merchant, e.mode, e.at, p.from_account, p.to_account, p.amount, p.row_name
		FROM entries e JOIN postings p ON p.entry_id = e.id WHERE {any} ORDER BY e.id, p.n`
	selectUnsealedEvents  = selectEvents + `WHERE e.sealed = 0 ORDER BY e.id LIMIT $1`
	selectUnsealedActions = `SELECT id, mode, at, who, what, ref, detail FROM actions WHERE sealed = 0 ORDER BY id LIMIT $1`
	insertAction          = `INSERT INTO actions (id, mode, at, who, what, ref, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`

	selectLastSeal = `SELECT n, kind, ref, salt, digest, head FROM seals WHERE mode = $1 ORDER BY n DESC LIMIT 1`
	insertSeal     = `INSERT INTO seals (mode, n, kind, ref, salt, digest, head) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	// The plus keeps a planner from looking through what is not sealed instead of looking the row up.
	sealEntry  = `UPDATE entries SET sealed = 1 WHERE id = $1 AND +sealed = 0`
	sealEvent  = `UPDATE events SET sealed = 1 WHERE id = $1 AND +sealed = 0`
	sealAction = `UPDATE actions SET sealed = 1 WHERE id = $1 AND +sealed = 0`

	selectLease = `SELECT name, owner, fence, until_at FROM leases WHERE name = $1`
	insertLease = `INSERT INTO leases (name, owner, fence, until_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	updateLease = `UPDATE leases SET owner = $1, fence = $2, until_at = $3 WHERE name = $4 AND fence = $5`
)

// Unsealed finds what to seal by partial indexes that hold nothing else.
func (r *reader) Unsealed(limit int) (engine.Unsealed, error) {
	var found engine.Unsealed
	ids, err := texts(r, selectUnsealedEntries, limit)
	if err != nil {
		return found, err
	}
	if found.Entries, err = entriesByID(r, ids); err != nil {
		return found, err
	}
	if found.Events, err = r.events(selectUnsealedEvents, limit); err != nil {
		return found, err
	}
	err = scan(r, selectUnsealedActions, []any{limit}, func(rows record) error {
		a, err := scanAction(rows)
		found.Actions = append(found.Actions, a)
		return err
	})
	return found, err
}

func entriesByID(q queryer, ids []string) ([]engine.Entry, error) {
	var found []engine.Entry
	err := matchAny(q, selectEntriesByID, []string{"e.id"}, single(ids), func(rows record) (err error) {
		found, err = scanPosting(rows, found)
		return err
	})
	return found, err
}

func scanAction(rows record) (a engine.Action, err error) {
	var at int64
	err = rows.Scan(&a.ID, &a.Mode, &at, &a.Who, &a.What, &a.Ref, &a.Detail)
	a.At = timeOf(at)
	return a, err
}

func (r *reader) LastSeal(m engine.Mode) (engine.Seal, error) { return queryLastSeal(r, m) }

func queryLastSeal(q queryer, m engine.Mode) (last engine.Seal, err error) {
	err = scan(q, selectLastSeal, []any{string(m)}, func(rows record) error {
		last.Mode = m
		var digest, head []byte
		if err := rows.Scan(&last.N, &last.Kind, &last.Ref, &last.Salt, &digest, &head); err != nil {
			return err
		}
		if len(digest) != 32 || len(head) != 32 {
			return fmt.Errorf("seal %d of %s has a digest of %d and a head of %d bytes", last.N, m, len(digest), len(head))
		}
		last.Digest, last.Head = [32]byte(digest), [32]byte(head)
		return nil
	})
	return last, err
}

func (t *tx) AddAction(a engine.Action) error {
	if a.ID == "" || a.Mode == "" || a.What == "" {
		return errors.New("an action needs an id, a mode and a command")
	}
	t.use().actions.add(a)
	return nil
}

func (t *tx) LastSeal(m engine.Mode) (engine.Seal, error) {
	g := t.use()
	if last, ok := g.lastSeals.get(m); ok {
		return last, nil
	}
	last, err := queryLastSeal(g.db, m)
	if err == nil {
		g.lastSeals.load(m, last)
	}
	return last, err
}

func (t *tx) AddSeals(list []engine.Seal) error {
	for _, one := range list {
		last, err := t.LastSeal(one.Mode)
		if err != nil {
			return err
		}
		if one.N != last.N+1 || one.Ref == "" || len(one.Salt) == 0 || sealed[one.Kind] == "" {
			return fmt.Errorf("seal %d of %s does not fit behind seal %d", one.N, one.Mode, last.N)
		}
		t.g.lastSeals.put(one.Mode, one)
	}
	t.g.seals.add(list...)
	return nil
}

// sealed is the statement that marks a row as sealed.
var sealed = map[engine.SealKind]string{engine.SealEntry: sealEntry, engine.SealEvent: sealEvent, engine.SealAction: sealAction}

func (t *tx) Lease(name string) (engine.WorkLease, error) {
	g := t.use()
	if l, ok := g.leases.get(name); ok {
		return l, nil
	}
	var l engine.WorkLease
	err := scan(g.db, selectLease, []any{name}, func(rows record) error {
		var until int64
		err := rows.Scan(&l.Name, &l.Owner, &l.Fence, &until)
		l.Until = timeOf(until)
		return err
	})
	if err == nil {
		g.leases.load(name, l)
	}
	return l, err
}

func (t *tx) SaveLease(l engine.WorkLease) error {
	was, err := t.Lease(l.Name)
	if err != nil {
		return err
	}
	if l.Name == "" || l.Owner == "" || l.Fence < 1 {
		return errors.New("a lease needs a name, an owner and a fence")
	}
	if was.Fence > l.Fence {
		return fault.New(fault.CodeVersionConflict, "Another process has taken over.")
	}
	t.g.leases.put(l.Name, l)
	return nil
}

// flushSeals writes what operators did, then the seals, each with the mark on its row: a number that is taken, or
// a row that is sealed already, is a conflict.
func (g *group) flushSeals() error {
	for _, a := range g.actions.group {
		if err := g.write("", insertAction, a.ID, string(a.Mode), micros(a.At), a.Who, a.What, a.Ref, a.Detail); err != nil {
			return err
		}
	}
	for _, s := range g.seals.group {
		err := g.write(fmt.Sprintf("seal %d of %s", s.N, s.Mode), insertSeal, string(s.Mode), s.N, string(s.Kind), s.Ref, s.Salt, s.Digest[:], s.Head[:])
		if err != nil {
			return err
		}
	}
	for _, s := range g.seals.group {
		if err := g.write(string(s.Kind)+" "+s.Ref, sealed[s.Kind], s.Ref); err != nil {
			return err
		}
	}
	return inOrder(&g.leases, strings.Compare, func(name string, was, now engine.WorkLease) error {
		if was.Fence == 0 {
			return g.write("lease "+name, insertLease, name, now.Owner, now.Fence, micros(now.Until))
		}
		return g.write("lease "+name, updateLease, now.Owner, now.Fence, micros(now.Until), name, was.Fence)
	})
}
