package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/killpoint"
	"till/internal/webhook"
)

const (
	endpointsPage = 500 // endpoints asked for at once
	laneBatch     = 100 // messages of one endpoint read at once
	laneLow       = 50  // claimed ones below which more are read
	recordBatch   = 500 // attempts recorded in one transaction

	grace       = 4 * time.Second // for attempts in flight when the worker stops
	saveTimeout = 2 * time.Second // of one try to record attempts
	savePause   = 100 * time.Millisecond
)

// sendEngine is what sending needs of the engine.
type sendEngine interface {
	DueEndpoints(ctx context.Context, now time.Time, after string, limit int) ([]string, error)
	DueMessages(ctx context.Context, endpoint string, now time.Time, limit int) ([]engine.Message, error)
	Endpoint(ctx context.Context, id string) (*engine.Endpoint, error)
	Settings(ctx context.Context, s engine.SettingScope) (map[string]json.RawMessage, error)
	DisableEndpoint(ctx context.Context, id, url string) (disabled bool, err error)
	Attempted(ctx context.Context, messages []engine.Message) error
}

// Send delivers messages, each at least once: it is claimed in memory, posted, and recorded afterwards,
// so a crash in between sends the same id and bytes again. Nothing but this process claims messages; a
// lease would go where lane.claim is called.
//
// The bound on all attempts is shared: lanes take turns, and those whose last attempt failed hold at
// most half of it, one attempt each, however many they are. So endpoints that hang leave room for those
// that answer.
type Send struct {
	*loop
	engine      sendEngine
	tellers     map[string]Teller
	open        func(engine.Endpoint) ([]webhook.Secret, error)
	client      Poster
	chance      func() uint64
	perEndpoint int
	inAll       int

	attempts sync.WaitGroup

	mu        sync.Mutex
	lanes     map[string]*lane // by endpoint
	ready     []*lane          // those that may start a message, in turn
	flying    int              // attempts in flight
	probing   int              // those of them in troubled lanes
	finished  []outcome        // not recorded yet
	recording bool             // somebody records finished
	unsaved   error            // why the last try to record failed; nil: it did not
	stopping  bool             // nothing more is started
}

// outcome is a message after an attempt.
type outcome struct {
	lane    *lane
	message engine.Message
}

// Run sends until ctx ends. Attempts in flight then get a grace to be answered, and what is known is
// recorded; all else stays due.
func (s *Send) Run(ctx context.Context) {
	posting, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s.run(ctx, func(ctx context.Context) (int, error) { return s.dispatch(ctx, posting) })
	s.stop()
	timer := time.AfterFunc(grace, cut)
	defer timer.Stop()
	s.attempts.Wait()
}

// RunOnce sends what is due, at most 100 messages of each endpoint, waits until all of it is recorded
// and returns how many messages it took up. Not beside Run.
func (s *Send) RunOnce(ctx context.Context) (int, error) {
	n, err := s.dispatch(ctx, ctx)
	s.attempts.Wait()
	return n, err
}

// dispatch gives every endpoint with due messages something to do and returns how many messages it
// claimed. It does not wait for them. Only one dispatch may run at a time.
func (s *Send) dispatch(ctx, posting context.Context) (n int, err error) {
	if err := s.prune(); err != nil {
		return 0, err
	}
	now := s.now()
	for after := ""; ; {
		page, err := s.engine.DueEndpoints(ctx, now, after, endpointsPage)
		if err != nil {
			return n, err
		}
		for _, endpoint := range page {
			claimed, err := s.fill(ctx, posting, endpoint, now)
			if err != nil {
				return n, err
			}
			n += claimed
		}
		if len(page) < endpointsPage {
			return n, nil
		}
		after = page[len(page)-1]
	}
}

// fill reads due messages of an endpoint into its lane, unless there are enough: a troubled lane needs
// one, and reading the queues of dead endpoints over and over would cost more than all the others.
func (s *Send) fill(ctx, posting context.Context, endpoint string, now time.Time) (int, error) {
	s.mu.Lock()
	l := s.lanes[endpoint]
	if l == nil {
		l = newLane()
		s.lanes[endpoint] = l
	}
	enough := len(l.claimed) >= laneLow || l.troubled && len(l.waiting) > 0
	if enough {
		l.more = true
	}
	before := maps.Clone(l.claimed)
	s.mu.Unlock()
	if enough {
		return 0, nil
	}
	list, err := s.engine.DueMessages(ctx, endpoint, now, laneBatch)
	if err != nil {
		return 0, err
	}
	if len(list) > 0 && s.tellers[list[0].Scope.Dialect] == nil {
		return 0, nil // an endpoint is one dialect's; they wait for a process that serves it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.more = len(list) == laneBatch
	n := l.claim(list, before)
	s.enqueue(l)
	s.start(posting)
	return n, nil
}

// prune drops lanes with nothing to do. A troubled one stays, so that its next messages begin with a
// probe. The error is why attempts cannot be recorded at present: then no more are made.
func (s *Send) prune() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.lanes, func(_ string, l *lane) bool { return len(l.claimed) == 0 && !l.troubled })
	return s.unsaved
}

// Attempts is how many attempts at these endpoints are under way in this process, and how many at all endpoints may be.
func (s *Send) Attempts(endpoints []string) (now, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range endpoints {
		if l := s.lanes[id]; l != nil {
			now += l.flying
		}
	}
	return now, s.inAll
}

// stop gives up what waits.
func (s *Send) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for _, l := range s.lanes {
		l.forget()
	}
}

// start begins attempts while there is room, one lane after another. Under the mutex.
func (s *Send) start(ctx context.Context) {
	for !s.stopping && s.flying < s.inAll {
		l := s.turn()
		if l == nil {
			return
		}
		i := l.next(s.perEndpoint)
		if i < 0 {
			continue
		}
		m, probe := l.take(i), l.troubled
		s.flying++
		if probe {
			s.probing++
		}
		s.enqueue(l)
		s.attempts.Go(func() { s.attempt(ctx, l, m, probe) })
	}
}

// turn takes the first lane that may start something out of the row. Under the mutex.
func (s *Send) turn() *lane {
	for i, l := range s.ready {
		if l.troubled && s.probing >= max(1, s.inAll/2) {
			continue
		}
		s.ready = slices.Delete(s.ready, i, i+1)
		l.queued = false
		return l
	}
	return nil
}

// enqueue puts a lane at the end of the row if it may start something. Under the mutex.
func (s *Send) enqueue(l *lane) {
	if !l.queued && l.next(s.perEndpoint) >= 0 {
		l.queued = true
		s.ready = append(s.ready, l)
	}
}

// attempt sends one message and hands its outcome to whoever records.
func (s *Send) attempt(ctx context.Context, l *lane, m engine.Message, probe bool) {
	killpoint.Here("send.claimed")
	after, troubled, err := s.deliver(ctx, m)
	if err != nil && ctx.Err() == nil {
		s.log.Error("a message could not be attempted", "message", m.ID, "error", err)
	}
	s.mu.Lock()
	s.flying--
	if probe {
		s.probing--
	}
	l.land(m)
	if err == nil {
		l.troubled = troubled
		s.finished = append(s.finished, outcome{l, after})
	} else {
		delete(l.claimed, m.ID) // nothing happened: the next look finds it due
	}
	s.enqueue(l)
	s.start(ctx)
	s.mu.Unlock()
	s.record(ctx)
}

// deliver makes one attempt and returns the message as it stands after it. troubled says that the
// endpoint did not take it. An error means that no attempt was made, or that it was cut off.
func (s *Send) deliver(ctx context.Context, m engine.Message) (after engine.Message, troubled bool, err error) {
	ep, err := s.engine.Endpoint(ctx, m.EndpointID)
	if err != nil {
		return m, false, err
	}
	if ep == nil || !ep.Enabled {
		return s.cancelled(m, "the endpoint is deleted or disabled"), false, nil
	}
	teller := s.tellers[m.Scope.API()]
	keys, err := s.open(*ep)
	if err != nil {
		s.log.Error("an endpoint's secret cannot be opened", "endpoint", ep.ID, "error", err)
		why := errors.New("the endpoint's secret cannot be opened")
		return s.failed(tried(m, s.now(), webhook.Answer{}, why, nil), 0, s.retries(ctx, *ep, teller)), true, nil
	}
	started := s.now()
	answer, err := s.post(ctx, *ep, teller.Sign(m, keys, started), m.Body)
	if errors.Is(err, context.Canceled) {
		return m, false, err
	}
	killpoint.Here("send.posted")
	m = tried(m, started, answer, err, keys)
	verdict := webhook.Decide(answer, err)
	switch verdict.Outcome {
	case webhook.Delivered:
		m.State, m.DoneAt = engine.MessageDelivered, s.now()
		return m, false, nil
	case webhook.Disable:
		disabled, err := s.engine.DisableEndpoint(ctx, ep.ID, ep.URL)
		if err != nil {
			return m, false, err
		}
		if !disabled { // it has another URL by now, which may want the message
			return s.failed(m, 0, s.retries(ctx, *ep, teller)), true, nil
		}
		s.log.Warn("an endpoint answered 410 and is disabled", "endpoint", ep.ID, "url", webhook.Redacted(ep.URL))
		return s.cancelled(m, "the endpoint answered that it is gone"), false, nil
	default:
		return s.failed(m, verdict.Wait, s.retries(ctx, *ep, teller)), true, nil
	}
}

// post makes one call, which lasts no longer than the endpoint allows.
func (s *Send) post(ctx context.Context, ep engine.Endpoint, header http.Header, body []byte) (webhook.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(ep.Timeout, webhook.DefaultTimeout))
	defer cancel()
	return s.client.Post(ctx, ep.URL, header, body)
}

// retries is when a failed delivery to an endpoint is tried again. Settings that cannot be read are none: then a
// message is rather tried too often than not at all.
func (s *Send) retries(ctx context.Context, ep engine.Endpoint, teller Teller) webhook.Retries {
	settings, err := s.engine.Settings(ctx, engine.SettingScope{Merchant: ep.Scope.Merchant, Mode: ep.Scope.Mode})
	if err != nil {
		s.log.Warn("a merchant's settings cannot be read", "endpoint", ep.ID, "error", err)
	}
	return teller.Retries(ep, settings).AtMost(ep.MaxRetries)
}

// failed sets the next attempt by the schedule, or later if the receiver asked for that; past the end of
// the schedule the message is exhausted.
func (s *Send) failed(m engine.Message, least time.Duration, retries webhook.Retries) engine.Message {
	wait, ok := retries.Next(m.Attempts, m.LastStatus, s.chance)
	if !ok {
		return s.exhausted(m, m.LastError)
	}
	m.NextAt = s.now().Add(max(wait, least))
	return m
}

func (s *Send) exhausted(m engine.Message, why string) engine.Message {
	m.State, m.DoneAt, m.LastError = engine.MessageExhausted, s.now(), why
	return m
}

func (s *Send) cancelled(m engine.Message, why string) engine.Message {
	m.State, m.DoneAt, m.LastError = engine.MessageCancelled, s.now(), why
	return m
}

// record stores finished attempts, all that there are by now in one transaction. Who comes while
// another records leaves its outcome to him, so a busy sender commits rarely.
func (s *Send) record(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recording {
		return
	}
	s.recording = true
	for len(s.finished) > 0 {
		list := s.finished
		if len(list) > recordBatch {
			list = list[:recordBatch]
		}
		s.finished = s.finished[len(list):]
		s.mu.Unlock()
		s.save(ctx, list)
		s.mu.Lock()
		for _, o := range list {
			delete(o.lane.claimed, o.message.ID)
			if o.lane.more && len(o.lane.claimed) < laneLow {
				s.bell.Ring()
			}
		}
	}
	s.recording = false
}

// save stores attempts, and tries again until it succeeds or the worker is cut off: until then they
// stay claimed, and are not sent a second time.
func (s *Send) save(ctx context.Context, list []outcome) {
	messages := make([]engine.Message, len(list))
	for i, o := range list {
		messages[i] = o.message
	}
	for pause := savePause; ; pause = min(2*pause, maxPause) {
		killpoint.Here("send.record")
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		err := s.engine.Attempted(within, messages)
		cancel()
		s.mu.Lock()
		s.unsaved = err
		s.mu.Unlock()
		if err == nil {
			return
		}
		s.log.Error("attempts were not recorded", "attempts", len(messages), "error", err)
		if ctx.Err() != nil {
			return
		}
		sleep(ctx, pause)
	}
}
