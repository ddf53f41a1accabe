package order

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Document is the machine as a Markdown page, made from the table: for each entity a picture and every
// row in order, and what each state, change, guard, action and event means. docs/states.md is this page.
func Document() string {
	var b strings.Builder
	b.WriteString(introduction)
	writeStates(&b)
	for _, part := range parts {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", part.title, part.text)
		if part.picture != nil {
			fmt.Fprintf(&b, "```mermaid\nstateDiagram-v2\n%s```\n\n", part.picture())
		}
		writeRows(&b, part.entity)
	}
	writeChanges(&b)
	writeMeanings(&b)
	writeEvents(&b)
	return b.String()
}

const introduction = `# The state machine

<!-- Made by ` + "`make docs`" + ` from internal/order/table.go. Change the table, not this page. -->

This page is made from the table in ` + "`internal/order/table.go`" + `; a test fails when it is stale.

What can happen to an order is a **change**. A change first moves the entity that it names: of that
entity's rows the first one that fits fires, and only that one. Then the order derives its own state: the
first *fact* row that fits fires, again and again until none does. Last, the *book* rows tidy the order's
accounts in the same way, asset by asset. All of it is one step, with its postings and its events.

**The order of the rows is part of the contract.** A guard does not repeat what a row above it has excluded,
so a row can only be read with those above it.

A **command** that fits no row is refused with ` + "`order_state_conflict`" + ` and leaves no trace. An **observation** is
never refused: where no row fits it has no effect.

How an API shows these states is that API's own matter and stands in its folder.

`

// stateDocs says what each state of an order means and who acts next.
var stateDocs = []struct {
	state State
	doc   string
}{
	{Documents, "Documents are missing. The customer acts."},
	{InReview, "A decision is missing. A reviewer acts, or a second person of the merchant."},
	{Waiting, "Nothing has come. The payer acts."},
	{Seen, "Money was seen in time and is not confirmed. The collecting rail acts."},
	{Part, "Confirmed, but less than is due. The payer acts."},
	{Paid, "All is there and all is still reversible. The delivery worker acts."},
	{Held, "Compliance looks while the money is in. A reviewer acts."},
	{Delivering, "The money is on its way: the point of no return. The delivering rail acts."},
	{Completed, "It was delivered. Terminal."},
	{Expired, "Time was over before the money was there. Terminal."},
	{Cancelled, "Somebody who may do so ended it. Terminal."},
	{Failed, "A review, the only attempt or every delivery went wrong. Terminal."},
}

// sets are the names under which the page shows sets of order states; a set stands before those it holds.
var sets = []struct {
	name   string
	states []string
}{
	{"any", everywhere},
	{"standing", standing},
	{"live", live},
	{"collecting", collecting},
	{"terminal", terminal},
}

func writeStates(b *strings.Builder) {
	b.WriteString("## The states of an order\n\n| state | what it means |\n| --- | --- |\n")
	for _, s := range stateDocs {
		fmt.Fprintf(b, "| `%s` | %s |\n", s.state, s.doc)
	}
	b.WriteString("\nThe rows name sets of them:\n\n")
	for _, set := range sets {
		fmt.Fprintf(b, "- *%s*: %s\n", set.name, strings.Join(set.states, ", "))
	}
	b.WriteString("\nBeside the state stands an *overlay* of an ended order: `refunding` while a refund is in flight, " +
		"`refunded` once counted money went back and none of it is left with the merchant, at the destination, on the way there or in " +
		"suspense, and also when what was sent from the merchant's own balance came back after completion.\n\n")
}

// parts are the sections of the page, one for each entity; each row stands in exactly one.
var parts = []struct {
	title   string
	text    string
	entity  Entity
	picture func() string
}{
	{"Payment: what arrived",
		"A payment keeps the largest (epoch, rank) that its rail told, with the ranks seen, failed, confirmed, reversed in this order. " +
			"So what is told twice, or too late, or out of order needs no row.",
		OfPayment, func() string { return picture(OfPayment) }},
	{"Attempt: a method chosen by the payer", "Attempts move no money.",
		OfAttempt, func() string { return picture(OfAttempt) }},
	{"Transfer: what was sent, a delivery or a refund",
		"One machine for both. In an event `*` stands for `delivery` or `refund`; an action that is about the other one does nothing. " +
			"Only an ended order has refunds.",
		OfTransfer, func() string { return picture(OfTransfer) }},
	{"Review: what a person must decide",
		"Screening and approval come before the payment, compliance while or after the money is in. There is one review of each kind at most.",
		OfReview, func() string { return picture(OfReview) }},
	{"Order: commands", "The picture shows the commands and the facts together. " +
		"Within *collecting* the facts O14 to O18 choose the state; those ways are left out of the picture.",
		OfOrder, orderPicture},
	{"Order: facts", "Asked after every change, from the top, until none fits. A fact that is already so does not fire. " +
		"Until it is paid an order is what its payments and reviews say, so a reorganisation needs no row of its own.",
		OfFact, nil},
	{"Books", "Asked last, per asset, until none fits. They change no state and tell nothing.",
		OfBooks, nil},
}

func writeRows(b *strings.Builder, e Entity) {
	derived := e == OfFact || e == OfBooks
	header := []string{"#", "from", "change", "while the order is", "guards", "to", "actions", "event", "in words"}
	if derived {
		header = []string{"#", "from", "guards", "to", "actions", "event", "in words"}
	}
	b.WriteString(line(header) + strings.Repeat("| --- ", len(header)) + "|\n")
	for _, r := range rows {
		if r.Entity != e {
			continue
		}
		cells := []string{r.ID, statesText(r.From), list("", r.Change), statesText(r.While), guardsText(r), toText(r), actionsText(r), eventText(r), r.Doc}
		if derived {
			cells = slices.Delete(cells, 2, 4)
		}
		b.WriteString(line(cells))
	}
	b.WriteString("\n")
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// list joins words, each in the given quotes.
func list[S ~string](quote string, words []S) string {
	var all []string
	for _, w := range words {
		all = append(all, quote+string(w)+quote)
	}
	return strings.Join(all, ", ")
}

// statesText names the largest set that the states hold, and the rest one by one.
func statesText(states []string) string {
	for _, set := range sets {
		if !holds(states, set.states) {
			continue
		}
		rest := []string{"*" + set.name + "*"}
		for _, s := range states {
			if !slices.Contains(set.states, s) {
				rest = append(rest, s)
			}
		}
		return strings.Join(rest, ", ")
	}
	return strings.Join(states, ", ")
}

func holds(states, set []string) bool {
	for _, s := range set {
		if !slices.Contains(states, s) {
			return false
		}
	}
	return true
}

func guardsText(r Row) string {
	var names []string
	for _, g := range r.Guards {
		names = append(names, g.Name)
	}
	return strings.Join(names, "; ")
}

func toText(r Row) string {
	to := r.To
	if r.OrderTo != "" {
		to += "; the order: " + string(r.OrderTo)
	}
	if r.Reason != "" {
		to += " (" + string(r.Reason) + ")"
	}
	return to
}

func actionsText(r Row) string {
	var names []string
	for _, a := range r.Do {
		names = append(names, a.Name)
	}
	return strings.Join(names, "; ")
}

func eventText(r Row) string {
	if r.Event == "" {
		return ""
	}
	text := "`" + r.Event + "`"
	if r.AsideToo != "" {
		text += "; `" + r.AsideToo + "` too where it does not count"
	}
	return text
}

// way is one arrow of a picture, with the rows that go it.
type way struct{ from, to string }

// picture draws an entity's rows.
func picture(e Entity) string {
	return draw(func(add func(from, to, row string)) {
		for _, r := range rows {
			if r.Entity != e {
				continue
			}
			for _, from := range r.From {
				for _, to := range targets(r) {
					add(from, to, r.ID)
				}
			}
		}
	})
}

// targets are the states that a row leads to; of one whose change says the state, all that its guards let
// pass.
func targets(r Row) []string {
	if r.To != AsTold {
		return []string{r.To}
	}
	var all []string
	for _, state := range []ReviewState{ReviewDocuments, ReviewOpen, ReviewApproved, ReviewRefused} {
		told := &step{change: Change{Reviews: []Review{{State: state}}}}
		if !slices.ContainsFunc(r.Guards, func(g Guard) bool { return !g.ok(told) }) {
			all = append(all, string(state))
		}
	}
	return all
}

// orderPicture draws the commands, the facts and the row of a transfer that moves the order too. The states
// in which an order collects are one box, and the ways between them are left out: there the facts decide anew
// after every change.
func orderPicture() string {
	box := func(state string) string {
		if slices.Contains(collecting, state) {
			return "collecting"
		}
		return state
	}
	var inside strings.Builder
	inside.WriteString("    state collecting {\n")
	for _, s := range collecting {
		fmt.Fprintf(&inside, "        %s\n", s)
	}
	inside.WriteString("    }\n")
	return inside.String() + draw(func(add func(from, to, row string)) {
		for _, r := range rows {
			from, to := r.From, r.To
			if r.OrderTo != "" {
				from, to = r.While, string(r.OrderTo)
			} else if r.Entity != OfOrder && r.Entity != OfFact || to == "" {
				continue
			}
			for _, f := range from {
				if box(f) != box(to) {
					add(box(f), box(to), r.ID)
				}
			}
		}
		for _, s := range terminal {
			add(s, "[*]", "")
		}
	})
}

// draw writes each way once, with all its rows, in the order in which they are first added.
func draw(each func(add func(from, to, row string))) string {
	var ways []way
	labels := map[way][]string{}
	each(func(from, to, row string) {
		if from == "none" {
			from = "[*]"
		}
		w := way{from, to}
		if !slices.Contains(ways, w) {
			ways = append(ways, w)
		}
		if row != "" && !slices.Contains(labels[w], row) {
			labels[w] = append(labels[w], row)
		}
	})
	var b strings.Builder
	for _, w := range ways {
		fmt.Fprintf(&b, "    %s --> %s", w.from, w.to)
		if len(labels[w]) > 0 {
			b.WriteString(": " + strings.Join(labels[w], ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// writeChanges says for each change which rows it can fire by itself.
func writeChanges(b *strings.Builder) {
	var kinds []ChangeKind
	by := map[ChangeKind][]string{}
	for _, r := range rows {
		for _, k := range r.Change {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
			by[k] = append(by[k], r.ID)
		}
	}
	b.WriteString("## Changes\n\n| change | kind | its rows |\n| --- | --- | --- |\n")
	for _, command := range []bool{true, false} {
		kind := map[bool]string{true: "command", false: "observation"}[command]
		for _, k := range kinds {
			if k.IsCommand() == command {
				fmt.Fprintf(b, "| `%s` | %s | %s |\n", k, kind, strings.Join(by[k], ", "))
			}
		}
	}
	fmt.Fprintf(b, "| `%s` | observation | none of its own: it says up to when everything has been told, and the facts do the rest |\n\n", Tick)
}

func writeMeanings(b *strings.Builder) {
	guards, actions := meanings{}, meanings{}
	for _, r := range rows {
		for _, g := range r.Guards {
			guards.add(g.Name, g.Doc, r.ID)
		}
		for _, a := range r.Do {
			actions.add(a.Name, a.Doc, r.ID)
		}
	}
	b.WriteString("## Guards\n\nAll guards of a row must hold.\n\n")
	guards.write(b)
	b.WriteString("## Actions: postings, and two that change the terms\n\n" +
		"Accounts are named by their role; [ledger.md](ledger.md) says what each means and shows the postings of every order kind.\n\n")
	actions.write(b)
}

// meanings is a glossary in the order of first use.
type meanings struct {
	names []string
	docs  map[string]string
	rows  map[string][]string
}

func (m *meanings) add(name, doc, row string) {
	if m.docs == nil {
		m.docs, m.rows = map[string]string{}, map[string][]string{}
	}
	if !slices.Contains(m.names, name) {
		m.names = append(m.names, name)
	}
	m.docs[name] = doc
	m.rows[name] = append(m.rows[name], row)
}

func (m *meanings) write(b *strings.Builder) {
	b.WriteString("| name | in words | rows |\n| --- | --- | --- |\n")
	for _, name := range m.names {
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, m.docs[name], strings.Join(m.rows[name], ", "))
	}
	b.WriteString("\n")
}

// writeEvents lists what is told, and by which rows.
func writeEvents(b *strings.Builder) {
	by := map[string][]string{}
	for _, r := range rows {
		for _, event := range []string{r.Event, r.AsideToo} {
			for _, name := range eventNames(event) {
				by[name] = append(by[name], r.ID)
			}
		}
	}
	b.WriteString("## Events\n\nEach carries the order's state and overlay of its moment. " +
		"A change of the order's state tells exactly one `order` event.\n\n| event | rows |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(by)) {
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.Join(by[name], ", "))
	}
}

func eventNames(event string) []string {
	switch {
	case event == "":
		return nil
	case event[0] == '*':
		return []string{string(Delivery) + event[1:], string(Refund) + event[1:]}
	}
	return []string{event}
}
