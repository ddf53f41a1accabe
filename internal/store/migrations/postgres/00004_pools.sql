-- +goose Up

-- derived: 1 for an address made here from the pool's public key; it serves one order, ever, and after all others.
ALTER TABLE instruments ADD COLUMN derived BIGINT NOT NULL DEFAULT 0;
-- quarantined: 1 from money that arrived while no order held the instrument until an operator releases it.
ALTER TABLE instruments ADD COLUMN quarantined BIGINT NOT NULL DEFAULT 0;
-- counted: 0 from the end of a hold until what the instrument holds is on record in rest_balance, as JSON.
ALTER TABLE instruments ADD COLUMN counted BIGINT NOT NULL DEFAULT 1;
ALTER TABLE instruments ADD COLUMN rest_balance TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE instruments SET counted = 0 WHERE rest_since > 0;

-- archived: 0 no, 1 by an operator, 2 made for one order and never in a pool.
UPDATE instruments SET archived = 2 WHERE archived = 1;

DROP INDEX instruments_new;
DROP INDEX instruments_rested;
CREATE INDEX instruments_new ON instruments (merchant, mode, family, derived, number)
	WHERE claim = '' AND archived = 0 AND quarantined = 0 AND rest_since = 0;
CREATE INDEX instruments_rested ON instruments (merchant, mode, family, rest_until)
	WHERE claim = '' AND archived = 0 AND quarantined = 0 AND rest_since > 0 AND counted = 1 AND derived = 0;
CREATE INDEX instruments_uncounted ON instruments (mode, family, rest_until)
	WHERE archived = 0 AND quarantined = 0 AND rest_since > 0 AND counted = 0 AND derived = 0;
CREATE INDEX instruments_unheld ON instruments (merchant, mode, family, number)
	WHERE archived = 0 AND quarantined = 0 AND rest_since = 0 AND derived = 1;
CREATE INDEX instruments_quarantined ON instruments (mode, family) WHERE quarantined = 1;
