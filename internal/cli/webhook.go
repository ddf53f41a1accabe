package cli

import (
	"errors"
	"io"
	"time"

	"till/internal/operator/client"
)

type webhookCommand struct {
	List     webhookList     `cmd:"" help:"List webhooks, those that wait and those that are done, the newest first."`
	Replay   webhookReplay   `cmd:"" help:"Send webhooks again: the same ids and bytes."`
	Rotate   webhookRotate   `cmd:"" help:"Give an endpoint a new secret. Prints it, this once."`
	Endpoint endpointCommand `cmd:"" help:"Where webhooks go."`
}

type endpointCommand struct {
	List   endpointList   `cmd:"" help:"List endpoints."`
	Add    endpointAdd    `cmd:"" help:"Tell a merchant's events to a URL. Prints the secret, this once."`
	Remove endpointRemove `cmd:"" help:"Delete an endpoint; what waits for it is never sent."`
}

type webhookList struct {
	remote   `embed:""`
	Merchant string    `help:"Of this merchant."`
	Mode     string    `enum:",live,sandbox" default:"" help:"live or sandbox."`
	State    string    `enum:",pending,delivered,exhausted,cancelled" default:"" help:"pending, delivered, exhausted or cancelled."`
	Type     string    `help:"Of this event, as the API names it."`
	Endpoint string    `help:"To this endpoint."`
	Order    string    `help:"Of this order."`
	From     time.Time `help:"Made at this time or later (RFC 3339)."`
	To       time.Time `help:"Made at this time or earlier."`
	Limit    int       `default:"100" help:"At most as many."`
}

func (c *webhookList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.FoundMessage{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Messages(t, client.MessageQuery{Merchant: c.Merchant, Mode: c.Mode, State: c.State, Type: c.Type, Endpoint: c.Endpoint,
			Order: c.Order, CreatedAfter: c.From, CreatedBefore: c.To, After: after, Limit: n})
		list = append(list, page.Messages...)
		return len(page.Messages), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "MESSAGE", "EVENT", "STATE", "ATTEMPTS", "ANSWER", "NEXT", "ENDPOINT", "ORDER", "CREATED", "ERROR")
		for _, m := range list {
			answer := any("-")
			if m.LastStatus != 0 {
				answer = m.LastStatus
			}
			row(w, m.MessageID, m.Type, m.State, m.Attempts, answer, momentOf(m.NextAt), m.Endpoint, m.Order, moment(m.CreatedAt), m.LastError)
		}
	})
}

type webhookReplay struct {
	remote   `embed:""`
	ID       string    `arg:"" optional:"" help:"One message, as till webhook list shows it."`
	Order    string    `help:"All of this order."`
	Endpoint string    `help:"All to this endpoint; with --from."`
	From     time.Time `help:"Made at this time or later (RFC 3339)."`
	To       time.Time `help:"Made at this time or earlier."`
	State    string    `enum:",pending,delivered,exhausted,cancelled" default:"" help:"Only those that are pending, delivered, exhausted or cancelled."`
	Type     string    `help:"Only those of this event, as the API names it."`
}

func (c *webhookReplay) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.ID != "" {
		if c.Order != "" || c.Endpoint != "" || c.State != "" || c.Type != "" || !c.From.IsZero() || !c.To.IsZero() {
			return errors.New("a message's id says it all: leave the rest out")
		}
		m, err := api.ReplayMessage(t, c.ID)
		if err != nil {
			return err
		}
		return c.show(t, m, func(w io.Writer) { row(w, "message", m.MessageID, "is sent again") })
	}
	ask := client.Replay{Order: c.Order, Endpoint: c.Endpoint, State: c.State, Type: c.Type}
	if !c.From.IsZero() {
		ask.CreatedAfter = &c.From
	}
	if !c.To.IsZero() {
		ask.CreatedBefore = &c.To
	}
	got, err := api.Replay(t, ask)
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) { row(w, got.Replayed, "messages are sent again") })
}

type endpointList struct {
	remote   `embed:""`
	Merchant string `help:"Of this merchant."`
	Mode     string `enum:",live,sandbox" default:"" help:"live or sandbox."`
	Dialect  string `help:"Of this API."`
	Limit    int    `default:"100" help:"At most as many."`
}

func (c *endpointList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Endpoint{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Endpoints(t, client.EndpointQuery{Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect, After: after, Limit: n})
		list = append(list, page.Endpoints...)
		return len(page.Endpoints), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ENDPOINT", "URL", "ENABLED", "MERCHANT", "MODE", "API", "NAME")
		for _, e := range list {
			row(w, e.ID, e.URL, e.Enabled, e.Merchant, e.Mode, e.Dialect, dash(e.Name))
		}
	})
}

type endpointAdd struct {
	remote   `embed:""`
	Address  string   `arg:"" name:"address" help:"The URL that is called, https."`
	Merchant string   `default:"default" help:"Whose events."`
	Mode     string   `enum:"live,sandbox" required:"" help:"live or sandbox."`
	Dialect  string   `required:"" help:"The API whose events it is told."`
	Name     string   `help:"For people."`
	Events   []string `name:"event" help:"Only these events, as the API names them; may be repeated."`
}

func (c *endpointAdd) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	e, err := api.AddEndpoint(t, client.NewEndpoint{Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect, Name: c.Name, URL: c.Address, Events: c.Events})
	if err != nil {
		return err
	}
	return c.show(t, e, func(w io.Writer) {
		row(w, "endpoint", e.ID)
		row(w, "secret", e.Secret)
		row(w, "", "Keep the secret: it is not shown again.")
	})
}

type webhookRotate struct {
	remote  `embed:""`
	ID      string        `arg:"" help:"The endpoint."`
	Overlap time.Duration `default:"24h" help:"How long webhooks are signed with the old secret as well, in whole seconds; 0 ends every older one at once, for one that leaked."`
}

func (c *webhookRotate) Run(t *terminal) error {
	if c.Overlap < 0 || c.Overlap%time.Second != 0 {
		return errors.New("--overlap is whole seconds, or 0")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	e, err := api.RotateEndpoint(t, c.ID, client.SecretRotation{OverlapSeconds: new(int64(c.Overlap / time.Second))})
	if err != nil {
		return err
	}
	return c.show(t, e, func(w io.Writer) {
		row(w, "endpoint", e.ID)
		row(w, "secret", e.Secret)
		if len(e.OldSecretsUntil) > 0 {
			row(w, "the old one", "signs until "+moment(e.OldSecretsUntil[0]))
		} else {
			row(w, "the old one", "has ended")
		}
		row(w, "", "Keep the secret: it is not shown again.")
	})
}

type endpointRemove struct {
	remote `embed:""`
	ID     string `arg:"" help:"The endpoint."`
}

func (c *endpointRemove) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	gone, err := api.RemoveEndpoint(t, c.ID)
	if err != nil {
		return err
	}
	return c.show(t, gone, func(w io.Writer) { row(w, "endpoint", gone.ID, "is removed") })
}
