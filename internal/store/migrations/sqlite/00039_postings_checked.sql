-- +goose Up

-- A posting moves an amount above zero between two accounts. The program refuses any other; the database does so too.
CREATE TABLE postings_checked (
	entry_id TEXT NOT NULL,
	n BIGINT NOT NULL,
	from_account TEXT NOT NULL,
	to_account TEXT NOT NULL,
	amount TEXT NOT NULL,
	row_name TEXT NOT NULL,
	PRIMARY KEY (entry_id, n),
	CONSTRAINT postings_two_accounts CHECK (from_account <> to_account AND from_account <> '' AND to_account <> ''),
	CONSTRAINT postings_above_zero CHECK (substr(amount, 1, 1) BETWEEN '1' AND '9')
) WITHOUT ROWID;
INSERT INTO postings_checked SELECT entry_id, n, from_account, to_account, amount, row_name FROM postings ORDER BY entry_id, n;
DROP TABLE postings;
ALTER TABLE postings_checked RENAME TO postings;
