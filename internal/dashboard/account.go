package dashboard

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/fault"
)

// accountView is what the account page shows.
type accountView struct {
	FormToken string
	Name      string
	Operator  bool
	Roles     []roleView
	Sessions  []sessionView
	Problem   string // of the change of the password: "", "wrong", "different", "weak", "slow"
	Wait      string // seconds, of "slow"
	Ended     bool   // a session was ended
}

type roleView struct{ Merchant, Role string }

type sessionView struct {
	ID, Face, Address, Agent string
	Began, Seen              time.Time
	Here                     bool // the one that looks
}

func (d *Dashboard) showAccount(w http.ResponseWriter, r *http.Request, v visitor) {
	d.account(w, r, v, http.StatusOK, accountView{Ended: r.URL.Query().Get("said") == "ended"})
}

// account shows the page, with what is to be said on top.
func (d *Dashboard) account(w http.ResponseWriter, r *http.Request, v visitor, status int, shown accountView) {
	sessions, err := d.people.Sessions(r.Context(), v.Person.ID)
	if err != nil {
		d.failed(w, r, err)
		return
	}
	shown.FormToken, shown.Name = v.FormToken(), v.Person.Name
	for merchant, role := range v.Person.Roles {
		if merchant == auth.House {
			shown.Operator = true
		} else {
			shown.Roles = append(shown.Roles, roleView{merchant, string(role)})
		}
	}
	slices.SortFunc(shown.Roles, func(a, b roleView) int { return strings.Compare(a.Merchant, b.Merchant) })
	for _, s := range slices.Backward(sessions) {
		shown.Sessions = append(shown.Sessions, sessionView{
			ID: s.ID, Face: s.Face, Address: s.Address, Agent: s.Agent, Began: s.CreatedAt, Seen: s.SeenAt, Here: s.ID == v.Session.ID,
		})
	}
	d.pages.Write(w, r, status, "account", shown)
}

// changeAccount does what a form of the page asks for.
func (d *Dashboard) changeAccount(w http.ResponseWriter, r *http.Request, v visitor) {
	switch r.PostFormValue("do") {
	case "password":
		d.changePassword(w, r, v)
	case "end":
		d.endSession(w, r, v)
	default:
		d.kit.NotFound(w, r)
	}
}

// changePassword ends every session, this one too: whoever has the old password is out.
func (d *Dashboard) changePassword(w http.ResponseWriter, r *http.Request, v visitor) {
	password := r.PostFormValue("new")
	if password != r.PostFormValue("again") {
		d.account(w, r, v, http.StatusUnprocessableEntity, accountView{Problem: "different"})
		return
	}
	err := d.people.ChangePassword(r.Context(), v.Person.ID, addressOf(r), r.PostFormValue("old"), password)
	f, _ := fault.As(err)
	switch {
	case err == nil:
		d.setCookie(w, "")
		d.goTo(w, r, "/login", said("changed"))
	case fault.Is(err, fault.CodeWrongPassword):
		d.account(w, r, v, http.StatusUnprocessableEntity, accountView{Problem: "wrong"})
	case fault.Is(err, fault.CodeRateLimited):
		wait := seconds(f.RetryAfter)
		w.Header().Set("Retry-After", wait)
		d.account(w, r, v, http.StatusTooManyRequests, accountView{Problem: "slow", Wait: wait})
	case f != nil && f.Param == "password":
		d.account(w, r, v, http.StatusUnprocessableEntity, accountView{Problem: "weak"})
	default:
		d.failed(w, r, err)
	}
}

// endSession ends one of the visitor's own sessions. One that is gone already is as good as ended.
func (d *Dashboard) endSession(w http.ResponseWriter, r *http.Request, v visitor) {
	id := r.PostFormValue("session")
	if _, err := d.people.EndSession(r.Context(), v.Person.ID, v.Person.ID, id); err != nil && !fault.Is(err, fault.CodeNotFound) {
		d.failed(w, r, err)
		return
	}
	d.goTo(w, r, "/account", said("ended"))
}
