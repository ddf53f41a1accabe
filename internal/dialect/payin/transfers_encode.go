package payin

import (
	"net/http"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
)

func (d *Dialect) encodeTransfers(f engine.PaymentFilter, page engine.PaymentPage) answer {
	return answer{http.StatusOK, transferList{
		Success: true, Data: d.transferRows(page.Payments),
		Pagination: pagination(f.Page, f.Limit, page.Total),
	}}
}

func (d *Dialect) encodeTransfersOfOne(page engine.PaymentPage) answer {
	return answer{http.StatusOK, transfersOfOne{Success: true, Data: d.transferRows(page.Payments), Total: page.Total}}
}

func (d *Dialect) transferRows(list []engine.OwnedPayment) []transferBody {
	rows := make([]transferBody, 0, len(list))
	for _, p := range list {
		rows = append(rows, d.transferRow(p))
	}
	return rows
}

// transferRow is one payment. Its id is its chain and what the chain knows it by, the same when it is mined again
// in another block.
func (d *Dialect) transferRow(p engine.OwnedPayment) transferBody {
	o, asset := p.Order, p.Amount.Asset()
	row := transferBody{
		ID: asset.Network() + ":" + p.External, BusinessType: "order",
		TransactionHash: p.Evidence.Tx, BlockNumber: p.Evidence.Block, EventIndex: p.Evidence.Index,
		Chain: asset.Network(), Token: asset.Code(), Amount: p.Amount.Decimal(), FromAddress: p.Evidence.From, ToAddress: p.Evidence.To,
		LastCheckedConfirmations: o.Confirmations(p.Payment), IsConfirmed: isConfirmed(p.Rank), IsFailed: isFailed(p.Rank), DetectedAt: wireTime(p.Told),
		Counted: isConfirmed(p.Rank) && p.Booked == o.Terms.Book.Account(ledger.In),
	}
	if o.Standing == "" {
		row.OrderID, row.OrderReference = &o.PublicID, &o.Reference
	} else {
		row.BusinessType, row.DepositID, row.DepositReference = "deposit", &o.PublicID, &o.Reference
	}
	if n, err := d.engine.Network(asset.Network(), o.Scope.Mode); err == nil {
		row.RequiredConfirmations = &n.Confirmations
	}
	if row.IsConfirmed {
		at := wireTime(p.Settled)
		row.ConfirmedAt = &at
	}
	if why := transferErrors[p.Rank]; why != "" {
		row.LastError = &why
	}
	return row
}

var transferErrors = map[order.Rank]string{
	order.RankFailed:   "The transaction failed",
	order.RankReversed: "The chain was reorganised and the transaction is not in it; it counts again once it is mined again",
}
