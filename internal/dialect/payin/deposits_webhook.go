package payin

import (
	"strconv"

	"till/internal/engine"
)

// depositEvents is what PayIn calls the engine's events about deposits, and those that belong to no order. Nothing else of
// a deposit has a webhook.
var depositEvents = map[string]string{
	"order.completed":      "deposit.completed",
	engine.StandingBound:   "deposit.address_bound",
	engine.StandingUnbound: "deposit.address_unbound",
	engine.PoolLow:         poolLow,
	endpointTried:          "test.event",
}

// tellDeposit is the data of a deposit's event, and what its id ends with: a deposit is one transfer, so that two in one
// transaction have two ids, and each binding and each end of one has its own.
func (d *Dialect) tellDeposit(kind string, ev engine.Event, o *engine.Order) (about string, data any) {
	if o != nil {
		p, _ := closingPayment(o)
		return o.PublicID, depositTold{
			DepositID: o.PublicID, DepositReference: o.Reference, Token: o.Terms.Due.Asset().Code(), Chain: o.Network, Amount: o.Terms.Due.Decimal(),
			DepositAddress: o.Instrument.Value, TxHash: p.Evidence.Tx, BlockNumber: strconv.FormatUint(p.Evidence.Block, 10),
			Timestamp: wireTime(ev.Facts.At), OrganizationID: o.Scope.Merchant,
		}
	}
	said := ev.Facts.Details
	switch kind {
	case "deposit.address_bound":
		data = boundTold{said["reference"], said["family"], said["value"], d.monitored(engine.Family(said["family"]), ev.Scope.Mode)}
	case "deposit.address_unbound":
		data = unboundTold{said["reference"], said["family"], said["value"]}
	}
	return ev.ID, data
}
