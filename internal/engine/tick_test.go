package engine_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
)

// Nothing expires before the rail has told everything up to the deadline, whatever our clock says.
func TestTickWaitsForTheRail(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.clock.set(at(24 * time.Hour))
	want(k, "orders due, nothing told", k.tick(north), 0)
	k.block(north, at(window))
	want(k, "orders due, told up to the deadline", k.tick(north), 0)
	k.wantState(o, order.Waiting)
	k.block(north, at(window+time.Second))
	want(k, "orders due, told past it", k.tick(north), 1)
	k.wantState(o, order.Expired)
	now := k.now(o)
	want(k, "told through", now.Through, at(window+time.Second))
	want(k, "ended", now.EndedAt, at(24*time.Hour))
	wantList(k, "events", k.events(o), "order.created", "order.expired")
	counts, err := k.engine.InstrumentCounts(context.Background(), pool(shop))
	k.must(err)
	want(k, "addresses", counts, engine.InstrumentCounts{Total: 8, Free: 7, Resting: 1})
	was := k.dump()
	want(k, "orders due again", k.tick(north), 0)
	wantList(k, "tables", k.changed(was))
}

// A tick is about one rail and one mode, and a rail that never told anything lets no time pass.
func TestTickOneRail(t *testing.T) {
	k := newKit(t)
	onNorth, onSouth, live := k.order(k.ask(shop, north)), k.order(k.ask(shop, south)), k.order(k.ask(shopLive, mainnet))
	later := at(24 * time.Hour)
	k.clock.set(later)
	k.block(north, later)
	want(k, "orders due", k.tick(north), 1)
	want(k, "orders due on the other", k.tick(south), 0)
	want(k, "orders due on none", k.tick(silent), 0)
	k.wantState(onNorth, order.Expired)
	k.wantState(onSouth, order.Waiting)
	k.wantState(live, order.Waiting)
	k.block(mainnet, later)
	want(k, "orders due in live mode", k.tick(mainnet), 1)
	k.wantState(live, order.Expired)
}

// Money seen in time that would suffice is waited for, up to a bound.
func TestTickWaitsForSeenMoney(t *testing.T) {
	tests := []struct {
		name   string
		amount int64
		until  time.Duration // when the order ends
	}{
		{"enough", 100, window + confirm + time.Second},
		{"too little", 99, window + time.Second},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			k := newKit(t)
			o := k.order(k.ask(shop, north))
			w := k.seen(o, "tx", tc.amount, at(window-time.Second))
			k.block(north, at(window-time.Second), w)
			k.pass(north, at(tc.until-2*time.Second))
			k.wantState(o, order.Seen)
			k.pass(north, at(tc.until))
			k.wantState(o, order.Expired)
			k.block(north, at(tc.until+time.Hour), again(w, order.RankConfirmed, 0))
			k.wantState(o, order.Expired)
			want(k, "in time, and too late for the order", k.share(o, ledger.Extra), strconv.FormatInt(tc.amount, 10))
			want(k, "late", k.share(o, ledger.Late), "0")
		})
	}
	t.Run("confirmed at last", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		w := k.seen(o, "tx", 100, at(window))
		k.block(north, at(window), w)
		k.pass(north, at(window+confirm-time.Second))
		k.block(north, at(window+confirm-time.Second), again(w, order.RankConfirmed, 0))
		k.wantState(o, order.Completed)
	})
	t.Run("gone again", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		w := k.seen(o, "tx", 100, at(window))
		k.block(north, at(window), w)
		k.pass(north, at(window+time.Minute))
		k.wantState(o, order.Seen)
		gone := again(w, order.RankReversed, 0)
		gone.Final = true
		k.block(north, at(window+2*time.Minute), gone)
		k.wantState(o, order.Expired) // time had run out for it
	})
	// A reorganisation may give back what it took: that counts as if it had never been away.
	t.Run("mined again", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		w := k.seen(o, "tx", 100, at(window))
		k.block(north, at(window), w)
		k.pass(north, at(window+time.Minute))
		k.block(north, at(window+2*time.Minute), again(w, order.RankReversed, 0))
		k.wantState(o, order.Waiting)
		k.pass(north, at(window+confirm-time.Second))
		k.wantState(o, order.Waiting)
		k.block(north, at(window+confirm-time.Second), again(w, order.RankConfirmed, 1))
		k.wantState(o, order.Completed)
	})
	t.Run("not mined again", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		w := k.seen(o, "tx", 100, at(window))
		k.block(north, at(window), w, again(w, order.RankReversed, 0))
		k.pass(north, at(window+confirm-time.Second))
		k.wantState(o, order.Waiting)
		k.pass(north, at(window+confirm+time.Second))
		k.wantState(o, order.Expired)
	})
}

// A paid order never expires. // invariant I10
func TestTickPaid(t *testing.T) {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 2)
	k.block(bank, time.Time{})
	asked := withTerms(k.ask(shop, north), func(t *order.Terms) {
		book := ledger.Owed("shop")
		t.Book, t.To, t.Instant, t.Sends = book, ledger.House.Account(ledger.PayeeOn("bank")), false, 1
	})
	asked.Destination = engine.Destination{Rail: bank.Rail, To: "payee"}
	o := k.order(asked)
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	k.wantState(o, order.Paid)
	k.pass(north, at(24*time.Hour))
	k.wantState(o, order.Paid)
}

// One call looks at every due order once: those that a tick does not change hold up no other, and one that
// fails is in the error.
func TestTickMany(t *testing.T) {
	k := newKit(t)
	many := engine.Scope{Merchant: "many", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(many), "m", 230)
	k.block(north, at(time.Hour)) // the chain is ahead: these orders' time is behind it
	for range 110 {
		k.order(k.ask(many, north))
	}
	k.block(north, start)
	var due []*engine.Order
	for range 110 {
		due = append(due, k.order(k.ask(many, north)))
	}
	k.clock.set(at(time.Hour))
	k.block(north, at(window+time.Second))

	broken := due[3]
	looked, err := k.over(failing{k.store, broken.ID}).Tick(context.Background(), north.Mode, north.Rail, k.clock.now())
	want(k, "orders looked at", looked, 220)
	if err == nil || !strings.Contains(err.Error(), broken.ID) {
		k.Errorf("the error does not name the order: %v", err)
	}
	for _, o := range due {
		k.wantState(o, map[bool]order.State{true: order.Waiting, false: order.Expired}[o == broken])
	}
	want(k, "orders looked at next", k.tick(north), 111)
	k.wantState(broken, order.Expired)
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: many, States: []order.State{order.Waiting}, Page: 1, Limit: 1})
	k.must(err)
	want(k, "orders still waiting", page.Total, 110)
}
