package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/worker"
)

// A statement in a real format goes from its file into the books, and one of a format that nobody reads is refused as a file.
func TestStatementsAreImported(t *testing.T) {
	eur := fiat("EUR")
	b := Bank{Account: "DE89370400440532013000", Currency: eur, Network: engine.Network{ID: "giro", Family: "bank:giro", Rail: "bank:giro", Mode: engine.Sandbox,
		Custodial: true, Tokens: []engine.Token{{Asset: eur}}}}
	s, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	e := withBatches(engine.New(s, []engine.Network{b.Network}, nil), nil)
	account := bankAccounts([]Bank{b}, nil)[0]
	file := strings.NewReader(statementOfOne)
	for i, want := range []engine.ImportCounts{{Booked: 1, Suspense: 1}, {Repeated: 1}} {
		report, err := worker.ImportFile(t.Context(), e, account, file, nil)
		if err != nil || report.Statements != 1 || report.ImportCounts != want {
			t.Fatalf("import %d: %+v, %v", i, report, err)
		}
	}
	balance, err := e.BankBalance(t.Context(), b.Network)
	if err != nil || !balance.Difference.IsZero() || !balance.Ledger.Equal(money.FromInt(eur, 12345)) {
		t.Errorf("%+v, %v", balance, err)
	}
	for _, text := range []string{"%PDF-1.7", strings.Replace(statementOfOne, "C123,45NTRF", "C123,46NTRF", 1), strings.Replace(statementOfOne, "DE89370400440532013000", "DE75512108001245126199", 1)} {
		_, err := worker.ImportFile(context.Background(), e, account, strings.NewReader(text), nil)
		if wrong, is := errors.AsType[*rail.FileError](err); !is || wrong.Message == "" {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

const statementOfOne = `:20:STARTUMS
:25:DE89370400440532013000
:28C:00001/001
:60F:C260301EUR1000,00
:61:2603020302C123,45NTRFNONREF//B1
:86:166?20SVWZ+for you?32Somebody
:62F:C260302EUR1123,45
-
`
