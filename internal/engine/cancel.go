package engine

import (
	"context"

	"till/internal/order"
)

// Cancel ends an order before it is delivered. A merchant may cancel where the order's terms let him and
// no foreign money was seen; an operator any order that is not yet delivering.
//
// Errors: not_found, order_state_conflict.
func (e *Engine) Cancel(ctx context.Context, id string, actor order.Actor, who string, reason order.Reason) (*Order, error) {
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{id}}, func(tx Tx) error {
		o, err := tx.Order(id)
		if err != nil {
			return err
		}
		_, err = e.apply(tx, o, order.Change{Kind: order.Cancel, Actor: actor, Who: who, Reason: reason}, false)
		got = o
		return err
	})
	return got, err
}
