package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Notifications and reminders. body is the record as JSON; the columns are what is looked for.
const (
	selectNotification     = `SELECT body FROM notifications WHERE id = $1`
	selectNotificationsDue = `SELECT body FROM notifications WHERE state = 'pending' AND channel = $1 AND due_at <= $2 AND (due_at, id) > ($3, $4)
		ORDER BY due_at, id LIMIT $5`
	selectOldNotifications = `SELECT id FROM notifications WHERE channel <> 'app' AND done_at > 0 AND done_at < $1 ORDER BY done_at, id LIMIT $2`
	inbox                  = ` FROM notifications n WHERE n.channel = 'app' AND n.state = 'sent' AND n.scope_id = $1 AND n.customer = $2`
	countInbox             = `SELECT COUNT(*)` + inbox
	selectInbox            = `SELECT n.body, COALESCE((SELECT o.public_id FROM orders o WHERE o.id = n.order_id), '')` + inbox + ` ORDER BY n.id DESC LIMIT $3 OFFSET $4`
	searchNotifications    = `SELECT n.body, COALESCE(o.public_id, '')
		FROM notifications n JOIN scopes s ON s.id = n.scope_id LEFT JOIN orders o ON o.id = n.order_id{where} ORDER BY n.id DESC LIMIT {limit}`
	countUnnotified   = `SELECT COUNT(*) FROM (SELECT 1 FROM notifications WHERE state = 'pending' LIMIT $1) AS few`
	countUnnotifiable = `SELECT COUNT(*) FROM (SELECT 1 FROM notifications WHERE state = 'failed' LIMIT $1) AS few`

	insertNotification = `INSERT INTO notifications (id, scope_id, order_id, customer, channel, state, due_at, done_at, version, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`
	updateNotification = `UPDATE notifications SET state = $1, due_at = $2, done_at = $3, version = $4, body = $5 WHERE id = $6 AND version = $7`
	deleteNotification = `DELETE FROM notifications WHERE id = $1 AND done_at > 0`

	selectReminder     = `SELECT mode, due_at FROM reminders WHERE order_id = $1`
	selectRemindersDue = `SELECT order_id, due_at FROM reminders WHERE mode = $1 AND due_at <= $2 ORDER BY due_at, order_id LIMIT $3`
	insertReminder     = `INSERT INTO reminders (order_id, mode, due_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	updateReminder     = `UPDATE reminders SET due_at = $1 WHERE order_id = $2 AND due_at = $3`
	deleteReminder     = `DELETE FROM reminders WHERE order_id = $1 AND due_at = $2`
)

func (t *tx) Notification(id string) (*engine.Notification, error) {
	n, err := t.use().notification(id)
	return n.Clone(), err
}

// notification is nil when there is none.
func (g *group) notification(id string) (*engine.Notification, error) {
	if n, loaded := g.notifications.get(id); loaded {
		return n, nil
	}
	found, err := queryNotifications(g.db, selectNotification, id)
	if err != nil {
		return nil, err
	}
	var n *engine.Notification
	if len(found) > 0 {
		n = &found[0]
	}
	g.notifications.load(id, n)
	return n, nil
}

func (t *tx) AddNotification(n *engine.Notification) error {
	if n.ID == "" || n.OrderID == "" {
		return errors.New("a notification needs an id and an order")
	}
	n.Version = 1
	t.use().notifications.put(n.ID, n.Clone())
	return nil
}

func (t *tx) SaveNotification(n *engine.Notification) error {
	g := t.use()
	was, err := g.notification(n.ID)
	switch {
	case err != nil:
		return err
	case was == nil:
		return fault.New(fault.CodeNotFound, "No such notification.")
	case was.Version != n.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the notification meanwhile.")
	case was.Scope != n.Scope || was.OrderID != n.OrderID || was.Customer != n.Customer || was.Channel != n.Channel || was.Subject != n.Subject:
		return fmt.Errorf("notification %s: what it tells whom never changes", n.ID)
	}
	n.Version++
	g.notifications.put(n.ID, n.Clone())
	return nil
}

func (t *tx) DeleteNotifications(ids []string) error { t.use().forgotten.add(ids...); return nil }

// reminder is when an order reminds next; the zero reminder is never.
type reminder struct {
	mode engine.Mode
	due  int64
}

func (g *group) reminder(orderID string) (found reminder, err error) {
	if r, loaded := g.reminders.get(orderID); loaded {
		return r, nil
	}
	err = scan(g.db, selectReminder, []any{orderID}, func(rows record) error { return rows.Scan(&found.mode, &found.due) })
	if err == nil {
		g.reminders.load(orderID, found)
	}
	return found, err
}

func (t *tx) Reminder(orderID string) (time.Time, error) {
	r, err := t.use().reminder(orderID)
	return timeOf(r.due), err
}

func (t *tx) SaveReminder(orderID string, m engine.Mode, at time.Time) error {
	g := t.use()
	if _, err := g.reminder(orderID); err != nil {
		return err
	}
	next := reminder{m, micros(at)}
	if at.IsZero() {
		next = reminder{}
	}
	g.reminders.put(orderID, next)
	return nil
}

func (g *group) flushNotifications() error {
	err := inOrder(&g.notifications, strings.Compare, func(id string, was, now *engine.Notification) error {
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		body, err := toJSON(now)
		if err != nil {
			return err
		}
		what, due, done := "notification "+id, int64(0), int64(0)
		if now.State == engine.NotificationPending {
			due = micros(now.DueAt)
		} else {
			done = micros(now.DoneAt)
		}
		if was == nil {
			return g.write(what, insertNotification, id, scope, now.OrderID, now.Customer, string(now.Channel), string(now.State), due, done, now.Version, body)
		}
		return g.write(what, updateNotification, string(now.State), due, done, now.Version, body, id, was.Version)
	})
	if err != nil {
		return err
	}
	for _, id := range g.forgotten.group {
		if err := g.write("", deleteNotification, id); err != nil {
			return err
		}
	}
	return inOrder(&g.reminders, cmp.Compare, func(orderID string, was, now reminder) error {
		what, none := "reminder of order "+orderID, reminder{}
		switch {
		case was == now:
			return nil
		case was == none:
			return g.write(what, insertReminder, orderID, string(now.mode), now.due)
		case now == none:
			return g.write(what, deleteReminder, orderID, was.due)
		}
		return g.write(what, updateReminder, now.due, orderID, was.due)
	})
}

func (r *reader) DueNotifications(ch engine.Channel, now time.Time, after engine.Due, limit int) ([]engine.Notification, error) {
	return queryNotifications(r, selectNotificationsDue, string(ch), micros(now), micros(after.At), after.ID, limit)
}

func (r *reader) DueReminders(m engine.Mode, limit int) (list []engine.Due, err error) {
	now, err := r.modeTime(m)
	if err != nil {
		return nil, err
	}
	err = scan(r, selectRemindersDue, []any{string(m), now, limit}, func(rows record) error {
		var d engine.Due
		var at int64
		err := rows.Scan(&d.ID, &at)
		d.At = timeOf(at)
		list = append(list, d)
		return err
	})
	return list, err
}

func (r *reader) OldNotifications(before time.Time, limit int) ([]string, error) {
	return texts(r, selectOldNotifications, micros(before), limit)
}

func (r *reader) Inbox(f engine.NotificationFilter) (page engine.NotificationPage, err error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return page, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return page, err
	}
	err = r.within(func(r *reader) error {
		err := scan(r, countInbox, []any{scope, f.Customer}, func(row record) error { return row.Scan(&page.Total) })
		if err != nil {
			return err
		}
		page.Notifications, err = foundNotifications(r, selectInbox, scope, f.Customer, f.Limit, int64(f.Page-1)*int64(f.Limit))
		return err
	})
	return page, err
}

func (r *reader) SearchNotifications(s engine.NotificationSearch) (list []engine.FoundNotification, err error) {
	var c condition
	c.is("n.order_id", s.OrderID)
	if s.State == engine.NotificationFailed {
		c.text = append(c.text, "n.state = 'failed'") // said so, the planner takes the index of those
	} else {
		c.is("n.state", string(s.State))
	}
	// The expressions keep the planner on the ids, which are in the order of the list.
	c.is("COALESCE(n.channel, '')", string(s.Channel))
	c.is("COALESCE(s.merchant, '')", s.Merchant)
	c.is("COALESCE(s.mode, '')", string(s.Mode))
	c.ids("n.id", s.After, time.Time{}, time.Time{})
	query, args := c.of(searchNotifications, s.Limit)
	err = r.within(func(r *reader) error {
		list, err = foundNotifications(r, query, args...)
		return err
	})
	return list, err
}

func queryNotifications(q queryer, query string, args ...any) (list []engine.Notification, err error) {
	err = scan(q, query, args, func(rows record) error {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		n, err := notificationOf(body)
		list = append(list, n)
		return err
	})
	return list, err
}

func foundNotifications(q queryer, query string, args ...any) (list []engine.FoundNotification, err error) {
	err = scan(q, query, args, func(rows record) error {
		var body []byte
		var f engine.FoundNotification
		err := rows.Scan(&body, &f.Order)
		if err == nil {
			f.Notification, err = notificationOf(body)
		}
		list = append(list, f)
		return err
	})
	return list, err
}

func notificationOf(body []byte) (n engine.Notification, err error) {
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("a notification on record cannot be read: %w", err)
	}
	return n, nil
}
