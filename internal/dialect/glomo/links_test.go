package glomo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// links is a request for a link with more fields; the last word about expires_at counts.
func (k *kit) linkAsked(expires string, more ...string) string {
	k.Helper()
	return fmt.Sprintf(`{"customer_id":%q,"currency":"USD","amount":1000,"purpose_code":"P1401"%s%s}`, k.buyer(), expires, strings.Join(append([]string{""}, more...), ","))
}

func ends(at time.Time) string { return fmt.Sprintf(`,"expires_at":%q`, at.Format(time.RFC3339)) }

func (k *kit) link(end time.Time, more ...string) linkBody {
	k.Helper()
	return parse[linkBody](k, k.ok(k.post(shopKey, "/api/v1/payin", k.linkAsked(ends(end), more...)), 201))
}

const aDay = 24 * time.Hour

func TestLink(t *testing.T) {
	k := moneyKit(t)
	got := k.link(started.Add(30*aDay), `"reminder_frequency":7`, `"request_id":"one"`, `"notes":{"policy":"A"}`)
	want(k, "status", got.Status, statusActive)
	want(k, "end", got.ExpiresAt, "2026-04-01T10:30:00.000Z")
	want(k, "reminds", *got.Reminder, 7)
	want(k, "link", text(got.PaymentLink), "https://pay.example.com/glomo/pay/order/"+got.ID)
	if !strings.HasPrefix(got.ID, "plink_") {
		t.Errorf("the id is %s", got.ID)
	}
	again := k.link(started.Add(30*aDay), `"request_id":"one"`)
	want(k, "another with the same request_id", again.ID == got.ID, false)
	want(k, "no reminders", again.Reminder == nil, true)

	p := k.mocks(1000, got.ID)
	want(k, "paid", p.Status+" "+text(p.PayinType), "success payment_link")
	want(k, "the link", parse[linkBody](k, k.get(shopKey, "/api/v1/payin/"+got.ID)).Status, statusPaid)
	if told := fmt.Sprint(k.tells(k.onRecord(got.ID))); told != "[payment_link.active payment.success payment_link.paid]" {
		t.Errorf("told %s", told)
	}
	k.refused("as an order", k.get(shopKey, "/api/v1/orders/"+got.ID), 400, "Id must start with 'order_'")
	k.refused("an order as a link", k.get(shopKey, "/api/v1/payin/order_1"), 400, "Id must start with 'plink_'")
	k.refused("another merchant's", k.get(otherKey, "/api/v1/payin/"+got.ID), 404, "Entity not found")
	want(k, "orders", parse[pageBody[brief]](k, k.get(shopKey, "/api/v1/orders")).Meta.Count, 0)

	k.later(31 * aDay)
	want(k, "past its end", parse[linkBody](k, k.get(shopKey, "/api/v1/payin/"+again.ID)).Status, statusExpired)
	if told := fmt.Sprint(k.tells(k.onRecord(again.ID))); told != "[payment_link.active payment_link.expired]" {
		t.Errorf("told %s", told)
	}
}

func TestLinkRefuses(t *testing.T) {
	k := moneyKit(t)
	for _, test := range []struct{ body, part string }{
		{k.linkAsked(""), "expires_at is required"},
		{k.linkAsked(ends(started)), "expires_at must be in the future"},
		{k.linkAsked(ends(started.AddDate(0, 6, 0).Add(time.Second))), "within 6 months"},
		{k.linkAsked(`,"expires_at":"tomorrow"`), "expires_at must be a time"},
		{k.linkAsked(ends(started.Add(aDay)), `"reminder_frequency":3`), "one of 1, 2, 7, 14"},
		{k.linkAsked(ends(started.Add(aDay)), `"reminder_frequency":"7"`), "must be an integer"},
		{strings.Replace(k.linkAsked(ends(started.Add(aDay))), `"amount":1000`, `"amount":0`, 1), "positive whole number"},
	} {
		k.refused(test.body, k.post(shopKey, "/api/v1/payin", test.body), 400, test.part)
	}
	k.ok(k.post(shopKey, "/api/v1/payin", k.linkAsked(ends(started.AddDate(0, 6, 0)))), 201)
}

func TestChangeLink(t *testing.T) {
	k := moneyKit(t)
	got := k.link(started.Add(5 * aDay))
	path := "/api/v1/payin/" + got.ID
	changed := parse[linkBody](k, k.ok(k.patch(shopKey, path, `{"reminder_frequency":2`+ends(started.Add(9*aDay))+`}`), 200))
	want(k, "changed", changed.ExpiresAt+fmt.Sprint(*changed.Reminder), "2026-03-11T10:30:00.000Z2")
	for _, test := range []struct{ body, part string }{
		{`{}`, "expires_at is required"},
		{`{"amount":5}`, "amount"},
		{`{"reminder_frequency":5}`, "one of 1, 2, 7, 14"},
		{`{"expires_at":"2026-03-01T00:00:00Z"}`, "in the future"},
		{`{"expires_at":"2027-03-01T00:00:00Z"}`, "within 6 months"},
	} {
		k.refused(test.body, k.patch(shopKey, path, test.body), 400, test.part)
	}
	k.later(2 * aDay)
	due, err := k.engine.DueReminders(context.Background(), engine.Sandbox, 10)
	k.must(err)
	if len(due) != 1 {
		t.Fatalf("%d reminders are due", len(due))
	}
	_, err = k.engine.Remind(context.Background(), due[0])
	k.must(err)
	want(k, "reminded", text(parse[linkBody](k, k.get(shopKey, path)).RemindedAt), "2026-03-04T10:30:00.000Z")
	k.mocks(1000, got.ID)
	k.refused("once it is paid", k.patch(shopKey, path, `{"reminder_frequency":1}`), 400, "cannot be changed")
}

func TestCancelLink(t *testing.T) {
	k := moneyKit(t)
	got := k.link(started.Add(5 * aDay))
	path := "/api/v1/payin/" + got.ID
	k.refused("another merchant", k.patch(otherKey, path+"/cancel", ""), 404, "Entity not found")
	want(k, "cancelled", parse[linkBody](k, k.ok(k.patch(shopKey, path+"/cancel", ""), 200)).Status, statusCancelled)
	k.refused("twice", k.patch(shopKey, path+"/cancel", ""), 400, "cannot be cancelled")
	want(k, "money for it", text(k.mocks(1000, got.ID).ErrorCode), errorNoPayin)
	paid := k.link(started.Add(5 * aDay))
	k.mocks(1000, paid.ID)
	k.refused("a paid one", k.patch(shopKey, "/api/v1/payin/"+paid.ID+"/cancel", ""), 400, "cannot be cancelled")
}

func TestListLinks(t *testing.T) {
	k := moneyKit(t)
	first := k.link(started.Add(5 * aDay))
	k.clock.Move(time.Minute)
	second := k.link(started.Add(5 * aDay))
	k.bills(1000)
	k.mocks(1000, first.ID)
	for query, ids := range map[string][]string{
		"": {second.ID, first.ID}, "status=paid": {first.ID}, "status=active": {second.ID}, "status=expired": nil,
		"customer_id=" + first.Customer: {first.ID}, "per_page=1&page=2": {first.ID},
	} {
		var got []string
		for _, one := range parse[pageBody[linkBody]](k, k.ok(k.get(shopKey, "/api/v1/payin?"+query), 200)).Data {
			got = append(got, one.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("%q: %v, want %v", query, got, ids)
		}
	}
	k.refused("no such status", k.get(shopKey, "/api/v1/payin?status=open"), 400, "Invalid status")
}

// A link that screening stopped shows no page; the sandbox plays the reviewers.
func TestReviewedLink(t *testing.T) {
	k := moneyKit(t)
	s := scopeOf("shop", engine.Sandbox)
	stopped := k.link(started.Add(5 * aDay))
	k.refused("not under review", k.patch(shopKey, "/api/v1/payin/"+stopped.ID+"/mock_mark_reviewed", ""), 400, "Payment link is not under review.")
	o := k.onRecord(stopped.ID)
	made, err := k.engine.Create(context.Background(), engine.NewOrder{
		Scope: s, PublicID: "plink_stopped", Kind: kindLink, Methods: o.Methods, Screen: &engine.Screening{Force: engine.ForceDocuments, Documents: []string{"Passport"}},
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { t := o.Terms; return t, o.Doc, nil },
	})
	k.must(err)
	path := "/api/v1/payin/plink_stopped"
	got := parse[linkBody](k, k.get(shopKey, path))
	want(k, "stopped", got.Status+text(got.PaymentLink), statusActionRequired)
	k.refused("another's slot", k.patch(shopKey, path+"/update-rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1"}]}`), 400, "Invalid rfi_doc_id or payment link not in action_required status")
	k.refused("more keys", k.patch(shopKey, path+"/update_rfi", `{"documents":[],"x":1}`), 400, "x")
	k.refused("more keys inside", k.patch(shopKey, path+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"rfidoc_1","x":1}]}`), 400, "x")
	k.refused("one slot twice", k.patch(shopKey, path+"/update_rfi", `{"documents":[{"id":"doc_1","rfi_doc_id":"r"},{"id":"doc_2","rfi_doc_id":"r"}]}`), 400, "twice")
	doc := k.paper()
	given := fmt.Sprintf(`{"documents":[{"id":%q,"rfi_doc_id":%q}]}`, doc, made.Order.Requested[0].ID)
	want(k, "given", parse[linkBody](k, k.ok(k.patch(shopKey, path+"/update-rfi", given), 200)).Status, statusUnderReview)
	k.refused("in live", k.patch(liveKey, path+"/mock_mark_reviewed", ""), 404, "Entity not found")
	got = parse[linkBody](k, k.ok(k.patch(shopKey, path+"/mock_mark_reviewed", ""), 200))
	want(k, "reviewed", got.Status, statusActive)
	want(k, "where it is paid", text(got.PaymentLink) != "", true)
}
