package order

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// A scenario is a kind of order and a script. A line of the script is one change and what it must do:
//
//	confirmed a 1000 @60 | P1 O11 O24 | completed | payment.confirmed order.paid order.completed
//
// The columns are the change, the rows that fire in order, the state after it, and the events. "-"
// instead of rows: an observation without effect. "! code": refused with that fault. Other lines:
//
//	= merchant 950, fee 50      all balances of the order that are not zero
//	~ refunding                 the overlay ("none" for none)
//	# refused                   the reason
//
// Amounts are units of Due's asset unless they name another (970CLP). @60 is 60 seconds after creation.
type scenario struct {
	name   string
	kind   string
	change func(*Terms) // what differs from the kind
	script string
}

// play runs a script on a table and returns what went wrong; fired learns the rows.
func (sc scenario) play(t table, fired map[string]bool) (problems []string) {
	o := Order{Terms: kinds[sc.kind]}
	if sc.change != nil {
		sc.change(&o.Terms)
	}
	wrong := func(line string, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s\n\t\t%s", strings.TrimSpace(line), fmt.Sprintf(format, args...)))
	}
	now := t0
	for line := range strings.Lines(sc.script) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case line[0] == '=':
			if got, want := balancesOf(o), sorted(strings.TrimSpace(line[1:])); got != want {
				wrong(line, "balances are %s", got)
			}
			continue
		case line[0] == '~':
			if got := string(o.Overlay); got != strings.Replace(strings.TrimSpace(line[1:]), "none", "", 1) {
				wrong(line, "overlay is %q", got)
			}
			continue
		case line[0] == '#':
			if got := string(o.Reason); got != strings.TrimSpace(line[1:]) {
				wrong(line, "reason is %q", got)
			}
			continue
		}
		columns := strings.Split(line, "|")
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		now = now.Add(time.Second)
		c := parseChange(o, columns[0])
		if c.At.IsZero() {
			c.At = now
		}
		out, err := t.apply(o, c)
		if code, refused := strings.CutPrefix(columns[1], "! "); refused {
			if !fault.Is(err, fault.Code(code)) {
				wrong(line, "got error %v", err)
			}
			continue
		}
		if err != nil {
			wrong(line, "got error %v", err)
			return problems
		}
		for _, r := range out.Rows {
			fired[r] = true
		}
		if got, want := strings.Join(out.Rows, " "), strings.Replace(columns[1], "-", "", 1); got != want {
			wrong(line, "rows are %s", got)
		}
		if len(columns) > 2 && columns[2] != "" && string(out.Order.State) != columns[2] {
			wrong(line, "state is %s", out.Order.State)
		}
		var events []string
		for _, e := range out.Events {
			events = append(events, e.Type)
		}
		want := ""
		if len(columns) > 3 {
			want = columns[3]
		}
		if got := strings.Join(events, " "); got != want {
			wrong(line, "events are: %s", got)
		}
		o = out.Order
	}
	return problems
}

// balancesOf writes the order's balances as a script does.
func balancesOf(o Order) string {
	var list []string
	for _, b := range o.Balances {
		name := strings.TrimPrefix(string(b.Account), string(o.Terms.Book)+"/")
		name = strings.TrimPrefix(name, "house/")
		amount := b.Amount.Units()
		if b.Amount.Asset() != o.Terms.Due.Asset() {
			amount += b.Amount.Asset().Code()
		}
		list = append(list, name+" "+amount)
	}
	return sorted(strings.Join(list, ", "))
}

func sorted(list string) string {
	if list == "" || list == "nothing" {
		return "nothing"
	}
	words := strings.Split(list, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// parseChange reads the first column of a script's line. A line it cannot read panics: it is a mistake
// in the script.
func parseChange(o Order, text string) Change {
	words := strings.Fields(text)
	c := Change{Kind: ChangeKind(words[0]), Actor: ByOperator, Who: "olga"}
	if kind, ok := payChanges[words[0]]; ok {
		c.Kind = kind
		c.Payment = Payment{PaymentKey: PaymentKey{Rail: "rail", External: words[1]}, Source: payerOf(o.Terms),
			Value: at(60), Evidence: Evidence{Tx: words[1]}}
		c.Payment.Amount = amountOf(o, words[2])
		if c.Kind == AssignIt {
			c.Payment.Booked = o.Terms.Book.Account(ledger.Stray)
		}
		for i, w := range words[3:] {
			rest := words[3:][i:]
			switch {
			case w[0] == '@':
				c.Payment.Value = moment(w)
			case w[0] == 'e' && len(w) < 4:
				c.Payment.Epoch, _ = strconv.ParseUint(w[1:], 10, 64)
			case w == "by":
				c.Payment.Attempt = rest[1]
			case w == "final":
				c.Payment.Final = true
			case w == "stranger":
				c.Payment.Stranger = true
			case w == "listed":
				c.Payment.Listed = true
			case w == "lies":
				c.Payment.Booked = ledger.Account(rest[1])
			}
		}
		return c
	}
	switch c.Kind {
	case Create:
		c.Payment.External = "order-1"
		c.Available = o.Terms.Due
		for i, w := range words[1:] {
			kind, state, isReview := strings.Cut(w, ":")
			switch {
			case w == "available":
				c.Available = amountOf(o, words[1:][i+1])
			case w == "quote":
				c.QuoteEnd = moment(words[1:][i+1])
			case w == "now":
				c.At = moment(words[1:][i+1])
			case isReview:
				c.Reviews = append(c.Reviews, Review{Kind: ReviewKind(kind), State: ReviewState(state), Maker: "max"})
			}
		}
	case Tick:
		c.Through = moment(words[1])
	case Cancel:
		c.Actor = Actor(words[1])
		c.Reason = "asked"
	case Choose, AttemptIsPending, AttemptIsLost, AttemptIsLeft, "pending":
		if c.Kind == "pending" {
			c.Kind = AttemptIsPending
		}
		c.Attempt = Attempt{ID: words[1], Method: "card"}
	case Ask, Given, Approve, Refuse:
		c.Review = ReviewKind(words[1])
		if c.Kind == Approve || c.Kind == Refuse {
			if len(words) > 2 {
				c.Who = words[2]
			}
		} else {
			c.Missing = words[2:]
		}
	case Send, Sent, Unknown, Delivered, Undelivered, ReturnedBack:
		c.Transfer.ID = words[1]
		if len(words) > 3 && words[2] == "lacks" { // delivered r lacks 100
			c.Lacks = amountOf(o, words[3])
		}
	case RefundIt: // refund r1 100 from merchant [to ACCOUNT]
		c.Transfer = Transfer{ID: words[1], Amount: amountOf(o, words[2]), Source: o.Terms.Book.Account(ledger.Role(words[4])), To: payerOf(o.Terms), Rail: "rail"}
		if len(words) > 6 {
			c.Transfer.To = ledger.Account(words[6])
		}
	case Release: // release 100 from suspense/late
		c.Amount, c.Account = amountOf(o, words[1]), o.Terms.Book.Account(ledger.Role(words[3]))
	case Absorb:
		c.Amount = amountOf(o, words[1])
	case Flag:
	default:
		panic("no such change in a script: " + text)
	}
	return c
}

var payChanges = map[string]ChangeKind{"seen": PaySeen, "failed": PayFailed, "confirmed": PayConfirmed, "reversed": PayReversed, "assign": AssignIt}

func moment(word string) time.Time {
	seconds, err := strconv.Atoi(word[1:])
	if err != nil || word[0] != '@' {
		panic("not a time in a script: " + word)
	}
	return at(seconds)
}

func amountOf(o Order, word string) money.Amount {
	digits := strings.TrimRight(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	asset := o.Terms.Due.Asset()
	if code := word[len(digits):]; code != "" {
		asset = assetsByCode[code]
	}
	amount, err := money.ParseUnits(asset, digits)
	if err != nil {
		panic(err)
	}
	return amount
}

func TestScenarios(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			for _, problem := range sc.play(rows, firedInScenarios) {
				t.Error(problem)
			}
		})
	}
}

// firedInScenarios is filled by TestScenarios and read by TestNoDeadRow.
var firedInScenarios = map[string]bool{}
