package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Notification is one thing that a customer was told of an order, by one channel, or the POST to the order's own URL.
type Notification struct {
	ID        string     `json:"notificationId"`
	Order     string     `json:"order" doc:"public id"`
	Merchant  string     `json:"merchant"`
	Mode      string     `json:"mode" enum:"live,sandbox"`
	Customer  string     `json:"customer,omitempty" doc:"absent: it goes to the order's URL"`
	Channel   string     `json:"channel" enum:"email,whatsapp,app,url"`
	Subject   string     `json:"subject" enum:"asked,reminder,paid,sent,returned,refunded,failed,expired,cancelled,outcome"`
	State     string     `json:"state" enum:"pending,sent,failed,skipped"`
	Attempts  int        `json:"attempts"`
	Error     string     `json:"error,omitempty" doc:"why the last attempt failed, or why it was skipped"`
	URL       string     `json:"url,omitempty" doc:"without its query"`
	NextAt    *time.Time `json:"nextAt,omitempty" doc:"of the next attempt"`
	CreatedAt time.Time  `json:"createdAt"`
	DoneAt    *time.Time `json:"doneAt,omitempty"`
	ReadAt    *time.Time `json:"readAt,omitempty" doc:"in the app"`
}

// NotificationPage is one page of notifications.
type NotificationPage struct {
	Notifications []Notification `json:"notifications" nullable:"false"`
	Next          string         `json:"next,omitempty"`
}

// NotificationQuery chooses notifications.
type NotificationQuery struct {
	Merchant, Mode, State, Channel, Order string
	After                                 string
	Limit                                 int
}

// Notifications is one page of what customers are told, the newest first.
func (c *Client) Notifications(ctx context.Context, q NotificationQuery) (NotificationPage, error) {
	var got NotificationPage
	return got, c.call(ctx, http.MethodGet, "/notifications", params("merchant", q.Merchant, "mode", q.Mode, "state", q.State, "channel", q.Channel,
		"order", q.Order, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// RetryNotification sends one that failed or was skipped again.
func (c *Client) RetryNotification(ctx context.Context, id string) (Notification, error) {
	var got Notification
	return got, c.call(ctx, http.MethodPost, "/notifications/"+url.PathEscape(id)+"/retry", nil, nil, &got)
}

// Setting is one of a merchant's settings that an operator makes.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty" doc:"JSON; absent: it is not set, and the default holds"`
}

// MerchantSettings is all of them.
type MerchantSettings struct {
	Merchant string    `json:"merchant"`
	Mode     string    `json:"mode" enum:"live,sandbox"`
	Settings []Setting `json:"settings" nullable:"false"`
}

// NewSetting is what a setting becomes.
type NewSetting struct {
	Mode  string `json:"mode" enum:"live,sandbox"`
	Value string `json:"value,omitempty" maxLength:"4096" doc:"JSON; absent: as everybody's"`
}

// MerchantSettings lists a merchant's settings in a mode.
func (c *Client) MerchantSettings(ctx context.Context, merchant, mode string) (MerchantSettings, error) {
	var got MerchantSettings
	return got, c.call(ctx, http.MethodGet, settingsPath(merchant), params("mode", mode), nil, &got)
}

// SaveSetting changes one setting. It holds for orders made from then on.
func (c *Client) SaveSetting(ctx context.Context, merchant, key string, s NewSetting) (MerchantSettings, error) {
	var got MerchantSettings
	return got, c.call(ctx, http.MethodPut, settingsPath(merchant)+"/"+url.PathEscape(key), nil, s, &got)
}

func settingsPath(merchant string) string {
	return "/merchants/" + url.PathEscape(merchant) + "/settings"
}
