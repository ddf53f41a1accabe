package cli

import (
	"io"
	"strings"

	"till/internal/operator/client"
)

type sandboxCommand struct {
	Pay sandboxPay `cmd:"" help:"Make up a payment to an order of the sandbox's own rail."`
}

type sandboxPay struct {
	remote   `embed:""`
	Order    string `arg:"" help:"The order's id in the API that made it, or the number of a virtual account (SBX-...)."`
	Amount   string `arg:"" help:"How much, a decimal."`
	Currency string `help:"Another currency than the order's; needed for a virtual account."`
	State    string `enum:",seen,failed,confirmed,reversed" default:"" help:"What is told of it: seen, failed, confirmed or reversed. Default: confirmed."`
	ID       string `name:"id" help:"More of a payment that was made up before, by its id."`
	From     string `help:"The payer's account."`
	Name     string `help:"The payer's name."`
}

// references begins what the sandbox's own rail is paid to.
const references = "SBX-"

func (c *sandboxPay) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	p := client.SimulatedPayment{Order: c.Order, Amount: c.Amount, Currency: c.Currency, State: c.State, ID: c.ID, From: c.From, Name: c.Name}
	if strings.HasPrefix(c.Order, references) {
		p.Order, p.Reference = "", c.Order
	}
	got, err := api.SimulatePayment(t, p)
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) {
		row(w, "payment", got.ID)
		row(w, "paid to", got.Reference)
		row(w, "amount", amount(got.Amount))
	})
}
