package engine

import (
	"context"
	"strings"
)

// ofOrganisation begins the word that stands in a scope for a whole organisation. No merchant's id holds a colon.
const ofOrganisation = "org:"

// OfOrganisation is the scope of what belongs to a whole organisation: keys that open all its merchants, endpoints
// that are told of all of them. No order is ever in it.
func OfOrganisation(organisation string, m Mode, dialect string) Scope {
	return Scope{Merchant: ofOrganisation + organisation, Mode: m, Dialect: dialect}
}

// Organisation is whose scope it is where it is a whole organisation's; is is false for a merchant's.
func (s Scope) Organisation() (organisation string, is bool) {
	return strings.CutPrefix(s.Merchant, ofOrganisation)
}

// Merchant finds a merchant by its id; nil when there is none.
func (e *Engine) Merchant(ctx context.Context, id string) (*Merchant, error) {
	found, err := e.looks.merchants.get(ctx, id)
	if err != nil || found == nil {
		return nil, err
	}
	own := *found
	return &own, nil
}
