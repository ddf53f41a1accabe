package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// The methods of these tests: two on two rails, one that pays by itself, one that wants to know things.
var methods = []engine.Method{
	{Code: "TRANSFER", Name: "Transfer", Country: "DE", Currency: "EUR", Network: "bank", Prompt: engine.PromptTransfer, Window: window,
		Min: units(eur, 500), Max: units(eur, 100000)},
	{Code: "CARD", Name: "Card", Country: "DE", Currency: "EUR", Network: "card", Prompt: engine.PromptLink, Window: window},
	{Code: "QUICK", Name: "Quick", Country: "DE", Currency: "EUR", Network: "card", Prompt: engine.PromptLink, Window: window, Itself: 5 * time.Second, Reports: true},
	{Code: "LOGIN", Name: "Login", Country: "CO", Currency: "EUR", Network: "bank", Prompt: engine.PromptLink, Window: window, Reports: true,
		Required: []string{engine.FieldBank, engine.FieldDocument, engine.FieldEmail}, Banks: []string{"BANCO_UNO", "BANCO_DOS"}},
	{Code: "REAL", Currency: "EUR", Network: "bank", Itself: time.Second}, // its payments are real: left out
	{Code: "GONE", Currency: "EUR", Network: "nowhere"},                   // no network: left out
}

func (k *kit) method(code string) *engine.Method {
	k.Helper()
	m, err := k.engine.Method(engine.Sandbox, code, "EUR")
	k.must(err)
	return &m
}

// link is a request for an order of 10 EUR in one piece, whose payer chooses among all methods.
func (k *kit) link() engine.NewOrder {
	book := ledger.Owed(shop.Merchant)
	return engine.NewOrder{
		Scope: shop, PublicID: k.unique("ord"), Methods: []string{engine.AnyMethod},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: units(eur, 1000), To: book.Account(ledger.Merchant), Whole: true, OverAny: true,
				Deadline: p.Now.Add(window), Instant: true, MerchantCancels: true}, nil, nil
		},
	}
}

// single is a request for an order that is paid by one method or not at all.
func (k *kit) single(code string, given map[string]string) engine.NewOrder {
	n := withTerms(k.link(), func(t *order.Terms) { t.OneAttempt = true })
	n.Methods, n.Method, n.Given = []string{code}, k.method(code), given
	return n
}

func (k *kit) choose(o *engine.Order, code string) *engine.Order {
	k.Helper()
	o, err := k.engine.Choose(context.Background(), o.ID, engine.Pick{Method: code})
	k.must(err)
	return o
}

// pays tells that somebody paid at the order's present instrument.
func (k *kit) pays(o *engine.Order, id string, cents int64, document string) {
	k.Helper()
	w := k.confirmed(o, id, cents, k.clock.now())
	w.Evidence.Document = document
	k.must(k.tell(networkOf(o), 1, time.Time{}, w))
}

func states(o *engine.Order) (list []string) {
	for _, a := range o.Attempts {
		list = append(list, a.Method+" "+string(a.State))
	}
	return list
}

func codes(list []engine.Method) (codes []string) {
	for _, m := range list {
		codes = append(codes, m.Code)
	}
	return codes
}

func TestMethods(t *testing.T) {
	k := newKit(t)
	wantList(k, "all", codes(k.engine.Methods(engine.Sandbox, engine.MethodFilter{})), "LOGIN", "CARD", "QUICK", "TRANSFER")
	wantList(k, "of a country", codes(k.engine.Methods(engine.Sandbox, engine.MethodFilter{Country: "CO", Currency: "EUR"})), "LOGIN")
	wantList(k, "of another currency", codes(k.engine.Methods(engine.Sandbox, engine.MethodFilter{Currency: "COP"})))
	wantList(k, "below a minimum", codes(k.engine.Methods(engine.Sandbox, engine.MethodFilter{Amount: units(eur, 499)})), "LOGIN", "CARD", "QUICK")
	// What only a rail of the sandbox serves is no method of the live mode.
	wantList(k, "live", codes(k.engine.Methods(engine.Live, engine.MethodFilter{})))
	_, err := k.engine.Method(engine.Sandbox, "PIX", "EUR")
	k.wantCode(err, fault.CodeInvalidValue)
}

// A payer chooses, changes his mind and pays: each attempt has its instrument, going back gives the same again, and
// all of them rest when the order ends.
func TestChoose(t *testing.T) {
	k := newKit(t)
	o := k.order(k.link())
	want(k, "instrument before a choice", o.Instrument.Value, "")
	first := k.choose(o, "TRANSFER")
	k.unchanged("the same choice again", func() { k.choose(o, "TRANSFER") })
	second := k.choose(o, "CARD")
	third := k.choose(o, "TRANSFER")
	if third.Instrument != first.Instrument || second.Instrument == first.Instrument || second.Rail != card.Rail {
		t.Errorf("instruments %v, %v, %v", first.Instrument, second.Instrument, third.Instrument)
	}
	wantList(k, "attempts", states(third), "TRANSFER abandoned", "CARD abandoned", "TRANSFER open")

	k.pays(third, "p1", 1000, "")
	now := k.now(o)
	wantList(k, "attempts", states(now), "TRANSFER abandoned", "CARD abandoned", "TRANSFER succeeded")
	want(k, "the payment's attempt", now.Payments[0].Attempt, now.Attempts[2].ID)
	want(k, "state", now.State, order.Completed)
	for _, in := range now.Instruments() {
		k.rows(`SELECT h.to_at FROM holds h JOIN instruments i ON i.number = h.number WHERE i.value = $1`, []any{in.Value}, func(c []string) {
			if c[0] == "0" {
				t.Errorf("%s is still held", in.Value)
			}
		})
	}
	wantList(k, "events", k.events(o), "order.created", "attempt.open", "attempt.open", "attempt.abandoned", "attempt.open", "attempt.abandoned",
		"payment.confirmed", "attempt.succeeded", "order.paid", "order.completed")
}

// case: two methods of one link are paid at the same moment. The order is completed once, the second payment is set
// aside, and both are told.
func TestTwoMethodsArePaidAtOnce(t *testing.T) {
	k := newKit(t)
	o := k.order(k.link())
	byBank := k.choose(o, "TRANSFER")
	byCard := k.choose(o, "CARD")
	var both sync.WaitGroup
	for i, one := range []*engine.Order{byBank, byCard} {
		w := k.confirmed(one, fmt.Sprint("p", i), 1000, k.clock.now())
		both.Go(func() {
			n := networkOf(one)
			if err := k.engine.Observe(context.Background(), n, engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: 1}, Seen: []rail.Observation{w}}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	now := k.now(o)
	want(k, "state", now.State, order.Completed)
	want(k, "the merchant's", k.share(o, ledger.Merchant), "1000")
	want(k, "aside", k.share(o, ledger.Extra), "1000")
	events := k.events(o)
	for what, n := range map[string]int{"payment.confirmed": 2, "attempt.succeeded": 2, "order.completed": 1} {
		got := 0
		for _, e := range events {
			if e == what {
				got++
			}
		}
		want(k, what, got, n)
	}
}

func TestChooseRefuses(t *testing.T) {
	k := newKit(t)
	o := k.order(k.link())
	ctx := context.Background()
	refused := func(what, method string, code fault.Code) {
		t.Helper()
		k.unchanged(what, func() {
			_, err := k.engine.Choose(ctx, o.ID, engine.Pick{Method: method})
			k.wantCode(err, code)
		})
	}
	refused("an unknown method", "PIX", fault.CodeInvalidValue)
	k.choose(o, "TRANSFER")
	seen := k.seen(k.now(o), "p1", 1000, k.clock.now())
	k.must(k.tell(bank, 1, time.Time{}, seen))
	refused("another method when money is seen", "CARD", fault.CodeOrderStateConflict)
	k.must(k.tell(bank, 1, time.Time{}, again(seen, order.RankConfirmed, 0)))
	refused("a method of an order that ended", "CARD", fault.CodeOrderStateConflict)
	_, err := k.engine.Choose(ctx, "none", engine.Pick{Method: "CARD"})
	k.wantCode(err, fault.CodeNotFound)

	// An order of one attempt has no second; an order without methods has none.
	one := k.order(k.single("CARD", nil))
	_, err = k.engine.Choose(ctx, one.ID, engine.Pick{Method: "TRANSFER"})
	k.wantCode(err, fault.CodeInvalidValue)
	_, err = k.engine.Choose(ctx, k.order(k.ask(shop, north)).ID, engine.Pick{Method: "TRANSFER"})
	k.wantCode(err, fault.CodeInvalidValue)

	// Nobody chooses without end.
	many := k.order(k.link())
	for i := range 30 {
		k.choose(many, []string{"CARD", "TRANSFER"}[i%2])
	}
	_, err = k.engine.Choose(ctx, many.ID, engine.Pick{Method: "CARD"})
	k.wantCode(err, fault.CodeOrderStateConflict)
}

// An order is made with its method or not at all.
func TestCreateWithMethod(t *testing.T) {
	k := newKit(t)
	o := k.order(k.single("TRANSFER", nil))
	if o.Instrument.Value == "" || o.Network != "bank" || len(o.Attempts) != 1 || o.State != order.Waiting {
		t.Errorf("made %+v", o)
	}
	for what, test := range map[string]struct {
		due   int64
		given map[string]string
		code  fault.Code
		param string
	}{
		"too little":      {499, nil, fault.CodeInvalidAmount, ""},
		"too much":        {100001, nil, fault.CodeAmountTooLarge, ""},
		"no bank":         {1000, map[string]string{"email": "ana@example.com"}, fault.CodeMissingField, "bank"},
		"no such bank":    {1000, map[string]string{"bank": "BANCO_TRES"}, fault.CodeInvalidValue, "bank"},
		"a bad address":   {1000, map[string]string{"bank": "BANCO_UNO", "email": "nobody"}, fault.CodeInvalidValue, "email"},
		"a bad document":  {1000, map[string]string{"bank": "BANCO_UNO", "document": "!"}, fault.CodeInvalidValue, "document"},
		"a long document": {1000, map[string]string{"bank": "BANCO_UNO", "document": fmt.Sprintf("%0300d", 1)}, fault.CodeTooLong, "document"},
	} {
		method := "LOGIN"
		if test.given == nil {
			method = "TRANSFER"
		}
		n := withTerms(k.single(method, test.given), func(t *order.Terms) { t.Due = units(eur, test.due) })
		k.unchanged(what, func() {
			_, err := k.engine.Create(context.Background(), n)
			if f, ok := fault.As(err); !ok || f.Code != test.code || f.Param != test.param {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
}

// What a method wants to know can be said when it is chosen, or after it; who chooses again need not say it twice.
func TestGive(t *testing.T) {
	k := newKit(t)
	o := k.order(k.link())
	ctx := context.Background()
	lacks := func(o *engine.Order) []string {
		_, c, ok := o.Current()
		if !ok {
			t.Fatal("no attempt is in progress")
		}
		return o.Lacks(*k.method(c.Method), c)
	}
	o, err := k.engine.Choose(ctx, o.ID, engine.Pick{Method: "LOGIN", Given: map[string]string{"bank": "BANCO_UNO", "phone": "not asked for"}})
	k.must(err)
	wantList(k, "lacks", lacks(o), "document", "email")
	o, err = k.engine.Give(ctx, o.ID, map[string]string{"document": "1.020.304.050", "email": "ana@example.com"})
	k.must(err)
	wantList(k, "lacks", lacks(o))
	k.choose(o, "CARD")
	o = k.choose(o, "LOGIN")
	wantList(k, "lacks", lacks(o), "bank") // which bank is a choice of its own
	_, c, _ := o.Current()
	want(k, "document", c.Given["document"], "1020304050")
	_, err = k.engine.Give(ctx, k.order(k.link()).ID, map[string]string{"email": "ana@example.com"})
	k.wantCode(err, fault.CodeOrderStateConflict)
}

// A refused attempt can be followed by another one, with an instrument of its own; the order of one attempt fails.
func TestDeclined(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	o := k.choose(k.order(k.link()), "CARD")
	id, _, _ := o.Current()
	declined, err := k.engine.Declined(ctx, o.ID, id, "")
	k.must(err)
	want(k, "state", declined.State, order.Waiting)
	if _, _, open := declined.Current(); open {
		t.Error("an attempt is still in progress")
	}
	k.unchanged("declining it twice", func() {
		_, err := k.engine.Declined(ctx, o.ID, id, "")
		k.must(err)
	})
	next := k.choose(o, "CARD")
	if next.Instrument == o.Instrument {
		t.Error("a session that was refused goes on")
	}
	k.choose(o, "TRANSFER")
	next = k.choose(o, "CARD") // goes on with the second session, and that one is refused then
	id, _, _ = next.Current()
	_, err = k.engine.Declined(ctx, o.ID, id, "")
	k.must(err)
	if third := k.choose(o, "CARD"); third.Instrument == next.Instrument || third.Instrument == o.Instrument {
		t.Error("a session that was left once and refused later goes on")
	} else {
		next = third
	}
	k.pays(next, "p1", 1000, "")
	k.wantState(o, order.Completed)

	one := k.order(k.single("CARD", nil))
	id, _, _ = one.Current()
	one, err = k.engine.Declined(ctx, one.ID, id, "")
	k.must(err)
	want(k, "state", one.State, order.Failed)
	want(k, "reason", one.Reason, order.ReasonAttemptLost)
	_, err = k.engine.Declined(ctx, one.ID, "none", "")
	k.wantCode(err, fault.CodeNotFound)
}

// case: who must pay is somebody else. His money is set aside, the order waits on, and the payer's own completes it.
// An order that completes when it is collected shows the payment that was refused; it counts for nothing.
func TestRefusedPaymentIsOnRecord(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	o := k.choose(k.order(withTerms(k.link(), func(t *order.Terms) { t.CompleteOnCollect = true })), "CARD")
	id, _, _ := o.Current()
	declined, err := k.engine.Declined(ctx, o.ID, id, "insufficient_funds")
	k.must(err)
	want(k, "payments", len(declined.Payments), 1)
	p := declined.Payments[0]
	want(k, "rank", p.Rank, order.RankFailed)
	want(k, "attempt", p.Attempt, id)
	want(k, "amount", p.Amount.Decimal(), "10.00")
	want(k, "state", declined.State, order.Waiting)
	k.unchanged("declining it twice", func() {
		_, err := k.engine.Declined(ctx, o.ID, id, "")
		k.must(err)
	})
	again := k.choose(o, "CARD")
	k.pays(again, "p", 1000, "")
	k.wantState(o, order.Completed)
	want(k, "payments", len(k.now(o).Payments), 2)
}

func TestEnforcedDocument(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	ask := func(method string) *engine.Order {
		n := k.single(method, nil)
		n.Enforced = engine.Enforced{Country: "CL", Document: "123456785"}
		return k.order(n)
	}
	reported := ask("QUICK") // its rail reports the document
	k.pays(reported, "p1", 1000, "7.654.321-6")
	k.wantState(reported, order.Waiting)
	want(k, "aside", k.share(reported, ledger.Wrong), "1000")
	want(k, "attempt", k.payment(reported, "p1").Attempt, "")
	k.pays(reported, "p2", 1000, "12.345.678-5")
	k.wantState(reported, order.Completed)

	told := k.single("CARD", map[string]string{"document": "12.345.678-5"}) // what the merchant says of his payer proves nothing
	o := k.order(withEnforced(told))
	_, of, _ := o.Current()
	wantList(k, "lacks", o.Lacks(*k.method("CARD"), of), "document")

	silent := ask("CARD") // its rail does not: the payer says it on the page
	_, c, _ := silent.Current()
	wantList(k, "lacks", silent.Lacks(*k.method("CARD"), c), "document")
	early := k.order(withEnforced(k.single("CARD", nil)))
	k.pays(early, "p3", 1000, "")
	k.wantState(early, order.Waiting) // nobody showed the document before
	_, err := k.engine.Give(ctx, silent.ID, map[string]string{"document": "7.654.321-6"})
	k.wantCode(err, fault.CodeInvalidValue)
	_, err = k.engine.Give(ctx, silent.ID, map[string]string{"document": "12.345.678-5"})
	k.must(err)
	k.pays(silent, "p4", 1000, "")
	k.wantState(silent, order.Completed)
}

func withEnforced(n engine.NewOrder) engine.NewOrder {
	n.Enforced = engine.Enforced{Country: "CL", Document: "123456785"}
	return n
}

// A link on which nothing was chosen expires by the clock; one with attempts on several rails when each of them has told
// everything up to the deadline.
func TestLinkExpires(t *testing.T) {
	k := newKit(t)
	idle := k.order(k.link())
	crypto := engine.Method{Code: "CHAIN", Country: "DE", Currency: "EUR", Network: "chain", Prompt: engine.PromptAddress}
	chain := engine.Network{ID: "chain", Family: "chain", Mode: engine.Sandbox, Rail: "chain", Prefix: "CHN-", Custodial: true, Tokens: []engine.Token{{Asset: eur}}}
	e := engine.New(k.store, []engine.Network{bank, card, chain}, nil).WithMethods(append(slices.Clone(methods), crypto))
	ctx := context.Background()
	tellChain := func(through time.Time) {
		t.Helper()
		k.must(e.Observe(ctx, chain, engine.Report{Progress: engine.Progress{Rail: chain.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: through, Head: 1}}}))
	}
	tellChain(start)
	two := k.order(k.link())
	for _, method := range []string{"CHAIN", "TRANSFER"} {
		_, err := e.Choose(ctx, two.ID, engine.Pick{Method: method})
		k.must(err)
	}
	after := at(window + time.Second)
	k.clock.set(after)
	for _, r := range []rail.Name{"", bank.Rail, chain.Rail} {
		_, err := e.Tick(ctx, engine.Sandbox, r, after)
		k.must(err)
	}
	k.wantState(idle, order.Expired)
	k.wantState(two, order.Waiting) // the chain has told nothing of that time yet
	tellChain(after)
	_, err := e.Tick(ctx, engine.Sandbox, bank.Rail, after)
	k.must(err)
	k.wantState(two, order.Expired)
}

// A method that pays by itself puts its wish into the rail's memory with the choice, and takes it out with another.
func TestWishes(t *testing.T) {
	k := newKit(t)
	wishes := func() (list []rail.Wish) {
		t.Helper()
		items, err := k.engine.State(card.Rail).List(context.Background(), rail.WishKey, "", 10)
		k.must(err)
		for _, item := range items {
			w, err := rail.ReadWish(item.Value)
			k.must(err)
			list = append(list, w)
		}
		return list
	}
	o := k.choose(k.order(k.link()), "QUICK")
	if list := wishes(); len(list) != 1 || !list[0].At.Equal(at(5*time.Second)) || list[0].Instrument != o.Instrument.Value || !list[0].Amount.Equal(units(eur, 1000)) {
		t.Errorf("wishes %+v", list)
	}
	k.choose(o, "CARD")
	want(k, "wishes after another choice", len(wishes()), 0)
	k.choose(o, "QUICK")
	_, err := k.engine.Cancel(context.Background(), o.ID, order.ByMerchant, "somebody", "")
	k.must(err)
	want(k, "wishes of a cancelled order", len(wishes()), 0)
}

// A method collects for the same holder of the money as the order says.
func TestMethodOfAnotherBook(t *testing.T) {
	k := newKit(t)
	wallet := ledger.Wallet(shop.Merchant)
	n := withTerms(k.single("TRANSFER", nil), func(t *order.Terms) { t.Book, t.To = wallet, wallet.Account(ledger.Merchant) })
	if _, err := k.engine.Create(context.Background(), n); err == nil {
		t.Error("made")
	}
}
