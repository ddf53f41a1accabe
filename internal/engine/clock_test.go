package engine_test

import (
	"context"
	"math"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/store/storetest"
)

// The sandbox's clock moves forward only, by ten years at most; the live one never. // case 86
func TestMoveClock(t *testing.T) {
	k := newKit(t)
	move := func(m engine.Mode, by time.Duration) (time.Duration, error) {
		return k.engine.MoveClock(context.Background(), m, by)
	}
	offset, err := move(engine.Sandbox, time.Hour)
	k.must(err)
	want(k, "offset", offset, time.Hour)
	k.clock.set(at(time.Minute))
	offset, err = move(engine.Sandbox, time.Second)
	k.must(err)
	want(k, "offset", offset, time.Hour+time.Second)
	offset, err = move(engine.Sandbox, time.Second) // twice in one moment
	k.must(err)
	want(k, "offset", offset, time.Hour+2*time.Second)

	k.unchanged("a refused move", func() {
		for _, by := range []time.Duration{0, -time.Second, math.MinInt64, engine.MaxClock, math.MaxInt64} {
			_, err := move(engine.Sandbox, by)
			k.wantCode(err, fault.CodeInvalidValue)
		}
		_, err := move(engine.Live, time.Hour)
		k.wantCode(err, fault.CodeForbidden)
	})
	offset, err = move(engine.Sandbox, engine.MaxClock-offset)
	k.must(err)
	want(k, "offset at its bound", offset, engine.MaxClock)
	_, err = move(engine.Sandbox, 1)
	k.wantCode(err, fault.CodeInvalidValue)

	c, err := k.engine.Clock(context.Background(), engine.Sandbox)
	k.must(err)
	want(k, "moves", len(c), 4)
	want(k, "before the first move", c.Shift(at(-time.Second)), at(-time.Second))
	want(k, "between the moves", c.Shift(at(30*time.Second)), at(30*time.Second+time.Hour))
	want(k, "after them", c.Offset(at(time.Hour)), engine.MaxClock)
	live, err := k.engine.Clock(context.Background(), engine.Live)
	k.must(err)
	want(k, "live moves", len(live), 0)
}

// Moves of many at once add up.
func TestMoveClockAtOnce(t *testing.T) {
	k := newKit(t)
	for _, err := range storetest.AtOnce(32, func(int) error {
		_, err := k.engine.MoveClock(context.Background(), engine.Sandbox, time.Minute)
		return err
	}) {
		k.must(err)
	}
	c, err := k.engine.Clock(context.Background(), engine.Sandbox)
	k.must(err)
	want(k, "offset", c.Offset(start), 32*time.Minute)
}

// An address rests on the mode's clock.
func TestMoveClockEndsRest(t *testing.T) {
	k := newKit(t)
	small := engine.Scope{Merchant: "small", Mode: engine.Sandbox, Dialect: "one"}
	k.pool(pool(small), "s", 1)
	k.order(k.ask(small, north))
	k.pass(north, at(window+time.Second))
	_, err := k.engine.Create(context.Background(), k.ask(small, north))
	k.wantCode(err, fault.CodeNoAddress)
	_, err = k.engine.MoveClock(context.Background(), engine.Sandbox, confirm+engine.Rest)
	k.must(err)
	k.sweep()
	want(k, "the second order's address", k.order(k.ask(small, north)).Instrument.Value, "s1")
}
