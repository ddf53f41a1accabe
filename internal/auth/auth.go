// Package auth says who is calling: it turns a key into a principal. It stores nothing and knows no API;
// which header carries the key, and how a refusal looks, is each HTTP face's own.
package auth

import (
	"context"
	"crypto/subtle"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"till/internal/fault"
	"till/internal/secrets"
)

// Key is a key on record. The key itself is not there, only its hash.
type Key struct {
	ID        string
	Hash      string // lower-case hex SHA-256
	Merchant  string // empty: an operator's token
	Mode      string
	Dialect   string // the API it opens; empty: the operator API
	Scopes    []string
	Active    bool
	ExpiresAt time.Time // zero: never
}

// Principal is who is calling, and what they may do.
type Principal struct {
	KeyID     string // of the key, or of the session
	Person    string // the id of who has the session; empty: a key
	Merchant  string
	Mode      string
	Scopes    []string
	ExpiresAt time.Time // of the key or session; zero: never
}

// Who is the principal on record: the person, or the key.
func (p Principal) Who() string {
	if p.Person != "" {
		return p.Person
	}
	return p.KeyID
}

// May says whether the principal has the scope ("orders:write"). A key made without scopes has all.
func (p Principal) May(scope string) bool {
	return len(p.Scopes) == 0 || slices.Contains(p.Scopes, scope)
}

// Keys finds keys. internal/app adapts the store to it.
type Keys interface {
	KeyByHash(ctx context.Context, hash string) (*Key, error) // nil when there is none
}

// Auth checks keys. Safe for concurrent use.
type Auth struct {
	keys  Keys
	now   func() time.Time
	known memory[*Key] // by hash
	used  sync.Map     // key id -> *atomic.Int64, the time of its last use in microseconds; 0: it is on record
}

// New makes an Auth.
func New(keys Keys, now func() time.Time) *Auth { return &Auth{keys: keys, now: now} }

// maxKey bounds what is hashed for a stranger.
const maxKey = 512

// Check finds the principal of a key for one API (the dialect's name; "" for the operator API). The
// refusal never says which part was wrong. Keys carry at least 128 random bits, so their hash is looked
// up by index and needs no slow hash.
//
// Error: unauthorized.
func (a *Auth) Check(ctx context.Context, key, api string) (Principal, error) {
	if key == "" || len(key) > maxKey {
		return Principal{}, refused()
	}
	return a.byHash(ctx, secrets.Hash(key), api)
}

// byHash finds the principal of the key with a hash.
func (a *Auth) byHash(ctx context.Context, hash, api string) (Principal, error) {
	k, err := a.find(ctx, hash)
	if err != nil {
		return Principal{}, err
	}
	if k == nil || subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) != 1 {
		return Principal{}, refused()
	}
	if !k.Active || k.Dialect != api || (!k.ExpiresAt.IsZero() && !a.now().Before(k.ExpiresAt)) {
		return Principal{}, refused()
	}
	a.use(k.ID)
	return Principal{KeyID: k.ID, Merchant: k.Merchant, Mode: k.Mode, Scopes: k.Scopes, ExpiresAt: k.ExpiresAt}, nil
}

// Forget makes the next check of a key look it up: it was changed or revoked by this process. No check that begins
// afterwards believes what the key was before.
func (a *Auth) Forget(hash string) { a.known.end(hash) }

func (a *Auth) use(id string) {
	at, found := a.used.Load(id)
	if !found {
		at, _ = a.used.LoadOrStore(id, new(atomic.Int64))
	}
	at.(*atomic.Int64).Store(a.now().UnixMicro())
}

// Used is when each key was last used since the last call, by its id. A worker puts it on record from time to time, so that no request
// has to.
func (a *Auth) Used() map[string]time.Time {
	last := map[string]time.Time{}
	a.used.Range(func(id, at any) bool {
		if us := at.(*atomic.Int64).Swap(0); us != 0 {
			last[id.(string)] = time.UnixMicro(us).UTC()
		}
		return true
	})
	return last
}

// find is the key of a hash, nil when there is none.
func (a *Auth) find(ctx context.Context, hash string) (*Key, error) {
	now := a.now()
	if k, ok := a.known.get(hash, now); ok {
		return k, nil
	}
	since := a.known.begin()
	k, err := a.keys.KeyByHash(ctx, hash)
	if err != nil || k == nil {
		a.known.drop(hash)
		return nil, err
	}
	a.known.putSince(since, hash, k, now)
	return k, nil
}

func refused() error {
	return fault.New(fault.CodeUnauthorized, "the key is missing, unknown or no longer valid")
}
