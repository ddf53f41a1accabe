package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/jackc/pgx/v5" // MIT
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

const (
	sqliteFolder   = "migrations/sqlite"
	postgresFolder = "migrations/postgres"
)

// OpenReadOnly opens a database, by the path of its file or a URL, beside the processes that write it, for View,
// Audit and Backup; Update fails. The schema must be exactly this program's.
func OpenReadOnly(ctx context.Context, database string, o Options) (*Store, error) {
	if !IsPostgres(database) {
		return OpenSQLiteReadOnly(ctx, database, o)
	}
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, err // pgx hides the password
	}
	if _, err := connections(cfg); err != nil {
		return nil, err
	}
	readers := openPool(cfg, 2, nil)
	where := cfg.Host + "/" + cfg.Database
	version, err := schemaVersion(ctx, readers)
	if err == nil {
		err = sameSchema(version, postgresFolder)
	}
	if err != nil {
		readers.Close()
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	s := newStore(&session{}, readers, postgresReader, o, readers.Close)
	s.readOnly = true
	close(s.done)
	return s, nil
}

func sameSchema(version int64, folder string) error {
	known, err := newestSchema(folder)
	if err == nil && version != known {
		err = fmt.Errorf("the database has schema %d and this program reads %d", version, known)
	}
	return err
}

// schemaVersion is the schema of a database that has one.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, err error) {
	err = db.QueryRowContext(ctx, selectSchemaVersion).Scan(&version)
	return version, err
}

func newerSchema(version, known int64) error {
	return fmt.Errorf("the database has schema %d and this program knows only %d: use a newer program", version, known)
}

// Schema is how far a database is.
type Schema struct {
	Version int64    // 0: it has none yet
	Pending []string // the migrations that this program would run, in order
}

// SchemaOf looks how far a database is, and changes nothing. A newer one than this program is an error.
func SchemaOf(ctx context.Context, database string) (Schema, error) {
	folder, db, err := openForSchema(database)
	if err != nil {
		return Schema{}, err
	}
	defer db.Close()
	var s Schema
	s.Version, err = schemaVersion(ctx, db)
	if hasNoSchema(err) {
		s.Version, err = 0, nil
	}
	if err != nil {
		return s, err
	}
	names, err := fs.Glob(migrations, folder+"/*.sql")
	if err != nil {
		return s, err
	}
	known, err := newestSchema(folder)
	if err != nil {
		return s, err
	}
	if s.Version > known {
		return s, newerSchema(s.Version, known)
	}
	for _, name := range names {
		n, err := goose.NumericComponent(path.Base(name))
		if err != nil {
			return s, err
		}
		if n > s.Version {
			s.Pending = append(s.Pending, path.Base(name))
		}
	}
	return s, nil
}

func openForSchema(database string) (folder string, db *sql.DB, err error) {
	if !IsPostgres(database) {
		db, err = sql.Open("sqlite", fileURI(database, readerPragmas))
		return sqliteFolder, db, err
	}
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		return "", nil, err
	}
	if _, err := connections(cfg); err != nil {
		return "", nil, err
	}
	return postgresFolder, openPool(cfg, 1, nil), nil
}

// hasNoSchema says that a database is there and empty.
func hasNoSchema(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "42P01" // undefined_table
	}
	return err != nil && strings.Contains(err.Error(), "no such table")
}

// Migrate brings the schema of a database up to date and leaves it. On SQLite no other process may have the
// database meanwhile.
func Migrate(ctx context.Context, database string, o Options) error {
	open := OpenSQLite
	if IsPostgres(database) {
		open = OpenPostgres
	}
	s, err := open(ctx, database, o)
	if err != nil {
		return err
	}
	return s.Close()
}
