package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

const payRail = engine.RailName("bank:out")

func destined(o *engine.Order) {
	o.Destination = engine.Destination{Rail: payRail, To: "account"}
}

// toSend pages through what waits to be sent, two at a time.
func (s *suite) toSend(r engine.RailName, now time.Time) []string {
	s.Helper()
	var ids []string
	for after := (engine.Due{}); ; {
		var page []engine.Due
		s.view(func(rd engine.Reader) (err error) { page, err = rd.OrdersToSend(r, now, after, 2); return err })
		for _, d := range page {
			ids = append(ids, d.ID)
		}
		if len(page) < 2 {
			return ids
		}
		after = page[1]
	}
}

func ordersToSend(s *suite) {
	now := s.clock.now()
	var ids []string
	for i := range 5 {
		ids = append(ids, s.insert(scopeA, func(o *engine.Order) {
			destined(o)
			o.SendAt = now.Add(time.Duration(i/2) * time.Minute) // some wait equally long
		}).ID)
	}
	s.insert(scopeA, nil)
	elsewhere := s.insert(scopeA, func(o *engine.Order) {
		o.Destination = engine.Destination{Rail: "bank:other", To: "account"}
		o.SendAt = now
	})
	check := func(at time.Time, want ...string) {
		s.Helper()
		if got := s.toSend(payRail, at); !slices.Equal(got, want) {
			s.Fatalf("waiting at %s: %v, want %v", at, got, want)
		}
	}
	check(now.Add(-time.Microsecond))
	check(now, ids[:2]...)
	check(now.Add(time.Hour), ids...)
	if err := s.save(ids[0], func(o *engine.Order) { o.SendAt = now.Add(time.Hour) }); err != nil {
		s.Fatal(err)
	}
	if err := s.save(ids[1], func(o *engine.Order) { o.SendAt = time.Time{} }); err != nil {
		s.Fatal(err)
	}
	s.reopen()
	check(now.Add(time.Hour), append(slices.Clone(ids[2:]), ids[0])...)
	want(s, "waiting elsewhere", fmt.Sprint(s.toSend("bank:other", now)), fmt.Sprint([]string{elsewhere.ID}))
}

// send adds a transfer to an order.
func send(o *engine.Order, id string, state order.TransferState, look time.Time) {
	o.Transfers = append(o.Transfers, order.Transfer{ID: id, Purpose: order.Delivery, State: state, Amount: o.Terms.Due, Rail: string(payRail)})
	if o.Sendings == nil {
		o.Sendings = map[string]engine.Sending{}
	}
	o.Sendings[id] = engine.Sending{Destination: engine.Destination{Rail: payRail, To: "account"}, Look: look}
}

// inFlight pages through what is due for a look, two at a time.
func (s *suite) inFlight(now time.Time) (list []engine.DueTransfer) {
	s.Helper()
	for after := (engine.Due{}); ; {
		var page []engine.DueTransfer
		s.view(func(rd engine.Reader) (err error) { page, err = rd.TransfersToWork(payRail, now, after, 2); return err })
		list = append(list, page...)
		if len(page) < 2 {
			return list
		}
		after = page[1].Due
	}
}

func transfersToWork(s *suite) {
	now := s.clock.now()
	var all []engine.DueTransfer
	for i := range 5 {
		id, look := s.unique("transfer"), now.Add(time.Duration(i/2)*time.Minute)
		o := s.insert(scopeA, func(o *engine.Order) { send(o, id, order.TransferReserved, look) })
		all = append(all, engine.DueTransfer{Due: engine.Due{At: look, ID: id}, OrderID: o.ID})
	}
	check := func(at time.Time, want ...engine.DueTransfer) {
		s.Helper()
		got := s.inFlight(at)
		same := func(a, b engine.DueTransfer) bool { return a.At.Equal(b.At) && a.ID == b.ID && a.OrderID == b.OrderID }
		if !slices.EqualFunc(got, want, same) {
			s.Fatalf("due at %s: %v, want %v", at, got, want)
		}
	}
	check(now.Add(-time.Microsecond))
	check(now, all[:2]...)
	check(now.Add(time.Hour), all...)

	later := now.Add(time.Hour)
	change := func(i int, state order.TransferState, look time.Time) {
		s.Helper()
		err := s.save(all[i].OrderID, func(o *engine.Order) {
			o.Transfers[0].State = state
			surrounding := o.Sendings[all[i].ID]
			surrounding.Look, surrounding.Ref, surrounding.Looks = look, "far", 3
			o.Sendings[all[i].ID] = surrounding
		})
		if err != nil {
			s.Fatal(err)
		}
	}
	change(0, order.TransferReserved, later) // only the look moved
	change(1, order.TransferConfirmed, time.Time{})
	err := s.save(all[2].OrderID, func(o *engine.Order) { send(o, "second", order.TransferUnknown, now) })
	if err != nil {
		s.Fatal(err)
	}
	s.reopen()
	all[0].At = later
	second := engine.DueTransfer{Due: engine.Due{At: now, ID: "second"}, OrderID: all[2].OrderID}
	check(later, second, all[2], all[3], all[4], all[0])
	got := s.order(all[0].OrderID).Sendings[all[0].ID]
	if got.Ref != "far" || got.Looks != 3 || !got.Look.Equal(later) || got.To != "account" {
		s.Errorf("what surrounds the transfer came back as %+v", got)
	}
}

func transferOwners(s *suite) {
	o := s.insert(scopeA, func(o *engine.Order) { send(o, "t1", order.TransferReserved, s.clock.now()) })
	other := s.insert(scopeB, nil)
	owner := func(id, want string) {
		s.Helper()
		s.update(func(tx engine.Tx) error {
			got, err := tx.OrderByTransfer(id)
			if err == nil && got != want {
				err = fmt.Errorf("transfer %s is %q's, want %q", id, got, want)
			}
			return err
		})
	}
	owner("t1", o.ID)
	owner("t2", "")
	if err := s.save(other.ID, func(o *engine.Order) { send(o, "t1", order.TransferReserved, s.clock.now()) }); err == nil {
		s.Error("a transfer has two orders")
	}
	if err := s.save(o.ID, func(o *engine.Order) { o.Transfers = nil }); err == nil {
		s.Error("a transfer was removed")
	}
	// A refused caller's transfer is nobody's, an accepted one's is seen by the next at once.
	refused := s.try(func(tx engine.Tx) error {
		d := s.draft(tx, scopeA)
		send(d, "t2", order.TransferReserved, tx.Now())
		if err := tx.InsertOrder(d); err != nil {
			return err
		}
		if got, err := tx.OrderByTransfer("t2"); err != nil || got != d.ID {
			return fmt.Errorf("the caller does not see its own transfer: %q, %v", got, err)
		}
		return errRefused
	})
	if !errors.Is(refused, errRefused) {
		s.Fatal(refused)
	}
	owner("t2", "")
	s.reopen()
	owner("t1", o.ID)
	owner("t2", "")
}

// Copies of an order do not share what surrounds its transfers.
func sendingCopies(s *suite) {
	o := s.insert(scopeA, func(o *engine.Order) { send(o, "t1", order.TransferReserved, s.clock.now()) })
	err := s.try(func(tx engine.Tx) error {
		first, err := tx.Order(o.ID)
		if err != nil {
			return err
		}
		first.Sendings["t1"] = engine.Sending{Looks: 9}
		second, err := tx.Order(o.ID)
		if err == nil && second.Sendings["t1"].Looks != 0 {
			err = errors.New("changing one copy changed the other")
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

func ordersAside(s *suite) {
	extra := order.Balance{Account: ledger.Owed("m1").Account(ledger.Extra), Amount: money.FromInt(usdt, 5)}
	short := order.Balance{Account: ledger.Owed("m1").Account(ledger.Short), Amount: money.FromInt(usdt, -5)}
	plain := order.Balance{Account: ledger.Owed("m1").Account(ledger.Merchant), Amount: money.FromInt(usdt, 5)}
	var ids []string
	for _, share := range []order.Balance{extra, short, extra} {
		ids = append(ids, s.insert(scopeA, func(o *engine.Order) { o.Balances = []order.Balance{share} }).ID)
	}
	s.insert(scopeA, func(o *engine.Order) { o.Balances = []order.Balance{plain} })
	s.insert(scopeC, func(o *engine.Order) { o.Balances = []order.Balance{extra} })
	check := func(want ...string) {
		s.Helper()
		var got []string
		for after := ""; ; {
			var page []engine.Order
			s.view(func(rd engine.Reader) (err error) { page, err = rd.Aside(engine.Sandbox, after, 2); return err })
			for _, o := range page {
				got = append(got, o.ID)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].ID
		}
		if !slices.Equal(got, want) {
			s.Fatalf("aside: %v, want %v", got, want)
		}
	}
	check(ids...)
	if err := s.save(ids[1], func(o *engine.Order) { o.Balances = nil }); err != nil {
		s.Fatal(err)
	}
	s.reopen()
	check(ids[0], ids[2])
}

func strayList(s *suite) {
	for _, external := range []string{"b", "a", "c"} {
		s.update(func(tx engine.Tx) error {
			return tx.SaveStray(&engine.Stray{Payment: s.payment(external, 5, tx.Now()), Mode: engine.Sandbox, Merchant: "m1"})
		})
	}
	s.insert(scopeA, func(o *engine.Order) { o.Payments = []order.Payment{s.payment("b", 5, o.CreatedAt)} }) // no stray any more
	var got []string
	for after := (order.PaymentKey{}); ; {
		var page []engine.Stray
		s.view(func(rd engine.Reader) (err error) { page, err = rd.Strays(after, 1); return err })
		if len(page) == 0 {
			break
		}
		want(s, "merchant", page[0].Merchant, "m1")
		got, after = append(got, page[0].External), page[0].PaymentKey
	}
	want(s, "strays", fmt.Sprint(got), "[a c]")
	of := func(merchant string, m engine.Mode, limit int) (got []string) {
		s.view(func(rd engine.Reader) error {
			list, err := rd.StraysOf(merchant, m, limit)
			for _, one := range list {
				got = append(got, one.External)
			}
			return err
		})
		return got
	}
	want(s, "strays of the merchant", fmt.Sprint(of("m1", engine.Sandbox, 10)), "[c a]")
	want(s, "the newest", fmt.Sprint(of("m1", engine.Sandbox, 1)), "[c]")
	want(s, "strays of another", fmt.Sprint(of("m2", engine.Sandbox, 10), of("m1", engine.Live, 10), of("", engine.Sandbox, 10)), "[] [] []")
}

func railMemory(s *suite) {
	put := func(r engine.RailName, key string, value []byte) error {
		return s.try(func(tx engine.Tx) error { return tx.SaveRailState(r, key, value) })
	}
	get := func(r engine.RailName, key string) (value []byte) {
		s.Helper()
		s.update(func(tx engine.Tx) (err error) { value, err = tx.RailState(r, key); return err })
		return value
	}
	for _, line := range [][2]string{{"a/2", "two"}, {"a/1", "one"}, {"b/1", "other"}, {"a/3", "three"}} {
		if err := put("one", line[0], []byte(line[1])); err != nil {
			s.Fatal(err)
		}
	}
	if err := put("two", "a/1", []byte{}); err != nil {
		s.Fatal(err)
	}
	want(s, "value", string(get("one", "a/1")), "one")
	if get("one", "a/9") != nil || get("two", "a/2") != nil {
		s.Error("a value that was never put")
	}
	if empty := get("two", "a/1"); empty == nil || len(empty) != 0 {
		s.Errorf("an empty value came back as %v", empty)
	}
	if err := put("one", "a/2", nil); err != nil {
		s.Fatal(err)
	}
	for _, key := range []string{"", string(make([]byte, 201))} {
		if put("one", key, []byte("x")) == nil {
			s.Errorf("a key of %d bytes was taken", len(key))
		}
	}
	s.reopen()
	list := func(prefix, after string, limit int) (text string) {
		s.view(func(rd engine.Reader) error {
			items, err := rd.RailStates("one", prefix, after, limit)
			for _, item := range items {
				text += item.Key + "=" + string(item.Value) + " "
			}
			return err
		})
		return text
	}
	want(s, "all of a prefix", list("a/", "", 10), "a/1=one a/3=three ")
	want(s, "behind a key", list("a/", "a/1", 10), "a/3=three ")
	want(s, "a page", list("", "", 2), "a/1=one a/3=three ")
	if err := put("one", "a0", []byte("beside")); err != nil { // sorts right behind what begins with "a/"
		s.Fatal(err)
	}
	want(s, "of a prefix and nothing beside", list("a/", "", 10), "a/1=one a/3=three ")
	if err := put("one", "a0", nil); err != nil {
		s.Fatal(err)
	}
	// What a transaction says it will read is what it reads, whether there is anything or not.
	err := s.store.Update(s.Context(), engine.Keys{Memory: []engine.RailKey{{Rail: "one", Key: "a/1"}, {Rail: "one", Key: "a/7"}, {Rail: "one", Key: "a/1"}}}, func(tx engine.Tx) error {
		for key, is := range map[string]string{"a/1": "one", "a/7": "", "a/3": "three"} {
			value, err := tx.RailState("one", key)
			if err != nil {
				return err
			}
			if string(value) != is || (value == nil) != (is == "") {
				s.Errorf("%s is %q, want %q", key, value, is)
			}
		}
		return tx.SaveRailState("one", "a/7", []byte("seven"))
	})
	if err != nil {
		s.Fatal(err)
	}
	want(s, "written", list("a/", "a/3", 10), "a/7=seven ")
	if err := put("one", "a/7", []byte("eight")); err != nil { // over what was not read
		s.Fatal(err)
	}
	want(s, "written over", list("a/", "a/3", 10), "a/7=eight ")
	// Counting up at once loses nothing.
	for _, err := range AtOnce(16, func(int) error {
		return s.try(func(tx engine.Tx) error {
			value, err := tx.RailState("one", "count")
			if err != nil {
				return err
			}
			return tx.SaveRailState("one", "count", append(value, '+'))
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	want(s, "counted", len(get("one", "count")), 16)
}

func madeInstruments(s *suite) {
	pool := engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: "reference"}
	var o *engine.Order
	s.update(func(tx engine.Tx) (err error) {
		o = s.draft(tx, scopeA)
		if o.Instrument, err = tx.MakeInstrument(pool, testRail, "REF-1", o.ID); err != nil {
			return err
		}
		return tx.InsertOrder(o)
	})
	want(s, "instrument", o.Instrument, engine.Instrument{Family: "reference", Value: "REF-1"})
	again := s.try(func(tx engine.Tx) error { _, err := tx.MakeInstrument(pool, testRail, "REF-1", "other"); return err })
	if again == nil {
		s.Error("one reference was made twice")
	}
	s.wantCode(s.try(func(tx engine.Tx) error {
		_, err := tx.TakeInstrument(pool, testRail, "other", tx.Now())
		return err
	}), fault.CodeNoAddress)
	check := func(state engine.InstrumentState) {
		s.Helper()
		s.update(func(tx engine.Tx) error {
			for _, at := range []time.Time{s.clock.now(), time.Unix(1, 0), s.clock.now().Add(1000 * time.Hour)} {
				hold, err := tx.HoldAt(o.Instrument, testRail, at)
				if err != nil {
					return err
				}
				if hold == nil || hold.OrderID != o.ID {
					return fmt.Errorf("at %s the reference is %+v", at, hold)
				}
			}
			in, err := tx.InstrumentPool(o.Instrument)
			if err == nil && (in == nil || *in != pool) {
				err = fmt.Errorf("it is in pool %v", in)
			}
			return err
		})
		s.view(func(rd engine.Reader) error {
			rows, err := rd.Instruments(pool, "", 10)
			if err == nil && (len(rows) != 1 || rows[0].State != state) {
				err = fmt.Errorf("operators see %+v", rows)
			}
			return err
		})
	}
	check(engine.InstrumentHeld)
	s.update(func(tx engine.Tx) error { return tx.FreeInstrument(o.Instrument, o.ID, tx.Now(), tx.Now()) })
	s.reopen()
	check(engine.InstrumentArchived)
	s.clock.advance(time.Hour)
	s.wantCode(s.try(func(tx engine.Tx) error {
		_, err := tx.TakeInstrument(pool, testRail, "other", tx.Now())
		return err
	}), fault.CodeNoAddress)
}
