package cli

import (
	"io"
	"time"

	"till/internal/operator/client"
)

type orderCommand struct {
	List   orderList   `cmd:"" help:"List orders of every API, the newest first."`
	Get    orderGet    `cmd:"" help:"Show one order: why it is where it is, and all that happened."`
	Cancel orderCancel `cmd:"" help:"End an order that is not on the way to its destination."`
	Fulfil orderFulfil `cmd:"" help:"Say that the product of an order was handed over by hand, or cannot be."`
}

type orderList struct {
	remote    `embed:""`
	Merchant  string    `help:"Of this merchant."`
	Mode      string    `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Dialect   string    `help:"Made through this API."`
	State     string    `help:"In this state, or in one of several with commas between."`
	Reference string    `help:"With this in the merchant's own reference."`
	From      time.Time `help:"Made at this time or later (RFC 3339)."`
	To        time.Time `help:"Made at this time or earlier."`
	Limit     int       `default:"100" help:"At most as many."`
}

func (c *orderList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.OrderLine{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Orders(t, client.OrderQuery{Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect, State: c.State, Reference: c.Reference,
			CreatedAfter: c.From, CreatedBefore: c.To, After: after, Limit: n})
		list = append(list, page.Orders...)
		return len(page.Orders), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ORDER", "STATE", "DUE", "RECEIVED", "MERCHANT", "MODE", "API", "REFERENCE", "CREATED")
		for _, o := range list {
			row(w, o.ID, state(o.State, o.Overlay), amount(o.Due), o.Received.Decimal, o.Merchant, o.Mode, o.Dialect, dash(o.Reference), moment(o.CreatedAt))
		}
	})
}

type orderGet struct {
	remote `embed:""`
	ID     string `arg:"" help:"The order's id in the API that made it."`
}

func (c *orderGet) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	o, err := api.Order(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, o, func(w io.Writer) { tellOrder(w, o) })
}

type orderCancel struct {
	remote `embed:""`
	ID     string `arg:"" help:"The order's id in the API that made it."`
	Reason string `help:"Why; kept with the order."`
}

func (c *orderCancel) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	o, err := api.Cancel(t, c.ID, c.Reason)
	if err != nil {
		return err
	}
	return c.show(t, o, func(w io.Writer) { row(w, "order", o.ID, "is "+o.State) })
}

// tellOrder prints an order's story.
func tellOrder(w io.Writer, o client.Order) {
	row(w, "order", o.ID+" of "+o.Merchant+", "+o.Mode+", made through "+o.Dialect)
	row(w, "state", state(o.State, o.Overlay))
	if o.Reason != "" {
		row(w, "reason", o.Reason)
	}
	row(w, "", o.Waiting.Says)
	for _, missing := range o.Waiting.Missing {
		row(w, "missing", missing)
	}
	if o.Waiting.Deadline != nil {
		row(w, "deadline", moment(*o.Waiting.Deadline)+": "+o.Waiting.Then)
	}
	row(w, "due", amount(o.Due))
	row(w, "received", amount(o.Received))
	if o.Reference != "" {
		row(w, "reference", o.Reference)
	}
	if o.Instrument != "" {
		row(w, "pay to", o.Instrument+" on "+o.Network)
	}
	if g := o.Gateway; g != nil {
		row(w, "gateway", g.Gateway+", payment "+dash(g.Payment)+", "+dash(g.Status)+", told "+momentOf(g.ToldAt))
		if g.Note != "" {
			row(w, "", g.Note)
		}
	}
	for _, b := range o.Balances {
		row(w, "balance", b.Role+" "+amount(b.Amount))
	}
	row(w)
	for _, step := range o.Timeline {
		row(w, moment(step.At), step.Text)
		if step.Why != "" {
			row(w, "", "  "+step.Row+": "+step.Why)
		}
	}
}

func state(state, overlay string) string {
	if overlay == "" {
		return state
	}
	return state + ", " + overlay
}

type orderFulfil struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	Failed bool   `help:"The product cannot be handed over: the order is held for a decision (till review)."`
}

func (c *orderFulfil) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) { return api.Fulfil(t, c.Order, !c.Failed) })
}
