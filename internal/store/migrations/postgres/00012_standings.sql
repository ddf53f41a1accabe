-- +goose Up

-- An event of no order has order_id '' and seq 0.
DROP INDEX events_order;
CREATE UNIQUE INDEX events_order ON events (order_id, seq) WHERE order_id <> '';
CREATE INDEX events_notices ON events (id) WHERE order_id = '';

-- Standing instructions: instruments held open-ended for a reference. body is the whole record as JSON, without doc.
-- In holds the order_id of what one holds is the standing instruction's id.
CREATE TABLE standings (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	scope_id BIGINT NOT NULL,
	number BIGINT NOT NULL, -- counts the scope's from 1
	reference TEXT COLLATE "C" NOT NULL,
	reference_lower TEXT COLLATE "C" NOT NULL,
	bound BIGINT NOT NULL, -- how many instruments it holds now
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL,
	doc TEXT COLLATE "C" NOT NULL -- the dialect's, byte for byte
);
CREATE UNIQUE INDEX standings_reference ON standings (scope_id, reference);
CREATE UNIQUE INDEX standings_number ON standings (scope_id, number);
CREATE INDEX standings_bound ON standings (scope_id, number) WHERE bound > 0;

-- The standing instruction that made the order; NULL: it was asked for.
ALTER TABLE orders ADD COLUMN standing_id TEXT COLLATE "C";
CREATE INDEX orders_standing ON orders (standing_id, number) WHERE standing_id IS NOT NULL;
