package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5" // MIT
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"till/internal/engine"
)

// Several processes may share one PostgreSQL. Their writers take turns: each transaction of a writer begins with a
// lock on the row "now" of marks (lockTurn), and READ COMMITTED lets every statement after it see all that was
// committed before. So the transactions of all writers have one order, as on SQLite, and what a group read is
// still true when it commits. That also keeps two promises nothing else would: time never runs backwards from one
// transaction to the next, whichever process they are of, and the creation times of a scope's orders grow with
// their numbers. A turn is two or three round trips for up to maxGroup callers, so that what turns cost
// shows as larger groups, not as fewer orders.
//
// The guards of every statement (flush.go) do not rely on turns: a write that comes around them, by a psql or
// by a turn the server took away, is a conflict, and the group is computed again.
//
// What a process keeps in memory because it may: ids of scopes, which never change, and the instruments it claimed.
// A claim counts as long as the session that made it lives, which holds an advisory lock on the claim's name; with a
// new session the process begins with a new name and no instruments. A unique index on open holds, not this,
// forbids two owners.

// postgres is what the writer keeps beside the session.
type postgres struct {
	writers  *sql.DB
	imported int64     // the last instrument number seen: a larger one says that somebody imported
	swept    time.Time // when claims of dead processes were last looked for
}

// The statements that PostgreSQL words differently from queries.go.
var ownWording = map[string]string{
	claimNewInstruments:    shareFairly(claimNewInstruments, "$5"),
	claimRestedInstruments: shareFairly(claimRestedInstruments, "$6"),
	freeDeadClaims:         freeDeadClaims + ofTheDead,
	freeRuns:               freeRuns + ofTheDead,
}

// ofTheDead: no session lives that has the lock of the claim.
const ofTheDead = ` AND (hashtext(claim)::BIGINT & 4294967295) NOT IN (
		SELECT l.objid::BIGINT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.classid = ` + claimLocks + ` AND l.objsubid = 2 AND l.granted AND d.datname = current_database())`

// shareFairly makes a claim one of several processes: it passes over the rows another one is about to take, and takes
// one row instead of limit while there are less than four times as many, so that no process hoards what is left.
func shareFairly(claim, limit string) string {
	from, to := strings.Index(claim, "FROM instruments"), strings.Index(claim, "ORDER BY")
	few := "(SELECT COUNT(*) FROM (SELECT 1 " + claim[from:to] + "LIMIT 4 * " + limit + ") few) < 4 * " + limit
	return strings.Replace(claim, "LIMIT "+limit+")", "LIMIT CASE WHEN "+few+" THEN 1 ELSE "+limit+" END FOR UPDATE SKIP LOCKED)", 1)
}

const (
	lockTurn = `SELECT value FROM marks WHERE name = 'now' FOR UPDATE`

	// Advisory locks have numbers for names: these two are the letters TILL and TILM.
	claimLocks    = "1414089804" // with the hash of the claim
	migrationLock = "1414089805"

	lockClaim     = `SELECT pg_try_advisory_lock(` + claimLocks + `, hashtext($1))`
	unlockClaim   = `SELECT pg_advisory_unlock_all()`
	lockMigration = `SELECT pg_advisory_lock(` + migrationLock + `)`

	// No order is acknowledged that is not on disk, whatever the server's or the role's default.
	waitForDisk = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`
)

// What every connection is told. Each query of ours has its index, and joins row by row, so that looking through a table, or
// sorting what an index finds instead of walking along it, is only ever chosen for one that was small when the statement was planned.
var (
	allSettings = map[string]string{
		"application_name": "till", "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
	}
	// A writer that hangs gives its turn to others: after ten seconds of silence the server ends its session. It keeps no copy of a whole index
	// (enable_material) to compare each row with: of a partial index on a table that was never analyzed the server expects a handful of rows.
	writerSettings = map[string]string{"enable_material": "off", "lock_timeout": "10s", "statement_timeout": "25s", "idle_in_transaction_session_timeout": "10s"}
)

const (
	connectTime = 10 * time.Second
	migrateTime = 15 * time.Minute // to wait for another process's migration, and to do ours
	sweepsApart = time.Minute
	poolSize    = "pool_max_conns" // of the URL, as pgx's own pool has it
)

// OpenPostgres opens the database that the URL names ("postgres://user:password@host:port/name"), brings its schema up
// to date and becomes one of its writers until Close. The database must exist, with the encoding UTF8. With several
// hosts in the URL the one that takes writes is chosen. pool_max_conns in the URL, at least 2, bounds the connections
// of this process. A pooler in between must keep a session on one connection.
func OpenPostgres(ctx context.Context, url string, o Options) (_ *Store, err error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err // pgx hides the password
	}
	if o.connections, err = connections(cfg); err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, connectTime)
	cfg.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}).DialContext
	if cfg.ValidateConnect == nil {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	where := cfg.Host + "/" + cfg.Database
	if err := preparePostgres(ctx, openPool(cfg, 2, nil), cmp.Or(o.Log, slog.Default())); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}

	readers, writers := openPool(cfg, o.connections-1, nil), openPool(cfg, 1, writerSettings)
	w := &session{how: "BEGIN ISOLATION LEVEL READ COMMITTED", batch: &batch{}}
	closeAll := func() error {
		if w.conn != nil {
			w.nativeExec(unlockClaim) // at once, not when the server has noticed
		}
		return errors.Join(w.close(), writers.Close(), readers.Close())
	}
	s := newStore(w, readers, postgresReader, o, closeAll)
	s.postgres = &postgres{writers: writers, swept: s.now()}
	err = s.connect()
	if err == nil {
		err = s.takeOver()
	}
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	go s.write()
	return s, nil
}

// IsPostgres says whether the name of a database is a URL for OpenPostgres.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// connections takes the size of the pool out of what the server is told.
func connections(cfg *pgx.ConnConfig) (int, error) {
	text, given := cfg.RuntimeParams[poolSize]
	if !given {
		return max(4, 2*runtime.NumCPU()) + 1, nil
	}
	delete(cfg.RuntimeParams, poolSize)
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		return 0, fmt.Errorf("%s in the database's URL: want a number, at least 2: one to write and one to read", poolSize)
	}
	return n, nil
}

// openPool connects when it is used first. What the URL sets goes before what we would.
func openPool(cfg *pgx.ConnConfig, size int, more map[string]string) *sql.DB {
	cfg = cfg.Copy()
	for _, settings := range []map[string]string{allSettings, more} {
		for name, value := range settings {
			if _, given := cfg.RuntimeParams[name]; !given {
				cfg.RuntimeParams[name] = value
			}
		}
	}
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, waitForDisk)
		return err
	}))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// preparePostgres looks whether the server will do, brings the schema up to date and closes db.
func preparePostgres(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	var encoding, fsync string
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), current_setting('fsync')`).Scan(&encoding, &fsync); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s, want UTF8", encoding)
	}
	if fsync != "on" {
		log.Warn("the database server runs with fsync off: what it acknowledged can be lost with its machine's power")
	}
	// Of several processes that start together one migrates; the lock ends with its session, however that ends.
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, lockMigration); err != nil {
		return err
	}
	return migrate(ctx, db, goose.DialectPostgres, "migrations/postgres")
}

// postgresReader is a reader without its connection: one state is seen from the first read on.
func postgresReader() *session {
	return &session{how: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", batch: &batch{}}
}

// connect gives the writer a session, a new name to claim instruments under, and nothing claimed.
func (s *Store) connect() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	conn, err := s.postgres.writers.Conn(ctx)
	if err != nil {
		return err
	}
	s.writer.conn = conn
	for named := false; !named; {
		claim, err := s.ids.next(s.now())
		if err == nil {
			err = conn.QueryRowContext(ctx, lockClaim, claim).Scan(&named)
		}
		if err != nil {
			s.writer.discard()
			return err
		}
		s.pools = pools{claim: claim, block: s.pools.block, free: map[engine.Pool]*freeList{}, shared: true}
	}
	return nil
}

// takeTurn begins a transaction of the writer when no other process writes, and asks the first questions in it.
func (s *Store) takeTurn(first []question) error {
	if s.writer.conn == nil {
		if err := s.connect(); err != nil {
			return err
		}
		s.log.Warn("connected to the database again")
	}
	if s.plansAreOld(s.writer) {
		first = append([]question{{query: forgetPlans}}, first...)
	}
	last, imported, err := s.writer.turn(first)
	if err != nil {
		s.writer.rollback()
		return err
	}
	if at := timeOf(last); at.After(s.last) {
		s.last = at
	}
	if imported > s.postgres.imported {
		s.postgres.imported = imported
		s.pools.mayHaveMore()
	}
	return nil
}

// sweep frees what dead processes had claimed, when somebody found a pool empty.
func (s *Store) sweep() {
	if s.postgres == nil || !s.pools.dry || s.now().Sub(s.postgres.swept) < sweepsApart {
		return
	}
	s.pools.dry, s.postgres.swept = false, s.now()
	if err := s.freeAllClaims(); err != nil {
		s.log.Error("looking for claims of dead processes failed", "err", err)
	}
	s.pools.mayHaveMore()
}

// The server plans a statement once, for tables as they are then, and keeps the plan until its own statistics change, which may be
// a minute later. On a new database a minute is enough to make thousands of orders, and a plan for a table with a hundred rows can
// take the wrong index. So a session forgets its plans whenever this process has committed twice as much as when they were made.
const (
	forgetPlans = `DISCARD PLANS`
	firstPlans  = 100 // changes after which they are first made anew
)

// plansAreOld says, once for each time, that the session is to forget its plans.
func (s *Store) plansAreOld(of *session) bool {
	n := s.stats.calls.Load()
	old := n-of.plannedAt > of.plannedAt+firstPlans
	if old {
		of.plannedAt = n
	}
	return old
}

// mayHaveMore forgets that the database had nothing more for these pools.
func (p *pools) mayHaveMore() {
	for _, l := range p.free {
		l.moreNew, l.moreRested, l.imported, l.few = true, true, true, false
	}
}
