-- +goose Up

-- Quotes: promises of an exchange, each used at most once. One that nobody used is deleted a day after its end. body is
-- the whole record as JSON.
CREATE TABLE quotes (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	scope_id BIGINT NOT NULL,
	used_by TEXT COLLATE "C" NOT NULL, -- the public id of the order or deal; '' until then
	ends BIGINT NOT NULL, -- microseconds
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX quotes_unused ON quotes (ends) WHERE used_by = '';
