package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/secrets"
)

// pairs are signing keys, the newest first, and how often they were asked for.
type pairs struct {
	list []auth.SigningKey
	asks int
}

func (p *pairs) Signer(context.Context) (auth.SigningKey, error) { return p.list[0], nil }

func (p *pairs) All(context.Context) ([]auth.SigningKey, error) {
	p.asks++
	return p.list, nil
}

var twoPairs = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var made [2]*rsa.PrivateKey
	for i := range made {
		var err error
		if made[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return made
})

type signedKit struct {
	*testing.T
	keys  *keys
	auth  *auth.Auth
	pairs *pairs
	clock *clock
	all   *auth.SignedKeys
}

func newSigned(t *testing.T) *signedKit {
	a, rows, c := start()
	k := &signedKit{T: t, keys: rows, auth: a, clock: c, pairs: &pairs{list: []auth.SigningKey{{ID: "one", Private: twoPairs()[0]}}}}
	k.all = auth.NewSignedKeys(auth.SignedKeysConfig{Auth: a, Signing: k.pairs, API: "api", Now: c.now, Random: rand.Reader})
	return k
}

// record puts a key on record.
func (k *signedKit) record(text string) { k.keys.put(text, true) }

func (k *signedKit) issue(n auth.NewSigned) string {
	k.Helper()
	text, err := k.all.Issue(k.Context(), n)
	if err != nil {
		k.Fatal(err)
	}
	k.record(text)
	return text
}

func (k *signedKit) check(text string) error {
	_, err := k.all.Check(k.Context(), text)
	return err
}

// signed is a key of any claims, signed by any method.
func signed(t *testing.T, method jwt.SigningMethod, with any, kid string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSignedKeys(t *testing.T) {
	k := newSigned(t)
	text := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"})
	who, err := k.all.Check(t.Context(), text)
	if err != nil || who.Merchant != "m" || who.Mode != "live" || who.KeyID != text {
		t.Fatalf("%+v %v", who, err)
	}
	if other := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"}); other == text {
		t.Error("two keys are the same")
	}
	if _, err := k.all.Issue(t.Context(), auth.NewSigned{Merchant: "a b", Mode: "live"}); !fault.Is(err, fault.CodeInvalidValue) {
		t.Errorf("a merchant that cannot be a subject: %v", err)
	}
	if _, err := k.all.Issue(t.Context(), auth.NewSigned{Merchant: "m", Mode: "test"}); err == nil {
		t.Error("a mode that there is not")
	}
}

// What is not signed by one of our keys with RS256 is refused though it is on record, and so is what says something else
// than its record.
func TestForgedKeys(t *testing.T) {
	k := newSigned(t)
	good := jwt.MapClaims{"sub": "m", "env": "production", "jti": "1"}
	private, public := twoPairs()[0], twoPairs()[1]
	modulus := []byte(base64.RawURLEncoding.EncodeToString(private.N.Bytes()))
	if err := func() error {
		text := signed(t, jwt.SigningMethodRS256, private, "one", good)
		k.record(text)
		return k.check(text)
	}(); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for name, text := range map[string]string{
		"no algorithm":            signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "one", good),
		"HS256 by what is public": signed(t, jwt.SigningMethodHS256, modulus, "one", good),
		"RS512":                   signed(t, jwt.SigningMethodRS512, private, "one", good),
		"another pair":            signed(t, jwt.SigningMethodRS256, public, "one", good),
		"an unknown pair":         signed(t, jwt.SigningMethodRS256, public, "two", good),
		"another merchant":        signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "other", "env": "production"}),
		"another environment":     signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "m", "env": "sandbox"}),
		"no environment":          signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "m"}),
		"an unknown environment":  signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "m", "env": "staging"}),
		"over":                    signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "m", "env": "production", "exp": k.clock.now().Unix()}),
		"no token":                "pk_live_0123",
		"empty":                   "",
		"endless":                 strings.Repeat("a.", 2000),
	} {
		k.record(text)
		if err := k.check(text); !fault.Is(err, fault.CodeUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := signed(t, jwt.SigningMethodRS256, private, "one", jwt.MapClaims{"sub": "m", "env": "production", "jti": "2"})
	if err := k.check(unknown); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("not on record: %v", err)
	}
}

func TestSignedKeysEnd(t *testing.T) {
	k := newSigned(t)
	text := k.issue(auth.NewSigned{Merchant: "m", Mode: "live", ExpiresAt: k.clock.now().Add(time.Minute)})
	if err := k.check(text); err != nil {
		t.Fatal(err)
	}
	k.clock.move(time.Minute)
	if err := k.check(text); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("at its end: %v", err)
	}
	revoked := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"})
	if err := k.check(revoked); err != nil {
		t.Fatal(err)
	}
	k.keys.put(revoked, false)
	k.auth.Forget(secrets.Hash(revoked))
	if err := k.check(revoked); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("revoked by this process: %v", err)
	}
}

// A check that began before a key was revoked does not leave behind what it saw.
func TestRevokedWhileChecked(t *testing.T) {
	k := newSigned(t)
	text := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"})
	k.keys.found = func() { // the check has read the record, and has not remembered it yet
		k.keys.found = nil
		k.keys.put(text, false)
		k.auth.Forget(secrets.Hash(text))
	}
	if err := k.check(text); err != nil {
		t.Fatalf("the check that was there first: %v", err)
	}
	if err := k.check(text); !fault.Is(err, fault.CodeUnauthorized) {
		t.Errorf("the next: %v", err)
	}
}

// Issued tells what this server signed, on record or not.
func TestIssued(t *testing.T) {
	k := newSigned(t)
	text, err := k.all.Issue(t.Context(), auth.NewSigned{Merchant: "m", Mode: "live"})
	if err != nil {
		t.Fatal(err)
	}
	forged := signed(t, jwt.SigningMethodRS256, twoPairs()[1], "one", jwt.MapClaims{"sub": "m", "env": "production"})
	for _, test := range []struct {
		key, merchant, mode string
		want                bool
	}{
		{text, "m", "live", true}, {text, "n", "live", false}, {text, "m", "sandbox", false}, {forged, "m", "live", false}, {"", "m", "live", false},
		{strings.Repeat("x", 3000), "m", "live", false},
	} {
		if got, err := k.all.Issued(t.Context(), test.key, auth.NewSigned{Merchant: test.merchant, Mode: test.mode}); got != test.want || err != nil {
			t.Errorf("%.20s %s %s: %v %v", test.key, test.merchant, test.mode, got, err)
		}
	}
}

// A signature is checked once, and the pairs are not asked for again; a pair that replaces another
// leaves its keys good, and those that it signs are good at once.
func TestSigningKeysRotate(t *testing.T) {
	k := newSigned(t)
	old := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"})
	for range 5 {
		if err := k.check(old); err != nil {
			t.Fatal(err)
		}
	}
	if k.pairs.asks != 0 {
		t.Errorf("the pairs were asked for %d times, by who signed with one", k.pairs.asks)
	}
	_ = k.check(signed(t, jwt.SigningMethodRS256, twoPairs()[0], "three", jwt.MapClaims{"sub": "m", "env": "production"})) // the pairs are read now
	k.pairs.list = append([]auth.SigningKey{{ID: "two", Private: twoPairs()[1]}}, k.pairs.list...)
	newer := k.issue(auth.NewSigned{Merchant: "m", Mode: "live"})
	for _, text := range []string{old, newer} {
		if err := k.check(text); err != nil {
			t.Error(err)
		}
	}
	set, err := k.all.Set(t.Context())
	if err != nil || len(set.Keys) != 2 || set.Keys[0].ID != "two" || set.Keys[1].ID != "one" || set.Keys[0].Exponent != "AQAB" || set.Keys[0].Kind != "RSA" {
		t.Errorf("%+v %v", set, err)
	}
	asks := k.pairs.asks
	for range 5 { // a stranger's invention costs one question a second
		_ = k.check(signed(t, jwt.SigningMethodRS256, twoPairs()[0], "three", jwt.MapClaims{"sub": "m", "env": "production"}))
	}
	if k.pairs.asks-asks > 1 {
		t.Errorf("%d questions for a pair that there is not", k.pairs.asks-asks)
	}
}
