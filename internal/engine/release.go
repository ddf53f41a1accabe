package engine

import (
	"encoding/json"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// Releases is what the engine gives to the merchant's balance by itself, in the transaction that sets it aside, of
// money that would otherwise wait for an operator. Only where the operator holds the money: what lies in the
// merchant's own wallet is his already.
type Releases struct {
	Undelivered bool     `json:"undelivered,omitempty"` // what was collected and could not be delivered, when the order fails for it
	Late        LateRate `json:"late,omitempty"`        // what came after the deadline of an exchange that has expired; empty: it waits for an operator
}

// LateRate says what becomes of money for an exchange whose rate no longer holds.
type LateRate string

const (
	LateRelease LateRate = "release" // it stays in the balance as it came
	LateRequote LateRate = "requote" // from the balance it is exchanged at a new rate, by an order that follows the first
)

// LateRateSetting is the merchant's setting, a LateRate; LateRelease is the default.
const LateRateSetting = "late_rate"

// ParseLateRate reads the setting. Error: invalid_value on the setting's name.
func ParseLateRate(value json.RawMessage) (LateRate, error) {
	var text LateRate
	if json.Unmarshal(value, &text) != nil || text != LateRelease && text != LateRequote {
		return "", fault.New(fault.CodeInvalidValue, "want release or requote").On(LateRateSetting)
	}
	return text, nil
}

// releases is what the engine will release of a new order, by its merchant's settings.
func (o *Order) releases(n NewOrder, p Plan) error {
	if !n.Releases || o.Terms.Book.IsWallet() {
		return nil
	}
	o.Releases.Undelivered = !o.Terms.FromBalance && !o.Terms.Instant
	if p.Quote == nil || o.Terms.FromBalance || p.Quote.AmountIn.Asset() == p.Quote.AmountOut.Asset() {
		return nil
	}
	o.Releases.Late = LateRelease
	if wish, set := p.Settings[LateRateSetting]; set {
		var err error
		if o.Releases.Late, err = ParseLateRate(wish); err != nil {
			return err
		}
	}
	return nil
}

// release is one release by the engine, and why.
type release struct {
	from   ledger.Role
	amount money.Amount
	reason string
}

// The reasons that funds.released gives in its details when the engine itself released.
const (
	ReleasedUndelivered = "undelivered"
	ReleasedLate        = "late"
)

// due is what the engine releases of an order after a change, as it is now and with the state it had.
func (r Releases) due(o order.Order, was order.State) (list []release) {
	find := func(from ledger.Role, reason string) {
		// What is missing is never given as well: a payment that was reversed and comes again covers that first.
		asset := o.Terms.Due.Asset()
		amount := o.Balance(o.Terms.Book.Account(from), asset).Add(o.Balance(o.Terms.Book.Account(ledger.Short), asset))
		if amount.Sign() > 0 {
			list = append(list, release{from, amount, reason})
		}
	}
	switch {
	case r.Undelivered && o.State == order.Failed && was != order.Failed && o.Reason == order.ReasonDeliveries:
		find(ledger.Extra, ReleasedUndelivered)
	case r.Late != "" && o.State == order.Expired:
		find(ledger.Late, ReleasedLate)
	}
	return list
}

// releaseOwn adds to what a change did what the engine releases by itself after it. The events say why, by their rank
// among the outcome's.
func (o *Order) releaseOwn(out order.Outcome, c order.Change) (order.Outcome, []release, error) {
	list := o.Releases.due(out.Order, o.State)
	for _, r := range list {
		more, err := order.Apply(out.Order, order.Change{
			Kind: order.Release, At: c.At, Actor: order.ByEngine, Account: out.Order.Terms.Book.Account(r.from), Amount: r.amount,
		})
		if err != nil {
			return out, nil, err
		}
		out.Order = more.Order
		out.Rows = append(out.Rows, more.Rows...)
		out.Postings = append(out.Postings, more.Postings...)
		out.Events = append(out.Events, more.Events...)
	}
	return out, list, nil
}

// sayWhy gives the last events, one for each release, their reason and amount.
func sayWhy(events []Event, list []release) {
	for i, r := range list {
		e := &events[len(events)-len(list)+i]
		e.Facts.Amount = r.amount
		e.Facts.Details = map[string]string{"reason": r.reason}
	}
}
