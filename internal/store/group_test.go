package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// together makes n callers wait behind one that holds the writer, and lets them go as one group.
func together(t *testing.T, s *Store, n int, fn func(i int) func(engine.Tx) error) []error {
	t.Helper()
	begun, release := make(chan bool), make(chan bool)
	first := make(chan error, 1)
	go func() {
		first <- s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error {
			close(begun)
			<-release
			return nil
		})
	}()
	<-begun
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = s.Update(context.Background(), engine.Keys{}, fn(i)) })
		waitFor(t, func() bool { return len(s.queue) == i+1 })
	}
	close(release)
	wg.Wait()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	return errs
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !what(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing happened for a minute")
		}
	}
}

func testStore(t *testing.T) *Store {
	return openTest(t, filepath.Join(t.TempDir(), "till.db"), Options{})
}

var testScope = engine.Scope{Merchant: "m0", Mode: engine.Sandbox, Dialect: "one"}

// testOrder is an order of merchant m0 that is ready to be inserted.
func testOrder(tx engine.Tx) *engine.Order {
	book := ledger.Owed("m0")
	return &engine.Order{
		Order: order.Order{State: order.Waiting, Terms: order.Terms{Book: book, To: book.Account(ledger.Merchant), Due: money.FromInt(benchAsset, 100)}},
		ID:    tx.NewID(), PublicID: "ord_" + tx.NewID(), Scope: testScope, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
}

// 32 who wait are one transaction, and what they share is written once.
func TestCallersAreGrouped(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		insert := func(int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				o := testOrder(tx)
				if err := tx.InsertOrder(o); err != nil {
					return err
				}
				return tx.AddEntry(engine.Entry{ID: tx.NewID(), OrderID: o.ID, Merchant: "m0", Mode: engine.Sandbox, At: tx.Now(), Postings: []order.Posting{
					{Posting: ledger.Posting{From: ledger.House.Account(ledger.PayerOn("x")), To: ledger.Owed("m0").Account(ledger.In), Amount: money.FromInt(benchAsset, 1)}}}})
			}
		}
		for _, err := range together(t, s, 4, insert) { // the scope and the balances come to be
			if err != nil {
				t.Fatal(err)
			}
		}
		before := s.Stats()
		for _, err := range together(t, s, 32, insert) {
			if err != nil {
				t.Fatal(err)
			}
		}
		after := s.Stats()
		if groups := after.Groups - before.Groups; groups != 2 { // the one that held the writer, and the 32
			t.Errorf("%d groups for 32 callers", groups)
		}
		// An order, an entry and a posting each, of which PostgreSQL takes all in one statement and SQLite 16; begin, commit, number, counter,
		// balances and time for all.
		few, many := int64(3*32/16), int64(3*32/16+16)
		if IsPostgres(db.where) {
			few, many = 3, 24
		}
		if n := after.Statements - before.Statements; n < few || n > many {
			t.Errorf("%d statements for 32 callers", n)
		}
	})
}

// Of more than enough callers a group takes half of those who are about, so that two halves take turns: with one caller in the group before.
func TestGroupsAreHalves(t *testing.T) {
	onEach(t, func(t *testing.T, db database) { groupsAreHalves(t, db.open(t, Options{})) })
}

func groupsAreHalves(t *testing.T, s *Store) {
	for _, test := range []struct {
		wait int
		want []int
	}{
		{32, []int{32}},
		{40, []int{32, 8}},
		{200, []int{101, 99}}, // half of 201, then up to half of 101 + 99
		{600, []int{256, 256, 88}},
	} {
		first := s.Stats().Groups + 1 // behind the caller that holds the writer
		var got []int                 // the writer's until all are answered
		errs := together(t, s, test.wait, func(i int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				for n := s.Stats().Groups - first; int64(len(got)) <= n; {
					got = append(got, 0)
				}
				got[len(got)-1]++
				return tx.SaveMerchant(engine.Merchant{ID: strconv.Itoa(i)})
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%d callers went in groups of %v, want %v", test.wait, got, test.want)
		}
	}
}

// One refused in the middle of a group, and the numbers of the others have no gap.
func TestRefusedInAGroup(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		refused := errors.New("refused")
		seen := make([]int64, 32)
		errs := together(t, s, 32, func(i int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				o := testOrder(tx)
				if err := tx.InsertOrder(o); err != nil {
					return err
				}
				if i%9 == 4 {
					return refused
				}
				seen[i] = o.Number
				return nil
			}
		})
		next := int64(1)
		for i, err := range errs {
			if i%9 == 4 {
				if err != refused {
					t.Errorf("caller %d: %v", i, err)
				}
				continue
			}
			if err != nil || seen[i] != next {
				t.Errorf("caller %d: number %d, want %d (%v)", i, seen[i], next, err)
			}
			next++
		}
		if groups := s.Stats().Groups; groups != 2 {
			t.Errorf("%d groups", groups)
		}
	})
}

// Another process took an instrument of ours: the index refuses, the group is computed again with the next one.
func TestInstrumentHeldByAnotherProcess(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{Block: 4})
		pool := benchPool(0)
		importRange(t, s, pool, 16)
		take := func(tx engine.Tx) (string, error) {
			in, err := tx.TakeInstrument(pool, "rail", tx.NewID(), tx.Now())
			return in.Value, err
		}
		var got [3]string
		update := func(i int) error {
			return s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) (err error) { got[i], err = take(tx); return err })
		}
		if err := update(0); err != nil {
			t.Fatal(err)
		}
		other := db.raw(t) // holds the second
		if _, err := other.Exec(insertHold, 2, 5, "other", 0, "rail", 5); err != nil {
			t.Fatal(err)
		}
		if err := update(1); err != nil {
			t.Fatal(err)
		}
		if got[1] != fmt.Sprintf("0xm0%036x", 2) {
			t.Errorf("got %s", got[1])
		}
		if n := s.Stats().Conflicts; n != 1 {
			t.Errorf("%d conflicts", n)
		}
		if err := update(2); err != nil || got[2] != fmt.Sprintf("0xm0%036x", 3) {
			t.Errorf("got %s, %v", got[2], err)
		}
	})
}

// A group that is computed again claims and hands out again what it had: nothing twice, nothing lost.
func TestGroupIsComputedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{Block: 2})
		pool := benchPool(0)
		importRange(t, s, pool, 6)
		failed := 0
		var everySecond func() error
		everySecond = func() error {
			if failed++; failed%2 == 1 {
				return &conflict{what: "another process, says the test"}
			}
			s.writer.onCommit = nil
			defer func() { s.writer.onCommit = everySecond }()
			return s.writer.commit()
		}
		s.writer.onCommit = everySecond
		var got []string
		for range 6 {
			var in engine.Instrument
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) (err error) {
				in, err = tx.TakeInstrument(pool, "rail", tx.NewID(), tx.Now())
				return errors.Join(err, tx.InsertOrder(testOrder(tx)))
			})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, in.Value)
		}
		for i, value := range got {
			if value != fmt.Sprintf("0xm0%036x", i) {
				t.Errorf("handed out %v", got)
				break
			}
		}
		if n := s.Stats().Conflicts; n == 0 || n > 6 {
			t.Errorf("%d conflicts", n)
		}
		err := s.View(context.Background(), func(rd engine.Reader) error {
			page, err := rd.Orders(engine.Filter{Scope: testScope, Page: 1, Limit: 10})
			if page.Total != 6 || len(page.Orders) != 6 {
				t.Errorf("%d orders listed, %d counted", len(page.Orders), page.Total)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// rawDB is another connection that may write, as another process would have.
func rawDB(t *testing.T, s *Store) *sql.DB {
	t.Helper()
	var path string
	if err := s.readers.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	return rawSQL(t, "sqlite", fileURI(path, "_pragma=busy_timeout(5000)"))
}

// A caller that conflicts whatever it does fails alone.
func TestHopelessCallerFailsAlone(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		errs := together(t, s, 16, func(i int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				return tx.SaveKey(engine.Key{ID: "k" + strconv.Itoa(i), Hash: strconv.Itoa(i % 15)}) // 0 and 15 share a hash
			}
		})
		for i, err := range errs {
			if i == 15 {
				if !fault.Is(err, fault.CodeVersionConflict) {
					t.Errorf("the second of one hash: %v", err)
				}
			} else if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	})
}

// case 84: nobody knows whether the commit happened. Callers are told so, nothing more is written, and the idempotency
// key finds the answer after a restart.
func TestCommitOfUnknownOutcome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	for _, reached := range []bool{true, false} {
		s := openTest(t, path, Options{})
		s.writer.onCommit = func() error {
			if reached {
				if _, err := s.writer.conn.ExecContext(context.Background(), "COMMIT"); err != nil {
					t.Error(err)
				}
			}
			return errors.New("the answer was lost")
		}
		k := engine.AnswerKey{Scope: "s", Key: fmt.Sprint(reached)}
		for i, err := range together(t, s, 3, func(i int) func(engine.Tx) error {
			return func(tx engine.Tx) error {
				return tx.Remember(engine.Answer{Scope: k.Scope, Key: k.Key, Status: 201, At: tx.Now()})
			}
		}) {
			if !fault.Is(err, fault.CodeCommitUnknown) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		select {
		case <-s.Broken():
		default:
			t.Error("the store is not broken")
		}
		if err := s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return nil }); err == nil || s.Err() == nil {
			t.Error("written on after an unknown outcome")
		}
		s.Close()
		s = openTest(t, path, Options{})
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
		s.Close()
	}
}

// case 82: a full disk refuses the request and nothing else; with room again everything works.
func TestDiskFull(t *testing.T) {
	s := testStore(t)
	limit := func(pages string) {
		t.Helper()
		if _, err := s.writer.conn.ExecContext(context.Background(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	save := func(i int) error {
		return s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			return tx.SaveMerchant(engine.Merchant{ID: "m" + strconv.Itoa(i), Name: strings.Repeat("x", 3000)})
		})
	}
	if err := save(0); err != nil {
		t.Fatal(err)
	}
	limit("1") // SQLite makes it the present size
	saved := 1
	var err error
	for ; err == nil && saved < 100; saved++ {
		err = save(saved)
	}
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeOverloaded || f.RetryAfter == 0 {
		t.Fatalf("error is %v", err)
	}
	if s.Err() != nil {
		t.Fatalf("a full disk broke the store: %v", s.Err())
	}
	limit("1000000")
	if err := save(saved); err != nil {
		t.Fatal(err)
	}
	err = s.View(context.Background(), func(rd engine.Reader) error {
		list, err := rd.Merchants()
		if len(list) != saved {
			t.Errorf("%d merchants of %d", len(list), saved)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A view that waits for a reader is told that the server stops, while those that run are waited for.
func TestCloseWhileReadersAreBusy(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		release := make(chan bool)
		var running atomic.Int64
		errs := make(chan error, cap(s.idle))
		for range cap(s.idle) {
			go func() {
				errs <- s.View(context.Background(), func(rd engine.Reader) error {
					running.Add(1)
					<-release
					_, err := rd.Merchants()
					return err
				})
			}()
		}
		waitFor(t, func() bool { return running.Load() == int64(cap(s.idle)) })
		waiting := make(chan error, 1)
		go func() { waiting <- s.View(context.Background(), func(engine.Reader) error { return nil }) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := s.View(ctx, func(engine.Reader) error { return nil }); err != context.DeadlineExceeded {
			t.Errorf("a view whose time ends while it waits: %v", err)
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		if err := <-waiting; !fault.Is(err, fault.CodeOverloaded) {
			t.Errorf("the view that waited: %v", err)
		}
		close(release)
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Errorf("a running view: %v", err)
			}
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestFullQueue(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		begun, release := make(chan bool), make(chan bool)
		var wg sync.WaitGroup
		wg.Go(func() {
			s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { close(begun); <-release; return nil })
		})
		<-begun
		for range maxQueue {
			wg.Go(func() {
				if err := s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		waitFor(t, func() bool { return len(s.queue) == maxQueue })
		if err := s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return nil }); !fault.Is(err, fault.CodeOverloaded) {
			t.Errorf("error is %v", err)
		}
		close(release)
		wg.Wait()
	})
}

// Close answers everybody who waits; who comes later is told that the server stops.
func TestClose(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		begun, release := make(chan bool), make(chan bool)
		errs := make(chan error, 9)
		go func() {
			errs <- s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				close(begun)
				<-release
				return tx.SaveMerchant(engine.Merchant{ID: "first"})
			})
		}()
		<-begun
		for i := range 8 {
			go func() {
				errs <- s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.SaveMerchant(engine.Merchant{ID: strconv.Itoa(i)}) })
			}()
		}
		waitFor(t, func() bool { return len(s.queue) == 8 })
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		waitFor(t, s.isClosed)
		if err := s.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return nil }); !fault.Is(err, fault.CodeOverloaded) {
			t.Errorf("update after the close: %v", err)
		}
		close(release)
		for range 9 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := s.View(context.Background(), func(engine.Reader) error { return nil }); !fault.Is(err, fault.CodeOverloaded) {
			t.Errorf("view after the close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		s = db.open(t, Options{})
		s.View(context.Background(), func(rd engine.Reader) error {
			if list, err := rd.Merchants(); len(list) != 9 {
				t.Errorf("%d of 9 were saved (%v)", len(list), err)
			}
			return nil
		})
	})
}

// A numbered placeholder is bound by its number, not by its place: some drivers get this silently wrong.
func TestPlaceholdersAreBoundByNumber(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		var a, b string
		if err := s.readers.QueryRow(`SELECT $2, $1`, "one", "two").Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		if a != "two" || b != "one" {
			t.Errorf("$2 is %q and $1 is %q", a, b)
		}
		if err := s.readers.QueryRow(`SELECT $2, $1, $2`, "one", "two").Scan(&a, &b, &a); err != nil || a != "two" || b != "one" {
			t.Errorf("used twice: %q, %q, %v", a, b, err)
		}
	})
}

func TestTransactionCannotBeKept(t *testing.T) {
	s := testStore(t)
	var kept engine.Tx
	if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a kept transaction was used")
		}
	}()
	kept.SaveMerchant(engine.Merchant{ID: "m"})
}

func TestIDs(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	g := ids{random: strings.NewReader(strings.Repeat("\xff", 10))}
	var last string
	for i, when := range []time.Time{at, at, at.Add(-time.Hour), at.Add(time.Millisecond)} {
		id, err := g.next(when)
		if err != nil {
			t.Fatal(err)
		}
		if len(id) != 26 || id <= last {
			t.Errorf("id %d: %s after %s", i, id, last)
		}
		last = id
	}
	if _, err := g.next(at.Add(time.Hour)); err != io.EOF {
		t.Errorf("without randomness: %v", err)
	}
	if got := encodeID([16]byte{0: 0xff, 15: 1}); got != "7z"+strings.Repeat("0", 23)+"1" {
		t.Errorf("encoded as %s", got)
	}
}
