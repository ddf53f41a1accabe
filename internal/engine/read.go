package engine

import (
	"context"
	"encoding/json"

	"till/internal/rail"
)

// Order finds an order of the scope by its public id. Error: not_found, also for another scope's order.
func (e *Engine) Order(ctx context.Context, s Scope, publicID string) (*Order, error) {
	return e.view(ctx, func(rd Reader) (*Order, error) { return rd.OrderByPublic(s, publicID) })
}

// OrderByUnique finds an order by what is unique in its scope. Error: not_found.
func (e *Engine) OrderByUnique(ctx context.Context, k UniqueKey) (*Order, error) {
	return e.view(ctx, func(rd Reader) (*Order, error) { return rd.OrderByUnique(k) })
}

func (e *Engine) view(ctx context.Context, find func(Reader) (*Order, error)) (*Order, error) {
	var o *Order
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		if o, err = find(rd); err != nil {
			return err
		}
		return fillHead(rd, o)
	})
	return o, err
}

// Orders lists a scope's orders. Errors: invalid_page, overloaded.
func (e *Engine) Orders(ctx context.Context, f Filter) (Page, error) {
	var page Page
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		if page, err = rd.Orders(f); err != nil {
			return err
		}
		return fillHeads(rd, page.Orders)
	})
	return page, err
}

// fillHeads does what fillHead does, and asks once for each rail.
func fillHeads(rd Reader, list []Order) error {
	heads := map[rail.Name]uint64{}
	for i := range list {
		o := &list[i]
		head, known := heads[o.Rail]
		if !known {
			if err := fillHead(rd, o); err != nil {
				return err
			}
			head = o.Head
			heads[o.Rail] = head
		}
		o.Head = head
	}
	return nil
}

// fillHead tells an order how far its rail is, so that confirmations can be counted.
func fillHead(rd Reader, o *Order) error {
	p, err := rd.Progress(o.Rail)
	if err != nil || p == nil {
		return err
	}
	o.Head = p.Cursor.Head
	return nil
}

// Settings returns a merchant's own settings of a mode.
func (e *Engine) Settings(ctx context.Context, s SettingScope) (map[string]json.RawMessage, error) {
	var got map[string]json.RawMessage
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		got, err = rd.Settings(s)
		return err
	})
	return got, err
}

// SaveSetting changes one setting. It holds for orders created from then on. The caller has checked the
// value; nil goes back to the default.
func (e *Engine) SaveSetting(ctx context.Context, s SettingScope, key string, value json.RawMessage) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		said := key + " is the default"
		if value != nil {
			said = key + " is " + string(value)
		}
		if err := e.act(tx, s.Mode, "setting.save", s.Merchant, said); err != nil {
			return err
		}
		return tx.SaveSetting(s, key, value)
	})
}

// ByID finds an order of any scope by its internal id. For operators. Error: not_found.
func (e *Engine) ByID(ctx context.Context, id string) (o *Order, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		o, err = rd.Order(id)
		return err
	})
	return o, err
}
