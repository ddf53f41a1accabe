package glomo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/store"
	"till/internal/store/pgtest"
)

// byCardPaid is a payment of an order by a method.
func (k *kit) paidBy(method string, amount int64) (paymentBody, *engine.Order) {
	k.Helper()
	id := k.bills(amount)
	o, err := k.engine.Choose(context.Background(), k.onRecord(id).ID, engine.Pick{Method: method})
	k.must(err)
	k.told(k.word("by-"+id, o.Instrument.Value, order.RankConfirmed, cents("USD", amount), nil))
	list := parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?payin_id="+id)).Data
	if len(list) != 1 {
		k.Fatalf("%s has %d payments", id, len(list))
	}
	return list[0], k.onRecord(id)
}

func refundOf(payment string, more ...string) string {
	return fmt.Sprintf(`{"payment_id":%q,"reason":"Fradulent"%s}`, payment, strings.Join(append([]string{""}, more...), ","))
}

func TestRefund(t *testing.T) {
	k := moneyKit(t)
	p := k.mocks(1000, k.bills(1000))
	got := parse[refundBody](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(p.ID, `"request_id":"r-1"`)), 202))
	want(k, "refund", fmt.Sprint(got.Status, got.Amount, got.Currency, got.PaymentID, got.Reason, text(got.RequestID)), fmt.Sprint("in_progress", 1000, "USD", p.ID, "Fradulent", "r-1"))
	k.refused("the request_id again", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID, `"request_id":"r-1"`)), 400, "Refund already exists for this request_id")
	k.refused("while it is on its way", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 400, "Refund is already in progress.")
	path := "/api/v1/refunds/" + got.ID
	for _, body := range []string{`{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`} {
		k.refused("no documents are asked for", k.patch(shopKey, path+"/update_rfi", body), 400, "Invalid rfi_doc_id or refund not in action_required status")
		k.refused("the same with a hyphen", k.patch(shopKey, path+"/update-rfi", body), 400, "Invalid rfi_doc_id")
	}
	k.refused("a status that cannot be mocked", k.patch(shopKey, path+"/mock_update_status", `{"status":"cancelled"}`), 400, "status must be one of")
	k.refused("no status", k.patch(shopKey, path+"/mock_update_status", `{}`), 400, "status is required")
	k.refused("in live", k.patch(liveKey, path+"/mock_update_status", `{"status":"success"}`), 404, "Entity not found")
	done := parse[refundBody](k, k.ok(k.patch(shopKey, path+"/mock_update_status", `{"status":"success"}`), 200))
	want(k, "done", done.Status, refundSuccess)
	k.refused("once it is done", k.patch(shopKey, path+"/mock_update_status", `{"status":"failed"}`), 400, "Refund cannot be marked failed.")
	want(k, "found", parse[refundBody](k, k.get(shopKey, path)).Status, refundSuccess)
	want(k, "the order", parse[brief](k, k.get(shopKey, "/api/v1/orders/"+text(p.PayinID))).Status, statusPaid)
	want(k, "the payment", k.paymentNow(p.ID).Status, paymentSuccess)
	k.refused("twice", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 400, "refunded already")
	if told := k.tells(k.onRecord(text(p.PayinID))); told[len(told)-1] != "refund.success" {
		t.Errorf("told %v", told)
	}
	k.refused("another merchant's", k.get(otherKey, path), 404, "Entity not found")
	k.refused("another noun's id", k.get(shopKey, "/api/v1/refunds/payt_1"), 400, "Id must start with 'refund_'")

	// One that failed may be asked for again.
	p = k.mocks(1000, k.bills(1000))
	failed := parse[refundBody](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 202))
	want(k, "failed", parse[refundBody](k, k.ok(k.patch(shopKey, "/api/v1/refunds/"+failed.ID+"/mock_update_status", `{"status":"failed"}`), 200)).Status, refundFailed)
	k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 202)
}

// Of many refunds that are asked for at once one is made, though the money would be enough for all.
func TestRefundsAtOnce(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *kit{
		"SQLite": moneyKit,
		"PostgreSQL": func(t *testing.T) *kit {
			url := pgtest.URL(t)
			return newKitOn(t, func(o store.Options) (*store.Store, error) { return store.OpenPostgres(context.Background(), url, o) }).withMoney()
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := open(t)
			k.setting(PartialRefunds, "true")
			p, o := k.paidBy(byCard, 2400)
			var made, refused atomic.Int32
			var all sync.WaitGroup
			for range 24 {
				all.Go(func() {
					switch got := k.post(shopKey, "/api/v1/refunds", refundOf(p.ID, `"amount":100`)); {
					case got.status == 202:
						made.Add(1)
					case got.status == 400 && strings.Contains(got.body, "Refund is already in progress."):
						refused.Add(1)
					default:
						t.Errorf("%d %s", got.status, got.body)
					}
				})
			}
			all.Wait()
			want(k, "made", made.Load(), 1)
			want(k, "refused", refused.Load(), 23)
			want(k, "on record", len(k.onRecord(o.PublicID).Transfers), 1)
			want(k, "in the balance", k.balance("USD"), 2300)
		})
	}
}

func TestRefundRefuses(t *testing.T) {
	k := moneyKit(t)
	p := k.mocks(1000, k.bills(1000))
	for _, test := range []struct {
		body   string
		status int
		part   string
	}{
		{`{}`, 400, "payment_id is required"},
		{`{"payment_id":"order_1","reason":"Others"}`, 400, "payment_id must start with"},
		{`{"payment_id":"` + p.ID + `"}`, 400, "reason is required"},
		{`{"payment_id":"` + p.ID + `","reason":"Fraudulent"}`, 400, "reason must be one of Requested By Customer, Duplicate, Fradulent, Others"},
		{refundOf(p.ID, `"document_id":"x"`), 400, "Document ID must start with doc_"},
		{refundOf(p.ID, `"amount":0`), 400, "positive whole number"},
		{refundOf(p.ID, `"amount":1.5`), 400, "positive whole number"},
		{refundOf(p.ID, `"amount":"1"`), 400, "must be an integer"},
		{refundOf(p.ID, `"amount":1001`), 400, "more than is left"},
		{refundOf(p.ID, `"amount":999`), 400, "Partial refunds are not enabled for this business"},
		{refundOf("payt_none"), 404, "Entity not found"},
		{refundOf(k.mocks(500, "").ID), 400, "Only a payment in success status"},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/refunds", test.body), test.status, test.part)
	}
	bank, _ := k.paidBy(byBank, 2000)
	k.refused("by pay_via_bank", k.post(shopKey, "/api/v1/refunds", refundOf(bank.ID)), 400, "pay_via_bank")
	k.later(181 * 24 * time.Hour)
	k.refused("too late", k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 400, "180 days")
	p = k.mocks(1000, k.bills(1000))
	k.refused("another merchant's payment", k.post(otherKey, "/api/v1/refunds", refundOf(p.ID)), 404, "Entity not found")
}

// Who is told of a payment once more, when it is connected with its order, has no longer to give it back.
func TestRefundDaysAreOfTheFirstWord(t *testing.T) {
	k := moneyKit(t)
	stray := k.mocks(700, "")
	k.later(179 * 24 * time.Hour)
	payin := k.bills(700)
	k.must(func() error {
		key := k.strayKey(stray.ID)
		_, err := k.engine.Assign(context.Background(), key, k.onRecord(payin).ID, "ops")
		return err
	}())
	k.later(2 * 24 * time.Hour)
	list := parse[pageBody[paymentBody]](k, k.get(shopKey, "/api/v1/payment?payin_id="+payin)).Data
	if len(list) != 1 {
		t.Fatalf("%d payments", len(list))
	}
	k.refused("181 days after it came", k.post(shopKey, "/api/v1/refunds", refundOf(list[0].ID)), 400, "180 days")
}

// strayKey is the key of a payment that no order owns.
func (k *kit) strayKey(id string) order.PaymentKey {
	k.Helper()
	p, err := k.dialect.paymentByID(context.Background(), engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}, id)
	k.must(err)
	return p.PaymentKey
}

func TestPartialRefund(t *testing.T) {
	k := moneyKit(t)
	k.must(k.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: "shop", Mode: engine.Sandbox}, PartialRefunds, []byte("true")))
	card, _ := k.paidBy(byCard, 2000)
	transfer := k.mocks(1000, k.bills(1000))
	k.refused("of a transfer", k.post(shopKey, "/api/v1/refunds", refundOf(transfer.ID, `"amount":1`)), 400, "Only card payments")
	first := parse[refundBody](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(card.ID, `"amount":500`)), 202))
	want(k, "a part", first.Amount, 500)
	k.ok(k.patch(shopKey, "/api/v1/refunds/"+first.ID+"/mock_update_status", `{"status":"success"}`), 200)
	rest := parse[refundBody](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(card.ID)), 202))
	want(k, "the rest", rest.Amount, 1500)
}

func TestListRefunds(t *testing.T) {
	k := moneyKit(t)
	var all []string
	var payments []paymentBody
	for i := range 3 {
		p := k.mocks(int64(1000+i), k.bills(int64(1000+i)))
		payments = append(payments, p)
		k.clock.Move(time.Minute)
		all = append([]string{parse[brief](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(p.ID, fmt.Sprintf(`"request_id":"r%d"`, i))), 202)).ID}, all...)
	}
	k.ok(k.patch(shopKey, "/api/v1/refunds/"+all[0]+"/mock_update_status", `{"status":"success"}`), 200)
	list := func(key, query string) (ids []string) {
		t.Helper()
		page := parse[pageBody[refundBody]](k, k.ok(k.get(key, "/api/v1/refunds?"+query), 200))
		for _, one := range page.Data {
			ids = append(ids, one.ID)
		}
		if !strings.Contains(query, "per_page") {
			want(k, query, page.Meta.Count, int64(len(ids)))
		}
		return ids
	}
	if got := list(shopKey, ""); fmt.Sprint(got) != fmt.Sprint(all) {
		t.Errorf("%v, want %v", got, all)
	}
	if got := list(shopKey, "per_page=2&page=2"); fmt.Sprint(got) != fmt.Sprint(all[2:]) {
		t.Errorf("the second page: %v", got)
	}
	for query, n := range map[string]int{
		"status=success": 1, "status=in_progress": 2, "status=failed": 0, "payment_id=" + payments[1].ID: 1, "payment_id=payt_none": 0,
		"customer_id=" + text(payments[2].CustomerID): 1, "customer_id=cust_none": 0, "payment_method=bank_transfer": 3, "payment_method=card": 0,
		"request_id=r1": 1, "request_id=r9": 0, "after=" + started.Add(time.Minute).Format(time.RFC3339): 2,
	} {
		if got := list(shopKey, query); len(got) != n {
			t.Errorf("%s: %v, want %d", query, got, n)
		}
	}
	want(k, "another merchant's", len(list(otherKey, "")), 0)
	k.refused("no such status", k.get(shopKey, "/api/v1/refunds?status=paid"), 400, "Invalid status")
	k.refused("no such method", k.get(shopKey, "/api/v1/refunds?payment_method=cash"), 400, "Invalid payment_method")
}

// A refund above a limit waits for a second person.
func TestRefundUnderReview(t *testing.T) {
	k := moneyKit(t)
	limits := engine.Limits{pretend().Rail: {cents("USD", 1).Asset(): {Order: cents("USD", 500)}}}
	k.engine = k.engine.Limited(limits)
	k.dialect.engine = k.engine
	p := k.mocks(1000, k.bills(1000))
	got := parse[refundBody](k, k.ok(k.post(shopKey, "/api/v1/refunds", refundOf(p.ID)), 202))
	want(k, "status", got.Status, refundReview)
	k.refused("mock it", k.patch(shopKey, "/api/v1/refunds/"+got.ID+"/mock_update_status", `{"status":"success"}`), 400, "Refund cannot be marked success.")
	_, err := k.engine.RefuseDelivery(context.Background(), engine.Decision{OrderID: k.onRecord(text(p.PayinID)).ID, Transfer: got.ID, Who: "ops"})
	k.must(err)
	want(k, "refused", parse[refundBody](k, k.get(shopKey, "/api/v1/refunds/"+got.ID)).Status, refundCancelled)
}
