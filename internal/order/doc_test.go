package order

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentIsWhole: each row stands on the page exactly once, what its cells name is explained, and every
// state is in a picture.
func TestDocumentIsWhole(t *testing.T) {
	page := Document()
	for _, r := range Rows() {
		if n := strings.Count(page, "\n| "+r.ID+" |"); n != 1 {
			t.Errorf("row %s stands %d times on the page", r.ID, n)
		}
		for _, g := range r.Guards {
			if strings.Count(page, "\n| "+g.Name+" | "+g.Doc+" | ") != 1 {
				t.Errorf("guard %q is not explained once", g.Name)
			}
		}
		for _, a := range r.Do {
			if strings.Count(page, "\n| "+a.Name+" | "+a.Doc+" | ") != 1 {
				t.Errorf("action %q is not explained once", a.Name)
			}
		}
		for _, event := range append(eventNames(r.Event), eventNames(r.AsideToo)...) {
			if strings.Count(page, "\n| `"+event+"` | ") != 1 {
				t.Errorf("event %q is not listed once", event)
			}
		}
	}
	for _, k := range allChanges {
		if strings.Count(page, "\n| `"+string(k)+"` | ") != 1 {
			t.Errorf("change %q is not listed once", k)
		}
	}
	for i, s := range States() {
		if stateDocs[i].state != s || strings.Count(page, "\n| `"+string(s)+"` | ") != 1 {
			t.Errorf("state %s is not explained in its place", s)
		}
	}
}

// TestDocumentKeepsTheOrderOfRows: within each part the rows stand as in the table.
func TestDocumentKeepsTheOrderOfRows(t *testing.T) {
	page := Document()
	last := map[Entity]int{}
	for _, r := range Rows() {
		at := strings.Index(page, "\n| "+r.ID+" |")
		if at < last[r.Entity] {
			t.Errorf("row %s stands above a row that the table has before it", r.ID)
		}
		last[r.Entity] = at
	}
}

// TestDocumentsTablesAreEven: a cell with a bar in it, or one too few, would break its table.
func TestDocumentsTablesAreEven(t *testing.T) {
	above := 0
	for text := range strings.Lines(Document()) {
		bars := strings.Count(text, "|")
		if strings.HasPrefix(text, "|") && above != 0 && bars != above {
			t.Errorf("%d bars under a line with %d: %s", bars, above, text)
		}
		if above = 0; strings.HasPrefix(text, "|") {
			above = bars
		}
	}
}

// TestPicturesShowEveryRow: what a row moves is an arrow with its name, and an arrow connects states that
// exist.
func TestPicturesShowEveryRow(t *testing.T) {
	arrow := regexp.MustCompile(`^    (\[\*\]|[a-z]+) --> (\[\*\]|[a-z]+)(?:: ([A-Z0-9, ]+))?\n$`)
	shown := map[string]bool{}
	states := map[Entity][]string{OfOrder: append(names(States()...), "collecting")}
	for _, r := range Rows() {
		states[r.Entity] = append(states[r.Entity], append(slices.Clone(r.From), targets(r)...)...)
	}
	for _, part := range parts {
		if part.picture == nil {
			continue
		}
		for text := range strings.Lines(part.picture()) {
			if !strings.Contains(text, "-->") {
				continue
			}
			m := arrow.FindStringSubmatch(text)
			if m == nil {
				t.Errorf("not an arrow: %s", text)
				continue
			}
			for _, s := range m[1:3] {
				if s != "[*]" && !slices.Contains(states[part.entity], s) {
					t.Errorf("%s: no such state: %s", part.title, text)
				}
			}
			for _, id := range strings.Split(m[3], ", ") {
				shown[id] = true
			}
		}
	}
	within := map[string]bool{"O14": true, "O15": true} // between the states of collecting alone
	for _, r := range Rows() {
		moves := r.To != "" && r.Entity != OfBooks
		if moves && shown[r.ID] == within[r.ID] {
			t.Errorf("row %s: in a picture %v", r.ID, shown[r.ID])
		}
	}
	for _, s := range collecting {
		if !strings.Contains(orderPicture(), "\n        "+s+"\n") {
			t.Errorf("%s is not in the box", s)
		}
	}
}
