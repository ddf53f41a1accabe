package order

import (
	"fmt"
	"slices"
	"strings"
)

// Document is the machine as a Markdown page, made from the table: a picture of the order's states, every
// row in order, and what each guard and posting means.
func Document() string {
	var b strings.Builder
	b.WriteString("# The state machine\n\nGenerated from `internal/order/table.go`; change the table, not this page.\n\n")
	b.WriteString("A change first moves the entity it names: the first row of that entity that fits, and only that one. " +
		"Then the fact rows derive the order's state until none fits, then the book rows tidy its accounts. " +
		"So a guard does not repeat what a row above it has excluded.\n\n")
	b.WriteString("A command that fits no row is refused with `order_state_conflict`. " +
		"An observation is never refused: where no row fits it has no effect.\n\n")
	writePicture(&b)
	for _, part := range parts {
		fmt.Fprintf(&b, "## %s\n\n", part.title)
		b.WriteString("| # | from | change | while the order is | guards | to | does | event | |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
		for _, r := range rows {
			if strings.HasPrefix(r.ID, part.ids) && part.takes(r) {
				writeRow(&b, r)
			}
		}
		b.WriteString("\n")
	}
	writeSets(&b)
	writeMeanings(&b)
	return b.String()
}

// parts are the sections of the page; each row stands in exactly one.
var parts = []struct {
	title string
	ids   string
	takes func(Row) bool
}{
	{"Payment: what arrived", "P", anyRow},
	{"Attempt: a method chosen by the payer", "A", anyRow},
	{"Transfer: what was sent, a delivery or a refund", "", func(r Row) bool { return r.Entity == OfTransfer }},
	{"Review: what a person must decide", "R", anyRow},
	{"Order: commands", "O", func(r Row) bool { return r.Entity == OfOrder || r.Entity == OfPayment }},
	{"Order: facts", "O", func(r Row) bool { return r.Entity == OfFact }},
	{"Books", "B", anyRow},
}

func anyRow(Row) bool { return true }

// sets are the names under which the page shows sets of order states.
var sets = []struct {
	name   string
	states []string
}{
	{"*collecting*", collecting},
	{"*live*", live},
	{"*terminal*", terminal},
	{"*standing*", standing},
	{"*any*", everywhere},
}

func writeRow(b *strings.Builder, r Row) {
	var changes, guards, actions []string
	for _, c := range r.Change {
		changes = append(changes, string(c))
	}
	for _, g := range r.Guards {
		guards = append(guards, g.Name)
	}
	for _, a := range r.Do {
		actions = append(actions, a.Name)
	}
	to := r.To
	if r.OrderTo != "" {
		to += "; order " + string(r.OrderTo)
	}
	if r.Reason != "" {
		to += " (" + string(r.Reason) + ")"
	}
	event := r.Event
	if r.AsideToo != "" {
		event += ", " + r.AsideToo + " where it does not count"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.ID, statesText(r.From), strings.Join(changes, ", "),
		statesText(r.While), strings.Join(guards, "; "), to, strings.Join(actions, "; "), strings.ReplaceAll(event, "*", "\\*"), r.Doc)
}

func statesText(states []string) string {
	for _, set := range sets {
		if slices.Equal(states, set.states) {
			return set.name
		}
	}
	return strings.Join(states, ", ")
}

// writePicture draws the ways between states: every move of a row from each of its states.
func writePicture(b *strings.Builder) {
	b.WriteString("## The order's states\n\n```mermaid\nstateDiagram-v2\n")
	for _, r := range rows {
		switch {
		case r.OrderTo != "":
			fmt.Fprintf(b, "    %s --> %s: %s\n", r.While[0], r.OrderTo, r.ID)
		case r.To == "" || r.Entity != OfOrder && r.Entity != OfFact:
		case slices.Equal(r.From, none):
			fmt.Fprintf(b, "    [*] --> %s: %s\n", r.To, r.ID)
		default:
			for _, from := range r.From {
				if from != r.To {
					fmt.Fprintf(b, "    %s --> %s: %s\n", from, r.To, r.ID)
				}
			}
		}
	}
	for _, state := range terminal {
		fmt.Fprintf(b, "    %s --> [*]\n", state)
	}
	b.WriteString("```\n\n")
}

func writeSets(b *strings.Builder) {
	b.WriteString("## Sets of states\n\n")
	for _, set := range sets {
		fmt.Fprintf(b, "- %s: %s\n", set.name, strings.Join(set.states, ", "))
	}
	b.WriteString("\n")
}

func writeMeanings(b *strings.Builder) {
	guards, actions := map[string]bool{}, map[string]bool{}
	b.WriteString("## Guards\n\n")
	for _, r := range rows {
		for _, g := range r.Guards {
			if !guards[g.Name] {
				fmt.Fprintf(b, "- **%s**: %s\n", g.Name, g.Doc)
			}
			guards[g.Name] = true
		}
	}
	b.WriteString("\n## Postings and other actions\n\n")
	for _, r := range rows {
		for _, a := range r.Do {
			if !actions[a.Name] {
				fmt.Fprintf(b, "- **%s**: %s\n", a.Name, a.Doc)
			}
			actions[a.Name] = true
		}
	}
}
