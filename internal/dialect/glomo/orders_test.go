package glomo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// broken is a request that must be refused, with a message that has a part.
type broken struct {
	name string
	more []string
	code int
	part string
}

// refuseAll refuses orders, and nothing of them is on record.
func refuseAll(t *testing.T, k *kit, tests []broken) {
	t.Helper()
	for _, test := range tests {
		k.refused(test.name, k.post(shopKey, "/api/v1/orders", k.good(test.more...)), test.code, test.part)
	}
	if list := parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders")); list.Meta.Count != 0 {
		t.Errorf("%d refused orders are on record", list.Meta.Count)
	}
}

func TestRequiredFields(t *testing.T) {
	refuseAll(t, newKit(t), []broken{
		{"no customer", []string{"customer_id", ""}, 400, "Customer ID must start with cust_ and be valid."},
		{"a null customer", []string{"customer_id", "null"}, 400, "Customer ID must start with cust_"},
		{"another noun's id", []string{"customer_id", `"doc_1"`}, 400, "Customer ID must start with cust_"},
		{"no number for a customer", []string{"customer_id", `1`}, 400, "customer_id"},
		{"nobody", []string{"customer_id", `"cust_nobody"`}, 404, "Customer not found"},
		{"no currency", []string{"currency", ""}, 400, "Currency code must be valid (USD, EUR, GBP)."},
		{"no amount", []string{"amount", ""}, 400, "Amount must be a positive whole number in the smallest currency unit (e.g., cents)."},
		{"a null amount", []string{"amount", "null"}, 400, "Amount must be a positive"},
	})
}

// An amount is a whole number of the smallest unit, however it is written, and nothing else.
func TestAmounts(t *testing.T) {
	k := newKit(t)
	refuseAll(t, k, []broken{
		{"zero", []string{"amount", "0"}, 400, "Amount must be a positive whole number"},
		{"below zero", []string{"amount", "-1"}, 400, "Amount must be a positive whole number"},
		{"a fraction", []string{"amount", "10.5"}, 400, "Amount must be a positive whole number"},
		{"a small fraction", []string{"amount", "1000.0000000000001"}, 400, "Amount must be a positive whole number"},
		{"a fraction of an exponent", []string{"amount", "1e-1"}, 400, "Amount must be a positive whole number"},
		{"a string", []string{"amount", `"1000"`}, 400, "Amount must be an integer"},
		{"a flag", []string{"amount", `true`}, 400, "Amount must be an integer"},
		{"more than readers keep", []string{"amount", "9007199254740992"}, 400, "Amount must not be above 9007199254740991"},
		{"far more", []string{"amount", "1e19"}, 400, "Amount must not be above"},
		{"endless", []string{"amount", "1e999"}, 400, "Amount must be"},
		{"an invoice of a fraction", []string{"invoice_amount", "1.5"}, 400, "Invoice amount must be a positive whole number"},
		{"an invoice below zero", []string{"invoice_amount", "-5"}, 400, "Invoice amount must be a positive whole number"},
		{"an invoice as a string", []string{"invoice_amount", `"5"`}, 400, "Invoice amount must be an integer"},
	})
	for text, want := range map[string]string{"1000": "1000", "1000.0": "1000", "1e3": "1000", "1E+3": "1000", "10.00e2": "1000", "1": "1", "9007199254740991": "9007199254740991"} {
		if got := k.shown(k.order("amount", text)); string(got.Amount) != want {
			t.Errorf("%s is %s", text, got.Amount)
		}
	}
	if got := k.shown(k.order("invoice_amount", "0")); got.InvoiceAmount != nil {
		t.Errorf("an invoice of 0 shows %d", *got.InvoiceAmount)
	}
}

// An invoice may be for more than is asked for now, and, where nobody is strict, for less.
func TestInvoiceAmounts(t *testing.T) {
	k := newKit(t)
	for _, text := range []string{"1001", "1000", "999", "9007199254740991"} {
		if got := k.shown(k.order("invoice_amount", text)); got.InvoiceAmount == nil || fmt.Sprint(*got.InvoiceAmount) != text {
			t.Errorf("%s is %v", text, got.InvoiceAmount)
		}
	}
}

func moreCurrencies(c *Config) { c.Currencies = []string{"USD", "JPY", "KWD", "BHD", "OMR"} }

// Currencies of three decimals end in 0, as 295.991 is 295990. // case 7
func TestThreeDecimals(t *testing.T) {
	k := newKit(t, moreCurrencies)
	for _, code := range []string{"KWD", "BHD", "OMR"} {
		if got := k.shown(k.order("currency", quoted(code), "amount", "295990")); string(got.Amount) != "295990" || got.Currency != code {
			t.Errorf("%+v", got)
		}
		k.refused(code, k.post(shopKey, "/api/v1/orders", k.good("currency", quoted(code), "amount", "295991")), 400, "Amount in "+code+" must end in 0")
		k.refused("an invoice in "+code, k.post(shopKey, "/api/v1/orders", k.good("currency", quoted(code), "amount", "295990", "invoice_amount", "295991")), 400, "Invoice amount in "+code+" must end in 0")
	}
	if due := k.found(k.order("currency", `"KWD"`, "amount", "295990")).Terms.Due; due.Decimal() != "295.990" {
		t.Errorf("%s", due)
	}
}

// Currencies without decimals are whole numbers: 295 is 295. // case 7
func TestNoDecimals(t *testing.T) {
	k := newKit(t, moreCurrencies)
	id := k.order("currency", `"JPY"`, "amount", "295")
	if got, due := k.shown(id), k.found(id).Terms.Due; string(got.Amount) != "295" || due.Decimal() != "295" {
		t.Errorf("%s, %s", got.Amount, due)
	}
}

func TestCurrencies(t *testing.T) {
	k := newKit(t)
	refuseAll(t, k, []broken{
		{"not sold in", []string{"currency", `"INR"`}, 400, "Currency not supported"},
		{"switched off", []string{"currency", `"KWD"`, "amount", "1000"}, 400, "Currency not supported"},
		{"none", []string{"currency", `"XYZ"`}, 400, "Currency not supported"},
		{"small letters", []string{"currency", `"usd"`}, 400, "Currency code must be valid (USD, EUR, GBP)."},
		{"a word", []string{"currency", `"dollars"`}, 400, "Currency code must be valid"},
		{"a number", []string{"currency", `840`}, 400, "currency"},
	})
	for _, code := range []string{"USD", "EUR", "GBP"} {
		if got := k.shown(k.order("currency", quoted(code))); got.Currency != code {
			t.Errorf("%s is %s", code, got.Currency)
		}
	}
}

func TestPurposeCodes(t *testing.T) {
	k := newKit(t)
	if len(purposes) != 136 || !slices.IsSorted(purposes) || len(slices.Compact(slices.Clone(purposes))) != len(purposes) {
		t.Errorf("%d purpose codes", len(purposes))
	}
	refuseAll(t, k, []broken{
		{"none of the list", []string{"purpose_code", `"P1402"`}, 400, "Purpose code"},
		{"of a pay-out", []string{"purpose_code", `"S0001"`}, 400, "Purpose code"},
		{"small letters", []string{"purpose_code", `"p1401"`}, 400, "Purpose code"},
	})
	if got := k.shown(k.order("purpose_code", `"P1401"`)); *got.Purpose != "P1401" {
		t.Errorf("%+v", got)
	}
}

func TestProducts(t *testing.T) {
	k := newKit(t)
	refuseAll(t, k, []broken{
		{"no name", []string{"product", `{"description":"x"}`}, 400, "product.name is required"},
		{"an empty name", []string{"product", `{"name":" "}`}, 400, "product.name is required"},
		{"a text", []string{"product", `"book"`}, 400, "product"},
	})
	if got := k.shown(k.order("product", `{"name":"Book"}`)); got.Product.Name != "Book" || got.Product.Description != nil {
		t.Errorf("%+v", got.Product)
	}
}

func TestBankAccountDetails(t *testing.T) {
	k := newKit(t)
	refuseAll(t, k, []broken{
		{"no number", []string{"bank_account_details", `{"bic_primary":"HDFCINBBDEL"}`}, 400, "bank_account_details.account_number is required"},
		{"no code", []string{"bank_account_details", `{"account_number":"1234567890"}`}, 400, "Either bic_primary or bic_secondary must be provided"},
		{"null codes", []string{"bank_account_details", `{"account_number":"1234567890","bic_primary":null,"bic_secondary":""}`}, 400, "Either bic_primary or bic_secondary"},
		{"a list", []string{"bank_account_details", `[]`}, 400, "bank_account_details"},
	})
	got := k.get(shopKey, "/api/v1/orders/"+k.order("bank_account_details", `{"account_number":"1234567890","bic_secondary":"HDFC0001097"}`))
	if !strings.Contains(got.body, `"bank_account_details":{"account_number":"1234567890","bic_primary":null,"bic_secondary":"HDFC0001097","bank_customer_id":null}`) {
		t.Error(got.body)
	}
	if got := k.get(shopKey, "/api/v1/orders/"+k.order()); !strings.Contains(got.body, `"bank_account_details":null`) {
		t.Error(got.body)
	}
}

func TestPaymentMethods(t *testing.T) {
	k := newKit(t)
	refuseAll(t, k, []broken{
		{"none", []string{"payment_methods", `[]`}, 400, "payment_methods must not be empty"},
		{"none of ours", []string{"payment_methods", `["card","cash"]`}, 400, "payment_methods must be of bank_transfer, pay_via_bank, card"},
		{"numbers", []string{"payment_methods", `[1]`}, 400, "payment_methods"},
		{"a text", []string{"payment_methods", `"card"`}, 400, "payment_methods"},
	})
	for text, want := range map[string]string{`["card"]`: "card", `["card","bank_transfer","card"]`: "card bank_transfer", "": "bank_transfer pay_via_bank card", "null": "bank_transfer pay_via_bank card"} {
		id := k.order("payment_methods", text)
		if got := strings.Join(k.shown(id).Methods, " "); got != want {
			t.Errorf("%s is %s", text, got)
		}
		var offered []string
		for _, m := range k.engine.MethodsOf(k.found(id)) {
			offered = append(offered, m.Code)
		}
		wanted := strings.Fields(want)
		slices.Sort(offered)
		slices.Sort(wanted)
		if !slices.Equal(offered, wanted) {
			t.Errorf("%s: the payer is offered %v", text, offered)
		}
	}
	k.engine = k.engine.WithMethods(testMethods()[:0])
	k.dialect.engine = k.engine
	k.refused("nothing is set up", k.post(shopKey, "/api/v1/orders", k.good()), 503, "No payment method is enabled in USD")
	k.refused("a method is not set up", k.post(shopKey, "/api/v1/orders", k.good("payment_methods", `["card"]`)), 400, "card is not enabled in USD")
}

func TestPrices(t *testing.T) {
	k := newKit(t)
	price := k.made(shopKey, "/api/v1/prices", `{"pricing_type":"percentage","bps":250}`)
	euros := k.made(shopKey, "/api/v1/prices", `{"pricing_type":"fixed","fees_amount":100,"fees_currency":"EUR"}`)
	foreign := k.made(otherKey, "/api/v1/prices", `{"pricing_type":"percentage","bps":250}`)
	refuseAll(t, k, []broken{
		{"no platform", []string{"price_id", quoted(price)}, 400, "price_id is only applicable for platform businesses"},
		{"another noun", []string{"price_id", `"cust_1"`}, 400, "Price ID must start with price_"},
		{"another currency", []string{"price_id", quoted(euros)}, 400, "Price is in EUR and the order in USD"},
		{"another merchant's", []string{"price_id", quoted(foreign)}, 404, "Price not found"},
		{"nobody's", []string{"price_id", `"price_none"`}, 404, "Price not found"},
	})
	k.setting("platform", "true")
	k.refused("nobody is the platform", k.post(shopKey, "/api/v1/orders", k.good("price_id", quoted(price))), 503, "referral fee")
	k.setting("platform_id", `"other"`)
	id := k.order("price_id", quoted(price), "amount", "1001")
	if got := k.shown(id); *got.Price != price || string(got.Amount) != "1001" {
		t.Errorf("%+v", got)
	}
	k.paid(id, "p1")
	// 2.5 % of 10.01 are 0.25025, rounded half up once.
	if got := k.earned(id); got != "other 25 shop 976" {
		t.Errorf("booked %s", got)
	}
	for body, part := range map[string]string{
		`{}`: "pricing_type is required", `{"pricing_type":"free"}`: "pricing_type must be one of", `{"pricing_type":"percentage"}`: "bps is required",
		`{"pricing_type":"percentage","bps":0}`: "Bps must be", `{"pricing_type":"percentage","bps":10001}`: "Bps must be", `{"pricing_type":"percentage","bps":1.5}`: "Bps must be",
		`{"pricing_type":"percentage","bps":1,"fees_amount":1}`: "of a fixed price", `{"pricing_type":"fixed","fees_amount":1}`: "fees_currency is required",
		`{"pricing_type":"fixed","fees_currency":"USD"}`: "fees_amount is required", `{"pricing_type":"fixed","fees_currency":"USD","fees_amount":0}`: "Fees amount must be",
		`{"pricing_type":"fixed","fees_currency":"INR","fees_amount":1}`: "Currency not supported", `{"pricing_type":"fixed","fees_currency":"USD","fees_amount":1,"bps":1}`: "bps is of a percentage price",
	} {
		k.refused(body, k.post(shopKey, "/api/v1/prices", body), 400, part)
	}
}

// earned is what an order brought whose balance, in the smallest unit.
func (k *kit) earned(id string) string {
	k.Helper()
	story, err := k.engine.Story(k.Context(), id)
	k.must(err)
	var got []string
	for _, e := range story.Entries {
		for _, p := range e.Postings {
			if merchant, ok := strings.CutSuffix(string(p.To), "/merchant"); ok {
				got = append(got, merchant[strings.LastIndex(merchant, "/")+1:]+" "+p.Amount.Units())
			}
		}
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// Who bears the fee is the merchant's setting: an order is of the amount that he asked for all the same.
func TestFeeBearers(t *testing.T) {
	k := newKit(t)
	k.setting("fee_bps", "200")
	mine := k.order("amount", "10000")
	k.setting("fee_bearer", `"customer"`)
	his := k.order("amount", "10000")
	k.setting("fee_bps", "0")
	nothing := k.order("amount", "10000")
	k.setting("fee_bearer", `"merchant"`) // what was agreed stays
	for id, want := range map[string]string{mine: "10000 shop 9800", his: "10200 shop 10000", nothing: "10000 shop 10000"} {
		k.paid(id, "p "+id)
		bears := map[string]string{mine: "merchant", his: "customer", nothing: "customer"}[id]
		if list := parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?payin_id="+id)).Data; len(list) != 1 || list[0].FeeBearer != bears {
			t.Errorf("%+v, want the %s to bear the fee", list, bears)
		}
		if got := k.found(id).Terms.Due.Units() + " " + k.earned(id); got != want || string(k.shown(id).Amount) != "10000" {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestNotesOfOrders(t *testing.T) {
	k := newKit(t)
	k.setting("custom_fields", `[{"name":"tier","required":true,"one_of":["gold","silver"]}]`)
	refuseAll(t, k, []broken{
		{"a reserved name", []string{"notes", `{"tier":"gold","amount":"1"}`}, 400, "reserved field name"},
		{"against a rule", []string{"notes", `{"tier":"tin"}`}, 400, "Notes tier is invalid"},
		{"a rule's field is missing", nil, 400, "Validation failed: Notes tier is required"},
		{"the number of a card", []string{"notes", `{"tier":"gold","card":"4111 1111 1111 1111"}`}, 400, "must not hold the number of a card"},
		{"a number", []string{"notes", `{"tier":"gold","n":1}`}, 400, "must be a string"},
	})
	if got := k.shown(k.order("notes", `{"tier":"gold"}`)); got.Notes["tier"] != "gold" {
		t.Errorf("%+v", got.Notes)
	}
	k.setting("custom_fields", `[]`)
	for text, want := range map[string]string{"": `"notes":null`, "null": `"notes":null`, "{}": `"notes":{}`} {
		if got := k.get(shopKey, "/api/v1/orders/"+k.order("notes", text)); !strings.Contains(got.body, want) {
			t.Errorf("%q: %s", text, got.body)
		}
	}
}

// Who repeats a request_id is told that the order is there, and makes no other; another merchant's request_id is another one. What was
// refused is not remembered. // case 35, case 37, case 38
func TestRequestIDs(t *testing.T) {
	k := newKit(t)
	k.refused("a first request that is wrong", k.post(shopKey, "/api/v1/orders", k.good("request_id", `"r-1"`, "amount", "0")), 400, "Amount")
	id := k.order("request_id", `"r-1"`)
	k.refused("again", k.post(shopKey, "/api/v1/orders", k.good("request_id", `"r-1"`)), 400, "Order already exists for this request_id")
	k.refused("again with another amount", k.post(shopKey, "/api/v1/orders", k.good("request_id", `"r-1"`, "amount", "5")), 400, "Order already exists for this request_id")
	theirs := k.made(otherKey, "/api/v1/customer", goodCustomer)
	other := k.made(otherKey, "/api/v1/orders", with(`{"currency":"USD","amount":7,"request_id":"r-1"}`, "customer_id", quoted(theirs)))
	for key, want := range map[string]string{shopKey: id, otherKey: other} {
		list := parse[pageBody[orderBody]](k, k.get(key, "/api/v1/orders?request_id=r-1"))
		if len(list.Data) != 1 || list.Data[0].ID != want || list.Meta.Count != 1 {
			t.Errorf("%+v", list)
		}
	}
	if list := parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders?request_id=r-1&status=paid")); list.Meta.Count != 0 {
		t.Errorf("%+v", list)
	}
	if list := parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders")); list.Meta.Count != 1 {
		t.Errorf("%d orders", list.Meta.Count)
	}
}

// Of many equal requests at once one makes the order, and the others are told that it is there. // case 34
func TestRequestIDsAtOnce(t *testing.T) {
	k := newKit(t)
	body := k.good("request_id", `"r-1"`)
	statuses := make(chan int, 16)
	var all sync.WaitGroup
	for range cap(statuses) {
		all.Go(func() { statuses <- k.post(shopKey, "/api/v1/orders", body).status })
	}
	all.Wait()
	close(statuses)
	made := 0
	for status := range statuses {
		if status == 201 {
			made++
		} else if status != 400 {
			t.Errorf("%d", status)
		}
	}
	if made != 1 || parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders")).Meta.Count != 1 {
		t.Errorf("%d orders were made", made)
	}
}

// What an order of the other environment or of another merchant is called does not exist. // case 41
func TestOrdersAreTheirMerchants(t *testing.T) {
	k := newKit(t)
	id := k.order()
	for _, key := range []string{otherKey, liveKey} {
		k.refused("an order of "+key, k.get(key, "/api/v1/orders/"+id), 404, "Entity not found")
		theirs := with(`{"currency":"USD","amount":1}`, "customer_id", quoted(k.customer()))
		if got := k.post(key, "/api/v1/orders", theirs); got.status != 404 && got.status != 503 { // nothing is set up in production
			t.Errorf("%s: %d %s", key, got.status, got.body)
		}
	}
	k.refused("another noun's id", k.get(shopKey, "/api/v1/orders/cust_1"), 400, "Id must start with 'order_'")
	k.refused("no such id", k.get(shopKey, "/api/v1/orders/order_1"), 404, "Entity not found")
	k.refused("an id of no form", k.get(shopKey, "/api/v1/orders/order_%20"), 404, "Entity not found")
}

// The number of a card is taken in no text, and no refusal repeats it. A number that only looks like one is taken.
func TestNoCardNumbers(t *testing.T) {
	k := newKit(t)
	const number = "4111 1111 1111 1111"
	for field, more := range map[string][]string{
		"invoice_description": {"invoice_description", quoted("paid by " + number)},
		"reference_number":    {"reference_number", quoted(number)},
		"invoice_number":      {"invoice_number", quoted("4111111111111111")},
		"product.name":        {"product", `{"name":"` + number + `"}`},
		"product.description": {"product", `{"name":"Book","description":"` + number + `"}`},
		"Notes card":          {"notes", `{"card":"` + number + `"}`},
	} {
		for path, body := range map[string]string{"/api/v1/orders": k.good(more...), "/api/v1/payin": with(k.good(more...), "expires_at", `"2026-03-20T00:00:00Z"`)} {
			got := k.post(shopKey, path, body)
			k.refused(path+" "+field, got, 400, field+" must not hold the number of a card")
			if strings.Contains(got.body, "4111") {
				t.Errorf("%s", got.body)
			}
		}
	}
	want(k, "orders", parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders")).Meta.Count, 0)
	k.order("reference_number", `"4111 1111 1111 1112"`, "invoice_number", `"1234567890123456"`)
}

func TestUnservedFields(t *testing.T) {
	refuseAll(t, newKit(t), []broken{
		{"a split", []string{"split_ids", `["split_1"]`}, 400, "split_ids is not served here"},
		{"a remittance", []string{"lrs", `{"bank":"x"}`}, 400, "lrs is not served here"},
		{"control characters", []string{"reference_number", `"a\u0007b"`}, 400, "reference_number must not hold control characters"},
		{"too long", []string{"invoice_number", quoted(strings.Repeat("x", 256))}, 400, "invoice_number"},
	})
}

// Unknown fields are ignored, and none of them is applied. // case 43
func TestUnknownFieldsAreIgnored(t *testing.T) {
	k := newKit(t)
	got := k.shown(k.order("status", `"paid"`, "id", `"order_mine"`, "created_at", `"2001-01-01T00:00:00Z"`, "no_such", `{"a":1}`))
	if got.Status != statusActive || got.ID == "order_mine" || got.CreatedAt != "2026-03-02T10:30:00Z" {
		t.Errorf("%+v", got)
	}
	k.refused("a name twice", k.post(shopKey, "/api/v1/orders", `{"amount":1,"amount":2}`), 400, "twice")
	k.refused("no JSON", k.post(shopKey, "/api/v1/orders", `amount=1`), 400, "")
}

func TestOrderLists(t *testing.T) {
	k := newKit(t)
	second := k.made(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"b@example.com"`))
	var ids []string
	for i := range 5 {
		k.clock.Move(time.Second)
		more := []string{"amount", fmt.Sprint(i + 1)}
		if i == 2 {
			more = append(more, "customer_id", quoted(second))
		}
		ids = append(ids, k.order(more...))
	}
	k.paid(ids[0], "p1")
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	at := func(i int) string { return started.Add(time.Duration(i+1) * time.Second).Format(time.RFC3339) }
	for query, want := range map[string][]string{
		"": newest, "?per_page=2": newest[:2], "?per_page=2&page=3": newest[4:], "?page=9": {}, "?per_page=1000": newest,
		"?customer_id=" + second: {ids[2]}, "?status=paid": {ids[0]}, "?status=active": newest[:4], "?status=cancelled": {}, "?status=failed": {},
		"?after=" + at(2): {ids[4], ids[3]}, "?before=" + at(2): {ids[1], ids[0]}, "?after=" + at(0) + "&before=" + at(4): {ids[3], ids[2], ids[1]},
		"?unknown=1": newest, "?status=": newest,
	} {
		got := k.get(shopKey, "/api/v1/orders"+query)
		list := parse[pageBody[orderBody]](k, got)
		found := []string{}
		for _, o := range list.Data {
			found = append(found, o.ID)
		}
		if got.status != 200 || !slices.Equal(found, want) {
			t.Errorf("%s: %d %v, want %v", query, got.status, found, want)
		}
	}
	meta := parse[pageBody[orderBody]](k, k.get(shopKey, "/api/v1/orders?per_page=2&page=2")).Meta
	if meta.Current != 2 || *meta.Previous != 1 || *meta.Next != 3 || meta.PerPage != 2 || meta.Pages != 3 || meta.Count != 5 {
		t.Errorf("%+v", meta)
	}
	for query, part := range map[string]string{
		"?page=0": "page", "?page=x": "page", "?per_page=0": "per_page", "?per_page=-1": "per_page", "?before=yesterday": "before", "?after=12": "after",
		"?status=done": "Invalid status", "?customer_id=doc_1": "Invalid customer_id", "?status=paid&status=active": "twice", "?request_id=%00": "characters",
	} {
		k.refused(query, k.get(shopKey, "/api/v1/orders"+query), 400, part)
	}
}

// Every state of the machine is called something, and what is terminal stays called so.
func TestProjectionIsTotal(t *testing.T) {
	terminal := []string{statusPaid, statusFailed, statusExpired, statusCancelled}
	for _, state := range order.States() {
		status, known := projection[state]
		if !known || !slices.Contains(orderStatuses, status) {
			t.Errorf("%s is %q", state, status)
		}
		if slices.Contains(terminal, status) != state.Terminal() {
			t.Errorf("%s: the wire says that %s is terminal: %t", state, status, !state.Terminal())
		}
	}
}

// Only changes of what an order is called are told, and each once.
func TestWebhooksOfLives(t *testing.T) {
	k := newKit(t)
	paid := k.order()
	k.choose(paid, byCard)
	k.pay(paid, "p1", order.RankSeen, k.found(paid).Terms.Due, "A")
	k.pay(paid, "p1", order.RankConfirmed, k.found(paid).Terms.Due, "A")
	cancelled := k.order()
	_, err := k.engine.Cancel(t.Context(), k.found(cancelled).ID, order.ByOperator, "operator", "")
	k.must(err)
	expired := k.order()
	k.choose(expired, byTransfer)
	unchosen := k.order()
	k.clock.Move(93 * 24 * time.Hour)
	k.told()
	_, err = k.engine.Tick(t.Context(), engine.Sandbox, pretend().Rail, k.clock.Now())
	k.must(err)
	_, err = k.engine.Tick(t.Context(), engine.Sandbox, "", k.clock.Now())
	k.must(err)
	for id, want := range map[string]string{paid: "orders.paid", cancelled: "orders.cancelled", expired: "orders.expired", unchosen: "orders.expired"} {
		if got := strings.Join(k.tellings(id), " "); got != want {
			t.Errorf("%s is told as %q, want %q", k.shown(id).Status, got, want)
		}
	}
}

// A webhook's body is the order as it was, in the bytes that are signed.
func TestWebhookBody(t *testing.T) {
	k := newKit(t)
	id := k.order("notes", `{"Z":"é/<&>","a":"\u0001"}`)
	k.paid(id, "p1")
	story, err := k.engine.Story(t.Context(), id)
	k.must(err)
	for _, ev := range story.Events {
		_, kind, body, ok := k.dialect.Tell(ev, story.Order)
		if !ok || kind != "orders.paid" {
			continue
		}
		for _, part := range []string{`{"data":{"amount":1000,"bank_account_details":null,"created_at":"2026-03-02T10:30:00Z","currency":"USD",`, `"notes":{"Z":"é/<&>","a":"\u0001"}`,
			`"status":"paid"`, `},"entity_type":"orders","event_type":"paid"}`} {
			if !strings.Contains(string(body), part) {
				t.Errorf("%s has no %s", body, part)
			}
		}
		if strings.Contains(string(body), "rfi_documents") || !json.Valid(body) {
			t.Errorf("%s", body)
		}
		return
	}
	t.Error("the payment was not told")
}
