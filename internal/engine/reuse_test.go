package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// While a rail is behind, what it has not told yet may be late money of an address's former owner: only
// addresses that nobody held go out. // case 30
func TestReuseWaitsForTheRail(t *testing.T) {
	k := newKit(t)
	small := engine.Scope{Merchant: "small", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(small), "s", 1)
	first := k.order(k.ask(small, north))
	rest := window + confirm + engine.Rest
	k.pass(north, at(rest)) // the rail's last word
	k.wantState(first, order.Expired)
	k.sweep() // the address is looked into, and free

	now := at(rest + 2*time.Hour) // the node has been away since
	k.clock.set(now)
	_, err := k.engine.Create(context.Background(), k.ask(small, north))
	k.wantCode(err, fault.CodeNoAddress)
	k.pool(pool(small), "t", 1)
	fresh := k.order(k.ask(small, north))
	if fresh.Instrument == first.Instrument {
		t.Fatal("an address that was held before was handed out")
	}

	// The node is back, and tells of the first customer's payment of an hour ago.
	k.block(north, now, k.confirmed(first, "late", 100, now.Add(-time.Hour)))
	want(k, "payments of the first", len(k.now(first).Payments), 1)
	want(k, "payments of the fresh one", len(k.now(fresh).Payments), 0)
	k.wantState(fresh, order.Waiting)
}

// The chains of a family share addresses and not their clocks: money that comes while an order holds the address on
// its chain is that order's, also when another chain's clock says that its former owner came later. // case 30
func TestReuseOnAnotherChain(t *testing.T) {
	k := newKit(t)
	small := engine.Scope{Merchant: "small", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(small), "s", 1)
	k.block(north, at(2*time.Hour)) // its blocks are two hours ahead
	first := k.order(k.ask(small, north))
	over := window + confirm + time.Minute
	k.clock.set(at(over))
	k.block(north, at(2*time.Hour+over))
	k.tick(north)
	k.wantState(first, order.Expired)
	again := over + engine.Rest
	k.clock.set(at(again))
	k.sweep()
	k.block(south, at(again))
	second := k.order(k.ask(small, south))
	want(k, "address", second.Instrument, first.Instrument)

	paid := at(again + time.Minute)
	for !paid.After(at(2 * time.Hour)) {
		paid = paid.Add(time.Minute)
	}
	k.clock.set(paid)
	k.block(south, paid, k.confirmed(second, "tx", 100, paid))
	want(k, "payments of the first", len(k.now(first).Payments), 0)
	want(k, "payments of the second", len(k.now(second).Payments), 1)

	// On a chain that no order holds it on it is the latest owner's, as money of the wrong chain.
	k.block(north, at(3*time.Hour), k.word(north, order.RankConfirmed, "wrong chain", first.Instrument.Value, units(northUSDT, 5), at(3*time.Hour)))
	want(k, "payments of the first", len(k.now(first).Payments)+len(k.now(second).Payments), 2)
}

// The owner of late money is who had the address last, not whose chain's clock is furthest ahead: until another order gets
// the address its money is that order's, whatever an earlier one on another chain says of the time. // case 30
func TestLateMoneyAfterAnotherChain(t *testing.T) {
	k := newKit(t)
	small := engine.Scope{Merchant: "small", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(small), "s", 1)
	k.block(south, at(4*time.Hour)) // its blocks are four hours ahead
	first := k.order(k.ask(small, south))
	over := window + confirm + time.Minute
	k.clock.set(at(over))
	k.block(south, at(4*time.Hour+over))
	k.tick(south)
	k.wantState(first, order.Expired)

	again := over + engine.Rest
	k.clock.set(at(again))
	k.sweep()
	k.block(north, at(again))
	second := k.order(k.ask(small, north))
	want(k, "address", second.Instrument, first.Instrument)
	k.pass(north, at(again+over))
	k.wantState(second, order.Expired)

	// Of the same moments by north's clock, before and after the first one's beginning by south's.
	for i, late := range []time.Duration{again + 2*over, 4*time.Hour - time.Minute, 4*time.Hour + time.Minute, 6 * time.Hour} {
		k.clock.set(at(late))
		k.block(north, at(late), k.confirmed(second, fmt.Sprintf("late %d", i), 100, at(late)))
		want(k, "payments of the second", len(k.now(second).Payments), i+1)
	}
	want(k, "payments of the first", len(k.now(first).Payments), 0)
	want(k, "late money", k.balance(engine.Sandbox, ledger.Wallet("small").Account(ledger.Late), northUSDT), "400")
}

// Anybody can send dust to an order's address. An order takes in a bounded number of payments; the rest is
// kept and booked as nobody's, so that the cost of one does not grow with their number.
func TestDust(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	const dust = 1000
	var seen []rail.Observation
	for i := range dust {
		seen = append(seen, k.confirmed(o, fmt.Sprintf("dust %d", i), 1, at(time.Minute)))
	}
	k.block(north, at(time.Minute), seen[:500]...)
	k.block(north, at(2*time.Minute), seen...) // repeated words find the same payments
	taken := len(k.now(o).Payments)
	if taken != 200 {
		t.Errorf("the order took in %d payments", taken)
	}
	want(k, "nobody's", k.balance(engine.Sandbox, shopStray, northUSDT), fmt.Sprint(dust-taken))
	k.auditBooks()
}
