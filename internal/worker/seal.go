package worker

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"till/internal/engine"
	"till/internal/killpoint"
)

const (
	gather = 200 * time.Millisecond // between two rounds of sealing: seals share commits, and wake no disk for each change
	every  = time.Hour              // between two exports of the heads
	yields = 9                      // rests after each batch of many, in times of what it took: orders go first while there is much to seal
)

// sealer is what sealing needs of the engine.
type sealer interface {
	Seal(ctx context.Context, now time.Time) (n int, more bool, err error)
	Leave(ctx context.Context) error
}

// Seal puts every committed entry, event and action under seal, off the path of orders. Of several processes
// on one database one does it.
type Seal struct {
	*loop
	sealer sealer
}

// Run seals until ctx ends, and then leaves the work to the next process.
func (s *Seal) Run(ctx context.Context) {
	s.run(ctx, func(ctx context.Context) (int, error) {
		n, err := s.RunOnce(ctx)
		if n > 0 && err == nil {
			sleep(ctx, gather)
		}
		return n, err
	})
	if err := s.sealer.Leave(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("the lease of sealing was not given back", "error", err)
	}
}

// RunOnce seals all that has no seal and returns how many rows it sealed.
func (s *Seal) RunOnce(ctx context.Context) (n int, err error) {
	for {
		killpoint.Here("seal.batch")
		began := s.now()
		sealed, more, err := s.sealer.Seal(ctx, began)
		n += sealed
		if err != nil || !more || ctx.Err() != nil {
			return n, err
		}
		sleep(ctx, yields*s.now().Sub(began))
	}
}

// headsEngine is what exporting heads needs of the engine.
type headsEngine interface {
	Heads(ctx context.Context, now time.Time) ([]engine.Head, error)
}

// Heads writes the head of each mode's chain to a file, at the start and every hour: <folder>/<mode>-<n>.json.
// A copy of such a file kept elsewhere proves later that nothing before it was changed or cut off.
type Heads struct {
	*loop
	engine headsEngine
	folder string
	next   time.Time
}

// Run exports until ctx ends.
func (h *Heads) Run(ctx context.Context) { h.run(ctx, h.RunOnce) }

// RunOnce writes the heads when that is due, and returns how many files are new.
func (h *Heads) RunOnce(ctx context.Context) (n int, err error) {
	now := h.now()
	if now.Before(h.next) {
		return 0, nil
	}
	heads, err := h.engine.Heads(ctx, now)
	if err != nil {
		return 0, err
	}
	if len(heads) > 0 {
		if err := os.MkdirAll(h.folder, 0o700); err != nil {
			return 0, err
		}
	}
	for _, head := range heads {
		made, err := writeHead(h.folder, head)
		if err != nil {
			return n, err
		}
		if made {
			n++
		}
	}
	if len(heads) > 0 {
		h.next = now.Add(every)
	}
	return n, nil
}

// writeHead makes the file, whole or not at all; false when it is there already.
func writeHead(folder string, head engine.Head) (made bool, err error) {
	path := filepath.Join(folder, fmt.Sprintf("%s-%d.json", head.Mode, head.N))
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	text, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return false, err
	}
	part, err := os.CreateTemp(folder, ".head-*")
	if err != nil {
		return false, err
	}
	_, err = part.Write(append(text, '\n'))
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return false, errors.Join(err, os.Remove(part.Name()))
	}
	return true, nil
}

// processName is a word that no other process has.
func processName(random io.Reader) string {
	name := make([]byte, 16)
	if _, err := io.ReadFull(random, name); err != nil {
		panic("worker: no random bytes: " + err.Error())
	}
	return hex.EncodeToString(name)
}
