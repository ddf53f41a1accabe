package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// Standing instructions. body is the record as JSON; the dialect's document is kept beside it, byte for byte.
const (
	selectStandings           = `SELECT body, doc FROM standings WHERE {any}`
	selectStandingByReference = `SELECT body, doc FROM standings WHERE scope_id = $1 AND reference = $2`
	selectStandingsByNumber   = `SELECT body, doc FROM standings WHERE scope_id = $1 AND number <= $2 AND number > $3 ORDER BY number DESC`
	selectStandingsBound      = `SELECT body, doc FROM standings WHERE scope_id = $1 AND bound > 0 ORDER BY number DESC LIMIT $2 OFFSET $3`
	countStandingsBound       = `SELECT COUNT(*) FROM standings WHERE scope_id = $1 AND bound > 0`
	insertStanding            = `INSERT INTO standings (id, scope_id, number, reference, reference_lower, bound, version, body, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	updateStanding = `UPDATE standings SET bound = $1, version = $2, body = $3, doc = $4 WHERE id = $5 AND version = $6`
)

// standingKey names a standing instruction by what is unique in its scope.
type standingKey struct {
	scope     engine.Scope
	reference string
}

func (t *tx) Standing(id string) (*engine.Standing, error) {
	st, err := t.use().standing(id)
	if err == nil && st == nil {
		err = fault.New(fault.CodeNotFound, "No such standing instruction.")
	}
	return cloneStanding(st), err
}

func (t *tx) StandingByReference(s engine.Scope, reference string) (*engine.Standing, error) {
	id, err := t.use().standingOf(standingKey{s, reference})
	if err != nil || id == "" {
		return nil, err
	}
	return t.Standing(id)
}

func (t *tx) InsertStanding(st *engine.Standing) error {
	g := t.use()
	if !strings.HasPrefix(st.ID, engine.StandingPrefix) || st.Reference == "" {
		return fmt.Errorf("a standing instruction needs an id of its own kind and a reference")
	}
	k := standingKey{st.Scope, st.Reference}
	taken, err := g.standingOf(k)
	if err != nil {
		return err
	}
	if taken != "" {
		return fault.New(fault.CodeDuplicateStanding, "A standing instruction has this reference already.")
	}
	scope, err := g.scope(st.Scope)
	if err != nil {
		return err
	}
	if st.Number, err = g.next(markStandings(scope)); err != nil {
		return err
	}
	st.Version = 1
	g.standingKeys.put(k, st.ID)
	g.standings.put(st.ID, cloneStanding(st))
	return nil
}

func (t *tx) SaveStanding(st *engine.Standing) error {
	g := t.use()
	was, err := g.standing(st.ID)
	if err != nil {
		return err
	}
	switch {
	case was == nil:
		return fault.New(fault.CodeNotFound, "No such standing instruction.")
	case was.Version != st.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the standing instruction meanwhile.")
	case was.Scope != st.Scope || was.Number != st.Number || was.Reference != st.Reference || !was.CreatedAt.Equal(st.CreatedAt):
		return fmt.Errorf("standing instruction %s: its scope, number, reference and creation never change", st.ID)
	}
	st.Version++
	g.standings.put(st.ID, cloneStanding(st))
	return nil
}

// standing is nil when there is none.
func (g *group) standing(id string) (*engine.Standing, error) {
	if st, ok := g.standings.get(id); ok {
		return st, nil
	}
	g.standings.load(id, nil)
	err := matchAny(g.db, selectStandings, []string{"id"}, [][]any{{id}}, func(rows record) error {
		st, err := scanStanding(rows)
		if err == nil {
			g.standings.load(id, st)
		}
		return err
	})
	st, _ := g.standings.get(id)
	return st, err
}

// standingOf is the id of the standing instruction with a reference, "" for none.
func (g *group) standingOf(k standingKey) (string, error) {
	if id, ok := g.standingKeys.get(k); ok {
		return id, nil
	}
	scope, err := g.findScope(k.scope)
	if err != nil {
		return "", err
	}
	st, err := queryStanding(g.db, scope, k.reference)
	if err != nil {
		return "", err
	}
	id := ""
	if st != nil {
		id = st.ID
		if _, known := g.standings.get(id); !known {
			g.standings.load(id, st)
		}
	}
	g.standingKeys.load(k, id)
	return id, nil
}

func queryStanding(q queryer, scope int64, reference string) (st *engine.Standing, err error) {
	err = scan(q, selectStandingByReference, []any{scope, reference}, func(rows record) (err error) {
		st, err = scanStanding(rows)
		return err
	})
	return st, err
}

func scanStanding(rows record) (*engine.Standing, error) {
	var body, doc sql.RawBytes
	if err := rows.Scan(&body, &doc); err != nil {
		return nil, err
	}
	st := &engine.Standing{}
	if err := json.Unmarshal(body, st); err != nil {
		return nil, fmt.Errorf("a standing instruction on record cannot be read: %w", err)
	}
	st.Doc = nil
	if len(doc) > 0 {
		st.Doc = bytes.Clone(doc)
	}
	return st, nil
}

// markStandings is the number of a scope's last standing instruction: they are never deleted, so it counts them.
func markStandings(scope int64) string { return "standings/" + strconv.FormatInt(scope, 10) }

func (g *group) flushStandings() error {
	return inOrder(&g.standings, strings.Compare, func(id string, was, now *engine.Standing) error {
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		body, err := standingBody(now)
		if err != nil {
			return err
		}
		what := "standing instruction " + id
		if was == nil {
			return g.write(what, insertStanding, id, scope, now.Number, now.Reference, strings.ToLower(now.Reference), len(now.Bindings), now.Version, body, string(now.Doc))
		}
		return g.write(what, updateStanding, len(now.Bindings), now.Version, body, string(now.Doc), id, was.Version)
	})
}

func standingBody(st *engine.Standing) (string, error) {
	c := *st
	c.Doc = nil
	return toJSON(&c)
}

func cloneStanding(st *engine.Standing) *engine.Standing {
	if st == nil {
		return nil
	}
	c := *st
	c.Bindings = slices.Clone(st.Bindings)
	for i := range c.Bindings {
		c.Bindings[i].Doc = bytes.Clone(c.Bindings[i].Doc)
	}
	c.Totals = slices.Clone(st.Totals)
	c.Doc = bytes.Clone(st.Doc)
	return &c
}

func (r *reader) StandingByReference(s engine.Scope, reference string) (*engine.Standing, error) {
	scope, err := queryScope(r.store, r, s)
	if err != nil {
		return nil, err
	}
	return queryStanding(r, scope, reference)
}

// Standings implements engine.Reader. A page of all and its total cost the same however many there are; those that
// hold something are counted; a search looks through all, for a second at most: overloaded then.
func (r *reader) Standings(f engine.StandingFilter) (page engine.StandingPage, err error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return page, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return page, err
	}
	skip, limit := int64(f.Page-1)*int64(f.Limit), int64(f.Limit)
	if f.Search == "" && !f.Bound {
		if page.Total, err = queryMark(r, markStandings(scope)); err != nil {
			return page, err
		}
		page.Standings, err = queryStandings(r, selectStandingsByNumber, scope, page.Total-skip, page.Total-skip-limit)
		return page, err
	}
	err = r.within(func(r *reader) error {
		list, count := selectStandingsBound, countStandingsBound
		args := []any{scope}
		if f.Search != "" {
			args = append(args, "%"+likeEscape.Replace(strings.ToLower(f.Search))+"%")
			where := ` WHERE scope_id = $1 AND reference_lower LIKE $2 ESCAPE '\'`
			if f.Bound {
				where += ` AND bound > 0`
			}
			list = `SELECT body, doc FROM standings` + where + ` ORDER BY number DESC LIMIT $3 OFFSET $4`
			count = `SELECT COUNT(*) FROM standings` + where
		}
		if err := scan(r, count, args, func(rows record) error { return rows.Scan(&page.Total) }); err != nil {
			return err
		}
		page.Standings, err = queryStandings(r, list, append(args, limit, skip)...)
		return err
	})
	return page, err
}

func queryStandings(q queryer, query string, args ...any) ([]engine.Standing, error) {
	var found []engine.Standing
	err := scan(q, query, args, func(rows record) error {
		st, err := scanStanding(rows)
		if err == nil {
			found = append(found, *st)
		}
		return err
	})
	return found, err
}
