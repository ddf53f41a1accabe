package order

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// start creates an order of a kind and applies changes to it; each must do something.
func start(t *testing.T, kind string, changes ...Change) Order {
	t.Helper()
	o := Order{Terms: kinds[kind]}
	for _, c := range append([]Change{{Kind: Create, At: t0, Available: o.Terms.Due, Payment: Payment{PaymentKey: PaymentKey{External: "order-1"}}}}, changes...) {
		out, err := Apply(o, c)
		if err != nil || !out.Changed {
			t.Fatalf("%s: changed %v, error %v", c.Kind, out.Changed, err)
		}
		o = out.Order
	}
	return o
}

func word(kind ChangeKind, o Order, told, value int) Change {
	return Change{Kind: kind, At: at(told), Payment: Payment{PaymentKey: PaymentKey{Rail: "rail", External: "a"},
		Amount: o.Terms.Due, Value: at(value), Source: payerOf(o.Terms), Evidence: Evidence{Tx: string(kind)}}}
}

func TestPaymentKeepsWhatStaysTrue(t *testing.T) {
	kind := "chain to own wallet"
	terms := Order{Terms: kinds[kind]}
	first, second := word(PaySeen, terms, 5, 60), word(PayConfirmed, terms, 9, 90)
	second.Payment.Source = "wallet/m1/outside/payer:other"
	silent := word(PayReversed, terms, 11, 95)
	silent.Payment.Evidence, silent.Payment.Amount = Evidence{}, money.Amount{}

	p := start(t, kind, first, second, silent).Payments[0]

	want := Payment{PaymentKey: PaymentKey{"rail", "a"}, Rank: RankReversed, Amount: money.FromInt(usdt, 1000), Value: at(60),
		Told: at(5), Settled: at(11), Source: payerOf(terms.Terms), Evidence: Evidence{Tx: "pay_confirmed"}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

func TestPaymentWithoutValueTimeHasTheTimeItWasTold(t *testing.T) {
	terms := Order{Terms: kinds["chain to own wallet"]}
	c := word(PayConfirmed, terms, 901, 0)
	c.Payment.Value = time.Time{}
	p := start(t, "chain to own wallet", c).Payments[0]
	if !p.Value.Equal(at(901)) || p.Booked.Role() != ledger.Late {
		t.Errorf("value %v, booked to %s", p.Value, p.Booked)
	}
}

func TestEventsCarryTheStateOfTheirMoment(t *testing.T) {
	o := start(t, "one method to balance")
	out, err := Apply(o, word(PayConfirmed, o, 5, 60))
	if err != nil {
		t.Fatal(err)
	}
	key := PaymentKey{"rail", "a"}
	want := []Event{
		{Type: "payment.confirmed", Row: "P1", State: Waiting, Payment: key},
		{Type: "order.paid", Row: "O11", State: Paid},
		{Type: "order.completed", Row: "O24", State: Completed},
	}
	if !slices.Equal(out.Events, want) {
		t.Errorf("got %+v", out.Events)
	}
	for _, c := range []Change{
		{Kind: RefundIt, Transfer: Transfer{ID: "r", Amount: euro(950), Source: balance.Account(ledger.Merchant), To: payerOf(o.Terms)}},
		{Kind: Delivered, Transfer: Transfer{ID: "r"}},
	} {
		if out, err = Apply(out.Order, c); err != nil {
			t.Fatal(err)
		}
		want := Event{Type: "refund.reserved", Row: "T1", State: Completed, Overlay: Refunding, Ref: "r"}
		if c.Kind == Delivered {
			want = Event{Type: "refund.confirmed", Row: "T4", State: Completed, Overlay: Refunded, Ref: "r"}
		}
		if len(out.Events) != 1 || out.Events[0] != want {
			t.Errorf("got %+v, want %+v", out.Events, want)
		}
	}
}

func TestDeliveryAndReviewKeepWhoAndWhat(t *testing.T) {
	o := start(t, "method to chain",
		word(PayConfirmed, Order{Terms: kinds["method to chain"]}, 5, 60),
		Change{Kind: Flag},
		Change{Kind: Ask, Review: Compliance, Missing: []string{"invoice", "passport"}},
		Change{Kind: Given, Review: Compliance, Missing: []string{"passport"}})
	if r := o.Reviews[0]; r.State != ReviewDocuments || !slices.Equal(r.Missing, []string{"passport"}) {
		t.Errorf("review is %+v", r)
	}
	for _, c := range []Change{
		{Kind: Given, Review: Compliance},
		{Kind: Approve, Review: Compliance, Who: "olga"},
		{Kind: Send, At: at(70), Transfer: Transfer{ID: "d", Rail: "chain", Amount: euro(7), Source: "house/fee", To: "house/fee"}},
	} {
		out, err := Apply(o, c)
		if err != nil {
			t.Fatal(err)
		}
		o = out.Order
	}
	if r := o.Reviews[0]; r.State != ReviewApproved || r.By != "olga" || len(r.Missing) != 0 {
		t.Errorf("review is %+v", r)
	}
	want := Transfer{ID: "d", Purpose: Delivery, State: TransferReserved, Amount: money.FromInt(usdt, 1045), To: o.Terms.To, Rail: "chain", At: at(70)}
	if len(o.Transfers) != 1 || !reflect.DeepEqual(o.Transfers[0], want) {
		t.Errorf("transfers are %+v", o.Transfers)
	}
}

func TestMistakesOfTheCallerAreNoFaults(t *testing.T) {
	o := start(t, "one method to balance")
	noSource := word(PayConfirmed, o, 5, 60)
	noSource.Payment.Source = ""
	for name, c := range map[string]Change{
		"payment without a source": noSource,
		"unknown change":           {Kind: "explode"},
	} {
		out, err := Apply(o, c)
		if _, isFault := fault.As(err); err == nil || isFault || !reflect.DeepEqual(out, Outcome{}) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	fromBalance := Order{Terms: kinds["balance to bank"]}
	if _, err := Apply(fromBalance, Change{Kind: Create, At: t0, Available: fromBalance.Terms.Due}); err == nil {
		t.Error("a collection from the balance without an id was accepted")
	}
}

func TestTickIsKeptAndNeverGoesBack(t *testing.T) {
	o := start(t, "chain to own wallet", Change{Kind: Tick, Through: at(100)})
	out, err := Apply(o, Change{Kind: Tick, Through: at(50)})
	if err != nil || out.Changed || !out.Order.Through.Equal(at(100)) {
		t.Errorf("changed %v, through %v, error %v", out.Changed, out.Order.Through, err)
	}
}

func TestOrderSurvivesItsStoredForm(t *testing.T) {
	o := start(t, "chain to bank",
		word(PayConfirmed, Order{Terms: kinds["chain to bank"]}, 5, 60),
		Change{Kind: Send, At: at(70), Transfer: Transfer{ID: "d"}})
	stored, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var back Order
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	back.Payments = o.Payments // kept beside the rest
	one, err := Apply(o, Change{Kind: Delivered, Transfer: Transfer{ID: "d"}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Apply(back, Change{Kind: Delivered, Transfer: Transfer{ID: "d"}})
	if err != nil {
		t.Fatal(err)
	}
	if one.Order.State != Completed || balancesOf(one.Order) != balancesOf(two.Order) || one.Order.State != two.Order.State {
		t.Errorf("%s %s, %s %s", one.Order.State, balancesOf(one.Order), two.Order.State, balancesOf(two.Order))
	}
}

// TestStray: money of nobody moves by the same rows, into suspense/stray and back.
func TestStray(t *testing.T) {
	o := Order{Terms: kinds["one method to balance"]}
	steps := []struct {
		kind    ChangeKind
		epoch   uint64
		units   int64
		changed bool
		rank    Rank
		event   string
		stray   int64
	}{
		{PaySeen, 0, 0, false, 0, "", 0}, // case 22
		{PaySeen, 0, 30, true, RankSeen, "payment.seen", 0},
		{PayConfirmed, 0, 30, true, RankConfirmed, "payment.confirmed", 30},
		{PayConfirmed, 0, 30, false, RankConfirmed, "", 30},
		{PaySeen, 0, 30, false, RankConfirmed, "", 30},
		{PayConfirmed, 1, 40, true, RankConfirmed, "payment.confirmed", 40},
		{PayReversed, 1, 40, true, RankReversed, "payment.reversed", 0},
	}
	var p Payment
	var all []ledger.Posting
	for i, s := range steps {
		c := word(s.kind, o, i, 60)
		c.Payment.Epoch, c.Payment.Amount = s.epoch, euro(s.units)
		before := p
		next, postings, events, changed := ApplyStray(p, c, ledger.House)
		if !reflect.DeepEqual(before, p) {
			t.Errorf("step %d changed its argument", i)
		}
		for _, x := range postings {
			all = append(all, x.Posting)
		}
		var told string
		for _, e := range events {
			told += e.Type
		}
		stray := ledger.Sum(all).Of(ledger.House.Account(ledger.Stray), eur)
		if changed != s.changed || next.Rank != s.rank || told != s.event || !stray.Equal(euro(s.stray)) {
			t.Errorf("step %d: changed %v, rank %s, events %q, stray %s", i, changed, next.Rank, told, stray)
		}
		p = next
	}
	if p.Booked != "" || !p.Value.Equal(at(60)) {
		t.Errorf("ends as %+v", p)
	}
}

// TestStrayIsAssigned: the whole record moves to an order, with its value time and its source.
func TestStrayIsAssigned(t *testing.T) {
	o := start(t, "one method to balance")
	stray, _, _, _ := ApplyStray(Payment{}, word(PayConfirmed, o, 5, 60), ledger.House)
	out, err := Apply(o, Change{Kind: AssignIt, At: at(1500), Actor: ByOperator, Payment: stray})
	if err != nil {
		t.Fatal(err)
	}
	p := out.Order.Payments[0]
	if out.Order.State != Completed || !p.Value.Equal(at(60)) || !p.Told.Equal(at(5)) || p.Source != payerOf(o.Terms) || p.Booked != balance.Account(ledger.In) {
		t.Errorf("%s, %+v", out.Order.State, p)
	}
	first := out.Postings[0].Posting
	if want := (ledger.Posting{From: ledger.House.Account(ledger.Stray), To: balance.Account(ledger.In), Amount: o.Terms.Due}); !reflect.DeepEqual(first, want) {
		t.Errorf("first posting is %+v", first)
	}
}

// TestTableIsWellFormed: what a reader and the machine both rely on.
func TestTableIsWellFormed(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range Rows() {
		if ids[r.ID] {
			t.Errorf("%s stands twice", r.ID)
		}
		ids[r.ID] = true
		if r.Doc == "" || len(r.From) == 0 {
			t.Errorf("%s has no doc or no from", r.ID)
		}
		if derived := r.Entity == OfFact || r.Entity == OfBooks; derived != (len(r.Change) == 0) {
			t.Errorf("%s: a row has changes exactly when it is not derived", r.ID)
		}
		if moves := (r.Entity == OfOrder || r.Entity == OfFact) && r.To != "" || r.OrderTo != ""; moves && r.Event == "" {
			t.Errorf("%s changes the order's state and tells nothing", r.ID)
		}
		for _, g := range r.Guards {
			if g.Name == "" || g.Doc == "" {
				t.Errorf("%s has a guard without name or doc", r.ID)
			}
		}
		for _, a := range r.Do {
			if a.Name == "" || a.Doc == "" {
				t.Errorf("%s has an action without name or doc", r.ID)
			}
		}
	}
	for _, k := range allChanges {
		if k.IsCommand() != isCommand(k) {
			t.Errorf("%s: command or observation?", k)
		}
		named := k == Tick
		for _, r := range Rows() {
			named = named || slices.Contains(r.Change, k)
		}
		if !named {
			t.Errorf("no row is about %s", k)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		o := Order{Terms: kinds["chain to own wallet"]}
		for _, c := range []Change{{Kind: Create, At: t0}, word(PaySeen, o, 5, 60), word(PayConfirmed, o, 9, 60)} {
			out, err := Apply(o, c)
			if err != nil {
				b.Fatal(err)
			}
			o = out.Order
		}
	}
}
