package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/operator/client"
)

func (a *api) instruments() {
	serve(a, huma.Operation{
		OperationID: "listInstruments", Method: http.MethodGet, Path: "/instruments", Security: needs("instruments:read"),
		Summary: "A pool's addresses and references", Description: "By address. Pass next as after for the page that follows.",
	}, a.listInstruments)
	serve(a, huma.Operation{
		OperationID: "countInstruments", Method: http.MethodGet, Path: "/instruments/counts", Security: needs("instruments:read"),
		Summary: "How many of a pool are in each state",
	}, a.countInstruments)
}

// PoolInput names a pool. It is exported because huma reads an embedded struct only then.
type PoolInput struct {
	Merchant string `query:"merchant" required:"true" maxLength:"64"`
	Mode     string `query:"mode" required:"true" enum:"live,sandbox"`
	Family   string `query:"family" default:"evm" maxLength:"32" doc:"what shares addresses: evm is every Ethereum-like chain"`
}

func (in PoolInput) pool() engine.Pool {
	return engine.Pool{Merchant: in.Merchant, Mode: engine.Mode(in.Mode), Family: engine.Family(in.Family)}
}

type instrumentsInput struct {
	PoolInput
	After string `query:"after" maxLength:"256" doc:"the address before the page"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (a *api) listInstruments(ctx context.Context, in *instrumentsInput) (client.InstrumentPage, error) {
	page := client.InstrumentPage{Instruments: []client.Instrument{}}
	if err := mustSee(ctx, engine.Mode(in.Mode)); err != nil {
		return page, err
	}
	rows, err := a.Engine.Instruments(ctx, in.pool(), in.After, in.Limit+1) // one more tells whether there is a next page
	if err != nil {
		return page, err
	}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		page.Next = rows[in.Limit-1].Instrument.Value
	}
	for _, row := range rows {
		i := client.Instrument{
			Family: string(row.Instrument.Family), Address: row.Instrument.Value, State: string(row.State),
			Order: row.OrderID, CreatedAt: row.CreatedAt.UTC(),
		}
		if row.State == engine.InstrumentResting {
			i.RestUntil = timeOf(row.RestUntil)
		}
		page.Instruments = append(page.Instruments, i)
	}
	return page, nil
}

func (a *api) countInstruments(ctx context.Context, in *PoolInput) (client.InstrumentCounts, error) {
	if err := mustSee(ctx, engine.Mode(in.Mode)); err != nil {
		return client.InstrumentCounts{}, err
	}
	c, err := a.Engine.InstrumentCounts(ctx, in.pool())
	return client.InstrumentCounts{Total: c.Total, Available: c.Free, Allocated: c.Held, Cooldown: c.Resting, Archived: c.Archived}, err
}
