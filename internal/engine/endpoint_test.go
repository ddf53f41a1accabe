package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/store/storetest"
)

func (k *kit) endpoint(s engine.Scope, id string, enabled bool) engine.Endpoint {
	k.Helper()
	ep := engine.Endpoint{ID: id, Scope: s, Name: "endpoint " + id, URL: "https://" + id + ".example", Secret: "sealed", Enabled: enabled}
	k.must(k.engine.SaveEndpoint(context.Background(), ep))
	got, err := k.engine.Endpoint(context.Background(), id)
	k.must(err)
	return *got
}

// told writes the messages of all that is untold, as a worker does, and returns how many.
func (k *kit) told() int {
	k.Helper()
	untold, err := k.engine.Untold(context.Background(), dialects, 100)
	k.must(err)
	var ids []string
	var messages []engine.Message
	for _, u := range untold {
		ids = append(ids, u.Event.ID)
		for _, ep := range u.Endpoints {
			messages = append(messages, k.message(u.Event, ep))
		}
	}
	k.must(k.engine.Told(context.Background(), ids, messages))
	return len(messages)
}

func (k *kit) message(ev engine.Event, ep engine.Endpoint) engine.Message {
	return engine.Message{EventID: ev.ID, OrderID: ev.OrderID, EndpointID: ep.ID, Scope: ev.Scope, WireID: "wire " + ev.ID,
		Type: ev.Type, Body: []byte("body of " + ev.ID), State: engine.MessagePending}
}

// Events are for the enabled endpoints of their own scope, in the order in which they were written.
func TestUntold(t *testing.T) {
	k := newKit(t)
	k.endpoint(shop, "e1", true)
	k.endpoint(shop, "e2", true)
	k.endpoint(shop, "off", false)
	for i, s := range []engine.Scope{other, shopLive, shopTwo} {
		k.endpoint(s, "foreign"+strconv.Itoa(i), true)
	}
	o := k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	k.order(k.ask(engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "three"}, north)) // nobody listens: there is nothing to tell

	untold, err := k.engine.Untold(context.Background(), dialects, 100)
	k.must(err)
	var types []string
	for _, u := range untold {
		types = append(types, u.Event.Type)
		var ids []string
		for _, ep := range u.Endpoints {
			ids = append(ids, ep.ID)
		}
		wantList(k, "endpoints", ids, "e1", "e2")
		want(k, "the order's head", u.Order.Head, 101)
	}
	wantList(k, "events", types, "order.created", "payment.confirmed", "order.paid", "order.completed")
	few, err := k.engine.Untold(context.Background(), dialects, 2)
	k.must(err)
	want(k, "a page", len(few), 2)
	for served, wanted := range map[string]int{"one": 4, "two": 0} {
		list, err := k.engine.Untold(context.Background(), []string{served}, 100)
		k.must(err)
		want(k, "events of "+served, len(list), wanted)
	}
}

// Telling an event twice makes no second message. // invariant I13
func TestTold(t *testing.T) {
	k := newKit(t)
	ep := k.endpoint(shop, "e1", true)
	k.endpoint(shop, "e2", true)
	o := k.order(k.ask(shop, north))
	untold, err := k.engine.Untold(context.Background(), dialects, 100)
	k.must(err)
	want(k, "messages", k.told(), 2)
	left, err := k.engine.Untold(context.Background(), dialects, 100)
	k.must(err)
	want(k, "untold", len(left), 0)

	// Another worker had read the same events and tells them as well.
	k.unchanged("telling again", func() {
		k.must(k.engine.Told(context.Background(), []string{untold[0].Event.ID}, []engine.Message{k.message(untold[0].Event, ep)}))
	})
	messages := k.story(o).Messages
	want(k, "messages", len(messages), 2)
	for _, m := range messages {
		want(k, "created", m.CreatedAt, start)
		want(k, "next attempt", m.NextAt, start)
		want(k, "state", m.State, engine.MessagePending)
		want(k, "body", string(m.Body), "body of "+untold[0].Event.ID)
		want(k, "wire id", m.WireID, "wire "+untold[0].Event.ID)
	}
	if len(messages) == 2 && messages[0].ID >= messages[1].ID {
		k.Error("messages are not in the order in which they were written")
	}
}

// An attempt's outcome is kept; what was sent never changes. Each endpoint has a queue of its own. // case 74
func TestAttempted(t *testing.T) {
	k := newKit(t)
	k.endpoint(shop, "e1", true)
	k.endpoint(shop, "e2", true)
	o := k.order(k.ask(shop, north))
	k.told()
	due := func(now time.Time, endpoint string) []engine.Message {
		k.Helper()
		list, err := k.engine.DueMessages(context.Background(), endpoint, now, 10)
		k.must(err)
		return list
	}
	ids, err := k.engine.DueEndpoints(context.Background(), start, "", 10)
	k.must(err)
	wantList(k, "due endpoints", ids, "e1", "e2")
	behind, err := k.engine.DueEndpoints(context.Background(), start, "e1", 10)
	k.must(err)
	wantList(k, "due endpoints behind the first", behind, "e2")

	m := due(start, "e1")[0]
	m.Attempts, m.LastStatus, m.LastError, m.NextAt = 1, 500, "status 500", at(time.Minute)
	m.Body, m.WireID = []byte("another"), "another"
	k.must(k.engine.Attempted(context.Background(), []engine.Message{m}))
	want(k, "due before the next attempt", len(due(at(time.Minute-time.Microsecond), "e1")), 0)
	want(k, "due of the other endpoint", len(due(start, "e2")), 1)
	again := due(at(time.Minute), "e1")
	want(k, "due", len(again), 1)
	want(k, "attempts", again[0].Attempts, 1)
	want(k, "status", again[0].LastStatus, 500)
	if string(again[0].Body) == "another" || again[0].WireID == "another" {
		k.Error("an attempt changed what is sent")
	}
	again[0].State, again[0].DoneAt = engine.MessageDelivered, at(time.Minute)
	k.must(k.engine.Attempted(context.Background(), again))
	want(k, "due once delivered", len(due(at(24*time.Hour), "e1")), 0)
	for _, kept := range k.story(o).Messages {
		want(k, "state at "+kept.EndpointID, kept.State, map[string]engine.MessageState{"e1": engine.MessageDelivered, "e2": engine.MessagePending}[kept.EndpointID])
	}
}

// An endpoint that is gone is told nothing more, and all else of it stays. // case 73
func TestDisableEndpoint(t *testing.T) {
	k := newKit(t)
	ep := k.endpoint(shop, "e1", true)
	disabled, err := k.engine.DisableEndpoint(context.Background(), "e1", ep.URL)
	k.must(err)
	want(k, "disabled", disabled, true)
	got, err := k.engine.Endpoint(context.Background(), "e1")
	k.must(err)
	want(k, "enabled", got.Enabled, false)
	got.Enabled = true
	want(k, "the rest", fmt.Sprint(*got), fmt.Sprint(ep))
	k.order(k.ask(shop, north))
	want(k, "messages", k.told(), 0)

	k.unchanged("an endpoint that is not there", func() {
		_, err := k.engine.DisableEndpoint(context.Background(), "none", ep.URL)
		k.wantCode(err, fault.CodeNotFound)
	})
	none, err := k.engine.Endpoint(context.Background(), "none")
	k.must(err)
	if none != nil {
		k.Errorf("an endpoint nobody made: %+v", none)
	}
}

// What is changed of an endpoint at the same moment is not lost. // case 40
func TestDisableEndpointWhileItChanges(t *testing.T) {
	k := newKit(t)
	ep := k.endpoint(shop, "e1", true)
	old := ep.URL
	for _, c := range []struct {
		change   func()
		disabled bool
	}{
		{func() { ep.URL = "https://new.example" }, false}, // it was the old one that is gone
		{func() { ep.URL, ep.Name = old, "new" }, true},
	} {
		c.change()
		e := k.over(between{k.store, func() { k.must(k.engine.SaveEndpoint(context.Background(), ep)) }})
		disabled, err := e.DisableEndpoint(context.Background(), "e1", old)
		k.must(err)
		want(k, "disabled", disabled, c.disabled)
		got, err := k.engine.Endpoint(context.Background(), "e1")
		k.must(err)
		want(k, "URL", got.URL, ep.URL)
		want(k, "name", got.Name, ep.Name)
		want(k, "enabled", got.Enabled, !c.disabled)
	}
}

// A secret under another master key takes nothing else of the endpoint with it, also not what changes at the
// same moment. // case 40
func TestResealEndpoint(t *testing.T) {
	k := newKit(t)
	ep := k.endpoint(shop, "e1", true)
	other := ep
	other.URL, other.Old = "https://new.example", []engine.OldSecret{{Sealed: "older", Until: at(time.Hour)}}
	e := k.over(between{k.store, func() { k.must(k.engine.SaveEndpoint(context.Background(), other)) }})
	k.must(e.ResealEndpoint(context.Background(), "e1", func(sealed string) (string, error) { return sealed + " again", nil }))
	got, err := k.engine.Endpoint(context.Background(), "e1")
	k.must(err)
	want(k, "secret", got.Secret, ep.Secret+" again")
	want(k, "the one before", got.Old[0].Sealed, "older again")
	got.Secret, got.Old[0].Sealed = ep.Secret, "older"
	want(k, "the rest", fmt.Sprint(*got), fmt.Sprint(other))

	k.unchanged("a secret that stays", func() {
		k.must(k.engine.As("op").ResealEndpoint(context.Background(), "e1", func(sealed string) (string, error) { return sealed, nil }))
	})
	k.unchanged("a secret that cannot be opened", func() {
		cause := errors.New("no such key")
		err := k.engine.ResealEndpoint(context.Background(), "e1", func(string) (string, error) { return "lost", cause })
		want(k, "error", errors.Is(err, cause), true)
	})
	k.unchanged("an endpoint that is not there", func() {
		err := k.engine.ResealEndpoint(context.Background(), "none", func(string) (string, error) { return "x", nil })
		k.wantCode(err, fault.CodeNotFound)
	})
}

// A new secret signs at once and the old one beside it until the overlap ends, by itself.
func TestRotateSecret(t *testing.T) {
	k := newKit(t)
	k.endpoint(shop, "e1", true)
	all := func(engine.Endpoint) bool { return true }
	rotate := func(sealed string, overlap time.Duration) error {
		_, err := k.engine.RotateSecret(context.Background(), "e1", sealed, overlap, all)
		return err
	}
	sign := func(at time.Time, secrets ...string) {
		k.Helper()
		ep, err := k.engine.Endpoint(context.Background(), "e1")
		k.must(err)
		wantList(k, "secrets that sign", ep.Secrets(at), secrets...)
	}
	sign(start, "sealed")
	k.must(rotate("second", 2*time.Hour))
	sign(start, "second", "sealed")
	sign(at(2*time.Hour-time.Microsecond), "second", "sealed")
	sign(at(2*time.Hour), "second")
	k.clock.set(at(time.Hour))
	k.must(rotate("third", 3*time.Hour))
	sign(k.clock.now(), "third", "second", "sealed")
	sign(at(2*time.Hour), "third", "second")
	sign(at(4*time.Hour), "third")
	_, err := k.engine.ChangeEndpoint(context.Background(), "e1", func(ep *engine.Endpoint) error { ep.Old = nil; return nil })
	k.must(err)
	sign(at(2*time.Hour), "third", "second")

	// One that has ended is dropped, and one that leaked takes all before it along.
	k.clock.set(at(2 * time.Hour))
	k.must(rotate("fourth", time.Hour))
	ep, err := k.engine.Endpoint(context.Background(), "e1")
	k.must(err)
	want(k, "older secrets on record", len(ep.Old), 2)
	k.must(rotate("fifth", 0))
	sign(k.clock.now(), "fifth")

	for i := range 4 {
		k.must(rotate(strconv.Itoa(i), time.Hour))
	}
	k.unchanged("too many at once", func() { k.wantCode(rotate("one too many", time.Hour), fault.CodeOrderStateConflict) })
	k.must(rotate("last", 0))
	k.unchanged("a wrong overlap", func() {
		k.wantCode(rotate("x", -1), fault.CodeInvalidValue)
		k.wantCode(rotate("x", engine.MaxSecretOverlap+1), fault.CodeInvalidValue)
	})
	k.unchanged("an endpoint that nobody may see", func() {
		_, err := k.engine.RotateSecret(context.Background(), "none", "x", time.Hour, all)
		k.wantCode(err, fault.CodeNotFound)
		_, err = k.engine.RotateSecret(context.Background(), "e1", "x", time.Hour, func(engine.Endpoint) bool { return false })
		k.wantCode(err, fault.CodeNotFound)
	})
}

// The bound holds however many are added at once.
func TestEndpointsOfAScopeAreBounded(t *testing.T) {
	k := newKit(t)
	k.endpoint(other, "of another", true)
	k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: "shop", Name: "Shop"}))
	refused := 0
	for _, err := range storetest.AtOnce(engine.MaxEndpoints+14, func(i int) error {
		_, err := k.engine.AddEndpoint(context.Background(), engine.Endpoint{ID: fmt.Sprintf("ep%d", i), Scope: shop, URL: "https://shop.example", Secret: "sealed", Enabled: true})
		return err
	}) {
		if err != nil {
			k.wantCode(err, fault.CodeInvalidValue)
			refused++
		}
	}
	want(k, "refused", refused, 14)
	list, err := k.engine.Endpoints(context.Background(), shop)
	k.must(err)
	want(k, "endpoints", len(list), engine.MaxEndpoints)
	k.must(k.engine.DeleteEndpoint(context.Background(), list[0].ID, func(engine.Endpoint) bool { return true }))
	_, err = k.engine.AddEndpoint(context.Background(), engine.Endpoint{ID: "after", Scope: shop, URL: "https://shop.example", Secret: "sealed", Enabled: true})
	k.must(err)
}
