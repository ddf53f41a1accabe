package operator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/operator/client"
	"till/internal/order"
)

// timelineOf tells an order's story in words: each event with the fact behind it, each booking, each webhook
// that arrived or was given up.
func timelineOf(s engine.Story) []client.Step {
	steps := make([]client.Step, 0, len(s.Events)+len(s.Entries))
	for _, e := range s.Events {
		steps = append(steps, client.Step{
			At: e.At.UTC(), Kind: "event", Text: eventText(s.Order, e), Why: order.Explain(e.Row), Row: e.Row, State: string(e.State),
		})
	}
	for _, e := range s.Entries {
		for _, p := range e.Postings {
			steps = append(steps, client.Step{
				At: e.At.UTC(), Kind: "booking", Row: p.Row, Why: order.Explain(p.Row),
				Text: p.Amount.String() + " from " + string(p.From.Role()) + " to " + string(p.To.Role()),
			})
		}
	}
	for _, m := range s.Messages {
		if step, ok := messageStep(m); ok {
			steps = append(steps, step)
		}
	}
	// Equal times are one transaction: what happened stands before what was booked for it.
	slices.SortStableFunc(steps, func(a, b client.Step) int { return a.At.Compare(b.At) })
	return steps
}

// eventText is an event and the fact it is about.
func eventText(o *engine.Order, e engine.Event) string {
	text := e.Type
	switch f := e.Facts; {
	case f.Payment != order.PaymentKey{}:
		text += ": " + f.Amount.String() + " on " + f.Payment.Rail
		if f.Evidence.From != "" {
			text += " from " + f.Evidence.From
		}
		if f.Evidence.Tx != "" {
			text += ", transaction " + f.Evidence.Tx
		}
		if f.Evidence.Block != 0 {
			text += " in block " + strconv.FormatUint(f.Evidence.Block, 10) + ", confirmations " + strconv.FormatUint(f.Confirmations, 10)
		}
	case e.Type == "order.created" && o.Standing != "":
		text += ": an arrival at " + o.Instrument.Value + ", which is held for the reference " + strconv.Quote(o.Reference)
	case o.Chosen[f.Ref].Method != "":
		c := o.Chosen[f.Ref]
		text += ": " + c.Method + " on " + c.Network + ", paid to " + c.Instrument.Value
	case f.Ref != "":
		text += ": " + f.Ref
		if why := o.Sendings[f.Ref].Why; why != "" && e.Type == "refund.reserved" {
			text += ", because " + strconv.Quote(why)
		}
	}
	if strings.HasPrefix(e.Type, "order.") && e.Facts.Received.Sign() > 0 {
		text += ": " + e.Facts.Received.Decimal() + " of " + o.Terms.Due.String() + " is confirmed"
	}
	return text
}

func messageStep(m engine.Message) (client.Step, bool) {
	if m.State == engine.MessagePending && m.Attempts == 0 || m.State != engine.MessagePending && m.DoneAt.IsZero() {
		return client.Step{}, false
	}
	text := "webhook " + m.Type + " to endpoint " + m.EndpointID + " is " + string(m.State) + " after " + count(m.Attempts, "attempt")
	if m.LastStatus != 0 {
		text += ", last answer " + strconv.Itoa(m.LastStatus)
	}
	if m.LastError != "" {
		text += ": " + m.LastError
	}
	if m.State == engine.MessagePending {
		text += "; next at " + m.NextAt.UTC().Format(time.RFC3339)
	}
	return client.Step{At: cmp.Or(m.DoneAt, m.CreatedAt).UTC(), Kind: "webhook", Text: text}, true
}

// waitingOf says why an order is where it is and what would move it.
func waitingOf(o *engine.Order) client.Waiting {
	w := client.Waiting{Says: o.State.Meaning(), Missing: []string{}}
	say := func(parts ...string) { w.Missing = append(w.Missing, strings.Join(parts, "")) }
	if o.State.Collecting() {
		if _, _, chosen := o.Current(); !chosen && o.MayChoose() {
			say("the payer's choice of a method")
		}
		w.Missing = append(w.Missing, uncollected(o)...)
		w.Deadline, w.Then = deadlineOf(o)
	}
	if !o.State.Terminal() {
		for _, r := range o.Reviews {
			switch r.State {
			case order.ReviewDocuments:
				say("documents for ", string(r.Kind), ": ", strings.Join(r.Missing, ", "))
			case order.ReviewOpen:
				say("a decision on ", string(r.Kind))
			}
		}
	}
	if o.Approval.State == engine.ApprovalOpen {
		say("a second person's approval of the delivery: ", o.Approval.Why)
	}
	if o.State == order.Paid && !o.SendAt.IsZero() {
		say("a worker that sends it on ", string(o.Destination.Rail), ", from ", o.SendAt.UTC().Format(time.RFC3339), " on")
	}
	for _, t := range o.Transfers {
		if s := o.Sendings[t.ID]; s.Approval.State == engine.ApprovalOpen {
			say("a second person's approval of refund ", t.ID, ": ", s.Approval.Why)
			continue
		}
		if t.State.InFlight() {
			say("the outcome of ", string(t.Purpose), " ", t.ID, ", ", t.Amount.String(), " on ", t.Rail, ", which is ", string(t.State))
		}
	}
	if o.State.Terminal() {
		for _, b := range o.Balances {
			switch {
			case b.Account.Kind() == ledger.Short:
				say("a shortfall of ", b.Amount.Neg().String(), " is not covered: money that still counts covers it, or an operator absorbs it")
			case isSuspense(b.Account):
				say("an operator's decision on ", b.Amount.String(), " in ", string(b.Account.Role()), ": release it to the merchant, or refund it")
			}
		}
	}
	return w
}

// uncollected is what is missing before a collecting order is paid.
func uncollected(o *engine.Order) []string {
	var missing []string
	received, seen := o.Received(), o.Seen()
	if least := o.Terms.Due.Sub(o.Terms.Under); received.Cmp(least) < 0 {
		text := o.Terms.Due.Sub(received).String() + " of " + o.Terms.Due.String() + " is not confirmed"
		if seen.Sign() > 0 {
			text += "; " + seen.String() + " of it is seen"
		}
		missing = append(missing, text)
	}
	for _, p := range o.Payments {
		if p.Rank == order.RankSeen {
			missing = append(missing, "the confirmation of "+p.Amount.String()+" on "+p.Rail+", transaction "+cmp.Or(p.Evidence.Tx, p.External)+
				" ("+strconv.FormatUint(o.Confirmations(p), 10)+" so far)")
		}
	}
	return missing
}

// deadlineOf is the next deadline of a collecting order and what it ends.
func deadlineOf(o *engine.Order) (at *time.Time, then string) {
	t := o.Terms
	switch {
	case t.Deadline.IsZero():
		return nil, ""
	case !o.Through.After(t.Deadline):
		then = "money of a later value time does not count, and the order expires unless it is paid"
		if t.SeenWaits {
			then += " or enough is seen"
		}
		return timeOf(t.Deadline), then
	case t.SeenWaits && o.Through.Before(t.ConfirmBy):
		return timeOf(t.ConfirmBy), "the order expires unless what was seen in time is confirmed (what a reorganisation took may be mined again)"
	}
	return nil, ""
}

func isSuspense(a ledger.Account) bool { return strings.HasPrefix(string(a.Kind()), "suspense/") }

// count is "1 attempt", "2 attempts".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
