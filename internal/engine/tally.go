package engine

import (
	"context"
	"time"

	"till/internal/money"
	"till/internal/order"
)

// Tally is what a scope's orders of one state and one asset sum up to.
type Tally struct {
	State  order.State
	Asset  money.Asset // of what is due; its network is where the order is collected
	Orders int64
	Due    money.Amount
	Seen   int64 // of how many of them money was seen
	Wait   int64 // how long that took from their creation, together, in microseconds
}

// Tally sums up the scope's orders that a filter lets through, one row for each state and asset that has any. The
// filter's sort and page are not looked at, and it must not have a reference.
//
// Errors: invalid_page, overloaded.
func (e *Engine) Tally(ctx context.Context, f Filter) ([]Tally, error) {
	var list []Tally
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.Tally(f)
		return err
	})
	return list, err
}

// FirstSeen is when money of the order's asset was first told; false when none was.
func (o *Order) FirstSeen() (at time.Time, seen bool) {
	for _, p := range o.Payments {
		if p.Amount.Asset() != o.Terms.Due.Asset() {
			continue
		}
		if !seen || p.Told.Before(at) {
			at, seen = p.Told, true
		}
	}
	return at, seen
}
