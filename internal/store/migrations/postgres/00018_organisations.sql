-- +goose Up

-- Whether an organisation has a merchant at all: asked when a key or an endpoint is made for the whole of it.
CREATE INDEX merchants_organisation ON merchants (organisation);
