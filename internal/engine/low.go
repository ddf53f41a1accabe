package engine

import (
	"context"
	"slices"
	"strconv"
)

// PoolLow is told of a scope when fewer of its merchant's instruments of a family are free than a threshold, once until
// there were enough in between. The details are family, available, total and threshold; total leaves out what is
// archived or used up.
const PoolLow = "pool.low"

// lowTx is the part of Tx about pools that run low.
type lowTx interface {
	// PoolIsLow says whether it is on record that the scope's pool of a family is low. It never was: false.
	PoolIsLow(s Scope, f Family) (bool, error)
	SavePoolIsLow(s Scope, f Family, low bool) error // version_conflict when another process was faster
}

// lowReader is the part of Reader about pools that run low.
type lowReader interface {
	PoolIsLow(s Scope, f Family) (bool, error)
	// FreeInstruments is how many instruments of a pool could be handed out now, counted up to max. Its cost follows the
	// instruments that can still serve, never those that were used up or made for one order.
	FreeInstruments(p Pool, max int64) (int64, error)
}

// PoolFamilies lists the families of a mode of which merchants have pools.
func (e *Engine) PoolFamilies(m Mode) (list []Family) {
	for _, n := range e.Networks(m) {
		if !n.Makes() && n.Family != "" && !slices.Contains(list, n.Family) {
			list = append(list, n.Family)
		}
	}
	return list
}

// CheckPool tells the scope when its merchant's pool of a family fell below the threshold, and puts on record whether it
// is below. A threshold of 0 is never fallen below. A pool without any instrument is not low, and while the scope has no
// endpoint there is nobody to tell: then it is told when there is one. For workers; of several processes one tells.
//
// Error: version_conflict when another process was faster.
func (e *Engine) CheckPool(ctx context.Context, s Scope, f Family, threshold int64) (told bool, err error) {
	var was, low bool
	var details map[string]string
	err = e.store.View(ctx, func(rd Reader) error {
		if was, err = rd.PoolIsLow(s, f); err != nil || threshold <= 0 {
			return err
		}
		p := Pool{Merchant: s.Merchant, Mode: s.Mode, Family: f}
		free, err := rd.FreeInstruments(p, threshold)
		if low = free < threshold; err != nil || !low || was {
			return err
		}
		endpoints, err := rd.Listeners(s)
		if err != nil {
			return err
		}
		counts, err := rd.InstrumentCounts(p)
		low = counts.Total > 0 && len(endpoints) > 0
		details = map[string]string{
			"family": string(f), "available": strconv.FormatInt(free, 10), "threshold": strconv.FormatInt(threshold, 10),
			"total": strconv.FormatInt(counts.Total-counts.Archived-counts.Used, 10),
		}
		return err
	})
	if err != nil || low == was {
		return false, err
	}
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		told = false
		if now, err := tx.PoolIsLow(s, f); err != nil || now == low {
			return err
		}
		if err := tx.SavePoolIsLow(s, f, low); err != nil || !low {
			return err
		}
		told = true
		_, err := announce(tx, s, Notice{Type: PoolLow, Details: details})
		return err
	})
	return told && err == nil, err
}
