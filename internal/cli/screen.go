package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"till/internal/operator/client"
)

type screenCommand struct {
	remote    `embed:""`
	Name      []string `arg:"" optional:"" help:"The name, as one word or several."`
	Kind      string   `enum:",individual,entity,vessel,aircraft" default:"" help:"individual looks among people only, the others among the rest. Default: among all."`
	Threshold int      `placeholder:"N" help:"The least score of a hit, 1 to 1000. Default: the server's."`
	Address   string   `placeholder:"ADDRESS" help:"An address of a crypto currency."`
}

func (c *screenCommand) Run(t *terminal) error {
	ask := client.Screening{Name: strings.Join(c.Name, " "), Kind: c.Kind, Threshold: c.Threshold, Address: c.Address}
	if ask.Name == "" && ask.Address == "" {
		return errors.New("who? give a name, or --address")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.Screen(t, ask)
	if err != nil {
		return err
	}
	if got.Entries == 0 && !c.JSON {
		return errors.New("the server has no lists, so nothing was looked through: see [screening] of its config file")
	}
	return c.show(t, got, func(w io.Writer) {
		if len(got.Hits) == 0 {
			fmt.Fprintf(w, "no hit among %d entries\n", got.Entries)
			return
		}
		row(w, "SCORE", "NAME", "LISTED AS", "KIND", "LIST", "ID", "COUNTRIES", "WHY")
		for _, h := range got.Hits {
			var why []string
			for _, m := range h.Why {
				why = append(why, fmt.Sprintf("%s=%s %d", m.Asked, m.Listed, m.Score))
			}
			row(w, h.Score, h.Name, h.Listed, dash(h.Kind), h.List, dash(h.ID), dash(strings.Join(h.Countries, ", ")), strings.Join(why, ", "))
		}
	})
}
