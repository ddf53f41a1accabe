package koywe

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/order"
)

// What the pay page (internal/checkout) must know of this API.

// maxTitle is how long a title may be that is shown, in code points.
const maxTitle = 200

// PageTitle is the order's description, while it can be paid: it is the merchant's own text for his payer.
func (d *Dialect) PageTitle(o *engine.Order) string {
	if o.State.Terminal() {
		return ""
	}
	title := strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r): // hides, or turns text around
			return -1
		}
		return r
	}, recordOf(o).Description))
	if utf8.RuneCountInString(title) > maxTitle {
		title = string([]rune(title)[:maxTitle-1]) + "…"
	}
	return title
}

// PageWindow is until when the order is paid; zero for one without an end.
func (d *Dialect) PageWindow(o *engine.Order) time.Time { return o.Terms.Deadline }

// ReturnURL is where the payer's browser goes now that the order has ended: the merchant's page for an order that was
// paid, or the one for any other end; as it was sent. "" while it can be paid, and where there is no such page.
func (d *Dialect) ReturnURL(o *engine.Order) string {
	switch {
	case o.State == order.Completed:
		return recordOf(o).SuccessURL
	case o.State.Terminal():
		return recordOf(o).FailedURL
	}
	return ""
}
