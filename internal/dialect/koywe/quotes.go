package koywe

import (
	"encoding/json"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/quote"
)

func (d *Dialect) quoteRoutes() []route {
	return []route{
		{http.MethodPost, ofM + "/quotes", "quotes:write", d.createQuote},
		{http.MethodGet, ofM + "/quotes/{quoteId}", "quotes:read", d.getQuote},
	}
}

// createQuote says what an exchange costs. One that is executable is kept, and one order or deal may use it; the others
// are a price and nothing more.
func (d *Dialect) createQuote(r *http.Request, s engine.Scope) (answer, error) {
	a, err := decodeQuote(r)
	if err != nil {
		return answer{}, err
	}
	ask, err := d.askOf(s.Mode, a)
	if err != nil {
		return answer{}, err
	}
	if !a.executable {
		priced, err := d.engine.Price(r.Context(), s, ask, a.kind.name)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, encodeQuote(engine.Quote{OrderKind: a.kind.name, Quote: priced, Doc: a.record()})}, nil
	}
	made, err := d.engine.MakeQuote(r.Context(), engine.NewQuote{ID: "qte_" + d.randomText(idRandom), Scope: s, Ask: ask, OrderKind: a.kind.name, Doc: a.record()})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, encodeQuote(*made)}, nil
}

func (d *Dialect) getQuote(r *http.Request, s engine.Scope) (answer, error) {
	q, err := d.engine.Quote(r.Context(), s, r.PathValue("quoteId"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeQuote(*q)}, nil
}

// askOf finds the currencies that a quote is asked for, crypto on the network that is named.
func (d *Dialect) askOf(m engine.Mode, a askedQuote) (ask quote.Ask, err error) {
	if ask.From, err = d.quotedAsset(m, a, "originCurrencySymbol", a.origin, a.kind.origin); err != nil {
		return ask, err
	}
	if ask.To, err = d.quotedAsset(m, a, "destinationCurrencySymbol", a.destination, a.kind.destination); err != nil {
		return ask, err
	}
	if a.amountIn != nil {
		ask.AmountIn, err = a.amountIn.amountOf(ask.From, "amountIn")
	} else {
		ask.AmountOut, err = a.amountOut.amountOf(ask.To, "amountOut")
	}
	return ask, err
}

func (d *Dialect) quotedAsset(m engine.Mode, a askedQuote, field, code string, s side) (money.Asset, error) {
	if err := s.checkCode(field, code, a.kind.name); err != nil {
		return money.Asset{}, err
	}
	if s == fiat {
		return money.Fiat(code)
	}
	if a.network == "" {
		return money.Asset{}, missing("network")
	}
	n, err := d.chain(m, a.network, "network")
	if err != nil {
		return money.Asset{}, err
	}
	asset, err := n.AssetLike(code)
	if f, ok := fault.As(err); ok {
		return asset, f.On(field)
	}
	return asset, err
}

// quoteRecord is what a quote remembers beside its numbers.
type quoteRecord struct {
	ByOut   bool   `json:"byOut,omitempty"`   // amountOut was asked for
	Network string `json:"network,omitempty"` // this API's word
}

func (a askedQuote) record() json.RawMessage {
	return encode(quoteRecord{ByOut: a.amountOut != nil, Network: a.network})
}
