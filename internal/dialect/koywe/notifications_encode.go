package koywe

import "till/internal/engine"

// notificationPrefix begins the id of a notification.
const notificationPrefix = "ntf_"

type notificationBody struct {
	ID        string  `json:"id"`
	Type      string  `json:"type"`
	OrderID   string  `json:"orderId"`
	ContactID string  `json:"contactId"`
	Title     string  `json:"title"`
	Message   string  `json:"message"`
	Link      *string `json:"link"`
	IsRead    bool    `json:"isRead"`
	ReadAt    *string `json:"readAt"`
	CreatedAt string  `json:"createdAt"`
}

type notificationList struct {
	Notifications []notificationBody `json:"notifications"`
	Pagination    pagination         `json:"pagination"`
}

// notificationTypes are what a notification says, in words of our own.
var notificationTypes = map[engine.Subject]string{
	engine.AskedToPay: "ORDER_CREATED", engine.Reminded: "ORDER_REMINDER", engine.ToldPaid: "ORDER_PAID", engine.ToldSent: "ORDER_SENT",
	engine.ToldBack: "ORDER_RETURNED", engine.ToldRefund: "ORDER_REFUNDED", engine.ToldFailed: "ORDER_FAILED", engine.ToldExpired: "ORDER_EXPIRED",
	engine.ToldCancel: "ORDER_CANCELLED",
}

func notificationListOf(p engine.NotificationPage, number, size int) notificationList {
	list := notificationList{Notifications: make([]notificationBody, 0, len(p.Notifications)), Pagination: pagination{number, size, p.Total}}
	for _, n := range p.Notifications {
		list.Notifications = append(list.Notifications, notificationOf(n))
	}
	return list
}

func notificationOf(n engine.FoundNotification) notificationBody {
	b := notificationBody{
		ID: notificationPrefix + n.ID, Type: notificationTypes[n.Subject], OrderID: n.Order, ContactID: n.Customer,
		Title: n.Title, Message: n.Text, Link: textOrNull(n.Link), IsRead: !n.ReadAt.IsZero(), CreatedAt: wireTime(n.CreatedAt),
	}
	if b.IsRead {
		b.ReadAt = textOrNull(wireTime(n.ReadAt))
	}
	return b
}
