-- +goose Up

-- What merchants sell to whoever comes. body is the whole record as JSON, without doc.
CREATE TABLE offers (
	id TEXT NOT NULL PRIMARY KEY,
	scope_id BIGINT NOT NULL,
	number BIGINT NOT NULL, -- counts the scope's from 1
	slug TEXT, -- NULL until it is published
	state TEXT NOT NULL,
	version BIGINT NOT NULL,
	body TEXT NOT NULL,
	doc TEXT NOT NULL -- the dialect's, byte for byte
) WITHOUT ROWID;
CREATE UNIQUE INDEX offers_number ON offers (scope_id, number);
CREATE UNIQUE INDEX offers_slug ON offers (slug) WHERE slug IS NOT NULL;
CREATE INDEX offers_state ON offers (scope_id, state, number);
