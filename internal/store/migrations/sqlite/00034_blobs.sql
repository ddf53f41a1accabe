-- +goose Up

-- The bytes of files, in parts.
CREATE TABLE blobs (
	name TEXT NOT NULL,
	part BIGINT NOT NULL, -- from 0
	content BLOB NOT NULL,
	PRIMARY KEY (name, part)
);
