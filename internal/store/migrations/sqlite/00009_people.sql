-- +goose Up

-- Those who log in with a password, what each is where ('' is the house), their sessions, and the counters of
-- failed logins. What is over goes by itself, found by the indexes of its end.
CREATE TABLE people (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	password TEXT NOT NULL,
	active BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	password_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE roles (
	person_id TEXT NOT NULL,
	merchant TEXT NOT NULL,
	role TEXT NOT NULL,
	PRIMARY KEY (person_id, merchant)
) WITHOUT ROWID;

CREATE TABLE sessions (
	id TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL UNIQUE,
	person_id TEXT NOT NULL,
	face TEXT NOT NULL,
	mode TEXT NOT NULL,
	address TEXT NOT NULL,
	agent TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	idle BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_person ON sessions (person_id, id);
CREATE INDEX sessions_expired ON sessions (expires_at);

CREATE TABLE tries (
	name TEXT NOT NULL PRIMARY KEY,
	n BIGINT NOT NULL,
	at BIGINT NOT NULL,
	forget_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tries_forgotten ON tries (forget_at);

-- Who made a key, when it was changed, used and ended for good. 0 is never.
ALTER TABLE keys ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN revoked_at BIGINT NOT NULL DEFAULT 0;
UPDATE keys SET revoked_at = created_at WHERE active = 0;
