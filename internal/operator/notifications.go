package operator

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/operator/client"
)

func (a *api) notifications() {
	serve(a, huma.Operation{
		OperationID: "listNotifications", Method: http.MethodGet, Path: "/notifications", Security: needs("notifications:read"),
		Summary: "What customers are told of orders", Description: "The newest first. What is done is deleted after 30 days, but for what is in the app.",
	}, a.listNotifications)
	serve(a, huma.Operation{
		OperationID: "retryNotification", Method: http.MethodPost, Path: "/notifications/{notificationId}/retry", Security: needs("notifications:write"),
		Summary: "Send one that failed or was skipped again", Description: "Now, with all of its attempts before it.",
	}, a.retryNotification)
}

type notificationsInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
	State    string `query:"state" enum:"pending,sent,failed,skipped"`
	Channel  string `query:"channel" enum:"email,whatsapp,app,url"`
	Order    string `query:"order" maxLength:"64" doc:"public id"`
}

func (a *api) listNotifications(ctx context.Context, in *notificationsInput) (client.NotificationPage, error) {
	page := client.NotificationPage{Notifications: []client.Notification{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchNotifications(ctx, engine.NotificationSearch{
		Merchant: in.Merchant, Mode: mode, State: engine.NotificationState(in.State), Channel: engine.Channel(in.Channel), After: in.After, Limit: in.Limit + 1,
	}, in.Order)
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(n engine.FoundNotification) string { return n.ID })
	for _, n := range list {
		page.Notifications = append(page.Notifications, notificationOf(n))
	}
	return page, nil
}

type notificationInput struct {
	ID string `path:"notificationId"`
}

func (a *api) retryNotification(ctx context.Context, in *notificationInput) (client.Notification, error) {
	n, err := a.as(ctx).RetryNotification(ctx, in.ID, func(n engine.Notification) bool { return sees(ctx, n.Scope.Mode) })
	if err != nil {
		return client.Notification{}, err
	}
	return notificationOf(n), nil
}

func notificationOf(n engine.FoundNotification) client.Notification {
	out := client.Notification{
		ID: n.ID, Order: n.Order, Merchant: n.Scope.Merchant, Mode: string(n.Scope.Mode), Customer: n.Customer, Channel: string(n.Channel),
		Subject: string(n.Subject), State: string(n.State), Attempts: n.Attempts, Error: n.Error, CreatedAt: n.CreatedAt.UTC(),
		DoneAt: timeOf(n.DoneAt), ReadAt: timeOf(n.ReadAt),
	}
	if n.State == engine.NotificationPending {
		out.NextAt = timeOf(n.DueAt)
	}
	if u, err := url.Parse(n.URL); err == nil && n.URL != "" {
		out.URL = u.Scheme + "://" + u.Host + u.EscapedPath() // a query may hold a secret of the merchant's
	}
	return out
}
