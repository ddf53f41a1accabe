package engine

import (
	"context"
	"fmt"
)

// ImportInstruments adds addresses to a merchant's pool. Those it has already are left alone; the whole
// list is taken or, when one belongs to another pool, none of it. The caller has checked and
// canonicalised the values.
//
// Error: invalid_address (Param: the index).
func (e *Engine) ImportInstruments(ctx context.Context, p Pool, list []Imported) (added int, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		if added, err = tx.ImportInstruments(p, list); err != nil || added == 0 {
			return err
		}
		return e.act(tx, p.Mode, "instrument.import", p.Merchant, fmt.Sprintf("%d of %s", added, p.Family))
	})
	return added, err
}

// Instruments lists a pool's instruments by value, after the given one.
func (e *Engine) Instruments(ctx context.Context, p Pool, after string, limit int) ([]InstrumentRow, error) {
	var rows []InstrumentRow
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		rows, err = rd.Instruments(p, after, limit)
		return err
	})
	return rows, err
}

// InstrumentCounts counts a pool's instruments by state.
func (e *Engine) InstrumentCounts(ctx context.Context, p Pool) (InstrumentCounts, error) {
	var c InstrumentCounts
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		c, err = rd.InstrumentCounts(p)
		return err
	})
	return c, err
}
