package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/store/storetest"
)

// once is a request that must have one effect.
func (k *kit) once(s engine.Scope, key, hash string) engine.NewOrder {
	n := k.ask(s, north)
	n.Once, n.Answer = &engine.Once{Key: engine.AnswerKey{Scope: s.Merchant + " " + string(s.Mode), Key: key}, Hash: hash}, answer
	return n
}

func (k *kit) orders(s engine.Scope) int64 {
	k.Helper()
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: s, Page: 1, Limit: 1})
	k.must(err)
	return page.Total
}

// The same request again gives the first answer, byte for byte, also to a client whose first answer was lost
// with the process. // case 36
func TestOnceReplay(t *testing.T) {
	k := newKit(t)
	first := k.order(k.once(shop, "key", "hash"))
	k.reopen()
	k.unchanged("a repeat", func() {
		made, err := k.engine.Create(context.Background(), k.once(shop, "key", "hash"))
		k.must(err)
		if made.Order != nil || made.Replay == nil {
			k.Fatalf("a repeat gave %+v", made)
		}
		want(k, "status", made.Replay.Status, 201)
		want(k, "body", string(made.Replay.Body), "made "+first.PublicID)
		want(k, "order", made.Replay.OrderID, first.ID)
	})
	want(k, "orders", k.orders(shop), 1)
}

// 64 equal requests at once make one order and 64 equal answers. // case 34
func TestOnceAtOnce(t *testing.T) {
	k := newKit(t)
	asks := make([]engine.NewOrder, 64)
	for i := range asks {
		asks[i] = k.once(shop, "key", "hash")
		asks[i].UniqueKey = "reference" // a repeat is answered before the reference is looked for
	}
	type outcome struct {
		made engine.Created
		err  error
	}
	first := ""
	made := 0
	got := storetest.AtOnce(64, func(i int) outcome {
		m, err := k.engine.Create(context.Background(), asks[i])
		return outcome{m, err}
	})
	for _, g := range got {
		k.must(g.err)
		if g.made.Order != nil {
			made++
			first = g.made.Order.PublicID
		}
	}
	want(k, "orders made", made, 1)
	for _, g := range got {
		if g.made.Replay != nil {
			want(k, "answer", string(g.made.Replay.Body), "made "+first)
		}
	}
	want(k, "orders", k.orders(shop), 1)
}

// Another body under the same key is refused; the same key of another merchant is another key. // case 35
func TestOnceConflict(t *testing.T) {
	k := newKit(t)
	k.order(k.once(shop, "key", "hash"))
	k.unchanged("another body", func() {
		_, err := k.engine.Create(context.Background(), k.once(shop, "key", "another hash"))
		k.wantCode(err, fault.CodeIdempotencyConflict)
	})
	if o := k.order(k.once(other, "key", "another hash")); o == nil {
		k.Error("another merchant's key was taken for the first one's")
	}
}

// A key is remembered for a day. After that a reference that must be unique still refuses. // case 37
func TestOnceExpires(t *testing.T) {
	k := newKit(t)
	with := k.once(shop, "with", "hash")
	with.UniqueKey = "reference"
	k.order(with)
	first := k.order(k.once(shop, "without", "hash"))

	k.clock.set(at(engine.Idempotency - time.Microsecond))
	made, err := k.engine.Create(context.Background(), k.once(shop, "without", "hash"))
	k.must(err)
	if made.Replay == nil {
		k.Fatal("a key was forgotten too early")
	}

	k.clock.set(at(engine.Idempotency))
	k.unchanged("a repeat with a taken reference", func() {
		repeat := k.once(shop, "with", "hash")
		repeat.UniqueKey = "reference"
		_, err := k.engine.Create(context.Background(), repeat)
		k.wantCode(err, fault.CodeDuplicateReference)
	})
	second := k.order(k.once(shop, "without", "another hash")) // and it may be another request now
	if second == nil || second.ID == first.ID {
		k.Fatal("a key that was forgotten still answers")
	}
	made, err = k.engine.Create(context.Background(), k.once(shop, "without", "another hash"))
	k.must(err)
	want(k, "the new answer", string(made.Replay.Body), "made "+second.PublicID)
}

// The window of a key is true time: moving the sandbox's clock does not end it. // case 37
func TestOnceUsesTrueTime(t *testing.T) {
	k := newKit(t)
	k.order(k.once(shop, "key", "hash"))
	_, err := k.engine.MoveClock(context.Background(), engine.Sandbox, 48*time.Hour)
	k.must(err)
	made, err := k.engine.Create(context.Background(), k.once(shop, "key", "hash"))
	k.must(err)
	if made.Replay == nil {
		k.Error("moving the clock made the key forgotten")
	}
}

// A request that was refused does not use up its key. // case 38
func TestOnceRefusedFirst(t *testing.T) {
	k := newKit(t)
	nobody := engine.Scope{Merchant: "nobody", Mode: engine.Sandbox, Dialect: "one"}
	_, err := k.engine.Create(context.Background(), k.once(nobody, "key", "hash"))
	k.wantCode(err, fault.CodeNoAddress)
	k.pool(pool(nobody), "n", 1)
	if k.order(k.once(nobody, "key", "hash")) == nil {
		k.Error("a request that was refused gives an answer")
	}

	broken := k.once(shop, "key", "hash")
	k.unchanged("a request that was refused", func() {
		broken = withTerms(broken, func(t *order.Terms) { t.Due = units(northUSDT, -1) })
		_, err = k.engine.Create(context.Background(), broken)
		k.wantCode(err, fault.CodeInvalidAmount)
	})
	if k.order(k.once(shop, "key", "another hash")) == nil { // corrected
		k.Error("a request that was refused gives an answer")
	}
}

// What is not an order may be repeated too: one key, one endpoint, and the first answer. // case 34
func TestOnceOfKeysAndEndpoints(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.must(k.engine.SaveMerchant(ctx, engine.Merchant{ID: shop.Merchant, Name: "Shop"}))
	at := func(hash string) *engine.Once {
		return &engine.Once{Key: engine.AnswerKey{Scope: "shop keys", Key: "key"}, Hash: hash}
	}
	keys := engine.Repeatable[engine.Key]{Once: at("hash"), Answer: func(key engine.Key) (int, []byte) { return 201, []byte("made " + key.ID) }}
	first, replay, err := k.engine.AddKeyOnce(ctx, engine.Key{Hash: "one", Scope: shop}, keys)
	k.must(err)
	if replay != nil || first.ID == "" || !first.Active {
		t.Fatalf("the first: %+v %+v", first, replay)
	}
	again, replay, err := k.engine.AddKeyOnce(ctx, engine.Key{Hash: "two", Scope: shop}, keys)
	k.must(err)
	if again.ID != "" || replay == nil || string(replay.Body) != "made "+first.ID || replay.Status != 201 {
		t.Errorf("the repeat: %+v %+v", again, replay)
	}
	keys.Once = at("another")
	_, _, err = k.engine.AddKeyOnce(ctx, engine.Key{Hash: "three", Scope: shop}, keys)
	k.wantCode(err, fault.CodeIdempotencyConflict)
	list, err := k.engine.SearchKeys(ctx, engine.KeySearch{Merchant: shop.Merchant, Limit: 10})
	k.must(err)
	want(k, "keys", len(list), 1)

	// A refused request is not remembered. // case 38
	endpoints := engine.Repeatable[engine.Endpoint]{
		Once:   &engine.Once{Key: engine.AnswerKey{Scope: "shop endpoints", Key: "key"}, Hash: "hash"},
		Answer: func(ep engine.Endpoint) (int, []byte) { return 201, []byte("made " + ep.ID) },
	}
	stranger := engine.Endpoint{ID: "ep_1", Scope: engine.Scope{Merchant: "nobody", Mode: engine.Sandbox}}
	_, replay, err = k.engine.AddEndpointOnce(ctx, stranger, endpoints)
	k.wantCode(err, fault.CodeNotFound)
	if replay != nil {
		t.Errorf("a refusal was remembered: %+v", replay)
	}
	for _, id := range []string{"ep_2", "ep_3"} {
		made, replay, err := k.engine.AddEndpointOnce(ctx, engine.Endpoint{ID: id, Scope: shop}, endpoints)
		k.must(err)
		if id == "ep_2" && (replay != nil || made.ID != "ep_2") || id == "ep_3" && (replay == nil || string(replay.Body) != "made ep_2") {
			t.Errorf("%s: %+v %+v", id, made, replay)
		}
	}
	there, err := k.engine.Endpoints(ctx, shop)
	k.must(err)
	want(k, "endpoints", len(there), 1)
}
