package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
)

// told is what is written of an order's notifications, the oldest first: "asked email pending".
func (k *kit) toldOf(o *engine.Order) (list []string) {
	k.Helper()
	for _, n := range k.notifications(o) {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", n.Subject, n.Channel, n.Customer)))
	}
	return list
}

func (k *kit) notifications(o *engine.Order) []engine.FoundNotification {
	k.Helper()
	list, err := k.engine.SearchNotifications(context.Background(), engine.NotificationSearch{Limit: 100}, o.PublicID)
	k.must(err)
	slices.Reverse(list)
	return list
}

func (k *kit) wantTold(o *engine.Order, list ...string) {
	k.Helper()
	if got := k.toldOf(o); !slices.Equal(got, list) {
		k.Errorf("told %q, want %q", got, list)
	}
}

func (k *kit) remindAll() (n int) {
	k.Helper()
	due, err := k.engine.DueReminders(context.Background(), engine.Sandbox, 100)
	k.must(err)
	for _, d := range due {
		told, err := k.engine.Remind(context.Background(), d)
		k.must(err)
		if told {
			n++
		}
	}
	return n
}

// long asks for an order that may be paid for so long.
func (k *kit) long(d time.Duration, n engine.Notify) engine.NewOrder {
	ask := withTerms(k.ask(shop, north), func(t *order.Terms) {
		t.Deadline = t.Deadline.Add(d - window)
		t.ConfirmBy = t.Deadline.Add(confirm)
	})
	ask.Notify = n
	return ask
}

func TestWhoIsToldWhat(t *testing.T) {
	k := newKit(t)
	all := engine.Notify{Customer: "ana", Email: true, InApp: true, WhatsApp: true}
	some := engine.Notify{Customer: "ana", InApp: true}

	quiet := k.order(k.ask(shop, north))
	nobody := k.order(k.long(window, engine.Notify{Email: true, InApp: true})) // to whom is not said
	paid := k.order(k.long(window, all))
	expired, cancelled := k.order(k.long(window, some)), k.order(k.long(window, some))
	k.wantTold(paid, "asked email ana", "asked whatsapp ana", "asked app ana")
	_, err := k.engine.Cancel(context.Background(), cancelled.ID, order.ByOperator, "op", "test")
	k.must(err)
	k.block(north, at(time.Minute), k.confirmed(paid, "p", 100, at(time.Minute)))
	k.wantTold(paid, "asked email ana", "asked whatsapp ana", "asked app ana", "paid email ana", "paid whatsapp ana", "paid app ana")
	k.pass(north, at(window+time.Minute))
	k.pass(north, at(window+confirm+time.Minute))
	k.wantState(expired, order.Expired)
	k.wantTold(expired, "asked app ana", "expired app ana")
	k.wantTold(cancelled, "asked app ana", "cancelled app ana")
	k.wantTold(quiet)
	k.wantTold(nobody)

	// Each is due at once, and its row says what it is of.
	n := k.notifications(paid)[3]
	want(k, "state", n.State, engine.NotificationPending)
	want(k, "due", n.DueAt, n.CreatedAt)
	of, err := k.engine.NotificationOf(context.Background(), n.Notification)
	k.must(err)
	want(k, "order", of.Order.PublicID, paid.PublicID)
	want(k, "event", of.Event.Type, "order.paid")
}

// A reorganisation takes a payment back and brings it again: the customer hears once that it was paid. Nobody hears of what was
// rolled back with its transaction.
func TestPaidIsToldOnce(t *testing.T) {
	k := newKit(t)
	k.pool(engine.HousePool(engine.Sandbox, engine.EVM), "h", 2)
	ask := k.long(window, engine.Notify{Customer: "ana", Email: true})
	ask = withTerms(ask, func(t *order.Terms) {
		t.Book, t.Instant, t.Sends = ledger.Owed(shop.Merchant), false, 1
		t.To = ledger.House.Account(ledger.PayeeOn("bank"))
	})
	ask.Destination = engine.Destination{Rail: bank.Rail, To: "IBAN"}
	o := k.order(ask)
	w := k.confirmed(o, "p", 100, at(time.Minute))
	k.block(north, at(time.Minute), w)
	k.wantState(o, order.Paid)
	k.block(north, at(2*time.Minute), again(w, order.RankReversed, 1))
	k.wantState(o, order.Waiting)
	k.block(north, at(3*time.Minute), again(w, order.RankConfirmed, 2))
	k.wantState(o, order.Paid)
	k.wantTold(o, "asked email ana", "paid email ana")

	// It is delivered, and told so.
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Delivered, "ref"))
	k.wantState(o, order.Completed)
	k.wantTold(o, "asked email ana", "paid email ana", "sent email ana")
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.ReturnedBack, "ref"))
	k.wantTold(o, "asked email ana", "paid email ana", "sent email ana", "returned email ana")
	want(k, "the amount that came back", k.notifications(o)[3].Amount.String(), o.Terms.Due.String())
}

// Money that leaves a balance is no business of a payer: its receiver hears when it was sent.
func TestPayoutIsToldWhenSent(t *testing.T) {
	k := newKit(t)
	book := ledger.Owed(shop.Merchant)
	k.fund(bank, 100)
	payout := func(to order.Terms, dest engine.Destination) *engine.Order {
		return k.order(engine.NewOrder{
			Scope: shop, PublicID: k.unique("ord"), Destination: dest, Notify: engine.Notify{Customer: "ana", Email: true, Reminders: true},
			Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) { return to, json.RawMessage(`{}`), nil },
		})
	}
	terms := order.Terms{Book: book, Due: units(eur, 10), Fee: units(eur, 1), FromBalance: true, Sends: 1, To: ledger.House.Account(ledger.PayeeOn("bank"))}
	out := payout(terms, engine.Destination{Rail: bank.Rail, To: "IBAN"})
	k.wantTold(out)
	job, err := k.engine.Reserve(context.Background(), out.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), out.ID, job.ID, order.Delivered, "ref"))
	k.wantTold(out, "sent email ana")
	want(k, "what was sent", k.notifications(out)[0].Amount.String(), units(eur, 9).String())

	terms.Instant, terms.To, terms.Sends = true, book.Account(ledger.Merchant), 0
	moved := payout(terms, engine.Destination{})
	k.wantState(moved, order.Completed)
	k.wantTold(moved)
	want(k, "reminders", k.rowCount("reminders"), 0)
}

// What went back to the payer is told with its own amount.
func TestRefundIsTold(t *testing.T) {
	k := newKit(t)
	ask := k.ask(shop, bank)
	ask.Instrument = engine.Made
	ask.Notify = engine.Notify{Customer: "ana", InApp: true}
	book := ledger.Owed(shop.Merchant)
	ask = withTerms(ask, func(t *order.Terms) { t.Book, t.To = book, book.Account(ledger.Merchant) })
	k.block(bank, at(0))
	o := k.order(ask)
	k.block(bank, at(time.Minute), k.confirmed(o, "p", 100, at(time.Minute)))
	k.wantState(o, order.Completed)
	_, err := k.engine.Refund(context.Background(), engine.NewRefund{
		OrderID: o.ID, ID: "refund", Amount: units(eur, 30), From: ledger.Merchant, To: engine.Destination{Rail: bank.Rail, To: "IBAN"}, Actor: order.ByMerchant,
	})
	k.must(err)
	flight, err := k.engine.InFlight(context.Background(), bank.Rail, k.clock.now().Add(time.Hour), engine.Due{}, 10)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, flight[0].ID, order.Delivered, "ref"))
	k.wantTold(o, "asked app ana", "paid app ana", "refunded app ana")
	want(k, "amount", k.notifications(o)[2].Amount.String(), "0.30 EUR")
}

func TestReminders(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	want(k, "of none", k.remindAll(), 0)
	n := engine.Notify{Customer: "ana", Reminders: true}
	week := 7 * 24 * time.Hour
	o := k.order(k.long(week, n))
	short := k.order(k.long(window, n))
	wantList(k, "times", o.Notify.Times, at(24*time.Hour), at(72*time.Hour), at(week-24*time.Hour))
	want(k, "times of a short one", len(short.Notify.Times), 0)

	k.clock.set(at(24*time.Hour - time.Second))
	want(k, "too early", k.remindAll(), 0)
	k.clock.set(at(24 * time.Hour))
	due, err := k.engine.DueReminders(ctx, engine.Sandbox, 10)
	k.must(err)
	wantList(k, "due", due, engine.Due{At: at(24 * time.Hour), ID: o.ID})
	want(k, "a day later", k.remindAll(), 1)
	told, err := k.engine.Remind(ctx, due[0]) // another worker read the same list
	k.must(err)
	want(k, "twice", told, false)
	// It is seen: the payer did his part. Then he pays a part only.
	k.block(north, at(71*time.Hour), k.seen(o, "p", 40, at(71*time.Hour)))
	k.clock.set(at(72 * time.Hour))
	want(k, "while it is seen", k.remindAll(), 0)
	k.block(north, at(73*time.Hour), k.confirmed(o, "p", 40, at(71*time.Hour)))
	k.clock.set(at(week - 2*time.Hour)) // no worker ran for long
	want(k, "in part", k.remindAll(), 1)
	want(k, "no more", k.remindAll(), 0)
	k.wantTold(o, "reminder email ana", "reminder email ana") // no channel was chosen
	want(k, "rows", k.rowCount("reminders"), 0)

	// They end with the order, and follow the merchant's setting.
	k.must(k.engine.SaveSetting(ctx, engine.SettingScope{Merchant: shop.Merchant, Mode: shop.Mode}, engine.ReminderTimes,
		json.RawMessage(`{"after":["2h","2h30m","5h"],"before_due":"0s"}`)))
	k.clock.set(at(week))
	k.block(north, at(week))
	paid := k.order(k.long(week, n))
	wantList(k, "times", paid.Notify.Times, at(week+2*time.Hour), at(week+5*time.Hour))
	want(k, "rows", k.rowCount("reminders"), 1)
	k.block(north, at(week+time.Minute), k.confirmed(paid, "q", 100, at(week+time.Minute)))
	want(k, "rows of an ended order", k.rowCount("reminders"), 0)
	k.wantTold(paid)
}

func TestOutcomeIsToldToItsURL(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	n := engine.Notify{SuccessURL: "https://shop.example/good", FailedURL: "https://shop.example/bad"}
	at1 := engine.SettingScope{Merchant: shop.Merchant, Mode: shop.Mode}
	off := k.order(k.long(window, n))
	k.must(k.engine.SaveSetting(ctx, at1, engine.NotifyURLs, json.RawMessage(`true`)))
	paid, expired, one := k.order(k.long(window, n)), k.order(k.long(window, n)), k.order(k.long(window, engine.Notify{SuccessURL: n.SuccessURL}))
	k.block(north, at(time.Minute), k.confirmed(paid, "p", 100, at(time.Minute)), k.confirmed(off, "q", 100, at(time.Minute)))
	k.pass(north, at(window+time.Minute))
	k.pass(north, at(window+confirm+time.Minute))
	k.wantTold(off)
	k.wantTold(one)
	k.wantTold(paid, "outcome url")
	k.wantTold(expired, "outcome url")
	want(k, "url", k.notifications(paid)[0].URL, n.SuccessURL)
	want(k, "url", k.notifications(expired)[0].URL, n.FailedURL)
	of, err := k.engine.NotificationOf(ctx, k.notifications(expired)[0].Notification)
	k.must(err)
	want(k, "event", of.Event.Type, "order.expired")

	k.must(k.engine.SaveSetting(ctx, at1, engine.NotifyURLs, json.RawMessage(`"yes"`))) // by another hand
	if _, err := k.engine.Create(ctx, k.long(window, n)); err == nil {
		t.Error("a setting that cannot be read was passed over")
	}
}

func TestSettingsOfNotifications(t *testing.T) {
	for _, c := range []struct {
		key, value string
		known, ok  bool
	}{
		{engine.LateRateSetting, `"requote"`, true, true},
		{engine.LateRateSetting, `"never"`, true, false},
		{engine.NotifyURLs, "true", true, true},
		{engine.NotifyURLs, `"true"`, true, false},
		{engine.CustomerRequired, "false", true, true},
		{engine.CustomerRequired, "1", true, false},
		{engine.ReminderTimes, `{"after":["24h"],"before_due":"1h"}`, true, true},
		{engine.ReminderTimes, `{}`, true, true},
		{engine.ReminderTimes, `{"after":["-1h"]}`, true, false},
		{engine.ReminderTimes, `{"after":[24]}`, true, false},
		{engine.ReminderTimes, `{"after":["1h","2h","3h","4h","5h","6h","7h","8h","9h","10h","11h"]}`, true, false},
		{"another", "1", false, true},
	} {
		known, err := engine.CheckSetting(c.key, json.RawMessage(c.value))
		if known != c.known || (err == nil) != c.ok {
			t.Errorf("%s %s: %v %v", c.key, c.value, known, err)
		}
		if f, is := fault.As(err); err != nil && (!is || f.Param != c.key) {
			t.Errorf("%s %s: %v", c.key, c.value, err)
		}
	}
}

// One worker of several gets a notification, its word is recorded once, and an operator's retry begins anew.
func TestNotificationIsClaimedAndRetried(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	o := k.order(k.long(window, engine.Notify{Customer: "ana", InApp: true}))
	due := func(now time.Time) []engine.Notification {
		list, err := k.engine.DueNotifications(ctx, engine.InApp, now, engine.Due{}, 10)
		k.must(err)
		return list
	}
	n := due(k.clock.now())[0]
	claimed, ok, err := k.engine.ClaimNotification(ctx, n)
	k.must(err)
	want(k, "claimed", ok, true)
	want(k, "attempts", claimed.Attempts, 1)
	_, ok, err = k.engine.ClaimNotification(ctx, n)
	k.must(err)
	want(k, "claimed twice", ok, false)
	want(k, "due while it is claimed", len(due(k.clock.now().Add(engine.NotificationLease-time.Second))), 0)
	want(k, "due after the lease", len(due(k.clock.now().Add(engine.NotificationLease))), 1)

	visible := func(engine.Notification) bool { return true }
	_, err = k.engine.RetryNotification(ctx, n.ID, visible)
	k.wantCode(err, fault.CodeOrderStateConflict)
	failed := claimed
	failed.State, failed.DueAt, failed.DoneAt, failed.Error = engine.NotificationFailed, time.Time{}, k.clock.now(), "refused"
	k.must(k.engine.Notified(ctx, []engine.Notification{failed}))
	_, err = k.engine.RetryNotification(ctx, n.ID, func(engine.Notification) bool { return false })
	k.wantCode(err, fault.CodeNotFound)
	again, err := k.engine.RetryNotification(ctx, n.ID, visible)
	k.must(err)
	want(k, "state", again.State, engine.NotificationPending)
	want(k, "attempts", again.Attempts, 0)
	want(k, "order", again.Order, o.PublicID)
	late := claimed
	late.State = engine.NotificationSent
	k.must(k.engine.Notified(ctx, []engine.Notification{late})) // a worker whose lease was over long ago
	want(k, "state", k.notifications(o)[0].State, engine.NotificationPending)

	_, err = k.engine.ReadNotification(ctx, shop, "ana", n.ID)
	k.wantCode(err, fault.CodeNotFound) // not told yet
	claimed, _, err = k.engine.ClaimNotification(ctx, due(k.clock.now())[0])
	k.must(err)
	claimed.State, claimed.DueAt, claimed.DoneAt = engine.NotificationSent, time.Time{}, k.clock.now()
	k.must(k.engine.Notified(ctx, []engine.Notification{claimed}))
	for what, read := range map[string]func() error{
		"another customer": func() error { _, err := k.engine.ReadNotification(ctx, shop, "bob", n.ID); return err },
		"another scope":    func() error { _, err := k.engine.ReadNotification(ctx, other, "ana", n.ID); return err },
		"another id":       func() error { _, err := k.engine.ReadNotification(ctx, shop, "ana", "x"); return err },
	} {
		if err := read(); !fault.Is(err, fault.CodeNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	first, err := k.engine.ReadNotification(ctx, shop, "ana", n.ID)
	k.must(err)
	k.clock.set(at(time.Hour))
	second, err := k.engine.ReadNotification(ctx, shop, "ana", n.ID)
	k.must(err)
	want(k, "read at", second.ReadAt, first.ReadAt)
	page, err := k.engine.InboxOf(ctx, engine.NotificationFilter{Scope: shop, Customer: "ana", Page: 1, Limit: 10})
	k.must(err)
	want(k, "in the app", page.Total, 1)
	forgot, err := k.engine.ForgetNotifications(ctx, at(24*time.Hour), 10)
	k.must(err)
	want(k, "forgotten", forgot, 0)
}

// rowCount counts the rows of a table.
func (k *kit) rowCount(table string) (n int) {
	k.Helper()
	k.rows("SELECT * FROM "+table, nil, func([]string) { n++ })
	return n
}

// fund gives the shop a balance, by an order that is paid.
func (k *kit) fund(n engine.Network, amount int64) {
	k.Helper()
	ask := k.ask(shop, n)
	ask.Instrument = engine.Made
	book := ledger.Owed(shop.Merchant)
	ask = withTerms(ask, func(t *order.Terms) {
		t.Book, t.To, t.Due = book, book.Account(ledger.Merchant), units(n.Tokens[0].Asset, amount)
	})
	k.block(n, at(0))
	o := k.order(ask)
	k.block(n, at(time.Second), k.confirmed(o, k.unique("fund"), amount, at(time.Second)))
	k.wantState(o, order.Completed)
}
