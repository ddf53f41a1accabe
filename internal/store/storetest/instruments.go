package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

func (s *suite) importValues(p engine.Pool, values ...string) int {
	s.Helper()
	added := 0
	s.update(func(tx engine.Tx) (err error) {
		added, err = tx.ImportInstruments(p, imported(values...))
		return err
	})
	return added
}

func imported(values ...string) []engine.Imported {
	list := make([]engine.Imported, len(values))
	for i, v := range values {
		list[i].Value = v
	}
	return list
}

// take hands out an instrument to an order of that name: the value, or the fault's code.
func (s *suite) take(p engine.Pool) string {
	s.Helper()
	in, err := s.takeFor(p, s.unique("order"))
	if f, ok := fault.As(err); ok {
		return string(f.Code)
	}
	if err != nil {
		s.Fatal(err)
	}
	return in.Value
}

func (s *suite) takeFor(p engine.Pool, orderID string) (in engine.Instrument, err error) {
	err = s.try(func(tx engine.Tx) (err error) {
		in, err = tx.TakeInstrument(p, testRail, orderID, tx.Now())
		return err
	})
	return in, err
}

// free ends the open hold of whoever has the instrument, and records that it holds nothing.
func (s *suite) free(value string, restUntil time.Time) {
	s.Helper()
	in := engine.Instrument{Family: engine.EVM, Value: value}
	s.update(func(tx engine.Tx) error {
		hold, err := tx.HoldAt(in, testRail, tx.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		return errors.Join(tx.FreeInstrument(in, hold.OrderID, tx.Now(), restUntil), tx.EndRest(in, tx.Now(), nil))
	})
}

func handOut(s *suite) {
	want(s, "empty pool", s.take(poolA), string(fault.CodeNoAddress))
	s.importValues(poolA, "0x0c", "0x0b", "0x0a")
	want(s, "another merchant's pool", s.take(poolB), string(fault.CodeNoAddress))
	want(s, "first", s.take(poolA), "0x0c")
	want(s, "second", s.take(poolA), "0x0b")
	now := s.clock.advance(time.Second)
	s.free("0x0b", now)
	now = s.clock.advance(time.Second)
	s.free("0x0c", now)
	s.clock.advance(time.Second)
	want(s, "never held before rested", s.take(poolA), "0x0a")
	want(s, "longest at rest", s.take(poolA), "0x0b")
	s.importValues(poolA, "0x01")
	want(s, "imported since", s.take(poolA), "0x01")
	s.reopen()
	want(s, "after a restart", s.take(poolA), "0x0c")
	want(s, "all are held", s.take(poolA), string(fault.CodeNoAddress))
	s.reopen()
	want(s, "all are held after a restart", s.take(poolA), string(fault.CodeNoAddress))
}

func restOnModeClock(s *suite) {
	s.importValues(poolA, "0x01")
	want(s, "take", s.take(poolA), "0x01")
	s.free("0x01", s.clock.now().Add(7*24*time.Hour))
	want(s, "resting", s.take(poolA), string(fault.CodeNoAddress))
	s.update(func(tx engine.Tx) error {
		return tx.MoveClock(engine.Sandbox, engine.ClockMove{At: tx.Now(), Offset: 7*24*time.Hour - time.Second})
	})
	want(s, "resting", s.take(poolA), string(fault.CodeNoAddress))
	s.clock.advance(time.Second)
	want(s, "rested", s.take(poolA), "0x01")
}

func handBack(s *suite) {
	s.importValues(poolA, "0x01", "0x02", "0x03")
	err := s.try(func(tx engine.Tx) error {
		for range 2 {
			if _, err := tx.TakeInstrument(poolA, testRail, "o", tx.Now()); err != nil {
				return err
			}
		}
		return errRefused
	})
	if err != errRefused {
		s.Fatal(err)
	}
	for _, value := range []string{"0x01", "0x02", "0x03"} {
		want(s, "in the old order", s.take(poolA), value)
	}
}

func importTwice(s *suite) {
	want(s, "new", s.importValues(poolA, "0x01", "0x02", "0x01"), 2)
	want(s, "new the second time", s.importValues(poolA, "0x02", "0x03"), 1)
	index := int64(7)
	s.update(func(tx engine.Tx) error {
		_, err := tx.ImportInstruments(poolA, []engine.Imported{{Value: "0x04", DerivationIndex: &index, MasterPublicKey: "xpub"}})
		return err
	})
	err := s.try(func(tx engine.Tx) error {
		_, err := tx.ImportInstruments(poolB, imported("0x08", "0x09", "0x02"))
		return err
	})
	s.wantCode(err, fault.CodeInvalidAddress)
	f, _ := fault.As(err)
	want(s, "param", f.Param, "2")
	s.update(func(tx engine.Tx) error {
		p, err := tx.InstrumentPool(engine.Instrument{Family: engine.EVM, Value: "0x02"})
		if p == nil || *p != poolA {
			s.Errorf("pool of 0x02: %v", p)
		}
		none, _ := tx.InstrumentPool(engine.Instrument{Family: engine.EVM, Value: "0x08"})
		if none != nil {
			s.Errorf("pool of an instrument whose import was refused: %v", none)
		}
		return err
	})
	values := make([]string, 1000)
	for i := range values {
		values[i] = "0x" + strconv.Itoa(10000+i)
	}
	want(s, "new of many", s.importValues(poolB, values...), 1000)
	want(s, "new of many again", s.importValues(poolB, values...), 0)
}

// invariant I8
func oneOwner(s *suite) {
	values := make([]string, 40)
	for i := range values {
		values[i] = "0x" + strconv.Itoa(100+i)
	}
	s.importValues(poolA, values...)
	got := make([]string, 64)
	AtOnce(64, func(i int) error { got[i] = s.take(poolA); return nil })
	refused := slices.DeleteFunc(slices.Clone(got), func(v string) bool { return v != string(fault.CodeNoAddress) })
	want(s, "refused", len(refused), 24)
	got = slices.DeleteFunc(got, func(v string) bool { return v == string(fault.CodeNoAddress) })
	slices.Sort(got)
	if !slices.Equal(got, values) {
		s.Fatalf("handed out: %v", got)
	}
	// Many in turn: taken and freed by concurrent callers, never twice at a time.
	for _, v := range values {
		s.free(v, s.clock.now())
	}
	AtOnce(16, func(i int) error {
		for n := range 5 {
			id := "owner" + strconv.Itoa(i) + "-" + strconv.Itoa(n)
			in, err := s.takeFor(poolA, id)
			if err != nil {
				s.Error(err)
				return err
			}
			err = s.try(func(tx engine.Tx) error {
				hold, err := tx.HoldAt(in, testRail, tx.Now().Add(time.Second))
				if err != nil {
					return err
				}
				if hold.OrderID != id {
					s.Errorf("%s is held by %s, not by %s", in.Value, hold.OrderID, id)
				}
				return errors.Join(tx.FreeInstrument(in, id, tx.Now(), tx.Now()), tx.EndRest(in, tx.Now(), nil))
			})
			if err != nil {
				s.Error(err)
			}
			s.clock.advance(time.Millisecond)
		}
		return nil
	})
}

func holdAt(s *suite) {
	s.importValues(poolA, "0x01")
	in := engine.Instrument{Family: engine.EVM, Value: "0x01"}
	begin := s.clock.now()
	at := func(minute int) time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	take := func(orderID string, from time.Time) {
		s.Helper()
		s.update(func(tx engine.Tx) error { _, err := tx.TakeInstrument(poolA, testRail, orderID, from); return err })
	}
	free := func(orderID string, to time.Time) {
		s.Helper()
		s.update(func(tx engine.Tx) error {
			return errors.Join(tx.FreeInstrument(in, orderID, to, at(0)), tx.EndRest(in, tx.Now(), nil))
		})
	}
	check := func(when time.Time, want *engine.Hold) {
		s.Helper()
		s.update(func(tx engine.Tx) error {
			got, err := tx.HoldAt(in, testRail, when)
			if !reflect.DeepEqual(got, want) {
				s.Errorf("at %v: got %+v, want %+v", when, got, want)
			}
			return err
		})
	}
	check(at(5), nil)
	take("o1", at(0))
	free("o1", at(10))
	free("o1", at(20))    // told again: nothing changes
	free("nobody", at(1)) // holds nothing
	take("o2", at(30))
	o1 := &engine.Hold{Instrument: in, Rail: testRail, OrderID: "o1", From: at(0), To: at(10)}
	o2 := &engine.Hold{Instrument: in, Rail: testRail, OrderID: "o2", From: at(30)}
	check(at(-1), nil)
	check(at(0), o1) // blocks can share a time: a later one of the same second is the new owner's
	check(at(5), o1)
	check(at(29), o1)
	check(at(30), o2)
	s.reopen()
	check(at(15), o1)
	check(at(99), o2)
	// Within one transaction as well: freed, taken and read.
	s.importValues(poolA, "0x02")
	s.update(func(tx engine.Tx) error {
		if err := tx.FreeInstrument(in, "o2", at(40), at(40)); err != nil {
			return err
		}
		got, err := tx.HoldAt(in, testRail, at(99))
		if err != nil {
			return err
		}
		want(s, "end", got.To, at(40))
		second, err := tx.TakeInstrument(poolA, testRail, "o3", at(50))
		if err != nil {
			return err
		}
		for _, when := range []time.Time{at(50), at(51)} {
			got, err = tx.HoldAt(second, testRail, when)
			if err != nil {
				return err
			}
			if got == nil || got.OrderID != "o3" {
				s.Errorf("at %v: got %+v, want o3's hold", when, got)
			}
		}
		if err := tx.FreeInstrument(second, "o3", at(52), at(52)); err != nil {
			return err
		}
		got, err = tx.HoldAt(second, testRail, at(60))
		want(s, "end", got.To, at(52))
		return err
	})
	o2.To = at(40)
	check(at(99), o2)
	// A rail that has told nothing has no time yet: the hold still ends.
	s.importValues(poolA, "0x03")
	s.update(func(tx engine.Tx) error { _, err := tx.TakeInstrument(poolA, testRail, "o4", time.Time{}); return err })
	third := engine.Instrument{Family: engine.EVM, Value: "0x03"}
	s.update(func(tx engine.Tx) error { return tx.FreeInstrument(third, "o4", time.Time{}, time.Time{}) })
	s.view(func(rd engine.Reader) error {
		c, err := rd.InstrumentCounts(poolA)
		want(s, "held", c.Held, 0)
		return err
	})
}

// Rails share an instrument and not their clocks: who held it on the rail that asks comes first, and where nobody
// did the one who got it last, whatever the clock of another rail says of an owner before.
func holdOfRail(s *suite) {
	s.importValues(poolA, "0x01")
	in := engine.Instrument{Family: engine.EVM, Value: "0x01"}
	begin := s.clock.now()
	at := func(minute int) time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	hold := func(r engine.RailName, orderID string, from, to int) {
		s.Helper()
		s.update(func(tx engine.Tx) error { _, err := tx.TakeInstrument(poolA, r, orderID, at(from)); return err })
		if to == 0 {
			return
		}
		s.update(func(tx engine.Tx) error {
			return errors.Join(tx.FreeInstrument(in, orderID, at(to), at(0)), tx.EndRest(in, tx.Now(), nil))
		})
	}
	check := func(tx engine.Tx, r engine.RailName, minute int, want string) {
		s.Helper()
		got, err := tx.HoldAt(in, r, at(minute))
		switch {
		case err != nil:
			s.Fatal(err)
		case got == nil && want != "", got != nil && got.OrderID != want:
			s.Errorf("on %s in minute %d: got %+v, want %q", r, minute, got, want)
		}
	}
	all := func(tx engine.Tx) error {
		check(tx, "ahead", 29, "")
		check(tx, "ahead", 110, "o1")
		check(tx, "behind", 110, "o2") // o1 came later only by the other clock
		check(tx, "behind", 29, "")
		check(tx, "ahead", 130, "o2") // nobody held it there then: the last
		check(tx, "third", 50, "o2")
		return nil
	}
	hold("ahead", "o1", 100, 120) // minutes 0 to 20 of the other rail
	s.clock.advance(time.Minute)
	hold("behind", "o2", 30, 0)
	s.update(all)
	s.reopen()
	s.update(all)
	s.update(func(tx engine.Tx) error { // as well while its end is not stored yet
		if err := tx.FreeInstrument(in, "o2", at(115), at(115)); err != nil {
			return err
		}
		check(tx, "behind", 115, "o2")
		check(tx, "behind", 116, "o2") // nobody got it since
		return nil
	})
}

func instrumentRows(s *suite) {
	now := s.clock.now()
	s.importValues(poolA, "0x01", "0x02", "0x03")
	s.importValues(poolB, "0x04")
	o := s.insert(scopeA, nil)
	s.update(func(tx engine.Tx) error { _, err := tx.TakeInstrument(poolA, testRail, o.ID, tx.Now()); return err })
	want(s, "take", s.take(poolA), "0x02")
	s.free("0x02", now.Add(time.Hour))
	s.view(func(rd engine.Reader) error {
		row := func(value string, state engine.InstrumentState) engine.InstrumentRow {
			return engine.InstrumentRow{Instrument: engine.Instrument{Family: engine.EVM, Value: value}, State: state, CreatedAt: now}
		}
		wanted := []engine.InstrumentRow{row("0x01", engine.InstrumentHeld), row("0x02", engine.InstrumentResting), row("0x03", engine.InstrumentFree)}
		wanted[0].OrderID, wanted[0].HeldSince = o.PublicID, now
		wanted[1].RestSince, wanted[1].RestUntil = now, now.Add(time.Hour)
		for _, limit := range []int{1, 2, 10} {
			var got []engine.InstrumentRow
			for after := ""; ; {
				rows, err := rd.Instruments(poolA, after, limit)
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					break
				}
				got = append(got, rows...)
				after = rows[len(rows)-1].Instrument.Value
			}
			if !reflect.DeepEqual(got, wanted) {
				s.Fatalf("limit %d: got %+v, want %+v", limit, got, wanted)
			}
		}
		for skip, value := range []string{1: "0x01", 2: "0x02", 3: "0x03", 4: ""} {
			if skip > 0 {
				before, err := rd.InstrumentBefore(poolA, skip)
				want(s, "the last that is skipped", before, value)
				if err != nil {
					return err
				}
			}
		}
		c, err := rd.InstrumentCounts(poolA)
		want(s, "counts", c, engine.InstrumentCounts{Total: 3, Free: 1, Held: 1, Resting: 1})
		return err
	})
	s.clock.advance(time.Hour)
	s.view(func(rd engine.Reader) error {
		c, err := rd.InstrumentCounts(poolA)
		want(s, "counts after the rest", c, engine.InstrumentCounts{Total: 3, Free: 2, Held: 1})
		return err
	})
}

func knownInstruments(s *suite) {
	s.importValues(poolA, "0x01", "0x02")
	s.importValues(poolB, "0x03")
	s.view(func(rd engine.Reader) error {
		known, err := rd.KnownInstruments(engine.EVM, []string{"0x01", "0x03", "0x04"})
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(known, map[string]bool{"0x01": true, "0x03": true}) {
			s.Errorf("known: %v", known)
		}
		if none, err := rd.KnownInstruments("iban", []string{"0x01"}); err != nil || len(none) != 0 {
			s.Errorf("of another family: %v, %v", none, err)
		}
		few, err := rd.FewInstruments(engine.EVM, 3)
		slices.Sort(few)
		if !slices.Equal(few, []string{"0x01", "0x02", "0x03"}) {
			s.Errorf("few: %v", few)
		}
		if many, _ := rd.FewInstruments(engine.EVM, 2); many != nil {
			s.Errorf("more than few: %v", many)
		}
		if none, _ := rd.FewInstruments("iban", 2); none == nil || len(none) != 0 {
			s.Errorf("none must be an empty list: %v", none)
		}
		return err
	})
}

// A pool's size is what is on record, what callers of the same group added and what the caller added himself.
func poolSize(s *suite) {
	size := func(tx engine.Tx, p engine.Pool) int64 {
		n, err := tx.PoolSize(p)
		if err != nil {
			s.Fatal(err)
		}
		return n
	}
	s.importValues(poolA, "0x01", "0x02")
	s.importValues(poolB, "0x03")
	s.update(func(tx engine.Tx) error {
		_, err := tx.ImportInstruments(poolA, imported("0x02", "0x04"))
		want(s, "with his own", size(tx, poolA), 3)
		want(s, "of another pool", size(tx, poolB), 1)
		return err
	})
	refused := errors.New("refused")
	if err := s.try(func(tx engine.Tx) error {
		_, err := tx.ImportInstruments(poolA, imported("0x05"))
		return errors.Join(err, refused)
	}); !errors.Is(err, refused) {
		s.Fatal(err)
	}
	s.update(func(tx engine.Tx) error {
		want(s, "after a refused import", size(tx, poolA), 3)
		return nil
	})
}

// What a transaction says it will read of made instruments and of transfers is what it reads, with what it writes over it.
func wantedHolds(s *suite) {
	in := func(value string) engine.Instrument { return engine.Instrument{Family: engine.EVM, Value: value} }
	one := s.insert(scopeA, func(o *engine.Order) {
		o.Transfers = []order.Transfer{{ID: "transfer-1", Rail: testRail, Amount: o.Terms.Due}}
	})
	two := s.insert(scopeA, nil)
	s.update(func(tx engine.Tx) error {
		_, first := tx.MakeInstrument(poolA, testRail, "RF1", one.ID)
		_, second := tx.MakeInstrument(poolA, testRail, "RF2", two.ID)
		return errors.Join(first, second)
	})
	holder := func(tx engine.Tx, value string) string {
		hold, err := tx.HoldAt(in(value), testRail, tx.Now())
		if err != nil || hold == nil {
			return fmt.Sprint("nobody ", err)
		}
		return fmt.Sprint(hold.OrderID, " ended ", !hold.To.IsZero())
	}
	check := func(tx engine.Tx, value, want string) {
		if got := holder(tx, value); got != want {
			s.Errorf("%s is held by %s, want %s", value, got, want)
		}
	}
	keys := engine.Keys{Made: []engine.Instrument{in("RF1"), in("RF2"), in("RF3"), in("RF1")}, Transfers: []string{"transfer-1", "transfer-2", "transfer-1"}}
	err := s.store.Update(s.Context(), keys, func(tx engine.Tx) error {
		check(tx, "RF1", one.ID+" ended false")
		check(tx, "RF2", two.ID+" ended false")
		check(tx, "RF3", "nobody <nil>")
		for id, want := range map[string]string{"transfer-1": one.ID, "transfer-2": ""} {
			if got, err := tx.OrderByTransfer(id); got != want || err != nil {
				s.Errorf("%s is of %q, want %q (%v)", id, got, want, err)
			}
		}
		if o, err := tx.Order(one.ID); err != nil || len(o.Transfers) != 1 {
			s.Errorf("the order is %+v, %v", o, err)
		}
		if err := tx.FreeInstrument(in("RF1"), one.ID, tx.Now(), tx.Now()); err != nil {
			return err
		}
		check(tx, "RF1", one.ID+" ended true")
		_, err := tx.MakeInstrument(poolA, testRail, "RF3", two.ID)
		check(tx, "RF3", two.ID+" ended false")
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	for range 2 {
		err := s.store.Update(s.Context(), keys, func(tx engine.Tx) error {
			check(tx, "RF1", one.ID+" ended true")
			check(tx, "RF3", two.ID+" ended false")
			return nil
		})
		if err != nil {
			s.Fatal(err)
		}
		s.reopen()
	}
}
