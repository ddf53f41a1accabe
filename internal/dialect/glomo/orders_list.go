package glomo

import (
	"context"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// orderFilter is the query of GET /orders.
type orderFilter struct {
	engine.Filter
	paging  paging
	request string // request_id
}

// decodeOrderFilter reads it. What it does not know it ignores; what it knows must be right and stand there once.
func decodeOrderFilter(rawQuery string, s engine.Scope) (f orderFilter, err error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return f, err
	}
	f.paging, f.request = q.paging(), q.Text("request_id")
	f.Filter = engine.Filter{
		Scope: s, Looks: looksOf(q.word("status", orderStatuses...), kindOrder), CreatedAfter: f.paging.from, CreatedBefore: f.paging.to,
		Sort: engine.ByCreation, Descending: true, Page: f.paging.page, Limit: f.paging.perPage,
	}
	if id := q.id("customer_id", customerID); id != "" {
		f.Words = append(f.Words, customerWord(id))
	}
	return f, q.Err()
}

// looksOf is every look of the machine that orders of a kind with a status have; "" for any status.
func looksOf(status, kind string) []engine.Look {
	if status == "" {
		return []engine.Look{{Kinds: []string{kind}}}
	}
	var looks []engine.Look
	for _, state := range order.States() {
		if projection[state] != status {
			continue
		}
		overlaid := []order.Overlay{order.NoOverlay}
		if state.Terminal() {
			overlaid = []order.Overlay{order.NoOverlay, order.Refunding, order.Refunded}
		}
		for _, refund := range overlaid {
			looks = append(looks, engine.Look{State: state, Kinds: []string{kind}, Overlay: refund})
		}
	}
	return looks
}

// findOrders is the page. There is one order at most that a request_id made.
func (d *Dialect) findOrders(ctx context.Context, f orderFilter) (engine.Page, error) {
	if f.request == "" {
		return d.engine.Orders(ctx, f.Filter)
	}
	o, err := d.engine.OrderByUnique(ctx, engine.UniqueKey{Scope: f.Scope, Key: uniqueKey(f.request)})
	switch {
	case fault.Is(err, fault.CodeNotFound):
		return engine.Page{}, nil
	case err != nil:
		return engine.Page{}, err
	case !f.fits(o):
		return engine.Page{}, nil
	}
	page := engine.Page{Total: 1}
	if f.Page == 1 {
		page.Orders = []engine.Order{*o}
	}
	return page, nil
}

// fits says whether the other filters let an order through.
func (f orderFilter) fits(o *engine.Order) bool {
	for _, word := range f.Words {
		if !slices.Contains(o.Words, word) {
			return false
		}
	}
	looks := slices.ContainsFunc(f.Looks, func(l engine.Look) bool {
		return slices.Contains(l.Kinds, o.Kind) && (l.State == "" || l.State == o.State && l.Overlay == o.Overlay)
	})
	return looks && f.paging.has(o.CreatedAt)
}
