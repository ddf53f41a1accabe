-- +goose Up

-- What banks booked on accounts of the house, and what became of it. body is the whole record as JSON.
CREATE TABLE bookings (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	rail TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL, -- the bank's reference, unique on the rail
	state TEXT COLLATE "C" NOT NULL,
	early BIGINT NOT NULL, -- 1: it takes back what was not told yet
	end_to_end TEXT COLLATE "C" NOT NULL,
	booked_at BIGINT NOT NULL, -- the day; 0: not booked
	moved TEXT COLLATE "C" NOT NULL, -- by how much it moved the account, with a sign; '' where it does not count
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX bookings_name ON bookings (rail, name);
CREATE INDEX bookings_rail ON bookings (rail, id);
CREATE INDEX bookings_state ON bookings (rail, state, id);
CREATE INDEX bookings_early ON bookings (rail, id) WHERE early = 1;
CREATE INDEX bookings_end_to_end ON bookings (rail, end_to_end) WHERE end_to_end <> '';
CREATE INDEX bookings_day ON bookings (rail, booked_at) WHERE booked_at > 0;

-- Statements of banks. place sorts them by their last day.
CREATE TABLE bank_statements (
	rail TEXT COLLATE "C" NOT NULL,
	place TEXT COLLATE "C" NOT NULL,
	closing BIGINT NOT NULL, -- 1: it closes whole days, with both balances
	version BIGINT NOT NULL,
	body TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (rail, closing, place)
);
CREATE UNIQUE INDEX bank_statements_place ON bank_statements (rail, place);

-- Orders that wait on a bank's rail, by what is due: to propose whose a payment may be.
CREATE INDEX orders_bank ON orders (rail, amount_key, id) WHERE rail >= 'bank:' AND rail < 'bank;' AND (state IN ('documents', 'review', 'waiting', 'seen', 'part'));
