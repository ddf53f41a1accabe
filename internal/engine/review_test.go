package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store/storetest"
)

var (
	acme = engine.OfOrganisation("acme", engine.Sandbox, "one")
	rest = engine.OfOrganisation("rest", engine.Sandbox, "one")
)

// deposit lets money arrive in a merchant's balance.
func (k *kit) deposit(s engine.Scope, n int64) {
	k.Helper()
	asked := k.ask(s, bank)
	asked.Instrument = engine.Made
	asked = withTerms(asked, func(t *order.Terms) {
		t.Book, t.Due = ledger.Owed(s.Merchant), units(eur, n)
		t.To, t.Deadline, t.SeenWaits = t.Book.Account(ledger.Merchant), k.clock.now().AddDate(1, 0, 0), false
	})
	o := k.order(asked)
	k.block(bank, k.clock.now(), k.confirmed(o, k.unique("bank"), n, k.clock.now()))
	k.wantState(o, order.Completed)
}

// send asks for an order of kind "send" that moves money from one merchant's balance to another's, made by maker.
func (k *kit) send(s engine.Scope, n int64, maker string) engine.NewOrder {
	return engine.NewOrder{
		Scope: s, PublicID: k.unique("send"), Kind: "send", Organisation: "acme", Maker: maker,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: ledger.Owed(s.Merchant), Due: units(eur, n), To: ledger.Owed("third").Account(ledger.Merchant), FromBalance: true, Instant: true,
				MerchantCancels: true}, nil, nil
		},
	}
}

func (k *kit) policy(change func(p *engine.Policy)) {
	k.Helper()
	_, err := k.engine.As("admin").ChangePolicy(context.Background(), acme, "changed", func(p *engine.Policy) error { change(p); return nil })
	k.must(err)
}

func (k *kit) approvals(s engine.Scope, state engine.PolicyApprovalState) []engine.PolicyApproval {
	k.Helper()
	list, total, err := k.engine.Approvals(context.Background(), engine.ApprovalFilter{Scope: s, State: state, Page: 1, Limit: 100})
	k.must(err)
	want(k, "approvals", total, int64(len(list)))
	return list
}

func (k *kit) balanceOf(merchant string) string {
	k.Helper()
	return k.balance(engine.Sandbox, ledger.Owed(merchant).Account(ledger.Merchant), eur)
}

// The first rule that fits decides: kind, currency and both ends of the amount.
func TestPolicyDecides(t *testing.T) {
	k := newKit(t)
	k.deposit(shop, 10_000)
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{
			{ID: "off", Action: engine.Deny, Off: true},
			{ID: "other", Kind: "exchange", Action: engine.Deny},
			{ID: "dollars", Currency: "USD", Action: engine.Deny},
			{ID: "small", Kind: "send", Currency: "EUR", To: units(eur, 99), Action: engine.Allow},
			{ID: "middle", Currency: "EUR", From: units(eur, 100), To: units(eur, 500), Action: engine.RequireApproval},
			{ID: "large", From: units(eur, 501), Currency: "EUR", Action: engine.Deny},
		}
	})
	for _, tc := range []struct {
		amount int64
		want   string // a state, or the rule that denies it
	}{{1, "completed"}, {99, "completed"}, {100, "review"}, {500, "review"}, {501, "large"}, {5000, "large"}} {
		made, err := k.engine.Create(context.Background(), k.send(shop, tc.amount, "maker"))
		if refusal, is := fault.As(err); is {
			k.wantCode(err, fault.CodePolicyDenied)
			want(k, fmt.Sprint(tc.amount), refusal.Details["rule"], tc.want)
			continue
		}
		k.must(err)
		want(k, fmt.Sprint(tc.amount), string(made.Order.State), tc.want)
	}
	want(k, "balance", k.balanceOf("shop"), "9300") // what is on hold is not there

	// What no rule fits is made, unless the policy says otherwise.
	asked := k.send(shop, 1, "maker")
	asked.Kind = "pay"
	k.policy(func(p *engine.Policy) { p.Rules = p.Rules[:3] })
	want(k, "without a rule", k.order(asked).State, order.Completed)
	k.policy(func(p *engine.Policy) { p.DenyUnmatched = true })
	_, err := k.engine.Create(context.Background(), k.send(shop, 1, "maker"))
	k.wantCode(err, fault.CodePolicyDenied)
	// Another organisation's policy, and the other mode's, are others.
	asked = k.send(shop, 1, "maker")
	asked.Organisation = "rest"
	want(k, "another organisation", k.order(asked).State, order.Completed)
	asked = k.send(shop, 1, "maker")
	asked.Organisation = ""
	want(k, "nobody's", k.order(asked).State, order.Completed)
}

func TestPolicyIsChecked(t *testing.T) {
	k := newKit(t)
	dollar := money.MustAsset("USD", "", 2)
	for _, tc := range []struct {
		name  string
		rules []engine.PolicyRule
		code  fault.Code
		field string
	}{
		{"twice", []engine.PolicyRule{{ID: "a", Action: engine.Allow}, {ID: "a", Action: engine.Deny}}, fault.CodeDuplicateReference, "id"},
		{"no action", []engine.PolicyRule{{ID: "a"}}, fault.CodeInvalidValue, "action"},
		{"an amount of no currency", []engine.PolicyRule{{ID: "a", From: units(eur, 5), Action: engine.Allow}}, fault.CodeMissingField, "currency"},
		{"an amount of another currency", []engine.PolicyRule{{ID: "a", Currency: "EUR", To: units(dollar, 5), Action: engine.Allow}}, fault.CodeInvalidValue, "currency"},
		{"upside down", []engine.PolicyRule{{ID: "a", Currency: "EUR", From: units(eur, 6), To: units(eur, 5), Action: engine.Allow}}, fault.CodeInvalidValue, "amountTo"},
		{"too many", make([]engine.PolicyRule, engine.MaxRules+1), fault.CodeInvalidValue, "rules"},
	} {
		_, err := k.engine.ChangePolicy(context.Background(), acme, "", func(p *engine.Policy) error { p.Rules = tc.rules; return nil })
		if refusal, _ := fault.As(err); refusal == nil || refusal.Code != tc.code || refusal.Param != tc.field {
			k.Errorf("%s: %v", tc.name, err)
		}
	}
	p, err := k.engine.Policy(context.Background(), acme)
	k.must(err)
	want(k, "version", p.Version, 0)
	k.policy(func(p *engine.Policy) { p.Rules = []engine.PolicyRule{{ID: "a", Action: engine.Allow}} })
	k.policy(func(p *engine.Policy) { p.DenyUnmatched = true })
	p, err = k.engine.Policy(context.Background(), acme)
	k.must(err)
	if p.Version != 2 || len(p.Rules) != 1 || !p.DenyUnmatched || p.Scope != acme {
		k.Errorf("policy: %+v", p)
	}
	list, total, err := k.engine.PolicyChanges(context.Background(), acme, 1, 10)
	k.must(err)
	if total != 2 || len(list) != 2 || list[0].Policy.Version != 2 || list[0].Who != "admin" || list[1].Policy.DenyUnmatched || list[1].What != "changed" {
		k.Errorf("changes: %+v", list)
	}
	if _, total, err = k.engine.PolicyChanges(context.Background(), rest, 1, 10); err != nil || total != 0 {
		k.Errorf("another organisation's changes: %d %v", total, err)
	}
}

// An order that needs approval holds its money until somebody else decides.
func TestApprovals(t *testing.T) {
	ctx := context.Background()
	k := newKit(t)
	k.deposit(shop, 100)
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{{ID: "r1", Name: "All", Action: engine.RequireApproval}}
	})
	first, second, third := k.order(k.send(shop, 10, "maker")), k.order(k.send(shop, 20, "maker")), k.order(k.send(shop, 30, "maker"))
	want(k, "balance", k.balanceOf("shop"), "40")
	list := k.approvals(acme, engine.PolicyPending)
	if len(list) != 3 || list[0].Order != third.PublicID || list[2].Order != first.PublicID || list[2].Maker != "maker" || list[2].RuleName != "All" || list[2].Merchant != "shop" ||
		!list[2].Amount.Equal(units(eur, 10)) || list[2].ID != first.PolicyApproval {
		k.Errorf("pending: %+v", list)
	}
	for _, act := range []func() error{
		func() error {
			_, err := k.engine.Approve(ctx, first.ID, order.Approval, order.ByMerchant, "maker")
			return err
		},
		func() error {
			_, err := k.engine.Refuse(ctx, first.ID, order.Approval, order.ByMerchant, "maker", "no")
			return err
		},
	} {
		k.wantCode(act(), fault.CodeForbidden)
	}
	_, err := k.engine.Refuse(ctx, first.ID, order.Approval, order.ByMerchant, "boss", "")
	k.wantCode(err, fault.CodeMissingField)
	_, err = k.engine.Approve(ctx, first.ID, order.Screening, order.ByMerchant, "boss")
	k.wantCode(err, fault.CodeOrderStateConflict)
	_, err = k.engine.Approve(ctx, "nothing", order.Approval, order.ByMerchant, "boss")
	k.wantCode(err, fault.CodeNotFound)

	approved, err := k.engine.Approve(ctx, first.ID, order.Approval, order.ByMerchant, "boss")
	k.must(err)
	want(k, "approved", approved.State, order.Completed)
	refused, err := k.engine.Refuse(ctx, second.ID, order.Approval, order.ByMerchant, "boss", "not now")
	k.must(err)
	if refused.State != order.Failed || refused.Reason != order.ReasonRefused || refused.Reviews[0].Reason != "not now" || refused.Reviews[0].By != "boss" {
		k.Errorf("refused: %s %+v", refused.State, refused.Reviews)
	}
	want(k, "balance", k.balanceOf("shop"), "60")
	_, err = k.engine.Cancel(ctx, third.ID, order.ByMerchant, "maker", "")
	k.must(err)
	want(k, "balance", k.balanceOf("shop"), "90")
	for _, o := range []*engine.Order{first, second, third} {
		_, err := k.engine.Approve(ctx, o.ID, order.Approval, order.ByMerchant, "boss")
		k.wantCode(err, fault.CodeOrderStateConflict)
	}
	for _, tc := range []struct {
		o     *engine.Order
		state engine.PolicyApprovalState
		by    string
		why   string
	}{{first, engine.PolicyApproved, "boss", ""}, {second, engine.PolicyRefused, "boss", "not now"}, {third, engine.PolicyClosed, "", ""}} {
		a, err := k.engine.Approval(ctx, acme, tc.o.PolicyApproval)
		k.must(err)
		if a.State != tc.state || a.By != tc.by || a.Reason != tc.why || a.DecidedAt.IsZero() {
			k.Errorf("%s: %+v", tc.state, a)
		}
		_, err = k.engine.Approval(ctx, rest, tc.o.PolicyApproval)
		k.wantCode(err, fault.CodeNotFound)
	}
	wantList(k, "events", k.events(first), "order.created", "payment.confirmed", "order.review", "review.approved", "order.paid", "order.completed")

	// The pending ones come first, whatever the page.
	for range 7 {
		k.order(k.send(shop, 1, "maker"))
	}
	var states []engine.PolicyApprovalState
	for page := 1; page <= 5; page++ {
		list, total, err := k.engine.Approvals(ctx, engine.ApprovalFilter{Scope: acme, Page: page, Limit: 3})
		k.must(err)
		want(k, "total", total, 10)
		for _, a := range list {
			states = append(states, a.State)
		}
	}
	p := engine.PolicyPending
	wantList(k, "states", states, p, p, p, p, p, p, p, engine.PolicyApproved, engine.PolicyRefused, engine.PolicyClosed)
}

// An exchange out of the balance is approved while its rate holds, as long as a bank's; then it can only be refused.
func TestApprovalComesWhileTheRateHolds(t *testing.T) {
	ctx := context.Background()
	k := exchanging(t)
	k.topUp(20_00)
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{{ID: "all", Kind: "swap", Action: engine.RequireApproval}}
	})
	made := func() *engine.Order {
		ask := eurIn(10_00)
		return k.order(k.exchange(func(n *engine.NewOrder) { n.Ask, n.Organisation, n.Maker = &ask, "acme", "maker" }))
	}
	one, two := made(), made()
	want(k, "state", one.State, order.InReview)
	k.clock.set(at(24 * time.Hour))
	_, err := k.engine.Approve(ctx, one.ID, order.Approval, order.ByMerchant, "boss")
	k.must(err)
	k.wantState(one, order.Completed)
	k.clock.set(at(24*time.Hour + time.Second))
	k.unchanged("approved too late", func() {
		_, err = k.engine.Approve(ctx, two.ID, order.Approval, order.ByMerchant, "boss")
		k.wantCode(err, fault.CodeQuoteExpired)
	})
	_, err = k.engine.Refuse(ctx, two.ID, order.Approval, order.ByMerchant, "boss", "too late")
	k.must(err)
	k.wantState(two, order.Failed)
}

// All parts of a deal have the deal's rate: a part that is made late has no more time than the first.
func TestApprovalOfAPartEndsWithItsDeal(t *testing.T) {
	ctx := context.Background()
	k := exchanging(t)
	k.topUp(50_00)
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{{ID: "all", Action: engine.RequireApproval}}
	})
	asked := k.dealOf(k.quote(shop, eurIn(100_00), "ramp"), "ord_")
	asked.Order.Organisation, asked.Order.Maker, asked.Order.Notify = "acme", "maker", engine.Notify{Customer: "ana", Email: true}
	made, err := k.engine.MakeDeal(ctx, asked)
	k.must(err)
	k.clock.set(at(23 * time.Hour))
	k.topUp(50_00)
	want(k, "the second part", k.deals(), 1)
	parts := k.deal(made.Deal.ID).Orders
	want(k, "parts", len(parts), 2)
	for i := range parts {
		want(k, "who is told of a part", parts[i].Notify.Customer, "ana")
		want(k, "state", parts[i].State, order.InReview)
	}
	k.clock.set(at(24*time.Hour + time.Second))
	for i := range parts {
		_, err = k.engine.Approve(ctx, parts[i].ID, order.Approval, order.ByMerchant, "boss")
		k.wantCode(err, fault.CodeQuoteExpired)
	}
}

// Of two who decide at once, one does.
func TestApprovalRace(t *testing.T) {
	k := newKit(t)
	k.deposit(shop, 100)
	k.policy(func(p *engine.Policy) {
		p.Rules = []engine.PolicyRule{{ID: "r1", Action: engine.RequireApproval}}
	})
	for range 5 {
		o := k.order(k.send(shop, 10, "maker"))
		done := 0
		for _, err := range storetest.AtOnce(8, func(i int) error {
			var err error
			if i%2 == 0 {
				_, err = k.engine.Approve(context.Background(), o.ID, order.Approval, order.ByMerchant, "boss")
			} else {
				_, err = k.engine.Refuse(context.Background(), o.ID, order.Approval, order.ByMerchant, "boss", "no")
			}
			return err
		}) {
			if err == nil {
				done++
			} else {
				k.wantCode(err, fault.CodeOrderStateConflict)
			}
		}
		want(k, "decisions", done, 1)
	}
}

// Orders from a balance, approvals, refusals and cancellations at random: a balance is what arrived less what was sent or
// is on hold, and an approval says what became of its order. Statements are held to the postings at the end of each test.
func TestRandomApprovals(t *testing.T) {
	ctx := context.Background()
	for seed := range *seeds {
		k := newKit(t)
		random := rand.New(rand.NewPCG(seed, 7))
		type sent struct {
			*engine.Order
			amount  int64
			pending bool
			maker   string
		}
		var orders []*sent
		balance, happened := int64(0), map[string]int{}
		limit := int64(50)
		for n := range 400 {
			k.clock.set(at(time.Duration(n) * time.Minute))
			who := fmt.Sprintf("person %d", random.IntN(3))
			switch action := random.IntN(10); {
			case action < 2:
				amount := int64(1 + random.IntN(100))
				k.deposit(shop, amount)
				balance += amount
			case action < 3:
				limit = int64(random.IntN(100))
				k.policy(func(p *engine.Policy) {
					p.Rules = []engine.PolicyRule{{ID: "a", Currency: "EUR", From: units(eur, limit+1), Action: engine.RequireApproval}}
					if random.IntN(2) == 0 {
						p.Rules = append(p.Rules, engine.PolicyRule{ID: "b", Action: engine.Allow})
					}
				})
				happened["a policy"]++
			case action < 6:
				amount := int64(1 + random.IntN(120))
				made, err := k.engine.Create(ctx, k.send(shop, amount, who))
				if amount > balance {
					k.wantCode(err, fault.CodeInsufficientBalance)
					happened["not enough"]++
					break
				}
				k.must(err)
				balance -= amount
				o := &sent{made.Order, amount, happened["a policy"] > 0 && amount > limit, who}
				want(k, "on hold", o.State == order.InReview, o.pending)
				orders = append(orders, o)
			default:
				if len(orders) == 0 {
					break
				}
				o := orders[len(orders)-1-random.IntN(min(6, len(orders)))]
				var err error
				back := true
				switch action {
				case 6, 7:
					_, err = k.engine.Approve(ctx, o.ID, order.Approval, order.ByMerchant, who)
					back = false
				case 8:
					_, err = k.engine.Refuse(ctx, o.ID, order.Approval, order.ByMerchant, who, "no")
				case 9:
					_, err = k.engine.Cancel(ctx, o.ID, order.ByMerchant, who, "")
				}
				switch {
				case !o.pending:
					k.wantCode(err, fault.CodeOrderStateConflict)
					happened["too late"]++
				case action != 9 && o.maker == who:
					k.wantCode(err, fault.CodeForbidden)
					happened["the maker"]++
				default:
					k.must(err)
					o.pending = false
					happened[map[bool]string{true: "back", false: "approved"}[back]]++
					if back {
						balance += o.amount
					}
				}
			}
			if got, wanted := k.balanceOf("shop"), fmt.Sprint(balance); got != wanted {
				k.Fatalf("seed %d, step %d: the balance is %s, not %s", seed, n, got, wanted)
			}
		}
		pending := 0
		for _, o := range orders {
			if o.pending {
				pending++
			}
		}
		want(k, "pending", len(k.approvals(acme, engine.PolicyPending)), pending)
		reviewed, err := k.engine.Reviewed(ctx, engine.Sandbox, "", 1000)
		k.must(err)
		want(k, "orders under review", len(reviewed), pending)
		for _, what := range []string{"a policy", "not enough", "too late", "the maker", "back", "approved"} {
			if happened[what] == 0 {
				k.Errorf("never in this run: %s", what)
			}
		}
	}
}
