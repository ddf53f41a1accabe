-- Times are microseconds since 1970, 0 for none; durations are nanoseconds; amounts are "<units> <asset>";
-- ids are texts that sort by time. Rows that are found by one short key only are clustered by it.

-- +goose Up

-- What must survive beside everything else: the latest time given out, the last instrument number.
CREATE TABLE marks (
	name TEXT NOT NULL PRIMARY KEY,
	value BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE merchants (
	id TEXT NOT NULL PRIMARY KEY,
	organisation TEXT NOT NULL,
	name TEXT NOT NULL,
	created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE keys (
	id TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL UNIQUE,
	prefix TEXT NOT NULL,
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	dialect TEXT NOT NULL,
	name TEXT NOT NULL,
	scopes TEXT NOT NULL,
	active BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (merchant, mode, name)
) WITHOUT ROWID;

CREATE TABLE clock_moves (
	mode TEXT NOT NULL,
	n BIGINT NOT NULL,
	at BIGINT NOT NULL,
	offset_ns BIGINT NOT NULL,
	PRIMARY KEY (mode, n)
) WITHOUT ROWID;

-- One row for each merchant, mode and API; last_number numbers its orders.
CREATE TABLE scopes (
	id INTEGER NOT NULL PRIMARY KEY,
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	dialect TEXT NOT NULL,
	last_number BIGINT NOT NULL,
	UNIQUE (merchant, mode, dialect)
);

-- body is the whole record as JSON, without doc and without payments; the other columns are what queries
-- look at.
CREATE TABLE orders (
	id TEXT NOT NULL PRIMARY KEY,
	public_id TEXT NOT NULL UNIQUE,
	scope_id BIGINT NOT NULL,
	number BIGINT NOT NULL,
	unique_key TEXT, -- NULL: nothing
	reference_lower TEXT NOT NULL,
	mode TEXT NOT NULL,
	rail TEXT NOT NULL,
	network TEXT NOT NULL,
	state TEXT NOT NULL,
	asset_code TEXT NOT NULL,
	amount_key TEXT NOT NULL, -- byte order is the order of the decimal values
	next_deadline BIGINT, -- NULL: no tick changes the order
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version BIGINT NOT NULL,
	body TEXT NOT NULL,
	doc TEXT NOT NULL -- the dialect's, byte for byte
);
CREATE UNIQUE INDEX orders_number ON orders (scope_id, number);
CREATE UNIQUE INDEX orders_unique_key ON orders (scope_id, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX orders_state ON orders (scope_id, state, number);
CREATE INDEX orders_due ON orders (mode, rail, next_deadline, id) WHERE next_deadline IS NOT NULL;

-- How many orders of a scope are in a state, by the upper bits of their numbers: what totals and pages
-- are read from.
CREATE TABLE order_counts (
	scope_id BIGINT NOT NULL,
	state TEXT NOT NULL,
	bucket BIGINT NOT NULL,
	n BIGINT NOT NULL,
	PRIMARY KEY (scope_id, state, bucket)
) WITHOUT ROWID;

-- order_id is '' for a stray. body is the whole record as JSON.
CREATE TABLE payments (
	rail TEXT NOT NULL,
	external TEXT NOT NULL,
	order_id TEXT NOT NULL,
	position BIGINT NOT NULL, -- its place among the order's payments
	epoch BIGINT NOT NULL,
	rank BIGINT NOT NULL,
	block BIGINT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (rail, external)
) WITHOUT ROWID;
CREATE INDEX payments_order ON payments (order_id, position) WHERE order_id <> '';
CREATE INDEX payments_standing ON payments (rail, block) WHERE rank IN (1, 3);

CREATE TABLE events (
	id TEXT NOT NULL PRIMARY KEY,
	order_id TEXT NOT NULL,
	scope_id BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	type TEXT NOT NULL,
	state TEXT NOT NULL,
	overlay TEXT NOT NULL,
	row_name TEXT NOT NULL,
	at BIGINT NOT NULL,
	facts TEXT NOT NULL,
	told BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX events_order ON events (order_id, seq);
CREATE INDEX events_untold ON events (id) WHERE told = 0;

CREATE TABLE entries (
	id TEXT NOT NULL PRIMARY KEY,
	order_id TEXT NOT NULL,
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX entries_order ON entries (order_id) WHERE order_id <> '';

CREATE TABLE postings (
	entry_id TEXT NOT NULL,
	n BIGINT NOT NULL,
	from_account TEXT NOT NULL,
	to_account TEXT NOT NULL,
	amount TEXT NOT NULL,
	row_name TEXT NOT NULL,
	PRIMARY KEY (entry_id, n)
) WITHOUT ROWID;

CREATE TABLE balances (
	mode TEXT NOT NULL,
	book TEXT NOT NULL,
	account TEXT NOT NULL,
	asset TEXT NOT NULL,
	amount TEXT NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (mode, book, account, asset)
) WITHOUT ROWID;

CREATE TABLE answers (
	scope TEXT NOT NULL,
	name TEXT NOT NULL,
	hash TEXT NOT NULL,
	order_id TEXT NOT NULL,
	status BIGINT NOT NULL,
	body BLOB NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (scope, name)
) WITHOUT ROWID;

CREATE TABLE progress (
	rail TEXT NOT NULL PRIMARY KEY,
	state BLOB NOT NULL,
	horizon BIGINT NOT NULL,
	head BIGINT NOT NULL,
	fence BIGINT NOT NULL
) WITHOUT ROWID;

-- claim is the process that may hand the instrument out, '' for none: an order never changes this row.
-- An archived instrument is never handed out. rest_since is when the last hold ended, 0 for an instrument that was never held.
CREATE TABLE instruments (
	number INTEGER NOT NULL PRIMARY KEY, -- in the order of import
	family TEXT NOT NULL,
	value TEXT NOT NULL,
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	derivation_index BIGINT,
	master_public_key TEXT NOT NULL,
	archived BIGINT NOT NULL,
	claim TEXT NOT NULL,
	rest_since BIGINT NOT NULL,
	rest_until BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (family, value)
);
CREATE INDEX instruments_pool ON instruments (merchant, mode, family, value);
CREATE INDEX instruments_new ON instruments (merchant, mode, family, number) WHERE claim = '' AND archived = 0 AND rest_since = 0;
CREATE INDEX instruments_rested ON instruments (merchant, mode, family, rest_until) WHERE claim = '' AND archived = 0 AND rest_since > 0;
CREATE INDEX instruments_claimed ON instruments (number) WHERE claim <> '';

-- Who owned an instrument from when to when (the rail's clock); to_at is 0 while it is held.
CREATE TABLE holds (
	family TEXT NOT NULL,
	value TEXT NOT NULL,
	from_at BIGINT NOT NULL,
	order_id TEXT NOT NULL,
	to_at BIGINT NOT NULL,
	PRIMARY KEY (family, value, from_at, order_id)
) WITHOUT ROWID;
-- Two owners of one instrument at a time are impossible, whatever the code does.
CREATE UNIQUE INDEX holds_open ON holds (family, value) WHERE to_at = 0;

CREATE TABLE endpoints (
	id TEXT NOT NULL PRIMARY KEY,
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	dialect TEXT NOT NULL,
	name TEXT NOT NULL,
	url TEXT NOT NULL,
	secret TEXT NOT NULL,
	events TEXT NOT NULL,
	enabled BIGINT NOT NULL,
	created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX endpoints_scope ON endpoints (merchant, mode, dialect);

CREATE TABLE messages (
	id TEXT NOT NULL PRIMARY KEY,
	event_id TEXT NOT NULL,
	order_id TEXT NOT NULL,
	endpoint_id TEXT NOT NULL,
	scope_id BIGINT NOT NULL,
	wire_id TEXT NOT NULL,
	type TEXT NOT NULL,
	body BLOB NOT NULL,
	state TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	next_at BIGINT NOT NULL,
	last_status BIGINT NOT NULL,
	last_error TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	done_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX messages_event ON messages (event_id, endpoint_id);
CREATE INDEX messages_order ON messages (order_id, id);
CREATE INDEX messages_due ON messages (endpoint_id, next_at, id) WHERE state = 'pending';
