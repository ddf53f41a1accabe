package cli

import (
	"fmt"

	"till/internal/app"
)

type migrateCommand struct {
	booksFlags
	DryRun bool `help:"Only say which migrations would run."`
}

// Run brings the schema up to date. till serve does the same when it starts.
func (c *migrateCommand) Run(t *terminal) error {
	before, err := app.Migrate(t, c.books(t), c.DryRun)
	if err != nil {
		return err
	}
	if len(before.Pending) == 0 {
		fmt.Fprintf(t.out, "schema %d is this program's: nothing to do\n", before.Version)
		return nil
	}
	done := "done"
	if c.DryRun {
		done = "would run"
	}
	for _, name := range before.Pending {
		fmt.Fprintf(t.out, "%s: %s\n", done, name)
	}
	return nil
}
