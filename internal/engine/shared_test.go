package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Whoever asks is answered by a look that began after he asked, so that nobody misses what was written before.
func TestSharedLookIsNeverOlderThanTheQuestion(t *testing.T) {
	var written, looks atomic.Int64
	s := &shared[int64]{find: func(_ context.Context, ids []string) (map[string]int64, error) {
		looks.Add(1)
		found := map[string]int64{}
		for _, id := range ids {
			found[id] = written.Load()
		}
		return found, nil
	}}
	const callers, rounds = 32, 200
	var asking sync.WaitGroup
	for c := range callers {
		asking.Go(func() {
			for range rounds {
				least := written.Add(1)
				got, err := s.get(t.Context(), fmt.Sprint(c%3))
				if err != nil || got < least {
					t.Errorf("got %d, %v after %d was written", got, err, least)
					return
				}
			}
		})
	}
	asking.Wait()
	if n := looks.Load(); n >= callers*rounds {
		t.Errorf("%d looks for %d questions", n, callers*rounds)
	}
}

// One look's error is told to all who share it, a look goes on when its first caller leaves, and one that panics leaves nobody waiting.
func TestSharedLookFails(t *testing.T) {
	broken := errors.New("broken")
	s := &shared[int]{find: func(context.Context, []string) (map[string]int, error) { return nil, broken }}
	if _, err := s.get(t.Context(), "a"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}

	begun, goOn := make(chan struct{}), make(chan struct{})
	s.find = func(ctx context.Context, _ []string) (map[string]int, error) {
		close(begun)
		<-goOn
		return map[string]int{"a": 1}, ctx.Err()
	}
	leaving, leave := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { _, err := s.get(leaving, "a"); answer <- err }()
	<-begun
	leave()
	close(goOn)
	if err := <-answer; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}

	s.find = func(context.Context, []string) (map[string]int, error) { panic("of the driver") }
	func() {
		defer func() { recover() }()
		s.get(t.Context(), "a")
		t.Error("the panic was swallowed")
	}()
	s.find = func(context.Context, []string) (map[string]int, error) { return map[string]int{"a": 2}, nil }
	if got, err := s.get(t.Context(), "a"); got != 2 || err != nil {
		t.Errorf("after a panic got %d, %v", got, err)
	}
}
