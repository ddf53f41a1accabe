package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"till/internal/engine"
)

// The endpoints of an organisation are told of all its merchants, in their mode and API alone.
func organisationListens(s *suite) {
	s.update(func(tx engine.Tx) error {
		for id, organisation := range map[string]string{"m1": "acme", "m2": "acme", "m3": "rest"} {
			if err := tx.SaveMerchant(engine.Merchant{ID: id, Organisation: organisation, CreatedAt: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	acme := engine.OfOrganisation("acme", engine.Sandbox, "one")
	foreign := engine.Scope{Merchant: "m3", Mode: engine.Sandbox, Dialect: "one"}
	s.endpoint("a1", scopeA, true)
	s.endpoint("all", acme, true)
	s.endpoint("off", acme, false)
	for _, tc := range []struct {
		scope engine.Scope
		want  []string
	}{{scopeA, []string{"a1", "all"}}, {scopeB, []string{"all"}}, {scopeC, nil}, {scopeD, nil}, {foreign, nil}, {acme, []string{"all"}}, {engine.Scope{Merchant: "nobody", Mode: engine.Sandbox, Dialect: "one"}, nil}} {
		s.view(func(rd engine.Reader) error {
			list, err := rd.Listeners(tc.scope)
			var ids []string
			for _, ep := range list {
				ids = append(ids, ep.ID)
			}
			if !slices.Equal(ids, tc.want) {
				s.Errorf("listeners of %v: %v, want %v", tc.scope, ids, tc.want)
			}
			return err
		})
	}

	// Who is told decides which events wait to be told.
	var waiting []string
	for _, scope := range []engine.Scope{scopeB, scopeC, foreign} {
		o := s.insert(scope, nil)
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, 1)
			e.Scope = scope
			if scope == scopeB {
				waiting = []string{e.ID}
			}
			return tx.AddEvents([]engine.Event{e})
		})
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.UntoldEvents([]string{"one"}, 100)
		var ids []string
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		if !slices.Equal(ids, waiting) {
			s.Errorf("untold: %v, want %v", ids, waiting)
		}
		return err
	})
}

// Events that an organisation was told: each once, whoever of its endpoints was told it.
func toldEvents(s *suite) {
	acme := engine.OfOrganisation("acme", engine.Sandbox, "one")
	orders := []*engine.Order{s.insert(scopeA, nil), s.insert(scopeB, nil)}
	kinds := []string{"order.created", "order.completed", "contact.created"}
	var events []string
	var days []time.Time
	var public []string
	for i := range 12 {
		s.clock.advance(time.Hour)
		o := orders[i%2]
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, int64(i/2+1))
			e.Scope = o.Scope
			events, days, public = append(events, e.ID), append(days, tx.Now()), append(public, o.PublicID)
			m := engine.Message{ID: tx.NewID(), EventID: e.ID, OrderID: o.ID, EndpointID: "ep1", Scope: acme, WireID: "w", Type: kinds[i%3], Body: []byte("{}"),
				State: engine.MessagePending, NextAt: tx.Now(), CreatedAt: tx.Now(), Counts: true}
			other := m
			other.ID, other.EndpointID, other.Counts = tx.NewID(), "ep2", false
			own := other
			own.ID, own.EndpointID, own.Scope = tx.NewID(), "of the merchant", o.Scope
			if err := tx.AddEvents([]engine.Event{e}); err != nil {
				return err
			}
			return tx.SaveMessages([]engine.Message{m, other, own})
		})
	}
	s.reopen()
	fits := func(keep func(i int) bool) (list []string) {
		for i := range 12 {
			if keep(i) {
				list = append(list, events[i])
			}
		}
		slices.Reverse(list)
		return list
	}
	all := func(int) bool { return true }
	check := func(f engine.ToldFilter, wanted []string) {
		s.Helper()
		f.Scope, f.Limit = acme, 4
		for f.Page = 1; f.Page <= 4; f.Page++ {
			s.view(func(rd engine.Reader) error {
				page, err := rd.ToldEvents(f)
				if err != nil {
					return err
				}
				var got []string
				for _, t := range page.Events {
					got = append(got, t.EventID)
					if i := slices.Index(events, t.EventID); t.Order != public[i] || t.Merchant != orders[i%2].Scope.Merchant || t.EndpointID != "ep1" {
						s.Errorf("event %d: %+v", i, t)
					}
				}
				part := wanted[min(4*(f.Page-1), len(wanted)):min(4*f.Page, len(wanted))]
				if page.Total != int64(len(wanted)) || !slices.Equal(got, part) {
					return fmt.Errorf("%+v: %v of %d, want %v of %d", f, got, page.Total, part, len(wanted))
				}
				return nil
			})
		}
	}
	check(engine.ToldFilter{}, fits(all))
	check(engine.ToldFilter{Type: "order.created"}, fits(func(i int) bool { return i%3 == 0 }))
	check(engine.ToldFilter{Resource: "order"}, fits(func(i int) bool { return i%3 != 2 }))
	check(engine.ToldFilter{Resource: "orde"}, nil)
	check(engine.ToldFilter{Merchant: "m2"}, fits(func(i int) bool { return i%2 == 1 }))
	check(engine.ToldFilter{OrderID: orders[0].ID}, fits(func(i int) bool { return i%2 == 0 }))
	check(engine.ToldFilter{From: days[3], To: days[8]}, fits(func(i int) bool { return i >= 3 && i <= 8 }))
	s.view(func(rd engine.Reader) error {
		list, err := rd.MessagesOfEvent(events[2])
		if err == nil && (len(list) != 3 || list[0].EndpointID != "ep1" || list[2].EndpointID != "of the merchant") {
			s.Errorf("messages of an event: %+v", list)
		}
		other, err2 := rd.ToldEvents(engine.ToldFilter{Scope: engine.OfOrganisation("rest", engine.Sandbox, "one"), Page: 1, Limit: 4})
		want(s, "another organisation's", other.Total, 0)
		return errors.Join(err, err2)
	})
	// An event that is told again to an endpoint that came later keeps its number; a message twice makes no second.
	s.update(func(tx engine.Tx) error {
		m := engine.Message{ID: tx.NewID(), EventID: events[0], OrderID: orders[0].ID, EndpointID: "ep1", Scope: acme, WireID: "w", Type: kinds[0], State: engine.MessagePending,
			NextAt: tx.Now(), CreatedAt: tx.Now(), Counts: true}
		return tx.SaveMessages([]engine.Message{m})
	})
	check(engine.ToldFilter{}, fits(all))
}
