// Package store keeps everything on disk: it implements engine.Store on SQLite and on PostgreSQL, with one set of
// queries for both. It decides nothing about orders or money.
//
// A change goes this way: Update queues the call; the writer (group.go) takes all who wait, loads what they
// named, runs their functions one after another on an overlay in memory (overlay.go, tx.go), and writes the
// result of the whole group in one transaction (flush.go), which is on disk before anybody is answered (sqlite_sync.go). Reads are in read.go and list.go, those of operators across all scopes in search.go, what both
// ask in load.go, the statements in queries.go, the schema in migrations/, free addresses in pool.go, a
// connection in session.go, and what is SQLite's own in sqlite.go. storetest holds what every database must do.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Limits of the writer's queue: how many calls share one commit, and how many may wait.
const (
	maxGroup = 256
	maxQueue = 4096
)

// Options are what a store takes from outside. The zero value is ready for use.
type Options struct {
	Now    func() time.Time // true time; nil: time.Now
	Random io.Reader        // for ids; nil: crypto/rand
	Log    *slog.Logger     // nil: slog.Default
	Block  int              // instruments claimed at a time; 0: 512

	SyncPause time.Duration // SQLite, for measurements: each sync takes so much longer, as on a slower disk

	connections int // to PostgreSQL, the writer's among them; 0: as many as readers are useful, and the writer's
}

// Store implements engine.Store. Make it with OpenSQLite, OpenSQLiteReadOnly or OpenPostgres.
type Store struct {
	log      *slog.Logger
	now      func() time.Time
	readers  *sql.DB
	idle     chan *session // readers nobody uses
	searches chan struct{} // one for each that runs
	close    func() error  // what the database itself needs at the end

	postgres    *postgres    // nil: SQLite
	checkpoints *checkpoints // nil: PostgreSQL
	syncs       *syncs       // nil: PostgreSQL

	scopes sync.Map // engine.Scope -> int64, committed ones only; a scope's id never changes

	readOnly bool

	mu       sync.RWMutex // guards closed against sends on queue
	closed   bool
	queue    chan *call
	stopping chan struct{} // Close was called
	done     chan struct{} // the writer has ended

	broken     atomic.Pointer[error]
	brokenOnce sync.Once
	brokenCh   chan struct{}
	stats      stats

	// The rest is the writer's alone.
	writer  *session
	ids     ids
	last    time.Time // the latest time given out
	pools   pools
	recents recents
	running []*call // being answered
	before  int     // how many calls the last group had
	current *group  // being computed
}

var _ engine.Store = (*Store)(nil)

// Stats is what the writer did since the start.
type Stats struct {
	Groups     int64         // committed transactions with callers
	Calls      int64         // callers in them
	Statements int64         // everything sent to the database by the writer
	Conflicts  int64         // groups computed again because another process was faster
	Busy       time.Duration // spent on groups, from the first statement to the end of the commit
}

type stats struct{ groups, calls, statements, conflicts, busy atomic.Int64 }

// Stats may be called at any time.
func (s *Store) Stats() Stats {
	return Stats{Groups: s.stats.groups.Load(), Calls: s.stats.calls.Load(), Statements: s.stats.statements.Load(), Conflicts: s.stats.conflicts.Load(),
		Busy: time.Duration(s.stats.busy.Load())}
}

// Broken is closed once the disk failed in a way after which nothing may be written by this process any
// more; Err says why. The program must end then: recovery at the next start finds out what is on disk.
func (s *Store) Broken() <-chan struct{} { return s.brokenCh }

// Err is why the store is broken, nil while it is not.
func (s *Store) Err() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Store) breakDown(err error) {
	s.broken.CompareAndSwap(nil, &err)
	s.brokenOnce.Do(func() {
		s.log.Error("the database failed; nothing more will be written", "err", err)
		close(s.brokenCh)
	})
}

// newStore makes a store whose writer does not run yet.
func newStore(w *session, readers *sql.DB, reader func() *session, o Options, closeDB func() error) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Block == 0 {
		o.Block = 512
	}
	readersAtOnce := max(4, 2*runtime.NumCPU())
	if o.connections > 0 {
		readersAtOnce = o.connections - 1
	}
	s := &Store{
		log: o.Log, now: o.Now, readers: readers, close: closeDB,
		queue: make(chan *call, maxQueue), stopping: make(chan struct{}), done: make(chan struct{}), idle: make(chan *session, readersAtOnce), searches: make(chan struct{}, max(1, readersAtOnce/2)), brokenCh: make(chan struct{}),
		writer: w, ids: ids{random: o.Random}, pools: pools{block: o.Block, free: map[engine.Pool]*freeList{}},
	}
	w.counted = &s.stats.statements
	for range cap(s.idle) {
		s.idle <- reader()
	}
	return s
}

var errStopping = fault.New(fault.CodeOverloaded, "The server is stopping.").Retry(5 * time.Second)

// Update implements engine.Store. It also fails with the caller's context, but only before fn was started:
// a change that has begun is answered with its outcome.
func (s *Store) Update(ctx context.Context, want engine.Keys, fn func(engine.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.readOnly {
		return errors.New("store: the database was opened for reading only")
	}
	c := &call{want: want, fn: fn, done: make(chan error, 1)}
	if err := s.enqueue(c); err != nil {
		return err
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
	}
	if c.abandon() {
		return ctx.Err()
	}
	return <-c.done
}

func (s *Store) enqueue(c *call) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errStopping
	}
	if err := s.Err(); err != nil {
		return translate(err)
	}
	select {
	case s.queue <- c:
		return nil
	default:
		return fault.New(fault.CodeOverloaded, "Too many changes are waiting.").Retry(time.Second)
	}
}

// View implements engine.Store. It waits while all readers are busy.
func (s *Store) View(ctx context.Context, fn func(engine.Reader) error) error {
	if s.isClosed() {
		return errStopping
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var r *session
	select {
	case r = <-s.idle:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopping:
		return errStopping
	}
	defer func() { r.rollback(); s.idle <- r }()
	if err := s.beginReading(ctx, r); err != nil {
		return translate(err)
	}
	if err := s.seeDisk(ctx, r); err != nil {
		return translate(err)
	}
	return translate(fn(&reader{store: s, ctx: ctx, session: r}))
}

// beginReading connects where that has not happened yet, or where the connection was lost since the last view.
func (s *Store) beginReading(ctx context.Context, r *session) error {
	if r.conn != nil {
		err := r.begin()
		if err == nil && s.postgres != nil && s.plansAreOld(r) {
			_, err = r.nativeExec(forgetPlans)
		}
		if !isLost(err) {
			return err
		}
		r.discard()
	}
	conn, err := s.readers.Conn(ctx)
	if err != nil {
		return err
	}
	r.conn = conn
	return r.begin()
}

func (s *Store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}

// Close waits until every queued change is answered and every view has ended, and frees the database. Later calls
// fail with overloaded.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closed = true
	close(s.stopping)
	close(s.queue)
	s.mu.Unlock()
	<-s.done
	var errs []error
	for range cap(s.idle) {
		r := <-s.idle
		errs = append(errs, r.close())
	}
	return errors.Join(append(errs, s.close())...)
}
