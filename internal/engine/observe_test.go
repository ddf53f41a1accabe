package engine_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store/storetest"
)

var (
	shopWallet  = ledger.Wallet("shop")
	shopFunds   = shopWallet.Account(ledger.Merchant)
	shopStray   = shopWallet.Account(ledger.Stray)
	houseStray  = ledger.House.Account(ledger.Stray)
	northPayer  = shopWallet.Account(ledger.PayerOn("evm:north"))
	southPayer  = shopWallet.Account(ledger.PayerOn("evm:south"))
	outsideBank = ledger.House.Account(ledger.PayerOn("bank"))
)

// Seen money is shown and not booked; confirmed money is, and completes. What the rail showed is kept.
// // case 13
func TestObservePayment(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.clock.set(at(3 * time.Minute))
	first := k.seen(o, "tx", 100, at(2*time.Minute))
	k.block(north, at(2*time.Minute), first)
	k.wantState(o, order.Seen)
	want(k, "booked while seen", len(k.balances()), 0)

	was, stats := k.dump(), k.store.Stats()
	k.clock.set(at(4 * time.Minute))
	k.block(north, at(3*time.Minute), again(first, order.RankConfirmed, 0))
	want(k, "commits", k.store.Stats().Groups-stats.Groups, 1)
	wantList(k, "tables", k.changed(was), "balances", "entries", "events", "holds", "instruments", "order_counts", "order_sums", "orders", "payment_counts", "payments", "postings", "progress")

	done := k.now(o)
	want(k, "state", done.State, order.Completed)
	want(k, "ended", done.EndedAt, at(4*time.Minute))
	want(k, "received", done.Received().Units(), "100")
	want(k, "earned", k.balance(engine.Sandbox, shopFunds, northUSDT), "100")
	want(k, "paid in", k.balance(engine.Sandbox, northPayer, northUSDT), "-100")
	wantList(k, "events", k.events(o), "order.created", "payment.seen", "order.seen", "payment.confirmed", "order.paid", "order.completed")

	p := k.payment(o, "tx")
	want(k, "key", p.PaymentKey, order.PaymentKey{Rail: "evm:north", External: "tx"})
	want(k, "value time", p.Value, at(2*time.Minute))
	want(k, "told", p.Told, at(3*time.Minute))
	want(k, "settled", p.Settled, at(4*time.Minute))
	want(k, "evidence", p.Evidence, order.Evidence{Tx: "tx", Block: 101, BlockHash: "hash of 101", At: at(2 * time.Minute), From: "payer", To: o.Instrument.Value})
	want(k, "closed by", done.Closing, p.PaymentKey)

	last := k.story(o).Events[3]
	want(k, "the event's amount", last.Facts.Amount.Units(), "100")
	want(k, "the event's received", last.Facts.Received.Units(), "100")
	want(k, "the event's evidence", last.Facts.Evidence, p.Evidence)
	want(k, "the event's time", last.Facts.At, at(4*time.Minute))
}

// A word that is told again, or after a newer one, has no effect beside the cursor. // case 16
func TestObserveRepeated(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	seen := k.seen(o, "tx", 40, at(time.Minute))
	confirmed := again(seen, order.RankConfirmed, 0)
	k.block(north, at(time.Minute), confirmed, seen, confirmed) // out of order, and twice in one report
	k.wantState(o, order.Part)
	was := k.dump()
	for _, w := range []rail.Observation{seen, confirmed, again(seen, order.RankFailed, 0)} {
		k.block(north, at(2*time.Minute), w)
	}
	wantList(k, "tables", k.changed(was), "progress")
	want(k, "counted", k.share(o, ledger.In), "40")
}

// The part that reaches what is due completes once; what is too much is set aside. // case 10
func TestObserveParts(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx1", 60, at(time.Minute)))
	k.wantState(o, order.Part)
	k.block(north, at(2*time.Minute), k.confirmed(o, "tx2", 60, at(2*time.Minute)))
	k.wantState(o, order.Completed)
	k.clock.set(at(3 * time.Minute))
	k.block(north, at(3*time.Minute), k.confirmed(o, "tx3", 5, at(3*time.Minute)))
	want(k, "ended", k.now(o).EndedAt, start)
	want(k, "updated", k.now(o).UpdatedAt, at(3*time.Minute))
	want(k, "earned", k.share(o, ledger.Merchant), "100")
	want(k, "set aside", k.share(o, ledger.Extra), "25")
	want(k, "received", k.now(o).Received().Units(), "125")
	want(k, "closed by", k.now(o).Closing.External, "tx2")
}

// A transfer of nothing is nobody's payment and does not reserve its id. // case 22
func TestObserveNothing(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	was := k.dump()
	nothing := k.seen(o, "tx", 0, at(time.Minute))
	k.block(north, at(time.Minute), nothing, again(nothing, order.RankConfirmed, 0), k.word(north, order.RankConfirmed, "tx2", "unknown", units(northUSDT, 0), at(time.Minute)))
	wantList(k, "tables", k.changed(was), "progress")
	k.block(north, at(2*time.Minute), k.confirmed(o, "tx", 100, at(2*time.Minute)))
	k.wantState(o, order.Completed)
}

// Whether money is in time is decided by its block's time and by nothing else. // case 29
func TestObserveDeadline(t *testing.T) {
	month := 30 * 24 * time.Hour
	tests := []struct {
		name   string
		mined  time.Duration // after the order
		state  order.State
		late   string
		events string // the last one
	}{
		{"one second before", window - time.Second, order.Completed, "0", "order.completed"},
		{"at the deadline", window, order.Completed, "0", "order.completed"},
		{"in the block that ends the order", window + time.Second, order.Expired, "100", "order.expired"},
		{"after it ended", window + time.Minute, order.Expired, "100", "payment.aside"},
		{"a month after", month, order.Expired, "100", "payment.aside"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			k := newKit(t)
			o := k.order(k.ask(shop, north))
			// Told block by block, and time passes after each.
			blocks := []time.Duration{window - time.Second, window, window + time.Second, window + time.Minute, month}
			for _, mined := range blocks {
				k.clock.set(at(mined + 2*time.Second))
				var seen []rail.Observation
				if mined == tc.mined {
					seen = append(seen, k.confirmed(o, "tx", 100, at(mined)))
				}
				k.block(north, at(mined), seen...)
				k.tick(north)
			}
			k.wantState(o, tc.state)
			want(k, "late", k.share(o, ledger.Late), tc.late)
			want(k, "value time", k.payment(o, "tx").Value, at(tc.mined))
			events := k.events(o)
			want(k, "last event", events[len(events)-1], tc.events)

			// Told a month late, all at once: the same money in the same place.
			k2 := newKit(t)
			o2 := k2.order(k2.ask(shop, north))
			k2.clock.set(at(month + time.Hour))
			want(k2, "orders due before anything was told", k2.tick(north), 0)
			k2.block(north, at(month), k2.confirmed(o2, "tx", 100, at(tc.mined)))
			k2.tick(north)
			k2.wantState(o2, tc.state)
			want(k2, "late", k2.share(o2, ledger.Late), tc.late)
		})
	}
}

// An address that was handed on: money goes to the order whose block time it is, however late it is told.
// // case 30
func TestObserveHandedOn(t *testing.T) {
	k := newKit(t)
	small := engine.Scope{Merchant: "small", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(small), "s", 1)
	first := k.order(k.ask(small, north))

	// It rests until half an hour after money could last have been meant for the first order.
	rest := window + confirm + engine.Rest
	k.pass(north, at(window+time.Second))
	k.wantState(first, order.Expired)
	k.clock.set(at(rest - time.Second))
	k.sweep()
	_, err := k.engine.Create(context.Background(), k.ask(small, north))
	k.wantCode(err, fault.CodeNoAddress)
	k.clock.set(at(rest))
	k.sweep()
	k.block(north, at(rest))
	second := k.order(k.ask(small, north))
	want(k, "the second order's address", second.Instrument, first.Instrument)

	// The southern chain is behind: its block of a time before is told after the hand-over.
	before, after := at(rest-time.Hour), at(rest+time.Minute)
	k.block(south, before, k.word(south, order.RankConfirmed, "south", first.Instrument.Value, units(southUSDT, 7), before))
	// And so is a block of the north that was mined anew before that time.
	k.clock.set(after)
	k.block(north, after,
		k.confirmed(first, "before", 100, at(rest-time.Second)),
		k.confirmed(second, "same second", 30, at(rest)), // of a block after the one that was told
		k.confirmed(second, "after", 70, after))
	want(k, "the first order's late money", k.share(first, ledger.Late), "100")
	want(k, "the first order's foreign money", k.now(first).Balance(ledger.Wallet("small").Account(ledger.Wrong), southUSDT).Units(), "7")
	k.wantState(first, order.Expired)
	k.wantState(second, order.Completed)
	want(k, "payments of the second", len(k.now(second).Payments), 2)

	// A further word of the first order's money stays the first order's.
	k.block(north, after.Add(time.Minute), again(k.confirmed(first, "before", 100, after), order.RankReversed, 0))
	want(k, "the first order's late money, taken back", k.share(first, ledger.Late), "0")
	k.wantState(second, order.Completed)
}

// Both happen in one commit: the address is given out, and a block of that very second pays it.
func TestObserveInTheSameCommit(t *testing.T) {
	k := newKit(t)
	paid := &kept{Store: k.store}
	k.must(k.over(paid).Observe(context.Background(), north, engine.Report{
		Progress: engine.Progress{Rail: north.Rail, Fence: 1, Cursor: rail.Cursor{Head: 101, Horizon: start}},
		Seen:     []rail.Observation{k.word(north, order.RankConfirmed, "tx", "a1", units(northUSDT, 100), start)},
	}))
	made, err := k.over(joined{k.store, paid.fn}).Create(context.Background(), k.ask(shop, north))
	k.must(err)
	want(k, "address", made.Order.Instrument.Value, "a1")
	k.wantState(made.Order, order.Completed)
}

// Where a chain's clock runs ahead of ours, an order lives on ours: the lead is taken off its payments and
// off what has been told.
func TestObserveChainAhead(t *testing.T) {
	k := newKit(t)
	lead := 2 * time.Hour
	k.block(north, at(lead))
	inTime, late := k.order(k.ask(shop, north)), k.order(k.ask(shop, north))
	want(k, "lead", inTime.Skew, lead)

	k.clock.set(at(window - time.Second))
	k.block(north, at(lead+window-time.Second), k.confirmed(inTime, "tx", 100, at(lead+window-time.Second)))
	k.wantState(inTime, order.Completed)
	p := k.payment(inTime, "tx")
	want(k, "value time", p.Value, at(window-time.Second))
	want(k, "the block's own time", p.Evidence.At, at(lead+window-time.Second))

	// Our clock is past the deadline; the chain has not told everything up to it.
	k.clock.set(at(window + time.Hour))
	k.tick(north)
	k.wantState(late, order.Waiting)
	want(k, "told through", k.now(late).Through, at(window-time.Second))
	k.block(north, at(lead+window))
	k.tick(north)
	k.wantState(late, order.Waiting)
	k.block(north, at(lead+window+time.Second), k.confirmed(late, "tx late", 100, at(lead+window+time.Second)))
	k.tick(north)
	k.wantState(late, order.Expired)
	want(k, "told through", k.now(late).Through, at(window+time.Second))
	want(k, "late", k.share(late, ledger.Late), "100")

	// The lead is one chain's: money of the other is judged without it.
	k.block(south, at(time.Minute), k.word(south, order.RankConfirmed, "tx south", late.Instrument.Value, units(southUSDT, 7), at(time.Minute)))
	if got, err := k.engine.Strays(context.Background(), order.PaymentKey{}, 10); err != nil || len(got) != 1 {
		k.Errorf("money of the other chain, whose clock was behind when the address was given out: %v, %v", got, err)
	}
	k.block(south, at(lead+time.Minute), k.word(south, order.RankConfirmed, "tx south 2", late.Instrument.Value, units(southUSDT, 7), at(lead+time.Minute)))
	want(k, "value time of the other chain's", k.payment(late, "tx south 2").Value, at(lead+time.Minute))
}

// A chain whose clock is ahead never moves an order's time past our own.
func TestObserveThroughIsAtMostNow(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north)) // before the chain ran ahead
	k.clock.set(at(time.Minute))
	k.block(north, at(24*time.Hour))
	want(k, "orders due", k.tick(north), 0)
	k.clock.set(at(window + time.Second))
	want(k, "orders due", k.tick(north), 1)
	k.wantState(o, order.Expired)
	want(k, "told through", k.now(o).Through, at(window+time.Second))
}

// The sandbox's clock was moved: a block is judged by the offset of its own moment.
func TestObserveClockMoved(t *testing.T) {
	k := newKit(t)
	before, after := k.order(k.ask(shop, north)), k.order(k.ask(shop, north))
	live := k.order(k.ask(shopLive, mainnet))
	moved := 5 * time.Minute
	k.clock.set(at(moved))
	_, err := k.engine.MoveClock(context.Background(), engine.Sandbox, time.Hour)
	k.must(err)
	fresh := k.order(k.ask(shop, north))
	want(k, "deadline of an order made after", fresh.Terms.Deadline, at(moved+time.Hour+window))

	// The chain has told nothing of the time after the move.
	k.block(north, at(moved-time.Second))
	want(k, "orders due", k.tick(north), 0)
	k.clock.set(at(moved + time.Minute))
	k.block(north, at(moved+time.Minute),
		k.confirmed(before, "tx before", 100, at(moved-time.Second)),
		k.confirmed(after, "tx after", 100, at(moved)),
		k.confirmed(fresh, "tx fresh", 100, at(moved+time.Minute)))
	k.block(mainnet, at(moved+time.Minute))
	k.tick(north)
	k.tick(mainnet)

	k.wantState(before, order.Completed)
	want(k, "value time before the move", k.payment(before, "tx before").Value, at(moved-time.Second))
	k.wantState(after, order.Expired)
	want(k, "value time after the move", k.payment(after, "tx after").Value, at(moved+time.Hour))
	want(k, "evidence after the move", k.payment(after, "tx after").Evidence.At, at(moved))
	want(k, "late", k.share(after, ledger.Late), "100")
	want(k, "ended", k.now(after).EndedAt, at(moved+time.Minute+time.Hour))
	k.wantState(fresh, order.Completed)
	k.wantState(live, order.Waiting)
	paid := k.story(fresh).Events[1]
	want(k, "true time of an event", paid.At, at(moved+time.Minute))
	want(k, "its time on the order's clock", paid.Facts.At, at(moved+time.Minute+time.Hour))
}

// Money to an address nobody held is its merchant's, without an order; money to a foreign one the house's.
func TestObserveStray(t *testing.T) {
	k := newKit(t)
	nobody := k.word(north, order.RankSeen, "tx nobody", "unknown", units(northUSDT, 5), at(time.Minute))
	ours := k.word(north, order.RankSeen, "tx ours", "a1", units(northUSDC, 6), at(time.Minute))
	k.block(north, at(time.Minute), nobody, ours)
	want(k, "booked while seen", len(k.balances()), 0)
	k.block(north, at(2*time.Minute), again(nobody, order.RankConfirmed, 0), again(ours, order.RankConfirmed, 0))
	want(k, "the house's", k.balance(engine.Sandbox, houseStray, northUSDT), "5")
	want(k, "the merchant's", k.balance(engine.Sandbox, shopStray, northUSDC), "6")
	want(k, "paid in", k.balance(engine.Sandbox, northPayer, northUSDC), "-6")

	strays, err := k.engine.Strays(context.Background(), order.PaymentKey{}, 10)
	k.must(err)
	want(k, "strays", len(strays), 2)
	for i, merchant := range []string{"", "shop"} {
		want(k, "merchant", strays[i].Merchant, merchant)
		want(k, "mode", strays[i].Mode, engine.Sandbox)
		want(k, "rank", strays[i].Rank, order.RankConfirmed)
		want(k, "value time", strays[i].Value, at(time.Minute))
		want(k, "evidence", strays[i].Evidence.At, at(time.Minute))
	}

	// The address becomes known, and an order gets the other one: what is told of old money changes nothing.
	_, err = k.engine.ImportInstruments(context.Background(), pool(other), []engine.Imported{{Value: "unknown"}})
	k.must(err)
	want(k, "the next order's address", k.order(k.ask(shop, north)).Instrument.Value, "a2") // somebody pays to a1 unasked
	k.must(k.engine.ReleaseInstrument(context.Background(), pool(shop), "a1"))
	o := k.order(k.ask(shop, north))
	for o.Instrument.Value != "a1" {
		o = k.order(k.ask(shop, north))
	}
	was := k.dump()
	k.block(north, at(3*time.Minute), again(ours, order.RankConfirmed, 0), again(nobody, order.RankSeen, 0))
	wantList(k, "tables", k.changed(was), "progress")
	k.block(north, at(4*time.Minute), again(ours, order.RankReversed, 0), again(nobody, order.RankReversed, 0), k.confirmed(o, "tx new", 100, at(4*time.Minute)))
	want(k, "the merchant's, taken back", k.balance(engine.Sandbox, shopStray, northUSDC), "0")
	want(k, "the house's, taken back", k.balance(engine.Sandbox, houseStray, northUSDT), "0")
	k.wantState(o, order.Completed)
	want(k, "payments of the order", len(k.now(o).Payments), 1)
	// Mined again, it is still nobody's.
	k.block(north, at(5*time.Minute), again(ours, order.RankConfirmed, 1))
	want(k, "the merchant's, mined again", k.balance(engine.Sandbox, shopStray, northUSDC), "6")
}

// Money from before an address was first given out is not its order's. // cases 30, 65
func TestObserveBeforeTheFirstHold(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(-time.Second)))
	k.wantState(o, order.Waiting)
	want(k, "stray", k.balance(engine.Sandbox, shopStray, northUSDT), "100")
}

// Money of a custodial rail that nobody owns is owed to whose reference it named, else it is the house's.
func TestObserveStrayOfTheBank(t *testing.T) {
	k := newKit(t)
	k.block(bank, time.Time{}, k.word(bank, order.RankConfirmed, "line", "REF-NOBODY", units(eur, 900), start))
	want(k, "the house's", k.balance(engine.Sandbox, houseStray, eur), "900")
	want(k, "paid in", k.balance(engine.Sandbox, outsideBank, eur), "-900")
}

// The same address exists on every chain of its family: money of another chain is the order's, and set aside.
// // case 3
func TestObserveOtherChain(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	foreign := k.word(south, order.RankSeen, "tx", o.Instrument.Value, money.FromInt(southUSDT, 1_000_000_000_000_000_000), at(time.Minute))
	k.block(south, at(time.Minute), foreign)
	k.wantState(o, order.Waiting) // one whole of 18 decimals is not 100 units of 6
	k.block(south, at(2*time.Minute), again(foreign, order.RankConfirmed, 0))
	k.wantState(o, order.Waiting)
	want(k, "set aside", k.now(o).Balance(shopWallet.Account(ledger.Wrong), southUSDT).Units(), "1000000000000000000")
	want(k, "paid in", k.balance(engine.Sandbox, southPayer, southUSDT), "-1000000000000000000")
	want(k, "received", k.now(o).Received().Units(), "0")

	// Another token of its own chain.
	k.block(north, at(time.Minute), k.word(north, order.RankConfirmed, "tx usdc", o.Instrument.Value, units(northUSDC, 100), at(time.Minute)))
	k.wantState(o, order.Waiting)
	want(k, "set aside", k.now(o).Balance(shopWallet.Account(ledger.Wrong), northUSDC).Units(), "100")

	// The two chains may use one id for two payments.
	k.block(north, at(2*time.Minute), k.confirmed(o, "tx", 100, at(2*time.Minute)))
	k.wantState(o, order.Completed)
	want(k, "payments", len(k.now(o).Payments), 3)
}

// An address is the same on live networks: real money to a test order's address is not the test order's.
// // case 41
func TestObserveOtherMode(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.block(mainnet, at(time.Minute), k.word(mainnet, order.RankConfirmed, "tx", o.Instrument.Value, units(mainUSDT, 100), at(time.Minute)))
	k.wantState(o, order.Waiting)
	want(k, "payments", len(k.now(o).Payments), 0)
	want(k, "stray in live mode", k.balance(engine.Live, shopStray, mainUSDT), "100")
	want(k, "stray in the sandbox", k.balance(engine.Sandbox, shopStray, mainUSDT), "0")
}

// A live mode takes no payment that is made up.
func TestObserveSimulatedLive(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shopLive, mainnet))
	made := mainnet
	made.Simulated = true
	k.unchanged("a simulated payment", func() {
		err := k.engine.Observe(context.Background(), made, engine.Report{
			Progress: engine.Progress{Rail: made.Rail, Fence: 9}, Seen: []rail.Observation{k.confirmed(o, "tx", 100, at(time.Minute))},
		})
		k.wantCode(err, fault.CodeForbidden)
	})
}

// A watcher that was replaced books nothing. // case 85
func TestObserveOldFence(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.heads[north.Rail]++
	k.must(k.tell(north, 2, at(time.Minute)))
	k.unchanged("a report of the old watcher", func() {
		k.heads[north.Rail]++
		k.wantCode(k.tell(north, 1, at(2*time.Minute), k.confirmed(o, "tx", 100, at(2*time.Minute))), fault.CodeVersionConflict)
	})
	k.must(k.tell(north, 2, at(2*time.Minute), k.confirmed(o, "tx", 100, at(2*time.Minute))))
	k.wantState(o, order.Completed)
}

// A report is booked whole or not at all, and then its cursor does not move. // case 25, invariant I16
func TestObserveAllOrNothing(t *testing.T) {
	k := newKit(t)
	o, broken := k.order(k.ask(shop, north)), k.order(k.ask(shop, north))
	report := []rail.Observation{k.confirmed(o, "tx1", 100, at(time.Minute)), k.confirmed(broken, "tx2", 100, at(time.Minute)),
		k.word(north, order.RankConfirmed, "tx3", "unknown", units(northUSDT, 5), at(time.Minute))}
	k.unchanged("a report that failed", func() {
		e := k.over(failing{k.store, broken.ID})
		err := e.Observe(context.Background(), north, engine.Report{
			Progress: engine.Progress{Rail: north.Rail, Fence: 1, Cursor: rail.Cursor{Head: 101, Horizon: at(time.Minute)}}, Seen: report,
		})
		if err == nil {
			k.Fatal("a report with a payment that cannot be booked was taken")
		}
	})
	p, err := k.engine.Progress(context.Background(), north.Rail)
	k.must(err)
	want(k, "head", p.Cursor.Head, 100)
	k.block(north, at(time.Minute), report...)
	k.wantState(o, order.Completed)
	k.wantState(broken, order.Completed)
	want(k, "stray", k.balance(engine.Sandbox, houseStray, northUSDT), "5")
}

// A replaced block takes its money back; mined again, it counts once, and by its first time. // case 14
func TestObserveReorganised(t *testing.T) {
	t.Run("before it was final", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		first := k.seen(o, "tx", 100, at(window-time.Second))
		k.block(north, at(window-time.Second), first)
		k.wantState(o, order.Seen)
		k.clock.set(at(window))
		k.block(north, at(window), again(first, order.RankReversed, 0))
		k.wantState(o, order.Waiting)
		mined := again(k.seen(o, "tx", 100, at(window+time.Minute)), order.RankSeen, 1)
		k.clock.set(at(window + time.Minute))
		k.block(north, at(window+time.Minute), mined)
		k.tick(north)
		k.wantState(o, order.Seen) // it is not late: its first block was in time
		k.block(north, at(window+2*time.Minute), again(mined, order.RankConfirmed, 1))
		k.wantState(o, order.Completed)
		want(k, "value time", k.payment(o, "tx").Value, at(window-time.Second))
		want(k, "block", k.payment(o, "tx").Evidence.Block, 103)
		want(k, "earned", k.balance(engine.Sandbox, shopFunds, northUSDT), "100")
		wantList(k, "events", k.events(o), "order.created", "payment.seen", "order.seen", "payment.reversed", "order.waiting",
			"payment.seen", "order.seen", "payment.confirmed", "order.paid", "order.completed")
	})
	t.Run("a part that was final", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		first := k.confirmed(o, "tx", 60, at(time.Minute))
		k.block(north, at(time.Minute), first)
		k.block(north, at(2*time.Minute), again(first, order.RankReversed, 0))
		k.wantState(o, order.Waiting)
		want(k, "balances", len(k.balances()), 0)
		k.block(north, at(3*time.Minute), again(first, order.RankConfirmed, 0)) // of the block that is gone
		k.wantState(o, order.Waiting)
	})
	t.Run("after the order was completed", func(t *testing.T) { // case 15
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		first := k.confirmed(o, "tx", 100, at(time.Minute))
		k.block(north, at(time.Minute), first)
		k.block(north, at(2*time.Minute), again(first, order.RankReversed, 0))
		k.wantState(o, order.Completed)
		want(k, "missing", k.share(o, ledger.Short), "-100")
		want(k, "passed on", k.share(o, ledger.Merchant), "100")
		want(k, "paid in", k.balance(engine.Sandbox, northPayer, northUSDT), "0")
		aside, err := k.engine.Aside(context.Background(), engine.Sandbox, "", 10)
		k.must(err)
		want(k, "orders with money aside", len(aside), 1)

		mined := again(k.seen(o, "tx", 100, at(3*time.Minute)), order.RankSeen, 1)
		k.block(north, at(3*time.Minute), mined)
		want(k, "still missing", k.share(o, ledger.Short), "-100")
		k.block(north, at(4*time.Minute), again(mined, order.RankConfirmed, 1))
		want(k, "missing once it is mined again", k.share(o, ledger.Short), "0")
		want(k, "credited once", k.balance(engine.Sandbox, shopFunds, northUSDT), "100")
		want(k, "paid in once", k.balance(engine.Sandbox, northPayer, northUSDT), "-100")
	})
	t.Run("moved into another block, with less", func(t *testing.T) {
		k := newKit(t)
		o := k.order(k.ask(shop, north))
		first := k.confirmed(o, "tx", 100, at(time.Minute))
		k.block(north, at(time.Minute), first)
		moved := again(k.confirmed(o, "tx", 90, at(2*time.Minute)), order.RankConfirmed, 1)
		k.block(north, at(2*time.Minute), moved)
		k.wantState(o, order.Completed)
		want(k, "missing", k.share(o, ledger.Short), "-10")
		want(k, "received", k.now(o).Received().Units(), "90")
		k.block(north, at(3*time.Minute), k.confirmed(o, "tx2", 15, at(3*time.Minute))) // any counted money repays it
		want(k, "missing", k.share(o, ledger.Short), "0")
		want(k, "set aside", k.share(o, ledger.Extra), "5")
	})
}

// Confirmations count live until the payment closes its order, then stand still; a reorganisation sets them
// in motion again.
func TestConfirmations(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	count := func() uint64 { k.Helper(); now := k.now(o); return now.Confirmations(now.Payments[0]) }
	first := k.seen(o, "tx", 100, at(time.Minute))
	for i := range uint64(3) {
		k.block(north, at(time.Duration(i+1)*time.Minute), map[bool][]rail.Observation{true: {first}}[i == 0]...)
		want(k, "confirmations while seen", count(), i+1)
	}
	k.block(north, at(4*time.Minute), again(first, order.RankConfirmed, 0))
	want(k, "confirmations when it closed the order", count(), 4)
	events := k.story(o).Events
	want(k, "confirmations in the first event", events[1].Facts.Confirmations, 1)
	want(k, "confirmations in the last event", events[3].Facts.Confirmations, 4)
	for i := range 20 {
		k.block(north, at(time.Duration(5+i)*time.Minute))
	}
	want(k, "confirmations later", count(), 4)

	k.block(north, at(30*time.Minute), again(first, order.RankReversed, 0))
	want(k, "confirmations of money taken back", count(), 0)
	mined := again(k.seen(o, "tx", 100, at(31*time.Minute)), order.RankSeen, 1)
	k.block(north, at(31*time.Minute), mined)
	want(k, "confirmations in the new block", count(), 1)
	k.block(north, at(32*time.Minute))
	want(k, "confirmations in the new block", count(), 2)
	k.block(north, at(33*time.Minute), again(mined, order.RankConfirmed, 1))
	k.block(north, at(34*time.Minute))
	want(k, "confirmations, closed again", count(), 3)

	// A list counts as a single order does.
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	want(k, "confirmations in a list", page.Orders[0].Confirmations(page.Orders[0].Payments[0]), 3)
	live := k.order(k.ask(shop, north))
	k.block(north, at(35*time.Minute), k.seen(live, "tx2", 50, at(35*time.Minute)))
	k.block(north, at(36*time.Minute))
	page, err = k.engine.Orders(context.Background(), engine.Filter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	want(k, "live confirmations in a list", page.Orders[1].Confirmations(page.Orders[1].Payments[0]), 2)
	cancelled, err := k.engine.Cancel(context.Background(), live.ID, order.ByOperator, "op", "")
	k.must(err)
	want(k, "confirmations in a command's answer", cancelled.Confirmations(cancelled.Payments[0]), 2)
}

// Two payments, the end of time and a cancel at the same moment: one end, and books that fit it. // case 39
func TestObserveRace(t *testing.T) {
	k := newKit(t)
	for round := range 8 {
		o := k.order(k.ask(shop, north))
		by := o.Terms.Deadline.Add(time.Second)
		k.clock.set(by)
		k.block(north, by)
		half := []rail.Observation{k.confirmed(o, "tx1 "+strconv.Itoa(round), 50, o.CreatedAt.Add(time.Minute)), k.confirmed(o, "tx2 "+strconv.Itoa(round), 50, o.CreatedAt.Add(time.Minute))}
		errs := storetest.AtOnce(4, func(i int) error {
			switch i {
			case 0, 1:
				return k.tell(north, 1, by, half[i])
			case 2:
				_, err := k.engine.Tick(context.Background(), north.Mode, north.Rail, by)
				return err
			default:
				_, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "op", "")
				if fault.Is(err, fault.CodeOrderStateConflict) {
					return nil // it had ended before
				}
				return err
			}
		})
		for _, err := range errs {
			k.must(err)
		}
		now := k.now(o)
		if !now.State.Terminal() {
			k.Errorf("it is %s", now.State)
		}
		share := map[bool]ledger.Role{true: ledger.Merchant, false: ledger.Extra}[now.State == order.Completed]
		want(k, string(now.State)+": its money", k.share(o, share), "100")
		k.clock.set(now.Terms.ConfirmBy.Add(engine.Rest + time.Hour))
		k.block(north, k.clock.now())
	}
}
