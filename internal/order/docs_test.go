package order

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
)

var update = flag.Bool("update", false, "write the generated documents anew")

// TestDocsStates holds docs/states.md to the table.
func TestDocsStates(t *testing.T) { checkPage(t, "../../docs/states.md", Document()) }

// TestDocsLedger holds docs/ledger.md to what the machine really posts.
func TestDocsLedger(t *testing.T) {
	page, err := ledgerPage()
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, "../../docs/ledger.md", page)
}

// TestDocsShowEveryKind: a kind that the machine is tried with has its section, or is a variant of one.
func TestDocsShowEveryKind(t *testing.T) {
	for kind := range kinds {
		base, _, _ := strings.Cut(kind, ",")
		if !slices.ContainsFunc(sections, func(s section) bool { return s.kind == kind || s.kind == base }) {
			t.Errorf("the ledger's page does not show %q", kind)
		}
	}
}

// TestDocsShowEveryMoment: each kind's section says what is posted at each of these moments, and be it nothing.
func TestDocsShowEveryMoment(t *testing.T) {
	for _, s := range sections {
		shown := map[string]bool{}
		for _, m := range stages(kinds[s.kind]) {
			for _, word := range strings.Fields(strings.ReplaceAll(m.name, ",", "")) {
				shown[word] = true
			}
		}
		for _, moment := range []string{"created", "seen", "confirmed", "delivered", "failed", "refunded", "reversed"} {
			if !shown[moment] {
				t.Errorf("%s: %q is not shown", s.title, moment)
			}
		}
	}
}

// checkPage fails when a generated page is not what stands in the tree; with -update it writes the page.
func checkPage(t *testing.T, file, page string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(stored) != page {
		t.Errorf("%s is stale: run make docs and read the difference", file)
	}
}

// ledgerPage runs small examples and writes down what they post.
func ledgerPage() (string, error) {
	var b strings.Builder
	b.WriteString(ledgerIntroduction)
	examples := &examples{books: map[ledger.Role][]string{}}
	var kindPages strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&kindPages, "### %s\n\n%s\n\n", s.title, s.text)
		life := stages(kinds[s.kind])
		slices.SortStableFunc(life, func(a, b stage) int { return a.rank() - b.rank() })
		if err := examples.write(&kindPages, kinds[s.kind], life); err != nil {
			return "", fmt.Errorf("%s: %w", s.kind, err)
		}
	}
	kindPages.WriteString("## Money set aside\n\nWhat happens to money that an order cannot use, on the example of any method to the balance.\n\n")
	if err := examples.write(&kindPages, kinds["any method to balance"], setAside); err != nil {
		return "", err
	}
	kindPages.WriteString("## Money of nobody\n\nA payment that hit an instrument which no order held. " +
		"It lies in the book of the merchant whose instrument it hit, else of the house.\n\n")
	if err := examples.writeStray(&kindPages); err != nil {
		return "", err
	}
	// The scenarios use every account there is.
	for _, sc := range scenarios {
		examples.learn(sc)
	}
	examples.writeRoles(&b)
	b.WriteString(strings.TrimRight(ledgerMoments, "\n") + "\n\n" + strings.TrimRight(kindPages.String(), "\n") + "\n")
	return b.String(), nil
}

const ledgerIntroduction = `# The ledger

<!-- Made by ` + "`make docs`" + ` from internal/ledger/account.go and by running internal/order. Change the code, not this page. -->

This page is made by running the machine on small examples; a test fails when it is stale. Which row posts
what is in [states.md](states.md).

A posting moves an amount of one asset from one account to another, so an entry that does not balance cannot
be written. An account's name is its book and its role: ` + "`owed/m1/order/in`" + `. The book says who holds the money:

- ` + "`wallet/<merchant>`" + `: a record of what lies in a wallet that the merchant holds. It is never the source of a
  delivery, a hold or a refund.
- ` + "`owed/<merchant>`" + `: what the operator owes the merchant, backed by the house's bank accounts and wallets.
- ` + "`house`" + `: the operator's own.

## Roles

*Sign* is how the balance may stand once a change is complete. *Books* are those in which the kinds below and the
machine's scenarios use the role.

`

const ledgerMoments = `## Postings by order kind

Each section is one kind of order, named by its legs, with an example of 1000 units due. All amounts are in the
asset's smallest unit. Each line is an order of its own: what it was told before, what it is told at the moment
shown, in the words of the machine's scenarios, and which row posts what then. A dash means that nothing is
posted. @901 is a value time 901 seconds after the order was created; the window closes at 900.

- **created**: the order exists.
- **seen**: the payment is seen and not final. Never posted.
- **confirmed**: the payment is final.
- **delivered**: the money reached its destination. An instant delivery is a posting of its own and comes with the
  payment: "confirmed, delivered".
- **failed**: the delivery failed for good, or the payment, or a review refused the order.
- **expired**: the deadline is over and only a part has come.
- **refunded**: money of the ended order went back to its payer.
- **returned**: the destination sent the money back after the order was completed.
- **reversed**: the payment was taken back, before and after the money was passed on. What an order collects from the
  merchant's balance is confirmed when the order is created and never seen or reversed; money of a payer that comes to
  such an order is set aside, and its reversal is shown.

`

// A section is one kind of order on the ledger's page.
type section struct{ kind, title, text string }

var sections = []section{
	{"chain to own wallet", "Chain to own wallet", "The payer pays into a wallet that the merchant holds. The books are a record only, and nothing can be sent from them."},
	{"one method to balance", "One method to balance", "One payment by one method, credited to the merchant's balance."},
	{"one method to bank", "One method to bank", "The same, sent on to a bank account. A delivery is tried twice here."},
	{"any method to balance", "Any method to balance", "The payer may try several methods; one payment must fit."},
	{"balance to bank", "Balance to bank", "A pay-out from the merchant's balance."},
	{"balance to chain", "Balance to wallet, with conversion", "The merchant's balance buys a chain's asset that is sent to a wallet. A delivery is tried three times here."},
	{"method to chain", "Method to wallet, with conversion", "The same, collected from a payer, in parts if need be."},
	{"chain to balance", "Chain to balance, with conversion", "A chain's asset is sold into the merchant's balance."},
	{"chain to bank", "Chain to bank, with conversion", "The same, sent on to a bank account. A delivery is tried twice here."},
	{"balance to other asset", "Balance to balance, with conversion", "From the merchant's balance of one asset to that of another."},
	{"balance to other merchant", "Balance to another merchant", "Without conversion or fee."},
	{"link, funds may wait", "Method to balance, completing on collection", "The order is completed as soon as it is collected; while compliance looks, its funds are withheld."},
	{"link with a referral", "The same, with a referral fee", "Who brought the order earns a share of it when it is completed, or when its funds become available."},
	{"link in another asset", "The same, with conversion", "What is withheld is what was collected: it is exchanged when it becomes available."},
	{"standing instruction", "Standing instruction", "Each arrival on an account or address that is always open is an order of its own; what is due follows the payment."},
	{"chain to fulfilment", "Chain to product, by fulfilment", "The merchant's balance is credited when the product is handed over; 5 units less are tolerated. Fulfilment is tried five times here."},
}

// A stage is one line of a kind's table: what was told before and what is told then, in the words of the
// scenarios. refused wants the last of it to be refused.
type stage struct {
	name    string
	before  []string
	told    []string
	refused bool
}

// rank sorts the stages of a kind by the first word of their names, which must be one of these.
func (s stage) rank() int {
	word, _, _ := strings.Cut(s.name, " ")
	order := []string{"created", "seen", "confirmed", "sent", "delivered", "approved", "refused", "failed", "expired", "cancelled", "returned", "refunded", "reversed"}
	return slices.Index(order, strings.TrimSuffix(word, ","))
}

// stages are those in the life of an order of these terms.
func stages(t Terms) []stage {
	create := []string{"create"}
	if t.FromBalance {
		return fromBalance(t, create)
	}
	paid := then(create, "confirmed a 1000")
	list := []stage{
		{name: "created", told: create},
		{name: "seen", before: create, told: []string{"seen a 1000"}},
		{name: "reversed before it is final", before: then(create, "seen a 1000"), told: []string{"reversed a 1000"}},
		{name: "failed, the payment", before: then(create, "seen a 1000"), told: []string{"failed a 1000"}},
		{name: "confirmed", before: create, told: []string{"confirmed a 1000"}},
	}
	if t.Instant {
		list[len(list)-1].name = "confirmed, delivered"
	}
	if !t.Whole && !t.Deadline.IsZero() {
		list = append(list, stage{name: "expired", before: then(create, "confirmed a 400"), told: []string{"tick @901"}})
	}
	done := paid
	if t.Instant {
		list = append(list, stage{name: "failed, screening refused", before: then([]string{"create screening:open"}, "confirmed a 1000"), told: []string{"refuse screening"}})
	} else {
		list = append(list, delivery(t, paid)...)
		list = append(list, stage{name: "reversed before it is sent", before: paid, told: []string{"reversed a 1000"}})
		done = then(paid, "send d", "delivered d")
	}
	if t.CompleteOnCollect {
		withheld := then(create, "flag", "confirmed a 1000")
		list = append(list,
			stage{name: "confirmed while compliance looks", before: then(create, "flag"), told: []string{"confirmed a 1000"}},
			stage{name: "approved", before: withheld, told: []string{"approve compliance"}},
			stage{name: "refused", before: withheld, told: []string{"refuse compliance"}},
			stage{name: "refunded after it was refused", before: then(withheld, "refuse compliance"), told: []string{"refund r 950 from suspense/refused", "delivered r"}},
		)
	}
	switch {
	case t.Book.IsWallet():
		list = append(list, stage{name: "refunded", before: done, told: []string{"refund r 1000 from merchant"}, refused: true})
	case t.To == t.Book.Account(ledger.Merchant):
		refund := "refund r " + t.out().Units() + t.out().Asset().Code() + " from merchant"
		list = append(list, stage{name: "refunded", before: done, told: []string{refund, "delivered r"}})
	default:
		list = append(list, stage{name: "refunded after a failure",
			before: failing(t, paid), told: []string{"refund r 1000 from suspense/extra", "delivered r"}})
	}
	return append(list, stage{name: "reversed after completion", before: done, told: []string{"reversed a 1000"}})
}

// fromBalance are the stages of an order whose payment is the merchant's own balance: it is confirmed when
// the order is created, is never reversed, and goes back there on every failure.
func fromBalance(t Terms, create []string) []stage {
	waits := []string{"create approval:open"}
	list := []stage{{name: "created, confirmed", told: create}}
	if t.Instant {
		list[0].name = "created, confirmed, delivered"
	} else {
		list = append(list, delivery(t, create)...)
	}
	list = append(list,
		stage{name: "created, a second person must approve", told: waits},
		stage{name: "failed, approval refused", before: waits, told: []string{"refuse approval"}},
		stage{name: "cancelled", before: waits, told: []string{"cancel merchant"}},
		stage{name: "seen, money of a payer", before: waits, told: []string{"seen a 400"}},
		stage{name: "confirmed, money of a payer", before: waits, told: []string{"confirmed a 400"}},
		stage{name: "reversed, money of a payer", before: then(waits, "confirmed a 400"), told: []string{"reversed a 400"}},
	)
	done := create
	if !t.Instant {
		done = then(create, "send d", "delivered d")
	}
	return append(list, stage{name: "refunded", before: done, told: []string{"refund r 1 from merchant"}, refused: true})
}

// delivery are the stages of a delivery that leaves the house, after the order is paid.
func delivery(t Terms, paid []string) []stage {
	last := failing(t, paid)
	list := []stage{
		{name: "sent", before: paid, told: []string{"send d", "sent d"}},
		{name: "delivered", before: then(paid, "send d"), told: []string{"delivered d"}},
	}
	if t.Sends > 1 {
		list = append(list, stage{name: "failed, a delivery that may be tried again", before: then(paid, "send d"), told: []string{"undelivered d"}})
	}
	return append(list,
		stage{name: "failed, the last delivery", before: last[:len(last)-1], told: last[len(last)-1:]},
		stage{name: "returned", before: then(paid, "send d", "delivered d"), told: []string{"returned d"}},
	)
}

// failing tells of as many failed deliveries as the terms allow.
func failing(t Terms, paid []string) []string {
	for i := range t.Sends {
		paid = then(paid, fmt.Sprintf("send d%d", i+1), fmt.Sprintf("undelivered d%d", i+1))
	}
	return paid
}

func then(before []string, more ...string) []string { return slices.Concat(before, more) }

// setAside are the stages of money that an order does not use.
var setAside = []stage{
	{name: "late", before: []string{"create"}, told: []string{"confirmed a 1000 @901"}},
	{name: "of another asset", before: []string{"create"}, told: []string{"confirmed a 1000USDT"}},
	{name: "does not fit", before: []string{"create"}, told: []string{"confirmed a 400"}},
	{name: "a surplus", before: []string{"create"}, told: []string{"confirmed a 1300"}},
	{name: "a second payment", before: []string{"create", "confirmed a 1000"}, told: []string{"confirmed b 1000"}},
	{name: "in time, told after the order ended", before: []string{"create", "tick @901"}, told: []string{"confirmed a 1000 @800"}},
	{name: "released to the merchant", before: []string{"create", "confirmed a 1000 @901", "tick @902"}, told: []string{"release 1000 from suspense/late"}},
	{name: "refunded", before: []string{"create", "confirmed a 1000 @901", "tick @902"}, told: []string{"refund r 1000 from suspense/late", "delivered r"}},
	{name: "reversed after it was refunded", before: []string{"create", "confirmed a 1000 @901", "tick @902", "refund r 1000 from suspense/late", "delivered r"}, told: []string{"reversed a 1000"}},
	{name: "a shortfall repaid by other money", before: []string{"create", "confirmed a 1000", "reversed a 1000"}, told: []string{"confirmed b 1000"}},
	{name: "a shortfall written off", before: []string{"create", "confirmed a 1000", "reversed a 1000"}, told: []string{"absorb 1000"}},
}

// examples runs stages and learns in which books the roles stand.
type examples struct {
	books map[ledger.Role][]string
}

func (e *examples) write(b *strings.Builder, t Terms, list []stage) error {
	b.WriteString("| moment | after | told | postings | state then |\n| --- | --- | --- | --- | --- |\n")
	for _, m := range list {
		o, _, err := run(Order{Terms: t}, m.before)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		o, postings, err := run(o, m.told)
		cell := postingsText(postings)
		switch {
		case m.refused && fault.Is(err, fault.CodeOrderStateConflict):
			cell = "refused: `" + string(fault.CodeOrderStateConflict) + "`"
		case m.refused || err != nil:
			return fmt.Errorf("%s: refused %v, error %v", m.name, m.refused, err)
		}
		e.note(postings)
		state := string(o.State)
		if o.Overlay != NoOverlay {
			state += ", " + string(o.Overlay)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", m.name, strings.Join(m.before, "; "), strings.Join(m.told, "; "), cell, state)
	}
	b.WriteString("\n")
	return nil
}

// run tells an order of one thing after another and collects the postings.
func run(o Order, told []string) (Order, []Posting, error) {
	var postings []Posting
	for i, text := range told {
		c := parseChange(o, text)
		if c.At.IsZero() {
			c.At = t0.Add(time.Duration(i+1) * time.Second)
		}
		out, err := Apply(o, c)
		if err != nil {
			return o, postings, err
		}
		o, postings = out.Order, append(postings, out.Postings...)
	}
	return o, postings, nil
}

func postingsText(postings []Posting) string {
	var lines []string
	for _, p := range postings {
		lines = append(lines, fmt.Sprintf("%s: `%s` → `%s` %s %s", p.Row, p.From, p.To, p.Amount.Units(), p.Amount.Asset().Code()))
	}
	if len(lines) == 0 {
		return "-"
	}
	return strings.Join(lines, "<br>")
}

// writeStray runs a stray payment, in the merchant's wallet book and in the house's, and its assignment.
func (e *examples) writeStray(b *strings.Builder) error {
	b.WriteString("| moment | after | told | postings |\n| --- | --- | --- | --- |\n")
	tell := func(name, kind string, changes ...string) error {
		o, _, err := run(Order{Terms: kinds[kind]}, []string{"create"})
		if err != nil {
			return err
		}
		book := o.Terms.Book
		if !book.IsWallet() {
			book = ledger.House
		}
		var stray Payment
		var postings []Posting
		for i, text := range changes {
			c := parseChange(o, text)
			c.At = at(i)
			if c.Kind == AssignIt {
				c.Payment = stray
				out, err := Apply(o, c)
				if err != nil {
					return err
				}
				postings = out.Postings
			} else {
				stray, postings, _, _ = ApplyStray(stray, c, book)
			}
			e.note(postings)
		}
		last := len(changes) - 1
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, strings.Join(changes[:last], "; "), changes[last], postingsText(postings))
		return nil
	}
	for _, kind := range []string{"chain to own wallet", "one method to balance"} {
		whose := map[bool]string{true: "in the merchant's wallet", false: "with the house"}[kinds[kind].Book.IsWallet()]
		for _, m := range []struct {
			name string
			told []string
		}{
			{"seen " + whose, []string{"seen a 1000"}},
			{"confirmed " + whose, []string{"confirmed a 1000"}},
			{"reversed " + whose, []string{"confirmed a 1000", "reversed a 1000"}},
			{"assigned to an order, " + whose, []string{"confirmed a 1000", "assign a 1000"}},
		} {
			if err := tell(m.name, kind, m.told...); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	b.WriteString("\n")
	return nil
}

// learn plays a scenario for the accounts it uses; what it refuses is refused here too.
func (e *examples) learn(sc scenario) {
	o := Order{Terms: kinds[sc.kind]}
	if sc.change != nil {
		sc.change(&o.Terms)
	}
	for text := range strings.Lines(sc.script) {
		text, _, isChange := strings.Cut(strings.TrimSpace(text), "|")
		if !isChange {
			continue
		}
		next, postings, err := run(o, []string{strings.TrimSpace(text)})
		if err == nil {
			o = next
			e.note(postings)
		}
	}
}

// note remembers in which books the roles stand.
func (e *examples) note(postings []Posting) {
	for _, p := range postings {
		for _, a := range []ledger.Account{p.From, p.To} {
			kind, _, _ := strings.Cut(string(a.Book()), "/")
			if !slices.Contains(e.books[a.Kind()], kind) {
				e.books[a.Kind()] = append(e.books[a.Kind()], kind)
			}
		}
	}
}

func (e *examples) writeRoles(b *strings.Builder) {
	b.WriteString("| role | what it means | sign | may be negative | books |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range ledger.Roles() {
		name := string(f.Role)
		if f.Role == ledger.Payer || f.Role == ledger.Payee {
			name += ":<rail>"
		}
		slices.Sort(e.books[f.Role])
		negative := "no"
		if ledger.House.Account(f.Role).MayBeNegative() {
			negative = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", name, f.Meaning, f.Sign, negative, list("", e.books[f.Role]))
	}
	b.WriteString("\n")
}
