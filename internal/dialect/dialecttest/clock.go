package dialecttest

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// Clock stands still at a time until it is moved.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock is a clock that stands at a time.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now is where it stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Move moves it.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// Counter is bytes that look random and are the same in every run. Two that begin at different numbers give different
// bytes; the zero Counter is ready.
type Counter struct {
	mu sync.Mutex
	n  uint64
}

// NewCounter is a Counter that begins at a number.
func NewCounter(n uint64) *Counter { return &Counter{n: n} }

// Read implements io.Reader. It never fails.
func (c *Counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for done := 0; done < len(p); {
		c.n++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, c.n))
		done += copy(p[done:], sum[:])
	}
	return len(p), nil
}
