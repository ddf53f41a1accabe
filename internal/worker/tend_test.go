package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"till/internal/rail"
)

// tended is a rail that finds things out of its transfers.
type tended struct {
	scripted
	words []rail.Word
	err   error
}

func (t *tended) Tend(context.Context) ([]rail.Word, error) { return t.words, t.err }

// heard is the engine's part.
type heard struct {
	words []string
	err   error
}

func (h *heard) TransfersTold(_ context.Context, r rail.Name, words []rail.Word) error {
	for _, w := range words {
		h.words = append(h.words, fmt.Sprint(r, " ", w.ID, " ", w.Status))
	}
	return h.err
}

func TestTend(t *testing.T) {
	away := errors.New("the node is away")
	for _, test := range []struct {
		words  []rail.Word
		err    error
		booked error
		n      int
		heard  string
	}{
		{nil, nil, nil, 0, "[]"},
		{nil, away, nil, 0, "[]"},
		{[]rail.Word{{ID: "t", Status: rail.StatusDelivered}}, nil, nil, 1, "[bank:scripted t delivered]"},
		{[]rail.Word{{ID: "t", Status: rail.StatusFailed}}, away, nil, 1, "[bank:scripted t failed]"},
		{[]rail.Word{{ID: "t", Status: rail.StatusFailed}}, nil, away, 0, "[bank:scripted t failed]"},
	} {
		rail, engine := &tended{words: test.words, err: test.err}, &heard{err: test.booked}
		tend := newTend(Config{Now: stands, Log: slog.New(slog.DiscardHandler)}, rail)
		tend.engine = engine
		n, err := tend.RunOnce(t.Context())
		if n != test.n || (err != nil) != (test.err != nil || test.booked != nil) || fmt.Sprint(engine.words) != test.heard {
			t.Errorf("%v, %v: %d, %v, told %v", test.words, test.err, n, err, engine.words)
		}
	}
}
