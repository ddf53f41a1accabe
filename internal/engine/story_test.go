package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
)

func TestStory(t *testing.T) {
	k := newKit(t)
	k.endpoint(shop, "e1", true)
	o := k.order(k.ask(shop, north))
	k.order(k.ask(shop, north))
	k.block(north, at(time.Minute), k.confirmed(o, "tx1", 60, at(time.Minute)))
	k.block(north, at(2*time.Minute), k.confirmed(o, "tx2", 50, at(2*time.Minute)))
	k.told()

	s := k.story(o)
	want(k, "order", s.Order.ID, o.ID)
	want(k, "payments", len(s.Order.Payments), 2)
	want(k, "head", s.Order.Head, 102)
	wantList(k, "events", k.events(o), "order.created", "payment.confirmed", "order.part", "payment.confirmed", "order.paid", "order.completed")
	want(k, "messages", len(s.Messages), 6)
	for i, m := range s.Messages {
		want(k, "message", m.EventID, s.Events[i].ID)
	}
	var moves []string
	for _, e := range s.Entries {
		want(k, "entry's order", e.OrderID, o.ID)
		want(k, "entry's mode", e.Mode, engine.Sandbox)
		want(k, "entry's time", e.At, start) // true time: the test's clock stands
		for _, p := range e.Postings {
			moves = append(moves, p.Row+" "+string(p.From.Role())+" > "+string(p.To.Role())+" "+p.Amount.Units())
		}
	}
	wantList(k, "postings", moves,
		"P1 outside/payer:evm:north > order/in 60",
		"P1 outside/payer:evm:north > order/in 50", "O24 order/in > merchant 100", "B4 order/in > suspense/extra 10")

	_, err := k.engine.Story(context.Background(), "none")
	k.wantCode(err, fault.CodeNotFound)
}

// Balances are of one merchant's books in one mode.
func TestBalances(t *testing.T) {
	k := newKit(t)
	pay := func(o engine.Scope, n engine.Network, amount int64) {
		k.Helper()
		made := k.order(k.ask(o, n))
		k.block(n, at(time.Minute), k.confirmed(made, k.unique("tx"), amount, at(time.Minute)))
	}
	pay(shop, north, 100)
	pay(shop, north, 130)
	pay(shopTwo, south, 100)
	pay(shopLive, mainnet, 100)
	pay(other, north, 100)
	for _, tc := range []struct {
		merchant string
		mode     engine.Mode
		want     map[line]string
	}{
		{"shop", engine.Sandbox, map[line]string{
			{engine.Sandbox, shopFunds, northUSDT}: "200", {engine.Sandbox, shopWallet.Account(ledger.Extra), northUSDT}: "30", {engine.Sandbox, northPayer, northUSDT}: "-230",
			{engine.Sandbox, shopFunds, southUSDT}: "100", {engine.Sandbox, southPayer, southUSDT}: "-100",
		}},
		{"shop", engine.Live, map[line]string{
			{engine.Live, shopFunds, mainUSDT}: "100", {engine.Live, shopWallet.Account(ledger.PayerOn("evm:main")), mainUSDT}: "-100",
		}},
		{"other", engine.Live, nil},
	} {
		list, err := k.engine.Balances(context.Background(), tc.merchant, tc.mode)
		k.must(err)
		got := map[line]string{}
		for _, b := range list {
			if !b.Amount.IsZero() {
				got[line{tc.mode, b.Account, b.Amount.Asset()}] = b.Amount.Units()
			}
		}
		want(k, "lines", len(got), len(tc.want))
		for l, amount := range tc.want {
			want(k, string(l.account)+" in "+l.asset.String(), got[l], amount)
		}
	}
}
