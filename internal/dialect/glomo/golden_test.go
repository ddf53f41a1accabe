package glomo

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/order"
	"till/internal/webhook"
)

// golden is one file of testdata: what is asked of one endpoint, and every kind of answer.
type golden struct {
	*kit
	dialecttest.Golden
	file string
}

// ask makes a request and writes it down with its answer.
func (g *golden) ask(title string, q request) reply {
	g.Helper()
	got := g.do(q)
	x := dialecttest.Exchange{Title: title, Method: q.method, Path: q.path, Asked: q.header, Sent: q.body, Status: got.status, Header: got.header, Body: got.body}
	if q.key != "" {
		x.Key = "Authorization: Bearer <key of " + q.key + ">"
	}
	g.Write(x)
	return got
}

func (g *golden) check() {
	g.Helper()
	g.Check(g.T, g.file)
}

func TestGoldenRefusals(t *testing.T) {
	g := &golden{kit: newKit(t), file: "refusals.golden"}
	g.ask("a path that is not served", request{method: "GET", path: "/api/v1/subscriptions", key: shopKey})
	g.ask("a method that is not served", request{method: "DELETE", path: "/.well-known/jwks.json"})
	g.check()
}

func TestGoldenCheckout(t *testing.T) {
	g := &golden{kit: newKit(t), file: "checkout.golden"}
	path := "/api/public/v1/order/" + g.order("product", `{"name":"A chair"}`)
	g.ask("GET /api/public/v1/order/{id}", request{method: "GET", path: path, key: browserKey})
	g.ask("GET /api/public/v1/order/{id}: a server's key", request{method: "GET", path: path, key: shopKey})
	g.check()
}

func TestGoldenCustomers(t *testing.T) {
	g := &golden{kit: newKit(t), file: "customers.golden"}
	post := func(title, body string) reply {
		t.Helper()
		return g.ask("POST /customer: "+title, request{method: "POST", path: "/api/v1/customer", key: shopKey, body: body})
	}
	id := parse[customerBody](g.kit, post("one", goodCustomer)).ID
	post("a business", with(goodCustomer, "email", `"firm@example.com"`, "customer_type", `"business"`, "name", `"Rao & Sons"`, "phone", "", "dob", "", "nationality", ""))
	post("the e-mail address is taken", goodCustomer)
	post("no name", `{}`)
	g.ask("GET /customer", request{method: "GET", path: "/api/v1/customer?customer_type=individual", key: shopKey})
	g.ask("GET /customer: no such type", request{method: "GET", path: "/api/v1/customer?customer_type=robot", key: shopKey})
	g.ask("GET /customer/{id}", request{method: "GET", path: "/api/v1/customer/" + id, key: shopKey})
	g.ask("GET /customer/{id}: nobody", request{method: "GET", path: "/api/v1/customer/cust_nobody", key: shopKey})
	g.ask("PATCH /customer/{id}", request{method: "PATCH", path: "/api/v1/customer/" + id, key: shopKey, body: `{"email":"asha.rao@example.com"}`})
	g.ask("PATCH /customer/{id}: the name", request{method: "PATCH", path: "/api/v1/customer/" + id, key: shopKey, body: `{"name":"Other"}`})
	g.check()
}

// The body of an upload is a form and not shown: a file's bytes are no text.
func TestGoldenDocuments(t *testing.T) {
	g := &golden{kit: newKit(t), file: "documents.golden"}
	upload := func(title string, parts ...string) {
		t.Helper()
		kind, body := form(parts...)
		q := request{method: "POST", path: "/api/v1/document", key: shopKey, header: http.Header{"Content-Type": {kind}}, body: body}
		got := g.do(q)
		g.Write(dialecttest.Exchange{
			Title: "POST /document: " + title, Method: q.method, Path: q.path, Key: "Authorization: Bearer <key of shop>", Asked: q.header,
			Status: got.status, Header: got.header, Body: got.body,
		})
	}
	upload("a PDF", "document_name", "Passport", "file", somePDF)
	upload("no file", "document_name", "Passport")
	upload("no name", "file", somePDF)
	upload("a program", "document_name", "Passport", "file", "MZ a program")
	g.ask("POST /document: no form", request{method: "POST", path: "/api/v1/document", key: shopKey, body: `{"document_name":"Passport"}`})
	g.ask("GET /document", request{method: "GET", path: "/api/v1/document?per_page=1", key: shopKey})
	g.ask("GET /document: no page", request{method: "GET", path: "/api/v1/document?page=0", key: shopKey})
	g.ask("GET /document: no key", request{method: "GET", path: "/api/v1/document"})
	g.check()
}

func TestGoldenPrices(t *testing.T) {
	g := &golden{kit: newKit(t), file: "prices.golden"}
	post := func(title, body string) reply {
		t.Helper()
		return g.ask("POST /prices: "+title, request{method: "POST", path: "/api/v1/prices", key: shopKey, body: body})
	}
	id := parse[priceBody](g.kit, post("a share", `{"pricing_type":"percentage","bps":250}`)).ID
	post("an amount", `{"pricing_type":"fixed","fees_amount":100,"fees_currency":"USD"}`)
	post("nothing", `{"pricing_type":"percentage"}`)
	g.ask("GET /prices", request{method: "GET", path: "/api/v1/prices", key: shopKey})
	g.ask("GET /prices/{id}", request{method: "GET", path: "/api/v1/prices/" + id, key: shopKey})
	g.ask("GET /prices/{id}: none", request{method: "GET", path: "/api/v1/prices/price_none", key: shopKey})
	g.check()
}

func TestGoldenOrders(t *testing.T) {
	g := &golden{kit: newKit(t), file: "orders.golden"}
	g.setting("platform", "true")
	g.setting("platform_id", `"other"`)
	post := func(title string, more ...string) orderBody {
		t.Helper()
		got := g.ask("POST /orders: "+title, request{method: "POST", path: "/api/v1/orders", key: shopKey, body: g.good(more...)})
		if got.status != 201 {
			return orderBody{}
		}
		return parse[orderBody](g.kit, got)
	}
	price := g.made(shopKey, "/api/v1/prices", `{"pricing_type":"percentage","bps":250}`)
	document := g.document(shopKey)
	whole := post("everything", "document_id", quoted(document), "purpose_code", `"P1401"`, "invoice_number", `"RG12FF590"`, "invoice_description", `"Payment requested for services provided"`,
		"invoice_amount", "2000", "reference_number", `"R0001"`, "price_id", quoted(price), "product", `{"name":"Course","description":"Twelve lessons"}`, "notes", `{"policy_number":"77"}`,
		"bank_account_details", `{"account_number":"1234567890","bic_primary":"HDFCINBBDEL","bic_secondary":"HDFC0001097","bank_customer_id":"7189204715"}`,
		"payment_methods", `["card","bank_transfer","pay_via_bank"]`, "request_id", `"req-1"`)
	euros := post("the least, in EUR", "currency", `"EUR"`)
	post("in GBP", "currency", `"GBP"`)
	post("the request_id again", "request_id", `"req-1"`)
	post("a currency that is not sold in", "currency", `"INR"`)
	post("no amount", "amount", "")
	post("nobody", "customer_id", `"cust_nobody"`)
	asked := post("documents are asked for", "reference_number", quoted(SandboxDocuments))
	post("a person looks at it", "reference_number", quoted(SandboxReview))
	post("refused", "reference_number", quoted(SandboxRefuse))
	g.ask("PATCH /orders/{id}/update-rfi", request{method: "PATCH", path: "/api/v1/orders/" + asked.ID + "/update-rfi", key: shopKey,
		body: `{"documents":[{"id":"` + document + `","rfi_doc_id":"` + asked.Requested[0].ID + `"},{"id":"` + g.document(shopKey) + `","rfi_doc_id":"` + asked.Requested[1].ID + `"}]}`})
	g.ask("PATCH /orders/{id}/update_rfi: nothing is asked for", request{method: "PATCH", path: "/api/v1/orders/" + asked.ID + "/update_rfi", key: shopKey,
		body: `{"documents":[{"id":"` + document + `","rfi_doc_id":"` + asked.Requested[0].ID + `"}]}`})
	g.clock.Move(time.Minute)
	g.paid(whole.ID, "p1")
	g.expire()
	get := func(title, path string) {
		t.Helper()
		g.ask("GET "+title, request{method: "GET", path: "/api/v1/orders" + path, key: shopKey})
	}
	get("/orders/{id}: paid", "/"+whole.ID)
	get("/orders/{id}: expired", "/"+euros.ID)
	get("/orders/{id}: none", "/order_none")
	get("/orders/{id}: another noun's id", "/cust_1")
	get("/orders", "?per_page=1&page=2&status=expired")
	get("/orders: by the request", "?request_id=req-1")
	get("/orders: no such status", "?status=done")
	g.rates()
	priced := g.quoteMade(dollarsForEuros).ID
	g.ask("POST /orders: with a quote", request{method: "POST", path: "/api/v1/orders", key: shopKey, body: g.goodQuoted(priced)})
	g.ask("POST /orders: the quote is used", request{method: "POST", path: "/api/v1/orders", key: shopKey, body: g.goodQuoted(priced)})
	g.ask("POST /orders: a quote and an amount", request{method: "POST", path: "/api/v1/orders", key: shopKey, body: with(g.goodQuoted(priced), "amount", "1000")})
	g.ask("GET /orders: no key", request{method: "GET", path: "/api/v1/orders"})
	g.ask("POST /orders: a key that may not", request{method: "POST", path: "/api/v1/orders", key: readerKey, body: `{}`})
	g.check()
}

// expire lets three months pass.
func (k *kit) expire() {
	k.Helper()
	k.clock.Move(93 * 24 * time.Hour)
	k.told()
	for _, r := range []engine.RailName{pretend().Rail, ""} {
		_, err := k.engine.Tick(k.Context(), engine.Sandbox, r, k.clock.Now())
		k.must(err)
	}
}

func TestGoldenWebhooks(t *testing.T) {
	g := &golden{kit: moneyKit(t), file: "webhooks.golden"}
	reviewed := g.order("reference_number", quoted(SandboxDocuments), "notes", `{"policy_number":"77"}`)
	asked := g.shown(reviewed).Requested
	for i := range asked {
		g.patch(shopKey, "/api/v1/orders/"+reviewed+"/update-rfi", `{"documents":[{"id":"`+g.document(shopKey)+`","rfi_doc_id":"`+asked[i].ID+`"}]}`)
	}
	_, err := g.engine.Approve(t.Context(), g.found(reviewed).ID, order.Screening, order.ByOperator, "officer")
	g.must(err)
	refused, cancelled, expired := g.order("reference_number", quoted(SandboxRefuse)), g.order(), g.order()
	_, err = g.engine.Cancel(t.Context(), g.found(cancelled).ID, order.ByOperator, "officer", "")
	g.must(err)
	g.paid(reviewed, "p1")
	g.expire()
	lives := slices.Concat([]string{reviewed, refused, cancelled, expired}, g.paymentLives(), g.linkLives(), g.refundLives(), g.payoutLives())
	told := map[string]bool{}
	for _, id := range lives {
		story, err := g.engine.Story(t.Context(), id)
		g.must(err)
		for _, ev := range story.Events {
			wire, kind, body, ok := g.dialect.Tell(ev, story.Order)
			if !ok || told[kind] {
				continue
			}
			told[kind] = true
			header := g.dialect.Sign(engine.Message{WireID: "evt_of_the_event", Body: body}, []webhook.Secret{"whsec_2f1c9b7a4d6e8031"}, started)
			if wire == "" {
				t.Errorf("%s has no id", kind)
			}
			g.WriteWebhook(kind, http.Header{signatureHeader: header[signatureHeader], webhook.HeaderID: header[webhook.HeaderID]}, string(body))
		}
	}
	g.check()
}

// paymentLives are orders whose payments tell all that payments tell.
func (k *kit) paymentLives() []string {
	k.Helper()
	short, declined, freed, barred := k.order(), k.order(), k.order("amount", "6623"), k.order("amount", "6623")
	k.mocks(999, short)
	k.choose(declined, byTransfer)
	k.pay(declined, "declined", order.RankSeen, cents("USD", 1000), "Asha Rao")
	k.pay(declined, "declined", order.RankFailed, cents("USD", 1000), "Asha Rao")
	for _, id := range []string{freed, barred} {
		k.reviewed(k.mocks(6623, id))
	}
	_, err := k.engine.Approve(k.Context(), k.found(freed).ID, order.Compliance, order.ByOperator, "officer")
	k.must(err)
	_, err = k.engine.Refuse(k.Context(), k.found(barred).ID, order.Compliance, order.ByOperator, "officer", "listed")
	k.must(err)
	return []string{short, declined, freed, barred}
}

// linkLives are links that together come to each status.
func (k *kit) linkLives() []string {
	k.Helper()
	link := func(more ...string) string {
		k.Helper()
		return k.made(shopKey, "/api/v1/payin", k.good(append(more, "expires_at", quoted(wireTime(k.clock.Now().Add(24*time.Hour))))...))
	}
	reviewed, refused, cancelled, expired := link("reference_number", quoted(SandboxDocuments)), link("reference_number", quoted(SandboxRefuse)), link(), link()
	for _, asked := range parse[linkBody](k, k.get(shopKey, "/api/v1/payin/"+reviewed)).Requested {
		k.ok(k.patch(shopKey, "/api/v1/payin/"+reviewed+"/update_rfi", `{"documents":[{"id":"`+k.paper()+`","rfi_doc_id":"`+asked.ID+`"}]}`), 200)
	}
	k.ok(k.patch(shopKey, "/api/v1/payin/"+reviewed+"/mock_mark_reviewed", ""), 200)
	k.mocks(1000, reviewed)
	k.ok(k.patch(shopKey, "/api/v1/payin/"+cancelled+"/cancel", ""), 200)
	k.expire()
	return []string{reviewed, refused, cancelled, expired}
}

// refundLives are orders whose refunds end in each way.
func (k *kit) refundLives() (ids []string) {
	k.Helper()
	for _, status := range []string{refundSuccess, refundFailed} {
		id := k.order()
		refund := parse[brief](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(k.mocks(1000, id).ID)), 202)).ID
		k.ok(k.patch(shopKey, "/api/v1/refunds/"+refund+"/mock_update_status", `{"status":"`+status+`"}`), 200)
		ids = append(ids, id)
	}
	return ids
}

// payoutLives are payouts that together come to each status.
func (k *kit) payoutLives() (ids []string) {
	k.Helper()
	k.fund(cents("USD", 100000))
	bene := k.beneficiary(dollars)
	for _, status := range []string{payoutSuccess, payoutFailed, payoutCancelled} {
		id := k.payout(payoutAsked(bene)).ID
		k.ok(k.patch(shopKey, "/api/v1/payouts/mock", `{"id":"`+id+`","status":"`+status+`"}`), 200)
		ids = append(ids, id)
	}
	k.engine.SetScreener(listing{"ACME GmbH"})
	asked := k.payout(payoutAsked(bene))
	k.ok(k.patch(shopKey, "/api/v1/payouts/"+asked.ID+"/update-rfi", `{"documents":[{"id":"`+k.paper()+`","rfi_doc_id":"`+asked.RFIDocuments[0].ID+`"}]}`), 200)
	return append(ids, asked.ID)
}
