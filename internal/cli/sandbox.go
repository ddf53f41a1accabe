package cli

import (
	"io"

	"till/internal/operator/client"
)

type sandboxCommand struct {
	Pay sandboxPay `cmd:"" help:"Make up a payment to an order of the sandbox's own rail."`
}

type sandboxPay struct {
	remote   `embed:""`
	Order    string `arg:"" help:"The order's id in the API that made it."`
	Amount   string `arg:"" help:"How much, a decimal."`
	Currency string `help:"Another currency than the order's."`
	State    string `enum:",seen,failed,confirmed,reversed" default:"" help:"What is told of it: seen, failed, confirmed or reversed. Default: confirmed."`
	ID       string `name:"id" help:"More of a payment that was made up before, by its id."`
	From     string `help:"The payer's account."`
	Name     string `help:"The payer's name."`
}

func (c *sandboxPay) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.SimulatePayment(t, client.SimulatedPayment{Order: c.Order, Amount: c.Amount, Currency: c.Currency, State: c.State, ID: c.ID, From: c.From, Name: c.Name})
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) {
		row(w, "payment", got.ID)
		row(w, "paid to", got.Reference)
		row(w, "amount", amount(got.Amount))
	})
}
