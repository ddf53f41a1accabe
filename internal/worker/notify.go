package worker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/notify"
	"till/internal/webhook"
)

const (
	notifyPage   = 100              // notifications read at once
	remindPage   = 100              // reminders read at once
	notifyWithin = 60 * time.Second // of one attempt; far less than engine.NotificationLease
	hostPause    = time.Minute      // for what goes to a host that just failed
)

// notifySchedule is when a notification that failed is tried again: two days in all.
var notifySchedule = webhook.Schedule{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour, 24 * time.Hour}

// Notices is what telling people needs.
type Notices struct {
	Texts    *notify.Texts
	Email    notify.Sender // nil: no mail server is configured
	WhatsApp notify.Sender // nil: it is not configured
	Describe func(o *engine.Order) Description
}

// Description is what an order's API has to say of it to a payer.
type Description struct {
	About string    // what it is for; may be empty
	Link  string    // the page where it is paid; may be empty
	Until time.Time // when the payer is to have paid; zero: not said
}

// notifyEngine is what telling people needs of the engine.
type notifyEngine interface {
	DueNotifications(ctx context.Context, ch engine.Channel, now time.Time, after engine.Due, limit int) ([]engine.Notification, error)
	ClaimNotification(ctx context.Context, n engine.Notification) (claimed engine.Notification, ok bool, err error)
	Notified(ctx context.Context, list []engine.Notification) error
	NotificationOf(ctx context.Context, n engine.Notification) (engine.Told, error)
	Customer(ctx context.Context, s engine.Scope, id string) (*engine.Customer, error)
}

// Notify tells people of orders by one channel: e-mail, WhatsApp, the list in the merchant's app, or a POST to the order's
// own URL. Each channel has a loop of its own, so that a mail server that is down delays nothing else. A notification is
// claimed in the database before it is sent, so that of several processes one sends it; one that dies in between leaves it
// to be sent again when its lease is over.
type Notify struct {
	*loop
	engine  notifyEngine
	channel engine.Channel
	notices Notices
	tellers map[string]Teller
	open    func(engine.Endpoint) ([]webhook.Secret, error)
	client  Poster
	chance  func() uint64
}

func notifies(c Config) (list []*Notify) {
	for _, ch := range engine.Channels() {
		list = append(list, &Notify{
			loop: newLoop("notify "+string(ch), nil, c), engine: c.Engine, channel: ch, notices: c.Notices,
			tellers: c.Tellers, open: c.Open, client: c.Client, chance: c.Chance,
		})
	}
	return list
}

// Run tells until ctx ends. Attempts in flight then get a grace.
func (w *Notify) Run(ctx context.Context) {
	calling, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })
	defer stop()
	w.run(ctx, func(ctx context.Context) (int, error) { return w.round(ctx, calling) })
}

// RunOnce tells everything that is due and returns how many it attempted. It ends with notify.ErrDown as soon as the
// channel's far side is down: the rest stays due, and has lost no attempt.
func (w *Notify) RunOnce(ctx context.Context) (int, error) { return w.round(ctx, ctx) }

// troubles is which hosts failed during a round, and what failed in it.
type troubles struct {
	mu    sync.Mutex
	hosts map[string]bool
	down  error // of the channel itself
	tried int
}

func (t *troubles) of(host string) (isDown bool, channel error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hosts[host], t.down
}

func (w *Notify) round(ctx, calling context.Context) (int, error) {
	t := &troubles{hosts: map[string]bool{}}
	now := w.now()
	var failures []error
	for after := (engine.Due{}); ctx.Err() == nil; {
		page, err := w.engine.DueNotifications(ctx, w.channel, now, after, notifyPage)
		if err != nil {
			return t.tried, err
		}
		failures = append(failures, each(ctx, page, func(n engine.Notification) error { return w.one(calling, n, t) }))
		if t.down != nil || len(page) < notifyPage {
			break
		}
		last := page[len(page)-1]
		after = engine.Due{At: last.DueAt, ID: last.ID}
	}
	return t.tried, errors.Join(append(failures, t.down)...)
}

// one claims a notification, attempts it and records what became of it.
func (w *Notify) one(ctx context.Context, n engine.Notification, t *troubles) error {
	host := hostOf(n)
	switch isDown, channel := t.of(host); {
	case channel != nil:
		return nil
	case w.channel == engine.ByURL && w.tellers[n.Scope.API()] == nil:
		return nil // it waits for a process that serves its API
	case isDown:
		n.DueAt = w.now().Add(hostPause)
		return w.engine.Notified(ctx, []engine.Notification{n})
	}
	n, ok, err := w.engine.ClaimNotification(ctx, n)
	if err != nil || !ok {
		return err
	}
	killpoint.Here("notify.claimed")
	within, cancel := context.WithTimeout(ctx, notifyWithin)
	err = w.tell(within, &n)
	cancel()
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // cut off: the lease brings it back
	}
	killpoint.Here("notify.sent")
	w.outcome(&n, err)
	t.mu.Lock()
	t.tried++
	switch {
	case host != "" && err != nil:
		t.hosts[host] = true
	case errors.Is(err, notify.ErrDown):
		t.down = err
	}
	t.mu.Unlock()
	return w.record(ctx, n)
}

// hostOf is where a notification to a URL goes; "" for all others.
func hostOf(n engine.Notification) string {
	u, err := url.Parse(n.URL)
	if err != nil {
		return "?"
	}
	return u.Host
}

// record stores an outcome, even when the call was cut off by the end of ctx.
func (w *Notify) record(ctx context.Context, n engine.Notification) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := w.engine.Notified(within, []engine.Notification{n})
	if err == nil {
		killpoint.Here("notify.recorded")
	}
	return err
}

// skip is why there is nothing to send, or nowhere to send it.
type skip string

func (s skip) Error() string { return string(s) }

// again is when the receiver itself asks to be tried.
type again struct {
	error
	wait time.Duration
}

// outcome is the notification after an attempt.
func (w *Notify) outcome(n *engine.Notification, err error) {
	done := func(s engine.NotificationState, why string) {
		n.State, n.Error, n.DueAt, n.DoneAt = s, why, time.Time{}, w.now()
	}
	wait, more := notifySchedule.Next(n.Attempts, w.chance)
	nothing, isSkip := errors.AsType[skip](err)
	asked, _ := errors.AsType[again](err)
	switch {
	case err == nil:
		done(engine.NotificationSent, "")
	case isSkip:
		done(engine.NotificationSkipped, string(nothing))
	case errors.Is(err, notify.ErrRefused), !more:
		done(engine.NotificationFailed, err.Error())
		w.log.Warn("a notification was not sent", "notification", n.ID, "order", n.OrderID, "attempts", n.Attempts, "error", err)
	default:
		n.Error, n.DueAt = err.Error(), w.now().Add(max(wait, asked.wait))
	}
}

// tell makes one attempt; nil: it is told.
func (w *Notify) tell(ctx context.Context, n *engine.Notification) error {
	of, err := w.engine.NotificationOf(ctx, *n)
	if err != nil {
		return err
	}
	if n.Subject.AsksToPay() && of.Order.State.Terminal() {
		return skip("the order has ended")
	}
	if w.channel == engine.ByURL {
		return w.post(ctx, n, of)
	}
	c, err := w.engine.Customer(ctx, n.Scope, n.Customer)
	if fault.Is(err, fault.CodeNotFound) {
		return skip("the customer is not on record")
	}
	if err != nil {
		return err
	}
	written, err := w.write(n, of, c)
	if err != nil {
		return err
	}
	switch w.channel {
	case engine.ByEmail:
		return send(ctx, w.notices.Email, n, c.Email, written, "the server has no mail server", "the customer has no e-mail address")
	case engine.ByWhatsApp:
		return send(ctx, w.notices.WhatsApp, n, c.Phone, written, "the server has no WhatsApp number", "the customer has no telephone number")
	}
	n.Title, n.Text, n.Link = written.Title, written.Line, written.Link
	return nil
}

func send(ctx context.Context, by notify.Sender, n *engine.Notification, to string, w notify.Written, noSender, noAddress string) error {
	switch {
	case to == "":
		return skip(noAddress)
	case by == nil:
		return skip(noSender)
	}
	return by.Send(ctx, n.ID, to, w)
}

// write puts a notification into its customer's language.
func (w *Notify) write(n *engine.Notification, of engine.Told, c *engine.Customer) (notify.Written, error) {
	o := of.Order
	about := w.notices.Describe(o)
	notice := notify.Notice{
		Subject: string(n.Subject), Merchant: of.Merchant, Name: c.FirstName, Amount: n.Amount, Description: about.About,
		Reference: o.Reference, Test: n.Scope.Mode == engine.Sandbox,
	}
	if n.Amount == (money.Amount{}) {
		notice.Amount = o.Terms.Due
	}
	if !o.Terms.FromBalance {
		notice.Link, notice.Due = about.Link, about.Until
	}
	return w.notices.Texts.Write(notify.LangOf(c.Country), notice)
}

// post tells an order's own URL how it ended: the bytes that its API tells of that event, signed as it signs webhooks
// with the secrets of the merchant's endpoint.
func (w *Notify) post(ctx context.Context, n *engine.Notification, of engine.Told) error {
	teller := w.tellers[n.Scope.API()]
	switch {
	case of.Event == nil:
		return errors.New("the event is not on record")
	case of.Endpoint == nil:
		return skip("the merchant has no webhook endpoint whose secret could sign it")
	}
	id, kind, body, ok := teller.Tell(*of.Event, of.Order)
	if !ok {
		return skip("the API has no such event")
	}
	if n.Body == nil {
		n.Body = body
	}
	keys, err := w.open(*of.Endpoint)
	if err != nil {
		w.log.Error("an endpoint's secret cannot be opened", "endpoint", of.Endpoint.ID, "error", err)
		return errors.New("the secret that signs it cannot be opened")
	}
	m := engine.Message{ID: n.ID, EventID: n.EventID, OrderID: n.OrderID, EndpointID: of.Endpoint.ID, Scope: of.Endpoint.Scope, WireID: id, Type: kind, Body: n.Body}
	within, cancel := context.WithTimeout(ctx, webhook.DefaultTimeout)
	defer cancel()
	answer, err := w.client.Post(within, n.URL, teller.Sign(m, keys, w.now()), n.Body)
	if err != nil {
		return errors.New(readable([]byte(err.Error()), maxTryError, keys))
	}
	switch verdict := webhook.Decide(answer, nil); verdict.Outcome {
	case webhook.Delivered:
		return nil
	case webhook.Disable:
		return fmt.Errorf("%w: the URL answered 410", notify.ErrRefused)
	default:
		return again{fmt.Errorf("the URL answered %d", answer.Status), verdict.Wait}
	}
}

// remindEngine is what reminding needs of the engine.
type remindEngine interface {
	DueReminders(ctx context.Context, m engine.Mode, limit int) ([]engine.Due, error)
	Remind(ctx context.Context, due engine.Due) (told bool, err error)
}

// Remind writes the notifications of orders that still wait when one of their times has come; Notify sends them.
type Remind struct {
	*loop
	engine remindEngine
}

// Run reminds until ctx ends.
func (r *Remind) Run(ctx context.Context) { r.run(ctx, r.RunOnce) }

// RunOnce reminds of every order that is due and returns how many it told of. The error joins those of single orders; they
// held up no other, but stay due.
func (r *Remind) RunOnce(ctx context.Context) (n int, err error) {
	for _, mode := range []engine.Mode{engine.Live, engine.Sandbox} {
		for ctx.Err() == nil {
			list, err := r.engine.DueReminders(ctx, mode, remindPage)
			if err != nil {
				return n, err
			}
			var failures []error
			for _, due := range list {
				killpoint.Here("remind.due")
				told, err := r.engine.Remind(ctx, due)
				if told {
					n++
				}
				if err != nil && !fault.Is(err, fault.CodeVersionConflict) { // another process was faster
					failures = append(failures, err)
				}
			}
			if err := errors.Join(failures...); err != nil {
				return n, err
			}
			if len(list) < remindPage {
				break
			}
		}
	}
	return n, nil
}
