-- +goose Up

-- What one order writes shall lie beside what the order before it wrote, so that a group of orders changes few pages.

-- An order's row lies at its place: its scope times 2^40, plus its number. No index on both is needed.
CREATE TABLE orders_by_place (
	place INTEGER NOT NULL PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
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
	amount_key TEXT NOT NULL,
	next_deadline BIGINT,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version BIGINT NOT NULL,
	body TEXT NOT NULL,
	doc TEXT NOT NULL,
	send_rail TEXT,
	send_at BIGINT,
	aside BIGINT NOT NULL DEFAULT 0
);
INSERT INTO orders_by_place SELECT scope_id * 1099511627776 + number, id, public_id, scope_id, number, unique_key, reference_lower, mode, rail, network,
	state, asset_code, amount_key, next_deadline, created_at, updated_at, version, body, doc, send_rail, send_at, aside FROM orders ORDER BY scope_id, number;
DROP TABLE orders;
ALTER TABLE orders_by_place RENAME TO orders;
CREATE UNIQUE INDEX orders_unique_key ON orders (scope_id, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX orders_state ON orders (scope_id, state, number);
CREATE INDEX orders_due ON orders (mode, rail, next_deadline, id) WHERE next_deadline IS NOT NULL;
CREATE INDEX orders_send ON orders (send_rail, send_at, id) WHERE send_at IS NOT NULL;
CREATE INDEX orders_aside ON orders (mode, id) WHERE aside = 1;

-- A hold names its instrument by the number, which free instruments are handed out by; by value each would change a page of its own.
CREATE TABLE holds_by_number (
	number BIGINT NOT NULL,
	from_at BIGINT NOT NULL,
	order_id TEXT NOT NULL,
	to_at BIGINT NOT NULL,
	PRIMARY KEY (number, from_at, order_id)
) WITHOUT ROWID;
INSERT INTO holds_by_number SELECT number, from_at, order_id, to_at FROM holds;
DROP TABLE holds;
ALTER TABLE holds_by_number RENAME TO holds;
CREATE UNIQUE INDEX holds_open ON holds (number) WHERE to_at = 0;
