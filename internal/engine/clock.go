package engine

import (
	"context"
	"time"

	"till/internal/fault"
)

// MaxClock is how far the sandbox's clock can be ahead in all.
const MaxClock = 10 * 365 * 24 * time.Hour

// MoveClock moves the sandbox's clock forward by a step and returns its whole offset. The live clock
// cannot be moved.
//
// Errors: forbidden, invalid_value.
func (e *Engine) MoveClock(ctx context.Context, m Mode, by time.Duration) (time.Duration, error) {
	if m != Sandbox {
		return 0, fault.New(fault.CodeForbidden, "only the sandbox's clock can be moved")
	}
	if by <= 0 {
		return 0, fault.New(fault.CodeInvalidValue, "the clock moves forward only").On("seconds")
	}
	var offset time.Duration
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		clock, err := tx.Clock(m)
		if err != nil {
			return err
		}
		offset = clock.Offset(tx.Now()) + by
		if offset > MaxClock {
			return fault.New(fault.CodeInvalidValue, "the clock would be more than ten years ahead").On("seconds")
		}
		if err := e.act(tx, m, "clock.move", string(m), "by "+by.String()+" to "+offset.String()); err != nil {
			return err
		}
		return tx.MoveClock(m, ClockMove{At: tx.Now(), Offset: offset})
	})
	return offset, err
}

// Clock returns the moves of a mode's clock.
func (e *Engine) Clock(ctx context.Context, m Mode) (Clock, error) {
	var c Clock
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		c, err = rd.Clock(m)
		return err
	})
	return c, err
}
