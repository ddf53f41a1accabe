package engine

import (
	"context"
	"slices"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// NewRefund asks that money of an ended order goes back.
type NewRefund struct {
	OrderID string
	ID      string // of the transfer, given by the caller and unique on the server: a repeat has no second effect
	Amount  money.Amount
	From    ledger.Role // the order's account it is taken from: merchant, or one of suspense
	To      Destination // the zero Destination: where the payment came from whose money it is (on a chain that may be an exchange's wallet, which knows no refunds); needed where it is the money of several payers
	Actor   order.Actor
	Who     string
	Why     string // in the words of who asks; may be empty

	// Check sees the order as it is when the refund is asked for, and refuses it; it may run more than once and changes nothing.
	// Nothing comes between it and the refund. nil: nobody refuses.
	Check func(o *Order) error

	Record RefundRecord // what an API remembers of it, by which it finds it again; zero: nothing
}

// Refund sets money of an ended order aside to go back; a worker sends it, above a limit once a second person has
// approved it. A merchant refunds out of what he
// earned by the order and still has; what is in suspense is an operator's to give.
//
// Errors: not_found; forbidden for a merchant who names a suspense account; order_state_conflict when the
// order has not ended, its share of the account is less, or the money lies in the merchant's own wallet;
// insufficient_balance when the merchant has spent it; idempotency_conflict when the id is that of another
// transfer; missing_field (destination) when nobody knows where the payment came from, or when it came from several
// payers, between whom the engine does not choose; those of Check; not_configured when the destination's rail does not serve the mode;
// duplicate_reference when another refund has the record's key.
func (e *Engine) Refund(ctx context.Context, r NewRefund) (*Order, error) {
	if r.Actor == order.ByMerchant && r.From != ledger.Merchant {
		return nil, fault.New(fault.CodeForbidden, "only an operator refunds what is in suspense")
	}
	if r.ID == "" {
		return nil, fault.New(fault.CodeMissingField, "the refund needs an id").On("id")
	}
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{r.OrderID}}, func(tx Tx) error {
		o, err := tx.Order(r.OrderID)
		if err != nil {
			return err
		}
		got = o
		owner, err := tx.OrderByTransfer(r.ID)
		if err != nil {
			return err
		}
		if owner != "" {
			return sameRefund(o, r, owner)
		}
		if r.Check != nil {
			if err := r.Check(o); err != nil {
				return err
			}
		}
		return e.refund(tx, o, r)
	})
	return got, err
}

func (e *Engine) refund(tx Tx, o *Order, r NewRefund) error {
	if !o.State.Terminal() {
		return fault.New(fault.CodeOrderStateConflict, "The order has not ended.")
	}
	to := r.To
	if (to == Destination{}) {
		var err error
		if to, err = o.cameFrom(r.From, r.Amount.Asset()); err != nil {
			return err
		}
	}
	if to.Rail == "" || to.To == "" {
		return fault.New(fault.CodeMissingField, "where the money goes is missing").On("destination")
	}
	if err := e.serves(to.Rail, o.Scope.Mode); err != nil {
		return err
	}
	o.surround(r.ID, Sending{Destination: to, Look: tx.Now(), Maker: r.Who, Why: r.Why, Doc: string(r.Record.Doc)})
	_, err := e.apply(tx, o, order.Change{Kind: order.RefundIt, Actor: r.Actor, Who: r.Who, Transfer: order.Transfer{
		ID: r.ID, Amount: r.Amount, Source: o.Terms.Book.Account(r.From), To: payer(o.Terms.Book, to.Rail), Rail: string(to.Rail),
	}}, false)
	if err != nil {
		return err
	}
	if err := recordRefund(tx, o, r); err != nil {
		return err
	}
	return e.mayRefund(tx, o, r.ID, r.Amount)
}

// sameRefund says whether a transfer on record is the one that is asked for again.
func sameRefund(o *Order, r NewRefund, owner string) error {
	if owner == o.ID {
		t := o.transfer(r.ID)
		if t.Purpose == order.Refund && t.Amount.Equal(r.Amount) && t.Source == o.Terms.Book.Account(r.From) &&
			(r.To == Destination{} || r.To == o.Sendings[r.ID].Destination) {
			return nil
		}
	}
	return fault.New(fault.CodeIdempotencyConflict, "this id is that of another transfer")
}

// cameFrom is where money of an asset in one of the order's accounts came from, as far as its rail could tell. Anybody
// may pay something to an order that was paid: what its payer paid never goes to him. It is the zero Destination where
// no payment is known.
//
// Error: missing_field (destination) when it is the money of several payers.
func (o *Order) cameFrom(from ledger.Role, asset money.Asset) (d Destination, err error) {
	for _, p := range o.paidInto(from, asset) {
		payer := Destination{Rail: rail.Name(p.Rail), To: p.Evidence.From}
		if d != (Destination{}) && d != payer {
			return Destination{}, fault.New(fault.CodeMissingField, "the money came from several payers: say where it goes").On("destination")
		}
		d = payer
	}
	return d, nil
}

// paidInto is the payments whose money can lie in one of the order's accounts: what was set aside for itself in its own
// account, what came after the order was paid, or was too much then, in suspense/extra, and in every other what made the
// order paid.
func (o *Order) paidInto(from ledger.Role, asset money.Asset) (list []order.Payment) {
	booked := ledger.In
	if from == ledger.Wrong || from == ledger.Late || from == ledger.Unfit {
		booked = from
	}
	for _, p := range o.Payments {
		if p.Rank == order.RankConfirmed && p.Amount.Asset() == asset && p.Rail != order.BalanceRail && p.Booked == o.Terms.Book.Account(booked) {
			list = append(list, p)
		}
	}
	closing := slices.IndexFunc(list, func(p order.Payment) bool { return p.PaymentKey == o.Closing })
	if booked != ledger.In || closing < 0 || from == ledger.Extra && o.State != order.Completed { // what was not passed on is set aside whole
		return list
	}
	return o.split(list, list[closing], from == ledger.Extra)
}

// split is what made the order paid, of the payments that counted, or what was more than that. Where one payment has to
// fit, the closing one alone made it paid; where parts add up, it and what was confirmed before it. Of several that were
// confirmed at once it takes as many as the order needed.
func (o *Order) split(counted []order.Payment, closing order.Payment, more bool) (list []order.Payment) {
	enough := o.Terms.Due.Sub(o.Terms.Under)
	sum, paid := closing.Amount, map[order.PaymentKey]bool{closing.PaymentKey: true}
	take := func(fits func(order.Payment) bool) {
		for _, p := range counted {
			if !o.Terms.Whole && !paid[p.PaymentKey] && fits(p) {
				sum, paid[p.PaymentKey] = sum.Add(p.Amount), true
			}
		}
	}
	take(func(p order.Payment) bool { return p.Settled.Before(closing.Settled) })
	take(func(p order.Payment) bool { return p.Settled.Equal(closing.Settled) && sum.Cmp(enough) < 0 })
	for _, p := range counted {
		if paid[p.PaymentKey] != more {
			list = append(list, p)
		}
	}
	if more && sum.Cmp(o.Terms.Due) > 0 {
		list = append(list, closing)
	}
	return list
}
