package payin

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/rail"
	"till/internal/store"
)

func TestHealth(t *testing.T) {
	k := newKit(t)
	for _, path := range []string{"/health", "/api/v1/health"} {
		got := k.get("", path)
		body := parse[healthBody](k, got)
		if got.status != 200 || body.Status != "healthy" || body.Timestamp != "2025-01-20T10:30:00.000Z" || body.Version != "1.2.3" || body.Manager.Initialized {
			t.Errorf("%s: %d %s", path, got.status, got.body) // arbitrum-sepolia was never heard of
		}
	}
	k.must(k.engine.Observe(context.Background(), unwatched, engine.Report{Progress: engine.Progress{Rail: unwatched.Rail, Cursor: rail.Cursor{Horizon: k.clock.Now(), Head: 1}, Fence: 1}}))
	if got := parse[healthBody](k, k.get("", "/health")); !got.Manager.Initialized {
		t.Errorf("%+v", got)
	}
}

// Without its database the API is unhealthy, and says so in the same body. Networks make no difference.
func TestUnhealthy(t *testing.T) {
	for _, networks := range [][]engine.Network{nil, {sepolia}} {
		log := slog.New(slog.DiscardHandler)
		now := func() time.Time { return started }
		closed, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: now, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		k := &kit{T: t, handler: New(Config{Engine: engine.New(closed, networks, nil), Now: now, Version: "1.2.3", Log: log}).Handler()}
		got := k.get("", "/health")
		if body := parse[healthBody](k, got); got.status != 503 || body.Status != "unhealthy" || body.Manager.Initialized {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}
