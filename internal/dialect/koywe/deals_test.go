package koywe

import (
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

func (k *kit) rampQuote(more ...string) string {
	k.Helper()
	got := k.askQuote(append([]string{"orderType", quotedText(onRamp), "destinationCurrencySymbol", `"USDC"`, "network", `"ETHEREUM"`}, more...)...)
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return *parse[quoteBody](k, got).ID
}

// payDeals does what the worker does for open deals.
func (k *kit) payDeals() {
	k.Helper()
	open, _, err := k.engine.OpenDeals(k.Context(), engine.Sandbox, k.clock.Now(), engine.Due{}, 10)
	k.must(err)
	for _, due := range open {
		_, err := k.engine.PayDeal(k.Context(), due.ID)
		k.must(err)
	}
}

func TestDealInParts(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "400", "MXN")
	id := k.rampQuote()
	request := body("type", quotedText(onRamp), "quoteId", quotedText(id), "destinationAccountId", quotedText(k.wallet()), "description", `"for May"`)
	got := k.post(shopKey, m("/deals"), request)
	d := parse[dealBody](k, got)
	if got.status != 201 || d.Status != statusProcessing || d.PaidAmountIn != "400" || len(d.Orders) != 1 || *d.ValidUntil != "2026-03-03T10:30:00.000Z" || *d.Description != "for May" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	k.refused("again", k.post(shopKey, m("/deals"), request), 409, "QUOTE_USED", "quoteId")
	k.refused("by an order", k.post(shopKey, m("/orders"), k.good(onRamp, "originCurrencySymbol", "", "destinationCurrencySymbol", "", "amountIn", "", "quoteId", quotedText(id))), 409, "QUOTE_USED", "quoteId")
	k.clock.Move(time.Hour)
	k.fund("shop", "1000", "MXN")
	k.payDeals()
	d = parse[dealBody](k, k.get(shopKey, m("/deals/"+d.ID)))
	if len(d.Orders) != 2 || d.PaidAmountIn != "1000" || k.balance("shop", "MXN") != "400.00" {
		t.Fatalf("%+v", d)
	}
	for i, want := range []string{"20", "30"} {
		o := d.Orders[i]
		if o.AmountOut != number(want) || *o.QuoteID != id || o.Type != onRamp || o.Status != statusProcessing {
			t.Errorf("part %d: %+v", i+1, o)
		}
		if alone := k.order(o.ID); alone.ID != o.ID {
			t.Errorf("part %d alone: %+v", i+1, alone)
		}
		k.deliver(o.ID, order.Delivered)
	}
	list := parse[dealList](k, k.get(shopKey, m("/deals?pageSize=1")))
	if len(list.Deals) != 1 || list.Deals[0].Status != statusCompleted || list.Pagination.TotalCount != 1 {
		t.Errorf("%+v", list)
	}
	for _, path := range []string{m("/deals/" + d.ID), m("/deals")} {
		if got := k.get(acmeKey, strings.Replace(path, "shop", "branch", 1)); got.status == 200 && strings.Contains(got.body, d.ID) {
			t.Errorf("another merchant's deal: %s", got.body)
		}
	}
}

func TestDealThatEnds(t *testing.T) {
	k := newKit(t)
	k.rates()
	d := parse[dealBody](k, k.post(shopKey, m("/deals"), body("type", quotedText(onRamp), "quoteId", quotedText(k.rampQuote()), "destinationAccountId", quotedText(k.wallet()))))
	if d.Status != statusPending || len(d.Orders) != 0 {
		t.Fatalf("%+v", d)
	}
	k.clock.Move(24*time.Hour + time.Second)
	k.fund("shop", "1000", "MXN")
	k.payDeals()
	if d = parse[dealBody](k, k.get(shopKey, m("/deals/"+d.ID))); d.Status != statusExpired || k.balance("shop", "MXN") != "1000.00" {
		t.Errorf("%+v", d)
	}
}

func TestDealOfAnOffRamp(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.housePool(1)
	id := k.rampQuote("orderType", quotedText(offRamp), "originCurrencySymbol", `"USDC"`, "destinationCurrencySymbol", `"MXN"`, "amountIn", "10")
	got := k.post(shopKey, m("/deals"), body("type", quotedText(offRamp), "quoteId", quotedText(id)))
	d := parse[dealBody](k, got)
	if got.status != 201 || d.Status != statusPending || d.ValidUntil != nil || len(d.Orders) != 1 || d.Orders[0].ProvidedActionType != "CRYPTO_ADDRESS" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestDealRefusals(t *testing.T) {
	k := newKit(t)
	k.rates()
	good := []string{"type", quotedText(onRamp), "quoteId", quotedText(k.rampQuote()), "destinationAccountId", quotedText(k.wallet())}
	for what, c := range map[string]struct{ field, value string }{
		"no type":          {"type", ""},
		"another type":     {"type", quotedText(payOut)},
		"no quote":         {"quoteId", ""},
		"no such quote":    {"quoteId", `"qte_none"`},
		"no wallet":        {"destinationAccountId", ""},
		"a bank":           {"destinationAccountId", quotedText(k.bank())},
		"a method":         {"paymentMethods", `[{"method":"SPEI"}]`},
		"an external id":   {"externalId", `"1"`},
		"an amount beside": {"amountIn", "1"},
	} {
		k.refused(what, k.post(shopKey, m("/deals"), body(append(good, c.field, c.value)...)), 400, validationError, c.field)
	}
	if got := k.get(shopKey, m("/deals/deal_none")); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestGoldenQuotesAndDeals(t *testing.T) {
	g := &golden{kit: priced(t), file: "quotes_deals.golden"}
	g.fund("shop", "400", "MXN")
	account := g.wallet()
	ask := func(title, method, path, body string) reply {
		return g.ask(title, request{method: method, path: m(path), key: shopKey, body: body})
	}
	ask("a price that nobody promises", "POST", "/quotes", `{"orderType":"BALANCE_TRANSFER","originCurrencySymbol":"MXN","destinationCurrencySymbol":"USD","amountOut":50,"executable":false}`)
	made := ask("a quote", "POST", "/quotes", `{"orderType":"ONRAMP","originCurrencySymbol":"MXN","destinationCurrencySymbol":"USDC","network":"ETHEREUM","amountIn":1000,"executable":true}`)
	id := *parse[quoteBody](g.kit, made).ID
	deal := parse[dealBody](g.kit, ask("a deal over it", "POST", "/deals", `{"type":"ONRAMP","quoteId":"`+id+`","destinationAccountId":"`+account+`"}`))
	ask("the quote is used", "GET", "/quotes/"+id, "")
	ask("used again", "POST", "/deals", `{"type":"ONRAMP","quoteId":"`+id+`","destinationAccountId":"`+account+`"}`)
	ask("the deal", "GET", "/deals/"+deal.ID, "")
	ask("all deals", "GET", "/deals", "")
	ask("no amount", "POST", "/quotes", `{"orderType":"PAYOUT","originCurrencySymbol":"MXN","destinationCurrencySymbol":"USD"}`)
	ask("no rate", "POST", "/quotes", `{"orderType":"PAYOUT","originCurrencySymbol":"MXN","destinationCurrencySymbol":"JPY","amountIn":1000}`)
	g.check()
}
