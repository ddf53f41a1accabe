package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/store/storetest"
)

// catalogue gives shop a user and a product that he may buy for 100 of north's first token.
func (k *kit) catalogue() (*engine.User, *engine.Product) {
	k.Helper()
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 8)
	u, err := k.engine.AddUser(context.Background(), engine.User{ID: "user-1", Scope: shop, Email: "Ana@Example.com", Verification: engine.Verified, Country: "US", Active: true})
	k.must(err)
	p, err := k.engine.SaveProduct(context.Background(), product())
	k.must(err)
	return u, p
}

func product() engine.Product {
	return engine.Product{
		Code: "CARD", Scope: shop, Description: "A card", Active: true, Price: units(eur, 10000), Network: "north", Token: "USDT", TTL: time.Hour,
		Eligibility: engine.Eligibility{Verified: true}, Fulfilment: engine.Fulfilment{Kind: engine.FulfilByHand},
	}
}

func (k *kit) buying(u *engine.User, code string) engine.NewPurchase {
	return engine.NewPurchase{
		Scope: shop, Purchase: engine.Purchase{User: u.ID, Product: code, Method: "crypto"}, PublicID: k.unique("ord"), Maker: "key_1",
		Terms: func(p *engine.Product, plan engine.Plan) (order.Terms, json.RawMessage, error) {
			deadline := plan.Now.Add(p.TTL)
			return order.Terms{Whole: true, OverAny: true, OneAttempt: true, Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(30 * time.Minute), Sends: 5}, nil, nil
		},
	}
}

func (k *kit) buy(u *engine.User, code string) *engine.Order {
	k.Helper()
	made, err := k.engine.Buy(context.Background(), k.buying(u, code))
	k.must(err)
	return made.Order
}

func (k *kit) user(id string) *engine.User {
	k.Helper()
	u, err := k.engine.User(context.Background(), shop, id)
	k.must(err)
	return u
}

// paid100 pays an order of 100 whole.
func (k *kit) paid100(o *engine.Order) {
	k.Helper()
	w := k.word(north, order.RankConfirmed, k.unique("tx"), o.Instrument.Value, o.Terms.Due, at(time.Minute))
	k.block(north, at(time.Minute), w)
}

// There is one open order of a user, product and method, whoever asks at the same moment.
func TestBuyRepeated(t *testing.T) { // case 36
	k := newKit(t)
	u, _ := k.catalogue()
	made := make([]string, 64)
	asks := make([]engine.NewPurchase, len(made))
	for i := range asks {
		asks[i] = k.buying(u, "CARD")
	}
	for _, err := range storetest.AtOnce(len(made), func(i int) error {
		got, err := k.engine.Buy(context.Background(), asks[i])
		if err == nil {
			made[i] = got.Order.ID
		}
		return err
	}) {
		k.must(err)
	}
	for _, id := range made {
		want(k, "the order", id, made[0])
	}
	first := k.buy(u, "CARD")
	want(k, "its price", first.Terms.Due.Decimal(), "100.000000")
	want(k, "who holds the money", first.Terms.Book, ledger.Owed("shop"))

	k.pass(north, at(time.Hour+time.Minute))
	k.wantState(first, order.Expired)
	second := k.buy(u, "CARD")
	if second.ID == first.ID {
		t.Error("an order that has expired is given again")
	}
	want(k, "one that was seen", k.buy(u, "CARD").ID, second.ID)
}

// A product that was handed over is the user's, and nobody buys twice.
func TestBuyAndHandOver(t *testing.T) {
	k := newKit(t)
	u, _ := k.catalogue()
	o := k.buy(u, "CARD")
	k.paid100(o)
	k.wantState(o, order.Paid)
	_, err := k.engine.Buy(context.Background(), k.buying(u, "CARD"))
	k.wantCode(err, fault.CodeForbidden)
	list, err := k.engine.Offerings(context.Background(), shop, u.ID, "crypto")
	k.must(err)
	want(k, "offerings", len(list), 1)
	want(k, "eligible while it is paid for", list[0].Eligible, false)

	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	want(k, "where it goes", job.To, o.PublicID)
	k.pass(north, at(48*time.Hour))
	k.wantState(o, order.Delivering) // a fulfilment that is open does not expire
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Sent, "ref"))
	_, err = k.engine.Fulfilled(context.Background(), o.ID, "operator", true)
	k.must(err)
	k.wantState(o, order.Completed)
	wantList(k, "what the user holds", k.user(u.ID).Holds, "CARD")
	_, err = k.engine.Buy(context.Background(), k.buying(u, "CARD"))
	k.wantCode(err, fault.CodeForbidden)
	_, err = k.engine.Fulfilled(context.Background(), o.ID, "operator", true)
	k.wantCode(err, fault.CodeOrderStateConflict)
}

// What cannot be handed over is held in the transaction that hears of it, and goes on only when an operator says so.
func TestFailedFulfilmentIsHeld(t *testing.T) {
	k := newKit(t)
	u, _ := k.catalogue()
	o := k.buy(u, "CARD")
	k.paid100(o)
	fail := func() {
		t.Helper()
		job, err := k.engine.Reserve(context.Background(), o.ID)
		k.must(err)
		k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Undelivered, ""))
		k.wantState(o, order.Held)
		waiting, err := k.engine.Waiting(context.Background(), engine.FulfilRail(engine.Sandbox), k.clock.now().Add(24*time.Hour), engine.Due{}, 10)
		k.must(err)
		want(k, "orders to send", len(waiting), 0)
	}
	fail()
	_, err := k.engine.Approve(context.Background(), o.ID, order.Compliance, order.ByOperator, "operator")
	k.must(err)
	k.wantState(o, order.Paid)
	fail() // a second time too
	_, err = k.engine.Refuse(context.Background(), o.ID, order.Compliance, order.ByOperator, "operator", "no stock")
	k.must(err)
	k.wantState(o, order.Failed)
	refund, ok := k.now(o).ProposedRefund()
	want(k, "a refund is proposed", ok, true)
	want(k, "its amount", refund.Amount.Decimal(), "100.000000")
	want(k, "to", refund.To, engine.Destination{Rail: north.Rail, To: "payer"})
	wantList(k, "what the user holds", k.user(u.ID).Holds)
	if again := k.buy(u, "CARD"); again.ID == o.ID {
		t.Error("an order that failed is given again")
	}
}

// What failed can be done by hand: then it was delivered after all, and what was asked is answered.
func TestHeldFulfilmentDoneByHand(t *testing.T) {
	k := newKit(t)
	u, _ := k.catalogue()
	o := k.buy(u, "CARD")
	k.paid100(o)
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Undelivered, ""))
	_, err = k.engine.Fulfilled(context.Background(), o.ID, "operator", false)
	k.wantCode(err, fault.CodeOrderStateConflict) // it is known to have failed
	_, err = k.engine.Fulfilled(context.Background(), o.ID, "operator", true)
	k.must(err)
	k.wantState(o, order.Completed)
	reviewed, err := k.engine.Reviewed(context.Background(), engine.Sandbox, "", 10)
	k.must(err)
	want(k, "orders to decide about", len(reviewed), 0)
	wantList(k, "what the user holds", k.user(u.ID).Holds, "CARD")
}

// Too little fails the order; what came is set aside and proposed to go back.
func TestBuyUnderpaid(t *testing.T) {
	k := newKit(t)
	u, _ := k.catalogue()
	o := k.buy(u, "CARD")
	k.block(north, at(time.Minute), k.word(north, order.RankConfirmed, "tx", o.Instrument.Value, units(northUSDT, 99999999), at(time.Minute)))
	k.wantState(o, order.Failed)
	refund, ok := k.now(o).ProposedRefund()
	want(k, "a refund is proposed", ok, true)
	want(k, "from", refund.From, ledger.Unfit)
}

// Who may buy what.
func TestEligibility(t *testing.T) {
	user := engine.User{Verification: engine.Verified, Country: "US", Region: "us", Holds: []string{"VIRTUAL"}, Active: true}
	for name, test := range map[string]struct {
		user    func(*engine.User)
		product func(*engine.Product)
		may     bool
	}{
		"all of it":            {func(*engine.User) {}, func(*engine.Product) {}, true},
		"not verified":         {func(u *engine.User) { u.Verification = engine.VerifyPending }, func(*engine.Product) {}, false},
		"need not be verified": {func(u *engine.User) { u.Verification = engine.Unverified }, func(p *engine.Product) { p.Eligibility.Verified = false }, true},
		"another country":      {func(u *engine.User) { u.Country = "DE" }, func(*engine.Product) {}, false},
		"another region":       {func(u *engine.User) { u.Region = "" }, func(*engine.Product) {}, false},
		"lacks what is needed": {func(u *engine.User) { u.Holds = nil }, func(*engine.Product) {}, false},
		"holds what rules out": {func(u *engine.User) { u.Holds = []string{"VIRTUAL", "METAL"} }, func(*engine.Product) {}, false},
		"holds the product":    {func(u *engine.User) { u.Holds = []string{"CARD", "VIRTUAL"} }, func(*engine.Product) {}, false},
		"not on sale":          {func(*engine.User) {}, func(p *engine.Product) { p.Active = false }, false},
		"kept out":             {func(u *engine.User) { u.Active = false }, func(*engine.Product) {}, false},
	} {
		u, p := user, product()
		p.Region, p.Eligibility = "us", engine.Eligibility{Verified: true, Countries: []string{"US", "CA"}, Holds: []string{"VIRTUAL"}, HoldsNot: []string{"METAL"}}
		test.user(&u)
		test.product(&p)
		if may := p.Open(&u) == nil; may != test.may {
			t.Errorf("%s: may buy is %t", name, may)
		}
	}
}

func TestProducts(t *testing.T) {
	k := newKit(t)
	for field, spoil := range map[string]func(*engine.Product){
		"code":            func(p *engine.Product) { p.Code = "a/b" },
		"description":     func(p *engine.Product) { p.Description = " " },
		"price":           func(p *engine.Product) { p.Price = units(eur, 0) },
		"ttl":             func(p *engine.Product) { p.TTL = time.Minute },
		"fulfilment.kind": func(p *engine.Product) { p.Fulfilment.Kind = "" },
		"fulfilment.url":  func(p *engine.Product) { p.Fulfilment.URL = "https://x.example" },
		"fulfilment.secret": func(p *engine.Product) {
			p.Fulfilment = engine.Fulfilment{Kind: engine.FulfilByWebhook, URL: "https://x.example"}
		},
		"eligibility.holds": func(p *engine.Product) { p.Eligibility.Holds = []string{""} },
	} {
		p := product()
		spoil(&p)
		_, err := k.engine.SaveProduct(context.Background(), p)
		f, ok := fault.As(err)
		if !ok || f.Param != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	p := product()
	p.Configured = true
	_, err := k.engine.SaveProduct(context.Background(), p)
	k.must(err)
	_, err = k.engine.SaveProduct(context.Background(), product())
	k.wantCode(err, fault.CodeForbidden)
	p.Active = false
	_, err = k.engine.SaveProduct(context.Background(), p)
	k.must(err)
	list, err := k.engine.Products(context.Background(), shop, true)
	k.must(err)
	want(k, "on sale", len(list), 0)
	list, err = k.engine.Products(context.Background(), shop, false)
	k.must(err)
	want(k, "products", len(list), 1)
}

func TestUsers(t *testing.T) {
	k := newKit(t)
	u, _ := k.catalogue()
	want(k, "spelling", u.Email, "ana@example.com")
	_, err := k.engine.AddUser(context.Background(), engine.User{ID: "user-2", Scope: shop, Email: "ANA@example.com"})
	k.wantCode(err, fault.CodeDuplicateReference)
	_, err = k.engine.AddUser(context.Background(), engine.User{ID: "user-3", Scope: shop, Email: "ana@example.com", Region: "us"})
	k.must(err)
	found, err := k.engine.UserByEmail(context.Background(), shop, "", "Ana@example.com")
	k.must(err)
	want(k, "found", found.ID, "user-1")
	_, err = k.engine.User(context.Background(), other, "user-1")
	k.wantCode(err, fault.CodeNotFound)
	for field, u := range map[string]engine.User{
		"email":        {ID: "x", Scope: shop, Email: "nobody"},
		"country":      {ID: "x", Scope: shop, Email: "a@b.example", Country: "usa"},
		"verification": {ID: "x", Scope: shop, Email: "a@b.example", Verification: "yes"},
		"holds":        {ID: "x", Scope: shop, Email: "a@b.example", Holds: []string{"a b"}},
	} {
		_, err := k.engine.AddUser(context.Background(), u)
		f, ok := fault.As(err)
		if !ok || f.Param != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	list, total, err := k.engine.Users(context.Background(), engine.UserFilter{Scope: shop, Limit: 10})
	k.must(err)
	want(k, "users", total, int64(2))
	want(k, "the newest", list[0].ID, "user-3")
}
