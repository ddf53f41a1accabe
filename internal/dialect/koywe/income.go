package koywe

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// incomeRoutes is where a merchant's balances are topped up from outside: receiving numbers of its own, one for each
// country and currency. What is paid there arrives without an order and credits the balance.
func (d *Dialect) incomeRoutes() []route {
	return []route{
		{http.MethodGet, ofM + "/virtual-accounts", "accounts:read", d.listReceiving},
		{http.MethodPost, ofM + "/virtual-accounts", "accounts:write", d.createReceiving},
		{http.MethodGet, ofM + "/bankIncome/accounts", "accounts:read", d.depositInstructions},
	}
}

func (d *Dialect) listReceiving(r *http.Request, s engine.Scope) (answer, error) {
	page, err := d.engine.Standings(r.Context(), engine.StandingFilter{Scope: s, Page: 1, Limit: 100})
	list := []receivingBody{}
	for _, st := range slices.Backward(page.Standings) {
		if at, is := placeOf(st.Reference); is {
			list = append(list, d.receivingOf(&st, at))
		}
	}
	return answer{http.StatusOK, list}, err
}

// createReceiving gives the merchant a number, and the one that is there when it is asked for again.
func (d *Dialect) createReceiving(r *http.Request, s engine.Scope) (answer, error) {
	at, err := decodeReceiving(r)
	if err != nil {
		return answer{}, err
	}
	st, fresh, err := d.receiving(r.Context(), s, at)
	if err != nil {
		return answer{}, err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	return answer{status, d.receivingOf(st, at)}, nil
}

// depositInstructions tells where to pay. The first time that somebody asks the number is made.
func (d *Dialect) depositInstructions(r *http.Request, s engine.Scope) (answer, error) {
	at, err := decodeDeposit(r)
	if err != nil {
		return answer{}, err
	}
	m, err := d.engine.Merchant(r.Context(), s.Merchant)
	if err != nil || m == nil {
		return answer{}, err
	}
	st, _, err := d.receiving(r.Context(), s, at)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.depositOf(st, at, *m)}, nil
}

// receiving is the standing instruction of a place; fresh says that it was made now.
func (d *Dialect) receiving(ctx context.Context, s engine.Scope, at place) (st *engine.Standing, fresh bool, err error) {
	n, err := d.receivesOn(s.Mode, at.currency)
	if err != nil {
		return nil, false, err
	}
	st, err = d.engine.Standing(ctx, s, at.reference())
	if err == nil && st.Binding(n.Family) != nil {
		return st, false, nil
	}
	if err != nil && !fault.Is(err, fault.CodeNotFound) {
		return nil, false, err
	}
	bound, err := d.engine.Bind(ctx, engine.NewStanding{
		Scope: s, Reference: at.reference(), Prefix: "inc_", Kind: payIn, Family: n.Family, Only: at.currency, Again: true,
	})
	return bound.Standing, err == nil, err
}

// receivesOn is the network on which the house receives a currency for numbers that it makes.
//
// Error: not_configured.
func (d *Dialect) receivesOn(m engine.Mode, currency money.Asset) (engine.Network, error) {
	for _, n := range d.engine.Networks(m) {
		if n.Custodial && n.Makes() && slices.ContainsFunc(n.Tokens, func(t engine.Token) bool { return t.Asset == currency }) {
			return n, nil
		}
	}
	return engine.Network{}, fault.New(fault.CodeNotConfigured, "No bank here gives out numbers in "+currency.Code())
}

// place is a country and a currency that money can be received in there.
type place struct {
	country  string
	currency money.Asset
}

// received is what can be received where. In the other countries of this API money can only be paid out.
var received = map[string][]string{"AR": {"ARS"}, "BR": {"BRL"}, "CL": {"CLP"}, "CO": {"COP"}, "MX": {"MXN"}, "PE": {"PEN", "USD"}}

// receivingPrefix begins the references of a merchant's receiving numbers.
const receivingPrefix = "receiving/"

func (p place) reference() string { return receivingPrefix + p.country + "/" + p.currency.Code() }

// placeOf is the place that a standing instruction receives for.
func placeOf(reference string) (p place, is bool) {
	rest, is := strings.CutPrefix(reference, receivingPrefix)
	country, code, both := strings.Cut(rest, "/")
	currency, err := money.Fiat(code)
	return place{country, currency}, is && both && err == nil
}
