package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// custodial asks for an order on a chain whose money the house will owe.
func (k *kit) custodial() engine.NewOrder {
	return withTerms(k.ask(shop, north), func(t *order.Terms) {
		t.Book, t.To = ledger.Owed("shop"), ledger.Owed("shop").Account(ledger.Merchant)
	})
}

func TestWhatTheHouseOwesIsPaidToTheHouse(t *testing.T) {
	k := newKit(t)
	_, err := k.engine.Create(context.Background(), k.custodial())
	k.wantCode(err, fault.CodeNoAddress) // never one of the merchant's own
	house := engine.HousePool(engine.Sandbox, engine.EVM)
	k.pool(house, "h", 1)
	o := k.order(k.custodial())
	want(k, "the address", o.Instrument.Value, "h1")
	own := k.order(k.ask(shop, north))
	want(k, "the merchant's own", own.Instrument.Value[:1], "a")
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	k.wantState(o, order.Completed)
	counts, err := k.engine.InstrumentCounts(context.Background(), house)
	k.must(err)
	want(k, "free addresses of the house", counts.Free, 0)

	// Late money is the order's, whose book it is.
	late := k.word(north, order.RankConfirmed, "late", "h1", units(northUSDT, 7), at(window+time.Minute))
	k.block(north, at(window+time.Minute), late)
	found := ""
	for _, b := range k.now(o).Balances {
		if b.Account == ledger.Owed("shop").Account(ledger.Late) || b.Account == ledger.Owed("shop").Account(ledger.Extra) {
			found = b.Amount.Units()
		}
	}
	want(k, "set aside", found, "7")

	// What comes to an address that no order had is the house's.
	k.pool(house, "x", 1)
	k.block(north, at(window+2*time.Minute), k.word(north, order.RankConfirmed, "stray", "x1", units(northUSDT, 9), at(window+2*time.Minute)))
	strays, err := k.engine.Strays(context.Background(), order.PaymentKey{}, 10)
	k.must(err)
	if len(strays) != 1 || strays[0].Merchant != "" || strays[0].Booked != ledger.House.Account(ledger.Stray) {
		t.Errorf("the strays are %+v", strays)
	}
}

// A refund of such an order goes out by the network it came from.
func TestRefundOfWhatTheHouseHolds(t *testing.T) {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 1)
	o := k.order(k.custodial())
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	_, err := k.engine.Refund(context.Background(), engine.NewRefund{OrderID: o.ID, ID: "r", Amount: units(northUSDT, 40), From: ledger.Merchant, Actor: order.ByMerchant})
	k.must(err)
	list, err := k.engine.InFlight(context.Background(), north.Rail, k.clock.now(), engine.Due{}, 10)
	k.must(err)
	if len(list) != 1 || list[0].ID != "r" {
		t.Fatalf("in flight on the chain: %+v", list)
	}
	k.must(k.engine.TransfersTold(context.Background(), north.Rail, []rail.Word{{ID: "r", Status: rail.StatusUnknown}}))
	want(k, "the refund that nobody can be asked about", k.now(o).Transfers[0].State, order.TransferUnknown)
	for _, later := range []time.Duration{0, engine.UnknownLook - time.Second, engine.UnknownLook} { // it is left alone for a day
		due, err := k.engine.InFlight(context.Background(), north.Rail, k.clock.now().Add(later), engine.Due{}, 10)
		k.must(err)
		want(k, "looks that are due after "+later.String(), len(due) == 1, later == engine.UnknownLook)
	}
	k.must(k.engine.TransfersTold(context.Background(), north.Rail, []rail.Word{{ID: "r", Status: rail.StatusDelivered, Ref: "0xabc"}, {ID: "nobody's", Status: rail.StatusDelivered}}))
	want(k, "the refund", k.now(o).Transfers[0].State, order.TransferConfirmed)
	want(k, "its transaction", k.now(o).Sendings["r"].Ref, "0xabc")
	k.wantCode(k.engine.TransfersTold(context.Background(), "evm:nowhere", nil), fault.CodeNotConfigured)
}

// Who pays something to an order that was paid already does not get what its payer paid.
func TestRefundGoesToWhoPaid(t *testing.T) {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 1)
	o := k.order(k.custodial())
	from := func(who, id string, n int64, value time.Time) rail.Observation {
		w := k.confirmed(o, id, n, value)
		w.Evidence.From = who
		return w
	}
	k.block(north, at(time.Minute), from("payer", "tx", 100, at(time.Minute)))
	k.block(north, at(2*time.Minute), from("other", "dust", 1, at(2*time.Minute)))
	k.block(north, at(48*time.Hour), from("latecomer", "late", 2, at(48*time.Hour)))
	for _, c := range []struct {
		from ledger.Role
		n    int64
		to   string
	}{{ledger.Merchant, 40, "payer"}, {ledger.Extra, 1, "other"}, {ledger.Late, 2, "latecomer"}} {
		_, err := k.engine.Refund(context.Background(), engine.NewRefund{
			OrderID: o.ID, ID: string(c.from), Amount: units(northUSDT, c.n), From: c.from, Actor: order.ByOperator, Who: "olga",
		})
		k.must(err)
		want(k, "who gets what is in "+string(c.from), k.now(o).Sendings[string(c.from)].To, c.to)
	}
}

// What several paid is not given to one of them: who asks says where it goes. What one of them paid too much, or later, is
// his.
func TestRefundOfWhatSeveralPaid(t *testing.T) {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 1)
	o := k.order(k.custodial())
	from := func(who, id string, n int64, minute int) rail.Observation {
		w := k.confirmed(o, id, n, at(time.Duration(minute)*time.Minute))
		w.Evidence.From = who
		return w
	}
	refund := func(id string, from ledger.Role, n int64, to engine.Destination) error {
		_, err := k.engine.Refund(context.Background(), engine.NewRefund{
			OrderID: o.ID, ID: id, Amount: units(northUSDT, n), From: from, To: to, Actor: order.ByOperator, Who: "olga",
		})
		return err
	}
	k.block(north, at(time.Minute), from("ana", "t1", 60, 1))
	k.clock.set(at(2 * time.Minute))
	k.block(north, at(2*time.Minute), from("bob", "t2", 70, 2))
	k.wantState(o, order.Completed)

	err := refund("both", ledger.Merchant, 100, engine.Destination{})
	k.wantCode(err, fault.CodeMissingField)
	if f, _ := fault.As(err); f.Param != "destination" {
		t.Errorf("the field is %q", f.Param)
	}
	k.must(refund("to ana", ledger.Merchant, 60, engine.Destination{Rail: north.Rail, To: "ana"}))
	k.must(refund("surplus", ledger.Extra, 10, engine.Destination{}))
	want(k, "who gets what was too much", k.now(o).Sendings["surplus"].To, "bob")

	k.clock.set(at(3 * time.Minute))
	k.block(north, at(3*time.Minute), from("cat", "t3", 5, 3))
	k.wantCode(refund("later", ledger.Extra, 5, engine.Destination{}), fault.CodeMissingField) // bob's surplus lay there too
	want(k, "transfers", len(k.now(o).Transfers), 2)
}

// Where there is no hot wallet nothing can be sent, and that is said before anything is taken in.
func TestReceiveOnly(t *testing.T) {
	k := newKit(t)
	only := north
	only.ReceiveOnly = true
	k.engine = engine.New(k.store, []engine.Network{only, bank}, nil)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 1)
	asked := withTerms(k.custodial(), func(t *order.Terms) {
		t.To, t.Instant, t.Sends = ledger.House.Account(ledger.PayeeOn(string(north.Rail))), false, 1
	})
	asked.Destination = engine.Destination{Rail: north.Rail, To: "0xpayee"}
	_, err := k.engine.Create(context.Background(), asked)
	k.wantCode(err, fault.CodeNotConfigured)

	o := k.order(k.custodial())
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	_, err = k.engine.Refund(context.Background(), engine.NewRefund{OrderID: o.ID, ID: "r", Amount: units(northUSDT, 40), From: ledger.Merchant, Actor: order.ByMerchant})
	k.wantCode(err, fault.CodeNotConfigured)
}
