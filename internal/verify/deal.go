package verify

import (
	"till/internal/engine"
	"till/internal/money"
)

// parts is the orders of a deal.
type parts struct {
	ids          map[string]bool // their public ids
	in, fee, out money.Amount
	scope        engine.Scope // of the last one
}

// part counts an order for its deal.
func (v *run) part(o *engine.Order) {
	if o.Deal == "" || o.Quote == nil {
		return
	}
	p := v.parts[o.Deal]
	if p == nil {
		p = &parts{ids: map[string]bool{}, in: money.Zero(o.Quote.AmountIn.Asset()), fee: money.Zero(o.Quote.AmountIn.Asset()), out: money.Zero(o.Quote.AmountOut.Asset())}
		v.parts[o.Deal] = p
	}
	if o.Terms.Due.Asset() != p.in.Asset() || o.Terms.Out.Asset() != p.out.Asset() || !o.Terms.Fee.IsZero() && o.Terms.Fee.Asset() != p.fee.Asset() {
		v.report.Add(Orders, "order "+o.ID, "it is in other assets than the quote of its deal %s", o.Deal)
		return
	}
	p.ids[o.PublicID], p.scope = true, o.Scope
	p.in, p.out = p.in.Add(o.Terms.Due), p.out.Add(o.Terms.Out)
	if !o.Terms.Fee.IsZero() {
		p.fee = p.fee.Add(o.Terms.Fee)
	}
}

// deals holds every deal to its orders: they are those it names, and sum to what is paid of its quote.
func (v *run) deals() error {
	err := pages(v.Page, "", v.Deals, func(d Deal) string { return d.ID }, func(d Deal) {
		row := "deal " + d.ID
		if d.Record == nil {
			v.report.Add(Record, row, "cannot be read: %s", d.Unreadable)
		} else {
			v.deal(row, d.Record)
		}
		delete(v.parts, d.ID)
	})
	for id := range v.parts {
		v.report.Add(Missing, "deal "+id, "is gone, and has orders")
	}
	return err
}

func (v *run) deal(row string, d *engine.Deal) {
	if err := d.Quote.Check(); err != nil {
		v.report.Add(Orders, row, "its quote is none: %v", err)
		return
	}
	have := v.parts[d.ID]
	if have == nil {
		have = &parts{in: money.Zero(d.Quote.AmountIn.Asset()), fee: money.Zero(d.Quote.AmountIn.Asset()), out: money.Zero(d.Quote.AmountOut.Asset()), scope: d.Scope}
	}
	if have.scope != d.Scope {
		v.report.Add(Orders, row, "its orders are of another merchant, mode or API")
	}
	if len(have.ids) != len(d.Orders) {
		v.report.Add(Orders, row, "it names %d orders and has %d", len(d.Orders), len(have.ids))
	}
	for _, id := range d.Orders {
		if !have.ids[id] {
			v.report.Add(Orders, row, "its order %s is gone, or of another deal", id)
		}
	}
	if !same(have.in, d.Paid) {
		v.report.Add(Orders, row, "%s are paid, and its orders take %s", d.Paid, have.in)
	}
	if d.State == engine.DealMade && (!same(have.in, d.Quote.AmountIn) || !same(have.fee, d.Quote.Fee) || !same(have.out, d.Quote.AmountOut)) {
		v.report.Add(Orders, row, "its orders sum to %s, fee %s, for %s, and its quote is %s, fee %s, for %s",
			have.in, have.fee, have.out, d.Quote.AmountIn, d.Quote.Fee, d.Quote.AmountOut)
	}
	if have.in.Cmp(d.Quote.AmountIn) > 0 || have.out.Cmp(d.Quote.AmountOut) > 0 {
		v.report.Add(Orders, row, "its orders are over more than its quote")
	}
}
