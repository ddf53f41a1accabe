-- +goose Up

-- What waits to be sent: the rail and the time from which on; NULL where nothing does.
ALTER TABLE orders ADD COLUMN send_rail TEXT COLLATE "C";
ALTER TABLE orders ADD COLUMN send_at BIGINT;
CREATE INDEX orders_send ON orders (send_rail, send_at, id) WHERE send_at IS NOT NULL;

-- 1: the order has money in suspense, or a shortfall.
ALTER TABLE orders ADD COLUMN aside BIGINT NOT NULL DEFAULT 0;
CREATE INDEX orders_aside ON orders (mode, id) WHERE aside = 1;

-- Which order a transfer belongs to, and when to look at it next: NULL for one that is not in flight. What
-- there is to know of a transfer stands in its order.
CREATE TABLE transfers (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	order_id TEXT COLLATE "C" NOT NULL,
	rail TEXT COLLATE "C" NOT NULL,
	purpose TEXT COLLATE "C" NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	look_at BIGINT
);
CREATE INDEX transfers_look ON transfers (rail, look_at, id) WHERE look_at IS NOT NULL;

CREATE INDEX payments_stray ON payments (rail, external) WHERE order_id = '';

-- The private memory of each rail.
CREATE TABLE rail_state (
	rail TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	value BYTEA NOT NULL,
	PRIMARY KEY (rail, name)
);
