package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"till/internal/fault"
)

// openID is an issuer that anybody can ask for its keys.
type openID struct {
	*testing.T
	key  *ecdsa.PrivateKey
	url  string
	down bool
}

func newOpenID(t *testing.T) *openID {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &openID{T: t, key: key}
	s := httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

func (o *openID) serve(w http.ResponseWriter, r *http.Request) {
	if o.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	part := func(n []byte) string { return base64.RawURLEncoding.EncodeToString(n) }
	answers := map[string]any{
		"/.well-known/openid-configuration": map[string]any{"issuer": o.url, "jwks_uri": o.url + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}},
		"/keys": map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": part(o.key.X.FillBytes(make([]byte, 32))), "y": part(o.key.Y.FillBytes(make([]byte, 32))),
		}}},
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answers[r.URL.Path])
}

// token is one with the claims, of an hour, signed by a key.
func (o *openID) token(key *ecdsa.PrivateKey, algorithm string, change func(claims map[string]any)) string {
	o.Helper()
	claims := map[string]any{"iss": o.url, "aud": "till", "sub": "user-1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "email": "ana@example.com", "email_verified": true, "country": "US", "kyc": true}
	change(claims)
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			o.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := encode(map[string]string{"alg": algorithm, "kid": "one", "typ": "JWT"}) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		o.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	if algorithm == "none" {
		signature = nil
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Only a token that the issuer signed, for us, and that is not over says who somebody is.
func TestIssuer(t *testing.T) {
	o := newOpenID(t)
	verify := issuerOf(Issuer{URL: o.url, Audience: "till", VerifiedClaim: "kyc", CountryClaim: "country"})
	o.down = true
	same := func(map[string]any) {}
	if _, err := verify(t.Context(), o.token(o.key, "ES256", same)); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("an issuer that does not answer: %v", err)
	}
	o.down = false
	who, err := verify(t.Context(), o.token(o.key, "ES256", same))
	if err != nil || who.Subject != o.url+" user-1" || who.Email != "ana@example.com" || who.Country != "US" || !who.VerifiedUser {
		t.Errorf("%+v %v", who, err)
	}
	who, err = verify(t.Context(), o.token(o.key, "ES256", func(c map[string]any) { c["email_verified"], c["kyc"] = false, "true" }))
	if err != nil || who.Email != "" || who.VerifiedUser {
		t.Errorf("what is not verified is believed: %+v %v", who, err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, token := range map[string]string{
		"another key":      o.token(stranger, "ES256", same),
		"no signature":     o.token(o.key, "none", same),
		"another audience": o.token(o.key, "ES256", func(c map[string]any) { c["aud"] = "somebody" }),
		"another issuer":   o.token(o.key, "ES256", func(c map[string]any) { c["iss"] = "https://evil.example" }),
		"over":             o.token(o.key, "ES256", func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"no token":         "a.b.c",
	} {
		if _, err := verify(t.Context(), token); !fault.Is(err, fault.CodeUnauthorized) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if issuerOf(Issuer{}) != nil {
		t.Error("there is an issuer that nobody configured")
	}
}
