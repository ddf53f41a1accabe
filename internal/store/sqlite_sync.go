package store

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// A COMMIT of the writer puts a group into the write-ahead log and does not wait for the disk: a goroutine of its own syncs the log, for all
// groups that were committed meanwhile, while the writer computes the next one. What holds then (docs/adr/0039-synced-beside-the-writer.md):
// nobody is answered before all that he wrote, or read in his transaction, is on disk, and a view shows only what is. So whatever acts on the
// outside acts on what a loss of power leaves there.

// syncs is what the writer and the views know of the disk.
type syncs struct {
	begun   atomic.Int64 // commits that began: what a view sees is of one of these
	synced  atomic.Int64 // commits after which the log was synced, or that failed
	written int64        // commits that ended; guarded by mu
	pause   time.Duration
	sync    func() error
	lost    func(error) // what to do when the log cannot be synced

	mu      sync.Mutex
	answers []settled
	failed  bool
	over    bool
	wake    chan struct{} // there is something to sync, or it is over
	moved   chan struct{} // closed at each change of synced, and at the end
	ended   chan struct{}
}

// settled are calls that wait for the disk.
type settled struct {
	calls []*call
	err   error
	after int64 // commit
}

// startSyncs opens the log and syncs it once, for what was done before.
func startSyncs(path string, pause time.Duration, lost func(error), answer func([]*call, error)) (*syncs, error) {
	file, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	y := &syncs{sync: file.Sync, pause: pause, lost: lost, wake: make(chan struct{}, 1), moved: make(chan struct{}), ended: make(chan struct{})}
	if err := y.sync(); err != nil {
		file.Close()
		return nil, err
	}
	go func() {
		defer close(y.ended)
		defer file.Close()
		y.run(answer)
	}()
	return y, nil
}

// run syncs whenever something was committed, until stop, and answers who waits for it.
func (y *syncs) run(answer func([]*call, error)) {
	var err error // for good: a second sync may say that all is well when it is not
	for range y.wake {
		y.mu.Lock()
		upTo, over := y.written, y.over
		y.mu.Unlock()
		if err == nil && upTo > y.synced.Load() {
			time.Sleep(y.pause)
			if err = y.sync(); err != nil {
				y.lost(err)
				err = unknownCommit(err)
			}
		}
		y.mu.Lock()
		if y.failed = err != nil; !y.failed {
			y.synced.Store(upTo)
		}
		var ready []settled
		rest := y.answers[:0]
		for _, one := range y.answers {
			if one.after <= upTo || err != nil {
				ready = append(ready, one)
			} else {
				rest = append(rest, one)
			}
		}
		y.answers = rest
		close(y.moved)
		y.moved = make(chan struct{})
		y.mu.Unlock()
		for _, one := range ready {
			if err != nil {
				one.err = err
			}
			answer(one.calls, one.err)
		}
		if over {
			return
		}
	}
}

// begin is told before each COMMIT, and end after it, whatever became of it.
func (y *syncs) begin() {
	if y != nil {
		y.begun.Add(1)
	}
}

func (y *syncs) end() {
	if y == nil {
		return
	}
	y.mu.Lock()
	y.written++
	y.mu.Unlock()
	y.ring()
}

// busy is closed when the disk has done more of what was committed; nil: there is nothing to do.
func (y *syncs) busy() <-chan struct{} {
	if y == nil {
		return nil
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.failed || y.written <= y.synced.Load() {
		return nil
	}
	return y.moved
}

func (y *syncs) ring() {
	select {
	case y.wake <- struct{}{}:
	default:
	}
}

// settle answers calls, when all that was committed so far is on disk. Only the writer calls it.
func (s *Store) settle(calls []*call, err error) {
	y := s.syncs
	if y != nil && y.synced.Load() < y.begun.Load() {
		y.mu.Lock()
		y.answers = append(y.answers, settled{calls, err, y.written})
		y.mu.Unlock()
		y.ring()
		return
	}
	s.answer(calls, err)
}

// waitFor returns when a commit is on disk, with all before it.
func (s *Store) waitFor(ctx context.Context, commit int64) error {
	y := s.syncs
	for {
		y.mu.Lock()
		moved := y.moved
		y.mu.Unlock()
		if y.synced.Load() >= commit {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.brokenCh:
			return unknownCommit(s.Err())
		}
	}
}

// seeDisk makes a reader see its state now, and waits until that is on disk, unless it is only what a request begins with.
func (s *Store) seeDisk(ctx context.Context, r *session) error {
	if s.syncs == nil || engine.IsBeginning(ctx) {
		return nil
	}
	if _, err := queryMark(r, markNow); err != nil {
		return err
	}
	return s.waitFor(ctx, s.syncs.begun.Load())
}

// stop syncs what is left, answers everybody and ends.
func (y *syncs) stop() {
	y.mu.Lock()
	y.over = true
	y.mu.Unlock()
	y.ring()
	<-y.ended
}

func unknownCommit(err error) error {
	return fault.New(fault.CodeCommitUnknown, "It is not known whether the change was saved.").Retry(time.Second).Because(err)
}
