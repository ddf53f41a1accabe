package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

func TestReschedule(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	day := 24 * time.Hour
	o := k.order(k.long(2*day, engine.Notify{Customer: "ana", Reminders: true, Every: day}))
	wantList(k, "times", o.Notify.Times, at(day))

	// Later, and less often: what is asked for from then on.
	o, err := k.engine.Reschedule(ctx, shop, o.PublicID, engine.Rescheduled{Deadline: at(9 * day), Every: 3 * day})
	k.must(err)
	want(k, "deadline", o.Terms.Deadline, at(9*day))
	want(k, "confirmed by", o.Terms.ConfirmBy, at(9*day+confirm))
	wantList(k, "times", o.Notify.Times, at(3*day), at(6*day))
	k.clock.set(at(day))
	want(k, "as often as before", k.remindAll(), 0)
	k.clock.set(at(3 * day))
	want(k, "as often as now", k.remindAll(), 1)
	want(k, "told", k.now(o).Notify.Told, at(3*day))
	k.pass(north, at(3*day))
	want(k, "past the first deadline", k.tick(north), 0)

	// Sooner: no reminder is left.
	o, err = k.engine.Reschedule(ctx, shop, o.PublicID, engine.Rescheduled{Deadline: at(4 * day)})
	k.must(err)
	want(k, "times", len(o.Notify.Times), 0)
	want(k, "rows", k.rowCount("reminders"), 0)

	k.unchanged("what is refused", func() {
		own := errors.New("the caller's")
		for _, test := range []struct {
			s  engine.Scope
			r  engine.Rescheduled
			is fault.Code
		}{
			{shop, engine.Rescheduled{Deadline: at(3 * day)}, fault.CodeInvalidValue},
			{other, engine.Rescheduled{Deadline: at(5 * day)}, fault.CodeNotFound},
		} {
			_, err := k.engine.Reschedule(ctx, test.s, o.PublicID, test.r)
			k.wantCode(err, test.is)
		}
		_, err := k.engine.Reschedule(ctx, shop, o.PublicID, engine.Rescheduled{Check: func(*engine.Order, time.Time) error { return own }})
		if !errors.Is(err, own) {
			t.Errorf("%v is not what the check said", err)
		}
	})

	// What ended, and what ended by the clock and was not told yet, has no times.
	k.clock.set(at(4*day + time.Second))
	_, err = k.engine.Reschedule(ctx, shop, o.PublicID, engine.Rescheduled{Deadline: at(5 * day)})
	k.wantCode(err, fault.CodeOrderStateConflict)
	k.pass(north, at(5*day))
	k.wantState(o, order.Expired)
	_, err = k.engine.Reschedule(ctx, shop, o.PublicID, engine.Rescheduled{Deadline: at(9 * day)})
	k.wantCode(err, fault.CodeOrderStateConflict)
}
