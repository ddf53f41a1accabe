package rail

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Service is what a rail knows of a far side that it asks over the network: how it is, and what it reported that is nobody's. The rail
// embeds it. Every method may be called at any time from anywhere, but Rounds, which is the watcher's.
type Service struct {
	state  State
	now    func() time.Time
	log    *slog.Logger
	poll   time.Duration // between two rounds
	nudged chan struct{}

	mu     sync.Mutex
	health Health
}

// Health is how a far side is, for a health page.
type Health struct {
	Err       error     // why it cannot be asked at present; nil: it can
	Since     time.Time // since when Err
	Unmatched int       // payments since the start that were not what was asked for: ListUnmatched has them all
}

// NewService makes one. poll is the time between two rounds of the watcher.
func NewService(state State, now func() time.Time, log *slog.Logger, poll time.Duration) *Service {
	return &Service{state: state, now: now, log: log, poll: poll, nudged: make(chan struct{}, 1)}
}

// Health is how the far side is now.
func (s *Service) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// Nudge makes the watcher look for something to do at once. It never blocks.
func (s *Service) Nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// maxPause is the longest time between two rounds while the far side cannot be asked.
const maxPause = 15 * time.Second

// Rounds does round after round until ctx ends, and returns its error. After a round that fails the time to the next one
// doubles, to 15 seconds or a longer poll.
func (s *Service) Rounds(ctx context.Context, round func(context.Context) error) error {
	for wait := s.poll; ; {
		err := round(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.told(err); err == nil {
			wait = s.poll
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.nudged:
		case <-timer.C:
		}
		timer.Stop()
		if err != nil {
			wait = min(2*wait, max(maxPause, s.poll))
		}
	}
}

// told notes how a round went, and writes the beginning and the end of an outage to the log.
func (s *Service) told(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.health.Err == nil:
		s.health.Since = s.now()
		s.log.Warn("the far side cannot be asked; it is tried again", "error", err)
	case err == nil && s.health.Err != nil:
		s.log.Info("the far side answers again", "after", s.now().Sub(s.health.Since))
		s.health.Since = time.Time{}
	}
	s.health.Err = err
}

// KeepUnmatched keeps a payment that is not what was asked for, once, and raises the alarm. It is told to no order: its money is none's.
// At is now.
func (s *Service) KeepUnmatched(ctx context.Context, u Unmatched) error {
	u.At = s.now().UTC().Truncate(time.Microsecond)
	isNew := false
	err := s.state.Update(ctx, func(m Memory) error {
		was, err := m.Get(u.key())
		isNew = was == nil
		if err != nil || !isNew {
			return err
		}
		return Save(m, u.key(), u)
	}, u.key())
	if err != nil || !isNew {
		return err
	}
	s.log.Error("a payment is not what was asked for: nothing is credited", "payment", u.Payment, "request", u.Request, "order", u.Order, "why", u.Why)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.Unmatched++
	return nil
}
