package storetest

import (
	"reflect"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

const testKey = "xpub of the test"

// derive adds derived addresses of indexes from first on.
func (s *suite) derive(p engine.Pool, first int64, values ...string) error {
	return s.try(func(tx engine.Tx) error {
		var list []engine.Imported
		for i, v := range values {
			index := first + int64(i)
			list = append(list, engine.Imported{Value: v, DerivationIndex: &index, MasterPublicKey: testKey, Derived: true})
		}
		if _, err := tx.ImportInstruments(p, list); err != nil {
			return err
		}
		return tx.SaveDerived(testKey, first+int64(len(values)))
	})
}

func (s *suite) mustDerive(p engine.Pool, first int64, values ...string) {
	s.Helper()
	if err := s.derive(p, first, values...); err != nil {
		s.Fatal(err)
	}
}

func evmAddress(value string) engine.Instrument {
	return engine.Instrument{Family: engine.EVM, Value: value}
}

// stateOf is what a pool's list says of an instrument.
func (s *suite) stateOf(p engine.Pool, value string) (state engine.InstrumentState) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		rows, err := rd.Instruments(p, "", 100)
		for _, row := range rows {
			if row.Instrument.Value == value {
				state = row.State
			}
		}
		return err
	})
	return state
}

func (s *suite) counts(p engine.Pool) (c engine.InstrumentCounts) {
	s.Helper()
	s.view(func(rd engine.Reader) (err error) { c, err = rd.InstrumentCounts(p); return err })
	return c
}

func importedFirst(s *suite) {
	s.mustDerive(poolA, 0, "0xd0", "0xd1", "0xd2")
	want(s, "the only kind there is", s.take(poolA), "0xd0")
	s.importValues(poolA, "0x02", "0x01") // while derived ones are claimed
	want(s, "imported since", s.take(poolA), "0x02")
	s.reopen()
	want(s, "imported, after a restart", s.take(poolA), "0x01")
	// Also when more derived ones are there than are claimed at once.
	var many []string
	for i := range 30 {
		many = append(many, "0xe"+strconv.Itoa(100+i))
	}
	s.mustDerive(poolB, 100, many...)
	s.importValues(poolB, "0x0b")
	want(s, "imported after many derived", s.take(poolB), "0x0b")
	want(s, "derived", s.take(poolA), "0xd1")
	s.free("0x02", s.clock.now())
	s.clock.advance(time.Second)
	want(s, "never held before rested", s.take(poolA), "0xd2")
	want(s, "rested", s.take(poolA), "0x02")
	want(s, "all are held", s.take(poolA), string(fault.CodeNoAddress))
}

func derivedOnce(s *suite) {
	s.mustDerive(poolA, 0, "0xd0", "0xd1")
	free := func() (values []string) {
		s.view(func(rd engine.Reader) (err error) { values, err = rd.DerivedFree(poolA, 10); return err })
		return values
	}
	if got := free(); !reflect.DeepEqual(got, []string{"0xd1", "0xd0"}) {
		s.Fatalf("free: %v", got)
	}
	want(s, "take", s.take(poolA), "0xd0")
	if got := free(); !reflect.DeepEqual(got, []string{"0xd1"}) {
		s.Fatalf("free: %v", got)
	}
	s.free("0xd0", s.clock.now().Add(time.Minute))
	want(s, "after its order", s.stateOf(poolA, "0xd0"), engine.InstrumentResting)
	s.clock.advance(time.Hour)
	want(s, "after its rest", s.stateOf(poolA, "0xd0"), engine.InstrumentUsed)
	want(s, "counts", s.counts(poolA), engine.InstrumentCounts{Total: 2, Free: 1, Used: 1})
	s.view(func(rd engine.Reader) error {
		over, err := rd.RestOver(engine.EVM, engine.Sandbox, 10)
		want(s, "looked into for nothing", len(over), 0)
		return err
	})
	want(s, "the other", s.take(poolA), "0xd1")
	want(s, "the first again", s.take(poolA), string(fault.CodeNoAddress))
	s.reopen()
	want(s, "the first again, after a restart", s.take(poolA), string(fault.CodeNoAddress))
	s.view(func(rd engine.Reader) error {
		known, err := rd.KnownInstruments(engine.EVM, []string{"0xd0"})
		want(s, "still known", known["0xd0"], true)
		return err
	})
}

func derivedMark(s *suite) {
	next := func() (n int64) {
		s.view(func(rd engine.Reader) (err error) { n, err = rd.Derived(testKey); return err })
		return n
	}
	want(s, "at first", next(), 0)
	s.mustDerive(poolA, 0, "0xd0", "0xd1")
	want(s, "then", next(), 2)
	if err := s.derive(poolA, 0, "0xd5"); err == nil {
		s.Error("the mark was lowered")
	}
	want(s, "after a refusal", next(), 2)
	want(s, "what was refused", s.stateOf(poolA, "0xd5"), "")
	s.mustDerive(poolA, 1000, "0xd6")
	s.reopen()
	want(s, "after a jump and a restart", next(), 1001)
	s.view(func(rd engine.Reader) error {
		rows, err := rd.Instruments(poolA, "0xd1", 1)
		if err == nil && (len(rows) != 1 || rows[0].Index == nil || *rows[0].Index != 1000) {
			s.Errorf("row: %+v", rows)
		}
		return err
	})
}

// case 30: what an address holds is on record before it serves again.
func restEnds(s *suite) {
	s.importValues(poolA, "0x01")
	over := func() (list []engine.Rested) {
		s.view(func(rd engine.Reader) (err error) {
			list, err = rd.RestOver(engine.EVM, engine.Sandbox, 10)
			return err
		})
		return list
	}
	found := []engine.Balance{{Network: "testnet", Block: 7, Amounts: []money.Amount{money.FromInt(usdt, 5), money.Zero(usdt)}}}
	end := func(since time.Time) {
		s.update(func(tx engine.Tx) error { return tx.EndRest(evmAddress("0x01"), since, found) })
	}
	release := func() time.Time {
		s.update(func(tx engine.Tx) error {
			hold, err := tx.HoldAt(evmAddress("0x01"), testRail, tx.Now().Add(time.Hour))
			if err != nil {
				return err
			}
			return tx.FreeInstrument(evmAddress("0x01"), hold.OrderID, tx.Now(), tx.Now().Add(time.Minute))
		})
		return s.clock.now()
	}
	want(s, "take", s.take(poolA), "0x01")
	freed := release()
	want(s, "looked into before its rest is over", len(over()), 0)
	s.clock.advance(time.Hour)
	want(s, "nobody looked into it", s.take(poolA), string(fault.CodeNoAddress))
	want(s, "and so it rests", s.stateOf(poolA, "0x01"), engine.InstrumentResting)
	want(s, "counts", s.counts(poolA), engine.InstrumentCounts{Total: 1, Resting: 1})
	list := over()
	if len(list) != 1 || list[0].Instrument != evmAddress("0x01") || !list[0].Since.Equal(freed) {
		s.Fatalf("rest over: %+v, freed at %s", list, freed)
	}
	end(freed.Add(-time.Second)) // of another rest
	want(s, "with an old record", s.take(poolA), string(fault.CodeNoAddress))
	s.reopen()
	end(freed)
	want(s, "free", s.counts(poolA), engine.InstrumentCounts{Total: 1, Free: 1})
	s.view(func(rd engine.Reader) error {
		rows, err := rd.Instruments(poolA, "", 1)
		if err == nil && !reflect.DeepEqual(rows[0].Balances, found) {
			s.Errorf("on record: %+v", rows[0].Balances)
		}
		return err
	})
	want(s, "rested", s.take(poolA), "0x01")
	release()
	s.clock.advance(time.Hour)
	end(freed)
	want(s, "with the record of the rest before", s.take(poolA), string(fault.CodeNoAddress))
}

func quarantine(s *suite) {
	keep := func(value string, on bool) {
		s.Helper()
		s.update(func(tx engine.Tx) error { return tx.QuarantineInstrument(evmAddress(value), on) })
	}
	any := func() (found bool) {
		s.view(func(rd engine.Reader) (err error) {
			found, err = rd.AnyQuarantined(engine.EVM, engine.Sandbox)
			return err
		})
		return found
	}
	if err := s.try(func(tx engine.Tx) error { return tx.QuarantineInstrument(evmAddress("0x99"), true) }); err == nil {
		s.Error("an unknown instrument was quarantined")
	}
	s.importValues(poolA, "0x01", "0x02", "0x03")
	want(s, "take", s.take(poolA), "0x01")
	want(s, "any", any(), false)
	keep("0x02", true) // claimed by this process
	keep("0x01", true) // held
	want(s, "held", s.stateOf(poolA, "0x01"), engine.InstrumentHeld)
	want(s, "free", s.stateOf(poolA, "0x02"), engine.InstrumentQuarantined)
	want(s, "any", any(), true)
	want(s, "passed over", s.take(poolA), "0x03")
	want(s, "passed over", s.take(poolA), string(fault.CodeNoAddress))
	s.free("0x01", s.clock.now())
	s.clock.advance(time.Second)
	want(s, "counts", s.counts(poolA), engine.InstrumentCounts{Total: 3, Held: 1, Quarantined: 2})
	s.reopen()
	want(s, "after a restart", s.take(poolA), string(fault.CodeNoAddress))
	keep("0x02", false)
	want(s, "released", s.take(poolA), "0x02")
	keep("0x01", false)
	want(s, "released, and not looked into yet", s.take(poolA), string(fault.CodeNoAddress))
	s.view(func(rd engine.Reader) error {
		list, err := rd.RestOver(engine.EVM, engine.Sandbox, 10)
		want(s, "to look into", len(list), 1)
		return err
	})
	// Claimed again and handed out within one transaction, and never while it is quarantined there.
	s.importValues(poolA, "0x04")
	err := s.try(func(tx engine.Tx) error {
		if err := tx.QuarantineInstrument(evmAddress("0x04"), true); err != nil {
			return err
		}
		_, err := tx.TakeInstrument(poolA, testRail, "o", tx.Now())
		return err
	})
	if err == nil {
		s.Error("handed out in the transaction that quarantined it")
	}
}

func archived(s *suite) {
	keep := func(value string, on bool) {
		s.Helper()
		s.update(func(tx engine.Tx) error { return tx.ArchiveInstrument(evmAddress(value), on) })
	}
	s.importValues(poolA, "0x01", "0x02")
	want(s, "take", s.take(poolA), "0x01")
	keep("0x01", true)
	keep("0x02", true)
	want(s, "archived", s.take(poolA), string(fault.CodeNoAddress))
	want(s, "counts", s.counts(poolA), engine.InstrumentCounts{Total: 2, Held: 1, Archived: 1})
	s.free("0x01", s.clock.now())
	s.clock.advance(time.Second)
	want(s, "archived at the end of its hold", s.stateOf(poolA, "0x01"), engine.InstrumentArchived)
	keep("0x02", false)
	want(s, "taken back", s.take(poolA), "0x02")
	keep("0x01", false)
	want(s, "taken back", s.take(poolA), "0x01")
	// A reference made for one order never comes into the pool.
	s.update(func(tx engine.Tx) error { _, err := tx.MakeInstrument(poolA, testRail, "made", "o"); return err })
	s.update(func(tx engine.Tx) error { return tx.FreeInstrument(evmAddress("made"), "o", tx.Now(), tx.Now()) })
	keep("made", false)
	s.update(func(tx engine.Tx) error { return tx.QuarantineInstrument(evmAddress("made"), true) })
	want(s, "made for one order", s.stateOf(poolA, "made"), engine.InstrumentArchived)
	want(s, "made for one order", s.take(poolA), string(fault.CodeNoAddress))
}

// What is free is what the counts call free, whoever has claimed it, and counted no further than asked.
func freeCounts(s *suite) {
	free := func(p engine.Pool, max int64) (n int64) {
		s.Helper()
		s.view(func(rd engine.Reader) (err error) { n, err = rd.FreeInstruments(p, max); return err })
		return n
	}
	check := func(what string, n int64) {
		s.Helper()
		want(s, what, free(poolA, 100), n)
		want(s, what+", counts", s.counts(poolA).Free, n)
		for max := int64(1); max <= n; max++ {
			want(s, what+", up to a limit", free(poolA, max), max)
		}
	}
	check("none at all", 0)
	s.importValues(poolA, "0x01", "0x02", "0x03", "0x04")
	s.importValues(poolB, "0x0b")
	s.mustDerive(poolA, 0, "0xd0", "0xd1")
	check("nobody took any", 6)
	for range 5 {
		s.take(poolA)
	}
	check("five are held, one is claimed", 1)
	s.update(func(tx engine.Tx) error {
		for _, value := range []string{"0x01", "0x02", "0xd0"} {
			hold, err := tx.HoldAt(evmAddress(value), testRail, tx.Now().Add(time.Hour))
			if err != nil {
				return err
			}
			if err := tx.FreeInstrument(evmAddress(value), hold.OrderID, tx.Now(), tx.Now().Add(time.Minute)); err != nil {
				return err
			}
		}
		return nil
	})
	freed := s.clock.now()
	check("three rest", 1)
	s.clock.advance(time.Hour)
	check("nobody looked into them", 1)
	s.update(func(tx engine.Tx) error {
		if err := tx.EndRest(evmAddress("0x01"), freed, nil); err != nil {
			return err
		}
		return tx.EndRest(evmAddress("0x02"), freed, nil)
	})
	check("what was derived never serves again", 3)
	s.update(func(tx engine.Tx) error { return tx.QuarantineInstrument(evmAddress("0x01"), true) })
	check("one is in quarantine", 2)
	s.update(func(tx engine.Tx) error { return tx.ArchiveInstrument(evmAddress("0xd1"), true) })
	check("one is archived", 1)
	s.update(func(tx engine.Tx) error { _, err := tx.MakeInstrument(poolA, testRail, "made", "o"); return err })
	s.update(func(tx engine.Tx) error { return tx.FreeInstrument(evmAddress("made"), "o", tx.Now(), tx.Now()) })
	s.reopen()
	check("made for one order", 1)
	want(s, "another merchant's", free(poolB, 100), 1)
}

func lowPools(s *suite) {
	isLow := func(scope engine.Scope, f engine.Family) (low bool) {
		s.Helper()
		s.view(func(rd engine.Reader) (err error) { low, err = rd.PoolIsLow(scope, f); return err })
		s.update(func(tx engine.Tx) error {
			again, err := tx.PoolIsLow(scope, f)
			if err == nil && again != low {
				s.Errorf("a transaction reads %t, a view %t", again, low)
			}
			return err
		})
		return low
	}
	set := func(low bool) {
		s.update(func(tx engine.Tx) error { return tx.SavePoolIsLow(scopeA, engine.EVM, low) })
	}
	want(s, "at first", isLow(scopeA, engine.EVM), false)
	set(false)
	want(s, "still", isLow(scopeA, engine.EVM), false)
	set(true)
	s.reopen()
	want(s, "after a restart", isLow(scopeA, engine.EVM), true)
	for _, other := range []engine.Scope{scopeB, scopeC, scopeD} {
		want(s, "another scope's", isLow(other, engine.EVM), false)
	}
	want(s, "another family's", isLow(scopeA, "other"), false)
	err := s.try(func(tx engine.Tx) error {
		if err := tx.SavePoolIsLow(scopeA, engine.EVM, false); err != nil {
			return err
		}
		return errRefused
	})
	if err == nil || !isLow(scopeA, engine.EVM) {
		s.Errorf("after a refusal: %v", err)
	}
	set(false)
	want(s, "again", isLow(scopeA, engine.EVM), false)
}
