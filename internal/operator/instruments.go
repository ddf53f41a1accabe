package operator

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
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
	serve(a, huma.Operation{
		OperationID: "importInstruments", Method: http.MethodPost, Path: "/instruments", Security: needs("instruments:write"),
		Summary:     "Add addresses to a pool",
		Description: "All of them or, when one is refused, none. Addresses that the pool has already are left as they are.",
	}, a.importInstruments)
	serve(a, huma.Operation{
		OperationID: "releaseInstrument", Method: http.MethodPost, Path: "/instruments/release", Security: needs("instruments:write"),
		Summary:     "End an address's quarantine",
		Description: "Money arrived there that no order was waiting for: look at it first. The address serves again after its rest.",
	}, a.releaseInstrument)
	serve(a, huma.Operation{
		OperationID: "archiveInstrument", Method: http.MethodPost, Path: "/instruments/archive", Security: needs("instruments:write"),
		Summary:     "Take an address out of use",
		Description: "The order that has it keeps it to its end, and what arrives there is booked as before.",
	}, a.archiveInstrument)
	serve(a, huma.Operation{
		OperationID: "unarchiveInstrument", Method: http.MethodPost, Path: "/instruments/unarchive", Security: needs("instruments:write"),
		Summary: "Take an address back into use",
	}, a.unarchiveInstrument)
}

// PoolInput names a pool. It is exported because huma reads an embedded struct only then.
type PoolInput struct {
	Merchant string `query:"merchant" required:"true" maxLength:"64" doc:":house is the operator's own pool"`
	Mode     string `query:"mode" required:"true" enum:"live,sandbox"`
	Family   string `query:"family" default:"evm" maxLength:"32" doc:"what shares addresses: evm is every Ethereum-like chain"`
}

func (in PoolInput) pool() engine.Pool {
	return poolOf(in.Merchant, in.Mode, in.Family)
}

// poolOf is the pool of a merchant, or of the house.
func poolOf(merchant, mode, family string) engine.Pool {
	if merchant == client.House {
		return engine.HousePool(engine.Mode(mode), familyOf(family))
	}
	return engine.Pool{Merchant: merchant, Mode: engine.Mode(mode), Family: familyOf(family)}
}

type instrumentsInput struct {
	PoolInput
	PageInput
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
		page.Instruments = append(page.Instruments, instrumentOf(row))
	}
	return page, nil
}

func instrumentOf(row engine.InstrumentRow) client.Instrument {
	i := client.Instrument{
		Family: string(row.Instrument.Family), Address: row.Instrument.Value, State: string(row.State),
		Order: row.OrderID, Reference: row.Reference, CreatedAt: row.CreatedAt.UTC(),
	}
	if row.State == engine.InstrumentResting {
		i.RestUntil = timeOf(row.RestUntil)
	}
	return i
}

func (a *api) countInstruments(ctx context.Context, in *PoolInput) (client.InstrumentCounts, error) {
	if err := mustSee(ctx, engine.Mode(in.Mode)); err != nil {
		return client.InstrumentCounts{}, err
	}
	c, err := a.Engine.InstrumentCounts(ctx, in.pool())
	return client.InstrumentCounts{Total: c.Total, Available: c.Free, Allocated: c.Held, Bound: c.Bound, Cooldown: c.Resting, Archived: c.Archived,
		Quarantined: c.Quarantined, Used: c.Used}, err
}

type importInput struct{ Body client.InstrumentImport }

func (a *api) importInstruments(ctx context.Context, in *importInput) (client.InstrumentsImported, error) {
	b := in.Body
	if err := mustSee(ctx, engine.Mode(b.Mode)); err != nil {
		return client.InstrumentsImported{}, err
	}
	p := poolOf(b.Merchant, b.Mode, b.Family)
	list := make([]engine.Imported, len(b.Addresses))
	first := map[string]int{}
	for i, text := range b.Addresses {
		value, err := a.ParseAddress(p.Family, text)
		if err != nil {
			return client.InstrumentsImported{}, at(err, i)
		}
		if j, twice := first[value]; twice {
			return client.InstrumentsImported{}, at(fault.New(fault.CodeInvalidAddress, "the same address as number "+strconv.Itoa(j)), i)
		}
		first[value] = i
		list[i] = engine.Imported{Value: value}
	}
	if !p.IsHouse() {
		if err := a.merchant(ctx, b.Merchant); err != nil {
			return client.InstrumentsImported{}, err
		}
	}
	added, err := a.as(ctx).ImportInstruments(ctx, p, list)
	if f, ok := fault.As(err); ok && f.Code == fault.CodeInvalidAddress {
		i, _ := strconv.Atoi(f.Param)
		err = at(err, i)
	}
	return client.InstrumentsImported{Added: added, Present: len(list) - added}, err
}

// at names the address of an import that is refused.
func at(err error, i int) error {
	if f, ok := fault.As(err); ok {
		return f.On("addresses[" + strconv.Itoa(i) + "]")
	}
	return err
}

func familyOf(text string) engine.Family { return engine.Family(cmp.Or(text, string(engine.EVM))) }

type instrumentInput struct{ Body client.InstrumentRef }

func (a *api) releaseInstrument(ctx context.Context, in *instrumentInput) (client.Instrument, error) {
	return a.keep(ctx, in.Body, (*engine.Engine).ReleaseInstrument)
}

func (a *api) archiveInstrument(ctx context.Context, in *instrumentInput) (client.Instrument, error) {
	return a.keep(ctx, in.Body, (*engine.Engine).ArchiveInstrument)
}

func (a *api) unarchiveInstrument(ctx context.Context, in *instrumentInput) (client.Instrument, error) {
	return a.keep(ctx, in.Body, (*engine.Engine).UnarchiveInstrument)
}

// keep changes how an address is kept and shows it afterwards. An address of a pool that the caller may not
// see does not exist for him.
func (a *api) keep(ctx context.Context, ref client.InstrumentRef, change func(*engine.Engine, context.Context, engine.Pool, string) error) (client.Instrument, error) {
	p := poolOf(ref.Merchant, ref.Mode, ref.Family)
	if !sees(ctx, p.Mode) {
		return client.Instrument{}, fault.New(fault.CodeNotFound, "the pool has no such address")
	}
	value, err := a.ParseAddress(p.Family, ref.Address)
	if f, ok := fault.As(err); ok {
		return client.Instrument{}, f.On("address")
	}
	if err == nil {
		err = change(a.as(ctx), ctx, p, value)
	}
	if err != nil {
		return client.Instrument{}, err
	}
	row, err := a.Engine.Instrument(ctx, p, value)
	return instrumentOf(row), err
}
