package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/rail"
)

const (
	checkEvery = time.Hour // between two looks for a gap
	gapLook    = 1000      // indexes beyond the last derived that are looked at
	deriveOnce = 500       // addresses of one transaction
	maxAhead   = 20_000    // free addresses kept at the most, whatever the demand
)

// Pool is a pool that addresses are derived for.
type Pool struct {
	engine.Pool
	Name  string // of its section in the config, for what operators are told
	Key   rail.Deriver
	Ahead int   // free addresses to keep
	Start int64 // the first index that may be derived
}

// stockEngine is what keeping a stock needs of the engine.
type stockEngine interface {
	DerivedNext(ctx context.Context, key string) (int64, error)
	DerivedFree(ctx context.Context, p engine.Pool, limit int) ([]string, error)
	AddDerived(ctx context.Context, p engine.Pool, key string, first int64, values []string) (int, error)
	QuarantineUnheld(ctx context.Context, p engine.Pool, values []string) error
}

// Stock keeps derived addresses of one pool ahead of the demand, so that no order waits for one.
//
// Before the first is derived, and then hourly, it looks for a gap: addresses beyond the last one derived
// that are in use on a chain. The database then does not know all that was given out, most likely because an
// older backup was restored, and deriving on would give an address of a forgotten order to a new one. So
// nothing more is derived until the operator has said where to go on.
type Stock struct {
	*loop
	engine  stockEngine
	pool    Pool
	holders []holder

	ahead   int       // free addresses to keep at present
	left    int       // free ones at the end of the last round
	checked time.Time // the last look for a gap; zero: none yet
	gap     *Gap      // under the loop's mutex
}

// Gap is what a look beyond the last derived address found.
type Gap struct {
	Next    int64 // the index that would be derived next
	Highest int64 // the highest index in use, at or beyond it
}

func stocks(c Config) (list []*Stock) {
	for _, p := range c.Pools {
		found, _ := holders(c.Rails, p.Family, p.Mode)
		list = append(list, &Stock{
			loop:   newLoop(fmt.Sprintf("stock %s", p.Name), nil, c),
			engine: c.Engine, pool: p, holders: found, ahead: p.Ahead,
		})
	}
	return list
}

// Covers says whether the loop is for a pool of that family and mode.
func (s *Stock) Covers(f engine.Family, m engine.Mode) bool {
	return s.pool.Family == f && s.pool.Mode == m
}

// Gap is the gap found by the last look; nil: none.
func (s *Stock) Gap() *Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gap
}

// Run keeps the stock until ctx ends.
func (s *Stock) Run(ctx context.Context) { s.run(ctx, s.RunOnce) }

// RunOnce fills the stock and returns how many addresses are new. A gap is an error, looked for again after
// an hour. Where no network can be asked there is none to find.
func (s *Stock) RunOnce(ctx context.Context) (n int, err error) {
	if s.checked.IsZero() || s.now().Sub(s.checked) >= checkEvery {
		if err := s.check(ctx); err != nil {
			return 0, err
		}
		s.checked, s.ahead = s.now(), max(s.pool.Ahead, s.ahead/2)
	}
	if g := s.Gap(); g != nil {
		return 0, ended{fmt.Errorf("address index %d is in use, though only those below %d were derived: was an older backup restored, "+
			"or does another wallet use this account? Nothing more is derived for this pool. Compare with the wallet, "+
			"set pools.%s.start to %d or higher in the config, and start again", g.Highest, g.Next, s.pool.Name, g.Highest+1), checkEvery}
	}
	free, err := s.engine.DerivedFree(ctx, s.pool.Pool, 2*s.ahead)
	if err != nil {
		return 0, err
	}
	if taken := s.left - len(free); taken > s.ahead/2 {
		s.ahead = min(2*s.ahead, max(maxAhead, s.pool.Ahead))
	}
	for len(free)+n < s.ahead && ctx.Err() == nil {
		added, err := s.derive(ctx, min(deriveOnce, s.ahead-len(free)-n))
		if fault.Is(err, fault.CodeVersionConflict) {
			break // another process is at it
		}
		if err != nil {
			return n, err
		}
		n += added
	}
	s.left = len(free) + n
	return n, ctx.Err()
}

// derive adds the next addresses. Those that were imported before are not new.
func (s *Stock) derive(ctx context.Context, count int) (added int, err error) {
	next, err := s.next(ctx)
	if err != nil {
		return 0, err
	}
	values, err := s.addresses(next, count)
	if err != nil {
		return 0, err
	}
	killpoint.Here("stock.derived")
	added, err = s.engine.AddDerived(ctx, s.pool.Pool, s.pool.Key.Key(), next, values)
	killpoint.Here("stock.added")
	return added, err
}

// next is the index to go on from.
func (s *Stock) next(ctx context.Context) (int64, error) {
	next, err := s.engine.DerivedNext(ctx, s.pool.Key.Key())
	return max(next, s.pool.Start), err
}

// addresses are those of count indexes from first on, "" for one that has none.
func (s *Stock) addresses(first int64, count int) ([]string, error) {
	values := make([]string, count)
	some := false
	for i := range values {
		if address, ok := s.pool.Key.Address(first + int64(i)); ok {
			values[i], some = address, true
		}
	}
	if !some {
		return nil, errors.New("the key has no address left")
	}
	return values, nil
}

// check looks for a gap, and quarantines derived addresses that no order held and that are in use.
func (s *Stock) check(ctx context.Context) error {
	if len(s.holders) == 0 {
		return nil
	}
	next, err := s.next(ctx)
	if err != nil {
		return err
	}
	beyond, err := s.addresses(next, gapLook)
	if err != nil {
		return err
	}
	free, err := s.engine.DerivedFree(ctx, s.pool.Pool, gapLook)
	if err != nil {
		return err
	}
	used, err := s.used(ctx, slices.DeleteFunc(slices.Concat(beyond, free), func(v string) bool { return v == "" }))
	if err != nil {
		return err
	}
	// What another process derived and gave out meanwhile is no gap.
	now, err := s.next(ctx)
	if err != nil {
		return err
	}
	var gap *Gap
	for i, value := range beyond {
		if index := next + int64(i); used[value] && index >= now {
			gap = &Gap{Next: now, Highest: index}
		}
	}
	s.mu.Lock()
	s.gap = gap
	s.mu.Unlock()
	free = slices.DeleteFunc(free, func(v string) bool { return !used[v] })
	if len(free) == 0 {
		return nil
	}
	s.log.Error("addresses that no order was given are in use; they are quarantined", "pool", s.pool.Name, "count", len(free), "first", free[len(free)-1])
	return s.engine.QuarantineUnheld(ctx, s.pool.Pool, free)
}

// used finds the addresses that are in use on any network.
func (s *Stock) used(ctx context.Context, values []string) (map[string]bool, error) {
	used := map[string]bool{}
	for _, h := range s.holders {
		holdings, err := h.rail.Holdings(ctx, values)
		if err != nil {
			return nil, fmt.Errorf("looking for used addresses on %s: %w", h.network, err)
		}
		for _, held := range holdings {
			if held.Used() {
				used[held.Address] = true
			}
		}
	}
	return used, nil
}
