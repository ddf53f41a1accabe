package worker

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"till/internal/store"
	"till/internal/store/pgtest"
)

// suite stops the PostgreSQL that tests started before it is looked for goroutines that are left.
type suite struct{ *testing.M }

func (s suite) Run() int {
	code := s.M.Run()
	pgtest.Stop()
	return code
}

// open opens a database by its path or URL.
func open(ctx context.Context, where string, o store.Options) (*store.Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if store.IsPostgres(where) {
		return store.OpenPostgres(ctx, where, o)
	}
	return store.OpenSQLite(ctx, where, o)
}

// onEach runs a test on an empty database of each kind, both at the same time.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "till.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, emptyPostgres(t))
	})
}

var emptied struct {
	sync.Once
	url string
}

// emptyPostgres is a new database with an empty schema: the migrations run once for all tests.
func emptyPostgres(t *testing.T) string {
	t.Helper()
	emptied.Do(func() {
		url := pgtest.URL(t)
		s, err := open(context.Background(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		emptied.url = url
	})
	return pgtest.Copy(t, emptied.url)
}
