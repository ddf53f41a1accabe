package engine

import (
	"context"
	"fmt"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// What becomes of a pool's addresses beside serving orders: they are derived, looked into before they serve
// again, quarantined, archived.

// poolTx is the part of Tx about pools.
type poolTx interface {
	PoolSize(p Pool) (int64, error) // how many instruments a pool has
	// Derived is the first index that was never derived from a key. It is never lowered.
	Derived(key string) (next int64, err error)
	SaveDerived(key string, next int64) error // an error when next is lower than before
	// EndRest records what an instrument holds, so that it may serve again; without effect when another rest
	// has begun since.
	EndRest(in Instrument, since time.Time, found []Balance) error
	// QuarantineInstrument keeps an instrument from being handed out, from its next free moment on, until it is
	// released; then, if it ever was held, it waits for EndRest again. Without effect on one made for one order.
	QuarantineInstrument(in Instrument, quarantined bool) error
	// ArchiveInstrument keeps an instrument from being handed out, from its next free moment on, until it is
	// taken back. Without effect on one made for one order.
	ArchiveInstrument(in Instrument, archived bool) error
	lowTx // low.go
}

// poolReader is the part of Reader about pools.
type poolReader interface {
	Derived(key string) (next int64, err error)
	// DerivedFree returns derived addresses that no order has held, the last derived first, of the limit
	// derived last.
	DerivedFree(p Pool, limit int) ([]string, error)
	// RestOver returns instruments that could serve again if it were on record what they hold, the one whose
	// rest ended first first.
	RestOver(f Family, m Mode, limit int) ([]Rested, error)
	AnyQuarantined(f Family, m Mode) (bool, error)
	lowReader // low.go
}

// Balance is what an instrument held on one network at one block.
type Balance struct {
	Network string         `json:"network"`
	Block   uint64         `json:"block"`
	Amounts []money.Amount `json:"amounts"` // of every token of the network, also the zeros
}

// Rested is an instrument at the end of its rest.
type Rested struct {
	Instrument Instrument
	Since      time.Time // when its last hold ended
}

// HousePool is the pool of the operator's own addresses: what arrives there is the house's to hold, and owed to the
// merchants whose orders were paid there.
func HousePool(m Mode, f Family) Pool { return Pool{Mode: m, Family: f} }

// IsHouse says that it is the operator's own.
func (p Pool) IsHouse() bool { return p.Merchant == "" }

// DerivedNext is the first index that was never derived from a key.
func (e *Engine) DerivedNext(ctx context.Context, key string) (next int64, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		next, err = rd.Derived(key)
		return err
	})
	return next, err
}

// DerivedFree returns derived addresses of a pool that no order has held, looking at the limit derived last.
func (e *Engine) DerivedFree(ctx context.Context, p Pool, limit int) (values []string, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		values, err = rd.DerivedFree(p, limit)
		return err
	})
	return values, err
}

// AddDerived adds addresses derived from a key to a pool, all of them and the mark of what was derived in one
// transaction, so that no index is ever derived twice. first is the index that the caller began at; addresses
// that the pool has already are left as they are. Those that no index has (an empty Value) are passed over.
//
// Errors: version_conflict when somebody else derived meanwhile; invalid_address when one belongs to another
// pool.
func (e *Engine) AddDerived(ctx context.Context, p Pool, key string, first int64, values []string) (added int, err error) {
	var list []Imported
	for i, value := range values {
		if value != "" {
			index := first + int64(i)
			list = append(list, Imported{Value: value, DerivationIndex: &index, MasterPublicKey: key, Derived: true})
		}
	}
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		next, err := tx.Derived(key)
		if err != nil {
			return err
		}
		if first < next {
			return fault.New(fault.CodeVersionConflict, "these indexes were derived before")
		}
		if added, err = tx.ImportInstruments(p, list); err != nil {
			return err
		}
		return tx.SaveDerived(key, first+int64(len(values)))
	})
	return added, err
}

// RestOver returns instruments whose rest is over and of which it is not on record yet what they hold.
func (e *Engine) RestOver(ctx context.Context, f Family, m Mode, limit int) (list []Rested, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = rd.RestOver(f, m, limit)
		return err
	})
	return list, err
}

// EndRests records what instruments hold at the end of their rest. Only then may they serve another order.
func (e *Engine) EndRests(ctx context.Context, list []Rested, found map[Instrument][]Balance) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		for _, r := range list {
			if err := tx.EndRest(r.Instrument, r.Since, found[r.Instrument]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Quarantined says whether any instrument of a family and mode is in quarantine.
func (e *Engine) Quarantined(ctx context.Context, f Family, m Mode) (any bool, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		any, err = rd.AnyQuarantined(f, m)
		return err
	})
	return any, err
}

// QuarantineUnheld quarantines those of a pool's instruments that no order ever held: money found on them was
// not meant for any order on record. Error: not_found when one is not the pool's.
func (e *Engine) QuarantineUnheld(ctx context.Context, p Pool, values []string) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		for _, value := range values {
			in := Instrument{Family: p.Family, Value: value}
			if err := inPool(tx, p, in); err != nil {
				return err
			}
			hold, err := tx.HoldAt(in, "", tx.Now().AddDate(100, 0, 0))
			if err != nil {
				return err
			}
			if hold != nil {
				continue
			}
			if err := tx.QuarantineInstrument(in, true); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReleaseInstrument ends the quarantine of a pool's instrument: somebody has looked at the money that arrived
// there. It serves again when its rest is over and what it holds is on record; an address that was derived
// and held never does. Releasing one that is not in quarantine changes nothing. Only operators may call it.
//
// Error: not_found, also for another pool's.
func (e *Engine) ReleaseInstrument(ctx context.Context, p Pool, value string) error {
	return e.keep(ctx, p, value, "instrument.release", func(tx Tx, in Instrument) error { return tx.QuarantineInstrument(in, false) })
}

// ArchiveInstrument takes a pool's instrument out of use. The order that holds it keeps it to its end, and
// what arrives at it is booked as before. Archiving twice changes nothing.
//
// Error: not_found, also for another pool's.
func (e *Engine) ArchiveInstrument(ctx context.Context, p Pool, value string) error {
	return e.keep(ctx, p, value, "instrument.archive", func(tx Tx, in Instrument) error { return tx.ArchiveInstrument(in, true) })
}

// UnarchiveInstrument takes it back into use.
//
// Error: not_found, also for another pool's.
func (e *Engine) UnarchiveInstrument(ctx context.Context, p Pool, value string) error {
	return e.keep(ctx, p, value, "instrument.unarchive", func(tx Tx, in Instrument) error { return tx.ArchiveInstrument(in, false) })
}

// keep changes how a pool's instrument is kept, as an action of the operator where there is one.
func (e *Engine) keep(ctx context.Context, p Pool, value, what string, change func(Tx, Instrument) error) error {
	in := Instrument{Family: p.Family, Value: value}
	return e.update(ctx, Keys{}, func(tx Tx) error {
		if err := inPool(tx, p, in); err != nil {
			return err
		}
		if err := change(tx, in); err != nil {
			return err
		}
		return e.act(tx, p.Mode, what, value, fmt.Sprintf("pool %s %s", p.Merchant, p.Family))
	})
}

// inPool refuses an instrument that is not the pool's.
func inPool(tx Tx, p Pool, in Instrument) error {
	owner, err := tx.InstrumentPool(in)
	if err == nil && (owner == nil || *owner != p) {
		err = fault.New(fault.CodeNotFound, "the pool has no such address")
	}
	return err
}

// arrived quarantines an instrument that money arrived at while no order held it: somebody pays to it who
// was not told to, so it is not for the next order before an operator has looked. A reference made for one
// order is never another's and needs none.
func arrived(tx Tx, n Network, in Instrument, hold *Hold, at time.Time) error {
	if n.Makes() || hold != nil && (hold.To.IsZero() || !at.After(hold.To)) {
		return nil
	}
	p, err := tx.InstrumentPool(in)
	if err != nil || p == nil {
		return err
	}
	return tx.QuarantineInstrument(in, true)
}
