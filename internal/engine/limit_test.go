package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// limited is a kit whose money leaves by the bank in units of USDT, with limits.
func limited(t *testing.T, l engine.Limit) *kit {
	k := newKit(t)
	k.engine = k.engine.Limited(engine.Limits{bank.Rail: {northUSDT: l}})
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 8)
	return k
}

// leaving is a paid order that leaves by the bank.
func (k *kit) leaving(n int64, maker string) *engine.Order {
	k.Helper()
	asked := withTerms(k.ask(shop, north), func(t *order.Terms) {
		book := ledger.Owed("shop")
		t.Due, t.Book, t.To, t.Instant, t.Sends = units(northUSDT, n), book, ledger.House.Account(ledger.PayeeOn("bank")), false, 2
	})
	asked.Destination, asked.Maker = engine.Destination{Rail: bank.Rail, To: "payee"}, maker
	o := k.order(asked)
	k.block(north, at(time.Minute), k.confirmed(o, k.unique("tx"), n, at(time.Minute)))
	k.wantState(o, order.Paid)
	return o
}

func (k *kit) waiting() []engine.AwaitsApproval {
	k.Helper()
	list, err := k.engine.AwaitApproval(context.Background(), engine.AwaitsApproval{}, 100)
	k.must(err)
	return list
}

func (k *kit) toSend(r rail.Name) int {
	k.Helper()
	list, err := k.engine.Waiting(context.Background(), r, k.clock.now().Add(24*time.Hour), engine.Due{}, 100)
	k.must(err)
	return len(list)
}

func (k *kit) reserve(o *engine.Order) error {
	_, err := k.engine.Reserve(context.Background(), o.ID)
	return err
}

// A person with a second key is not a second person.
func TestNobodyApprovesByAKeyHeMade(t *testing.T) {
	ctx := context.Background()
	k := limited(t, engine.Limit{Order: units(northUSDT, 100)})
	key := func(by string) string {
		made, err := k.engine.AddKey(ctx, engine.Key{Hash: k.unique("hash"), MadeBy: by})
		k.must(err)
		return made.ID
	}
	maker, another := key("house"), key("house")
	second := key(key(maker))
	o := k.leaving(101, maker)
	k.wantCode(k.reserve(o), fault.CodeOrderStateConflict)
	_, err := k.engine.ApproveDelivery(ctx, engine.Decision{OrderID: o.ID, Who: second})
	k.wantCode(err, fault.CodeForbidden)
	_, err = k.engine.ApproveDelivery(ctx, engine.Decision{OrderID: o.ID, Who: another})
	k.must(err)

	k.deposit(shop, 100)
	k.policy(func(p *engine.Policy) { p.Rules = []engine.PolicyRule{{ID: "r1", Action: engine.RequireApproval}} })
	o = k.order(k.send(shop, 10, maker))
	_, err = k.engine.Approve(ctx, o.ID, order.Approval, order.ByOperator, second)
	k.wantCode(err, fault.CodeForbidden)
	_, err = k.engine.Approve(ctx, o.ID, order.Approval, order.ByOperator, another)
	k.must(err)
}

// A key and the one in its place are in the same hands while both are good.
func TestNobodyApprovesByARotatedKey(t *testing.T) {
	ctx := context.Background()
	k := limited(t, engine.Limit{})
	_, err := k.engine.AddMerchant(ctx, engine.Merchant{ID: shop.Merchant, Name: "Shop"})
	k.must(err)
	key := func() string {
		made, err := k.engine.AddKey(ctx, engine.Key{Hash: k.unique("hash"), Scope: shop})
		k.must(err)
		return made.ID
	}
	old, another := key(), key()
	made, err := k.engine.RotateKey(ctx, old, engine.Key{Hash: k.unique("hash")}, time.Hour, func(engine.Key) bool { return true })
	k.must(err)
	k.deposit(shop, 100)
	k.policy(func(p *engine.Policy) { p.Rules = []engine.PolicyRule{{ID: "r1", Action: engine.RequireApproval}} })
	for maker, who := range map[string]string{old: made.ID, made.ID: old} {
		o := k.order(k.send(shop, 10, maker))
		_, err = k.engine.Approve(ctx, o.ID, order.Approval, order.ByMerchant, who)
		k.wantCode(err, fault.CodeForbidden)
		_, err = k.engine.Approve(ctx, o.ID, order.Approval, order.ByMerchant, another)
		k.must(err)
	}
}

func TestAboveTheLimitItWaitsForASecondPerson(t *testing.T) {
	k := limited(t, engine.Limit{Order: units(northUSDT, 100)})
	below, above := k.leaving(100, "ana"), k.leaving(101, "ana")
	k.must(k.reserve(below))
	k.wantCode(k.reserve(above), fault.CodeOrderStateConflict)
	k.wantCode(k.reserve(above), fault.CodeOrderStateConflict) // and it is asked for once
	k.wantState(above, order.Paid)
	want(k, "orders that a worker would take", k.toSend(bank.Rail), 0)

	list := k.waiting()
	if len(list) != 1 || list[0].PublicID != above.PublicID || list[0].Purpose != order.Delivery || list[0].Amount.Cmp(units(northUSDT, 101)) != 0 ||
		list[0].To != "payee" || list[0].Maker != "ana" || list[0].Why == "" {
		t.Fatalf("what waits is %+v", list)
	}
	if story := k.story(above); story.Events[len(story.Events)-1].Type != "delivery.waits" {
		t.Errorf("the last event is %s", story.Events[len(story.Events)-1].Type)
	}

	_, err := k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: above.ID, Who: "ana"})
	k.wantCode(err, fault.CodeForbidden)
	want(k, "what still waits", len(k.waiting()), 1)
	_, err = k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: above.ID, Who: "bob"})
	k.must(err)
	_, err = k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: above.ID, Who: "carl"})
	k.wantCode(err, fault.CodeOrderStateConflict)
	want(k, "what waits", len(k.waiting()), 0)
	want(k, "orders that a worker takes", k.toSend(bank.Rail), 1)
	if actions := k.actions(); !strings.Contains(actions, "bob delivery.approve "+above.ID+" delivery of 0.000101 USDT on bank to payee") {
		t.Errorf("on record:\n%s", actions)
	}
	k.must(k.reserve(above))
	k.wantState(above, order.Delivering)

	// What failed is sent again under the same word.
	o := k.now(above)
	k.must(k.engine.Transferred(context.Background(), o.ID, o.Transfers[0].ID, order.Undelivered, ""))
	k.wantState(above, order.Paid)
	k.must(k.reserve(above))
}

func TestTheDaysLimit(t *testing.T) {
	k := limited(t, engine.Limit{Day: units(northUSDT, 100)})
	first, second, third := k.leaving(60, ""), k.leaving(40, ""), k.leaving(1, "")
	k.must(k.reserve(first))
	k.must(k.reserve(second))
	k.wantCode(k.reserve(third), fault.CodeOrderStateConflict)
	_, err := k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: third.ID, Who: "bob"})
	k.must(err)
	k.must(k.reserve(third))

	k.clock.set(at(24 * time.Hour))
	next := k.leaving(100, "")
	k.must(k.reserve(next))
	k.wantCode(k.reserve(k.leaving(1, "")), fault.CodeOrderStateConflict)
}

func TestRefusedDeliveryIsCancelled(t *testing.T) {
	k := limited(t, engine.Limit{Order: units(northUSDT, 100)})
	o := k.leaving(101, "ana")
	k.wantCode(k.reserve(o), fault.CodeOrderStateConflict)
	_, err := k.engine.RefuseDelivery(context.Background(), engine.Decision{OrderID: o.ID, Who: "bob", Reason: "an unknown address"})
	k.must(err)
	k.wantState(o, order.Cancelled)
	want(k, "why", k.now(o).Reason, order.ReasonRefused)
	want(k, "what waits", len(k.waiting()), 0)
	k.wantCode(k.reserve(o), fault.CodeOrderStateConflict)
	_, err = k.engine.RefuseDelivery(context.Background(), engine.Decision{OrderID: o.ID, Who: "bob"})
	k.wantCode(err, fault.CodeOrderStateConflict)
	held := money.Amount{}
	for _, b := range k.now(o).Balances {
		if b.Account.Kind() == ledger.Extra {
			held = b.Amount
		}
	}
	want(k, "set aside", held.Units(), "101")
}

// Whoever waits may still be cancelled, and a reorganisation takes the payment back: nobody is asked any more.
func TestWhatIsNotPaidAnyMoreWaitsNoMore(t *testing.T) {
	k := limited(t, engine.Limit{Order: units(northUSDT, 100)})
	cancelled := k.leaving(101, "")
	k.wantCode(k.reserve(cancelled), fault.CodeOrderStateConflict)
	_, err := k.engine.Cancel(context.Background(), cancelled.ID, order.ByOperator, "bob", "")
	k.must(err)

	asked := withTerms(k.ask(shop, north), func(t *order.Terms) {
		t.Due, t.Book, t.To, t.Instant, t.Sends = units(northUSDT, 101), ledger.Owed("shop"), ledger.House.Account(ledger.PayeeOn("bank")), false, 1
	})
	asked.Destination = engine.Destination{Rail: bank.Rail, To: "payee"}
	reorganised := k.order(asked)
	w := k.confirmed(reorganised, "tx", 101, at(time.Minute))
	k.block(north, at(time.Minute), w)
	k.wantCode(k.reserve(reorganised), fault.CodeOrderStateConflict)
	k.block(north, at(2*time.Minute), again(w, order.RankReversed, 0))
	k.wantState(reorganised, order.Waiting)
	want(k, "what waits", len(k.waiting()), 0)
	k.block(north, at(3*time.Minute), again(w, order.RankConfirmed, 1))
	k.wantState(reorganised, order.Paid)
	want(k, "orders that a worker takes", k.toSend(bank.Rail), 1)
	k.wantCode(k.reserve(reorganised), fault.CodeOrderStateConflict)
	want(k, "what waits", len(k.waiting()), 1)
}

func TestRefundAboveTheLimit(t *testing.T) {
	for _, approved := range []bool{true, false} {
		k := limited(t, engine.Limit{Order: units(northUSDT, 10), Day: units(northUSDT, 50)})
		asked := withTerms(k.ask(shop, north), func(t *order.Terms) {
			t.Book, t.To = ledger.Owed("shop"), ledger.Owed("shop").Account(ledger.Merchant)
		})
		o := k.order(asked)
		k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
		k.wantState(o, order.Completed)
		refund := func(id string, n int64) {
			k.Helper()
			_, err := k.engine.Refund(context.Background(), engine.NewRefund{OrderID: o.ID, ID: id, Amount: units(northUSDT, n), From: ledger.Merchant,
				To: engine.Destination{Rail: bank.Rail, To: "payee"}, Actor: order.ByOperator, Who: "ana"})
			k.must(err)
		}
		inFlight := func() int {
			k.Helper()
			list, err := k.engine.InFlight(context.Background(), bank.Rail, k.clock.now(), engine.Due{}, 10)
			k.must(err)
			return len(list)
		}
		refund("small", 10)
		refund("large", 11)
		refund("large", 11) // again, and to no effect
		want(k, "refunds that a worker takes", inFlight(), 1)
		list := k.waiting()
		if len(list) != 1 || list[0].Transfer != "large" || list[0].Purpose != order.Refund || list[0].Maker != "ana" {
			t.Fatalf("what waits is %+v", list)
		}
		if approved {
			_, err := k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: o.ID, Transfer: "large", Who: "ana"})
			k.wantCode(err, fault.CodeForbidden)
			_, err = k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: o.ID, Transfer: "large", Who: "bob"})
			k.must(err)
			want(k, "refunds that a worker takes", inFlight(), 2)
		} else {
			_, err := k.engine.RefuseDelivery(context.Background(), engine.Decision{OrderID: o.ID, Transfer: "large", Who: "bob"})
			k.must(err)
			want(k, "refunds that a worker takes", inFlight(), 1)
			want(k, "the transfer", k.now(o).Transfers[1].State, order.TransferFailed)
		}
		want(k, "what waits", len(k.waiting()), 0)
		_, err := k.engine.ApproveDelivery(context.Background(), engine.Decision{OrderID: o.ID, Transfer: "large", Who: "carl"})
		k.wantCode(err, fault.CodeOrderStateConflict)
	}
}

func TestWithoutLimitsNothingWaits(t *testing.T) {
	k := limited(t, engine.Limit{})
	k.must(k.reserve(k.leaving(1_000_000, "")))
	want(k, "what waits", len(k.waiting()), 0)
}
