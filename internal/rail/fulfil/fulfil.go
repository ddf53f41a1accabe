// Package fulfil is a rail whose far side is the merchant: what is delivered is no money but what was paid for. The
// merchant's server is told to hand it over, by a signed call, until it says that it is done or that it cannot be.
//
// One delivery is one whole schedule of calls. The first is made when it is sent; the others when they are due, by
// whichever process looks first, for weeks if the schedule is so long: Tend makes them. A call is answered by 2xx (it is
// done), by 4xx but 408 and 429 (it never will be), or not (it is asked again). The far side must take a repeat of the same delivery for the same: a call
// whose answer was lost is made again.
//
// What has no URL is done by hand: nobody is called, and the delivery waits for somebody's word. Who is called and what
// he is told is not known here: a Caller says it. Next to read: rail.Sender for what a rail that sends must hold.
package fulfil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"till/internal/killpoint"
	"till/internal/rail"
)

// Caller is how the far side is called.
type Caller interface {
	// Call tells the far side of a delivery to hand over what was paid. manual: nobody is called, for it is done by
	// hand. over: the delivery is none any more, and nothing is left to say. An error is no answer.
	Call(ctx context.Context, d rail.Delivery) (Answer, error)
}

// Answer is what a call brought.
type Answer struct {
	Status int           // of HTTP
	Wait   time.Duration // the far side asks for so long a pause; 0: it does not
	Manual bool          // nobody was called
	Over   bool          // there was nothing to say any more
}

// Config is what the rail is made of. All fields are required.
type Config struct {
	Name   rail.Name
	State  rail.State
	Caller Caller
	Waits  []time.Duration // between one call and the next; behind the last a delivery has failed
	Now    func() time.Time
}

// Rail is a rail.Tender.
type Rail struct{ cfg Config }

var _ rail.Tender = (*Rail)(nil)

// New makes the rail.
func New(c Config) *Rail { return &Rail{c} }

// Name implements rail.Rail.
func (r *Rail) Name() rail.Name { return r.cfg.Name }

// The rail's memory: deliveries by their ids, and when each is called again by that time.
const (
	deliveryKey = "delivery/"
	dueKey      = "due/"
)

// lease is how long a call has before another process may make it: longer than any is let take.
const lease = 2 * time.Minute

// tendAtOnce is how many calls one Tend makes.
const tendAtOnce = 50

// delivery is what is known of one.
type delivery struct {
	rail.Delivery
	Calls  int         // made or begun
	Due    time.Time   // of the next one; zero: there is none
	Status rail.Status // StatusSent while it is open
	Manual bool        `json:",omitempty"`
	Last   int         `json:",omitempty"` // the status of the last answer; 0: there was none
}

// Send implements rail.Sender: it makes the first call. A delivery that was sent before is not called again by it.
func (r *Rail) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	if d.ID == "" || d.To == "" || len(d.ID) > 128 {
		return "", fmt.Errorf("fulfil: %w: it is malformed", rail.ErrRefused)
	}
	var kept delivery
	fresh := false
	err := r.cfg.State.Update(ctx, func(m rail.Memory) error {
		kept, fresh = delivery{}, false
		known, err := load(m, d.ID, &kept)
		if err != nil {
			return err
		}
		if known && (kept.To != d.To || !kept.Amount.Equal(d.Amount)) {
			return fmt.Errorf("fulfil: %w: the id is that of another delivery", rail.ErrRefused)
		}
		if known {
			return nil
		}
		fresh = true
		kept = delivery{Delivery: d, Calls: 1, Status: rail.StatusSent}
		return kept.schedule(m, r.cfg.Now().Add(lease)) // when this process dies at the call, another one goes on
	})
	if err != nil {
		return "", err
	}
	killpoint.Here("fulfil.noted")
	if fresh {
		if kept, err = r.call(ctx, kept); err != nil {
			return "", err
		}
	}
	if kept.Status == rail.StatusFailed {
		return "", fmt.Errorf("fulfil: %w: the far side answered %d", rail.ErrRefused, kept.Last)
	}
	return ref(d), nil
}

// Lookup implements rail.Sender.
func (r *Rail) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	var kept delivery
	known := false
	err := r.cfg.State.Update(ctx, func(m rail.Memory) (err error) {
		kept = delivery{}
		known, err = load(m, d.ID, &kept)
		return err
	})
	if err != nil || !known {
		return rail.StatusNone, "", err
	}
	return kept.Status, ref(d), nil
}

// Tend implements rail.Tender: it makes the calls that are due.
func (r *Rail) Tend(ctx context.Context) (words []rail.Word, err error) {
	now := r.cfg.Now()
	due, err := r.cfg.State.List(ctx, dueKey, "", tendAtOnce)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, item := range due {
		if item.Key >= dueKey+instant(now)+"~" || ctx.Err() != nil {
			break
		}
		kept, ok, err := r.claim(ctx, item.Key, string(item.Value), now)
		if err != nil || !ok {
			failures = append(failures, err)
			continue
		}
		killpoint.Here("fulfil.claimed")
		if kept, err = r.call(ctx, kept); err != nil {
			failures = append(failures, err)
			continue
		}
		if kept.Status != rail.StatusSent {
			words = append(words, rail.Word{ID: kept.ID, Status: kept.Status, Ref: ref(kept.Delivery)})
		}
	}
	return words, errors.Join(failures...)
}

// claim takes a call that is due; ok is false where another process was faster.
func (r *Rail) claim(ctx context.Context, key, id string, now time.Time) (kept delivery, ok bool, err error) {
	err = r.cfg.State.Update(ctx, func(m rail.Memory) error {
		kept, ok = delivery{}, false
		known, err := load(m, id, &kept)
		if err != nil {
			return err
		}
		if !known || kept.Due.IsZero() || kept.dueKey() != key || kept.Due.After(now) {
			return nil
		}
		ok = true
		kept.Calls++
		return kept.schedule(m, now.Add(lease))
	})
	return kept, ok, err
}

// call makes one call, and puts on record what came of it.
func (r *Rail) call(ctx context.Context, d delivery) (delivery, error) {
	answer, callErr := r.cfg.Caller.Call(ctx, d.Delivery)
	killpoint.Here("fulfil.called")
	if ctx.Err() != nil { // it was cut off: the lease ends, and it is asked again
		return d, ctx.Err()
	}
	now := r.cfg.Now()
	next := now
	switch {
	case callErr == nil && answer.Manual:
		d.Manual, next = true, time.Time{}
	case callErr == nil && answer.Over:
		d.Status, next = rail.StatusFailed, time.Time{}
	case callErr == nil && answer.Status >= 200 && answer.Status <= 299:
		d.Status, next = rail.StatusDelivered, time.Time{}
	case callErr == nil && refuses(answer.Status), d.Calls > len(r.cfg.Waits):
		d.Status, next = rail.StatusFailed, time.Time{}
	default:
		next = now.Add(max(r.cfg.Waits[d.Calls-1], answer.Wait))
	}
	d.Last = answer.Status
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := r.cfg.State.Update(saving, func(m rail.Memory) error {
		was := delivery{}
		if _, err := load(m, d.ID, &was); err != nil {
			return err
		}
		if was.Status != rail.StatusSent || was.Calls != d.Calls { // decided meanwhile
			d = was
			return nil
		}
		d.Due = was.Due
		return d.schedule(m, next)
	})
	killpoint.Here("fulfil.recorded")
	return d, err
}

// refuses says that a status will not change when it is asked again.
func refuses(status int) bool {
	return status >= 400 && status <= 499 && status != 408 && status != 429
}

// schedule keeps a delivery with the time of its next call; the zero time is never.
func (d *delivery) schedule(m rail.Memory, next time.Time) error {
	if !d.Due.IsZero() {
		if err := m.Put(d.dueKey(), nil); err != nil {
			return err
		}
	}
	d.Due = next
	if !next.IsZero() {
		if err := m.Put(d.dueKey(), []byte(d.ID)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return m.Put(deliveryKey+d.ID, text)
}

func (d *delivery) dueKey() string { return dueKey + instant(d.Due) + "/" + d.ID }

// instant is a time as keys sort it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func load(m rail.Memory, id string, d *delivery) (known bool, err error) {
	return rail.Load(m, deliveryKey+id, d)
}

func ref(d rail.Delivery) rail.Ref { return rail.Ref("fulfil " + d.ID) }
