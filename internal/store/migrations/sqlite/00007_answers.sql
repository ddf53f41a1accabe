-- +goose Up

-- Answers that are given no more are deleted by their age. What stands under 'server' is kept for ever.
CREATE INDEX answers_age ON answers (at) WHERE scope <> 'server';
