package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/store"
)

// What was used of the keys is on record when the program ends, at the latest, and no request writes it.
func TestKeyUseIsOnRecord(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := engine.New(s, nil, nil)
	made, err := e.AddKey(t.Context(), engine.Key{Hash: secrets.Hash("key"), Scope: engine.Scope{Dialect: "api"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddKey(t.Context(), engine.Key{Hash: secrets.Hash("another"), Scope: engine.Scope{Dialect: "api"}}); err != nil {
		t.Fatal(err)
	}
	checked := auth.New(keys{s}, clock)
	before := s.Stats().Calls
	if _, err := checked.Check(t.Context(), "key", "api"); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Calls - before; n != 0 {
		t.Errorf("%d writes for a request", n)
	}
	recordUses(e, checked, slog.New(slog.DiscardHandler)).stop()
	list, err := e.SearchKeys(context.Background(), engine.KeySearch{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	for _, k := range list {
		want := time.Time{}
		if k.ID == made.ID {
			want = now
		}
		if !k.UsedAt.Equal(want) {
			t.Errorf("%s was used %v, want %v", k.ID, k.UsedAt, want)
		}
	}
	if left := checked.Used(); len(left) != 0 {
		t.Errorf("told twice: %v", left)
	}
}
