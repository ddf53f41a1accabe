package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mattn/go-isatty"

	"till/internal/app"
)

// drainWithin is how long requests under way may take at the end; what is left of stopWithin is for the
// database.
const drainWithin = stopWithin - 2*time.Second

type serveCommand struct {
	Config string `type:"path" placeholder:"FILE" help:"The config file; till init writes one. Default: till.toml in this folder, or every default when there is none."`
}

// Run serves until the context ends.
func (c *serveCommand) Run(t *terminal) error {
	cfg, err := app.LoadConfig(c.Config, os.Getenv, t.err)
	if err != nil {
		return err
	}
	cfg.Version = Version
	app.TradeMemory()
	a, err := app.Start(t, cfg)
	if err != nil {
		return err
	}
	keysFile := filepath.Join(cfg.Dir, app.FirstKeysFile)
	keys, err := a.FirstStart(t, keysFile)
	if err == nil {
		cfg.Log.Info("started", "version", Version, "url", a.URL(), "database", app.DatabaseName(cfg.Database))
		if keys != nil {
			showFirstKeys(t.out, keys, keysFile)
		}
		fmt.Fprintf(t.out, "listening on %s\n", a.URL())
		select {
		case <-t.Done():
		case <-a.Broken():
			err = errors.New("the database failed; see the log")
		case err = <-a.Failed():
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if stopped := a.Stop(ctx); err == nil {
		err = stopped
	}
	return err
}

// showFirstKeys says where the keys of the first start are. Only a person sees the keys themselves: what
// is not a terminal is often kept in a log.
func showFirstKeys(out io.Writer, keys *app.FirstKeys, path string) {
	fmt.Fprintf(out, "first start: made the merchant %q; its keys are in %s, readable by its owner only. Keep them in a safe place and remove the file.\n", keys.Merchant, path)
	if f, ok := out.(*os.File); !ok || !isatty.IsTerminal(f.Fd()) {
		return
	}
	fmt.Fprintf(out, "\n  operator token   %s\n", keys.OperatorToken.Reveal())
	for _, name := range slices.Sorted(maps.Keys(keys.APIKeys)) {
		live, test := keys.Shown(name)
		fmt.Fprintf(out, "  %-6s live key  %s\n  %-6s test key  %s\n", name, live, name, test)
		if live, test := keys.ShownPublishable(name); live != "" {
			fmt.Fprintf(out, "  %-6s live publishable key  %s\n  %-6s test publishable key  %s\n", name, live, name, test)
		}
	}
	fmt.Fprintln(out)
}
