package cli

import (
	"io"

	"till/internal/operator/client"
)

type notificationCommand struct {
	List  notificationList  `cmd:"" aliases:"ls" help:"List what customers are told, the newest first."`
	Retry notificationRetry `cmd:"" help:"Send one that failed or was skipped again."`
}

type notificationList struct {
	remote   `embed:""`
	Merchant string `help:"Of this merchant."`
	Mode     string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	State    string `enum:",pending,sent,failed,skipped" default:"" help:"pending, sent, failed or skipped."`
	Channel  string `enum:",email,whatsapp,app,url" default:"" help:"email, whatsapp, app or url."`
	Order    string `help:"Of this order."`
	Limit    int    `default:"100" help:"At most as many."`
}

func (c *notificationList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Notification{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Notifications(t, client.NotificationQuery{
			Merchant: c.Merchant, Mode: c.Mode, State: c.State, Channel: c.Channel, Order: c.Order, After: after, Limit: n,
		})
		list = append(list, page.Notifications...)
		return len(page.Notifications), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "NOTIFICATION", "CHANNEL", "SUBJECT", "STATE", "ATTEMPTS", "NEXT", "ORDER", "CUSTOMER", "CREATED", "ERROR")
		for _, n := range list {
			row(w, n.ID, n.Channel, n.Subject, n.State, n.Attempts, momentOf(n.NextAt), n.Order, dash(n.Customer), moment(n.CreatedAt), n.Error)
		}
	})
}

type notificationRetry struct {
	remote `embed:""`
	ID     string `arg:"" help:"The notification, as till notification list shows it."`
}

func (c *notificationRetry) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	n, err := api.RetryNotification(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, n, func(w io.Writer) { row(w, "notification", n.ID, "is sent again") })
}
