package store

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// enoughCalls are so many that what a group costs beside its calls is little for each of them: a group of so many begins while the disk is at
// work for the one before, and leaves others to the next one.
const enoughCalls = 32

// maxRuns is how often a group is computed while other processes are faster.
const maxRuns = 5

// A call is one caller of Update.
type call struct {
	want  engine.Keys
	fn    func(engine.Tx) error
	done  chan error // buffered: the writer never waits for a caller
	state atomic.Int32
	err   error // of the last run
}

const (
	waiting int32 = iota
	started
	abandoned
)

func (c *call) start() bool   { return c.state.CompareAndSwap(waiting, started) }
func (c *call) abandon() bool { return c.state.CompareAndSwap(waiting, abandoned) }

// write is the writer: the only goroutine that changes the database.
func (s *Store) write() {
	ended := false
	defer func() {
		if ended {
			close(s.done)
			return
		}
		// A function ended its goroutine (runtime.Goexit), which is this one: answer and go on in another.
		s.current.undo(nil)
		s.answer(s.running, fmt.Errorf("a transaction's function ended its goroutine"))
		go s.write()
	}()
	for first := range s.queue {
		s.running = s.collect(first)
		s.before = len(s.running)
		s.commit(s.running)
		s.running = nil
		s.refill()
		s.checkpoint()
	}
	ended = true
}

// collect takes who waits, up to share. It gives others two chances to queue before it closes the group; there is no
// timer, so a lone caller does not wait for company.
func (s *Store) collect(first *call) []*call {
	var calls []*call
	add := func(c *call) {
		if c.start() {
			calls = append(calls, c)
		}
	}
	add(first)
	for yields := 0; len(calls) < s.share(len(calls)); {
		select {
		case c, ok := <-s.queue:
			if !ok {
				return calls
			}
			add(c)
		default:
			if yields < 2 {
				yields++
				runtime.Gosched()
				continue
			}
			busy := s.syncs.busy()
			if busy == nil || len(calls) >= enoughCalls {
				return calls
			}
			// The disk is at work for the group before: what begins now is answered later than that anyway, and costs less with company.
			select {
			case c, ok := <-s.queue:
				if !ok {
					return calls
				}
				add(c)
			case <-busy:
			}
		}
	}
	return calls
}

// share is how many calls a group takes that has taken some: enough, and of more than that half of all who are about, which are those who
// wait and those of the group before. Callers that are answered together come back together. If a group took all who wait, nearly
// all would move as one: each processor but the writer's would stand still while their group is written, and the writer while they are
// answered and send what is next. Halves take turns.
func (s *Store) share(taken int) int {
	about := s.before + taken + len(s.queue)
	return min(maxGroup, max(enoughCalls, (about+1)/2))
}

// commit runs a group until it is on disk or has failed, and answers its callers. After two conflicts, or when one
// caller is at fault, it goes on with each alone, so that one that can never succeed takes nobody with it.
func (s *Store) commit(calls []*call) {
	if len(calls) == 0 {
		return
	}
	err := s.Err()
	if err != nil {
		s.settle(calls, translate(err))
		return
	}
	for run := 1; run <= maxRuns; run++ {
		s.writer.oneByOne(run > 1)
		err = s.run(calls)
		alone := len(calls) == 1
		if again := isConflict(err) || isLost(err) || isCallers(err) && !alone; !again {
			break
		}
		s.stats.conflicts.Add(1)
		s.recents.forget()
		s.log.Warn("a group of changes is computed again", "calls", len(calls), "err", err)
		if !alone && (isCallers(err) || isConflict(err) && run == 2) {
			for _, c := range calls {
				s.commit([]*call{c})
			}
			return
		}
	}
	if isConflict(err) {
		err = fault.New(fault.CodeVersionConflict, "Somebody changed the same records at the same time.").Because(err)
	}
	if err == nil {
		s.stats.groups.Add(1)
		s.stats.calls.Add(int64(len(calls)))
	}
	s.settle(calls, translate(err))
}

// answer tells every caller its own outcome, or the group's error when there is one.
func (s *Store) answer(calls []*call, err error) {
	for _, c := range calls {
		outcome := err
		if err == nil {
			outcome = c.err
		}
		select {
		case c.done <- outcome:
		default: // answered before its group was interrupted
		}
	}
}

// A group is one transaction of the database with the changes of many callers.
type group struct {
	store *Store
	db    *session
	now   time.Time
	overlay
	dirty     bool // something was written before the flush
	newScopes map[engine.Scope]int64
	made      map[string]bool // ids made by this transaction: nothing on record has one
	claimed   []pooled        // instruments claimed by this transaction
	runs      []poolRun
	taken     []pooled // instruments handed out by functions that succeeded
}

// run computes a group once and commits it. Every error leaves the database and the writer's memory as they were,
// except commit_unknown, after which nobody knows.
func (s *Store) run(calls []*call) error {
	begun := s.now()
	defer func() { s.stats.busy.Add(int64(s.now().Sub(begun))) }()
	want := wanted(calls)
	g, err := s.begin(want)
	if err != nil {
		return err
	}
	if err := g.loadFound(want); err != nil {
		g.undo(err)
		return err
	}
	for _, c := range calls {
		c.err = g.call(c.fn)
		if unsound(c.err) || g.db.aborted() {
			err := c.err
			if !unsound(err) {
				err = errors.Join(errRolledBack, err)
			}
			g.undo(err)
			return err
		}
	}
	return g.end()
}

// begin starts a transaction and loads what was wanted.
func (s *Store) begin(want engine.Keys) (*group, error) {
	g := &group{store: s, db: s.writer, newScopes: map[engine.Scope]int64{}, made: map[string]bool{}}
	g.recall()
	if err := s.beginWriting(g.ask(want)); err != nil {
		return nil, err
	}
	g.now = s.now().UTC().Truncate(time.Microsecond)
	if g.now.Before(s.last) {
		g.now = s.last
	}
	s.current = g
	return g, nil
}

// beginWriting starts a transaction in which nobody else writes, with questions.
func (s *Store) beginWriting(first []question) error {
	if s.postgres != nil {
		return s.takeTurn(first)
	}
	if err := s.writer.begin(); err != nil {
		return err
	}
	if err := s.writer.ask(first); err != nil {
		s.writer.rollback()
		return err
	}
	return nil
}

// unknown goes on after a COMMIT of which nobody knows what became: SQLite's file may be anything until recovery has
// looked at it, while a server of its own is sound, and a new connection waits until the old one's turn is over.
func (s *Store) unknown(err error) {
	if s.postgres == nil {
		s.breakDown(err)
		return
	}
	s.log.Error("a commit was not answered", "err", err)
	s.writer.discard()
}

// call runs one caller's function. When it fails or panics, what it wrote is dropped.
func (g *group) call(fn func(engine.Tx) error) (err error) {
	t := &tx{g: g}
	kept := false
	defer func() {
		if kept {
			return
		}
		t.over = true
		g.drop()
		for _, p := range slices.Backward(t.taken) {
			g.store.pools.giveBack(p)
		}
		if r := recover(); r != nil {
			g.store.log.Error("a transaction's function panicked", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a transaction: %v", r)
		}
	}()
	if err = fn(t); err != nil {
		return err
	}
	kept, t.over = true, true
	g.keep()
	g.taken = append(g.taken, t.taken...)
	return nil
}

// end writes what the functions left and commits.
func (g *group) end() error {
	if !g.dirty && g.empty() {
		g.undo(nil)
		return nil
	}
	if err := g.flush(); err != nil {
		g.undo(err)
		return err
	}
	g.store.syncs.begin()
	err := g.db.commit()
	g.store.syncs.end()
	if err != nil {
		g.undo(err)
		if _, before := errors.AsType[beforeCommit](err); !before && !isConflict(err) && !refused(err) {
			g.store.unknown(err)
			return unknownCommit(err)
		}
		return err
	}
	g.store.last = g.now
	for scope, id := range g.newScopes {
		g.store.scopes.Store(scope, id)
	}
	g.kept()
	g.retain()
	for _, row := range g.instruments.group {
		if row.number > 0 && !row.made {
			l := g.store.pools.list(row.pool)
			l.moreNew, l.imported = true, l.imported || !row.imported.Derived
		}
	}
	return nil
}

// undo rolls back and makes the writer's memory what it was.
func (g *group) undo(err error) {
	g.db.rollback()
	for _, p := range slices.Backward(g.taken) {
		g.store.pools.giveBack(p)
	}
	for _, p := range g.claimed {
		g.store.pools.forget(p.pool, p.value)
	}
	for _, r := range g.runs {
		g.store.pools.forgetRun(r)
	}
	if c, ok := err.(*conflict); ok && c.instrument.Value != "" {
		// Somebody else's: it must not be handed out again by this process.
		for pool := range g.store.pools.free {
			if pool.Family == c.instrument.Family {
				g.store.pools.forget(pool, c.instrument.Value)
			}
		}
	}
	if unsound(err) {
		g.store.breakDown(err)
	}
}

// wanted is what the callers named.
func wanted(calls []*call) (want engine.Keys) {
	for _, c := range calls {
		want.Orders = append(want.Orders, c.want.Orders...)
		want.Unique = append(want.Unique, c.want.Unique...)
		want.Payments = append(want.Payments, c.want.Payments...)
		want.Answers = append(want.Answers, c.want.Answers...)
		want.Settings = append(want.Settings, c.want.Settings...)
		want.Clocks = append(want.Clocks, c.want.Clocks...)
		want.Progress = append(want.Progress, c.want.Progress...)
		want.Documents = append(want.Documents, c.want.Documents...)
		want.Quotes = append(want.Quotes, c.want.Quotes...)
		want.Bookings = append(want.Bookings, c.want.Bookings...)
		want.Balances = append(want.Balances, c.want.Balances...)
		want.Memory = append(want.Memory, c.want.Memory...)
		want.Made = append(want.Made, c.want.Made...)
		want.Transfers = append(want.Transfers, c.want.Transfers...)
	}
	return want
}

// ask asks for what is wanted, each noun with as few queries as it takes.
func (g *group) ask(want engine.Keys) []question {
	return slices.Concat(g.askUnique(want.Unique), g.askPayments(want.Payments), g.askOrders(want.Orders), g.askAnswers(want.Answers),
		g.askSettings(want.Settings), g.askClocks(want.Clocks), g.askProgress(want.Progress), g.askDocuments(want.Documents), g.askQuotes(want.Quotes),
		g.askBookings(want.Bookings), g.askWantedBalances(want.Balances), g.askRailStates(want.Memory),
		g.askHolds(want.Made), g.askTransfers(want.Transfers))
}

// loadFound loads the orders whose keys, payments, instruments or transfers were found.
func (g *group) loadFound(want engine.Keys) error {
	if err := g.loadUnique(want.Unique); err != nil {
		return err
	}
	var ids []string
	for _, k := range want.Unique {
		if owner, _ := g.unique.get(k); owner.id != "" {
			ids = append(ids, owner.id)
		}
	}
	for _, k := range want.Payments {
		if row, _ := g.payments.get(k); row.orderID != "" {
			ids = append(ids, row.orderID)
		}
	}
	for _, in := range want.Made {
		for _, h := range g.held[in] {
			if !h.IsStanding() {
				ids = append(ids, h.OrderID)
			}
		}
	}
	for _, id := range want.Transfers {
		if owner, _ := g.transfers.get(id); owner != "" {
			ids = append(ids, owner)
		}
	}
	return g.loadOrders(ids)
}

// refill claims instruments for pools that run low, beside the callers instead of within their transactions.
func (s *Store) refill() {
	for _, p := range s.pools.low() {
		g, err := s.begin(engine.Keys{})
		if err != nil {
			s.log.Error("claiming instruments failed", "err", err)
			return
		}
		if err = g.refill(p); err != nil {
			g.undo(err)
		} else {
			err = g.end()
		}
		if err != nil {
			s.log.Error("claiming instruments failed", "err", err)
			return
		}
	}
	s.sweep()
}
