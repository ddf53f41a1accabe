package koywe

import (
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// notificationsRoutes is what a contact was told in the merchant's app, for that app to show.
func (d *Dialect) notificationsRoutes() []route {
	return []route{
		{http.MethodGet, ofM + "/contacts/{contactId}/notifications", "contacts:read", d.listNotifications},
		{http.MethodPost, ofM + "/contacts/{contactId}/notifications/{notificationId}/read", "contacts:write", d.readNotification},
	}
}

func (d *Dialect) listNotifications(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	number, size := q.paging(10, 100)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	c, err := d.engine.Customer(r.Context(), s, r.PathValue("contactId"))
	if err != nil {
		return answer{}, noContact(err)
	}
	page, err := d.engine.InboxOf(r.Context(), engine.NotificationFilter{Scope: s, Customer: c.ID, Page: number, Limit: size})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, notificationListOf(page, number, size)}, nil
}

func (d *Dialect) readNotification(r *http.Request, s engine.Scope) (answer, error) {
	id, ours := strings.CutPrefix(r.PathValue("notificationId"), notificationPrefix)
	if !ours {
		return answer{}, noNotification()
	}
	n, err := d.engine.ReadNotification(r.Context(), s, r.PathValue("contactId"), id)
	if fault.Is(err, fault.CodeNotFound) {
		return answer{}, noNotification()
	}
	return answer{http.StatusOK, notificationOf(n)}, err
}

func noNotification() error {
	return fault.New(fault.CodeNotFound, "Notification not found")
}
