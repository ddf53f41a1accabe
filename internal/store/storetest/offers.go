package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

func (s *suite) offer(id string, scope engine.Scope) *engine.Offer {
	s.Helper()
	stock := int64(7)
	var o *engine.Offer
	s.update(func(tx engine.Tx) error {
		o = &engine.Offer{
			ID: id, Scope: scope, State: engine.OfferDraft, Stock: &stock, Revision: 1, EndsAt: tx.Now().Add(time.Hour),
			CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Doc: json.RawMessage(`{"title": "a  \u00e9"}`),
		}
		return tx.InsertOffer(o)
	})
	return o
}

func offers(s *suite) {
	first := s.offer("offer-1", scopeA)
	s.offer("offer-2", scopeA)
	other := s.offer("offer-3", scopeB)
	if first.Number != 1 || first.Version != 1 || other.Number != 1 {
		s.Fatalf("numbers %d and %d, version %d", first.Number, other.Number, first.Version)
	}
	s.update(func(tx engine.Tx) error {
		o, err := tx.Offer("offer-1")
		if err != nil {
			return err
		}
		o.State, o.Slug, o.PublishedAt, o.Taken = engine.OfferPublished, "slug-1", tx.Now(), 2
		if err := tx.SaveOffer(o); err != nil {
			return err
		}
		*o.Stock = 1000 // the caller's copy
		first = o.Clone()
		*first.Stock = 7
		return nil
	})

	stale := *other
	s.update(func(tx engine.Tx) error { return tx.SaveOffer(other) })
	s.wantCode(s.try(func(tx engine.Tx) error { o := stale; return tx.SaveOffer(&o) }), fault.CodeVersionConflict)
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveOffer(&engine.Offer{ID: "nobody"}) }), fault.CodeNotFound)
	for what, change := range map[string]func(o *engine.Offer){
		"scope":    func(o *engine.Offer) { o.Scope = scopeB },
		"number":   func(o *engine.Offer) { o.Number++ },
		"slug":     func(o *engine.Offer) { o.Slug = "another" },
		"creation": func(o *engine.Offer) { o.CreatedAt = o.CreatedAt.Add(time.Second) },
	} {
		err := s.try(func(tx engine.Tx) error {
			o, err := tx.Offer("offer-1")
			if err != nil {
				return err
			}
			change(o)
			return tx.SaveOffer(o)
		})
		if err == nil {
			s.Errorf("the %s of an offer was changed", what)
		}
	}
	if err := s.try(func(tx engine.Tx) error { return tx.InsertOffer(&engine.Offer{ID: "offer-1", Scope: scopeA}) }); err == nil {
		s.Error("an id was used twice")
	}

	s.reopen()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Offer("offer-1")
		if err != nil {
			return err
		}
		s.same("the offer", got, first)
		if got, err = rd.OfferBySlug("slug-1"); err != nil {
			return err
		}
		s.same("the offer of the slug", got, first)
		for _, missing := range []func() (*engine.Offer, error){
			func() (*engine.Offer, error) { return rd.Offer("offer-4") },
			func() (*engine.Offer, error) { return rd.OfferBySlug("slug-4") },
			func() (*engine.Offer, error) { return rd.OfferBySlug("") },
		} {
			if o, err := missing(); o != nil || err != nil {
				s.Errorf("got %v, %v", o, err)
			}
		}
		return nil
	})
}

func offerLists(s *suite) {
	for n := range 5 {
		s.offer(fmt.Sprintf("offer-%d", n+1), scopeA)
	}
	s.offer("foreign", scopeC)
	s.update(func(tx engine.Tx) error {
		o, err := tx.Offer("offer-2")
		if err != nil {
			return err
		}
		o.State = engine.OfferArchived
		return tx.SaveOffer(o)
	})
	list := func(f engine.OfferFilter) (ids []string, total int64) {
		s.view(func(rd engine.Reader) error {
			page, err := rd.Offers(f)
			for _, o := range page.Offers {
				ids = append(ids, o.ID)
			}
			total = page.Total
			return err
		})
		return ids, total
	}
	for _, c := range []struct {
		f     engine.OfferFilter
		ids   []string
		total int64
	}{
		{engine.OfferFilter{Scope: scopeA, Page: 1, Limit: 2}, []string{"offer-5", "offer-4"}, 5},
		{engine.OfferFilter{Scope: scopeA, Page: 3, Limit: 2}, []string{"offer-1"}, 5},
		{engine.OfferFilter{Scope: scopeA, Page: 4, Limit: 2}, nil, 5},
		{engine.OfferFilter{Scope: scopeA, State: engine.OfferDraft, Page: 2, Limit: 3}, []string{"offer-1"}, 4},
		{engine.OfferFilter{Scope: scopeA, State: engine.OfferArchived, Page: 1, Limit: 3}, []string{"offer-2"}, 1},
		{engine.OfferFilter{Scope: scopeB, Page: 1, Limit: 3}, nil, 0},
	} {
		if ids, total := list(c.f); !slices.Equal(ids, c.ids) || total != c.total {
			s.Errorf("%+v: %v of %d, want %v of %d", c.f, ids, total, c.ids, c.total)
		}
	}
	for _, f := range []engine.OfferFilter{{Scope: scopeA, Limit: 1}, {Scope: scopeA, Page: 1}} {
		err := s.store.View(context.Background(), func(rd engine.Reader) error { _, err := rd.Offers(f); return err })
		s.wantCode(err, fault.CodeInvalidPage)
	}
}

// Callers of one group see each other's changes, so that a count of what is left is never passed.
func offerRace(s *suite) {
	s.offer("offer-1", scopeA)
	var mu sync.Mutex
	got := 0
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			err := s.try(func(tx engine.Tx) error {
				o, err := tx.Offer("offer-1")
				if err != nil {
					return err
				}
				if left, _ := o.Left(); left == 0 {
					return errRefused
				}
				o.Taken++
				return tx.SaveOffer(o)
			})
			if err == nil {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if got != 7 {
		s.Errorf("%d took what there is seven times", got)
	}
}
