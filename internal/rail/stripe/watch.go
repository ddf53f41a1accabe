package stripe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"till/internal/killpoint"
	"till/internal/rail"
)

const (
	page  = 50
	pages = 40 // of a list of the memory that one round goes through
	width = 8  // pages that are asked for at a time

	parkFor = time.Hour // that a hint waits for its page to become known
	parkMax = time.Minute

	// How long a page is open: Stripe wants half an hour to a day. What was not made after tooLate is not made any more, for
	// Stripe forgets after a day what it made.
	openAtLeast = 45 * time.Minute
	openAtMost  = 23 * time.Hour
	tooLate     = 20 * time.Hour
	giveUp      = 48 * time.Hour // after which a session is over of which Stripe says nothing that can be used
)

// watch is one run of Watch.
type watch struct {
	*Rail
	report  func(context.Context, rail.Cursor, []rail.Observation) error
	at      rail.Cursor
	skipped map[string]time.Time // pages that it has no useful answer for, and until when they are left alone
	news    time.Time            // when the events are read next
}

// Watch makes a session of every page that is asked for, closes those that nobody may pay on any more, looks at every session that is
// open or that something was heard of, reads the list of events, and tells what changed, until ctx ends. Its horizon is how
// far all open sessions were looked at.
//
// What is told is remembered after it was reported, also when ctx ends then, so only a crash in between tells it again. Stripe being out of reach is
// retried inside, after the time of a round doubling to 15 seconds.
func (r *Rail) Watch(ctx context.Context, from rail.Cursor, _ rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	w := &watch{Rail: r, report: report, at: from, skipped: map[string]time.Time{}}
	w.at.State = []byte("1")
	begun := false
	return w.Rounds(ctx, func(ctx context.Context) error {
		if !begun {
			if err := w.remember(ctx); err != nil {
				return err
			}
			begun = true
		}
		return w.round(ctx)
	})
}

// remember reads which disputes are open.
func (w *watch) remember(ctx context.Context) error {
	return w.pages(ctx, disputeKey, func(item rail.Item) error {
		w.disputed(item.Key[len(disputeKey):], true)
		return nil
	})
}

// round does all that is due. What cannot be asked holds up no other kind of work; the horizon says what was.
func (w *watch) round(ctx context.Context) error {
	err := errors.Join(
		w.pages(ctx, rail.PageKey, func(item rail.Item) error { return w.make(ctx, item) }),
		w.pages(ctx, rail.CloseKey, func(item rail.Item) error { return w.close(ctx, item) }),
		w.listen(ctx),
		w.lists(ctx, hintKey, func(items []rail.Item) error { return w.heard(ctx, items) }),
		w.lists(ctx, dueKey, func(items []rail.Item) error { return w.due(ctx, items) }),
	)
	return errors.Join(err, w.pass(ctx))
}

// make makes the session of a page and tells where it is.
func (w *watch) make(ctx context.Context, item rail.Item) error {
	p, err := rail.ReadPage(item.Value)
	if err != nil {
		return fmt.Errorf("stripe: the page %s cannot be read: %w", item.Key, err)
	}
	if w.leftAlone(p.ID) {
		return nil
	}
	asked := w.time()
	var s session
	if asked.Sub(p.At) < tooLate {
		s, err = w.create(ctx, p)
		killpoint.Here("page.made")
	} else {
		err = &refusal{errRefused, "too_late"}
	}
	word := rail.Observation{Instrument: p.ID, Value: asked, Session: &rail.Session{}}
	rec := record{Page: p, Made: asked}
	why := ""
	switch {
	case errors.Is(err, errNonsense), errors.Is(err, errUnsure): // an error of theirs they repeat for this page; it holds up no other
		w.leaveAlone(p.ID, err)
		return nil
	case errors.Is(err, errRefused), errors.Is(err, errUnits), errors.Is(err, errUnknown):
		w.log.Error("a page is refused: the order can be paid in another way only", "page", p.ID, "error", err)
		why = word0(codeOf(err), "amount_unsupported")
	case err != nil:
		return err
	default:
		if other := s.disagrees(p, w.live); other != "" {
			if err := w.KeepUnmatched(ctx, rail.Unmatched{Payment: s.ID, Request: p.ID, Order: p.Order, Why: other}); err != nil {
				return err
			}
			why = "mismatch"
		}
	}
	if why != "" {
		rec.Over, rec.Ends, rec.Reason = true, rail.EndsDeclined, why
	} else {
		rec.Session, rec.URL = s.ID, s.URL
	}
	word.Session.Payment, word.Session.URL, word.Session.Ends, word.Session.Reason = rec.Session, rec.URL, rec.Ends, rec.Reason
	if err := w.send(ctx, []rail.Observation{word}); err != nil {
		return err
	}
	killpoint.Here("page.told")
	return w.state.Update(context.WithoutCancel(ctx), func(m rail.Memory) error {
		if err := m.Put(p.Key(), nil); err != nil {
			return err
		}
		var was record
		if found, err := rail.Load(m, recordKey+p.ID, &was); err != nil || found {
			return err // a crash came after this, or another process was faster
		}
		kept := rec
		if err := enqueue(m, &kept, asked.Add(w.after(kept, asked))); err != nil {
			return err
		}
		return rail.Save(m, recordKey+p.ID, kept)
	})
}

// word0 is the first of two words that says something.
func word0(text, other string) string {
	if word(text) != "" {
		return text
	}
	return other
}

// create asks for the session, always in the same words, so that Stripe makes it once.
func (w *watch) create(ctx context.Context, p rail.Page) (session, error) {
	n, err := units(p.Amount)
	if err != nil {
		return session{}, err
	}
	open := min(max(p.Until.Sub(p.At), openAtLeast), openAtMost)
	var body form
	body.set("mode", "payment")
	for i, one := range w.methods[p.Method] {
		body.set(fmt.Sprintf("payment_method_types[%d]", i), one)
	}
	body.set("line_items[0][quantity]", "1")
	body.set("line_items[0][price_data][currency]", lower(p.Amount.Asset().Code()))
	body.set("line_items[0][price_data][unit_amount]", strconv.FormatInt(n, 10))
	body.set("line_items[0][price_data][product_data][name]", p.Title)
	body.set("client_reference_id", p.ID)
	body.set("expires_at", strconv.FormatInt(p.At.Add(open).Unix(), 10))
	body.set("success_url", w.back(p.Order))
	body.set("cancel_url", w.back(p.Order))
	if p.Email != "" {
		body.set("customer_email", p.Email)
	}
	for _, on := range []string{"metadata", "payment_intent_data[metadata]"} {
		body.set(on+"["+pageLine+"]", p.ID)
		body.set(on+"["+orderLine+"]", p.Order)
		body.set(on+"["+attemptLine+"]", p.Attempt)
	}
	var s session
	if err := w.api.post(ctx, "/v1/checkout/sessions", "till-page-"+p.ID, &body, &s); err != nil {
		return s, err
	}
	return s.checked()
}

// lower is a currency as Stripe writes it.
func lower(code string) string {
	text := []byte(code)
	for i := range text {
		text[i] |= 0x20
	}
	return string(text)
}

// close ends a session that nobody may pay on any more. One that is not made yet is made first, for nobody knows whether it
// was: then it can be ended.
func (w *watch) close(ctx context.Context, item rail.Item) error {
	id := item.Key[len(rail.CloseKey):]
	rec, err := w.record(ctx, id)
	if err != nil {
		return err
	}
	if rec == nil {
		waits, err := w.state.List(ctx, rail.PageKey+id, "", 1)
		if err != nil || len(waits) > 0 && waits[0].Key == rail.PageKey+id {
			return err
		}
	}
	if w.leftAlone(item.Key) {
		return nil
	}
	if rec != nil && !rec.Over {
		err := w.api.expire(ctx, rec.Session, w.now())
		if errors.Is(err, errUnsure) {
			w.leaveAlone(item.Key, err)
			return nil
		}
		if err != nil && !errors.Is(err, errRefused) && !errors.Is(err, errUnknown) { // refused: it is not open any more
			return err
		}
		looks := []look{{rec: *rec}}
		w.readAll(ctx, looks)
		if err := w.looked(ctx, looks[0], false); err != nil && !errors.Is(err, errNonsense) {
			return err
		}
	}
	return w.state.Update(ctx, func(m rail.Memory) error { return m.Put(item.Key, nil) })
}

// listen reads the events since the last reading: the second way to learn of what a webhook tells.
func (w *watch) listen(ctx context.Context) error {
	now := w.now()
	if now.Before(w.news) {
		return nil
	}
	last := ""
	err := w.state.Update(ctx, func(m rail.Memory) error {
		text, err := m.Get(eventKey)
		last = string(text)
		return err
	}, eventKey)
	if err != nil {
		return err
	}
	for range listPages {
		l, err := w.api.news(ctx, last)
		if last != "" && (errors.Is(err, errUnknown) || errors.Is(err, errRefused)) { // it is older than Stripe remembers
			w.log.Warn("the list of events begins anew: what happened since the last reading is known of webhooks and open sessions only")
			last = ""
			l, err = w.api.news(ctx, "")
		}
		if err != nil {
			return err
		}
		begins, first := last == "", last == noEvent
		if len(l.Data) == 0 {
			if begins {
				err = w.state.Update(ctx, func(m rail.Memory) error { return m.Put(eventKey, []byte(noEvent)) })
			}
			if err != nil {
				return err
			}
			break
		}
		for i := len(l.Data) - 1; i >= 0 && !begins; i-- { // the oldest first
			if e := l.Data[i]; e.Live == w.live {
				if err := w.hear(ctx, e); err != nil {
					return err
				}
			}
		}
		newest := l.Data[0].ID
		if !goodObject.MatchString(newest) {
			return fmt.Errorf("%w: an event has no id", errNonsense)
		}
		if err := w.state.Update(ctx, func(m rail.Memory) error { return m.Put(eventKey, []byte(newest)) }); err != nil {
			return err
		}
		if last = newest; begins || first || !l.More {
			break
		}
	}
	w.news = now.Add(w.every)
	return nil
}

// heard looks at what something was heard of, or lets it wait while its page is not known.
func (w *watch) heard(ctx context.Context, items []rail.Item) error {
	var looks []look
	for _, item := range items {
		var h hint
		if err := item.Read(&h); err != nil {
			return err
		}
		if h.Next.After(w.now()) {
			continue
		}
		about := item.Key[len(hintKey):]
		rec, err := w.record(ctx, about)
		if err == nil && rec == nil {
			rec, err = w.byIntent(ctx, about)
		}
		if err != nil {
			return err
		}
		if rec == nil || rec.Session == "" {
			if err := w.park(ctx, item.Key, h); err != nil {
				return err
			}
			continue
		}
		looks = append(looks, look{key: item.Key, hint: h, rec: *rec})
	}
	w.readAll(ctx, looks)
	for _, l := range looks {
		if err := w.heardOf(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) heardOf(ctx context.Context, l look) error {
	err := w.looked(ctx, l, true)
	if useless(err) || errors.Is(err, errUnsure) {
		return w.park(ctx, l.key, l.hint)
	}
	if err != nil {
		return err
	}
	return w.state.Update(context.WithoutCancel(ctx), func(m rail.Memory) error {
		var now hint
		if found, err := rail.Load(m, l.key, &now); err != nil || !found || now.Calls != l.hint.Calls {
			return err
		}
		return m.Put(l.key, nil)
	}, l.key)
}

// byIntent is the record whose money an intent moves; nil when there is none.
func (w *watch) byIntent(ctx context.Context, intent string) (*record, error) {
	items, err := w.state.List(ctx, intentKey+intent, "", 1)
	if err != nil || len(items) == 0 || items[0].Key != intentKey+intent {
		return nil, err
	}
	return w.record(ctx, string(items[0].Value))
}

// park lets a hint wait, or gives it up after an hour: the account may do other business than ours. What looks like ours is
// found again by the questions after open sessions.
func (w *watch) park(ctx context.Context, key string, h hint) error {
	if w.now().Sub(h.Since) > parkFor {
		w.log.Info("something was heard of a payment that is not known here", "about", key[len(hintKey):])
		return w.state.Update(ctx, func(m rail.Memory) error { return m.Put(key, nil) })
	}
	h.Next = w.now().Add(min(time.Second<<min(h.Tries, 6), parkMax))
	h.Tries++
	return w.state.Update(ctx, func(m rail.Memory) error { return rail.Save(m, key, h) })
}

// due looks at the open sessions whose time has come.
func (w *watch) due(ctx context.Context, items []rail.Item) error {
	var looks []look
	var end error
	for _, item := range items {
		q, err := readQueued(item)
		if err != nil {
			return err
		}
		if q.at.After(w.now()) {
			end = errEnough
			break
		}
		rec, err := w.record(ctx, q.page)
		if err != nil {
			return err
		}
		if rec == nil || rec.Next != q.key { // a line that a crash left
			if err := w.state.Update(ctx, func(m rail.Memory) error { return m.Put(q.key, nil) }); err != nil {
				return err
			}
			continue
		}
		if !w.leftAlone(q.page) {
			looks = append(looks, look{key: q.key, rec: *rec})
		}
	}
	w.readAll(ctx, looks)
	for _, l := range looks {
		if err := w.dueIs(ctx, l); err != nil {
			return err
		}
	}
	return end
}

func (w *watch) dueIs(ctx context.Context, l look) error {
	err := w.looked(ctx, l, false)
	if !useless(err) && !errors.Is(err, errUnsure) {
		return err
	}
	w.leaveAlone(l.rec.Page.ID, err)
	if useless(err) && w.now().Sub(l.rec.Page.At) > giveUp { // it must not hold the horizon back for ever
		l.rec.Over = true
		return w.keep(ctx, l.rec, nil, w.time())
	}
	return nil
}

// useless says that asking again at once brings nothing.
func useless(err error) bool {
	return errors.Is(err, errNonsense) || errors.Is(err, errUnknown) || errors.Is(err, errRefused)
}

// look is a record with what Stripe said of it.
type look struct {
	key   string // of the line that wants it
	hint  hint
	rec   record
	asked time.Time
	seen  seen
	err   error
}

// readAll asks for the money of several pages at a time.
func (w *watch) readAll(ctx context.Context, looks []look) {
	places := make(chan struct{}, width)
	var asking sync.WaitGroup
	for i := range looks {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			l := &looks[i]
			l.asked = w.time()
			l.seen, l.err = w.read(ctx, l.rec.Session, l.rec.gaveBack() || l.hint.Refund)
		})
	}
	asking.Wait()
}

// looked tells what changed of a page's money (with always: also what did not), and remembers that.
func (w *watch) looked(ctx context.Context, l look, always bool) error {
	rec, s, asked := l.rec, l.seen, l.asked
	if l.err != nil {
		return l.err
	}
	if why := s.disagrees(rec.Page, w.live); why != "" {
		if err := w.KeepUnmatched(ctx, rail.Unmatched{Payment: s.session.ID, Request: rec.Page.ID, Order: rec.Page.Order, Why: why}); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s", errNonsense, why)
	}
	words, err := s.words(rec.Page)
	if err != nil {
		return err
	}
	now := rec
	now.Told, now.Refunds = maps.Clone(rec.Told), maps.Clone(rec.Refunds)
	now.Intent, now.Over = s.session.Intent, rec.Over || s.over()
	now.Ends, now.Reason = s.ends()
	if s.session.URL != "" {
		now.URL = s.session.URL
	}
	tell := []rail.Observation{}
	beside := rail.Session{Payment: rec.Session, URL: now.URL, Ends: now.Ends, Reason: now.Reason}
	for _, o := range words {
		t := told{o.Rank, o.Epoch, o.Amount}
		if was, ok := rec.Told[o.External]; ok && was.same(t) && !always {
			continue
		}
		if now.Told == nil {
			now.Told = map[string]told{}
		}
		now.Told[o.External] = t
		o.Session = &beside
		tell = append(tell, o)
	}
	if len(tell) == 0 && (now.Ends != rec.Ends || now.Reason != rec.Reason || now.URL != rec.URL) {
		tell = append(tell, rail.Observation{Instrument: rec.Page.ID, Value: asked, Session: &beside})
	}
	for _, o := range s.transfers(rec.Refunds) {
		if now.Refunds == nil {
			now.Refunds = map[string]said{}
		}
		now.Refunds[o.Transfer.ID] = said{o.Transfer.Ref, o.Transfer.Status}
		tell = append(tell, o)
	}
	if len(tell) > 0 {
		if err := w.send(ctx, tell); err != nil {
			return err
		}
		killpoint.Here("page.looked")
	}
	return w.keep(ctx, now, s.disputes, asked)
}

// keep remembers what was told, and when the session is looked at next.
func (w *watch) keep(ctx context.Context, now record, disputes []dispute, asked time.Time) error {
	err := w.state.Update(context.WithoutCancel(ctx), func(m rail.Memory) error {
		var was record
		if found, err := rail.Load(m, recordKey+now.Page.ID, &was); err != nil || !found {
			return err
		}
		kept := now
		kept.Next = was.Next
		if err := enqueue(m, &kept, asked.Add(w.after(kept, asked))); err != nil {
			return err
		}
		if kept.Intent != "" && was.Intent != kept.Intent {
			if err := m.Put(intentKey+kept.Intent, []byte(kept.Page.ID)); err != nil {
				return err
			}
		}
		for _, d := range disputes {
			line := []byte(nil)
			if d.open() {
				line = []byte(kept.Page.ID)
			}
			if err := m.Put(disputeKey+d.ID, line); err != nil {
				return err
			}
		}
		return rail.Save(m, recordKey+kept.Page.ID, kept)
	}, recordKey+now.Page.ID)
	if err != nil {
		return err
	}
	delete(w.skipped, now.Page.ID)
	for _, d := range disputes {
		if d.open() {
			w.log.Error("a payer's bank disputes a payment", "dispute", d.ID, "charge", d.Charge, "order", now.Page.Order, "reason", word(d.Reason))
		}
		w.disputed(d.ID, d.open())
	}
	return nil
}

// after is how long after a look the next one follows: often while the session is new, and never longer than the bound that
// the horizon counts on.
func (w *watch) after(rec record, now time.Time) time.Duration {
	return min(max(now.Sub(rec.Made)/4, time.Second), w.every)
}

// pass tells how far everything was looked at: no open session is looked at later than `every` after the time before, so all were
// looked at at or after the next one's time less that.
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
	if err := w.report(ctx, to, nil); err != nil {
		return err
	}
	w.at = to
	return nil
}

// send reports words at the present horizon.
func (w *watch) send(ctx context.Context, words []rail.Observation) error {
	to := w.at
	if to.Horizon.IsZero() {
		to.Horizon = w.now().Add(-w.every).UTC().Truncate(time.Microsecond)
	}
	if err := w.report(ctx, to, words); err != nil {
		return err
	}
	w.at = to
	return nil
}

// leaveAlone passes over what Stripe has no useful answer for: it holds up no other.
func (w *watch) leaveAlone(id string, why error) {
	if _, again := w.skipped[id]; !again {
		w.log.Warn("there is no useful answer about a page; it is asked for again", "page", id, "error", why)
	}
	w.skipped[id] = w.now().Add(w.every)
}

func (w *watch) leftAlone(id string) bool { return w.now().Before(w.skipped[id]) }

// record reads a record; nil when there is none.
func (w *watch) record(ctx context.Context, id string) (*record, error) {
	key := recordKey + id
	items, err := w.state.List(ctx, key, "", 1)
	if err != nil || len(items) == 0 || items[0].Key != key {
		return nil, err
	}
	rec := &record{}
	return rec, items[0].Read(rec)
}

// time is now, as exact as it is kept.
func (w *watch) time() time.Time { return w.now().UTC().Truncate(time.Microsecond) }

// errEnough ends the walk through a list before its end.
var errEnough = errors.New("enough")

// pages goes through the lines with a prefix, by key. The first error ends it.
func (w *watch) pages(ctx context.Context, prefix string, do func(rail.Item) error) error {
	return w.lists(ctx, prefix, func(items []rail.Item) error {
		for _, item := range items {
			if err := do(item); err != nil {
				return err
			}
		}
		return nil
	})
}

// lists is pages, some lines at a time.
func (w *watch) lists(ctx context.Context, prefix string, do func([]rail.Item) error) error {
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
