package baanx

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/web"
)

// oauthRoutes are how an application gets a token of a user without seeing his password: the authorization code grant of
// RFC 6749 with PKCE (RFC 7636), under Baanx's paths and those that newer clients use.
func (d *Dialect) oauthRoutes() []route {
	return []route{
		{http.MethodGet, "/v1/auth/oauth/authorize/initiate", nobody, d.initiate},
		{http.MethodPost, "/v1/auth/oauth/authorize", loggedIn, d.authorize},
		{http.MethodPost, "/v1/auth/oauth/token", nobody, d.token},
		{http.MethodDelete, "/v1/auth/oauth/revoke", user, d.revoke},
		{http.MethodGet, "/v1/auth/oauth2/authorize", nobody, d.initiate},
		{http.MethodPost, "/v1/auth/oauth2/token", nobody, d.token},
		{http.MethodPost, "/v1/auth/oauth2/revoke", nobody, d.revokeToken},
	}
}

const (
	sessionLife = 10 * time.Minute // from the first step to the user's consent
	grantLife   = 2 * time.Minute  // of a code
)

var (
	challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // of SHA-256
	verifierForm  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
)

// scopes are what a newer client can ask for; offline is a refresh token.
var scopes = []string{"openid", "profile", "email", "platform:full", offline}

const offline = "offline_access"

// asking is an authorization that an application asks for.
type asking struct {
	Client    string `json:"client"` // its key's id
	Region    string `json:"region,omitempty"`
	Redirect  string `json:"redirect"`
	State     string `json:"state,omitempty"`
	HasState  bool   `json:"hasState,omitempty"`
	Challenge string `json:"challenge"`
	Scope     string `json:"scope,omitempty"`
	Newer     bool   `json:"newer,omitempty"` // of the newer paths: a refresh token only where it is asked for
}

// granting is an authorization that a user gave.
type granting struct {
	asking
	User   string `json:"user"`
	Family string `json:"family"` // of all the tokens that it gives, and that those give
	Token  string `json:"token"`  // which makes it good once
}

// refreshing is a refresh token. It says of itself whose it is, so that one that comes again is known when nothing is
// kept of it any more.
type refreshing struct {
	Client string `json:"client"`
	Region string `json:"region,omitempty"`
	User   string `json:"user"`
	Family string `json:"family"`
	Token  string `json:"token"` // which makes it good once
}

const refreshPrefix = "refresh_token_"

// The kinds of what is carried.
const (
	carriesAsking     = "oauth session"
	carriesGranting   = "oauth code"
	carriesRefreshing = "oauth refresh"
)

func invalidRequest(text string) error {
	return grantFault{"invalid_request", http.StatusBadRequest, text}
}

// initiate begins an authorization: it leads the browser to the page where the user consents, or says where that is.
func (d *Dialect) initiate(r *http.Request, c caller) (answer, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, invalidRequest("The query cannot be read")
	}
	for name, values := range query {
		if len(values) > 1 {
			return answer{}, invalidRequest("The parameter " + name + " is given twice")
		}
	}
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method"} {
		if query.Get(name) == "" {
			return answer{}, invalidRequest("Missing required parameter: " + name)
		}
	}
	if err := d.knowClient(r.Context(), query.Get("client_id"), &c); err != nil {
		return answer{}, err
	}
	app, err := d.engine.Application(r.Context(), c.client.KeyID)
	if err != nil {
		return answer{}, err
	}
	a := asking{
		Client: c.client.KeyID, Region: c.region, Redirect: query.Get("redirect_uri"), State: query.Get("state"), HasState: query.Has("state"),
		Challenge: query.Get("code_challenge"), Newer: strings.Contains(r.URL.Path, "/oauth2/"),
	}
	switch {
	case !slices.Contains(app.RedirectURIs, a.Redirect):
		return answer{}, invalidRequest("The redirect_uri is not registered") // nobody is sent to where he does not belong
	case query.Get("response_type") != "code":
		return answer{}, grantFault{"unsupported_response_type", http.StatusBadRequest, "The response_type must be code"}
	case query.Get("code_challenge_method") != "S256":
		return answer{}, invalidRequest("The code_challenge_method must be S256")
	case !challengeForm.MatchString(a.Challenge):
		return answer{}, invalidRequest("The code_challenge must be the SHA-256 of the verifier in base64url")
	case len(a.State) > 1024:
		return answer{}, invalidRequest("The state is too long")
	}
	if a.Scope, err = scopeOf(query.Get("scope")); err != nil {
		return answer{}, err
	}
	token := d.seal(carriesAsking, sessionLife, a)
	to := d.PublicURL + consentPath + "?token=" + url.QueryEscape(token)
	if query.Get("mode") == "api" {
		return answer{status: http.StatusOK, body: initiatedBody{Token: token, URL: to}}, nil
	}
	if d.PublicURL == "" {
		return answer{}, fault.New(fault.CodeNotConfigured, "The server does not know where browsers reach it")
	}
	return answer{status: http.StatusFound, location: to}, nil
}

func scopeOf(text string) (string, error) {
	var list []string
	for _, word := range strings.Fields(text) {
		if !slices.Contains(scopes, word) {
			return "", grantFault{"invalid_scope", http.StatusBadRequest, "There is no such scope"}
		}
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return strings.Join(list, " "), nil
}

// authorize gives the code of an authorization to who has logged in himself: applications with a page of their own.
func (d *Dialect) authorize(r *http.Request, c caller) (answer, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	text, err := required(body, "token", maxSession)
	if err != nil {
		return answer{}, err
	}
	var a asking
	if !d.unseal(carriesAsking, text, &a) || a.Client != c.client.KeyID || a.Region != c.region {
		return answer{}, invalidRequest("The session is unknown or over")
	}
	app, err := d.engine.Application(r.Context(), a.Client)
	if err != nil {
		return answer{}, err
	}
	if !slices.Contains(app.RedirectURIs, a.Redirect) { // it was when this began
		return answer{}, invalidRequest("The redirect_uri is not registered")
	}
	code, to, err := d.grant(r.Context(), c, a, c.user.ID)
	if err != nil {
		return answer{}, err
	}
	made := authorizedBody{URL: to, Code: code}
	if a.HasState {
		made.State = &a.State
	}
	return answer{status: http.StatusOK, body: made}, nil
}

// grant makes the code of an authorization that a user gave, and where the browser goes with it.
func (d *Dialect) grant(ctx context.Context, c caller, a asking, userID string) (code, to string, err error) {
	once, _, err := d.Grants.Give(ctx, auth.NewGrant{User: userID, Face: c.face(kindCode), Mode: string(c.scope.Mode), Prefix: "code_", Lasts: grantLife, From: c.from})
	if err != nil {
		return "", "", err
	}
	code = d.seal(carriesGranting, grantLife, granting{a, userID, d.newUUID(), once})
	return code, a.back("code", code), nil
}

// back is the redirect URI with what the application is told.
func (a asking) back(name, value string) string {
	u, err := url.Parse(a.Redirect)
	if err != nil {
		panic("baanx: a redirect URI on record cannot be read: " + err.Error())
	}
	query := u.Query()
	query.Set(name, value)
	if a.HasState {
		query.Set("state", a.State)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// token changes a code, or a refresh token, into tokens.
func (d *Dialect) token(r *http.Request, c caller) (answer, error) {
	given, err := d.readGrant(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.admitGrantee(r, &c, given); err != nil {
		return answer{}, err
	}
	switch given("grant_type") {
	case "authorization_code":
		return d.changeCode(r.Context(), c, given)
	case "refresh_token":
		return d.refresh(r.Context(), c, given)
	case "":
		return answer{}, invalidRequest("Missing required parameter: grant_type")
	}
	return answer{}, grantFault{"unsupported_grant_type", http.StatusBadRequest, "The grant_type must be authorization_code or refresh_token"}
}

// readGrant reads the body of a request, which is JSON or a form.
func (d *Dialect) readGrant(r *http.Request) (given func(name string) string, err error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		text, err := web.ReadBody(r, maxBody)
		if err != nil {
			return nil, invalidRequest("The body cannot be read")
		}
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, invalidRequest("The body cannot be read")
		}
		for name, values := range form {
			if len(values) > 1 {
				return nil, invalidRequest("The parameter " + name + " is given twice")
			}
		}
		return form.Get, nil
	}
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return nil, invalidRequest("The body cannot be read")
	}
	read := map[string]string{}
	for _, name := range body.Names() {
		if text, present, err := body.String(name, maxSession); err == nil && present {
			read[name] = text
		}
	}
	return func(name string) string { return read[name] }, nil
}

// admitGrantee finds the application: by the header, or by client_id. One that has a secret shows it.
func (d *Dialect) admitGrantee(r *http.Request, c *caller, given func(string) string) error {
	err := d.admitClient(r, c)
	if id := given("client_id"); id != "" {
		if fault, ok := err.(clientFault); ok && fault.status == statusMissingClient {
			err = d.knowClient(r.Context(), id, c)
		} else if err == nil {
			var same caller
			if d.knowClient(r.Context(), id, &same) != nil || same.client.KeyID != c.client.KeyID {
				err = unknownClient()
			}
		}
	}
	if err != nil {
		return err
	}
	app, err := d.engine.Application(r.Context(), c.client.KeyID)
	if err != nil || app.Secret == "" {
		return err
	}
	secret := r.Header.Get("X-Secret-Key")
	if secret == "" {
		secret = given("client_secret")
	}
	err = d.Grants.Secret(r.Context(), "application "+c.client.KeyID, c.from.Address, secret, app.Secret)
	if fault.Is(err, fault.CodeWrongPassword) {
		return grantFault{"invalid_client", http.StatusUnauthorized, "The application's secret is missing or wrong"}
	}
	return err
}

func invalidGrant(text string) error { return grantFault{"invalid_grant", http.StatusBadRequest, text} }

// changeCode gives tokens for a code. One that comes twice was stolen, and everything that it gave ends (RFC 6749,
// 4.1.2).
func (d *Dialect) changeCode(ctx context.Context, c caller, given func(string) string) (answer, error) {
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if given(name) == "" {
			return answer{}, invalidRequest("Missing required parameter: " + name)
		}
	}
	var g granting
	if !d.unseal(carriesGranting, given("code"), &g) || g.Client != c.client.KeyID {
		return answer{}, invalidGrant("The code is unknown or over")
	}
	verifier := given("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case g.Redirect != given("redirect_uri"):
		return answer{}, invalidGrant("The redirect_uri is not the one that the code was asked for with")
	case !verifierForm.MatchString(verifier) || subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(g.Challenge)) != 1:
		return answer{}, invalidGrant("The code_verifier does not fit the code_challenge")
	}
	c.region = g.Region
	s, err := d.Grants.Take(ctx, g.Token)
	if fault.Is(err, fault.CodeUnauthorized) {
		return answer{}, d.endFamily(ctx, c, g.User, g.Family, invalidGrant("The code is unknown or over"))
	}
	if err != nil {
		return answer{}, err
	}
	if s.Face != c.face(kindCode) {
		return answer{}, invalidGrant("The code is unknown or over")
	}
	return d.give(ctx, c, s.Person, g.Family, g.Scope, !g.Newer || slices.Contains(strings.Fields(g.Scope), offline))
}

// readRefresh reads a refresh token; ok is false for one that is not ours, is another application's, or is over.
func (d *Dialect) readRefresh(c *caller, text string) (t refreshing, ok bool) {
	sealed, found := strings.CutPrefix(text, refreshPrefix)
	if !found || !d.unseal(carriesRefreshing, sealed, &t) || t.Client != c.client.KeyID {
		return t, false
	}
	c.region = t.Region
	return t, true
}

// refresh gives other tokens for a refresh token, which ends with that. One that comes twice was stolen: nobody can say
// from whom, so all tokens of its family end (RFC 9700, 4.14.2).
func (d *Dialect) refresh(ctx context.Context, c caller, given func(string) string) (answer, error) {
	if given("refresh_token") == "" {
		return answer{}, invalidRequest("Missing required parameter: refresh_token")
	}
	over := invalidGrant("The refresh token is unknown or over")
	t, ok := d.readRefresh(&c, given("refresh_token"))
	if !ok {
		return answer{}, over
	}
	s, err := d.Grants.Take(ctx, t.Token)
	if fault.Is(err, fault.CodeUnauthorized) {
		return answer{}, d.endFamily(ctx, c, t.User, t.Family, over)
	}
	if err != nil {
		return answer{}, err
	}
	if s.Face != c.of(kindRefresh, t.Family) {
		return answer{}, over
	}
	return d.give(ctx, c, s.Person, t.Family, "", true)
}

// endFamily ends all that one consent gave, and says why.
func (d *Dialect) endFamily(ctx context.Context, c caller, userID, family string, why error) error {
	err := d.Grants.End(ctx, userID, func(s auth.Session) bool {
		return s.Face == c.of(kindAccess, family) || s.Face == c.of(kindRefresh, family)
	})
	if err != nil {
		return err
	}
	return why
}

// give makes tokens of a family for a user of an application.
func (d *Dialect) give(ctx context.Context, c caller, userID, family, scope string, refresh bool) (answer, error) {
	u, err := d.engine.User(ctx, c.scope, userID)
	if fault.Is(err, fault.CodeNotFound) || err == nil && !u.Active {
		return answer{}, invalidGrant("The user may not log in")
	}
	if err != nil {
		return answer{}, err
	}
	made := tokenBody{TokenType: "Bearer", ExpiresIn: int64(accessLife / time.Second), Scope: scope}
	ask := auth.NewGrant{User: u.ID, Face: c.of(kindAccess, family), Mode: string(c.scope.Mode), Prefix: "access_token_", Lasts: accessLife, From: c.from}
	if made.AccessToken, _, err = d.Grants.Give(ctx, ask); err != nil || !refresh {
		return answer{status: http.StatusOK, body: made}, err
	}
	ask.Face, ask.Prefix, ask.Lasts = c.of(kindRefresh, family), "", refreshLife
	once, _, err := d.Grants.Give(ctx, ask)
	if err != nil {
		return answer{}, err
	}
	made.RefreshToken = refreshPrefix + d.seal(carriesRefreshing, refreshLife, refreshing{c.client.KeyID, c.region, u.ID, family, once})
	made.RefreshExpires = int64(refreshLife / time.Second)
	return answer{status: http.StatusOK, body: made}, nil
}

// revoke ends everything that the user gave the application. His own login stays.
func (d *Dialect) revoke(r *http.Request, c caller) (answer, error) {
	err := d.Grants.End(r.Context(), c.user.ID, func(s auth.Session) bool {
		return c.consented(s, kindAccess) || c.consented(s, kindRefresh) || s.Face == c.face(kindCode)
	})
	return answer{status: http.StatusOK, body: successBody{true}}, err
}

// revokeToken ends a token, and with a refresh token all that the same consent gave (RFC 7009, 2.1). It says
// nothing of whether there was one.
func (d *Dialect) revokeToken(r *http.Request, c caller) (answer, error) {
	given, err := d.readGrant(r)
	if err != nil {
		return answer{}, err
	}
	if err := d.admitGrantee(r, &c, given); err != nil {
		return answer{}, err
	}
	done := answer{status: http.StatusOK, body: successBody{true}}
	token := given("token")
	if token == "" {
		return answer{}, invalidRequest("Missing required parameter: token")
	}
	if t, ok := d.readRefresh(&c, token); ok {
		return done, d.endFamily(r.Context(), c, t.User, t.Family, nil)
	}
	s, err := d.Grants.Find(r.Context(), token)
	if fault.Is(err, fault.CodeUnauthorized) {
		return done, nil
	}
	if err != nil {
		return answer{}, err
	}
	for _, region := range []string{international, unitedStates} {
		if c.region = region; c.consented(s, kindAccess) {
			_, err = d.Grants.Take(r.Context(), token)
		}
	}
	if fault.Is(err, fault.CodeUnauthorized) {
		err = nil
	}
	return done, err
}
