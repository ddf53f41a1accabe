package app

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/internal/auth"
	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/operator/client"
)

// Keys that are signed are made, replaced and revoked by an operator, and the text of the one that is good is found.
func TestSignedKeys(t *testing.T) {
	dir := t.TempDir()
	cfg, err := LoadConfig(write(t, dir, "till.toml", "[server]\naddr = \"127.0.0.1:0\"\n"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg.NewSigningKey = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) } // each its own
	a := startWith(t, cfg)
	first, err := a.FirstStart(t.Context(), dir+"/first.json")
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(a.URL()+client.Path, first.OperatorToken.Reveal(), nil)
	ask := func(path, key string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	opens := func(key string) int { return ask("/glomo/api/v1/orders", key) }
	secret, err := c.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "sandbox", Dialect: glomo.Name, Name: "shop"})
	if err != nil || strings.Count(secret.Key, ".") != 2 || opens(secret.Key) != http.StatusOK {
		t.Fatalf("%+v %v: %d", secret, err, opens(secret.Key))
	}
	scope := engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: glomo.Name}
	if got, err := a.secretKey(t.Context(), scope, secret.ID); err != nil || got == nil || got.Text != secret.Key || got.ID != secret.ID {
		t.Errorf("its text: %+v %v", got, err)
	}
	scope.Mode = engine.Live
	if got, err := a.secretKey(t.Context(), scope, secret.ID); err != nil || got == nil || got.Text != first.APIKeys[glomo.Name].Live.Reveal() {
		t.Errorf("in the other mode it is not that mode's own: %v", err)
	}
	rotated, err := c.RotateKey(t.Context(), secret.ID, client.KeyRotation{OverlapSeconds: 3600})
	if err != nil || opens(secret.Key) != http.StatusOK || opens(rotated.Key) != http.StatusOK {
		t.Errorf("in the overlap: %v", err)
	}
	if _, err := c.RevokeKey(t.Context(), rotated.ID); err != nil {
		t.Fatal(err)
	}
	if got := opens(rotated.Key); got != http.StatusUnauthorized {
		t.Errorf("a key that was revoked a moment ago: %d", got)
	}
	if opens(secret.Key) != http.StatusOK {
		t.Error("the one before is not good any more")
	}
	if rotated, err = c.RotateKey(t.Context(), secret.ID, client.KeyRotation{}); err != nil {
		t.Fatal(err)
	}
	if opens(secret.Key) != http.StatusUnauthorized || opens(rotated.Key) != http.StatusOK {
		t.Error("without an overlap the one before goes on, or the new one is not good")
	}

	// Another key pair signs from now on, and every key that there is goes on.
	kids := func() (list []string) {
		t.Helper()
		answer, err := http.Get(a.URL() + "/glomo/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var set auth.KeySet
		if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			list = append(list, k.ID)
		}
		return list
	}
	before := kids()
	pair, err := c.RotateSigningKey(t.Context(), client.SigningKeyRotation{Dialect: glomo.Name})
	if err != nil || !pair.Signs || pair.CreatedAt.IsZero() {
		t.Fatalf("%+v %v", pair, err)
	}
	if got := kids(); len(before) != 1 || !slices.Equal(got, []string{pair.ID, before[0]}) {
		t.Errorf("published: %v, before %v, made %s", got, before, pair.ID)
	}
	if list, err := c.SigningKeys(t.Context()); err != nil || len(list.SigningKeys) != 2 || list.SigningKeys[0].ID != pair.ID || list.SigningKeys[1].Signs {
		t.Errorf("%+v %v", list, err)
	}
	after, err := c.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "sandbox", Dialect: glomo.Name})
	if err != nil || opens(after.Key) != http.StatusOK || opens(rotated.Key) != http.StatusOK || kidOf(t, after.Key) != pair.ID || kidOf(t, rotated.Key) != before[0] {
		t.Errorf("%v: the new one %d, the one before %d", err, opens(after.Key), opens(rotated.Key))
	}
	if _, err := c.RotateSigningKey(t.Context(), client.SigningKeyRotation{Dialect: "payin"}); err == nil {
		t.Error("an API that signs no keys has a key pair")
	}

	public, err := c.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "sandbox", Dialect: glomo.Name, Publishable: true})
	if err != nil || !strings.HasPrefix(public.Key, "test_") || opens(public.Key) != http.StatusUnauthorized {
		t.Errorf("%+v %v", public, err)
	}
	if got := ask("/glomo/api/public/v1/order/order_none", public.Key); got != http.StatusNotFound {
		t.Errorf("the public path: %d", got)
	}
	if _, err := c.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "sandbox", Dialect: "payin", Publishable: true}); err == nil {
		t.Error("an API without publishable keys made one")
	}
}

// kidOf names the key pair that a key was signed with.
func kidOf(t *testing.T, key string) string {
	t.Helper()
	head, _, _ := strings.Cut(key, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid string }
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}
