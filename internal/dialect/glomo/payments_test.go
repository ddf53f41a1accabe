package glomo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

func TestMockPayment(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(1000, `"notes":{"policy":"A-1"}`, `"product":{"name":"Chair"}`)
	p := k.mocks(1000, id)
	want(k, "status", p.Status, paymentSuccess)
	want(k, "payin", text(p.PayinID)+" "+text(p.PayinType), id+" orders")
	want(k, "amount", fmt.Sprint(p.PaymentAmount, p.PaymentCurrency, *p.RequestedAmount), "1000USD1000")
	want(k, "funds", p.FundsAvailable, true)
	want(k, "method", p.PaymentMethod.Type, byTransfer)
	want(k, "notes", p.Notes["policy"], "A-1")
	want(k, "product", text(p.ProductName), "Chair")
	want(k, "sender", text(p.SenderName), remitterFine)
	want(k, "order", parse[brief](k, k.get(shopKey, "/api/v1/orders/"+id)).Status, statusPaid)
	want(k, "the same again", k.paymentNow(p.ID).Status, paymentSuccess)
	if !strings.HasPrefix(p.ID, fmt.Sprintf("payt_%08x", started.Unix())) {
		t.Errorf("the id is %s", p.ID)
	}
	if told := k.tells(k.onRecord(id)); fmt.Sprint(told) != "[payment.success orders.paid]" {
		t.Errorf("told %v", told)
	}
	k.refused("another merchant's", k.get(otherKey, "/api/v1/payment/"+p.ID), 404, "Entity not found")
	k.refused("another environment's", k.get(liveKey, "/api/v1/payment/"+p.ID), 404, "Entity not found")
	k.refused("an order's id", k.get(shopKey, "/api/v1/payment/"+id), 400, "Id must start with 'payt_'")
	k.refused("none of ours", k.get(shopKey, "/api/v1/payment/payt_x"), 404, "Entity not found")
	k.refused("live", k.post(liveKey, "/api/v1/payment/mock", `{}`), 404, "Entity not found")
}

func TestMockRefuses(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(1000)
	good := `"amount":1000,"currency":"USD","payin_id":"` + id + `"`
	for _, test := range []struct{ body, part string }{
		{`{}`, "amount is required"},
		{`{"amount":99,"currency":"USD","payin_id":"` + id + `"}`, "amount must be at least 100"},
		{`{"amount":"1000","currency":"USD","payin_id":"` + id + `"}`, "Amount must be an integer"},
		{`{"amount":1000.5,"currency":"USD","payin_id":"` + id + `"}`, "positive whole number"},
		{`{"amount":1000,"payin_id":"` + id + `"}`, "currency is required"},
		{`{"amount":1000,"currency":"usd","payin_id":"` + id + `"}`, "Currency not supported"},
		{`{"amount":1000,"currency":"USD"}`, "payin_id is required"},
		{`{"amount":1000,"currency":"USD","payin_id":"cust_1"}`, "must start with"},
		{`{` + good + `,"payment_method":"BankTransfer"}`, "Only one of"},
		{`{"amount":1000,"currency":"USD","payment_method":"Card"}`, "must be one of BankTransfer"},
		{`{` + good + `,"remitter_name":"Somebody"}`, "must be one of"},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/payment/mock", test.body), 400, test.part)
	}
	k.refused("no such order", k.post(shopKey, "/api/v1/payment/mock", `{"amount":1000,"currency":"USD","payin_id":"order_none"}`), 404, "Entity not found")
	k.refused("may only read orders", k.post(readerKey, "/api/v1/payment/mock", `{}`), 403, "payments:write")
	want(k, "1e3 is 1000", parse[paymentBody](k, k.post(shopKey, "/api/v1/payment/mock", strings.Replace(`{`+good+`}`, "1000", "1e3", 1))).Status, paymentSuccess)
}

// A payment of a wrong amount, or one that comes twice, is not lost and changes no order: PAYIN_AMOUNT_MISMATCH.
func TestWrongAmount(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(1000)
	for _, test := range []struct {
		amount int64
		code   string
	}{{999, errorMismatch}, {1001, errorMismatch}, {1000, ""}, {1000, errorNoPayin}} {
		p := k.mocks(test.amount, id)
		want(k, fmt.Sprint("code of ", test.amount), text(p.ErrorCode), test.code)
		want(k, "status", p.Status, map[bool]string{true: paymentSuccess, false: paymentAction}[test.code == ""])
		want(k, "funds", p.FundsAvailable, test.code == "")
	}
	if told := k.tells(k.onRecord(id)); fmt.Sprint(told) != "[payment.action_required payment.action_required payment.success orders.paid payment.action_required]" {
		t.Errorf("told %v", told)
	}
	eur := parse[paymentBody](k, k.ok(k.post(shopKey, "/api/v1/payment/mock", `{"amount":1000,"currency":"EUR","payin_id":"`+k.bills(1000)+`"}`), 201))
	want(k, "another currency", text(eur.ErrorCode), errorMismatch)

}

// A bank transfer that comes after the three months of its order asks for action, PAYIN_NOT_FOUND; one that comes before
// their end pays it.
func TestLateBankTransfer(t *testing.T) {
	k := moneyKit(t)
	inTime, late, never := k.bills(1000), k.bills(1000), k.bills(1000)
	k.choose(inTime, byTransfer)
	k.choose(late, byTransfer)
	k.later(started.AddDate(0, orderMonths, 0).Sub(started) - time.Minute)
	want(k, "before its end", k.mocks(1000, inTime).Status+k.shown(inTime).Status, paymentSuccess+statusPaid)
	k.later(2 * time.Minute)
	want(k, "the order", k.shown(late).Status, statusExpired)
	p := k.mocks(1000, late)
	want(k, "after its end", p.Status+" "+text(p.ErrorCode)+fmt.Sprint(p.FundsAvailable), "action_required PAYIN_NOT_FOUNDfalse")
	want(k, "the order afterwards", k.shown(late).Status, statusExpired)
	if told := k.tells(k.onRecord(late)); fmt.Sprint(told) != "[orders.expired payment.action_required]" {
		t.Errorf("told %v", told)
	}
	p = k.mocks(1000, never)
	want(k, "to what was never chosen", text(p.ErrorCode)+text(p.PayinID), errorNoPayin)
}

func TestPaymentStates(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(1000)
	o, err := k.engine.Choose(context.Background(), k.onRecord(id).ID, engine.Pick{Method: byTransfer})
	k.must(err)
	due := cents("USD", 1000)
	is := func(what string, list ...string) {
		t.Helper()
		var got []string
		for _, p := range parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?payin_id="+id)).Data {
			got = append(got, strings.TrimSpace(p.Status+" "+text(p.ErrorCode)))
		}
		if fmt.Sprint(got) != fmt.Sprint(list) {
			t.Errorf("%s: %q, want %q", what, got, list)
		}
	}
	is("nothing")
	k.told(k.word("a", o.Instrument.Value, order.RankSeen, due, nil))
	is("seen", "in_progress")
	k.told(k.word("a", o.Instrument.Value, order.RankFailed, due, nil))
	is("failed", "failed PAYMENT_DECLINED")
	k.clock.Move(time.Second)
	k.told(k.word("b", o.Instrument.Value, order.RankConfirmed, due, nil))
	is("paid", "success", "failed PAYMENT_DECLINED")
	k.told(k.word("b", o.Instrument.Value, order.RankReversed, due, nil))
	is("taken back", "success PAYMENT_REVERSED", "failed PAYMENT_DECLINED")
	if told := k.tells(k.onRecord(id)); fmt.Sprint(told) != "[payment.in_progress payment.failed payment.success orders.paid]" {
		t.Errorf("told %v", told)
	}
}

// A declined card is a payment that failed; the order goes on, and is paid by the next.
func TestDeclinedCard(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(1000)
	o, err := k.engine.Choose(context.Background(), k.onRecord(id).ID, engine.Pick{Method: byCard})
	k.must(err)
	attempt, _, _ := o.Current()
	_, err = k.engine.Declined(context.Background(), o.ID, attempt, "insufficient_funds")
	k.must(err)
	list := parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?status=failed")).Data
	if len(list) != 1 || text(list[0].ErrorCode) != errorFunds || list[0].PaymentMethod.Type != byCard {
		t.Fatalf("failed: %+v", list)
	}
	want(k, "found", k.paymentNow(list[0].ID).Status, paymentFailed)
	want(k, "the order", parse[brief](k, k.get(shopKey, "/api/v1/orders/"+id)).Status, statusActive)
	k.clock.Move(time.Second)
	o, err = k.engine.Choose(context.Background(), o.ID, engine.Pick{Method: byCard})
	k.must(err)
	k.told(k.word("paid", o.Instrument.Value, order.RankConfirmed, cents("USD", 1000), nil))
	want(k, "the order", parse[brief](k, k.get(shopKey, "/api/v1/orders/"+id)).Status, statusPaid)
	if told := fmt.Sprint(k.tells(k.onRecord(id))); told != "[payment.failed payment.success orders.paid]" {
		t.Errorf("told %s", told)
	}
}

func TestListPayments(t *testing.T) {
	k := moneyKit(t)
	var all []string // the newest first
	var orders []string
	for i := range 7 {
		k.clock.Move(time.Minute)
		if i%3 == 1 {
			all = append([]string{k.mocks(int64(500+i), "").ID}, all...)
			continue
		}
		id := k.bills(int64(1000 + i))
		orders = append(orders, id)
		all = append([]string{k.mocks(int64(1000+i), id).ID}, all...)
	}
	list := func(query string) (ids []string, meta pageMeta) {
		t.Helper()
		page := parse[pageBody[paymentBody]](k, k.ok(k.get(shopKey, "/api/v1/payment?"+query), 200))
		for _, p := range page.Data {
			ids = append(ids, p.ID)
		}
		return ids, page.Meta
	}
	for per := 1; per <= 8; per++ { // with strays among the others, each page follows the one before
		var got []string
		for page := 1; page <= (7+per-1)/per; page++ {
			ids, meta := list(fmt.Sprintf("per_page=%d&page=%d", per, page))
			got = append(got, ids...)
			want(k, "count", meta.Count, 7)
		}
		if fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("%d a page: %v, want %v", per, got, all)
		}
		if beyond, _ := list(fmt.Sprintf("per_page=%d&page=20", per)); len(beyond) != 0 {
			t.Errorf("beyond the end: %v", beyond)
		}
	}
	customer := text(k.paymentNow(all[0]).CustomerID)
	for _, test := range []struct {
		query string
		n     int
	}{
		{"status=success", 5}, {"status=action_required", 2}, {"status=failed", 0}, {"status=in_progress", 0},
		{"payin_id=" + orders[0], 1}, {"payin_id=order_none", 0}, {"customer_id=" + customer, 1}, {"customer_id=cust_none", 0},
		{"currency=usd", 7}, {"currency=EUR", 0}, {"payment_type=orders", 5}, {"payment_type=payment_link", 0}, {"payment_type=add_funds", 0},
		{"subscription_id=sub_1", 0}, {"request_id=x", 0}, {"compliance_status=approved", 0},
		{"after=" + started.Add(3*time.Minute).Format(time.RFC3339), 4}, {"before=" + started.Add(3*time.Minute).Format(time.RFC3339), 2},
		{"status=success&before=" + started.Add(3*time.Minute).Format(time.RFC3339), 1},
	} {
		ids, meta := list(test.query)
		if len(ids) != test.n || meta.Count != int64(test.n) {
			t.Errorf("%s: %d of %d, want %d", test.query, len(ids), meta.Count, test.n)
		}
	}
	for query, part := range map[string]string{
		"status=paid": "Invalid status", "customer_id=x": "Invalid customer_id", "payin_id=x": "Invalid payin_id", "currency=XXX": "Invalid currency",
		"payin_id=order_1&subscription_id=sub_1": "Only one of", "page=0": "page", "before=yesterday": "before", "payment_type=gift": "Invalid payment_type",
	} {
		k.refused(query, k.get(shopKey, "/api/v1/payment?"+query), 400, part)
	}
	if got := parse[pageBody[paymentBody]](k, k.get(otherKey, "/api/v1/payment")); got.Meta.Count != 0 {
		t.Errorf("another merchant has %d payments", got.Meta.Count)
	}
}

// A transfer that names nothing is given to an order that waits for exactly so much, and stays the same payment.
func TestConnectPayin(t *testing.T) {
	k := moneyKit(t)
	fitting, other := k.bills(1500), k.bills(1501)
	p := k.mocks(1500, "")
	want(k, "status", p.Status+" "+text(p.ErrorCode), "action_required PAYIN_NOT_FOUND")
	eligible := k.ok(k.get(shopKey, "/api/v1/payment/"+p.ID+"/eligible-payins"), 200)
	if !strings.Contains(eligible.body, fitting) || strings.Contains(eligible.body, other) {
		t.Errorf("eligible: %s", eligible.body)
	}
	connect := func(key, payin string) reply {
		return k.post(key, "/api/v1/payment/"+p.ID+"/connect-payin", `{"payin_id":"`+payin+`"}`)
	}
	k.refused("no payin", k.post(shopKey, "/api/v1/payment/"+p.ID+"/connect-payin", `{}`), 400, "payin_id is required")
	k.refused("a customer", connect(shopKey, "cust_1"), 400, "must start with")
	k.refused("none", connect(shopKey, "order_none"), 404, "Entity not found")
	k.refused("another amount", connect(shopKey, other), 400, "exactly this payment")
	k.refused("another merchant", connect(otherKey, fitting), 404, "Entity not found")
	connected := parse[paymentBody](k, k.ok(connect(shopKey, fitting), 200))
	want(k, "the payment", connected.ID+" "+connected.Status+" "+text(connected.PayinID), p.ID+" success "+fitting)
	want(k, "the order", k.onRecord(fitting).State, order.Completed)
	want(k, "found again", k.paymentNow(p.ID).Status, paymentSuccess)
	k.refused("twice", connect(shopKey, other), 400, "connected")
	if got := k.get(shopKey, "/api/v1/payment/"+p.ID+"/eligible-payins"); !strings.Contains(got.body, `"data":[]`) {
		t.Errorf("eligible: %s", got.body)
	}
}

// A hit on the remitter withholds the money, not the order.
func TestWithheldPayment(t *testing.T) {
	k := moneyKit(t)
	id := k.bills(6623)
	p := k.reviewed(k.mocks(6623, id))
	want(k, "status", p.Status+" "+text(p.ComplianceStatus), "success under_review")
	want(k, "funds", p.FundsAvailable, false)
	want(k, "order", parse[brief](k, k.get(shopKey, "/api/v1/orders/"+id)).Status, statusPaid)
	balance := k.get(shopKey, "/api/v1/balances").body
	if !strings.Contains(balance, `"pending":[{"amount":6623,"currency":"USD"}]`) {
		t.Errorf("the balance is %s", balance)
	}
	want(k, "found by it", len(parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?compliance_status=under_review")).Data), 1)
	path := "/api/v1/payment/" + p.ID + "/mock-funds-available"
	freed := k.ok(k.patch(shopKey, path, ""), 200)
	if !strings.Contains(freed.body, `"compliance_status":"approved"`) || !strings.Contains(freed.body, `"funds_available":true`) {
		t.Errorf("freed: %s", freed.body)
	}
	k.refused("again", k.patch(shopKey, path, ""), 400, "Transaction already has funds available")
	k.refused("live", k.patch(liveKey, path, ""), 404, "Entity not found")
	k.refused("not a success", k.patch(shopKey, "/api/v1/payment/"+k.mocks(500, "").ID+"/mock-funds-available", ""), 400, "Payment must be in success status")
	told := k.tells(k.onRecord(id))
	for _, event := range []string{"payment.compliance_under_review", "payment.success", "orders.paid", "payment.compliance_approved", "payment.funds_available"} {
		if !slices.Contains(told, event) {
			t.Errorf("told %v and not %s", told, event)
		}
	}

	listed := k.bills(2000)
	hit := k.reviewed(k.mocks(2000, listed, `"remitter_name":"Sanctioned_Entity"`))
	want(k, "a listed remitter", text(hit.ComplianceStatus), complianceReview)
	_, err := k.engine.Refuse(context.Background(), k.onRecord(listed).ID, order.Compliance, order.ByOperator, "ops", "listed")
	k.must(err)
	hit = k.paymentNow(hit.ID)
	want(k, "refused", hit.Status+" "+text(hit.ComplianceStatus)+fmt.Sprint(hit.FundsAvailable), "success rejectedfalse")
	k.refused("free what was refused", k.patch(shopKey, "/api/v1/payment/"+hit.ID+"/mock-funds-available", ""), 400, "No transaction found")
}

// reviewed is a payment whose documents, where any were asked for, were given: a person decides next.
func (k *kit) reviewed(p paymentBody) paymentBody {
	k.Helper()
	if text(p.ComplianceStatus) != complianceAction {
		return p
	}
	var pairs []string
	for _, r := range p.RFIDocuments {
		pairs = append(pairs, fmt.Sprintf(`{"rfi_doc_id":%q,"doc_id":%q}`, r.ID, k.paper()))
	}
	k.ok(k.patch(shopKey, "/api/v1/rfis/"+text(p.RFIID)+"/respond", `{"documents":[`+strings.Join(pairs, ",")+`]}`), 200)
	return k.paymentNow(p.ID)
}

// Compliance asks for documents about a payment; with all of them it looks again.
func TestRFI(t *testing.T) {
	k := moneyKit(t)
	ctx := context.Background()
	id := k.bills(6623)
	p := k.reviewed(k.mocks(6623, id))
	o, err := k.engine.Ask(ctx, k.onRecord(id).ID, order.Compliance, "ops", []string{"Passport", "Invoice"})
	k.must(err)
	p = k.paymentNow(p.ID)
	want(k, "status", text(p.ComplianceStatus), complianceAction)
	want(k, "asks", len(p.RFIDocuments), 2)
	path := "/api/v1/rfis/" + text(p.RFIID)
	rfi := parse[rfiBody](k, k.ok(k.get(shopKey, path), 200))
	want(k, "rfi", fmt.Sprint(rfi.Status, text(rfi.EntityID) == p.ID, rfi.PayinID == id, len(o.MissingFor(order.Compliance))), "action_requiredtrue true 2")
	k.refused("another merchant's", k.get(otherKey, path), 404, "Entity not found")
	k.refused("another noun", k.get(shopKey, "/api/v1/rfis/payt_1"), 400, "Id must start with 'rfi_'")
	slots := o.MissingFor(order.Compliance)
	pair := func(slot, key, doc string) string { return fmt.Sprintf(`{"rfi_doc_id":%q,%q:%q}`, slot, key, doc) }
	first, second := k.paper(), k.paper()
	for _, test := range []struct{ body, part string }{
		{`{}`, "documents is required"},
		{`{"documents":[]}`, "documents is required"},
		{`{"documents":[` + pair(slots[0].ID, "doc_id", first) + `]}`, "in one call"},
		{`{"documents":[` + pair(slots[0].ID, "doc_id", first) + `,` + pair(slots[1].ID, "doc_id", "doc_none") + `]}`, "Invalid rfi_doc_id"},
		{`{"documents":[` + pair(slots[0].ID, "doc_id", first) + `,` + pair("rfidoc_none", "doc_id", second) + `]}`, "Invalid rfi_doc_id"},
		{`{"documents":[` + pair(slots[0].ID, "id", first) + `]}`, "id"},
		{`{"documents":[],"note":"x"}`, "note"},
	} {
		k.refused(test.body, k.patch(shopKey, path+"/respond", test.body), 400, test.part)
	}
	want(k, "nothing was kept", len(k.paymentNow(p.ID).RFIDocuments), 2)
	one := k.ok(k.patch(shopKey, "/api/v1/payment/"+p.ID+"/update_rfi", `{"documents":[`+pair(slots[0].ID, "id", first)+`]}`), 200)
	want(k, "one of two", len(parse[paymentBody](k, one).RFIDocuments), 1)
	answered := parse[rfiBody](k, k.ok(k.patch(shopKey, path+"/respond", `{"documents":[`+pair(slots[1].ID, "doc_id", second)+`]}`), 200))
	want(k, "answered", answered.Status, complianceReview)
	want(k, "the document", text(answered.Documents[len(answered.Documents)-1].Document), second)
	k.refused("again", k.patch(shopKey, path+"/respond", `{"documents":[`+pair(slots[1].ID, "doc_id", second)+`]}`), 400, "RFI not in action_required")
	k.refused("by the payment", k.patch(shopKey, "/api/v1/payment/"+p.ID+"/update-rfi", `{"documents":[`+pair(slots[1].ID, "id", second)+`]}`), 400, "payment not in action_required")
}

// Payments that no order owns are shown where a method of this API could have brought them.
func TestStraysOfOtherAPIs(t *testing.T) {
	k := moneyKit(t)
	stray := k.mocks(700, "")
	want(k, "shown", k.paymentNow(stray.ID).ID, stray.ID)
	k.dialect.engine = k.engine.WithMethods(nil)
	k.refused("no method has this rail", k.get(shopKey, "/api/v1/payment/"+stray.ID), 404, "Entity not found")
	want(k, "listed", parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment")).Meta.Count, 0)
	rails := map[string]bool{"bank": true}
	of := func(rail string, asset money.Asset) order.Payment {
		return order.Payment{PaymentKey: order.PaymentKey{Rail: rail}, Amount: money.Zero(asset)}
	}
	want(k, "fiat", ofMethods(of("bank", money.MustAsset("USD", "", 2)), rails), true)
	want(k, "crypto", ofMethods(of("bank", money.MustAsset("USDC", "base", 6)), rails), false)
	want(k, "another rail", ofMethods(of("chain", money.MustAsset("USD", "", 2)), rails), false)
}
