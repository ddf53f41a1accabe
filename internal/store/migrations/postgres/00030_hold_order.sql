-- +goose Up

-- When an instrument was handed out, by our own clock: the order of its owners, whatever the clocks of their rails say.
ALTER TABLE holds ADD COLUMN taken_at BIGINT NOT NULL DEFAULT 0;
UPDATE holds SET taken_at = from_at;
