package store

import (
	"time"
)

// claimScan is how many claimed instruments are looked at in one transaction.
const claimScan = 1000

// takeOver prepares the writer: it learns the latest time given out, takes a new claim id where connecting did not
// give one, and frees the instruments that dead processes had claimed and no open order holds.
func (s *Store) takeOver() error {
	last, err := queryMark(s.writer, markNow)
	if err != nil {
		return err
	}
	s.last = timeOf(last)
	if ahead := s.last.Sub(s.now()); ahead > time.Minute {
		s.log.Warn("the system clock is behind what the database has seen: time stands still until it catches up", "behind", ahead)
	}
	if s.postgres == nil {
		if s.pools.claim, err = s.ids.next(s.now()); err != nil {
			return err
		}
	}
	return s.freeAllClaims()
}

func (s *Store) freeAllClaims() error {
	if err := s.freeRuns(); err != nil {
		return err
	}
	for after := int64(0); ; {
		last, more, err := s.freeClaims(after)
		if err != nil || !more {
			return err
		}
		after = last
	}
}

// freeRuns lets others take the runs of dead processes, one row for each.
func (s *Store) freeRuns() error {
	if err := s.beginWriting(nil); err != nil {
		return err
	}
	defer s.writer.rollback()
	if _, err := s.writer.exec(freeRuns, s.pools.claim); err != nil {
		return err
	}
	return s.writer.commit()
}

// freeClaims looks at the next claimed instruments by number and says where to go on.
func (s *Store) freeClaims(after int64) (last int64, more bool, err error) {
	if err := s.beginWriting(nil); err != nil {
		return 0, false, err
	}
	defer s.writer.rollback()
	n := 0
	err = scan(s.writer, selectClaimed, []any{after, claimScan}, func(rows record) error {
		n++
		return rows.Scan(&last)
	})
	if err != nil || n == 0 {
		return 0, false, err
	}
	if _, err := s.writer.exec(freeDeadClaims, s.pools.claim, after, last); err != nil {
		return 0, false, err
	}
	return last, n == claimScan, s.writer.commit()
}
