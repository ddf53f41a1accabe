-- +goose Up

-- What a line of a batch is found by: 'line/' and the batch where it is told as one, 'single/' and the batch where a notice told one of it alone; '' for all others.
ALTER TABLE bookings ADD COLUMN batch TEXT NOT NULL DEFAULT '';
CREATE INDEX bookings_batch ON bookings (rail, batch) WHERE batch <> '';

-- By how much the lines of a day moved an account at a bank, so that no sum over it grows with its history.
CREATE TABLE bank_days (
	rail TEXT NOT NULL,
	day BIGINT NOT NULL,
	asset TEXT NOT NULL,
	moved TEXT NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (rail, day, asset)
) WITHOUT ROWID;
INSERT INTO bank_days (rail, day, asset, moved, version)
	SELECT rail, booked_at, asset, CAST(SUM(CAST(units AS BIGINT)) AS TEXT) || ' ' || asset, 1 FROM (
		SELECT rail, booked_at, substr(moved, instr(moved, ' ') + 1) AS asset, substr(moved, 1, instr(moved, ' ') - 1) AS units FROM bookings WHERE booked_at > 0 AND moved <> '') AS told
	GROUP BY rail, booked_at, asset;
DROP INDEX bookings_day;
