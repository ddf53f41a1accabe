package cli

import (
	"context"
	"io"

	"till/internal/operator/client"
)

type suspenseCommand struct {
	List   suspenseList   `cmd:"" help:"List orders with money in suspense, the oldest first."`
	Strays suspenseStrays `cmd:"" help:"List money that belongs to no order."`

	Unmatched suspenseUnmatched `cmd:"" help:"List payments at gateways and payment services that are not what was asked for."`

	Assign  suspenseAssign  `cmd:"" help:"Give a stray to an order that is still collecting."`
	Release suspenseRelease `cmd:"" help:"Give money in suspense to the merchant."`
	Refund  suspenseRefund  `cmd:"" help:"Send money of an ended order back."`
}

type suspenseList struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *suspenseList) Run(t *terminal) error {
	return c.listAside(t, c.Mode, c.Limit, (*client.Client).Suspense)
}

// listAside prints orders with money in suspense, or with a shortfall.
func (r remote) listAside(t *terminal, mode string, limit int, read func(*client.Client, context.Context, string, string, int) (client.AsidePage, error)) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	list := []client.Aside{}
	err = pages(limit, func(after string, n int) (int, string, error) {
		page, err := read(api, t, mode, after, n)
		list = append(list, page.Orders...)
		return len(page.Orders), page.Next, err
	})
	if err != nil {
		return err
	}
	return r.show(t, list, func(w io.Writer) {
		row(w, "ORDER", "STATE", "ACCOUNT", "AMOUNT", "MERCHANT", "MODE", "CREATED")
		for _, o := range list {
			for _, b := range o.Balances {
				row(w, o.Order, o.State, b.Role, amount(b.Amount), o.Merchant, o.Mode, moment(o.CreatedAt))
			}
		}
	})
}

type suspenseStrays struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *suspenseStrays) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Stray{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Strays(t, c.Mode, after, n)
		list = append(list, page.Strays...)
		return len(page.Strays), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "RAIL", "PAYMENT", "AMOUNT", "STATE", "ADDRESS", "FROM", "MERCHANT", "MODE", "VALUE TIME")
		for _, s := range list {
			row(w, s.Rail, s.External, amount(s.Amount), s.State, dash(s.Instrument), dash(s.From), dash(s.Merchant), s.Mode, moment(s.ValueAt))
		}
	})
}

type suspenseUnmatched struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *suspenseUnmatched) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Unmatched{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Unmatched(t, c.Mode, after, n)
		list = append(list, page.Unmatched...)
		return len(page.Unmatched), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "RAIL", "PAYMENT", "REQUEST", "ORDER", "MODE", "FOUND", "WHY")
		for _, u := range list {
			row(w, u.Rail, u.Payment, dash(u.Request), dash(u.Order), u.Mode, moment(u.FoundAt), u.Why)
		}
	})
}

type suspenseAssign struct {
	remote  `embed:""`
	Order   string `arg:"" help:"The order."`
	Rail    string `arg:"" help:"The rail of the payment, as till suspense strays shows it."`
	Payment string `arg:"" help:"The payment."`
}

func (c *suspenseAssign) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) {
		return api.Assign(t, client.Assign{Order: c.Order, Rail: c.Rail, External: c.Payment})
	})
}

// remedied gives a command about an order's money and prints what the order has afterwards.
func (r remote) remedied(t *terminal, command func(*client.Client) (client.Order, error)) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	o, err := command(api)
	if err != nil {
		return err
	}
	return r.show(t, o, func(w io.Writer) {
		row(w, "order", o.ID, state(o.State, o.Overlay))
		for _, b := range o.Balances {
			row(w, "balance", b.Role, amount(b.Amount))
		}
	})
}

type suspenseRelease struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	ID     string `required:"" help:"Your own id for this: to give the command again with the same id is safe for a day."`
	From   string `required:"" help:"The account, like suspense/late."`
	Amount string `required:"" help:"A decimal, like 25.00."`
	Asset  string `help:"Like USDT/6@ethereum-sepolia. Default: what the order asks for."`
}

func (c *suspenseRelease) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) {
		return api.Release(t, client.Release{ID: c.ID, Order: c.Order, From: c.From, Amount: c.Amount, Asset: c.Asset})
	})
}

type suspenseRefund struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	ID     string `required:"" help:"Your own id for this: to give the command again with the same id is safe."`
	From   string `required:"" help:"The account, like suspense/extra, or merchant."`
	Amount string `required:"" help:"A decimal, like 25.00."`
	Asset  string `help:"Like USDT/6@ethereum-sepolia. Default: what the order asks for."`
	Rail   string `help:"The rail it goes back by; with --to. Default: where it came from."`
	To     string `help:"The address or account there. Needed where several paid."`
	Reason string `help:"Why, for the record."`
}

func (c *suspenseRefund) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) {
		return api.Refund(t, client.Refund{ID: c.ID, Order: c.Order, From: c.From, Amount: c.Amount, Asset: c.Asset, Rail: c.Rail, To: c.To, Reason: c.Reason})
	})
}
