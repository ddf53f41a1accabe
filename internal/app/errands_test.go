package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// Errands are done in the background, one that fails holds up none, what is too much is refused, and a stop breaks off what runs.
func TestErrands(t *testing.T) {
	e := startErrands(slog.New(slog.DiscardHandler))
	did := make(chan int, 2)
	for range errandsOnce + 1 { // more than there are to do them: each goes on
		e.later(func(context.Context) error { panic("an errand panics") })
	}
	for i, err := range []error{errors.New("a mail server is down"), nil} {
		if !e.later(func(context.Context) error { did <- i; return err }) {
			t.Fatal("an errand is refused")
		}
	}
	if a, b := <-did, <-did; a+b != 1 {
		t.Errorf("errands %d and %d were done", a, b)
	}
	began, ended := make(chan struct{}, errandsOnce), make(chan error, errandsOnce)
	for range errandsOnce {
		e.later(func(ctx context.Context) error {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil
		})
	}
	for range errandsOnce {
		<-began
	}
	taken := 0
	for e.later(func(context.Context) error { return nil }) {
		taken++
	}
	if taken != maxErrands {
		t.Errorf("%d errands wait", taken)
	}
	e.stop()
	for range errandsOnce {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
