package dashboard

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/page"
)

// A session of the pages ends after an hour without use, and after half a day at the latest.
var sessionTerms = auth.Terms{Face: auth.PagesFace, Lasts: 12 * time.Hour, Idle: time.Hour}

// maxForm bounds what a form sends, in bytes.
const maxForm = 16 << 10

// visitor is who has logged in.
type visitor struct {
	Person  auth.Person
	Session auth.Session
	token   string
}

// FormToken belongs into each form: see [page.FormToken].
func (v visitor) FormToken() string { return page.FormToken(v.token) }

// signedIn is a page for who has logged in; everybody else is sent to the login, and back afterwards. What a form
// sends is bounded and read, and refused unless it carries the session's token.
func (d *Dashboard) signedIn(next func(w http.ResponseWriter, r *http.Request, v visitor)) http.HandlerFunc {
	return d.known(func(w http.ResponseWriter, r *http.Request, v visitor) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if r.ParseForm() != nil || !page.CheckForm(r, v.token) {
				d.kit.Refused(w, r)
				return
			}
		}
		next(w, r, v)
	})
}

// known is a page for who has logged in that reads what a form sends itself, and its token.
func (d *Dashboard) known(next func(w http.ResponseWriter, r *http.Request, v visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := d.visitor(r)
		switch {
		case fault.Is(err, fault.CodeUnauthorized):
			d.toLogin(w, r)
		case err != nil:
			d.failed(w, r, err)
		default:
			next(w, r, v)
		}
	}
}

// visitor is who a request's cookie belongs to. Error: unauthorized.
func (d *Dashboard) visitor(r *http.Request) (visitor, error) {
	given := r.CookiesNamed(d.cookie)
	if len(given) != 1 {
		return visitor{}, fault.New(fault.CodeUnauthorized, "nobody has logged in")
	}
	session, person, err := d.people.Session(r.Context(), given[0].Value, auth.PagesFace)
	return visitor{Person: person, Session: session, token: given[0].Value}, err
}

// toLogin leads to the login and, where the page can be asked for again, back to it.
func (d *Dashboard) toLogin(w http.ResponseWriter, r *http.Request) {
	query := url.Values{}
	if r.Method == http.MethodGet && ownPath(r.URL.Path) {
		query.Set("next", r.URL.Path)
	}
	d.goTo(w, r, "/login", query)
}

// pathForm is a path of this server and nothing that a browser could take for another: no second slash, no
// backslash, no scheme, no dots.
var pathForm = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`)

func ownPath(path string) bool {
	return len(path) <= 512 && pathForm.MatchString(path) && path != "/login" && path != "/logout"
}

// loginView is what the login page shows.
type loginView struct {
	Name, Next string
	Problem    string // "", "wrong", "slow", "busy", "left" or "changed"
	Wait       string // seconds, of "slow"
}

func (d *Dashboard) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, err := d.visitor(r); err == nil {
		d.goTo(w, r, "/account", url.Values{})
		return
	}
	v := loginView{Next: r.URL.Query().Get("next")}
	switch said := r.URL.Query().Get("said"); said {
	case "left", "changed":
		v.Problem = said
	}
	d.pages.Write(w, r, http.StatusOK, "login", v)
}

// login begins a session. The cookie that is set is a new one, whatever the browser had: a session that somebody
// else put there is never taken over.
func (d *Dashboard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		d.kit.Refused(w, r)
		return
	}
	asked := auth.Credentials{Name: r.PostFormValue("name"), Password: r.PostFormValue("password"), Address: addressOf(r), Agent: r.UserAgent()}
	v := loginView{Name: strings.ToValidUTF8(asked.Name, ""), Next: r.PostFormValue("next")}
	if len(v.Name) > 254 {
		v.Name = ""
	}
	token, _, _, err := d.people.Login(r.Context(), asked, sessionTerms, nil)
	if err != nil {
		d.refuseLogin(w, r, v, err)
		return
	}
	if old, err := d.visitor(r); err == nil { // who logs in again needs the old session no more
		if err := d.people.Logout(r.Context(), old.token); err != nil {
			d.log.WarnContext(r.Context(), "an old session was not ended", "error", err)
		}
	}
	d.setCookie(w, token)
	to := "/account"
	if ownPath(v.Next) {
		to = v.Next
	}
	d.goTo(w, r, to, url.Values{})
}

// refuseLogin shows the form again, with what went wrong and without the password.
func (d *Dashboard) refuseLogin(w http.ResponseWriter, r *http.Request, v loginView, err error) {
	f, _ := fault.As(err)
	switch {
	case fault.Is(err, fault.CodeWrongPassword):
		v.Problem = "wrong"
		d.pages.Write(w, r, http.StatusForbidden, "login", v)
	case fault.Is(err, fault.CodeRateLimited):
		v.Problem, v.Wait = "slow", seconds(f.RetryAfter)
		w.Header().Set("Retry-After", v.Wait)
		d.pages.Write(w, r, http.StatusTooManyRequests, "login", v)
	case fault.Is(err, fault.CodeOverloaded):
		v.Problem = "busy"
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
		d.pages.Write(w, r, http.StatusServiceUnavailable, "login", v)
	default:
		d.failed(w, r, err)
	}
}

func (d *Dashboard) logout(w http.ResponseWriter, r *http.Request, v visitor) {
	if err := d.people.Logout(r.Context(), v.token); err != nil {
		d.failed(w, r, err)
		return
	}
	d.setCookie(w, "")
	d.goTo(w, r, "/login", said("left"))
}

// setCookie gives the browser a session's token; an empty one takes it away. It lasts until the browser is closed:
// how long the session lasts is the server's to say.
func (d *Dashboard) setCookie(w http.ResponseWriter, token string) {
	c := &http.Cookie{Name: d.cookie, Value: token, Path: "/", HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteLaxMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// failed says that something went wrong here, and logs what.
func (d *Dashboard) failed(w http.ResponseWriter, r *http.Request, err error) {
	d.log.ErrorContext(r.Context(), "a page failed", "method", r.Method, "path", r.URL.Path, "error", err)
	d.kit.Failed(w, r)
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
