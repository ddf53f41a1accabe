package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/verify"
)

// What verification reads: everything, in pages, in one view.

const (
	auditSeals = `SELECT n, kind, ref, salt, digest, head FROM seals WHERE mode = $1 AND n > $2 ORDER BY n LIMIT $3`

	auditOrders = `SELECT place, id, public_id, scope_id, number, COALESCE(unique_key, ''), reference_lower, mode, rail, network, state, asset_code, amount_key,
		COALESCE(next_deadline, 0), COALESCE(send_rail, ''), COALESCE(send_at, 0), aside, created_at, updated_at, version, body, doc, COALESCE(standing_id, ''), reviewing, kind, words, refunds
		FROM orders WHERE id > $1 ORDER BY id LIMIT $2`
	auditPayments = `SELECT rail, external, order_id, position, epoch, rank, block, body, told_at, settled_at, network, asset_code, amount_key, tx FROM payments `
	auditEntries  = `SELECT e.id, e.order_id, e.merchant, e.mode, e.at, e.sealed, x.mode, x.n, x.salt, x.digest, p.n, p.from_account, p.to_account, p.amount, p.row_name
		FROM entries e LEFT JOIN seals x ON x.kind = 'entry' AND x.ref = e.id LEFT JOIN postings p ON p.entry_id = e.id `
	auditEvents = `SELECT e.id, e.order_id, s.merchant, s.mode, s.dialect, e.seq, e.type, e.state, e.overlay, e.row_name, e.at, e.facts, e.sealed,
		x.mode, x.n, x.salt, x.digest FROM events e LEFT JOIN scopes s ON s.id = e.scope_id LEFT JOIN seals x ON x.kind = 'event' AND x.ref = e.id `
	auditEventsOfOrder = auditEvents + `WHERE e.order_id <> '' AND {any} ORDER BY e.order_id, e.seq`
	auditNotices       = auditEvents + `WHERE e.order_id = '' AND e.id > $1 ORDER BY e.id LIMIT $2`
	auditTransfers     = `SELECT id, order_id, rail, purpose, state FROM transfers WHERE {any}`
	auditHeld          = `SELECT i.family, i.value, h.order_id FROM holds h JOIN instruments i ON i.number = h.number WHERE h.to_at = 0 AND {any}`

	auditPaymentsOfOrder = auditPayments + `WHERE order_id <> '' AND {any} ORDER BY order_id, position`
	auditStrays          = auditPayments + `WHERE order_id = '' AND (rail, external) > ($1, $2) ORDER BY rail, external LIMIT $3`
	auditEntriesOfOrder  = auditEntries + `WHERE e.order_id <> '' AND {any} ORDER BY e.id, p.n`
	auditLooseIDs        = `SELECT id FROM entries WHERE order_id = '' AND id > $1 ORDER BY id LIMIT $2`
	auditEntriesByID     = auditEntries + `WHERE {any} ORDER BY e.id, p.n`
	auditActions         = `SELECT a.id, a.mode, a.at, a.who, a.what, a.ref, a.detail, a.sealed, x.mode, x.n, x.salt, x.digest
		FROM actions a LEFT JOIN seals x ON x.kind = 'action' AND x.ref = a.id WHERE a.id > $1 ORDER BY a.id LIMIT $2`
	auditLines = `SELECT l.mode, l.account, l.asset, l.n, l.entry_id, l.posting, l.at, l.amount, l.balance,
		COALESCE(p.from_account, ''), COALESCE(p.to_account, ''), COALESCE(p.amount, '')
		FROM lines l LEFT JOIN postings p ON p.entry_id = l.entry_id AND p.n = l.posting
		WHERE (l.mode, l.account, l.asset, l.n) > ($1, $2, $3, $4) ORDER BY l.mode, l.account, l.asset, l.n LIMIT $5`
	auditBalances = `SELECT mode, book, account, asset, amount, lines FROM balances WHERE (mode, account, asset) > ($1, $2, $3) ORDER BY mode, account, asset LIMIT $4`
	auditHolds    = `SELECT h.number, COALESCE(i.family, ''), COALESCE(i.value, ''), h.from_at, h.order_id, h.to_at, h.rail FROM holds h LEFT JOIN instruments i ON i.number = h.number
		WHERE (h.number, h.from_at, h.order_id) > ($1, $2, $3) ORDER BY h.number, h.from_at, h.order_id LIMIT $4`
	auditCounters = `SELECT scope_id, state, bucket, n FROM order_counts WHERE (scope_id, state, bucket) > ($1, $2, $3) ORDER BY scope_id, state, bucket LIMIT $4`
	auditSums     = `SELECT scope_id, bucket, state, asset, n, seen, seen_us, units_0, units_1, units_2, units_3, units_4, units_5, units_6, units_7, units_8
		FROM order_sums WHERE (scope_id, bucket, state, asset) > ($1, $2, $3, $4) ORDER BY scope_id, bucket, state, asset LIMIT $5`
	auditAddresses = `SELECT value, merchant FROM instruments WHERE family = $1 AND mode = $2 AND value > $3 ORDER BY value LIMIT $4`
	auditHolders   = `SELECT DISTINCT h.order_id FROM holds h JOIN instruments i ON i.number = h.number WHERE {any}`
	auditArrivals  = `SELECT id FROM orders WHERE standing_id IS NOT NULL AND {any}`
	auditDeals     = `SELECT id, doc FROM documents WHERE kind = 'deal' AND id > $1 ORDER BY id LIMIT $2`
	auditBookings  = `SELECT id, rail, name, state, early, end_to_end, booked_at, moved, batch, version, body FROM bookings WHERE id > $1 ORDER BY id LIMIT $2`
	auditBankDays  = `SELECT rail, day, moved FROM bank_days ORDER BY rail, day, asset`
	auditStatement = `SELECT rail, place, closing, version, body FROM bank_statements WHERE (rail, place) > ($1, $2) ORDER BY rail, place LIMIT $3`
	auditOffers    = `SELECT id, scope_id, number, COALESCE(slug, ''), state, version, body FROM offers WHERE id > $1 ORDER BY id LIMIT $2`
	auditStandings = `SELECT id, scope_id, number, reference, reference_lower, bound, version, body FROM standings WHERE id > $1 ORDER BY id LIMIT $2`
	auditScopes    = `SELECT id, merchant, mode, dialect, last_number FROM scopes`
)

// bucketSize is how many numbers a bucket has, for queries.
var bucketSize = strconv.Itoa(1 << bucketBits)

// auditFindings are queries that find rows by themselves: each gives the row's name and what is wrong.
var auditFindings = []struct {
	check verify.Check
	query string
}{
	{verify.Missing, `SELECT 'posting ' || p.n || ' of entry ' || p.entry_id, 'its entry is gone' FROM postings p
		WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = p.entry_id)`},
	{verify.Missing, `SELECT 'entry ' || e.id, 'its order ' || e.order_id || ' is gone' FROM entries e
		WHERE e.order_id <> '' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = e.order_id)`},
	{verify.Missing, `SELECT 'event ' || e.id, 'its order ' || e.order_id || ' is gone' FROM events e
		WHERE e.order_id <> '' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = e.order_id)`},
	{verify.Missing, `SELECT 'event ' || e.id, 'its scope is gone' FROM events e WHERE NOT EXISTS (SELECT 1 FROM scopes s WHERE s.id = e.scope_id)`},
	{verify.Missing, `SELECT 'payment ' || p.external || ' on ' || p.rail, 'its order ' || p.order_id || ' is gone' FROM payments p
		WHERE p.order_id <> '' AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = p.order_id)`},
	{verify.Missing, `SELECT 'transfer ' || t.id, 'its order ' || t.order_id || ' is gone' FROM transfers t
		WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = t.order_id)`},
	{verify.Missing, `SELECT 'hold of ' || COALESCE(i.value, 'instrument ' || h.number), 'its order ' || h.order_id || ' is gone' FROM holds h
		LEFT JOIN instruments i ON i.number = h.number WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = h.order_id)
		AND NOT EXISTS (SELECT 1 FROM standings t WHERE t.id = h.order_id)`},
	{verify.Missing, `SELECT 'hold of instrument ' || h.number || ' by order ' || h.order_id, 'its instrument is gone' FROM holds h
		WHERE NOT EXISTS (SELECT 1 FROM instruments i WHERE i.number = h.number)`},
	{verify.Missing, `SELECT 'order ' || o.id, 'its standing instruction ' || o.standing_id || ' is gone' FROM orders o
		WHERE o.standing_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM standings t WHERE t.id = o.standing_id)`},
	{verify.Missing, `SELECT 'message ' || m.id, 'it belongs to event ' || m.event_id || ', which its order ' || m.order_id || ' does not have' FROM messages m
		WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = m.event_id AND e.order_id = m.order_id)`},
	{verify.Seals, `SELECT 'entry ' || x.ref, 'is gone, and seal ' || x.n || ' of ' || x.mode || ' was made of it' FROM seals x
		WHERE x.kind = 'entry' AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.id = x.ref)`},
	{verify.Seals, `SELECT 'event ' || x.ref, 'is gone, and seal ' || x.n || ' of ' || x.mode || ' was made of it' FROM seals x
		WHERE x.kind = 'event' AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = x.ref)`},
	{verify.Seals, `SELECT 'action ' || x.ref, 'is gone, and seal ' || x.n || ' of ' || x.mode || ' was made of it' FROM seals x
		WHERE x.kind = 'action' AND NOT EXISTS (SELECT 1 FROM actions a WHERE a.id = x.ref)`},
	{verify.Seals, `SELECT 'seal ' || x.n || ' of ' || x.mode, 'is of a kind nobody knows: ' || x.kind FROM seals x WHERE x.kind NOT IN ('entry', 'event', 'action')`},
	{verify.Seals, `SELECT 'seal ' || x.n || ' of ' || x.mode, 'is of a mode nobody knows' FROM seals x WHERE x.mode NOT IN ('live', 'sandbox')`},
	{verify.Seals, `SELECT x.kind || ' ' || x.ref, 'is sealed twice' FROM seals x GROUP BY x.kind, x.ref HAVING COUNT(*) > 1`},
	{verify.Unique, `SELECT 'reference ' || o.unique_key, 'two orders of one scope have it' FROM orders o WHERE o.unique_key IS NOT NULL
		GROUP BY o.scope_id, o.unique_key HAVING COUNT(*) > 1`},
	{verify.Unique, `SELECT 'order ' || o.public_id, 'two orders have this public id' FROM orders o GROUP BY o.public_id HAVING COUNT(*) > 1`},
	{verify.Unique, `SELECT 'order number ' || o.number, 'two orders of one scope have it' FROM orders o GROUP BY o.scope_id, o.number HAVING COUNT(*) > 1`},
	{verify.Counters, `SELECT 'scope ' || s.merchant || ' ' || s.mode || ' ' || s.dialect, 'its last order number is ' || s.last_number || ', and there are ' || COUNT(o.id) || ' orders'
		FROM scopes s LEFT JOIN orders o ON o.scope_id = s.id GROUP BY s.id, s.merchant, s.mode, s.dialect, s.last_number HAVING COUNT(o.id) <> s.last_number`},
	{verify.Counters, `SELECT 'messages of type ' || c.type || ' to endpoint ' || c.endpoint_id, CAST(SUM(c.n) AS BIGINT) || ' more were made on day ' || c.day || ' and are ' || c.state || ' than are counted'
		FROM (SELECT scope_id, created_at / 86400000000 AS day, endpoint_id, type, state, COUNT(*) AS n FROM messages
			GROUP BY scope_id, created_at / 86400000000, endpoint_id, type, state
			UNION ALL SELECT scope_id, day, endpoint_id, type, state, -n FROM message_counts) c
		GROUP BY c.scope_id, c.day, c.endpoint_id, c.type, c.state HAVING SUM(c.n) <> 0`},
	{verify.Counters, `SELECT 'payments of scope ' || scope_id || ', rank ' || rank || ', hour ' || hour, 'the counter is off by ' || SUM(n)
		FROM (SELECT scope_id, rank, hour, n FROM payment_counts UNION ALL SELECT scope_id, rank, told_at / 3600000000, -1 FROM payments WHERE order_id <> '') AS counted
		GROUP BY scope_id, rank, hour HAVING SUM(n) <> 0`},
	{verify.Counters, `SELECT 'payment ' || p.external || ' on ' || p.rail, 'it is counted for another scope than its order' FROM payments p JOIN orders o ON o.id = p.order_id
		WHERE p.order_id <> '' AND p.scope_id <> o.scope_id`},
	{verify.Unique, `SELECT 'reference ' || t.reference, 'two standing instructions of one scope have it' FROM standings t GROUP BY t.scope_id, t.reference HAVING COUNT(*) > 1`},
	{verify.Counters, `SELECT 'scope ' || s.merchant || ' ' || s.mode || ' ' || s.dialect, 'it counts ' || COALESCE(m.value, 0) || ' standing instructions, and there are ' || COUNT(t.id)
		FROM scopes s LEFT JOIN marks m ON m.name = 'standings/' || s.id LEFT JOIN standings t ON t.scope_id = s.id
		GROUP BY s.id, s.merchant, s.mode, s.dialect, m.value HAVING COUNT(t.id) <> COALESCE(m.value, 0)`},
	{verify.Counters, `SELECT 'documents of kind ' || kind || ', scope ' || scope_id || ', state ' || state || ', bucket ' || bucket, 'the counter is off by ' || SUM(n)
		FROM (SELECT scope_id, kind, state, bucket, n FROM document_counts UNION ALL SELECT scope_id, kind, state, number / ` + bucketSize + `, -1 FROM documents) AS counted
		GROUP BY scope_id, kind, state, bucket HAVING SUM(n) <> 0`},
	{verify.Counters, `SELECT 'documents of kind ' || d.kind || ', scope ' || d.scope_id, 'the last number is ' || COALESCE(MAX(m.value), 0) || ', and there are ' || COUNT(*)
		FROM documents d LEFT JOIN marks m ON m.name = 'documents/' || d.scope_id || '/' || d.kind GROUP BY d.scope_id, d.kind HAVING COUNT(*) <> COALESCE(MAX(m.value), 0)`},
	{verify.Missing, `SELECT d.kind || ' ' || d.id, 'its scope is gone' FROM documents d WHERE NOT EXISTS (SELECT 1 FROM scopes s WHERE s.id = d.scope_id AND s.mode = d.mode)`},
	{verify.Unique, `SELECT 'key ' || k.name || ' of ' || k.kind || ' ' || k.id, 'the record does not have it' FROM document_keys k
		WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.kind = k.kind AND d.id = k.id AND d.scope_id = k.scope_id AND replace(d.keys, '` + "\n" + `' || k.name || '` + "\n" + `', '') <> d.keys)`},
	{verify.Unique, `SELECT d.kind || ' ' || d.id, 'it has a key that is not kept for it' FROM documents d LEFT JOIN (SELECT kind, id, COUNT(*) AS n FROM document_keys GROUP BY kind, id) k
		ON k.kind = d.kind AND k.id = d.id WHERE d.keys <> '' AND length(d.keys) - length(replace(d.keys, '` + "\n" + `', '')) <> COALESCE(k.n, 0) + 1`},
	{verify.Unique, `SELECT 'message ' || m.event_id, 'two messages tell this event to endpoint ' || m.endpoint_id FROM messages m GROUP BY m.event_id, m.endpoint_id HAVING COUNT(*) > 1`},
}

// Audit calls fn with one consistent view of everything, for verification beside the process that writes.
func (s *Store) Audit(ctx context.Context, fn func(verify.Reader) error) error {
	return s.View(ctx, func(rd engine.Reader) error { return fn(&audit{rd.(*reader)}) })
}

type audit struct{ r *reader }

var _ verify.Reader = (*audit)(nil)

func (a *audit) BucketOf(number int64) int64 { return number >> bucketBits }

func (a *audit) Findings(limit int) ([]verify.Finding, error) {
	var found []verify.Finding
	for _, f := range auditFindings {
		if limit <= len(found) {
			break
		}
		err := scan(a.r, f.query+` LIMIT $1`, []any{limit - len(found)}, func(rows record) error {
			one := verify.Finding{Check: f.check}
			err := rows.Scan(&one.Row, &one.Text)
			found = append(found, one)
			return err
		})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

func (a *audit) Seals(m engine.Mode, after int64, limit int) ([]engine.Seal, error) {
	var found []engine.Seal
	err := scan(a.r, auditSeals, []any{string(m), after, limit}, func(rows record) error {
		s := engine.Seal{Mode: m}
		var digest, head []byte
		if err := rows.Scan(&s.N, &s.Kind, &s.Ref, &s.Salt, &digest, &head); err != nil {
			return err
		}
		copy(s.Digest[:], digest) // one of another length does not follow from anything
		copy(s.Head[:], head)
		found = append(found, s)
		return nil
	})
	return found, err
}

// markRow reads how a row stands to its seal.
type markRow struct {
	sealed bool
	mode   sql.NullString
	n      sql.NullInt64
	salt   []byte
	digest []byte
}

func (m *markRow) columns() []any { return []any{&m.sealed, &m.mode, &m.n, &m.salt, &m.digest} }

func (m *markRow) mark(kind engine.SealKind, ref string) verify.Mark {
	mark := verify.Mark{Sealed: m.sealed}
	if m.n.Valid {
		mark.Seal = &engine.Seal{Mode: engine.Mode(m.mode.String), N: m.n.Int64, Kind: kind, Ref: ref, Salt: m.salt}
		copy(mark.Seal.Digest[:], m.digest)
	}
	return mark
}

// Orders reads a page of orders, and then what belongs to them, each kind of row with few queries.
func (a *audit) Orders(after string, limit int) ([]verify.Order, error) {
	var list []verify.Order
	var bodies []orderRow
	err := scan(a.r, auditOrders, []any{after, limit}, func(rows record) error {
		row, err := scanOrderRow(rows)
		bodies = append(bodies, row)
		list = append(list, verify.Order{ID: row.id, Scope: row.scope})
		return err
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	at := map[string]*verify.Order{}
	var ids []string
	for i := range list {
		at[list[i].ID] = &list[i]
		ids = append(ids, list[i].ID)
	}
	if err := a.belongings(ids, at); err != nil {
		return nil, err
	}
	scopes, err := a.Scopes()
	if err != nil {
		return nil, err
	}
	for i, row := range bodies {
		o := &list[i]
		o.Record, o.Unreadable = row.record()
		if o.Record == nil {
			continue
		}
		for _, p := range o.Payments {
			o.Record.Payments = append(o.Record.Payments, p.Payment)
		}
		o.Columns = row.contradictions(o.Record, scopes[row.scope].Scope)
		o.Held, err = a.held(o.Record)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// held counts the holds that an order has open of its instruments.
func (a *audit) held(o *engine.Order) (n int, err error) {
	var keys [][]any
	for _, in := range o.Instruments() {
		keys = append(keys, []any{string(in.Family), in.Value})
	}
	err = matchAny(a.r, auditHeld, []string{"i.family", "i.value"}, keys, func(rows record) error {
		var family, value, owner string
		err := rows.Scan(&family, &value, &owner)
		if owner == o.ID {
			n++
		}
		return err
	})
	return n, err
}

func (a *audit) belongings(ids []string, at map[string]*verify.Order) error {
	err := matchAny(a.r, auditPaymentsOfOrder, []string{"order_id"}, single(ids), func(rows record) error {
		p, err := scanAuditPayment(rows)
		if o := at[p.OrderID]; o != nil {
			o.Payments = append(o.Payments, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	entries := newEntries()
	if err := matchAny(a.r, auditEntriesOfOrder, []string{"e.order_id"}, single(ids), entries.add); err != nil {
		return err
	}
	for _, e := range entries.list {
		if o := at[e.OrderID]; o != nil {
			o.Entries = append(o.Entries, *e)
		}
	}
	err = matchAny(a.r, auditEventsOfOrder, []string{"e.order_id"}, single(ids), func(rows record) error {
		e, err := scanAuditEvent(rows)
		if o := at[e.OrderID]; o != nil {
			o.Events = append(o.Events, e)
		}
		return err
	})
	if err != nil {
		return err
	}
	return matchAny(a.r, auditTransfers, []string{"order_id"}, single(ids), func(rows record) error {
		var t verify.Transfer
		var owner string
		err := rows.Scan(&t.ID, &owner, &t.Rail, &t.Purpose, &t.State)
		if o := at[owner]; o != nil {
			o.Transfers = append(o.Transfers, t)
		}
		return err
	})
}

// orderRow is an order's row as it stands.
type orderRow struct {
	id, publicID, unique, reference, mode, rail, network, state, asset, amount, sendRail, standing, kind, words, refunds string
	place, scope, number, deadline, sendAt, aside, created, updated, version, reviewing                                  int64
	body, doc                                                                                                            []byte
}

func scanOrderRow(rows record) (r orderRow, err error) {
	err = rows.Scan(&r.place, &r.id, &r.publicID, &r.scope, &r.number, &r.unique, &r.reference, &r.mode, &r.rail, &r.network, &r.state, &r.asset, &r.amount,
		&r.deadline, &r.sendRail, &r.sendAt, &r.aside, &r.created, &r.updated, &r.version, &r.body, &r.doc, &r.standing, &r.reviewing, &r.kind, &r.words, &r.refunds)
	return r, err
}

func (r orderRow) record() (*engine.Order, string) {
	o := &engine.Order{}
	if err := json.Unmarshal(r.body, o); err != nil {
		return nil, err.Error()
	}
	return o, ""
}

// contradictions names the columns that are not what the record makes them.
func (r orderRow) contradictions(o *engine.Order, scope engine.Scope) []string {
	var names []string
	check := func(name string, column, record any) {
		if column != record {
			names = append(names, fmt.Sprintf("%s is %v and not %v", name, column, record))
		}
	}
	zero := func(v any) any {
		if v == nil {
			return int64(0)
		}
		return v
	}
	sendRail, sendAt := sendColumns(o)
	if sendRail == nil {
		sendRail = ""
	}
	check("id", r.id, o.ID)
	check("public_id", r.publicID, o.PublicID)
	check("scope_id", scope, o.Scope)
	check("number", r.number, o.Number)
	check("place", r.place, place(r.scope, o.Number))
	check("unique_key", r.unique, o.UniqueKey)
	check("standing_id", r.standing, o.Standing)
	check("kind", r.kind, o.Kind)
	check("words", r.words, wordsColumn(o))
	check("refunds", r.refunds, string(o.Overlay))
	check("reference_lower", r.reference, strings.ToLower(o.Reference))
	check("mode", r.mode, string(o.Scope.Mode))
	check("rail", r.rail, string(o.Rail))
	check("network", r.network, o.Network)
	check("state", r.state, string(o.State))
	check("asset_code", r.asset, o.Terms.Due.Asset().Code())
	check("amount_key", r.amount, amountKey(o))
	check("next_deadline", r.deadline, zero(nextDeadline(o)))
	check("send_rail", r.sendRail, sendRail)
	check("send_at", r.sendAt, zero(sendAt))
	check("aside", r.aside, flag(o.Aside()))
	check("reviewing", r.reviewing, flag(o.Reviewed()))
	check("created_at", r.created, micros(o.CreatedAt))
	check("updated_at", r.updated, micros(o.UpdatedAt))
	check("version", r.version, o.Version)
	return names
}

func scanAuditPayment(rows record) (verify.Payment, error) {
	var p verify.Payment
	var railName, external string
	var epoch, rank, block int64
	var body []byte
	var told, settled int64
	var network, code, key, tx string
	err := rows.Scan(&railName, &external, &p.OrderID, &p.Position, &epoch, &rank, &block, &body, &told, &settled, &network, &code, &key, &tx)
	if err != nil {
		return p, err
	}
	var stored engine.Stray
	if err := json.Unmarshal(body, &stored); err != nil {
		p.Rail, p.External, p.Unreadable = railName, external, err.Error()
		return p, nil
	}
	p.Payment, p.Mode = stored.Payment, stored.Mode
	for _, c := range []struct {
		name string
		same bool
	}{
		{"rail", p.Rail == railName}, {"external", p.External == external}, {"epoch", int64(p.Epoch) == epoch},
		{"rank", int64(p.Rank) == rank}, {"block", int64(p.Evidence.Block) == block},
	} {
		if !c.same {
			p.Columns = append(p.Columns, c.name)
		}
	}
	for i, column := range []any{told, settled, network, code, key, tx} {
		if column != paymentColumns(p.Payment)[i] {
			p.Columns = append(p.Columns, paymentColumnNames[i])
		}
	}
	p.Rail, p.External = railName, external
	return p, nil
}

// entryList gathers postings into entries; rows come by entry within one query.
type entryList struct {
	list []*verify.Entry
	at   map[string]*verify.Entry
}

func newEntries() *entryList { return &entryList{at: map[string]*verify.Entry{}} }

func (l *entryList) add(rows record) error {
	var e verify.Entry
	var m markRow
	var at int64
	var n sql.NullInt64
	var from, to, amount, row sql.NullString
	columns := append([]any{&e.ID, &e.OrderID, &e.Merchant, &e.Entry.Mode, &at}, m.columns()...)
	if err := rows.Scan(append(columns, &n, &from, &to, &amount, &row)...); err != nil {
		return err
	}
	known := l.at[e.ID]
	if known == nil {
		e.At, e.Mark = timeOf(at), m.mark(engine.SealEntry, e.ID)
		known = &e
		l.at[e.ID] = known
		l.list = append(l.list, known)
	}
	if !n.Valid {
		return nil
	}
	p := order.Posting{Posting: ledger.Posting{From: ledger.Account(from.String), To: ledger.Account(to.String)}, Row: row.String}
	var err error
	if p.Amount, err = parseAmount(amount.String); err != nil {
		known.Unreadable = fmt.Sprintf("posting %d: %v", n.Int64, err)
	}
	if n.Int64 != int64(len(known.Postings))+1 && known.Unreadable == "" {
		known.Unreadable = fmt.Sprintf("posting %d stands where %d belongs", n.Int64, len(known.Postings)+1)
	}
	known.Postings = append(known.Postings, p)
	return nil
}

func scanAuditEvent(rows record) (verify.Event, error) {
	var e verify.Event
	var m markRow
	var at int64
	var facts []byte
	var merchant, mode, dialect sql.NullString
	err := rows.Scan(append([]any{&e.ID, &e.OrderID, &merchant, &mode, &dialect, &e.Seq, &e.Type, &e.State, &e.Overlay, &e.Row, &at, &facts}, m.columns()...)...)
	if err != nil {
		return e, err
	}
	e.Scope = engine.Scope{Merchant: merchant.String, Mode: engine.Mode(mode.String), Dialect: dialect.String}
	e.At, e.Mark = timeOf(at), m.mark(engine.SealEvent, e.ID)
	if err := json.Unmarshal(facts, &e.Facts); err != nil {
		e.Unreadable = err.Error()
	}
	return e, nil
}

func (a *audit) Notices(after string, limit int) ([]verify.Event, error) {
	var found []verify.Event
	err := scan(a.r, auditNotices, []any{after, limit}, func(rows record) error {
		e, err := scanAuditEvent(rows)
		found = append(found, e)
		return err
	})
	return found, err
}

// column is a column of a row, and whether it says what the record says.
type column struct {
	name string
	same bool
}

// differing names the columns that contradict the record.
func differing(columns []column) (names []string) {
	for _, c := range columns {
		if !c.same {
			names = append(names, c.name)
		}
	}
	return names
}

func (a *audit) Standings(after string, limit int) ([]verify.Standing, error) {
	scopes, err := a.Scopes()
	if err != nil {
		return nil, err
	}
	var found []verify.Standing
	err = scan(a.r, auditStandings, []any{after, limit}, func(rows record) error {
		var st verify.Standing
		var reference, lower string
		var scope, number, bound, version int64
		var body []byte
		if err := rows.Scan(&st.ID, &scope, &number, &reference, &lower, &bound, &version, &body); err != nil {
			return err
		}
		record := &engine.Standing{}
		if err := json.Unmarshal(body, record); err != nil {
			st.Unreadable = err.Error()
		} else {
			st.Record = record
			st.Columns = differing([]column{
				{"id", record.ID == st.ID}, {"scope_id", record.Scope == scopes[scope].Scope}, {"number", record.Number == number}, {"reference", record.Reference == reference},
				{"reference_lower", strings.ToLower(record.Reference) == lower}, {"bound", int64(len(record.Bindings)) == bound}, {"version", record.Version == version},
			})
		}
		found = append(found, st)
		return nil
	})
	return found, err
}

func (a *audit) Offers(after string, limit int) ([]verify.Offer, error) {
	scopes, err := a.Scopes()
	if err != nil {
		return nil, err
	}
	var found []verify.Offer
	err = scan(a.r, auditOffers, []any{after, limit}, func(rows record) error {
		var o verify.Offer
		var slug, state string
		var scope, number, version int64
		var body []byte
		if err := rows.Scan(&o.ID, &scope, &number, &slug, &state, &version, &body); err != nil {
			return err
		}
		record := &engine.Offer{}
		if err := json.Unmarshal(body, record); err != nil {
			o.Unreadable = err.Error()
		} else {
			o.Record = record
			o.Columns = differing([]column{
				{"id", record.ID == o.ID}, {"scope_id", record.Scope == scopes[scope].Scope}, {"number", record.Number == number},
				{"slug", record.Slug == slug}, {"state", string(record.State) == state}, {"version", record.Version == version},
			})
		}
		found = append(found, o)
		return nil
	})
	return found, err
}

func (a *audit) Deals(after string, limit int) ([]verify.Deal, error) {
	var found []verify.Deal
	err := scan(a.r, auditDeals, []any{after, limit}, func(rows record) error {
		var d verify.Deal
		var doc []byte
		if err := rows.Scan(&d.ID, &doc); err != nil {
			return err
		}
		record := &engine.Deal{}
		if err := json.Unmarshal(doc, record); err != nil {
			d.Unreadable = err.Error()
		} else {
			d.Record = record
		}
		found = append(found, d)
		return nil
	})
	return found, err
}

func (a *audit) Bookings(after string, limit int) (found []verify.Booking, err error) {
	err = scan(a.r, auditBookings, []any{after, limit}, func(row record) error {
		var b verify.Booking
		var rail, name, state, endToEnd, moved, batch string
		var early, bookedAt, version int64
		var body []byte
		if err := row.Scan(&b.ID, &rail, &name, &state, &early, &endToEnd, &bookedAt, &moved, &batch, &version, &body); err != nil {
			return err
		}
		r := &engine.Booking{}
		if err := json.Unmarshal(body, r); err != nil {
			b.Unreadable = err.Error()
			found = append(found, b)
			return nil
		}
		var wantAt int64
		wantMoved := ""
		if r.Counts() {
			wantAt, wantMoved = micros(r.Booked), formatAmount(r.Moved())
		}
		b.Record, b.Columns = r, differing([]column{{"id", r.ID == b.ID}, {"rail", string(r.Rail) == rail}, {"name", r.Key == name}, {"state", string(r.State) == state},
			{"early", flag(r.Early) == early}, {"end_to_end", r.EndToEnd == endToEnd}, {"booked_at", wantAt == bookedAt}, {"moved", wantMoved == moved}, {"batch", r.InBatch() == batch}, {"version", r.Version == version}})
		found = append(found, b)
		return nil
	})
	return found, err
}

func (a *audit) BankDays() (found []verify.BankDay, err error) {
	err = scan(a.r, auditBankDays, nil, func(row record) error {
		var d verify.BankDay
		var day int64
		var moved string
		if err := row.Scan(&d.Rail, &day, &moved); err != nil {
			return err
		}
		d.Day, d.Unreadable = timeOf(day), ""
		if d.Moved, err = parseAmount(moved); err != nil {
			d.Unreadable = err.Error()
		}
		found = append(found, d)
		return nil
	})
	return found, err
}

func (a *audit) BankStatements(after verify.BankStatement, limit int) (found []verify.BankStatement, err error) {
	err = scan(a.r, auditStatement, []any{string(after.Rail), after.Place, limit}, func(row record) error {
		var s verify.BankStatement
		var closing, version int64
		var body []byte
		if err := row.Scan(&s.Rail, &s.Place, &closing, &version, &body); err != nil {
			return err
		}
		r := &engine.BankStatement{}
		if err := json.Unmarshal(body, r); err != nil {
			s.Unreadable = err.Error()
		} else {
			s.Record, s.Columns = r, differing([]column{{"rail", r.Rail == s.Rail}, {"place", r.Place() == s.Place}, {"closing", flag(r.Closes()) == closing}, {"version", r.Version == version}})
		}
		found = append(found, s)
		return nil
	})
	return found, err
}

func (a *audit) Loose(after string, limit int) ([]verify.Entry, error) {
	ids, err := texts(a.r, auditLooseIDs, after, limit)
	if err != nil {
		return nil, err
	}
	entries := newEntries()
	if err := matchAny(a.r, auditEntriesByID, []string{"e.id"}, single(ids), entries.add); err != nil {
		return nil, err
	}
	found := make([]verify.Entry, 0, len(entries.list))
	for _, e := range entries.list {
		found = append(found, *e)
	}
	return found, nil
}

func (a *audit) Strays(after order.PaymentKey, limit int) ([]verify.Payment, error) {
	var found []verify.Payment
	err := scan(a.r, auditStrays, []any{after.Rail, after.External, limit}, func(rows record) error {
		p, err := scanAuditPayment(rows)
		found = append(found, p)
		return err
	})
	return found, err
}

func (a *audit) Actions(after string, limit int) ([]verify.Action, error) {
	var found []verify.Action
	err := scan(a.r, auditActions, []any{after, limit}, func(rows record) error {
		var one verify.Action
		var m markRow
		var at int64
		err := rows.Scan(append([]any{&one.ID, &one.Mode, &at, &one.Who, &one.What, &one.Ref, &one.Detail}, m.columns()...)...)
		one.At, one.Mark = timeOf(at), m.mark(engine.SealAction, one.ID)
		found = append(found, one)
		return err
	})
	return found, err
}

func (a *audit) Balances(after verify.BalanceKey, limit int) ([]verify.Balance, error) {
	var found []verify.Balance
	err := scan(a.r, auditBalances, []any{string(after.Mode), string(after.Account), after.Asset, limit}, func(rows record) error {
		var b verify.Balance
		err := rows.Scan(&b.Mode, &b.Book, &b.Account, &b.Asset, &b.Units, &b.Lines)
		found = append(found, b)
		return err
	})
	return found, err
}

func (a *audit) Lines(after verify.LineKey, limit int) ([]verify.Line, error) {
	var found []verify.Line
	err := scan(a.r, auditLines, []any{string(after.Mode), string(after.Account), after.Asset, after.N, limit}, func(rows record) error {
		var l verify.Line
		err := rows.Scan(&l.Mode, &l.Account, &l.Asset, &l.N, &l.Entry, &l.Posting, &l.At, &l.Amount, &l.Balance, &l.From, &l.To, &l.PostingSays)
		found = append(found, l)
		return err
	})
	return found, err
}

func (a *audit) Holds(after verify.Hold, limit int) ([]verify.Hold, error) {
	var found []verify.Hold
	err := scan(a.r, auditHolds, []any{after.Number, after.From, after.OrderID, limit}, func(rows record) error {
		var h verify.Hold
		err := rows.Scan(&h.Number, &h.Family, &h.Value, &h.From, &h.OrderID, &h.To, &h.Rail)
		found = append(found, h)
		return err
	})
	return found, err
}

func (a *audit) Counters(after verify.Counter, limit int) ([]verify.Counter, error) {
	var found []verify.Counter
	err := scan(a.r, auditCounters, []any{after.Scope, string(after.State), after.Bucket, limit}, func(rows record) error {
		var c verify.Counter
		err := rows.Scan(&c.Scope, &c.State, &c.Bucket, &c.N)
		found = append(found, c)
		return err
	})
	return found, err
}

func (a *audit) Sums(after verify.SumKey, limit int) ([]verify.Sum, error) {
	var found []verify.Sum
	args := []any{after.Scope, after.Bucket, string(after.State), after.Asset, limit}
	err := scan(a.r, auditSums, args, func(rows record) error {
		var one verify.Sum
		var s orderSum
		columns := []any{&one.Scope, &one.Bucket, &one.State, &one.Asset, &s.n, &s.seen, &s.wait}
		for i := range s.units {
			columns = append(columns, &s.units[i])
		}
		if err := rows.Scan(columns...); err != nil {
			return err
		}
		one.N, one.Seen, one.Wait, one.Units = s.n, s.seen, s.wait, s.big().String()
		found = append(found, one)
		return nil
	})
	return found, err
}

func (a *audit) Scopes() (map[int64]verify.Scope, error) {
	found := map[int64]verify.Scope{}
	err := scan(a.r, auditScopes, nil, func(rows record) error {
		var id int64
		var s verify.Scope
		err := rows.Scan(&id, &s.Merchant, &s.Mode, &s.Dialect, &s.Last)
		found[id] = s
		return err
	})
	return found, err
}

// Booked finds the orders of each address by its holds, and their payments on the rail to that very address.
func (a *audit) Booked(m engine.Mode, f engine.Family, on engine.RailName, after string, limit int) ([]verify.Booked, error) {
	var found []verify.Booked
	err := scan(a.r, auditAddresses, []any{string(f), string(m), after, limit}, func(rows record) error {
		var value, merchant string
		err := rows.Scan(&value, &merchant)
		found = append(found, verify.Booked{Address: value, House: merchant == "", Amounts: map[money.Asset]money.Amount{}})
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	at := map[string]*verify.Booked{}
	keys := make([][]any, len(found))
	for i, b := range found {
		at[b.Address], keys[i] = &found[i], []any{string(f), b.Address}
	}
	owners := map[string]bool{}
	err = matchAny(a.r, auditHolders, []string{"i.family", "i.value"}, keys, func(rows record) error {
		var id string
		err := rows.Scan(&id)
		owners[id] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	var standing []string
	for id := range owners {
		if (engine.Hold{OrderID: id}).IsStanding() {
			standing = append(standing, id)
		}
	}
	err = matchAny(a.r, auditArrivals, []string{"standing_id"}, single(standing), func(rows record) error {
		var id string
		err := rows.Scan(&id)
		owners[id] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, matchAny(a.r, auditPaymentsOfOrder, []string{"order_id"}, single(slices.Collect(maps.Keys(owners))), func(rows record) error {
		p, err := scanAuditPayment(rows)
		if b := at[p.Evidence.To]; b != nil && p.Rail == string(on) && p.Rank == order.RankConfirmed {
			b.Amounts[p.Amount.Asset()] = b.Amounts[p.Amount.Asset()].Add(p.Amount)
		}
		return err
	})
}
