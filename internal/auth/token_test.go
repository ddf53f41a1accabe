package auth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/secrets"
	"till/internal/store"
)

// byID is keys by their ids and hashes.
type byID struct {
	mu   sync.Mutex
	rows map[string]auth.Key
}

func (k *byID) put(row auth.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows[row.ID] = row
}

func (k *byID) KeyByID(_ context.Context, id string) (*auth.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	row, found := k.rows[id]
	if !found {
		return nil, nil
	}
	return &row, nil
}

func (k *byID) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, row := range k.rows {
		if row.Hash == hash {
			return &row, nil
		}
	}
	return nil, nil
}

var (
	newSign = bytes.Repeat([]byte{2}, 32)
	oldSign = bytes.Repeat([]byte{1}, 32)
)

type tokenKit struct {
	*testing.T
	keys  *byID
	clock *clock
	store *store.Store
	row   auth.Key
}

func newTokenKit(t *testing.T) *tokenKit {
	k := &tokenKit{T: t, keys: &byID{rows: map[string]auth.Key{}}, clock: &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	opened, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: k.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	k.store = opened
	k.row = auth.Key{ID: "key_1", Hash: secrets.Hash(auth.PairText("api_1", "secret")), Merchant: "m", Mode: "live", Dialect: "api", Scopes: []string{"orders:read"}, Active: true}
	k.keys.put(k.row)
	return k
}

func (k *tokenKit) tokens(api string, sign ...[]byte) *auth.Tokens {
	return auth.NewTokens(auth.TokensConfig{Auth: auth.New(k.keys, k.clock.now), Keys: k.keys, Store: k.store, Sign: sign, API: api, Now: k.clock.now})
}

func (k *tokenKit) signIn(t *auth.Tokens) string {
	k.Helper()
	token, err := t.SignIn(k.Context(), auth.Pair{ID: "api_1", Secret: "secret", Address: "192.0.2.1"})
	if err != nil {
		k.Fatal(err)
	}
	return token
}

func (k *tokenKit) refuses(what string, t *auth.Tokens, token string, code fault.Code) {
	k.Helper()
	if p, err := t.Check(k.Context(), token); !fault.Is(err, code) {
		k.Errorf("%s: %+v %v, want %s", what, p, err, code)
	}
}

func TestToken(t *testing.T) {
	k := newTokenKit(t)
	tokens := k.tokens("api", newSign)
	token := k.signIn(tokens)
	p, err := tokens.Check(t.Context(), token)
	if err != nil || p.KeyID != "key_1" || p.Merchant != "m" || p.Mode != "live" || !p.May("orders:read") || p.May("orders:write") {
		t.Fatalf("%+v %v", p, err)
	}
	k.refuses("a token of another API", k.tokens("other", newSign), token, fault.CodeUnauthorized)
	k.refuses("another server's", k.tokens("api", oldSign), token, fault.CodeUnauthorized)
	k.refuses("none", tokens, "", fault.CodeUnauthorized)
	k.refuses("a long one", tokens, token+strings.Repeat("x", 1000), fault.CodeUnauthorized)

	parts := strings.Split(token, ".")
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	body := strings.Replace(string(must(base64.RawURLEncoding.DecodeString(parts[1]))), "key_1", "key_2", 1)
	for name, forged := range map[string]string{
		"no algorithm":       part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"another header":     part(`{"typ":"JWT","alg":"HS256"}`) + "." + parts[1] + "." + parts[2],
		"another key":        parts[0] + "." + part(body) + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"two parts":          parts[0] + "." + parts[1],
		"four parts":         token + ".x",
		"a changed last bit": parts[0] + "." + parts[1] + "." + parts[2][:42] + "_",
	} {
		k.refuses(name, tokens, forged, fault.CodeUnauthorized)
	}
	k.clock.move(auth.TokenLife)
	k.refuses("after its end", tokens, token, fault.CodeTokenExpired)
}

// After the master key was rotated tokens of the old one are good as long as it is still loaded.
func TestTokenOverARotation(t *testing.T) {
	k := newTokenKit(t)
	old := k.signIn(k.tokens("api", oldSign))
	both := k.tokens("api", newSign, oldSign)
	if _, err := both.Check(t.Context(), old); err != nil {
		t.Error(err)
	}
	k.refuses("one made after it, by the old key alone", k.tokens("api", oldSign), k.signIn(both), fault.CodeUnauthorized)
}

func TestTokenEndsWithItsKey(t *testing.T) {
	for name, end := range map[string]func(*auth.Key){
		"switched off": func(row *auth.Key) { row.Active = false }, "ended": func(row *auth.Key) { row.ExpiresAt = time.Unix(1, 0) },
		"another API's": func(row *auth.Key) { row.Dialect = "" },
	} {
		k := newTokenKit(t)
		tokens := k.tokens("api", newSign)
		token := k.signIn(tokens)
		if _, err := tokens.Check(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		row := k.row
		end(&row)
		k.keys.put(row)
		k.clock.move(500 * time.Millisecond)
		k.refuses(name, tokens, token, fault.CodeUnauthorized)
		if _, err := tokens.SignIn(t.Context(), auth.Pair{ID: "api_1", Secret: "secret"}); !fault.Is(err, fault.CodeWrongPassword) {
			t.Errorf("%s: signed in, or %v", name, err)
		}
	}
}

// Guesses at many keys from one address are slowed as well; the right pair resets only its own counter.
func TestGuessingManyKeys(t *testing.T) {
	k := newTokenKit(t)
	tokens := k.tokens("api", newSign)
	refused := 0
	for i := range 40 {
		_, err := tokens.SignIn(t.Context(), auth.Pair{ID: strings.Repeat("x", i%1000), Secret: "secret", Address: "192.0.2.9"})
		if fault.Is(err, fault.CodeRateLimited) {
			refused++
		} else if !fault.Is(err, fault.CodeWrongPassword) {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("forty guesses from one address at one moment")
	}
	k.signIn(tokens) // from another address: not held up
}

// Many right ones at once are no guesses.
func TestManySignInsAtOnce(t *testing.T) {
	k := newTokenKit(t)
	tokens := k.tokens("api", newSign)
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			if _, err := tokens.SignIn(context.Background(), auth.Pair{ID: "api_1", Secret: "secret", Address: "192.0.2.1"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
