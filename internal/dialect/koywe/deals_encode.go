package koywe

import (
	"encoding/json"

	"till/internal/engine"
	"till/internal/order"
)

type dealBody struct {
	ID                  string      `json:"id"`
	Type                string      `json:"type"`
	Status              string      `json:"status"`
	QuoteID             string      `json:"quoteId"`
	DestinationAccount  *string     `json:"destinationAccountId"`
	OriginCurrency      string      `json:"originCurrencySymbol"`
	DestinationCurrency string      `json:"destinationCurrencySymbol"`
	AmountIn            number      `json:"amountIn"`
	AmountOut           number      `json:"amountOut"`
	Fee                 number      `json:"fee"`
	ExchangeRate        number      `json:"exchangeRate"`
	PaidAmountIn        number      `json:"paidAmountIn"`
	ValidUntil          *string     `json:"validUntil"`
	FailureReason       *string     `json:"failureReason"`
	Description         *string     `json:"description"`
	CreatedAt           string      `json:"createdAt"`
	UpdatedAt           string      `json:"updatedAt"`
	Orders              []orderBody `json:"orders"`
}

type dealList struct {
	Pagination pagination `json:"pagination"`
	Deals      []dealBody `json:"deals"`
}

func (d *Dialect) encodeDeal(of engine.Dealt) dealBody {
	deal, q := of.Deal, of.Deal.Quote
	var kept dealRecord
	if len(deal.Doc) > 0 {
		_ = json.Unmarshal(deal.Doc, &kept) // ours: it was written by encode
	}
	b := dealBody{
		ID: deal.ID, Type: deal.Kind, QuoteID: q.ID, DestinationAccount: textOrNull(kept.Account), Description: textOrNull(kept.Description),
		OriginCurrency: q.AmountIn.Asset().Code(), DestinationCurrency: q.AmountOut.Asset().Code(),
		AmountIn: numberOf(q.AmountIn), AmountOut: numberOf(q.AmountOut), Fee: numberOf(q.Fee), ExchangeRate: number(q.ExchangeRate.String()),
		PaidAmountIn: numberOf(deal.Paid), ValidUntil: timeOrNull(deal.Until), FailureReason: textOrNull(deal.Reason),
		CreatedAt: wireTime(deal.CreatedAt), UpdatedAt: wireTime(deal.UpdatedAt), Orders: []orderBody{}, Status: dealStatus(of),
	}
	for i := range of.Orders {
		b.Orders = append(b.Orders, d.encodeOrder(&of.Orders[i]))
	}
	return b
}

// dealStatus is what a deal's orders come to. A deal of one order has that order's status.
func dealStatus(of engine.Dealt) string {
	switch {
	case of.Deal.State == engine.DealEnded && of.Deal.Reason != "":
		return statusFailed
	case of.Deal.State == engine.DealEnded:
		return statusExpired
	case len(of.Orders) == 0:
		return statusPending
	case of.Deal.State == engine.DealOpen:
		return statusProcessing
	case len(of.Orders) == 1:
		return statusOf(of.Orders[0].Kind, of.Orders[0].State, of.Orders[0].Overlay)
	}
	status := statusCompleted
	for i := range of.Orders {
		switch o := &of.Orders[i]; {
		case !o.State.Terminal():
			return statusProcessing
		case o.State != order.Completed || o.Overlay != order.NoOverlay:
			status = statusFailed
		}
	}
	return status
}
