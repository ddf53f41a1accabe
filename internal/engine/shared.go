package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// shared answers the same question of many callers of one moment with one look at the database. A look shows every update that was
// acknowledged before it begins, so it answers all who asked before that, as a look of their own would have. Nothing is kept: who asks
// later is answered by a later look. The values are common to all who get them and must not be changed.
type shared[V any] struct {
	find func(ctx context.Context, ids []string) (map[string]V, error)

	mu   sync.Mutex
	next *look[V] // takes more ids; nil: the next caller begins one
}

// look is one look at the database, and what it found once done is closed.
type look[V any] struct {
	ids   []string
	done  chan struct{}
	found map[string]V
	err   error
}

var errLookEnded = errors.New("engine: a look at the database was interrupted")

// get is the zero V when nothing has the id.
func (s *shared[V]) get(ctx context.Context, id string) (V, error) {
	s.mu.Lock()
	l := s.next
	leads := l == nil
	if leads {
		l = &look[V]{done: make(chan struct{}), err: errLookEnded}
		s.next = l
	}
	l.ids = append(l.ids, id)
	s.mu.Unlock()
	if leads {
		s.lead(ctx, l)
	}
	select {
	case <-l.done:
		return l.found[id], l.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// lead gives others two chances to join, as the store's writer does, and looks for all of them, whatever becomes of the request that
// happened to be the first.
func (s *shared[V]) lead(ctx context.Context, l *look[V]) {
	defer close(l.done)
	runtime.Gosched()
	runtime.Gosched()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	l.found, l.err = s.find(Beginning(context.WithoutCancel(ctx)), l.ids)
}

// beginning is the mark in a context.
type beginning struct{}

// Beginning marks the look that a request begins with. A store need not wait until what it sees is on disk: who changes something by it is answered
// when that is, with all before it, and who only reads or is refused acts on nothing. Never for a worker, who acts on the outside.
func Beginning(ctx context.Context) context.Context {
	return context.WithValue(ctx, beginning{}, true)
}

// IsBeginning says whether a context has the mark.
func IsBeginning(ctx context.Context) bool { return ctx.Value(beginning{}) != nil }

// looks are the questions that every request of a busy merchant asks.
type looks struct {
	merchants shared[*Merchant]
	accounts  shared[*Account]
}

func newLooks(store Store) *looks {
	return &looks{
		merchants: shared[*Merchant]{find: each(store, Reader.Merchant)},
		accounts: shared[*Account]{find: each(store, func(rd Reader, id string) (*Account, error) {
			d, err := rd.Document(KindAccount, id)
			if err != nil || d == nil {
				return nil, err
			}
			return accountOf(d, d.Scope)
		})},
	}
}

// each finds every id once, in one view.
func each[V any](store Store, find func(Reader, string) (V, error)) func(context.Context, []string) (map[string]V, error) {
	return func(ctx context.Context, ids []string) (map[string]V, error) {
		var found map[string]V
		err := store.View(ctx, func(rd Reader) error {
			found = make(map[string]V, 1)
			for _, id := range ids {
				if _, known := found[id]; known {
					continue
				}
				v, err := find(rd, id)
				if err != nil {
					return err
				}
				found[id] = v
			}
			return nil
		})
		return found, err
	}
}
