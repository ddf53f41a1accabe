package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"till/internal/fault"
)

// What PostgreSQL says is a five-letter SQLSTATE, whose first two letters are its class.
// https://www.postgresql.org/docs/current/errcodes-appendix.html

// errText is the error of a text that PostgreSQL cannot hold. SQLite could; one behaviour is better than two.
var errText = errors.New("a text is not UTF-8 or holds a zero byte")

// errRolledBack says that a transaction in which a statement had failed was to be committed.
var errRolledBack = errors.New("a statement of the transaction had failed")

// errSilent says that the server did not answer in time.
var errSilent = errors.New("the database does not answer")

// storable says whether both databases can hold the texts among the arguments.
func storable(args []any) bool {
	for _, a := range args {
		if s, ok := a.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			return false
		}
	}
	return true
}

// sqlState is the server's word on an error, "" for what it did not say.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// conflictState: a constraint was violated, a serialization failed, a deadlock was broken up.
func conflictState(state string) bool {
	return strings.HasPrefix(state, "23") || state == "40001" || state == "40P01"
}

// isLost says that the connection is gone, and with it a transaction that was not committed. It is never true for a
// COMMIT of unknown outcome.
func isLost(err error) bool {
	if _, ok := fault.As(err); ok || err == nil {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		severity := e.SeverityUnlocalized
		return severity == "FATAL" || severity == "PANIC" || e.Code == "25006" // a standby now: another host took over
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if errors.Is(err, errSilent) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) {
		return true
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// isCallers says that something one caller did failed the group: the others may succeed without it.
func isCallers(err error) bool {
	return errors.Is(err, errText) || errors.Is(err, errRolledBack) || unfit(sqlState(err))
}

// unfit: a value of the wrong form, or one too large for an index.
func unfit(state string) bool {
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "54")
}

// refusedByServer says that the server itself told of a COMMIT that it did not happen. When it ended the session, the
// commit may have happened before.
func refusedByServer(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR" || errors.Is(err, errRolledBack)
}

func translatePostgres(err error) error {
	state := sqlState(err)
	switch {
	case errors.Is(err, errText), unfit(state):
		return fault.New(fault.CodeInvalidValue, "A value cannot be stored.").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errSilent):
		return err // the caller's own
	case state == "55P03", state == "57014":
		return fault.New(fault.CodeOverloaded, "The database is busy.").Retry(time.Second).Because(err)
	case strings.HasPrefix(state, "53"), isLost(err):
		return fault.New(fault.CodeOverloaded, "The server cannot store anything at the moment.").Retry(5 * time.Second).Because(err)
	}
	return err
}
