package cli

import (
	"fmt"

	"till/internal/app"
)

type backupCommand struct {
	booksFlags
	File string `arg:"" type:"path" help:"The copy to write; it must not exist yet."`
}

// Run copies the database as it is at this moment.
func (c *backupCommand) Run(t *terminal) error {
	database, err := app.Backup(t, c.books(t), c.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s is a whole copy of %s, and was read through. The master key is not in it: keep that apart.\n", c.File, database)
	return nil
}

type restoreCommand struct {
	File string `arg:"" type:"existingfile" help:"A copy that till backup wrote."`
	To   string `required:"" placeholder:"PATH" help:"The database to make; it must not exist yet."`
}

// Run makes a database of a backup.
func (c *restoreCommand) Run(t *terminal) error {
	if err := app.Restore(t, c.File, c.To); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s is restored. Next: till verify --database %s\n", c.To, c.To)
	return nil
}
