package order

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/ledger"
	"till/internal/money"
)

var (
	sequences = flag.Int("sequences", 8000, "how many random sequences to run")
	seed      = flag.Uint64("seed", 1, "seed of the random sequences")
)

// TestRandom applies random changes to orders of all kinds and checks the order after each.
func TestRandom(t *testing.T) {
	changes := 0
	for i := range *sequences {
		run := randomRun(rows, *seed, uint64(i))
		changes += len(run.changes)
		maps.Copy(firedInRandom, run.fired)
		maps.Copy(triedCells, run.cells)
		if len(run.problems) > 0 {
			t.Fatalf("-seed %d, sequence %d, %s:\n%s\n%s", *seed, i, run.kind, strings.Join(run.changes, "\n"), strings.Join(run.problems, "\n"))
		}
	}
	t.Logf("%d changes in %d sequences", changes, *sequences)
}

var (
	firedInRandom = map[string]bool{}
	triedCells    = map[string]bool{}
)

// TestNoDeadRow wants each row to fire in a scenario and in a random sequence, and each change to be tried
// in each state.
func TestNoDeadRow(t *testing.T) {
	for _, sc := range scenarios {
		sc.play(rows, firedInScenarios)
	}
	cells := (len(States()) + 1) * len(allChanges)
	for i := 0; i < 20000 && (len(firedInRandom) < len(rows) || len(triedCells) < cells); i++ { // when it runs alone, or few sequences were asked for
		run := randomRun(rows, *seed, uint64(i))
		maps.Copy(firedInRandom, run.fired)
		maps.Copy(triedCells, run.cells)
	}
	for _, r := range rows {
		if !firedInScenarios[r.ID] {
			t.Errorf("row %s never fires in a scenario", r.ID)
		}
		if !firedInRandom[r.ID] {
			t.Errorf("row %s never fires in a random sequence", r.ID)
		}
	}
	for _, s := range append(States(), "") {
		for _, c := range allChanges {
			if cell := string(s) + " " + string(c); !triedCells[cell] {
				t.Errorf("%s was never tried in state %q", c, s)
			}
		}
	}
}

var allChanges = []ChangeKind{Create, Choose, Cancel, Flag, Ask, Given, Approve, Refuse, Send, RefundIt, Release, Absorb, AssignIt,
	Tick, PaySeen, PayFailed, PayConfirmed, PayReversed, AttemptIsPending, AttemptIsLost, AttemptIsLeft,
	Sent, Unknown, Delivered, Undelivered, ReturnedBack}

type randomResult struct {
	kind     string
	changes  []string
	problems []string
	fired    map[string]bool
	cells    map[string]bool
}

// randomRun is one sequence; the same seed and number give the same one.
func randomRun(t table, seed, number uint64) randomResult {
	return runWith(t, rand.New(rand.NewPCG(seed, number)))
}

// FuzzApply is TestRandom with choices taken from the fuzzer's bytes.
func FuzzApply(f *testing.F) {
	for i := range uint64(8) {
		r, choices := rand.New(rand.NewPCG(*seed, i)), make([]byte, 4096)
		for j := range choices {
			choices[j] = byte(r.Uint32())
		}
		f.Add(choices)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		run := runWith(rows, rand.New(&tape{bytes: choices}))
		if len(run.problems) > 0 {
			t.Fatalf("%s:\n%s\n%s", run.kind, strings.Join(run.changes, "\n"), strings.Join(run.problems, "\n"))
		}
	})
}

// tape is a source of chance that reads given bytes, mixed with a running number: a source that only
// gives zeros would keep rand.IntN waiting for ever.
type tape struct {
	bytes []byte
	read  uint64
}

func (t *tape) Uint64() (n uint64) {
	for range 8 {
		n <<= 8
		if len(t.bytes) > 0 {
			n |= uint64(t.bytes[0])
			t.bytes = t.bytes[1:]
		}
	}
	t.read++
	return n + t.read*0x9E3779B97F4A7C15
}

func runWith(t table, r *rand.Rand) (run randomResult) {
	names := slices.Sorted(maps.Keys(kinds))
	run = randomResult{kind: names[r.IntN(len(names))], fired: map[string]bool{}, cells: map[string]bool{}}
	defer func() {
		if bug := recover(); bug != nil {
			run.problems = append(run.problems, fmt.Sprint("panic: ", bug))
		}
	}()
	o := Order{Terms: kinds[run.kind]}
	check := newChecker(o.Terms)
	for step := range 10 + r.IntN(30) {
		c := randomChange(r, o, step)
		c.At = at(step)
		run.changes = append(run.changes, describe(c))
		run.cells[string(o.State)+" "+string(c.Kind)] = true
		snapshot := deepCopy(o)
		out, err := t.apply(o, c)
		if err == nil {
			check.accepted(c)
		}
		run.problems = check.after(o, c, out, err)
		if !reflect.DeepEqual(snapshot, o) {
			run.problems = append(run.problems, "Apply changed its argument")
		}
		if err == nil && !isCommand(c.Kind) {
			again, err := t.apply(out.Order, c)
			if err != nil || again.Changed || len(again.Rows) > 0 || !reflect.DeepEqual(again.Order, out.Order) {
				run.problems = append(run.problems, fmt.Sprintf("told again it fires %v", again.Rows))
			}
		}
		for _, row := range out.Rows {
			run.fired[row] = true
		}
		if len(run.problems) > 0 {
			return run
		}
		if err == nil {
			o = out.Order
		}
	}
	return run
}

func describe(c Change) string {
	s := string(c.Kind)
	switch {
	case c.Payment.External != "":
		s += fmt.Sprintf(" %s %s e%d value %ds %s", c.Payment.External, c.Payment.Amount, c.Payment.Epoch, int(c.Payment.Value.Sub(t0).Seconds()), c.Payment.Attempt)
	case c.Kind == Tick:
		s += fmt.Sprintf(" %ds", int(c.Through.Sub(t0).Seconds()))
	case c.Transfer.ID != "":
		s += fmt.Sprintf(" %s %s %s", c.Transfer.ID, c.Transfer.Amount, c.Transfer.Source)
	case c.Review != "":
		s += " " + string(c.Review) + " " + c.Who + fmt.Sprint(c.Missing)
	case c.Attempt.ID != "":
		s += " " + c.Attempt.ID
	case c.Kind == Cancel:
		s += " " + string(c.Actor)
	case c.Kind == Release || c.Kind == Absorb:
		s += fmt.Sprintf(" %s %s", c.Amount, c.Account)
	}
	return s + fmt.Sprint(c.Reviews)
}

// randomChange prefers what can do something in the state the order is in.
func randomChange(r *rand.Rand, o Order, step int) Change {
	one := func(p int) bool { return r.IntN(100) < p }
	if o.State == "" && one(90) {
		return randomCreate(r, o)
	}
	switch {
	case o.State == Paid && one(40):
		return Change{Kind: Send, Transfer: Transfer{ID: fmt.Sprint("d", len(o.Transfers))}}
	case o.State == Delivering && one(45):
		return randomWordOfTransfer(r, o)
	case o.State.Collecting() && len(o.Transfers) > 0 && one(40):
		return randomWordOfTransfer(r, o)
	case (o.State == Documents || o.State == InReview || o.State == Held) && one(45):
		return randomReview(r)
	case isEnded(o.State) && one(50):
		return pick(r, randomRefund(r, o), randomRelease(r, o), randomAbsorb(r, o), randomWordOfTransfer(r, o), randomWordOfTransfer(r, o), randomReview(r))
	}
	switch n := r.IntN(100); {
	case n < 50:
		return randomPayment(r, o, pick(r, PaySeen, PaySeen, PaySeen, PayConfirmed, PayConfirmed, PayConfirmed, PayConfirmed, PayFailed, PayReversed, PayReversed))
	case n < 60:
		return Change{Kind: Tick, Through: at(pick(r, 0, 10, 100, 899, 900, 901, 1000, 2699, 2700))}
	case n < 62:
		return Change{Kind: Cancel, Actor: pick(r, ByOperator, ByMerchant, ByMerchant, ByPayer), Reason: "asked"}
	case n < 70:
		return randomReview(r)
	case n < 75:
		return Change{Kind: Flag}
	case n < 76:
		return Change{Kind: Send, Transfer: Transfer{ID: fmt.Sprint("d", r.IntN(4))}}
	case n < 85:
		return randomWordOfTransfer(r, o)
	case n < 87:
		return pick(r, randomRefund(r, o), randomRelease(r, o), randomAbsorb(r, o))
	case n < 97:
		return Change{Kind: pick(r, Choose, Choose, AttemptIsPending, AttemptIsLost, AttemptIsLeft), Attempt: Attempt{ID: pick(r, "t1", "t2", "t3")}}
	case n < 99:
		return randomPayment(r, o, AssignIt)
	}
	return randomCreate(r, o)
}

func randomCreate(r *rand.Rand, o Order) Change {
	c := Change{Kind: Create, Available: o.Terms.Due, Payment: Payment{PaymentKey: PaymentKey{External: "order"}}}
	if r.IntN(20) == 0 {
		c.Available = o.Terms.Due.Sub(money.FromInt(o.Terms.Due.Asset(), 1))
	}
	if r.IntN(10) == 0 {
		c.QuoteEnd = at(pick(r, -1, 300, 2000))
	}
	for _, kind := range []ReviewKind{Screening, Approval, Compliance} {
		if r.IntN(8) == 0 {
			c.Reviews = append(c.Reviews, Review{Kind: kind, Maker: pick(r, "", "max"), State: pick(r, ReviewOpen, ReviewDocuments, ReviewDocuments, ReviewRefused)})
		}
	}
	return c
}

func randomPayment(r *rand.Rand, o Order, kind ChangeKind) Change {
	p := Payment{PaymentKey: PaymentKey{Rail: "rail", External: pick(r, "a", "a", "b", "b", "c", "d")}, Source: payerOf(o.Terms)}
	asset := o.Terms.Due.Asset()
	if r.IntN(15) == 0 {
		asset = dai
	}
	p.Amount = money.FromInt(asset, pick[int64](r, 1000, 1000, 1000, 400, 600, 995, 994, 1, 1300, 0, -3))
	p.Value = at(pick(r, 60, 60, 60, 60, 100, 300, 301, 900, 901))
	p.Final, p.Stranger, p.Listed = r.IntN(5) == 0, r.IntN(20) == 0, r.IntN(20) == 0
	if len(o.Attempts) > 0 && r.IntN(2) == 0 {
		p.Attempt = o.Attempts[r.IntN(len(o.Attempts))].ID
	}
	for _, known := range o.Payments {
		if known.PaymentKey == p.PaymentKey {
			p.Epoch = known.Epoch + pick[uint64](r, 0, 0, 0, 1)
			if p.Epoch > 0 && r.IntN(8) == 0 {
				p.Epoch--
			}
			if r.IntN(3) > 0 {
				p.Amount = known.Amount
			}
		}
	}
	if kind == AssignIt {
		p.Booked = o.Terms.Book.Account(pick(r, ledger.Stray, ledger.Stray, ledger.Stray, ledger.Late))
	}
	return Change{Kind: kind, Payment: p}
}

func randomWordOfTransfer(r *rand.Rand, o Order) Change {
	id := "nobody's"
	if len(o.Transfers) > 0 {
		id = o.Transfers[r.IntN(len(o.Transfers))].ID
	}
	c := Change{Kind: pick(r, Sent, Unknown, Delivered, Delivered, Undelivered, Undelivered, ReturnedBack), Transfer: Transfer{ID: id}}
	if t := transferOf(o, id); t != nil && t.Purpose == Refund && c.Kind == Delivered {
		c.Lacks = pick(r, money.Amount{}, t.Amount, money.FromInt(t.Amount.Asset(), 1))
	}
	return c
}

func randomReview(r *rand.Rand) Change {
	c := Change{Kind: pick(r, Ask, Given, Approve, Approve, Approve, Refuse), Review: pick(r, Screening, Approval, Compliance), Who: pick(r, "max", "olga")}
	if c.Kind == Ask || c.Kind == Given && r.IntN(2) == 0 {
		c.Missing = []string{"passport"}
	}
	return c
}

// randomBalance is a line of the order's balances and an amount around it.
func randomBalance(r *rand.Rand, o Order) (ledger.Account, money.Amount) {
	if len(o.Balances) == 0 {
		return o.Terms.Book.Account(ledger.Extra), o.Terms.Due
	}
	b := o.Balances[r.IntN(len(o.Balances))]
	one := money.FromInt(b.Amount.Asset(), 1)
	return b.Account, pick(r, b.Amount, b.Amount, b.Amount.Add(one), b.Amount.Sub(one), money.Zero(b.Amount.Asset()))
}

func randomRefund(r *rand.Rand, o Order) Change {
	from, amount := randomBalance(r, o)
	return Change{Kind: RefundIt, Transfer: Transfer{ID: fmt.Sprint("r", r.IntN(9)), Source: from, Amount: amount, To: payerOf(o.Terms)}}
}

func randomRelease(r *rand.Rand, o Order) Change {
	from, amount := randomBalance(r, o)
	return Change{Kind: Release, Account: from, Amount: amount}
}

func randomAbsorb(r *rand.Rand, o Order) Change {
	c := Change{Kind: Absorb, Amount: o.Terms.Due}
	for _, b := range o.Balances {
		if b.Account.Role() == ledger.Short {
			c.Amount = b.Amount.Neg().Add(money.FromInt(b.Amount.Asset(), pick[int64](r, 0, 0, -1, 1)))
		}
	}
	return c
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func deepCopy(o Order) Order {
	c := o
	c.Attempts = slices.Clone(o.Attempts)
	c.Transfers = slices.Clone(o.Transfers)
	c.Reviews = slices.Clone(o.Reviews)
	c.Balances = slices.Clone(o.Balances)
	c.Payments = slices.Clone(o.Payments)
	return c
}

// TestConfluence tells the same payments and attempts in two orders, with repetitions, and wants the same end. A
// tick is a barrier: what was told before it stays before it. Commands are given alike, before anything is told:
// the attempts that the payer chose, and the money of nobody that was assigned, of which there are words as well.
//
// Left out is what is honestly not confluent: a word that takes back a confirmation (the order may have been
// completed by it), several payments for an order that ends with its only attempt, and for such an order the loss
// of that attempt beside a payment. Why an attempt ended is not compared, only that it did: one that the far side
// declines after the order ended was abandoned by then.
func TestConfluence(t *testing.T) {
	names := slices.Sorted(maps.Keys(kinds))
	assigned, succeeded, lost := 0, 0, 0
	for i := range *sequences / 3 {
		r := rand.New(rand.NewPCG(*seed, uint64(i)+1<<40))
		kind := names[r.IntN(len(names))]
		start := Order{Terms: kinds[kind]}
		create := randomCreate(r, start)
		create.At = t0
		out, err := Apply(start, create)
		if err != nil {
			continue
		}
		begun, words := randomCommands(r, out.Order)
		var first, second []Change
		for part, payments := range [][]string{{"a", "b", "c"}, {"d", "e"}} {
			if kinds[kind].OneAttempt || kinds[kind].DueFollows {
				payments = payments[:1-part]
			}
			words = append(words, randomWords(r, begun, payments)...)
			first = append(first, words...)
			other := slices.Clone(words)
			for range 3 {
				if len(words) > 0 {
					other = append(other, words[r.IntN(len(words))])
				}
			}
			r.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
			second = append(second, other...)
			tick := Change{Kind: Tick, At: at(1000), Through: at(pick(r, 100, 901, 2700))}
			first, second = append(first, tick), append(second, tick)
			words = nil
		}
		a, b := told(t, begun, first), told(t, begun, second)
		if one, two := essence(a), essence(b); one != two {
			t.Fatalf("-seed %d, pair %d, %s:\n%s\n  ends as %s\n%s\n  ends as %s", *seed, i, kind,
				describeAll(first), one, describeAll(second), two)
		}
		assigned += len(begun.Payments)
		for _, attempt := range a.Attempts {
			switch attempt.State {
			case AttemptSucceeded:
				succeeded++
			case AttemptDeclined, AttemptAbandoned:
				lost++
			}
		}
	}
	if assigned == 0 || succeeded == 0 || lost == 0 {
		t.Errorf("%d payments were assigned, %d attempts succeeded, %d were lost: not all of it was tried", assigned, succeeded, lost)
	}
}

// randomCommands chooses attempts and assigns money of nobody, where the order lets that be done, and makes words about both.
func randomCommands(r *rand.Rand, o Order) (Order, []Change) {
	var words []Change
	try := func(c Change) bool {
		out, err := Apply(o, c)
		if err == nil {
			o = out.Order
		}
		return err == nil
	}
	for _, id := range []string{"t1", "t2"} {
		if r.IntN(2) == 0 || !try(Change{Kind: Choose, At: at(1), Attempt: Attempt{ID: id}}) {
			continue
		}
		word := func(kind ChangeKind) {
			words = append(words, Change{Kind: kind, At: at(500), Attempt: Attempt{ID: id}})
		}
		if r.IntN(2) == 0 {
			word(AttemptIsPending)
		}
		if !o.Terms.OneAttempt && r.IntN(2) == 0 {
			word(pick(r, AttemptIsLost, AttemptIsLeft))
		}
	}
	if o.Terms.OneAttempt || o.Terms.DueFollows || r.IntN(2) == 0 {
		return o, words
	}
	stray := Payment{PaymentKey: PaymentKey{Rail: "rail", External: "stray"}, Source: payerOf(o.Terms), Value: at(pick(r, 60, 900, 901)),
		Amount: money.FromInt(o.Terms.Due.Asset(), pick[int64](r, 1000, 500, 5)), Booked: o.Terms.Book.Account(ledger.Stray)}
	if !try(Change{Kind: AssignIt, At: at(2), Payment: stray}) {
		return o, words
	}
	stray.Booked = ""
	word := func(kind ChangeKind, epoch uint64) {
		stray.Epoch = epoch
		words = append(words, Change{Kind: kind, At: at(500), Payment: stray})
	}
	word(PayConfirmed, 0)
	if r.IntN(2) == 0 { // mined again, and final there
		word(PaySeen, 1)
		word(PayConfirmed, 1)
	}
	return o, words
}

// randomWords is all that is ever told of a few payments.
func randomWords(r *rand.Rand, o Order, payments []string) (words []Change) {
	for _, id := range payments {
		amount := money.FromInt(pick(r, o.Terms.Due.Asset(), o.Terms.Due.Asset(), o.Terms.Due.Asset(), dai), pick[int64](r, 1000, 1000, 500, 500, 995, 5, 1300))
		value, attempt := at(pick(r, 60, 300, 900, 901)), pick(r, "", "t1", "t2")
		word := func(kind ChangeKind, epoch uint64) {
			words = append(words, Change{Kind: kind, At: at(500), Payment: Payment{PaymentKey: PaymentKey{Rail: "rail", External: id},
				Epoch: epoch, Amount: amount, Value: value, Source: payerOf(o.Terms), Attempt: attempt}})
		}
		switch r.IntN(7) {
		case 0:
			word(PaySeen, 0)
		case 1:
			word(PaySeen, 0)
			word(PayFailed, 0)
		case 2:
			word(PaySeen, 0)
			word(PayReversed, 0)
		case 3: // mined again, and final there
			word(PaySeen, 0)
			word(PayReversed, 0)
			word(PaySeen, 1)
			word(PayConfirmed, 1)
		case 4: // mined again after it was final
			word(PayConfirmed, 0)
			word(PaySeen, 1)
			word(PayConfirmed, 1)
		default:
			word(PaySeen, 0)
			word(PayConfirmed, 0)
		}
	}
	return words
}

func told(t *testing.T, o Order, changes []Change) Order {
	t.Helper()
	for _, c := range changes {
		out, err := Apply(o, c)
		if err != nil {
			t.Fatal(err)
		}
		o = out.Order
	}
	return o
}

// essence is what must not depend on the order of telling.
func essence(o Order) string {
	var payments []string
	for _, p := range o.Payments {
		payments = append(payments, fmt.Sprint(p.External, p.Epoch, p.Rank, p.Amount, p.Value.Sub(t0)/time.Second, p.Booked))
	}
	slices.Sort(payments)
	var attempts []string
	for _, a := range o.Attempts {
		if a.State == AttemptDeclined || a.State == AttemptAbandoned {
			a.State = "lost"
		}
		attempts = append(attempts, fmt.Sprint(a.ID, " ", a.State))
	}
	return fmt.Sprint(o.State, o.Overlay, o.Reason, balancesOf(o), payments, attempts)
}

func describeAll(changes []Change) string {
	var list []string
	for _, c := range changes {
		list = append(list, describe(c))
	}
	return strings.Join(list, "\n")
}
