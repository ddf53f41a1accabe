package koywe

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

var (
	pesos    = money.MustAsset("COP", "", 2)
	dollars  = money.MustAsset("USD", "", 2)
	shopHere = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	branchIs = engine.Scope{Merchant: "branch", Mode: engine.Sandbox, Dialect: Name}
	acmeIs   = engine.OfOrganisation("acme", engine.Sandbox, Name)
)

// arrive lets money arrive in a merchant's balance through an order of a type.
func (k *kit) arrive(s engine.Scope, kind string, a money.Amount) *engine.Order {
	k.Helper()
	made, err := k.engine.Create(context.Background(), engine.NewOrder{
		Scope: s, PublicID: k.dialect.newID("ord"), Kind: kind, Network: pretend(), Instrument: engine.Made,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			book := ledger.Owed(s.Merchant)
			return order.Terms{Book: book, Due: a, To: book.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: p.Now.AddDate(1, 0, 0)}, json.RawMessage(`{}`), nil
		},
	})
	k.must(err)
	k.told(pretend(), 1234001, rail.Observation{External: "paid " + made.Order.PublicID, Instrument: made.Order.Instrument.Value, Rank: order.RankConfirmed, Amount: a, Value: k.clock.Now()})
	return made.Order
}

// transfer moves money from one merchant's balance to another's: an order that a key of the organization makes.
func (k *kit) transfer(from, to engine.Scope, a money.Amount, maker string) (*engine.Order, error) {
	made, err := k.engine.Create(context.Background(), engine.NewOrder{
		Scope: from, PublicID: k.dialect.newID("ord"), Kind: "INTER_MERCHANT_TRANSFER", Organisation: "acme", Maker: maker,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: ledger.Owed(from.Merchant), Due: a, To: ledger.Owed(to.Merchant).Account(ledger.Merchant), FromBalance: true, Instant: true, MerchantCancels: true}, json.RawMessage(`{}`), nil
		},
	})
	return made.Order, err
}

// ruleRead is a rule as a client reads it.
type ruleRead struct {
	ID                   string
	AmountFrom, AmountTo json.Number
}

func TestGoldenPolicy(t *testing.T) {
	g := &golden{kit: newKit(t), file: "policy.golden"}
	ask := func(title, method, path, body string) reply {
		t.Helper()
		g.clock.Move(time.Second)
		return g.ask(title, request{method: method, path: o(path), key: acmeKey, body: body})
	}
	ask("no policy yet", "GET", "/policy", "")
	ask("set a policy", "POST", "/policy", `{"defaultAction":"DENY","rules":[{"name":"Small","orderType":"INTER_MERCHANT_TRANSFER","currencySymbol":"COP","amountTo":1000,"action":"ALLOW"}]}`)
	rule := parse[ruleRead](g.kit, ask("add a rule", "POST", "/policy/rules", `{"name":"Large","orderType":"INTER_MERCHANT_TRANSFER","currencySymbol":"COP","amountFrom":1000.01,"action":"REQUIRE_APPROVAL"}`))
	ask("change it", "PUT", "/policy/rules/"+rule.ID, `{"name":"Large","currencySymbol":"COP","amountFrom":1000.01,"amountTo":50000,"action":"REQUIRE_APPROVAL"}`)
	ask("no such rule", "PUT", "/policy/rules/rul_none", `{"action":"ALLOW"}`)
	ask("a rule without an action", "POST", "/policy/rules", `{"name":"?"}`)
	ask("amounts upside down", "POST", "/policy/rules", `{"currencySymbol":"COP","amountFrom":5,"amountTo":4,"action":"DENY"}`)
	ask("get the policy", "GET", "/policy", "")
	ask("its versions", "GET", "/policy/audit?pageSize=2", "")

	g.arrive(shopHere, "PAYIN", money.FromInt(pesos, 1_000_000))
	var made []*engine.Order
	for _, units := range []int64{200_000, 300_000, 150_000} {
		g.clock.Move(time.Second)
		one, err := g.transfer(shopHere, branchIs, money.FromInt(pesos, units), "key_api_shop")
		g.must(err)
		made = append(made, one)
	}
	own, err := g.transfer(shopHere, branchIs, money.FromInt(pesos, 100_001), "key_api_acme")
	g.must(err)
	ask("what waits", "GET", "/policy/approvals?status=PENDING&pageSize=2", "")
	ask("approve", "POST", "/policy/approvals/"+made[0].PolicyApproval+"/approve", "")
	ask("reject", "POST", "/policy/approvals/"+made[1].PolicyApproval+"/reject", `{"reason":"Not this month"}`)
	ask("reject without a reason", "POST", "/policy/approvals/"+made[2].PolicyApproval+"/reject", `{}`)
	ask("too late", "POST", "/policy/approvals/"+made[0].PolicyApproval+"/approve", "")
	ask("by who made it", "POST", "/policy/approvals/"+own.PolicyApproval+"/approve", "")
	ask("all of them", "GET", "/policy/approvals", "")
	ask("one of them", "GET", "/policy/approvals/"+made[1].PolicyApproval, "")
	ask("no such approval", "GET", "/policy/approvals/apr_none", "")
	g.ask("with a key of a merchant", request{method: "GET", path: o("/policy"), key: shopKey})
	g.check()
}

// The policy of a rival is none of ours, and what its rules say is read exactly.
func TestPolicyIsOfItsOrganization(t *testing.T) {
	k := newKit(t)
	k.post(acmeKey, o("/policy"), `{"rules":[{"action":"DENY"}]}`)
	if got := parse[policyBody](k, k.get(rivalKey, "/api/v1/organizations/rival/policy")); got.Version != 0 {
		t.Errorf("the rival's policy: %+v", got)
	}
	if got := parse[policyBody](k, k.get(liveKey, o("/policy"))); got.Version != 0 {
		t.Errorf("the live policy: %+v", got)
	}
	k.refused("a foreign organization", k.get(rivalKey, o("/policy")), 404, "NOT_FOUND", "organizationId")
	for what, c := range map[string]struct{ body, code, field string }{
		"a type that is none":                 {`{"orderType":"GIFT","action":"DENY"}`, validationError, "orderType"},
		"an action that is none":              {`{"action":"MAYBE"}`, validationError, "action"},
		"an amount without a currency":        {`{"amountFrom":5,"action":"DENY"}`, validationError, "currencySymbol"},
		"a currency that is none":             {`{"currencySymbol":"XXXX","action":"DENY"}`, "INVALID_CURRENCY", "currencySymbol"},
		"more decimals than the currency has": {`{"currencySymbol":"CLP","amountTo":5.5,"action":"DENY"}`, "INVALID_AMOUNT", "amountTo"},
		"an amount as a text":                 {`{"currencySymbol":"COP","amountTo":"5","action":"DENY"}`, validationError, "amountTo"},
		"a switch as a text":                  {`{"action":"DENY","enabled":"no"}`, validationError, "enabled"},
	} {
		k.refused(what, k.post(acmeKey, o("/policy/rules"), c.body), 400, c.code, c.field)
	}
	rule := parse[ruleRead](k, k.post(acmeKey, o("/policy/rules"), `{"currencySymbol":"USDC","amountFrom":0.000001,"amountTo":1000000000.000001,"action":"DENY"}`))
	if rule.AmountFrom != "0.000001" || rule.AmountTo != "1000000000.000001" {
		t.Errorf("amounts: %s %s", rule.AmountFrom, rule.AmountTo)
	}
}

// What a policy denies is refused with the catalogue's number, and what it puts on hold is held and given back.
func TestPolicyDenies(t *testing.T) {
	k := newKit(t)
	k.arrive(shopHere, "PAYIN", money.FromInt(pesos, 1000))
	k.post(acmeKey, o("/policy"), `{"defaultAction":"DENY"}`)
	_, err := k.transfer(shopHere, branchIs, money.FromInt(pesos, 10), "somebody")
	if !fault.Is(err, fault.CodePolicyDenied) {
		t.Fatal(err)
	}
	w := k.refusal(err)
	if !strings.Contains(w, `"errorCode":"POL00002"`) || !strings.Contains(w, `"statusCode":403`) {
		t.Error(w)
	}
}
