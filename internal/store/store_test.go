package store

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/store/storetest"
)

func TestStoreOnSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) (engine.Store, func() engine.Store) {
		path := filepath.Join(t.TempDir(), "till.db")
		s := openTest(t, path, Options{Now: now, Block: 8})
		return s, func() engine.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, path, Options{Now: now, Block: 8})
			return s
		}
	})
}

// database is one that tests open stores on: again after a close, and on PostgreSQL several at a time.
type database struct {
	open  func(t testing.TB, o Options) *Store
	raw   func(t *testing.T) *sql.DB // a connection that may write, as another program would have
	where string                     // its path or URL
	alone func(t *testing.T)         // waits until no process has it open
}

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "till.db")
		test(t, database{
			open:  func(t testing.TB, o Options) *Store { return openTest(t, path, o) },
			raw:   func(t *testing.T) *sql.DB { return rawSQL(t, "sqlite", fileURI(path, "_pragma=busy_timeout(5000)")) },
			where: path, alone: func(*testing.T) {}, // the kernel frees a dead process's lock at once
		})
	})
	t.Run("postgres", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

func rawSQL(t *testing.T, driver, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openTest opens a store that is closed with the test.
func openTest(t testing.TB, path string, o Options) *Store {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := OpenSQLite(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
