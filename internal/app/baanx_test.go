package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/dialect/baanx"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/secrets"
	"till/internal/simgateway"
	"till/internal/webhook"
)

const productText = `
[baanx.products.sandbox.METAL_CARD]
description = "A card"
price = "199"
currency = "USD"
network = "sandbox-gateway"
token = "USDC"
gateway = "sandbox"
fulfilment = "webhook"
url = "https://shop.example.com/hand-over"
secret = "hunter2"
`

// What the config says of products is checked key by key, and no error repeats a secret.
func TestBaanxConfig(t *testing.T) {
	cfg, err := load(t, productText)
	if err != nil || len(cfg.Baanx.Products) != 1 || cfg.Baanx.DocumentedAt {
		t.Fatalf("%+v %v", cfg.Baanx, err)
	}
	p := cfg.Baanx.Products[0]
	if p.Code != "METAL_CARD" || p.TTL != time.Hour || !p.Active || !p.Eligibility.Verified || p.Price.Decimal() != "199.00" || p.Secret.Reveal() != "hunter2" || p.Scope.Mode != engine.Sandbox {
		t.Errorf("%+v", p)
	}
	product := func(from, to string) string {
		if !strings.Contains(productText, from) {
			t.Fatalf("nothing is %q", from)
		}
		return strings.Replace(productText, from, to, 1)
	}
	const at = "baanx.products.sandbox.METAL_CARD."
	for _, test := range []struct{ text, problem string }{
		{"[baanx]\npaid_at = \"unix\"\n", "baanx.paid_at: want iso or documented"},
		{"[baanx.issuer]\naudience = \"shop\"\n", "baanx.issuer.url: is missing"},
		{"[baanx.issuer]\nurl = \"https://id.example\"\n", "baanx.issuer.audience: is missing"},
		{"[baanx.issuer]\nurl = \"http://id.example\"\naudience = \"shop\"\n", "baanx.issuer.url: want the issuer's https URL"},
		{"[baanx.issuer]\nurl = \"https://id.example?a=b\"\naudience = \"shop\"\n", "baanx.issuer.url"},
		{"[baanx.issuer]\nurl = \"id.example\"\naudience = \"shop\"\n", "baanx.issuer.url"},
		{strings.Replace(productText, "sandbox.", "test.", 1), "baanx.products.test: want live or sandbox"},
		{productText + "colour = \"red\"\n", at + "colour: unknown key"},
		{product(`"USD"`, `"XXQ"`), at + "currency"},
		{product(`"199"`, `"0"`), at + "price"},
		{product(`"199"`, `"-1"`), at + "price"},
		{product(`"199"`, `"1e3"`), at + "price"},
		{product(`"199"`, `"199.001"`), at + "price"},
		{product(`"199"`, `199.5`), at + "price"},
		{product(`"sandbox-gateway"`, `"ethereum-mainnet"`), at + "network: there is no sandbox network"},
		{product(`"sandbox-gateway"`, `""`), at + "network"},
		{product(`"USDC"`, `"DAI"`), at + "token"},
		{product(`gateway = "sandbox"`, `gateway = "none"`), at + "gateway: there is no sandbox gateway"},
		{productText + "region = \"eu\"\n", at + "region"},
		{product(`"https://shop.example.com/hand-over"`, `"https://127.0.0.1/"`), at + "url"}, // case 69
		{product(`"https://shop.example.com/hand-over"`, `"https://u:hunter2@shop.example.com/"`), at + "url"},
		{product(`"https://shop.example.com/hand-over"`, `""`), at + "url"},
		{product(`secret = "hunter2"`, ``), at + "secret: is missing"},
		{product(`secret = "hunter2"`, `secret_file = "absent"`), at + "secret_file"},
		{productText + "secret_file = \"both\"\n", at + "secret"},
	} {
		_, err := load(t, test.text)
		if err == nil || !strings.Contains(err.Error(), test.problem) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\n%v, want %q", test.text, err, test.problem)
		}
	}
}

// buyer is a user of an application, at the API as it is served.
type buyer struct {
	*gatewayKit
	token string
}

// newBuyer adds an application, a product that is paid through the simulated gateway and handed over by hand, and a user.
func newBuyer(t *testing.T, a *App) *buyer {
	t.Helper()
	b := &buyer{gatewayKit: &gatewayKit{T: t, app: a}}
	scope := engine.Scope{Merchant: firstMerchant, Mode: engine.Sandbox, Dialect: baanx.Name}
	if err := a.Engine.SaveKey(t.Context(), engine.Key{ID: "key_shop", Name: "Shop", Hash: secrets.Hash("client_shop"), Scope: scope, Active: true}); err != nil {
		t.Fatal(err)
	}
	hash, err := a.grants.HashPassword(t.Context(), "ana", "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.AddUser(t.Context(), engine.User{ID: "user-ana", Scope: scope, Email: "ana@example.com", Password: hash, Verification: engine.Verified, Active: true}); err != nil {
		t.Fatal(err)
	}
	usd, err := money.Fiat("USD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.SaveProduct(t.Context(), engine.Product{
		Code: "METAL_CARD", Scope: scope, Description: "A card", Active: true, Price: money.FromInt(usd, 199_50), Network: "sandbox-gateway", Token: "USDC", Gateway: SandboxGateway,
		TTL: time.Hour, Fulfilment: engine.Fulfilment{Kind: engine.FulfilByHand},
	}); err != nil {
		t.Fatal(err)
	}
	var login struct{ AccessToken string }
	b.ask(http.MethodPost, "/v1/auth/login", `{"email":"ana@example.com","password":"correct horse battery"}`, http.StatusOK, &login)
	b.token = login.AccessToken
	return b
}

// ask calls the API and wants a status, if it is not 0.
func (b *buyer) ask(method, path, body string, want int, answer any) (status int, text string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.app.URL()+"/baanx"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Client-Key", "client_shop")
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil || want != 0 && got.StatusCode != want || want != 0 && json.Unmarshal(raw, answer) != nil {
		b.Fatalf("%s %s: %d %s %v", method, path, got.StatusCode, raw, err)
	}
	return got.StatusCode, string(raw)
}

// status is the order's, as its user sees it, and the whole answer.
func (b *buyer) status(id string) (status, text string) {
	b.Helper()
	var body struct{ Status string }
	_, text = b.ask(http.MethodGet, "/v1/order/"+id, "", http.StatusOK, &body)
	return body.Status, text
}

// Callbacks of the gateway that come in the wrong order, twice, much later or of nobody pay an order once, and change
// nothing of one that has ended.
func TestBaanxCallbacks(t *testing.T) { onEach(t, baanxCallbacks) }

func baanxCallbacks(t *testing.T, database string) { // case 64, case 65
	a := startIn(t, t.TempDir(), networksOff+"ethereum-sepolia.enabled = false\n"+database, io.Discard)
	b, sim := newBuyer(t, a), a.Simulator()
	sim.Mute(true) // what it would say is sent by hand, in an order of ours

	// One of a payment that no order here asked for: it is taken, and nothing comes of it.
	early, err := sim.Add(simgateway.Payment{External: "payment_nobody", Metadata: map[string]string{"requestId": "payment_nobody"}, Chain: sandboxChain, Token: sandboxToken, To: sandboxAddress, Amount: "199.50"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Complete(t.Context(), early.ID, ""); err != nil {
		t.Fatal(err)
	}

	var made struct{ OrderID, RequestID string }
	const asked = `{"productId":"METAL_CARD","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`
	for end := time.Now().Add(deadline); ; <-time.After(20 * time.Millisecond) {
		status, text := b.ask(http.MethodPost, "/v1/order", asked, 0, nil)
		if status == http.StatusOK {
			if err := json.Unmarshal([]byte(text), &made); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, `"paymentAmount":199.5,`) {
				t.Errorf("the amount is not exact: %s", text)
			}
			break
		}
		if status != http.StatusServiceUnavailable || time.Now().After(end) { // until the gateway is watched
			t.Fatalf("%d %s", status, text)
		}
	}
	o := b.eventually(made.OrderID, "asked for", func(o *engine.Order) bool { return o.Gateway.Payment != "" })
	if err := sim.Begin(t.Context(), o.Gateway.Payment); err != nil {
		t.Fatal(err)
	}
	if err := sim.Complete(t.Context(), o.Gateway.Payment, ""); err != nil {
		t.Fatal(err)
	}
	resend := func() {
		t.Helper()
		all := sim.Callbacks()
		for i := range all {
			place := len(all) - 1 - i
			cb := all[place]
			callback(t, a, SandboxGateway, sim.Header(cb), string(cb.Body), http.StatusOK)
			callback(t, a, SandboxGateway, sim.Header(cb), string(cb.Body), http.StatusOK)
			callback(t, a, SandboxGateway, nil, string(cb.Body), http.StatusUnauthorized) // case 61
		}
	}
	resend()
	paid := func() *engine.Order {
		t.Helper()
		o := b.eventually(made.OrderID, "paid", func(o *engine.Order) bool { return o.State != order.Waiting && o.State != order.Seen })
		if len(o.Payments) != 1 || o.Received().Decimal() != "199.500000" {
			t.Errorf("received %s by %+v", o.Received(), o.Payments)
		}
		return o
	}
	paid()
	if status, text := b.status(made.OrderID); status != "STARTED" {
		t.Errorf("paid and not handed over: %s", text)
	}
	b.eventually(made.OrderID, "asked to be handed over", func(o *engine.Order) bool { last, ok := o.LastDelivery(); return ok && last.State.InFlight() })
	if _, err := a.Engine.Fulfilled(t.Context(), o.ID, "operator", true); err != nil {
		t.Fatal(err)
	}
	before, text := b.status(made.OrderID)
	if before != "COMPLETED" || !strings.Contains(text, o.Gateway.Payment) {
		t.Errorf("%s", text)
	}
	paid()

	// All of it again, and the gateway has another opinion by now: what has ended stays what it is, with a note.
	if err := sim.Refund(t.Context(), o.Gateway.Payment); err != nil {
		t.Fatal(err)
	}
	resend()
	noted := b.eventually(made.OrderID, "noted", func(o *engine.Order) bool { return o.Gateway.Note != "" })
	if noted.State != order.Completed {
		t.Errorf("it became %s", noted.State)
	}
	if after, text := b.status(made.OrderID); after != "COMPLETED" || !strings.Contains(text, "payment_refunded") {
		t.Errorf("%s", text)
	}
	paid()
	if status, text := b.ask(http.MethodPost, "/v1/order", asked, 0, nil); status != http.StatusForbidden {
		t.Errorf("what a user has is sold to him again: %d %s", status, text)
	}
}

// The secrets that sign fulfilments are sealed again with a new master key, in both databases.
func TestRotateMasterReseals(t *testing.T) { onEach(t, rotateProducts) }

func rotateProducts(t *testing.T, database string) {
	dir := withEndpoints(t, database, 1)
	a := startIn(t, dir, database, io.Discard)
	old := a.box
	scope := engine.Scope{Merchant: "m", Mode: engine.Sandbox, Dialect: baanx.Name}
	usd, err := money.Fiat("USD")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"ONE", "TWO", "BY_HAND"} {
		p := engine.Product{Code: code, Scope: scope, Description: code, Active: code == "ONE", Price: money.FromInt(usd, 100), Network: "sandbox-gateway", Token: "USDC", TTL: time.Hour,
			Fulfilment: engine.Fulfilment{Kind: engine.FulfilByHand}}
		if code != "BY_HAND" {
			sealed, err := a.SealProduct(scope, code, webhook.Secret("secret of "+code))
			if err != nil {
				t.Fatal(err)
			}
			p.Fulfilment = engine.Fulfilment{Kind: engine.FulfilByWebhook, URL: "https://shop.example.com/", Secret: sealed}
		}
		if _, err := a.Engine.SaveProduct(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, a)
	if _, err := RotateMaster(t.Context(), dir+"/till.toml", noEnv, io.Discard); err != nil {
		t.Fatal(err)
	}
	a = startIn(t, dir, database, io.Discard)
	for _, code := range []string{"ONE", "TWO"} {
		p, err := a.Engine.Product(t.Context(), scope, code)
		if err != nil {
			t.Fatal(err)
		}
		if secret, err := a.openProduct(p); err != nil || secret.Reveal() != "secret of "+code {
			t.Errorf("%s: %v", code, err)
		}
		if _, err := old.Open(p.Fulfilment.Secret, productContext(scope, code)); err == nil {
			t.Errorf("the old key opens the secret of %s", code)
		}
		if p.Active != (code == "ONE") || p.Fulfilment.URL != "https://shop.example.com/" {
			t.Errorf("%+v", p)
		}
	}

	// One that neither key opens stops the rotation, and the old key stays.
	p, err := a.Engine.Product(t.Context(), scope, "ONE")
	if err != nil {
		t.Fatal(err)
	}
	p.Code = "COPIED"
	if _, err := a.Engine.SaveProduct(t.Context(), *p); err != nil {
		t.Fatal(err)
	}
	sealed, err := a.box.Seal([]byte("s"), "c")
	if err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	if _, err := RotateMaster(t.Context(), dir+"/till.toml", noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), "COPIED") {
		t.Errorf("%v", err)
	}
	if _, err := boxOf(t, dir).Open(sealed, "c"); err != nil {
		t.Errorf("the old key is gone: %v", err)
	}
}
