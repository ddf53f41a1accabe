-- +goose Up

-- The imported addresses of a pool that can serve, now or after what keeps them busy. No order changes an entry.
CREATE INDEX instruments_imported ON instruments (merchant, mode, family, number) WHERE archived = 0 AND quarantined = 0 AND derived = 0;
