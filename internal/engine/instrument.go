package engine

import (
	"context"
	"fmt"
	"math"

	"till/internal/fault"
)

// ImportInstruments adds addresses to a merchant's pool. Those it has already are left alone; the whole
// list is taken or, when one belongs to another pool, none of it. The caller has checked and
// canonicalised the values.
//
// Error: invalid_address (Param: the index).
func (e *Engine) ImportInstruments(ctx context.Context, p Pool, list []Imported) (added int, err error) {
	return e.ImportInstrumentsUpTo(ctx, p, list, math.MaxInt64)
}

// ImportInstrumentsUpTo is ImportInstruments into a pool that may have most instruments. Importing what it has already
// is fine however many it has.
//
// Errors: invalid_address (Param: the index); invalid_value when there would be more.
func (e *Engine) ImportInstrumentsUpTo(ctx context.Context, p Pool, list []Imported, most int64) (added int, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		if added, err = tx.ImportInstruments(p, list); err != nil || added == 0 {
			return err
		}
		if most < math.MaxInt64 {
			size, err := tx.PoolSize(p)
			if err != nil {
				return err
			}
			if size > most {
				return fault.New(fault.CodeInvalidValue, fmt.Sprintf("The pool may have at most %d addresses; it would have %d", most, size))
			}
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

// InstrumentPage lists a pool's instruments by value, behind the first skip of them, with how many there are.
func (e *Engine) InstrumentPage(ctx context.Context, p Pool, skip, limit int) (rows []InstrumentRow, total int64, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		counts, err := rd.InstrumentCounts(p)
		if total = counts.Total; err != nil || int64(skip) >= total {
			return err
		}
		after := ""
		if skip > 0 {
			if after, err = rd.InstrumentBefore(p, skip); err != nil {
				return err
			}
		}
		rows, err = rd.Instruments(p, after, limit)
		return err
	})
	return rows, total, err
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
