package cli

import (
	"io"
	"strings"

	"till/internal/operator/client"
)

type applicationCommand struct {
	Show applicationShow `cmd:"" help:"Show what is known of a client application beside its key."`
	Set  applicationSet  `cmd:"" help:"Say what is known of a client application beside its key."`
}

type applicationShow struct {
	remote `embed:""`
	Key    string `arg:"" help:"The id of its key."`
}

func (c *applicationShow) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.Application(t, c.Key)
	if err != nil {
		return err
	}
	return c.showApplication(t, got)
}

func (r remote) showApplication(t *terminal, a client.Application) error {
	return r.show(t, a, func(w io.Writer) {
		row(w, "application", a.Name)
		row(w, "redirects", dash(strings.Join(a.RedirectURIs, " ")))
		row(w, "has a secret", a.HasSecret)
		if a.Secret != "" {
			row(w, "secret", a.Secret)
			row(w, "", "Keep the secret: it is not shown again.")
		}
	})
}

type applicationSet struct {
	remote   `embed:""`
	Key      string   `arg:"" help:"The id of its key."`
	Name     string   `required:"" help:"As users see it."`
	Redirect []string `help:"Where a browser may be sent back to; may be repeated."`
	Secret   string   `enum:"keep,new,none" default:"keep" help:"new makes one and prints it, this once."`
}

func (c *applicationSet) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	uris := c.Redirect
	if uris == nil {
		uris = []string{}
	}
	got, err := api.SaveApplication(t, c.Key, client.NewApplication{Name: c.Name, RedirectURIs: uris, Secret: c.Secret})
	if err != nil {
		return err
	}
	return c.showApplication(t, got)
}
