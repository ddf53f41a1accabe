package storetest

import (
	"context"
	"encoding/json"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// full is an order that uses every field.
func (s *suite) full(tx engine.Tx) *engine.Order {
	o := s.draft(tx, scopeA)
	now := tx.Now()
	o.Terms.Fee = money.FromInt(usdt, 10)
	o.Terms.Deadline, o.Terms.ConfirmBy, o.Terms.SeenWaits = now.Add(time.Hour), now.Add(2*time.Hour), true
	o.State, o.Overlay, o.Reason, o.Through = order.Part, order.Refunding, "why <not> & so", now
	o.Attempts = []order.Attempt{{ID: "a1", Method: "card", State: order.AttemptOpen}}
	o.Transfers = []order.Transfer{{ID: "t1", Purpose: order.Refund, State: order.TransferSent, Amount: money.FromInt(usdt, 7), Rail: testRail, At: now}}
	o.Reviews = []order.Review{{Kind: order.Screening, State: order.ReviewDocuments, Missing: []string{"passport"}}}
	o.Balances = []order.Balance{{Account: ledger.Wallet("m1").Account(ledger.In), Amount: money.FromInt(usdt, 5)}}
	o.Payments = []order.Payment{s.payment("tx1", 5, now), s.payment("tx2", 6, now)}
	o.Instrument = engine.Instrument{Family: engine.EVM, Value: "0x01"}
	o.Gateway = engine.AtGateway{Gateway: "g", Rail: "daimo:g", Request: engine.Instrument{Family: "daimo:g", Value: "r"}, To: "0x01", Payment: "p", URL: "u", Tx: "t", From: "f", Note: "n"}
	o.Skew, o.Closing, o.ClosingAt = 1500*time.Nanosecond, order.PaymentKey{Rail: testRail, External: "tx1"}, 77
	o.EndedAt, o.EventSeq = now, 4
	o.Destination, o.SendAt = engine.Destination{Rail: "bank", To: "account"}, now
	o.Sendings = map[string]engine.Sending{"t1": {Destination: o.Destination, Ref: "far", Look: now, Looks: 2}}
	o.Doc = json.RawMessage("{\"kept\":  \"byte <for> byte \\u00e9\"}")
	return o
}

func (s *suite) payment(external string, units int64, at time.Time) order.Payment {
	return order.Payment{
		PaymentKey: order.PaymentKey{Rail: testRail, External: external}, Epoch: 1, Rank: order.RankSeen, Amount: money.FromInt(usdt, units),
		Value: at, Told: at, Source: ledger.Wallet("m1").Account(ledger.PayerOn("testnet")), Evidence: order.Evidence{Tx: external, Block: 10},
	}
}

func ordersRoundTrip(s *suite) {
	var o *engine.Order
	s.update(func(tx engine.Tx) error { o = s.full(tx); return tx.InsertOrder(o) })
	want(s, "number", o.Number, 1)
	want(s, "version", o.Version, 1)
	check := func(when string) {
		s.Helper()
		if got := s.order(o.ID); !reflect.DeepEqual(got, o) {
			s.Fatalf("%s:\n got %+v\nwant %+v", when, got, o)
		}
		s.view(func(rd engine.Reader) error {
			byPublic, err := rd.OrderByPublic(scopeA, o.PublicID)
			if err != nil {
				return err
			}
			byUnique, err := rd.OrderByUnique(engine.UniqueKey{Scope: scopeA, Key: o.UniqueKey})
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(byPublic, o) || !reflect.DeepEqual(byUnique, o) {
				s.Errorf("%s: another way to read gives another order", when)
			}
			return nil
		})
		s.update(func(tx engine.Tx) error {
			got, err := tx.Order(o.ID)
			if err == nil && !reflect.DeepEqual(got, o) {
				s.Errorf("%s, in a transaction:\n got %+v\nwant %+v", when, got, o)
			}
			return err
		})
	}
	check("inserted")
	err := s.save(o.ID, func(saved *engine.Order) {
		saved.State, saved.Overlay, saved.Network, saved.Rail = order.Completed, order.NoOverlay, "other", "evm:other"
		saved.Reference, saved.Doc, saved.UpdatedAt = "Another", nil, o.UpdatedAt.Add(time.Second)
		saved.Payments = append(saved.Payments, s.payment("tx3", 8, o.CreatedAt))
		saved.Payments[0].Rank, saved.Payments[0].Booked = order.RankConfirmed, ledger.Wallet("m1").Account(ledger.In)
		saved.Reviews[0].Missing = nil
		saved.Head = 99 // belongs to the moment of reading and is not stored
		o = saved
	})
	if err != nil {
		s.Fatal(err)
	}
	want(s, "version", o.Version, 2)
	o.Head = 0
	check("saved")
	s.reopen()
	check("reopened")
}

func publicIDs(s *suite) {
	o := s.insert(scopeA, nil)
	s.view(func(rd engine.Reader) error {
		if _, err := rd.OrderByPublic(engine.Scope{}, o.PublicID); err != nil {
			return err
		}
		for _, other := range []engine.Scope{scopeB, scopeC, scopeD} {
			_, err := rd.OrderByPublic(other, o.PublicID)
			s.wantCode(err, fault.CodeNotFound)
		}
		_, err := rd.OrderByPublic(scopeA, "none")
		s.wantCode(err, fault.CodeNotFound)
		_, err = rd.Order("none")
		s.wantCode(err, fault.CodeNotFound)
		_, err = rd.OrderByUnique(engine.UniqueKey{Scope: scopeB, Key: o.UniqueKey})
		s.wantCode(err, fault.CodeNotFound)
		return nil
	})
	s.wantCode(s.try(func(tx engine.Tx) error { _, err := tx.Order("none"); return err }), fault.CodeNotFound)
	// A second order of the same public id is refused and takes nobody with it.
	errs := AtOnce(8, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			d := s.draft(tx, scopeB)
			if i == 3 {
				d.PublicID = o.PublicID
			}
			return tx.InsertOrder(d)
		})
	})
	for i, err := range errs {
		if (err != nil) != (i == 3) {
			s.Fatalf("caller %d: %v", i, err)
		}
	}
}

func numbers(s *suite) {
	for n := int64(1); n <= 3; n++ {
		want(s, "number in one scope", s.insert(scopeA, nil).Number, n)
		want(s, "number in another mode", s.insert(scopeC, nil).Number, n)
	}
	s.reopen()
	want(s, "number after a restart", s.insert(scopeA, nil).Number, 4)
}

func uniqueKeys(s *suite) {
	first := s.insert(scopeA, func(o *engine.Order) { o.UniqueKey = "k" })
	again := func(scope engine.Scope, key string) error {
		return s.try(func(tx engine.Tx) error {
			o := s.draft(tx, scope)
			o.UniqueKey = key
			return tx.InsertOrder(o)
		})
	}
	check := func() {
		s.Helper()
		err := again(scopeA, "k")
		s.wantCode(err, fault.CodeDuplicateReference)
		f, _ := fault.As(err)
		want(s, "existing", f.Details["existing"], first.PublicID)
	}
	check()
	s.reopen()
	check()
	for _, other := range []struct {
		scope engine.Scope
		key   string
	}{{scopeB, "k"}, {scopeC, "k"}, {scopeD, "k"}, {scopeA, "K"}, {scopeA, ""}, {scopeA, ""}} {
		if err := again(other.scope, other.key); err != nil {
			s.Fatalf("%v: %v", other, err)
		}
	}
	want(s, "number: the refused took none", s.insert(scopeA, nil).Number, 5)
	s.update(func(tx engine.Tx) error {
		o, err := tx.OrderByUnique(engine.UniqueKey{Scope: scopeA, Key: "k"})
		if err != nil || o == nil || o.ID != first.ID {
			s.Errorf("by unique key: %v, %v", o, err)
		}
		none, err := tx.OrderByUnique(engine.UniqueKey{Scope: scopeA, Key: "none"})
		if none != nil {
			s.Error("an order for an unknown key")
		}
		return err
	})
}

// case 36, invariant I9: whatever comes at once, one wins and the others learn of it.
func uniqueKeyRace(s *suite) {
	s.importValues(poolA, "0x01", "0x02", "0x03")
	key := engine.UniqueKey{Scope: scopeA, Key: "the one"}
	winners := make([]string, 64)
	errs := AtOnce(64, func(i int) error {
		return s.store.Update(context.Background(), engine.Keys{Unique: []engine.UniqueKey{key}}, func(tx engine.Tx) error {
			o := s.draft(tx, scopeA)
			o.UniqueKey = key.Key
			in, err := tx.TakeInstrument(poolA, testRail, o.ID, tx.Now())
			if err != nil {
				return err
			}
			o.Instrument = in
			winners[i] = o.PublicID
			return tx.InsertOrder(o)
		})
	})
	winner := slices.Index(errs, nil)
	if winner < 0 {
		s.Fatal(errs[0])
	}
	for i, err := range errs {
		if i == winner {
			continue
		}
		s.wantCode(err, fault.CodeDuplicateReference)
		f, _ := fault.As(err)
		want(s, "existing", f.Details["existing"], winners[winner])
	}
	s.view(func(rd engine.Reader) error {
		c, err := rd.InstrumentCounts(poolA)
		want(s, "held instruments", c.Held, 1)
		want(s, "free instruments", c.Free, 2)
		return err
	})
	want(s, "instrument after the race", s.take(poolA), "0x02")
}

// case 40
func versionGuard(s *suite) {
	o := s.insert(scopeA, nil)
	stale := s.order(o.ID)
	if err := s.save(o.ID, func(o *engine.Order) { o.State = order.Seen }); err != nil {
		s.Fatal(err)
	}
	s.wantCode(s.try(func(tx engine.Tx) error { stale.State = order.Expired; return tx.SaveOrder(stale) }), fault.CodeVersionConflict)
	want(s, "state", s.order(o.ID).State, order.Seen)
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveOrder(&engine.Order{ID: "none"}) }), fault.CodeNotFound)
	s.update(func(tx engine.Tx) error { // twice in one transaction
		o, err := tx.Order(o.ID)
		if err != nil {
			return err
		}
		if err := tx.SaveOrder(o); err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	want(s, "version", s.order(o.ID).Version, 4)
}

// cases 39 and 40
func noLostUpdate(s *suite) {
	o := s.insert(scopeA, nil)
	errs := AtOnce(32, func(int) error { return s.save(o.ID, func(o *engine.Order) { o.EventSeq++ }) })
	for _, err := range errs {
		if err != nil {
			s.Fatal(err)
		}
	}
	got := s.order(o.ID)
	want(s, "increments", got.EventSeq, 32)
	want(s, "version", got.Version, 33)
}

func fixedFields(s *suite) {
	o := s.insert(scopeA, nil)
	for i, change := range []func(o *engine.Order){
		func(o *engine.Order) { o.PublicID = "other" },
		func(o *engine.Order) { o.Scope = scopeB },
		func(o *engine.Order) { o.Number++ },
		func(o *engine.Order) { o.UniqueKey = "other" },
		func(o *engine.Order) { o.CreatedAt = o.CreatedAt.Add(time.Second) },
	} {
		if err := s.save(o.ID, change); err == nil {
			s.Errorf("change %d was taken", i)
		}
	}
	want(s, "version", s.order(o.ID).Version, 1)
}

func copies(s *suite) {
	var id string
	s.update(func(tx engine.Tx) error {
		o := s.full(tx)
		id = o.ID
		if err := tx.InsertOrder(o); err != nil {
			return err
		}
		o.Reviews[0].Missing[0], o.Payments[0].Epoch, o.Doc[0] = "changed", 9, 'x'
		for range 2 {
			got, err := tx.Order(id)
			if err != nil {
				return err
			}
			if got.Reviews[0].Missing[0] != "passport" || got.Payments[0].Epoch != 1 || got.Doc[0] != '{' || got.Attempts[0].ID != "a1" {
				s.Error("a read shows a change that was not saved")
			}
			got.Reviews[0].Missing[0], got.Payments[0].Epoch, got.Doc[0], got.Attempts[0].ID = "changed", 9, 'x', "changed"
		}
		return nil
	})
	if got := s.order(id); got.Reviews[0].Missing[0] != "passport" || got.Doc[0] != '{' {
		s.Error("the store kept a change that was not saved")
	}
}

// case 38: of 64 callers 57 succeed; the 7 refused after they wrote leave nothing of any kind.
func refusedLeaveNothing(s *suite) {
	values := make([]string, 64)
	for i := range values {
		values[i] = "0x" + strconv.Itoa(1000+i)
	}
	s.importValues(poolA, values...)
	s.endpoint("ep1", scopeA, true)
	account, other := ledger.Owed("m1").Account(ledger.Merchant), ledger.House.Account(ledger.PayerOn("x"))
	refused := func(i int) bool { return i%9 == 4 }
	ids := make([]string, 64)
	errs := AtOnce(64, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			o := s.draft(tx, scopeA)
			ids[i] = o.ID
			o.UniqueKey = "caller " + strconv.Itoa(i)
			in, err := tx.TakeInstrument(poolA, testRail, o.ID, tx.Now())
			if err != nil {
				return err
			}
			o.Instrument, o.EventSeq = in, 1
			o.Payments = []order.Payment{s.payment("pay"+strconv.Itoa(i), 1, tx.Now())}
			steps := []error{
				tx.InsertOrder(o),
				tx.AddEntry(entry(tx, o.ID, other, account, money.FromInt(eur, 100))),
				tx.AddEvents([]engine.Event{{ID: tx.NewID(), OrderID: o.ID, Scope: scopeA, Seq: 1, Type: "order.created", State: o.State, At: tx.Now()}}),
				tx.Remember(engine.Answer{Scope: "s", Key: strconv.Itoa(i), Status: 201, At: tx.Now()}),
				tx.SaveSetting(engine.SettingScope{Merchant: "m1", Mode: engine.Sandbox}, strconv.Itoa(i), json.RawMessage("1")),
				tx.SaveMerchant(engine.Merchant{ID: "merchant" + strconv.Itoa(i)}),
			}
			if refused(i) {
				return errRefused
			}
			for _, err := range steps {
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	for i, err := range errs {
		if refused(i) && err != errRefused || !refused(i) && err != nil {
			s.Fatalf("caller %d: %v", i, err)
		}
	}
	s.view(func(rd engine.Reader) error {
		page, err := rd.Orders(engine.Filter{Scope: scopeA, Page: 1, Limit: 100})
		if err != nil {
			return err
		}
		want(s, "orders", page.Total, 57)
		want(s, "orders listed", len(page.Orders), 57)
		want(s, "the last number", page.Orders[56].Number, 57)
		counts, err := rd.InstrumentCounts(poolA)
		if err != nil {
			return err
		}
		want(s, "instruments held", counts.Held, 57)
		list, err := rd.Balances("m1", engine.Sandbox)
		if err != nil {
			return err
		}
		want(s, "balances", len(list), 1)
		want(s, "balance", list[0].Amount.Units(), "5700")
		set, err := rd.Settings(engine.SettingScope{Merchant: "m1", Mode: engine.Sandbox})
		if err != nil {
			return err
		}
		want(s, "settings", len(set), 57)
		merchants, err := rd.Merchants()
		if err != nil {
			return err
		}
		want(s, "merchants", len(merchants), 57)
		untold, err := rd.UntoldEvents([]string{"one"}, 100)
		if err != nil {
			return err
		}
		want(s, "events", len(untold), 57)
		for i, id := range ids {
			entries, err := rd.Entries(id)
			if err != nil {
				return err
			}
			want(s, "entries", len(entries) == 0, refused(i))
		}
		return nil
	})
	s.update(func(tx engine.Tx) error {
		for i := range 64 {
			a, err := tx.Answer(engine.AnswerKey{Scope: "s", Key: strconv.Itoa(i)})
			if err != nil {
				return err
			}
			want(s, "no answer", a == nil, refused(i))
			owner, err := tx.OrderByPayment(order.PaymentKey{Rail: testRail, External: "pay" + strconv.Itoa(i)})
			if err != nil {
				return err
			}
			want(s, "no payment", owner == "", refused(i))
		}
		return nil
	})
}

// laterSeeEarlier counts in one setting from many callers: each must see the one before.
func laterSeeEarlier(s *suite) {
	at := engine.SettingScope{Merchant: "m1", Mode: engine.Sandbox}
	errs := AtOnce(64, func(int) error {
		return s.store.Update(context.Background(), engine.Keys{Settings: []engine.SettingScope{at}}, func(tx engine.Tx) error {
			set, err := tx.Settings(at)
			if err != nil {
				return err
			}
			n, _ := strconv.Atoi(string(set["n"]))
			if err := tx.SaveSetting(at, "n", json.RawMessage(strconv.Itoa(n+1))); err != nil {
				return err
			}
			set, err = tx.Settings(at)
			if err == nil && string(set["n"]) != strconv.Itoa(n+1) {
				s.Error("a caller does not see its own write")
			}
			return err
		})
	})
	for _, err := range errs {
		if err != nil {
			s.Fatal(err)
		}
	}
	s.view(func(rd engine.Reader) error {
		set, err := rd.Settings(at)
		want(s, "counter", string(set["n"]), "64")
		return err
	})
}

func panics(s *suite) {
	errs := AtOnce(16, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			if err := tx.InsertOrder(s.draft(tx, scopeA)); err != nil {
				return err
			}
			if i%4 == 0 {
				panic("a bug")
			}
			return nil
		})
	})
	for i, err := range errs {
		want(s, "failed", err != nil, i%4 == 0)
		if _, ok := fault.As(err); ok {
			s.Error("a bug was told as a fault of the client")
		}
	}
	s.view(func(rd engine.Reader) error {
		page, err := rd.Orders(engine.Filter{Scope: scopeA, Page: 1, Limit: 5})
		want(s, "orders", page.Total, 12)
		return err
	})
}

func goexit(s *suite) {
	err := s.try(func(tx engine.Tx) error {
		if err := tx.InsertOrder(s.draft(tx, scopeA)); err != nil {
			return err
		}
		runtime.Goexit()
		return nil
	})
	if err == nil {
		s.Fatal("a function that never returned was taken for done")
	}
	want(s, "number", s.insert(scopeA, nil).Number, 1)
}

func endedContext(s *suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	if err := s.store.Update(ctx, engine.Keys{}, func(engine.Tx) error { ran = true; return nil }); err != context.Canceled {
		s.Fatalf("error is %v", err)
	}
	if ran {
		s.Fatal("the function ran")
	}
	if err := s.store.View(ctx, func(engine.Reader) error { return nil }); err == nil {
		s.Fatal("a view under an ended context")
	}

	// A caller that waits behind another is skipped when its context ends; one that has begun is not.
	ctx, cancel = context.WithCancel(context.Background())
	begun, release, skipped := make(chan bool), make(chan bool), make(chan error, 1)
	first := make(chan error, 1)
	go func() {
		first <- s.store.Update(ctx, engine.Keys{}, func(tx engine.Tx) error {
			begun <- true
			<-release
			return tx.SaveMerchant(engine.Merchant{ID: "begun"})
		})
	}()
	<-begun
	go func() {
		skipped <- s.store.Update(ctx, engine.Keys{}, func(tx engine.Tx) error { return tx.SaveMerchant(engine.Merchant{ID: "skipped"}) })
	}()
	cancel()
	if err := <-skipped; err != context.Canceled {
		s.Fatalf("the one that waited: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		s.Fatalf("the one that had begun: %v", err)
	}
	s.update(func(engine.Tx) error { return nil })
	s.view(func(rd engine.Reader) error {
		list, err := rd.Merchants()
		want(s, "merchants", len(list), 1)
		return err
	})
}

// invariant I11
func readYourWrites(s *suite) {
	for _, err := range AtOnce(16, func(int) error {
		for range 10 {
			var id string
			err := s.try(func(tx engine.Tx) error { o := s.draft(tx, scopeA); id = o.ID; return tx.InsertOrder(o) })
			if err != nil {
				return err
			}
			if err := s.store.View(context.Background(), func(rd engine.Reader) error { _, err := rd.Order(id); return err }); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
}

func stableView(s *suite) {
	s.insert(scopeA, nil)
	s.view(func(rd engine.Reader) error {
		total := func() int64 {
			page, err := rd.Orders(engine.Filter{Scope: scopeA, Page: 1, Limit: 1})
			if err != nil {
				s.Fatal(err)
			}
			return page.Total
		}
		want(s, "before", total(), 1)
		s.insert(scopeA, nil)
		want(s, "after", total(), 1)
		return nil
	})
}

func timeForward(s *suite) {
	var first, second, third time.Time
	s.update(func(tx engine.Tx) error { first = tx.Now(); return tx.SaveMerchant(engine.Merchant{ID: "m1"}) })
	s.clock.advance(-time.Hour)
	s.update(func(tx engine.Tx) error { second = tx.Now(); return nil })
	s.reopen()
	s.update(func(tx engine.Tx) error { third = tx.Now(); return nil })
	if second.Before(first) || third.Before(first) {
		s.Fatalf("time ran from %v to %v to %v", first, second, third)
	}
}

func idsSort(s *suite) {
	var ids []string
	for range 3 {
		s.update(func(tx engine.Tx) error {
			for range 50 {
				ids = append(ids, tx.NewID())
			}
			return nil
		})
		s.clock.advance(time.Millisecond)
	}
	s.reopen()
	s.clock.advance(time.Millisecond)
	s.update(func(tx engine.Tx) error { ids = append(ids, tx.NewID()); return nil })
	for i, id := range ids {
		want(s, "length", len(id), 26)
		if i > 0 && id <= ids[i-1] {
			s.Fatalf("id %d: %s after %s", i, id, ids[i-1])
		}
	}
}

func payments(s *suite) {
	a, b := s.insert(scopeA, nil), s.insert(scopeA, nil)
	key := order.PaymentKey{Rail: testRail, External: "tx1"}
	err := s.save(a.ID, func(o *engine.Order) { o.Payments = append(o.Payments, s.payment("tx1", 1, o.CreatedAt)) })
	if err != nil {
		s.Fatal(err)
	}
	// invariant I7: a payment is one order's.
	err = s.save(b.ID, func(o *engine.Order) { o.Payments = append(o.Payments, s.payment("tx1", 1, o.CreatedAt)) })
	if err == nil {
		s.Fatal("two orders have one payment")
	}
	if err := s.save(a.ID, func(o *engine.Order) { o.Payments = nil }); err == nil {
		s.Fatal("a payment was removed")
	}
	err = s.store.Update(context.Background(), engine.Keys{Payments: []order.PaymentKey{key, {Rail: testRail, External: "none"}}}, func(tx engine.Tx) error {
		owner, err := tx.OrderByPayment(key)
		if err != nil {
			return err
		}
		want(s, "owner", owner, a.ID)
		owner, err = tx.OrderByPayment(order.PaymentKey{Rail: testRail, External: "none"})
		want(s, "owner of none", owner, "")
		stray, strayErr := tx.Stray(key)
		if stray != nil || strayErr != nil {
			s.Errorf("an order's payment as a stray: %v, %v", stray, strayErr)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	// Many payments keep their order.
	for i := range 30 {
		err := s.save(a.ID, func(o *engine.Order) {
			o.Payments = append(o.Payments, s.payment("many"+strconv.Itoa(99-i), int64(i+1), o.CreatedAt))
		})
		if err != nil {
			s.Fatal(err)
		}
	}
	got := s.order(a.ID)
	want(s, "payments", len(got.Payments), 31)
	for i, p := range got.Payments[1:] {
		want(s, "place", p.External, "many"+strconv.Itoa(99-i))
	}
}

func strays(s *suite) {
	in := engine.Instrument{Family: engine.EVM, Value: "0x01"}
	stray := engine.Stray{Payment: s.payment("tx1", 5, s.clock.now()), Mode: engine.Sandbox, Merchant: "m1", Instrument: in}
	s.update(func(tx engine.Tx) error {
		if got, err := tx.Stray(stray.PaymentKey); got != nil || err != nil {
			s.Errorf("before: %v, %v", got, err)
		}
		return tx.SaveStray(&stray)
	})
	stray.Rank = order.RankConfirmed
	s.update(func(tx engine.Tx) error { return tx.SaveStray(&stray) })
	s.reopen()
	o := s.insert(scopeA, nil)
	s.update(func(tx engine.Tx) error {
		got, err := tx.Stray(stray.PaymentKey)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(got, &stray) {
			s.Errorf("got %+v, want %+v", got, &stray)
		}
		owner, err := tx.OrderByPayment(stray.PaymentKey)
		want(s, "owner", owner, "")
		return err
	})
	err := s.save(o.ID, func(o *engine.Order) { o.Payments = append(o.Payments, stray.Payment) })
	if err != nil {
		s.Fatal(err)
	}
	s.update(func(tx engine.Tx) error {
		owner, err := tx.OrderByPayment(stray.PaymentKey)
		want(s, "owner after the assignment", owner, o.ID)
		if err == nil && tx.SaveStray(&stray) == nil {
			s.Error("an order's payment was made a stray")
		}
		return err
	})
	want(s, "payments", len(s.order(o.ID).Payments), 1)
}

func paymentsSince(s *suite) {
	now := s.clock.now()
	at := func(name string, block uint64, rank order.Rank) order.Payment {
		p := s.payment(name, 1, now)
		p.Evidence.Block, p.Rank = block, rank
		return p
	}
	o := s.insert(scopeA, func(o *engine.Order) {
		o.Payments = []order.Payment{at("late", 30, order.RankSeen), at("early", 9, order.RankSeen), at("gone", 20, order.RankReversed), at("done", 20, order.RankConfirmed)}
	})
	s.update(func(tx engine.Tx) error {
		elsewhere := engine.Stray{Payment: at("elsewhere", 40, order.RankSeen)}
		elsewhere.Rail = "evm:other"
		if err := tx.SaveStray(&elsewhere); err != nil {
			return err
		}
		return tx.SaveStray(&engine.Stray{Payment: at("stray", 25, order.RankConfirmed)})
	})
	names := func(from uint64) (list []string) {
		s.view(func(rd engine.Reader) error {
			found, err := rd.PaymentsSince(testRail, from)
			for _, p := range found {
				list = append(list, p.External)
			}
			return err
		})
		return list
	}
	if got := names(10); !slices.Equal(got, []string{"done", "stray", "late"}) {
		s.Fatalf("since block 10: %v", got)
	}
	if err := s.save(o.ID, func(o *engine.Order) { o.Payments[0].Rank = order.RankFailed }); err != nil {
		s.Fatal(err)
	}
	if got := names(25); !slices.Equal(got, []string{"stray"}) {
		s.Fatalf("since block 25: %v", got)
	}
}

func due(s *suite) {
	now := s.clock.now()
	add := func(in time.Duration, change func(o *engine.Order)) string {
		return s.insert(scopeA, func(o *engine.Order) {
			o.Terms.Deadline = now.Add(in)
			if change != nil {
				change(o)
			}
		}).ID
	}
	third := add(30*time.Minute, nil)
	first := add(10*time.Minute, nil)
	second := add(20*time.Minute, func(o *engine.Order) {
		o.Terms.SeenWaits, o.Terms.ConfirmBy, o.State = true, now.Add(2*time.Hour), order.Seen
	})
	add(10*time.Minute, func(o *engine.Order) { o.State = order.Paid })
	add(10*time.Minute, func(o *engine.Order) { o.Rail = "evm:other" })
	add(10*time.Minute, func(o *engine.Order) { o.Terms.Deadline = time.Time{} })
	s.insert(scopeC, func(o *engine.Order) { o.Terms.Deadline = now.Add(10 * time.Minute) })
	check := func(through time.Duration, want ...string) {
		s.Helper()
		for _, limit := range []int{1, 2, 100} {
			var got []string
			s.view(func(rd engine.Reader) error {
				after := engine.Due{}
				for {
					list, err := rd.Due(engine.Sandbox, testRail, now.Add(through), after, limit)
					if err != nil || len(list) == 0 {
						return err
					}
					if len(list) > limit {
						s.Fatalf("%d rows, limit %d", len(list), limit)
					}
					for _, d := range list {
						got = append(got, d.ID)
					}
					after = list[len(list)-1]
				}
			})
			if !slices.Equal(got, want) {
				s.Fatalf("through %v, %d at a time: got %v, want %v", through, limit, got, want)
			}
		}
	}
	check(10 * time.Minute) // a deadline is the last moment that counts
	check(11*time.Minute, first)
	check(time.Hour, first, second, third)

	// Once its deadline has been ticked through, an order that still waits is due at the bound of waiting, then never.
	through := func(id string, at time.Duration, state order.State) {
		s.Helper()
		if err := s.save(id, func(o *engine.Order) { o.Through, o.State = now.Add(at), state }); err != nil {
			s.Fatal(err)
		}
	}
	through(second, 21*time.Minute, order.Seen)
	through(first, 21*time.Minute, order.Expired)
	check(time.Hour, third)
	check(3*time.Hour, third, second)
	through(second, 3*time.Hour, order.Seen)
	check(100*time.Hour, third)
}
