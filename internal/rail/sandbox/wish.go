package sandbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"till/internal/order"
	"till/internal/rail"
)

// fulfil makes the payments whose time has come, on the mode's clock: each in the transaction that takes its wish out of
// the memory.
func (r *Rail) fulfil(ctx context.Context) error {
	items, err := r.state.List(ctx, rail.WishKey, "", wordsAtOnce)
	if err != nil || len(items) == 0 {
		return err
	}
	now, err := r.clock(ctx)
	if err != nil {
		return err
	}
	for _, item := range items {
		wish, err := rail.ReadWish(item.Value)
		if err != nil {
			return fmt.Errorf("sandbox: the wish %s cannot be read: %w", item.Key, err)
		}
		if wish.At.After(now) {
			return nil
		}
		if err := r.update(ctx, func(m rail.Memory) error { return r.grant(m, item.Key, wish) }); err != nil {
			return err
		}
	}
	return nil
}

// grant makes the payment of a wish that nobody has taken back.
func (r *Rail) grant(m rail.Memory, key string, wish rail.Wish) error {
	text, err := m.Get(key)
	if err != nil || text == nil {
		return err
	}
	id := strings.ToLower(Prefix) + wish.ID
	word := rail.Observation{
		External: id, Instrument: wish.Instrument, Rank: order.RankConfirmed, Amount: wish.Amount, Value: r.now().UTC().Truncate(time.Microsecond),
		Evidence: order.Evidence{Tx: id, From: defaultFrom, To: wish.Instrument, Document: wish.Document},
	}
	if err := rail.Save(m, paymentKey+id, word); err != nil {
		return err
	}
	if err := tell(m, word); err != nil {
		return err
	}
	return m.Put(key, nil)
}
