-- +goose Up

-- What merchants sell to whoever comes. body is the whole record as JSON, without doc.
CREATE TABLE offers (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	scope_id BIGINT NOT NULL,
	number BIGINT NOT NULL, -- counts the scope's from 1
	slug TEXT COLLATE "C", -- NULL until it is published
	state TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL,
	doc TEXT COLLATE "C" NOT NULL -- the dialect's, byte for byte
);
CREATE UNIQUE INDEX offers_number ON offers (scope_id, number);
CREATE UNIQUE INDEX offers_slug ON offers (slug) WHERE slug IS NOT NULL;
CREATE INDEX offers_state ON offers (scope_id, state, number);
