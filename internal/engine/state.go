package engine

import (
	"context"

	"till/internal/rail"
)

// State is the private memory of one rail.
func (e *Engine) State(r rail.Name) rail.State { return railState{e.store, r} }

type railState struct {
	store Store
	rail  rail.Name
}

func (s railState) Update(ctx context.Context, fn func(rail.Memory) error, reads ...string) error {
	var want Keys
	for _, key := range reads {
		want.Memory = append(want.Memory, RailKey{s.rail, key})
	}
	return s.store.Update(ctx, want, func(tx Tx) error { return fn(railMemory{tx, s.rail}) })
}

func (s railState) List(ctx context.Context, prefix, after string, limit int) ([]rail.Item, error) {
	var list []rail.Item
	err := s.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.RailStates(s.rail, prefix, after, limit)
		return err
	})
	return list, err
}

type railMemory struct {
	tx   Tx
	rail rail.Name
}

func (m railMemory) Get(key string) ([]byte, error) { return m.tx.RailState(m.rail, key) }
func (m railMemory) Put(key string, value []byte) error {
	return m.tx.SaveRailState(m.rail, key, value)
}
