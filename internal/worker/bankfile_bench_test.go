package worker

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/store"
)

// BenchmarkImportFile imports a file of 100,000 lines into a new SQLite database: under 20 s, in memory that does not grow with the file.
// go test ./internal/worker -run - -bench ImportFile -benchtime 1x
func BenchmarkImportFile(b *testing.B) {
	const lines = 100_000
	file := bankFile(0, lines)
	for b.Loop() {
		s, err := open(b.Context(), filepath.Join(b.TempDir(), "till.db"), store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		e := engine.New(s, []engine.Network{inboxNet}, nil)
		var peak uint64
		report, err := ImportFile(b.Context(), e, inboxAccount(""), strings.NewReader(file), func(int) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		})
		if err != nil || report.Booked != lines {
			b.Fatalf("%+v, %v", report, err)
		}
		b.ReportMetric(float64(peak>>20), "MB-peak")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(lines*float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
}
