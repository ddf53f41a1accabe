-- +goose Up

-- What operators did; written with the change itself.
CREATE TABLE actions (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	mode TEXT COLLATE "C" NOT NULL,
	at BIGINT NOT NULL,
	who TEXT COLLATE "C" NOT NULL,
	what TEXT COLLATE "C" NOT NULL,
	ref TEXT COLLATE "C" NOT NULL,
	detail TEXT COLLATE "C" NOT NULL,
	sealed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX actions_unsealed ON actions (id) WHERE sealed = 0;

ALTER TABLE entries ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX entries_unsealed ON entries (id) WHERE sealed = 0;

ALTER TABLE events ADD COLUMN sealed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_unsealed ON events (id) WHERE sealed = 0;

-- One chain for each mode, numbered from 1. kind and ref name the row that is sealed. salt is NULL once it was
-- erased together with personal data of the row: the row can be checked no more, the chain still can.
CREATE TABLE seals (
	mode TEXT COLLATE "C" NOT NULL,
	n BIGINT NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	ref TEXT COLLATE "C" NOT NULL,
	salt BYTEA,
	digest BYTEA NOT NULL,
	head BYTEA NOT NULL,
	PRIMARY KEY (mode, n)
);
CREATE UNIQUE INDEX seals_ref ON seals (kind, ref);

-- Work that one process does at a time: whose it is and until when. fence grows with each owner.
CREATE TABLE leases (
	name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	owner TEXT COLLATE "C" NOT NULL,
	fence BIGINT NOT NULL,
	until_at BIGINT NOT NULL
);
