package payin

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"till/internal/auth"
	"till/internal/engine"
)

// case 42, case 45
func TestKeys(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := []struct {
		name   string
		header http.Header
		query  string
		status int
	}{
		{"X-API-Key", header("X-API-Key", shopKey), "", 200},
		{"bearer", header("Authorization", "Bearer "+shopKey), "", 200},
		{"bearer, other case", header("Authorization", "bEARER  "+shopKey), "", 200},
		{"both, the same", header("X-API-Key", shopKey, "Authorization", "Bearer "+shopKey), "", 200},
		{"both, different", header("X-API-Key", shopKey, "Authorization", "Bearer "+otherKey), "", 401},
		{"twice, different", header("X-API-Key", shopKey, "X-API-Key", otherKey), "", 401},
		{"basic", header("Authorization", "Basic "+shopKey), "", 401},
		{"basic beside a key", header("X-API-Key", shopKey, "Authorization", "Basic eDp5"), "", 401},
		{"none", header(), "", 401},
		{"empty", header("X-API-Key", ""), "", 401},
		{"empty bearer", header("Authorization", "Bearer"), "", 401},
		{"no scheme", header("Authorization", shopKey), "", 401},
		{"in the query", header(), "?api_key=" + shopKey + "&X-API-Key=" + shopKey + "&access_token=" + shopKey, 401},
		{"truncated", header("X-API-Key", shopKey[:len(shopKey)-1]), "", 401},
		{"longer", header("X-API-Key", shopKey+"x"), "", 401},
		{"space after", header("X-API-Key", shopKey+" "), "", 401},
		{"other case", header("X-API-Key", strings.ToUpper(shopKey)), "", 401},
		{"expired", header("X-API-Key", expiredKey), "", 401},
		{"revoked", header("X-API-Key", inactiveKey), "", 401},
		{"of another API", header("X-API-Key", foreignKey), "", 401},
		{"very long", header("X-API-Key", strings.Repeat("x", 1<<20)), "", 401},
	}
	texts := map[string]bool{}
	for _, test := range tests {
		got := k.do(request{method: "GET", path: "/api/v1/orders" + test.query, header: test.header})
		if got.status != test.status {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
		if got.status == 401 {
			k.refused(test.name, got, 401, "INVALID_API_KEY", "")
			texts[got.body] = true
			if got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: no WWW-Authenticate", test.name)
			}
		}
	}
	if len(texts) != 1 {
		t.Errorf("refusals tell the reasons apart: %v", texts)
	}
}

// Every route but the public ones needs a key or a person's token, and one that may do it: a limited key has what it
// was given, a person what his role has, and nobody is more than that. // case 45
func TestEveryRouteAsksForItsPermission(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	made := parse[createdKeyBody](k, k.post(shopKey, "/api/v1/api-keys", `{"name":"n"}`)).Data.Metadata.ID
	endpoint := k.addEndpoint(shopKey, "shop")
	k.post(shopKey, "/api/v1/notifications/endpoints/"+endpoint.ID+"/test", "")
	k.deliver(&receiver{status: 500})
	values := map[string]string{"orderId": o.OrderID, "orderReference...": "R-1", "depositReference...": "user_1", "keyId": made, "linkId": k.link().ID, "address": fmt.Sprintf("0x%040x", 3), "key": "payment_window_minutes",
		"endpointId": endpoint.ID, "logId": k.logs(shopKey, "").Logs[0].ID}
	tokens := map[auth.Role]string{}
	for role := range roles {
		tokens[role] = k.person(string(role), map[string]auth.Role{"shop": role})
	}
	placeholder := regexp.MustCompile(`\{([^}]*)\}`)
	for _, rt := range k.dialect.routes() {
		body := ""
		if rt.method != http.MethodGet && rt.method != http.MethodDelete {
			body = "{}"
		}
		path := placeholder.ReplaceAllStringFunc(rt.path, func(name string) string {
			value, known := values[name[1:len(name)-1]]
			if !known {
				t.Errorf("%s has no example for %s", rt.path, name)
			}
			return value
		})
		what := rt.method + " " + rt.path
		k.refused(what+" without a key", k.do(request{method: rt.method, path: path, body: body}), 401, "INVALID_API_KEY", "")
		if rt.scope == ofPerson {
			k.refused(what+" with a key", k.do(request{method: rt.method, path: path, key: shopKey, body: body}), 403, "INSUFFICIENT_PERMISSIONS", "")
			continue
		}
		if !slices.Contains(permissions, rt.scope) {
			t.Errorf("%s asks for %s, which nobody can have", what, rt.scope)
		}
		got := k.do(request{method: rt.method, path: path, key: readerKey, body: body})
		if may := slices.Contains(readerScopes, rt.scope); may != (got.status != 403) {
			t.Errorf("%s: a reader got %d %s", what, got.status, got.body)
		}
		for role, has := range roles {
			if rt.method == http.MethodDelete && slices.Contains(has, rt.scope) {
				continue // what is deleted is no example any more
			}
			got := k.as(tokens[role], "", rt.method, path, body)
			if may := slices.Contains(has, rt.scope); may != (got.status != 403) || got.status == 401 {
				t.Errorf("%s: %s got %d %s", what, role, got.status, got.body)
			}
		}
	}
}

// Every role has its row, and no row has a permission that does not exist. What members and viewers lack is what
// PayIn's table says.
func TestRolesAreTotal(t *testing.T) {
	if len(roles) != len(auth.Roles) {
		t.Errorf("%d rows for %d roles", len(roles), len(auth.Roles))
	}
	for _, role := range auth.Roles {
		has := roles[role]
		if len(has) == 0 {
			t.Errorf("%s may do nothing", role)
		}
		for i, permission := range has {
			if !slices.Contains(permissions, permission) || slices.Contains(has[:i], permission) {
				t.Errorf("%s: %s", role, permission)
			}
			if role == auth.Viewer && !strings.HasSuffix(permission, ":read") {
				t.Errorf("a viewer has %s", permission)
			}
			if role == auth.Member && (strings.HasPrefix(permission, "webhooks:") || strings.HasPrefix(permission, "api-keys:") || permission == "address-pool:write" || permission == "config:write") {
				t.Errorf("a member has %s", permission)
			}
		}
	}
	if !slices.Equal(roles[auth.Owner], permissions) || roles[auth.Operator] != nil {
		t.Errorf("an owner has %v, the house %v", roles[auth.Owner], roles[auth.Operator])
	}
}

// case 41: what belongs to another merchant, or to the other mode, is not there.
func TestOtherMerchantsFindNothing(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	k.pool(otherKey, 11, 3)
	o := k.create("R-1")
	k.must(putOK(k, shopKey, "payment_window_minutes", "20"))
	for _, stranger := range []string{otherKey, liveKey} {
		for _, path := range []string{"/api/v1/orders/" + o.OrderID, "/api/v1/orders/by-reference/R-1"} {
			k.refused(stranger+" "+path, k.get(stranger, path), 404, "RESOURCE_NOT_FOUND", "")
		}
		for _, query := range []string{"", "?orderReference=R-1", "?status=pending&sortBy=amount"} {
			list := parse[listBody](k, k.get(stranger, "/api/v1/orders"+query))
			if len(list.Data) != 0 || list.Pagination.Total != 0 {
				t.Errorf("%s lists %+v", stranger, list)
			}
		}
		setting := parse[configBody](k, k.get(stranger, "/api/v1/config/payment_window_minutes"))
		if string(setting.Data.Value) != "10" {
			t.Errorf("%s sees the window %s", stranger, setting.Data.Value)
		}
	}

	// The same reference is free for another merchant, and the shop's addresses do not serve him.
	got := k.post(otherKey, "/api/v1/orders", newOrder("R-1"))
	if theirs := parse[orderBody](k, got); got.status != 201 || theirs.Address == o.Address || theirs.ExpiresAt != "2025-01-20T10:40:00.000Z" {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("an address of the shop", k.post(otherKey, "/api/v1/address-pool/addresses",
		`{"addresses":[{"address":"0x00000000000000000000000000000000000000ff","protocol":"evm","derivationIndex":0},{"address":"`+o.Address+`","protocol":"evm","derivationIndex":1}]}`),
		400, "VALIDATION_ERROR", "addresses[1].address")
	counts, err := k.engine.InstrumentCounts(t.Context(), engine.Pool{Merchant: "other", Mode: engine.Sandbox, Family: engine.EVM})
	if err != nil || counts.Total != 3 {
		t.Errorf("the refused import left %+v, %v", counts, err)
	}
}
