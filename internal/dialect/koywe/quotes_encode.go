package koywe

import (
	"encoding/json"
	"time"

	"till/internal/engine"
	"till/internal/money"
)

// quoteBody is a quote. finalAmountIn, finalAmountOut, fee and exchangeRate reproduce one another: what is paid in less
// the fee, divided by the rate and rounded down, is what comes out.
type quoteBody struct {
	ID                  *string          `json:"id"`
	OrderType           string           `json:"orderType"`
	Executable          bool             `json:"executable"`
	OriginCurrency      string           `json:"originCurrencySymbol"`
	DestinationCurrency string           `json:"destinationCurrencySymbol"`
	Network             *string          `json:"network"`
	RequestedAmountIn   *number          `json:"requestedAmountIn"`
	RequestedAmountOut  *number          `json:"requestedAmountOut"`
	FinalAmountIn       number           `json:"finalAmountIn"`
	FinalAmountOut      number           `json:"finalAmountOut"`
	Fee                 number           `json:"fee"`
	Taxes               number           `json:"taxes"`
	ExchangeRate        number           `json:"exchangeRate"`
	Components          []quoteComponent `json:"components"`
	Summary             quoteSummary     `json:"summary"`
	ValidForSeconds     int64            `json:"validForSeconds"`
	ValidUntil          string           `json:"validUntil"`
	UsedBy              *string          `json:"usedBy"`
}

// quoteComponent is one part of the fee.
type quoteComponent struct {
	Type     string `json:"type"`
	Amount   number `json:"amount"`
	Currency string `json:"currencySymbol"`
}

// quoteSummary is the way from what is paid in to what comes out.
type quoteSummary struct {
	AmountIn        number `json:"amountIn"`
	BaseFees        number `json:"baseFees"`
	TaxesOnFees     number `json:"taxesOnFees"`
	AmountExchanged number `json:"amountToExchange"`
	AmountOut       number `json:"amountOut"`
}

func encodeQuote(q engine.Quote) quoteBody {
	var kept quoteRecord
	if len(q.Doc) > 0 {
		_ = json.Unmarshal(q.Doc, &kept) // ours: it was written by encode
	}
	in, out := numberOf(q.AmountIn), numberOf(q.AmountOut)
	base := q.Fee.Sub(q.Tax)
	b := quoteBody{
		ID: textOrNull(q.ID), OrderType: q.OrderKind, Executable: q.ID != "", OriginCurrency: q.AmountIn.Asset().Code(), DestinationCurrency: q.AmountOut.Asset().Code(),
		Network: textOrNull(kept.Network), FinalAmountIn: in, FinalAmountOut: out, Fee: numberOf(q.Fee), Taxes: "0", ExchangeRate: number(q.ExchangeRate.String()),
		Components: []quoteComponent{},
		Summary:    quoteSummary{AmountIn: in, BaseFees: numberOf(base), TaxesOnFees: numberOf(q.Tax), AmountExchanged: numberOf(q.AmountIn.Sub(q.Fee)), AmountOut: out},

		ValidForSeconds: int64(q.Ends.Sub(q.Made) / time.Second), ValidUntil: wireTime(q.Ends), UsedBy: textOrNull(q.UsedBy),
	}
	if kept.ByOut {
		b.RequestedAmountOut = &out
	} else {
		b.RequestedAmountIn = &in
	}
	for _, c := range []struct {
		name   string
		amount money.Amount
	}{{"FEE", base}, {"FEE_TAX", q.Tax}} {
		if !c.amount.IsZero() {
			b.Components = append(b.Components, quoteComponent{c.name, numberOf(c.amount), c.amount.Asset().Code()})
		}
	}
	return b
}
