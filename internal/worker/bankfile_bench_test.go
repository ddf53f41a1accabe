package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store"
)

// BenchmarkImportFile imports a long file into a new SQLite database: of 100,000 lines that nobody is named by, and of 20,000 lines that
// each pay an open order. 100,000 lines take under 20 s, in memory that does not grow with the file. CPU-us is of each line, user and system.
// go test ./internal/worker -run - -bench ImportFile -benchtime 1x
func BenchmarkImportFile(b *testing.B) {
	for _, about := range []struct {
		name           string
		lines, matched int
	}{{"suspense", 100_000, 0}, {"matched", 20_000, 20_000}} {
		b.Run(about.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s, err := open(b.Context(), filepath.Join(b.TempDir(), "till.db"), store.Options{})
				if err != nil {
					b.Fatal(err)
				}
				e := engine.New(s, []engine.Network{inboxNet}, nil)
				if err := e.Observe(b.Context(), inboxNet, engine.Report{Progress: engine.Progress{Rail: inboxNet.Rail, Fence: 1}}); err != nil {
					b.Fatal(err)
				}
				file := bankFile(0, int64(about.lines))
				if about.matched > 0 {
					file = payingFile(b, e, about.matched)
				}
				var peak uint64
				before := cpu(b)
				b.StartTimer()
				report, err := ImportFile(b.Context(), e, inboxAccount(""), strings.NewReader(file), func(int, int) {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapInuse)
				})
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(about.lines), "CPU-us/booking")
				if err != nil || report.Booked != about.lines || report.Matched != about.matched {
					b.Fatalf("%+v, %v", report, err)
				}
				b.ReportMetric(float64(peak>>20), "MB-peak")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(about.lines*b.N)/b.Elapsed().Seconds(), "bookings/s")
		})
	}
}

// cpu is what the process has used of the processors.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// payingFile has a credit for each of n new orders.
func payingFile(tb testing.TB, e *engine.Engine, n int) string {
	tb.Helper()
	references := make([]string, n)
	var wg sync.WaitGroup
	for from := range 50 {
		wg.Go(func() {
			for i := from; i < n; i += 50 {
				references[i] = bankOrder(tb, e, i)
			}
		})
	}
	wg.Wait()
	var file strings.Builder
	fmt.Fprintln(&file, "DE00", 0, n*100)
	for i, reference := range references {
		fmt.Fprintf(&file, "L%d 100 %s\n", i, reference)
	}
	return file.String()
}

// bankOrder makes an order of a euro and returns the reference that it is paid to.
func bankOrder(tb testing.TB, e *engine.Engine, i int) string {
	got, err := e.Create(context.Background(), engine.NewOrder{
		Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "bench"}, PublicID: fmt.Sprint("order-", i), Network: inboxNet, Instrument: engine.Made,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			book := ledger.Owed("shop")
			return order.Terms{Book: book, Due: money.FromInt(inboxEUR, 100), To: book.Account(ledger.Merchant), Deadline: p.Now.Add(30 * 24 * time.Hour), Instant: true}, nil, nil
		},
	})
	if err != nil {
		tb.Error(err)
		return ""
	}
	return got.Order.Instrument.Value
}
