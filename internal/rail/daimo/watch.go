package daimo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"till/internal/killpoint"
	"till/internal/order"
	"till/internal/rail"
)

const (
	page  = 50
	pages = 40 // of a queue that one round goes through
	width = 8  // questions at a time

	parkFor  = time.Hour // that a callback waits for its payment to become known
	parkMax  = time.Minute
	lateFor  = 7 * 24 * time.Hour // that a payment is asked for whose money was seen and never brought
	lateEach = 10 * time.Minute
)

// watch is one run of Watch.
type watch struct {
	*Rail
	report  func(context.Context, rail.Cursor, []rail.Observation) error
	at      rail.Cursor
	skipped map[string]time.Time // requests and payments that it has no useful answer for, and until when they are left alone
}

// Watch makes a payment of every request, asks for every payment that is open or that a callback was about, and tells what
// changed, until ctx ends. Its horizon is how far all open payments were asked for.
//
// What is told is remembered after it was reported, so a crash in between tells it again. The gateway being out of reach
// is retried inside, after the time of a round doubling to 15 seconds.
func (r *Rail) Watch(ctx context.Context, from rail.Cursor, _ rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	w := &watch{Rail: r, report: report, at: from, skipped: map[string]time.Time{}}
	w.at.State = []byte("1")
	return w.Rounds(ctx, w.round)
}

// round does all that is due. The first error stops it: the gateway or the database is out of reach.
func (w *watch) round(ctx context.Context) error {
	if err := w.retire(ctx); err != nil {
		return err
	}
	err := errors.Join(w.make(ctx), w.look(ctx), w.askDue(ctx, dueKey), w.askDue(ctx, lateKey))
	return errors.Join(err, w.pass(ctx))
}

// make asks the gateway for a payment of every new request.
func (w *watch) make(ctx context.Context) error {
	return w.pages(ctx, rail.RequestKey, func(items []rail.Item) error {
		var requests []rail.Request
		for _, item := range items {
			r, err := rail.ReadRequest(item.Value)
			if err != nil {
				return fmt.Errorf("daimo: the request %s cannot be read: %w", item.Key, err)
			}
			if !w.leftAlone(r.ID) {
				requests = append(requests, r)
			}
		}
		asked := w.time()
		made := make([]told, len(requests))
		errs := each(ctx, requests, func(i int, r rail.Request) (err error) {
			made[i], err = w.api.create(ctx, r)
			return err
		})
		killpoint.Here("gateway.created")
		for i, r := range requests {
			errs[i] = w.made(ctx, r, made[i], errs[i], asked)
		}
		return errors.Join(errs...)
	})
}

// made keeps the payment of a request and tells of it.
func (w *watch) made(ctx context.Context, r rail.Request, t told, err error, asked time.Time) error {
	word := rail.Observation{Instrument: r.ID, Value: asked}
	rec := record{Request: r, Made: asked, Read: asked}
	switch {
	case errors.Is(err, errNonsense):
		w.leaveAlone(r.ID, err)
		return nil
	case errors.Is(err, errRefused):
		w.log.Error("the gateway refuses a request: it can be paid in another way only", "request", r.ID, "error", err)
		word.Session = &rail.Session{Note: rail.NoteRefused}
	case err != nil:
		return err
	default:
		if why := t.disagrees(r); why != "" {
			if err := w.KeepUnmatched(ctx, rail.Unmatched{Payment: t.id, Request: r.ID, Order: r.Order, Why: why}); err != nil {
				return err
			}
			word.Session = &rail.Session{Note: rail.NoteRefused}
			break
		}
		rec.Payments = []known{{ID: t.id, URL: t.url, Status: unpaid}} // what it says else is asked for at once
		word.External, word.Session = t.id, &rail.Session{Payment: t.id, Status: string(unpaid), URL: t.url}
	}
	if err := w.tell(ctx, word); err != nil {
		return err
	}
	killpoint.Here("gateway.told")
	return w.state.Update(ctx, func(m rail.Memory) error {
		if err := m.Put(r.Key(), nil); err != nil {
			return err
		}
		var was record
		if found, err := rail.Load(m, recordKey+r.ID, &was); err != nil || found {
			return err // another process was faster, or a crash came after this
		}
		kept := rec
		if len(kept.Payments) > 0 {
			if err := enqueue(m, &kept, dueKey, asked.Add(w.after(kept, asked))); err != nil {
				return err
			}
		}
		return rail.Save(m, recordKey+r.ID, kept)
	})
}

// look asks for the payments that callbacks were about.
func (w *watch) look(ctx context.Context) error {
	return w.pages(ctx, hintKey, func(items []rail.Item) error {
		now := w.time()
		var hints []hint
		for _, item := range items {
			var h hint
			if err := item.Read(&h); err != nil {
				return err
			}
			if !h.Next.After(now) {
				hints = append(hints, h)
			}
		}
		answers := make([]told, len(hints))
		errs := each(ctx, hints, func(i int, h hint) (err error) {
			answers[i], err = w.api.read(ctx, h.Payment)
			return err
		})
		for i, h := range hints {
			errs[i] = w.looked(ctx, h, answers[i], errs[i], now)
		}
		return errors.Join(errs...)
	})
}

// looked tells what a callback was about, or parks it while its payment is not known.
func (w *watch) looked(ctx context.Context, h hint, t told, err error, asked time.Time) error {
	switch {
	case errors.Is(err, errUnknown), errors.Is(err, errRefused), errors.Is(err, errNonsense):
		return w.park(ctx, h, rail.Unmatched{Payment: h.Payment, Why: err.Error()})
	case err != nil:
		return err
	case t.id != h.Payment:
		return w.park(ctx, h, rail.Unmatched{Payment: h.Payment, Why: "the gateway answers with another payment"})
	}
	rec, err := w.record(ctx, t.external)
	if err != nil {
		return err
	}
	if rec == nil {
		return w.park(ctx, h, rail.Unmatched{Payment: h.Payment, Request: t.external, Why: "it names no request that was made here"})
	}
	err = w.heard(ctx, *rec, t, h.Refund, true, asked)
	if errors.Is(err, errNonsense) {
		return w.park(ctx, h, rail.Unmatched{Payment: h.Payment, Request: t.external, Order: rec.Request.Order, Why: err.Error()})
	}
	if err != nil {
		return err
	}
	killpoint.Here("gateway.looked")
	return w.state.Update(ctx, func(m rail.Memory) error {
		var now hint
		if found, err := rail.Load(m, h.key(), &now); err != nil || !found || now.Calls != h.Calls {
			return err
		}
		return m.Put(h.key(), nil)
	})
}

// park lets a callback wait, or gives it up as unmatched after an hour.
func (w *watch) park(ctx context.Context, h hint, u rail.Unmatched) error {
	if w.now().Sub(h.Since) > parkFor {
		if err := w.KeepUnmatched(ctx, u); err != nil {
			return err
		}
		return w.state.Update(ctx, func(m rail.Memory) error { return m.Put(h.key(), nil) })
	}
	h.Next = w.now().Add(min(time.Second<<min(h.Tries, 6), parkMax))
	h.Tries++
	return w.state.Update(ctx, func(m rail.Memory) error { return rail.Save(m, h.key(), h) })
}

// askDue asks for the payments of a queue whose time has come.
func (w *watch) askDue(ctx context.Context, kind string) error {
	return w.pages(ctx, kind, func(items []rail.Item) error {
		now := w.time()
		var list []record
		for _, item := range items {
			q, err := readQueued(item)
			if err != nil {
				return err
			}
			if q.at.After(now) {
				break
			}
			if w.leftAlone(q.request) {
				continue
			}
			rec, err := w.record(ctx, q.request)
			if err != nil {
				return err
			}
			if rec == nil || rec.Next != q.key { // a line that a crash left
				if err := w.state.Update(ctx, func(m rail.Memory) error { return m.Put(q.key, nil) }); err != nil {
					return err
				}
				continue
			}
			list = append(list, *rec)
		}
		answers := make([][]told, len(list))
		errs := each(ctx, list, func(i int, rec record) error {
			for _, p := range rec.Payments {
				t, err := w.api.read(ctx, p.ID)
				if err == nil && t.id != p.ID {
					err = fmt.Errorf("%w: it is of another payment", errNonsense)
				}
				if err != nil {
					return err
				}
				answers[i] = append(answers[i], t)
			}
			return nil
		})
		for i, rec := range list {
			errs[i] = w.answered(ctx, rec, answers[i], errs[i], now)
		}
		return errors.Join(errs...)
	})
}

// answered tells what changed of a record's payments, and when they are asked for next.
func (w *watch) answered(ctx context.Context, rec record, answers []told, err error, asked time.Time) error {
	for i := 0; i < len(answers) && err == nil; i++ {
		err = w.heard(ctx, rec, answers[i], false, false, asked)
	}
	if errors.Is(err, errUnknown) || errors.Is(err, errRefused) || errors.Is(err, errNonsense) {
		w.leaveAlone(rec.Request.ID, err)
		return nil
	}
	if err != nil {
		return err
	}
	delete(w.skipped, rec.Request.ID)
	return w.change(ctx, rec.Request.ID, func(m rail.Memory, rec *record) error {
		rec.Read = asked
		late := asked.After(rec.Request.Until)
		switch {
		case rec.final(), late && !rec.started(), asked.After(rec.Request.Until.Add(lateFor)):
			return enqueue(m, rec, "", time.Time{})
		case late:
			return enqueue(m, rec, lateKey, asked.Add(lateEach))
		}
		return enqueue(m, rec, dueKey, asked.Add(w.after(*rec, asked)))
	})
}

// heard tells an order what the gateway says of a payment that names its request, and remembers it. always tells it though nothing
// changed.
func (w *watch) heard(ctx context.Context, rec record, t told, refund, always bool, asked time.Time) error {
	if why := t.disagrees(rec.Request); why != "" {
		return w.KeepUnmatched(ctx, rail.Unmatched{Payment: t.id, Request: t.external, Order: rec.Request.Order, Why: why})
	}
	now, was := known{ID: t.id, URL: t.url}, known{}
	if i := rec.place(t.id); i >= 0 {
		was, now = rec.Payments[i], rec.Payments[i]
	} else if len(rec.Payments) >= maxPayments {
		return w.KeepUnmatched(ctx, rail.Unmatched{Payment: t.id, Request: t.external, Order: rec.Request.Order, Why: "too many payments name this request"})
	}
	if was.Status != completed { // what was delivered stays delivered
		now.Status = t.status
	}
	now.Refund = was.Refund || refund
	if now.At.IsZero() && (now.Status != unpaid && now.Status != over || now.Refund) {
		now.At = rec.Read // it was not there then
	}
	if now == was && !always {
		return nil
	}
	word, err := w.word(rec.Request, now, t)
	if err != nil {
		return err
	}
	if word.Value.IsZero() {
		word.Value = asked
	}
	if err := w.tell(ctx, word); err != nil {
		return err
	}
	return w.change(ctx, rec.Request.ID, func(m rail.Memory, rec *record) error {
		if i := rec.place(t.id); i >= 0 {
			rec.Payments[i] = now
		} else {
			rec.Payments = append(rec.Payments, now)
		}
		switch {
		case rec.final():
			return enqueue(m, rec, "", time.Time{})
		case rec.Next == "" && !asked.After(rec.Request.Until):
			return enqueue(m, rec, dueKey, asked.Add(w.after(*rec, asked)))
		}
		return nil
	})
}

// word is what is told of a payment.
func (w *watch) word(r rail.Request, p known, t told) (rail.Observation, error) {
	o := rail.Observation{
		External: p.ID, Instrument: r.ID, Value: p.At, Evidence: order.Evidence{Tx: t.tx, From: t.from, To: t.to},
		Session: &rail.Session{Payment: p.ID, Status: string(p.Status), URL: p.URL, Tx: t.tx, From: t.from},
	}
	switch {
	case p.Refund:
		o.Session.Note = rail.NoteRefunded
	case p.Status == bounced:
		o.Session.Note = rail.NoteBounced
	}
	switch {
	case p.Status == completed && t.status == completed:
		o.Rank, o.Epoch = order.RankConfirmed, 1
	case p.Status == completed: // the gateway forgot what it said: that is no word about money
		return o, nil
	case p.Refund:
		o.Rank, o.Final = order.RankReversed, true
	case p.Status == bounced:
		o.Rank = order.RankFailed
	case p.Status == started:
		o.Rank = order.RankSeen
	default:
		return o, nil
	}
	var err error
	o.Amount, err = t.sum(r)
	return o, err
}

// after is how long after a question the next one follows: often while the payment is new or on its way, and never longer than the
// bound that the horizon counts on.
func (w *watch) after(rec record, now time.Time) time.Duration {
	if rec.started() {
		return min(5*time.Second, w.every)
	}
	return min(max(now.Sub(rec.Made)/4, time.Second), w.every)
}

// retire lets go of the open payments of orders that need no word any more: they hold the horizon no longer, whatever the gateway
// says or does not.
func (w *watch) retire(ctx context.Context) error {
	return w.pages(ctx, dueKey, func(items []rail.Item) error {
		now := w.now()
		for _, item := range items {
			q, err := readQueued(item)
			if err != nil {
				return err
			}
			if q.at.After(now) {
				return errEnough
			}
			if !now.After(q.until) {
				continue
			}
			err = w.change(ctx, q.request, func(m rail.Memory, rec *record) error {
				if rec.Next != q.key {
					return m.Put(q.key, nil)
				}
				return enqueue(m, rec, lateKey, now)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// pass tells how far everything was asked for: no open payment is asked for later than `every` after the question before, so all were
// asked at or after the next question's time less that.
func (w *watch) pass(ctx context.Context) error {
	now := w.now()
	first, err := w.state.List(ctx, dueKey, "", 1)
	if err != nil {
		return err
	}
	if len(first) == 1 {
		q, err := readQueued(first[0])
		if err != nil {
			return err
		}
		if q.at.Before(now) {
			now = q.at
		}
	}
	horizon := now.Add(-w.every).UTC().Truncate(time.Microsecond)
	if !w.at.Horizon.IsZero() && horizon.Sub(w.at.Horizon) < max(w.every/3, w.poll) {
		return nil // each report is a durable write
	}
	to := w.at
	to.Horizon = horizon
	return w.send(ctx, to, nil)
}

// tell reports words at the present horizon.
func (w *watch) tell(ctx context.Context, words ...rail.Observation) error {
	to := w.at
	if to.Horizon.IsZero() {
		to.Horizon = w.now().Add(-w.every).UTC().Truncate(time.Microsecond)
	}
	return w.send(ctx, to, words)
}

func (w *watch) send(ctx context.Context, to rail.Cursor, words []rail.Observation) error {
	if err := w.report(ctx, to, words); err != nil {
		return err
	}
	w.at = to
	return nil
}

// leaveAlone passes over what the gateway has no useful answer for: it holds up no other.
func (w *watch) leaveAlone(id string, why error) {
	_, again := w.skipped[id]
	if !again {
		w.log.Warn("the gateway has no useful answer; it is asked again", "request", id, "error", why)
	}
	w.skipped[id] = w.now().Add(w.every)
}

func (w *watch) leftAlone(id string) bool { return w.now().Before(w.skipped[id]) }

// record reads a record; nil when there is none.
func (w *watch) record(ctx context.Context, request string) (*record, error) {
	key := recordKey + request
	items, err := w.state.List(ctx, key, "", 1)
	if err != nil || len(items) == 0 || items[0].Key != key {
		return nil, err
	}
	rec := &record{}
	return rec, items[0].Read(rec)
}

// change changes a record as it is now.
func (w *watch) change(ctx context.Context, request string, fn func(m rail.Memory, rec *record) error) error {
	return w.state.Update(ctx, func(m rail.Memory) error {
		var rec record
		found, err := rail.Load(m, recordKey+request, &rec)
		if err != nil || !found {
			return err
		}
		if err := fn(m, &rec); err != nil {
			return err
		}
		return rail.Save(m, recordKey+request, rec)
	})
}

// time is now, as exact as it is kept.
func (w *watch) time() time.Time { return w.now().UTC().Truncate(time.Microsecond) }

// errEnough ends the walk through a queue before its end.
var errEnough = errors.New("enough")

// pages goes through the lines with a prefix, by key.
func (w *watch) pages(ctx context.Context, prefix string, do func([]rail.Item) error) error {
	after := ""
	for range pages {
		items, err := w.state.List(ctx, prefix, after, page)
		if err != nil || len(items) == 0 {
			return err
		}
		if err := do(items); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
		if len(items) < page {
			return nil
		}
		after = items[len(items)-1].Key
	}
	return nil
}

// each asks a few questions at a time, and returns the error of each.
func each[T any](ctx context.Context, list []T, ask func(i int, one T) error) []error {
	errs := make([]error, len(list))
	places := make(chan struct{}, width)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var asking sync.WaitGroup
	for i, one := range list {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			if ctx.Err() != nil {
				errs[i] = context.Cause(ctx) // who does not answer one question is not asked fifty
				return
			}
			errs[i] = ask(i, one)
			if err := errs[i]; err != nil && !errors.Is(err, errUnknown) && !errors.Is(err, errRefused) && !errors.Is(err, errNonsense) {
				end(err)
			}
		})
	}
	asking.Wait()
	return errs
}
