package koywe

import (
	"context"
	"net"
	"net/http"
	"strings"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// authRoutes is how a client gets the token that everything else asks for.
func (d *Dialect) authRoutes() []route {
	return []route{
		{http.MethodPost, base + "/auth/sign-in", "", d.signIn},
	}
}

const (
	maxSignIn     = 16 << 10
	maxCredential = 256 // characters of an API key or a secret
)

type tokenBody struct {
	Token string `json:"token"`
}

// signIn gives a token of an hour for an API key and its secret.
func (d *Dialect) signIn(r *http.Request, _ engine.Scope) (answer, error) {
	pair, err := decodeSignIn(r)
	if err != nil {
		return answer{}, err
	}
	token, err := d.tokens.SignIn(r.Context(), pair)
	return answer{http.StatusOK, tokenBody{token}}, err
}

func decodeSignIn(r *http.Request) (p auth.Pair, err error) {
	body, err := web.Decode(r, maxSignIn)
	if err != nil {
		return p, err
	}
	if p.ID, err = required(body, "apiKey", maxCredential); err != nil {
		return p, err
	}
	if p.Secret, err = required(body, "secret", maxCredential); err != nil {
		return p, err
	}
	if p.Address, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
		p.Address = r.RemoteAddr
	}
	return p, nil
}

// callerKey is the caller in a request's context.
type callerKey struct{}

// callerOf is who makes a request that asks for a token.
func callerOf(ctx context.Context) auth.Principal {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	return who
}

// by is the engine that puts on record who administers: where money and webhooks go, and what proves them.
func (d *Dialect) by(r *http.Request) *engine.Engine {
	return d.engine.As(callerOf(r.Context()).Who())
}

// caller says who calls. A request with two tokens, or with another kind of Authorization, is refused: whoever sent
// it does not know as whom he is calling.
//
// Errors: unauthorized, token_expired, forbidden.
func (d *Dialect) caller(r *http.Request, permission string) (auth.Principal, error) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return auth.Principal{}, noToken()
	}
	kind, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(kind, "Bearer") {
		return auth.Principal{}, noToken()
	}
	who, err := d.tokens.Check(r.Context(), strings.TrimLeft(token, " "))
	if fault.Is(err, fault.CodeUnauthorized) {
		return auth.Principal{}, noToken()
	}
	if err != nil {
		return auth.Principal{}, err
	}
	if !who.May(permission) {
		return auth.Principal{}, fault.New(fault.CodeForbidden, "This API key does not have the permission '"+permission+"'")
	}
	return who, nil
}

func noToken() error {
	return fault.New(fault.CodeUnauthorized, "The token is missing, invalid or no longer active")
}
