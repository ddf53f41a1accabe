package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// dealOf asks for a deal that sends what shop's EUR buy to a wallet.
func (k *kit) dealOf(q *engine.Quote, prefix string) engine.NewDeal {
	return engine.NewDeal{
		ID: k.unique("del"), Quote: q.ID, Prefix: prefix, Doc: json.RawMessage(`{"deal":1}`),
		Order: engine.NewOrder{
			Scope: shop, PublicID: k.unique("ord"), Kind: "ramp", Words: []string{"account:1"}, Destination: engine.Destination{Rail: north.Rail, To: "wallet"},
			Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
				return order.Terms{
					Book: owed, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: ledger.House.Account(ledger.PayeeOn("evm:north")), FromBalance: true, Sends: 3,
				}, json.RawMessage(`{"order":1}`), nil
			},
		},
	}
}

// deals lets the open deals go on, as a worker does.
func (k *kit) deals() (made int) {
	k.Helper()
	open, _, err := k.engine.OpenDeals(context.Background(), engine.Sandbox, k.clock.now(), engine.Due{}, 10)
	k.must(err)
	for _, due := range open {
		o, err := k.engine.PayDeal(context.Background(), due.ID)
		k.must(err)
		if o != nil {
			made++
		}
	}
	return made
}

func (k *kit) deal(id string) engine.Dealt {
	k.Helper()
	d, err := k.engine.Deal(context.Background(), shop, id)
	k.must(err)
	return d
}

func TestDealIsPaidInParts(t *testing.T) {
	k := exchanging(t)
	k.topUp(33_33)
	q := k.quote(shop, eurIn(100_00), "dear")
	asked := k.dealOf(q, "ord_")
	made, err := k.engine.MakeDeal(context.Background(), asked)
	k.must(err)
	want(k, "the first part", len(made.Orders), 1)
	want(k, "state", made.Deal.State, engine.DealOpen)
	want(k, "left", k.ofShop(eur), "0")
	k.clock.set(at(time.Hour))
	want(k, "without money", k.deals(), 0)
	k.topUp(50)
	want(k, "too little for a part", k.deals(), 0)
	k.topUp(40_00)
	want(k, "the second part", k.deals(), 1)
	want(k, "once", k.deals(), 0)
	k.reopen()
	k.clock.set(at(2 * time.Hour))
	x := engine.DefaultExchange()
	k.engine, err = k.engine.WithExchange(x)
	k.must(err)
	k.topUp(50_00)
	want(k, "the last part", k.deals(), 1)

	d := k.deal(asked.ID)
	want(k, "state", d.Deal.State, engine.DealMade)
	in, fee, out := money.Zero(eur), money.Zero(eur), money.Zero(northUSDT)
	for _, o := range d.Orders {
		want(k, "an order's state", o.State, order.Paid)
		want(k, "its deal", o.Deal, asked.ID)
		wantList(k, "what lists find it by", o.Words, "account:1")
		want(k, "its quote", o.Quote.ID, q.ID)
		want(k, "its document", string(o.Doc), `{"order":1}`)
		want(k, "its destination", o.Destination, engine.Destination{Rail: north.Rail, To: "wallet"})
		in, fee, out = in.Add(o.Terms.Due), fee.Add(o.Terms.Fee), out.Add(o.Terms.Out)
	}
	want(k, "parts", len(d.Orders), 3)
	want(k, "the parts' sum", in.Equal(q.AmountIn) && fee.Equal(q.Fee) && out.Equal(q.AmountOut), true)
	want(k, "left", k.ofShop(eur), "23.83")
	want(k, "document", string(d.Deal.Doc), `{"deal":1}`)
	used, err := k.engine.Quote(context.Background(), shop, q.ID)
	k.must(err)
	want(k, "the quote is used by", used.UsedBy, asked.ID)
	want(k, "nothing more", k.deals(), 0)
}

// What is left at the end of its time stays in the balance.
func TestDealEnds(t *testing.T) {
	k := exchanging(t)
	asked := k.dealOf(k.quote(shop, eurIn(100_00), "swap"), "ord_")
	made, err := k.engine.MakeDeal(context.Background(), asked)
	k.must(err)
	want(k, "orders without money", len(made.Orders), 0)
	want(k, "until", made.Deal.Until, at(24*time.Hour))
	k.topUp(20_00)
	want(k, "a part", k.deals(), 1)
	k.clock.set(at(24*time.Hour + time.Second))
	k.topUp(80_00)
	want(k, "after its time", k.deals(), 0)
	d := k.deal(asked.ID)
	want(k, "state", d.Deal.State, engine.DealEnded)
	want(k, "paid", d.Deal.Paid.Decimal(), "20.00")
	want(k, "left", k.ofShop(eur), "80.00")
	list, total, err := k.engine.Deals(context.Background(), engine.DealFilter{Scope: shop, State: engine.DealEnded, Page: 1, Limit: 10})
	k.must(err)
	want(k, "the list", total == 1 && len(list) == 1 && list[0].ID == asked.ID, true)
}

func TestDealOfOneOrder(t *testing.T) {
	k := exchanging(t)
	k.topUp(50_00)
	q := k.quote(shop, eurIn(100_00), "swap")
	k.unchanged("a deal that cannot be paid whole", func() {
		_, err := k.engine.MakeDeal(context.Background(), k.dealOf(q, ""))
		k.wantCode(err, fault.CodeInsufficientBalance)
	})
	k.topUp(50_00)
	made, err := k.engine.MakeDeal(context.Background(), k.dealOf(q, ""))
	k.must(err)
	want(k, "made", made.Deal.State == engine.DealMade && len(made.Orders) == 1 && made.Deal.Until.IsZero(), true)
	k.unchanged("a used quote", func() {
		_, err := k.engine.MakeDeal(context.Background(), k.dealOf(q, ""))
		k.wantCode(err, fault.CodeQuoteUsed)
	})
	for _, foreign := range []engine.Scope{shopTwo, shopLive, other} {
		_, err := k.engine.Deal(context.Background(), foreign, made.Deal.ID)
		k.wantCode(err, fault.CodeNotFound)
	}
}

// A deal on a chain is one order, whose payer has as long as a rate holds there.
func TestDealCollectedOnAChain(t *testing.T) {
	k := exchanging(t)
	q := k.quote(shop, quote.Ask{From: northUSDT, To: eur, AmountIn: units(northUSDT, 125_000_000)}, "swap")
	made, err := k.engine.MakeDeal(context.Background(), engine.NewDeal{ID: "del_1", Quote: q.ID, Order: engine.NewOrder{
		Scope: shop, PublicID: k.unique("ord"), Network: north, Releases: true,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: owed, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: owed.Account(ledger.Merchant), OverAny: true, Instant: true}, nil, nil
		},
	}})
	k.must(err)
	o := &made.Orders[0]
	want(k, "deadline", o.Terms.Deadline, at(30*time.Minute))
	k.block(north, start, k.confirmed(o, "tx", 125_000_000, start))
	want(k, "shop's balance", k.ofShop(eur), "100.00")
	d := k.deal("del_1")
	want(k, "the order's state", d.Orders[0].State, order.Completed)
	_, err = k.engine.MakeDeal(context.Background(), engine.NewDeal{ID: "del_2", Prefix: "ord_", Quote: k.quote(shop, quote.Ask{From: northUSDT, To: eur, AmountIn: units(northUSDT, 1_000_000)}, "swap").ID, Order: engine.NewOrder{
		Scope: shop, PublicID: k.unique("ord"), Network: north,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: owed, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: owed.Account(ledger.Merchant), Instant: true}, nil, nil
		},
	}})
	if err == nil {
		t.Error("what is collected on a chain is paid in parts")
	}
}

// A part that can never be made ends the deal, and the money stays where it is.
func TestDealWhosePartIsRefused(t *testing.T) {
	k := exchanging(t)
	asked := k.dealOf(k.quote(shop, eurIn(100_00), "swap"), "ord_")
	_, err := k.engine.MakeDeal(context.Background(), asked)
	k.must(err)
	k.topUp(50_00)
	x := engine.DefaultExchange()
	without, err := engine.New(k.store, []engine.Network{bank}, nil).WithExchange(x) // the far side is gone
	k.must(err)
	o, err := without.PayDeal(context.Background(), asked.ID)
	k.must(err)
	want(k, "an order", o == nil, true)
	d := k.deal(asked.ID)
	want(k, "state", string(d.Deal.State)+" "+d.Deal.Reason, "ended not_configured")
	want(k, "left", k.ofShop(eur), "50.00")
}

// A deal gets no more orders than it can list, however small the sums are that come.
func TestDealHasFewOrders(t *testing.T) {
	k := exchanging(t)
	asked := k.dealOf(k.quote(shop, eurIn(10_00), "swap"), "ord_")
	_, err := k.engine.MakeDeal(context.Background(), asked)
	k.must(err)
	for range 9 {
		k.topUp(1)
		want(k, "a cent", k.deals(), 0)
	}
	k.topUp(1)
	want(k, "ten cents", k.deals(), 1)
	k.topUp(9_85)
	want(k, "nearly all", k.deals(), 1)
	k.topUp(5)
	want(k, "the last may be less", k.deals(), 1)
	want(k, "state", k.deal(asked.ID).Deal.State, engine.DealMade)
}

// Small parts are no way around a rule about large sums.
func TestDealIsJudgedWhole(t *testing.T) {
	k := exchanging(t)
	k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: "shop", Organisation: "acme"}))
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{{ID: "r1", Kind: "ramp", Currency: "EUR", From: eurIn(60_00).AmountIn, Action: engine.Deny}}
	})
	k.topUp(40_00)
	asked := k.dealOf(k.quote(shop, eurIn(100_00), "swap"), "ord_")
	asked.Order.Organisation, asked.Order.Maker = "acme", "ana"
	_, err := k.engine.MakeDeal(context.Background(), asked)
	k.wantCode(err, fault.CodePolicyDenied)
	want(k, "left", k.ofShop(eur), "40.00")
}
