package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// Money that leaves the house: who owns a transfer, what waits to be sent or looked at, what lies aside, and
// the private memory of rails.

// transfers
const (
	selectTransferOwners = `SELECT id, order_id FROM transfers WHERE {any}`
	upsertTransfer       = `INSERT INTO transfers (id, order_id, rail, purpose, state, look_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, look_at = excluded.look_at WHERE transfers.order_id = excluded.order_id`
	selectTransfersDue = `SELECT look_at, id, order_id FROM transfers WHERE rail = $1 AND look_at <= $2 AND (look_at, id) > ($3, $4)
		ORDER BY look_at, id LIMIT $5`
	selectOrdersToSend = `SELECT send_at, id FROM orders WHERE send_rail = $1 AND send_at <= $2 AND (send_at, id) > ($3, $4)
		ORDER BY send_at, id LIMIT $5`
	selectOrdersAside = `SELECT id FROM orders WHERE mode = $1 AND aside = 1 AND id > $2 ORDER BY id LIMIT $3`
	selectReviewed    = `SELECT id FROM orders WHERE mode = $1 AND reviewing = 1 AND id > $2 ORDER BY id LIMIT $3`
	selectStrays      = `SELECT order_id, position, body FROM payments WHERE order_id = '' AND (rail, external) > ($1, $2)
		ORDER BY rail, external LIMIT $3`
	selectStraysOf = `SELECT order_id, position, body FROM payments WHERE stray_of <> '' AND stray_of = $1 ORDER BY told_at DESC, rail DESC, external DESC LIMIT $2`
)

// rails
const (
	selectRailState  = `SELECT rail, name, value FROM rail_state WHERE {any}`
	selectRailStates = `SELECT name, value FROM rail_state WHERE rail = $1 AND name >= $2 AND name > $3 AND name < $4 ORDER BY name LIMIT $5`
	insertRailState  = `INSERT INTO rail_state (rail, name, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	updateRailState  = `UPDATE rail_state SET value = $1 WHERE rail = $2 AND name = $3 AND value = $4`
	deleteRailState  = `DELETE FROM rail_state WHERE rail = $1 AND name = $2 AND value = $3`
)

func (t *tx) OrderByTransfer(id string) (string, error) { return t.use().transferOwner(id) }

// transferOwner is the order's id, "" for a transfer nobody knows.
func (g *group) transferOwner(id string) (string, error) {
	err := g.db.ask(g.askTransfers([]string{id}))
	owner, _ := g.transfers.get(id)
	return owner, err
}

func (g *group) askTransfers(ids []string) []question {
	missing := g.transfers.missing(ids)
	for _, id := range missing {
		g.transfers.load(id, "")
	}
	return askAny(g.db.postgres(), selectTransferOwners, []string{"id"}, single(missing), func(rows record) error {
		var id, owner string
		err := rows.Scan(&id, &owner)
		g.transfers.load(id, owner)
		return err
	})
}

// saveTransfers records whose the order's transfers are; flushTransfers writes them.
func (t *tx) saveTransfers(was, o *engine.Order) error {
	if was != nil && len(o.Transfers) < len(was.Transfers) {
		return fmt.Errorf("order %s: a transfer on record cannot be removed", o.ID)
	}
	for i, transfer := range o.Transfers {
		if was != nil && i < len(was.Transfers) && was.Transfers[i].ID == transfer.ID {
			continue
		}
		if _, known := t.g.transfers.get(transfer.ID); !known && t.g.made[transfer.ID] {
			t.g.transfers.load(transfer.ID, "")
		}
		owner, err := t.g.transferOwner(transfer.ID)
		if err != nil {
			return err
		}
		switch owner {
		case o.ID:
		case "":
			t.g.transfers.put(transfer.ID, o.ID)
		default:
			return fmt.Errorf("order %s: transfer %s belongs to another order", o.ID, transfer.ID)
		}
	}
	return nil
}

func (g *group) flushTransfers() error {
	return inOrder(&g.orders, strings.Compare, func(_ string, was, now *engine.Order) error {
		for i, t := range now.Transfers {
			look := now.Sendings[t.ID].Look
			if was != nil && i < len(was.Transfers) && was.Transfers[i].State == t.State && was.Sendings[t.ID].Look.Equal(look) {
				continue
			}
			err := g.write("transfer "+t.ID, upsertTransfer, t.ID, now.ID, t.Rail, string(t.Purpose), string(t.State), orNull(look))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sendColumns are where and from when on an order waits to be sent, nil twice when it does not.
func sendColumns(o *engine.Order) (on, at any) {
	if o.SendAt.IsZero() {
		return nil, nil
	}
	return string(o.Destination.Rail), micros(o.SendAt)
}

// orNull is a time as stored, NULL for none.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

// MakeInstrument imports the instrument as archived, so that no pool hands it out, and gives it to the order.
func (t *tx) MakeInstrument(p engine.Pool, r engine.RailName, value, orderID string) (engine.Instrument, error) {
	g := t.use()
	in := engine.Instrument{Family: p.Family, Value: value}
	if err := g.loadInstruments([]engine.Instrument{in}); err != nil {
		return in, err
	}
	if row, _ := g.instruments.get(in); row.pool != (engine.Pool{}) {
		return in, fmt.Errorf("instrument %s exists", value)
	}
	last, err := g.mark(markInstrument)
	if err != nil {
		return in, err
	}
	g.marks.put(markInstrument, last+1)
	g.instruments.put(in, instrumentRow{pool: p, number: last + 1, imported: engine.Imported{Value: value}, made: true})
	g.holds.put(in, []holdRow{{Hold: engine.Hold{Instrument: in, Rail: r, OrderID: orderID}, number: last + 1, taken: g.now}})
	return in, nil
}

func (r *reader) OrdersToSend(on engine.RailName, now time.Time, after engine.Due, limit int) ([]engine.Due, error) {
	var found []engine.Due
	args := []any{string(on), micros(now), micros(after.At), after.ID, limit}
	err := scan(r, selectOrdersToSend, args, func(rows record) error {
		var d engine.Due
		var at int64
		err := rows.Scan(&at, &d.ID)
		d.At = timeOf(at)
		found = append(found, d)
		return err
	})
	return found, err
}

func (r *reader) TransfersToWork(on engine.RailName, now time.Time, after engine.Due, limit int) ([]engine.DueTransfer, error) {
	var found []engine.DueTransfer
	args := []any{string(on), micros(now), micros(after.At), after.ID, limit}
	err := scan(r, selectTransfersDue, args, func(rows record) error {
		var d engine.DueTransfer
		var at int64
		err := rows.Scan(&at, &d.ID, &d.OrderID)
		d.At = timeOf(at)
		found = append(found, d)
		return err
	})
	return found, err
}

func (r *reader) Aside(m engine.Mode, after string, limit int) ([]engine.Order, error) {
	return r.ordersOf(selectOrdersAside, m, after, limit)
}

func (r *reader) Reviewed(m engine.Mode, after string, limit int) ([]engine.Order, error) {
	return r.ordersOf(selectReviewed, m, after, limit)
}

func (r *reader) ordersOf(query string, m engine.Mode, after string, limit int) ([]engine.Order, error) {
	ids, err := texts(r, query, string(m), after, limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var found []engine.Order
	err = queryOrders(r, "id", ids, func(o *engine.Order) { found = append(found, *o) })
	slices.SortFunc(found, func(a, b engine.Order) int { return cmp.Compare(a.ID, b.ID) })
	return found, err
}

func (r *reader) Strays(after order.PaymentKey, limit int) ([]engine.Stray, error) {
	var found []engine.Stray
	err := scan(r, selectStrays, []any{after.Rail, after.External, limit}, func(rows record) error {
		row, err := scanPayment(rows)
		found = append(found, row.Stray)
		return err
	})
	return found, err
}

func (r *reader) StraysOf(merchant string, m engine.Mode, limit int) ([]engine.Stray, error) {
	var found []engine.Stray
	err := scan(r, selectStraysOf, []any{merchant + "/" + string(m), limit}, func(rows record) error {
		row, err := scanPayment(rows)
		found = append(found, row.Stray)
		return err
	})
	return found, err
}

// strayOf is the column by which the payments are found that hit a merchant's instruments and that no order owns.
func strayOf(row paymentRow) string {
	if row.orderID != "" || row.Merchant == "" {
		return ""
	}
	return row.Merchant + "/" + string(row.Mode)
}

// The memory of rails.

func (t *tx) RailState(r engine.RailName, key string) ([]byte, error) {
	g, k := t.use(), engine.RailKey{Rail: r, Key: key}
	if _, known := g.memory.get(k); !known && g.made[key[strings.LastIndexByte(key, '/')+1:]] {
		g.memory.load(k, nil) // a line of what this transaction made
	}
	value, err := g.railState(k)
	return bytes.Clone(value), err
}

func (t *tx) SaveRailState(r engine.RailName, key string, value []byte) error {
	if key == "" || len(key) > 200 {
		return errors.New("a key of a rail's memory has 1 to 200 bytes")
	}
	t.use().memory.put(engine.RailKey{Rail: r, Key: key}, bytes.Clone(value))
	return nil
}

// railState is nil when there is none.
func (g *group) railState(k engine.RailKey) ([]byte, error) {
	if err := g.db.ask(g.askRailStates([]engine.RailKey{k})); err != nil {
		return nil, err
	}
	value, _ := g.memory.get(k)
	return value, nil
}

func (g *group) askRailStates(keys []engine.RailKey) []question {
	missing := g.memory.missing(keys)
	for _, k := range missing {
		g.memory.load(k, nil)
	}
	return g.askMemory(missing)
}

// askMemory asks what the database has under keys.
func (g *group) askMemory(keys []engine.RailKey) []question {
	args := make([][]any, len(keys))
	for i, k := range keys {
		args[i] = []any{string(k.Rail), k.Key}
	}
	return askAny(g.db.postgres(), selectRailState, []string{"rail", "name"}, args, func(rows record) error {
		var k engine.RailKey
		var value []byte
		err := rows.Scan(&k.Rail, &k.Key, &value)
		g.memory.load(k, blob(value))
		return err
	})
}

func (r *reader) RailStates(on engine.RailName, prefix, after string, limit int) ([]engine.RailItem, error) {
	var found []engine.RailItem
	err := scan(r, selectRailStates, []any{string(on), prefix, after, behind(prefix), limit}, func(rows record) error {
		var item engine.RailItem
		if err := rows.Scan(&item.Key, &item.Value); err != nil {
			return err
		}
		found = append(found, item)
		return nil
	})
	return found, err
}

// behind is the first text that sorts behind every one that begins with the prefix.
func behind(prefix string) string {
	for n := len(prefix) - 1; n >= 0; n-- {
		if prefix[n] < 0x7f {
			return prefix[:n] + string(rune(prefix[n]+1))
		}
	}
	return "\U0010ffff"
}

// flushMemory first asks once for what was written over unread.
func (g *group) flushMemory() error {
	var unread []engine.RailKey
	for k := range g.memory.group {
		if _, ok := g.memory.stored[k]; !ok {
			unread = append(unread, k)
		}
	}
	if err := g.db.ask(g.askMemory(unread)); err != nil {
		return err
	}
	byKey := func(a, b engine.RailKey) int { return cmp.Or(cmp.Compare(a.Rail, b.Rail), cmp.Compare(a.Key, b.Key)) }
	return inOrder(&g.memory, byKey, func(k engine.RailKey, was, now []byte) error {
		what := "the memory of " + string(k.Rail)
		switch {
		case was == nil && now == nil:
			return nil
		case was == nil:
			return g.write(what, insertRailState, string(k.Rail), k.Key, now)
		case now == nil:
			return g.write(what, deleteRailState, string(k.Rail), k.Key, was)
		}
		return g.write(what, updateRailState, now, string(k.Rail), k.Key, was)
	})
}
