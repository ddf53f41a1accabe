package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Quotes. body is the record as JSON.
const (
	selectQuotes    = `SELECT id, body FROM quotes WHERE {any}`
	selectOldQuotes = `SELECT id FROM quotes WHERE used_by = '' AND ends < $1 ORDER BY ends LIMIT $2`
	insertQuote     = `INSERT INTO quotes (id, scope_id, used_by, ends, version, body) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
	updateQuote     = `UPDATE quotes SET used_by = $1, version = $2, body = $3 WHERE id = $4 AND version = $5`
	deleteQuote     = `DELETE FROM quotes WHERE id = $1 AND version = $2`
)

func (t *tx) Quote(id string) (*engine.Quote, error) {
	q, err := t.use().quote(id)
	return cloneQuote(q), err
}

// quote is nil when there is none.
func (g *group) quote(id string) (*engine.Quote, error) {
	if err := g.db.ask(g.askQuotes([]string{id})); err != nil {
		return nil, err
	}
	q, _ := g.quotes.get(id)
	return q, nil
}

func (g *group) askQuotes(ids []string) []question {
	missing := g.quotes.missing(ids)
	for _, id := range missing {
		g.quotes.load(id, nil)
	}
	return askAny(g.db.postgres(), selectQuotes, []string{"id"}, single(missing), func(row record) error {
		q, err := scanQuote(row)
		if err == nil {
			g.quotes.load(q.ID, q)
		}
		return err
	})
}

func (t *tx) InsertQuote(q *engine.Quote) error {
	g := t.use()
	if q.ID == "" {
		return errors.New("a quote needs an id")
	}
	if was, err := g.quote(q.ID); err != nil || was != nil {
		return errors.Join(err, fmt.Errorf("there is a quote %s", q.ID))
	}
	if _, err := g.scope(q.Scope); err != nil {
		return err
	}
	q.Version = 1
	g.quotes.put(q.ID, cloneQuote(q))
	return nil
}

func (t *tx) SaveQuote(q *engine.Quote) error {
	g := t.use()
	was, err := g.quote(q.ID)
	if err != nil {
		return err
	}
	switch {
	case was == nil:
		return fault.New(fault.CodeNotFound, "No such quote.")
	case was.Version != q.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the quote meanwhile.")
	case was.Scope != q.Scope || !was.Ends.Equal(q.Ends) || !was.Made.Equal(q.Made):
		return fmt.Errorf("quote %s: its scope and times never change", q.ID)
	}
	q.Version++
	g.quotes.put(q.ID, cloneQuote(q))
	return nil
}

func (t *tx) ForgetQuote(id string) error {
	g := t.use()
	was, err := g.quote(id)
	if err != nil || was == nil {
		return err
	}
	if was.UsedBy != "" {
		return fmt.Errorf("quote %s was used and stays", id)
	}
	g.quotes.put(id, nil)
	return nil
}

func (g *group) flushQuotes() error {
	return inOrder(&g.quotes, strings.Compare, func(id string, was, now *engine.Quote) error {
		if now == nil {
			if was == nil {
				return nil
			}
			return g.write("quote "+id, deleteQuote, id, was.Version)
		}
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		body, err := toJSON(now)
		if err != nil {
			return err
		}
		if was == nil {
			return g.write("quote "+id, insertQuote, id, scope, now.UsedBy, micros(now.Ends), now.Version, body)
		}
		return g.write("quote "+id, updateQuote, now.UsedBy, now.Version, body, id, was.Version)
	})
}

func (r *reader) Quote(id string) (*engine.Quote, error) {
	var found *engine.Quote
	err := matchAny(r, selectQuotes, []string{"id"}, single([]string{id}), func(row record) (err error) {
		found, err = scanQuote(row)
		return err
	})
	return found, err
}

func (r *reader) OldQuotes(before time.Time, limit int) ([]string, error) {
	var ids []string
	err := scan(r, selectOldQuotes, []any{micros(before), limit}, func(row record) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func scanQuote(row record) (*engine.Quote, error) {
	var id string
	var body []byte
	if err := row.Scan(&id, &body); err != nil {
		return nil, err
	}
	q := &engine.Quote{}
	if err := json.Unmarshal(body, q); err != nil {
		return nil, fmt.Errorf("a quote on record cannot be read: %w", err)
	}
	return q, nil
}

// cloneQuote is a copy that shares nothing with the quote.
func cloneQuote(q *engine.Quote) *engine.Quote {
	if q == nil {
		return nil
	}
	c := *q
	c.Rates, c.Doc = slices.Clone(q.Rates), bytes.Clone(q.Doc)
	return &c
}
