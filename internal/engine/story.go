package engine

import (
	"context"

	"till/internal/order"
)

// Story is all there is to say of an order, for operators.
type Story struct {
	Order    *Order
	Entries  []Entry
	Events   []Event
	Messages []Message
}

// Story finds an order of any scope by its public id and tells its whole story. For operators only.
// Error: not_found.
func (e *Engine) Story(ctx context.Context, publicID string) (Story, error) {
	var s Story
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		if s.Order, err = rd.OrderByPublic(Scope{}, publicID); err != nil {
			return err
		}
		if err = fillHead(rd, s.Order); err != nil {
			return err
		}
		if s.Entries, err = rd.Entries(s.Order.ID); err != nil {
			return err
		}
		if s.Events, err = rd.Events(s.Order.ID); err != nil {
			return err
		}
		s.Messages, err = rd.Messages(s.Order.ID)
		return err
	})
	return s, err
}

// Balances returns the balances of every account of a merchant's books in one mode.
func (e *Engine) Balances(ctx context.Context, merchant string, m Mode) ([]order.Balance, error) {
	var list []order.Balance
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.Balances(merchant, m)
		return err
	})
	return list, err
}
