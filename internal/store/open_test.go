package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
)

// case 83: a log that was removed by hand is noticed; a clean end is not complained of.
func TestRemovedLogIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	var text strings.Builder
	open := func() *Store {
		text.Reset()
		return openTest(t, path, Options{Log: slog.New(slog.NewTextHandler(&text, nil))})
	}
	noticed := func() bool { return strings.Contains(text.String(), "write-ahead log is gone") }
	open().Close()
	open().Close()
	if noticed() {
		t.Errorf("after a clean end: %s", text.String())
	}
	if err := os.WriteFile(path+".lock", []byte("12345\n"), 0o600); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	open().Close()
	if !noticed() {
		t.Error("not noticed")
	}
}

// case 83: a backup is whole although others write.
func TestBackupDuringWrites(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, filepath.Join(dir, "till.db"), Options{})
	beside, err := OpenSQLiteReadOnly(context.Background(), filepath.Join(dir, "till.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	stop, stopped := make(chan bool), make(chan error, 1)
	var inserted atomic.Int64
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.InsertOrder(testOrder(tx)) })
			if err != nil {
				stopped <- err
				return
			}
			inserted.Add(1)
		}
	}()
	for i := range 3 {
		waitFor(t, func() bool { return inserted.Load() >= int64(50*(i+1)) })
		to := filepath.Join(dir, fmt.Sprintf("copy'%d.db", i))
		least := inserted.Load()
		if err := beside.Backup(context.Background(), to); err != nil {
			t.Fatal(err)
		}
		if err := beside.Backup(context.Background(), to); err == nil {
			t.Error("a backup was overwritten")
		}
		restored := openTest(t, to, Options{})
		err := restored.View(context.Background(), func(rd engine.Reader) error {
			page, err := rd.Orders(engine.Filter{Scope: testScope, Page: 1, Limit: 100000})
			if page.Total < least || int64(len(page.Orders)) != page.Total {
				t.Errorf("the copy has %d of %d orders and counts %d", len(page.Orders), least, page.Total)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		restored.Close()
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	if _, err := OpenSQLiteReadOnly(context.Background(), path, Options{}); err == nil || fileExists(path) {
		t.Fatalf("a database that is not there: %v", err)
	}
	s := openTest(t, path, Options{})
	beside, err := OpenSQLiteReadOnly(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.SaveMerchant(engine.Merchant{ID: "m"}) }); err != nil {
		t.Fatal(err)
	}
	err = beside.View(context.Background(), func(rd engine.Reader) error {
		list, err := rd.Merchants()
		if len(list) != 1 {
			t.Errorf("%d merchants", len(list))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := beside.Update(context.Background(), engine.Keys{}, func(engine.Tx) error { return nil }); err == nil {
		t.Error("a reader wrote")
	}
	if err := beside.Close(); err != nil {
		t.Error(err)
	}
	if _, err := rawDB(t, s).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSQLiteReadOnly(context.Background(), path, Options{}); err == nil || !strings.Contains(err.Error(), "has schema 99") {
		t.Errorf("another schema: %v", err)
	}
}

// case 83: one process may write.
func TestSecondOwnerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := openTest(t, path, Options{})
	_, err := OpenSQLite(context.Background(), path, Options{})
	if err == nil || !strings.Contains(err.Error(), "in use by another process (pid "+strconv.Itoa(os.Getpid())+")") {
		t.Fatalf("error is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, path, Options{})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := openTest(t, path, Options{})
	if _, err := rawDB(t, s).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := OpenSQLite(context.Background(), path, Options{}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Fatalf("error is %v", err)
	}
}

// A path is a path: nothing in it is read as an option of the database.
func TestStrangePaths(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory.db", "a#b.db", "100%.db", "ü.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := openTest(t, path, Options{})
		if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.SaveMerchant(engine.Merchant{ID: "m"}) }); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := testStore(t)
	if _, err := s.readers.Exec(`INSERT INTO marks (name, value) VALUES ('x', 1)`); err == nil {
		t.Error("a reader wrote")
	}
}

func TestTheDatabaseIsItsOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s, err := OpenSQLite(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(file), info.Mode().Perm())
		}
	}
}

// What a backup calls free may have been shown to a payer since. Of derived addresses there are always more: those are
// not handed out again by the database that is made of it.
func TestRestoreArchivesDerivedAddresses(t *testing.T) {
	dir := t.TempDir()
	path, copied, restored := filepath.Join(dir, "till.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	s := openTest(t, path, Options{})
	pool := engine.Pool{Merchant: "m", Mode: engine.Sandbox, Family: engine.EVM}
	take := func(s *Store) (in engine.Instrument, err error) {
		err = s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) (err error) {
			in, err = tx.TakeInstrument(pool, "rail", tx.NewID(), tx.Now())
			return err
		})
		return in, err
	}
	add := func(list ...engine.Imported) {
		err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { _, err := tx.ImportInstruments(pool, list); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	add(engine.Imported{Value: "0xd1", Derived: true}, engine.Imported{Value: "0xd2", Derived: true}, engine.Imported{Value: "0xd3", Derived: true})
	held, err := take(s)
	if err != nil {
		t.Fatal(err)
	}
	add(engine.Imported{Value: "0xi1"})
	if err := s.Backup(context.Background(), copied); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if err := Restore(context.Background(), copied, restored); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(copied); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the backup was changed: %v", err)
	}
	r := openTest(t, restored, Options{})
	if in, err := take(r); err != nil || in.Value != "0xi1" {
		t.Errorf("handed out %v, %v", in, err)
	}
	if in, err := take(r); !fault.Is(err, fault.CodeNoAddress) {
		t.Errorf("handed out %v, %v", in, err)
	}
	err = r.View(context.Background(), func(rd engine.Reader) error {
		rows, err := rd.Instruments(pool, "", 10)
		for _, row := range rows {
			want := engine.InstrumentArchived
			if row.Instrument.Value == held.Value || row.Instrument.Value == "0xi1" {
				want = engine.InstrumentHeld
			}
			if row.State != want {
				t.Errorf("%s is %s, want %s", row.Instrument.Value, row.State, want)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
