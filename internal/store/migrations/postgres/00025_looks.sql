-- +goose Up

-- What lists of orders look at beside the state: what the API calls the order, words with a space around each, and
-- whether its money goes back. Orders of which nothing goes back are not in the index.
ALTER TABLE orders ADD COLUMN kind TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN words TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN refunds TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX orders_refunds ON orders (scope_id, state, refunds, number) WHERE refunds <> '';
