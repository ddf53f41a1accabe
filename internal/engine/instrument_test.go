package engine_test

import (
	"context"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
)

func TestImportInstruments(t *testing.T) {
	k := newKit(t)
	add := func(p engine.Pool, values ...string) (int, error) {
		var list []engine.Imported
		for _, v := range values {
			list = append(list, engine.Imported{Value: v})
		}
		return k.engine.ImportInstruments(context.Background(), p, list)
	}
	added, err := add(pool(shop), "a8", "x1", "x2", "x1")
	k.must(err)
	want(k, "new", added, 2)
	k.unchanged("a list of which one is another pool's", func() {
		for _, p := range []engine.Pool{pool(other), pool(shopLive)} {
			_, err := add(p, "y1", "x2")
			k.wantCode(err, fault.CodeInvalidAddress)
			refusal, _ := fault.As(err)
			want(k, "which", refusal.Param, "1")
		}
	})

	o := k.order(k.ask(shop, north))
	var values []string
	for after := ""; ; {
		rows, err := k.engine.Instruments(context.Background(), pool(shop), after, 3)
		k.must(err)
		if len(rows) == 0 {
			break
		}
		for _, row := range rows {
			values = append(values, row.Instrument.Value)
			want(k, row.Instrument.Value, row.State, map[bool]engine.InstrumentState{true: engine.InstrumentHeld, false: engine.InstrumentFree}[row.Instrument == o.Instrument])
			if row.Instrument == o.Instrument {
				want(k, "holder", row.OrderID, o.PublicID)
			}
		}
		after = values[len(values)-1]
	}
	wantList(k, "pool", values, "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "x1", "x2")
	counts, err := k.engine.InstrumentCounts(context.Background(), pool(shop))
	k.must(err)
	want(k, "counts", counts, engine.InstrumentCounts{Total: 10, Free: 9, Held: 1})
}
