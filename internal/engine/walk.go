package engine

import (
	"context"
	"time"
)

// OrderRange is a scope's orders of a period, as they are numbered: which ones they are is fixed, whatever is made
// afterwards. First is above Last where there are none.
type OrderRange struct {
	Scope       Scope
	First, Last int64
}

// Len is how many orders there are.
func (r OrderRange) Len() int64 { return max(0, r.Last-r.First+1) }

// walkPage is how many orders a walk reads at once.
const walkPage = 500

// OrderRange finds the orders of a scope that were made from one moment to another, both included; a zero one is no end.
func (e *Engine) OrderRange(ctx context.Context, s Scope, from, to time.Time) (r OrderRange, err error) {
	r.Scope = s
	err = e.store.View(ctx, func(rd Reader) error {
		r.First, r.Last, err = rd.OrderNumbers(s, from, to)
		return err
	})
	return r, err
}

// EachOrder gives every order of a range to do, the oldest first, as it is by then, without its entries and events. It
// reads page by page and holds no view of the database while do works, however slow that is. It ends at do's first
// error, which it returns.
func (e *Engine) EachOrder(ctx context.Context, r OrderRange, do func(o *Order) error) error {
	for next := r.First; next <= r.Last; {
		var list []Order
		err := e.store.View(ctx, func(rd Reader) (err error) {
			list, err = rd.OrdersNumbered(r.Scope, next, min(r.Last, next+walkPage-1))
			return err
		})
		if err != nil {
			return err
		}
		for i := range list {
			if err := do(&list[i]); err != nil {
				return err
			}
		}
		next += walkPage
	}
	return nil
}
