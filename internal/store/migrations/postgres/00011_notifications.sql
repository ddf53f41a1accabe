-- +goose Up

-- max_retries: NULL for as many as the schedule has. timeout in milliseconds, 0 for the worker's own. schedule_only: 1 for
-- the schedule that the API's vendor documents and nothing behind it.
ALTER TABLE endpoints ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN metadata TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE endpoints ADD COLUMN max_retries BIGINT;
ALTER TABLE endpoints ADD COLUMN timeout BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN schedule_only BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE endpoints SET updated_at = created_at;

-- The last attempt: when it began, how many milliseconds it took, what the receiver said. tries is the last attempts as JSON.
ALTER TABLE messages ADD COLUMN sent_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN took BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN response TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN tries TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX messages_scope ON messages (scope_id, id);
CREATE INDEX messages_exhausted ON messages (scope_id, id) WHERE state = 'exhausted';

-- How many messages there are, by the day (UTC, counted from 1970) they were made. took: of those delivered, all together.
CREATE TABLE message_counts (
	scope_id BIGINT NOT NULL,
	day BIGINT NOT NULL,
	endpoint_id TEXT COLLATE "C" NOT NULL,
	type TEXT COLLATE "C" NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	n BIGINT NOT NULL,
	took BIGINT NOT NULL,
	PRIMARY KEY (scope_id, day, endpoint_id, type, state)
);
INSERT INTO message_counts (scope_id, day, endpoint_id, type, state, n, took)
	SELECT scope_id, created_at / 86400000000, endpoint_id, type, state, COUNT(*), 0 FROM messages
	GROUP BY scope_id, created_at / 86400000000, endpoint_id, type, state;
