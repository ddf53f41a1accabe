// Package sandbox is a rail whose far side is made up: it collects and delivers for methods that have none
// here, so that the whole way of an order can be tried without money. It never serves a live mode.
//
// Collecting: an order's payer pays to a reference, "SBX-" and a word. Nobody can pay there but through Pay,
// which operators and tests call. What was paid is told like any other rail's news, and told again after a
// restart.
//
// A payment may also come by itself, some time after its payer was told what to do: see wish.go.
//
// Delivering: money goes to any destination, and what becomes of it is decided by the destination alone:
//
//	ok                 delivered (as every destination is that is not listed here)
//	refuse             refused at once
//	fail               taken, and failed afterwards
//	return             delivered, and sent back afterwards
//	slow               taken, and delivered a minute later
//	unknown-then-ok    delivered, but the answer to sending it is lost
//	unknown-then-none  lost before it was taken; the second sending is delivered
//
// Destinations that are checked before they come here, such as bank accounts, cannot have these names: for them the
// same is decided by the amount, whatever its currency. See the Amount constants in send.go.
//
// This is the rail to copy for a new one: pay.go collects, send.go delivers, and railtest says what both must
// hold.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"till/internal/rail"
)

// What the engine's network of this rail is made of.
const (
	Name   rail.Name = "sandbox"
	Family           = "sandbox"
	Prefix           = "SBX-"
)

// Config is what the rail is made of.
type Config struct {
	Live  bool // the mode it is to serve; it refuses the live one
	State rail.State
	Now   func() time.Time                             // true time
	Clock func(ctx context.Context) (time.Time, error) // the time on the mode's clock; nil: Now is
	NewID func() string                                // for payments that are given no id
	Poll  time.Duration                                // how often it looks for what another process was told; 0 is a second
}

// Rail is a rail.Watcher and a rail.Taker.
type Rail struct {
	state rail.State
	now   func() time.Time
	clock func(ctx context.Context) (time.Time, error)
	newID func() string
	poll  time.Duration
	news  chan struct{} // rung when a word was written
}

var (
	_ rail.Watcher = (*Rail)(nil)
	_ rail.Taker   = (*Rail)(nil)
)

// ErrLive says that the rail was asked to serve a live mode.
var ErrLive = errors.New("sandbox: a live mode never takes simulated payments")

// New makes the rail. Error: ErrLive.
func New(c Config) (*Rail, error) {
	if c.Live {
		return nil, ErrLive
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Clock == nil {
		c.Clock = func(context.Context) (time.Time, error) { return c.Now(), nil }
	}
	return &Rail{state: c.State, now: c.Now, clock: c.Clock, newID: c.NewID, poll: c.Poll, news: make(chan struct{}, 1)}, nil
}

// Name implements rail.Rail.
func (*Rail) Name() rail.Name { return Name }

// The rail's memory: payments and transfers by their ids, and every word in the order in which it is told.
const (
	paymentKey  = "payment/"
	transferKey = "transfer/"
	wordKey     = "word/"
	lastKey     = "last" // the number of the last word
)

// wordsAtOnce is how many words one report tells.
const wordsAtOnce = 100

// Watch tells every word behind the cursor, and then each that follows. It has no horizon: it tells at once
// what there is to tell.
func (r *Rail) Watch(ctx context.Context, from rail.Cursor, _ rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	// The first report tells at least that somebody listens.
	for begun := false; ; {
		err := r.fulfil(ctx)
		var words []rail.Item
		if err == nil {
			words, err = r.words(ctx, string(from.State))
		}
		if err == nil && (len(words) > 0 || !begun) {
			to := from
			seen := make([]rail.Observation, len(words))
			for i, w := range words {
				if err := json.Unmarshal(w.Value, &seen[i]); err != nil {
					return fmt.Errorf("sandbox: the word %s cannot be read: %w", w.Key, err)
				}
				to.State = []byte(w.Key)
			}
			if err = report(ctx, to, seen); err == nil {
				from, begun = to, true
				if len(words) == wordsAtOnce {
					continue
				}
			}
		}
		if !r.wait(ctx) {
			return ctx.Err()
		}
	}
}

func (r *Rail) words(ctx context.Context, after string) ([]rail.Item, error) {
	return r.state.List(ctx, wordKey, after, wordsAtOnce)
}

// gather is how long words are left to come together: telling many at once costs little more than telling one.
const gather = 20 * time.Millisecond

// wait returns soon after the next word, or after a while, and says false when ctx has ended.
func (r *Rail) wait(ctx context.Context) bool {
	timer := time.NewTimer(r.poll)
	defer timer.Stop()
	select {
	case <-r.news:
		timer.Reset(min(gather, r.poll))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// update changes the memory and wakes the watcher.
func (r *Rail) update(ctx context.Context, fn func(rail.Memory) error, reads ...string) error {
	if err := r.state.Update(ctx, fn, reads...); err != nil {
		return err
	}
	r.ring()
	return nil
}

// ring wakes the watcher.
func (r *Rail) ring() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// tell writes a word.
func tell(m rail.Memory, word rail.Observation) error {
	text, err := m.Get(lastKey)
	if err != nil {
		return err
	}
	last := 0
	if text != nil {
		if last, err = strconv.Atoi(string(text)); err != nil {
			return fmt.Errorf("sandbox: the number of words: %w", err)
		}
	}
	if err := rail.Save(m, wordKey+fmt.Sprintf("%020d", last+1), word); err != nil {
		return err
	}
	return m.Put(lastKey, []byte(strconv.Itoa(last+1)))
}
