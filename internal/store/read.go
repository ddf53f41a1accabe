package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/order"
)

// reader is one consistent view of the database. It implements engine.Reader.
type reader struct {
	store   *Store
	ctx     context.Context
	session *session
}

var _ engine.Reader = (*reader)(nil)

func (r *reader) query(query string, args ...any) (*sql.Rows, error) {
	return r.session.queryContext(r.ctx, query, args...)
}

func (r *reader) postgres() bool { return r.session.postgres() }

// Orders.

func (r *reader) Order(id string) (*engine.Order, error) {
	return oneOrder(func(found func(*engine.Order)) error { return queryOrders(r, "id", []string{id}, found) })
}

func (r *reader) OrderByPublic(s engine.Scope, publicID string) (*engine.Order, error) {
	orders := map[string]*engine.Order{}
	err := scan(r, selectOrderByPublic, []any{publicID}, func(rows record) error {
		o, err := scanOrder(rows)
		if err == nil && (s == engine.Scope{} || s == o.Scope) {
			orders[o.ID] = o
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		return o, queryPaymentsOf(r, orders)
	}
	return nil, errNoOrder
}

func (r *reader) OrderByUnique(k engine.UniqueKey) (*engine.Order, error) {
	scope, err := queryScope(r.store, r, k.Scope)
	if err != nil {
		return nil, err
	}
	var id, skip string
	err = matchAny(r, selectOrdersByUnique, []string{"scope_id", "unique_key"}, [][]any{{scope, k.Key}}, func(rows record) error {
		return rows.Scan(&scope, &skip, &id, &skip)
	})
	if err != nil {
		return nil, err
	}
	return r.Order(id)
}

func oneOrder(query func(found func(*engine.Order)) error) (*engine.Order, error) {
	var o *engine.Order
	if err := query(func(found *engine.Order) { o = found }); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errNoOrder
	}
	return o, nil
}

func (r *reader) Due(m engine.Mode, on engine.RailName, through time.Time, after engine.Due, limit int) ([]engine.Due, error) {
	var found []engine.Due
	args := []any{string(m), string(on), micros(through), micros(after.At), after.ID, limit}
	err := scan(r, selectOrdersDue, args, func(rows record) error {
		var d engine.Due
		var at int64
		err := rows.Scan(&at, &d.ID)
		d.At = timeOf(at)
		found = append(found, d)
		return err
	})
	return found, err
}

func (r *reader) PaymentsSince(on engine.RailName, block uint64) ([]order.Payment, error) {
	var found []order.Payment
	err := scan(r, selectPaymentsSince, []any{string(on), int64(block)}, func(rows record) error {
		row, err := scanPayment(rows)
		found = append(found, row.Payment)
		return err
	})
	return found, err
}

// The ledger and events.

func (r *reader) Entries(orderID string) ([]engine.Entry, error) {
	var found []engine.Entry
	err := scan(r, selectEntries, []any{orderID}, func(rows record) (err error) {
		found, err = scanPosting(rows, found)
		return err
	})
	return found, err
}

// scanPosting adds a posting to the last entry, or with a new one; rows come by entry.
func scanPosting(rows record, found []engine.Entry) ([]engine.Entry, error) {
	var e engine.Entry
	var p order.Posting
	var at int64
	var amount string
	err := rows.Scan(&e.ID, &e.OrderID, &e.Merchant, &e.Mode, &at, &p.From, &p.To, &amount, &p.Row)
	if err != nil {
		return found, err
	}
	if p.Amount, err = parseAmount(amount); err != nil {
		return found, fmt.Errorf("entry %s cannot be read: %w", e.ID, err)
	}
	if len(found) == 0 || found[len(found)-1].ID != e.ID {
		e.At = timeOf(at)
		found = append(found, e)
	}
	last := &found[len(found)-1]
	last.Postings = append(last.Postings, p)
	return found, nil
}

func (r *reader) Balances(merchant string, m engine.Mode) ([]order.Balance, error) {
	var found []order.Balance
	err := scan(r, selectBooks, []any{string(m), string(ledger.Owed(merchant)), string(ledger.Wallet(merchant))}, func(rows record) error {
		var b order.Balance
		var amount string
		err := rows.Scan(&b.Account, &amount)
		if err != nil {
			return err
		}
		b.Amount, err = parseAmount(amount)
		found = append(found, b)
		return err
	})
	return found, err
}

func (r *reader) Events(orderID string) ([]engine.Event, error) {
	return r.events(selectEventsOfOrder, orderID)
}

func (r *reader) UntoldEvents(dialects []string, limit int) ([]engine.Event, error) {
	if len(dialects) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(dialects)+1)
	for _, d := range dialects {
		args = append(args, d)
	}
	return r.events(untoldOf(len(dialects)), append(args, limit)...)
}

// untoldOf is selectEventsUntold for n dialects.
func untoldOf(n int) string {
	return strings.Replace(selectEventsUntold, "{any}", anyOf([]string{"s.dialect"}, 0, n), 1) + "$" + strconv.Itoa(n+1)
}

func (r *reader) events(query string, args ...any) ([]engine.Event, error) {
	var found []engine.Event
	err := scan(r, query, args, func(rows record) error {
		var e engine.Event
		var at int64
		var facts sql.RawBytes
		err := rows.Scan(&e.ID, &e.OrderID, &e.Scope.Merchant, &e.Scope.Mode, &e.Scope.Dialect, &e.Seq, &e.Type, &e.State, &e.Overlay, &e.Row, &at, &facts)
		if err != nil {
			return err
		}
		e.At = timeOf(at)
		if err := json.Unmarshal(facts, &e.Facts); err != nil {
			return fmt.Errorf("event %s cannot be read: %w", e.ID, err)
		}
		found = append(found, e)
		return nil
	})
	return found, err
}

// Settings, clocks, progress.

func (r *reader) Settings(s engine.SettingScope) (map[string]json.RawMessage, error) {
	list, all := askSettings(r.postgres(), []engine.SettingScope{s})
	for _, one := range list {
		if err := scan(r, one.query, one.args, one.row); err != nil {
			return nil, err
		}
	}
	return all[s], nil
}

func (r *reader) Clock(m engine.Mode) (engine.Clock, error) { return queryClock(r, m) }

func (r *reader) Progress(on engine.RailName) (*engine.Progress, error) { return queryProgress(r, on) }

// OldAnswers finds them by an index of their ages.
func (r *reader) OldAnswers(before time.Time, limit int) ([]engine.AnswerKey, error) {
	var found []engine.AnswerKey
	err := scan(r, selectOldAnswers, []any{micros(before), limit}, func(rows record) error {
		var k engine.AnswerKey
		err := rows.Scan(&k.Scope, &k.Key)
		found = append(found, k)
		return err
	})
	return found, err
}

// Instruments.

func (r *reader) Instruments(p engine.Pool, after string, limit int) ([]engine.InstrumentRow, error) {
	now, err := r.modeTime(p.Mode)
	if err != nil {
		return nil, err
	}
	var found []engine.InstrumentRow
	err = scan(r, selectInstrumentRows, []any{p.Merchant, string(p.Mode), string(p.Family), after, limit}, func(rows record) error {
		row := engine.InstrumentRow{Instrument: engine.Instrument{Family: p.Family}}
		var k keptRow
		var created int64
		var index sql.NullInt64
		var balances string
		var holder, public, reference sql.NullString
		var held sql.NullInt64
		err := rows.Scan(&row.Instrument.Value, &k.archived, &k.quarantined, &k.counted, &k.derived, &k.restSince, &k.restUntil, &created,
			&index, &balances, &holder, &held, &public, &reference)
		if err != nil {
			return err
		}
		k.holder = holder.String
		row.Reference = reference.String
		row.State, row.OrderID, row.CreatedAt = k.state(now), public.String, timeOf(created)
		row.HeldSince, row.RestSince, row.RestUntil = timeOf(held.Int64), timeOf(k.restSince), timeOf(k.restUntil)
		if index.Valid {
			row.Index = &index.Int64
		}
		if row.Balances, err = readBalances(balances); err != nil {
			return err
		}
		found = append(found, row)
		return nil
	})
	return found, err
}

func (r *reader) InstrumentBefore(p engine.Pool, skip int) (string, error) {
	found, err := texts(r, selectInstrumentAt, p.Merchant, string(p.Mode), string(p.Family), skip-1)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

func (r *reader) InstrumentCounts(p engine.Pool) (engine.InstrumentCounts, error) {
	var c engine.InstrumentCounts
	now, err := r.modeTime(p.Mode)
	if err != nil {
		return c, err
	}
	err = scan(r, countInstruments, []any{now, p.Merchant, string(p.Mode), string(p.Family)}, func(rows record) error {
		return rows.Scan(&c.Total, &c.Held, &c.Bound, &c.Quarantined, &c.Archived, &c.Resting, &c.Used)
	})
	c.Held -= c.Bound
	c.Free = c.Total - c.Held - c.Bound - c.Quarantined - c.Archived - c.Resting - c.Used
	return c, err
}

// modeTime is the present time on the mode's clock, as stored.
func (r *reader) modeTime(m engine.Mode) (int64, error) {
	clock, err := queryClock(r, m)
	return micros(clock.Shift(r.store.now())), err
}

func (r *reader) KnownInstruments(f engine.Family, values []string) (map[string]bool, error) {
	keys := make([][]any, len(values))
	for i, v := range values {
		keys[i] = []any{string(f), v}
	}
	known := map[string]bool{}
	err := matchAny(r, selectKnownInstruments, []string{"family", "value"}, keys, func(rows record) error {
		var value string
		err := rows.Scan(&value)
		known[value] = true
		return err
	})
	return known, err
}

func (r *reader) FewInstruments(f engine.Family, max int) ([]string, error) {
	found, err := texts(r, selectSomeInstruments, string(f), max+1)
	if err != nil || len(found) > max {
		return nil, err
	}
	if found == nil {
		found = []string{}
	}
	return found, nil
}

func texts(q queryer, query string, args ...any) ([]string, error) {
	var found []string
	err := scan(q, query, args, func(rows record) error {
		var s string
		err := rows.Scan(&s)
		found = append(found, s)
		return err
	})
	return found, err
}

// Merchants, keys, webhooks.

func (r *reader) Merchants() ([]engine.Merchant, error) {
	var found []engine.Merchant
	err := scan(r, selectMerchants, nil, func(rows record) error {
		var m engine.Merchant
		var created int64
		err := rows.Scan(&m.ID, &m.Organisation, &m.Name, &created)
		m.CreatedAt = timeOf(created)
		found = append(found, m)
		return err
	})
	return found, err
}

func (r *reader) KeyByHash(hash string) (*engine.Key, error) { return queryKey(r, selectKey, hash) }

func (r *reader) KeyByID(id string) (*engine.Key, error) { return queryKey(r, selectKeyByID, id) }

func queryKey(q queryer, query, arg string) (*engine.Key, error) {
	found, err := queryKeys(q, query, arg)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *reader) Endpoints(s engine.Scope) ([]engine.Endpoint, error) {
	return queryEndpoints(r, selectEndpointsOfScope, s.Merchant, string(s.Mode), s.Dialect)
}

func (r *reader) Endpoint(id string) (*engine.Endpoint, error) { return queryEndpoint(r, id) }

func (r *reader) Messages(orderID string) ([]engine.Message, error) {
	return r.messages(selectMessagesOfOrder, orderID)
}

// DueEndpoints goes from endpoint to endpoint in an index that has each one's earliest message first.
func (r *reader) DueEndpoints(now time.Time, after string, limit int) ([]string, error) {
	var found []string
	for len(found) < limit {
		id, earliest := "", int64(0)
		err := scan(r, selectNextEndpoint, []any{after}, func(rows record) error { return rows.Scan(&id, &earliest) })
		if err != nil {
			return nil, err
		}
		if id == "" {
			break
		}
		if earliest <= micros(now) {
			found = append(found, id)
		}
		after = id
	}
	return found, nil
}

func (r *reader) DueMessages(endpoint string, now time.Time, limit int) ([]engine.Message, error) {
	return r.messages(selectMessagesDue, endpoint, micros(now), limit)
}
