package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/rail"
)

var owed = ledger.Owed("shop")

// offramp is an order of 100 USDT on a chain that become 80 EUR: in the balance, or sent to a bank in two tries.
func (k *kit) offramp(sent bool, change func(n *engine.NewOrder)) *engine.Order {
	k.Helper()
	n := engine.NewOrder{
		Scope: shop, PublicID: k.unique("ord") + "_1", Kind: "swap", Network: north, Releases: true,
		Ask: &quote.Ask{From: northUSDT, To: eur, AmountIn: units(northUSDT, 100_000_000)},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			t := order.Terms{
				Book: owed, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: owed.Account(ledger.Merchant), OverAny: true,
				Deadline: p.Now.Add(p.RateHold), Instant: true, MerchantCancels: true,
			}
			if sent {
				t.To, t.Instant, t.Sends = ledger.House.Account(ledger.PayeeOn("bank")), false, 2
			}
			return t, json.RawMessage(`{"doc":1}`), nil
		},
	}
	if sent {
		n.Destination = engine.Destination{Rail: bank.Rail, To: "payee"}
	}
	change(&n)
	return k.order(n)
}

// setting changes one of shop's settings.
func (k *kit) setting(name, value string) {
	k.Helper()
	k.must(k.store.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		return tx.SaveSetting(engine.SettingScope{Merchant: shop.Merchant, Mode: shop.Mode}, name, json.RawMessage(value))
	}))
}

// fails lets one delivery of the order fail.
func (k *kit) fails(o *engine.Order) {
	k.Helper()
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Undelivered, ""))
}

// released is the reasons and amounts of what was released of an order.
func (k *kit) released(o *engine.Order) (list []string) {
	k.Helper()
	for _, ev := range k.story(o).Events {
		if ev.Type == "funds.released" {
			list = append(list, ev.Facts.Details["reason"]+" "+ev.Facts.Amount.Decimal())
		}
	}
	return list
}

func (k *kit) ofShop(asset interface{ String() string }) string {
	k.Helper()
	for l, amount := range k.balances() {
		if l.account == owed.Account(ledger.Merchant) && l.asset.String() == asset.String() && l.mode == engine.Sandbox {
			return amount.Decimal()
		}
	}
	return "0"
}

func TestUndeliveredMoneyIsReleased(t *testing.T) {
	k := exchanging(t)
	k.block(bank, time.Time{})
	o := k.offramp(true, func(*engine.NewOrder) {})
	kept := k.offramp(true, func(n *engine.NewOrder) { n.Releases = false })
	for _, o := range []*engine.Order{o, kept} {
		k.block(north, start, k.confirmed(o, k.unique("tx"), 103_000_000, start))
		k.wantState(o, order.Paid)
		k.fails(o)
		k.wantState(o, order.Paid)
		want(k, "before the last delivery failed", len(k.released(o)), 0)
		k.fails(o)
		k.wantState(o, order.Failed)
		want(k, "reason", k.now(o).Reason, order.ReasonDeliveries)
	}
	wantList(k, "released", k.released(o), "undelivered 103.000000")
	want(k, "set aside", k.share(o, ledger.Extra), "0")
	want(k, "shop's balance", k.ofShop(northUSDT), "103.000000")
	want(k, "not released", k.share(kept, ledger.Extra), "103000000")
	// What comes afterwards was not undeliverable: an operator looks at it.
	k.block(north, start, k.confirmed(o, k.unique("tx"), 5_000_000, start))
	want(k, "paid again", k.share(o, ledger.Extra), "5000000")
}

// A delivery that was called failed and arrived: what was released is missing, and nothing else.
func TestDeliveryArrivesAfterTheRelease(t *testing.T) {
	k := exchanging(t)
	k.block(bank, time.Time{})
	o := k.offramp(true, func(*engine.NewOrder) {})
	k.block(north, start, k.confirmed(o, "tx", 100_000_000, start))
	k.fails(o)
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Undelivered, ""))
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Delivered, ""))
	k.wantState(o, order.Failed)
	want(k, "missing", k.share(o, ledger.Short), "-100000000")
	want(k, "shop's balance", k.ofShop(northUSDT), "100.000000")
}

func TestLateMoneyIsReleased(t *testing.T) {
	k := exchanging(t)
	o := k.offramp(false, func(*engine.NewOrder) {})
	plain := k.order(withTerms(k.ask(shop, north), func(t *order.Terms) { t.Book, t.To = owed, owed.Account(ledger.Merchant) }))
	late := at(30*time.Minute + time.Second)
	// Told while the order is still open: it has no effect before the order has expired.
	k.block(north, at(30*time.Minute), k.confirmed(o, "late-1", 60_000_000, late), k.confirmed(plain, "plain", 100, at(2*time.Hour)))
	want(k, "before the end", k.share(o, ledger.Late), "60000000")
	k.pass(north, at(31*time.Minute))
	k.wantState(o, order.Expired)
	wantList(k, "released", k.released(o), "late 60.000000")
	k.block(north, at(32*time.Minute), k.confirmed(o, "late-2", 40_000_000, at(32*time.Minute)))
	wantList(k, "released", k.released(o), "late 60.000000", "late 40.000000")
	want(k, "shop's balance, as it came", k.ofShop(northUSDT), "100.000000")
	k.wantState(o, order.Expired)
	k.pass(north, at(2*time.Hour))
	want(k, "late money of no exchange", k.share(plain, ledger.Late), "100")
	// Nothing follows.
	due, err := k.engine.Requotes(context.Background(), engine.Sandbox, k.clock.now(), engine.Due{}, 10)
	k.must(err)
	want(k, "to be exchanged", len(due), 0)
}

// A payment that a reorganisation takes and gives back is given to the merchant once.
func TestLateMoneyIsReleasedOnce(t *testing.T) {
	k := exchanging(t)
	o := k.offramp(false, func(*engine.NewOrder) {})
	k.pass(north, at(31*time.Minute))
	late := k.confirmed(o, "late", 60_000_000, at(32*time.Minute))
	k.block(north, at(32*time.Minute), late)
	k.block(north, at(33*time.Minute), again(late, order.RankReversed, 0))
	want(k, "missing", k.share(o, ledger.Short), "-60000000")
	k.block(north, at(34*time.Minute), again(late, order.RankConfirmed, 1))
	want(k, "shop's balance", k.ofShop(northUSDT), "60.000000")
	wantList(k, "released", k.released(o), "late 60.000000")
}

func (k *kit) requote(o *engine.Order) *engine.Order {
	k.Helper()
	due, err := k.engine.Requotes(context.Background(), engine.Sandbox, k.clock.now(), engine.Due{}, 10)
	k.must(err)
	if len(due) == 0 {
		return nil
	}
	want(k, "due", due[0].ID, o.ID)
	made, err := k.engine.Requote(context.Background(), due[0].ID)
	k.must(err)
	return made
}

func TestLateMoneyIsExchangedAnew(t *testing.T) {
	k := exchanging(t)
	k.setting(engine.LateRateSetting, `"requote"`)
	o := k.offramp(true, func(n *engine.NewOrder) {
		n.Words, n.Notify = []string{"account:1"}, engine.Notify{Customer: "ana", Email: true, Reminders: true}
	})
	k.setting(engine.LateRateSetting, `"release"`) // the order keeps what held when it was made
	k.pass(north, at(31*time.Minute))
	k.must(k.tellRates(rate("EUR", "USDT", "1.20", k.clock.now())))
	k.block(north, at(32*time.Minute), k.confirmed(o, "late-1", 60_000_000, at(32*time.Minute)), k.confirmed(o, "late-2", 60_000_000, at(32*time.Minute)))
	want(k, "shop's balance", k.ofShop(northUSDT), "120.000000")

	k.reopen() // killed before the worker came
	x := engine.DefaultExchange()
	var err error
	k.engine, err = k.engine.WithExchange(x)
	k.must(err)
	next := k.requote(o)
	if next == nil {
		t.Fatal("no order follows")
	}
	next = k.now(next)
	want(k, "state", next.State, order.Paid) // it is sent like the first
	want(k, "linked to", next.Follows, o.PublicID)
	want(k, "who is told", fmt.Sprintf("%+v", next.Notify), fmt.Sprintf("%+v", engine.Notify{Customer: "ana", Email: true, Reminders: true}))
	want(k, "kind", next.Kind, o.Kind)
	wantList(k, "what lists find it by", next.Words, "account:1")
	want(k, "document", string(next.Doc), `{"doc":1}`)
	want(k, "destination", next.Destination, o.Destination)
	want(k, "paid", next.Terms.Due.Decimal()+" "+next.Terms.Out.Decimal(), "120.000000 100.00")
	want(k, "the rest", k.ofShop(northUSDT), "0")
	if k.requote(o) != nil {
		t.Error("it was exchanged twice")
	}
	again, err := k.engine.Requote(context.Background(), o.ID)
	k.must(err)
	want(k, "a second try", again == nil, true)

	// More late money makes another order.
	k.block(north, at(40*time.Minute), k.confirmed(o, "late-3", 12_000_000, at(40*time.Minute)))
	if next = k.requote(o); next == nil || next.Terms.Out.Decimal() != "10.00" {
		t.Errorf("of more late money: %+v", next)
	}
}

// The policy is asked about the order that follows, whose amount it has not seen, with the maker of the first.
func TestRequoteAsksThePolicy(t *testing.T) {
	for action, wanted := range map[engine.PolicyAction]order.State{engine.RequireApproval: order.InReview, engine.Deny: ""} {
		k := exchanging(t)
		k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: "shop", Organisation: "acme"}))
		k.policy(func(p *engine.Policy) {
			p.Rules = []engine.PolicyRule{{ID: "large", Kind: "swap", Currency: "USDT", From: units(northUSDT, 100_000_001), Action: action}}
		})
		k.setting(engine.LateRateSetting, `"requote"`)
		o := k.offramp(true, func(n *engine.NewOrder) { n.Organisation, n.Maker = "acme", "maker" })
		k.pass(north, at(31*time.Minute))
		k.must(k.tellRates(rate("EUR", "USDT", "1.20", k.clock.now())))
		k.block(north, at(32*time.Minute), k.confirmed(o, "late", 120_000_000, at(32*time.Minute)))
		next := k.requote(o)
		if wanted == "" {
			if next != nil {
				t.Errorf("%s: an order follows", action)
			}
			want(k, "what stays in the balance", k.ofShop(northUSDT), "120.000000")
			continue
		}
		if next == nil {
			t.Fatalf("%s: no order follows", action)
		}
		want(k, "its state", k.now(next).State, wanted)
		_, err := k.engine.Approve(context.Background(), next.ID, order.Approval, order.ByMerchant, "maker")
		k.wantCode(err, fault.CodeForbidden)
	}
}

func TestRequoteWaitsForARate(t *testing.T) {
	k := exchanging(t)
	k.setting(engine.LateRateSetting, `"requote"`)
	o := k.offramp(false, func(*engine.NewOrder) {})
	k.pass(north, at(31*time.Minute))
	k.tellRates(rate("EUR", "USDT", "9", k.clock.now())) // closes the pair
	k.block(north, at(32*time.Minute), k.confirmed(o, "late", 60_000_000, at(32*time.Minute)))
	if k.requote(o) != nil {
		t.Fatal("exchanged without a rate")
	}
	if k.requote(o) != nil {
		t.Fatal("looked again at once")
	}
	want(k, "shop's balance", k.ofShop(northUSDT), "60.000000")
	k.clock.set(k.clock.now().Add(time.Minute))
	k.must(k.tellRates(rate("EUR", "USDT", "1.20", k.clock.now())))
	next := k.requote(o)
	if next == nil {
		t.Fatal("not exchanged when there was a rate")
	}
	want(k, "state", k.now(next).State, order.Completed)
	want(k, "shop's balance", k.ofShop(eur), "50.00")
}

// What can never be exchanged stays in the balance.
func TestRequoteGivesUp(t *testing.T) {
	for name, spoil := range map[string]func(k *kit){
		"no rate for a day": func(k *kit) {
			k.tellRates(rate("EUR", "USDT", "9", k.clock.now()))
			k.clock.set(k.clock.now().Add(25 * time.Hour))
		},
		"no rate any more": func(k *kit) {
			_, err := k.engine.TellRates(context.Background(), nil, nil)
			k.must(err)
		},
		"the money is spent": func(k *kit) {
			k.order(k.exchange(func(n *engine.NewOrder) {
				n.Ask = &quote.Ask{From: northUSDT, To: eur, AmountIn: units(northUSDT, 1_000_000)}
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := exchanging(t)
			k.setting(engine.LateRateSetting, `"requote"`)
			o := k.offramp(false, func(*engine.NewOrder) {})
			k.pass(north, at(31*time.Minute))
			k.block(north, at(32*time.Minute), k.confirmed(o, "late", 60_000_000, at(32*time.Minute)))
			spoil(k)
			was := k.ofShop(northUSDT)
			if k.requote(o) != nil {
				t.Fatal("an order was made")
			}
			k.clock.set(k.clock.now().Add(time.Hour))
			due, err := k.engine.Requotes(context.Background(), engine.Sandbox, k.clock.now(), engine.Due{}, 10)
			k.must(err)
			want(k, "still due", len(due), 0)
			want(k, "shop's balance", k.ofShop(northUSDT), was)
		})
	}
}

func TestLateRateIsRead(t *testing.T) {
	for text, ok := range map[string]bool{`"release"`: true, `"requote"`: true, `""`: false, `"both"`: false, `1`: false, ``: false} {
		if _, err := engine.ParseLateRate(json.RawMessage(text)); (err == nil) != ok || !ok && !fault.Is(err, fault.CodeInvalidValue) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A pay-out that its bank sends back after the end is the merchant's money again, and the order says so.
func TestPayoutIsReturned(t *testing.T) {
	k := exchanging(t)
	k.block(bank, time.Time{})
	k.topUp(100_00)
	n := k.exchange(func(n *engine.NewOrder) {
		n.Destination = engine.Destination{Rail: bank.Rail, To: "payee"}
		n.Terms = func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: owed, Due: units(eur, 60_00), To: ledger.House.Account(ledger.PayeeOn("bank")), FromBalance: true, Sends: 1}, nil, nil
		}
	})
	o := k.order(n)
	want(k, "shop's balance", k.ofShop(eur), "40.00")
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Delivered, ""))
	k.wantState(o, order.Completed)
	back := rail.Observation{Transfer: &rail.Word{ID: job.ID, Status: rail.StatusReturned}}
	k.must(k.engine.Observe(context.Background(), bank, engine.Report{Progress: engine.Progress{Rail: bank.Rail, Fence: 1}, Seen: []rail.Observation{back, back}}))
	got := k.now(o)
	want(k, "state", got.State, order.Completed)
	want(k, "overlay", got.Overlay, order.Refunded)
	want(k, "shop's balance", k.ofShop(eur), "100.00")
	events := k.story(o).Events
	want(k, "the last event", events[len(events)-1].Type+" "+string(events[len(events)-1].Overlay), "delivery.returned refunded")
}
