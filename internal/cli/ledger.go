package cli

import (
	"io"

	"till/internal/operator/client"
)

type ledgerCommand struct {
	Balances ledgerBalances `cmd:"" help:"Show the balances of a merchant's books."`
	Entries  ledgerEntries  `cmd:"" help:"List what was booked, the newest first."`
}

type ledgerBalances struct {
	remote   `embed:""`
	Merchant string `default:"default" help:"Whose books."`
	Mode     string `enum:"live,sandbox" required:"" help:"live or sandbox."`
}

func (c *ledgerBalances) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Balances(t, c.Merchant, c.Mode)
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ACCOUNT", "BALANCE")
		for _, b := range list {
			row(w, b.Account, amount(b.Amount))
		}
	})
}

type ledgerEntries struct {
	remote   `embed:""`
	Merchant string `help:"Of this merchant."`
	Mode     string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Order    string `help:"Of this order."`
	Account  string `help:"That touch this account, like owed/default/merchant."`
	Limit    int    `default:"100" help:"At most as many."`
}

func (c *ledgerEntries) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.FoundEntry{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Entries(t, client.EntryQuery{Merchant: c.Merchant, Mode: c.Mode, Order: c.Order, Account: c.Account, After: after, Limit: n})
		list = append(list, page.Entries...)
		return len(page.Entries), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "BOOKED", "AMOUNT", "FROM", "TO", "ROW", "ORDER")
		for _, e := range list {
			for _, p := range e.Postings {
				row(w, moment(e.At), amount(p.Amount), p.From, p.To, p.Row, dash(e.Order))
			}
		}
	})
}
