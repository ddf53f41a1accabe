package glomo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/screen"
)

const iban = "DE89370400440532013000"

const goodBeneficiary = `{"category":"payout","beneficiary":{"name":"ACME GmbH","type":"business","email":"pay@acme.example",
	"address":{"address_line1":"Main 1","city":"Berlin","state":"Berlin","country_code":"DEU","postal_code":"10115"}},
	"bank_account":{"account_number":"` + iban + `","currency":"EUR"},"notes":{"a":"b"}}`

// dollars is a beneficiary with an account in dollars.
var dollars = strings.NewReplacer(`"currency":"EUR"`, `"currency":"USD","swift_code":"DEUTDEFF"`).Replace(goodBeneficiary)

func (k *kit) beneficiary(body string) string {
	k.Helper()
	return parse[brief](k, k.ok(k.post(shopKey, "/api/v2/beneficiaries", body), 201)).ID
}

func TestBeneficiaries(t *testing.T) {
	k := moneyKit(t)
	got := parse[beneficiaryBody](k, k.ok(k.post(shopKey, "/api/v2/beneficiaries", strings.Replace(goodBeneficiary, iban, "de89 3704 0044 0532 0130 00", 1)), 201))
	want(k, "status", got.Status+got.Category, "activepayout")
	want(k, "account", got.Account.Number+got.Account.Currency, iban+"EUR")
	want(k, "nickname", got.Beneficiary.Nickname, "ACME GmbH")
	want(k, "found", parse[beneficiaryBody](k, k.get(shopKey, "/api/v2/beneficiaries/"+got.ID)).ID, got.ID)
	want(k, "listed", parse[pageBody[beneficiaryBody]](k, k.get(shopKey, "/api/v2/beneficiaries")).Meta.Count, 1)
	want(k, "another merchant's", parse[pageBody[beneficiaryBody]](k, k.get(otherKey, "/api/v2/beneficiaries")).Meta.Count, 0)
	want(k, "as a customer", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/customer")).Meta.Count, 0)
	k.refused("another merchant's", k.get(otherKey, "/api/v2/beneficiaries/"+got.ID), 404, "Entity not found")
	k.refused("another noun's id", k.get(shopKey, "/api/v2/beneficiaries/cust_1"), 400, "Id must start with 'bene_'")
	k.refused("the first version", k.get(shopKey, "/api/v1/beneficiaries"), 404, "")
	for _, test := range []struct{ from, to, part string }{
		{`"category":"payout",`, ``, "category is required"},
		{`"payout"`, `"lrs"`, "category must be payout"},
		{`"name":"ACME GmbH",`, ``, "beneficiary.name is required"},
		{`"business"`, `"company"`, "beneficiary.type must be one of"},
		{`pay@acme.example`, `pay`, "Email address is not valid"},
		{`"city":"Berlin",`, ``, "beneficiary.address.city is required"},
		{`"DEU"`, `"DE"`, "3-letter ISO"},
		{iban, "DE89370400440532013001", "account_number"},
		{`"account_number":"` + iban + `",`, ``, "bank_account.account_number is required"},
		{`"EUR"`, `"XXX"`, "Currency not supported"},
		{`"currency":"EUR"`, `"currency":"EUR","swift_code":"X"`, "swift_code"},
		{`"currency":"EUR"`, `"currency":"EUR","bank_country_code":"DE"`, "3-letter ISO"},
		{`"notes"`, `"documents":["x"],"notes"`, "doc_"},
	} {
		body := strings.Replace(goodBeneficiary, test.from, test.to, 1)
		if test.from == `"notes"` {
			body = strings.Replace(goodBeneficiary, `"address"`, `"documents":["x"],"address"`, 1)
			body = strings.Replace(body, `"category":"payout"`, `"category":"payout","documents":["x"]`, 1)
		}
		k.refused(test.to, k.post(shopKey, "/api/v2/beneficiaries", body), 400, test.part)
	}
}

func payoutAsked(beneficiary string, more ...string) string {
	base := `{"beneficiary_id":"` + beneficiary + `","purpose_code":"S0305","source_currency":"USD","destination_currency":"USD","source_amount":1000}`
	return with(base, more...)
}

func (k *kit) payout(body string) payoutBody {
	k.Helper()
	return parse[payoutBody](k, k.ok(k.post(shopKey, "/api/v1/payouts", body), 201))
}

func (k *kit) payoutNow(id string) payoutBody {
	k.Helper()
	return parse[payoutBody](k, k.ok(k.get(shopKey, "/api/v1/payouts/"+id), 200))
}

func TestPayout(t *testing.T) {
	k := moneyKit(t)
	k.fund(cents("USD", 5000))
	bene := k.beneficiary(dollars)
	got := k.payout(payoutAsked(bene, "request_id", `"r1"`, "payment_rail", `"swift"`, "invoice_number", `"I1"`, "notes", `{"batch":"1"}`))
	want(k, "payout", fmt.Sprint(got.Status, got.SourceAmount, got.DestinationAmount, text(got.PaymentRail), text(got.InvoiceNumber), got.Notes["batch"]), fmt.Sprint("queued", 1000, 1000, "swift", "I1", "1"))
	again := k.post(shopKey, "/api/v1/payouts", payoutAsked(bene, "request_id", `"r1"`))
	k.refused("the request_id again", again, 409, "A payout with this request_id already exists")
	want(k, "what is left", k.balance("USD"), 4000)
	mock := func(id, status string) reply {
		return k.patch(shopKey, "/api/v1/payouts/mock", `{"id":"`+id+`","status":"`+status+`"}`)
	}
	k.refused("asked for documents", mock(got.ID, "action_required"), 400, "State change not allowed")
	want(k, "success", parse[payoutBody](k, k.ok(mock(got.ID, "success"), 200)).Status, payoutSuccess)
	k.refused("twice", mock(got.ID, "failed"), 400, "State change not allowed")
	k.refused("cancelled", k.patch(shopKey, "/api/v1/payouts/"+got.ID+"/cancel", ""), 400, "Payout cannot be cancelled in its current state")
	if told := fmt.Sprint(k.tells(k.spends(got.ID))); told != "[payout.queued payout.in_progress payout.success]" {
		t.Errorf("told %s", told)
	}

	failed := k.payout(payoutAsked(bene))
	want(k, "failed", parse[payoutBody](k, k.ok(mock(failed.ID, "failed"), 200)).Status, payoutFailed)
	want(k, "what came back", k.balance("USD"), 4000)
	left := k.payout(payoutAsked(bene))
	want(k, "cancelled", parse[payoutBody](k, k.ok(k.patch(shopKey, "/api/v1/payouts/"+left.ID+"/cancel", ""), 200)).Status, payoutCancelled)
	want(k, "what came back", k.balance("USD"), 4000)
	stopped := k.payout(payoutAsked(bene))
	want(k, "cancelled by the mock", parse[payoutBody](k, k.ok(mock(stopped.ID, "cancelled"), 200)).Status, payoutCancelled)

	k.refused("in live", k.patch(liveKey, "/api/v1/payouts/mock", `{"id":"`+got.ID+`","status":"success"}`), 404, "Entity not found")
	k.refused("no such payout", mock("payout_none", "success"), 404, "Entity not found")
	k.refused("no such status", mock(got.ID, "done"), 400, "status must be one of")
	k.refused("another merchant's", k.get(otherKey, "/api/v1/payouts/"+got.ID), 404, "Entity not found")
	k.refused("another noun's", k.get(shopKey, "/api/v1/payouts/conv_1"), 400, "Id must start with 'payout_'")
	want(k, "orders", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/orders")).Meta.Count, 0)
	want(k, "payments", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/payment")).Meta.Count, 0)
	k.refused("no documents are asked for", k.patch(shopKey, "/api/v1/payouts/"+got.ID+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"r"}]}`), 400, "payout not in action_required")
}

// balance is what the merchant shop can spend.
func (k *kit) balance(code string) int64 {
	k.Helper()
	for _, b := range parse[balancesBody](k, k.ok(k.get(shopKey, "/api/v1/balances"), 200)).Available {
		if b.Currency == code {
			return b.Amount
		}
	}
	return 0
}

func TestPayoutRefuses(t *testing.T) {
	k := moneyKit(t)
	k.fund(cents("USD", 5000))
	bene := k.beneficiary(dollars)
	for _, test := range []struct{ body, part string }{
		{`{}`, "beneficiary_id is required"},
		{payoutAsked("cust_1"), "beneficiary_id must start with 'bene_'"},
		{payoutAsked("bene_none"), "beneficiary_id not found"},
		{payoutAsked(bene, "purpose_code", ""), "purpose_code is required"},
		{payoutAsked(bene, "purpose_code", `"P1401"`), "purpose_code is not one of payouts"},
		{payoutAsked(bene, "source_currency", ""), "source_currency is required"},
		{payoutAsked(bene, "destination_currency", `"EUR"`), "currency of the beneficiary's account"},
		{payoutAsked(bene, "source_amount", ""), "source_amount is required"},
		{payoutAsked(bene, "destination_amount", "5"), "not both"},
		{payoutAsked(bene, "source_amount", "0"), "positive whole number"},
		{payoutAsked(bene, "source_amount", `"5"`), "must be an integer"},
		{payoutAsked(bene, "payment_rail", `"pigeon"`), "payment_rail must be one of"},
		{payoutAsked(bene, "documents", `["x"]`), "documents must be ids"},
		{payoutAsked(bene, "source_amount", "5001"), "Account has insufficient balance to process this transaction. Additional amount required: 1."},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/payouts", test.body), 400, test.part)
	}
	want(k, "payouts", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/payouts")).Meta.Count, 0)
	want(k, "what is left", k.balance("USD"), 5000)
}

func TestPayoutWithQuote(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	k.fund(cents("USD", 5000))
	bene := k.beneficiary(goodBeneficiary)
	ask := func(body string) quoteBody {
		t.Helper()
		return parse[quoteBody](k, k.ok(k.post(shopKey, "/api/v1/quotes", body), 201))
	}
	q := ask(`{"resource":"payout","source_currency":"USD","destination_currency":"EUR","destination_amount":800}`)
	want(k, "quote", fmt.Sprint(q.Status, q.SourceAmount, q.DestinationAmount, q.Rate), "active1000 8001.25")
	want(k, "end", q.ExpiresAt, "2026-03-02T11:00:00.000Z")
	quoted := func(id string, more ...string) string {
		return with(`{"beneficiary_id":"`+bene+`","purpose_code":"S0305","quote_id":"`+id+`"}`, more...)
	}
	for _, field := range quotedFields {
		k.refused(field, k.post(shopKey, "/api/v1/payouts", quoted(q.ID, field, `"USD"`)), 400, field+" cannot be specified when quote_id is present")
	}
	k.refused("no quote", k.post(shopKey, "/api/v1/payouts", quoted("quote_none")), 400, "quote_id not found")
	payin := ask(`{"resource":"payin","source_currency":"USD","destination_currency":"EUR","source_amount":1000}`)
	k.refused("of a payin", k.post(shopKey, "/api/v1/payouts", quoted(payin.ID)), 400, "Quote is not a payout quote")
	dollar := ask(`{"resource":"payout","source_currency":"EUR","destination_currency":"USD","source_amount":1000}`)
	k.refused("of another currency", k.post(shopKey, "/api/v1/payouts", quoted(dollar.ID)), 400, "not compatible with the selected beneficiary")
	got := k.payout(quoted(q.ID))
	want(k, "payout", fmt.Sprint(got.SourceAmount, got.SourceCurrency, got.DestinationAmount, got.DestinationCurrency, text(got.QuoteID) == q.ID), "1000USD800EURtrue")
	used := parse[quoteBody](k, k.get(shopKey, "/api/v1/quotes/"+q.ID))
	want(k, "the quote", used.Status+text(used.UsedBy), "used"+got.ID)
	k.refused("used twice", k.post(shopKey, "/api/v1/payouts", quoted(q.ID)), 400, "quote_id has already been used")
	late := ask(`{"resource":"payout","source_currency":"USD","destination_currency":"EUR","source_amount":1000}`)
	k.clock.Move(30*time.Minute + time.Second)
	want(k, "past its end", parse[quoteBody](k, k.get(shopKey, "/api/v1/quotes/"+late.ID)).Status, "expired")
	k.refused("past its end", k.post(shopKey, "/api/v1/payouts", quoted(late.ID)), 400, "quote_id has expired")
	for _, test := range []struct{ body, part string }{
		{`{}`, "resource is required"},
		{`{"resource":"gift"}`, "resource must be one of"},
		{`{"resource":"payout","source_currency":"USD"}`, "destination_currency is required"},
		{`{"resource":"payout","source_currency":"USD","destination_currency":"EUR"}`, "source_amount is required"},
		{`{"resource":"payout","source_currency":"USD","destination_currency":"EUR","source_amount":1,"destination_amount":1}`, "not both"},
		{`{"resource":"payout","source_currency":"KWD","destination_currency":"EUR","source_amount":1001}`, "must end in 0"},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/quotes", test.body), 400, test.part)
	}
	k.refused("no rate", k.post(shopKey, "/api/v1/quotes", `{"resource":"payout","source_currency":"USD","destination_currency":"GBP","source_amount":1000}`), 503, "")
	k.refused("another merchant's", k.get(otherKey, "/api/v1/quotes/"+q.ID), 404, "Entity not found")
	k.refused("another noun's", k.get(shopKey, "/api/v1/quotes/payout_1"), 400, "Id must start with 'quote_'")
}

func TestListPayouts(t *testing.T) {
	k := moneyKit(t)
	limits := engine.Limits{pretend().Rail: {cents("USD", 1).Asset(): {Order: cents("USD", 1500)}}}
	k.engine = k.engine.Limited(limits)
	k.dialect.engine = k.engine
	k.fund(cents("USD", 50000))
	bene, other := k.beneficiary(dollars), k.beneficiary(dollars)
	one := k.payout(payoutAsked(bene, "request_id", `"r1"`))
	k.clock.Move(time.Minute)
	two := k.payout(payoutAsked(other))
	k.ok(k.patch(shopKey, "/api/v1/payouts/mock", `{"id":"`+two.ID+`","status":"success"}`), 200)
	k.clock.Move(time.Minute)
	large := k.payout(payoutAsked(bene, "source_amount", "2000"))
	_, err := k.engine.Reserve(context.Background(), k.spends(large.ID).ID)
	if err == nil {
		t.Fatal("it was sent without a second person")
	}
	want(k, "above the limit", k.payoutNow(large.ID).Status, payoutApproval)
	for query, ids := range map[string][]string{
		"": {large.ID, two.ID, one.ID}, "per_page=1&page=2": {two.ID}, "status=queued": {one.ID}, "status=pending_approval": {large.ID}, "status=success": {two.ID},
		"status=failed": nil, "request_id=r1": {one.ID}, "request_id=r1&status=success": nil, "request_id=r9": nil, "beneficiary_id=" + other: {two.ID},
	} {
		var got []string
		for _, p := range parse[pageBody[payoutBody]](k, k.ok(k.get(shopKey, "/api/v1/payouts?"+query), 200)).Data {
			got = append(got, p.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("%q: %v, want %v", query, got, ids)
		}
	}
	k.refused("no such status", k.get(shopKey, "/api/v1/payouts?status=done"), 400, "Invalid status")
	if told := fmt.Sprint(k.tells(k.spends(large.ID))); told != "[payout.queued payout.pending_approval]" {
		t.Errorf("told %s", told)
	}
}

// A beneficiary who is like somebody on a list stops the payout until somebody has decided.
func TestScreenedPayout(t *testing.T) {
	k := moneyKit(t)
	k.engine.SetScreener(listing{"ACME GmbH"})
	k.fund(cents("USD", 5000))
	got := k.payout(payoutAsked(k.beneficiary(dollars)))
	want(k, "status", got.Status, payoutAction)
	if len(got.RFIDocuments) != 1 {
		t.Fatalf("it asks for %v", got.RFIDocuments)
	}
	path := "/api/v1/payouts/" + got.ID + "/update-rfi"
	k.refused("what is not there", k.patch(shopKey, path, `{"documents":[{"id":"doc_none","rfi_doc_id":"`+got.RFIDocuments[0].ID+`"}]}`), 400, "Invalid rfi_doc_id")
	given := parse[payoutBody](k, k.ok(k.patch(shopKey, path, `{"documents":[{"id":"`+k.paper()+`","rfi_doc_id":"`+got.RFIDocuments[0].ID+`"}]}`), 200))
	want(k, "given", given.Status, payoutApproval)
	_, err := k.engine.Refuse(context.Background(), k.spends(got.ID).ID, order.Screening, order.ByOperator, "ops", "listed")
	k.must(err)
	refused := k.payoutNow(got.ID)
	want(k, "refused", refused.Status+text(refused.ErrorCode), payoutFailed+"PAYOUT_REJECTED")
	want(k, "what came back", k.balance("USD"), 5000)
}

// The number of the account is screened as the name is.
func TestScreenedPayoutAccount(t *testing.T) {
	k := moneyKit(t)
	k.fund(cents("USD", 5000))
	payee := k.beneficiary(dollars)
	number := parse[beneficiaryBody](k, k.ok(k.get(shopKey, "/api/v2/beneficiaries/"+payee), 200)).Account.Number
	k.engine.SetScreener(listing{number})
	want(k, "status", k.payout(payoutAsked(payee)).Status, payoutAction)
}

// listing is a list with some names and account numbers.
type listing []string

func (l listing) Name(q screen.Query) (hits []screen.Hit) {
	for _, name := range l {
		if q.Name == name {
			hits = append(hits, screen.Hit{Name: name, Score: 1000})
		}
	}
	return hits
}
func (l listing) Address(account string) (hits []screen.Hit) {
	if slices.Contains(l, account) {
		hits = append(hits, screen.Hit{Name: account, Score: 1000})
	}
	return hits
}
func (l listing) Entries() int { return len(l) }

func TestConversions(t *testing.T) {
	k := moneyKit(t)
	k.rates()
	k.fund(cents("USD", 5000))
	got := parse[conversionBody](k, k.ok(k.post(shopKey, "/api/v1/balance_conversions", `{"source_currency":"USD","target_currency":"EUR","source_amount":1000}`), 201))
	want(k, "conversion", fmt.Sprint(got.From, got.To, got.Fees, got.Status, got.MidMarketRate), "{1000 USD} {800 EUR} {0 USD}success{USD 1.25}")
	k.clock.Move(time.Second)
	second := parse[conversionBody](k, k.ok(k.post(shopKey, "/api/v1/balance_conversions", `{"source_currency":"USD","target_currency":"EUR","target_amount":80}`), 201))
	want(k, "by what comes out", second.From.Amount, 100)
	want(k, "dollars", k.balance("USD"), 3900)
	want(k, "euros", k.balance("EUR"), 880)
	page := parse[pageBody[conversionBody]](k, k.get(shopKey, "/api/v1/balance_conversions"))
	want(k, "listed", fmt.Sprint(page.Meta.Count, page.Data[0].ID == second.ID), "2 true")
	want(k, "found", parse[conversionBody](k, k.get(shopKey, "/api/v1/balance_conversions/"+got.ID)).ID, got.ID)
	want(k, "as a payout", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/payouts")).Meta.Count, 0)
	for _, test := range []struct {
		body   string
		status int
		part   string
	}{
		{`{"source_currency":"USD","target_currency":"EUR","source_amount":1,"target_amount":1}`, 400, "You can only send source_amount or target_amount, not both."},
		{`{"source_currency":"USD","target_currency":"EUR"}`, 400, "source_amount is required"},
		{`{"source_currency":"USD","target_currency":"USD","source_amount":100}`, 400, "another than source_currency"},
		{`{"source_currency":"USD","target_currency":"EUR","source_amount":3901}`, 400, "Additional amount required: 1."},
		{`{"source_currency":"USD","target_currency":"EUR","target_amount":0}`, 400, "positive whole number"},
		{`{"source_currency":"USD","target_currency":"GBP","source_amount":100}`, 503, ""},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/balance_conversions", test.body), test.status, test.part)
	}
	k.refused("another merchant's", k.get(otherKey, "/api/v1/balance_conversions/"+got.ID), 404, "Entity not found")
	want(k, "a payout as one", k.get(shopKey, "/api/v1/balance_conversions/payout_1").status, 400)
}
