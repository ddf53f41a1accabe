-- +goose Up

-- Whose instrument a payment hit that no order owns, as "<merchant>/<mode>"; '' for the house's, and for one with an order.
ALTER TABLE payments ADD COLUMN stray_of TEXT NOT NULL DEFAULT '';
UPDATE payments SET stray_of = json_extract(body, '$.Merchant') || '/' || json_extract(body, '$.Mode')
WHERE order_id = '' AND COALESCE(json_extract(body, '$.Merchant'), '') <> '';
CREATE INDEX payments_stray_of ON payments (stray_of, told_at, rail, external) WHERE stray_of <> '';
