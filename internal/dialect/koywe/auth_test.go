package koywe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
)

// probe is a route of the tests, so that admission is tested without any noun.
func probe(k *kit) {
	say := func(_ *http.Request, s engine.Scope) (answer, error) {
		return answer{http.StatusOK, map[string]string{"merchant": s.Merchant, "mode": string(s.Mode)}}, nil
	}
	mux := http.NewServeMux()
	for _, path := range []string{ofM + "/probe", ofO + "/probe", base + "/probe"} {
		mux.Handle("GET "+path, k.dialect.serve(route{http.MethodGet, path, "orders:read", say}))
		mux.Handle("POST "+path, k.dialect.serve(route{http.MethodPost, path, "orders:write", say}))
	}
	mux.Handle("/", k.handler)
	k.handler = mux
}

func (k *kit) signIn(id, secret string) reply {
	k.Helper()
	return k.post("", "/api/v1/auth/sign-in", fmt.Sprintf(`{"apiKey":%q,"secret":%q}`, id, secret))
}

func (k *kit) bearer(token, path string) reply {
	k.Helper()
	return k.do(request{method: "GET", path: path, header: http.Header{"Authorization": {"Bearer " + token}}})
}

func TestSignIn(t *testing.T) {
	k := newKit(t)
	probe(k)
	got := k.signIn("api_shop", "b2")
	token := parse[tokenBody](k, got).Token
	if got.status != 200 || strings.Count(token, ".") != 2 || strings.Contains(got.body, "b2") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := k.bearer(token, m("/probe")); got.status != 200 || !strings.Contains(got.body, `"shop"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for name, pair := range map[string][2]string{
		"a wrong secret": {"api_shop", "b3"}, "an unknown key": {"api_none", "b2"}, "a revoked key": {"api_inactive", "c9"},
		"a key that ended": {"api_expired", "b8"}, "a key of another API": {"api_foreign", "d0"}, "the colon elsewhere": {"api_shop:b2", "x"},
	} {
		k.refused(name, k.signIn(pair[0], pair[1]), 401, "INVALID_CREDENTIALS", "")
	}
	k.refused("no secret", k.post("", "/api/v1/auth/sign-in", `{"apiKey":"api_shop"}`), 400, "VALIDATION_ERROR", "secret")
	k.refused("no key", k.post("", "/api/v1/auth/sign-in", `{"secret":"b2"}`), 400, "VALIDATION_ERROR", "apiKey")
	k.refused("a number", k.post("", "/api/v1/auth/sign-in", `{"apiKey":1,"secret":"b2"}`), 400, "VALIDATION_ERROR", "apiKey")
}

// Bearer token required: without one that is good, nothing is served.
func TestBearerTokenIsRequired(t *testing.T) {
	k := newKit(t)
	probe(k)
	token := k.token(shopKey)
	for name, values := range map[string][]string{
		"none": nil, "another kind": {"Basic " + token}, "no token": {"Bearer "}, "two": {"Bearer " + token, "Bearer " + token},
		"the secret itself": {"Bearer " + shopKey}, "cut": {"Bearer " + token[:len(token)-1]}, "nonsense": {"Bearer a.b.c"},
	} {
		header := http.Header{}
		if values != nil {
			header["Authorization"] = values
		}
		got := k.do(request{method: "GET", path: m("/probe"), header: header})
		k.refused(name, got, 401, "UNAUTHORIZED", "")
		if got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %v", name, got.header)
		}
	}
	k.clock.Move(time.Hour - time.Second)
	if got := k.bearer(token, m("/probe")); got.status != 200 {
		t.Errorf("a second before its end: %d %s", got.status, got.body)
	}
	k.clock.Move(time.Second)
	k.refused("after an hour", k.bearer(token, m("/probe")), 401, "TOKEN_EXPIRED", "")
}

// A token ends with its key.
func TestRevokedKeyTakesItsTokens(t *testing.T) {
	k := newKit(t)
	probe(k)
	token := k.token(shopKey)
	if _, err := k.engine.RevokeKey(context.Background(), "key_api_shop", func(engine.Key) bool { return true }); err != nil {
		t.Fatal(err)
	}
	k.clock.Move(time.Second)
	k.refused("a revoked key's token", k.bearer(token, m("/probe")), 401, "UNAUTHORIZED", "")
}

// Whoever guesses secrets is slowed, whatever key he guesses for; who signed in from his address before is not held up.
func TestGuessesAreSlowed(t *testing.T) {
	k := newKit(t)
	k.token(shopKey) // from another address than the guesses come from
	slowed := false
	for range 10 {
		if got := k.signIn("api_shop", "guess"); got.status == 429 {
			slowed = got.header.Get("Retry-After") != ""
		}
	}
	if !slowed {
		t.Error("ten guesses at once")
	}
	k.refused("the right one while he is slowed", k.signIn("api_shop", "b2"), 429, "RATE_LIMIT_EXCEEDED", "")
	k.made = map[string]string{}
	k.token(shopKey) // fails the test where it is refused
	k.clock.Move(time.Minute)
	if got := k.signIn("api_shop", "b2"); got.status != 200 {
		t.Errorf("a minute later: %d %s", got.status, got.body)
	}
}

// What a key does not open does not exist for it.
func TestAccess(t *testing.T) {
	k := newKit(t)
	probe(k)
	at := func(organisation, merchant string) string {
		return "/api/v1/organizations/" + organisation + "/merchants/" + merchant + "/probe"
	}
	for _, test := range []struct {
		name, key, path string
		status          int
		code, field     string
		merchant        string // of the scope
	}{
		{"a merchant's own", shopKey, at("acme", "shop"), 200, "", "", "shop"},
		{"another of his organisation", shopKey, at("acme", "branch"), 404, "MC00015", "merchantId", ""},
		{"under another organisation", shopKey, at("rival", "shop"), 404, "MC00015", "merchantId", ""},
		{"another's", shopKey, at("rival", "other"), 404, "MC00015", "merchantId", ""},
		{"an organisation's merchant", acmeKey, at("acme", "branch"), 200, "", "", "branch"},
		{"an organisation's other merchant", acmeKey, at("acme", "shop"), 200, "", "", "shop"},
		{"another organisation's merchant", acmeKey, at("rival", "other"), 404, "MC00015", "merchantId", ""},
		{"another organisation's merchant under its own", acmeKey, at("acme", "other"), 404, "MC00015", "merchantId", ""},
		{"nobody", acmeKey, at("acme", "none"), 404, "MC00015", "merchantId", ""},
		{"the organisation", acmeKey, o("/probe"), 200, "", "", "org:acme"},
		{"the organisation, by its merchant", shopKey, o("/probe"), 403, "FORBIDDEN", "", ""},
		{"another organisation, by a merchant", otherKey, o("/probe"), 404, "NOT_FOUND", "organizationId", ""},
		{"another organisation", rivalKey, o("/probe"), 404, "NOT_FOUND", "organizationId", ""},
		{"neither", shopKey, "/api/v1/probe", 200, "", "", "shop"},
		{"an organisation's word as a merchant", acmeKey, at("acme", "org:acme"), 404, "MC00015", "merchantId", ""},
	} {
		got := k.get(test.key, test.path)
		if test.status != 200 {
			k.refused(test.name, got, test.status, test.code, test.field)
			continue
		}
		if scope := parse[map[string]string](k, got); got.status != 200 || scope["merchant"] != test.merchant || scope["mode"] != "sandbox" {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	if scope := parse[map[string]string](k, k.get(liveKey, at("acme", "shop"))); scope["mode"] != "live" {
		t.Errorf("a live key works in %s", scope["mode"])
	}
	if got := k.get(readerKey, m("/probe")); got.status != 200 {
		t.Errorf("a reader reads: %d %s", got.status, got.body)
	}
	k.refused("a reader writes", k.post(readerKey, m("/probe"), `{}`), 403, "FORBIDDEN", "")
}

func TestNoSuchRoute(t *testing.T) {
	k := newKit(t)
	k.refused("a path", k.get("", "/api/v1/nowhere"), 404, "NOT_FOUND", "")
	got := k.get("", "/api/v1/auth/sign-in")
	k.refused("a method", got, 405, "METHOD_NOT_ALLOWED", "")
	if got.header.Get("Allow") != "POST" {
		t.Errorf("allowed: %v", got.header)
	}
	if got := k.get("", "/openapi.yaml"); got.status != 200 || !strings.HasPrefix(got.body, "openapi: 3.1") {
		t.Errorf("%d %.40s", got.status, got.body)
	}
}
