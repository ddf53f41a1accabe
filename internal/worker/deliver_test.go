package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/rail/sandbox"
	"till/internal/store"
)

// till is the part of the engine that delivering needs, in memory: orders that wait, and transfers in flight.
type till struct {
	mu       sync.Mutex
	waiting  map[string]time.Time
	flying   map[string]*flight // by transfer
	recorded []string
	reserve  func(orderID string) error // before each Reserve; nil: nothing
}

type flight struct {
	engine.Job
	look time.Time
}

func newTill(orders ...string) *till {
	b := &till{waiting: map[string]time.Time{}, flying: map[string]*flight{}}
	for _, id := range orders {
		b.waiting[id] = start
	}
	return b
}

// fly puts a transfer in flight that is due for a look.
func (b *till) fly(id string, state order.TransferState) {
	b.flying[id] = &flight{engine.Job{OrderID: "o-" + id, State: state, Delivery: rail.Delivery{ID: id, To: "x", Amount: money.FromInt(eur, 5)}}, start}
}

func (b *till) Waiting(ctx context.Context, _ rail.Name, now time.Time, after engine.Due, limit int) (list []engine.Due, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, at := range b.waiting {
		if !at.After(now) && behind(at, id, after) {
			list = append(list, engine.Due{At: at, ID: id})
		}
	}
	slices.SortFunc(list, compareDue)
	return list[:min(limit, len(list))], ctx.Err()
}

func (b *till) InFlight(ctx context.Context, _ rail.Name, now time.Time, after engine.Due, limit int) (list []engine.DueTransfer, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, f := range b.flying {
		if !f.look.After(now) && behind(f.look, id, after) {
			list = append(list, engine.DueTransfer{Due: engine.Due{At: f.look, ID: id}, OrderID: f.OrderID})
		}
	}
	slices.SortFunc(list, func(a, c engine.DueTransfer) int { return compareDue(a.Due, c.Due) })
	return list[:min(limit, len(list))], ctx.Err()
}

func behind(at time.Time, id string, after engine.Due) bool {
	return compareDue(engine.Due{At: at, ID: id}, after) > 0
}

func compareDue(a, b engine.Due) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func (b *till) Reserve(ctx context.Context, orderID string) (engine.Job, error) {
	if b.reserve != nil {
		if err := b.reserve(orderID); err != nil {
			return engine.Job{}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, waits := b.waiting[orderID]; !waits {
		return engine.Job{}, fault.New(fault.CodeOrderStateConflict, "not paid")
	}
	delete(b.waiting, orderID)
	id := "t-" + orderID
	b.flying[id] = &flight{engine.Job{OrderID: orderID, State: order.TransferReserved, Delivery: rail.Delivery{ID: id, To: "x", Amount: money.FromInt(eur, 5)}}, start.Add(engine.TransferLease)}
	return b.flying[id].Job, ctx.Err()
}

// Hand hands over like the engine: what the rail answers is on record at once.
func (b *till) Hand(ctx context.Context, orderID string, to rail.Taker) (job engine.Job, answer, err error) {
	if job, err = b.Reserve(ctx, orderID); err != nil {
		return job, nil, err
	}
	_, answer, err = to.Take(nil, job.Delivery)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorded = append(b.recorded, job.ID+" handed "+string(engine.SentAs(answer)))
	return job, answer, err
}

func (b *till) Postpone(ctx context.Context, orderID string, until time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[orderID] = until
	return ctx.Err()
}

func (b *till) Claim(ctx context.Context, due engine.DueTransfer) (engine.Job, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flying[due.ID]
	if f == nil || !f.look.Equal(due.At) {
		return engine.Job{}, false, ctx.Err()
	}
	f.look = f.look.Add(engine.TransferLease)
	return f.Job, true, ctx.Err()
}

func (b *till) Transferred(ctx context.Context, orderID, id string, kind order.ChangeKind, ref rail.Ref) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recorded = append(b.recorded, id+" "+string(kind))
	return nil
}

func (b *till) TransfersTold(ctx context.Context, _ rail.Name, words []rail.Word) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range words {
		b.recorded = append(b.recorded, w.ID+" told "+string(w.Status))
	}
	return ctx.Err()
}

func (b *till) records() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.recorded))
}

func (b *till) deliverer(sender rail.Sender, now func() time.Time) *Deliver {
	return &Deliver{loop: newLoop("deliver", nil, quiet(now)), engine: b, sender: sender}
}

// scripted is a rail whose calls are what the test says, and which remembers them.
type scripted struct {
	send   func(ctx context.Context, d rail.Delivery) (rail.Ref, error)
	lookup func(d rail.Delivery) (rail.Status, error)
	mu     sync.Mutex
	calls  []string
}

func (*scripted) Name() rail.Name { return "bank:scripted" }

func (s *scripted) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *scripted) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *scripted) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	s.note("send " + d.ID)
	if s.send == nil {
		return "ref", nil
	}
	return s.send(ctx, d)
}

func (s *scripted) Lookup(_ context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	s.note("lookup " + d.ID)
	status, err := s.lookup(d)
	return status, "ref", err
}

func stands() time.Time { return start }

// What a look-up says decides what is done; only one that knows nothing of a transfer lets it be sent.
func TestLookBeforeSending(t *testing.T) {
	for _, test := range []struct {
		state   order.TransferState
		status  rail.Status
		err     error
		calls   string
		records string
		fails   bool
	}{
		{order.TransferReserved, rail.StatusNone, nil, "[lookup t send t]", "[t sent]", false},
		{order.TransferUnknown, rail.StatusNone, nil, "[lookup t send t]", "[t sent]", false},
		{order.TransferSent, rail.StatusNone, nil, "[lookup t]", "[]", true}, // it had taken it
		{order.TransferReserved, rail.StatusSent, nil, "[lookup t]", "[t sent]", false},
		{order.TransferUnknown, rail.StatusDelivered, nil, "[lookup t]", "[t delivered]", false},
		{order.TransferUnknown, rail.StatusFailed, nil, "[lookup t]", "[t undelivered]", false},
		{order.TransferSent, rail.StatusReturned, nil, "[lookup t]", "[t returned]", false},
		{order.TransferSent, rail.StatusUnknown, nil, "[lookup t]", "[t told unknown]", false},
		{order.TransferUnknown, "", errors.New("down"), "[lookup t]", "[]", true},
		{order.TransferUnknown, "perhaps", nil, "[lookup t]", "[]", true},
	} {
		b := newTill()
		b.fly("t", test.state)
		s := &scripted{lookup: func(rail.Delivery) (rail.Status, error) { return test.status, test.err }}
		n, err := b.deliverer(s, stands).RunOnce(t.Context())
		if n != 1 || (err != nil) != test.fails {
			t.Errorf("%s, found %q: %d, %v", test.state, test.status, n, err)
		}
		if fmt.Sprint(s.called()) != test.calls || fmt.Sprint(b.records()) != test.records {
			t.Errorf("%s, found %q: called %v, recorded %v, want %s, %s", test.state, test.status, s.called(), b.records(), test.calls, test.records)
		}
	}
}

// What the rail answers to a sending decides what is recorded.
func TestOutcomeOfSending(t *testing.T) {
	for _, test := range []struct {
		err    error
		record string
	}{
		{nil, "[t-o sent]"},
		{fmt.Errorf("no such account: %w", rail.ErrRefused), "[t-o undelivered]"},
		{errors.New("connection reset"), "[t-o unknown]"},
		{context.DeadlineExceeded, "[t-o unknown]"},
		{fmt.Errorf("the wallet is empty: %w", rail.ErrNotNow), "[]"}, // it stays what it is
	} {
		b := newTill("o")
		s := &scripted{send: func(context.Context, rail.Delivery) (rail.Ref, error) { return "", test.err }}
		if n := once(t, b.deliverer(s, stands).RunOnce); n != 1 || fmt.Sprint(b.records()) != test.record {
			t.Errorf("%v: %d, recorded %v", test.err, n, b.records())
		}
	}
}

// taking is a rail that takes a transfer into its own memory.
type taking struct {
	*scripted
	answer error
}

func (t taking) Take(_ rail.Memory, d rail.Delivery) (ref rail.Ref, answer, err error) {
	t.note("take " + d.ID)
	return "ref", t.answer, nil
}
func (taking) Reads() []string { return nil }
func (taking) Taken()          {}

// A rail that takes transfers into its memory has one with its reservation: it is not called, and nothing is recorded afterwards,
// whatever it answered.
func TestTakenWithItsReservation(t *testing.T) {
	for _, test := range []struct {
		answer error
		record string
	}{
		{nil, "[t-a handed sent t-c handed sent]"},
		{fmt.Errorf("no such account: %w", rail.ErrRefused), "[t-a handed undelivered t-c handed undelivered]"},
		{errors.New("connection reset"), "[t-a handed unknown t-c handed unknown]"},
		{fmt.Errorf("the wallet is empty: %w", rail.ErrNotNow), "[t-a handed  t-c handed ]"},
	} {
		b := newTill("a", "b", "c")
		b.reserve = func(id string) error {
			if id == "b" {
				return errPoison // holds up no other
			}
			return nil
		}
		s := taking{&scripted{}, test.answer}
		if n, err := b.deliverer(s, stands).RunOnce(t.Context()); n != 3 || !errors.Is(err, errPoison) || fmt.Sprint(b.records()) != test.record {
			t.Errorf("%v: %d, %v, recorded %v", test.answer, n, err, b.records())
		}
		if got := fmt.Sprint(slices.Sorted(slices.Values(s.called()))); got != "[take t-a take t-c]" {
			t.Errorf("%v: called %s", test.answer, got)
		}
	}
}

// A worker that is too late finds nothing to do and calls nobody.
func TestSomebodyWasFaster(t *testing.T) {
	b := newTill("o")
	b.reserve = func(string) error { return fault.New(fault.CodeOrderStateConflict, "") }
	s := &scripted{}
	once(t, b.deliverer(s, stands).RunOnce)
	b = newTill()
	b.fly("t", order.TransferUnknown)
	if err := b.deliverer(s, stands).look(t.Context(), engine.DueTransfer{Due: engine.Due{At: start.Add(-1), ID: "t"}}); err != nil {
		t.Error(err)
	}
	if len(s.called()) != 0 {
		t.Errorf("called %v", s.called())
	}
}

// An order that cannot be reserved is told of, waits, and holds up no other.
func TestPoisonedOrder(t *testing.T) {
	b := newTill("a", "b", "c")
	b.reserve = func(id string) error {
		if id == "b" {
			return errPoison
		}
		return nil
	}
	d := b.deliverer(&scripted{}, stands)
	if n, err := d.RunOnce(t.Context()); n != 3 || !errors.Is(err, errPoison) {
		t.Errorf("%d, %v", n, err)
	}
	if got := fmt.Sprint(b.records()); got != "[t-a sent t-c sent]" {
		t.Errorf("recorded %s", got)
	}
	if n := once(t, d.RunOnce); n != 0 {
		t.Errorf("%d orders are asked for again at once", n)
	}
}

// More than one page of both.
func TestManyToDeliver(t *testing.T) {
	var ids []string
	for i := range 2*deliverPage + 1 {
		ids = append(ids, fmt.Sprintf("o%04d", i))
	}
	b := newTill(ids...)
	for i := range deliverPage + 1 {
		b.fly(fmt.Sprintf("f%04d", i), order.TransferUnknown)
	}
	s := &scripted{lookup: func(rail.Delivery) (rail.Status, error) { return rail.StatusDelivered, nil }}
	if n := once(t, b.deliverer(s, stands).RunOnce); n != 3*deliverPage+2 || len(b.records()) != n || len(s.called()) != n {
		t.Errorf("%d done, %d recorded, %d called", n, len(b.records()), len(s.called()))
	}
}

// A rail that hangs has its own loop: others go on. When the worker stops, the call that hangs is cut off,
// and what became of it is unknown.
func TestHangingRail(t *testing.T) {
	hung, well := newTill("o"), newTill("o")
	hanging := make(chan struct{})
	bad := hung.deliverer(&scripted{send: func(ctx context.Context, _ rail.Delivery) (rail.Ref, error) {
		close(hanging)
		<-ctx.Done()
		return "", ctx.Err()
	}}, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	var both sync.WaitGroup
	both.Go(func() { bad.Run(ctx) })
	both.Go(func() { well.deliverer(&scripted{}, time.Now).Run(ctx) })
	<-hanging
	eventually(t, "the other rail sends", func() bool { return fmt.Sprint(well.records()) == "[t-o sent]" })
	if len(hung.records()) != 0 {
		t.Errorf("recorded %v of a call that hangs", hung.records())
	}
	stop()
	both.Wait()
	if got := fmt.Sprint(hung.records()); got != "[t-o unknown]" {
		t.Errorf("recorded %s", got)
	}
}

// The workers of a house send on every rail they are given.
func TestWorkersDeliver(t *testing.T) {
	h := newHouse(t, &scripted{})
	if len(h.workers.Deliver) != 2 {
		t.Fatalf("%d loops deliver", len(h.workers.Deliver))
	}
	var names []string
	for _, status := range h.workers.Health() {
		if strings.HasPrefix(status.Name, "deliver ") {
			names = append(names, status.Name)
		}
	}
	if want := "[deliver bank:scripted deliver sandbox]"; fmt.Sprint(names) != want {
		t.Errorf("health of %v, want %s", names, want)
	}
}

// broken is the sandbox with a memory that fails after it has taken a transfer to "broken".
type broken struct{ *sandbox.Rail }

func (b broken) Take(m rail.Memory, d rail.Delivery) (ref rail.Ref, answer, err error) {
	ref, answer, err = b.Rail.Take(m, d)
	if d.To == "broken" {
		err = errPoison
	}
	return ref, answer, err
}

// A transfer that a rail's memory cannot take is not reserved either: its order waits, and the others of its page are delivered.
func TestNotTakenNotReserved(t *testing.T) {
	h := newHouse(t)
	for _, to := range []string{"broken", "ok", "refuse"} {
		h.pay(h.order(to, forwarded(1000, 1), to), 1000)
	}
	d := h.workers.Deliver[0]
	d.sender = broken{h.rail}
	if n, err := d.RunOnce(t.Context()); n != 3 || !errors.Is(err, errPoison) {
		t.Errorf("%d, %v", n, err)
	}
	h.reaches("ok", order.Completed)
	h.reaches("refuse", order.Failed)
	if o := h.read("broken"); o.State != order.Paid || len(o.Transfers) != 0 || !o.SendAt.After(h.clock.now()) {
		t.Errorf("%s with %d transfers, to be sent at %s", o.State, len(o.Transfers), o.SendAt)
	}
	if taken, told := h.taken(); len(taken) != 1 || len(told) != 1 {
		t.Errorf("%d were taken, %d told of", len(taken), len(told))
	}
	d.sender = h.rail
	h.clock.move(engine.ShortWait)
	h.deliver()
	h.reaches("broken", order.Completed)
}

// Killed processes.

// logged is a rail that writes each call into a file, which survives the process. It is called for each transfer: nothing is handed to
// it within a reservation.
type logged struct {
	rail.Sender
	path string
}

func (l logged) note(format string, args ...any) {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, format+"\n", args...)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(err)
	}
}

func (l logged) Send(ctx context.Context, d rail.Delivery) (rail.Ref, error) {
	l.note("%s send", d.ID)
	return l.Sender.Send(ctx, d)
}

func (l logged) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	status, ref, err := l.Sender.Lookup(ctx, d)
	l.note("%s lookup %s", d.ID, status)
	return status, ref, err
}

// payingVictim delivers what waits in the house until the process is killed.
func payingVictim(path string) error {
	return payVictim(path, func(far *sandbox.Rail) rail.Sender { return logged{far, os.Getenv("TILL_TEST_CALLS")} })
}

// handingVictim is payingVictim for a rail that takes transfers into its memory.
func handingVictim(path string) error {
	return payVictim(path, func(far *sandbox.Rail) rail.Sender { return far })
}

func payVictim(path string, sender func(*sandbox.Rail) rail.Sender) error {
	db, err := open(context.Background(), path, store.Options{Now: victimNow})
	if err != nil {
		return err
	}
	eng := engine.New(db, []engine.Network{sbx}, nil)
	far, err := sandbox.New(sandbox.Config{State: eng.State(sandbox.Name), Now: victimNow})
	if err != nil {
		return err
	}
	w := New(Config{Engine: eng, Senders: []rail.Sender{sender(far)}, Events: NewBell(), Now: victimNow, Log: slog.New(slog.DiscardHandler)})
	for range 100 {
		if _, err := w.Deliver[0].RunOnce(context.Background()); err != nil {
			return err
		}
	}
	return errors.New("nothing killed the process")
}

// case 81: killed with SIGKILL between the reservation, the sending and its record, and started again, money is
// sent once: never a second time without a look-up that knows nothing of the first.
func TestKilledDelivering(t *testing.T) {
	program := buildVictim(t)
	for _, test := range []struct{ place, to string }{
		{"deliver.reserve", "ok"}, {"deliver.reserved", "ok"}, {"deliver.sent", "ok"}, {"deliver.record", "ok"}, {"deliver.recorded", "ok"},
		{"deliver.sent", "unknown-then-none"}, {"deliver.sent", "unknown-then-ok"}, {"deliver.sent", "fail"}, {"deliver.sent", "refuse"},
		{"deliver.claimed", "unknown-then-none"}, {"deliver.looked", "unknown-then-none"}, {"deliver.sent", "unknown-then-none, begun"},
		{"deliver.record", "unknown-then-none, begun"}, {"deliver.recorded", "unknown-then-none, begun"},
		{"deliver.claimed", "unknown-then-ok"}, {"deliver.looked", "unknown-then-ok"}, {"deliver.record", "unknown-then-ok, begun"},
		{"deliver.claimed", "refund"}, {"deliver.looked", "refund"}, {"deliver.sent", "refund"}, {"deliver.record", "refund"}, {"deliver.recorded", "refund"},
	} {
		t.Run(test.place+" "+test.to, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, path string) { killedDelivering(t, program, test.place, test.to, path) })
		})
	}
}

func killedDelivering(t *testing.T, program, place, to, path string) {
	calls := filepath.Join(t.TempDir(), "calls")
	to, begun := strings.CutSuffix(to, ", begun")
	begun = begun || strings.HasPrefix(to, "unknown") && (place == "deliver.claimed" || place == "deliver.looked")
	prepare(t, path, calls, to, begun)
	kill(t, program, place, "TILL_TEST_PAYER="+path, "TILL_TEST_CALLS="+calls)

	c := &clock{at: victimNow()}
	h, _ := operate(t, path, c)
	h.orders = []string{"one"}
	h.workers.Deliver[0].sender = logged{h.rail, calls}
	want := order.Completed
	if to == "fail" || to == "refuse" {
		want = order.Failed
	}
	eventually(t, "the order is "+string(want)+" and nothing is in flight", func() bool {
		c.move(time.Minute)
		h.deliver()
		o := h.read("one")
		return o.State == want && !slices.ContainsFunc(o.Transfers, func(t order.Transfer) bool { return t.State.InFlight() })
	})
	h.holds(map[string]string{"fail": "suspense/extra 1000", "refuse": "suspense/extra 1000"}[to])
	h.audit()
	sentOnce(t, calls, h.read("one"))
}

// prepare makes an order that waits to be sent, or one whose refund does; begun: the first sending is over
// and nobody knows its outcome.
func prepare(t *testing.T, path, calls, to string, begun bool) {
	t.Helper()
	h, leave := operate(t, path, &clock{at: start})
	h.must(h.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	h.workers.Deliver[0].sender = logged{h.rail, calls}
	if to == "refund" {
		o := h.order("one", collected(1000), "")
		h.pay(o, 1000)
		_, err := h.engine.Refund(t.Context(), engine.NewRefund{OrderID: o.ID, ID: "r", Amount: money.FromInt(eur, 1000), From: ledger.Merchant, Actor: order.ByOperator})
		h.must(err)
	} else {
		h.pay(h.order("one", forwarded(1000, 1), to), 1000)
	}
	if begun {
		h.deliver()
	}
	leave()
}

// sentOnce reads what the rail was asked: between two sendings of one transfer somebody looked, and the rail
// knew nothing of it. Every transfer's money moved at most once, and what was delivered did.
func sentOnce(t *testing.T, path string, o *engine.Order) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Transfers) != 1 {
		t.Errorf("the order has %d transfers", len(o.Transfers))
	}
	maySend := map[string]bool{}
	sent := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		id, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case call == "send" && sent[id] && !maySend[id]:
			t.Errorf("sent again without a look-up that knew nothing of it:\n%s", text)
		case call == "send":
			sent[id], maySend[id] = true, false
		default:
			maySend[id] = call == "lookup none"
		}
	}
	for _, transfer := range o.Transfers {
		if !sent[transfer.ID] {
			t.Errorf("transfer %s is %s and was never sent:\n%s", transfer.ID, transfer.State, text)
		}
	}
}

// case 81: a process that dies while it hands a page of transfers to a rail's memory, within the transaction or behind it, leaves each
// order reserved and taken, or neither. Money moves once, and one that the rail refuses or does not answer holds up no other.
func TestKilledHanding(t *testing.T) {
	program := buildVictim(t)
	for _, place := range []string{"deliver.reserve", "deliver.reserve:4", "deliver.handing", "deliver.handing:2", "deliver.handing:5", "deliver.taken", "deliver.taken:3"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, path string) { killedHanding(t, program, place, path) })
		})
	}
}

func killedHanding(t *testing.T, program, place, path string) {
	plays := []string{"ok", "refuse", "unknown-then-none", "unknown-then-ok", "fail"}
	h, leave := operate(t, path, &clock{at: start})
	h.must(h.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	for _, play := range plays {
		h.pay(h.order(play, forwarded(1000, 1), play), 1000)
	}
	leave()
	kill(t, program, place, "TILL_TEST_HANDER="+path)

	c := &clock{at: victimNow()}
	h, _ = operate(t, path, c)
	h.orders = plays
	for _, play := range plays {
		want := order.Completed
		if play == "fail" || play == "refuse" {
			want = order.Failed
		}
		eventually(t, play+" is "+string(want), func() bool {
			c.move(time.Minute)
			h.deliver()
			return h.read(play).State == want
		})
	}
	h.audit()

	taken, told := h.taken()
	for play, want := range map[string]struct{ tried, told int }{"ok": {1, 1}, "refuse": {0, 0}, "unknown-then-none": {2, 1}, "unknown-then-ok": {1, 0}, "fail": {1, 1}} {
		o := h.read(play)
		if len(o.Transfers) != 1 {
			t.Errorf("%s has %d transfers", play, len(o.Transfers))
			continue
		}
		id := o.Transfers[0].ID
		if got := taken[id]; got.Tried != want.tried || got.Taken != min(want.tried, 1) || told[id] != want.told {
			t.Errorf("%s was sent %d times, moved %d times and was told of %d times", play, got.Tried, got.Taken, told[id])
		}
	}
}

// taken is what the sandbox's memory has of each transfer, and how often it told of it.
func (h *house) taken() (taken map[string]struct{ Tried, Taken int }, told map[string]int) {
	h.t.Helper()
	taken, told = map[string]struct{ Tried, Taken int }{}, map[string]int{}
	transfers, err := h.engine.State(sandbox.Name).List(h.t.Context(), "transfer/", "", 100)
	h.must(err)
	for _, line := range transfers {
		var record struct{ Tried, Taken int }
		h.must(json.Unmarshal(line.Value, &record))
		taken[strings.TrimPrefix(line.Key, "transfer/")] = record
	}
	words, err := h.engine.State(sandbox.Name).List(h.t.Context(), "word/", "", 100)
	h.must(err)
	for _, line := range words {
		var word rail.Observation
		h.must(json.Unmarshal(line.Value, &word))
		if word.Transfer != nil {
			told[word.Transfer.ID]++
		}
	}
	return taken, told
}
