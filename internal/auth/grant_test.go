package auth_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/secrets"
)

func (k *kit) grants() *auth.Grants {
	return auth.NewGrants(auth.PeopleConfig{Store: k.store, Now: k.clock.now, Random: rand.Reader, Cost: cheap})
}

func (k *kit) give(g *auth.Grants, user, face string) string {
	k.Helper()
	token, _, err := g.Give(context.Background(), auth.NewGrant{User: user, Face: face, Prefix: "tok_", Lasts: time.Hour})
	if err != nil {
		k.Fatal(err)
	}
	return token
}

func (k *kit) gone(g *auth.Grants, token string) bool {
	k.Helper()
	_, err := g.Find(context.Background(), token)
	if err != nil && !fault.Is(err, fault.CodeUnauthorized) {
		k.Fatal(err)
	}
	return err != nil
}

// A token is its user's, for its face, until it ends by itself, is taken or is ended; no person's session is one.
func TestGrants(t *testing.T) {
	k := newKit(t)
	g, other := k.grants(), k.grants()
	token := k.give(g, "user-1", "shop access")
	s, err := other.Find(t.Context(), token)
	if err != nil || s.Person != "user-1" || s.Face != "shop access" {
		t.Fatalf("%+v %v", s, err)
	}
	if _, _, err := k.people.Session(t.Context(), token, "shop access"); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("a user's token is a person's session: %v", err)
	}
	if !k.gone(g, token+"x") || !k.gone(g, "") {
		t.Error("a token that nobody gave is found")
	}
	once := k.give(g, "user-1", "shop code")
	if _, err := g.Take(t.Context(), once); err != nil {
		t.Error(err)
	}
	if _, err := other.Take(t.Context(), once); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("taken twice: %v", err)
	}
	login := k.give(g, "user-1", "shop login")
	if err := g.End(t.Context(), "user-1", func(s auth.Session) bool { return s.Face == "shop access" }); err != nil {
		t.Fatal(err)
	}
	if !k.gone(g, token) || k.gone(g, login) {
		t.Error("not what was to end has ended")
	}
	k.clock.move(time.Hour)
	if !k.gone(g, login) {
		t.Error("a token outlives its time")
	}
}

// Wrong ones are counted for their account, whatever is checked.
func TestGrantAttempts(t *testing.T) {
	k := newKit(t)
	g := k.grants()
	hash, err := g.HashPassword(t.Context(), "ana@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := g.Password(t.Context(), "user-1", "192.0.2.1", "wrong", hash); !fault.Is(err, fault.CodeWrongPassword) {
			t.Fatal(err)
		}
	}
	if err := g.Password(t.Context(), "user-1", "192.0.2.1", password, hash); !fault.Is(err, fault.CodeRateLimited) {
		t.Errorf("the sixth: %v", err)
	}
	if err := g.Secret(t.Context(), "user-2", "192.0.2.1", "s3cret", secrets.Hash("s3cret")); err != nil {
		t.Errorf("another account: %v", err)
	}
	k.clock.move(time.Minute)
	if err := g.Password(t.Context(), "user-1", "192.0.2.1", password, hash); err != nil {
		t.Error(err)
	}
	if err := g.Password(t.Context(), "user-3", "192.0.2.2", password, ""); !fault.Is(err, fault.CodeWrongPassword) {
		t.Errorf("nobody's password: %v", err)
	}
	broken := errors.New("no answer")
	if err := g.Attempt(t.Context(), "user-4", "192.0.2.3", func() (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
