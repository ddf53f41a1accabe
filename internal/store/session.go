package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync/atomic"
)

// maxStatements bounds what a session keeps prepared: lists with filters have many forms.
const maxStatements = 500

// session is one connection with its prepared statements. The writer has one; each reader has another.
type session struct {
	conn    *sql.Conn
	how     string // begins a transaction
	stmts   map[string]*sql.Stmt
	driven  map[string]driver.Stmt // the writer of SQLite: what changes rows (sqlite_rows.go)
	values  []driver.NamedValue    // of the statement that runs
	inTx    bool
	batch   *batch        // PostgreSQL: what the group has to write; nil: statements are run as they come
	inserts inserts       // SQLite: what is written with the next row
	counted *atomic.Int64 // statements sent; nil: not counted

	plannedAt int64 // PostgreSQL: how many changes had been committed when its plans were made

	onCommit func() error // tests only: runs in place of COMMIT
}

// prepare does so under no request's context: the statement outlives the request.
func (s *session) prepare(query string) (*sql.Stmt, error) {
	if s.counted != nil {
		s.counted.Add(1)
	}
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	if len(s.stmts) >= maxStatements {
		s.forgetStatements()
	}
	stmt, err := s.conn.PrepareContext(context.Background(), s.wording(query))
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	set(&s.stmts, query, stmt)
	return stmt, nil
}

// wording is how a query is put to the database.
func (s *session) wording(query string) string {
	if s.batch != nil {
		return cmp.Or(ownWording[query], query)
	}
	return unnumbered(keepPlan(query))
}

func (s *session) forgetStatements() {
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	clear(s.stmts)
	if len(s.driven) > 0 {
		s.conn.Raw(func(any) error {
			for _, stmt := range s.driven {
				stmt.Close()
			}
			return nil
		})
		clear(s.driven)
	}
}

func (s *session) query(query string, args ...any) (*sql.Rows, error) {
	return s.queryContext(context.Background(), query, args...)
}

func (s *session) queryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if len(s.inserts.args) > 0 {
		if err := s.inserts.send(s); err != nil {
			return nil, err
		}
	}
	stmt, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *session) exec(query string, args ...any) (changed int64, err error) {
	if s.batch == nil {
		return s.drive(query, args)
	}
	stmt, err := s.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *session) postgres() bool { return s.batch != nil }

// write runs a statement, or records it for send or for the next write. none, where it is not nil, is the error when no row changes.
func (s *session) write(none *conflict, query string, args ...any) error {
	if !storable(args) {
		return errText
	}
	if s.batch != nil {
		s.batch.statements = append(s.batch.statements, statement{query: query, args: args, none: none})
		return nil
	}
	if query != s.inserts.query && len(s.inserts.args) > 0 {
		if err := s.inserts.send(s); err != nil {
			return err
		}
	}
	if s.inserts.add(query, args, none) {
		return nil
	}
	n, err := s.exec(query, args...)
	if err == nil && n == 0 && none != nil {
		return none
	}
	return err
}

// ask asks questions one after another, and on PostgreSQL in one round trip.
func (s *session) ask(list []question) error {
	if s.batch != nil {
		return s.askAtOnce(list)
	}
	for _, one := range list {
		if err := scan(s, one.query, one.args, one.row); err != nil {
			return err
		}
	}
	return nil
}

// send sends what write recorded. On PostgreSQL commit does, in its own round trip.
func (s *session) send() error {
	if s.batch == nil {
		return s.inserts.send(s)
	}
	return nil
}

// oneByOne says whether rows are to be written one by one, so that a guard that fails says which row it was.
func (s *session) oneByOne(single bool) {
	s.inserts.single = single
	if s.batch != nil {
		s.batch.single = single
	}
}

// begin starts a transaction.
func (s *session) begin() (err error) {
	if s.batch != nil {
		_, err = s.nativeExec(s.how)
	} else {
		_, err = s.exec(s.how)
	}
	s.inTx = err == nil
	return err
}

func (s *session) commit() (err error) {
	switch {
	case s.onCommit != nil:
		if s.batch != nil {
			if err := s.batch.send(s, false); err != nil {
				return err
			}
		}
		return s.onCommit()
	case s.batch != nil:
		err = s.batch.send(s, true)
	default:
		_, err = s.exec("COMMIT")
	}
	s.inTx = err != nil
	return err
}

// rollback ends a transaction where there is one. SQLite may have ended it by itself after an error, and
// then says so, which is what was wanted. A connection to PostgreSQL that cannot even do this is given up.
func (s *session) rollback() {
	if !s.inTx {
		return
	}
	s.inTx = false
	s.inserts.clear()
	if s.batch == nil {
		s.exec("ROLLBACK")
		return
	}
	s.batch.clear()
	if _, err := s.nativeExec("ROLLBACK"); err != nil {
		s.discard()
	}
}

// close frees the connection, where there is one.
func (s *session) close() error {
	if s.conn == nil {
		return nil
	}
	s.forgetStatements()
	return s.conn.Close()
}
