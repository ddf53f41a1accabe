package cli

import (
	"errors"
	"io"
	"time"

	"till/internal/operator/client"
)

type clockCommand struct {
	Show    clockShow    `cmd:"" help:"Show where a mode's clock stands."`
	Advance clockAdvance `cmd:"" help:"Move the sandbox's clock forward; it never goes back."`
}

type clockShow struct {
	remote `embed:""`
	Mode   string `enum:"live,sandbox" default:"sandbox" help:"live or sandbox."`
}

func (c *clockShow) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.Clock(t, c.Mode)
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) { tellClock(w, got) })
}

type clockAdvance struct {
	remote `embed:""`
	By     time.Duration `arg:"" help:"How far, in whole seconds, like 15m or 24h."`
}

func (c *clockAdvance) Run(t *terminal) error {
	if c.By < time.Second || c.By%time.Second != 0 {
		return errors.New("the clock moves forward, by whole seconds")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.AdvanceClock(t, "sandbox", int64(c.By/time.Second))
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) { tellClock(w, got) })
}

func tellClock(w io.Writer, c client.Clock) {
	row(w, "mode", c.Mode)
	row(w, "now", moment(c.Now))
	row(w, "ahead", time.Duration(c.OffsetSeconds)*time.Second)
}
