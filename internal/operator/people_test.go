package operator

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/operator/client"
)

const password = "correct horse battery"

func TestPeople(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	ann, err := c.AddPerson(ctx, client.NewPerson{Name: "Ann@Example.com", Password: password, Operator: true, Roles: map[string]string{"m1": "admin"}})
	if err != nil || ann.Name != "ann@example.com" || !ann.Operator || !ann.Active || !reflect.DeepEqual(ann.Roles, map[string]string{"m1": "admin"}) {
		t.Fatalf("%+v %v", ann, err)
	}
	first, err := c.People(ctx, "", 1)
	must(t, err)
	page, err := c.People(ctx, first.Next, 1)
	if err != nil || page.Next != "" || first.People[0].Name != "ann" || !reflect.DeepEqual(page.People, []client.Person{ann}) {
		t.Errorf("%+v %+v %v", first, page, err)
	}
	if w := call(k.handler, "GET", "/people", tokenAll, ""); strings.Contains(w.Body.String(), "argon2") || strings.Contains(w.Body.String(), password) {
		t.Errorf("a list shows a password: %s", w.Body)
	}

	login := func(password string) error {
		k.now = k.now.Add(time.Hour)
		_, _, _, err := k.people.Login(ctx, auth.Credentials{Name: "ann@example.com", Password: password, Address: "192.0.2.1"}, auth.Terms{Face: auth.PagesFace, Lasts: time.Hour * 9}, nil)
		return err
	}
	must(t, login(password))
	if list, err := c.Sessions(ctx, ann.ID); err != nil || len(list) != 1 || list[0].Address != "192.0.2.1" || list[0].Face != "pages" {
		t.Errorf("%+v %v", list, err)
	} else if got, err := c.EndSession(ctx, "ann@example.com", list[0].ID); err != nil || got.ID != list[0].ID {
		t.Errorf("%+v %v", got, err)
	}
	must(t, login(password))
	if _, err := c.SetPassword(ctx, "ANN@example.com", password+"!"); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Sessions(ctx, ann.ID); err != nil || len(list) != 0 || list == nil {
		t.Errorf("after another password: %+v %v", list, err)
	}
	if login(password) == nil || login(password+"!") != nil {
		t.Error("the other password is not the one")
	}
	wantActions(t, k, "person.add", "session.end", "person.password")
	if got, err := c.SetActive(ctx, ann.ID, false); err != nil || got.Active || login(password+"!") == nil {
		t.Errorf("kept out: %+v %v", got, err)
	}
	if got, err := c.SetActive(ctx, ann.ID, true); err != nil || !got.Active || login(password+"!") != nil {
		t.Errorf("let in: %+v %v", got, err)
	}
	if got, err := c.SetRoles(ctx, ann.ID, client.PersonRoles{Roles: map[string]string{"m1": "viewer"}}); err != nil || got.Operator || got.Roles["m1"] != "viewer" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := c.SetRoles(ctx, ann.ID, client.PersonRoles{Roles: map[string]string{}}); err != nil || len(got.Roles) != 0 || got.Roles == nil {
		t.Errorf("%+v %v", got, err)
	}
}

func TestPeopleThatAreRefused(t *testing.T) {
	k := newKit(t)
	for body, want := range map[string]struct {
		status int
		code   fault.Code
		param  string
	}{
		`{"name":"Ann","password":"` + password + `"}`:                           {409, fault.CodeDuplicateReference, "name"},
		`{"name":"a b","password":"` + password + `"}`:                           {400, fault.CodeInvalidValue, "name"},
		`{"name":"bob","password":"short"}`:                                      {400, fault.CodeInvalidValue, "password"},
		`{"name":"bob","password":"` + password + `","roles":{"none":"owner"}}`:  {404, fault.CodeNotFound, "roles"},
		`{"name":"bob","password":"` + password + `","roles":{"":"operator"}}`:   {404, fault.CodeNotFound, "roles"},
		`{"name":"bob","password":"` + password + `","roles":{"m1":"operator"}}`: {400, fault.CodeInvalidValue, "roles"},
	} {
		wantProblem(t, call(k.handler, "POST", "/people", tokenAll, body), want.status, want.code, want.param)
	}
	wantProblem(t, call(k.handler, "POST", "/people/nobody/password", tokenAll, `{"password":"`+password+`"}`), 404, fault.CodeNotFound, "")
	wantProblem(t, call(k.handler, "POST", "/people/ann/sessions/none/end", tokenAll, ""), 404, fault.CodeNotFound, "")
	wantProblem(t, call(k.handler, "PUT", "/people/ann/roles", tokenAll, `{"operator":false,"roles":{"m1":"boss"}}`), 400, fault.CodeInvalidValue, "roles")
}

// A limited token makes no operator and changes none: it could make itself one. A token of one mode changes nobody.
func TestNoTokenMakesAMightierPerson(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	boss, err := c.AddPerson(ctx, client.NewPerson{Name: "boss", Password: password, Operator: true})
	must(t, err)
	made, err := c.AddKey(ctx, client.NewKey{Scopes: []string{"people:read", "people:write"}})
	must(t, err)
	cfg := testConfig(k.engine, func() time.Time { return k.now }, nil)
	cfg.Auth, cfg.People = auth.New(storedKeys{k}, cfg.Now), k.people
	handler := Handler(cfg)
	for path, body := range map[string]string{
		"POST /people":                         `{"name":"me","password":"` + password + `","operator":true}`,
		"POST /people/boss/password":           `{"password":"` + password + `"}`,
		"POST /people/" + boss.ID + "/active":  `{"active":false}`,
		"PUT /people/boss/roles":               `{"operator":false,"roles":{}}`,
		"POST /people/boss/sessions/log_1/end": ``,
	} {
		method, path, _ := strings.Cut(path, " ")
		wantProblem(t, call(handler, method, path, made.Key, body), http.StatusForbidden, fault.CodeForbidden, "")
	}
	if w := call(handler, "POST", "/people", made.Key, `{"name":"clerk","password":"`+password+`","roles":{"m1":"member"}}`); w.Code != http.StatusCreated {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantProblem(t, call(handler, "PUT", "/people/clerk/roles", made.Key, `{"operator":true,"roles":{}}`), http.StatusForbidden, fault.CodeForbidden, "")
	wantProblem(t, call(k.handler, "POST", "/people/clerk/active", tokenLive, `{"active":false}`), http.StatusForbidden, fault.CodeForbidden, "mode")
}
