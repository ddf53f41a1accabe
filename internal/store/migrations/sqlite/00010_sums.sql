-- +goose Up

-- What the orders of a scope sum up to, by state, by asset and by the upper bits of their numbers. seen is of how many
-- of them money was seen, seen_us after how many microseconds together. What is due stands in units_0 to units_8, nine
-- decimal digits of the smallest unit each, the lowest first: parts of that size can be added up without a limit that
-- matters, and without being read before.
CREATE TABLE order_sums (
	scope_id BIGINT NOT NULL,
	bucket BIGINT NOT NULL,
	state TEXT NOT NULL,
	asset TEXT NOT NULL,
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
) WITHOUT ROWID;

-- What lists of payments look at; scope_id is 0 for a stray, settled_at 0 for one that is not confirmed.
ALTER TABLE payments ADD COLUMN scope_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN told_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN settled_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN asset_code TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN amount_key TEXT NOT NULL DEFAULT '';
ALTER TABLE payments ADD COLUMN tx TEXT NOT NULL DEFAULT '';

-- Amounts are "<units> <code>/<decimals>@<network>", times as RFC 3339 has them, with up to nine decimals.
UPDATE payments SET
	scope_id = COALESCE((SELECT o.scope_id FROM orders o WHERE o.id = payments.order_id), 0),
	told_at = CAST(strftime('%s', substr(json_extract(body, '$.told'), 1, 19)) AS BIGINT) * 1000000
		+ CAST(substr(rtrim(substr(json_extract(body, '$.told'), 21), 'Z') || '000000', 1, 6) AS BIGINT),
	settled_at = CASE WHEN rank <> 3 OR json_extract(body, '$.settled') IS NULL THEN 0 ELSE
		CAST(strftime('%s', substr(json_extract(body, '$.settled'), 1, 19)) AS BIGINT) * 1000000
		+ CAST(substr(rtrim(substr(json_extract(body, '$.settled'), 21), 'Z') || '000000', 1, 6) AS BIGINT) END,
	asset_code = substr(json_extract(body, '$.amount'), instr(json_extract(body, '$.amount'), ' ') + 1,
		instr(json_extract(body, '$.amount'), '/') - instr(json_extract(body, '$.amount'), ' ') - 1),
	network = CASE WHEN instr(json_extract(body, '$.amount'), '@') = 0 THEN ''
		ELSE substr(json_extract(body, '$.amount'), instr(json_extract(body, '$.amount'), '@') + 1) END,
	amount_key = CASE WHEN json_extract(body, '$.amount') LIKE '0 %' THEN '000' ELSE
		substr(json_extract(body, '$.amount'), 1, instr(json_extract(body, '$.amount'), ' ') - 1)
		|| substr('000000000000000000000000000000000000', 1,
			36 - CAST(substr(json_extract(body, '$.amount'), instr(json_extract(body, '$.amount'), '/') + 1) AS BIGINT)) END,
	tx = COALESCE(json_extract(body, '$.evidence.tx'), '');
UPDATE payments SET amount_key = printf('%03d', length(amount_key)) || amount_key WHERE amount_key <> '000';

CREATE INDEX payments_told ON payments (scope_id, rank, told_at, rail, external) WHERE scope_id <> 0;
CREATE INDEX payments_tx ON payments (scope_id, tx) WHERE scope_id <> 0;

-- How many payments of a scope's orders were first told in an hour (since 1970), by the rank of their last word.
CREATE TABLE payment_counts (
	scope_id BIGINT NOT NULL,
	rank BIGINT NOT NULL,
	hour BIGINT NOT NULL,
	n BIGINT NOT NULL,
	PRIMARY KEY (scope_id, rank, hour)
) WITHOUT ROWID;
INSERT INTO payment_counts (scope_id, rank, hour, n)
	SELECT scope_id, rank, told_at / 3600000000, COUNT(*) FROM payments WHERE order_id <> '' GROUP BY scope_id, rank, told_at / 3600000000;

INSERT INTO order_sums (scope_id, bucket, state, asset, n, seen, seen_us, units_0, units_1, units_2, units_3, units_4, units_5, units_6, units_7, units_8)
	SELECT scope_id, number / 4096, state, asset, COUNT(*), COUNT(first_told), COALESCE(SUM(MAX(first_told - created_at, 0)), 0),
		SUM(CAST(substr(units, 73, 9) AS BIGINT)), SUM(CAST(substr(units, 64, 9) AS BIGINT)), SUM(CAST(substr(units, 55, 9) AS BIGINT)),
		SUM(CAST(substr(units, 46, 9) AS BIGINT)), SUM(CAST(substr(units, 37, 9) AS BIGINT)), SUM(CAST(substr(units, 28, 9) AS BIGINT)),
		SUM(CAST(substr(units, 19, 9) AS BIGINT)), SUM(CAST(substr(units, 10, 9) AS BIGINT)), SUM(CAST(substr(units, 1, 9) AS BIGINT))
	FROM (SELECT o.scope_id, o.number, o.state, o.created_at,
			CASE WHEN instr(due, ' ') = 0 THEN '' ELSE substr(due, instr(due, ' ') + 1) END AS asset,
			substr('000000000000000000000000000000000000000000000000000000000000000000000000000000000'
				|| CASE WHEN instr(due, ' ') = 0 THEN '' ELSE substr(due, 1, instr(due, ' ') - 1) END, -81) AS units,
			(SELECT MIN(p.told_at) FROM payments p WHERE p.order_id = o.id AND p.order_id <> '' AND p.asset_code = o.asset_code
				AND substr(json_extract(p.body, '$.amount'), instr(json_extract(p.body, '$.amount'), ' ') + 1) = substr(due, instr(due, ' ') + 1)) AS first_told
		FROM (SELECT id, scope_id, number, state, created_at, asset_code, json_extract(body, '$.terms.due') AS due FROM orders) o) AS each_order
	GROUP BY scope_id, number / 4096, state, asset;
