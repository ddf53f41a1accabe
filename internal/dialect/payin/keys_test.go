package payin

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
)

const keysPath = "/api/v1/api-keys"

func (k *kit) newKey(key, body string) createdKeyData {
	k.Helper()
	got := k.post(key, keysPath, body)
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[createdKeyBody](k, got).Data
}

func TestKeyIsMadeAndWorks(t *testing.T) {
	k := newKit(t)
	made := k.newKey(shopKey, `{"name":"ERP","scopes":["orders:read"],"expiresAt":"2025-02-01T00:00:00Z","isActive":false,"organizationId":"other","userId":"usr_1"}`)
	if !regexp.MustCompile(`^pk_test_[0-9a-f]{32}$`).MatchString(made.APIKey) || !strings.HasPrefix(made.APIKey, made.Metadata.KeyPrefix) ||
		!made.Metadata.IsActive || made.Metadata.OrganizationID != "shop" || *made.Metadata.ExpiresAt != "2025-02-01T00:00:00.000Z" || *made.Metadata.UserID != "key_"+shopKey {
		t.Fatalf("%+v", made)
	}
	if got := k.newKey(liveKey, `{"name":"live"}`); !strings.HasPrefix(got.APIKey, "pk_live_") {
		t.Errorf("%+v", got)
	}
	if got := k.get(made.APIKey, "/api/v1/orders"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("what it may not", k.post(made.APIKey, "/api/v1/orders", newOrder("R-1")), 403, "INSUFFICIENT_PERMISSIONS", "")
	path := keysPath + "/" + made.Metadata.ID
	change := func(method, body string) keyBody {
		t.Helper()
		got := k.do(request{method: method, path: path, key: shopKey, body: body})
		if got.status != 200 {
			t.Fatalf("%s %s: %d %s", method, body, got.status, got.body)
		}
		return parse[oneKeyBody](k, got).Data
	}
	works := func() bool {
		k.clock.Move(time.Second)
		return k.get(made.APIKey, "/api/v1/orders").status == 200
	}
	if got := change("PATCH", `{"isActive":false}`); got.IsActive || got.Name != "ERP" || works() {
		t.Errorf("switched off: %+v", got)
	}
	if got := change("PUT", `{"isActive":true,"name":"ERP 2","scopes":["orders:write"]}`); !got.IsActive || got.Name != "ERP 2" || !works() || !slices.Equal(got.Scopes, []string{"orders:read"}) {
		t.Errorf("switched on: %+v", got)
	}
	if got := change("PATCH", `{"expiresAt":null}`); got.ExpiresAt != nil || got.UpdatedAt == got.CreatedAt {
		t.Errorf("for ever: %+v", got)
	}
	k.must(k.engine.KeysUsed(t.Context(), map[string]time.Time{made.Metadata.ID: k.clock.Now()}))
	if got := parse[oneKeyBody](k, k.get(shopKey, path)).Data; got.LastUsedAt == nil || *got.LastUsedAt != wireTime(k.clock.Now()) {
		t.Errorf("used: %+v", got)
	}

	// Deleted is for good, within a second.
	if got := k.do(request{method: "DELETE", path: path, key: shopKey}); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if works() {
		t.Error("a deleted key works")
	}
	for _, q := range []request{{method: "GET", path: path}, {method: "DELETE", path: path}, {method: "PATCH", path: path, body: `{"isActive":true}`}} {
		q.key = shopKey
		k.refused(q.method, k.do(q), 404, "RESOURCE_NOT_FOUND", "")
	}
	if list := parse[keyListBody](k, k.get(shopKey, keysPath)); len(list.Data) != 0 {
		t.Errorf("%+v", list)
	}
}

// Nobody makes a key that may do more, or lasts longer, than what he has: PayIn's own server makes every key an owner,
// whoever made it.
func TestNoKeyIsMoreThanItsMaker(t *testing.T) {
	k := newKit(t)
	limited := k.newKey(shopKey, `{"name":"a","scopes":["orders:read","api-keys:write","api-keys:read"],"expiresAt":"2025-02-01T00:00:00Z"}`).APIKey
	admin := k.person("admin", map[string]auth.Role{"shop": auth.Admin})
	member := k.person("member", map[string]auth.Role{"shop": auth.Member})
	viewer := k.person("viewer", map[string]auth.Role{"shop": auth.Viewer})

	child := k.newKey(limited, `{"name":"child"}`)
	if !slices.Equal(child.Metadata.Scopes, []string{"orders:read", "api-keys:write", "api-keys:read"}) || *child.Metadata.ExpiresAt != "2025-02-01T00:00:00.000Z" {
		t.Errorf("%+v", child.Metadata)
	}
	post := func(key, body string) reply { return k.post(key, keysPath, body) }
	k.refused("more permissions", post(limited, `{"name":"x","scopes":["orders:read","orders:write"]}`), 403, "INSUFFICIENT_PERMISSIONS", "scopes[1]")
	k.refused("for longer", post(limited, `{"name":"x","expiresAt":"2025-02-01T00:00:01Z"}`), 403, "INSUFFICIENT_PERMISSIONS", "expiresAt")
	k.refused("for ever", post(limited, `{"name":"x","expiresAt":null}`), 403, "INSUFFICIENT_PERMISSIONS", "expiresAt")
	k.refused("its own life", k.do(request{method: "PATCH", path: keysPath + "/" + child.Metadata.ID, key: limited, body: `{"expiresAt":null}`}), 403, "INSUFFICIENT_PERMISSIONS", "expiresAt")
	k.refused("no permission", post(shopKey, `{"name":"x","scopes":[]}`), 400, "VALIDATION_ERROR", "scopes")
	k.refused("no such permission", post(shopKey, `{"name":"x","scopes":["orders:*"]}`), 400, "VALIDATION_ERROR", "scopes[0]")
	k.refused("a key that may not", post(readerKey, `{"name":"x"}`), 403, "INSUFFICIENT_PERMISSIONS", "")
	k.refused("a member", k.as(member, "", "POST", keysPath, `{"name":"x"}`), 403, "INSUFFICIENT_PERMISSIONS", "")
	k.refused("a viewer", k.as(viewer, "", "GET", keysPath, ""), 403, "INSUFFICIENT_PERMISSIONS", "")

	got := k.as(admin, "", "POST", keysPath, `{"name":"x"}`)
	made := parse[createdKeyBody](k, got).Data
	if got.status != 201 || !slices.Equal(made.Metadata.Scopes, roles[auth.Admin]) || !strings.HasPrefix(*made.Metadata.UserID, "usr_") || made.Metadata.ExpiresAt != nil {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// case 41: another merchant's key is not there, nor one of the other mode.
func TestKeysOfOthers(t *testing.T) {
	k := newKit(t)
	path := keysPath + "/" + k.newKey(shopKey, `{"name":"a"}`).Metadata.ID
	for _, stranger := range []string{otherKey, liveKey} {
		k.refused("get", k.get(stranger, path), 404, "RESOURCE_NOT_FOUND", "")
		k.refused("patch", k.do(request{method: "PATCH", path: path, key: stranger, body: `{"isActive":false}`}), 404, "RESOURCE_NOT_FOUND", "")
		k.refused("delete", k.do(request{method: "DELETE", path: path, key: stranger}), 404, "RESOURCE_NOT_FOUND", "")
		if list := parse[keyListBody](k, k.get(stranger, keysPath)); len(list.Data) != 0 {
			t.Errorf("%+v", list)
		}
	}
	if got := parse[oneKeyBody](k, k.get(shopKey, path)); !got.Data.IsActive {
		t.Errorf("%+v", got)
	}
}

// A repeat makes no second key, and neither it nor the database has the key.
func TestKeyIsShownOnce(t *testing.T) {
	k := newKit(t)
	ask := request{method: "POST", path: keysPath, key: shopKey, body: `{"name":"a"}`, header: http.Header{"Idempotency-Key": {"k"}}}
	first := parse[createdKeyBody](k, k.do(ask)).Data
	again := k.do(ask)
	repeat := parse[createdKeyBody](k, again).Data
	if again.status != 201 || repeat.Metadata.ID != first.Metadata.ID || strings.Contains(again.body, first.APIKey) || repeat.APIKey != first.Metadata.KeyPrefix+masked {
		t.Errorf("%d %s", again.status, again.body)
	}
	if k.get(repeat.APIKey, keysPath).status != 401 {
		t.Error("a masked key works")
	}
	ask.body = `{"name":"b"}`
	k.refused("another body", k.do(ask), 409, "IDEMPOTENCY_KEY_CONFLICT", "")
	list := k.get(shopKey, keysPath)
	if len(parse[keyListBody](k, list).Data) != 1 || strings.Contains(list.body, first.APIKey) {
		t.Errorf("%s", list.body)
	}
	found, err := k.engine.SearchKeys(context.Background(), engine.KeySearch{Merchant: "shop", Limit: 10})
	if err != nil || len(found) != 1 || strings.Contains(found[0].Hash+found[0].Prefix, first.APIKey) {
		t.Errorf("%+v %v", found, err)
	}
}

func TestGoldenKeys(t *testing.T) {
	g := &golden{kit: newKit(t), file: "api_keys.golden"}
	ask := func(title, method, path, body string, header ...string) reply {
		t.Helper()
		q := request{method: method, path: path, key: shopKey, body: body}
		if len(header) > 0 {
			q.header = http.Header{header[0]: header[1:]}
		}
		return g.ask(method+" "+strings.Replace(path, "/key_", "/:id/key_", 1)+": "+title, q)
	}
	made := parse[createdKeyBody](g.kit, ask("that may do everything", "POST", keysPath, `{"name":"Backend"}`)).Data.Metadata.ID
	path := keysPath + "/" + made
	g.clock.Move(time.Second)
	ask("that may read orders for a month", "POST", keysPath, `{"name":"Reports","scopes":["orders:read","transfers:read"],"expiresAt":"2025-02-20T00:00:00Z"}`, "Idempotency-Key", "5a1c")
	ask("the same again", "POST", keysPath, `{"name":"Reports","scopes":["orders:read","transfers:read"],"expiresAt":"2025-02-20T00:00:00Z"}`, "Idempotency-Key", "5a1c")
	ask("without a name", "POST", keysPath, `{}`)
	ask("an unknown permission", "POST", keysPath, `{"name":"x","scopes":["everything"]}`)
	ask("an end that is over", "POST", keysPath, `{"name":"x","expiresAt":"2025-01-20T10:30:00Z"}`)
	ask("all", "GET", keysPath, "")
	ask("one", "GET", path, "")
	ask("another name", "PATCH", path, `{"name":"Backend 2"}`)
	ask("switched off", "PUT", path, `{"isActive":false}`)
	ask("no boolean", "PATCH", path, `{"isActive":"no"}`)
	ask("for good", "DELETE", path, "")
	ask("gone", "GET", path, "")
	ask("gone", "PATCH", path, `{"isActive":true}`)
	ask("gone", "DELETE", path, "")
	g.ask("POST "+keysPath+": a key that may not", request{method: "POST", path: keysPath, key: readerKey, body: `{"name":"x"}`})
	g.check()
}
