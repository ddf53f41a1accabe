package app

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

const (
	maxErrands  = 1000 // that wait
	errandsOnce = 4    // done at the same time
	errandTime  = time.Minute
)

// errands are what requests leave to be done behind their answers: short work that may be lost, because who asked can ask again. How long it takes tells
// nobody anything.
type errands struct {
	list chan func(ctx context.Context) error
	log  *slog.Logger
	ctx  context.Context
	quit context.CancelFunc
	done chan struct{} // has one for each that does them
}

func startErrands(log *slog.Logger) *errands {
	e := &errands{list: make(chan func(ctx context.Context) error, maxErrands), log: log, done: make(chan struct{}, errandsOnce)}
	e.ctx, e.quit = context.WithCancel(context.Background())
	for range errandsOnce {
		go e.run()
	}
	return e
}

// later puts an errand on the list. It is false where too many wait.
func (e *errands) later(errand func(ctx context.Context) error) bool {
	select {
	case e.list <- errand:
		return true
	default:
		return false
	}
}

func (e *errands) run() {
	defer func() { e.done <- struct{}{} }()
	for {
		select {
		case errand := <-e.list:
			e.do(errand)
		case <-e.ctx.Done():
			return
		}
	}
}

func (e *errands) do(errand func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(e.ctx, errandTime)
	defer cancel()
	defer func() {
		if r := recover(); r != nil { // as a request's would: it ends nothing else
			e.log.Error("what a request left to be done panicked", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	if err := errand(ctx); err != nil {
		e.log.Warn("what a request left to be done failed", "error", err)
	}
}

// stop breaks off what is being done, and forgets what waits.
func (e *errands) stop() {
	e.quit()
	for range errandsOnce {
		<-e.done
	}
}
