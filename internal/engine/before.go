package engine

import (
	"strings"

	"till/internal/order"
)

// An API whose words for an order's state are fewer than ours tells only when its own word changes. For that each event
// of an order with a Kind says in its details where the order stood before it.

// detailBefore is the name of the detail: the state, and behind a + the overlay where there was one.
const detailBefore = "before"

// sayBefore puts into events of one change where the order stood before each.
func sayBefore(events []Event, was order.State, overlay order.Overlay) {
	for i := range events {
		text := string(was)
		if overlay != order.NoOverlay {
			text += "+" + string(overlay)
		}
		if events[i].Facts.Details == nil {
			events[i].Facts.Details = map[string]string{}
		}
		events[i].Facts.Details[detailBefore] = text
		was, overlay = events[i].State, events[i].Overlay
	}
}

// Before is where the order stood before the event; before its creation nowhere. known is false for orders without a
// Kind.
func (ev Event) Before() (state order.State, overlay order.Overlay, known bool) {
	text, known := ev.Facts.Details[detailBefore]
	word, rest, _ := strings.Cut(text, "+")
	return order.State(word), order.Overlay(rest), known
}
