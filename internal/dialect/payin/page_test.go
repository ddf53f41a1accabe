package payin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// case 59: the public status says what the payer may know, and nothing of the merchant.
func TestGoldenOrderStatus(t *testing.T) {
	g := &golden{kit: newKit(t), file: "order_status.golden"}
	g.pool(shopKey, 1, 4)
	paid := parse[orderBody](g.kit, g.post(shopKey, "/api/v1/orders", seedRequest))
	late := g.create("ORDER-2025-002", "amount", `"33.3"`)
	ask := func(title, id string) {
		t.Helper()
		got := g.ask("GET /api/order-status/:orderId: "+title, request{method: "GET", path: "/api/order-status/" + id})
		for _, secret := range []string{"John", "PROD-123", "metadata", "successUrl", "cancelUrl", "shop\"", "wallet"} {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s: the answer holds %q", title, secret)
			}
		}
	}
	ask("nothing seen yet", paid.OrderID)
	g.clock.Move(5 * time.Minute)
	g.told(sepolia, 1234567, g.payment(paid.Address, txHash, 1234567, order.RankSeen, sepoliaUSDT100),
		g.payment(late.Address, "0xbbb", 1234567, order.RankConfirmed, money.FromInt(sepoliaUSDT, 11_099_999)))
	ask("seen, not confirmed", paid.OrderID)
	ask("paid in part", late.OrderID)
	g.clock.Move(22 * time.Second)
	g.told(sepolia, 1234578, g.payment(paid.Address, txHash, 1234567, order.RankConfirmed, sepoliaUSDT100))
	ask("completed", paid.OrderID)
	g.expire(sepolia, 10*time.Minute)
	ask("expired", late.OrderID)
	ask("unknown", "ord_abc123def456")
	ask("unknown, of the right form", "ord_"+strings.Repeat("a", 26))
	g.check()
}

// A stranger may ask often, but not without end; the limit is that client's own.
func TestOrderStatusIsBounded(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	path := "/api/order-status/" + k.create("R-1").OrderID
	for i := range 1000 {
		got := k.get("", path)
		if got.status == http.StatusOK {
			continue
		}
		body := k.refused("too often", got, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED", "")
		if i < 60 || body.RetryAfter < 1 || got.header.Get("Retry-After") == "" {
			t.Errorf("after %d: %+v %v", i, body, got.header)
		}
		k.clock.Move(time.Second)
		if got := k.get("", path); got.status != http.StatusOK {
			t.Errorf("a second later: %d", got.status)
		}
		return
	}
	t.Error("a thousand at once were answered")
}

// The seed's parameters, merged into whatever the merchant's URL holds. Values never change where it leads.
func TestReturnURLs(t *testing.T) {
	values := []parameter{{"orderReference", "A&B=1 /ü#?"}, {"status", "completed"}, {"amount", "100.00"}, {"currency", "USDT"}, {"chainId", "ethereum-sepolia"}, {"txHash", "0xabc"}}
	const all = "orderReference=A%26B%3D1%20%2F%C3%BC%23%3F&status=completed&amount=100.00&currency=USDT&chainId=ethereum-sepolia&txHash=0xabc"
	for template, want := range map[string]string{
		"":                                   "",
		"https://yoursite.com/order/success": "https://yoursite.com/order/success?" + all,
		"https://yoursite.com/order/success?orderId={{orderId}}":                             "https://yoursite.com/order/success?orderId=ord_1&" + all,
		"https://yoursite.com?status=mine&a=1&a=2&b":                                         "https://yoursite.com?a=1&a=2&b&" + all,
		"https://yoursite.com/?%73tatus=mine&x=%zz&q=a+b%20c":                                "https://yoursite.com/?x=%zz&q=a+b%20c&" + all,
		"https://yoursite.com/{{orderReference}}/x?r={{orderReference}}#/{{orderReference}}": "https://yoursite.com/A%26B%3D1%20%2F%C3%BC%23%3F/x?r=A%26B%3D1%20%2F%C3%BC%23%3F&" + all + "#/A%26B%3D1%20%2F%C3%BC%23%3F",
		"https://yoursite.com/#/spa?status=mine":                                             "https://yoursite.com/?" + all + "#/spa?status=mine",
		"http://localhost:3000/done?":                                                        "http://localhost:3000/done?" + all,
		"https://yoursite.com/{{nothing}}":                                                   "https://yoursite.com/%7B%7Bnothing%7D%7D?" + all,
		"javascript:alert(1)//{{orderId}}":                                                   "",
		"data:text/html,{{orderReference}}":                                                  "",
		"//evil.example/x":                                                                   "",
		"https://user@evil.example/":                                                         "",
		"https:///x":                                                                         "",
	} {
		if got := returnURL(template, "ord_1", values); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", template, got, want)
		}
	}
	// Read back by anybody's parser, each parameter is there once and says what it should.
	u, err := url.Parse(returnURL("https://yoursite.com/?amount=1&amount=2", "ord_1", values))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if got := u.Query()[v.name]; len(got) != 1 || got[0] != v.value {
			t.Errorf("%s is %q", v.name, got)
		}
	}
}

// Who is sent where: the order's own pages first, else those configured when the order was made.
func TestWhereThePayerIsSent(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 6)
	k.must(putOK(k, shopKey, "default_order_success_url", `"https://shop.example/thanks"`))
	k.must(putOK(k, shopKey, "default_order_cancel_url", `"https://shop.example/sorry"`))
	own := k.create("OWN", "successUrl", `"https://own.example/yes"`, "cancelUrl", `"https://own.example/no"`)
	preset := k.create("PRESET")
	presetLate := k.create("PRESET-LATE")
	ownLate := k.create("OWN-LATE", "cancelUrl", `"https://own.example/no?x=1"`)
	k.must(putOK(k, shopKey, "default_order_success_url", `"https://evil.example/"`))
	k.must(putOK(k, shopKey, "default_order_cancel_url", "null"))
	none := k.create("NONE")
	to := func(o orderBody) string {
		t.Helper()
		got := parse[statusBody](k, k.get("", "/api/order-status/"+o.OrderID)).Data
		if shown := k.orderOf(o.OrderID); k.dialect.ReturnURL(shown) != deref(got.RedirectURL) {
			t.Errorf("%s: the page goes to %q, the status says %q", o.OrderReference, k.dialect.ReturnURL(shown), deref(got.RedirectURL))
		}
		return deref(got.RedirectURL)
	}
	for _, o := range []orderBody{own, preset, none} {
		if got := to(o); got != "" {
			t.Errorf("%s is pending and sent to %s", o.OrderReference, got)
		}
	}
	if strings.Contains(string(mustJSON(k, preset)), "shop.example") {
		t.Error("a default is shown as the order's own")
	}
	for i, o := range []orderBody{own, preset} {
		k.told(sepolia, uint64(2000+i), k.payment(o.Address, txHash[:65]+string(rune('a'+i)), uint64(1990+i), order.RankConfirmed, sepoliaUSDT100))
	}
	k.expire(sepolia, 20*time.Minute)
	const common = "&amount=100.00&currency=USDT&chainId=ethereum-sepolia"
	for o, want := range map[*orderBody]string{
		&own:        "https://own.example/yes?orderReference=OWN&status=completed" + common + "&txHash=" + txHash[:65] + "a",
		&preset:     "https://shop.example/thanks?orderReference=PRESET&status=completed" + common + "&txHash=" + txHash[:65] + "b",
		&presetLate: "https://shop.example/sorry?orderReference=PRESET-LATE&status=expired" + common,
		&ownLate:    "https://own.example/no?x=1&orderReference=OWN-LATE&status=expired" + common,
		&none:       "",
	} {
		if got := to(*o); got != want {
			t.Errorf("%s goes to\n%s, want\n%s", o.OrderReference, got, want)
		}
	}
}

// case 55: the title is a text of one line, whatever the merchant put there, and is gone with the order's end.
func TestPageTitle(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 10)
	for metadata, want := range map[string]string{
		`{"title":"Two tickets"}`: "Two tickets", `{"title":"<b>x</b>"}`: "<b>x</b>", `{"title":"a\u202eb\u200b\nc"}`: "abc",
		`{"title":7}`: "", `{"title":null}`: "", `{"name":"x"}`: "", `{"title":"` + strings.Repeat("x", 201) + `"}`: "", `{}`: "",
	} {
		o := k.orderOf(k.create("T-"+metadata[:min(len(metadata), 60)], "metadata", metadata).OrderID)
		if got := k.dialect.PageTitle(o); got != want {
			t.Errorf("%s: %q, want %q", metadata, got, want)
		}
		o.State = order.Completed
		if k.dialect.PageTitle(o) != "" {
			t.Errorf("%s: shown after the end", metadata)
		}
	}
	if o := k.orderOf(k.create("NONE").OrderID); k.dialect.PageTitle(o) != "" || !k.dialect.PageWindow(o).Equal(started.Add(10*time.Minute)) {
		t.Errorf("title %q, window %s", k.dialect.PageTitle(o), k.dialect.PageWindow(o))
	}
}

// case 50: where the page is comes from the configuration alone.
func TestPaymentURL(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	got := k.do(request{method: "POST", path: "/api/v1/orders", key: shopKey, body: newOrder("A"), header: http.Header{"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}}})
	o := parse[orderBody](k, got)
	if o.PaymentURL != "https://pay.example.com/payin/pay/order/"+o.OrderID {
		t.Errorf("%s", got.body)
	}
	k.dialect.publicURL = ""
	if got := k.get(shopKey, "/api/v1/orders/"+o.OrderID); strings.Contains(got.body, "paymentUrl") {
		t.Errorf("nobody said where the server is: %s", got.body)
	}
}

func (k *kit) orderOf(id string) *engine.Order {
	k.Helper()
	o, _, err := k.engine.ForPayer(context.Background(), id, k.clock.Now())
	k.must(err)
	return o
}

func mustJSON(k *kit, v any) []byte {
	k.Helper()
	text, err := json.Marshal(v)
	k.must(err)
	return text
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
