package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync/atomic"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Every connection waits for a lock instead of failing. The writer syncs at each commit, keeps its pages and
// checkpoints rarely; readers cannot write whatever they try.
const (
	writerPragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
		"&_pragma=cache_size(-65536)&_pragma=temp_store(2)&_pragma=wal_autocheckpoint(8000)"
	readerPragmas = "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=temp_store(2)"
)

// OpenSQLite opens the database file at path, creates it where there is none, brings its schema up to date
// and becomes its only writer until Close. A second process (or a second call) that opens it for writing
// is refused.
func OpenSQLite(ctx context.Context, path string, o Options) (_ *Store, err error) {
	release, err := lockOwner(path)
	if err != nil {
		return nil, err
	}
	closers := []func() error{release}
	closeAll := func() error {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()

	writers, err := sql.Open("sqlite", fileURI(path, writerPragmas))
	if err != nil {
		return nil, err
	}
	closers = append(closers, writers.Close)
	writers.SetMaxOpenConns(1)
	if err := migrate(ctx, writers, goose.DialectSQLite3, "migrations/sqlite"); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	conn, err := writers.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, stmts: map[string]*sql.Stmt{}}
	closers = append(closers, w.close)

	readers, err := sql.Open("sqlite", fileURI(path, readerPragmas))
	if err != nil {
		return nil, err
	}
	closers = append(closers, readers.Close)
	readers.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	readers.SetMaxIdleConns(max(4, 2*runtime.NumCPU()))

	s := newStore(w, readers, "", o, closeAll)
	if err := s.takeOver(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	go s.write()
	return s, nil
}

func fileURI(path, query string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}).String()
}

// writer is the one connection that writes. Its statements are prepared once.
type writer struct {
	conn       *sql.Conn
	stmts      map[string]*sql.Stmt
	inTx       bool
	statements *atomic.Int64
	onCommit   func() error // tests only: runs in place of COMMIT
}

func (w *writer) prepare(query string) (*sql.Stmt, error) {
	if s, ok := w.stmts[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err == nil {
		w.stmts[query] = s
	}
	return s, err
}

func (w *writer) query(query string, args ...any) (*sql.Rows, error) {
	s, err := w.prepare(query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	w.statements.Add(1)
	return s.Query(args...)
}

func (w *writer) exec(query string, args ...any) (changed int64, err error) {
	s, err := w.prepare(query)
	if err != nil {
		return 0, fmt.Errorf("%w in %s", err, query)
	}
	w.statements.Add(1)
	r, err := s.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (w *writer) begin() error {
	_, err := w.exec("BEGIN IMMEDIATE")
	w.inTx = err == nil
	return err
}

func (w *writer) commit() error {
	if w.onCommit != nil {
		return w.onCommit()
	}
	_, err := w.exec("COMMIT")
	w.inTx = err != nil
	return err
}

// rollback ends a transaction where there is one. SQLite may have ended it by itself after an error, and
// then says so, which is what was wanted.
func (w *writer) rollback() {
	if w.inTx {
		w.exec("ROLLBACK")
		w.inTx = false
	}
}

// refused says that a failed COMMIT certainly changed nothing.
func (w *writer) refused(err error) bool {
	code := primaryCode(err)
	return code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_CONSTRAINT || code == sqlite3.SQLITE_READONLY
}

func (w *writer) close() error {
	for _, s := range w.stmts {
		s.Close()
	}
	return w.conn.Close()
}
