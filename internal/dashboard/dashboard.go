// Package dashboard is the pages of people who have logged in: the login itself, what each may see of and do
// with his own account, what waits for an operator's word, and the house's accounts at banks. They work without JavaScript.
//
// A handler of a page for people is wrapped in signedIn, which knows who is there; a form of such a page carries a
// token of its session. Next to read: login.go for how a session begins and ends, account.go for an example of a
// page, internal/page for what all pages are made with, internal/auth for people and sessions.
package dashboard

import (
	"embed"
	"log/slog"
	"net/http"
	"net/url"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/page"
)

//go:embed html texts
var files embed.FS

// Config is what the pages work with. All fields but Banks are required.
type Config struct {
	People *auth.People
	Engine *engine.Engine
	Kit    *page.Kit
	Banks  []Bank
	Secure bool // browsers reach the server by https
	Log    *slog.Logger
}

// Dashboard is the pages.
type Dashboard struct {
	people *auth.People
	engine *engine.Engine
	kit    *page.Kit
	pages  *page.Pages
	banks  []Bank
	cookie string
	secure bool
	log    *slog.Logger
}

// New makes the pages. Its errors are mistakes in the program.
func New(c Config) (*Dashboard, error) {
	pages, err := c.Kit.Pages(files)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{people: c.People, engine: c.Engine, kit: c.Kit, pages: pages, banks: c.Banks, cookie: "till_session", secure: c.Secure, log: c.Log}
	if c.Secure {
		d.cookie = "__Host-till_session" // no other host and no plain http can set it (RFC 6265bis)
	}
	return d, nil
}

// Paths are where [Dashboard.Handler] must be mounted, at the root of the server.
var Paths = []string{"/login", "/logout", "/account", "/approvals", "/banks", "/banks/", "/files/"}

// Handler serves the pages, full paths.
func (d *Dashboard) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", d.showLogin)
	mux.HandleFunc("POST /login", d.login)
	mux.HandleFunc("POST /logout", d.signedIn(d.logout))
	mux.HandleFunc("GET /account", d.signedIn(d.showAccount))
	mux.HandleFunc("POST /account", d.signedIn(d.changeAccount))
	mux.HandleFunc("GET /approvals", d.operators(d.showApprovals))
	mux.HandleFunc("POST /approvals", d.operators(d.decide))
	mux.HandleFunc("GET /banks", d.operators(d.showBanks))
	mux.HandleFunc("GET /banks/{bank}", d.operators(d.withBank(d.showBank)))
	mux.HandleFunc("POST /banks/{bank}", d.operators(d.withBank(d.changeBank)))
	mux.HandleFunc("POST /banks/{bank}/statements", d.known(d.operatorsOnly(d.withBank(d.upload))))
	mux.HandleFunc("GET /banks/{bank}/payments/{file}", d.operators(d.withBank(d.paymentFile)))
	mux.HandleFunc("GET /files/{id}", d.signedIn(d.file))
	mux.HandleFunc("/", d.kit.NotFound)
	return d.kit.Guard(mux)
}

// goTo answers with another page of this server, in the language that was chosen in the address.
func (d *Dashboard) goTo(w http.ResponseWriter, r *http.Request, path string, query url.Values) {
	if r.URL.Query().Get("lang") != "" {
		query.Set("lang", string(page.LangOf(r)))
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	http.Redirect(w, r, d.kit.Path(path), http.StatusSeeOther)
}

// said is the query by which the next page tells what was done.
func said(what string) url.Values { return url.Values{"said": {what}} }
