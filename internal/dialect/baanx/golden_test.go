package baanx

import (
	"context"
	"net/http"
	"strings"
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
	x := dialecttest.Exchange{Title: title, Method: q.method, Path: q.path, Asked: http.Header{}, Sent: q.body, Status: got.status, Header: got.header, Body: got.body}
	for name, values := range q.header {
		x.Asked[name] = values
	}
	if q.client != "" {
		x.Asked["X-Client-ID"] = []string{q.client} // as the page spells it
	}
	if q.token != "" {
		x.Key = "Authorization: Bearer <userAccessToken>"
	}
	g.Write(x)
	return got
}

func TestGoldenOrders(t *testing.T) {
	g := &golden{kit: newKit(t), file: "orders.golden"}
	post := func(title, body string) reply {
		t.Helper()
		return g.ask("POST /v1/order: "+title, request{method: "POST", path: "/v1/order", client: shopClient, token: g.token, body: body})
	}
	made := parse[createdBody](g.kit, post("a product", ask))
	post("the same again", ask)
	post("nothing asked for", `{}`)
	post("another method", `{"productId":"PREMIUM_SUBSCRIPTION","paymentMethod":"CARD"}`)
	post("an unknown product", `{"productId":"PRODUCT_ID_ABC","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`)
	g.product("METAL_CARD", func(p *engine.Product) { p.Region = unitedStates })
	post("a product that the user may not buy", strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "METAL_CARD", 1))
	g.ask("POST /v1/order: no client", request{method: "POST", path: "/v1/order", token: g.token, body: ask})
	g.ask("POST /v1/order: an unknown client", request{method: "POST", path: "/v1/order", client: "nobody", token: g.token, body: ask})
	g.ask("POST /v1/order: no token", request{method: "POST", path: "/v1/order", client: shopClient, body: ask})
	g.dialect.afterPurchase = func() error { return context.DeadlineExceeded }
	post("our fault", ask)
	g.dialect.afterPurchase = nil

	// GET /v1/order/:orderId
	get := func(title string) {
		t.Helper()
		g.ask("GET /v1/order/:orderId: "+title, request{method: "GET", path: "/v1/order/" + made.OrderID, client: shopClient, token: g.token})
	}
	get("nobody has paid")
	g.pay(made.OrderID, "199.5", usdc)
	get("paid, and not handed over")
	g.fulfil(made.OrderID, order.Delivered)
	get("completed")
	g.ask("GET /v1/order/:orderId: none", request{method: "GET", path: "/v1/order/abcd_1234", client: shopClient, token: g.token})
	g.ask("GET /v1/order/products/available: what is on sale", request{method: "GET", path: "/v1/order/products/available", client: shopClient, token: g.token})
	g.ask("GET /v1/user: the user", request{method: "GET", path: "/v1/user", client: shopClient, token: g.token})
	g.Check(t, g.file)
}

func TestGoldenUsers(t *testing.T) {
	g := &golden{kit: newKit(t), file: "users.golden"}
	g.user("bob", func(u *engine.User) { u.OTP = true })
	login := func(title, body string) {
		t.Helper()
		g.ask("POST /v1/auth/login: "+title, request{method: "POST", path: "/v1/auth/login", client: shopClient, body: body})
	}
	login("a token", `{"email":"ana@example.com","password":"`+password+`"}`)
	login("a code is missing", `{"email":"bob@example.com","password":"`+password+`"}`)
	login("a wrong password", `{"email":"ana@example.com","password":"wrong"}`)
	login("nothing", `{}`)
	g.ask("POST /v1/auth/login/otp: a code", request{method: "POST", path: "/v1/auth/login/otp", client: shopClient, body: `{"userId":"user-bob"}`})
	begun := parse[initiatedBody](g.kit, g.ask("GET /v1/auth/oauth/authorize/initiate: begun", request{method: "GET", path: begin(initiatePath)}))
	g.ask("GET /v1/auth/oauth/authorize/initiate: no challenge", request{method: "GET", path: begin(initiatePath, "code_challenge", "")})
	allowed := parse[authorizedBody](g.kit, g.ask("POST /v1/auth/oauth/authorize: a code", request{method: "POST", path: "/v1/auth/oauth/authorize", client: shopClient, token: g.token, body: `{"token":"` + begun.Token + `"}`}))
	body := `{"grant_type":"authorization_code","code":"` + allowed.Code + `","redirect_uri":"` + back + `","code_verifier":"` + verifier + `"}`
	tokens := parse[tokenBody](g.kit, g.ask("POST /v1/auth/oauth/token: tokens", request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient, body: body}))
	g.ask("DELETE /v1/auth/oauth/revoke: ended", request{method: "DELETE", path: "/v1/auth/oauth/revoke", client: shopClient, token: tokens.AccessToken})
	g.ask("POST /v1/auth/oauth/token: the code again", request{method: "POST", path: "/v1/auth/oauth/token", client: shopClient, body: body})
	g.ask("POST /v1/auth/logout: ended", request{method: "POST", path: "/v1/auth/logout", client: shopClient, token: g.token})
	g.Check(t, g.file)
}

// ended is the event that tells an order's end, and the order.
func (k *kit) ended(id string) (engine.Event, *engine.Order) {
	k.Helper()
	s, err := k.engine.Story(context.Background(), id)
	k.must(err)
	var told []engine.Event
	for _, ev := range s.Events {
		if _, _, _, ok := k.dialect.Tell(ev, s.Order); ok {
			told = append(told, ev)
		}
	}
	if len(told) != 1 {
		k.Fatalf("%d events are told, want one", len(told))
	}
	return told[0], s.Order
}

func TestGoldenWebhooks(t *testing.T) {
	g := &golden{kit: newKit(t), file: "webhooks.golden"}
	for i, play := range []func(id string){
		func(id string) { g.pay(id, "199.5", usdc); g.fulfil(id, order.Delivered) },
		func(id string) { g.see(id, tx[:65]+"0", "1", usdc, order.RankConfirmed) },
		func(string) { g.clock.Move(2 * time.Hour); g.block() },
	} {
		g.user(string(rune('x'+i)), func(*engine.User) {})
		g.token = g.login(string(rune('x' + i)))
		made := g.order()
		play(made.OrderID)
		ev, o := g.ended(made.OrderID)
		id, kind, body, _ := g.dialect.Tell(ev, o)
		header := g.dialect.Sign(engine.Message{WireID: id, Type: kind, Body: body}, []webhook.Secret{"whk_secret"}, started)
		g.WriteWebhook(kind, header, string(body))
	}
	g.Check(t, g.file)
}

// The signature is over the bytes that are sent and the time of the attempt; a rotation leaves the newest secret's.
func TestSignature(t *testing.T) { // case 62
	d := &Dialect{}
	at := time.Unix(1700000000, 0)
	header := d.Sign(engine.Message{WireID: "id", Body: []byte(`{"a":1}`)}, []webhook.Secret{"new", "old"}, at)
	if got, want := header.Get("X-Signature"), webhook.HMACHex([]byte("new"), []byte(`1700000000.{"a":1}`)); got != want || header.Get("X-Timestamp") != "1700000000" {
		t.Errorf("%v", header)
	}
	if n := len(strings.Fields(header.Get(webhook.HeaderSignature))); n != 2 {
		t.Errorf("%d standard signatures", n)
	}
	if header := d.Sign(engine.Message{}, []webhook.Secret{""}, at); header.Get("X-Signature") != "" {
		t.Error("an empty secret signs") // case 61
	}
}

func TestWants(t *testing.T) {
	d := &Dialect{}
	for pattern, want := range map[string]bool{"": true, "order.completed": true, "order.*": true, "*": true, "order.failed": false, "ord*": false, "card.*": false} {
		var list []string
		if pattern != "" {
			list = []string{pattern}
		}
		if d.Wants(list, "order.completed") != want {
			t.Errorf("%q wants: %t", pattern, !want)
		}
	}
}

// What the merchant is told to hand over is signed like a webhook; the same delivery has the same id.
func TestFulfilmentCall(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdc)
	u, err := k.engine.User(context.Background(), scope, "user-ana")
	k.must(err)
	header, body := k.dialect.Fulfilment(k.record(made.OrderID), u, "delivery", "secret", started)
	again, same := k.dialect.Fulfilment(k.record(made.OrderID), u, "delivery", "secret", started.Add(time.Minute))
	if string(body) != string(same) || header.Get(webhook.HeaderID) != again.Get(webhook.HeaderID) || header.Get("X-Signature") == again.Get("X-Signature") {
		t.Errorf("%s %v\n%s %v", body, header, same, again)
	}
	for _, want := range []string{`"event_type":"order.paid"`, `"productId":"PREMIUM_SUBSCRIPTION"`, `"amount":199.5`, `"currency":"USD"`, `"txHash":"` + tx, `"user_id":"user-ana"`, `"email":"ana@example.com"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if err := webhook.VerifyStandard([]webhook.Secret{"secret"}, header, body, started); err != nil {
		t.Error(err)
	}
}
