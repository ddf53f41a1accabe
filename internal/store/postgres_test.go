package store

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/store/pgtest"
	"till/internal/store/storetest"
)

func TestStoreOnPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) (engine.Store, func() engine.Store) {
		url := emptyPostgres(t)
		s := openPostgres(t, url, Options{Now: now, Block: 8})
		return s, func() engine.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openPostgres(t, url, Options{Now: now, Block: 8})
			return s
		}
	})
}

func postgresDatabase(t *testing.T) database {
	t.Helper()
	url := emptyPostgres(t)
	return database{
		open:  func(t testing.TB, o Options) *Store { return openPostgres(t, url, o) },
		raw:   func(t *testing.T) *sql.DB { return rawSQL(t, "pgx", url) },
		where: url,
		alone: func(t *testing.T) {
			t.Helper()
			db := rawSQL(t, "pgx", url)
			waitFor(t, func() bool { return len(rows(t, db, selectTills)) == 0 })
		},
	}
}

// selectTills are the sessions of stores.
const selectTills = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'till'`

var emptied struct {
	sync.Once
	url string
}

// emptyPostgres is a new database with an empty schema: the migrations run once for all tests.
func emptyPostgres(t testing.TB) string {
	t.Helper()
	emptied.Do(func() {
		url := pgtest.URL(t)
		s, err := OpenPostgres(context.Background(), url, Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		emptied.url = url
	})
	return pgtest.Copy(t, emptied.url)
}

// openPostgres opens a store that is closed with the test.
func openPostgres(t testing.TB, url string, o Options) *Store {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := OpenPostgres(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// twoProcesses are two stores on one database, the second with a clock that is an hour ahead.
func twoProcesses(t *testing.T, o Options) (url string, stores [2]*Store) {
	t.Helper()
	url = emptyPostgres(t)
	ahead := o
	ahead.Now = func() time.Time { return time.Now().Add(time.Hour) }
	return url, [2]*Store{openPostgres(t, url, o), openPostgres(t, url, ahead)}
}

// atOnce lets n clients run at the same time.
func atOnce(n int, client func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = client(i) })
	}
	wg.Wait()
	return errs
}

// case 85, invariants I1, I3, I8, I9: 64 clients on two processes create orders of the same keys, each key by all at
// once. Each has one winner, numbers have no gaps, no address has two owners, and sums, counts and times are right.
func TestTwoProcessesOneWinner(t *testing.T) {
	url, stores := twoProcesses(t, Options{Block: 16})
	var list []engine.Imported
	for i := range 60 {
		list = append(list, engine.Imported{Value: fmt.Sprintf("0x%040x", i)})
	}
	pool := engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM}
	err := stores[0].Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { _, err := tx.ImportInstruments(pool, list); return err })
	if err != nil {
		t.Fatal(err)
	}
	const keys = 30
	var mu sync.Mutex
	told := map[string]string{}
	errs := atOnce(64, func(client int) error {
		for n := range keys {
			key := fmt.Sprint("key", n)
			line, err := childOrder(stores[client%2], pool, key, n%4 == 0)
			if err != nil {
				return err
			}
			mu.Lock()
			_, order, _ := strings.Cut(line, " ")
			if was, known := told[key]; known && was != order {
				err = fmt.Errorf("key %s is %q and %q", key, was, order)
			}
			told[key] = order
			mu.Unlock()
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := rows(t, rawSQL(t, "pgx", url), `SELECT COUNT(*) FROM orders`); n[0] != strconv.Itoa(keys) {
		t.Errorf("%s orders of %d keys", n[0], keys)
	}
	checkTold(t, stores[0], told)
	for i, s := range stores {
		if n := s.Stats().Conflicts; n != 0 {
			t.Errorf("process %d computed %d groups again", i, n)
		}
		s.Close()
	}
	s := openPostgres(t, url, Options{})
	checkRecords(t, s)
}

// take hands out one instrument of the pool.
func take(s *Store, p engine.Pool) (value string, err error) {
	err = s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		in, err := tx.TakeInstrument(p, "rail", tx.NewID(), tx.Now())
		value = in.Value
		return err
	})
	return value, err
}

// Two processes never hand out the same instrument, and neither frees what the other, which lives, has claimed.
func TestInstrumentsOfTwoProcesses(t *testing.T) {
	url, stores := twoProcesses(t, Options{Block: 8})
	pool := benchPool(0)
	const n = 200
	importRange(t, stores[0], pool, n)
	var mu sync.Mutex
	owners := map[string]int{}
	errs := atOnce(16, func(client int) error {
		for range n / 16 {
			value, err := take(stores[client%2], pool)
			if err != nil {
				return err
			}
			mu.Lock()
			owners[value]++
			mu.Unlock()
			if client == 5 { // a third one starts, looks for dead claims and ends
				third, err := OpenPostgres(context.Background(), url, Options{Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					return err
				}
				third.Close()
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	for value, times := range owners {
		if times > 1 {
			t.Errorf("%s was handed out %d times", value, times)
		}
	}
	if len(owners) != n/16*16 {
		t.Errorf("%d instruments for %d takes", len(owners), n/16*16)
	}
	for i, s := range stores {
		if n := s.Stats().Conflicts; n != 0 {
			t.Errorf("process %d met %d conflicts", i, n)
		}
	}
}

// What one process imports, the other one hands out, also when it had found the pool empty before.
func TestImportOfAnotherProcess(t *testing.T) {
	_, stores := twoProcesses(t, Options{Block: 8})
	pool := benchPool(0)
	if _, err := take(stores[1], pool); !fault.Is(err, fault.CodeNoAddress) {
		t.Fatalf("an empty pool: %v", err)
	}
	importRange(t, stores[0], pool, 2)
	if _, err := take(stores[1], pool); err != nil {
		t.Fatal(err)
	}
}

// What a process had claimed when it died is handed out by those that live, once the pool has nothing else.
func TestClaimsOfADeadProcessAreSwept(t *testing.T) {
	url := emptyPostgres(t)
	var late atomic.Int64 // seconds
	alive := openPostgres(t, url, Options{Block: 8, Now: func() time.Time { return time.Now().Add(time.Duration(late.Load()) * time.Second) }})
	dying := openPostgres(t, url, Options{Block: 8})
	pool := benchPool(0)
	importRange(t, dying, pool, 4*8) // and claims a block of it
	if _, err := take(dying, pool); err != nil {
		t.Fatal(err)
	}
	taken := 1
	takeAll := func() {
		t.Helper()
		for {
			_, err := take(alive, pool)
			if fault.Is(err, fault.CodeNoAddress) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			taken++
		}
	}
	takeAll()
	late.Store(3600)
	takeAll() // the answer to the last caller is followed by a look for dead processes
	takeAll()
	if taken >= 4*8 {
		t.Fatal("what a living process has claimed was taken from it")
	}
	dying.Close()
	late.Store(7200)
	takeAll()
	takeAll()
	if taken != 4*8 {
		t.Errorf("%d of %d instruments were handed out", taken, 4*8)
	}
}

// A small pool serves both processes: neither hoards it.
func TestSmallPoolOfTwoProcesses(t *testing.T) {
	_, stores := twoProcesses(t, Options{})
	pool := benchPool(0)
	importRange(t, stores[0], pool, 10)
	for i := range 10 {
		if _, err := take(stores[i%2], pool); err != nil {
			t.Fatalf("instrument %d: %v", i, err)
		}
	}
	for _, s := range stores {
		if _, err := take(s, pool); !fault.Is(err, fault.CodeNoAddress) {
			t.Errorf("eleven of ten: %v", err)
		}
	}
}

// A watcher whose place another process has taken is refused.
func TestFenceAcrossProcesses(t *testing.T) {
	_, stores := twoProcesses(t, Options{})
	save := func(s *Store, fence int64) error {
		return s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			return tx.SaveProgress(engine.Progress{Rail: "evm:x", Fence: fence})
		})
	}
	for i, err := range []error{save(stores[0], 1), save(stores[1], 2), save(stores[1], 2)} {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if err := save(stores[0], 1); !fault.Is(err, fault.CodeVersionConflict) {
		t.Errorf("the old watcher's progress: %v", err)
	}
}

// case 84: two connections are enough for 64 clients that read and write, and no more are made.
func TestPoolOfTwoConnections(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url+"&pool_max_conns=2", Options{})
	db := rawSQL(t, "pgx", url)
	var most atomic.Int64
	errs := atOnce(64, func(client int) error {
		for range 5 {
			var id string
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				o := testOrder(tx)
				id = o.ID
				return tx.InsertOrder(o)
			})
			if err != nil {
				return err
			}
			if err := s.View(context.Background(), func(rd engine.Reader) error { _, err := rd.Order(id); return err }); err != nil {
				return err
			}
		}
		if client%8 == 0 {
			most.Store(max(most.Load(), int64(len(rows(t, db, selectTills)))))
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := most.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	for _, text := range []string{"1", "0", "-3", "many"} {
		if _, err := OpenPostgres(context.Background(), url+"&pool_max_conns="+text, Options{}); err == nil || !strings.Contains(err.Error(), "at least 2") {
			t.Errorf("pool_max_conns=%s: %v", text, err)
		}
	}
}

// case 84: nobody knows whether the commit happened. Callers are told so, the group is not run again, the store goes on
// with a new connection, and the idempotency key finds the answer.
func TestCommitOfUnknownOutcomeOnPostgres(t *testing.T) {
	s := openPostgres(t, emptyPostgres(t), Options{Block: 2})
	pool := benchPool(0)
	importRange(t, s, pool, 10)
	for _, reached := range []bool{true, false} {
		claim := s.pools.claim
		s.writer.onCommit = func() error {
			s.writer.onCommit = nil
			if reached {
				if err := s.writer.commit(); err != nil {
					t.Error(err)
				}
			}
			return fmt.Errorf("the answer was lost: %w", io.ErrUnexpectedEOF) // as when the connection breaks
		}
		k := engine.AnswerKey{Scope: "s", Key: fmt.Sprint(reached)}
		var runs, taken atomic.Int64
		errs := together(t, s, 3, func(i int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				runs.Add(1)
				if _, err := tx.TakeInstrument(pool, "rail", tx.NewID(), tx.Now()); err != nil {
					return err
				}
				taken.Add(1)
				return tx.Remember(engine.Answer{Scope: k.Scope, Key: k.Key, Status: 201, At: tx.Now()})
			}
		})
		for i, err := range errs {
			if !fault.Is(err, fault.CodeCommitUnknown) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if runs.Load() != 3 || taken.Load() != 3 {
			t.Errorf("%d runs of 3 callers", runs.Load())
		}
		if s.Err() != nil {
			t.Fatalf("the store is broken: %v", s.Err())
		}
		err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			a, err := tx.Answer(k)
			if (a != nil) != reached {
				t.Errorf("commit reached the disk: %v, answer: %v", reached, a)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.pools.claim == claim {
			t.Error("the claim of the lost session is still used")
		}
	}
	for range 4 { // none of those that may be held is handed out again
		if _, err := take(s, pool); err != nil {
			t.Fatal(err)
		}
	}
}

// case 84: the server ends a session, as at a failover: before the commit the group is computed again on a new one, and
// no caller notices.
func TestSessionsEndedByTheServer(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url, Options{})
	db := rawSQL(t, "pgx", url)
	terminate := func() {
		if n := rows(t, db, `SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'till'`); len(n) == 0 {
			t.Error("no session to end")
		}
		waitFor(t, func() bool { return len(rows(t, db, selectTills)) == 0 })
	}
	view := func() (n int64, err error) {
		err = s.View(context.Background(), func(rd engine.Reader) error {
			page, err := rd.Orders(engine.Filter{Scope: testScope, Page: 1, Limit: 5})
			n = page.Total
			return err
		})
		return n, err
	}
	insert := func(before func()) error {
		return s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			o := testOrder(tx)
			if before != nil {
				before()
				before = nil
			}
			return tx.InsertOrder(o)
		})
	}
	if _, err := view(); err != nil {
		t.Fatal(err)
	}
	terminate() // while nothing happens
	if err := insert(nil); err != nil {
		t.Errorf("the first update after the end: %v", err)
	}
	if n, err := view(); err != nil || n != 1 {
		t.Errorf("the first view after the end: %d, %v", n, err)
	}
	if err := insert(terminate); err != nil { // in the middle of a group
		t.Errorf("an update during the end: %v", err)
	}
	if n, err := view(); err != nil || n != 2 {
		t.Errorf("%d orders, %v", n, err)
	}
	err := s.View(context.Background(), func(rd engine.Reader) error {
		terminate()
		_, err := rd.Merchants()
		return err
	})
	if f, ok := fault.As(err); !ok || f.Code != fault.CodeOverloaded || f.RetryAfter == 0 {
		t.Errorf("a view during the end: %v", err)
	}
	if n, err := view(); err != nil || n != 2 {
		t.Errorf("%d orders, %v", n, err)
	}
}

// A process that stops in the middle of its turn loses it, and the others go on.
func TestHungProcessLosesItsTurn(t *testing.T) {
	url := emptyPostgres(t)
	other := openPostgres(t, url, Options{})
	hung := openPostgres(t, url+"&idle_in_transaction_session_timeout=100ms", Options{})
	begun, release := make(chan bool), make(chan bool)
	outcome := make(chan error, 1)
	go func() {
		first := true
		outcome <- hung.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			if first {
				first = false
				close(begun)
				<-release
			}
			return tx.InsertOrder(testOrder(tx))
		})
	}()
	<-begun
	for range 3 {
		if err := other.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.InsertOrder(testOrder(tx)) }); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if err := <-outcome; err != nil {
		t.Errorf("the one that hung: %v", err)
	}
	if got := rows(t, rawSQL(t, "pgx", url), `SELECT string_agg(number::text, ' ' ORDER BY number) FROM orders`); got[0] != "1 2 3 4" {
		t.Errorf("orders are numbered %s", got[0])
	}
}

// A function that goes on after a statement of its own had failed is not answered with a success, and takes
// nobody along.
func TestFailedStatementIsNotCommitted(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url, Options{})
	errs := together(t, s, 8, func(i int) func(engine.Tx) error {
		return func(in engine.Tx) error {
			if i == 3 {
				if _, err := texts(in.(*tx).g.db, `SELECT CAST(1 / 0 AS TEXT)`); err == nil {
					t.Error("divided by zero")
				}
			}
			return in.InsertOrder(testOrder(in))
		}
	})
	for i, err := range errs {
		if (err != nil) != (i == 3) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	if n := rows(t, rawSQL(t, "pgx", url), `SELECT COUNT(*) FROM orders`); n[0] != "7" {
		t.Errorf("%s orders", n[0])
	}
}

// The server answers the COMMIT of a failed transaction with a ROLLBACK and without an error.
func TestCommitOfAFailedTransaction(t *testing.T) {
	s := openPostgres(t, emptyPostgres(t), Options{})
	r := <-s.idle
	defer func() { s.idle <- r }()
	if err := s.beginReading(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := texts(r, `SELECT CAST(1 / 0 AS TEXT)`); err == nil {
		t.Error("divided by zero")
	}
	if err := r.commit(); err != errRolledBack {
		t.Errorf("error is %v", err)
	}
}

// Bytes that are no text are refused on both databases, and only whoever brought them; nothing is found by them.
func TestTextsThatCannotBeStored(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		for _, bad := range []string{"a\x00b", "a\xffb"} {
			errs := together(t, s, 5, func(i int) func(engine.Tx) error {
				return func(tx engine.Tx) error {
					o := testOrder(tx)
					if i == 2 {
						o.UniqueKey = bad
					}
					return tx.InsertOrder(o)
				}
			})
			for i, err := range errs {
				if i == 2 && !fault.Is(err, fault.CodeInvalidValue) || i != 2 && err != nil {
					t.Errorf("%q, caller %d: %v", bad, i, err)
				}
			}
			want := engine.Keys{Unique: []engine.UniqueKey{{Scope: testScope, Key: bad}, {Scope: testScope, Key: "good"}}}
			err := s.Update(context.Background(), want, func(tx engine.Tx) error {
				o, err := tx.OrderByUnique(want.Unique[0])
				if o != nil {
					t.Errorf("%q found an order", bad)
				}
				return err
			})
			if err != nil {
				t.Errorf("%q as a key: %v", bad, err)
			}
			err = s.View(context.Background(), func(rd engine.Reader) error { _, err := rd.OrderByPublic(testScope, bad); return err })
			if !fault.Is(err, fault.CodeNotFound) {
				t.Errorf("%q as a public id: %v", bad, err)
			}
		}
	})
}
