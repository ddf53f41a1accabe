-- +goose Up

-- Nouns that move no money, each kind with its own document.
CREATE TABLE documents (
	kind TEXT NOT NULL,
	id TEXT NOT NULL,
	scope_id BIGINT NOT NULL,
	mode TEXT NOT NULL, -- the scope's
	number BIGINT NOT NULL, -- counts the scope's of the kind from 1
	parent TEXT NOT NULL, -- '' for none
	keys TEXT NOT NULL, -- each between line breaks; '' for none
	state TEXT NOT NULL,
	due_at BIGINT, -- NULL: never
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT NOT NULL, -- the noun's, byte for byte
	PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX documents_number ON documents (scope_id, kind, number);
CREATE INDEX documents_state ON documents (scope_id, kind, state, number) WHERE state <> '';
CREATE INDEX documents_parent ON documents (scope_id, kind, parent, number) WHERE parent <> '';
CREATE INDEX documents_due ON documents (kind, mode, due_at, id) WHERE due_at IS NOT NULL;

-- Whose a key is.
CREATE TABLE document_keys (
	scope_id BIGINT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	id TEXT NOT NULL, -- the document's
	PRIMARY KEY (scope_id, kind, name)
) WITHOUT ROWID;

-- How many documents of a state stand in each bucket of numbers.
CREATE TABLE document_counts (
	scope_id BIGINT NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	bucket BIGINT NOT NULL,
	n BIGINT NOT NULL,
	PRIMARY KEY (scope_id, kind, state, bucket)
) WITHOUT ROWID;
