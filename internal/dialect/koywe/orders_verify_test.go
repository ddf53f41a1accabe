package koywe

import (
	"context"
	"testing"

	"till/internal/order"
	"till/internal/verify"
)

// The books hold after a life of each type: postings, balances, orders and counters agree, also where an order of one
// merchant pays into another's balance. Money comes in by orders alone.
func TestBooksHold(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.housePool(1)
	for range 6 {
		in := k.create(payIn)
		k.pay(in.ID, "paid "+in.ID, order.RankConfirmed, amount("1000", "MXN"))
	}
	k.create(interMerchant)
	k.create(balanceTransfer)
	out := k.create(payOut)
	k.deliver(out.ID, order.Delivered)
	k.outcome(k.record(out.ID), k.record(out.ID).Transfers[0].ID, order.ReturnedBack)
	ramp := k.create(onRamp)
	k.deliver(ramp.ID, order.Delivered)
	k.create(offRamp)
	cancelled := k.create(payOut)
	k.post(shopKey, m("/orders/"+cancelled.ID+"/cancel"), "")
	k.must(k.store.Audit(context.Background(), func(r verify.Reader) error {
		report, err := verify.Run(r, verify.Options{})
		if err != nil {
			return err
		}
		for _, f := range report.Problems {
			t.Errorf("%+v", f)
		}
		return nil
	}))
	if got := k.balance("branch", "MXN"); got != "1000.00" {
		t.Errorf("the other merchant has %s", got)
	}
}
