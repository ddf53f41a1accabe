package cli

import "till/internal/operator/client"

type shortCommand struct {
	List   shortList   `cmd:"" help:"List orders under which money is missing, the oldest first."`
	Absorb shortAbsorb `cmd:"" help:"Write a shortfall off: the house bears it."`
}

type shortList struct {
	remote `embed:""`
	Mode   string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *shortList) Run(t *terminal) error {
	return c.listAside(t, c.Mode, c.Limit, (*client.Client).Shortfalls)
}

type shortAbsorb struct {
	remote `embed:""`
	Order  string `arg:"" help:"The order."`
	ID     string `required:"" help:"Your own id for this: to give the command again with the same id is safe for a day."`
	Amount string `required:"" help:"A decimal, like 25.00."`
	Asset  string `help:"Like USDT/6@ethereum-sepolia. Default: what the order asks for."`
}

func (c *shortAbsorb) Run(t *terminal) error {
	return c.remedied(t, func(api *client.Client) (client.Order, error) {
		return api.Absorb(t, client.Absorb{ID: c.ID, Order: c.Order, Amount: c.Amount, Asset: c.Asset})
	})
}
