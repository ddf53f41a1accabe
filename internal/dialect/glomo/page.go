package glomo

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
)

// What the pay page (internal/checkout) must know of this API.

// maxTitle is how long a title may be that is shown, in code points.
const maxTitle = 200

// PageTitle is the name of the order's product, while it can be paid: it is the merchant's own text for his customer.
func (d *Dialect) PageTitle(o *engine.Order) string {
	sold := recordOf(o).Product
	if o.State.Terminal() || sold == nil {
		return ""
	}
	title := strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, sold.Name))
	if utf8.RuneCountInString(title) > maxTitle {
		title = string([]rune(title)[:maxTitle-1]) + "…"
	}
	return title
}

// PageWindow is until when the order is paid.
func (d *Dialect) PageWindow(o *engine.Order) time.Time { return o.Terms.Deadline }

// ReturnURL is nowhere: the merchant's page is around ours, and goes on by itself (checkout.js).
func (d *Dialect) ReturnURL(*engine.Order) string { return "" }
