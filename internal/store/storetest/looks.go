package storetest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// looks: lists by state, kind, overlay and words, against a plain computation.
func looks(s *suite) {
	random := rand.New(rand.NewPCG(5, 6))
	kinds, words := []string{"", "in", "out"}, []string{"from:a_1", "to:a%1", "to:aX1", "cur:USD"}
	var all []*engine.Order
	for len(all) < 60 {
		s.update(func(tx engine.Tx) error {
			o := s.draft(tx, scopeA)
			o.Reference = strconv.Itoa(len(all) + 1)
			o.Kind = kinds[random.IntN(len(kinds))]
			o.State = []order.State{order.Waiting, order.Paid, order.Completed, order.Failed}[random.IntN(4)]
			if o.State.Terminal() && random.IntN(3) == 0 {
				o.Overlay = []order.Overlay{order.Refunding, order.Refunded}[random.IntN(2)]
			}
			for _, w := range words {
				if random.IntN(2) == 0 {
					o.Words = append(o.Words, w)
				}
			}
			all = append(all, o)
			return tx.InsertOrder(o)
		})
		s.clock.advance(time.Minute)
	}
	for _, o := range all[:8] { // a change moves an order to another look; its words stay
		change := func(o *engine.Order) { o.State, o.Overlay = order.Completed, order.Refunding }
		if err := s.save(o.ID, change); err != nil {
			s.Fatal(err)
		}
		change(o)
	}
	s.reopen()
	fits := func(f engine.Filter) func(o *engine.Order) bool {
		return func(o *engine.Order) bool {
			for _, w := range f.Words {
				if !slices.Contains(o.Words, w) {
					return false
				}
			}
			return len(f.Looks) == 0 || slices.ContainsFunc(f.Looks, func(l engine.Look) bool {
				return (l.State == "" || l.State == o.State && l.Overlay == o.Overlay) && (len(l.Kinds) == 0 || slices.Contains(l.Kinds, o.Kind))
			})
		}
	}
	created := all[20].CreatedAt
	for name, f := range map[string]engine.Filter{
		"whole states":            {Looks: []engine.Look{{State: order.Completed}, {State: order.Failed}}},
		"one whole state, since":  {Looks: []engine.Look{{State: order.Completed}}, CreatedAfter: created},
		"one whole state, before": {Looks: []engine.Look{{State: order.Completed}}, CreatedBefore: created},
		"money going back":        {Looks: []engine.Look{{State: order.Completed, Overlay: order.Refunding}, {State: order.Failed, Overlay: order.Refunding}}},
		"money gone back, of two": {Looks: []engine.Look{{State: order.Completed, Overlay: order.Refunded, Kinds: []string{"in", "out"}}}},
		"open ones of a kind":     {Looks: []engine.Look{{State: order.Waiting}, {State: order.Paid, Kinds: []string{"out"}}}},
		"a kind":                  {Looks: []engine.Look{{Kinds: []string{"in"}}}},
		"a kind that nothing is":  {Looks: []engine.Look{{Kinds: []string{"none"}}}},
		"a word":                  {Words: []string{"cur:USD"}},
		"a word with a wildcard":  {Words: []string{"to:a%1"}},
		"part of a word":          {Words: []string{"cur:US"}},
		"words and looks":         {Words: []string{"cur:USD", "from:a_1"}, Looks: []engine.Look{{State: order.Waiting}, {State: order.Completed}}},
		"everything":              {},
	} {
		f.Scope = scopeA
		for _, f.Descending = range []bool{false, true} {
			for _, f.Sort = range []engine.SortKey{engine.ByCreation, engine.ByUpdate} {
				matches := fits(f)
				bounded := func(o *engine.Order) bool {
					return matches(o) && (f.CreatedAfter.IsZero() || !o.CreatedAt.Before(f.CreatedAfter)) && (f.CreatedBefore.IsZero() || !o.CreatedAt.After(f.CreatedBefore))
				}
				compare := byNumber
				if f.Sort == engine.ByUpdate {
					compare = func(a, b *engine.Order) int { return a.UpdatedAt.Compare(b.UpdatedAt) }
				}
				s.wantList(name, f, which(all, bounded, compare, f.Descending))
			}
		}
	}
}
