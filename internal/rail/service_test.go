package rail_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"till/internal/rail"
	"till/internal/rail/railtest"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func service() (*rail.Service, rail.State) {
	state := railtest.Memory()
	return rail.NewService(state, func() time.Time { return at }, slog.New(slog.DiscardHandler), time.Millisecond), state
}

// case 63: what is not what was asked for is kept once, with the first reason, and listed page by page.
func TestUnmatched(t *testing.T) {
	s, state := service()
	for _, u := range []rail.Unmatched{{Payment: "p2", Why: "first"}, {Payment: "p1", Request: "r", Why: "second"}, {Payment: "p2", Why: "third"}, {Payment: "p3"}} {
		if err := s.KeepUnmatched(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Health().Unmatched; n != 3 {
		t.Errorf("the health says %d", n)
	}
	older := []byte(`{"session":"p4","page":"r","why":"kept by an older version"}`)
	if err := state.Update(t.Context(), func(m rail.Memory) error { return m.Put("unmatched/p4", older) }, "unmatched/p4"); err != nil {
		t.Fatal(err)
	}
	var got []rail.Unmatched
	for after := ""; ; {
		list, err := rail.ListUnmatched(t.Context(), state, after, 2)
		if err != nil || len(list) > 2 {
			t.Fatal(list, err)
		}
		if len(list) == 0 {
			break
		}
		got = append(got, list...)
		after = list[len(list)-1].Payment
	}
	want := []rail.Unmatched{{Payment: "p1", Request: "r", Why: "second", At: at}, {Payment: "p2", Why: "first", At: at}, {Payment: "p3", At: at}, {Payment: "p4", Why: "kept by an older version"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The health says what the last round said, and a nudge begins a round at once.
func TestRounds(t *testing.T) {
	s, _ := service()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	broken := errors.New("down")
	rounds := 0
	err := s.Rounds(ctx, func(context.Context) error {
		switch rounds++; rounds {
		case 1:
			return broken
		case 2:
			if h := s.Health(); h.Err != broken || !h.Since.Equal(at) {
				t.Errorf("after a round that failed: %+v", h)
			}
			return nil
		case 3:
			if h := s.Health(); h.Err != nil || !h.Since.IsZero() {
				t.Errorf("after a round that went well: %+v", h)
			}
		}
		end()
		return nil
	})
	if !errors.Is(err, context.Canceled) || rounds != 3 {
		t.Errorf("%d rounds, %v", rounds, err)
	}
}

// A watcher that would wait for hours does its next round when it is nudged.
func TestNudge(t *testing.T) {
	s := rail.NewService(railtest.Memory(), func() time.Time { return at }, slog.New(slog.DiscardHandler), 1000*time.Hour)
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	rounds := 0
	err := s.Rounds(ctx, func(context.Context) error {
		s.Nudge()
		s.Nudge()
		if rounds++; rounds == 3 {
			end()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || rounds != 3 {
		t.Errorf("%d rounds, %v", rounds, err)
	}
}
