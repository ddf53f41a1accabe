package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
)

func TestCancelByOperator(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	seen := k.seen(o, "tx", 100, at(time.Minute))
	k.block(north, at(time.Minute), seen)
	k.clock.set(at(2 * time.Minute))
	was := k.dump()
	cancelled, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "ann", "asked for by the payer")
	k.must(err)
	want(k, "state", cancelled.State, order.Cancelled)
	want(k, "reason", cancelled.Reason, "asked for by the payer")
	want(k, "ended", cancelled.EndedAt, at(2*time.Minute))
	for _, table := range []string{"events", "holds", "instruments", "orders"} {
		if k.dump()[table] == was[table] {
			k.Errorf("%s did not change", table)
		}
	}
	wantList(k, "events", k.events(o), "order.created", "payment.seen", "order.seen", "order.cancelled")

	// Its address rests until money can no longer be meant for it.
	rows, err := k.engine.Instruments(context.Background(), pool(shop), "", 1)
	k.must(err)
	want(k, "the address", rows[0].State, engine.InstrumentResting)
	want(k, "rests until", rows[0].RestUntil, at(window+confirm+engine.Rest))

	// Money that was on its way is set aside, and nothing revives the order.
	k.block(north, at(3*time.Minute), again(seen, order.RankConfirmed, 0))
	k.wantState(o, order.Cancelled)
	want(k, "set aside", k.share(o, ledger.Extra), "100")
	k.unchanged("a second cancel", func() {
		_, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "ann", "again")
		k.wantCode(err, fault.CodeOrderStateConflict)
	})
}

func TestCancelByMerchant(t *testing.T) {
	tests := []struct {
		name  string
		may   bool
		money bool
		want  fault.Code
	}{
		{"the terms do not let him", false, false, fault.CodeOrderStateConflict},
		{"the terms let him", true, false, ""},
		{"the terms let him, and a payer's money is seen", true, true, fault.CodeOrderStateConflict},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			k := newKit(t)
			o := k.order(withTerms(k.ask(shop, north), func(t *order.Terms) { t.MerchantCancels = tc.may }))
			if tc.money {
				k.block(north, at(time.Minute), k.seen(o, "tx", 1, at(time.Minute)))
			}
			if tc.want == "" {
				_, err := k.engine.Cancel(context.Background(), o.ID, order.ByMerchant, "key", "")
				k.must(err)
				k.wantState(o, order.Cancelled)
				return
			}
			k.unchanged("a refused cancel", func() {
				_, err := k.engine.Cancel(context.Background(), o.ID, order.ByMerchant, "key", "")
				k.wantCode(err, tc.want)
			})
		})
	}
}

func TestCancelRefused(t *testing.T) {
	k := newKit(t)
	o := k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx", 100, at(time.Minute)))
	k.unchanged("a cancel of a completed order", func() {
		_, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "ann", "")
		k.wantCode(err, fault.CodeOrderStateConflict)
	})
	_, err := k.engine.Cancel(context.Background(), "none", order.ByOperator, "ann", "")
	k.wantCode(err, fault.CodeNotFound)
}
