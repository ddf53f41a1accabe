package verify_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/verify"
)

// What banks booked is what the ledger says of their rails, and what their statements say they grew by.
func TestBooksOfBanks(t *testing.T) {
	giro := engine.Network{ID: "giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Prefix: "RF", Custodial: true, Tokens: []engine.Token{{Asset: eur}}}
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	balance := func(n int64) money.Amount { return money.FromInt(eur, n) }
	for name, c := range map[string]struct {
		tamper string
		third  int64 // what the statement of the third day opens with
		want   string
	}{
		"right":                       {"", 150, ""},
		"a booking is gone":           {`DELETE FROM bookings WHERE name = 'B1'`, 150, "bank"},
		"a day's sum":                 {`UPDATE bank_days SET moved = '1 EUR/2'`, 150, "bank"},
		"a day without its sum":       {`DELETE FROM bank_days`, 150, "bank"},
		"a booking's column":          {`UPDATE bookings SET moved = '1 EUR/2' WHERE name = 'B1'`, 150, "record"},
		"a booking that is no record": {`UPDATE bookings SET body = 'x' WHERE name = 'B1'`, 150, "record"},
		"a booking's amount":          {`UPDATE bookings SET body = replace(body, '"Amount":"200 ', '"Amount":"300 '), moved = '300 EUR/2' WHERE name = 'B1'`, 150, "bank"},
		"a statement's closing":       {`UPDATE bank_statements SET body = replace(body, '"Closing":"150 ', '"Closing":"151 ')`, 151, "bank"},
		"a statement's column":        {`UPDATE bank_statements SET closing = 0`, 150, "record"},
		"a statement is missing":      {"", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "till.db")
			s := open(t, path)
			t.Cleanup(s.close)
			booking := func(name string, n int64, credit bool, after int) rail.Booking {
				at := day.AddDate(0, 0, after)
				return rail.Booking{Reference: name, Amount: balance(n), Credit: credit, Booked: at, Value: at}
			}
			_, err := s.engine.Import(t.Context(), giro, rail.Statement{Account: "DE00", Asset: eur}, []rail.Booking{
				booking("B1", 200, true, 0), booking("B2", 50, false, 1), booking("B3", 7, true, 9)})
			s.must(err)
			for i, st := range []struct{ opening, closing int64 }{{0, 200}, {200, 150}, {c.third, c.third}} {
				at := day.AddDate(0, 0, i)
				_, err := s.engine.StatementTold(t.Context(), giro, rail.Statement{Account: "DE00", Asset: eur, From: at, To: at, HasOpening: true, HasClosing: true,
					Opening: balance(st.opening), Closing: balance(st.closing)}, engine.Lines{Credits: balance(0), Debits: balance(0)})
				s.must(err)
			}
			if c.tamper != "" {
				raw, err := sql.Open("sqlite", path)
				s.must(err)
				_, err = raw.Exec(c.tamper)
				s.must(err)
				s.must(raw.Close())
			}
			var report *verify.Report
			s.must(s.store.Audit(t.Context(), func(r verify.Reader) (err error) {
				report, err = verify.Run(r, verify.Options{Page: 1})
				return err
			}))
			if c.want == "" && !report.OK() || c.want != "" && (report.OK() || string(report.Problems[0].Check) != c.want) {
				t.Errorf("problems %v, want one of %q", report.Problems, c.want)
			}
			if gap := strings.Contains(strings.Join(report.Notes, "\n"), "a statement is missing"); gap != (c.third == 400) {
				t.Errorf("notes are %q", report.Notes)
			}
		})
	}
}
