-- +goose Up

-- What a line of a batch is found by: 'line/' and the batch where it is told as one, 'single/' and the batch where a notice told one of it alone; '' for all others.
ALTER TABLE bookings ADD COLUMN batch TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX bookings_batch ON bookings (rail, batch) WHERE batch <> '';

-- By how much the lines of a day moved an account at a bank, so that no sum over it grows with its history.
CREATE TABLE bank_days (
	rail TEXT COLLATE "C" NOT NULL,
	day BIGINT NOT NULL,
	asset TEXT COLLATE "C" NOT NULL,
	moved TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (rail, day, asset)
);
INSERT INTO bank_days (rail, day, asset, moved, version)
	SELECT rail, booked_at, asset, CAST(SUM(CAST(units AS NUMERIC)) AS TEXT) || ' ' || asset, 1 FROM (
		SELECT rail, booked_at, substr(moved, strpos(moved, ' ') + 1) AS asset, substr(moved, 1, strpos(moved, ' ') - 1) AS units FROM bookings WHERE booked_at > 0 AND moved <> '') AS told
	GROUP BY rail, booked_at, asset;
DROP INDEX bookings_day;
