package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"till/internal/app"
)

type initCommand struct {
	Dir string `arg:"" optional:"" default:"." type:"path" help:"Folder to write till.toml into; made when there is none."`
}

// Run writes a config file with every key at its default. It never replaces one.
func (c *initCommand) Run(t *terminal) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(c.Dir, "till.toml")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // people put access keys of nodes into it
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was left as it is", path)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(app.Template)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s is written. Next: till serve --config %s\n", path, path)
	return nil
}
