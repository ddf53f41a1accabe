package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"till/internal/app"
)

// booksFlags say which database a command works on.
type booksFlags struct {
	Config   string `type:"path" placeholder:"FILE" help:"The config file of the server. Default: till.toml in this folder, or every default when there is none."`
	Database string `placeholder:"PATH|URL" help:"The database, in place of the config's."`
}

func (f booksFlags) books(t *terminal) app.Books {
	return app.Books{Config: f.Config, Database: f.Database, Env: os.Getenv, Log: t.err}
}

type verifyCommand struct {
	booksFlags
	Head []string          `type:"existingfile" placeholder:"FILE" sep:"none" help:"An exported head that the chain must contain; may be given several times."`
	RPC  map[string]string `name:"rpc" placeholder:"NETWORK=URL" mapsep:"none" help:"A node of a network in the config: compare what its addresses hold with what was booked."`
}

// Run proves the books. What it finds goes to the output, and any problem is an error.
func (c *verifyCommand) Run(t *terminal) error {
	report, err := app.Verify(t, c.books(t), app.Proof{Heads: c.Head, RPC: c.RPC, Progress: showProgress(t.err)})
	if err != nil {
		return err
	}
	if err := report.Write(t.out); err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("the books are wrong: %d problems", len(report.Problems)+report.More)
	}
	return nil
}

// showProgress prints a percentage every two seconds where a person sees it.
func showProgress(to io.Writer) func(done, total int64) {
	if f, ok := to.(*os.File); !ok || !isatty.IsTerminal(f.Fd()) {
		return nil
	}
	last := time.Now()
	return func(done, total int64) {
		if total == 0 || time.Since(last) < 2*time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(to, "%3d %%\n", min(100, 100*done/total))
	}
}
