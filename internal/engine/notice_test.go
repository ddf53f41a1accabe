package engine_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"till/internal/engine"
)

// An event of a scope is told to the scope's endpoints, or to the one it is for, as an order's events are; its time
// is the mode's.
func TestAnnounce(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	for _, ep := range []engine.Endpoint{{ID: "a", Scope: shop}, {ID: "b", Scope: shop}, {ID: "c", Scope: other}, {ID: "d", Scope: shopTwo}} {
		ep.Enabled = true
		k.must(k.engine.SaveEndpoint(ctx, ep))
	}
	_, err := k.engine.MoveClock(ctx, engine.Sandbox, time.Hour)
	k.must(err)
	k.clock.set(at(time.Minute))
	woken := k.woken.Load()
	low, err := k.engine.Announce(ctx, shop, engine.Notice{Type: "pool.low", Details: map[string]string{"available": "3"}})
	k.must(err)
	_, err = k.engine.Announce(ctx, shop, engine.Notice{Type: "test", Ref: "r", Endpoint: "b"})
	k.must(err)
	_, err = k.engine.Announce(ctx, shop, engine.Notice{Type: "test", Endpoint: "c"}) // another scope's
	k.must(err)
	want(k, "workers woken", k.woken.Load()-woken, 3)

	untold, err := k.engine.Untold(ctx, dialects, 10)
	k.must(err)
	want(k, "untold", len(untold), 3)
	endpoints := func(u engine.Untold) (ids []string) {
		for _, ep := range u.Endpoints {
			ids = append(ids, ep.ID)
		}
		return ids
	}
	wantList(k, "told to", endpoints(untold[0]), "a", "b")
	wantList(k, "told to", endpoints(untold[1]), "b")
	wantList(k, "told to", endpoints(untold[2]))
	first := untold[0]
	want(k, "order", first.Order, nil)
	want(k, "id", first.Event.ID, low.ID)
	want(k, "type", first.Event.Type, "pool.low")
	want(k, "scope", first.Event.Scope, shop)
	want(k, "number", first.Event.Seq, 0)
	want(k, "at", first.Event.At, at(time.Minute))
	want(k, "on the mode's clock", first.Event.Facts.At, at(time.Hour+time.Minute))
	want(k, "available", first.Event.Facts.Details["available"], "3")
	want(k, "about", untold[1].Event.Facts.Ref, "r")

	m := engine.Message{EventID: low.ID, EndpointID: "a", Scope: shop, WireID: "evt", Type: "alert", Body: []byte("{}"), State: engine.MessagePending}
	k.must(k.engine.Told(ctx, []string{low.ID}, []engine.Message{m}))
	k.must(k.engine.Told(ctx, []string{low.ID}, []engine.Message{m})) // told twice is told once
	untold, err = k.engine.Untold(ctx, dialects, 10)
	k.must(err)
	want(k, "untold", len(untold), 2)

	// Operators find both beside those of orders.
	events, err := k.engine.SearchEvents(ctx, engine.EventSearch{Type: "pool.low", Limit: 10}, "")
	k.must(err)
	want(k, "found", len(events), 1)
	want(k, "its order", events[0].Order, "")
	if !maps.Equal(events[0].Facts.Details, low.Facts.Details) {
		t.Errorf("details %v, want %v", events[0].Facts.Details, low.Facts.Details)
	}
	messages, err := k.engine.SearchMessages(ctx, engine.MessageSearch{Limit: 10}, "")
	k.must(err)
	want(k, "messages", len(messages), 1)
	_, err = k.engine.ReplayMessage(ctx, messages[0].ID)
	k.must(err)
	due, err := k.engine.DueMessages(ctx, "a", at(time.Hour), 10)
	k.must(err)
	want(k, "replayed", len(due), 1)

	// They are sealed as an order's are.
	sealer := k.engine.Sealer("test", zeros{})
	n, _, err := sealer.Seal(ctx, k.clock.now())
	k.must(err)
	want(k, "sealed", n, 3)
}

// zeros is randomness without any.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
