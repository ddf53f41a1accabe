package operator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
)

const newProduct = `{"code":"CARD","merchant":"m1","mode":"sandbox","dialect":"some","description":"A card","active":true,"price":"5","currency":"USD","network":"some-chain","token":"USDT","fulfilment":"manual"}`

// sell makes an order of a product that is paid and waits to be handed over.
func (k *kit) sell(t testing.TB, publicID string) {
	t.Helper()
	if err := k.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m3", Organisation: "o3", Name: "Three"}); err != nil { // the others are short
		t.Fatal(err)
	}
	if w := call(k.handler, "PUT", "/products", tokenAll, strings.Replace(newProduct, "m1", "m3", 1)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	scope := engine.Scope{Merchant: "m3", Mode: engine.Sandbox, Dialect: "some"}
	if _, err := k.engine.AddUser(t.Context(), engine.User{ID: "user_buys", Scope: scope, Email: "ana@example.com", Active: true}); err != nil {
		t.Fatal(err)
	}
	pool := engine.Pool{Merchant: "m3", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := k.engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: "0xsold"}}); err != nil {
		t.Fatal(err)
	}
	made, err := k.engine.Buy(t.Context(), engine.NewPurchase{
		Scope: scope, Purchase: engine.Purchase{User: "user_buys", Product: "CARD", Method: "crypto"}, PublicID: publicID,
		Terms: func(_ *engine.Product, p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Whole: true, OverAny: true, OneAttempt: true, Deadline: p.Now.Add(time.Hour), Sends: 5}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := made.Order
	told, err := k.engine.Progress(t.Context(), k.delivery.Rail)
	if err != nil {
		t.Fatal(err)
	}
	err = k.engine.Observe(t.Context(), k.delivery, engine.Report{Progress: *told, Seen: []rail.Observation{{
		External: "bought", Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: o.CreatedAt, Evidence: order.Evidence{Tx: "0xb", Block: 1, From: "0xpayer"},
	}}})
	if err == nil {
		_, err = k.engine.Reserve(t.Context(), o.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (k *kit) ask(t *testing.T, method, path, body string, got any) {
	t.Helper()
	w := call(k.handler, method, path, tokenAll, body)
	if w.Code/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), got); err != nil {
		t.Fatal(err)
	}
}

func TestProducts(t *testing.T) {
	k := newKit(t)
	var p client.Product
	withURL := strings.Replace(newProduct, `"manual"`, `"webhook","url":"https://shop.example/fulfil"`, 1)
	k.ask(t, "PUT", "/products", withURL, &p)
	if p.Secret != "whsec_CARD" || p.TTL != "1h0m0s" || p.Price != "5.00" {
		t.Errorf("%+v", p)
	}
	var again client.Product
	k.ask(t, "PUT", "/products", withURL, &again)
	if again.Secret != "" {
		t.Error("a secret is shown twice")
	}
	var list client.ProductList
	k.ask(t, "GET", "/products?merchant=m1&mode=sandbox&dialect=some", "", &list)
	if len(list.Products) != 1 || list.Products[0].Code != "CARD" || list.Products[0].Secret != "" {
		t.Errorf("%+v", list)
	}
	for field, body := range map[string]string{
		"code":     strings.Replace(newProduct, `"CARD"`, `"a b"`, 1),
		"price":    strings.Replace(newProduct, `"5"`, `"0"`, 1),
		"currency": strings.Replace(newProduct, `"USD"`, `"XXY"`, 1),
		"merchant": strings.Replace(newProduct, `"m1"`, `"nobody"`, 1),
		"dialect":  strings.Replace(newProduct, `"some"`, `"unheard"`, 1),
		"url":      strings.Replace(newProduct, `"manual"`, `"webhook","url":"http://shop.example/fulfil"`, 1),
		"ttl":      strings.Replace(newProduct, `{`, `{"ttl":"an hour",`, 1),
	} {
		w := call(k.handler, "PUT", "/products", tokenAll, body)
		var problem client.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code < 400 || problem.Param != field {
			t.Errorf("%s: %d %s", field, w.Code, w.Body)
		}
	}
}

func TestUsers(t *testing.T) {
	k := newKit(t)
	var made client.UsersImported
	k.ask(t, "POST", "/users/import", `{"merchant":"m1","mode":"sandbox","dialect":"some","users":[{"email":"ANA@example.com"},{"email":"bob@example.com","password":"correct horse battery","verification":"verified","holds":["VIRTUAL"]}]}`, &made)
	if made != (client.UsersImported{Added: 1, Present: 1}) {
		t.Errorf("%+v", made)
	}
	w := call(k.handler, "POST", "/users/import", tokenAll, `{"merchant":"m1","mode":"sandbox","dialect":"some","users":[{"email":"cyn@example.com"},{"email":"nobody"}]}`)
	wantProblem(t, w, http.StatusBadRequest, fault.CodeInvalidValue, "users[1].email")
	var page client.UserPage
	k.ask(t, "GET", "/users?merchant=m1&mode=sandbox&dialect=some", "", &page)
	if page.Total != 3 || page.Users[1].Email != "b****@example.com" || page.Users[1].Verification != "verified" {
		t.Errorf("%+v", page)
	}
	var ana client.User
	k.ask(t, "POST", "/users/user_ana", `{"active":false,"country":"US","holds":["METAL"]}`, &ana)
	if ana.Active || ana.Country != "US" || len(ana.Holds) != 1 || ana.Verification != "verified" {
		t.Errorf("%+v", ana)
	}
}

func TestApplications(t *testing.T) {
	k := newKit(t)
	var app client.Application
	k.ask(t, "PUT", "/applications/key_1", `{"name":"Shop","redirectUris":["https://shop.example/back"],"secret":"new"}`, &app)
	if app.Secret != "s3cret" || !app.HasSecret {
		t.Errorf("%+v", app)
	}
	var again client.Application
	k.ask(t, "GET", "/applications/key_1", "", &again)
	if again.Secret != "" || !again.HasSecret || again.RedirectURIs[0] != "https://shop.example/back" {
		t.Errorf("%+v", again)
	}
	w := call(k.handler, "PUT", "/applications/key_1", tokenAll, `{"name":"Shop","redirectUris":["javascript:alert(1)"]}`)
	wantProblem(t, w, http.StatusBadRequest, fault.CodeInvalidURL, "redirectUris")
}

// What cannot be handed over is held, and a refund is proposed when it is refused.
func TestFulfilment(t *testing.T) {
	k := newKit(t)
	k.sell(t, "ord_bought")
	var o client.Order
	k.ask(t, "POST", "/orders/ord_bought/fulfilment", `{"done":false}`, &o)
	if o.State != string(order.Held) || o.Proposed != nil {
		t.Errorf("%s %+v", o.State, o.Proposed)
	}
	k.ask(t, "POST", "/orders/ord_bought/reviews/compliance/refuse", `{"reason":"no stock"}`, &o)
	if o.State != string(order.Failed) || o.Proposed == nil || o.Proposed.From != string(ledger.Extra) || o.Proposed.To != "0xpayer" || o.Proposed.Amount.Decimal != "5.000000" {
		t.Errorf("%s %+v", o.State, o.Proposed)
	}
	w := call(k.handler, "POST", "/orders/ord_bought/fulfilment", tokenAll, `{"done":true}`)
	wantProblem(t, w, http.StatusConflict, fault.CodeOrderStateConflict, "")
}
