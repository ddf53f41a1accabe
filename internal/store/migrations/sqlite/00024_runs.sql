-- +goose Up

-- New instruments are given out in runs of numbers. A pool's next run begins behind a mark ("run/..."), and a row here says
-- which process has a run: claim is '' once that process is gone. What is in the run and not held is free. So no row of an
-- instrument changes when it is given out for the first time.
CREATE TABLE runs (
	merchant TEXT NOT NULL,
	mode TEXT NOT NULL,
	family TEXT NOT NULL,
	derived BIGINT NOT NULL,
	first BIGINT NOT NULL,
	last BIGINT NOT NULL,
	claim TEXT NOT NULL,
	PRIMARY KEY (merchant, mode, family, derived, first)
) WITHOUT ROWID;
CREATE INDEX runs_claimed ON runs (claim);

-- In instruments claim is 'run' for one that a run gives out, '' for one that is claimed by itself: after a rest, or when it
-- could serve again after its run. Those of before are claimed by themselves.
DROP INDEX instruments_claimed;
CREATE INDEX instruments_claimed ON instruments (number) WHERE claim <> '' AND claim <> 'run';
INSERT INTO marks (name, value) SELECT 'run/' || mode || '/' || family || '/imported/' || merchant, MAX(number) FROM instruments
	WHERE derived = 0 GROUP BY mode, family, merchant;
INSERT INTO marks (name, value) SELECT 'run/' || mode || '/' || family || '/derived/' || merchant, MAX(number) FROM instruments
	WHERE derived = 1 GROUP BY mode, family, merchant;
