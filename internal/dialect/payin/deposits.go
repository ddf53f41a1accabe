package payin

import (
	"encoding/json"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// depositRoutes are permanent addresses: a reference of the merchant holds one, and every payment to it is a deposit.
// PayIn has two generations of them over the same records: references, and bind and unbind.
func (d *Dialect) depositRoutes() []route {
	const read, write = "deposits:read", "deposits:write"
	return []route{
		{http.MethodPost, "/api/v1/deposits/references", write, d.createReference},
		{http.MethodGet, "/api/v1/deposits/references", read, d.listReferences},
		{http.MethodGet, "/api/v1/deposits/references/{depositReference...}", read, d.getReference},
		{http.MethodDelete, "/api/v1/deposits/references/{depositReference...}", write, d.deleteReference},
		{http.MethodGet, "/api/v1/deposits", read, d.listDeposits},
		{http.MethodGet, "/api/v1/deposits/stats", read, d.depositStats},
		{http.MethodPost, "/api/v1/deposits/bind", write, d.bindDeposit},
		{http.MethodPost, "/api/v1/deposits/unbind", write, d.unbindDeposit},
		{http.MethodGet, "/api/v1/deposits/{depositReference...}", read, d.getBinding},
	}
}

// createReference binds an address and refuses a reference that has one.
func (d *Dialect) createReference(r *http.Request, s engine.Scope) (answer, error) {
	asked, body, err := d.decodeCreateReference(r, s)
	if err != nil {
		return answer{}, err
	}
	if asked.Repeatable, err = repeatable(r, s, body, func(b engine.Bound) any { return encodeReferenceCreated(b) }); err != nil {
		return answer{}, err
	}
	bound, err := d.bind(r, asked)
	if err != nil {
		return answer{}, err
	}
	if bound.Replay != nil {
		return replayed(bound.Replay), nil
	}
	return answer{http.StatusCreated, encodeReferenceCreated(bound)}, nil
}

// bindDeposit binds an address, or answers with the one that is bound.
func (d *Dialect) bindDeposit(r *http.Request, s engine.Scope) (answer, error) {
	asked, body, err := decodeBind(r, s)
	if err != nil {
		return answer{}, err
	}
	show := func(b engine.Bound) any {
		return bindingAnswer{Success: true, Data: d.encodeBinding(b.Standing, b.Binding), Message: "Deposit address bound"}
	}
	if asked.Repeatable, err = repeatable(r, s, body, show); err != nil {
		return answer{}, err
	}
	bound, err := d.bind(r, asked)
	if err != nil {
		return answer{}, err
	}
	if bound.Replay != nil {
		return replayed(bound.Replay), nil
	}
	return answer{http.StatusCreated, show(bound)}, nil
}

func (d *Dialect) bind(r *http.Request, asked engine.NewStanding) (engine.Bound, error) {
	all, err := d.engine.Settings(r.Context(), settingScope(asked.Scope))
	if err != nil {
		return engine.Bound{}, err
	}
	if !depositsSetting.on(all) {
		return engine.Bound{}, fault.New(fault.CodeServiceDisabled, "The deposit service is disabled").With("service", depositService)
	}
	bound, err := d.engine.Bind(r.Context(), asked)
	switch {
	case fault.Is(err, fault.CodeDuplicateStanding):
		err = fault.New(fault.CodeDuplicateStanding, "Deposit reference '"+asked.Reference+"' already exists")
	case fault.Is(err, fault.CodeNoAddress):
		err = fault.New(fault.CodeNoAddress, "Address pool exhausted for protocol '"+string(asked.Family)+"'")
	}
	return bound, err
}

func (d *Dialect) getReference(r *http.Request, s engine.Scope) (answer, error) {
	st, err := d.standing(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeReference(st)}, nil
}

func (d *Dialect) standing(r *http.Request, s engine.Scope) (*engine.Standing, error) {
	st, err := d.engine.Standing(r.Context(), s, r.PathValue("depositReference"))
	if fault.Is(err, fault.CodeNotFound) {
		err = noReference()
	}
	return st, err
}

func noReference() error { return fault.New(fault.CodeNotFound, "Deposit reference not found") }

// getBinding is the address that a reference holds of a protocol.
func (d *Dialect) getBinding(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	family := q.family("protocol")
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	st, err := d.standing(r, s)
	if err != nil {
		return answer{}, err
	}
	b := st.Binding(family)
	if b == nil {
		return answer{}, noReference()
	}
	return answer{http.StatusOK, bindingAnswer{Success: true, Data: d.encodeBinding(st, *b)}}, nil
}

func (d *Dialect) listReferences(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodeReferenceFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.Standings(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeReferences(filter, page)}, nil
}

// listDeposits lists deposits; asked for a protocol, as only PayIn's guide does, it lists bound addresses.
func (d *Dialect) listDeposits(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeDepositFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	if asked.addresses {
		return d.listBindings(r, asked)
	}
	if asked.reference != "" {
		st, err := d.engine.Standing(r.Context(), s, asked.reference)
		if fault.Is(err, fault.CodeNotFound) {
			return answer{http.StatusOK, encodeDeposits(asked.filter, engine.Page{})}, nil
		}
		if err != nil {
			return answer{}, err
		}
		asked.filter.Standing = st.ID
	}
	page, err := d.engine.Orders(r.Context(), asked.filter)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeDeposits(asked.filter, page)}, nil
}

func (d *Dialect) listBindings(r *http.Request, asked depositFilter) (answer, error) {
	f := engine.StandingFilter{Scope: asked.scope, Search: asked.reference, Bound: true, Page: asked.filter.Page, Limit: asked.filter.Limit}
	page, err := d.engine.Standings(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	body := bindingList{Success: true, Data: []bindingBody{}, Pagination: pagination(f.Page, f.Limit, page.Total)}
	for i := range page.Standings {
		st := &page.Standings[i]
		for _, b := range st.Bindings {
			body.Data = append(body.Data, d.encodeBinding(st, b))
		}
	}
	return answer{http.StatusOK, body}, nil
}

// depositStats sums up completed deposits, and counts what is bound now.
func (d *Dialect) depositStats(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodeDepositStats(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	bound, err := d.engine.Standings(r.Context(), engine.StandingFilter{Scope: s, Bound: true, Page: 1, Limit: 1})
	if err != nil {
		return answer{}, err
	}
	filter.States = []order.State{order.Completed}
	sums, err := d.engine.Tally(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeDepositStats(bound.Total, sums)}, nil
}

func (d *Dialect) deleteReference(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeDeleteReference(r, s)
	if err != nil {
		return answer{}, err
	}
	_, ended, err := d.unbind(r, asked)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, unboundBody{Success: true, Message: "Deposit reference unbound", DepositReference: asked.Reference, UnboundAddresses: len(ended)}}, nil
}

func (d *Dialect) unbindDeposit(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodeUnbind(r, s)
	if err != nil {
		return answer{}, err
	}
	if _, _, err := d.unbind(r, asked); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, doneBody{Success: true, Message: "Deposit address unbound"}}, nil
}

func (d *Dialect) unbind(r *http.Request, asked engine.Unbinding) (*engine.Standing, []engine.Binding, error) {
	asked.Rest = cooldown
	st, ended, err := d.engine.Unbind(r.Context(), asked)
	if fault.Is(err, fault.CodeNotFound) {
		err = noReference()
	}
	return st, ended, err
}

// reference is what a standing instruction must remember for this API: engine.Standing.Doc.
type reference struct {
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// boundFor is what a binding was asked for: engine.Binding.Doc. Whatever was asked for, the address is watched on every
// chain of its protocol, in every token.
type boundFor struct {
	Currency string `json:"currency,omitempty"`
	ChainID  string `json:"chainId,omitempty"`
}
