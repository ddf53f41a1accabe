-- +goose Up

-- What the orders of a scope sum up to, by state, by asset and by the upper bits of their numbers. seen is of how many
-- of them money was seen, seen_us after how many microseconds together. What is due stands in units_0 to units_8, nine
-- decimal digits of the smallest unit each, the lowest first: parts of that size can be added up without a limit that
-- matters, and without being read before.
CREATE TABLE order_sums (
	scope_id BIGINT NOT NULL,
	bucket BIGINT NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	asset TEXT COLLATE "C" NOT NULL,
	n BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	seen_us BIGINT NOT NULL,
	units_0 BIGINT NOT NULL,
	units_1 BIGINT NOT NULL,
	units_2 BIGINT NOT NULL,
	units_3 BIGINT NOT NULL,
	units_4 BIGINT NOT NULL,
	units_5 BIGINT NOT NULL,
	units_6 BIGINT NOT NULL,
	units_7 BIGINT NOT NULL,
	units_8 BIGINT NOT NULL,
	PRIMARY KEY (scope_id, bucket, state, asset)
);

-- What lists of payments look at; scope_id is 0 for a stray, settled_at 0 for one that is not confirmed.
ALTER TABLE payments ADD COLUMN scope_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN settled_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN network TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN asset_code TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN amount_key TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN tx TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Amounts are "<units> <code>/<decimals>@<network>", times as RFC 3339 has them.
UPDATE payments SET
	scope_id = COALESCE((SELECT o.scope_id FROM orders o WHERE o.id = payments.order_id), 0),
	told_at = (EXTRACT(EPOCH FROM (body::jsonb ->> 'told')::timestamptz) * 1000000)::BIGINT,
	settled_at = CASE WHEN rank <> 3 THEN 0 ELSE COALESCE((EXTRACT(EPOCH FROM (body::jsonb ->> 'settled')::timestamptz) * 1000000)::BIGINT, 0) END,
	asset_code = split_part(split_part(body::jsonb ->> 'amount', ' ', 2), '/', 1),
	network = split_part(body::jsonb ->> 'amount', '@', 2),
	amount_key = CASE WHEN body::jsonb ->> 'amount' LIKE '0 %' THEN '000' ELSE
		split_part(body::jsonb ->> 'amount', ' ', 1)
		|| repeat('0', 36 - split_part(split_part(body::jsonb ->> 'amount', '/', 2), '@', 1)::INT) END,
	tx = COALESCE(body::jsonb -> 'evidence' ->> 'tx', '');
UPDATE payments SET amount_key = lpad(length(amount_key)::TEXT, 3, '0') || amount_key WHERE amount_key <> '000';

CREATE INDEX payments_told ON payments (scope_id, rank, told_at, rail, external) WHERE scope_id <> 0;
CREATE INDEX payments_tx ON payments (scope_id, tx) WHERE scope_id <> 0;

-- How many payments of a scope's orders were first told in an hour (since 1970), by the rank of their last word.
CREATE TABLE payment_counts (
	scope_id BIGINT NOT NULL,
	rank BIGINT NOT NULL,
	hour BIGINT NOT NULL,
	n BIGINT NOT NULL,
	PRIMARY KEY (scope_id, rank, hour)
);
INSERT INTO payment_counts (scope_id, rank, hour, n)
	SELECT scope_id, rank, told_at / 3600000000, COUNT(*) FROM payments WHERE order_id <> '' GROUP BY scope_id, rank, told_at / 3600000000;

INSERT INTO order_sums (scope_id, bucket, state, asset, n, seen, seen_us, units_0, units_1, units_2, units_3, units_4, units_5, units_6, units_7, units_8)
	SELECT scope_id, number / 4096, state, asset, COUNT(*), COUNT(first_told), COALESCE(SUM(GREATEST(first_told - created_at, 0)), 0),
		SUM(CAST(substr(units, 73, 9) AS BIGINT)), SUM(CAST(substr(units, 64, 9) AS BIGINT)), SUM(CAST(substr(units, 55, 9) AS BIGINT)),
		SUM(CAST(substr(units, 46, 9) AS BIGINT)), SUM(CAST(substr(units, 37, 9) AS BIGINT)), SUM(CAST(substr(units, 28, 9) AS BIGINT)),
		SUM(CAST(substr(units, 19, 9) AS BIGINT)), SUM(CAST(substr(units, 10, 9) AS BIGINT)), SUM(CAST(substr(units, 1, 9) AS BIGINT))
	FROM (SELECT o.scope_id, o.number, o.state, o.created_at, split_part(due, ' ', 2) AS asset, lpad(split_part(due, ' ', 1), 81, '0') AS units,
			(SELECT MIN(p.told_at) FROM payments p WHERE p.order_id = o.id AND p.order_id <> ''
				AND split_part(p.body::jsonb ->> 'amount', ' ', 2) = split_part(due, ' ', 2)) AS first_told
		FROM (SELECT id, scope_id, number, state, created_at, body::jsonb -> 'terms' ->> 'due' AS due FROM orders) o) AS each_order
	GROUP BY scope_id, number / 4096, state, asset;
