package order

import (
	"strings"
	"testing"
)

// TestDocumentIsWhole: each row stands on the page exactly once, and what its cells name is explained.
func TestDocumentIsWhole(t *testing.T) {
	page := Document()
	for _, r := range Rows() {
		if n := strings.Count(page, "\n| "+r.ID+" |"); n != 1 {
			t.Errorf("row %s stands %d times on the page", r.ID, n)
		}
		for _, g := range r.Guards {
			if strings.Count(page, "- **"+g.Name+"**: "+g.Doc+"\n") != 1 {
				t.Errorf("guard %q is not explained once", g.Name)
			}
		}
		for _, a := range r.Do {
			if strings.Count(page, "- **"+a.Name+"**: "+a.Doc+"\n") != 1 {
				t.Errorf("action %q is not explained once", a.Name)
			}
		}
	}
	for _, s := range States() {
		if !strings.Contains(page, string(s)+" --> ") || !strings.Contains(page, " --> "+string(s)+":") {
			t.Errorf("state %s is not in the picture", s)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 10 {
			t.Errorf("a row of the page has not nine cells: %s", line)
		}
	}
}
