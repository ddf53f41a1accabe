package baanx

import (
	"embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// The page where a user consents: he logs in, and allows an application to act for him or does not. Nothing is kept of
// who has logged in there: it is one page, one form and one answer.

//go:embed html texts
var files embed.FS

// consentPath is where the page is.
const consentPath = "/v1/auth/oauth/authorize/consent"

// maxForm bounds what the form sends, in bytes.
const maxForm = 16 << 10

// consentView is what the page shows.
type consentView struct {
	Token       string
	Application string
	Email       string
	NeedsCode   bool
	Test        bool
	Problem     string // "", "wrong", "slow", "busy"
	Wait        string // seconds, of "slow"
}

// leaveView is the page that leads back to the application. It is a page and no redirect: a browser that keeps a form
// from other sites keeps it from being redirected there too.
type leaveView struct {
	To      template.URL // one that is registered: its scheme may be the application's own
	Allowed bool
}

func (d *Dialect) pageHandler() http.Handler {
	return d.Kit.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			d.showConsent(w, r)
		case http.MethodPost:
			d.consent(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			d.Kit.NotFound(w, r)
		}
	}))
}

// session is what an application asks for, and the caller it is asked as; ok is false when that is unknown or over.
func (d *Dialect) session(r *http.Request, token string) (a asking, c caller, v consentView, ok bool, err error) {
	if !d.unseal(carriesAsking, token, &a) {
		return a, c, v, false, nil
	}
	app, err := d.engine.Application(r.Context(), a.Client)
	if fault.Is(err, fault.CodeNotFound) {
		return a, c, v, false, nil
	}
	if err != nil {
		return a, c, v, false, err
	}
	if !app.Active || !app.ExpiresAt.IsZero() && !d.Now().Before(app.ExpiresAt) || !slices.Contains(app.RedirectURIs, a.Redirect) {
		return a, c, v, false, nil
	}
	c.client.KeyID, c.scope, c.region = app.Key, app.Scope, a.Region
	c.from.Address, c.from.Agent = addressOf(r), r.UserAgent()
	v = consentView{Token: token, Application: app.Name, Test: app.Scope.Mode == engine.Sandbox}
	return a, c, v, true, nil
}

func (d *Dialect) showConsent(w http.ResponseWriter, r *http.Request) {
	_, _, v, ok, err := d.session(r, r.URL.Query().Get("token"))
	switch {
	case err != nil:
		d.pageFailed(w, r, err)
	case !ok:
		d.pages.Write(w, r, http.StatusGone, "over", nil)
	default:
		d.pages.Write(w, r, http.StatusOK, "consent", v)
	}
}

func (d *Dialect) consent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		d.Kit.Refused(w, r)
		return
	}
	a, c, v, ok, err := d.session(r, r.PostFormValue("token"))
	if err != nil {
		d.pageFailed(w, r, err)
		return
	}
	if !ok {
		d.pages.Write(w, r, http.StatusGone, "over", nil)
		return
	}
	if r.PostFormValue("answer") != "allow" {
		d.pages.Write(w, r, http.StatusOK, "leave", leaveView{To: template.URL(a.back("error", "access_denied"))})
		return
	}
	v.Email = strings.ToValidUTF8(r.PostFormValue("email"), "")
	if len(v.Email) > 254 {
		v.Email = ""
	}
	code := strings.TrimSpace(r.PostFormValue("code"))
	u, whole, err := d.prove(r.Context(), c, v.Email, r.PostFormValue("password"), code)
	if err != nil {
		v.NeedsCode = code != ""
		d.refuseConsent(w, r, v, err)
		return
	}
	if !whole {
		if c.scope.Mode == engine.Live {
			if err := d.newCode(r.Context(), u); err != nil {
				d.pageFailed(w, r, err)
				return
			}
		}
		v.NeedsCode = true
		d.pages.Write(w, r, http.StatusOK, "consent", v)
		return
	}
	_, to, err := d.grant(r.Context(), c, a, u.ID)
	if err != nil {
		d.pageFailed(w, r, err)
		return
	}
	d.pages.Write(w, r, http.StatusOK, "leave", leaveView{To: template.URL(to), Allowed: true})
}

// refuseConsent shows the form again, with what went wrong and without the password.
func (d *Dialect) refuseConsent(w http.ResponseWriter, r *http.Request, v consentView, err error) {
	f, _ := fault.As(err)
	switch {
	case fault.Is(err, fault.CodeWrongPassword):
		v.Problem = "wrong"
		d.pages.Write(w, r, http.StatusForbidden, "consent", v)
	case fault.Is(err, fault.CodeRateLimited):
		v.Problem, v.Wait = "slow", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10)
		w.Header().Set("Retry-After", v.Wait)
		d.pages.Write(w, r, http.StatusTooManyRequests, "consent", v)
	case fault.Is(err, fault.CodeOverloaded):
		v.Problem = "busy"
		w.Header().Set("Retry-After", "2")
		d.pages.Write(w, r, http.StatusServiceUnavailable, "consent", v)
	default:
		d.pageFailed(w, r, err)
	}
}

func (d *Dialect) pageFailed(w http.ResponseWriter, r *http.Request, err error) {
	d.log.ErrorContext(r.Context(), "a page failed", "method", r.Method, "path", r.URL.Path, "error", err)
	d.Kit.Failed(w, r)
}
