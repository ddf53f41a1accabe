-- +goose Up

-- What one order writes shall lie beside what the order before it wrote, so that a group of orders changes few pages.

-- An order's place is its scope times 2^40, plus its number. No index on both is needed.
ALTER TABLE orders ADD COLUMN place BIGINT;
UPDATE orders SET place = scope_id * 1099511627776 + number;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
ALTER TABLE orders ADD PRIMARY KEY (place);
ALTER TABLE orders ADD UNIQUE (id);
DROP INDEX orders_number;

-- A hold names its instrument by the number, which free instruments are handed out by; by value each would change a page of its own.
ALTER TABLE holds DROP CONSTRAINT holds_pkey;
ALTER TABLE holds DROP COLUMN family;
ALTER TABLE holds DROP COLUMN value;
ALTER TABLE holds ALTER COLUMN number DROP DEFAULT;
ALTER TABLE holds ADD PRIMARY KEY (number, from_at, order_id);
