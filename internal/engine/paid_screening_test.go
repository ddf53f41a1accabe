package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/screen"
)

// sends tells that a payment from somebody was confirmed at the order's present instrument.
func (k *kit) sends(o *engine.Order, id string, cents int64, name, from string) *engine.Order {
	k.Helper()
	w := k.confirmed(o, id, cents, k.clock.now())
	w.Evidence.Name, w.Evidence.From = name, from
	k.must(k.tell(networkOf(o), 1, time.Time{}, w))
	return k.now(o)
}

func (k *kit) lies(o *engine.Order, want map[ledger.Role]string) {
	k.Helper()
	for _, role := range []ledger.Role{ledger.Merchant, ledger.Withheld, ledger.Refused, ledger.Extra, ledger.Unfit, ledger.Refunding} {
		expected := want[role]
		if expected == "" {
			expected = "0"
		}
		if got := k.now(o).Balance(o.Terms.Book.Account(role), eur).Units(); got != expected {
			k.Errorf("in %s lies %s, want %s", role, got, expected)
		}
	}
}

// unpaid is an order that screens its payer and whose payer chose a bank transfer.
func (k *kit) unpaid(documents ...string) *engine.Order {
	k.Helper()
	return k.choose(k.order(k.screened("Anna Good", documents...)), "TRANSFER")
}

func TestMoneyOfSomebodyOnAListIsWithheld(t *testing.T) {
	for name, pay := range map[string]func(k *kit, o *engine.Order) *engine.Order{
		"by name":    func(k *kit, o *engine.Order) *engine.Order { return k.sends(o, "p1", 1000, "Ivan Badman", "DE1") },
		"by account": func(k *kit, o *engine.Order) *engine.Order { return k.sends(o, "p1", 1000, "Anna Good", "0xbad") },
		"the sandbox's name": func(k *kit, o *engine.Order) *engine.Order {
			return k.sends(o, "p1", 1000, engine.SandboxHitName, "DE1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			o := pay(k, k.unpaid("Invoice"))
			want(k, "state", o.State, order.Completed)
			k.lies(o, map[ledger.Role]string{ledger.Withheld: "1000"})
			c := o.ComplianceOf(k.payment(o, "p1"))
			if c.State != engine.ComplianceDocuments || c.Available || len(c.Missing) != 1 || c.Missing[0].Name != "Invoice" || c.Inquiry == "" || len(o.Findings) != 1 {
				t.Errorf("compliance says %+v, findings %+v", c, o.Findings)
			}
			asked, err := k.engine.Inquiry(context.Background(), shop, c.Inquiry)
			k.must(err)
			want(k, "the inquiry is about", asked.ID, o.ID)
			_, err = k.engine.Inquiry(context.Background(), other, c.Inquiry)
			k.wantCode(err, fault.CodeNotFound)

			_, err = k.engine.GiveDocuments(context.Background(), shop, o.ID, []engine.Given{{Slot: c.Missing[0].ID, Document: k.file(shop, "Invoice")}})
			k.must(err)
			o = k.now(o)
			want(k, "answered", o.ComplianceOf(k.payment(o, "p1")).State, engine.ComplianceOpen)
			_, err = k.engine.Approve(context.Background(), o.ID, order.Compliance, order.ByOperator, "olga")
			k.must(err)
			o = k.now(o)
			if c := o.ComplianceOf(k.payment(o, "p1")); c.State != engine.ComplianceApproved || !c.Available {
				t.Errorf("approved, compliance says %+v", c)
			}
			k.lies(o, map[ledger.Role]string{ledger.Merchant: "1000"})
			k.unchanged("the same word again", func() { k.sends(o, "p1", 1000, "Ivan Badman", "DE1") })
		})
	}
}

func TestCleanMoneyIsAvailableAtOnce(t *testing.T) {
	k := newKit(t)
	o := k.sends(k.unpaid("Invoice"), "p1", 1000, "Anna Good", "DE1")
	k.lies(o, map[ledger.Role]string{ledger.Merchant: "1000"})
	if c := o.ComplianceOf(k.payment(o, "p1")); c.State != engine.ComplianceNone || !c.Available || c.Inquiry != "" {
		t.Errorf("compliance says %+v", c)
	}
}

func TestTheSandboxAmountIsAHit(t *testing.T) {
	k := newKit(t)
	n := withTerms(k.screened("Anna Good"), func(t *order.Terms) { t.Due = units(eur, 6623) })
	o := k.sends(k.choose(k.order(n), "TRANSFER"), "p1", 6623, "Anna Good", "DE1")
	k.lies(o, map[ledger.Role]string{ledger.Withheld: "6623"})
	want(k, "without documents to ask for", o.ComplianceOf(k.payment(o, "p1")).State, engine.ComplianceOpen)
}

// Refused money goes back whole, to who sent it.
func TestRefusedMoneyGoesBack(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	n := withTerms(k.screened("Anna Good"), func(t *order.Terms) { t.Fee = units(eur, 20) })
	o := k.sends(k.choose(k.order(n), "TRANSFER"), "p1", 1000, "Ivan Badman", "DE1")
	_, err := k.engine.Refuse(ctx, o.ID, order.Compliance, order.ByOperator, "olga", "he is")
	k.must(err)
	o = k.now(o)
	k.lies(o, map[ledger.Role]string{ledger.Refunding: "1000"})
	if len(o.Transfers) != 1 || o.Transfers[0].Purpose != order.Refund || o.Sendings[o.Transfers[0].ID].To != "DE1" || o.Sendings[o.Transfers[0].ID].Rail != bank.Rail {
		t.Fatalf("the refund is %+v, sent %+v", o.Transfers, o.Sendings)
	}
	k.must(k.engine.Transferred(ctx, o.ID, o.Transfers[0].ID, order.Delivered, "ref"))
	o = k.now(o)
	want(k, "overlay", o.Overlay, order.Refunded)
	want(k, "state", o.State, order.Completed)
	want(k, "compliance", o.ComplianceOf(k.payment(o, "p1")).State, engine.ComplianceRefused)

	// Nobody knows who sent it: an operator must.
	o = k.sends(k.unpaid(), "p2", 1000, "Ivan Badman", "")
	_, err = k.engine.Refuse(ctx, o.ID, order.Compliance, order.ByOperator, "olga", "he is")
	k.must(err)
	k.lies(o, map[ledger.Role]string{ledger.Refused: "1000"})
}

// Money that comes while a review before the payment is open waits with it.
func TestMoneyFollowsTheDecision(t *testing.T) {
	for _, approve := range []bool{true, false} {
		k := newKit(t)
		ctx := context.Background()
		o := k.choose(k.order(k.screened("Ivan Badman", "Passport")), "TRANSFER")
		o = k.sends(o, "p1", 1000, "Anna Good", "DE1")
		want(k, "with the money, without the document", o.State, order.Documents)
		_, err := k.engine.GiveDocuments(ctx, shop, o.ID, []engine.Given{{Slot: o.MissingDocuments()[0].ID, Document: k.file(shop, "Passport")}})
		k.must(err)
		if approve {
			_, err = k.engine.Approve(ctx, o.ID, order.Screening, order.ByOperator, "olga")
			k.must(err)
			o = k.now(o)
			want(k, "approved", o.State, order.Completed)
			k.lies(o, map[ledger.Role]string{ledger.Merchant: "1000"})
			continue
		}
		_, err = k.engine.Refuse(ctx, o.ID, order.Screening, order.ByOperator, "olga", "no")
		k.must(err)
		o = k.now(o)
		want(k, "refused", o.State, order.Failed)
		k.lies(o, map[ledger.Role]string{ledger.Refunding: "1000"})

		// What comes after the refusal goes back as well, and only once.
		o = k.sends(o, "p2", 1000, "Anna Good", "DE2")
		k.lies(o, map[ledger.Role]string{ledger.Refunding: "2000"})
		want(k, "the second goes to", o.Sendings[o.Transfers[1].ID].To, "DE2")
		k.must(k.engine.Transferred(ctx, o.ID, o.Transfers[1].ID, order.Undelivered, ""))
		k.lies(o, map[ledger.Role]string{ledger.Refunding: "1000", ledger.Extra: "1000"})
		want(k, "what failed is not sent again", len(k.now(o).Transfers), 2)
	}
}

// A merchant who wants no such money: it is set aside, and the order waits for other money.
func TestMoneyOfSomebodyOnAListCanBeBarred(t *testing.T) {
	k := newKit(t)
	k.setting(engine.PostPaymentScreening, "false")
	o := k.sends(k.unpaid("Invoice"), "p1", 1000, "Ivan Badman", "DE1")
	want(k, "state", o.State, order.Waiting)
	want(k, "compliance", o.ComplianceOf(k.payment(o, "p1")).State, engine.ComplianceBarred)
	k.lies(o, map[ledger.Role]string{ledger.Refused: "1000"})
	o = k.sends(k.choose(o, "CARD"), "p2", 1000, "Anna Good", "DE2")
	want(k, "with other money", o.State, order.Completed)
	k.lies(o, map[ledger.Role]string{ledger.Refused: "1000", ledger.Merchant: "1000"})
	if c := o.ComplianceOf(k.payment(o, "p2")); !c.Available || c.State != engine.ComplianceNone {
		t.Errorf("compliance says %+v", c)
	}
}

// Money that is set aside anyway opens no review, and neither does money for an order that is over.
func TestMoneyAsideIsNotWithheld(t *testing.T) { // case 39
	k := newKit(t)
	o := k.sends(k.unpaid(), "p1", 999, "Ivan Badman", "DE1")
	want(k, "an amount that does not fit", o.State, order.Waiting)
	want(k, "nobody looks", len(o.Reviews), 0)
	want(k, "the hit is kept", len(o.Findings), 1)
	o = k.sends(o, "p2", 1000, "Anna Good", "DE2")
	want(k, "clean money", o.State, order.Completed)
	o = k.sends(o, "p3", 1000, "Ivan Badman", "DE1")
	k.lies(o, map[ledger.Role]string{ledger.Merchant: "1000", ledger.Unfit: "999", ledger.Extra: "1000"})
}

func TestMoneyOfNobodyIsScreenedWhenItIsAssigned(t *testing.T) {
	k := newKit(t)
	o := k.unpaid()
	w := k.word(bank, order.RankConfirmed, "p1", "REF-NOBODY", units(eur, 1000), k.clock.now())
	w.Evidence.Name = "Ivan Badman"
	k.must(k.tell(bank, 1, time.Time{}, w))
	_, err := k.engine.Assign(context.Background(), order.PaymentKey{Rail: string(bank.Rail), External: w.External}, o.ID, "olga")
	k.must(err)
	k.lies(o, map[ledger.Role]string{ledger.Withheld: "1000"})
}

func TestCharges(t *testing.T) {
	usd, jpy, kwd := money.MustAsset("USD", "", 2), money.MustAsset("JPY", "", 0), money.MustAsset("KWD", "", 3)
	set := func(pairs ...string) engine.Plan {
		p := engine.Plan{Settings: map[string]json.RawMessage{}}
		for i := 0; i < len(pairs); i += 2 {
			p.Settings[pairs[i]] = json.RawMessage(pairs[i+1])
		}
		return p
	}
	for _, tc := range []struct { // case 7
		name     string
		plan     engine.Plan
		amount   money.Amount
		referral money.Amount
		due, fee string
	}{
		{"nothing set", set(), units(usd, 10000), money.Amount{}, "10000", "0"},
		{"the merchant bears it", set(engine.FeeBPS, "200"), units(usd, 10000), money.Amount{}, "10000", "200"},
		{"the customer bears it", set(engine.FeeBPS, "200", engine.FeeBearerSetting, `"customer"`), units(usd, 10000), money.Amount{}, "10200", "200"},
		{"half up", set(engine.FeeBPS, "250"), units(usd, 20), money.Amount{}, "20", "1"}, // 0.5
		{"below half", set(engine.FeeBPS, "249"), units(usd, 20), money.Amount{}, "20", "0"},
		{"no decimals", set(engine.FeeBPS, "150"), units(jpy, 300), money.Amount{}, "300", "5"}, // 4.5
		{"three decimals", set(engine.FeeBPS, "10"), units(kwd, 1500), money.Amount{}, "1500", "2"},
		{"three decimals, on top: half up to ten", set(engine.FeeBPS, "10", engine.FeeBearerSetting, `"customer"`), units(kwd, 5000), money.Amount{}, "5010", "10"},                                   // 5
		{"three decimals, on top: below half", set(engine.FeeBPS, "10", engine.FeeBearerSetting, `"customer"`), units(kwd, 4990), money.Amount{}, "4990", "0"},                                        // 4.99
		{"three decimals, on top: rounded once", set(engine.FeeBPS, "10", engine.FeeFixed, `{"KWD":"0.012"}`, engine.FeeBearerSetting, `"customer"`), units(kwd, 2600), money.Amount{}, "2610", "10"}, // 2.6 and 12
		{"a share and an amount", set(engine.FeeBPS, "200", engine.FeeFixed, `{"USD":"0.30"}`), units(usd, 10000), money.Amount{}, "10000", "230"},
		{"an amount of another currency", set(engine.FeeFixed, `{"EUR":"0.30"}`), units(usd, 10000), money.Amount{}, "10000", "0"},
		{"a referral", set(engine.PlatformID, `"plat"`, engine.FeeBPS, "100"), units(usd, 10000), units(usd, 500), "10000", "100"},
	} {
		c, err := tc.plan.Charges(tc.amount, tc.referral)
		if err != nil || c.Due.Units() != tc.due || c.Fee.Units() != tc.fee || c.Referral.Amount != tc.referral {
			t.Errorf("%s: %+v %v", tc.name, c, err)
		}
	}
	if _, err := set().Charges(units(usd, 100), units(usd, 1)); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("a referral to nobody: %v", err)
	}
	if _, err := set(engine.PlatformID, `"plat"`).Charges(units(usd, 100), units(usd, 100)); !fault.Is(err, fault.CodeInvalidAmount) {
		t.Errorf("a referral that eats all: %v", err)
	}
	for key, values := range map[string][2]string{
		engine.FeeBPS: {"5000", "5001"}, engine.FeeFixed: {`{"JPY":"30"}`, `{"JPY":"0.5"}`}, engine.FeeBearerSetting: {`"customer"`, `"me"`},
		engine.Platform: {"true", `"yes"`}, engine.PlatformID: {`"m2"`, `"a/b"`}, engine.PostPaymentScreening: {"false", "0"},
	} {
		if known, err := engine.CheckSetting(key, json.RawMessage(values[0])); !known || err != nil {
			t.Errorf("%s: %v %v", key, known, err)
		}
		if known, err := engine.CheckSetting(key, json.RawMessage(values[1])); !known || !fault.Is(err, fault.CodeInvalidValue) {
			t.Errorf("%s %s: %v %v", key, values[1], known, err)
		}
	}
}

// A platform earns its share when the order is completed, and it is on its balance.
func TestReferralFeeIsThePlatforms(t *testing.T) {
	k := newKit(t)
	k.setting(engine.PlatformID, `"other"`)
	k.setting(engine.FeeBPS, "200")
	k.setting(engine.FeeBearerSetting, `"customer"`)
	n := k.collected()
	was := n.Terms
	n.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		t, doc, err := was(p)
		if err != nil {
			return t, doc, err
		}
		c, err := p.Charges(t.Due, units(eur, 30))
		c.Put(&t)
		return t, doc, err
	}
	n.Screen = &engine.Screening{Names: []screen.Query{{Name: "Anna Good"}}}
	o := k.choose(k.order(n), "TRANSFER")
	want(k, "due", o.Terms.Due.Units(), "1020")
	o = k.sends(o, "p1", 1020, "Anna Good", "DE1")
	k.lies(o, map[ledger.Role]string{ledger.Merchant: "970"})
	balances, err := k.engine.Balances(context.Background(), "other", engine.Sandbox)
	k.must(err)
	if len(balances) != 1 || balances[0].Account != ledger.Owed("other").Account(ledger.Merchant) || balances[0].Amount.Units() != "30" {
		t.Errorf("the platform has %+v", balances)
	}
}
