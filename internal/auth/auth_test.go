package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/secrets"
)

// keys is a database of keys by hash.
type keys struct {
	rows  map[string]auth.Key
	reads int
	fails error
	found func() // nil: nothing happens between the look at a record and its answer
}

func (k *keys) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	k.reads++
	row, found := k.rows[hash]
	if k.fails != nil || !found {
		return nil, k.fails
	}
	if k.found != nil {
		k.found()
	}
	return &row, nil
}

func (k *keys) put(key string, active bool) {
	hash := secrets.Hash(key)
	k.rows[hash] = auth.Key{ID: key, Hash: hash, Merchant: "m", Mode: "live", Dialect: "api", Scopes: []string{"orders:read"}, Active: active}
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

func start() (*auth.Auth, *keys, *clock) {
	k := &keys{rows: map[string]auth.Key{}}
	c := &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	return auth.New(k, c.now), k, c
}

func mayPass(t *testing.T, a *auth.Auth, key, api string) {
	t.Helper()
	p, err := a.Check(t.Context(), key, api)
	if err != nil || p.KeyID != key || p.Merchant != "m" || !p.May("orders:read") || p.May("orders:write") {
		t.Fatalf("got %+v, %v", p, err)
	}
}

func isRefused(t *testing.T, a *auth.Auth, key, api string) {
	t.Helper()
	if p, err := a.Check(t.Context(), key, api); !fault.Is(err, fault.CodeUnauthorized) {
		t.Fatalf("got %+v, %v", p, err)
	}
}

// Another process revokes a key: it is refused within a second, however often it was used meanwhile.
func TestRevokedKeyIsRefusedWithinASecond(t *testing.T) {
	a, k, c := start()
	k.put("one", true)
	mayPass(t, a, "one", "api")
	k.put("one", false)
	for range 9 {
		c.at = c.at.Add(100 * time.Millisecond)
		a.Check(t.Context(), "one", "api")
	}
	c.at = c.at.Add(100 * time.Millisecond)
	isRefused(t, a, "one", "api")

	delete(k.rows, secrets.Hash("one"))
	c.at = c.at.Add(time.Second)
	isRefused(t, a, "one", "api")
}

func TestKeyIsLookedUpRarely(t *testing.T) {
	a, k, c := start()
	k.put("one", true)
	for range 1000 {
		mayPass(t, a, "one", "api")
		isRefused(t, a, "one", "other")
		c.at = c.at.Add(time.Millisecond)
	}
	if k.reads > 3 {
		t.Errorf("%d reads in a second", k.reads)
	}
}

func TestNewKeyWorksAtOnce(t *testing.T) {
	a, k, _ := start()
	isRefused(t, a, "one", "api")
	k.put("one", true)
	mayPass(t, a, "one", "api")
	k.put("one", false)
	isRefused(t, a, "two", "api")
}

func TestExpiredKeyIsRefusedInTime(t *testing.T) {
	a, k, c := start()
	k.put("one", true)
	row := k.rows[secrets.Hash("one")]
	row.ExpiresAt = c.at.Add(10 * time.Millisecond)
	k.rows[row.Hash] = row
	mayPass(t, a, "one", "api")
	c.at = row.ExpiresAt
	isRefused(t, a, "one", "api")
}

// A clock that is set back makes nothing live longer.
func TestClockSetBack(t *testing.T) {
	a, k, c := start()
	k.put("one", true)
	mayPass(t, a, "one", "api")
	k.put("one", false)
	c.at = c.at.Add(-time.Hour)
	isRefused(t, a, "one", "api")
}

func TestDatabaseErrorIsNoRefusal(t *testing.T) {
	a, k, c := start()
	k.put("one", true)
	mayPass(t, a, "one", "api")
	c.at = c.at.Add(time.Minute)
	k.fails = errors.New("no database")
	if _, err := a.Check(t.Context(), "one", "api"); !errors.Is(err, k.fails) {
		t.Fatalf("got %v", err)
	}
}
