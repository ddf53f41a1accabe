package worker

import (
	"context"
	"time"

	"till/internal/rail"
)

const (
	tendEvery   = 3 * time.Second
	tendTimeout = time.Minute // of one round
)

// tendEngine is what looking after transfers needs of the engine.
type tendEngine interface {
	TransfersTold(ctx context.Context, r rail.Name, words []rail.Word) error
}

// Tend looks after the transfers of one rail on their way, and books what it hears of them. What it hears and cannot
// book is found again by [Deliver].
type Tend struct {
	*loop
	engine tendEngine
	sender rail.Tender
}

func newTend(c Config, s rail.Tender) *Tend {
	t := &Tend{loop: newLoop("tend "+string(s.Name()), nil, c), engine: c.Engine, sender: s}
	t.every = tendEvery
	return t
}

// Run looks after them until ctx ends.
func (t *Tend) Run(ctx context.Context) { t.run(ctx, t.RunOnce) }

// RunOnce does what is due and returns how many transfers have ended. What was found out before something went wrong is
// booked all the same.
func (t *Tend) RunOnce(ctx context.Context) (int, error) {
	within, cancel := context.WithTimeout(ctx, tendTimeout)
	defer cancel()
	words, err := t.sender.Tend(within)
	if len(words) == 0 {
		return 0, err
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if told := t.engine.TransfersTold(saving, t.sender.Name(), words); told != nil {
		return 0, told
	}
	return len(words), err
}
