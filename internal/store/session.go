package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
)

// maxStatements bounds what a session keeps prepared: lists with filters have many forms.
const maxStatements = 500

// session is one connection with its prepared statements. The writer has one; each reader has another.
type session struct {
	conn     *sql.Conn
	stmts    map[string]*sql.Stmt
	inTx     bool
	counted  *atomic.Int64 // statements sent; nil: not counted
	onCommit func() error  // tests only: runs in place of COMMIT
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
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, query)
	}
	set(&s.stmts, query, stmt)
	return stmt, nil
}

func (s *session) forgetStatements() {
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	clear(s.stmts)
}

func (s *session) query(query string, args ...any) (*sql.Rows, error) {
	return s.queryContext(context.Background(), query, args...)
}

func (s *session) queryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *session) exec(query string, args ...any) (changed int64, err error) {
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

// begin starts a transaction: "BEGIN" sees one state from its first read on, "BEGIN IMMEDIATE" may write.
func (s *session) begin(how string) error {
	_, err := s.exec(how)
	s.inTx = err == nil
	return err
}

func (s *session) commit() error {
	if s.onCommit != nil {
		return s.onCommit()
	}
	_, err := s.exec("COMMIT")
	s.inTx = err != nil
	return err
}

// rollback ends a transaction where there is one. SQLite may have ended it by itself after an error, and
// then says so, which is what was wanted.
func (s *session) rollback() {
	if s.inTx {
		s.exec("ROLLBACK")
		s.inTx = false
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
