package railtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"till/internal/order"
	"till/internal/rail"
)

// errUnbooked is what the suite answers a report that it does not take.
var errUnbooked = errors.New("this report is not booked")

// Watching is Collecting.Told of a rail that watches. It holds the rail to its contract on the way: a report
// that is not booked is told again, the horizon goes back only where history was replaced, and Watch ends
// with its context.
func Watching(watcher func() rail.Watcher, book *Book) func(*testing.T, rail.Cursor, func([]rail.Observation) bool) (rail.Cursor, []rail.Observation) {
	return func(t *testing.T, from rail.Cursor, enough func([]rail.Observation) bool) (rail.Cursor, []rail.Observation) {
		t.Helper()
		ctx, end := context.WithTimeout(t.Context(), patience)
		defer end()
		book.backTo(from)
		at, refused, back := from, false, false
		var seen []rail.Observation
		err := watcher().Watch(ctx, from, book, func(_ context.Context, to rail.Cursor, words []rail.Observation) error {
			if !refused && len(words) > 0 {
				refused = true
				return errUnbooked
			}
			back = back || to.Horizon.Before(at.Horizon)
			book.keep(to, words)
			at, seen = to, append(seen, words...)
			if enough(seen) {
				end()
			}
			return nil
		})
		if !enough(seen) {
			t.Fatalf("not within %s: told only %+v, then %v", patience, seen, err)
		}
		if back && !slices.ContainsFunc(seen, func(w rail.Observation) bool { return w.Rank == order.RankReversed }) {
			t.Errorf("the horizon went back, and nothing was reversed: %+v", seen)
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("watching ended with %v", err)
		}
		return at, seen
	}
}

// Book is a rail.Book that knows the instruments it is given and what the rail told up to its cursor, as the
// engine's does.
type Book struct {
	mu          sync.Mutex
	instruments []string
	reports     []report
}

type report struct {
	at    rail.Cursor
	words []rail.Observation
}

// Add makes an instrument known.
func (b *Book) Add(instrument string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.instruments = append(b.instruments, instrument)
}

func (b *Book) keep(at rail.Cursor, words []rail.Observation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, report{at, slices.Clone(words)})
}

// backTo forgets what was told behind a cursor, for cursor and words are always stored together.
func (b *Book) backTo(at rail.Cursor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.reports, func(r report) bool { return bytes.Equal(r.at.State, at.State) })
	b.reports = b.reports[:i+1]
}

// Known implements rail.Book.
func (b *Book) Known(_ context.Context, values []string) (map[string]bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := map[string]bool{}
	for _, v := range values {
		if slices.Contains(b.instruments, v) {
			known[v] = true
		}
	}
	return known, nil
}

// Few implements rail.Book.
func (b *Book) Few(_ context.Context, max int) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.instruments) > max {
		return nil, nil
	}
	return append([]string{}, b.instruments...), nil
}

// Since implements rail.Book.
func (b *Book) Since(_ context.Context, from uint64) ([]rail.Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []rail.Observation
	for _, r := range b.reports {
		all = append(all, r.words...)
	}
	var marks []rail.Mark
	told := map[string]bool{}
	for _, w := range all {
		if w.Transfer != nil || told[w.External] {
			continue
		}
		told[w.External] = true
		word, _ := last(all, w.External)
		if word.Evidence.Block >= from && (word.Rank == order.RankSeen || word.Rank == order.RankConfirmed) {
			marks = append(marks, rail.Mark{Observation: word, Confirmed: word.Rank == order.RankConfirmed})
		}
	}
	slices.SortStableFunc(marks, func(a, b rail.Mark) int { return int(a.Evidence.Block) - int(b.Evidence.Block) })
	return marks, nil
}
