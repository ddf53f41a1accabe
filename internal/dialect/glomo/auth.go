package glomo

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// keyRoutes is how a client checks secret keys by itself.
func (d *Dialect) keyRoutes() []route {
	return []route{
		{http.MethodGet, "/.well-known/jwks.json", open, d.publicKeys},
	}
}

// publicKeys are those that the merchants' secret keys are signed with (RFC 7517): the one that signs now, and those
// before it whose keys are still good.
func (d *Dialect) publicKeys(r *http.Request, _ engine.Scope) (answer, error) {
	set, err := d.keys.Set(r.Context())
	return answer{status: http.StatusOK, body: set}, err
}

// callerKey is the caller in a request's context.
type callerKey struct{}

// callerOf is who makes a request that asks for a key.
func callerOf(ctx context.Context) auth.Principal {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	return who
}

// by is the engine that puts on record who administers.
func (d *Dialect) by(r *http.Request) *engine.Engine {
	return d.engine.As(callerOf(r.Context()).Who())
}

// admit says as whom a request is made, and in whose scope it works. Where no key is asked for the scope is zero.
//
// Errors: unauthorized, forbidden.
func (d *Dialect) admit(r *http.Request, needs string) (*http.Request, engine.Scope, error) {
	if needs == open {
		return r, engine.Scope{}, nil
	}
	who, err := d.caller(r, needs == publishable)
	if err != nil {
		return r, engine.Scope{}, err
	}
	if needs != publishable && !who.May(needs) {
		return r, engine.Scope{}, fault.New(fault.CodeForbidden, "This API key does not have the permission '"+needs+"'")
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	return r, engine.Scope{Merchant: who.Merchant, Mode: engine.Mode(who.Mode), Dialect: Name}, nil
}

// caller says who calls: with a publishable key where browsers do, and with a secret key everywhere else. A request
// with two keys is refused: whoever sent it does not know as whom he is calling.
func (d *Dialect) caller(r *http.Request, browser bool) (who auth.Principal, err error) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return who, noKey()
	}
	kind, key, _ := strings.Cut(given[0], " ")
	key = strings.TrimLeft(key, " ")
	if !strings.EqualFold(kind, "Bearer") || browser != isPublishable(key) {
		return who, noKey()
	}
	if browser {
		who, err = d.auth.Check(r.Context(), key, Name)
		if err == nil && !slices.Equal(who.Scopes, []string{publishable}) {
			err = noKey()
		}
	} else {
		who, err = d.keys.Check(r.Context(), key)
	}
	if fault.Is(err, fault.CodeUnauthorized) {
		err = noKey()
	}
	return who, err
}

// How the publishable keys of each mode begin.
const (
	PublishableLive = "live_"
	PublishableTest = "test_"
)

// isPublishable says whether a key has the form of a publishable one; a secret key never has.
func isPublishable(key string) bool {
	return strings.HasPrefix(key, PublishableLive) || strings.HasPrefix(key, PublishableTest)
}

func noKey() error {
	return fault.New(fault.CodeUnauthorized, "Auth token expired or invalid")
}
