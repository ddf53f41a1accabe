package order

import "till/internal/money"

// Explain says in a sentence what a row of the table is about; "" for a row that is not in it, as one of an
// older version can be.
func Explain(row string) string {
	for _, r := range rows {
		if r.ID == row {
			return r.Doc
		}
	}
	return ""
}

// Meaning says what a state means and who acts next.
func (s State) Meaning() string {
	for _, d := range stateDocs {
		if d.state == s {
			return d.doc
		}
	}
	return ""
}

// Delivers is what one delivery of the order delivers.
func (t *Terms) Delivers() money.Amount { return t.out() }

// Seen is the money that is seen, not confirmed, and would count, in Due's asset.
func (o *Order) Seen() money.Amount { return o.seen() }
