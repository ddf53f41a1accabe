package glomo

import (
	"context"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

// priceRoutes is what a platform takes of the orders of its merchants.
func (d *Dialect) priceRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/prices", "prices:write", d.createPrice},
		{http.MethodGet, v1 + "/prices", "prices:read", d.listPrices},
		{http.MethodGet, v1 + "/prices/{id}", "prices:read", d.getPrice},
	}
}

// The types of prices.
const (
	priceFixed      = "fixed"
	pricePercentage = "percentage"
)

// maxBPS is a price that takes all: hundredths of a percent.
const maxBPS = 10_000

// priceBody is a price. The fields of the other type are null.
type priceBody struct {
	ID        string      `json:"id"`
	Type      string      `json:"pricing_type"`
	Amount    *wireNumber `json:"fees_amount"`
	Currency  *string     `json:"fees_currency"`
	BPS       *int64      `json:"bps"`
	CreatedAt string      `json:"created_at"`
	UpdatedAt string      `json:"updated_at"`
}

func encodePrice(p *engine.ReferralFee) priceBody {
	body := priceBody{ID: p.ID, Type: pricePercentage, BPS: &p.BPS, CreatedAt: wireTime(p.CreatedAt), UpdatedAt: wireTime(p.UpdatedAt)}
	if p.BPS == 0 {
		body.Type, body.BPS, body.Amount, body.Currency = priceFixed, nil, new(unitsOf(p.Amount)), new(p.Amount.Asset().Code())
	}
	return body
}

func (d *Dialect) createPrice(r *http.Request, s engine.Scope) (answer, error) {
	p, err := d.decodePrice(r)
	if err != nil {
		return answer{}, err
	}
	p.ID, p.Scope = d.newID(priceID), s
	made, err := d.by(r).AddReferralFee(r.Context(), p)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: encodePrice(made)}, nil
}

func (d *Dialect) decodePrice(r *http.Request) (p engine.ReferralFee, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return p, err
	}
	kind, err := word(body, "pricing_type", priceFixed, pricePercentage)
	if err != nil {
		return p, err
	}
	currency, err := optional(body, "fees_currency", maxText)
	if err != nil {
		return p, err
	}
	units, err := whole(body, "fees_amount", "Fees amount "+notPositive)
	if err != nil {
		return p, err
	}
	bps, err := whole(body, "bps", "Bps must be a whole number from 1 to 10000")
	if err != nil {
		return p, err
	}
	switch kind {
	case "":
		return p, missing("pricing_type")
	case pricePercentage:
		switch {
		case units != nil || currency != "":
			return p, wrong("fees_amount", "fees_amount and fees_currency are of a fixed price")
		case bps == nil:
			return p, missing("bps")
		case *bps < 1 || *bps > maxBPS:
			return p, wrong("bps", "Bps must be a whole number from 1 to 10000")
		}
		p.BPS = *bps
		return p, nil
	}
	switch {
	case bps != nil:
		return p, wrong("bps", "bps is of a percentage price")
	case units == nil:
		return p, missing("fees_amount")
	case currency == "":
		return p, missing("fees_currency")
	}
	asset, err := d.currencyOf(currency)
	if err != nil {
		return p, err
	}
	p.Amount, err = amountOf(*units, asset, "fees_amount")
	return p, err
}

func (d *Dialect) listPrices(r *http.Request, s engine.Scope) (answer, error) {
	at, err := pagingOf(r)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.ReferralFees(r.Context(), engine.ReferralFeeFilter{Scope: s, Page: at.page, Limit: at.perPage, CreatedFrom: at.from, CreatedTo: at.to})
	if err != nil {
		return answer{}, err
	}
	list := make([]priceBody, len(page.ReferralFees))
	for i := range page.ReferralFees {
		list[i] = encodePrice(&page.ReferralFees[i])
	}
	return answer{status: http.StatusOK, body: pageOf(at, list, page.Total)}, nil
}

func (d *Dialect) getPrice(r *http.Request, s engine.Scope) (answer, error) {
	if err := checkID(r.PathValue("id"), priceID); err != nil {
		return answer{}, err
	}
	p, err := d.engine.ReferralFee(r.Context(), s, r.PathValue("id"))
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusOK, body: encodePrice(p)}, nil
}

// priceOf is the price that an order names. Only orders of a merchant who sells on a platform have one.
//
// Errors, on price_id: not_found, invalid_currency (it is an amount of another currency).
func (d *Dialect) priceOf(ctx context.Context, s engine.Scope, id string, a money.Asset) (*engine.ReferralFee, error) {
	p, err := d.engine.ReferralFee(ctx, s, id)
	if fault.Is(err, fault.CodeNotFound) {
		return nil, fault.New(fault.CodeNotFound, "Price not found").On("price_id")
	}
	if err != nil {
		return nil, err
	}
	if p.BPS == 0 && p.Amount.Asset() != a {
		return nil, fault.New(fault.CodeInvalidCurrency, "Price is in "+p.Amount.Asset().Code()+" and the order in "+a.Code()).On("price_id")
	}
	return p, nil
}
