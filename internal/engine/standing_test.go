package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
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

func (k *kit) bind(s engine.Scope, reference string) engine.Bound {
	k.Helper()
	b, err := k.engine.Bind(context.Background(), engine.NewStanding{Scope: s, Reference: reference, Prefix: "dep_", Family: engine.EVM})
	k.must(err)
	return b
}

func (k *kit) unbind(s engine.Scope, reference string) {
	k.Helper()
	_, _, err := k.engine.Unbind(context.Background(), engine.Unbinding{Scope: s, Reference: reference})
	k.must(err)
}

func (k *kit) standing(s engine.Scope, reference string) *engine.Standing {
	k.Helper()
	st, err := k.engine.Standing(context.Background(), s, reference)
	k.must(err)
	return st
}

// arrivals are the orders of a standing instruction, the oldest first.
func (k *kit) arrivals(b engine.Bound) []engine.Order {
	k.Helper()
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: b.Standing.Scope.Arrivals(), Standing: b.Standing.ID, Page: 1, Limit: 100})
	k.must(err)
	want(k, "total of a page with all", page.Total, int64(len(page.Orders)))
	return page.Orders
}

// arrival is the only order of a standing instruction.
func (k *kit) arrival(b engine.Bound) *engine.Order {
	k.Helper()
	list := k.arrivals(b)
	if len(list) != 1 {
		k.Fatalf("%d orders, want one", len(list))
	}
	return &list[0]
}

func (k *kit) strays() int {
	k.Helper()
	list, err := k.engine.Strays(context.Background(), order.PaymentKey{}, 100)
	k.must(err)
	return len(list)
}

// auditStandings holds that every standing instruction counts its completed orders and holds what it says it binds.
func (k *kit) auditStandings() {
	k.Helper()
	n, sums, holds := map[string]int64{}, map[string]string{}, map[string]string{}
	total := map[string]money.Amount{}
	k.rows(`SELECT standing_id, body FROM orders WHERE standing_id IS NOT NULL ORDER BY id`, nil, func(c []string) {
		var o engine.Order
		k.must(json.Unmarshal([]byte(c[1]), &o))
		if o.State != order.Completed {
			return
		}
		n[c[0]]++
		key := c[0] + " " + o.Terms.Due.Asset().String()
		if was, ok := total[key]; ok {
			total[key] = was.Add(o.Terms.Due)
		} else {
			total[key] = o.Terms.Due
		}
		sums[key] = total[key].Units()
	})
	k.rows(`SELECT h.order_id, i.family, i.value FROM holds h JOIN instruments i ON i.number = h.number
		WHERE h.to_at = 0 AND h.order_id LIKE 'std_%' ORDER BY i.value`, nil, func(c []string) {
		holds[c[0]+" "+c[1]] += c[2] + " "
	})
	k.rows(`SELECT id, body FROM standings`, nil, func(c []string) {
		var st engine.Standing
		k.must(json.Unmarshal([]byte(c[1]), &st))
		if st.Arrivals != n[st.ID] {
			k.Errorf("%s says %d arrivals, and %d were completed", st.Reference, st.Arrivals, n[st.ID])
		}
		for _, sum := range st.Totals {
			key := st.ID + " " + sum.Asset().String()
			if sums[key] != sum.Units() {
				k.Errorf("%s says %s, its orders %s", st.Reference, sum, sums[key])
			}
			delete(sums, key)
		}
		for _, b := range st.Bindings {
			key := st.ID + " " + string(b.Instrument.Family)
			if holds[key] != b.Instrument.Value+" " {
				k.Errorf("%s binds %s and holds %q", st.Reference, b.Instrument.Value, holds[key])
			}
			delete(holds, key)
		}
	})
	if len(sums) > 0 || len(holds) > 0 {
		k.Errorf("sums %v and holds %v that no standing instruction knows", sums, holds)
	}
}

// Each payment to a bound address, on every network of its family and in every token, is an order of its own, booked
// as any other; orders that were asked for do not see them.
func TestStanding(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	b := k.bind(shop, "Anna")
	to := b.Binding.Instrument.Value
	want(k, "binding", b.Binding.N, 1)
	want(k, "bound at", b.Binding.At, start)

	k.clock.set(at(time.Minute))
	seen := k.word(north, order.RankSeen, "t1", to, units(northUSDT, 70), at(time.Minute))
	k.block(north, at(time.Minute), seen, k.word(north, order.RankConfirmed, "t2", to, units(northUSDC, 5), at(time.Minute)))
	first := k.arrivals(b)[0]
	want(k, "state", first.State, order.Seen)
	want(k, "due", first.Terms.Due.Units(), "70")
	want(k, "booked while seen", k.balance(engine.Sandbox, shopFunds, northUSDT), "0")
	k.clock.set(at(2 * time.Minute))
	k.block(north, at(2*time.Minute), again(seen, order.RankConfirmed, 0))
	k.clock.set(at(3 * time.Minute))
	k.block(south, at(3*time.Minute), k.word(south, order.RankConfirmed, "t1", to, units(southUSDT, 9), at(3*time.Minute)))

	list := k.arrivals(b)
	want(k, "orders", len(list), 3)
	ids := map[string]bool{}
	for i, due := range []money.Amount{units(northUSDT, 70), units(northUSDC, 5), units(southUSDT, 9)} {
		o := &list[i]
		want(k, "state", o.State, order.Completed)
		want(k, "due", o.Terms.Due.Units(), due.Units())
		want(k, "asset", o.Terms.Due.Asset(), due.Asset())
		want(k, "scope", o.Scope, shop.Arrivals())
		want(k, "reference", o.Reference, "Anna")
		want(k, "paid to", o.Instrument.Value, to)
		if !strings.HasPrefix(o.PublicID, "dep_") || len(o.PublicID) != 30 || ids[o.PublicID] {
			t.Errorf("public id %q", o.PublicID)
		}
		ids[o.PublicID] = true
		want(k, "earned", k.share(o, ledger.Merchant), due.Units())
	}
	want(k, "network", list[2].Network, "south")
	want(k, "made", list[2].CreatedAt, at(3*time.Minute))
	wantList(k, "events", k.events(&list[0]), "order.created", "payment.seen", "order.seen", "payment.confirmed", "order.paid", "order.completed")
	wantList(k, "events", k.events(&list[1]), "order.created", "payment.confirmed", "order.paid", "order.completed")

	st := k.standing(shop, "Anna")
	want(k, "arrivals", st.Arrivals, 3)
	want(k, "last", st.LastAt, at(3*time.Minute))
	wantList(k, "totals", decimals(st.Totals), "0.000005 USDC", "0.000070 USDT", "0.000000000000000009 USDT")

	// They are counted, numbered and found apart.
	page, err := k.engine.Orders(ctx, engine.Filter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	want(k, "orders that were asked for", page.Total, 0)
	page, err = k.engine.Orders(ctx, engine.Filter{Scope: shop.Arrivals(), Page: 1, Limit: 10})
	k.must(err)
	want(k, "arrivals", page.Total, 3)
	_, err = k.engine.Order(ctx, shop, list[0].PublicID)
	k.wantCode(err, fault.CodeNotFound)
	found, err := k.engine.SearchOrders(ctx, engine.OrderSearch{Dialect: "one", Limit: 10}, "")
	k.must(err)
	want(k, "operators find them with the API's orders", len(found), 3)
}

func decimals(list []money.Amount) (texts []string) {
	for _, a := range list {
		texts = append(texts, a.Decimal()+" "+a.Asset().Code())
	}
	return texts
}

// What happens to an arrival is told to the endpoints of the API that bound the address.
func TestArrivalIsTold(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.must(k.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "e", Scope: shop, Enabled: true}))
	k.must(k.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "other", Scope: shopTwo, Enabled: true}))
	b := k.bind(shop, "Anna")
	k.block(north, at(time.Minute), k.word(north, order.RankConfirmed, "t1", b.Binding.Instrument.Value, units(northUSDT, 70), at(time.Minute)))
	untold, err := k.engine.Untold(ctx, []string{"one"}, 10)
	k.must(err)
	var told []string
	for _, u := range untold {
		want(k, "endpoints", len(u.Endpoints), 1)
		want(k, "endpoint", u.Endpoints[0].ID, "e")
		want(k, "has an order", u.Order != nil, u.Event.OrderID != "")
		told = append(told, u.Event.Type)
	}
	wantList(k, "told", told, "standing.bound", "order.created", "payment.confirmed", "order.paid", "order.completed")
	none, err := k.engine.Untold(ctx, []string{"two"}, 10)
	k.must(err)
	want(k, "told by another API", len(none), 0)
}

// Repeated and disordered words about an arrival make one order, also over a restart.
func TestArrivalRepeated(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	seen := k.word(north, order.RankSeen, "t1", b.Binding.Instrument.Value, units(northUSDT, 70), at(time.Minute))
	confirmed := again(seen, order.RankConfirmed, 0)
	k.block(north, at(time.Minute), confirmed, seen, confirmed)
	k.reopen()
	k.block(north, at(2*time.Minute), seen, confirmed, again(seen, order.RankFailed, 0))
	o := k.arrival(b)
	want(k, "state", o.State, order.Completed)
	want(k, "earned", k.balance(engine.Sandbox, shopFunds, northUSDT), "70")
	want(k, "arrivals", k.standing(shop, "Anna").Arrivals, 1)
}

// What is due follows the payment until it is final. Reversed before that, the order waits; mined again it completes;
// reversed afterwards it stays completed, and what is missing is a shortfall.
func TestArrivalReorganised(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	seen := k.word(north, order.RankSeen, "t1", b.Binding.Instrument.Value, units(northUSDT, 70), at(time.Minute))
	k.block(north, at(time.Minute), seen)
	o := k.arrival(b)
	k.block(north, at(2*time.Minute), again(seen, order.RankReversed, 0))
	k.wantState(o, order.Waiting)
	k.pass(north, at(100*24*time.Hour)) // it has no deadline
	k.wantState(o, order.Waiting)

	other := again(seen, order.RankSeen, 1)
	other.Amount = units(northUSDT, 60)
	k.block(north, at(100*24*time.Hour+time.Minute), other)
	want(k, "due", k.now(o).Terms.Due.Units(), "60")
	k.block(north, at(100*24*time.Hour+2*time.Minute), again(other, order.RankConfirmed, 1))
	k.wantState(o, order.Completed)
	want(k, "earned", k.balance(engine.Sandbox, shopFunds, northUSDT), "60")
	want(k, "arrivals", k.standing(shop, "Anna").Arrivals, 1)

	k.block(north, at(100*24*time.Hour+3*time.Minute), again(other, order.RankReversed, 2))
	k.wantState(o, order.Completed)
	want(k, "short", k.share(o, ledger.Short), "-60")
	want(k, "arrivals", k.standing(shop, "Anna").Arrivals, 1)
	want(k, "orders", len(k.arrivals(b)), 1)
}

// A word that takes a payment back before anything else was told of it ends as the other way round.
func TestArrivalReversedFirst(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	seen := k.word(north, order.RankSeen, "t1", b.Binding.Instrument.Value, units(northUSDT, 70), at(time.Minute))
	k.block(north, at(time.Minute), again(seen, order.RankReversed, 0), seen)
	o := k.arrival(b)
	want(k, "state", o.State, order.Waiting)
	_, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "op", "gone")
	k.must(err)
	k.wantState(o, order.Cancelled)
	want(k, "arrivals", k.standing(shop, "Anna").Arrivals, 0)
}

// The end of a binding: what was sent before counts however late it is told, what is sent afterwards is nobody's and
// keeps the address from being handed out; it rests, and then serves another. // case 30
func TestUnbind(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	b := k.bind(shop, "Anna")
	to := b.Binding.Instrument.Value
	k.pass(north, at(10*time.Minute))
	k.pass(south, at(9*time.Minute))
	st, ended, err := k.engine.Unbind(ctx, engine.Unbinding{Scope: shop, Reference: "Anna"})
	k.must(err)
	want(k, "ended", len(ended), 1)
	want(k, "left", len(st.Bindings), 0)
	_, _, err = k.engine.Unbind(ctx, engine.Unbinding{Scope: shop, Reference: "Anna"})
	k.wantCode(err, fault.CodeNotFound)

	k.block(south, at(11*time.Minute), k.word(south, order.RankConfirmed, "in time", to, units(southUSDT, 9), at(9*time.Minute+30*time.Second)))
	want(k, "orders", len(k.arrivals(b)), 1)
	k.block(north, at(12*time.Minute), k.word(north, order.RankConfirmed, "late", to, units(northUSDT, 9), at(10*time.Minute+time.Second)))
	want(k, "orders", len(k.arrivals(b)), 1)
	want(k, "strays", k.strays(), 1)
	want(k, "set aside", k.balance(engine.Sandbox, shopStray, northUSDT), "9")
	row, err := k.engine.Instrument(ctx, pool(shop), to)
	k.must(err)
	want(k, "state", row.State, engine.InstrumentQuarantined)
	want(k, "arrivals", k.standing(shop, "Anna").Arrivals, 1)
}

// The address of an ended binding serves an order after its rest and not before, and money for the order is the
// order's. The rails' clocks may stand apart when the sandbox's clock ends the rest. // invariant I8
func TestUnboundAddressServesAnOrder(t *testing.T) {
	k := newKit(t)
	k.block(south, at(5*time.Minute)) // ahead of the others
	bound := map[string]bool{}
	var last engine.Bound
	for i := range 8 {
		last = k.bind(shop, strconv.Itoa(i))
		bound[last.Binding.Instrument.Value] = true
	}
	want(k, "addresses", len(bound), 8)
	_, err := k.engine.Create(context.Background(), k.ask(shop, north))
	k.wantCode(err, fault.CodeNoAddress)
	k.unbind(shop, "7")
	_, err = k.engine.Create(context.Background(), k.ask(shop, north))
	k.wantCode(err, fault.CodeNoAddress)

	_, err = k.engine.MoveClock(context.Background(), engine.Sandbox, engine.Rest)
	k.must(err)
	k.sweep()
	o := k.order(k.ask(shop, north))
	want(k, "address", o.Instrument.Value, last.Binding.Instrument.Value)
	k.block(north, at(6*time.Minute), k.confirmed(o, "t1", 100, at(6*time.Minute)))
	k.wantState(o, order.Completed)
	want(k, "arrivals", len(k.arrivals(last)), 0)
	k.rows(`SELECT a.number FROM holds a JOIN holds b ON a.number = b.number AND a.rail = b.rail AND a.order_id <> b.order_id
		WHERE a.from_at <= b.from_at AND (a.to_at = 0 OR a.to_at > b.from_at)`, nil, func(c []string) { t.Errorf("two owners of %s at a time", c[0]) })
}

// Orders and bindings at once: an address is never both's. // invariant I8
func TestOrdersAndBindingsShareNoAddress(t *testing.T) {
	k := newKit(t)
	asked := make([]engine.NewOrder, 16)
	for i := range asked {
		asked[i] = k.ask(shop, north)
	}
	got := storetest.AtOnce(16, func(i int) string {
		if i%2 == 0 {
			b, err := k.engine.Bind(context.Background(), engine.NewStanding{Scope: shop, Reference: strconv.Itoa(i), Family: engine.EVM})
			if err != nil {
				return ""
			}
			return b.Binding.Instrument.Value
		}
		made, err := k.engine.Create(context.Background(), asked[i])
		if err != nil {
			return ""
		}
		return made.Order.Instrument.Value
	})
	seen, served := map[string]bool{}, 0
	for _, value := range got {
		if value == "" {
			continue
		}
		served++
		if seen[value] {
			t.Errorf("%s serves two", value)
		}
		seen[value] = true
	}
	want(k, "served", served, 8)
}

// A reference binds once; asked again it is refused or answered with what there is, as the caller wants it. Many at
// once make one binding. Another scope's reference is another.
func TestBindAgain(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	ask := engine.NewStanding{Scope: shop, Reference: "Anna", Prefix: "dep_", Family: engine.EVM, Doc: json.RawMessage(`{"a":1}`), Again: true}
	values := storetest.AtOnce(16, func(int) string {
		b, err := k.engine.Bind(ctx, ask)
		if err != nil {
			return err.Error()
		}
		return b.Binding.Instrument.Value
	})
	for _, v := range values {
		want(k, "address", v, values[0])
	}
	ask.Again = false
	_, err := k.engine.Bind(ctx, ask)
	k.wantCode(err, fault.CodeDuplicateStanding)
	for _, s := range []engine.Scope{shopTwo, other, shopLive} {
		if k.bind(s, "Anna").Binding.Instrument.Value == values[0] {
			t.Errorf("%v has the same address", s)
		}
	}
	_, _, err = k.engine.Unbind(ctx, engine.Unbinding{Scope: shopTwo, Family: engine.EVM, Value: values[0]})
	k.wantCode(err, fault.CodeNotFound)
	_, ended, err := k.engine.Unbind(ctx, engine.Unbinding{Scope: shop, Family: engine.EVM, Value: values[0]})
	k.must(err)
	want(k, "ended", len(ended), 1)
	b, err := k.engine.Bind(ctx, ask)
	k.must(err)
	want(k, "second binding", b.Binding.N, 2)
	want(k, "one record", b.Standing.Number, 1)

	// Each binding and each end is told, with a number of its own.
	events, err := k.engine.SearchEvents(ctx, engine.EventSearch{Merchant: "shop", Mode: engine.Sandbox, Dialect: "one", Limit: 10}, "")
	k.must(err)
	var told []string
	for _, ev := range events {
		told = append(told, ev.Type+" "+ev.Facts.Details["reference"]+" "+ev.Facts.Details["binding"])
	}
	wantList(k, "told", told, "standing.bound Anna 2", "standing.unbound Anna 1", "standing.bound Anna 1")

	// An idempotency key gives the first answer again.
	ask.Reference = "Bob"
	ask.Repeatable = engine.Repeatable[engine.Bound]{
		Once:   &engine.Once{Key: engine.AnswerKey{Scope: "s", Key: "k"}, Hash: "h"},
		Answer: func(b engine.Bound) (int, []byte) { return 201, []byte(b.Binding.Instrument.Value) },
	}
	first, err := k.engine.Bind(ctx, ask)
	k.must(err)
	second, err := k.engine.Bind(ctx, ask)
	k.must(err)
	if second.Replay == nil || string(second.Replay.Body) != first.Binding.Instrument.Value {
		t.Errorf("replay %+v", second.Replay)
	}
}

// What cannot be bound leaves no trace.
func TestBindRefused(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.unchanged("a family that nobody watches", func() {
		_, err := k.engine.Bind(ctx, engine.NewStanding{Scope: shop, Reference: "Anna", Family: "moon"})
		k.wantCode(err, fault.CodeNotConfigured)
	})
	k.unchanged("an empty pool", func() {
		_, err := k.engine.Bind(ctx, engine.NewStanding{Scope: engine.Scope{Merchant: "poor", Mode: engine.Sandbox, Dialect: "one"}, Reference: "Anna", Family: engine.EVM})
		k.wantCode(err, fault.CodeNoAddress)
	})
	_, err := k.engine.Standing(ctx, shop, "Anna")
	k.wantCode(err, fault.CodeNotFound)
}

// Money of another mode, of a token nobody configured, and nothing at all make no order. // case 18 // case 22
func TestArrivalsThatAreNone(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	to := b.Binding.Instrument.Value
	fake := money.MustAsset("USDT", "north-fake", 6)
	k.block(north, at(time.Minute),
		k.word(north, order.RankConfirmed, "fake", to, units(fake, 5), at(time.Minute)),
		k.word(north, order.RankConfirmed, "nothing", to, units(northUSDT, 0), at(time.Minute)))
	k.block(mainnet, at(time.Minute), k.word(mainnet, order.RankConfirmed, "other mode", to, units(mainUSDT, 5), at(time.Minute)))
	want(k, "orders", len(k.arrivals(b)), 0)
	want(k, "strays", k.strays(), 2)
	k.block(north, at(2*time.Minute), k.word(north, order.RankConfirmed, "nothing", to, units(northUSDT, 3), at(2*time.Minute)))
	want(k, "orders", len(k.arrivals(b)), 1)
}

// Dust has no bound and no growing price: the thousandth arrival costs the statements of the tenth.
func TestArrivalsCostTheSame(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	cost := func(from, to int) int64 {
		was := k.store.Stats()
		for n := from; n < to; n++ {
			k.block(north, at(time.Duration(n)*time.Second), k.word(north, order.RankConfirmed, strconv.Itoa(n), b.Binding.Instrument.Value, units(northUSDT, 1), at(time.Duration(n)*time.Second)))
		}
		return k.store.Stats().Statements - was.Statements
	}
	cost(1, 10)
	early := cost(10, 20)
	cost(20, 300)
	want(k, "statements of ten late arrivals", cost(300, 310), early)
	st := k.standing(shop, "Anna")
	want(k, "arrivals", st.Arrivals, 309)
	wantList(k, "totals", decimals(st.Totals), "0.000309 USDT")
}

// Several arrivals in one report are several orders; money that a custodian holds is owed to the merchant.
func TestArrivalsInOneReport(t *testing.T) {
	k := newKit(t)
	b := k.bind(shop, "Anna")
	held := north
	held.Custodial = true
	var seen []rail.Observation
	for i := range 5 {
		seen = append(seen, k.word(held, order.RankConfirmed, strconv.Itoa(i), b.Binding.Instrument.Value, units(northUSDT, 2), at(time.Minute)))
	}
	k.block(held, at(time.Minute), seen...)
	want(k, "orders", len(k.arrivals(b)), 5)
	want(k, "owed", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), northUSDT), "10")
}

// Lists of standing instructions: all with an exact total, those that hold something, those that are searched for.
func TestStandings(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	for _, reference := range []string{"Anna", "Bob", "anna_2", "C%"} {
		k.bind(shop, reference)
	}
	k.bind(other, "Anna")
	k.unbind(shop, "Bob")
	list := func(f engine.StandingFilter) string {
		f.Scope = shop
		if f.Page == 0 {
			f.Page, f.Limit = 1, 10
		}
		page, err := k.engine.Standings(ctx, f)
		k.must(err)
		text := fmt.Sprint(page.Total)
		for _, st := range page.Standings {
			text += " " + st.Reference
		}
		return text
	}
	want(k, "all", list(engine.StandingFilter{}), "4 C% anna_2 Bob Anna")
	want(k, "second page", list(engine.StandingFilter{Page: 2, Limit: 3}), "4 Anna")
	want(k, "third page", list(engine.StandingFilter{Page: 3, Limit: 3}), "4")
	want(k, "bound", list(engine.StandingFilter{Bound: true}), "3 C% anna_2 Anna")
	want(k, "bound, second page", list(engine.StandingFilter{Bound: true, Page: 2, Limit: 2}), "3 Anna")
	want(k, "search", list(engine.StandingFilter{Search: "NA_"}), "1 anna_2")
	want(k, "search with a percent", list(engine.StandingFilter{Search: "%"}), "1 C%")
	want(k, "search of bound ones", list(engine.StandingFilter{Search: "b", Bound: true}), "0")
	_, err := k.engine.Standings(ctx, engine.StandingFilter{Scope: shop})
	k.wantCode(err, fault.CodeInvalidPage)
}

// Where a network makes references a standing instruction has one of its own, for the one asset it takes: each payment
// there is an order that credits what the house owes the merchant.
func TestStandingReferenceIsMade(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	ask := engine.NewStanding{Scope: shop, Reference: "va", Prefix: "inc_", Kind: "income", Family: bank.Family, Only: eur, Again: true}
	b, err := k.engine.Bind(ctx, ask)
	k.must(err)
	to := b.Binding.Instrument.Value
	if !strings.HasPrefix(to, bank.Prefix) || len(to) < len(bank.Prefix)+20 {
		t.Errorf("made %q", to)
	}
	again, err := k.engine.Bind(ctx, ask)
	k.must(err)
	want(k, "asked for again", again.Binding.Instrument.Value, to)
	ask.Scope = other
	theirs, err := k.engine.Bind(ctx, ask)
	k.must(err)
	if theirs.Binding.Instrument.Value == to {
		t.Error("two merchants have one reference")
	}

	k.block(bank, at(time.Minute), k.word(bank, order.RankSeen, "p1", to, units(eur, 500), at(time.Minute)))
	o := k.arrival(b)
	k.wantState(o, order.Seen)
	want(k, "kind", o.Kind, "income")
	k.block(bank, at(time.Minute), k.word(bank, order.RankConfirmed, "p1", to, units(eur, 500), at(time.Minute)),
		k.word(bank, order.RankConfirmed, "p2", to, units(eur, 70), at(time.Minute)), k.word(bank, order.RankConfirmed, "p3", to, units(cop, 9), at(time.Minute)))
	want(k, "arrivals", len(k.arrivals(b)), 2)
	for _, o := range k.arrivals(b) {
		k.wantState(&o, order.Completed)
	}
	want(k, "owed to the merchant", k.balance(engine.Sandbox, ledger.Owed("shop").Account(ledger.Merchant), eur), "570")
	want(k, "money of nobody", k.strays(), 1)

	one, err := k.engine.Bind(ctx, engine.NewStanding{Scope: shop, Reference: "one token", Family: engine.EVM, Only: northUSDT})
	k.must(err)
	for i, asset := range []money.Asset{northUSDT, northUSDC} {
		k.block(north, at(time.Minute), k.word(north, order.RankConfirmed, fmt.Sprint("t", i), one.Binding.Instrument.Value, units(asset, 5), at(time.Minute)))
	}
	want(k, "an arrival of its token", k.arrival(one).Terms.Due.Asset(), northUSDT)
	want(k, "money of nobody with that of another token", k.strays(), 2)

	k.unbind(shop, "va")
	k.clock.set(at(time.Hour))
	k.block(bank, at(time.Hour), k.word(bank, order.RankConfirmed, "p4", to, units(eur, 5), at(time.Hour)))
	want(k, "money that came afterwards", k.strays(), 3)
	k.reopen()
	ask.Scope = shop
	fresh, err := k.engine.Bind(ctx, ask)
	k.must(err)
	if fresh.Binding.Instrument.Value == to {
		t.Error("a reference serves again")
	}
}

// Virtual accounts of a bank are handed out before references are made, each to one standing instruction for ever. What
// was valued on the day before the binding is its own: a bank knows days, and its day begins elsewhere.
func TestStandingTakesVirtualAccount(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	k.pool(engine.Pool{Merchant: shop.Merchant, Mode: shop.Mode, Family: bank.Family}, "DE", 1)
	ask := func(reference string) engine.NewStanding {
		return engine.NewStanding{Scope: shop, Reference: reference, Prefix: "inc_", Kind: "income", Family: bank.Family, Only: eur}
	}
	first, err := k.engine.Bind(ctx, ask("Anna"))
	k.must(err)
	want(k, "the virtual account", first.Binding.Instrument.Value, "DE1")
	second, err := k.engine.Bind(ctx, ask("Berta"))
	k.must(err)
	if to := second.Binding.Instrument.Value; !strings.HasPrefix(to, bank.Prefix) {
		t.Errorf("without a virtual account %q is held", to)
	}
	midnight := start.Truncate(24 * time.Hour)
	k.block(bank, at(time.Minute), k.word(bank, order.RankConfirmed, "p1", "DE1", units(eur, 500), midnight))
	want(k, "arrivals", len(k.arrivals(first)), 1)

	k.unbind(shop, "Anna")
	k.clock.set(at(100 * time.Hour))
	third, err := k.engine.Bind(ctx, ask("Anna"))
	k.must(err)
	if third.Binding.Instrument.Value == "DE1" {
		t.Error("a virtual account serves again")
	}
}

// A network says what form its references have.
func TestReferenceOfANetwork(t *testing.T) {
	k := newKit(t)
	n := 0
	transfers := bank
	transfers.Prefix, transfers.Reference = "", func(random io.Reader) (string, error) {
		var b [1]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", err
		}
		n++
		return fmt.Sprintf("RF%d", n), nil
	}
	e := engine.New(k.store, []engine.Network{transfers}, nil).WithMethods(methods)
	ask := k.single("TRANSFER", nil)
	made, err := e.Create(context.Background(), ask)
	k.must(err)
	want(k, "of an order", made.Order.Instrument.Value, "RF1")
	bound, err := e.Bind(context.Background(), engine.NewStanding{Scope: shop, Reference: "va", Prefix: "inc_", Family: bank.Family, Only: eur})
	k.must(err)
	want(k, "of a standing instruction", bound.Binding.Instrument.Value, "RF2")

	dry := e.WithRandom(strings.NewReader(""))
	ask.PublicID = k.unique("ord")
	if _, err := dry.Create(context.Background(), ask); err == nil {
		t.Error("an order has a reference without randomness")
	}
}
