-- +goose Up

-- A posting moves an amount above zero between two accounts. The program refuses any other; the database does so too.
ALTER TABLE postings
	ADD CONSTRAINT postings_two_accounts CHECK (from_account <> to_account AND from_account <> '' AND to_account <> ''),
	ADD CONSTRAINT postings_above_zero CHECK (substr(amount, 1, 1) BETWEEN '1' AND '9');
