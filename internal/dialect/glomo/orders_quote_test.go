package glomo

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/screen"
)

const dollarsForEuros = `{"resource":"payin","source_currency":"USD","destination_currency":"EUR","destination_amount":800}`

// quoteMade is a new quote of the shop.
func (k *kit) quoteMade(body string) quoteBody {
	k.Helper()
	return parse[quoteBody](k, k.ok(k.post(shopKey, "/api/v1/quotes", body), 201))
}

// goodQuoted is a request for an order with a quote, changed as with says.
func (k *kit) goodQuoted(id string, more ...string) string {
	k.Helper()
	return with(with(k.good(more...), "quote_id", quoted(id)), "amount", "", "currency", "")
}

// An order takes what its payer pays from the quote, and its merchant gets what the quote promised.
func TestOrderWithQuote(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	q := k.quoteMade(dollarsForEuros)
	made := parse[orderBody](k, k.ok(k.post(shopKey, "/api/v1/orders", k.goodQuoted(q.ID)), 201))
	want(k, "the order", fmt.Sprint(made.Status, " ", made.Amount, " ", made.Currency), "active 1000 USD")
	used := parse[quoteBody](k, k.get(shopKey, "/api/v1/quotes/"+q.ID))
	want(k, "the quote", used.Status+text(used.UsedBy), "used"+made.ID)
	want(k, "its end", k.found(made.ID).Terms.Deadline, started.Add(30*time.Minute))

	p := k.mocks(1000, made.ID)
	want(k, "the payment", p.Status+k.shown(made.ID).Status, paymentSuccess+statusPaid)
	want(k, "the merchant's euros", k.balance("EUR"), 800)
	want(k, "his dollars", k.balance("USD"), 0)
	k.refused("a refund of exchanged money", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 400, "was exchanged")
	want(k, "the merchant's euros after it", k.balance("EUR"), 800)
}

func TestOrderWithQuoteRefuses(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	q := k.quoteMade(dollarsForEuros)
	payout := k.quoteMade(`{"resource":"payout","source_currency":"USD","destination_currency":"EUR","destination_amount":800}`)
	theirs := parse[quoteBody](k, k.ok(k.post(otherKey, "/api/v1/quotes", dollarsForEuros), 201))
	refuse := func(what, id, part string, more ...string) {
		t.Helper()
		k.refused(what, k.post(shopKey, "/api/v1/orders", with(k.goodQuoted(id), more...)), 400, part)
	}
	for field, value := range map[string]string{"amount": `1000`, "currency": `"USD"`, "price_id": `"price_1"`, "payment_methods": `["card"]`, "split_ids": `["split_1"]`} {
		refuse(field, q.ID, field+" cannot be specified when quote_id is present", field, value)
	}
	refuse("none", "quote_none", "quote_id not found")
	refuse("another merchant's", theirs.ID, "quote_id not found")
	refuse("another noun", "price_1", "quote_id must start with 'quote_'")
	refuse("of a payout", payout.ID, "Quote is not a payin quote")
	k.refused("a link", k.post(shopKey, "/api/v1/payin", with(k.goodQuoted(q.ID), "expires_at", `"2026-03-20T00:00:00Z"`)), 400, "quote_id is not served here")
	list := parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders"))
	want(k, "orders", list.Meta.Count, 0)
	want(k, "the quote is still there", parse[quoteBody](k, k.get(shopKey, "/api/v1/quotes/"+q.ID)).Status, "active")

	k.ok(k.post(shopKey, "/api/v1/orders", k.goodQuoted(q.ID)), 201)
	refuse("used", q.ID, "quote_id has already been used")
	late := k.quoteMade(dollarsForEuros)
	k.clock.Move(30*time.Minute + time.Second)
	refuse("expired", late.ID, "quote_id has expired")
}

// A quote is used once, however many ask at the same time.
func TestQuoteIsUsedOnce(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	q := k.quoteMade(dollarsForEuros)
	body := k.goodQuoted(q.ID)
	var made atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if k.post(shopKey, "/api/v1/orders", body).status == 201 {
				made.Add(1)
			}
		})
	}
	all.Wait()
	want(k, "orders", made.Load(), 1)
}

// An order with a quote ends with the quote, and what comes later is kept apart and not exchanged.
func TestOrderEndsWithItsQuote(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	id := parse[orderBody](k, k.ok(k.post(shopKey, "/api/v1/orders", k.goodQuoted(k.quoteMade(dollarsForEuros).ID)), 201)).ID
	k.choose(id, byTransfer)
	k.later(29 * time.Minute)
	want(k, "before the end", k.shown(id).Status, statusActive)
	k.later(2 * time.Minute)
	want(k, "after the end", k.shown(id).Status, statusExpired)
	late := k.mocks(1000, id)
	want(k, "late money", late.Status+text(late.ErrorCode), paymentAction+errorNoPayin)
	want(k, "the merchant's euros", k.balance("EUR"), 0)
}

// Money that compliance withholds is exchanged all the same.
func TestQuotesOfOrdersThatAreWithheld(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	q := k.quoteMade(`{"resource":"payin","source_currency":"USD","destination_currency":"EUR","source_amount":6623}`)
	id := parse[orderBody](k, k.ok(k.post(shopKey, "/api/v1/orders", k.goodQuoted(q.ID)), 201)).ID
	p := k.reviewed(k.mocks(6623, id))
	want(k, "withheld", fmt.Sprint(p.Status, " ", k.paymentNow(p.ID).FundsAvailable, k.balance("EUR")), "success false 0")
	_, err := k.engine.Approve(t.Context(), k.found(id).ID, order.Compliance, order.ByOperator, "officer")
	k.must(err)
	want(k, "available", fmt.Sprint(k.paymentNow(p.ID).FundsAvailable, k.balance("EUR")), fmt.Sprint("true ", q.DestinationAmount))
}

// Withheld money that compliance refuses goes back as it came: nothing of it was exchanged, and no fee was taken.
func TestRefusedMoneyOfAnOrderWithQuoteGoesBack(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	q := k.quoteMade(`{"resource":"payin","source_currency":"USD","destination_currency":"EUR","source_amount":6623}`)
	id := parse[orderBody](k, k.ok(k.post(shopKey, "/api/v1/orders", k.goodQuoted(q.ID)), 201)).ID
	p := k.reviewed(k.mocks(6623, id))
	_, err := k.engine.Refuse(t.Context(), k.found(id).ID, order.Compliance, order.ByOperator, "officer", "listed")
	k.must(err)
	want(k, "the payment", fmt.Sprint(k.paymentNow(p.ID).FundsAvailable, text(k.paymentNow(p.ID).ComplianceStatus)), "false"+complianceRejected)
	want(k, "the order", k.shown(id).Status, statusPaid)
	want(k, "the balances", fmt.Sprint(k.balance("USD"), k.balance("EUR")), "0 0")
	o := k.found(id)
	if len(o.Transfers) != 1 || o.Transfers[0].Purpose != order.Refund || !o.Transfers[0].Amount.Equal(cents("USD", 6623)) {
		t.Fatalf("%+v", o.Transfers)
	}
	k.must(k.engine.Transferred(t.Context(), o.ID, o.Transfers[0].ID, order.Delivered, ""))
	o = k.found(id)
	for _, b := range o.Balances {
		if b.Account.Kind() == ledger.Withheld || b.Account.Kind() == ledger.Refused || b.Account.Kind() == ledger.Refunding {
			t.Errorf("%s still has %s", b.Account, b.Amount)
		}
	}
	k.refused("a refund beside it", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 400, "compliance rejected")
}

// The account that an order names becomes its customer's, and is the one that screening looks up.
func TestAccountsOfOrdersAreTheCustomers(t *testing.T) {
	k := newKit(t)
	account := func() bankAccountBody {
		t.Helper()
		list := parse[struct{ Data []bankAccountBody }](k, k.get(shopKey, "/api/v1/customer/"+k.customer()+"/bank-accounts")).Data
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	const details = `{"account_number":"1234567890","bic_primary":"HDFCINBBDEL","bank_customer_id":"7189204715"}`
	k.order("bank_account_details", details)
	linked := account()
	want(k, "linked", linked.Number+text(linked.Primary)+text(linked.bankAccount.CustomerID), "1234567890HDFCINBBDEL7189204715")
	k.order("bank_account_details", details)
	want(k, "the same again", account().ID, linked.ID)
	want(k, "by its id", k.shown(k.order("bank_account_id", quoted(linked.ID))).Account.Number, "1234567890")
	k.order("bank_account_details", `{"account_number":"99","bic_secondary":"HDFC0001097"}`)
	want(k, "another takes its place", account().Number, "99")

	k.order("request_id", `"once"`)
	k.refused("refused", k.post(shopKey, "/api/v1/orders", k.good("request_id", `"once"`, "bank_account_details", details)), 400, "Order already exists")
	want(k, "a refused order changes no account", account().Number, "99")

	k.engine.SetScreener(accountList{"99"})
	listed := k.order("bank_account_id", quoted(account().ID))
	want(k, "an account that the lists know", k.shown(listed).Status, statusActionRequired)
	want(k, "given with the order", k.shown(k.order("bank_account_details", `{"account_number":"99","bic_primary":"HDFCINBBDEL"}`)).Status, statusActionRequired)
	want(k, "one that they do not", k.shown(k.order("bank_account_details", details)).Status, statusActive)
}

// accountList is a list with some accounts.
type accountList []string

func (accountList) Name(screen.Query) []screen.Hit { return nil }
func (l accountList) Address(number string) (hits []screen.Hit) {
	for _, one := range l {
		if one == number {
			hits = append(hits, screen.Hit{Name: one, Score: 1000})
		}
	}
	return hits
}
func (l accountList) Entries() int { return len(l) }

var _ engine.Screener = accountList{}
