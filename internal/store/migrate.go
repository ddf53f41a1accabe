package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// migrate brings the schema up to date. A database newer than this program is refused: an older program
// would write it wrongly.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string) error {
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	version, newest, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if version > newest {
		return fmt.Errorf("the database has schema %d and this program knows only %d: use a newer program", version, newest)
	}
	_, err = p.Up(ctx)
	return err
}
