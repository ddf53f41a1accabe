package app

import (
	"context"
	"log/slog"
	"time"

	"till/internal/auth"
	"till/internal/engine"
)

// recordEvery is how often it is put on record which keys were used: about as exact as the record is.
const recordEvery = time.Minute

// keyUses puts the last use of each key on record, beside the requests.
type keyUses struct {
	engine *engine.Engine
	keys   *auth.Auth
	log    *slog.Logger
	quit   chan struct{}
	done   chan struct{}
}

func recordUses(e *engine.Engine, keys *auth.Auth, log *slog.Logger) *keyUses {
	u := &keyUses{engine: e, keys: keys, log: log, quit: make(chan struct{}), done: make(chan struct{})}
	go u.run()
	return u
}

func (u *keyUses) run() {
	defer close(u.done)
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			u.record()
		case <-u.quit:
			u.record()
			return
		}
	}
}

// record writes what was used since the last time. What fails is lost: the next use tells it again.
func (u *keyUses) record() {
	last := u.keys.Used()
	if len(last) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordEvery)
	defer cancel()
	if err := u.engine.KeysUsed(ctx, last); err != nil {
		u.log.Warn("the last use of keys is not on record", "keys", len(last), "error", err)
	}
}

// stop records what is left.
func (u *keyUses) stop() {
	close(u.quit)
	<-u.done
}
