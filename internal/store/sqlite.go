package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"
)

// Every connection waits for a lock instead of failing. The writer syncs the log before a checkpoint and leaves all else to sqlite_sync.go, keeps its pages and
// rarely checkpoints by itself (sqlite_checkpoint.go); readers cannot write whatever they try. The writer keeps 16 MB of pages: what orders write next
// to one another fits, and whenever a group splits a page, SQLite walks over all that are kept, which at 64 MB took
// half a millisecond of each commit.
const (
	writerPragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)" +
		"&_pragma=cache_size(-16384)&_pragma=temp_store(2)&_pragma=wal_autocheckpoint(16000)"
	checkpointPragmas = "_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_pragma=cache_size(-1024)"
	readerPragmas     = "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=temp_store(2)"
)

// OpenSQLite opens the database file at path, creates it where there is none, brings its schema up to date
// and becomes its only writer until Close. A second process (or a second call) that opens it for writing
// is refused.
func OpenSQLite(ctx context.Context, path string, o Options) (_ *Store, err error) {
	log := cmp.Or(o.Log, slog.Default())
	lock, err := lockOwner(path)
	if err != nil {
		return nil, err
	}
	closers := []func() error{lock.release}
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

	if kind := networkFilesystem(path); kind != "" {
		log.Warn("the database is on a network filesystem, where locks and syncs may not hold: it can be damaged", "path", path, "filesystem", kind)
	}
	if lock.crashed && fileExists(path) && !fileExists(path+"-wal") {
		log.Error("the write-ahead log is gone though the last owner did not close the database: if it was removed by hand, the last changes are lost; restore a backup or verify", "path", path+"-wal")
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
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
	w := &session{conn: conn, how: "BEGIN IMMEDIATE"} // it may write from the beginning
	closers = append(closers, w.close)

	readers, err := sql.Open("sqlite", fileURI(path, readerPragmas))
	if err != nil {
		return nil, err
	}
	closers = append(closers, readers.Close)

	s := newStore(w, readers, sqliteReader, o, closeAll)
	if err := s.takeOver(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := lock.begin(); err != nil {
		return nil, err
	}
	beside, err := sql.Open("sqlite", fileURI(path, checkpointPragmas))
	if err != nil {
		return nil, err
	}
	beside.SetMaxOpenConns(1)
	s.checkpoints = startCheckpoints(beside, log)
	closers = append(closers, beside.Close, func() error { s.checkpoints.stop(); return nil })
	if s.syncs, err = startSyncs(path, o.SyncPause, s.breakDown, s.answer); err != nil {
		return nil, err
	}
	closers = append(closers, func() error { s.syncs.stop(); return nil })
	go s.write()
	return s, nil
}

// OpenSQLiteReadOnly opens a database beside the process that writes it, for View and Backup; Update fails. The
// schema must be exactly this program's.
func OpenSQLiteReadOnly(ctx context.Context, path string, o Options) (*Store, error) {
	readers, err := sql.Open("sqlite", fileURI(path, readerPragmas))
	if err != nil {
		return nil, err
	}
	var version int64
	if err := readers.QueryRowContext(ctx, selectSchemaVersion).Scan(&version); err != nil {
		readers.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if known, err := newestSchema("migrations/sqlite"); err != nil || version != known {
		readers.Close()
		return nil, errors.Join(err, fmt.Errorf("%s has schema %d and this program reads %d", path, version, known))
	}
	s := newStore(&session{}, readers, sqliteReader, o, readers.Close)
	s.readOnly = true
	close(s.done)
	return s, nil
}

// keepPlan words a query so that its plan is kept. SQLite looks at the value behind a bare LIMIT while it plans, and so plans again at
// every use with another value bound, the same or not: ten times the cost of a short query. It does not look into a sum.
func keepPlan(query string) string { return limit.ReplaceAllString(query, "$0 + 0") }

var limit = regexp.MustCompile(`LIMIT \$\d+\b`)

// makePrivate makes a missing database file readable by its owner only. SQLite gives its side files the
// same mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteReader is a reader without its connection: one state is seen from the first read on.
func sqliteReader() *session { return &session{how: "BEGIN"} }

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func fileURI(path, query string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}).String()
}
