package store

import (
	"context"
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
