package payin

import (
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// caller says whose orders a request is about: the merchant and mode come from the key alone. permission
// is what the key must allow.
//
// Errors: unauthorized, forbidden.
func (d *Dialect) caller(r *http.Request, permission string) (engine.Scope, error) {
	key, err := keyOf(r.Header)
	if err != nil {
		return engine.Scope{}, err
	}
	p, err := d.auth.Check(r.Context(), key, Name)
	if fault.Is(err, fault.CodeUnauthorized) {
		return engine.Scope{}, noKey()
	}
	if err != nil {
		return engine.Scope{}, err
	}
	if !p.May(permission) {
		return engine.Scope{}, fault.New(fault.CodeForbidden, "This API key does not have the permission '"+permission+"'")
	}
	return engine.Scope{Merchant: p.Merchant, Mode: engine.Mode(p.Mode), Dialect: Name}, nil
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
