package glomo

import (
	"strings"
	"testing"
	"time"

	"till/internal/order"
)

func (g *golden) asks(title, method, path, body string) reply {
	g.Helper()
	return g.ask(title, request{method: method, path: path, key: shopKey, body: body})
}

func TestGoldenPayments(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "payments.golden"}
	id := g.order("notes", `{"policy":"A-1"}`, "product", `{"name":"Chair"}`)
	p := parse[brief](g.kit, g.asks("a payment made up", "POST", "/api/v1/payment/mock", `{"amount":1000,"currency":"USD","payin_id":"`+id+`"}`))
	g.clock.Move(time.Minute)
	stray := parse[brief](g.kit, g.asks("a transfer that names nothing", "POST", "/api/v1/payment/mock", `{"amount":1500,"currency":"USD","payment_method":"BankTransfer"}`))
	g.asks("less than may be made up", "POST", "/api/v1/payment/mock", `{"amount":99,"currency":"USD","payin_id":"`+id+`"}`)
	g.asks("a payment", "GET", "/api/v1/payment/"+p.ID, "")
	g.asks("no payment", "GET", "/api/v1/payment/payt_none", "")
	g.asks("another noun", "GET", "/api/v1/payment/order_none", "")
	g.asks("a page", "GET", "/api/v1/payment?per_page=1", "")
	g.asks("filtered", "GET", "/api/v1/payment?status=success&customer_id=cust_none", "")
	g.asks("a filter that is none", "GET", "/api/v1/payment?payin_id="+id+"&subscription_id=sub_1", "")
	waits := g.order("amount", "1500")
	g.asks("what waits for it", "GET", "/api/v1/payment/"+stray.ID+"/eligible-payins", "")
	g.asks("connected", "POST", "/api/v1/payment/"+stray.ID+"/connect-payin", `{"payin_id":"`+waits+`"}`)
	g.asks("connected twice", "POST", "/api/v1/payment/"+stray.ID+"/connect-payin", `{"payin_id":"`+waits+`"}`)
	g.asks("funds that are available", "PATCH", "/api/v1/payment/"+p.ID+"/mock-funds-available", "")
	g.asks("documents that nobody asks for", "PATCH", "/api/v1/payment/"+p.ID+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.asks("no such request for information", "GET", "/api/v1/rfis/rfi_none", "")
	g.asks("an answer to none", "PATCH", "/api/v1/rfis/rfi_none/respond", `{"documents":[{"doc_id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.check()
}

func TestGoldenRFIs(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "rfis.golden"}
	id := g.order("amount", "6623")
	p := g.reviewed(g.mocks(6623, id))
	o, err := g.engine.Ask(t.Context(), g.found(id).ID, order.Compliance, "ops", []string{"Passport"})
	g.must(err)
	rfi := "/api/v1/rfis/" + text(g.paymentNow(p.ID).RFIID)
	g.asks("a payment whose funds are withheld", "GET", "/api/v1/payment/"+p.ID, "")
	g.asks("what is asked for", "GET", rfi, "")
	g.asks("a key too many", "PATCH", rfi+"/respond", `{"documents":[{"doc_id":"doc_1","rfi_doc_id":"rfidoc_1","name":"Passport"}]}`)
	g.asks("what was not asked for", "PATCH", rfi+"/respond", `{"documents":[{"doc_id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.asks("the answer", "PATCH", rfi+"/respond", `{"documents":[{"doc_id":"`+g.paper()+`","rfi_doc_id":"`+o.MissingFor(order.Compliance)[0].ID+`"}]}`)
	g.asks("funds made available", "PATCH", "/api/v1/payment/"+p.ID+"/mock-funds-available", "")
	g.check()
}

func TestGoldenBankAccounts(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "bank_accounts.golden"}
	path := "/api/v1/customer/" + g.customer() + "/bank-accounts"
	g.asks("an account", "POST", path, `{"account_number":"1234567890","bic_primary":"HDFCINBBDEL"}`)
	g.asks("no BIC", "POST", path, `{"account_number":"1234567890"}`)
	g.asks("accounts", "GET", path, "")
	g.check()
}

func TestGoldenLinks(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "links.golden"}
	body := g.good("expires_at", `"2026-03-20T00:00:00Z"`, "reminder_frequency", "7", "purpose_code", `"P1401"`)
	id := parse[brief](g.kit, g.asks("a link", "POST", "/api/v1/payin", body)).ID
	g.asks("without an end", "POST", "/api/v1/payin", g.good())
	g.asks("a link", "GET", "/api/v1/payin/"+id, "")
	g.asks("no link", "GET", "/api/v1/payin/plink_none", "")
	g.asks("links", "GET", "/api/v1/payin?status=active", "")
	g.asks("changed", "PATCH", "/api/v1/payin/"+id, `{"reminder_frequency":1,"expires_at":"2026-04-01T00:00:00.5Z"}`)
	g.asks("another field", "PATCH", "/api/v1/payin/"+id, `{"amount":1}`)
	g.asks("not under review", "PATCH", "/api/v1/payin/"+id+"/mock_mark_reviewed", "")
	g.asks("documents that nobody asks for", "PATCH", "/api/v1/payin/"+id+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.asks("cancelled", "PATCH", "/api/v1/payin/"+id+"/cancel", "")
	g.asks("cancelled twice", "PATCH", "/api/v1/payin/"+id+"/cancel", "")
	g.check()
}

func TestGoldenRefunds(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "refunds.golden"}
	p := g.mocks(1000, g.order())
	id := parse[brief](g.kit, g.asks("a refund", "POST", "/api/v1/refunds", refundOf(p.ID, `"request_id":"r1"`))).ID
	g.asks("its request_id again", "POST", "/api/v1/refunds", refundOf(p.ID, `"request_id":"r1"`))
	g.asks("another spelling", "POST", "/api/v1/refunds", strings.Replace(refundOf(p.ID), "Fradulent", "Fraudulent", 1))
	g.asks("documents that nobody asks for", "PATCH", "/api/v1/refunds/"+id+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.asks("done", "PATCH", "/api/v1/refunds/"+id+"/mock_update_status", `{"status":"success"}`)
	g.asks("done twice", "PATCH", "/api/v1/refunds/"+id+"/mock_update_status", `{"status":"success"}`)
	g.asks("a refund", "GET", "/api/v1/refunds/"+id, "")
	g.asks("no refund", "GET", "/api/v1/refunds/refund_none", "")
	g.asks("refunds", "GET", "/api/v1/refunds?status=success", "")
	g.check()
}

func TestGoldenPayouts(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "payouts.golden"}
	g.rates()
	g.fund(cents("USD", 100000))
	g.asks("balances", "GET", "/api/v1/balances", "")
	bene := parse[brief](g.kit, g.asks("a beneficiary", "POST", "/api/v2/beneficiaries", goodBeneficiary)).ID
	g.asks("an IBAN that is none", "POST", "/api/v2/beneficiaries", strings.Replace(goodBeneficiary, iban, "DE00370400440532013000", 1))
	g.asks("a beneficiary", "GET", "/api/v2/beneficiaries/"+bene, "")
	g.asks("beneficiaries", "GET", "/api/v2/beneficiaries", "")
	q := parse[brief](g.kit, g.asks("a quote", "POST", "/api/v1/quotes", `{"resource":"payout","source_currency":"USD","destination_currency":"EUR","destination_amount":800}`)).ID
	quoted := `{"beneficiary_id":"` + bene + `","purpose_code":"S0305","quote_id":"` + q + `","request_id":"r1"}`
	id := parse[brief](g.kit, g.asks("a payout with a quote", "POST", "/api/v1/payouts", quoted)).ID
	g.asks("its request_id again", "POST", "/api/v1/payouts", with(quoted, "quote_id", "", "source_currency", `"USD"`, "destination_currency", `"EUR"`, "source_amount", "100"))
	g.asks("the quote again", "POST", "/api/v1/payouts", with(quoted, "request_id", ""))
	g.asks("the quote and an amount", "POST", "/api/v1/payouts", with(quoted, "source_amount", "100"))
	g.asks("more than there is", "POST", "/api/v1/payouts", with(quoted, "request_id", "", "quote_id", "", "source_currency", `"USD"`, "destination_currency", `"EUR"`, "source_amount", "100000"))
	g.asks("the quote", "GET", "/api/v1/quotes/"+q, "")
	g.asks("a payout", "GET", "/api/v1/payouts/"+id, "")
	g.asks("documents that nobody asks for", "PATCH", "/api/v1/payouts/"+id+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`)
	g.asks("done", "PATCH", "/api/v1/payouts/mock", `{"id":"`+id+`","status":"success"}`)
	g.asks("cancelled when it is done", "PATCH", "/api/v1/payouts/"+id+"/cancel", "")
	g.asks("payouts", "GET", "/api/v1/payouts?status=success", "")
	c := parse[brief](g.kit, g.asks("a conversion", "POST", "/api/v1/balance_conversions", `{"source_currency":"USD","target_currency":"EUR","source_amount":1000}`)).ID
	g.asks("both amounts", "POST", "/api/v1/balance_conversions", `{"source_currency":"USD","target_currency":"EUR","source_amount":1000,"target_amount":1}`)
	g.asks("a conversion", "GET", "/api/v1/balance_conversions/"+c, "")
	g.asks("conversions", "GET", "/api/v1/balance_conversions", "")
	g.check()
}
