package verify

import (
	"strings"

	"till/internal/engine"
	"till/internal/order"
)

// taken is the orders of an offer.
type taken struct {
	sold, open int64
	scope      engine.Scope // of the last one
}

// taking counts an order for its offer.
func (v *run) taking(o *engine.Order) {
	if o.Offer == "" {
		return
	}
	t := v.taken[o.Offer]
	if t == nil {
		t = &taken{}
		v.taken[o.Offer] = t
	}
	t.scope = o.Scope
	switch {
	case o.State == order.Completed:
		t.sold++
	case !o.State.Terminal():
		t.open++
	}
}

// offers holds every offer to its orders: what is sold and what can still be sold is counted, not added up.
func (v *run) offers() error {
	err := pages(v.Page, "", v.Offers, func(o Offer) string { return o.ID }, func(o Offer) {
		v.report.Counted.Offers++
		row := "offer " + o.ID
		if o.Record == nil {
			v.report.Add(Record, row, "cannot be read: %s", o.Unreadable)
		} else {
			v.offer(row, o)
		}
		delete(v.taken, o.ID)
	})
	for id := range v.taken {
		v.report.Add(Missing, "offer "+id, "is gone, and has orders")
	}
	return err
}

func (v *run) offer(row string, o Offer) {
	rec := o.Record
	if len(o.Columns) > 0 {
		v.report.Add(Record, row, "its columns contradict its record: %s", strings.Join(o.Columns, ", "))
	}
	have := v.taken[o.ID]
	if have == nil {
		have = &taken{scope: rec.Scope}
	}
	if rec.Sold != have.sold || rec.Taken != have.sold+have.open {
		v.report.Add(Counters, row, "says %d taken and %d sold, and its orders say %d and %d", rec.Taken, rec.Sold, have.sold+have.open, have.sold)
	}
	if have.scope != rec.Scope {
		v.report.Add(Orders, row, "its orders are of another merchant, mode or API")
	}
}
