-- +goose Up

-- Which rail a hold's times are on: rails that share addresses have clocks of their own.
ALTER TABLE holds ADD COLUMN rail TEXT NOT NULL DEFAULT '';
UPDATE holds SET rail = COALESCE((SELECT o.rail FROM orders o WHERE o.id = holds.order_id), '');

-- The secrets that secret replaced and that sign beside it until their end, as JSON, the newest first.
ALTER TABLE endpoints ADD COLUMN old_secrets TEXT NOT NULL DEFAULT '[]';
