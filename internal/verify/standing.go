package verify

import (
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// arrived is the completed orders of a standing instruction.
type arrived struct {
	n     int64
	sums  map[money.Asset]money.Amount
	scope engine.Scope // of the last one
}

// arrival counts an order for its standing instruction.
func (v *run) arrival(o *engine.Order) {
	if o.Standing == "" || o.State != order.Completed {
		return
	}
	a := v.arrived[o.Standing]
	if a == nil {
		a = &arrived{sums: map[money.Asset]money.Amount{}}
		v.arrived[o.Standing] = a
	}
	due := o.Terms.Due
	a.n++
	a.sums[due.Asset()] = a.sums[due.Asset()].Add(due)
	a.scope = o.Scope
}

// standings holds every standing instruction to its orders and its holds.
func (v *run) standings() error {
	err := pages(v.Page, "", v.Standings, func(st Standing) string { return st.ID }, func(st Standing) {
		v.report.Counted.Standings++
		row := "standing instruction " + st.ID
		if st.Record == nil {
			v.report.Add(Record, row, "cannot be read: %s", st.Unreadable)
		} else {
			v.standing(row, st)
		}
		delete(v.arrived, st.ID)
		delete(v.bound, st.ID)
	})
	for id := range v.arrived {
		v.report.Add(Missing, "standing instruction "+id, "is gone, and has orders")
	}
	for id := range v.bound {
		v.report.Add(Missing, "standing instruction "+id, "is gone, and holds instruments")
	}
	return err
}

func (v *run) standing(row string, st Standing) {
	rec := st.Record
	if len(st.Columns) > 0 {
		v.report.Add(Record, row, "its columns contradict its record: %s", strings.Join(st.Columns, ", "))
	}
	have := v.arrived[st.ID]
	if have == nil {
		have = &arrived{sums: map[money.Asset]money.Amount{}, scope: rec.Scope.Arrivals()}
	}
	if rec.Arrivals != have.n {
		v.report.Add(Counters, row, "says %d arrivals, and %d were completed", rec.Arrivals, have.n)
	}
	if have.scope != rec.Scope.Arrivals() {
		v.report.Add(Orders, row, "its orders are of another merchant, mode or API")
	}
	for _, total := range rec.Totals {
		if sum := have.sums[total.Asset()]; !same(total, sum) {
			v.report.Add(Counters, row, "says %s in all, and its orders say %s", total, sum)
		}
		delete(have.sums, total.Asset())
	}
	for _, sum := range have.sums {
		v.report.Add(Counters, row, "knows nothing of %s that its orders say", sum)
	}
	var said []engine.Instrument
	for _, b := range rec.Bindings {
		said = append(said, b.Instrument)
		if b.N < 1 || b.N > rec.Bound {
			v.report.Add(Holds, row, "binding %d of %d", b.N, rec.Bound)
		}
	}
	holds := v.bound[st.ID]
	for _, in := range said {
		if !slices.Contains(holds, in) {
			v.report.Add(Holds, row, "says that it holds %s, and no hold says so", in.Value)
		}
	}
	for _, in := range holds {
		if !slices.Contains(said, in) {
			v.report.Add(Holds, row, "holds %s, of which it knows nothing", in.Value)
		}
	}
}
