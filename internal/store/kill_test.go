package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/store/pgtest"
)

// childEnv tells the test binary to be the process that TestKill kills.
const childEnv = "TILL_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		childProcess(path)
	}
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

const (
	childCallers = 8
	childKeys    = 600 // of each caller; every life of the child begins with the first again
	childPool    = 1500
)

var childScope = engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "one"}

// cases 36, 68 and 81, invariants I1, I3, I8, I9: a process that creates and ends orders is killed in mid-load again
// and again. What it acknowledged is there, once; no address ever had two owners; sums and counts are right.
func TestKill(t *testing.T) {
	onEach(t, killAgainAndAgain)
}

func killAgainAndAgain(t *testing.T, db database) {
	told := map[string]string{} // unique key -> public id and address
	for life := range 5 {
		lives := 100 * (life + 1)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+db.where)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := 0
		for s := bufio.NewScanner(out); s.Scan(); {
			key, order, ok := strings.Cut(s.Text(), " ")
			if !ok || strings.Count(order, " ") != 1 {
				continue // cut by the kill
			}
			if was, known := told[key]; known && was != order {
				t.Errorf("key %s was answered %q and then %q", key, was, order)
			}
			told[key] = order
			if lines++; lines == lives {
				child.Process.Kill() // the rest of the pipe is read: it was acknowledged too
			}
		}
		child.Wait()
		if lines < lives {
			t.Fatalf("life %d: the child ended after %d lines", life, lines)
		}
		checkDatabase(t, db, told)
	}
	if len(told) < 400 {
		t.Fatalf("only %d orders were acknowledged", len(told))
	}
}

// childProcess imports a pool and lets callers create orders until it is killed, each told on a line: key,
// public id, address.
func childProcess(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(3)
	}
	open := OpenSQLite
	if IsPostgres(path) {
		open = OpenPostgres
	}
	s, err := open(context.Background(), path, Options{Block: 64})
	if err != nil {
		fail(err)
	}
	var list []engine.Imported
	for i := range childPool {
		list = append(list, engine.Imported{Value: fmt.Sprintf("0x%040x", i)})
	}
	pool := engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM}
	err = s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { _, err := tx.ImportInstruments(pool, list); return err })
	if err != nil {
		fail(err)
	}
	lines := make(chan string, childCallers)
	for caller := range childCallers {
		go func() {
			for n := range childKeys {
				line, err := childOrder(s, pool, fmt.Sprintf("k%d-%d", caller, n), n%3 == 0)
				if err != nil {
					fail(err)
				}
				lines <- line
			}
		}()
	}
	for line := range lines {
		fmt.Println(line)
	}
}

// childOrder creates an order with a booked payment, or finds the one its key has; a brief one ends at once and
// frees its address for the next.
func childOrder(s *Store, pool engine.Pool, key string, brief bool) (line string, err error) {
	unique := engine.UniqueKey{Scope: childScope, Key: key}
	var o *engine.Order
	err = s.Update(context.Background(), engine.Keys{Unique: []engine.UniqueKey{unique}}, func(tx engine.Tx) error {
		now, book := tx.Now(), ledger.Owed("m1")
		amount := money.FromInt(benchAsset, 100)
		o = &engine.Order{
			Order: order.Order{State: order.Waiting, Terms: order.Terms{Book: book, To: book.Account(ledger.Merchant), Due: amount}},
			ID:    tx.NewID(), PublicID: "ord_" + tx.NewID(), Scope: childScope, UniqueKey: key, Rail: "evm:x", CreatedAt: now, UpdatedAt: now, EventSeq: 1,
		}
		var err error
		if o.Instrument, err = tx.TakeInstrument(pool, "rail", o.ID, now); err != nil {
			return err
		}
		if err := tx.InsertOrder(o); err != nil {
			return err
		}
		if err := tx.AddEvents([]engine.Event{{ID: tx.NewID(), OrderID: o.ID, Scope: childScope, Seq: 1, Type: "order.created", State: o.State, At: now}}); err != nil {
			return err
		}
		return tx.AddEntry(engine.Entry{ID: tx.NewID(), OrderID: o.ID, Merchant: "m1", Mode: engine.Sandbox, At: now, Postings: []order.Posting{
			{Posting: ledger.Posting{From: ledger.House.Account(ledger.PayerOn("x")), To: book.Account(ledger.In), Amount: amount}},
			{Posting: ledger.Posting{From: book.Account(ledger.In), To: book.Account(ledger.Merchant), Amount: amount}},
		}})
	})
	if fault.Is(err, fault.CodeDuplicateReference) {
		err = s.View(context.Background(), func(rd engine.Reader) error { o, err = rd.OrderByUnique(unique); return err })
	}
	if err != nil {
		return "", err
	}
	if brief && !o.State.Terminal() {
		err = s.Update(context.Background(), engine.Keys{Orders: []string{o.ID}}, func(tx engine.Tx) error {
			o, err := tx.Order(o.ID)
			if err != nil || o.State.Terminal() {
				return err
			}
			o.State, o.EndedAt = order.Expired, tx.Now()
			if err := tx.SaveOrder(o); err != nil {
				return err
			}
			return tx.FreeInstrument(o.Instrument, o.ID, tx.Now(), tx.Now())
		})
	}
	return key + " " + o.PublicID + " " + o.Instrument.Value, err
}

// checkDatabase opens what the killed process left and holds it against what it told.
func checkDatabase(t *testing.T, db database, told map[string]string) {
	t.Helper()
	db.alone(t)
	s := db.open(t, Options{})
	defer s.Close()
	checkTold(t, s, told)
	checkRecords(t, s)
}

// checkTold holds what was acknowledged against what is on record.
func checkTold(t *testing.T, s *Store, told map[string]string) {
	t.Helper()
	err := s.View(context.Background(), func(rd engine.Reader) error {
		for key, line := range told {
			o, err := rd.OrderByUnique(engine.UniqueKey{Scope: childScope, Key: key})
			if err != nil {
				return fmt.Errorf("acknowledged order %s: %w", key, err)
			}
			if got := o.PublicID + " " + o.Instrument.Value; got != line {
				t.Errorf("order %s: %s was acknowledged, %s is on record", key, line, got)
			}
			entries, err := rd.Entries(o.ID)
			if err != nil {
				return err
			}
			events, err := rd.Events(o.ID)
			if err != nil {
				return err
			}
			if len(entries) != 1 || len(entries[0].Postings) != 2 || len(events) != 1 {
				t.Errorf("order %s has %d entries and %d events", key, len(entries), len(events))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkRecords holds everything on record against everything else: one scope has all orders.
func checkRecords(t *testing.T, s *Store) {
	t.Helper()
	checkBooks(t, s)
	count := func(query string) (n int) {
		t.Helper()
		if err := s.readers.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for problem, query := range map[string]string{
		"holds of one address that overlap":       `SELECT COUNT(*) FROM holds a JOIN holds b ON a.number = b.number AND a.order_id < b.order_id AND a.from_at < CASE b.to_at WHEN 0 THEN 1e18 ELSE b.to_at END AND b.from_at < CASE a.to_at WHEN 0 THEN 1e18 ELSE a.to_at END`,
		"orders without their hold":               `SELECT COUNT(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM holds h WHERE h.order_id = o.id)`,
		"holds without their order":               `SELECT COUNT(*) FROM holds h WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = h.order_id)`,
		"open holds of ended orders":              `SELECT COUNT(*) FROM holds h JOIN orders o ON o.id = h.order_id WHERE (h.to_at = 0) <> (o.state = 'waiting')`,
		"orders older than one before them":       `SELECT COUNT(*) FROM orders a JOIN orders b ON b.number = a.number + 1 WHERE b.created_at < a.created_at`,
		"claims of dead processes without a hold": `SELECT COUNT(*) FROM instruments i WHERE claim <> '' AND claim <> 'run' AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.number = i.number AND h.to_at = 0)`,
		"wrong counts": `SELECT COUNT(*) FROM (SELECT scope_id, state, number >> 12 AS bucket, COUNT(*) AS n FROM orders GROUP BY 1, 2, 3) o
			LEFT JOIN order_counts c ON c.scope_id = o.scope_id AND c.state = o.state AND c.bucket = o.bucket WHERE c.n IS NULL OR c.n <> o.n`,
		"orders that are not counted": `SELECT (SELECT COUNT(*) FROM orders) - (SELECT SUM(n) FROM order_counts)`,
		"gaps in the numbers":         `SELECT (SELECT MAX(number) FROM orders) - (SELECT COUNT(*) FROM orders)`,
		"a last number that is wrong": `SELECT (SELECT MAX(number) FROM orders) - (SELECT last_number FROM scopes)`,
	} {
		if n := count(query); n != 0 {
			t.Errorf("%s: %d", problem, n)
		}
	}
}

// checkBooks replays every posting and compares with the stored balances.
func checkBooks(t *testing.T, s *Store) {
	t.Helper()
	sums := ledger.Balances{}
	read := func(query string, row func(*sql.Rows) error) {
		t.Helper()
		rows, err := s.readers.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	read(`SELECT from_account, to_account, amount FROM postings`, func(rows *sql.Rows) error {
		var p ledger.Posting
		var amount string
		err := rows.Scan(&p.From, &p.To, &amount)
		if err == nil {
			p.Amount, err = parseAmount(amount)
		}
		sums.Post(p)
		return err
	})
	balances := 0
	read(`SELECT account, amount FROM balances`, func(rows *sql.Rows) error {
		var account ledger.Account
		var text string
		if err := rows.Scan(&account, &text); err != nil {
			return err
		}
		amount, err := parseAmount(text)
		if err == nil && !amount.Equal(sums.Of(account, amount.Asset())) {
			t.Errorf("balance of %s is %s, its postings give %s", account, amount, sums.Of(account, amount.Asset()))
		}
		if !amount.IsZero() {
			balances++
		}
		return err
	})
	if balances != len(sums) {
		t.Errorf("%d balances on record, the postings give %d", balances, len(sums))
	}
}

// What a process had claimed and no order holds is free again after a kill, in its turn: nothing is lost with the process, and nothing is
// handed out twice. Claimed in runs, and one by one as after a rest.
func TestClaimsOfADeadProcessAreFreed(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		t.Run("runs", func(t *testing.T) { claimsOfADeadProcess(t, db, benchPool(0), 64) })
		t.Run("alone", func(t *testing.T) { claimsOfADeadProcess(t, db, benchPool(1), 2*claimScan+3) })
	})
}

func claimsOfADeadProcess(t *testing.T, db database, pool engine.Pool, block int) {
	n, last := 300, 298
	alone := block > claimScan
	if alone {
		n, last = 3*claimScan+7, 10
	}
	first := db.open(t, Options{})
	importRange(t, first, pool, n)
	first.Close()
	if alone {
		if _, err := db.raw(t).Exec(`UPDATE instruments SET claim = '' WHERE merchant = $1`, pool.Merchant); err != nil {
			t.Fatal(err)
		}
	}
	for life := range 3 {
		s := db.open(t, Options{Block: block})
		var claimed, held, runs int
		err := s.readers.QueryRow(`SELECT (SELECT COUNT(*) FROM instruments WHERE claim NOT IN ('', 'run') AND merchant = $1),
			(SELECT COUNT(*) FROM holds JOIN instruments i ON i.number = holds.number AND i.merchant = $1),
			(SELECT COUNT(*) FROM runs WHERE claim <> '')`, pool.Merchant).Scan(&claimed, &held, &runs)
		if err != nil {
			t.Fatal(err)
		}
		if claimed != 0 && !alone || claimed != held && alone || held != life || runs != 0 {
			t.Errorf("life %d begins with %d claims, %d runs, %d held", life, claimed, runs, held)
		}
		takes := 1
		if life == 2 {
			takes = last
		}
		got, err := takeMany(s, pool, takes)
		if err != nil || len(got) != takes {
			t.Errorf("life %d: got %d of %d: %v", life, len(got), takes, err)
		}
		for i, value := range got {
			if want := fmt.Sprintf("0x%s%036x", pool.Merchant, life+i); value != want {
				t.Fatalf("life %d: got %s, want %s", life, value, want)
			}
		}
		if life == 2 && !alone {
			if got, err := takeMany(s, pool, 1); !fault.Is(err, fault.CodeNoAddress) {
				t.Errorf("more than there are: %v, %v", got, err)
			}
		}
		if err := s.Close(); err != nil { // leaves its claims as a kill does
			t.Fatal(err)
		}
	}
}

// takeMany hands out n instruments in one transaction, or as many as there are, with the error of the next.
func takeMany(s *Store, p engine.Pool, n int) (values []string, refused error) {
	err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		values, refused = nil, nil
		for len(values) < n && refused == nil {
			var in engine.Instrument
			if in, refused = tx.TakeInstrument(p, "rail", tx.NewID(), time.Unix(1, 0)); refused == nil {
				values = append(values, in.Value)
			}
		}
		return nil
	})
	return values, errors.Join(err, refused)
}
