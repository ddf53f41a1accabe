package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

func (s *suite) draftStanding(tx engine.Tx, scope engine.Scope, reference string) *engine.Standing {
	return &engine.Standing{
		ID: engine.StandingPrefix + tx.NewID(), Scope: scope, Reference: reference, Prefix: "p_", Bound: 1, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		Bindings: []engine.Binding{{N: 1, Instrument: engine.Instrument{Family: engine.EVM, Value: "0x " + reference}, At: tx.Now(), Doc: json.RawMessage(`{"b": "<1>"}`)}},
		Doc:      json.RawMessage(`{"a":  "<1>"}`),
	}
}

func (s *suite) insertStanding(scope engine.Scope, reference string) (st *engine.Standing) {
	s.Helper()
	s.update(func(tx engine.Tx) error {
		st = s.draftStanding(tx, scope, reference)
		return tx.InsertStanding(st)
	})
	return st
}

// A standing instruction comes back as it was stored, is found by id and by reference in its scope only, and a read is
// the caller's own.
func standings(s *suite) {
	anna, bob := s.insertStanding(scopeA, "Anna"), s.insertStanding(scopeA, "Bob")
	foreign := s.insertStanding(scopeB, "Anna")
	want(s, "first", anna.Number, 1)
	want(s, "second", bob.Number, 2)
	want(s, "another scope's first", foreign.Number, 1)
	s.reopen()
	s.update(func(tx engine.Tx) error {
		got, err := tx.Standing(anna.ID)
		if err != nil {
			return err
		}
		if !sameStanding(got, anna) {
			return fmt.Errorf("got %+v\nwant %+v", got, anna)
		}
		for _, find := range []struct {
			scope     engine.Scope
			reference string
			id        string
		}{{scopeA, "Anna", anna.ID}, {scopeB, "Anna", foreign.ID}, {scopeC, "Anna", ""}, {scopeA, "anna", ""}, {scopeB, "Bob", ""}} {
			got, err := tx.StandingByReference(find.scope, find.reference)
			if err != nil {
				return err
			}
			if (got == nil) != (find.id == "") || got != nil && got.ID != find.id {
				return fmt.Errorf("%v %s: got %+v", find.scope, find.reference, got)
			}
		}
		got.Bindings[0].N, got.Bindings[0].Doc[0], got.Doc[0] = 99, 'x', 'x'
		again, err := tx.Standing(anna.ID)
		if err == nil && !sameStanding(again, anna) {
			err = fmt.Errorf("a read was changed: %+v", again)
		}
		return err
	})
	s.wantCode(s.try(func(tx engine.Tx) error { _, err := tx.Standing("std_none"); return err }), fault.CodeNotFound)
	s.view(func(rd engine.Reader) error {
		got, err := rd.StandingByReference(scopeA, "Anna")
		if err == nil && !sameStanding(got, anna) {
			err = fmt.Errorf("got %+v\nwant %+v", got, anna)
		}
		none, err2 := rd.StandingByReference(scopeA, "nobody")
		if none != nil {
			s.Errorf("found %+v", none)
		}
		if err == nil {
			err = err2
		}
		return err
	})
}

// sameStanding compares; the bytes of the document must be the same, those of a binding's only mean the same.
func sameStanding(a, b *engine.Standing) bool {
	x, y := *a, *b
	x.Bindings, y.Bindings = slices.Clone(a.Bindings), slices.Clone(b.Bindings)
	for _, list := range [][]engine.Binding{x.Bindings, y.Bindings} {
		for i := range list {
			var v any
			if err := json.Unmarshal(list[i].Doc, &v); err != nil {
				return false
			}
			list[i].Doc = json.RawMessage(fmt.Sprint(v))
		}
	}
	return reflect.DeepEqual(x, y)
}

func saveStandings(s *suite) {
	st := s.insertStanding(scopeA, "Anna")
	save := func(change func(st *engine.Standing)) error {
		return s.try(func(tx engine.Tx) error {
			got, err := tx.Standing(st.ID)
			if err != nil {
				return err
			}
			change(got)
			return tx.SaveStanding(got)
		})
	}
	at := s.clock.now().Add(time.Hour)
	if err := save(func(st *engine.Standing) {
		st.Bindings, st.Arrivals, st.LastAt, st.Doc = nil, 3, at, nil
		st.Totals = []money.Amount{money.FromInt(usdt, 5), money.FromInt(eur, 6)}
	}); err != nil {
		s.Fatal(err)
	}
	s.view(func(rd engine.Reader) error {
		got, err := rd.StandingByReference(scopeA, "Anna")
		if err == nil && (len(got.Bindings) != 0 || got.Arrivals != 3 || !got.LastAt.Equal(at) || got.Doc != nil || len(got.Totals) != 2 || got.Totals[1].Units() != "6" || got.Version != 2) {
			err = fmt.Errorf("got %+v", got)
		}
		return err
	})
	s.wantCode(save(func(st *engine.Standing) { st.Version-- }), fault.CodeVersionConflict)
	s.wantCode(save(func(st *engine.Standing) { st.ID = "std_none" }), fault.CodeNotFound)
	for name, change := range map[string]func(st *engine.Standing){
		"scope":     func(st *engine.Standing) { st.Scope = scopeB },
		"number":    func(st *engine.Standing) { st.Number++ },
		"reference": func(st *engine.Standing) { st.Reference = "Bob" },
		"creation":  func(st *engine.Standing) { st.CreatedAt = at },
	} {
		if save(change) == nil {
			s.Errorf("the %s was changed", name)
		}
	}
	for _, bad := range []func(st *engine.Standing){func(st *engine.Standing) { st.ID = "x" }, func(st *engine.Standing) { st.Reference = "" }} {
		err := s.try(func(tx engine.Tx) error {
			st := s.draftStanding(tx, scopeA, "bad")
			bad(st)
			return tx.InsertStanding(st)
		})
		if err == nil {
			s.Error("stored without an id of its kind or without a reference")
		}
	}
}

// One of many at once gets a reference; each of many changes of one record counts.
func standingRaces(s *suite) {
	made := 0
	for _, err := range AtOnce(32, func(int) error {
		return s.try(func(tx engine.Tx) error { return tx.InsertStanding(s.draftStanding(tx, scopeA, "Anna")) })
	}) {
		if err == nil {
			made++
		} else {
			s.wantCode(err, fault.CodeDuplicateStanding)
		}
	}
	want(s, "made", made, 1)
	for _, err := range AtOnce(32, func(int) error {
		return s.try(func(tx engine.Tx) error {
			st, err := tx.StandingByReference(scopeA, "Anna")
			if err != nil {
				return err
			}
			st.Arrivals++
			return tx.SaveStanding(st)
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	s.view(func(rd engine.Reader) error {
		st, err := rd.StandingByReference(scopeA, "Anna")
		if err == nil {
			want(s, "counted", st.Arrivals, 32)
		}
		return err
	})
}

func standingLists(s *suite) {
	for i := range 25 {
		st := s.insertStanding(scopeA, fmt.Sprintf("Ref_%02d", i))
		if i%5 == 0 {
			s.update(func(tx engine.Tx) error {
				got, err := tx.Standing(st.ID)
				if err != nil {
					return err
				}
				got.Bindings = nil
				return tx.SaveStanding(got)
			})
		}
	}
	s.insertStanding(scopeB, "Ref_01")
	check := func(f engine.StandingFilter, total int64, first string, n int) {
		s.Helper()
		f.Scope = scopeA
		if err := s.store.View(context.Background(), func(rd engine.Reader) error {
			page, err := rd.Standings(f)
			if err != nil {
				return err
			}
			if page.Total != total || len(page.Standings) != n || n > 0 && page.Standings[0].Reference != first {
				return fmt.Errorf("%+v: %d of %d: %+v", f, len(page.Standings), page.Total, page.Standings)
			}
			return nil
		}); err != nil {
			s.Error(err)
		}
	}
	check(engine.StandingFilter{Page: 1, Limit: 10}, 25, "Ref_24", 10)
	check(engine.StandingFilter{Page: 3, Limit: 10}, 25, "Ref_04", 5)
	check(engine.StandingFilter{Page: 4, Limit: 10}, 25, "", 0)
	check(engine.StandingFilter{Page: 1, Limit: 10, Bound: true}, 20, "Ref_24", 10)
	check(engine.StandingFilter{Page: 2, Limit: 15, Bound: true}, 20, "Ref_06", 5)
	check(engine.StandingFilter{Page: 1, Limit: 10, Search: "REF_2"}, 5, "Ref_24", 5)
	check(engine.StandingFilter{Page: 1, Limit: 10, Search: "Ref_2", Bound: true}, 4, "Ref_24", 4)
	check(engine.StandingFilter{Page: 1, Limit: 10, Search: "f%2"}, 0, "", 0)
	s.wantCode(s.store.View(context.Background(), func(rd engine.Reader) error {
		_, err := rd.Standings(engine.StandingFilter{Scope: scopeA, Limit: 1})
		return err
	}), fault.CodeInvalidPage)
}

// Orders that a standing instruction made are listed by it; the instrument that it holds says whose it is.
func arrivalLists(s *suite) {
	st := s.insertStanding(scopeA, "Anna")
	for range 3 {
		s.insert(scopeA.Arrivals(), func(o *engine.Order) { o.Standing, o.UniqueKey = st.ID, "" })
	}
	s.insert(scopeA.Arrivals(), func(o *engine.Order) { o.Standing = "std_other" })
	o := s.insert(scopeA, nil)
	if s.save(o.ID, func(o *engine.Order) { o.Standing = st.ID }) == nil {
		s.Error("an order became an arrival")
	}
	s.importValues(poolA, "0x01", "0x02", "0x03")
	s.update(func(tx engine.Tx) error {
		if _, err := tx.TakeInstrument(poolA, "", st.ID, tx.Now()); err != nil {
			return err
		}
		_, err := tx.TakeInstrument(poolA, testRail, o.ID, tx.Now())
		return err
	})
	s.view(func(rd engine.Reader) error {
		page, err := rd.Orders(engine.Filter{Scope: scopeA.Arrivals(), Standing: st.ID, Descending: true, Page: 1, Limit: 2})
		if err != nil {
			return err
		}
		if page.Total != 3 || len(page.Orders) != 2 || page.Orders[0].Number != 3 || page.Orders[0].Standing != st.ID {
			s.Errorf("%d of %d: %+v", len(page.Orders), page.Total, page.Orders)
		}
		for dialect, n := range map[string]int{"one": 5, "two": 0, "": 5} {
			found, err := rd.SearchOrders(engine.OrderSearch{Dialect: dialect, Limit: 10})
			if err != nil {
				return err
			}
			want(s, "orders of "+dialect, len(found), n)
		}
		counts, err := rd.InstrumentCounts(poolA)
		if err != nil {
			return err
		}
		want(s, "counts", counts, engine.InstrumentCounts{Total: 3, Free: 1, Held: 1, Bound: 1})
		rows, err := rd.Instruments(poolA, "", 10)
		if err != nil {
			return err
		}
		for i, row := range []engine.InstrumentRow{{State: engine.InstrumentBound, Reference: "Anna"}, {State: engine.InstrumentHeld, OrderID: o.PublicID}, {State: engine.InstrumentFree}} {
			if rows[i].State != row.State || rows[i].Reference != row.Reference || rows[i].OrderID != row.OrderID {
				s.Errorf("row %d: %+v", i, rows[i])
			}
		}
		return nil
	})
}

// A rest that ended on a clock that was moved can end before the clocks of the rails have come that far: the next hold
// on every rail begins where the last one ended. // invariant I8
func holdsFollow(s *suite) {
	const everyRail = ""
	s.importValues(poolA, "0x01")
	in := engine.Instrument{Family: engine.EVM, Value: "0x01"}
	end := s.clock.now().Add(time.Hour)
	s.update(func(tx engine.Tx) error {
		_, err := tx.TakeInstrument(poolA, everyRail, engine.StandingPrefix+"1", tx.Now())
		return err
	})
	s.update(func(tx engine.Tx) error { return tx.FreeInstrument(in, engine.StandingPrefix+"1", end, tx.Now()) })
	s.update(func(tx engine.Tx) error { return tx.EndRest(in, tx.Now(), nil) })
	s.update(func(tx engine.Tx) error {
		_, err := tx.TakeInstrument(poolA, everyRail, engine.StandingPrefix+"2", tx.Now())
		return err
	})
	s.update(func(tx engine.Tx) error {
		for after, owner := range map[time.Duration]string{0: "std_1", time.Hour - time.Second: "std_1", time.Hour + time.Second: "std_2"} {
			hold, err := tx.HoldAt(in, testRail, s.clock.now().Add(after))
			if err != nil {
				return err
			}
			if hold.OrderID != owner {
				return fmt.Errorf("after %s it is %s's", after, hold.OrderID)
			}
		}
		return nil
	})
}

// Between the holds of orders on two rails stands one on every rail: each payment finds its owner by the clock of the
// rail it came on. // invariant I8
func standingHolds(s *suite) {
	s.importValues(poolA, "0x01")
	in := engine.Instrument{Family: engine.EVM, Value: "0x01"}
	at := func(minutes int) time.Time { return time.Date(2026, 3, 1, 12, minutes, 0, 0, time.UTC) }
	for _, h := range []struct {
		rail     engine.RailName
		owner    string
		from, to int
	}{{"north", "order1", 0, 10}, {"", "std_1", 5, 25}, {"south", "order2", 20, 30}} {
		s.update(func(tx engine.Tx) error {
			_, err := tx.TakeInstrument(poolA, h.rail, h.owner, at(h.from))
			return err
		})
		s.update(func(tx engine.Tx) error { return tx.FreeInstrument(in, h.owner, at(h.to), tx.Now()) })
		s.update(func(tx engine.Tx) error { return tx.EndRest(in, tx.Now(), nil) })
	}
	for _, want := range []struct {
		rail   engine.RailName
		minute int
		owner  string
	}{{"north", 7, "order1"}, {"south", 7, "std_1"}, {"north", 11, "std_1"}, {"south", 22, "order2"}, {"north", 22, "std_1"}, {"north", 28, "order2"}, {"south", 40, "order2"}, {"west", 3, "order1"}} {
		s.update(func(tx engine.Tx) error {
			hold, err := tx.HoldAt(in, want.rail, at(want.minute))
			if err == nil && hold.OrderID != want.owner {
				s.Errorf("on %s after %d minutes it is %s's, want %s's", want.rail, want.minute, hold.OrderID, want.owner)
			}
			return err
		})
	}
}
