-- +goose Up

-- What people are told of orders. body is the record as JSON, without what has a column.
CREATE TABLE notifications (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	scope_id BIGINT NOT NULL,
	order_id TEXT COLLATE "C" NOT NULL,
	customer TEXT COLLATE "C" NOT NULL, -- '' when it goes to a URL
	channel TEXT COLLATE "C" NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	due_at BIGINT NOT NULL, -- of the next attempt; 0 when it is done
	done_at BIGINT NOT NULL, -- 0 until then
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notifications_due ON notifications (channel, due_at, id) WHERE state = 'pending';
CREATE INDEX notifications_failed ON notifications (id) WHERE state = 'failed';
CREATE INDEX notifications_order ON notifications (order_id, id);
CREATE INDEX notifications_inbox ON notifications (scope_id, customer, id) WHERE channel = 'app' AND state = 'sent';
CREATE INDEX notifications_old ON notifications (done_at, id) WHERE done_at > 0 AND channel <> 'app';

-- When orders remind next, on their mode's clock.
CREATE TABLE reminders (
	order_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	mode TEXT COLLATE "C" NOT NULL,
	due_at BIGINT NOT NULL
);
CREATE INDEX reminders_due ON reminders (mode, due_at, order_id);
