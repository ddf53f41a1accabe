package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// Telling people. An order may be directed to a customer of the merchant, who is told what becomes of it by the
// channels that were asked for, and reminded while nothing was paid. The row of each notification is written in the
// transaction of its event; a worker sends it afterwards.
//
// Sending is at least once: a row is claimed for NotificationLease, sent, and marked as sent. A process that dies between
// the last two leaves it to be sent again when the lease is over, under the same id, by which mail servers and receivers
// of URLs know it again. The other choice, to mark first, would lose the word that a payment arrived.

// Notify says whom an order tells, and how. The zero Notify tells nobody.
type Notify struct {
	Customer  string `json:",omitempty"` // whom the order is directed to; needed for all but the URLs
	Email     bool   `json:",omitempty"`
	InApp     bool   `json:",omitempty"`
	WhatsApp  bool   `json:",omitempty"`
	Reminders bool   `json:",omitempty"` // while it waits for its payer; by the channels above, or by e-mail when there is none

	// Told once, by a signed POST, when the order has completed or has ended in another way. Create drops them unless
	// the merchant's setting NotifyURLs is on.
	SuccessURL string `json:",omitempty"`
	FailedURL  string `json:",omitempty"`

	// Every is how often it is reminded, while it waits for its payer, in place of what the merchant's setting says; 0: as
	// that says. Told is when it was last.
	Every time.Duration `json:",omitempty"`
	Told  time.Time     `json:",omitzero"`

	Times []time.Time `json:",omitempty"` // when it is reminded, on the mode's clock: fixed by Create, and anew by Reschedule
	Paid  bool        `json:",omitempty"` // it has told that it is paid: after a reorganisation it may be paid again
}

// IsZero says that nobody is told.
func (n Notify) IsZero() bool {
	return n.Customer == "" && !n.Email && !n.InApp && !n.WhatsApp && !n.Reminders && n.SuccessURL == "" && n.FailedURL == "" && len(n.Times) == 0 && !n.Paid && n.Every == 0 && n.Told.IsZero()
}

// Channel is a way to tell somebody something.
type Channel string

const (
	ByEmail    Channel = "email"
	ByWhatsApp Channel = "whatsapp"
	InApp      Channel = "app" // a list that the merchant's own app shows to its customer
	ByURL      Channel = "url" // a signed POST to the order's URL for its outcome
)

// Channels lists them.
func Channels() []Channel { return []Channel{ByEmail, ByWhatsApp, InApp, ByURL} }

// Subject is what a notification says.
type Subject string

const (
	AskedToPay  Subject = "asked"    // the order was made: please pay
	Reminded    Subject = "reminder" // it still waits
	ToldPaid    Subject = "paid"     // all of the money is there
	ToldSent    Subject = "sent"     // what was paid for was delivered, or money was paid out to the customer
	ToldBack    Subject = "returned" // what was paid out came back
	ToldRefund  Subject = "refunded" // money went back to the payer
	ToldFailed  Subject = "failed"
	ToldExpired Subject = "expired"
	ToldCancel  Subject = "cancelled"
	ToldOutcome Subject = "outcome" // to the order's URL
)

// AsksToPay says that the subject means nothing once its order has ended.
func (s Subject) AsksToPay() bool { return s == AskedToPay || s == Reminded }

// NotificationState is where a notification stands.
type NotificationState string

const (
	NotificationPending NotificationState = "pending" // the worker, at DueAt
	NotificationSent    NotificationState = "sent"
	NotificationFailed  NotificationState = "failed"  // refused for good, or every attempt failed; an operator may retry it
	NotificationSkipped NotificationState = "skipped" // there was nothing to send, or nowhere to send it: Error says why; an operator may retry it
)

// NotificationStates lists them.
func NotificationStates() []NotificationState {
	return []NotificationState{NotificationPending, NotificationSent, NotificationFailed, NotificationSkipped}
}

// NotificationLease is how long a worker has a notification for itself: far longer than an attempt may take.
const NotificationLease = 2 * time.Minute

// KeptNotifications is how long what is done stays on record, but for what customers find in their app.
const KeptNotifications = 30 * 24 * time.Hour

// Notification is one thing to tell, by one channel.
type Notification struct {
	ID       string // internal, sorts by time; the same at every attempt
	Scope    Scope
	OrderID  string
	Customer string // empty: it is to a URL
	Channel  Channel
	Subject  Subject
	EventID  string       `json:",omitempty"` // the event it tells of; empty: a reminder
	Amount   money.Amount `json:",omitzero"`  // that it is about; zero: the order's

	State    NotificationState
	DueAt    time.Time // true time of the next attempt, or when a lease is over; zero: it is done
	Attempts int
	Error    string `json:",omitempty"` // why the last attempt failed, or why it was skipped

	// What was told, once it is. E-mails and WhatsApp messages are not kept.
	Title string `json:",omitempty"`
	Text  string `json:",omitempty"`
	Link  string `json:",omitempty"`
	URL   string `json:",omitempty"` // where it is posted
	Body  []byte `json:",omitempty"` // what is posted: the same bytes at every attempt

	CreatedAt time.Time // true time, as all of its times
	DoneAt    time.Time `json:",omitzero"`
	ReadAt    time.Time `json:",omitzero"` // in the app; zero: not read

	Version int64 // grows with each save; the store's guard
}

// Clone is a copy that shares nothing with the notification.
func (n *Notification) Clone() *Notification {
	if n == nil {
		return nil
	}
	c := *n
	c.Body = slices.Clone(n.Body)
	return &c
}

// NotifyURLs is the merchant's setting, true or false, that has orders tell their outcome to their own URLs.
const NotifyURLs = "notify_urls"

// CustomerRequired is the merchant's setting, true or false, that an order which one payer is asked for names him. The
// API says which of its orders those are.
const CustomerRequired = "customer_required"

// Requires says whether a merchant's setting that is true or false is on.
func (p Plan) Requires(key string) bool {
	var on bool
	return json.Unmarshal(p.Settings[key], &on) == nil && on
}

// ReminderTimes is the merchant's setting that says when orders remind, as JSON of [Reminding].
const ReminderTimes = "reminders"

// Reminding is when an order that waits for its payer reminds. Durations are written as Go writes them ("24h").
type Reminding struct {
	After     []Wait `json:"after"`      // after its creation, at most MaxReminders
	BeforeDue Wait   `json:"before_due"` // before its deadline; 0: not
}

// MaxReminders is how many reminders After may name.
const MaxReminders = 10

// reminderGap is what lies at least between two reminders, and between a reminder and the creation or the deadline.
const reminderGap = time.Hour

// Wait is a duration that JSON writes as text.
type Wait time.Duration

// MarshalText writes what UnmarshalText reads.
func (w Wait) MarshalText() ([]byte, error) { return []byte(time.Duration(w).String()), nil }

// UnmarshalText reads what time.ParseDuration reads, from 0 up.
func (w *Wait) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("want a time like 24h, not %q", text)
	}
	*w = Wait(d)
	return nil
}

// DefaultReminding is for merchants who say nothing: a day and three days after the creation, and a day before the
// deadline.
func DefaultReminding() Reminding {
	return Reminding{After: []Wait{Wait(24 * time.Hour), Wait(72 * time.Hour)}, BeforeDue: Wait(24 * time.Hour)}
}

// SettingKeys are the settings that CheckSetting knows.
func SettingKeys() []string {
	return []string{CheckoutOrigins, CustomFields, CustomerRequired, FeeBearerSetting, FeeBPS, FeeFixed, LateRateSetting, NotifyURLs, Platform, PlatformID,
		PostPaymentScreening, ReminderTimes}
}

// CheckSetting checks a merchant's setting that the engine reads itself; known is false for any other key.
//
// Error: invalid_value (Param: the key).
func CheckSetting(key string, value json.RawMessage) (known bool, err error) {
	switch key {
	case LateRateSetting:
		_, err = ParseLateRate(value)
	case CustomFields:
		_, err = ParseFieldRules(value)
	case CheckoutOrigins:
		_, err = ParseOrigins(value)
	case NotifyURLs, CustomerRequired:
		var on bool
		if json.Unmarshal(value, &on) != nil {
			err = fault.New(fault.CodeInvalidValue, "want true or false").On(key)
		}
	case ReminderTimes:
		var r Reminding
		if bad := json.Unmarshal(value, &r); bad != nil || len(r.After) > MaxReminders {
			err = fault.New(fault.CodeInvalidValue, `want {"after": ["24h", ...], "before_due": "24h"}, at most 10 of them`).On(key)
		}
	case PostPaymentScreening:
		err = checkBool(key, value)
	default:
		return checkFee(key, value)
	}
	return true, err
}

// again is whom an order tells that the engine makes after one with this.
func (n Notify) again() Notify {
	n.Times, n.Paid, n.Told = nil, false, time.Time{}
	return n
}

// settle reads the settings into what the order keeps, once its terms are known. What does not apply is dropped: URLs
// that the merchant does not want told, reminders of what nobody has to pay.
func (n Notify) settle(settings map[string]json.RawMessage, t order.Terms, now time.Time) (Notify, error) {
	var urls bool
	if raw, set := settings[NotifyURLs]; set {
		if err := json.Unmarshal(raw, &urls); err != nil {
			return n, fmt.Errorf("the setting %s: %w", NotifyURLs, err)
		}
	}
	if !urls {
		n.SuccessURL, n.FailedURL = "", ""
	}
	n.Times = nil
	if !n.Reminders || n.Customer == "" || t.FromBalance {
		return n, nil
	}
	if n.Every > 0 {
		n.Times = every(n.Every, now, t.Deadline)
		return n, nil
	}
	r := DefaultReminding()
	if raw, set := settings[ReminderTimes]; set {
		r = Reminding{}
		if err := json.Unmarshal(raw, &r); err != nil {
			return n, fmt.Errorf("the setting %s: %w", ReminderTimes, err)
		}
	}
	n.Times = r.times(now, t.Deadline)
	return n, nil
}

// times are the moments to remind at, in order, at least an hour apart from one another, the creation and the deadline.
func (r Reminding) times(created, deadline time.Time) (list []time.Time) {
	for _, after := range r.After {
		list = append(list, created.Add(time.Duration(after)))
	}
	if r.BeforeDue > 0 && !deadline.IsZero() {
		list = append(list, deadline.Add(-time.Duration(r.BeforeDue)))
	}
	slices.SortFunc(list, time.Time.Compare)
	last := created
	return slices.DeleteFunc(list, func(at time.Time) bool {
		if at.Sub(last) < reminderGap || !deadline.IsZero() && deadline.Sub(at) < reminderGap {
			return true
		}
		last = at
		return false
	})
}

// maxEvery is how many reminders come one after another: of a year, each day.
const maxEvery = 366

// every is a moment each so often, from a time to a deadline.
func every(step time.Duration, from, deadline time.Time) (list []time.Time) {
	for at := from.Add(step); len(list) < maxEvery && (deadline.IsZero() || deadline.Sub(at) >= reminderGap); at = at.Add(step) {
		list = append(list, at)
	}
	return list
}

// channels are those a customer is told by.
func (n Notify) channels(s Subject) (list []Channel) {
	if n.Email {
		list = append(list, ByEmail)
	}
	if n.WhatsApp {
		list = append(list, ByWhatsApp)
	}
	if n.InApp {
		list = append(list, InApp)
	}
	if s == Reminded && len(list) == 0 {
		list = append(list, ByEmail)
	}
	return list
}

// notify writes what an order's events have people told, and lets its reminders begin and end. It comes before the order is
// saved.
func (e *Engine) notify(tx Tx, o *Order, events []Event, fresh, ended bool) error {
	if o.Notify.IsZero() {
		return nil
	}
	for _, ev := range events {
		s, amount := o.tells(ev)
		if s == "" || o.Notify.Customer == "" || s == ToldPaid && o.Notify.Paid {
			continue
		}
		o.Notify.Paid = o.Notify.Paid || s == ToldPaid
		if err := o.tell(tx, s, ev.ID, amount); err != nil {
			return err
		}
	}
	if ended {
		if err := o.tellURL(tx, events); err != nil {
			return err
		}
	}
	switch {
	case len(o.Notify.Times) == 0:
		return nil
	case ended && !fresh:
		return tx.SaveReminder(o.ID, o.Scope.Mode, time.Time{})
	case fresh && !ended:
		return tx.SaveReminder(o.ID, o.Scope.Mode, o.Notify.Times[0])
	}
	return nil
}

// tells is what an event has the customer told, and about what amount; "" for nothing, the zero amount for the order's. Who
// pays hears from the beginning; who is paid from a balance hears when the money was sent. A posting between balances is
// nobody's message.
func (o *Order) tells(ev Event) (Subject, money.Amount) {
	switch ev.Type {
	case "order.completed":
		if !o.Terms.Instant {
			return ToldSent, o.Terms.Delivers()
		}
	case "delivery.returned":
		return ToldBack, o.Terms.Delivers()
	case "refund.confirmed":
		if t := o.transfer(ev.Facts.Ref); t != nil && !o.Terms.FromBalance {
			return ToldRefund, t.Amount
		}
	}
	if o.Terms.FromBalance {
		return "", money.Amount{}
	}
	return map[string]Subject{
		"order.created": AskedToPay, "order.paid": ToldPaid,
		"order.failed": ToldFailed, "order.expired": ToldExpired, "order.cancelled": ToldCancel,
	}[ev.Type], money.Amount{}
}

// tell adds a notification for each channel.
func (o *Order) tell(tx Tx, s Subject, event string, amount money.Amount) error {
	for _, ch := range o.Notify.channels(s) {
		n := o.notification(tx, ch, s, event)
		n.Customer, n.Amount = o.Notify.Customer, amount
		if err := tx.AddNotification(n); err != nil {
			return err
		}
	}
	return nil
}

// tellURL adds the one POST of an order that has just ended.
func (o *Order) tellURL(tx Tx, events []Event) error {
	url := o.Notify.FailedURL
	if o.State == order.Completed {
		url = o.Notify.SuccessURL
	}
	if url == "" {
		return nil
	}
	for _, ev := range events {
		if ev.Type == "order."+string(o.State) {
			n := o.notification(tx, ByURL, ToldOutcome, ev.ID)
			n.URL = url
			return tx.AddNotification(n)
		}
	}
	return fmt.Errorf("engine: order %s is %s without an event", o.ID, o.State)
}

func (o *Order) notification(tx Tx, ch Channel, s Subject, event string) *Notification {
	return &Notification{
		ID: tx.NewID(), Scope: o.Scope, OrderID: o.ID, Channel: ch, Subject: s, EventID: event,
		State: NotificationPending, DueAt: tx.Now(), CreatedAt: tx.Now(),
	}
}

// Reminders.

// DueReminders returns orders of a mode that are to remind by now on its clock, the longest due first.
func (e *Engine) DueReminders(ctx context.Context, m Mode, limit int) (list []Due, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = rd.DueReminders(m, limit)
		return err
	})
	return list, err
}

// Remind tells an order's customer once that it still waits, however many of its times have passed meanwhile, and sets
// the next time. One that is being paid or looked into is left alone until then; told is false. Another worker may have been
// faster: then nothing happens.
func (e *Engine) Remind(ctx context.Context, due Due) (told bool, err error) {
	err = e.store.Update(ctx, Keys{Orders: []string{due.ID}}, func(tx Tx) error {
		told = false
		at, err := tx.Reminder(due.ID)
		if err != nil || !at.Equal(due.At) {
			return err
		}
		o, err := tx.Order(due.ID)
		if err != nil {
			return err
		}
		clock, err := tx.Clock(o.Scope.Mode)
		if err != nil {
			return err
		}
		now := clock.Shift(tx.Now())
		var next time.Time
		for _, t := range slices.Backward(o.Notify.Times) {
			if t.After(now) {
				next = t
			}
		}
		if o.State.Terminal() {
			next = time.Time{}
		}
		if o.State == order.Waiting || o.State == order.Part {
			told = true
			if err := o.tell(tx, Reminded, "", money.Amount{}); err != nil {
				return err
			}
			if o.Notify.Every > 0 { // who asked for it so sees when it was
				o.Notify.Told = now
				if err := tx.SaveOrder(o); err != nil {
					return err
				}
			}
		}
		return tx.SaveReminder(o.ID, o.Scope.Mode, next)
	})
	return told, err
}

// Sending.

// DueNotifications returns pending notifications of a channel whose next attempt is due, the longest due first, behind
// the given one.
func (e *Engine) DueNotifications(ctx context.Context, ch Channel, now time.Time, after Due, limit int) (list []Notification, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = rd.DueNotifications(ch, now, after, limit)
		return err
	})
	return list, err
}

// ClaimNotification takes a notification for NotificationLease and counts the attempt. It says false when another worker
// was faster or an operator changed it.
func (e *Engine) ClaimNotification(ctx context.Context, n Notification) (claimed Notification, ok bool, err error) {
	err = e.store.Update(ctx, Keys{}, func(tx Tx) error {
		ok = false
		now, err := tx.Notification(n.ID)
		if err != nil || now == nil || now.Version != n.Version || now.State != NotificationPending {
			return err
		}
		now.DueAt, now.Attempts = tx.Now().Add(NotificationLease), now.Attempts+1
		if err := tx.SaveNotification(now); err != nil {
			return err
		}
		claimed, ok = *now, true
		return nil
	})
	return claimed, ok, err
}

// Notified records what became of claimed notifications, or that others must wait. Those that somebody else changed
// meanwhile are left as they are.
func (e *Engine) Notified(ctx context.Context, list []Notification) error {
	return e.store.Update(ctx, Keys{}, func(tx Tx) error {
		for _, n := range list {
			now, err := tx.Notification(n.ID)
			if err != nil {
				return err
			}
			if now == nil || now.Version != n.Version {
				continue
			}
			if err := tx.SaveNotification(&n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Told is what a notification tells of.
type Told struct {
	Order    *Order
	Merchant string    // its name
	Event    *Event    // nil: there is none
	Endpoint *Endpoint // whose secrets sign what goes to a URL: the merchant's oldest, else the organisation's; nil: there is none
}

// NotificationOf loads what a notification tells of.
func (e *Engine) NotificationOf(ctx context.Context, n Notification) (of Told, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		if of.Order, err = rd.Order(n.OrderID); err != nil {
			return err
		}
		if err := fillHead(rd, of.Order); err != nil {
			return err
		}
		m, err := rd.Merchant(n.Scope.Merchant)
		if err != nil {
			return err
		}
		if m != nil {
			of.Merchant = m.Name
		}
		if n.EventID == "" {
			return nil
		}
		if n.Channel == ByURL {
			if of.Endpoint, err = signer(rd, n.Scope.Owner()); err != nil {
				return err
			}
		}
		events, err := rd.Events(n.OrderID)
		for i := range events {
			if events[i].ID == n.EventID {
				of.Event = &events[i]
			}
		}
		return err
	})
	return of, err
}

// signer is the oldest enabled endpoint of the merchant, else of his organisation; nil when there is none.
func signer(rd Reader, s Scope) (*Endpoint, error) {
	all, err := rd.Listeners(s)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	oldest := slices.MinFunc(all, func(a, b Endpoint) int {
		if own := a.Scope == s; own != (b.Scope == s) {
			if own {
				return -1
			}
			return 1
		}
		return a.CreatedAt.Compare(b.CreatedAt)
	})
	return &oldest, nil
}

// ForgetNotifications deletes notifications that were done before a time, but for those in the app, at most limit of
// them, and returns how many there were.
func (e *Engine) ForgetNotifications(ctx context.Context, before time.Time, limit int) (int, error) {
	var ids []string
	err := e.store.View(ctx, func(rd Reader) (err error) {
		ids, err = rd.OldNotifications(before, limit)
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), e.store.Update(ctx, Keys{}, func(tx Tx) error { return tx.DeleteNotifications(ids) })
}

// For the customer's app, and for operators.

// NotificationFilter chooses and pages what a customer finds in the app, the newest first. Pages count from 1.
type NotificationFilter struct {
	Scope       Scope
	Customer    string
	Page, Limit int
}

// NotificationPage is one page of a list and the exact total.
type NotificationPage struct {
	Notifications []FoundNotification
	Total         int64
}

// FoundNotification is a notification and the public id of its order.
type FoundNotification struct {
	Notification
	Order string
}

// InboxOf lists what a customer of the scope was told in the app. The caller has checked that the customer is the
// scope's. Errors: invalid_page, overloaded.
func (e *Engine) InboxOf(ctx context.Context, f NotificationFilter) (page NotificationPage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page, err = rd.Inbox(f)
		return err
	})
	return page, err
}

// ReadNotification marks one as read, once; it is given back.
//
// Error: not_found, also for another scope's or customer's, and for what is not in the app.
func (e *Engine) ReadNotification(ctx context.Context, s Scope, customer, id string) (found FoundNotification, err error) {
	err = e.store.Update(ctx, Keys{}, func(tx Tx) error {
		n, err := tx.Notification(id)
		if err != nil {
			return err
		}
		if n == nil || n.Scope != s || n.Customer != customer || n.Channel != InApp || n.State != NotificationSent {
			return errNoNotification
		}
		o, err := tx.Order(n.OrderID)
		if err != nil {
			return err
		}
		if n.ReadAt.IsZero() {
			n.ReadAt = tx.Now()
			if err := tx.SaveNotification(n); err != nil {
				return err
			}
		}
		found = FoundNotification{*n, o.PublicID}
		return nil
	})
	return found, err
}

var errNoNotification = fault.New(fault.CodeNotFound, "no such notification")

// NotificationSearch chooses notifications of any scope, the newest first. Empty fields choose all.
type NotificationSearch struct {
	Merchant string
	Mode     Mode
	Channel  Channel
	State    NotificationState
	OrderID  string // internal id
	After    string // the id of the last one of the page before
	Limit    int
}

// SearchNotifications lists notifications of any scope, or of one order by its public id. For operators.
// Errors: not_found for the order; invalid_page, overloaded.
func (e *Engine) SearchNotifications(ctx context.Context, s NotificationSearch, publicID string) ([]FoundNotification, error) {
	return found(ctx, e, s.Limit, func(rd Reader) (list []FoundNotification, err error) {
		if s.OrderID, err = internalID(rd, publicID, s.Mode); err != nil {
			return nil, err
		}
		return rd.SearchNotifications(s)
	})
}

// RetryNotification sends one that failed or was skipped again, with all of its attempts before it. visible says whether
// the caller may see it. For operators.
//
// Errors: not_found; order_state_conflict for one that waits or was sent.
func (e *Engine) RetryNotification(ctx context.Context, id string, visible func(Notification) bool) (again FoundNotification, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		n, err := tx.Notification(id)
		if err != nil {
			return err
		}
		if n == nil || !visible(*n) {
			return errNoNotification
		}
		if n.State != NotificationFailed && n.State != NotificationSkipped {
			return fault.New(fault.CodeOrderStateConflict, "only what failed or was skipped is sent again; this one is "+string(n.State))
		}
		o, err := tx.Order(n.OrderID)
		if err != nil {
			return err
		}
		n.State, n.DueAt, n.Attempts, n.Error, n.DoneAt = NotificationPending, tx.Now(), 0, "", time.Time{}
		if err := tx.SaveNotification(n); err != nil {
			return err
		}
		again = FoundNotification{*n, o.PublicID}
		return e.act(tx, n.Scope.Mode, "notification.retry", n.ID, string(n.Subject)+" by "+string(n.Channel))
	})
	return again, err
}

// notifyTx is how a transaction keeps notifications.
type notifyTx interface {
	Notification(id string) (*Notification, error) // nil when there is none
	AddNotification(n *Notification) error         // gives Version; its id is new
	SaveNotification(n *Notification) error        // not_found, version_conflict; what it tells of never changes
	DeleteNotifications(ids []string) error        // those that are there

	Reminder(orderID string) (time.Time, error) // when the order reminds next, on the mode's clock; zero: never
	// SaveReminder sets when the order reminds next; the zero time ends it.
	SaveReminder(orderID string, m Mode, at time.Time) error
}

// notifyReader is how notifications are read.
type notifyReader interface {
	// DueNotifications returns pending notifications of a channel with DueAt not after now, by DueAt and id, behind the
	// given one. Its cost follows the number that is due.
	DueNotifications(ch Channel, now time.Time, after Due, limit int) ([]Notification, error)
	// DueReminders returns orders that are to remind by now on the mode's clock, by that time and id.
	DueReminders(m Mode, limit int) ([]Due, error)
	// OldNotifications returns ids of notifications done before a time, but for those in the app.
	OldNotifications(before time.Time, limit int) ([]string, error)
	// Inbox pages what a customer was told in the app. It counts, for a second at most: overloaded then.
	Inbox(f NotificationFilter) (NotificationPage, error)
	// SearchNotifications lists notifications of any scope the newest first. A search that takes a second
	// ends: overloaded.
	SearchNotifications(s NotificationSearch) ([]FoundNotification, error)
}
