package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
)

func TestRecordedRefunds(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	o := k.choose(k.order(k.link()), "CARD")
	k.pays(o, "p", 1000, "")
	refund := func(id, key string, cents int64) error {
		_, err := k.engine.Refund(ctx, engine.NewRefund{
			OrderID: o.ID, ID: id, Amount: units(eur, cents), From: ledger.Merchant, Actor: order.ByMerchant,
			Record: engine.RefundRecord{Key: key, Doc: json.RawMessage(`{"why":"` + id + `"}`)},
		})
		return err
	}
	k.must(refund("first", "a", 300))
	k.clock.set(at(time.Second))
	k.must(refund("second", "", 100))
	k.unchanged("a key that another refund has", func() {
		err := refund("third", "a", 100)
		k.wantCode(err, fault.CodeDuplicateReference)
		if f, _ := fault.As(err); f.Details["existing"] != "first" {
			t.Errorf("it is %v's", f.Details)
		}
	})

	page, err := k.engine.Refunds(ctx, engine.RefundFilter{Scope: shop, Page: 1, Limit: 1})
	k.must(err)
	want(k, "refunds", page.Total, 2)
	want(k, "the newest", page.Refunds[0].ID, "second")
	page, err = k.engine.Refunds(ctx, engine.RefundFilter{Scope: shop, OrderID: "another", Page: 1, Limit: 1})
	k.must(err)
	want(k, "another order's", page.Total, 0)

	for _, find := range []func(engine.Scope) (engine.RecordedRefund, error){
		func(s engine.Scope) (engine.RecordedRefund, error) { return k.engine.RefundByID(ctx, s, "first") },
		func(s engine.Scope) (engine.RecordedRefund, error) { return k.engine.RefundByKey(ctx, s, "a") },
	} {
		r, err := find(shop)
		k.must(err)
		want(k, "its document", string(r.Doc()), `{"why":"first"}`)
		want(k, "its amount", r.Transfer().Amount.Decimal(), "3.00")
		want(k, "its state", r.Transfer().State, order.TransferReserved)
		_, err = find(other)
		k.wantCode(err, fault.CodeNotFound)
	}
}

func TestQuoteOfALifeOfItsOwn(t *testing.T) {
	k := exchanging(t)
	q, err := k.engine.MakeQuote(context.Background(), engine.NewQuote{ID: k.unique("q"), Scope: shop, Ask: eurIn(100_00), OrderKind: "swap", Life: time.Hour})
	k.must(err)
	want(k, "end", q.Ends, start.Add(time.Hour))
}

func TestSpendingIsTheScopesOwn(t *testing.T) {
	s := shop.Spending()
	if s == shop || s == shop.Arrivals() || s.Owner() != shop || s.API() != shop.Dialect || s.Spending() != s {
		t.Errorf("%+v spends as %+v", shop, s)
	}
}
