package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// What a group writes as arrays is what SQLite writes row by row: the same changes leave the same tables.
func TestManyRowsAreWrittenAsOne(t *testing.T) {
	contents := map[string]map[string][]string{}
	var merged []string
	onEach(t, func(t *testing.T, db database) {
		start, passed := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), atomic.Int64{} // the writer asks too
		s := db.open(t, Options{Now: func() time.Time { return start.Add(time.Duration(passed.Load())) }, Random: rand.NewChaCha8([32]byte{})})
		writeManyRows(t, s, func() { passed.Add(int64(time.Second)) })
		if s.postgres != nil {
			for query := range s.writer.batch.texts {
				merged = append(merged, query)
			}
		}
		tables := map[string][]string{}
		raw := db.raw(t)
		for _, table := range []string{"orders", "order_counts", "scopes", "payments", "events", "entries", "postings", "balances", "answers", "holds", "messages", "message_counts", "seals", "documents", "document_keys", "document_counts", "quotes", "transfers", "rail_state", "bookings"} {
			tables[table] = dump(t, raw, "SELECT * FROM "+table)
		}
		tables["instruments"] = dump(t, raw, `SELECT number, family, value, merchant, mode, derivation_index, rest_since, rest_until, created_at, derived, counted FROM instruments`)
		contents[t.Name()] = tables
	})
	for _, query := range manyRows {
		if !slices.Contains(merged, query) {
			t.Errorf("not written as one by this test: %s", query)
		}
	}
	sqlite, postgres := contents[t.Name()+"/sqlite"], contents[t.Name()+"/postgres"]
	for table, list := range sqlite {
		slices.Sort(list)
		slices.Sort(postgres[table])
		if len(list) < 2 && table != "scopes" {
			t.Errorf("%d rows of %s", len(list), table)
		}
		if !slices.Equal(list, postgres[table]) {
			t.Errorf("%s\n%s\nand on PostgreSQL\n%s", table, strings.Join(list, "\n"), strings.Join(postgres[table], "\n"))
		}
	}
}

// dump is every row as text, bytes and texts alike.
func dump(t *testing.T, db *sql.DB, query string) (list []string) {
	t.Helper()
	found, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for i, v := range values {
			line = append(line, fmt.Sprintf("%s=%q,%t", names[i], v.String, v.Valid))
		}
		slices.Sort(line) // the columns of a table stand in no order of their own
		list = append(list, strings.Join(line, " "))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// writeManyRows makes each statement of manyRows write several rows in one transaction.
func writeManyRows(t *testing.T, s *Store, tick func()) {
	t.Helper()
	const n = 3
	update := func(fn func(tx engine.Tx) error) {
		t.Helper()
		tick()
		if err := s.Update(context.Background(), engine.Keys{}, fn); err != nil {
			t.Fatal(err)
		}
	}
	pool := benchPool(0)
	index := int64(7)
	update(func(tx engine.Tx) error {
		_, err := tx.ImportInstruments(pool, []engine.Imported{{Value: "a"}, {Value: "b", DerivationIndex: &index, MasterPublicKey: "xpub"}, {Value: "c"}})
		return err
	})
	var ids, events, entries []string
	var messages []engine.Message
	in, out := ledger.Owed("m0").Account(ledger.In), ledger.Owed("m0").Account(ledger.Merchant)
	entry := func(tx engine.Tx, o string, i int64) error {
		e := engine.Entry{ID: tx.NewID(), OrderID: o, Merchant: "m0", Mode: engine.Sandbox, At: tx.Now(), Postings: []order.Posting{
			{Posting: ledger.Posting{From: ledger.House.Account(ledger.PayerOn("x")), To: in, Amount: money.FromInt(benchAsset, i)}, Row: "A"},
			{Posting: ledger.Posting{From: in, To: out, Amount: money.FromInt(benchAsset, i)}, Row: "B"}}}
		entries = append(entries, e.ID)
		return tx.AddEntry(e)
	}
	event := func(tx engine.Tx, o string, seq int64) error {
		events = append(events, tx.NewID())
		return tx.AddEvents([]engine.Event{{ID: events[len(events)-1], OrderID: o, Scope: testScope, Seq: seq, Type: "x", At: tx.Now(), Facts: engine.Facts{Ref: "\\{\",'"}}})
	}
	update(func(tx engine.Tx) error {
		for i := range n {
			o := testOrder(tx)
			o.Reference, o.Doc = strconv.Itoa(i), []byte(`{"é": "NULL"}`)
			if i > 0 {
				o.UniqueKey, o.Terms.Deadline = "ref,"+strconv.Itoa(i), tx.Now()
			}
			var err error
			if o.Instrument, err = tx.TakeInstrument(pool, "evm:x", o.ID, tx.Now()); err != nil {
				return err
			}
			o.Payments = []order.Payment{{PaymentKey: order.PaymentKey{Rail: "evm:x", External: "tx" + strconv.Itoa(i)}, Epoch: 1, Rank: order.RankSeen, Amount: o.Terms.Due}}
			o.Transfers = []order.Transfer{{ID: "transfer" + strconv.Itoa(i), Rail: "evm:x", Purpose: order.Delivery, State: order.TransferReserved, Amount: o.Terms.Due}}
			o.Sendings = map[string]engine.Sending{"transfer" + strconv.Itoa(i): {Look: tx.Now()}}
			ids = append(ids, o.ID)
			if err := errors.Join(tx.InsertOrder(o), tx.SaveRailState("evm:x", "line/"+strconv.Itoa(i), []byte{byte(i)})); err != nil {
				return err
			}
			if err := entry(tx, o.ID, int64(i+1)); err != nil {
				return err
			}
			if err := event(tx, o.ID, 1); err != nil {
				return err
			}
			if err := tx.Remember(engine.Answer{Scope: "m0", Key: o.ID, Hash: "h", OrderID: o.ID, Status: 201, Body: bytes.Repeat([]byte{0, 255}, i), At: tx.Now()}); err != nil {
				return err
			}
			for _, name := range []string{"1", "2", "3"} {
				if err := tx.Remember(engine.Answer{Scope: "once", Key: o.ID + name, At: tx.Now()}); err != nil {
					return err
				}
			}
			messages = append(messages, engine.Message{ID: tx.NewID(), EventID: events[i], OrderID: o.ID, EndpointID: "e", Scope: testScope, WireID: "w", Type: "x",
				Body: []byte{0, byte(i)}, State: engine.MessagePending, NextAt: tx.Now(), CreatedAt: tx.Now()})
		}
		return tx.SaveMessages(messages)
	})
	update(func(tx engine.Tx) error { // orders that are not plain, and one that is between them
		for i := range 2 * n {
			o := testOrder(tx)
			if i != n {
				o.Kind, o.Words, o.Overlay = "kind"+strconv.Itoa(i), []string{"a", "b,'" + strconv.Itoa(i)}, order.Refunded
			}
			if err := tx.InsertOrder(o); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx engine.Tx) error {
		for i, id := range ids {
			o, err := tx.Order(id)
			if err != nil {
				return err
			}
			o.State, o.Payments[0].Rank = order.Expired, order.RankConfirmed
			o.Transfers[0].State = order.TransferSent
			if err := tx.SaveOrder(o); err != nil {
				return err
			}
			if err := tx.FreeInstrument(o.Instrument, o.ID, tx.Now(), tx.Now().Add(time.Hour)); err != nil {
				return err
			}
			if err := entry(tx, o.ID, int64(10*i+10)); err != nil {
				return err
			}
			messages[i].Attempts, messages[i].LastError = i+1, "refused"
			for _, name := range []string{"1", "2"} {
				if err := tx.Forget(engine.AnswerKey{Scope: "once", Key: o.ID + name}); err != nil {
					return err
				}
			}
		}
		if err := tx.EventsTold(events); err != nil {
			return err
		}
		// One that comes twice within a group: the bytes are the first one's, the state the last one's.
		fresh := messages[0]
		fresh.ID, fresh.EventID, fresh.Body = tx.NewID(), "new", []byte("first")
		later := fresh
		later.State, later.Body = engine.MessageDelivered, []byte("second")
		return tx.SaveMessages(append(slices.Clone(messages), fresh, later))
	})
	update(func(tx engine.Tx) error {
		last := engine.Seal{Mode: engine.Sandbox}
		var list []engine.Seal
		for kind, refs := range map[engine.SealKind][]string{engine.SealEntry: entries} {
			for _, ref := range refs {
				last = engine.Seal{Mode: engine.Sandbox, N: last.N + 1, Kind: kind, Ref: ref, Salt: []byte("salt")}
				list = append(list, last)
			}
		}
		for _, ref := range events {
			last = engine.Seal{Mode: engine.Sandbox, N: last.N + 1, Kind: engine.SealEvent, Ref: ref, Salt: []byte("salt")}
			list = append(list, last)
		}
		return tx.AddSeals(list)
	})
	document := func(i int, keys ...string) *engine.Document {
		return &engine.Document{Kind: "letter", ID: strconv.Itoa(i), Scope: testScope, Keys: keys, State: []string{"", "open"}[i%2], DueAt: []time.Time{{}, time.UnixMicro(7)}[i%2], Doc: []byte(`{"é": "\\n"}`)}
	}
	update(func(tx engine.Tx) error {
		for i := range 2 * n {
			if err := tx.InsertDocument(document(i, "kept:"+strconv.Itoa(i), "moved:"+strconv.Itoa(i), "gone:"+strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx engine.Tx) error {
		for _, add := range []int{-1, 1} { // first they give up, then each takes its neighbour's
			for i := range n {
				d, err := tx.Document("letter", strconv.Itoa(i))
				if err != nil {
					return err
				}
				d.Keys = []string{"kept:" + strconv.Itoa(i)}
				if add > 0 {
					d.Keys, d.State = append(d.Keys, "moved:"+strconv.Itoa((i+1)%n)), "closed"
				}
				if err := tx.SaveDocument(d); err != nil {
					return err
				}
			}
		}
		return nil
	})
	update(func(tx engine.Tx) error {
		for i := range 3 * n {
			if err := tx.InsertQuote(&engine.Quote{ID: "quote" + strconv.Itoa(i), Scope: testScope, Doc: []byte(`{"é": "\\n"}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	booking := func(i int) *engine.Booking {
		b := &engine.Booking{ID: "booking" + strconv.Itoa(i), Key: "key" + strconv.Itoa(i), Rail: "bank:x", Mode: engine.Sandbox, State: engine.BookingSuspense}
		b.Reference, b.Text, b.Amount, b.Credit, b.Booked = b.Key, `é "\n"`, money.FromInt(money.MustAsset("EUR", "", 2), int64(i+1)), i%2 == 0, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		return b
	}
	update(func(tx engine.Tx) error {
		for i := range 3 * n {
			if err := tx.SaveBooking(booking(i)); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx engine.Tx) error {
		for i := range n {
			b, err := tx.Booking(engine.BookingKey{Rail: "bank:x", Key: "key" + strconv.Itoa(i)})
			if err != nil {
				return err
			}
			b.State, b.Early, b.EndToEnd = engine.BookingExpense, i == 0, "e2e"
			if err := tx.SaveBooking(b); err != nil {
				return err
			}
		}
		return nil
	})
	update(func(tx engine.Tx) error {
		for i := range n {
			q, err := tx.Quote("quote" + strconv.Itoa(i))
			if err != nil {
				return err
			}
			q.UsedBy = "order" + strconv.Itoa(i)
			if err := errors.Join(tx.SaveQuote(q), tx.ForgetQuote("quote"+strconv.Itoa(n+i))); err != nil {
				return err
			}
		}
		return nil
	})
	var left []string
	for _, id := range ids {
		err := s.View(context.Background(), func(rd engine.Reader) error {
			o, err := rd.Order(id)
			if err == nil && len(o.Payments) == 1 && o.Payments[0].Rank == order.RankConfirmed {
				left = append(left, id)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(left) != fmt.Sprint(ids) {
		t.Errorf("read %v of %v", left, ids)
	}
}

// A guard that fails for one of many rows names the row, and takes nobody else's with it.
func TestGuardOfManyRows(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url, Options{Block: 8})
	pool := benchPool(0)
	importRange(t, s, pool, 64)
	raw := rawSQL(t, "pgx", url)
	first := func(tx engine.Tx) error { _, err := tx.TakeInstrument(pool, "evm:x", tx.NewID(), tx.Now()); return err }
	if err := s.Update(context.Background(), engine.Keys{}, first); err != nil { // claims a block
		t.Fatal(err)
	}
	// An operator's process archives what this one is about to hand out second.
	if _, err := raw.Exec(`UPDATE instruments SET archived = 1 WHERE number = 3`); err != nil {
		t.Fatal(err)
	}
	for _, err := range together(t, s, 4, func(int) func(engine.Tx) error { return first }) {
		if err != nil {
			t.Error(err)
		}
	}
	held := rows(t, raw, `SELECT number FROM holds ORDER BY number`)
	if len(held) != 5 || slices.Contains(held, "3") {
		t.Errorf("held: %v", held)
	}
	if s.Stats().Conflicts == 0 {
		t.Error("no guard failed")
	}
}

// What insertPlainOrder leaves out is in the database as plainOrder says.
func TestPlainOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		s := db.open(t, Options{})
		var plain, other *engine.Order
		err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			plain, other = testOrder(tx), testOrder(tx)
			other.Words = []string{"word"}
			return errors.Join(tx.InsertOrder(plain), tx.InsertOrder(other))
		})
		if err != nil {
			t.Fatal(err)
		}
		for o, words := range map[*engine.Order]any{plain: plainOrder[6], other: " word "} {
			var sendRail, sendAt, aside, standing, reviewing, kind, wordsColumn, refunds any
			err := s.readers.QueryRow(`SELECT send_rail, send_at, aside, standing_id, reviewing, kind, words, refunds FROM orders WHERE id = $1`, o.ID).
				Scan(&sendRail, &sendAt, &aside, &standing, &reviewing, &kind, &wordsColumn, &refunds)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(plainOrder)
			want[6] = words
			if got := []any{sendRail, sendAt, aside, standing, reviewing, kind, wordsColumn, refunds}; !slices.Equal(got, want) {
				t.Errorf("the columns hold %q, and should %q", got, want)
			}
		}
	})
}
