package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

func (s *suite) event(tx engine.Tx, orderID string, seq int64) engine.Event {
	return engine.Event{ID: tx.NewID(), OrderID: orderID, Scope: scopeA, Seq: seq, Type: "order.paid", State: order.Paid, Overlay: order.Refunding, Row: "O7", At: tx.Now(),
		Facts: engine.Facts{Received: money.FromInt(usdt, 5), Payment: order.PaymentKey{Rail: testRail, External: "tx1"}, Ref: "<r>", Confirmations: 3, At: tx.Now()}}
}

// invariant I12
func events(s *suite) {
	o := s.insert(scopeA, nil)
	var told []engine.Event
	for seq := int64(1); seq <= 5; seq++ {
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, seq)
			told = append(told, e)
			return tx.AddEvents([]engine.Event{e})
		})
	}
	if err := s.try(func(tx engine.Tx) error { return tx.AddEvents([]engine.Event{s.event(tx, o.ID, 3)}) }); err == nil {
		s.Error("one number for two events")
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		of, err := rd.Events(o.ID)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(of, told) {
			s.Fatalf("got %+v\nwant %+v", of, told)
		}
		untold, err := rd.UntoldEvents(3)
		if err == nil && !reflect.DeepEqual(untold, told[:3]) {
			s.Fatalf("untold: %+v", untold)
		}
		return err
	})
	s.update(func(tx engine.Tx) error { return tx.EventsTold([]string{told[0].ID, told[2].ID}) })
	s.view(func(rd engine.Reader) error {
		untold, err := rd.UntoldEvents(10)
		if err == nil && !reflect.DeepEqual(untold, []engine.Event{told[1], told[3], told[4]}) {
			s.Fatalf("untold after two were told: %+v", untold)
		}
		return err
	})
}

// Events of a scope have no number, and none is in another's way.
func notices(s *suite) {
	o := s.insert(scopeA, nil)
	var told []engine.Event
	s.update(func(tx engine.Tx) error {
		for _, scope := range []engine.Scope{scopeA, scopeB, scopeA} {
			told = append(told, engine.Event{ID: tx.NewID(), Scope: scope, Type: "alert", At: tx.Now(),
				Facts: engine.Facts{Ref: "r", Details: map[string]string{"a": "<1>", "b": ""}, Endpoint: "e", At: tx.Now()}})
		}
		return tx.AddEvents(told)
	})
	for _, bad := range []engine.Event{{ID: "x", Scope: scopeA, Type: "alert", Seq: 1}, {ID: "x", Scope: scopeA, Type: "alert", OrderID: o.ID}, {ID: "x", Scope: scopeA}} {
		if err := s.try(func(tx engine.Tx) error { return tx.AddEvents([]engine.Event{bad}) }); err == nil {
			s.Errorf("stored: %+v", bad)
		}
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		untold, err := rd.UntoldEvents(10)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(untold, told) {
			s.Fatalf("got %+v\nwant %+v", untold, told)
		}
		found, err := rd.SearchEvents(engine.EventSearch{Merchant: scopeA.Merchant, Limit: 10})
		if err != nil {
			return err
		}
		if len(found) != 2 || !reflect.DeepEqual(found[0].Event, told[2]) || found[0].Order != "" {
			s.Fatalf("found %+v", found)
		}
		of, err := rd.Events("")
		if len(of) != 0 {
			s.Errorf("events of no order: %+v", of)
		}
		return err
	})
	m := engine.Message{ID: "m", EventID: told[0].ID, EndpointID: "e", Scope: scopeA, WireID: "w", Type: "alert", Body: []byte("b"), State: engine.MessagePending}
	s.update(func(tx engine.Tx) error { return tx.SaveMessages([]engine.Message{m}) })
	s.view(func(rd engine.Reader) error {
		found, err := rd.SearchMessages(engine.MessageSearch{Limit: 10})
		if err == nil && (len(found) != 1 || found[0].ID != "m" || found[0].Order != "") {
			s.Errorf("messages %+v", found)
		}
		return err
	})
}

// cases 36 and 37
func answers(s *suite) {
	k := engine.AnswerKey{Scope: "m1 sandbox POST /orders", Key: "k"}
	a := engine.Answer{Scope: k.Scope, Key: k.Key, Hash: "h", OrderID: "o", Status: 201, Body: []byte(`{"a": "<b>"}`), At: s.clock.now()}
	read := func() (got *engine.Answer) {
		s.update(func(tx engine.Tx) (err error) { got, err = tx.Answer(k); return err })
		return got
	}
	if got := read(); got != nil {
		s.Fatalf("before: %+v", got)
	}
	s.update(func(tx engine.Tx) error { return tx.Remember(a) })
	if got := read(); !reflect.DeepEqual(got, &a) {
		s.Fatalf("got %+v, want %+v", got, a)
	}
	a.Status, a.Body = 409, []byte("other")
	s.update(func(tx engine.Tx) error { return tx.Remember(a) })
	s.reopen()
	if got := read(); !reflect.DeepEqual(got, &a) {
		s.Fatalf("replaced: got %+v, want %+v", got, a)
	}
	s.update(func(tx engine.Tx) error {
		if err := tx.Forget(k); err != nil {
			return err
		}
		got, err := tx.Answer(k)
		if got != nil {
			s.Error("forgotten in the same transaction and still there")
		}
		return err
	})
	if got := read(); got != nil {
		s.Fatalf("forgotten: %+v", got)
	}
	// One of many at once works, the others get its answer.
	worked := 0
	for _, err := range atOnce(32, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			got, err := tx.Answer(k)
			if err != nil || got != nil {
				return err
			}
			worked++ // functions run one after another
			return tx.Remember(engine.Answer{Scope: k.Scope, Key: k.Key, Hash: strconv.Itoa(i), Status: 201, At: tx.Now()})
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	want(s, "callers that did the work", worked, 1)
}

func settings(s *suite) {
	at := engine.SettingScope{Merchant: "m1", Mode: engine.Sandbox}
	s.update(func(tx engine.Tx) error {
		if err := tx.SaveSetting(at, "a", json.RawMessage(`{"x": 1}`)); err != nil {
			return err
		}
		return tx.SaveSetting(at, "b", json.RawMessage(`2`))
	})
	s.update(func(tx engine.Tx) error {
		if err := tx.SaveSetting(at, "a", json.RawMessage(`3`)); err != nil {
			return err
		}
		return tx.SaveSetting(at, "b", nil)
	})
	s.reopen()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Settings(at)
		if err != nil {
			return err
		}
		if len(got) != 1 || string(got["a"]) != "3" {
			s.Fatalf("got %s", got)
		}
		for _, other := range []engine.SettingScope{{Merchant: "m1", Mode: engine.Live}, {Merchant: "m2", Mode: engine.Sandbox}} {
			none, err := rd.Settings(other)
			if err != nil || none == nil || len(none) != 0 {
				s.Fatalf("settings of %v: %v, %v", other, none, err)
			}
		}
		return nil
	})
}

func clocks(s *suite) {
	move := func(m engine.Mode, offset time.Duration) error {
		return s.try(func(tx engine.Tx) error { return tx.MoveClock(m, engine.ClockMove{At: tx.Now(), Offset: offset}) })
	}
	if err := move(engine.Sandbox, time.Hour); err != nil {
		s.Fatal(err)
	}
	s.wantCode(move(engine.Sandbox, 59*time.Minute), fault.CodeInvalidValue)
	if move(engine.Live, time.Hour) == nil {
		s.Fatal("the live clock was moved")
	}
	later := s.clock.advance(time.Minute)
	if err := move(engine.Sandbox, 3*time.Hour+time.Nanosecond); err != nil {
		s.Fatal(err)
	}
	s.wantCode(s.try(func(tx engine.Tx) error {
		return tx.MoveClock(engine.Sandbox, engine.ClockMove{At: tx.Now().Add(-time.Second), Offset: 9 * time.Hour})
	}), fault.CodeInvalidValue)
	s.reopen()
	check := func(c engine.Clock) {
		s.Helper()
		want(s, "moves", len(c), 2)
		want(s, "offset before the second move", c.Offset(later.Add(-time.Second)), time.Hour)
		want(s, "offset", c.Offset(later), 3*time.Hour+time.Nanosecond)
	}
	s.view(func(rd engine.Reader) error {
		c, err := rd.Clock(engine.Sandbox)
		check(c)
		live, _ := rd.Clock(engine.Live)
		want(s, "live moves", len(live), 0)
		return err
	})
	s.update(func(tx engine.Tx) error {
		c, err := tx.Clock(engine.Sandbox)
		if err == nil && len(c) != 2 {
			s.Error("another clock in a transaction")
		}
		return err
	})
}

// invariant I16: a report of an owner that was replaced is refused.
func progress(s *suite) {
	s.view(func(rd engine.Reader) error {
		p, err := rd.Progress(testRail)
		if p != nil {
			s.Fatalf("before: %+v", p)
		}
		return err
	})
	p := engine.Progress{Rail: testRail, Fence: 2}
	p.Cursor.State, p.Cursor.Head, p.Cursor.Horizon = []byte{0, 1, 255}, 100, s.clock.now()
	save := func(p engine.Progress) error {
		return s.try(func(tx engine.Tx) error { return tx.SaveProgress(p) })
	}
	if err := save(p); err != nil {
		s.Fatal(err)
	}
	old := p
	old.Fence, old.Cursor.Head = 1, 200
	s.wantCode(save(old), fault.CodeVersionConflict)
	p.Cursor.Head = 101
	if err := save(p); err != nil {
		s.Fatalf("the same fence: %v", err)
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Progress(testRail)
		if !reflect.DeepEqual(got, &p) {
			s.Fatalf("got %+v, want %+v", got, p)
		}
		return err
	})
	s.update(func(tx engine.Tx) error {
		got, err := tx.Progress(testRail)
		if !reflect.DeepEqual(got, &p) {
			s.Errorf("in a transaction: %+v", got)
		}
		return err
	})
}

func merchantsAndKeys(s *suite) {
	now := s.clock.now()
	m := engine.Merchant{ID: "m1", Organisation: "o1", Name: "One", CreatedAt: now}
	k := engine.Key{ID: "k1", Hash: "abc", Prefix: "sk_", Scope: scopeA, Name: "n", Scopes: []string{"read", "write"}, Active: true, ExpiresAt: now.Add(time.Hour), CreatedAt: now}
	s.update(func(tx engine.Tx) error {
		if err := tx.SaveMerchant(m); err != nil {
			return err
		}
		return tx.SaveKey(k)
	})
	m.Name, k.Active, k.ExpiresAt = "Renamed", false, time.Time{}
	s.update(func(tx engine.Tx) error {
		if err := tx.SaveMerchant(m); err != nil {
			return err
		}
		return tx.SaveKey(k)
	})
	other := k
	other.ID = "k2"
	if err := s.try(func(tx engine.Tx) error { return tx.SaveKey(other) }); err == nil {
		s.Error("two keys of one hash")
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		list, err := rd.Merchants()
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(list, []engine.Merchant{m}) {
			s.Errorf("merchants: %+v", list)
		}
		got, err := rd.KeyByHash("abc")
		if !reflect.DeepEqual(got, &k) {
			s.Errorf("got %+v, want %+v", got, k)
		}
		if none, err := rd.KeyByHash("ABC"); none != nil || err != nil {
			s.Errorf("another hash: %v, %v", none, err)
		}
		return err
	})
}

func endpoints(s *suite) {
	e := engine.Endpoint{ID: "e1", Scope: scopeA, Name: "n", URL: "https://example.com", Secret: "sealed", Events: []string{"a", "b"}, Enabled: true, CreatedAt: s.clock.now()}
	s.update(func(tx engine.Tx) error {
		second := e
		second.ID, second.Events = "e2", nil
		if err := tx.SaveEndpoint(second); err != nil {
			return err
		}
		return tx.SaveEndpoint(e)
	})
	e.Enabled, e.URL = false, "https://example.org"
	s.update(func(tx engine.Tx) error {
		if none, err := tx.Endpoint("none"); none != nil || err != nil {
			s.Errorf("none, in a transaction: %v, %v", none, err)
		}
		was, err := tx.Endpoint("e1")
		if err != nil {
			return err
		}
		was.Events[0] = "changed" // the caller's own copy
		if err := tx.SaveEndpoint(e); err != nil {
			return err
		}
		now, err := tx.Endpoint("e1")
		if !reflect.DeepEqual(now, &e) {
			s.Errorf("in a transaction: got %+v, want %+v", now, e)
		}
		return err
	})
	s.view(func(rd engine.Reader) error {
		got, err := rd.Endpoint("e1")
		if !reflect.DeepEqual(got, &e) {
			s.Errorf("got %+v, want %+v", got, e)
		}
		if err != nil {
			return err
		}
		if none, err := rd.Endpoint("none"); none != nil || err != nil {
			s.Errorf("none: %v, %v", none, err)
		}
		list, err := rd.Endpoints(scopeA)
		if len(list) != 2 || !reflect.DeepEqual(list[0], e) || list[1].ID != "e2" {
			s.Errorf("list: %+v", list)
		}
		others, _ := rd.Endpoints(scopeC)
		want(s, "endpoints of another mode", len(others), 0)
		return err
	})
}

func (s *suite) message(id, event, endpoint string, next time.Time) engine.Message {
	return engine.Message{ID: id, EventID: event, OrderID: "o1", EndpointID: endpoint, Scope: scopeA, WireID: "w" + id, Type: "t", Body: []byte("body " + id),
		State: engine.MessagePending, NextAt: next, CreatedAt: s.clock.now()}
}

// case 68, invariant I13
func messages(s *suite) {
	now := s.clock.now()
	m := s.message("1", "ev1", "e1", now)
	save := func(list ...engine.Message) {
		s.Helper()
		s.update(func(tx engine.Tx) error { return tx.SaveMessages(list) })
	}
	save(m, s.message("2", "ev1", "e2", now), s.message("3", "ev2", "e1", now))
	save(s.message("4", "ev1", "e1", now)) // this event has its message for e1
	changed := m
	changed.State, changed.Attempts, changed.LastStatus, changed.LastError, changed.DoneAt = engine.MessageDelivered, 3, 204, "slow", now
	changed.Body, changed.WireID = []byte("other"), "other" // never changes
	save(changed)
	s.reopen()
	s.view(func(rd engine.Reader) error {
		list, err := rd.Messages("o1")
		if err != nil {
			return err
		}
		want(s, "messages", len(list), 3)
		changed.Body, changed.WireID = m.Body, m.WireID
		if !reflect.DeepEqual(list[0], changed) {
			s.Errorf("got %+v\nwant %+v", list[0], changed)
		}
		return nil
	})
}

func dueMessages(s *suite) {
	now := s.clock.now()
	s.update(func(tx engine.Tx) error {
		var list []engine.Message
		for endpoint := range 5 {
			for n := range 20 {
				id := fmt.Sprintf("%d-%02d", endpoint, n)
				m := s.message(id, "ev"+id, "e"+strconv.Itoa(endpoint), now.Add(time.Duration(endpoint-2)*time.Minute+time.Duration(20-n)*time.Second))
				if endpoint == 1 {
					m.State = engine.MessageExhausted
				}
				list = append(list, m)
			}
		}
		return tx.SaveMessages(list)
	})
	s.view(func(rd engine.Reader) error {
		for _, limit := range []int{1, 2, 10} {
			var all []string
			for after := ""; ; {
				list, err := rd.DueEndpoints(now.Add(10*time.Second), after, limit)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					break
				}
				if len(list) > limit {
					s.Fatalf("%d endpoints, limit %d", len(list), limit)
				}
				all = append(all, list...)
				after = list[len(list)-1]
			}
			if !slices.Equal(all, []string{"e0", "e2"}) {
				s.Fatalf("due endpoints: %v", all)
			}
		}
		list, err := rd.DueMessages("e2", now.Add(10*time.Second), 4)
		if err != nil {
			return err
		}
		var ids []string
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		if !slices.Equal(ids, []string{"2-19", "2-18", "2-17", "2-16"}) {
			s.Fatalf("due messages: %v", ids)
		}
		list, err = rd.DueMessages("e2", now.Add(10*time.Second), 100)
		want(s, "due messages of e2", len(list), 10)
		none, _ := rd.DueMessages("e1", now.Add(time.Hour), 10)
		want(s, "due messages of e1", len(none), 0)
		return err
	})
}
