package cli

import (
	"errors"
	"io"

	"till/internal/operator/client"
)

type merchantCommand struct {
	List    merchantList    `cmd:"" help:"List merchants."`
	Add     merchantAdd     `cmd:"" help:"Make a merchant. Make keys for it next."`
	Setting merchantSetting `cmd:"" help:"Show what is set for a merchant, or set it."`
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

type merchantSetting struct {
	remote `embed:""`
	ID     string  `arg:"" help:"The merchant."`
	Key    string  `arg:"" optional:"" help:"The setting; without it all are shown."`
	Value  *string `arg:"" optional:"" help:"JSON, like true."`
	Mode   string  `enum:"live,sandbox" required:"" help:"live or sandbox."`
	Unset  bool    `help:"Go back to what holds for everybody."`
}

func (c *merchantSetting) Run(t *terminal) error {
	if c.Unset != (c.Value == nil) && c.Key != "" || c.Unset && c.Key == "" {
		return errors.New("give a setting and its value, or a setting and --unset")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var all client.MerchantSettings
	switch {
	case c.Key == "":
		all, err = api.MerchantSettings(t, c.ID, c.Mode)
	case c.Unset:
		all, err = api.SaveSetting(t, c.ID, c.Key, client.NewSetting{Mode: c.Mode})
	default:
		all, err = api.SaveSetting(t, c.ID, c.Key, client.NewSetting{Mode: c.Mode, Value: *c.Value})
	}
	if err != nil {
		return err
	}
	return c.show(t, all, func(w io.Writer) {
		row(w, "SETTING", "VALUE")
		for _, s := range all.Settings {
			row(w, s.Key, dash(s.Value))
		}
	})
}
