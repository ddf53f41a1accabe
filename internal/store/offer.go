package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// Offers. body is the record as JSON; the dialect's document is kept beside it, byte for byte.
const (
	selectOffer          = `SELECT body, doc FROM offers WHERE id = $1`
	selectOfferBySlug    = `SELECT body, doc FROM offers WHERE slug = $1`
	selectOffersByNumber = `SELECT body, doc FROM offers WHERE scope_id = $1 AND number <= $2 AND number > $3 ORDER BY number DESC`
	selectOffersIn       = `SELECT body, doc FROM offers WHERE scope_id = $1 AND state = $2 ORDER BY number DESC LIMIT $3 OFFSET $4`
	countOffersIn        = `SELECT COUNT(*) FROM offers WHERE scope_id = $1 AND state = $2`
	insertOffer          = `INSERT INTO offers (id, scope_id, number, slug, state, version, body, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	updateOffer          = `UPDATE offers SET slug = $1, state = $2, version = $3, body = $4, doc = $5 WHERE id = $6 AND version = $7`
)

func (t *tx) Offer(id string) (*engine.Offer, error) {
	o, err := t.use().offer(id)
	return o.Clone(), err
}

// offer is nil when there is none.
func (g *group) offer(id string) (*engine.Offer, error) {
	if o, loaded := g.offers.get(id); loaded {
		return o, nil
	}
	o, err := queryOffer(g.db, selectOffer, id)
	if err != nil {
		return nil, err
	}
	g.offers.load(id, o)
	return o, nil
}

func (t *tx) InsertOffer(o *engine.Offer) error {
	g := t.use()
	if o.ID == "" {
		return errors.New("an offer needs an id")
	}
	if was, err := g.offer(o.ID); err != nil || was != nil {
		return errors.Join(err, fmt.Errorf("there is an offer %s", o.ID))
	}
	scope, err := g.scope(o.Scope)
	if err != nil {
		return err
	}
	if o.Number, err = g.next(markOffers(scope)); err != nil {
		return err
	}
	o.Version = 1
	g.offers.put(o.ID, o.Clone())
	return nil
}

func (t *tx) SaveOffer(o *engine.Offer) error {
	g := t.use()
	was, err := g.offer(o.ID)
	if err != nil {
		return err
	}
	switch {
	case was == nil:
		return fault.New(fault.CodeNotFound, "No such offer.")
	case was.Version != o.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the offer meanwhile.")
	case was.Scope != o.Scope || was.Number != o.Number || was.Slug != "" && was.Slug != o.Slug || !was.CreatedAt.Equal(o.CreatedAt):
		return fmt.Errorf("offer %s: its scope, number, slug and creation never change", o.ID)
	}
	o.Version++
	g.offers.put(o.ID, o.Clone())
	return nil
}

// markOffers is the number of a scope's last offer: they are never deleted, so it counts them.
func markOffers(scope int64) string { return "offers/" + strconv.FormatInt(scope, 10) }

func (g *group) flushOffers() error {
	return inOrder(&g.offers, strings.Compare, func(id string, was, now *engine.Offer) error {
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		kept := *now
		kept.Doc = nil
		body, err := toJSON(&kept)
		if err != nil {
			return err
		}
		var slug any
		if now.Slug != "" {
			slug = now.Slug
		}
		if was == nil {
			return g.write("offer "+id, insertOffer, id, scope, now.Number, slug, string(now.State), now.Version, body, string(now.Doc))
		}
		return g.write("offer "+id, updateOffer, slug, string(now.State), now.Version, body, string(now.Doc), id, was.Version)
	})
}

func (r *reader) Offer(id string) (*engine.Offer, error) { return queryOffer(r, selectOffer, id) }

func (r *reader) OfferBySlug(slug string) (*engine.Offer, error) {
	return queryOffer(r, selectOfferBySlug, slug)
}

func (r *reader) Offers(f engine.OfferFilter) (page engine.OfferPage, err error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return page, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return page, err
	}
	skip, limit := int64(f.Page-1)*int64(f.Limit), int64(f.Limit)
	if f.State == "" {
		if page.Total, err = queryMark(r, markOffers(scope)); err != nil {
			return page, err
		}
		page.Offers, err = queryOffers(r, selectOffersByNumber, scope, page.Total-skip, page.Total-skip-limit)
		return page, err
	}
	err = r.within(func(r *reader) error {
		err := scan(r, countOffersIn, []any{scope, string(f.State)}, func(row record) error { return row.Scan(&page.Total) })
		if err != nil {
			return err
		}
		page.Offers, err = queryOffers(r, selectOffersIn, scope, string(f.State), limit, skip)
		return err
	})
	return page, err
}

func queryOffer(q queryer, query, key string) (*engine.Offer, error) {
	found, err := queryOffers(q, query, key)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func queryOffers(q queryer, query string, args ...any) ([]engine.Offer, error) {
	if !storable(args) {
		return nil, nil
	}
	var found []engine.Offer
	err := scan(q, query, args, func(row record) error {
		var body, doc []byte
		if err := row.Scan(&body, &doc); err != nil {
			return err
		}
		var o engine.Offer
		if err := json.Unmarshal(body, &o); err != nil {
			return fmt.Errorf("an offer on record cannot be read: %w", err)
		}
		o.Doc = nil
		if len(doc) > 0 {
			o.Doc = bytes.Clone(doc)
		}
		found = append(found, o)
		return nil
	})
	return found, err
}
