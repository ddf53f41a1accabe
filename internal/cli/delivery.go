package cli

import (
	"context"
	"io"

	"till/internal/operator/client"
)

type deliveryCommand struct {
	Ls      deliveryList    `cmd:"" aliases:"list" help:"List deliveries and refunds above a limit, which wait for a second person."`
	Approve deliveryApprove `cmd:"" help:"Let one be sent. Not by who made it."`
	Refuse  deliveryRefuse  `cmd:"" help:"End one: the order is cancelled, a refund's money goes back to where it was taken from."`
}

type deliveryList struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *deliveryList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.WaitingDelivery{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.WaitingDeliveries(t, c.Mode, after, n)
		list = append(list, page.Deliveries...)
		return len(page.Deliveries), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ORDER", "REFUND", "AMOUNT", "RAIL", "TO", "MAKER", "SINCE", "WHY")
		for _, d := range list {
			row(w, d.Order, dash(d.Transfer), amount(d.Amount), d.Rail, d.To, dash(d.Maker), moment(d.AskedAt), d.Why)
		}
	})
}

type deliveryApprove struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	Refund string `help:"The refund's id; without it, the order's delivery."`
}

func (c *deliveryApprove) Run(t *terminal) error {
	return c.decided(t, (*client.Client).ApproveDelivery, client.DeliveryDecision{Order: c.Order, Transfer: c.Refund})
}

type deliveryRefuse struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	Refund string `help:"The refund's id; without it, the order's delivery."`
	Reason string `help:"Why, for the record."`
}

func (c *deliveryRefuse) Run(t *terminal) error {
	return c.decided(t, (*client.Client).RefuseDelivery, client.DeliveryDecision{Order: c.Order, Transfer: c.Refund, Reason: c.Reason})
}

// decided gives a word on what waits and shows the order.
func (r remote) decided(t *terminal, decide func(*client.Client, context.Context, client.DeliveryDecision) (client.Order, error), d client.DeliveryDecision) error {
	return r.remedied(t, func(api *client.Client) (client.Order, error) { return decide(api, t, d) })
}
