package payin

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// organizationHeader is how a person says for which merchant he calls.
const organizationHeader = "X-Organization-Id"

// ofPerson stands in place of a permission: whoever has logged in may do it, and a key may not.
const ofPerson = "a person"

// The permissions there are. A key may be limited to some of them, and a role has some of them.
var permissions = []string{
	"orders:read", "orders:write", "deposits:read", "deposits:write", "payment-links:read", "payment-links:write", "transfers:read",
	"address-pool:read", "address-pool:write", "webhooks:read", "webhooks:write", "api-keys:read", "api-keys:write",
	"config:read", "config:write", "chains:read", "tokens:read",
}

// roles is what each role may do, as PayIn's overview and open source server have it. An admin may do all that an
// owner may: what only an owner may there, the ownership itself, is not in this API.
var roles = map[auth.Role][]string{
	auth.Owner: permissions,
	auth.Admin: permissions,
	auth.Member: {
		"orders:read", "orders:write", "deposits:read", "deposits:write", "payment-links:read", "payment-links:write", "transfers:read",
		"address-pool:read", "config:read", "chains:read", "tokens:read",
	},
	auth.Viewer: {
		"orders:read", "deposits:read", "payment-links:read", "transfers:read", "address-pool:read", "config:read", "chains:read", "tokens:read",
	},
}

// sessionLasts is PayIn's: a token is good for a day.
const sessionLasts = 24 * time.Hour

// personCaller is the caller of a session's token. His role at the merchant says what he may do.
func (d *Dialect) personCaller(r *http.Request, token, permission string) (auth.Principal, error) {
	session, person, err := d.people.Session(r.Context(), token, Name)
	if fault.Is(err, fault.CodeUnauthorized) {
		return auth.Principal{}, noKey()
	}
	if err != nil {
		return auth.Principal{}, err
	}
	who := auth.Principal{KeyID: session.ID, Person: person.ID, Mode: session.Mode}
	if permission == ofPerson {
		return who, nil
	}
	if who.Merchant, err = chosenMerchant(r, person); err != nil {
		return auth.Principal{}, err
	}
	role := person.Roles[who.Merchant]
	who.Scopes = roles[role]
	if !slices.Contains(who.Scopes, permission) {
		return auth.Principal{}, fault.New(fault.CodeForbidden, "The role '"+string(role)+"' does not have the permission '"+permission+"'")
	}
	return who, nil
}

// chosenMerchant is the merchant that a person calls for: the one he names, or the only one he has.
func chosenMerchant(r *http.Request, person auth.Person) (string, error) {
	asked, own := r.Header.Values(organizationHeader), merchantsOf(person)
	switch {
	case len(own) == 0:
		return "", fault.New(fault.CodeForbidden, "You have no role in any organization")
	case len(asked) > 1:
		return "", fault.New(fault.CodeInvalidValue, "The header X-Organization-Id is given twice").On(organizationHeader)
	case len(asked) == 1 && slices.Contains(own, asked[0]):
		return asked[0], nil
	case len(asked) == 1:
		return "", fault.New(fault.CodeForbidden, "You have no role in this organization").On(organizationHeader)
	case len(own) > 1:
		return "", fault.New(fault.CodeMissingField, "You have several organizations: name one in the header X-Organization-Id").On(organizationHeader)
	}
	return own[0], nil
}

// merchantsOf are the merchants at which a person has a role, by id.
func merchantsOf(p auth.Person) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.Roles)), func(m string) bool { return m == auth.House })
}

// login answers POST /auth/login. Which of name and password is wrong is not said, nor whether anybody has the name.
func (d *Dialect) login(r *http.Request, _ engine.Scope) (answer, error) {
	asked, mode, err := decodeLogin(r)
	if err != nil {
		return answer{}, err
	}
	terms := auth.Terms{Face: Name, Mode: string(mode), Lasts: sessionLasts}
	token, session, person, err := d.people.Login(r.Context(), asked, terms, func(p auth.Person) error {
		if len(merchantsOf(p)) == 0 {
			return fault.New(fault.CodeForbidden, "You have no role in any organization")
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, loginBody{Success: true, Data: loginData{Token: token, ExpiresAt: wireTime(session.ExpiresAt), Mode: string(mode), User: userOf(person)}}}, nil
}

const (
	maxLoginBody = 16 << 10
	maxTyped     = 1024 // code points of a user name or password
)

func decodeLogin(r *http.Request) (auth.Credentials, engine.Mode, error) {
	body, err := web.Decode(r, maxLoginBody)
	if err != nil {
		return auth.Credentials{}, "", err
	}
	asked := auth.Credentials{Agent: r.UserAgent()}
	if asked.Address, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
		asked.Address = r.RemoteAddr
	}
	if asked.Name, err = required(body, "username", maxTyped); err != nil {
		return auth.Credentials{}, "", err
	}
	if asked.Password, err = required(body, "password", maxTyped); err != nil {
		return auth.Credentials{}, "", err
	}
	mode, given, err := body.String("mode", maxName)
	switch {
	case err != nil:
		return auth.Credentials{}, "", err
	case !given:
		return asked, engine.Live, nil
	case mode == string(engine.Live) || mode == string(engine.Sandbox):
		return asked, engine.Mode(mode), nil
	}
	return auth.Credentials{}, "", fault.New(fault.CodeInvalidValue, "The field 'mode' must be 'live' or 'sandbox'").On("mode")
}

// me answers GET /auth/me: who has the token, and where he has a role.
func (d *Dialect) me(r *http.Request, _ engine.Scope) (answer, error) {
	person, err := d.people.Find(r.Context(), callerOf(r.Context()).Person)
	if err != nil {
		return answer{}, err
	}
	names, err := d.merchantNames(r.Context())
	if err != nil {
		return answer{}, err
	}
	body := meData{userBody: userOf(person), Mode: callerOf(r.Context()).Mode, Organizations: []organizationBody{}}
	for _, id := range merchantsOf(person) {
		body.Organizations = append(body.Organizations, organizationBody{ID: id, Name: names[id], Slug: id, Role: string(person.Roles[id]), MemberStatus: "active"})
	}
	if len(body.Organizations) > 0 {
		body.CurrentOrganization = &body.Organizations[0]
	}
	if len(r.Header.Values(organizationHeader)) > 0 {
		chosen, err := chosenMerchant(r, person)
		if err != nil {
			return answer{}, err
		}
		at := slices.IndexFunc(body.Organizations, func(o organizationBody) bool { return o.ID == chosen })
		body.CurrentOrganization = &body.Organizations[at]
	}
	return answer{http.StatusOK, meBody{Success: true, Data: body}}, nil
}

func (d *Dialect) merchantNames(ctx context.Context) (map[string]string, error) {
	list, err := d.engine.Merchants(ctx)
	names := map[string]string{}
	for _, m := range list {
		names[m.ID] = m.Name
	}
	return names, err
}

// logout answers POST /auth/logout: the token is good for nothing from then on.
func (d *Dialect) logout(r *http.Request, _ engine.Scope) (answer, error) {
	who := callerOf(r.Context())
	_, err := d.people.EndSession(r.Context(), who.Person, who.Person, who.KeyID)
	return answer{http.StatusOK, doneBody{Success: true, Message: "Logged out successfully"}}, err
}

// userOf is a person as he sees himself. A name that is an e-mail address is shown as both.
func userOf(p auth.Person) userBody {
	body := userBody{ID: p.ID, Username: p.Name, IsActive: p.Active, CreatedAt: wireTime(p.CreatedAt)}
	if strings.Contains(p.Name, "@") {
		body.Email = &p.Name
	}
	return body
}

// userBody is somebody who logs in.
type userBody struct {
	ID        string  `json:"id"`
	Username  string  `json:"username"`
	Email     *string `json:"email"`
	IsActive  bool    `json:"isActive"`
	CreatedAt string  `json:"createdAt"`
}

type loginBody struct {
	Success bool      `json:"success"`
	Data    loginData `json:"data"`
}

type loginData struct {
	Token     string   `json:"token"`
	ExpiresAt string   `json:"expiresAt"`
	Mode      string   `json:"mode"`
	User      userBody `json:"user"`
}

type meBody struct {
	Success bool   `json:"success"`
	Data    meData `json:"data"`
}

type meData struct {
	userBody
	Mode                string             `json:"mode"`
	CurrentOrganization *organizationBody  `json:"currentOrganization"`
	Organizations       []organizationBody `json:"organizations"`
}

// organizationBody is a merchant and what a person is there.
type organizationBody struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Slug         string `json:"slug"`
	Role         string `json:"role"`
	MemberStatus string `json:"memberStatus"`
}

// doneBody says that something was done and has nothing to show.
type doneBody struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}
