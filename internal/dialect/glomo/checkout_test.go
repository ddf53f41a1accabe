package glomo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/secrets"
)

// A browser learns of an order what a payer may know, from any page, with a publishable key and no other.
func TestPublicOrder(t *testing.T) {
	k := newKit(t)
	id := k.order("notes", `{"secret_note":"not for payers"}`, "invoice_number", `"INV-secret"`, "product", `{"name":"Mug"}`)
	path := "/api/public/v1/order/" + id
	got := k.get(browserKey, path)
	body := parse[map[string]any](k, got)
	if got.status != http.StatusOK || body["id"] != id || body["order_type"] != "standard" || body["status"] != "active" || body["embeddable"] != false ||
		body["checkout_url"] != "https://pay.example.com/glomo/pay/order/"+id {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, hidden := range []string{"not for payers", "INV-secret", "cust_", "secret_note"} {
		if strings.Contains(got.body, hidden) {
			t.Errorf("a payer is told %s: %s", hidden, got.body)
		}
	}
	// case 42: only the publishable key of the order's merchant
	for _, key := range []string{shopKey, readerKey, ""} {
		if got := k.get(key, path); got.status != http.StatusUnauthorized || got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%q: %d %v", key, got.status, got.header)
		}
	}
	if got := k.get(browserKey, "/api/v1/orders/"+id); got.status != http.StatusUnauthorized || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a server's call with the browser's key: %d %v", got.status, got.header)
	}
	foreign := k.do(request{method: "POST", path: "/api/v1/orders", key: otherKey, body: with(k.good(), "customer_id", quoted(k.made(otherKey, "/api/v1/customer", goodCustomer)))})
	if got := k.get(browserKey, "/api/public/v1/order/"+parse[orderBody](k, foreign).ID); got.status != http.StatusNotFound { // case 41
		t.Errorf("another merchant's: %d %s", got.status, got.body)
	}
	if got := k.get(browserKey, "/api/public/v1/order/cust_1"); got.status != http.StatusBadRequest {
		t.Errorf("another noun's: %d", got.status)
	}
}

func TestPublicOrderAcrossOrigins(t *testing.T) {
	k := newKit(t)
	k.setting(engine.CheckoutOrigins, `["https://shop.example"]`)
	path := "/api/public/v1/order/" + k.order()
	for origin, want := range map[string]bool{"https://shop.example": true, "https://evil.example": false, "https://shop.example.evil": false, "null": false, "": false} {
		got := k.do(request{method: "GET", path: path, key: browserKey, header: http.Header{"Origin": {origin}}})
		if body := parse[publicOrderBody](k, got); body.Embeddable != want || got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %s %v", origin, got.body, got.header)
		}
	}
	got := k.do(request{method: "OPTIONS", path: path, header: http.Header{"Origin": {"https://shop.example"}, "Access-Control-Request-Headers": {"authorization"}}})
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("asked beforehand: %d %v", got.status, got.header)
	}
	if got := k.do(request{method: "OPTIONS", path: "/api/v1/orders"}); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a server's path is opened: %v", got.header)
	}
	js := k.do(request{method: "GET", path: "/checkout.js"})
	if js.status != http.StatusOK || !strings.HasPrefix(js.header.Get("Content-Type"), "text/javascript") || js.header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(js.body, "export class GlomoCheckoutApi") || strings.Contains(js.body, "import(") {
		t.Errorf("the module: %d %v", js.status, js.header)
	}
}

// withTexts is a kit whose keys' texts are on record.
func withTexts(t *testing.T) *kit {
	var k *kit
	k = newKit(t, func(c *Config) {
		c.SecretKey = func(ctx context.Context, s engine.Scope, preferred string) (*SecretKey, error) {
			found, err := k.engine.KeyWithText(ctx, s, preferred, k.clock.Now())
			if err != nil || found == nil {
				return nil, err
			}
			return &SecretKey{found.ID, found.Sealed}, nil
		}
	})
	return k
}

// issue records a key of the shop with its text.
func (k *kit) issue(name string, replaces string, overlap time.Duration) {
	k.Helper()
	s := scopeOf("shop", engine.Sandbox)
	text, err := k.keys.Issue(context.Background(), auth.NewSigned{Merchant: s.Merchant, Mode: string(s.Mode)})
	k.must(err)
	key := engine.Key{Scope: s, Hash: secrets.Hash(text), Prefix: name, Sealed: text}
	if replaces == "" {
		key, err = k.engine.AddKey(context.Background(), key)
	} else {
		key, err = k.engine.RotateKey(context.Background(), k.ids[replaces], key, overlap, func(engine.Key) bool { return true })
	}
	k.must(err)
	k.tokens[name], k.ids[name] = text, key.ID
}

// A result is signed with the key that made the order, while that key is good; then with the newest. It fits what an
// independent verifier computes. case 61
func TestResultsAreSigned(t *testing.T) {
	k := withTexts(t)
	ctx := context.Background()
	sign := func(id string) string {
		got, err := k.dialect.signResult(ctx, k.found(id), "payt_1", "success")
		k.must(err)
		return got
	}
	by := func(name, id, signature string) bool {
		mac := hmac.New(sha256.New, []byte(k.tokens[name]))
		mac.Write([]byte(id + "|payt_1|success"))
		return signature == hex.EncodeToString(mac.Sum(nil))
	}
	early := k.order() // by a key whose text is not on record
	if got := sign(early); got != "" {
		t.Errorf("signed with nothing: %s", got)
	}
	k.issue("first", "", 0)
	made := k.made("first", "/api/v1/orders", k.good())
	if got := sign(made); !by("first", made, got) {
		t.Errorf("by the key that made it: %s", got)
	}
	k.clock.Move(time.Minute)
	k.issue("second", "first", time.Hour)
	old, late := k.made("first", "/api/v1/orders", k.good()), k.made("second", "/api/v1/orders", k.good())
	if got := sign(old); !by("first", old, got) {
		t.Errorf("an order by the old key, in the overlap: %s", got)
	}
	if got := sign(late); !by("second", late, got) {
		t.Errorf("an order by the new key: %s", got)
	}
	if got := sign(early); !by("second", early, got) {
		t.Errorf("an order of an unknown key: %s", got)
	}
	k.clock.Move(2 * time.Hour)
	if got := sign(old); !by("second", old, got) {
		t.Errorf("an order by the old key, after the overlap: %s", got)
	}
	k.issue("third", "", 0)
	if got := sign(old); !by("third", old, got) {
		t.Errorf("by the newest: %s", got)
	}
	_, err := k.engine.RevokeKey(ctx, k.ids["third"], func(engine.Key) bool { return true })
	k.must(err)
	if got := sign(old); !by("second", old, got) {
		t.Errorf("the newest was revoked: %s", got)
	}
	if got := k.post("first", "/api/v1/orders", k.good()); got.status != http.StatusUnauthorized {
		t.Errorf("the old key after the overlap: %d %s", got.status, got.body)
	}
	// Another merchant's keys never sign.
	other := k.made(otherKey, "/api/v1/customer", goodCustomer)
	foreign := k.made(otherKey, "/api/v1/orders", with(k.good(), "customer_id", quoted(other)))
	if got := sign2(k, otherKey, foreign); got != "" {
		t.Errorf("another merchant's order is signed: %s", got)
	}
}

func sign2(k *kit, merchant, id string) string {
	k.Helper()
	o, err := k.engine.Order(context.Background(), scopeOf(merchant, engine.Sandbox), id)
	k.must(err)
	got, err := k.dialect.signResult(context.Background(), o, "payt_1", "success")
	k.must(err)
	return got
}

// What a page is told of a result has no empty fields.
func TestResultBody(t *testing.T) {
	text, err := json.Marshal(resultBody{Order: "order_1", Payment: "payt_1", Status: "success"})
	if err != nil || string(text) != `{"orderId":"order_1","paymentId":"payt_1","status":"success"}` {
		t.Errorf("%s %v", text, err)
	}
}

// What the merchant's page is told follows the order: a claim while a transfer is chosen, each declined attempt, and the
// signed success. Told twice it is the same.
func TestTells(t *testing.T) {
	k := withTexts(t)
	k.issue("first", "", 0)
	id := k.made("first", "/api/v1/orders", k.good())
	told := func() (names []string, last resultBody) {
		list, err := k.dialect.Tells(context.Background(), k.found(id))
		k.must(err)
		for _, e := range list {
			names, last = append(names, e.Name), e.Data.(resultBody)
			if e.ID == "" || e.Claim != (e.Name == eventSubmitted) {
				t.Errorf("%+v", e)
			}
		}
		return names, last
	}
	if names, _ := told(); len(names) != 0 {
		t.Errorf("at the beginning: %v", names)
	}
	k.choose(id, byTransfer)
	if names, _ := told(); strings.Join(names, " ") != eventSubmitted {
		t.Errorf("a transfer is chosen: %v", names)
	}
	k.choose(id, byCard)
	o := k.found(id)
	attempt, _, _ := o.Current()
	_, err := k.engine.Declined(context.Background(), o.ID, attempt, "insufficient_funds")
	k.must(err)
	names, last := told()
	if strings.Join(names, " ") != eventFailure || last.Status != paymentFailed || last.Signature != "" || last.Error == nil || last.Error.Code != errorFunds || last.Error.Message == "" {
		t.Errorf("declined: %v %+v", names, last)
	}
	k.paid(id, "x-1")
	names, last = told()
	mac := hmac.New(sha256.New, []byte(k.tokens["first"]))
	mac.Write([]byte(id + "|" + last.Payment + "|success"))
	if strings.Join(names, " ") != eventFailure+" "+eventSuccess || last.Status != "success" || !isID(last.Payment, paymentID) || last.Signature != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("paid: %v %+v", names, last)
	}
	if got := k.get("first", "/api/v1/payment/"+last.Payment); got.status != http.StatusOK {
		t.Errorf("the payment that the page was told of: %d %s", got.status, got.body)
	}
	columns, lines := k.report("first", "/reports/payments.csv")
	if columns[0] != "id" || len(lines) != 2 || lines[0]["status"] != "failed" || lines[1]["id"] != last.Payment || lines[1]["order_id"] != id || lines[1]["status"] != "success" || lines[1]["payment_amount"] != "1000" || lines[1]["payment_method"] != "card" {
		t.Errorf("%v %v", columns, lines)
	}
}
