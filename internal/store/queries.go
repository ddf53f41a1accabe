package store

import "till/internal/engine"

// Every statement of the store, by noun, in the one dialect that SQLite and PostgreSQL share: numbered
// placeholders, no JSON operators, no arrays. {any} stands for a condition that matchAny writes.

// marks
const (
	selectMark = `SELECT value FROM marks WHERE name = $1`
	upsertMark = `INSERT INTO marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	raiseMark  = `INSERT INTO marks (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE marks.value = $3`
)

// merchants and keys
const (
	selectMerchants = `SELECT id, organisation, name, created_at FROM merchants ORDER BY id`
	upsertMerchant  = `INSERT INTO merchants (id, organisation, name, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET organisation = excluded.organisation, name = excluded.name`
	selectKeys = `SELECT id, hash, prefix, merchant, mode, dialect, name, scopes, active, expires_at, created_at, made_by, updated_at, used_at, revoked_at FROM keys`
	selectKey  = selectKeys + ` WHERE hash = $1`
	upsertKey  = `INSERT INTO keys (id, hash, prefix, merchant, mode, dialect, name, scopes, active, expires_at, created_at, made_by, updated_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, prefix = excluded.prefix, merchant = excluded.merchant, mode = excluded.mode,
		dialect = excluded.dialect, name = excluded.name, scopes = excluded.scopes, active = excluded.active, expires_at = excluded.expires_at,
		made_by = excluded.made_by, updated_at = excluded.updated_at, revoked_at = excluded.revoked_at`
	updateKeyUsed = `UPDATE keys SET used_at = $1 WHERE id = $2 AND used_at < $1`
)

// settings and clocks
const (
	selectSettings  = `SELECT merchant, mode, name, value FROM settings WHERE {any}`
	upsertSetting   = `INSERT INTO settings (merchant, mode, name, value) VALUES ($1, $2, $3, $4) ON CONFLICT (merchant, mode, name) DO UPDATE SET value = excluded.value`
	deleteSetting   = `DELETE FROM settings WHERE merchant = $1 AND mode = $2 AND name = $3`
	selectClock     = `SELECT at, offset_ns FROM clock_moves WHERE mode = $1 ORDER BY n`
	insertClockMove = `INSERT INTO clock_moves (mode, n, at, offset_ns) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
)

// scopes
const (
	selectScope  = `SELECT id FROM scopes WHERE merchant = $1 AND mode = $2 AND dialect = $3`
	insertScope  = `INSERT INTO scopes (merchant, mode, dialect, last_number) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING`
	selectNumber = `SELECT id, last_number FROM scopes WHERE {any}`
	updateNumber = `UPDATE scopes SET last_number = $1 WHERE id = $2 AND last_number = $3`
	selectScopes = `SELECT id, merchant, mode, dialect FROM scopes WHERE {any}`
)

// orders
const (
	selectOrders         = `SELECT body, doc FROM orders WHERE {any}`
	selectVersions       = `SELECT id, version FROM orders WHERE {any}`
	selectOrderByPublic  = `SELECT body, doc FROM orders WHERE public_id = $1`
	selectOrdersByUnique = `SELECT scope_id, unique_key, id, public_id FROM orders WHERE {any}`
	selectCreatedAt      = `SELECT created_at FROM orders WHERE place = $1`
	selectOrderNumbers   = `SELECT number FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 ORDER BY number {direction} LIMIT $5`
	selectOrderCounts    = `SELECT bucket, CAST(SUM(n) AS BIGINT) FROM order_counts WHERE scope_id = $1 AND bucket >= $2 AND bucket <= $3 AND state IN ({states}) GROUP BY bucket ORDER BY bucket`
	countOrders          = `SELECT COUNT(*) FROM orders`
	searchOrders         = `SELECT number FROM orders`
	selectOrdersDue      = `SELECT next_deadline, id FROM orders WHERE mode = $1 AND rail = $2 AND next_deadline < $3 AND (next_deadline, id) > ($4, $5)
		ORDER BY next_deadline, id LIMIT $6`
	insertOrder = `INSERT INTO orders (place, id, public_id, scope_id, number, unique_key, reference_lower, mode, rail, network, state, asset_code,
		amount_key, next_deadline, created_at, updated_at, version, body, doc, send_rail, send_at, aside, standing_id, reviewing, kind, words, refunds)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27) ON CONFLICT DO NOTHING`
	// insertPlainOrder is insertOrder without what few orders have when they are made: those columns are as their defaults say.
	insertPlainOrder = `INSERT INTO orders (place, id, public_id, scope_id, number, unique_key, reference_lower, mode, rail, network, state, asset_code,
		amount_key, next_deadline, created_at, updated_at, version, body, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING`
	updateOrder = `UPDATE orders SET reference_lower = $1, rail = $2, network = $3, state = $4, asset_code = $5, amount_key = $6,
		next_deadline = $7, send_rail = $8, send_at = $9, aside = $10, updated_at = $11, version = $12, body = $13, doc = $14,
		reviewing = $15, refunds = $16 WHERE id = $17 AND version = $18`
	addOrderCount = `INSERT INTO order_counts (scope_id, state, bucket, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (scope_id, state, bucket) DO UPDATE SET n = order_counts.n + excluded.n`
)

// payments
const (
	selectPayments        = `SELECT order_id, position, body FROM payments WHERE {any}`
	selectPaymentsOfOrder = `SELECT order_id, position, body FROM payments WHERE order_id <> '' AND {any} ORDER BY order_id, position`
	selectPaymentsSince   = `SELECT order_id, position, body FROM payments WHERE rail = $1 AND block >= $2 AND rank IN (1, 3) ORDER BY block, external`
	insertPayment         = `INSERT INTO payments (order_id, position, epoch, rank, block, body, scope_id, stray_of, told_at, settled_at, network, asset_code, amount_key, tx, rail, external)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING`
	updatePayment = `UPDATE payments SET order_id = $1, position = $2, epoch = $3, rank = $4, block = $5, body = $6, scope_id = $7, stray_of = $8, told_at = $9,
		settled_at = $10, network = $11, asset_code = $12, amount_key = $13, tx = $14
		WHERE rail = $15 AND external = $16 AND order_id = $17 AND epoch = $18 AND rank = $19`
)

// events
const (
	selectEvents = `SELECT e.id, e.order_id, s.merchant, s.mode, s.dialect, e.seq, e.type, e.state, e.overlay, e.row_name, e.at, e.facts
		FROM events e JOIN scopes s ON s.id = e.scope_id `
	selectEventsOfOrder = selectEvents + `WHERE e.order_id = $1 AND e.order_id <> '' ORDER BY e.seq`
	selectEventsUntold  = selectEvents + `WHERE e.told = 0 AND {any} ORDER BY e.id LIMIT ` // and the last placeholder
	insertEvent         = `INSERT INTO events (id, order_id, scope_id, seq, type, state, overlay, row_name, at, facts, told)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`
	updateEventTold = `UPDATE events SET told = 1 WHERE id = $1`
)

// the ledger
const (
	selectEntries = `SELECT e.id, e.order_id, e.merchant, e.mode, e.at, p.from_account, p.to_account, p.amount, p.row_name
		FROM entries e JOIN postings p ON p.entry_id = e.id WHERE e.order_id = $1 AND e.order_id <> '' ORDER BY e.id, p.n`
	insertEntry    = `INSERT INTO entries (id, order_id, merchant, mode, at) VALUES ($1, $2, $3, $4, $5)`
	insertPosting  = `INSERT INTO postings (entry_id, n, from_account, to_account, amount, row_name) VALUES ($1, $2, $3, $4, $5, $6)`
	selectBalances = `SELECT mode, account, asset, amount, version, lines FROM balances WHERE {any}`
	selectBooks    = `SELECT account, amount FROM balances WHERE mode = $1 AND book IN ($2, $3) ORDER BY account, asset`
	insertBalance  = `INSERT INTO balances (mode, book, account, asset, amount, version, lines) VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT DO NOTHING`
	updateBalance  = `UPDATE balances SET amount = $1, version = $2, lines = $3 WHERE mode = $4 AND book = $5 AND account = $6 AND asset = $7 AND version = $8`
)

// idempotency
const (
	selectAnswers = `SELECT scope, name, hash, order_id, status, body, at FROM answers WHERE {any}`
	// The word 'server' is engine.ServerMarks, written out for the sake of the index.
	selectOldAnswers = `SELECT scope, name FROM answers WHERE scope <> 'server' AND at <= $1 ORDER BY at LIMIT $2`
	insertAnswer     = `INSERT INTO answers (scope, name, hash, order_id, status, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	updateAnswer     = `UPDATE answers SET hash = $1, order_id = $2, status = $3, body = $4, at = $5 WHERE scope = $6 AND name = $7`
	deleteAnswer     = `DELETE FROM answers WHERE scope = $1 AND name = $2`
)

// watchers
const (
	selectProgress = `SELECT state, horizon, head, fence FROM progress WHERE rail = $1`
	upsertProgress = `INSERT INTO progress (rail, state, horizon, head, fence) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (rail) DO UPDATE SET state = excluded.state, horizon = excluded.horizon, head = excluded.head, fence = excluded.fence
		WHERE progress.fence <= excluded.fence`
)

// instruments and holds
const (
	selectInstruments = `SELECT family, value, merchant, mode FROM instruments WHERE {any}`
	insertInstrument  = `INSERT INTO instruments (number, family, value, merchant, mode, derivation_index, master_public_key, archived, derived, claim, rest_since, rest_until, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '` + inRun + `', 0, 0, $10) ON CONFLICT DO NOTHING`
	restInstrument = `UPDATE instruments SET claim = '', counted = 0, rest_since = $1, rest_until = $2 WHERE family = $3 AND value = $4`

	// Those that no run gives out (run.go).
	claimNewInstruments = `UPDATE instruments SET claim = $1 WHERE number IN (
		SELECT number FROM instruments WHERE merchant = $2 AND mode = $3 AND family = $4 AND claim = '' AND archived = 0 AND quarantined = 0 AND rest_since = 0
		ORDER BY derived, number LIMIT $5) RETURNING value, number, 0, derived`
	claimRestedInstruments = `UPDATE instruments SET claim = $1 WHERE number IN (
		SELECT number FROM instruments WHERE merchant = $2 AND mode = $3 AND family = $4 AND claim = '' AND archived = 0 AND quarantined = 0 AND rest_since > 0
		AND counted = 1 AND derived = 0 AND rest_until <= $5 ORDER BY rest_until LIMIT $6) RETURNING value, number, rest_since, derived`
	selectClaimed  = `SELECT number FROM instruments WHERE claim <> '' AND claim <> '` + inRun + `' AND number > $1 ORDER BY number LIMIT $2`
	freeDeadClaims = `UPDATE instruments SET claim = '' WHERE claim <> '' AND claim <> '` + inRun + `' AND claim <> $1 AND number > $2 AND number <= $3
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = instruments.number AND h.to_at = 0)`

	selectInstrumentRows = `SELECT i.value, i.archived, i.quarantined, i.counted, i.derived, i.rest_since, i.rest_until, i.created_at,
		i.derivation_index, i.rest_balance, h.order_id, h.from_at, o.public_id, t.reference
		FROM instruments i LEFT JOIN holds h ON h.number = i.number AND h.to_at = 0 LEFT JOIN orders o ON o.id = h.order_id
		LEFT JOIN standings t ON t.id = h.order_id
		WHERE i.merchant = $1 AND i.mode = $2 AND i.family = $3 AND i.value > $4 ORDER BY i.value LIMIT $5`
	selectInstrumentAt = `SELECT value FROM instruments WHERE merchant = $1 AND mode = $2 AND family = $3 ORDER BY value LIMIT 1 OFFSET $4`
	countPool          = `SELECT COUNT(*) FROM instruments WHERE merchant = $1 AND mode = $2 AND family = $3`
	countInstruments   = `SELECT COUNT(*), COALESCE(SUM(CASE WHEN h.to_at IS NOT NULL THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.to_at IS NOT NULL AND substr(h.order_id, 1, 4) = '` + engine.StandingPrefix + `' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.to_at IS NULL AND i.quarantined = 1 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.to_at IS NULL AND i.quarantined = 0 AND i.archived > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.to_at IS NULL AND i.quarantined = 0 AND i.archived = 0 AND i.rest_since > 0
			AND (i.rest_until > $1 OR i.counted = 0 AND i.derived = 0) THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.to_at IS NULL AND i.quarantined = 0 AND i.archived = 0 AND i.rest_since > 0
			AND i.rest_until <= $1 AND i.derived = 1 THEN 1 ELSE 0 END), 0)
		FROM instruments i LEFT JOIN holds h ON h.number = i.number AND h.to_at = 0
		WHERE i.merchant = $2 AND i.mode = $3 AND i.family = $4`
	selectKnownInstruments = `SELECT value FROM instruments WHERE {any}`
	selectSomeInstruments  = `SELECT value FROM instruments WHERE family = $1 ORDER BY value LIMIT $2`

	selectHolds       = `SELECT number, rail, order_id, from_at, to_at, taken_at FROM holds WHERE number = (SELECT number FROM instruments WHERE family = $1 AND value = $2) AND `
	selectHoldsBefore = selectHolds + `from_at <= $3 ORDER BY from_at DESC, order_id DESC LIMIT $4`
	selectHoldOpen    = selectHolds + `to_at = 0`
	selectHoldsOf     = `SELECT i.family, i.value, h.number, h.rail, h.order_id, h.from_at, h.to_at, h.taken_at, i.archived FROM instruments i JOIN holds h ON h.number = i.number WHERE {any}`
	// What was archived or quarantined since it was claimed, perhaps by another process, gets no hold.
	insertHold = `INSERT INTO holds (number, from_at, order_id, to_at, rail, taken_at) SELECT number, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS BIGINT)
		FROM instruments WHERE number = $1 AND archived <> 1 AND quarantined = 0 ON CONFLICT DO NOTHING`
	endHold = `UPDATE holds SET to_at = $1 WHERE number = $2 AND from_at = $3 AND order_id = $4 AND +to_at = 0` // the plus: by the key, not through all that are held
)

// webhooks
const (
	selectEndpoints = `SELECT id, merchant, mode, dialect, name, url, secret, old_secrets, events, enabled, created_at, updated_at, max_retries, timeout,
		schedule_only, description, metadata FROM endpoints `
	selectEndpointsOfScope = selectEndpoints + `WHERE merchant = $1 AND mode = $2 AND dialect = $3 ORDER BY id`
	selectEndpoint         = selectEndpoints + `WHERE id = $1`
	// Who is told of a merchant: its own endpoints and those of its organisation, in whose scopes the word 'org:' stands before its id
	// (engine.OfOrganisation).
	ofListeners     = `WHERE merchant IN ($1, (SELECT 'org:' || organisation FROM merchants WHERE id = $1)) AND mode = $2 AND dialect = $3 AND enabled = 1`
	selectListeners = `SELECT id FROM endpoints ` + ofListeners
	selectListening = selectEndpoints + ofListeners + ` ORDER BY id`
	upsertEndpoint  = `INSERT INTO endpoints (id, merchant, mode, dialect, name, url, secret, old_secrets, events, enabled, created_at, updated_at,
		max_retries, timeout, schedule_only, description, metadata)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, secret = excluded.secret, old_secrets = excluded.old_secrets, events = excluded.events, enabled = excluded.enabled,
		updated_at = excluded.updated_at, max_retries = excluded.max_retries, timeout = excluded.timeout, schedule_only = excluded.schedule_only,
		description = excluded.description, metadata = excluded.metadata`
)
