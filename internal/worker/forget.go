package worker

import (
	"context"
	"time"

	"till/internal/engine"
)

const (
	forgetBatch = 200         // answers of one transaction: a millisecond or two of the writer
	forgetApart = time.Minute // between two looks
)

// forgetEngine is what forgetting needs of the engine.
type forgetEngine interface {
	ForgetAnswers(ctx context.Context, now time.Time, limit int) (n int, err error)
	ForgetQuotes(ctx context.Context, now time.Time, limit int) (n int, err error)
	ForgetNotifications(ctx context.Context, before time.Time, limit int) (n int, err error)
}

// Forget deletes the answers that are given no more, and notifications that were done long ago. Of several processes on one database each does it; an answer
// that another one was faster with is none's loss.
type Forget struct {
	*loop
	engine forgetEngine
	next   time.Time
}

// Run forgets until ctx ends.
func (f *Forget) Run(ctx context.Context) { f.run(ctx, f.RunOnce) }

// RunOnce deletes all that is due, in small batches, and returns how many; nothing when it looked a moment ago.
func (f *Forget) RunOnce(ctx context.Context) (n int, err error) {
	now := f.now()
	if now.Before(f.next) {
		return 0, nil
	}
	for {
		began := f.now()
		answers, err := f.engine.ForgetAnswers(ctx, now, forgetBatch)
		n += answers
		if err != nil {
			return n, err
		}
		notifications, err := f.engine.ForgetNotifications(ctx, now.Add(-engine.KeptNotifications), forgetBatch)
		n += notifications
		if err != nil {
			return n, err
		}
		quotes, err := f.engine.ForgetQuotes(ctx, now, forgetBatch)
		n += quotes
		if err != nil {
			return n, err
		}
		if max(answers, notifications, quotes) < forgetBatch || ctx.Err() != nil {
			f.next = now.Add(forgetApart)
			return n, nil
		}
		sleep(ctx, yields*f.now().Sub(began)) // orders go first
	}
}
