package baanx

import (
	"context"
	"net"
	"net/http"
	"strings"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// caller is who makes a request.
type caller struct {
	client  auth.Principal // the application: a key of this API
	scope   engine.Scope   // of its merchant
	region  string         // "" is the international one
	user    *engine.User   // nil where the route needs none
	session auth.Session   // of the user's token; zero for one of an external issuer
	from    auth.Credentials
}

// The regions.
const (
	international = ""
	unitedStates  = "us"
)

// admit says who makes a request. Errors, in this order: a missing client id (499), one that is not known (498),
// unauthorized.
func (d *Dialect) admit(r *http.Request, n need) (c caller, err error) {
	c.region = regionOf(r)
	c.from = auth.Credentials{Address: addressOf(r), Agent: r.UserAgent()}
	if n == nobody {
		return c, nil
	}
	if err := d.admitClient(r, &c); err != nil || n == client {
		return c, err
	}
	return c, d.admitUser(r, &c, n)
}

// clientHeaders are the names of the header with the client id: the one of the order pages, and the one that clients
// send.
var clientHeaders = []string{"X-Client-ID", "X-Client-Key"}

// admitClient finds the application by its id. Two ids that differ are none.
func (d *Dialect) admitClient(r *http.Request, c *caller) error {
	var given string
	for _, name := range clientHeaders {
		for _, value := range r.Header.Values(name) {
			value = strings.TrimSpace(value)
			if value == "" || value == given {
				continue
			}
			if given != "" {
				return unknownClient()
			}
			given = value
		}
	}
	if given == "" {
		return missingClient()
	}
	return d.knowClient(r.Context(), given, c)
}

func (d *Dialect) knowClient(ctx context.Context, id string, c *caller) error {
	who, err := d.Auth.Check(ctx, id, Name)
	if fault.Is(err, fault.CodeUnauthorized) {
		return unknownClient()
	}
	c.client, c.scope = who, engine.Scope{Merchant: who.Merchant, Mode: engine.Mode(who.Mode), Dialect: Name}
	return err
}

// What a token is good for; the kind of its face.
const (
	kindLogin   = "login"   // everything
	kindHalf    = "half"    // nothing: the code of the login is missing
	kindAccess  = "access"  // what the user consented to
	kindRefresh = "refresh" // another access token
	kindCode    = "code"    // the first tokens, once
)

// face is where a token is good: for one kind of use, in one region, by one application. Nobody else's token has it.
func (c caller) face(kind string) string {
	region := c.region
	if region == international {
		region = "int"
	}
	return Name + " " + kind + " " + region + " " + c.client.KeyID
}

// of is the face of a token that a consent gave, which ends with the others of that consent: its family.
func (c caller) of(kind, family string) string { return c.face(kind) + " " + family }

// consented says that a token was given by a consent of whatever family.
func (c caller) consented(s auth.Session, kind string) bool {
	return strings.HasPrefix(s.Face, c.face(kind)+" ") // no id of a key has a space
}

// admitUser finds the user by his token. A token is one application's and one region's.
//
// Error: unauthorized.
func (d *Dialect) admitUser(r *http.Request, c *caller, n need) error {
	token := bearerOf(r)
	if token == "" {
		return notAuthenticated()
	}
	s, err := d.Grants.Find(r.Context(), token)
	switch {
	case err == nil:
		if s.Face != c.face(kindLogin) && (n != user || !c.consented(s, kindAccess)) {
			return notAuthenticated()
		}
		c.session = s
		c.user, err = d.engine.User(r.Context(), c.scope, s.Person)
	case fault.Is(err, fault.CodeUnauthorized) && d.Issuer != nil && n == user && strings.Count(token, ".") == 2:
		c.user, err = d.userOfIssuer(r.Context(), *c, token)
	}
	if fault.Is(err, fault.CodeNotFound) || fault.Is(err, fault.CodeUnauthorized) || err == nil && (!c.user.Active || c.user.Region != c.region) {
		return notAuthenticated()
	}
	return err
}

// bearerOf is the token of a request; "" where there is none or more than one.
func bearerOf(r *http.Request) string {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// userOfIssuer finds whom an external issuer speaks of, and keeps him when he comes for the first time: as the user who
// has his e-mail address already, where the issuer has verified it, or as a new one.
//
// Error: unauthorized.
func (d *Dialect) userOfIssuer(ctx context.Context, c caller, token string) (*engine.User, error) {
	who, err := d.Issuer(ctx, token)
	if err != nil {
		return nil, err
	}
	u, err := d.engine.UserBySubject(ctx, c.scope, who.Subject)
	if !fault.Is(err, fault.CodeNotFound) {
		return u, err
	}
	if who.Email != "" {
		u, err = d.engine.UserByEmail(ctx, c.scope, c.region, who.Email)
		if err == nil {
			return d.engine.ChangeUser(ctx, c.scope, u.ID, func(u *engine.User) error {
				if u.Subject != "" && u.Subject != who.Subject {
					return notAuthenticated() // it is somebody else's by now
				}
				u.Subject = who.Subject
				return nil
			})
		}
		if !fault.Is(err, fault.CodeNotFound) {
			return nil, err
		}
	}
	made := engine.User{
		ID: d.newUUID(), Scope: c.scope, Subject: who.Subject, Email: who.Email, Country: who.Country, Region: c.region, Active: true, Verification: engine.Unverified,
	}
	if who.VerifiedUser {
		made.Verification = engine.Verified
	}
	u, err = d.engine.AddUser(ctx, made)
	if fault.Is(err, fault.CodeDuplicateReference) { // two requests of his at once
		return d.engine.UserBySubject(ctx, c.scope, who.Subject)
	}
	return u, err
}

// regionOf is the region of a request: the header x-us-env, or one of two parameters; only true, in any case, is the US.
func regionOf(r *http.Request) string {
	query := r.URL.Query()
	for _, text := range []string{r.Header.Get("X-Us-Env"), query.Get("x-us-env")} {
		if strings.EqualFold(strings.TrimSpace(text), "true") {
			return unitedStates
		}
	}
	if strings.EqualFold(query.Get("region"), unitedStates) {
		return unitedStates
	}
	return international
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
