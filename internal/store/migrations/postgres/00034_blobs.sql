-- +goose Up

-- The bytes of files, in parts.
CREATE TABLE blobs (
	name TEXT COLLATE "C" NOT NULL,
	part BIGINT NOT NULL, -- from 0
	content BYTEA NOT NULL,
	PRIMARY KEY (name, part)
);
