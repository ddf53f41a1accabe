package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// answerTime is how long the server may take for one step of a write before the connection is given up.
const answerTime = 30 * time.Second

// batch is what a group has to write, recorded to be sent to PostgreSQL in one go.
type batch struct {
	statements []statement
	single     bool              // rows go one by one: a guard failed, and which it was is to be found out
	texts      map[string]string // the statements for many rows, by those for one
}

type statement struct {
	query string
	args  []any
	none  *conflict // what it means that no row was changed; nil: nothing
	rows  int       // above zero: so many must be changed
}

// native gives fn the connection itself, where database/sql has no word for what is needed.
func (s *session) native(fn func(ctx context.Context, c *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	err := s.conn.Raw(func(c any) error { return fn(ctx, c.(*stdlib.Conn).Conn()) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return err
}

// nativeExec runs a statement that is not worth preparing.
func (s *session) nativeExec(query string) (tag string, err error) {
	if s.counted != nil {
		s.counted.Add(1)
	}
	err = s.native(func(ctx context.Context, c *pgx.Conn) error {
		t, err := c.Exec(ctx, query)
		tag = t.String()
		return err
	})
	return tag, err
}

// send writes everything that was recorded, and where commit says so ends the transaction in the same round trip. The first statement that
// failed, or changed nothing and had to, is the error; then the server looks at nothing behind it, the COMMIT neither, and the
// transaction is to be rolled back. It is a beforeCommit where the server itself told of it.
func (b *batch) send(s *session, commit bool) error {
	if len(b.statements) == 0 && !commit {
		return nil
	}
	defer b.clear()
	return s.native(func(ctx context.Context, c *pgx.Conn) error {
		list, err := b.gather(ctx, c)
		if err != nil {
			return beforeCommit{err}
		}
		if s.counted != nil {
			s.counted.Add(int64(len(list)) + flag(commit))
		}
		var queue pgx.Batch
		for _, st := range list {
			text, args := st.guarded()
			queue.Queue(text, args...)
		}
		if commit {
			queue.Queue("COMMIT")
		}
		results := c.SendBatch(ctx, &queue)
		for _, st := range list {
			if _, err := results.Exec(); err != nil {
				results.Close()
				return st.failed(err)
			}
		}
		if !commit {
			return results.Close()
		}
		tag, err := results.Exec()
		if err = errors.Join(err, results.Close()); err == nil && tag.String() != "COMMIT" {
			err = errRolledBack
		}
		return err
	})
}

// beforeCommit is an error that came in place of a COMMIT: nothing was changed.
type beforeCommit struct{ error }

func (e beforeCommit) Unwrap() error { return e.error }

// guarded is a statement that fails where it does not change the rows it must: one has no time to look at a count between it and the COMMIT
// behind it.
func (st statement) guarded() (query string, args []any) {
	rows, args := "COUNT(*) > 0", st.args
	switch {
	case st.rows > 0:
		args = append(args, st.rows)
		rows = "COUNT(*) = $" + strconv.Itoa(len(args)) + "::BIGINT"
	case st.none == nil:
		return st.query, args
	}
	return "WITH changed AS (" + st.query + " RETURNING 1) SELECT 1 / CASE WHEN " + rows + " THEN 1 ELSE 0 END FROM changed", args
}

// divisionByZero is the SQLSTATE of a guard that failed.
const divisionByZero = "22012"

// failed is the error of a statement.
func (st statement) failed(err error) error {
	switch {
	case sqlState(err) == divisionByZero && st.rows > 0:
		return &conflict{what: fmt.Sprintf("not all of %d rows: %s", st.rows, st.query)}
	case sqlState(err) == divisionByZero && st.none != nil:
		return st.none
	case sqlState(err) != "":
		return beforeCommit{err}
	}
	return err
}

func (b *batch) clear() {
	clear(b.statements)
	b.statements = b.statements[:0]
}

// discard closes the connection for good; whatever it had begun is rolled back by the server.
func (s *session) discard() {
	if s.conn == nil {
		return
	}
	s.stmts, s.inTx = nil, false
	s.conn.Raw(func(c any) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c.(*stdlib.Conn).Conn().Close(ctx)
		return driver.ErrBadConn // database/sql must not use it again
	})
	s.conn.Close()
	s.conn = nil
}

// aborted says that the transaction can only be rolled back: a statement failed, or the connection is lost.
func (s *session) aborted() bool {
	if s.batch == nil || s.conn == nil {
		return false
	}
	failed := true
	s.conn.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		failed = conn.IsClosed() || conn.PgConn().TxStatus() == 'E'
		return nil
	})
	return failed
}

// turn begins a transaction of a writer and asks questions in it, in one round trip. It returns when no other process
// writes, with the latest time any of them gave out and the number of the last instrument imported.
func (s *session) turn(first []question) (last, imported int64, err error) {
	found := false
	turn := []question{
		{query: s.how},
		{query: lockTurn, row: func(rows record) error { found = true; return rows.Scan(&last) }},
		{query: selectMark, args: []any{markInstrument}, row: func(rows record) error { return rows.Scan(&imported) }},
	}
	s.inTx = true
	err = s.askAtOnce(append(turn, first...))
	if err == nil && !found {
		err = fmt.Errorf("the database has lost its row %q of marks", markNow)
	}
	return last, imported, err
}

// askAtOnce asks questions in one round trip.
func (s *session) askAtOnce(list []question) error {
	if len(list) == 0 {
		return nil
	}
	if s.counted != nil {
		s.counted.Add(int64(len(list)))
	}
	var queue pgx.Batch
	for _, one := range list {
		queue.Queue(one.query, one.args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := one.row(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return s.native(func(ctx context.Context, c *pgx.Conn) error { return c.SendBatch(ctx, &queue).Close() })
}

// anyOfArrays is anyOf with one array for each column, whatever the number of keys: "(a, b) IN (SELECT * FROM
// unnest($1::TEXT[], $2::BIGINT[]))". PostgreSQL looks each of them up, while of a row of ORs it takes out the column that
// all have in common and looks through all its rows.
func anyOfArrays(columns []string, keys [][]any) (condition string, args []any) {
	var kinds []string
	for i := range columns {
		kind := "TEXT[]"
		switch keys[0][i].(type) {
		case int, int64:
			kind = "BIGINT[]"
		}
		kinds = append(kinds, "$"+strconv.Itoa(i+1)+"::"+kind)
		column := make([]any, len(keys))
		for n, key := range keys {
			column[n] = key[i]
		}
		args = append(args, column)
	}
	if len(columns) == 1 {
		return columns[0] + " = ANY (" + kinds[0] + ")", args
	}
	return "(" + strings.Join(columns, ", ") + ") IN (SELECT * FROM unnest(" + strings.Join(kinds, ", ") + "))", args
}
