package store

import (
	"context"
	"database/sql/driver"
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
}

type statement struct {
	query string
	args  []any
	none  *conflict // what it means that no row was changed; nil: nothing
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

// send writes everything that was recorded. The first statement that failed, or changed nothing and had to, is the
// error; the transaction is to be rolled back then.
func (b *batch) send(s *session) error {
	if len(b.statements) == 0 {
		return nil
	}
	defer b.clear()
	if s.counted != nil {
		s.counted.Add(int64(len(b.statements)))
	}
	var queue pgx.Batch
	for _, st := range b.statements {
		queue.Queue(st.query, st.args...)
	}
	return s.native(func(ctx context.Context, c *pgx.Conn) error {
		results := c.SendBatch(ctx, &queue)
		for _, st := range b.statements {
			tag, err := results.Exec()
			if err == nil && st.none != nil && tag.RowsAffected() == 0 {
				err = st.none
			}
			if err != nil {
				results.Close()
				return err
			}
		}
		return results.Close()
	})
}

func (b *batch) clear() {
	clear(b.statements)
	b.statements = b.statements[:0]
}

// nativeCommit ends the transaction and looks at what the server says: COMMIT of a failed transaction is a
// ROLLBACK without an error.
func (s *session) nativeCommit() error {
	tag, err := s.nativeExec("COMMIT")
	if err == nil && tag != "COMMIT" {
		return errRolledBack
	}
	return err
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

// turn begins a transaction of a writer. It returns when no other process writes, with the latest time any
// of them gave out and the number of the last instrument imported.
func (s *session) turn() (last, imported int64, err error) {
	if s.counted != nil {
		s.counted.Add(3)
	}
	found := false
	err = s.native(func(ctx context.Context, c *pgx.Conn) error {
		var queue pgx.Batch
		queue.Queue(s.how)
		queue.Queue(lockTurn).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				found = true
				if err := rows.Scan(&last); err != nil {
					return err
				}
			}
			return rows.Err()
		})
		queue.Queue(selectMark, markInstrument).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := rows.Scan(&imported); err != nil {
					return err
				}
			}
			return rows.Err()
		})
		s.inTx = true
		return c.SendBatch(ctx, &queue).Close()
	})
	if err == nil && !found {
		err = fmt.Errorf("the database has lost its row %q of marks", markNow)
	}
	return last, imported, err
}

// anyOfValues is anyOf for keys of several columns: "(a, b) IN (VALUES ($1, $2), ($3, $4))". PostgreSQL looks each of
// them up, while of a row of ORs it takes out the column that all have in common and looks through all its rows.
func anyOfValues(columns []string, n int, like []any) string {
	var s strings.Builder
	s.WriteString("(" + strings.Join(columns, ", ") + ") IN (VALUES ")
	placeholder := 0
	for i := range n {
		s.WriteString([]string{"(", ", ("}[min(i, 1)])
		for j := range columns {
			placeholder++
			kind := "TEXT"
			switch like[j].(type) {
			case int, int64:
				kind = "BIGINT"
			}
			s.WriteString([]string{"", ", "}[min(j, 1)] + "CAST($" + strconv.Itoa(placeholder) + " AS " + kind + ")")
		}
		s.WriteString(")")
	}
	return s.String() + ")"
}
