package payin

import (
	"encoding/json"
	"fmt"
	"math/big"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// confirmed is a deposit whose money is final and waits for a decision.
const confirmed = "confirmed"

// depositProjection is what each state of an arrival is called here. An arrival never expires; one that an operator
// cancelled, because its money never came, is not listed.
var depositProjection = map[order.State]string{
	order.Documents:  pending,
	order.InReview:   pending,
	order.Waiting:    pending,
	order.Seen:       pending,
	order.Part:       pending,
	order.Paid:       confirmed,
	order.Held:       confirmed,
	order.Delivering: confirmed,
	order.Completed:  completed,
	order.Expired:    "",
	order.Cancelled:  "",
	order.Failed:     "",
}

func keptOf(st *engine.Standing) (kept reference) {
	decodeDoc(st.Doc, &kept)
	return kept
}

func askedOf(b engine.Binding) (asked boundFor) {
	decodeDoc(b.Doc, &asked)
	return asked
}

// decodeDoc reads what this API wrote itself.
func decodeDoc(doc json.RawMessage, into any) {
	if len(doc) == 0 {
		return
	}
	if err := json.Unmarshal(doc, into); err != nil {
		panic(fmt.Sprintf("payin: a document on record cannot be read: %v", err))
	}
}

func encodeReferenceCreated(b engine.Bound) referenceCreated {
	asked := askedOf(b.Binding)
	return referenceCreated{
		DepositReference: b.Standing.Reference, Currency: asked.Currency, ChainID: asked.ChainID, Protocol: string(b.Binding.Instrument.Family),
		Address: b.Binding.Instrument.Value, Metadata: keptOf(b.Standing).Metadata, CreatedAt: wireTime(b.Binding.At),
	}
}

func encodeReference(st *engine.Standing) referenceBody {
	body := referenceBody{
		DepositReference: st.Reference, Addresses: []referenceAddress{}, TotalDeposits: st.Arrivals,
		TotalAmount: byCurrency(st.Totals), Metadata: keptOf(st).Metadata,
	}
	for _, b := range st.Bindings {
		asked := askedOf(b)
		body.Addresses = append(body.Addresses, referenceAddress{
			Currency: asked.Currency, ChainID: asked.ChainID, Protocol: string(b.Instrument.Family), Address: b.Instrument.Value, CreatedAt: wireTime(b.At),
		})
	}
	return body
}

func encodeReferences(f engine.StandingFilter, page engine.StandingPage) referenceList {
	body := referenceList{Data: make([]referenceItem, 0, len(page.Standings)), Pagination: pagination(f.Page, f.Limit, page.Total)}
	for _, st := range page.Standings {
		item := referenceItem{
			DepositReference: st.Reference, Protocols: []string{}, AddressCount: len(st.Bindings), TotalDeposits: st.Arrivals, TotalAmount: byCurrency(st.Totals),
		}
		for _, b := range st.Bindings {
			item.Protocols = append(item.Protocols, string(b.Instrument.Family))
		}
		if !st.LastAt.IsZero() {
			item.LastDepositAt = wireTime(st.LastAt)
		}
		body.Data = append(body.Data, item)
	}
	return body
}

// byCurrency sums amounts up by their currency, over all chains; a token may have other decimals on another chain.
func byCurrency(list []money.Amount) map[string]string {
	finest := map[string]money.Asset{}
	for _, a := range list {
		if code := a.Asset().Code(); finest[code].IsZero() || a.Asset().Scale() > finest[code].Scale() {
			finest[code] = a.Asset()
		}
	}
	sums := map[string]*big.Int{}
	for _, a := range list {
		code := a.Asset().Code()
		if sums[code] == nil {
			sums[code] = new(big.Int)
		}
		more := int64(finest[code].Scale()) - int64(a.Asset().Scale())
		sums[code].Add(sums[code], new(big.Int).Mul(a.Big(), new(big.Int).Exp(big.NewInt(10), big.NewInt(more), nil)))
	}
	texts := map[string]string{}
	for code, sum := range sums {
		texts[code] = money.New(finest[code], sum).Decimal()
	}
	return texts
}

func encodeDeposits(f engine.Filter, page engine.Page) depositList {
	body := depositList{Data: make([]depositBody, 0, len(page.Orders)), Pagination: pagination(f.Page, f.Limit, page.Total)}
	for i := range page.Orders {
		body.Data = append(body.Data, encodeDeposit(&page.Orders[i]))
	}
	return body
}

func encodeDeposit(o *engine.Order) depositBody {
	body := depositBody{
		DepositID: o.PublicID, DepositReference: o.Reference, Amount: o.Terms.Due.Decimal(), Currency: o.Terms.Due.Asset().Code(), ChainID: o.Network,
		Address: o.Instrument.Value, Status: depositProjection[o.State], DetectedAt: wireTime(o.CreatedAt),
	}
	if p, found := arrivedPayment(o); found {
		confirmations := o.Confirmations(p)
		body.TxHash, body.BlockNumber, body.Confirmations = p.Evidence.Tx, &p.Evidence.Block, &confirmations
		if p.Rank == order.RankConfirmed {
			body.ConfirmedAt = wireTime(p.Settled)
		}
	}
	if o.State == order.Completed {
		body.CompletedAt = wireTime(o.EndedAt)
	}
	return body
}

// arrivedPayment is the payment that made the order, while it stands.
func arrivedPayment(o *engine.Order) (order.Payment, bool) {
	for _, p := range o.Payments {
		if p.Rank == order.RankSeen || p.Rank == order.RankConfirmed {
			return p, true
		}
	}
	return order.Payment{}, false
}

func (d *Dialect) encodeBinding(st *engine.Standing, b engine.Binding) bindingBody {
	return bindingBody{
		DepositReference: st.Reference, Protocol: string(b.Instrument.Family), DepositAddress: b.Instrument.Value,
		MonitoringTargets: d.monitored(b.Instrument.Family, st.Scope.Mode), BindingCreatedAt: wireTime(b.At),
	}
}

// monitored is every token on every chain of a protocol.
func (d *Dialect) monitored(f engine.Family, m engine.Mode) []monitoringTarget {
	list := []monitoringTarget{}
	for _, n := range d.engine.Networks(m) {
		if n.Family != f {
			continue
		}
		for _, t := range n.Tokens {
			list = append(list, monitoringTarget{Chain: n.ID, Contract: t.Contract, Token: t.Asset.Code()})
		}
	}
	return list
}

func encodeDepositStats(bound int64, sums []engine.Tally) depositStatsBody {
	body := depositStatsBody{Success: true}
	body.Data.BoundAddressCount, body.Data.ActiveReferences = bound, bound // one address of the one protocol for each
	var amounts []money.Amount
	for _, t := range sums {
		body.Data.TotalDeposits += t.Orders
		amounts = append(amounts, t.Due)
	}
	body.Data.TotalVolume = byCurrency(amounts)
	return body
}

func pagination(page, limit int, total int64) paginationBody {
	pages := (total + int64(limit) - 1) / int64(limit)
	return paginationBody{Page: page, Limit: limit, Total: total, TotalPages: pages, HasMore: int64(page) < pages}
}
