package auth

import (
	"sync"
	"time"
)

// believed is how long a key or session stays what it was when it was looked up, so that not every request reads
// the database. One that is revoked in another process is refused at most this much later; a new one works at once.
const believed = 500 * time.Millisecond

// memory keeps what was looked up for a moment. Only what is on record is kept, so that no stranger fills it, and
// what is old goes when it has doubled.
type memory[T any] struct {
	mu    sync.RWMutex
	found map[string]remembered[T]
	sweep int // as many may be there before the old ones go
	ended int // how often something was forgotten because it ended
}

type remembered[T any] struct {
	what T
	at   time.Time
}

func (m *memory[T]) get(key string, now time.Time) (T, bool) {
	m.mu.RLock()
	r, found := m.found[key]
	m.mu.RUnlock()
	if age := now.Sub(r.at); !found || age < 0 || age >= believed {
		var none T
		return none, false
	}
	return r.what, true
}

func (m *memory[T]) put(key string, what T, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, what, now)
}

// keep is put under the lock.
func (m *memory[T]) keep(key string, what T, now time.Time) {
	if m.found == nil {
		m.found = map[string]remembered[T]{}
	}
	if len(m.found) >= max(m.sweep, 256) {
		for k, r := range m.found {
			if age := now.Sub(r.at); age < 0 || age >= believed {
				delete(m.found, k)
			}
		}
		m.sweep = 2 * len(m.found)
	}
	m.found[key] = remembered[T]{what, now}
}

// begin is given to putSince when what is looked up now is there.
func (m *memory[T]) begin() (since int) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.ended
}

// putSince is put, unless something ended since: what was looked up may be what it was before.
func (m *memory[T]) putSince(since int, key string, what T, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == since {
		m.keep(key, what, now)
	}
}

// end drops what has just ended, also what somebody is looking up.
func (m *memory[T]) end(key string) {
	m.mu.Lock()
	m.ended++
	delete(m.found, key)
	m.mu.Unlock()
}

func (m *memory[T]) drop(key string) {
	m.mu.Lock()
	delete(m.found, key)
	m.mu.Unlock()
}

func (m *memory[T]) clear() {
	m.mu.Lock()
	clear(m.found)
	m.mu.Unlock()
}
