package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"till/internal/engine"
	"till/internal/fault"
)

// A conflict says that the database is not what the group was computed from: another process was faster.
// The group is computed again.
type conflict struct {
	what       string
	instrument engine.Instrument // the instrument somebody else holds; zero: something else
}

func (c *conflict) Error() string { return "the database changed meanwhile: " + c.what }

// isConflict says that running the group again may help.
func isConflict(err error) bool {
	if _, ok := errors.AsType[*conflict](err); ok {
		return true
	}
	return primaryCode(err) == sqlite3.SQLITE_CONSTRAINT || conflictState(sqlState(err))
}

// translate turns what the database says into a fault a caller can act on, where there is one.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	switch primaryCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.New(fault.CodeOverloaded, "The database is busy.").Retry(time.Second).Because(err)
	case sqlite3.SQLITE_FULL:
		return fault.New(fault.CodeOverloaded, "The server cannot store anything at the moment.").Retry(time.Minute).Because(fmt.Errorf("the disk is full: %w", err))
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR:
		return fault.New(fault.CodeOverloaded, "The server cannot store anything at the moment.").Retry(time.Minute).Because(err)
	}
	return translatePostgres(err)
}

// unsound says that after this error nothing is known of what the disk holds, so that the process must
// end and let recovery find out: to write on after a failed sync can lose what was acknowledged.
func unsound(err error) bool {
	code := primaryCode(err)
	return code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// refused says that a COMMIT which failed like this certainly changed nothing.
func refused(err error) bool {
	code := primaryCode(err)
	return code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_READONLY || refusedByServer(err)
}

// primaryCode is SQLite's result code without its extension, 0 for other errors.
func primaryCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// tooSlow turns the end of a list's own time into a fault and leaves the caller's own end alone.
func tooSlow(caller context.Context, err error) error {
	if err == nil || caller.Err() != nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || primaryCode(err) == sqlite3.SQLITE_INTERRUPT {
		return fault.New(fault.CodeOverloaded, "The list took too long: narrow the filter.").Retry(5 * time.Second).Because(err)
	}
	return err
}
