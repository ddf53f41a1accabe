package cli

import (
	"errors"
	"fmt"
	"io"

	"till/internal/operator/client"
)

type rateCommand struct {
	List   rateList   `cmd:"" name:"ls" aliases:"list" help:"List the exchange rates on record, those in doubt last."`
	Accept rateAccept `cmd:"" help:"Accept a rate in doubt, which opens its pair."`
}

type rateList struct {
	remote `embed:""`
}

func (c *rateList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Rates(t)
	if err != nil {
		return err
	}
	return c.showRates(t, list)
}

func (r remote) showRates(t *terminal, list []client.Rate) error {
	return r.show(t, list, func(w io.Writer) {
		row(w, "PAIR", "RATE", "SOURCE", "AT", "UNTIL", "STATE")
		for _, rate := range list {
			state := "believed"
			if rate.Doubt {
				state = "in doubt: the pair is closed"
			}
			row(w, rate.Base+"/"+rate.Quote, rate.Value, rate.Source, moment(rate.At), momentOf(rate.Until), state)
		}
	})
}

type rateAccept struct {
	remote `embed:""`
	Base   string `arg:"" help:"Like USD."`
	Quote  string `arg:"" help:"Like COP."`
	Rate   string `arg:"" help:"The rate as till rate ls shows it: another one that was told since is not accepted."`
}

func (c *rateAccept) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Rates(t)
	if err != nil {
		return err
	}
	for _, rate := range list {
		if !rate.Doubt || rate.Base != c.Base || rate.Quote != c.Quote {
			continue
		}
		if rate.Value != c.Rate {
			return fmt.Errorf("the rate of %s/%s in doubt is %s now", c.Base, c.Quote, rate.Value)
		}
		list, err := api.AcceptRate(t, client.SeenRate{Base: rate.Base, Quote: rate.Quote, Value: rate.Value, At: rate.At, Source: rate.Source})
		if err != nil {
			return err
		}
		return c.showRates(t, list)
	}
	return errors.New("no rate of " + c.Base + "/" + c.Quote + " is in doubt")
}
