package dashboard

import (
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/page"
	"till/internal/page/pagetest"
	"till/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pagetest.Run(m)) }

const password = "correct horse battery"

// house is the pages on a server, with people on a real database and a clock that is moved by hand.
type house struct {
	*testing.T
	people *auth.People
	engine *engine.Engine
	store  *store.Store
	url    string

	mu  sync.Mutex
	now time.Time
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func open(t *testing.T, public string) *house {
	t.Helper()
	return openWith(t, public, func(*house) []Bank { return nil })
}

// openWith is pages with accounts at banks.
func openWith(t *testing.T, public string, banks func(h *house) []Bank) *house {
	t.Helper()
	h := &house{T: t, now: time.Date(2026, 1, 20, 10, 30, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: h.clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h.store = s
	h.people = auth.NewPeople(auth.PeopleConfig{Store: s, Now: h.clock, Random: rand.Reader, Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}})
	h.engine = engine.New(s, []engine.Network{chain, giro}, nil).Limited(engine.Limits{
		chain.Rail: {usdt: {Order: money.FromInt(usdt, 50_000_000)}}, giro.Rail: {eur: {Order: money.FromInt(eur, 1_000_00)}},
	})
	kit, err := page.New(page.Config{PublicURL: public, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(Config{People: h.people, Engine: h.engine, Kit: kit, Banks: banks(h), Secure: strings.HasPrefix(public, "https://"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(page.AssetPath, kit.Assets())
	for _, path := range Paths {
		mux.Handle(path, d.Handler())
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *house) add(name string, roles map[string]auth.Role) auth.Person {
	h.Helper()
	p, err := h.people.Add(h.Context(), "op_1", auth.NewPerson{Name: name, Password: password, Roles: roles})
	if err != nil {
		h.Fatal(err)
	}
	return p
}

// browser keeps cookies and follows nothing.
func (h *house) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (h *house) do(b *http.Client, r *http.Request) reply {
	h.Helper()
	got, err := b.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		h.Fatal(err)
	}
	return reply{got.StatusCode, got.Header, string(body)}
}

func (h *house) get(b *http.Client, path string) reply {
	h.Helper()
	r, err := http.NewRequest(http.MethodGet, h.url+path, nil)
	if err != nil {
		h.Fatal(err)
	}
	return h.do(b, r)
}

// post sends a form; fields are pairs.
func (h *house) post(b *http.Client, path string, fields ...string) reply {
	h.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, h.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.do(b, r)
}

func (h *house) login(b *http.Client, name, password string) reply {
	h.Helper()
	return h.post(b, "/login", "name", name, "password", password)
}

var hidden = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// token is the form token of the account page.
func (h *house) token(b *http.Client) string {
	h.Helper()
	found := hidden.FindStringSubmatch(h.get(b, "/account").body)
	if found == nil {
		h.Fatal("no form token")
	}
	return found[1]
}

func (h *house) leads(what string, got reply, to string) {
	h.Helper()
	if got.status != http.StatusSeeOther || got.header.Get("Location") != to {
		h.Errorf("%s: %d to %q, want %q", what, got.status, got.header.Get("Location"), to)
	}
}

func TestLogin(t *testing.T) {
	h := open(t, "")
	h.add("ann@example.com", nil)
	b := h.browser()
	h.leads("a stranger", h.get(b, "/account"), "/login?next=%2Faccount")
	h.leads("a stranger, in Spanish", h.get(b, "/account?lang=es"), "/login?lang=es&next=%2Faccount")
	h.leads("a stranger's form", h.post(b, "/account", "do", "end"), "/login")
	got := h.login(b, "Ann@example.com", password)
	h.leads("login", got, "/account")
	cookie := got.header.Get("Set-Cookie")
	for _, want := range []string{"till_session=ses_", "Path=/", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%s lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") || strings.Contains(cookie, "Max-Age") || strings.Contains(cookie, "Domain") {
		t.Error(cookie)
	}
	if got := h.get(b, "/account"); got.status != 200 || !strings.Contains(got.body, "ann@example.com") || strings.Contains(got.body, "ses_") {
		t.Errorf("%d %s", got.status, got.body)
	}
	h.leads("again", h.get(b, "/login"), "/account")

	// A second login in the same browser ends the first session.
	h.leads("a second login", h.login(b, "ann@example.com", password), "/account")
	if p, _ := h.people.Find(t.Context(), "ann@example.com"); p.ID != "" {
		if list, err := h.people.Sessions(t.Context(), p.ID); err != nil || len(list) != 1 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
	}

	h.leads("logout", h.post(b, "/logout", "form_token", h.token(b)), "/login?said=left")
	h.leads("after logout", h.get(b, "/account"), "/login?next=%2Faccount")
	h.leads("login", h.login(b, "ann@example.com", password), "/account")
	h.pass(time.Hour)
	h.leads("an hour without use", h.get(b, "/account"), "/login?next=%2Faccount")
}

// case 53: behind https the cookie is the host's alone, and no form from elsewhere is taken.
func TestCookieAndForms(t *testing.T) {
	h := open(t, "https://pay.example.com/till")
	ann := h.add("ann", nil)
	b := h.browser()
	got := h.login(b, "ann", password)
	h.leads("behind a path", got, "/till/account")
	cookie := got.header.Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-till_session=ses_") || !strings.Contains(cookie, "; Secure") || !strings.Contains(cookie, "Path=/;") {
		t.Error(cookie)
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(cookie, "__Host-till_session="), ";")
	ask := func(method, path, body string, header ...string) reply {
		t.Helper()
		r, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "__Host-till_session="+token)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return h.do(h.browser(), r)
	}
	page1 := ask("GET", "/account", "")
	if page1.status != 200 || page1.header.Get("Cache-Control") != "no-store" || !strings.Contains(page1.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || page1.header.Get("Access-Control-Allow-Origin") != "" {
		t.Fatalf("%d %v", page1.status, page1.header)
	}
	formToken := hidden.FindStringSubmatch(page1.body)[1]
	alive := func() bool { return ask("GET", "/account", "").status == 200 }
	for what, got := range map[string]reply{
		"no token":          ask("POST", "/logout", ""),
		"another token":     ask("POST", "/logout", "form_token=x"),
		"in the query":      ask("POST", "/logout?form_token="+url.QueryEscape(formToken), ""),
		"another site":      ask("POST", "/logout", "form_token="+formToken, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
		"a login from afar": ask("POST", "/login", "name=ann&password="+url.QueryEscape(password), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
		"a long form":       ask("POST", "/logout", "form_token="+formToken+"&x="+strings.Repeat("x", 20<<10)),
	} {
		if got.status != http.StatusForbidden || got.header.Get("Set-Cookie") != "" || !alive() {
			t.Errorf("%s: %d", what, got.status)
		}
	}
	if got := ask("GET", "/logout", ""); got.status == 303 || !alive() {
		t.Errorf("a link logs out: %d", got.status)
	}
	h.leads("the form itself", ask("POST", "/logout", "form_token="+formToken, "Sec-Fetch-Site", "same-origin"), "/till/login?said=left")
	if list, err := h.people.Sessions(t.Context(), ann.ID); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

// case 54: after the login only a page of this server follows.
func TestLoginLeadsHere(t *testing.T) {
	h := open(t, "")
	h.add("ann", nil)
	for next, want := range map[string]string{
		"": "/account", "/account": "/account", "/orders/ord_1": "/orders/ord_1",
		"//evil.example": "/account", "/\\evil.example": "/account", "https://evil.example": "/account", "/../x": "/account", "javascript:alert(1)": "/account",
		"/a//b": "/account", "/a?b": "/account", "/a\r\nSet-Cookie: x=y": "/account", "/%2f%2fevil": "/account", "/login": "/account", "/logout": "/account", "/": "/account",
		"/" + strings.Repeat("a", 600): "/account",
	} {
		h.leads(next, h.post(h.browser(), "/login", "name", "ann", "password", password, "next", next), want)
	}
	h.leads("in Portuguese", h.post(h.browser(), "/login?lang=pt-BR", "name", "ann", "password", password), "/account?lang=pt")
}

func TestLoginRefusals(t *testing.T) {
	h := open(t, "")
	h.add("ann", nil)
	out := h.add("out", nil)
	if _, err := h.people.SetActive(t.Context(), "op_1", out.ID, false); err != nil {
		t.Fatal(err)
	}
	bodies := map[string]bool{}
	for _, c := range [][2]string{{"ann", "wrong"}, {"nobody", password}, {"out", password}, {"", ""}} {
		got := h.login(h.browser(), c[0], c[1])
		if got.status != http.StatusForbidden || got.header.Get("Set-Cookie") != "" || strings.Contains(got.body, password) {
			t.Errorf("%v: %d %v", c, got.status, got.header)
		}
		bodies[strings.ReplaceAll(got.body, `value="`+c[0]+`"`, `value=""`)] = true
		h.pass(time.Minute)
	}
	if len(bodies) != 1 {
		t.Errorf("%d different refusals", len(bodies))
	}
	if got := h.login(h.browser(), `"><script>alert(1)</script>`, "x"); got.status != http.StatusForbidden || strings.Contains(got.body, "<script>alert") { // case 55
		t.Errorf("%d %s", got.status, got.body)
	}
	h.pass(time.Minute)
	var last reply
	for range 7 {
		last = h.login(h.browser(), "ann", "wrong")
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") != "1" || !strings.Contains(last.body, "1 seconds") {
		t.Errorf("%d %v", last.status, last.header)
	}
}

func TestChangePassword(t *testing.T) {
	h := open(t, "")
	h.add("ann", map[string]auth.Role{"shop": auth.Member, auth.House: auth.Operator})
	b, other := h.browser(), h.browser()
	h.login(other, "ann", password)
	h.login(b, "ann", password)
	change := func(old, new, again string) reply {
		h.pass(time.Minute)
		return h.post(b, "/account", "do", "password", "form_token", h.token(b), "old", old, "new", new, "again", again)
	}
	const next = "another horse battery"
	for what, c := range map[string]struct {
		got  reply
		says string
	}{
		"not the same":  {change(password, next, next+"x"), "are not the same"},
		"the wrong one": {change("wrong", next, next), "current password is wrong"},
		"too short":     {change(password, "short", "short"), "12 to 256"},
	} {
		if c.got.status != http.StatusUnprocessableEntity || !strings.Contains(c.got.body, c.says) || strings.Contains(c.got.body, next) {
			t.Errorf("%s: %d %s", what, c.got.status, c.got.body)
		}
	}
	h.leads("changed", change(password, next, next), "/login?said=changed")
	for _, ended := range []*http.Client{b, other} {
		h.leads("every session ended", h.get(ended, "/account"), "/login?next=%2Faccount")
	}
	if got := h.login(b, "ann", password); got.status != http.StatusForbidden {
		t.Errorf("the old password: %d", got.status)
	}
	h.leads("the new password", h.login(b, "ann", next), "/account")

	// Guesses at the old password are slowed like logins.
	var last reply
	token := h.token(b)
	for range 7 {
		last = h.post(b, "/account", "do", "password", "form_token", token, "old", "wrong", "new", password, "again", password)
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") == "" {
		t.Errorf("%d", last.status)
	}
}

// A person ends his own sessions and nobody else's. // case 41
func TestEndSession(t *testing.T) {
	h := open(t, "")
	ann, bob := h.add("ann", nil), h.add("bob", nil)
	mine, elsewhere, bobs := h.browser(), h.browser(), h.browser()
	h.login(elsewhere, "ann", password)
	h.pass(time.Second)
	h.login(mine, "ann", password)
	h.login(bobs, "bob", password)
	of := func(p auth.Person) []auth.Session {
		list, err := h.people.Sessions(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	end := func(id string) reply {
		return h.post(mine, "/account", "do", "end", "form_token", h.token(mine), "session", id)
	}
	h.leads("bob's", end(of(bob)[0].ID), "/account?said=ended")
	if len(of(bob)) != 1 || len(of(ann)) != 2 {
		t.Errorf("ann ended bob's session")
	}
	h.leads("his own", end(of(ann)[0].ID), "/account?said=ended")
	h.leads("ended", h.get(elsewhere, "/account"), "/login?next=%2Faccount")
	if got := h.get(mine, "/account"); got.status != 200 {
		t.Errorf("the session that ended it: %d", got.status)
	}
	if got := h.post(mine, "/account", "do", "everything", "form_token", h.token(mine)); got.status != http.StatusNotFound {
		t.Errorf("%d", got.status)
	}
}

// The pages as people see them: nothing axe-core would mend, nothing on the console, nothing wider than the screen.
func TestPagesInTheBrowser(t *testing.T) {
	h := open(t, "")
	h.add("ann@example.com", map[string]auth.Role{"default": auth.Owner, "shop-with-a-long-name": auth.Viewer, auth.House: auth.Operator})
	h.login(h.browser(), "ann@example.com", password) // from elsewhere
	for _, look := range pagetest.Looks() {
		t.Run(look.Name(), func(t *testing.T) {
			tab := pagetest.Open(t, look)
			tab.Allow("403")
			if status := tab.Go(h.url + "/account"); status != 200 || tab.Title() != "Log in" {
				t.Fatalf("%d %s", status, tab.Title())
			}
			tab.Picture("login")
			tab.Axe()
			tab.Type("#name", "ann@example.com")
			tab.Type("#password", "wrong password")
			tab.Click("main button")
			tab.UntilText("[role=alert]", "wrong")
			tab.Picture("login-wrong")
			tab.Axe()
			tab.Type("#password", password)
			tab.Click("main button")
			tab.UntilText("h1", "Your account")
			if !strings.HasSuffix(tab.URL(), "/account?lang=en") || !strings.Contains(tab.Text("main"), "shop-with-a-long-name") || !strings.Contains(tab.Text("main"), "this one") {
				t.Errorf("%s shows %s", tab.URL(), tab.Text("main"))
			}
			tab.Picture("account")
			tab.Axe()
			tab.Click("header button")
			tab.UntilText("[role=status]", "logged out")
			tab.Axe()
		})
	}
}

// Without JavaScript, and in every language.
func TestPagesWithoutScript(t *testing.T) {
	h := open(t, "")
	h.add("ann", nil)
	for lang, words := range map[string][3]string{
		"en": {"Log in", "Your account", "You have logged out."},
		"es": {"Iniciar sesión", "Su cuenta", "Ha cerrado la sesión."},
		"pt": {"Entrar", "Sua conta", "Você saiu."},
	} {
		t.Run(lang, func(t *testing.T) {
			tab := pagetest.Open(t, pagetest.Look{NoScript: true, Language: lang, Phone: true})
			tab.Go(h.url + "/login")
			if tab.Title() != words[0] {
				t.Errorf("%s", tab.Title())
			}
			tab.Type("#name", "ann")
			tab.Type("#password", password)
			tab.Click("main button")
			tab.UntilText("h1", words[1])
			tab.Picture("account")
			tab.Click("header button")
			tab.UntilText("[role=status]", words[2])
		})
	}
}
