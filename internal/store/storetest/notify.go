package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// notification adds one that is pending and due now.
func (s *suite) notification(o *engine.Order, change func(n *engine.Notification)) *engine.Notification {
	s.Helper()
	var n *engine.Notification
	s.update(func(tx engine.Tx) error {
		n = &engine.Notification{
			ID: tx.NewID(), Scope: o.Scope, OrderID: o.ID, Customer: "cus-1", Channel: engine.ByEmail, Subject: engine.AskedToPay, EventID: "ev",
			Amount: money.FromInt(usdt, 5), State: engine.NotificationPending, DueAt: tx.Now(), CreatedAt: tx.Now(),
		}
		if change != nil {
			change(n)
		}
		return tx.AddNotification(n)
	})
	return n
}

func (s *suite) changeNotification(id string, change func(n *engine.Notification)) error {
	return s.try(func(tx engine.Tx) error {
		n, err := tx.Notification(id)
		if err != nil {
			return err
		}
		change(n)
		return tx.SaveNotification(n)
	})
}

func (s *suite) notificationsDue(ch engine.Channel, now time.Time, after engine.Due, limit int) (ids []string) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		list, err := rd.DueNotifications(ch, now, after, limit)
		for _, n := range list {
			ids = append(ids, n.ID)
		}
		return err
	})
	return ids
}

func notifications(s *suite) {
	o := s.insert(scopeA, nil)
	n := s.notification(o, func(n *engine.Notification) { n.Body, n.URL = []byte("bytes"), "https://shop.example/paid" })
	if n.Version != 1 {
		s.Errorf("version %d", n.Version)
	}
	want := n.Clone()
	n.Body[0] = 'B' // the caller's copy
	s.reopen()
	s.update(func(tx engine.Tx) error {
		got, err := tx.Notification(n.ID)
		if err != nil {
			return err
		}
		if got.Body == nil || fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("got %+v, want %+v", got, want)
		}
		if got, err := tx.Notification("nobody's"); got != nil || err != nil {
			return fmt.Errorf("got %v, %v", got, err)
		}
		return nil
	})

	stale := want.Clone()
	if err := s.changeNotification(n.ID, func(n *engine.Notification) { n.Attempts++ }); err != nil {
		s.Fatal(err)
	}
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveNotification(stale) }), fault.CodeVersionConflict)
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveNotification(&engine.Notification{ID: "nobody's"}) }), fault.CodeNotFound)
	for what, change := range map[string]func(n *engine.Notification){
		"scope":    func(n *engine.Notification) { n.Scope = scopeB },
		"order":    func(n *engine.Notification) { n.OrderID = "another" },
		"customer": func(n *engine.Notification) { n.Customer = "another" },
		"channel":  func(n *engine.Notification) { n.Channel = engine.InApp },
		"subject":  func(n *engine.Notification) { n.Subject = engine.ToldPaid },
	} {
		if s.changeNotification(n.ID, change) == nil {
			s.Errorf("the %s of a notification was changed", what)
		}
	}
	for _, bad := range []*engine.Notification{{OrderID: o.ID, Scope: scopeA}, {ID: "x", Scope: scopeA}} {
		if s.try(func(tx engine.Tx) error { return tx.AddNotification(bad) }) == nil {
			s.Errorf("%+v was added", bad)
		}
	}
	// What fails leaves none.
	var id string
	err := s.try(func(tx engine.Tx) error {
		id = tx.NewID()
		n := want.Clone()
		n.ID = id
		if err := tx.AddNotification(n); err != nil {
			return err
		}
		return errRefused
	})
	if err != errRefused {
		s.Fatal(err)
	}
	s.update(func(tx engine.Tx) error {
		if n, err := tx.Notification(id); n != nil || err != nil {
			return fmt.Errorf("it is there: %v %v", n, err)
		}
		return nil
	})
}

func notificationsInTurn(s *suite) {
	o := s.insert(scopeA, nil)
	now := s.clock.now()
	var ids []string
	for i := range 5 {
		ids = append(ids, s.notification(o, func(n *engine.Notification) { n.DueAt = now.Add(time.Duration(-i/2) * time.Minute) }).ID)
	}
	later := s.notification(o, func(n *engine.Notification) { n.DueAt = now.Add(time.Second) })
	s.notification(o, func(n *engine.Notification) { n.Channel = engine.InApp })
	done := s.notification(o, nil)
	if err := s.changeNotification(done.ID, func(n *engine.Notification) {
		n.State, n.DueAt, n.DoneAt = engine.NotificationSent, time.Time{}, now
	}); err != nil {
		s.Fatal(err)
	}
	all := []string{ids[4], ids[2], ids[3], ids[0], ids[1]}
	if got := s.notificationsDue(engine.ByEmail, now, engine.Due{}, 10); !slices.Equal(got, all) {
		s.Errorf("due %v, want %v", got, all)
	}
	if got := s.notificationsDue(engine.ByEmail, now, engine.Due{}, 2); !slices.Equal(got, all[:2]) {
		s.Errorf("the first two: %v", got)
	}
	if got := s.notificationsDue(engine.ByEmail, now, engine.Due{At: now.Add(-time.Minute), ID: ids[2]}, 10); !slices.Equal(got, all[2:]) {
		s.Errorf("behind the second: %v", got)
	}
	if got := s.notificationsDue(engine.ByEmail, now.Add(time.Second), engine.Due{}, 10); !slices.Equal(got, append(all, later.ID)) {
		s.Errorf("a second later: %v", got)
	}
	s.view(func(rd engine.Reader) error {
		b, err := rd.Backlog()
		if b.Unnotified != 7 || b.Unnotifiable != 0 {
			s.Errorf("backlog %+v", b)
		}
		return err
	})
	if err := s.changeNotification(later.ID, func(n *engine.Notification) {
		n.State, n.DueAt, n.DoneAt = engine.NotificationFailed, time.Time{}, now
	}); err != nil {
		s.Fatal(err)
	}
	s.view(func(rd engine.Reader) error {
		b, err := rd.Backlog()
		if b.Unnotified != 6 || b.Unnotifiable != 1 {
			s.Errorf("backlog %+v", b)
		}
		return err
	})
}

// Of many that claim one at the same time, one gets it.
func notificationClaims(s *suite) {
	n := s.notification(s.insert(scopeA, nil), nil)
	var got atomic.Int64
	for _, err := range AtOnce(16, func(int) error {
		return s.try(func(tx engine.Tx) error {
			now, err := tx.Notification(n.ID)
			if err != nil {
				return err
			}
			if now.Version != n.Version {
				return nil
			}
			now.DueAt = tx.Now().Add(time.Minute)
			got.Add(1) // may run again after a conflict, but on one process there is none
			return tx.SaveNotification(now)
		})
	}) {
		if err != nil {
			s.Error(err)
		}
	}
	if got.Load() != 1 {
		s.Errorf("%d claimed it", got.Load())
	}
}

func notificationLists(s *suite) {
	mine, theirs := s.insert(scopeA, nil), s.insert(scopeB, nil)
	sent := func(o *engine.Order, customer string, ch engine.Channel) string {
		id := s.notification(o, func(n *engine.Notification) { n.Customer, n.Channel = customer, ch }).ID
		if err := s.changeNotification(id, func(n *engine.Notification) {
			n.State, n.DueAt, n.DoneAt, n.Title = engine.NotificationSent, time.Time{}, s.clock.now(), "title"
		}); err != nil {
			s.Fatal(err)
		}
		s.clock.advance(time.Second)
		return id
	}
	begin := s.clock.now()
	var app []string
	for range 5 {
		app = append([]string{sent(mine, "cus-1", engine.InApp)}, app...)
	}
	mail := sent(mine, "cus-1", engine.ByEmail)
	another := sent(mine, "cus-2", engine.InApp)
	foreign := sent(theirs, "cus-1", engine.InApp)
	waiting := s.notification(mine, func(n *engine.Notification) { n.Channel = engine.InApp }).ID

	list := func(f engine.NotificationFilter) (ids []string, total int64) {
		s.view(func(rd engine.Reader) error {
			page, err := rd.Inbox(f)
			for _, n := range page.Notifications {
				ids = append(ids, n.ID)
				if n.Order == "" || n.Title != "title" {
					s.Errorf("%+v", n)
				}
			}
			total = page.Total
			return err
		})
		return ids, total
	}
	for _, c := range []struct {
		f     engine.NotificationFilter
		ids   []string
		total int64
	}{
		{engine.NotificationFilter{Scope: scopeA, Customer: "cus-1", Page: 1, Limit: 3}, app[:3], 5},
		{engine.NotificationFilter{Scope: scopeA, Customer: "cus-1", Page: 2, Limit: 3}, app[3:], 5},
		{engine.NotificationFilter{Scope: scopeA, Customer: "cus-1", Page: 3, Limit: 3}, nil, 5},
		{engine.NotificationFilter{Scope: scopeA, Customer: "cus-2", Page: 1, Limit: 3}, []string{another}, 1},
		{engine.NotificationFilter{Scope: scopeB, Customer: "cus-1", Page: 1, Limit: 3}, []string{foreign}, 1},
		{engine.NotificationFilter{Scope: scopeC, Customer: "cus-1", Page: 1, Limit: 3}, nil, 0},
	} {
		if ids, total := list(c.f); !slices.Equal(ids, c.ids) || total != c.total {
			s.Errorf("%+v: %v of %d, want %v of %d", c.f, ids, total, c.ids, c.total)
		}
	}
	for _, f := range []engine.NotificationFilter{{Scope: scopeA, Limit: 1}, {Scope: scopeA, Page: 1}} {
		err := s.store.View(context.Background(), func(rd engine.Reader) error { _, err := rd.Inbox(f); return err })
		s.wantCode(err, fault.CodeInvalidPage)
	}

	search := func(q engine.NotificationSearch) (ids []string) {
		q.Limit = 20
		s.view(func(rd engine.Reader) error {
			found, err := rd.SearchNotifications(q)
			for _, n := range found {
				ids = append(ids, n.ID)
				if want := map[string]string{mine.ID: mine.PublicID, theirs.ID: theirs.PublicID}[n.OrderID]; n.Order != want {
					s.Errorf("%s is of order %s, want %s", n.ID, n.Order, want)
				}
			}
			return err
		})
		return ids
	}
	everything := append([]string{waiting, foreign, another, mail}, app...)
	if err := s.changeNotification(mail, func(n *engine.Notification) { n.State = engine.NotificationFailed }); err != nil {
		s.Fatal(err)
	}
	for _, c := range []struct {
		q   engine.NotificationSearch
		ids []string
	}{
		{engine.NotificationSearch{}, everything},
		{engine.NotificationSearch{After: another}, everything[3:]},
		{engine.NotificationSearch{Merchant: "m2"}, []string{foreign}},
		{engine.NotificationSearch{Mode: engine.Live}, nil},
		{engine.NotificationSearch{OrderID: theirs.ID}, []string{foreign}},
		{engine.NotificationSearch{Channel: engine.ByEmail}, []string{mail}},
		{engine.NotificationSearch{State: engine.NotificationFailed}, []string{mail}},
		{engine.NotificationSearch{State: engine.NotificationPending, OrderID: mine.ID}, []string{waiting}},
	} {
		if got := search(c.q); !slices.Equal(got, c.ids) {
			s.Errorf("%+v: %v, want %v", c.q, got, c.ids)
		}
	}

	// What was done is forgotten, but not what somebody finds in the app; and nothing that is to be sent again.
	old := func(before time.Time) (ids []string) {
		s.view(func(rd engine.Reader) (err error) { ids, err = rd.OldNotifications(before, 10); return err })
		return ids
	}
	if got := old(begin.Add(time.Hour)); !slices.Equal(got, []string{mail}) {
		s.Errorf("old are %v", got)
	}
	if got := old(begin); got != nil {
		s.Errorf("old are %v", got)
	}
	s.update(func(tx engine.Tx) error { return tx.DeleteNotifications([]string{waiting}) })
	s.update(func(tx engine.Tx) error { return tx.DeleteNotifications([]string{mail, "nobody's"}) })
	if got := search(engine.NotificationSearch{OrderID: mine.ID}); slices.Contains(got, mail) || !slices.Contains(got, waiting) {
		s.Errorf("left are %v", got)
	}
}

func reminders(s *suite) {
	now := s.clock.now()
	set := func(orderID string, m engine.Mode, at time.Time) {
		s.Helper()
		s.update(func(tx engine.Tx) error { return tx.SaveReminder(orderID, m, at) })
	}
	due := func(m engine.Mode) (list []string) {
		s.view(func(rd engine.Reader) error {
			found, err := rd.DueReminders(m, 10)
			for _, d := range found {
				list = append(list, d.ID+d.At.Format(" 15:04"))
			}
			return err
		})
		return list
	}
	set("b", engine.Sandbox, now)
	set("a", engine.Sandbox, now.Add(time.Hour))
	set("c", engine.Live, now)
	set("d", engine.Sandbox, now.Add(-time.Minute))
	set("d", engine.Sandbox, now.Add(-time.Hour)) // moved
	if got := due(engine.Sandbox); !slices.Equal(got, []string{"d 11:00", "b 12:00"}) {
		s.Errorf("due %v", got)
	}
	if got := due(engine.Live); !slices.Equal(got, []string{"c 12:00"}) {
		s.Errorf("due %v", got)
	}
	set("d", engine.Sandbox, time.Time{})
	set("nobody's", engine.Sandbox, time.Time{})
	s.reopen()
	s.update(func(tx engine.Tx) error {
		if at, err := tx.Reminder("d"); !at.IsZero() || err != nil {
			return fmt.Errorf("d: %v %v", at, err)
		}
		at, err := tx.Reminder("a")
		if !at.Equal(now.Add(time.Hour)) {
			err = fmt.Errorf("a: %v", at)
		}
		return err
	})
	// They are on the mode's clock.
	s.update(func(tx engine.Tx) error {
		return tx.MoveClock(engine.Sandbox, engine.ClockMove{At: tx.Now(), Offset: time.Hour})
	})
	if got := due(engine.Sandbox); !slices.Equal(got, []string{"b 12:00", "a 13:00"}) {
		s.Errorf("due %v", got)
	}
}
