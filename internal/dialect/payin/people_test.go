package payin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
)

func TestLogin(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	k.person("ann@example.com", map[string]auth.Role{"shop": auth.Member})
	got := k.post("", "/api/v1/auth/login", `{"username":" Ann@Example.com","password":"`+password+`","mode":"sandbox","role":"owner","organizationId":"other"}`)
	body := parse[loginBody](k, got)
	if got.status != 200 || !body.Success || body.Data.User.Username != "ann@example.com" || body.Data.Mode != "sandbox" || body.Data.ExpiresAt != "2025-01-21T10:30:00.000Z" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	token := body.Data.Token

	// The token works as a key does, with the role's permissions.
	if got := k.as(token, "", "POST", "/api/v1/orders", newOrder("R-1")); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("not a member's", k.as(token, "", "PUT", "/api/v1/config/payment_window_minutes", `{"value":20}`), 403, "INSUFFICIENT_PERMISSIONS", "")
	if got := k.get(token, "/api/v1/orders"); got.status != 200 { // as X-API-Key, too
		t.Errorf("%d %s", got.status, got.body)
	}

	// For a day, and until logout.
	k.clock.Move(24*time.Hour - time.Second)
	if got := k.as(token, "", "GET", "/api/v1/auth/me", ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.clock.Move(time.Second)
	k.refused("a day later", k.as(token, "", "GET", "/api/v1/auth/me", ""), 401, "INVALID_API_KEY", "")
	token = k.login("ann@example.com", "sandbox")
	if got := k.as(token, "", "POST", "/api/v1/auth/logout", ""); got.status != 200 || parse[doneBody](k, got) != (doneBody{true, "Logged out successfully"}) {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("after logout", k.as(token, "", "GET", "/api/v1/orders", ""), 401, "INVALID_API_KEY", "")
	k.refused("again", k.as(token, "", "POST", "/api/v1/auth/logout", ""), 401, "INVALID_API_KEY", "")
}

func TestLoginRefusals(t *testing.T) {
	k := newKit(t)
	k.person("ann", map[string]auth.Role{"shop": auth.Owner})
	_, err := k.people.Add(t.Context(), "op_1", auth.NewPerson{Name: "house", Password: password, Roles: map[string]auth.Role{auth.House: auth.Operator}})
	k.must(err)
	tests := []struct {
		name, body  string
		status      int
		code, field string
	}{
		{"no name", `{"password":"x"}`, 400, "VALIDATION_ERROR", "username"},
		{"no password", `{"username":"ann"}`, 400, "VALIDATION_ERROR", "password"},
		{"empty", `{"username":"ann","password":""}`, 400, "VALIDATION_ERROR", "password"},
		{"a number", `{"username":"ann","password":12345678}`, 400, "VALIDATION_ERROR", "password"},
		{"a name twice", `{"username":"ann","username":"bob","password":"x"}`, 400, "VALIDATION_ERROR", "username"},
		{"another mode", `{"username":"ann","password":"` + password + `","mode":"test"}`, 400, "VALIDATION_ERROR", "mode"},
		{"a wrong password", `{"username":"ann","password":"x"}`, 401, "INVALID_CREDENTIALS", ""},
		{"nobody", `{"username":"bob","password":"` + password + `"}`, 401, "INVALID_CREDENTIALS", ""},
		{"metacharacters", `{"username":"' OR 1=1 --","password":"` + password + `"}`, 401, "INVALID_CREDENTIALS", ""}, // case 49
		{"nowhere", `{"username":"house","password":"` + password + `"}`, 403, "INSUFFICIENT_PERMISSIONS", ""},
	}
	texts := map[string]bool{}
	for _, test := range tests {
		got := k.post("", "/api/v1/auth/login", test.body)
		body := k.refused(test.name, got, test.status, test.code, test.field)
		if test.status == 401 {
			texts[got.body] = true
		}
		if strings.Contains(got.body, password) {
			t.Errorf("%s: %s", test.name, body.Message)
		}
	}
	if len(texts) != 1 {
		t.Errorf("%v", texts)
	}
	for range 6 {
		k.post("", "/api/v1/auth/login", `{"username":"ann","password":"x"}`)
	}
	k.person("bob", map[string]auth.Role{"shop": auth.Owner}) // logs in from an address where others failed
	got := k.do(request{method: "POST", path: "/api/v1/auth/login", body: `{"username":"carl","password":"x"}`})
	if got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
	var slowed reply
	for range 10 {
		slowed = k.post("", "/api/v1/auth/login", `{"username":"carl","password":"x"}`)
	}
	body := k.refused("slowed", slowed, 429, "RATE_LIMIT_EXCEEDED", "")
	if body.RetryAfter != 1 || slowed.header.Get("Retry-After") != "1" {
		t.Errorf("%+v %v", body, slowed.header)
	}
	for _, path := range []string{"/api/v1/auth/register", "/api/v1/auth/set-password", "/api/v1/organizations", "/api/v1/users", "/api/v1/auth/google"} {
		k.refused(path, k.post(shopKey, path, `{}`), 404, "RESOURCE_NOT_FOUND", "")
	}
}

// A person calls for one of his merchants: the only one, or the one he names. // case 41
func TestOrganizations(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	o := k.create("R-1")
	one := k.person("one", map[string]auth.Role{"shop": auth.Viewer})
	two := k.person("two", map[string]auth.Role{"shop": auth.Viewer, "other": auth.Owner})
	path := "/api/v1/orders/" + o.OrderID
	tests := []struct {
		name, token, organization string
		status                    int
		code, field               string
	}{
		{"the only one", one, "", 200, "", ""},
		{"named", one, "shop", 200, "", ""},
		{"not his", one, "other", 403, "INSUFFICIENT_PERMISSIONS", "X-Organization-Id"},
		{"nobody's", one, "nobody", 403, "INSUFFICIENT_PERMISSIONS", "X-Organization-Id"},
		{"which?", two, "", 400, "VALIDATION_ERROR", "X-Organization-Id"},
		{"this", two, "shop", 200, "", ""},
		{"that, which does not have the order", two, "other", 404, "RESOURCE_NOT_FOUND", ""},
		{"the role of the other", two, "shop", 200, "", ""},
	}
	for _, test := range tests {
		got := k.as(test.token, test.organization, "GET", path, "")
		if test.status != 200 {
			k.refused(test.name, got, test.status, test.code, test.field)
		} else if got.status != 200 {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	k.refused("a viewer there", k.as(two, "shop", "POST", "/api/v1/orders", newOrder("R-2")), 403, "INSUFFICIENT_PERMISSIONS", "")
	k.refused("an owner here", k.as(two, "other", "POST", "/api/v1/orders", newOrder("R-2")), 503, "NO_AVAILABLE_ADDRESSES", "")
	k.refused("the other mode", k.as(k.login("one", "live"), "", "GET", path, ""), 404, "RESOURCE_NOT_FOUND", "")

	// A key is for one merchant, whatever it names.
	named := func(key, organization string) reply {
		return k.do(request{method: "GET", path: path, key: key, header: http.Header{organizationHeader: {organization}}})
	}
	if got := named(shopKey, "shop"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("another's", named(shopKey, "other"), 403, "INSUFFICIENT_PERMISSIONS", "X-Organization-Id")

	// A role that is taken away is gone.
	two1, err := k.people.Find(t.Context(), "two")
	k.must(err)
	_, err = k.people.SetRoles(t.Context(), "op_1", two1.ID, map[string]auth.Role{})
	k.must(err)
	k.clock.Move(time.Second)
	k.refused("no role", k.as(two, "shop", "GET", path, ""), 403, "INSUFFICIENT_PERMISSIONS", "")
	if me := parse[meBody](k, k.as(two, "", "GET", "/api/v1/auth/me", "")); me.Data.CurrentOrganization != nil || len(me.Data.Organizations) != 0 {
		t.Errorf("%+v", me)
	}
}

func TestGoldenAuth(t *testing.T) {
	g := &golden{kit: newKit(t), file: "auth.golden"}
	g.person("ann@example.com", map[string]auth.Role{"shop": auth.Admin})
	g.person("two", map[string]auth.Role{"shop": auth.Viewer, "other": auth.Owner})
	login := func(title, body string) reply {
		t.Helper()
		return g.ask("POST /api/v1/auth/login: "+title, request{method: "POST", path: "/api/v1/auth/login", body: body})
	}
	token := parse[loginBody](g.kit, login("for live", fmt.Sprintf(`{"username":"ann@example.com","password":%q}`, password))).Data.Token
	two := parse[loginBody](g.kit, login("for the sandbox", fmt.Sprintf(`{"username":"two","password":%q,"mode":"sandbox"}`, password))).Data.Token
	login("a wrong password", `{"username":"ann@example.com","password":"wrong"}`)
	login("nobody has this name", `{"username":"nobody","password":"wrong"}`)
	login("a missing field", `{"username":"ann@example.com"}`)
	for range 4 {
		g.post("", "/api/v1/auth/login", `{"username":"nobody","password":"wrong"}`)
	}
	login("too many failures", `{"username":"nobody","password":"wrong"}`)
	me := func(title, method, path, token, organization string) {
		t.Helper()
		q := request{method: method, path: path, header: http.Header{"Authorization": {"Bearer " + token}}}
		if organization != "" {
			q.header.Set(organizationHeader, organization)
		}
		g.ask(method+" "+path+": "+title, q)
	}
	me("one organization", "GET", "/api/v1/auth/me", token, "")
	me("one of several", "GET", "/api/v1/auth/me", two, "shop")
	me("not his", "GET", "/api/v1/auth/me", token, "other")
	me("with a key", "GET", "/api/v1/auth/me", shopKey, "")
	me("a person who does not say which", "GET", "/api/v1/orders", two, "")
	me("good-bye", "POST", "/api/v1/auth/logout", token, "")
	me("after logout", "POST", "/api/v1/auth/logout", token, "")
	g.check()
}
