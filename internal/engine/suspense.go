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

// Release gives money of an ended order that lies in a suspense account to the merchant: that is how late
// or surplus money is accepted. The order stays as it ended. For operators.
//
// Errors: not_found; order_state_conflict when the order has not ended or has less there.
func (e *Engine) Release(ctx context.Context, orderID string, from ledger.Role, amount money.Amount, who string) (*Order, error) {
	return e.command(ctx, orderID, func(o *Order) order.Change {
		return order.Change{Kind: order.Release, Actor: order.ByOperator, Who: who, Account: o.Terms.Book.Account(from), Amount: amount}
	})
}

// Absorb writes off what is missing under an ended order: the house bears it. For operators.
//
// Errors: not_found; order_state_conflict when the order has not ended or is short of less.
func (e *Engine) Absorb(ctx context.Context, orderID string, amount money.Amount, who string) (*Order, error) {
	return e.command(ctx, orderID, func(*Order) order.Change {
		return order.Change{Kind: order.Absorb, Actor: order.ByOperator, Who: who, Amount: amount}
	})
}

func (e *Engine) command(ctx context.Context, orderID string, ask func(*Order) order.Change) (*Order, error) {
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		got = o
		_, err = e.apply(tx, o, ask(o), false)
		return err
	})
	return got, err
}

// Assign gives a confirmed payment that no order owns to an order that is still collecting, with its own
// value time. From then on what its rail tells of it is about the order. For operators.
//
// Errors: not_found when there is no such payment without an owner, or it is of another mode than the order;
// order_state_conflict when the order is past collecting, or the money is not confirmed or held by somebody
// else: release or refund it then.
func (e *Engine) Assign(ctx context.Context, k order.PaymentKey, orderID, who string) (*Order, error) {
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{orderID}, Payments: []order.PaymentKey{k}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		got = o
		stray, err := tx.Stray(k)
		if err != nil {
			return err
		}
		if stray == nil || stray.Mode != o.Scope.Mode {
			return fault.New(fault.CodeNotFound, "no such payment without an owner")
		}
		c := order.Change{Kind: order.AssignIt, Actor: order.ByOperator, Who: who, Payment: stray.Payment}
		if err := e.screenPayment(tx, o, &c); err != nil {
			return err
		}
		if _, err = e.apply(tx, o, c, false); err != nil {
			return err
		}
		return assigned(tx, rail.Name(k.Rail), k.External, o)
	})
	return got, err
}

// Aside returns orders that have money in suspense, or a shortfall, oldest first, behind the given internal
// id. For operators.
func (e *Engine) Aside(ctx context.Context, m Mode, after string, limit int) ([]Order, error) {
	var list []Order
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.Aside(m, after, limit)
		return err
	})
	return list, err
}

// Strays returns payments that no order owns, of every mode, by rail and external id, behind the given one.
// For operators.
func (e *Engine) Strays(ctx context.Context, after order.PaymentKey, limit int) ([]Stray, error) {
	var list []Stray
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.Strays(after, limit)
		return err
	})
	return list, err
}

// StraysOf returns payments that hit an instrument of the merchant in the mode and that no order owns, the newest first.
func (e *Engine) StraysOf(ctx context.Context, merchant string, m Mode, limit int) ([]Stray, error) {
	var list []Stray
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.StraysOf(merchant, m, limit)
		return err
	})
	return list, err
}

// Reviewed says whether a person must decide something about the order.
func (o *Order) Reviewed() bool {
	if o.State.Terminal() && o.State != order.Completed {
		return false
	}
	return slices.ContainsFunc(o.Reviews, func(r order.Review) bool { return r.State == order.ReviewOpen || r.State == order.ReviewDocuments })
}

// Aside says whether money of the order lies in suspense or is missing.
func (o *Order) Aside() bool {
	for _, b := range o.Balances {
		switch b.Account.Kind() {
		case ledger.Extra, ledger.Late, ledger.Wrong, ledger.Unfit, ledger.Refused, ledger.Returned, ledger.Short:
			return true
		}
	}
	return false
}
