-- +goose Up

-- The statement of each balance that a merchant may spend: one row for each posting that moved it, numbered from 1, with what it left.
-- at is on the mode's clock; amount is what the posting added, in smallest units with its sign; balance is what stood there behind it.
-- No API booked in such an account before this migration, so that every line there is has its number.
CREATE TABLE lines (
	mode TEXT COLLATE "C" NOT NULL,
	account TEXT COLLATE "C" NOT NULL,
	asset TEXT COLLATE "C" NOT NULL,
	n BIGINT NOT NULL,
	entry_id TEXT COLLATE "C" NOT NULL,
	posting BIGINT NOT NULL, -- its place in the entry
	at BIGINT NOT NULL,
	amount TEXT COLLATE "C" NOT NULL,
	balance TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (mode, account, asset, n)
);
CREATE INDEX lines_at ON lines (mode, account, asset, at, n);

-- How many lines the balance has.
ALTER TABLE balances ADD COLUMN lines BIGINT NOT NULL DEFAULT 0;

-- Counts the events that the endpoints of an organisation are told from 1, on the first message of each; 0 on all others.
ALTER TABLE messages ADD COLUMN told_number BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX messages_told ON messages (scope_id, told_number) WHERE told_number > 0;

-- 1 while a person must decide something about the order.
ALTER TABLE orders ADD COLUMN reviewing BIGINT NOT NULL DEFAULT 0;
CREATE INDEX orders_reviewing ON orders (mode, id) WHERE reviewing = 1;
