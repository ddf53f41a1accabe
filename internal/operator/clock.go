package operator

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) clock() {
	serve(a, huma.Operation{
		OperationID: "getClock", Method: http.MethodGet, Path: "/clock", Security: needs("clock:read"),
		Summary: "Where a mode's clock stands",
	}, a.getClock)
	serve(a, huma.Operation{
		OperationID: "advanceClock", Method: http.MethodPost, Path: "/clock", Security: needs("clock:write"),
		Summary:     "Move the sandbox's clock forward",
		Description: "Deadlines and cooldowns of the whole mode follow it. It never goes back, and the live clock cannot be moved.",
	}, a.advanceClock)
}

type clockInput struct {
	Mode string `query:"mode" required:"true" enum:"live,sandbox"`
}

func (a *api) getClock(ctx context.Context, in *clockInput) (client.Clock, error) {
	mode := engine.Mode(in.Mode)
	if err := mustSee(ctx, mode); err != nil {
		return client.Clock{}, err
	}
	moves, err := a.Engine.Clock(ctx, mode)
	if err != nil {
		return client.Clock{}, err
	}
	now := a.Now()
	return clockOf(mode, now, moves.Offset(now)), nil
}

type advanceInput struct{ Body client.ClockMove }

func (a *api) advanceClock(ctx context.Context, in *advanceInput) (client.Clock, error) {
	mode := engine.Mode(in.Body.Mode)
	if err := mustSee(ctx, mode); err != nil {
		return client.Clock{}, err
	}
	offset, err := a.as(ctx).MoveClock(ctx, mode, time.Duration(in.Body.AdvanceSeconds)*time.Second)
	if f, ok := fault.As(err); ok && f.Kind == fault.Invalid {
		err = f.On("advanceSeconds")
	}
	if err != nil {
		return client.Clock{}, err
	}
	return clockOf(mode, a.Now(), offset), nil
}

func clockOf(m engine.Mode, now time.Time, offset time.Duration) client.Clock {
	return client.Clock{Mode: string(m), OffsetSeconds: int64(offset / time.Second), Now: now.Add(offset).UTC()}
}
