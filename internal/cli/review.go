package cli

import (
	"io"

	"till/internal/operator/client"
)

type reviewCommand struct {
	Ls      reviewList    `cmd:"" help:"List orders about which a person must decide, the oldest first."`
	Approve reviewApprove `cmd:"" help:"Approve a review of an order. Not by who made the order."`
	Refuse  reviewRefuse  `cmd:"" help:"Refuse a review of an order: before the payment the order fails."`
}

type reviewList struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *reviewList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Reviewed{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Reviews(t, c.Mode, after, n)
		list = append(list, page.Orders...)
		return len(page.Orders), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ORDER", "REVIEW", "STATE", "KIND", "AMOUNT", "MERCHANT", "MODE", "CREATED")
		for _, o := range list {
			for _, r := range o.Reviews {
				row(w, o.Order, r.Kind, r.State, dash(o.Kind), amount(o.Amount), o.Merchant, o.Mode, moment(o.CreatedAt))
			}
		}
	})
}

type reviewApprove struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	Kind   string `enum:"screening,approval,compliance" default:"approval" help:"Which review: screening, approval or compliance."`
}

func (c *reviewApprove) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) { return api.ApproveReview(t, c.Order, c.Kind) })
}

type reviewRefuse struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	Kind   string `enum:"screening,approval,compliance" default:"approval" help:"Which review: screening, approval or compliance."`
	Reason string `required:"" help:"Why, for the record."`
}

func (c *reviewRefuse) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) { return api.RefuseReview(t, c.Order, c.Kind, c.Reason) })
}
