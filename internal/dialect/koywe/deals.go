package koywe

import (
	"context"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

func (d *Dialect) dealRoutes() []route {
	return []route{
		{http.MethodPost, ofM + "/deals", "deals:write", d.createDeal},
		{http.MethodGet, ofM + "/deals", "deals:read", d.listDeals},
		{http.MethodGet, ofM + "/deals/{dealId}", "deals:read", d.getDeal},
	}
}

// createDeal uses a quote for orders of its own. An ONRAMP is paid in parts from the balance, as it has money; an
// OFFRAMP is one order.
func (d *Dialect) createDeal(r *http.Request, s engine.Scope) (answer, error) {
	a, err := decodeDeal(r)
	if err != nil {
		return answer{}, err
	}
	organisation := r.PathValue("organizationId")
	p, err := d.plan(r.Context(), s, organisation, a)
	if err != nil {
		return answer{}, err
	}
	n := p.order()
	n.PublicID, n.Organisation, n.Maker, n.Quote = d.newOrderID(), organisation, callerOf(r.Context()).Who(), ""
	asked := engine.NewDeal{ID: "deal_" + d.randomText(idRandom), Quote: a.quote, Order: n, Doc: encode(dealRecord{Account: a.account, Description: a.description})}
	if a.kind == onRamp {
		asked.Prefix = n.PublicID[:len(n.PublicID)-idRandom] // its parts have ids of the same form
	}
	made, err := d.engine.MakeDeal(r.Context(), asked)
	if err != nil {
		return answer{}, explain(err, a)
	}
	return answer{http.StatusCreated, d.encodeDeal(made)}, nil
}

func (d *Dialect) getDeal(r *http.Request, s engine.Scope) (answer, error) {
	found, err := d.engine.Deal(r.Context(), s, r.PathValue("dealId"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeDeal(found)}, nil
}

// listDeals lists deals, the newest first.
func (d *Dialect) listDeals(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	number, size := q.paging(10, 50)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	list, total, err := d.engine.Deals(r.Context(), engine.DealFilter{Scope: s, Page: number, Limit: size, Descending: true})
	if err != nil {
		return answer{}, err
	}
	deals, err := d.encodeDeals(r.Context(), s, list)
	return answer{http.StatusOK, dealList{pagination{number, size, total}, deals}}, err
}

func (d *Dialect) encodeDeals(ctx context.Context, s engine.Scope, list []engine.Deal) ([]dealBody, error) {
	deals := []dealBody{}
	for _, one := range list {
		whole, err := d.engine.Deal(ctx, s, one.ID)
		if fault.Is(err, fault.CodeNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		deals = append(deals, d.encodeDeal(whole))
	}
	return deals, nil
}

// dealRecord is what a deal remembers for its answers.
type dealRecord struct {
	Account     string `json:"account,omitempty"`
	Description string `json:"description,omitempty"`
}
