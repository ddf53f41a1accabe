package storetest

import (
	"errors"

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

func (s *suite) endpoint(id string, scope engine.Scope, enabled bool) {
	s.update(func(tx engine.Tx) error {
		return tx.SaveEndpoint(engine.Endpoint{ID: id, Scope: scope, URL: "https://shop.example/hook", Secret: "sealed", Enabled: enabled, CreatedAt: tx.Now()})
	})
}

// An event is for who was there to be told when it happened: an endpoint that comes later is not told of it, and nobody looks for it.
func nobodyToTell(s *suite) {
	untold := func() (ids []string) {
		s.view(func(rd engine.Reader) error {
			list, err := rd.UntoldEvents([]string{"one"}, 100)
			for _, e := range list {
				ids = append(ids, e.ID)
			}
			return err
		})
		return ids
	}
	var last string
	happens := func(o *engine.Order, seq int64) {
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, seq)
			e.Scope, last = o.Scope, e.ID
			return tx.AddEvents([]engine.Event{e})
		})
	}
	a, b := s.insert(scopeA, nil), s.insert(scopeB, nil)
	s.endpoint("of another scope", scopeB, true)
	s.endpoint("off", scopeA, false)
	happens(a, 1)
	s.endpoint("off", scopeA, true)
	if got := untold(); len(got) != 0 {
		s.Errorf("before anybody was to be told: %v", got)
	}
	happens(a, 2)
	first := last
	happens(b, 1)
	if got := untold(); !slices.Equal(got, []string{first, last}) {
		s.Errorf("untold: %v, want %v", got, []string{first, last})
	}
	s.view(func(rd engine.Reader) error {
		of, err := rd.Events(a.ID)
		want(s, "events of the order", len(of), 2)
		return err
	})

	// Who is there is what the change itself leaves.
	together := func(enabled bool, seq int64) {
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, a.ID, seq)
			e.Scope, last = a.Scope, e.ID
			if err := tx.AddEvents([]engine.Event{e}); err != nil {
				return err
			}
			return tx.SaveEndpoint(engine.Endpoint{ID: "off", Scope: scopeA, URL: "https://shop.example/hook", Secret: "sealed", Enabled: enabled, CreatedAt: tx.Now()})
		})
	}
	before := untold()
	together(false, 3)
	if got := untold(); !slices.Equal(got, before) {
		s.Errorf("with the end of the only endpoint: %v, want %v", got, before)
	}
	together(true, 4)
	if got := untold(); !slices.Equal(got, append(before, last)) {
		s.Errorf("with the endpoint back: %v, want %v and %s", got, before, last)
	}
}

// invariant I12
func events(s *suite) {
	o := s.insert(scopeA, nil)
	s.endpoint("ep1", scopeA, true)
	var told []engine.Event
	for seq := int64(1); seq <= 5; seq++ {
		s.update(func(tx engine.Tx) error {
			e := s.event(tx, o.ID, seq)
			told = append(told, e)
			return tx.AddEvents([]engine.Event{e})
		})
	}
	// Events of a dialect that somebody else serves stand in nobody's way.
	for _, dialects := range [][]string{nil, {"two"}, {"two", "three"}} {
		s.view(func(rd engine.Reader) error {
			none, err := rd.UntoldEvents(dialects, 10)
			want(s, "untold of other dialects", len(none), 0)
			return err
		})
	}
	foreign := s.insert(scopeD, nil)
	s.endpoint("ep2", scopeD, true)
	s.update(func(tx engine.Tx) error {
		e := s.event(tx, foreign.ID, 1)
		e.Scope = scopeD
		return tx.AddEvents([]engine.Event{e})
	})
	s.view(func(rd engine.Reader) error {
		got, err := rd.UntoldEvents([]string{"two"}, 10)
		if err == nil && (len(got) != 1 || got[0].Scope != scopeD) {
			s.Errorf("untold of the other dialect: %+v", got)
		}
		return err
	})
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
		untold, err := rd.UntoldEvents([]string{"three", "one"}, 3)
		if err == nil && !reflect.DeepEqual(untold, told[:3]) {
			s.Fatalf("untold: %+v", untold)
		}
		return err
	})
	s.update(func(tx engine.Tx) error { return tx.EventsTold([]string{told[0].ID, told[2].ID}) })
	s.view(func(rd engine.Reader) error {
		untold, err := rd.UntoldEvents([]string{"one"}, 10)
		if err == nil && !reflect.DeepEqual(untold, []engine.Event{told[1], told[3], told[4]}) {
			s.Fatalf("untold after two were told: %+v", untold)
		}
		return err
	})
}

// Events of a scope have no number, and none is in another's way.
func notices(s *suite) {
	o := s.insert(scopeA, nil)
	s.endpoint("of a", scopeA, true)
	s.endpoint("of b", scopeB, true)
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
		untold, err := rd.UntoldEvents([]string{"one"}, 10)
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
	for _, err := range AtOnce(32, func(i int) error {
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
	e := engine.Endpoint{
		ID: "e1", Scope: scopeA, Name: "n", URL: "https://example.com", Secret: "sealed", Events: []string{"a", "b"}, Enabled: true, CreatedAt: s.clock.now(),
		Old:       []engine.OldSecret{{Sealed: "older", Until: s.clock.now().Add(time.Hour)}},
		UpdatedAt: s.clock.now().Add(time.Second), MaxRetries: new(0), Timeout: 1500 * time.Millisecond, ScheduleOnly: true,
		Description: "<d>", Metadata: json.RawMessage(`{"a": [1.10]}`),
	}
	s.update(func(tx engine.Tx) error {
		second := e
		second.ID, second.Events, second.MaxRetries, second.Metadata, second.Old = "e2", nil, nil, nil, nil
		if err := tx.SaveEndpoint(second); err != nil {
			return err
		}
		return tx.SaveEndpoint(e)
	})
	e.Enabled, e.URL, e.MaxRetries, e.Timeout, e.ScheduleOnly = false, "https://example.org", new(3), time.Second, false
	e.Description, e.Metadata, e.UpdatedAt = "other", json.RawMessage(`{}`), e.UpdatedAt.Add(time.Hour)
	e.Secret, e.Old = "newer", append([]engine.OldSecret{{Sealed: "sealed", Until: s.clock.now().Add(time.Minute)}}, e.Old...)
	s.update(func(tx engine.Tx) error {
		if none, err := tx.Endpoint("none"); none != nil || err != nil {
			s.Errorf("none, in a transaction: %v, %v", none, err)
		}
		was, err := tx.Endpoint("e1")
		if err != nil {
			return err
		}
		was.Events[0], was.Metadata[0], *was.MaxRetries, was.Old[0].Sealed = "changed", '[', 7, "changed" // the caller's own copy
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
		if len(list) != 2 || !reflect.DeepEqual(list[0], e) || list[1].ID != "e2" || list[1].MaxRetries != nil || list[1].Metadata != nil {
			s.Errorf("list: %+v", list)
		}
		others, _ := rd.Endpoints(scopeC)
		want(s, "endpoints of another mode", len(others), 0)
		return err
	})
	s.update(func(tx engine.Tx) error {
		count := func(what string, n int) {
			got, err := tx.CountEndpoints(scopeA)
			if err != nil || got != n {
				s.Errorf("%s: %d endpoints, want %d: %v", what, got, n, err)
			}
		}
		count("stored", 2)
		third := e
		third.ID = "e3"
		elsewhere := e
		elsewhere.ID, elsewhere.Scope = "e4", scopeB
		if err := errors.Join(tx.SaveEndpoint(third), tx.SaveEndpoint(elsewhere), tx.SaveEndpoint(e)); err != nil {
			return err
		}
		count("with its own writes", 3)
		if err := tx.DeleteEndpoint("e2"); err != nil {
			return err
		}
		count("with its own deletion", 2)
		return nil
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
	changed.SentAt, changed.Took, changed.Response = now.Add(time.Second), 250*time.Millisecond, "<ok>"
	changed.Tries = []engine.Try{{At: now, Error: "no answer"}, {At: now.Add(time.Second), Status: 204, Took: 250 * time.Millisecond}}
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

	// Somebody whom a message named was erased.
	if err := s.try(func(tx engine.Tx) error { return tx.ForgetMessage("nobody", nil) }); err == nil {
		s.Error("a message that is not there was changed")
	}
	s.update(func(tx engine.Tx) error { return tx.ForgetMessage(m.ID, []byte("less")) })
	s.view(func(rd engine.Reader) error {
		list, err := rd.Messages("o1")
		if err != nil {
			return err
		}
		changed.Body, changed.Response = []byte("less"), ""
		if !reflect.DeepEqual(list[0], changed) || string(list[1].Body) != "body 2" {
			s.Errorf("got %+v\nwant %+v, and the next alone", list[:2], changed)
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

// queue stores messages of an order, made at the clock's time, and returns them with their ids.
func (s *suite) queue(scope engine.Scope, orderID, endpoint, kind string, states ...engine.MessageState) []engine.Message {
	s.Helper()
	var list []engine.Message
	s.update(func(tx engine.Tx) error {
		list = nil
		for _, state := range states {
			id := tx.NewID()
			m := s.message(id, "event of "+id, endpoint, tx.Now())
			m.OrderID, m.Scope, m.Type, m.State, m.CreatedAt, m.Took = orderID, scope, kind, state, tx.Now(), time.Duration(len(states))*time.Millisecond
			if state != engine.MessagePending {
				m.DoneAt = tx.Now()
			}
			list = append(list, m)
		}
		return tx.SaveMessages(list)
	})
	return list
}

// Lists and totals of a merchant's messages, against a plain computation over what was stored. case 74
func messageLists(s *suite) {
	const pending, delivered, exhausted, cancelled = engine.MessagePending, engine.MessageDelivered, engine.MessageExhausted, engine.MessageCancelled
	o := s.insert(scopeA, nil)
	begin := s.clock.now()
	var all []engine.Message
	add := func(list []engine.Message) { all = append(all, list...) }
	add(s.queue(scopeA, o.ID, "e1", "paid", delivered, delivered, exhausted))
	add(s.queue(scopeC, o.ID, "e9", "paid", delivered))
	s.clock.advance(24 * time.Hour)
	add(s.queue(scopeA, o.ID, "e1", "expired", pending, cancelled))
	add(s.queue(scopeA, "", "e2", "test", delivered))
	s.clock.advance(5 * 24 * time.Hour)
	add(s.queue(scopeA, "another", "e1", "paid", exhausted, pending, pending, delivered))

	// Everything that changes a state moves the counts: a delivery, a replay, an insert that is left alone.
	change := func(i int, state engine.MessageState, took time.Duration) {
		all[i].State, all[i].Took = state, took
		s.update(func(tx engine.Tx) error { return tx.SaveMessages([]engine.Message{all[i]}) })
	}
	change(4, exhausted, 0)
	change(0, pending, 0)
	change(0, delivered, 40*time.Millisecond)
	change(1, delivered, 41*time.Millisecond)
	again := all[2]
	again.ID, again.State = "another id", delivered
	s.update(func(tx engine.Tx) error { return tx.SaveMessages([]engine.Message{again}) }) // its event is told to this endpoint
	s.update(func(tx engine.Tx) error {                                                    // made and sent in one transaction
		m := s.message(tx.NewID(), "quick", "e2", tx.Now())
		m.Type, m.CreatedAt = "test", tx.Now()
		if err := tx.SaveMessages([]engine.Message{m}); err != nil {
			return err
		}
		m.State, m.Took = delivered, 5*time.Millisecond
		all = append(all, m)
		return tx.SaveMessages([]engine.Message{m})
	})
	if err := s.try(func(tx engine.Tx) error {
		if err := tx.SaveMessages([]engine.Message{s.message(tx.NewID(), "dropped", "e2", tx.Now())}); err != nil {
			return err
		}
		return fault.New(fault.CodeInvalidValue, "the caller gives up")
	}); err == nil {
		s.Fatal("no error")
	}
	s.reopen()

	odd := func(m engine.Message) bool { return m.ID[len(m.ID)-1]%2 == 1 }
	for name, f := range map[string]engine.MessageFilter{
		"all":                    {Scope: scopeA},
		"another mode":           {Scope: scopeC},
		"an unknown scope":       {Scope: engine.Scope{Merchant: "nobody"}},
		"an endpoint":            {Scope: scopeA, Endpoint: "e1"},
		"a type":                 {Scope: scopeA, Types: []string{"paid"}},
		"types":                  {Scope: scopeA, Types: []string{"test", "expired", "none"}},
		"a state":                {Scope: scopeA, States: []engine.MessageState{exhausted}},
		"everything":             {Scope: scopeA, Endpoint: "e1", Types: []string{"paid"}, States: []engine.MessageState{delivered, pending}},
		"nothing":                {Scope: scopeA, Endpoint: "e2", Types: []string{"paid"}},
		"an order":               {Scope: scopeA, OrderID: o.ID},
		"an order and a state":   {Scope: scopeA, OrderID: o.ID, States: []engine.MessageState{delivered}},
		"another's order":        {Scope: scopeC, OrderID: "another"},
		"one by one":             {Scope: scopeA, Match: odd},
		"one by one of an order": {Scope: scopeA, OrderID: o.ID, Match: odd},
	} {
		var want []string
		for _, m := range slices.Backward(all) {
			if m.Scope == f.Scope && (f.Endpoint == "" || m.EndpointID == f.Endpoint) && (len(f.Types) == 0 || slices.Contains(f.Types, m.Type)) &&
				(len(f.States) == 0 || slices.Contains(f.States, m.State)) && (f.OrderID == "" || m.OrderID == f.OrderID) && (f.Match == nil || f.Match(m)) {
				want = append(want, m.ID)
			}
		}
		for _, f.Limit = range []int{1, 2, 3, 100} {
			for f.Page = 1; f.Page <= len(want)/f.Limit+2; f.Page++ {
				s.view(func(rd engine.Reader) error {
					page, err := rd.MessageList(f)
					if err != nil {
						return err
					}
					var got []string
					for _, m := range page.Messages {
						got = append(got, m.ID)
						if public := map[string]string{o.ID: o.PublicID}[m.OrderID]; m.Order != public {
							s.Errorf("%s: message of order %q, want %q", name, m.Order, public)
						}
					}
					expected := want[min((f.Page-1)*f.Limit, len(want)):min(f.Page*f.Limit, len(want))]
					if page.Total != int64(len(want)) || !slices.Equal(got, expected) {
						s.Errorf("%s, page %d of %d: %d messages %v of %d, want %v of %d", name, f.Page, f.Limit, len(got), got, page.Total, expected, len(want))
					}
					return nil
				})
			}
		}
	}

	day := func(n int) time.Time { return begin.AddDate(0, 0, n) }
	for name, test := range map[string]struct {
		scope    engine.Scope
		endpoint string
		from, to time.Time
	}{
		"all": {scope: scopeA}, "an endpoint": {scope: scopeA, endpoint: "e1"}, "another mode": {scope: scopeC}, "an unknown scope": {},
		"one day": {scopeA, "", day(0), day(0)}, "from a day on": {scope: scopeA, from: day(1)}, "up to a day": {scopeA, "e1", time.Time{}, day(5)},
		"quiet days": {scopeA, "", day(2), day(5)},
	} {
		want := map[engine.MessageState]engine.MessageCount{}
		for _, m := range all {
			made := m.CreatedAt.UTC().Truncate(24 * time.Hour)
			if m.Scope != test.scope || test.endpoint != "" && m.EndpointID != test.endpoint || !test.from.IsZero() && made.Before(test.from.Truncate(24*time.Hour)) ||
				!test.to.IsZero() && made.After(test.to) {
				continue
			}
			c := want[m.State]
			c.State, c.N = m.State, c.N+1
			if m.State == delivered {
				c.Took += m.Took
			}
			want[m.State] = c
		}
		s.view(func(rd engine.Reader) error {
			list, err := rd.MessageCounts(test.scope, test.endpoint, test.from, test.to)
			got := map[engine.MessageState]engine.MessageCount{}
			for _, c := range list {
				got[c.State] = c
			}
			if !reflect.DeepEqual(got, want) {
				s.Errorf("counts of %s: %+v, want %+v", name, list, want)
			}
			return err
		})
	}

	for name, test := range map[string]struct {
		search engine.ExhaustedSearch
		want   []int
	}{
		"all":           {engine.ExhaustedSearch{Scope: scopeA}, []int{2, 4, 7}},
		"a page":        {engine.ExhaustedSearch{Scope: scopeA, Limit: 2}, []int{2, 4}},
		"the next page": {engine.ExhaustedSearch{Scope: scopeA, After: all[4].ID}, []int{7}},
		"an endpoint":   {engine.ExhaustedSearch{Scope: scopeA, Endpoint: "e2"}, nil},
		"a type":        {engine.ExhaustedSearch{Scope: scopeA, Type: "expired"}, []int{4}},
		"since":         {engine.ExhaustedSearch{Scope: scopeA, DoneAfter: all[7].DoneAt}, []int{7}},
		"another mode":  {engine.ExhaustedSearch{Scope: scopeC}, nil},
		"nobody":        {engine.ExhaustedSearch{Scope: engine.Scope{Merchant: "nobody"}}, nil},
	} {
		if test.search.Limit == 0 {
			test.search.Limit = 10
		}
		s.view(func(rd engine.Reader) error {
			list, err := rd.ExhaustedMessages(test.search)
			var got, want []string
			for _, m := range list {
				got = append(got, m.ID)
			}
			for _, i := range test.want {
				want = append(want, all[i].ID)
			}
			if !slices.Equal(got, want) {
				s.Errorf("exhausted, %s: %v, want %v", name, got, want)
			}
			return err
		})
	}
	for _, f := range []engine.MessageFilter{{Scope: scopeA, Page: 0, Limit: 1}, {Scope: scopeA, Page: 1, Limit: 0}, {Scope: scopeA, Page: 1 << 40, Limit: 100}} {
		s.view(func(rd engine.Reader) error {
			_, err := rd.MessageList(f)
			s.wantCode(err, fault.CodeInvalidPage)
			return nil
		})
	}
}

// Two callers who change one message at once leave its counts right.
func messageCountsHold(s *suite) {
	m := s.queue(scopeA, "o", "e1", "paid", engine.MessagePending)[0]
	for _, err := range AtOnce(16, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			changed := m
			changed.State = []engine.MessageState{engine.MessageDelivered, engine.MessageExhausted, engine.MessagePending}[i%3]
			return tx.SaveMessages([]engine.Message{changed})
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	// Two words on one message in one transaction: the last one holds.
	s.update(func(tx engine.Tx) error {
		twice := []engine.Message{m, m}
		twice[0].State, twice[1].State, twice[1].Attempts = engine.MessageExhausted, engine.MessageCancelled, 3
		return tx.SaveMessages(twice)
	})
	s.view(func(rd engine.Reader) error {
		now, err := rd.Message(m.ID)
		if err != nil {
			return err
		}
		want(s, "state", now.State, engine.MessageCancelled)
		want(s, "attempts", now.Attempts, 3)
		list, err := rd.MessageCounts(scopeA, "", time.Time{}, time.Time{})
		if len(list) != 1 || list[0].State != now.State || list[0].N != 1 {
			s.Errorf("%+v, and the message is %s", list, now.State)
		}
		return err
	})
}

func oldAnswers(s *suite) {
	begun := s.clock.now()
	for i, scope := range []string{"a", engine.ServerMarks, "b", "a"} {
		s.update(func(tx engine.Tx) error {
			return tx.Remember(engine.Answer{Scope: scope, Key: strconv.Itoa(i), At: begun.Add(time.Duration(i) * time.Minute)})
		})
	}
	for _, test := range []struct {
		minutes, limit int
		want           []engine.AnswerKey
	}{
		{-1, 9, nil},
		{1, 9, []engine.AnswerKey{{Scope: "a", Key: "0"}}},
		{3, 9, []engine.AnswerKey{{Scope: "a", Key: "0"}, {Scope: "b", Key: "2"}, {Scope: "a", Key: "3"}}},
		{3, 2, []engine.AnswerKey{{Scope: "a", Key: "0"}, {Scope: "b", Key: "2"}}},
	} {
		var got []engine.AnswerKey
		s.view(func(rd engine.Reader) (err error) {
			got, err = rd.OldAnswers(begun.Add(time.Duration(test.minutes)*time.Minute), test.limit)
			return err
		})
		if !slices.Equal(got, test.want) {
			s.Errorf("older than minute %d, %d of them: got %v, want %v", test.minutes, test.limit, got, test.want)
		}
	}
}
