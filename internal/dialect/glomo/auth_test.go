package glomo

import (
	"net/http"
	"strings"
	"testing"
)

// A key of one environment, of another merchant, or that is over, opens nothing; and nothing tells which it was. // case 42
func TestKeys(t *testing.T) {
	k := newKit(t)
	id := k.order()
	path := "/api/v1/orders/" + id
	if got := k.get(shopKey, path); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	secret := k.tokens[shopKey]
	header, rest, _ := strings.Cut(secret, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	bearer := func(text string) http.Header { return http.Header{"Authorization": {"Bearer " + text}} }
	for name, h := range map[string]http.Header{
		"no key":            nil,
		"two keys":          {"Authorization": {"Bearer " + secret, "Bearer " + secret}},
		"another scheme":    {"Authorization": {"Basic " + secret}},
		"no signature":      bearer(header + "." + claims + "."),
		"another signature": bearer(header + "." + claims + "." + strings.Repeat("A", len(signature))),
		"other claims":      bearer(header + "." + strings.ToUpper(claims) + "." + signature),
		"expired":           bearer(k.tokens[expiredKey]),
		"revoked":           bearer(k.tokens[inactiveKey]),
		"publishable":       bearer(k.tokens[browserKey]),
		"a live one":        bearer("live_6889e287VfqrPVPg"),
		"endless":           bearer(strings.Repeat("x", 10_000)),
	} {
		got := k.do(request{method: "GET", path: path, header: h})
		if got.status != 401 || got.body != `{"error":"Unauthorized","message":"Auth token expired or invalid"}` || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, key := range []string{otherKey, liveKey} {
		k.refused(key, k.get(key, path), 404, "Entity not found")
	}
	if got := k.get(readerKey, path); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("a key that may only read", k.post(readerKey, "/api/v1/orders", k.good()), 403, "orders:write")
}

func TestPublicKeys(t *testing.T) {
	k := newKit(t)
	got := k.get("", "/.well-known/jwks.json")
	if got.status != 200 || !strings.Contains(got.body, `"kty":"RSA","use":"sig","alg":"RS256","kid":"test"`) || strings.Contains(got.body, `"d":`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}
