package worker

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

const lowEvery = 30 * time.Second // between two looks at the pools

// lowEngine is what looking for low pools needs of the engine.
type lowEngine interface {
	Merchants(ctx context.Context) ([]engine.Merchant, error)
	PoolFamilies(m engine.Mode) []engine.Family
	Settings(ctx context.Context, s engine.SettingScope) (map[string]json.RawMessage, error)
	CheckPool(ctx context.Context, s engine.Scope, f engine.Family, threshold int64) (told bool, err error)
}

// Low tells merchants that their pool has fewer free addresses than they want, once each time it falls below. What was
// told is on record, so that a restart tells nothing again and of several processes one tells.
type Low struct {
	*loop
	engine  lowEngine
	tellers map[string]PoolTeller // by Scope.API
}

func newLow(c Config) *Low {
	l := &Low{loop: newLoop("low", nil, c), engine: c.Engine, tellers: map[string]PoolTeller{}}
	l.every = lowEvery
	for name, teller := range c.Tellers {
		if t, ok := teller.(PoolTeller); ok {
			l.tellers[name] = t
		}
	}
	return l
}

// Run looks at the pools until ctx ends.
func (l *Low) Run(ctx context.Context) { l.run(ctx, l.RunOnce) }

// RunOnce looks at every merchant's pools and returns how many it told of.
func (l *Low) RunOnce(ctx context.Context) (n int, err error) {
	merchants, err := l.engine.Merchants(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range merchants {
		for _, mode := range []engine.Mode{engine.Live, engine.Sandbox} {
			told, err := l.look(ctx, m.ID, mode)
			if n += told; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// look is at the pools of one merchant and mode, as each API wants it.
func (l *Low) look(ctx context.Context, merchant string, m engine.Mode) (n int, err error) {
	families := l.engine.PoolFamilies(m)
	if len(families) == 0 || len(l.tellers) == 0 {
		return 0, nil
	}
	settings, err := l.engine.Settings(ctx, engine.SettingScope{Merchant: merchant, Mode: m})
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(l.tellers)) {
		for _, family := range families {
			told, err := l.engine.CheckPool(ctx, engine.Scope{Merchant: merchant, Mode: m, Dialect: name}, family, l.tellers[name].LowPool(settings))
			if err != nil && !fault.Is(err, fault.CodeVersionConflict) { // another process was faster
				return n, err
			}
			if told {
				n++
			}
		}
	}
	return n, nil
}
