package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// What operators look for, across all scopes. {where} stands for what a condition wrote.
const (
	searchScopes   = `SELECT id FROM scopes{where}`
	countStates    = `SELECT COALESCE(CAST(SUM(n) AS BIGINT), 0) FROM order_counts{where}`
	searchRare     = `SELECT id FROM orders{where}`
	searchCommon   = `SELECT id FROM orders{where} ORDER BY id DESC LIMIT {limit}`
	searchPayments = `SELECT p.order_id, p.position, p.body, o.public_id, s.merchant, s.mode, s.dialect
		FROM payments p JOIN orders o ON o.id = p.order_id JOIN scopes s ON s.id = o.scope_id{where} ORDER BY p.rail, p.external LIMIT {limit}`
	searchEntries = `SELECT e.id, e.order_id, e.merchant, e.mode, e.at, o.public_id FROM entries e LEFT JOIN orders o ON o.id = e.order_id{where}
		ORDER BY e.id DESC LIMIT {limit}`
	selectPostings = `SELECT entry_id, from_account, to_account, amount, row_name FROM postings WHERE {any} ORDER BY entry_id, n`
	searchEvents   = `SELECT e.id, e.order_id, s.merchant, s.mode, s.dialect, e.seq, e.type, e.state, e.overlay, e.row_name, e.at, e.facts, COALESCE(o.public_id, '')
		FROM events e JOIN scopes s ON s.id = e.scope_id LEFT JOIN orders o ON o.id = e.order_id{where} ORDER BY e.id DESC LIMIT {limit}`
	searchMessages = `SELECT ` + messageColumns + `, COALESCE(o.public_id, '')
		FROM messages m JOIN scopes s ON s.id = m.scope_id LEFT JOIN orders o ON o.id = m.order_id{where} ORDER BY m.id DESC LIMIT {limit}`
	searchEndpoints = selectEndpoints + `{where} ORDER BY id LIMIT {limit}`
	searchKeys      = selectKeys + `{where} ORDER BY id LIMIT {limit}`
	selectMerchant  = `SELECT id, organisation, name, created_at FROM merchants WHERE id = $1`

	selectOrganisation = `SELECT id FROM merchants WHERE organisation = $1 LIMIT 1`
	selectKeyByID      = selectKeys + ` WHERE id = $1`
	deleteEndpoint     = `DELETE FROM endpoints WHERE id = $1`

	countByState = `SELECT s.mode, s.dialect, c.state, CAST(SUM(c.n) AS BIGINT) FROM order_counts c JOIN scopes s ON s.id = c.scope_id
		GROUP BY s.mode, s.dialect, c.state HAVING SUM(c.n) > 0 ORDER BY s.mode, s.dialect, c.state`
	countUntold   = `SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE told = 0 LIMIT $1) AS few`
	countPending  = `SELECT COUNT(*) FROM (SELECT 1 FROM messages WHERE state = 'pending' LIMIT $1) AS few`
	countToSend   = `SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE send_at IS NOT NULL LIMIT $1) AS few`
	countInFlight = `SELECT COUNT(*) FROM (SELECT 1 FROM transfers WHERE look_at IS NOT NULL LIMIT $1) AS few`
	// The expression keeps the planner on the index of pending messages: by id it would look through all.
	selectOldestPending = `SELECT created_at FROM messages WHERE id = (SELECT MIN(id || '') FROM messages WHERE state = 'pending')`
)

// condition is a WHERE being written; every value is an argument.
type condition struct {
	text []string
	args []any
}

// and adds a condition in which ? stands for the value.
func (c *condition) and(text string, value any) {
	c.args = append(c.args, value)
	c.text = append(c.text, strings.ReplaceAll(text, "?", "$"+strconv.Itoa(len(c.args))))
}

// is adds a condition for a filter that was given.
func (c *condition) is(column, value string) {
	if value != "" {
		c.and(column+" = ?", value)
	}
}

// ofAPI adds that a scope is an API's, that of its arrivals too.
func (c *condition) ofAPI(column, dialect string) {
	if dialect != "" {
		c.in(column, []any{dialect, engine.Scope{Dialect: dialect}.Arrivals().Dialect, engine.Scope{Dialect: dialect}.Spending().Dialect})
	}
}

// in adds that a column has one of the values.
func (c *condition) in(column string, values []any) {
	c.text = append(c.text, column+" IN ("+placeholders(len(c.args), len(values))+")")
	c.args = append(c.args, values...)
}

// ids bounds ids by the page and by true times of creation, which ids begin with.
func (c *condition) ids(column, after string, from, to time.Time) {
	if after != "" {
		c.and(column+" < ?", after)
	}
	if !from.IsZero() {
		c.and(column+" >= ?", firstID(from))
	}
	if !to.IsZero() {
		c.and(column+" < ?", firstID(to.Add(time.Millisecond)))
	}
}

// of puts the condition into a statement; limit is left out where there is none.
func (c *condition) of(statement string, limit int) (string, []any) {
	where := ""
	if len(c.text) > 0 {
		where = " WHERE " + strings.Join(c.text, " AND ")
	}
	statement = strings.Replace(statement, "{where}", where, 1)
	if !strings.Contains(statement, "{limit}") {
		return statement, c.args
	}
	return strings.Replace(statement, "{limit}", "$"+strconv.Itoa(len(c.args)+1), 1), append(slices.Clone(c.args), limit)
}

// firstID is before every id of that millisecond and behind every id of an earlier one.
func firstID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(max(0, at.UnixMilli()))<<16)
	return encodeID(id)
}

// within runs a search for listTime at most: overloaded then. Searches hold half of the readers at most, so
// that one merchant's never keep everybody else from being served: overloaded at once when there are more.
func (r *reader) within(search func(r *reader) error) error {
	select {
	case r.store.searches <- struct{}{}:
		defer func() { <-r.store.searches }()
	default:
		return fault.New(fault.CodeOverloaded, "Too many searches run at this moment.").Retry(time.Second)
	}
	ctx, cancel := context.WithTimeout(r.ctx, listTime)
	defer cancel()
	return tooSlow(r.ctx, search(&reader{store: r.store, ctx: ctx, session: r.session}))
}

// rare is how many orders of some states are few enough to be sorted after they are found.
const rare = 20_000

// SearchOrders looks for states that few orders have in the index of states, and else goes through the
// orders from the newest on until the page is full.
func (r *reader) SearchOrders(s engine.OrderSearch) (list []engine.Order, err error) {
	err = r.within(func(r *reader) error {
		ids, err := r.searchOrders(s)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = queryOrders(r, "id", ids, func(o *engine.Order) { list = append(list, *o) })
		slices.SortFunc(list, func(a, b engine.Order) int { return cmp.Compare(b.ID, a.ID) })
		return err
	})
	return list, err
}

func (r *reader) searchOrders(s engine.OrderSearch) ([]string, error) {
	scopes, all, err := r.searchScopes(s.Merchant, s.Mode, s.Dialect)
	if err != nil || len(scopes) == 0 {
		return nil, err
	}
	var states []any
	for _, state := range s.States {
		states = append(states, string(state))
	}
	few, err := r.few(scopes, states)
	if err != nil {
		return nil, err
	}
	var c condition
	if few {
		c.in("scope_id", scopes)
		c.in("state", states)
	} else {
		// The expressions keep the planner on the ids, which are in the order of the list.
		if !all {
			c.in("COALESCE(scope_id, 0)", scopes)
		}
		if len(states) > 0 {
			c.in("COALESCE(state, '')", states)
		}
	}
	if s.Reference != "" {
		c.and(`reference_lower LIKE ? ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(s.Reference))+"%")
	}
	if err := r.createdWithin(&c, s); err != nil {
		return nil, err
	}
	if !few {
		query, args := c.of(searchCommon, s.Limit)
		return texts(r, query, args...)
	}
	query, args := c.of(searchRare, 0)
	ids, err := texts(r, query, args...)
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids[:min(len(ids), s.Limit)], err
}

// createdWithin bounds the times of creation. They are on the mode's clock and ids are of true time, which is
// never ahead of it: that bounds the ids too.
func (r *reader) createdWithin(c *condition, s engine.OrderSearch) error {
	from, to := s.CreatedAfter, s.CreatedBefore
	if !from.IsZero() {
		c.and("created_at >= ?", micros(from))
		clock, err := queryClock(r, engine.Sandbox)
		if err != nil {
			return err
		}
		if s.Mode != engine.Live && len(clock) > 0 {
			from = from.Add(-clock[len(clock)-1].Offset)
		}
		from = from.Add(-time.Millisecond)
	}
	if !to.IsZero() {
		c.and("created_at <= ?", micros(to))
	}
	c.ids("id", s.After, from, to)
	return nil
}

// searchScopes finds the scopes that a filter lets through; all says that it lets every one through.
func (r *reader) searchScopes(merchant string, m engine.Mode, dialect string) (scopes []any, all bool, err error) {
	var c condition
	c.is("merchant", merchant)
	c.is("mode", string(m))
	c.ofAPI("dialect", dialect)
	query, args := c.of(searchScopes, 0)
	err = scan(r, query, args, func(rows record) error {
		var id int64
		err := rows.Scan(&id)
		scopes = append(scopes, id)
		return err
	})
	return scopes, len(c.text) == 0, err
}

// few says whether the states have so few orders that all of them may be looked at.
func (r *reader) few(scopes, states []any) (bool, error) {
	if len(states) == 0 || len(scopes) > 500 {
		return false, nil
	}
	var c condition
	c.in("scope_id", scopes)
	c.in("state", states)
	query, args := c.of(countStates, 0)
	var n int64
	err := scan(r, query, args, func(rows record) error { return rows.Scan(&n) })
	return n <= rare, err
}

func (r *reader) SearchPayments(s engine.PaymentSearch) (list []engine.FoundPayment, err error) {
	c := condition{text: []string{"p.order_id <> ''"}}
	c.is("p.rail", s.Rail)
	c.is("s.merchant", s.Merchant)
	c.is("s.mode", string(s.Mode))
	if s.After != (order.PaymentKey{}) {
		c.args = append(c.args, s.After.Rail, s.After.External)
		c.text = append(c.text, "(p.rail, p.external) > ($"+strconv.Itoa(len(c.args)-1)+", $"+strconv.Itoa(len(c.args))+")")
	}
	query, args := c.of(searchPayments, s.Limit)
	err = r.within(func(r *reader) error {
		return scan(r, query, args, func(rows record) error {
			var f engine.FoundPayment
			var body sql.RawBytes
			var skip any
			err := rows.Scan(&skip, &skip, &body, &f.Order, &f.Scope.Merchant, &f.Scope.Mode, &f.Scope.Dialect)
			if err != nil {
				return err
			}
			var stray engine.Stray
			err = json.Unmarshal(body, &stray)
			f.Payment = stray.Payment
			list = append(list, f)
			return err
		})
	})
	return list, err
}

func (r *reader) SearchEntries(s engine.EntrySearch) (list []engine.FoundEntry, err error) {
	var c condition
	c.is("e.order_id", s.OrderID)
	c.is("e.merchant", s.Merchant)
	c.is("e.mode", string(s.Mode))
	c.ids("e.id", s.After, time.Time{}, time.Time{})
	if s.Account != "" {
		c.and(`EXISTS (SELECT 1 FROM postings p WHERE p.entry_id = e.id AND (p.from_account = ? OR p.to_account = ?))`, string(s.Account))
	}
	query, args := c.of(searchEntries, s.Limit)
	err = r.within(func(r *reader) error {
		at := map[string]int{}
		err := scan(r, query, args, func(rows record) error {
			var f engine.FoundEntry
			var public sql.NullString
			var booked int64
			err := rows.Scan(&f.ID, &f.OrderID, &f.Merchant, &f.Mode, &booked, &public)
			f.At, f.Order = timeOf(booked), public.String
			at[f.ID] = len(list)
			list = append(list, f)
			return err
		})
		if err != nil {
			return err
		}
		keys := make([][]any, len(list))
		for i, f := range list {
			keys[i] = []any{f.ID}
		}
		return matchAny(r, selectPostings, []string{"entry_id"}, keys, func(rows record) error {
			var id, amount string
			var p order.Posting
			err := rows.Scan(&id, &p.From, &p.To, &amount, &p.Row)
			if err != nil {
				return err
			}
			f := &list[at[id]]
			p.Amount, err = parseAmount(amount)
			f.Postings = append(f.Postings, p)
			return err
		})
	})
	return list, err
}

func (r *reader) SearchEvents(s engine.EventSearch) (list []engine.FoundEvent, err error) {
	var c condition
	if c.is("e.order_id", s.OrderID); s.OrderID != "" {
		c.text = append(c.text, "e.order_id <> ''") // the index holds no others
	}
	c.is("s.merchant", s.Merchant)
	c.is("s.mode", string(s.Mode))
	c.ofAPI("s.dialect", s.Dialect)
	c.is("e.type", s.Type)
	c.ids("e.id", s.After, time.Time{}, time.Time{})
	query, args := c.of(searchEvents, s.Limit)
	err = r.within(func(r *reader) error {
		return scan(r, query, args, func(rows record) error {
			var f engine.FoundEvent
			var at int64
			var facts sql.RawBytes
			e := &f.Event
			err := rows.Scan(&e.ID, &e.OrderID, &e.Scope.Merchant, &e.Scope.Mode, &e.Scope.Dialect, &e.Seq, &e.Type, &e.State, &e.Overlay, &e.Row,
				&at, &facts, &f.Order)
			if err != nil {
				return err
			}
			e.At = timeOf(at)
			err = json.Unmarshal(facts, &e.Facts)
			list = append(list, f)
			return err
		})
	})
	return list, err
}

func (r *reader) SearchMessages(s engine.MessageSearch) (list []engine.FoundMessage, err error) {
	var c condition
	c.is("m.order_id", s.OrderID)
	c.is("m.endpoint_id", s.Endpoint)
	c.is("m.state", string(s.State))
	c.is("m.type", s.Type)
	// The expressions keep the planner on the ids, which are in the order of the list.
	c.is("COALESCE(s.merchant, '')", s.Merchant)
	c.is("COALESCE(s.mode, '')", string(s.Mode))
	c.ids("m.id", s.After, s.CreatedAfter, s.CreatedBefore)
	if !s.CreatedAfter.IsZero() {
		c.and("m.created_at >= ?", micros(s.CreatedAfter))
	}
	if !s.CreatedBefore.IsZero() {
		c.and("m.created_at <= ?", micros(s.CreatedBefore))
	}
	query, args := c.of(searchMessages, s.Limit)
	err = r.within(func(r *reader) error {
		return scan(r, query, args, func(rows record) error {
			var f engine.FoundMessage
			m, err := scanMessage(rows, &f.Order)
			f.Message = m
			list = append(list, f)
			return err
		})
	})
	return list, err
}

func (r *reader) SearchEndpoints(s engine.EndpointSearch) ([]engine.Endpoint, error) {
	var c condition
	c.is("merchant", s.Merchant)
	c.is("mode", string(s.Mode))
	c.is("dialect", s.Dialect)
	if s.After != "" {
		c.and("id > ?", s.After)
	}
	query, args := c.of(searchEndpoints, s.Limit)
	return queryEndpoints(r, query, args...)
}

func (r *reader) SearchKeys(s engine.KeySearch) ([]engine.Key, error) {
	var c condition
	c.is("merchant", s.Merchant)
	c.is("mode", string(s.Mode))
	c.is("dialect", s.Dialect)
	if s.After != "" {
		c.and("id > ?", s.After)
	}
	if s.Unrevoked {
		c.and("revoked_at = ?", 0)
	}
	query, args := c.of(searchKeys, s.Limit)
	return queryKeys(r, query, args...)
}

func queryKeys(q queryer, query string, args ...any) ([]engine.Key, error) {
	var list []engine.Key
	err := scan(q, query, args, func(rows record) error {
		var k engine.Key
		var scopes sql.RawBytes
		var expires, created, updated, used, revoked int64
		err := rows.Scan(&k.ID, &k.Hash, &k.Prefix, &k.Scope.Merchant, &k.Scope.Mode, &k.Scope.Dialect, &k.Name, &scopes, &k.Active, &expires, &created,
			&k.MadeBy, &updated, &used, &revoked)
		if err != nil {
			return err
		}
		k.ExpiresAt, k.CreatedAt, k.UpdatedAt, k.UsedAt, k.RevokedAt = timeOf(expires), timeOf(created), timeOf(updated), timeOf(used), timeOf(revoked)
		err = json.Unmarshal(bytes.Clone(scopes), &k.Scopes)
		list = append(list, k)
		return err
	})
	return list, err
}

// What the metrics count.

func (r *reader) OrderCounts() ([]engine.OrderCount, error) {
	var list []engine.OrderCount
	err := scan(r, countByState, nil, func(rows record) error {
		var c engine.OrderCount
		err := rows.Scan(&c.Mode, &c.Dialect, &c.State, &c.N)
		list = append(list, c)
		return err
	})
	return list, err
}

func (r *reader) Backlog() (engine.Backlog, error) {
	var b engine.Backlog
	for _, count := range []struct {
		query string
		into  *int
	}{{countUntold, &b.Untold}, {countPending, &b.Pending}, {countToSend, &b.ToSend}, {countInFlight, &b.InFlight},
		{countUnnotified, &b.Unnotified}, {countUnnotifiable, &b.Unnotifiable}} {
		err := scan(r, count.query, []any{engine.MaxBacklog}, func(rows record) error { return rows.Scan(count.into) })
		if err != nil {
			return b, err
		}
	}
	err := scan(r, selectOldestPending, nil, func(rows record) error {
		var at int64
		err := rows.Scan(&at)
		b.OldestPending = timeOf(at)
		return err
	})
	return b, err
}

// What administration reads before it writes. A group's own writes are newer than the database.

func (t *tx) Merchant(id string) (*engine.Merchant, error) {
	g := t.use()
	if m := newest(&g.merchants, func(m engine.Merchant) bool { return m.ID == id }); m != nil {
		return m, nil
	}
	return queryMerchant(g.db, id)
}

func (r *reader) Merchant(id string) (*engine.Merchant, error) { return queryMerchant(r, id) }

func queryMerchant(q queryer, id string) (*engine.Merchant, error) {
	var found *engine.Merchant
	err := scan(q, selectMerchant, []any{id}, func(rows record) error {
		found = &engine.Merchant{}
		var created int64
		err := rows.Scan(&found.ID, &found.Organisation, &found.Name, &created)
		found.CreatedAt = timeOf(created)
		return err
	})
	return found, err
}

func (t *tx) HasOrganisation(id string) (bool, error) {
	g := t.use()
	if newest(&g.merchants, func(m engine.Merchant) bool { return m.Organisation == id }) != nil {
		return true, nil
	}
	found := false
	err := scan(g.db, selectOrganisation, []any{id}, func(record) error { found = true; return nil })
	return found, err
}

func (t *tx) KeyByID(id string) (*engine.Key, error) {
	g := t.use()
	if k := newest(&g.keys, func(k engine.Key) bool { return k.ID == id }); k != nil {
		k.Scopes = slices.Clone(k.Scopes)
		return k, nil
	}
	return queryKey(g.db, selectKeyByID, id)
}

// newest is the last row of a list that fits, nil when none does.
func newest[V any](l *list[V], fits func(V) bool) *V {
	for _, rows := range [][]V{l.mine, l.group} {
		for _, row := range slices.Backward(rows) {
			if fits(row) {
				return &row
			}
		}
	}
	return nil
}

// DeleteEndpoint leaves no endpoint in its place: that is a deletion when the group is written.
func (t *tx) DeleteEndpoint(id string) error { t.use().endpoints.put(id, nil); return nil }
