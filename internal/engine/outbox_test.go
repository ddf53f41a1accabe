package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// exhaust records that the last attempt of messages failed.
func (k *kit) exhaust(list []engine.Message) {
	k.Helper()
	for i := range list {
		list[i].State, list[i].Attempts, list[i].DoneAt, list[i].LastStatus, list[i].Response = engine.MessageExhausted, 14, k.clock.now(), 500, "no"
		list[i].Tries = []engine.Try{{At: k.clock.now(), Status: 500}}
	}
	k.must(k.engine.Attempted(context.Background(), list))
}

// A merchant sees its own messages: not another's, not those of its other mode or API. case 41
func TestMessagesOfAScope(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	for i, s := range []engine.Scope{shop, other, shopLive, shopTwo} {
		k.endpoint(s, fmt.Sprint("e", i), true)
	}
	mine, foreign := k.order(k.ask(shop, north)), k.order(k.ask(other, north))
	k.told()
	filter := engine.MessageFilter{Scope: shop, Page: 1, Limit: 10}
	page, err := k.engine.Messages(ctx, filter, "")
	k.must(err)
	want(k, "messages", page.Total, 1)
	m := page.Messages[0]
	want(k, "order", m.Order, mine.PublicID)
	for publicID, n := range map[string]int64{mine.PublicID: 1, foreign.PublicID: 0, "nothing": 0} {
		page, err := k.engine.Messages(ctx, filter, publicID)
		k.must(err)
		want(k, "messages of "+publicID, page.Total, n)
	}
	found, err := k.engine.MessageOf(ctx, shop, m.ID)
	k.must(err)
	want(k, "order", found.Order, mine.PublicID)
	for _, s := range []engine.Scope{other, shopLive, shopTwo} {
		_, err := k.engine.MessageOf(ctx, s, m.ID)
		k.wantCode(err, fault.CodeNotFound)
	}
	_, err = k.engine.MessageOf(ctx, shop, "nothing")
	k.wantCode(err, fault.CodeNotFound)
	counts, err := k.engine.MessageCounts(ctx, shop, "", time.Time{}, time.Time{})
	k.must(err)
	want(k, "counts", fmt.Sprint(counts), "[{pending 1 0s}]")
}

// Exhausted messages are sent again as they were, within the limit; those nobody can hear stay. case 75
func TestReplayExhausted(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.endpoint(shop, "e1", true)
	off := k.endpoint(shop, "off", true)
	k.endpoint(other, "theirs", true)
	k.order(k.ask(shop, north))
	k.order(k.ask(other, north))
	k.told()
	due := func(endpoint string) []engine.Message {
		k.Helper()
		list, err := k.engine.DueMessages(ctx, endpoint, at(time.Hour), 10)
		k.must(err)
		return list
	}
	was := due("e1")
	for _, endpoint := range []string{"e1", "off", "theirs"} {
		k.exhaust(due(endpoint))
	}
	off.Enabled = false
	k.must(k.engine.SaveEndpoint(ctx, off))
	k.clock.set(at(time.Minute))
	for _, s := range []engine.ExhaustedSearch{
		{Scope: shop, Endpoint: "off"}, {Scope: shop, Type: "none"}, {Scope: shop, DoneAfter: at(time.Second)}, {Scope: shopTwo}, {Scope: shop, Endpoint: "theirs"},
	} {
		n, err := k.engine.ReplayExhausted(ctx, s)
		k.must(err)
		want(k, fmt.Sprintf("replayed by %+v", s), n, 0)
	}
	n, err := k.engine.ReplayExhausted(ctx, engine.ExhaustedSearch{Scope: shop, DoneAfter: start})
	k.must(err)
	want(k, "replayed", n, 1)
	again := due("e1")
	want(k, "due", len(again), 1)
	want(k, "body", string(again[0].Body), string(was[0].Body))
	want(k, "wire id", again[0].WireID, was[0].WireID)
	want(k, "attempts", again[0].Attempts, 0)
	want(k, "what was answered", again[0].Response, "")
	want(k, "its history", len(again[0].Tries), 1)
	want(k, "next", again[0].NextAt, at(time.Minute))
	want(k, "due elsewhere", len(due("off"))+len(due("theirs")), 0)
}

// More than the limit is left for the next call, the newest.
func TestReplayExhaustedHasALimit(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.endpoint(shop, "e1", true)
	var list []engine.Message
	for i := range engine.MaxReplay + 1 {
		list = append(list, engine.Message{EventID: fmt.Sprint("ev", i), EndpointID: "e1", Scope: shop, WireID: fmt.Sprint(i), Type: "t", State: engine.MessageExhausted})
	}
	k.must(k.engine.Told(ctx, nil, list))
	for _, left := range []int{engine.MaxReplay, 1, 0} {
		n, err := k.engine.ReplayExhausted(ctx, engine.ExhaustedSearch{Scope: shop})
		k.must(err)
		want(k, "replayed", n, left)
	}
}

// What waits for an endpoint is cancelled with it, at once; what was delivered stays, and nothing of it can be
// replayed. case 79
func TestDeleteEndpointCancels(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.endpoint(shop, "e1", true)
	k.endpoint(shop, "e2", true)
	o := k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	k.told()
	list, err := k.engine.DueMessages(ctx, "e1", at(time.Hour), 10)
	k.must(err)
	list[0].State, list[0].DoneAt = engine.MessageDelivered, start
	list[1].NextAt = at(1000 * time.Hour) // far in its schedule
	k.must(k.engine.Attempted(ctx, list[:2]))
	foreign := func(engine.Endpoint) bool { return false }
	k.unchanged("somebody else's endpoint", func() { k.wantCode(k.engine.DeleteEndpoint(ctx, "e1", foreign), fault.CodeNotFound) })
	k.must(k.engine.DeleteEndpoint(ctx, "e1", func(ep engine.Endpoint) bool { return ep.Scope == shop }))
	for endpoint, want := range map[string]string{"e1": "[{cancelled 3 0s} {delivered 1 0s}]", "e2": "[{pending 4 0s}]"} {
		counts, err := k.engine.MessageCounts(ctx, shop, endpoint, time.Time{}, time.Time{})
		k.must(err)
		if fmt.Sprint(counts) != want {
			t.Errorf("messages to %s: %v, want %s", endpoint, counts, want)
		}
	}
	_, err = k.engine.ReplayMessage(ctx, list[1].ID)
	k.wantCode(err, fault.CodeNotFound)
}
