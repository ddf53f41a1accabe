package cli

import (
	"io"

	"till/internal/operator/client"
)

type merchantCommand struct {
	List merchantList `cmd:"" help:"List merchants."`
	Add  merchantAdd  `cmd:"" help:"Make a merchant. Make keys for it next."`
}

type merchantList struct {
	remote `embed:""`
}

func (c *merchantList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Merchants(t)
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "MERCHANT", "NAME", "ORGANISATION", "CREATED")
		for _, m := range list {
			row(w, m.ID, m.Name, m.Organisation, moment(m.CreatedAt))
		}
	})
}

type merchantAdd struct {
	remote       `embed:""`
	ID           string `arg:"" help:"Letters, digits, dot, underscore and dash."`
	Name         string `required:"" help:"For people."`
	Organisation string `help:"Whose merchant it is. Default: its own."`
}

func (c *merchantAdd) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	m, err := api.AddMerchant(t, client.NewMerchant{ID: c.ID, Name: c.Name, Organisation: c.Organisation})
	if err != nil {
		return err
	}
	return c.show(t, m, func(w io.Writer) { row(w, "merchant", m.ID, "is made") })
}
