package store

import (
	"encoding/json"

	"till/internal/engine"
	"till/internal/order"
)

// Where one process writes, what its groups read and wrote is what the database still has, and the next group need not ask for it. So the
// writer of SQLite keeps the newest of a few nouns: what every group asks for (settings, clocks, how far rails are), and orders, which are
// changed a few times within seconds of each other and cost more to read back than to write. On PostgreSQL others write too: only orders are
// kept there, and one is used when the database says that it still has the same version, which every change of an order raises.
//
// It is exact because a group that was not committed leaves nothing here, and because every change of these nouns goes through the overlay: a
// statement that changes their rows in another way must call forget. The guards of the statements stand behind it all the same: a
// conflict says that somebody else wrote, everything is forgotten, and the group is computed again from what the database has.

const recentRows = 2048 // of a noun; an order has two to four kilobytes

// recent is the newest values of a noun that the database has, zero ones of what it does not have among them.
type recent[K comparable, V any] struct {
	young, old map[K]V // half of the most each: when the young are too many, the old go
}

func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.young[k]
	if !ok {
		if v, ok = r.old[k]; ok {
			r.put(k, v)
		}
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if len(r.young) >= recentRows/2 {
		r.old, r.young = r.young, nil
	}
	set(&r.young, k, v)
}

func (r *recent[K, V]) drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[K, V]) forget() { r.young, r.old = nil, nil }

// recents is what the writer keeps from group to group.
type recents struct {
	orders    recent[string, *engine.Order]
	payments  recent[order.PaymentKey, paymentRow]
	transfers recent[string, string]
	numbers   recent[int64, int64]
	settings  recent[engine.SettingScope, map[string]json.RawMessage]
	clocks    recent[engine.Mode, engine.Clock]
	progress  recent[engine.RailName, *engine.Progress]
	documents recent[engine.DocumentKey, *engine.Document]
	listeners recent[engine.Scope, map[string]bool]
}

// recall makes what is kept part of what the group finds.
func (g *group) recall() {
	r := &g.store.recents
	if g.db.postgres() {
		return
	}
	g.orders.recent, g.payments.recent, g.transfers.recent, g.numbers.recent = &r.orders, &r.payments, &r.transfers, &r.numbers
	g.settings.recent, g.clocks.recent, g.progress.recent, g.documents.recent = &r.settings, &r.clocks, &r.progress, &r.documents
}

// retain keeps what a committed group read and wrote.
func (g *group) retain() {
	r := &g.store.recents
	for id, o := range g.orders.group {
		if o.Head != 0 { // of the moment of reading
			c := *o
			c.Head = 0
			g.orders.group[id] = &c
		}
	}
	retain(&g.orders, &r.orders)
	retain(&g.payments, &r.payments)
	if g.db.postgres() {
		return
	}
	retain(&g.transfers, &r.transfers)
	retain(&g.numbers, &r.numbers)
	retain(&g.settings, &r.settings)
	retain(&g.clocks, &r.clocks)
	retain(&g.progress, &r.progress)
	retain(&g.documents, &r.documents)
	if len(g.endpoints.group) > 0 || len(g.merchants.group) > 0 {
		r.listeners.forget()
		return
	}
	for s, ids := range g.listeners {
		r.listeners.put(s, ids)
	}
}

// retain keeps what the database has of a noun after a commit.
func retain[K comparable, V any](s *shelf[K, V], r *recent[K, V]) {
	for k, v := range s.stored {
		if _, changed := s.group[k]; !changed {
			r.put(k, v)
		}
	}
	for k, v := range s.group {
		r.put(k, v)
	}
}

// known are those of the orders that are kept with all their payments. The others are forgotten, and asked for whole.
func (r *recents) known(ids []string) (known []string) {
	for _, id := range ids {
		o, _ := r.orders.get(id)
		if o == nil {
			continue
		}
		whole := true
		for _, p := range o.Payments {
			row, ok := r.payments.get(p.PaymentKey)
			whole = whole && ok && row.orderID == id
		}
		if !whole {
			r.orders.drop(id)
			continue
		}
		known = append(known, id)
	}
	return known
}

// askVersions asks whether orders are still as they are kept. One that is not is forgotten, so that who needs it asks for it whole.
func (g *group) askVersions(ids []string) []question {
	r := &g.store.recents
	return askAny(true, selectVersions, []string{"id"}, single(ids), func(rows record) error {
		var id string
		var version int64
		if err := rows.Scan(&id, &version); err != nil {
			return err
		}
		o, _ := r.orders.get(id)
		if o == nil || o.Version != version {
			r.orders.drop(id)
			return nil
		}
		for _, p := range o.Payments {
			if _, ok := g.payments.stored[p.PaymentKey]; !ok {
				row, _ := r.payments.get(p.PaymentKey)
				g.payments.load(p.PaymentKey, row)
			}
		}
		g.orders.load(id, o)
		return nil
	})
}

// forget is for when the database may have changed without the overlay.
func (r *recents) forget() { *r = recents{} }
