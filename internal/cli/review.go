package cli

import (
	"errors"
	"io"
	"os"
	"strconv"

	"till/internal/operator/client"
)

type reviewCommand struct {
	Ls      reviewList    `cmd:"" aliases:"list" help:"List orders about which a person must decide, the oldest first."`
	Show    reviewShow    `cmd:"" help:"Show the reviews of an order: who was found on which list, what was asked for and given."`
	Ask     reviewAsk     `cmd:"" help:"Ask the merchant for documents before a review goes on."`
	File    reviewFile    `cmd:"" help:"Save a file that a merchant gave. That you read it is recorded."`
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

type reviewShow struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
}

func (c *reviewShow) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	o, err := api.Order(t, c.Order)
	if err != nil {
		return err
	}
	return c.show(t, o.Reviews, func(w io.Writer) {
		for _, r := range o.Reviews {
			row(w, "REVIEW", "STATE", "BY", "FIRST", "REASON")
			row(w, r.Kind, r.State, dash(r.By), dash(r.First), dash(r.Reason))
			for i, f := range r.Findings {
				if i == 0 {
					row(w, "ASKED", "LIST", "ENTRY", "NAME", "SCORE", "PAYMENT")
				}
				row(w, f.Asked, f.List, dash(f.Entry), f.Name, strconv.Itoa(f.Score), dash(f.Payment))
			}
			for i, d := range r.Documents {
				if i == 0 {
					row(w, "DOCUMENT", "ID", "FILE")
				}
				row(w, d.Name, d.ID, dash(d.Document))
			}
		}
	})
}

type reviewAsk struct {
	remote   `embed:""`
	Order    string   `arg:"" help:"The order."`
	Kind     string   `enum:"screening,approval,compliance" default:"screening" help:"Which review: screening, approval or compliance."`
	Document []string `required:"" sep:"none" help:"The name of a document, as Passport; may be repeated."`
}

func (c *reviewAsk) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) { return api.AskReview(t, c.Order, c.Kind, c.Document) })
}

type reviewFile struct {
	remote `embed:""`
	ID     string `arg:"" help:"The file."`
	Out    string `required:"" type:"path" help:"Where to save it. What is there already stays."`
}

func (c *reviewFile) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = api.File(t, c.ID, file); err == nil {
		return file.Close()
	}
	return errors.Join(err, file.Close(), os.Remove(c.Out))
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
