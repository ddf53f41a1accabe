package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"

	"till/internal/app"
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/store"
	"till/internal/worker"
)

// imported is what importing one file into an empty database with open orders took.
type imported struct {
	database string
	lines    int
	matched  int           // lines that paid an order; the others went to suspense
	size     float64       // MiB
	took     time.Duration // from the first byte that is read until the last line is committed
	cpu      time.Duration // of this process and of PostgreSQL, meanwhile
	memory   float64       // MiB by which the resident memory of this process grew at most; PostgreSQL's is not in it
	limit    time.Duration // for reading the same file once, right before, and keeping nothing
}

// bookings imports a statement into each database as a server does. Every second line pays an open order by its reference, and the
// others name references that no order has.
func (b *bench) bookings(ctx context.Context) ([]imported, error) {
	euro, err := money.Fiat("EUR")
	if err != nil {
		return nil, err
	}
	var list []imported
	for _, on := range b.databases() {
		if on.delay > 0 {
			continue // hundreds of commits, one after the other: what a pause at each adds is known
		}
		i, err := b.importOn(ctx, on, euro)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", whatBookings, on.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s, %s: %d lines (%.1f MiB), %d of orders, in %.1f s, %.0f lines/s, %.1f s of CPU, %.1f MiB more memory; reading alone %.1f s, %.0f lines/s\n",
			whatBookings, i.database, i.lines, i.size, i.matched, i.took.Seconds(), i.rate(), i.cpu.Seconds(), i.memory, i.limit.Seconds(), i.limitRate())
		list = append(list, i)
	}
	return list, nil
}

func (i imported) rate() float64      { return float64(i.lines) / i.took.Seconds() }
func (i imported) limitRate() float64 { return float64(i.lines) / i.limit.Seconds() }

func (b *bench) importOn(ctx context.Context, on database, euro money.Asset) (i imported, err error) {
	s, remove, err := b.emptyStore(ctx, on)
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, s.Close(), remove()) }()
	net := engine.Network{ID: "giro", Name: "Giro", Family: "bank:giro", Rail: "bank:giro", Mode: engine.Sandbox, Custodial: true, ReceiveOnly: true,
		Reference: bank.NewReference, Tokens: []engine.Token{{Asset: euro}}}
	e := engine.New(s, []engine.Network{net}, nil)
	if err := e.Observe(ctx, net, engine.Report{Progress: engine.Progress{Rail: net.Rail, Fence: 1}}); err != nil {
		return i, err
	}
	references, err := openOrders(ctx, e, net, euro, b.lines/2)
	if err != nil {
		return i, err
	}
	file, err := os.CreateTemp(b.dir, "statement-*.xml")
	if err != nil {
		return i, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	size, err := io.Copy(file, &lineFile{format: bank.CAMT053, lines: b.lines, reference: func(line int) string {
		if line%2 == 0 {
			return references[line/2-1]
		}
		return unknownReference(line)
	}})
	if err != nil {
		return i, err
	}
	i = imported{database: on.name, lines: b.lines, size: float64(size) / (1 << 20)}
	reader := bank.NewReader(bank.CAMT053, bank.Settings{Accounts: map[string]money.Asset{benchAccount: euro}})
	if i.limit, err = readAlone(ctx, reader, file, b.lines); err != nil {
		return i, err
	}
	return i, b.importFile(ctx, e, worker.BankAccount{Network: net, Number: benchAccount, Reader: func([]byte) (rail.Reader, error) { return reader, nil }}, file, on, &i)
}

// importFile is what the clock is held to.
func (b *bench) importFile(ctx context.Context, e *engine.Engine, account worker.BankAccount, file io.ReadSeeker, on database, i *imported) error {
	app.TradeMemory() // as the server does
	debug.FreeOSMemory()
	resident, err := residentMemory()
	if err != nil {
		return err
	}
	used, err := b.importCPU(on)
	if err != nil {
		return err
	}
	most := resident
	var failed error
	profiled, err := b.profileHere()
	if err != nil {
		return err
	}
	started := time.Now()
	report, err := worker.ImportFile(ctx, e, account, file, func(int, int) {
		now, err := residentMemory()
		most, failed = max(most, now), errors.Join(failed, err)
	})
	i.took = time.Since(started)
	if err := errors.Join(err, failed, profiled()); err != nil {
		return err
	}
	after, err := b.importCPU(on)
	i.cpu, i.memory, i.matched = after-used, float64(most-resident)/(1<<20), report.Matched
	if report.Booked != b.lines || report.Matched != b.lines/2 || report.Suspense != b.lines-b.lines/2 {
		return errors.Join(err, fmt.Errorf("not what the file says: %+v", report))
	}
	return err
}

// profileHere begins a profile of this process, where one is asked for, and says what ends it.
func (b *bench) profileHere() (end func() error, err error) {
	if b.profile == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(b.profile)
	if err != nil {
		return nil, err
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, pprof.StartCPUProfile(file)
}

// readAlone is how long the file takes to be read and checked when nothing becomes of it.
func readAlone(ctx context.Context, reader rail.Reader, file io.ReadSeeker, lines int) (time.Duration, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	sink := &lineSink{}
	started := time.Now()
	err := reader.Read(ctx, file, sink)
	took := time.Since(started)
	if err == nil && sink.lines != lines {
		err = fmt.Errorf("%d of %d lines were read", sink.lines, lines)
	}
	return took, err
}

// lineSink keeps nothing.
type lineSink struct{ lines int }

func (s *lineSink) Open(rail.Statement) error                  { return nil }
func (s *lineSink) Close(rail.Statement) error                 { return nil }
func (s *lineSink) Booking(rail.Statement, rail.Booking) error { s.lines++; return nil }

// emptyStore opens a new database, and says what removes it once it is closed.
func (b *bench) emptyStore(ctx context.Context, on database) (*store.Store, func() error, error) {
	if !on.postgres {
		b.folders++
		dir := filepath.Join(b.dir, strconv.Itoa(b.folders))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, nil, err
		}
		s, err := store.OpenSQLite(ctx, filepath.Join(dir, databaseFile), store.Options{})
		return s, func() error { return os.RemoveAll(dir) }, err
	}
	at, drop, err := b.postgres.database(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.OpenPostgres(ctx, at, store.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	return s, drop, nil
}

// orderMakers is how many make orders at the same time, so that they share commits.
const orderMakers = 64

// openOrders makes orders of a euro and returns the references that they are paid to.
func openOrders(ctx context.Context, e *engine.Engine, net engine.Network, euro money.Asset, count int) ([]string, error) {
	references := make([]string, count)
	failed := make([]error, orderMakers)
	book := ledger.Owed("shop")
	var wg sync.WaitGroup
	for from := range orderMakers {
		wg.Go(func() {
			for n := from; n < count && failed[from] == nil; n += orderMakers {
				made, err := e.Create(ctx, engine.NewOrder{
					Scope: engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "bench"}, PublicID: fmt.Sprint("order-", n), Network: net, Instrument: engine.Made,
					Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
						return order.Terms{Book: book, To: book.Account(ledger.Merchant), Due: money.FromInt(euro, 100), Deadline: p.Now.AddDate(0, 1, 0), Instant: true}, nil, nil
					},
				})
				if err != nil {
					failed[from] = err
					return
				}
				references[n] = made.Order.Instrument.Value
			}
		})
	}
	wg.Wait()
	return references, errors.Join(failed...)
}

// importCPU is the processor time of this process so far, and of PostgreSQL where that is the database.
func (b *bench) importCPU(on database) (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, err
	}
	sum := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	if !on.postgres {
		return sum, nil
	}
	database, err := b.postgres.cpu()
	return sum + database, err
}

// residentMemory is this process's, in bytes.
func residentMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, errors.New("/proc/self/statm has no second field")
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}
