package store

import (
	"context"
	"database/sql"
	"log/slog"
)

// A checkpoint copies what lies in the write-ahead log into the database file. Within a COMMIT it held up that group, and all behind it, for
// 30 to 80 ms once in about a hundred and fifty groups. So a connection of its own copies beside the writer, and the writer then only copies what came
// meanwhile: nobody else writes at that moment, so that the log is empty then and begins anew. What both leave, because a reader still
// needs it, is left to SQLite's own checkpoint in a COMMIT (wal_autocheckpoint).

const (
	checkpoint      = `PRAGMA wal_checkpoint(PASSIVE)`
	checkpointAfter = 150 // groups; one changes 15 to 60 pages
)

// checkpoints is what the writer keeps of the checkpoints beside it.
type checkpoints struct {
	groups  int // since the last
	running bool
	begin   chan struct{} // closed at the end
	done    chan struct{} // one checkpoint is
	ended   chan struct{}
}

// startCheckpoints makes checkpoints on a connection of db until stop.
func startCheckpoints(db *sql.DB, log *slog.Logger) *checkpoints {
	c := &checkpoints{begin: make(chan struct{}, 1), done: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		for range c.begin {
			if _, err := db.ExecContext(context.Background(), checkpoint); err != nil {
				log.Warn("a checkpoint failed; the database goes on with its log", "err", err)
			}
			c.done <- struct{}{}
		}
	}()
	return c
}

func (c *checkpoints) stop() {
	close(c.begin)
	<-c.ended
}

// checkpoint is called by the writer after each group.
func (s *Store) checkpoint() {
	c := s.checkpoints
	if c == nil || s.Err() != nil {
		return
	}
	c.groups++
	select {
	case <-c.done:
		c.groups, c.running = 0, false
		if _, err := s.writer.exec(checkpoint); err != nil {
			s.log.Warn("a checkpoint failed; the database goes on with its log", "err", err)
		}
	default:
		if c.groups >= checkpointAfter && !c.running {
			c.running = true
			c.begin <- struct{}{}
		}
	}
}
