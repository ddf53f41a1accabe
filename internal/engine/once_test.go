package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
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
	got := atOnce(64, func(i int) outcome {
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
