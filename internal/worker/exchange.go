package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// exchangePage is how many deals or requotes one look finds at a time.
const exchangePage = 100

// exchangeEngine is what exchanges need of the engine.
type exchangeEngine interface {
	Requotes(ctx context.Context, m engine.Mode, now time.Time, after engine.Due, limit int) ([]engine.Due, error)
	Requote(ctx context.Context, id string) (*engine.Order, error)
	OpenDeals(ctx context.Context, m engine.Mode, now time.Time, after engine.Due, limit int) (open []engine.Due, last engine.Due, err error)
	PayDeal(ctx context.Context, id string) (*engine.Order, error)
}

// Exchange goes on with exchanges that nobody asks for again: late money that is exchanged at a new rate, and deals
// that the merchant's balance pays in parts. What there is to do is on record. Of several processes each does it: an
// order and the record it comes of are one transaction, so that the slower one finds nothing.
type Exchange struct {
	*loop
	engine exchangeEngine
}

// Run goes on until ctx ends.
func (x *Exchange) Run(ctx context.Context) { x.run(ctx, x.RunOnce) }

// RunOnce does what is due and returns how many orders it made. One that fails is in the error; the others go on.
func (x *Exchange) RunOnce(ctx context.Context) (n int, err error) {
	var failures []error
	do := func(id string, made func(context.Context, string) (*engine.Order, error)) {
		o, err := made(ctx, id)
		if err != nil && !fault.Is(err, fault.CodeVersionConflict) { // another process was faster
			failures = append(failures, fmt.Errorf("%s: %w", id, err))
		}
		if o != nil {
			n++
		}
	}
	for _, m := range engine.Modes() {
		for after := (engine.Due{}); ctx.Err() == nil; {
			page, err := x.engine.Requotes(ctx, m, x.now(), after, exchangePage)
			if err != nil {
				return n, err
			}
			for _, due := range page {
				do(due.ID, x.engine.Requote)
			}
			if len(page) < exchangePage {
				break
			}
			after = page[len(page)-1]
		}
		for after := (engine.Due{}); ctx.Err() == nil; {
			open, last, err := x.engine.OpenDeals(ctx, m, x.now(), after, exchangePage)
			if err != nil {
				return n, err
			}
			for _, due := range open {
				do(due.ID, x.engine.PayDeal)
			}
			if last.ID == "" {
				break
			}
			after = last
		}
	}
	return n, errors.Join(failures...)
}
