-- +goose Up

-- That an instrument has one owner at a time is kept by its number: free instruments are handed out in the order of
-- their numbers, so the entries of new orders lie side by side, while by value each would change a page of its own.
ALTER TABLE holds ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
UPDATE holds SET number = (SELECT number FROM instruments i WHERE i.family = holds.family AND i.value = holds.value);
DROP INDEX holds_open;
CREATE UNIQUE INDEX holds_open ON holds (number) WHERE to_at = 0;
