package koywe

import (
	"context"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

// admit says as whom a request is made, and in whose scope it works: the one its path names. A key of a merchant
// opens that merchant alone; a key of an organisation opens the organisation and all its merchants. What a key does
// not open does not exist for it.
//
// Errors: unauthorized, token_expired, forbidden, not_found.
func (d *Dialect) admit(r *http.Request, permission string) (*http.Request, engine.Scope, error) {
	who, err := d.caller(r, permission)
	if err != nil {
		return r, engine.Scope{}, err
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
	own := engine.Scope{Merchant: who.Merchant, Mode: engine.Mode(who.Mode), Dialect: Name}
	organisation, merchant := r.PathValue("organizationId"), r.PathValue("merchantId")
	switch {
	case merchant != "":
		s, err := d.merchantScope(r.Context(), own, organisation, merchant)
		return r, s, err
	case organisation != "":
		s, err := d.organisationScope(r.Context(), own, organisation)
		return r, s, err
	}
	return r, own, nil
}

// merchantScope is the scope of a merchant of an organisation, where the key's own scope opens it.
func (d *Dialect) merchantScope(ctx context.Context, own engine.Scope, organisation, merchant string) (engine.Scope, error) {
	opens := merchant == own.Merchant
	if mine, is := own.Organisation(); is {
		opens = organisation == mine
	}
	if !opens {
		return engine.Scope{}, noMerchant()
	}
	there, err := d.engine.Merchant(ctx, merchant)
	if err != nil {
		return engine.Scope{}, err
	}
	if there == nil || there.Organisation != organisation {
		return engine.Scope{}, noMerchant()
	}
	own.Merchant = merchant
	return own, nil
}

// organisationScope is the scope of an organisation, where the key's own scope opens it. A merchant's key learns that
// his organisation is there, and no more.
func (d *Dialect) organisationScope(ctx context.Context, own engine.Scope, organisation string) (engine.Scope, error) {
	if mine, is := own.Organisation(); is {
		if mine != organisation {
			return engine.Scope{}, noOrganisation()
		}
		return own, nil
	}
	there, err := d.engine.Merchant(ctx, own.Merchant)
	if err != nil {
		return engine.Scope{}, err
	}
	if there == nil || there.Organisation != organisation {
		return engine.Scope{}, noOrganisation()
	}
	return engine.Scope{}, fault.New(fault.CodeForbidden, "This needs an API key of the organization; this one is a merchant's")
}

func noMerchant() error {
	return numbered{fault.New(fault.CodeNotFound, "Merchant not found in this organization").On("merchantId"), numberMerchant}
}

func noOrganisation() error {
	return fault.New(fault.CodeNotFound, "Organization not found").On("organizationId")
}
