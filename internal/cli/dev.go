package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"till/internal/app"
	"till/internal/app/dev"
)

// stopWithin is how long a server may take to end what is under way.
const stopWithin = 10 * time.Second

type devCommand struct {
	Addr      string        `default:"127.0.0.1:4488" placeholder:"HOST:PORT" help:"Where to listen; port 0 takes a free one."`
	Data      string        `type:"path" placeholder:"DIR" help:"Folder of database and keys, kept and used again. Default: a temporary folder, removed at the end."`
	Postgres  string        `placeholder:"URL" help:"Use this PostgreSQL database instead of a file: postgres://user:password@host/name. Goes with --data, which keeps the keys that its contents need."`
	BlockTime time.Duration `default:"1s" help:"Time between blocks. Below 1s the chain's clock runs ahead of ours."`
	Out       string        `type:"path" placeholder:"FILE" help:"Write all that a client needs into this file, once everything answers."`
	Verbose   bool          `short:"v" help:"Log every request."`
}

func (c *devCommand) Run(t *terminal) error {
	if c.BlockTime <= 0 {
		return fmt.Errorf("--block-time must be more than zero")
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	s, err := dev.Start(t, dev.Options{
		Addr: c.Addr, Data: c.Data, Postgres: c.Postgres, BlockTime: c.BlockTime,
		Log: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return err
	}
	c.announce(t, s.Info)
	if c.Out != "" {
		err = s.Info.Write(c.Out)
	}
	if err == nil {
		select {
		case <-t.Done():
		case <-s.Broken():
			err = errors.New("the database failed; see the log")
		case err = <-s.Failed():
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if stopped := s.Stop(ctx); err == nil {
		err = stopped
	}
	return err
}

func (c *devCommand) announce(t *terminal, i dev.Info) {
	fmt.Fprintf(t.out, `Till is ready. This is a sandbox: its chain and its money are not real.

  API        %s
  API key    %s
  chain      %s  (chain id %d, a block every %s)
  webhooks   %s  (what came: %s)
  database   %s

Try it:

%s

Ctrl-C ends it.
`, i.PayIn.BaseURL, i.PayIn.APIKey, i.Chain.RPCURL, i.Chain.ChainID, c.BlockTime, i.Sink.URL, i.Sink.LogURL, app.DatabaseName(i.Database), i.Help())
}
