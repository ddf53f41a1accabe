package engine

import (
	"context"

	"till/internal/order"
	"till/internal/rail"
)

// Book answers what a watcher of the network may ask of what is on record.
func (e *Engine) Book(n Network) rail.Book { return book{e.store, n} }

type book struct {
	store   Store
	network Network
}

func (b book) Known(ctx context.Context, values []string) (map[string]bool, error) {
	var known map[string]bool
	err := b.store.View(ctx, func(rd Reader) error {
		var err error
		known, err = rd.KnownInstruments(b.network.Family, values)
		return err
	})
	return known, err
}

func (b book) Few(ctx context.Context, max int) ([]string, error) {
	var values []string
	err := b.store.View(ctx, func(rd Reader) error {
		var err error
		values, err = rd.FewInstruments(b.network.Family, max)
		return err
	})
	return values, err
}

func (b book) Since(ctx context.Context, from uint64) ([]rail.Mark, error) {
	var marks []rail.Mark
	err := b.store.View(ctx, func(rd Reader) error {
		list, err := rd.PaymentsSince(b.network.Rail, from)
		if err != nil {
			return err
		}
		for _, p := range list {
			marks = append(marks, rail.Mark{Confirmed: p.Rank == order.RankConfirmed, Observation: rail.Observation{
				External: p.External, Instrument: p.Evidence.To, Epoch: p.Epoch, Rank: p.Rank,
				Amount: p.Amount, Value: p.Evidence.At, Evidence: p.Evidence, Final: p.Final,
			}})
		}
		return nil
	})
	return marks, err
}

// Progress is how far a rail's watcher is; nil before its first word.
func (e *Engine) Progress(ctx context.Context, r rail.Name) (*Progress, error) {
	var p *Progress
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		p, err = rd.Progress(r)
		return err
	})
	return p, err
}
