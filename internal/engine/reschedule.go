package engine

import (
	"context"
	"time"

	"till/internal/fault"
)

// Rescheduled is what of an order's times a merchant changes while it waits for its payer.
type Rescheduled struct {
	Deadline time.Time     // on the mode's clock; zero: as it was
	Every    time.Duration // how often it is reminded; 0: as it was
	Check    func(o *Order, now time.Time) error
}

// Reschedule gives an order that still collects another deadline, and other reminders. What was booked stays booked: only
// money that is told from then on is held against the new deadline. Its webhooks tell nothing of it.
//
// Errors: not_found, also for another scope's order; order_state_conflict when the order does not collect any more or its
// deadline has passed; invalid_value (deadline) for one that is not ahead; those of Check, which is called in the
// transaction with the mode's time.
func (e *Engine) Reschedule(ctx context.Context, s Scope, publicID string, r Rescheduled) (*Order, error) {
	found, err := e.Order(ctx, s, publicID)
	if err != nil {
		return nil, err
	}
	var got *Order
	err = e.update(ctx, Keys{Orders: []string{found.ID}, Clocks: []Mode{s.Mode}}, func(tx Tx) error {
		o, err := tx.Order(found.ID)
		if err != nil {
			return err
		}
		now, err := modeTime(tx, s.Mode)
		if err != nil {
			return err
		}
		got = o
		if r.Check != nil {
			if err := r.Check(o, now); err != nil {
				return err
			}
		}
		return e.reschedule(tx, o, r, now)
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (e *Engine) reschedule(tx Tx, o *Order, r Rescheduled, now time.Time) error {
	was := o.Terms.Deadline
	if !o.State.Collecting() || !was.IsZero() && !was.After(now) || o.Quote != nil && o.Quote.AmountIn.Asset() != o.Quote.AmountOut.Asset() {
		return fault.New(fault.CodeOrderStateConflict, "the order's times cannot be changed any more")
	}
	if !r.Deadline.IsZero() {
		if !r.Deadline.After(now) {
			return fault.New(fault.CodeInvalidValue, "the deadline is not ahead").On("deadline")
		}
		o.Terms.Deadline = r.Deadline
		if o.Terms.SeenWaits {
			o.Terms.ConfirmBy = r.Deadline.Add(o.Terms.ConfirmBy.Sub(was))
		}
	}
	if r.Every > 0 {
		o.Notify.Every = r.Every
	}
	if o.Notify.Every > 0 {
		from := o.CreatedAt
		if o.Notify.Told.After(from) {
			from = o.Notify.Told
		}
		if r.Every > 0 {
			from = now
		}
		o.Notify.Times = every(o.Notify.Every, from, o.Terms.Deadline)
	}
	if err := e.remindNext(tx, o, now); err != nil {
		return err
	}
	o.UpdatedAt = now
	return tx.SaveOrder(o)
}

// remindNext sets when an order reminds next, of its times.
func (e *Engine) remindNext(tx Tx, o *Order, now time.Time) error {
	for _, t := range o.Notify.Times {
		if t.After(now) {
			return tx.SaveReminder(o.ID, o.Scope.Mode, t)
		}
	}
	if at, err := tx.Reminder(o.ID); err != nil || at.IsZero() {
		return err
	}
	return tx.SaveReminder(o.ID, o.Scope.Mode, time.Time{})
}
