package baanx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// The whole of it: a product is ordered, paid on the chain, handed over, and the user's.
func TestOrderIsPaidAndFulfilled(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.stands(made.OrderID, statusStarted, "")
	k.see(made.OrderID, tx, "199.5", usdc, order.RankSeen)
	k.stands(made.OrderID, statusStarted, "")
	k.pay(made.OrderID, "199.5", usdc)
	k.stands(made.OrderID, statusStarted, "") // paid, and not handed over
	k.fulfil(made.OrderID, order.Delivered)
	k.stands(made.OrderID, statusCompleted, "")
	got := k.status(made.OrderID)
	if got.RequestID != made.RequestID || got.PaidAt != "2026-03-02T10:30:00.000Z" || got.Metadata == nil || got.Metadata.TxHash != tx {
		t.Errorf("%+v %+v", got, got.Metadata)
	}
	if !strings.Contains(k.get("/v1/order/products/available").body, `"isEligible":false`) {
		t.Error("the user may buy what he has")
	}
}

func TestPaymentConfig(t *testing.T) {
	k := newKit(t)
	got := k.post("/v1/order", ask)
	made := parse[createdBody](k, got)
	want := paymentConfig{PaymentAmount: "199.5", PaymentCurrency: "USD", DestinationAddress: k.record(made.OrderID).Instrument.Value, DestinationChainID: "11155111",
		DestinationTokenSymbol: "USDC", DestinationTokenAddress: "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"}
	if made.PaymentConfig == nil || *made.PaymentConfig != want {
		t.Errorf("%+v, want %+v", made.PaymentConfig, want)
	}
	for _, text := range []string{`"paymentAmount":199.5,`, `"destinationChainId":"11155111"`} {
		if !strings.Contains(got.body, text) {
			t.Errorf("no %s in %s", text, got.body)
		}
	}
	for decimal, want := range map[string]number{"199.000000": "199", "199.500000": "199.5", "0.000001": "0.000001", "1000000000000.000000": "1000000000000", "10": "10"} {
		if got := shortest(decimal); got != want {
			t.Errorf("%s is %s, want %s", decimal, got, want)
		}
	}
	if body := (createdBody{RequestID: "r", OrderID: "o"}); strings.Contains(string(encode(body)), "paymentConfig") {
		t.Error("an order of another method has a config")
	}
}

// Ids cannot be guessed, and a gateway takes an order's for its own.
func TestIDs(t *testing.T) {
	k := newKit(t)
	made := k.order()
	if !regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{43,44}$`).MatchString(made.OrderID) {
		t.Errorf("the order's id is %s", made.OrderID)
	}
	if !regexp.MustCompile(`^payment_[a-z2-7]{26}$`).MatchString(made.RequestID) {
		t.Errorf("the request's id is %s", made.RequestID)
	}
}

// A repeat returns the order there is: also when the first answer was lost after everything was committed.
func TestRepeatReturnsTheOpenOrder(t *testing.T) { // case 36
	k := newKit(t)
	lost := errors.New("the answer is lost")
	k.dialect.afterPurchase = func() error { return lost }
	k.refused("the first", k.post("/v1/order", ask), 500, "Internal server error")
	k.dialect.afterPurchase = nil
	first := k.order()
	again := k.order()
	if first.OrderID != again.OrderID || first.RequestID != again.RequestID || *first.PaymentConfig != *again.PaymentConfig {
		t.Errorf("%+v and then %+v", first, again)
	}
	page, err := k.engine.Orders(context.Background(), engine.Filter{Scope: scope, Page: 1, Limit: 10, Sort: engine.ByCreation})
	k.must(err)
	if page.Total != 1 {
		t.Errorf("%d orders were made", page.Total)
	}
	k.product("METAL_CARD", func(*engine.Product) {})
	if other := parse[createdBody](k, k.post("/v1/order", strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "METAL_CARD", 1))); other.OrderID == first.OrderID {
		t.Error("another product is the same order")
	}
}

// 64 at once get one order.
func TestConcurrentRepeats(t *testing.T) { // case 34
	k := newKit(t)
	replies := make([]reply, 64)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() { replies[i] = k.post("/v1/order", ask) })
	}
	all.Wait()
	for _, got := range replies {
		if got.status != 200 || got.body != replies[0].body {
			t.Fatalf("%d %s, and another %s", got.status, got.body, replies[0].body)
		}
	}
}

// The price is that of the moment: a later one is for later orders.
func TestTermsAreFrozen(t *testing.T) {
	k := newKit(t)
	first := k.order()
	k.product("PREMIUM_SUBSCRIPTION", func(p *engine.Product) { p.Price, _ = money.Parse(usd, "10"); p.Token = "USDT" })
	if again := k.order(); *again.PaymentConfig != *first.PaymentConfig {
		t.Errorf("%+v is now %+v", first.PaymentConfig, again.PaymentConfig)
	}
}

func TestIdempotencyKey(t *testing.T) { // case 35, case 38
	k := newKit(t)
	k.product("METAL_CARD", func(*engine.Product) {})
	with := func(body, key string) reply {
		return k.do(request{method: "POST", path: "/v1/order", body: body, client: shopClient, token: k.token, header: http.Header{"Idempotency-Key": {key}}})
	}
	k.refused("a refused request is not remembered", with(`{}`, "a"), 422, "required")
	first := with(ask, "a")
	if again := with(ask, "a"); again.status != 200 || again.body != first.body {
		t.Errorf("%d %s, want %s", again.status, again.body, first.body)
	}
	k.refused("another body", with(strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "METAL_CARD", 1), "a"), 422, "idempotency")
	k.clock.Move(time.Hour + time.Minute)
	k.block()
	if again := with(ask, "a"); again.body != first.body { // the first answer, also when the order is over
		t.Errorf("%s, want %s", again.body, first.body)
	}
	k.token = k.login("ana")
	if other := with(ask, "b"); other.body == first.body {
		t.Error("an order that is over is given again")
	}
}

// A key's day is over, and what it was for is still there: the product that a user has paid for is not sold to him again.
func TestIdempotencyKeyAfterItsDay(t *testing.T) { // case 37
	k := newKit(t)
	with := func() reply {
		return k.do(request{method: "POST", path: "/v1/order", body: ask, client: shopClient, token: k.token, header: http.Header{"Idempotency-Key": {"a"}}})
	}
	first := parse[createdBody](k, with())
	k.pay(first.OrderID, "199.5", usdc)
	k.clock.Move(25 * time.Hour)
	k.block()
	k.token = k.login("ana")
	k.refused("after its day", with(), 403, "Forbidden")
	k.stands(first.OrderID, statusStarted, "")
}

// Section 8 of what is known says in which order a request is checked: nothing is told to who may not know it.
func TestPrecedence(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/v1/order", "/v1/nothing", "/v1/order/abcd_1234", "/v1/order/products/available"} {
		for _, test := range []struct {
			what          string
			client, token string
			status        int
			message       string
		}{
			{"no client", "", k.token, 499, "Missing client key"},
			{"nothing", "", "", 499, "Missing client key"},
			{"an unknown client", "nobody", k.token, 498, "Invalid client key"},
			{"a client of another API", "client_test_foreign", k.token, 498, "Invalid client key"},
			{"a client that was revoked", revokedClient, k.token, 498, "Invalid client key"},
			{"no token", shopClient, "", 401, "Not authenticated"},
			{"a wrong token", shopClient, k.token + "x", 401, "Not authenticated"},
			{"another application's token", otherClient, k.token, 401, "Not authenticated"},
			{"another merchant's token", rivalClient, k.token, 401, "Not authenticated"},
		} {
			for _, method := range []string{"GET", "POST"} {
				got := k.do(request{method: method, path: path, client: test.client, token: test.token, body: "{"})
				k.refused(method+" "+path+" with "+test.what, got, test.status, test.message)
			}
		}
	}
	k.refused("no such path", k.get("/v1/nothing"), 404, "Not found")
	k.refused("no such method", k.do(request{method: "DELETE", path: "/v1/order", client: shopClient, token: k.token}), 405, "Method not allowed")
	k.user("bob", func(u *engine.User) { u.Verification = engine.VerifyPending })
	k.token = k.login("bob")
	k.refused("the body before eligibility", k.post("/v1/order", `{"productId":"PREMIUM_SUBSCRIPTION"}`), 422, "paymentMethod")
	k.refused("eligibility", k.post("/v1/order", ask), 403, "Forbidden")
}

// Both names of the client header are taken; two that differ are none.
func TestClientHeaders(t *testing.T) {
	k := newKit(t)
	for _, test := range []struct {
		what   string
		header http.Header
		status int
	}{
		{"the order pages' name", http.Header{"X-Client-ID": {shopClient}}, 200},
		{"the other name", http.Header{"x-client-key": {shopClient}}, 200},
		{"both alike", http.Header{"X-Client-Id": {shopClient}, "X-Client-Key": {shopClient}}, 200},
		{"both, and they differ", http.Header{"X-Client-Id": {shopClient}, "X-Client-Key": {otherClient}}, 498},
		{"one twice, and they differ", http.Header{"X-Client-Id": {shopClient, otherClient}}, 498},
		{"an empty one", http.Header{"X-Client-Id": {""}}, 499},
		{"none", http.Header{}, 499},
		{"in the query", http.Header{}, 499},
	} {
		got := k.do(request{method: "GET", path: "/v1/order/products/available?x-client-key=" + shopClient, token: k.token, header: test.header})
		if got.status != test.status {
			t.Errorf("%s: %d %s, want %d", test.what, got.status, got.body, test.status)
		}
	}
}

// What is wrong with a body is 422, whatever it is; what is not asked for is ignored.
func TestValidation(t *testing.T) {
	k := newKit(t)
	for what, test := range map[string]struct{ body, field string }{
		"no body":                 {``, ""},
		"no JSON":                 {`{`, ""},
		"an array":                {`[]`, ""},
		"a key twice":             {`{"productId":"a","productId":"b","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"no productId":            {`{"paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"productId null":          {`{"productId":null,"paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"productId empty":         {`{"productId":"","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"productId a number":      {`{"productId":1,"paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"productId too long":      {`{"productId":"` + strings.Repeat("a", 300) + `","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`, "productId"},
		"an unknown product":      {strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "PRODUCT_ID_ABC", 1), "productId"},
		"no paymentMethod":        {`{"productId":"PREMIUM_SUBSCRIPTION"}`, "paymentMethod"},
		"an unknown method":       {`{"productId":"PREMIUM_SUBSCRIPTION","paymentMethod":"CARD"}`, "paymentMethod"},
		"a method in small":       {`{"productId":"PREMIUM_SUBSCRIPTION","paymentMethod":"crypto_external_daimo"}`, "paymentMethod"},
		"a method that is a list": {`{"productId":"PREMIUM_SUBSCRIPTION","paymentMethod":[]}`, "paymentMethod"},
	} {
		got := k.post("/v1/order", test.body)
		k.refused(what, got, 422, "")
		body := parse[errorBody](k, got)
		if body.Error != "Validation error" || len(body.Details) != 1 || !strings.Contains(body.Details[0], test.field) {
			t.Errorf("%s: %s", what, got.body)
		}
	}
	wrong := k.do(request{method: "POST", path: "/v1/order", body: ask, client: shopClient, token: k.token, header: http.Header{"Content-Type": {"text/plain"}}})
	k.refused("another media type", wrong, 422, "")
	k.refused("too long", k.post("/v1/order", `{"productId":"`+strings.Repeat("a", 70<<10)+`"}`), 413, "")
	if got := k.post("/v1/order", strings.Replace(ask, "{", `{"status":"COMPLETED","paymentAmount":1,"userId":"user-bob",`, 1)); got.status != 200 { // case 43
		t.Errorf("%d %s", got.status, got.body)
	} else if c := parse[createdBody](k, got).PaymentConfig; c.PaymentAmount != "199.5" {
		t.Errorf("a field was applied that nobody asks for: %+v", c)
	}
}

func TestRequiredFields(t *testing.T) {
	k := newKit(t)
	k.refused("nothing", k.post("/v1/order", `{}`), 422, "productId")
	k.refused("no method", k.post("/v1/order", `{"productId":"PREMIUM_SUBSCRIPTION"}`), 422, "paymentMethod")
}

func TestUnknownPaymentMethod(t *testing.T) {
	k := newKit(t)
	k.refused("another method", k.post("/v1/order", strings.Replace(ask, "CRYPTO_EXTERNAL_DAIMO", "CARD", 1)), 422, "CRYPTO_EXTERNAL_DAIMO")
}

// Another user's order, another merchant's, and none are told alike.
func TestForeignOrders(t *testing.T) { // case 41
	k := newKit(t)
	made := k.order()
	k.user("bob", func(*engine.User) {})
	bob := k.login("bob")
	none := k.get("/v1/order/" + strings.Repeat("1", 44))
	k.refused("none", none, 404, "Order not found")
	for what, path := range map[string]string{"another's": "/v1/order/" + made.OrderID, "malformed": "/v1/order/abcd_1234", "dots": "/v1/order/%2e%2e"} {
		got := k.do(request{method: "GET", path: path, client: shopClient, token: bob})
		if got.status != 404 || got.body != none.body {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	if got := k.get("/v1/order/" + made.OrderID); got.status != 200 {
		t.Errorf("his own: %d %s", got.status, got.body)
	}
}

func TestEligibility(t *testing.T) {
	k := newKit(t)
	k.product("METAL_CARD", func(p *engine.Product) {
		p.Region, p.Eligibility = unitedStates, engine.Eligibility{Verified: true, Countries: []string{"US"}, Holds: []string{"VIRTUAL"}, HoldsNot: []string{"METAL"}}
	})
	k.product("OFF", func(p *engine.Product) { p.Active = false })
	metal := strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "METAL_CARD", 1)
	k.refused("another region", k.post("/v1/order", metal), 403, "Forbidden")
	k.refused("not on sale", k.post("/v1/order", strings.Replace(ask, "PREMIUM_SUBSCRIPTION", "OFF", 1)), 403, "Forbidden")
	list := strings.TrimSpace(k.get("/v1/order/products/available").body)
	if list != `[{"id":"PREMIUM_SUBSCRIPTION","description":"Premium subscription","isEligible":true},{"id":"METAL_CARD","description":"Premium subscription","isEligible":false}]` {
		t.Errorf("the list is %s", list)
	}
	k.user("bea", func(u *engine.User) { u.Region, u.Holds = unitedStates, []string{"VIRTUAL"} })
	us := k.login("bea", "x-us-env", "true")
	got := k.do(request{method: "POST", path: "/v1/order", body: metal, client: shopClient, token: us, header: http.Header{"X-Us-Env": {"TRUE"}}})
	if got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	// The list is no promise: what counts is the moment of the order.
	_, err := k.engine.ChangeUser(context.Background(), scope, "user-ana", func(u *engine.User) error { u.Verification = engine.VerifyRejection; return nil })
	k.must(err)
	k.refused("not verified any more", k.post("/v1/order", ask), 403, "Forbidden")
	k.product("PREMIUM_SUBSCRIPTION", func(p *engine.Product) { p.Active = false })
	if list := k.get("/v1/order/products/available").body; strings.Contains(list, "PREMIUM") {
		t.Errorf("what is not on sale is listed: %s", list)
	}
}

// Who has paid waits for his product and buys no second one.
func TestPaidProductIsNotSoldAgain(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.see(made.OrderID, tx, "199.5", usdc, order.RankSeen)
	if again := k.order(); again.OrderID != made.OrderID { // money that is on its way is not final
		t.Errorf("%s, want %s", again.OrderID, made.OrderID)
	}
	k.pay(made.OrderID, "199.5", usdc)
	k.refused("paid", k.post("/v1/order", ask), 403, "Forbidden")
	if list := k.get("/v1/order/products/available").body; !strings.Contains(list, `"isEligible":false`) {
		t.Errorf("the list is %s", list)
	}
}

// The region is that of a header or of one of two parameters, and a token is one region's.
func TestRegion(t *testing.T) {
	k := newKit(t)
	k.user("ana", func(u *engine.User) { u.ID, u.Region = "user-ana-us", unitedStates })
	us := k.login("ana", "x-us-env", "true")
	path := "/v1/order/products/available"
	for _, test := range []struct {
		what   string
		path   string
		header http.Header
		us     bool
	}{
		{"nothing", path, nil, false},
		{"the header", path, http.Header{"X-Us-Env": {"true"}}, true},
		{"the header in capitals", path, http.Header{"X-Us-Env": {"TRUE"}}, true},
		{"the header says no", path, http.Header{"X-Us-Env": {"false"}}, false},
		{"the header says something", path, http.Header{"X-Us-Env": {"1"}}, false},
		{"a parameter", path + "?x-us-env=true", nil, true},
		{"the other parameter", path + "?region=us", nil, true},
		{"another region", path + "?region=eu", nil, false},
	} {
		for token, of := range map[string]bool{k.token: false, us: true} {
			want := 401
			if of == test.us {
				want = 200
			}
			if got := k.do(request{method: "GET", path: test.path, client: shopClient, token: token, header: test.header}); got.status != want {
				t.Errorf("%s, a token of the US %t: %d, want %d", test.what, of, got.status, want)
			}
		}
	}
}

// Nothing expires before the chain has told everything of the order's time; what comes later changes the note alone.
func TestExpiry(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.clock.Move(59 * time.Minute)
	k.block()
	k.token = k.login("ana")
	k.stands(made.OrderID, statusStarted, "")
	k.clock.Move(2 * time.Minute)
	k.block()
	k.stands(made.OrderID, statusExpired, "")
	k.pay(made.OrderID, "199.5", usdc)
	k.stands(made.OrderID, statusExpired, noteLate)
	if again := k.order(); again.OrderID == made.OrderID {
		t.Error("an order that has expired is given again")
	}
}

// Money that was seen in time is waited for.
func TestSeenMoneyIsWaitedFor(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.see(made.OrderID, tx, "199.5", usdc, order.RankSeen)
	k.clock.Move(61 * time.Minute)
	k.block()
	k.stands(made.OrderID, statusStarted, "")
	o := k.record(made.OrderID)
	k.block(rail.Observation{External: tx, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: started, Evidence: order.Evidence{Tx: tx, Block: k.head, BlockHash: "0x1", From: "0x1"}})
	k.fulfil(made.OrderID, order.Delivered)
	k.stands(made.OrderID, statusCompleted, "")
}

func TestUnderpaid(t *testing.T) { // case 63
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.499999", usdc)
	k.stands(made.OrderID, statusFailed, noteUnderpaid)
	if r, ok := k.record(made.OrderID).ProposedRefund(); !ok || r.Amount.Decimal() != "199.499999" {
		t.Errorf("proposed: %+v %t", r, ok)
	}
}

// Another token is no payment; too much is one, and the rest is set aside.
func TestOtherPayments(t *testing.T) { // case 63
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdt)
	k.stands(made.OrderID, statusStarted, "")
	k.see(made.OrderID, tx+"1", "250", usdc, order.RankConfirmed)
	k.fulfil(made.OrderID, order.Delivered)
	k.stands(made.OrderID, statusCompleted, noteOverpaid)
}

// While the merchant is asked to hand over the order stays open, however long that takes.
func TestFulfilmentDoesNotExpire(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdc)
	k.fulfil(made.OrderID, order.Sent)
	k.clock.Move(30 * 24 * time.Hour)
	k.block()
	k.token = k.login("ana")
	k.stands(made.OrderID, statusStarted, "")
}

// What cannot be handed over is held; refused it fails, and its money goes back. Terminal statuses never change.
func TestFulfilmentRefused(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdc)
	k.fulfil(made.OrderID, order.Undelivered)
	k.stands(made.OrderID, statusStarted, "")
	o := k.record(made.OrderID)
	if o.State != order.Held {
		t.Errorf("the order is %s", o.State)
	}
	_, err := k.engine.Refuse(context.Background(), o.ID, order.Compliance, order.ByOperator, "operator", "no stock")
	k.must(err)
	k.stands(made.OrderID, statusFailed, noteUnfulfilled)
	proposed, ok := k.record(made.OrderID).ProposedRefund()
	if !ok || proposed.To.To != "0x52908400098527886E0F7030069857D2E4169EE7" {
		t.Fatalf("proposed: %+v %t", proposed, ok)
	}
	proposed.ID, proposed.Actor, proposed.Who = "refund", order.ByOperator, "operator"
	_, err = k.engine.Refund(context.Background(), proposed)
	k.must(err)
	k.stands(made.OrderID, statusFailed, noteRefunding)
	k.must(k.engine.Transferred(context.Background(), o.ID, "refund", order.Delivered, ""))
	k.stands(made.OrderID, statusFailed, noteRefunded)
}

// A refund of what was completed changes the note and nothing else.
func TestRefundAfterCompletion(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdc)
	k.fulfil(made.OrderID, order.Delivered)
	o := k.record(made.OrderID)
	_, err := k.engine.Refund(context.Background(), engine.NewRefund{OrderID: o.ID, ID: "refund", Amount: o.Terms.Due, From: ledger.Merchant, Actor: order.ByOperator, Who: "operator"})
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, "refund", order.Delivered, ""))
	k.stands(made.OrderID, statusCompleted, noteRefunded)
}

func TestCancelled(t *testing.T) {
	k := newKit(t)
	made := k.order()
	_, err := k.engine.Cancel(context.Background(), k.record(made.OrderID).ID, order.ByOperator, "operator", "")
	k.must(err)
	k.stands(made.OrderID, statusFailed, noteCancelled)
}

// Money, the end of the time and an operator's cancellation at the same moment: an order ends once, is told of once, and
// stays what it became.
func TestEndsOnce(t *testing.T) { // case 39
	k := newKit(t)
	statuses := map[string]int{}
	for i := range 8 {
		name := fmt.Sprintf("user%d", i)
		k.user(name, func(*engine.User) {})
		k.token = k.login(name)
		made := k.order()
		o := k.record(made.OrderID)
		in := k.clock.Now()
		k.clock.Move(time.Hour + time.Second)
		k.head++
		report := func(seen ...rail.Observation) error {
			return k.engine.Observe(context.Background(), sepolia, engine.Report{
				Progress: engine.Progress{Rail: sepolia.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: k.clock.Now(), Head: k.head}}, Seen: seen,
			})
		}
		payment := func(external string) rail.Observation {
			return rail.Observation{External: external, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: in,
				Evidence: order.Evidence{Tx: external, Block: k.head, BlockHash: "0x1", From: "0x52908400098527886E0F7030069857D2E4169EE7", To: o.Instrument.Value}}
		}
		acts := []func() error{
			func() error { return report(payment(fmt.Sprintf("%s%da", tx, i))) },
			func() error { return report(payment(fmt.Sprintf("%s%db", tx, i))) },
			func() error {
				if err := report(); err != nil {
					return err
				}
				_, err := k.engine.Tick(context.Background(), engine.Sandbox, sepolia.Rail, k.clock.Now())
				return err
			},
			func() error {
				_, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "operator", "")
				if fault.Is(err, fault.CodeOrderStateConflict) {
					return nil
				}
				return err
			},
		}
		if i < len(acts) { // each comes first once, and then all together
			if err := acts[i](); err != nil {
				t.Error(err)
			}
			if i == 0 {
				k.fulfil(made.OrderID, order.Delivered)
			}
		}
		start := make(chan struct{})
		var all sync.WaitGroup
		for _, act := range acts {
			all.Go(func() {
				<-start
				if err := act(); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		k.block()
		k.token = k.login(name)
		if k.record(made.OrderID).State == order.Paid {
			k.fulfil(made.OrderID, order.Delivered)
		}
		status := k.status(made.OrderID).Status
		if status == statusStarted {
			t.Errorf("the order is still %s", status)
		}
		k.ended(made.OrderID) // exactly one event is told
		k.see(made.OrderID, fmt.Sprintf("%s%dc", tx, i), "199.5", usdc, order.RankConfirmed)
		k.clock.Move(2 * time.Hour)
		k.block()
		if _, err := k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "operator", ""); !fault.Is(err, fault.CodeOrderStateConflict) {
			t.Errorf("an order that has ended is cancelled: %v", err)
		}
		k.token = k.login(name)
		if now := k.status(made.OrderID).Status; now != status {
			t.Errorf("%s became %s", status, now)
		}
		k.ended(made.OrderID)
		statuses[status]++
	}
	if len(statuses) != 3 {
		t.Errorf("not every end was come to: %v", statuses)
	}
}

// Every state of the machine has a status, only the four that are documented, and one that has ended stays what it is.
func TestProjection(t *testing.T) {
	for _, s := range order.States() {
		status, ok := projection[s]
		if !ok || status != statusStarted && status != statusCompleted && status != statusFailed && status != statusExpired {
			t.Errorf("%s is %q", s, status)
		}
		if s.Terminal() != (status != statusStarted) {
			t.Errorf("%s is %s", s, status)
		}
	}
}

// The documentation's example of paidAt is PostgreSQL's text; the default is what every client can read.
func TestPaidAt(t *testing.T) {
	at := time.Date(2023, 3, 27, 14, 7, 12, 662e6, time.UTC)
	d := &Dialect{}
	if got := d.paidAt(at); got != "2023-03-27T14:07:12.662Z" {
		t.Error(got)
	}
	d.DocumentedAt = true
	if got := d.paidAt(at); got != "2023-03-27 14:07:12.662+00" {
		t.Error(got)
	}
}

// An order that cannot be paid at the moment is our fault, and can be asked for again.
func TestNotConfigured(t *testing.T) {
	k := newKit(t)
	for i := range 8 { // the house's addresses
		k.user(fmt.Sprint("user", i), func(*engine.User) {})
		token := k.login(fmt.Sprint("user", i))
		k.do(request{method: "POST", path: "/v1/order", body: ask, client: shopClient, token: token})
	}
	got := k.post("/v1/order", ask)
	k.refused("no address", got, 503, "")
	if got.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come back")
	}
}

// An order of this API is an order like any other to the operator, with the same books.
func TestOperatorSeesTheOrder(t *testing.T) {
	k := newKit(t)
	made := k.order()
	k.pay(made.OrderID, "199.5", usdc)
	k.fulfil(made.OrderID, order.Delivered)
	s, err := k.engine.Story(context.Background(), made.OrderID)
	k.must(err)
	var booked []string
	for _, e := range s.Entries {
		for _, p := range e.Postings {
			booked = append(booked, fmt.Sprintf("%s > %s %s", p.From.Kind(), p.To.Kind(), p.Amount.Decimal()))
		}
	}
	want := []string{"outside/payer > order/in 199.500000", "order/in > order/out 199.500000", "order/out > merchant 199.500000"}
	if strings.Join(booked, "; ") != strings.Join(want, "; ") {
		t.Errorf("booked %q, want %q", booked, want)
	}
	var kept record
	k.must(json.Unmarshal(s.Order.Doc, &kept))
	if kept.Currency != "USD" {
		t.Errorf("%+v", kept)
	}
}
