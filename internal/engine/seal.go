package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"time"
)

// Seal is one link of a mode's chain. Digest is of the sealed row and the salt; Head is of the head before and
// the digest, so that one head stands for everything up to it.
type Seal struct {
	Mode   Mode
	N      int64 // counts the mode's seals from 1
	Kind   SealKind
	Ref    string // the id of the sealed row
	Salt   []byte // nil: erased with personal data of the row; what the row was can be proved no more
	Digest [32]byte
	Head   [32]byte
}

// SealKind is what is sealed.
type SealKind string

const (
	SealEntry  SealKind = "entry"
	SealEvent  SealKind = "event"
	SealAction SealKind = "action"
)

// Digest is SHA-256 over salt, kind, ref and the row's canonical bytes, each behind its length.
func Digest(salt []byte, kind SealKind, ref string, content []byte) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{salt, []byte(kind), []byte(ref), content} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}

// NextHead is SHA-256 over the head before and a digest.
func NextHead(before, digest [32]byte) [32]byte {
	return sha256.Sum256(append(before[:], digest[:]...))
}

// FirstHead is what a mode's first seal stands behind.
func FirstHead(m Mode) [32]byte { return sha256.Sum256([]byte("till seals " + string(m))) }

// Head is the last seal of a chain at some time. Kept elsewhere, it proves later that nothing before it was
// changed or cut off.
type Head struct {
	Mode Mode      `json:"mode"`
	N    int64     `json:"n"`
	Head string    `json:"head"` // lower-case hex
	At   time.Time `json:"at"`
}

// Unsealed is rows that have no seal yet, the oldest of each kind.
type Unsealed struct {
	Entries []Entry
	Events  []Event
	Actions []Action
}

// WorkLease is work that one process does at a time. The zero WorkLease was never anybody's.
type WorkLease struct {
	Name  string
	Owner string
	Fence int64 // grows with each owner
	Until time.Time
}

const (
	sealLease = "seal"
	sealing   = 30 * time.Second // how long the lease lasts; renewed at half
	saltBytes = 16
	sealBatch = 250 // seals of one transaction: a few milliseconds of the writer
)

// Modes lists every mode.
func Modes() []Mode { return []Mode{Live, Sandbox} }

// Sealer seals what is committed. Not for concurrent use.
type Sealer struct {
	engine *Engine
	owner  string // of the lease; another for each process
	random io.Reader
	fence  int64
	until  time.Time
}

// Sealer makes a sealer of one process: owner is a word no other process has, random gives salts.
func (e *Engine) Sealer(owner string, random io.Reader) *Sealer {
	return &Sealer{engine: e, owner: owner, random: random}
}

// Seal seals up to 250 rows that have no seal, whenever their ids were made, and returns how many; more says
// that there may be others. The numbers are its own: rows are committed in another order than their ids. While
// another process has the lease it does nothing. All but writing is done outside the transaction.
func (s *Sealer) Seal(ctx context.Context, now time.Time) (n int, more bool, err error) {
	list, more, err := s.unsealed(ctx)
	if err != nil || len(list) == 0 {
		return 0, false, err
	}
	if s.fence == 0 || s.until.Sub(now) < sealing/2 {
		// What was read before the lease was ours may be another's by now.
		if held, err := s.hold(ctx); err != nil || !held {
			return 0, false, err
		}
		if list, more, err = s.unsealed(ctx); err != nil {
			return 0, false, err
		}
	}
	if err := s.digest(list); err != nil {
		return 0, false, err
	}
	err = s.engine.store.Update(ctx, Keys{}, func(tx Tx) error {
		lease, err := tx.Lease(sealLease)
		if err != nil {
			return err
		}
		if lease.Owner != s.owner || lease.Fence != s.fence {
			s.fence = 0
			return errLeaseLost
		}
		return chain(tx, list)
	})
	if errors.Is(err, errLeaseLost) {
		return 0, false, nil
	}
	return len(list), more, err
}

var errLeaseLost = errors.New("another process seals now")

// hold takes or renews the lease; false while another process has it.
func (s *Sealer) hold(ctx context.Context) (held bool, err error) {
	err = s.engine.store.Update(ctx, Keys{}, func(tx Tx) error {
		held = false
		lease, err := tx.Lease(sealLease)
		if err != nil {
			return err
		}
		if lease.Owner != s.owner {
			if tx.Now().Before(lease.Until) {
				return nil
			}
			lease = WorkLease{Name: sealLease, Owner: s.owner, Fence: lease.Fence + 1}
		}
		lease.Until = tx.Now().Add(sealing)
		s.fence, s.until, held = lease.Fence, lease.Until, true
		return tx.SaveLease(lease)
	})
	return held && err == nil, err
}

// Leave gives the lease back, so that the next process need not wait for its end.
func (s *Sealer) Leave(ctx context.Context) error {
	if s.fence == 0 {
		return nil
	}
	return s.engine.store.Update(ctx, Keys{}, func(tx Tx) error {
		lease, err := tx.Lease(sealLease)
		if err != nil || lease.Owner != s.owner {
			return err
		}
		lease.Until = time.Time{}
		s.fence = 0
		return tx.SaveLease(lease)
	})
}

// unsealed reads rows to seal, in the order of their ids.
func (s *Sealer) unsealed(ctx context.Context) (list []sealed, more bool, err error) {
	var found Unsealed
	err = s.engine.store.View(ctx, func(rd Reader) error {
		var err error
		found, err = rd.Unsealed(sealBatch)
		return err
	})
	for _, e := range found.Entries {
		list = append(list, sealed{Seal{Mode: e.Mode, Kind: SealEntry, Ref: e.ID}, e.Canonical()})
	}
	for _, e := range found.Events {
		list = append(list, sealed{Seal{Mode: e.Scope.Mode, Kind: SealEvent, Ref: e.ID}, e.Canonical()})
	}
	for _, a := range found.Actions {
		list = append(list, sealed{Seal{Mode: a.Mode, Kind: SealAction, Ref: a.ID}, a.Canonical()})
	}
	slices.SortFunc(list, func(a, b sealed) int { return cmp.Compare(a.Ref, b.Ref) })
	more = len(list) >= sealBatch
	return list[:min(len(list), sealBatch)], more, err
}

// sealed is a row that is being sealed.
type sealed struct {
	Seal
	content []byte
}

func (s *Sealer) digest(list []sealed) error {
	salts := make([]byte, saltBytes*len(list))
	if _, err := io.ReadFull(s.random, salts); err != nil {
		return err
	}
	for i := range list {
		one := &list[i]
		one.Salt = salts[i*saltBytes : (i+1)*saltBytes]
		one.Digest = Digest(one.Salt, one.Kind, one.Ref, one.content)
	}
	return nil
}

// chain puts seals behind the last of their mode's chain.
func chain(tx Tx, list []sealed) error {
	last := map[Mode]Seal{}
	seals := make([]Seal, 0, len(list))
	for _, one := range list {
		before, known := last[one.Mode]
		if !known {
			var err error
			if before, err = tx.LastSeal(one.Mode); err != nil {
				return err
			}
			if before.N == 0 {
				before.Head = FirstHead(one.Mode)
			}
		}
		next := one.Seal
		next.N, next.Head = before.N+1, NextHead(before.Head, next.Digest)
		last[one.Mode] = next
		seals = append(seals, next)
	}
	return tx.AddSeals(seals)
}

// Heads is the last seal of every mode that has one.
func (e *Engine) Heads(ctx context.Context, now time.Time) ([]Head, error) {
	var list []Head
	err := e.store.View(ctx, func(rd Reader) error {
		list = nil
		for _, m := range Modes() {
			last, err := rd.LastSeal(m)
			if err != nil {
				return err
			}
			if last.N > 0 {
				list = append(list, Head{Mode: m, N: last.N, Head: hex.EncodeToString(last.Head[:]), At: now.UTC().Truncate(time.Second)})
			}
		}
		return nil
	})
	return list, err
}

// LeaseWork takes work that one process does at a time, or keeps it, for so long. It says false while another owner has it.
func (e *Engine) LeaseWork(ctx context.Context, name, owner string, until time.Duration) (mine bool, err error) {
	err = e.store.Update(ctx, Keys{}, func(tx Tx) error {
		mine = false
		lease, err := tx.Lease(name)
		if err != nil || lease.Owner != owner && lease.Until.After(tx.Now()) {
			return err
		}
		if lease.Owner != owner {
			lease = WorkLease{Name: name, Owner: owner, Fence: lease.Fence + 1}
		}
		lease.Until, mine = tx.Now().Add(until), true
		return tx.SaveLease(lease)
	})
	return mine, err
}
