package payin

import (
	"context"
	"net/http"
	"strings"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// callerKey is the caller in a request's context.
type callerKey struct{}

// callerOf is who makes a request that is not public.
func callerOf(ctx context.Context) auth.Principal {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	return who
}

// by is the engine that puts on record who administers: where money and webhooks go, and what proves them.
func (d *Dialect) by(r *http.Request) *engine.Engine {
	return d.engine.As(callerOf(r.Context()).Who())
}

// caller says who calls and whose orders the request is about. Merchant and mode of a key come from the key alone;
// a person names one of his merchants in X-Organization-Id. permission is what the caller must be allowed.
//
// Errors: unauthorized, forbidden; missing_field (Param: X-Organization-Id).
func (d *Dialect) caller(r *http.Request, permission string) (auth.Principal, error) {
	given, err := keyOf(r.Header)
	if err != nil {
		return auth.Principal{}, err
	}
	if strings.HasPrefix(given, auth.SessionPrefix) {
		return d.personCaller(r, given, permission)
	}
	who, err := d.auth.Check(r.Context(), given, Name)
	if fault.Is(err, fault.CodeUnauthorized) {
		return auth.Principal{}, noKey()
	}
	if err != nil {
		return auth.Principal{}, err
	}
	for _, asked := range r.Header.Values(organizationHeader) {
		if asked != who.Merchant {
			return auth.Principal{}, fault.New(fault.CodeForbidden, "This API key is for another organization").On(organizationHeader)
		}
	}
	switch {
	case permission == ofPerson:
		return auth.Principal{}, fault.New(fault.CodeForbidden, "This needs the token of a person who has logged in, not an API key")
	case !who.May(permission):
		return auth.Principal{}, fault.New(fault.CodeForbidden, "This API key does not have the permission '"+permission+"'")
	}
	return who, nil
}

// keyOf reads the key from X-API-Key (the Orders API page) or from Authorization: Bearer (PayIn's guides).
// A request that names two different keys is refused, as is another kind of Authorization beside a key:
// whoever sent it does not know as whom he is calling. A key in the query is never looked at, because
// queries end up in logs.
func keyOf(h http.Header) (string, error) {
	given := h.Values("X-API-Key")
	for _, value := range h.Values("Authorization") {
		kind, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(kind, "Bearer") {
			return "", noKey()
		}
		given = append(given, strings.TrimLeft(token, " "))
	}
	if len(given) == 0 {
		return "", noKey()
	}
	for _, key := range given {
		if key != given[0] {
			return "", noKey()
		}
	}
	return given[0], nil
}

func noKey() error {
	return fault.New(fault.CodeUnauthorized, "The API key is missing, invalid or no longer active")
}
