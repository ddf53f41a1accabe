package store

import (
	"path/filepath"
	"strings"
	"testing"

	"till/internal/store/pgtest"
)

// case 12: what is no posting is refused by the database as well, whoever writes it: an amount that is not above zero, or one
// account on both sides.
func TestDatabaseRefusesWhatIsNoPosting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	if err := openTest(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	url := pgtest.URL(t)
	openPostgres(t, url, Options{})
	for name, db := range map[string]struct{ driver, url string }{"SQLite": {"sqlite", path}, "PostgreSQL": {"pgx", url}} {
		t.Run(name, func(t *testing.T) {
			raw := rawSQL(t, db.driver, db.url)
			write := func(n int, from, to, amount string) error {
				_, err := raw.Exec(insertPosting, "e", n, from, to, amount, "P1")
				return err
			}
			if err := write(1, "owed/m/order/in", "owed/m/merchant", "100 EUR/2"); err != nil {
				t.Fatal(err)
			}
			for i, bad := range []struct{ from, to, amount, says string }{
				{"owed/m/order/in", "owed/m/merchant", "0 EUR/2", "postings_above_zero"},
				{"owed/m/order/in", "owed/m/merchant", "-5 EUR/2", "postings_above_zero"},
				{"owed/m/order/in", "owed/m/merchant", "", "postings_above_zero"},
				{"owed/m/order/in", "owed/m/order/in", "5 EUR/2", "postings_two_accounts"},
				{"", "owed/m/order/in", "5 EUR/2", "postings_two_accounts"},
				{"owed/m/order/in", "", "5 EUR/2", "postings_two_accounts"},
			} {
				if err := write(2+i, bad.from, bad.to, bad.amount); err == nil || !strings.Contains(err.Error(), bad.says) {
					t.Errorf("%+v: %v", bad, err)
				}
			}
			if kept := rows(t, raw, `SELECT amount FROM postings WHERE entry_id = 'e'`); len(kept) != 1 {
				t.Errorf("postings: %q", kept)
			}
		})
	}
}
