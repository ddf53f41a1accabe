package railtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"till/internal/money"
	"till/internal/rail"
)

// Sending is a rail that sends. A destination that the far side cannot be made to play is "".
type Sending struct {
	Rail   func() rail.Sender
	Moved  func(t *testing.T, id string) int // how often the far side moved the money of a transfer
	Reopen func(t *testing.T)                // the rail ends and starts again
	Asset  money.Asset
	State  rail.State // of a rail.Taker, its memory; nil: it is none
	// Ends is what a look-up says of a transfer that arrived; "" is rail.StatusDelivered. A rail whose far side tells of the
	// end by other ways than a look-up says rail.StatusUnknown.
	Ends rail.Status

	Good    string // takes and delivers
	Refuses string // refuses at once
	Fails   string // takes, and says afterwards that it failed
	Answers string // takes the first sending, and its answer is lost
	Loses   string // does not take the first sending, and says nothing
}

func runSends(t *testing.T, open func(t *testing.T) Sending) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, s Sending)
	}{
		{"money is sent", moneyIsSent},
		{"one id moves money once", onceByID},
		{"one id is one transfer", oneTransfer},
		{"nothing is known of what was never sent", neverSent},
		{"a refusal moves nothing", refusal},
		{"a failure is found out", failure},
		{"a lost answer is found out", lostAnswer},
		{"a lost sending is found out", lostSending},
		{"calls end with their context", endedContext},
		{"what is taken in a transaction is sent", takenInTransaction},
	} {
		t.Run(part.name, func(t *testing.T) {
			s := open(t)
			s.Ends = cmp.Or(s.Ends, rail.StatusDelivered)
			before := s.Rail()
			part.test(t, s)
			s.Reopen(t)
			checkName(t, before, s.Rail())
		})
	}
}

func (s Sending) delivery(id, to string) rail.Delivery {
	return rail.Delivery{ID: id, To: to, Amount: money.FromInt(s.Asset, 1234567)}
}

func (s Sending) moved(t *testing.T, id string, want int) {
	t.Helper()
	if got := s.Moved(t, id); got != want {
		t.Errorf("the money of %s moved %d times, want %d", id, got, want)
	}
}

// finds looks a transfer up until it is in one of the states, and returns its reference.
func (s Sending) finds(t *testing.T, d rail.Delivery, want ...rail.Status) (ref rail.Ref) {
	t.Helper()
	eventually(t, "the look-up says "+string(want[0]), func() bool {
		status, found, err := s.Rail().Lookup(t.Context(), d)
		ref = found
		return err == nil && slices.Contains(want, status)
	})
	return ref
}

func moneyIsSent(t *testing.T, s Sending) {
	d := s.delivery("t1", s.Good)
	ref, err := s.Rail().Send(t.Context(), d)
	if err != nil || ref == "" {
		t.Fatalf("sent as %q, %v", ref, err)
	}
	s.moved(t, "t1", 1)
	if found := s.finds(t, d, s.Ends); found != ref {
		t.Errorf("sent as %q, found as %q", ref, found)
	}
	s.Reopen(t)
	if found := s.finds(t, d, s.Ends); found != ref {
		t.Errorf("sent as %q, found after a restart as %q", ref, found)
	}
}

func onceByID(t *testing.T, s Sending) {
	d := s.delivery("t1", s.Good)
	refs := make([]rail.Ref, 8)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range refs {
		all.Go(func() { refs[i], errs[i] = s.Rail().Send(t.Context(), d) })
	}
	all.Wait()
	for i := range refs {
		if errs[i] != nil || refs[i] != refs[0] {
			t.Errorf("sending %d: %q, %v, and the first %q", i, refs[i], errs[i], refs[0])
		}
	}
	s.Reopen(t)
	if ref, err := s.Rail().Send(t.Context(), d); err != nil || ref != refs[0] {
		t.Errorf("after a restart: %q, %v, and the first %q", ref, err, refs[0])
	}
	s.moved(t, "t1", 1)
}

func oneTransfer(t *testing.T, s Sending) {
	d := s.delivery("t1", s.Good)
	if _, err := s.Rail().Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	d.Amount = d.Amount.Add(d.Amount)
	if _, err := s.Rail().Send(t.Context(), d); err == nil {
		t.Error("one id was taken for two amounts")
	}
	s.moved(t, "t1", 1)
}

func neverSent(t *testing.T, s Sending) {
	status, ref, err := s.Rail().Lookup(t.Context(), s.delivery("t1", s.Good))
	if status != rail.StatusNone || ref != "" || err != nil {
		t.Errorf("found %q, %q, %v", status, ref, err)
	}
}

func refusal(t *testing.T, s Sending) {
	if s.Refuses == "" {
		return
	}
	d := s.delivery("t1", s.Refuses)
	if _, err := s.Rail().Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
		t.Errorf("the error is %v", err)
	}
	s.moved(t, "t1", 0)
	s.finds(t, d, rail.StatusNone, rail.StatusFailed)
}

func failure(t *testing.T, s Sending) {
	if s.Fails == "" {
		return
	}
	d := s.delivery("t1", s.Fails)
	if _, err := s.Rail().Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s.finds(t, d, rail.StatusFailed)
}

func lostAnswer(t *testing.T, s Sending) {
	if s.Answers == "" {
		return
	}
	d := s.delivery("t1", s.Answers)
	if _, err := s.Rail().Send(t.Context(), d); err == nil || errors.Is(err, rail.ErrRefused) {
		t.Errorf("the error of a lost answer is %v", err)
	}
	s.finds(t, d, s.Ends, rail.StatusSent)
	if _, err := s.Rail().Send(t.Context(), d); err != nil {
		t.Errorf("sent again: %v", err)
	}
	s.moved(t, "t1", 1)
}

func lostSending(t *testing.T, s Sending) {
	if s.Loses == "" {
		return
	}
	d := s.delivery("t1", s.Loses)
	if _, err := s.Rail().Send(t.Context(), d); err == nil || errors.Is(err, rail.ErrRefused) {
		t.Errorf("the error of a lost sending is %v", err)
	}
	s.moved(t, "t1", 0)
	s.finds(t, d, rail.StatusNone)
	if _, err := s.Rail().Send(t.Context(), d); err != nil {
		t.Errorf("sent again: %v", err)
	}
	s.moved(t, "t1", 1)
	s.finds(t, d, s.Ends)
}

func endedContext(t *testing.T, s Sending) {
	ctx, end := context.WithCancel(t.Context())
	end()
	d := s.delivery("t1", s.Good)
	if _, err := s.Rail().Send(ctx, d); err == nil || errors.Is(err, rail.ErrRefused) {
		t.Errorf("sending: %v", err)
	}
	if _, _, err := s.Rail().Lookup(ctx, d); err == nil {
		t.Error("looking up succeeded")
	}
}

// takenInTransaction is that Take is Send, but that its transaction decides whether it happened.
func takenInTransaction(t *testing.T, s Sending) {
	taker, takes := s.Rail().(rail.Taker)
	if takes != (s.State != nil) {
		t.Fatalf("it takes in transactions: %v, and its memory is given: %v", takes, s.State != nil)
	}
	if !takes {
		return
	}
	take := func(d rail.Delivery, outcome error) (ref rail.Ref, answer error) {
		t.Helper()
		err := s.State.Update(t.Context(), func(m rail.Memory) (err error) {
			if ref, answer, err = taker.Take(m, d); err != nil {
				return err
			}
			return outcome
		}, taker.Reads()...)
		if !errors.Is(err, outcome) {
			t.Fatalf("the memory says %v", err)
		}
		return ref, answer
	}
	undone := errors.New("the transaction is undone")
	d := s.delivery("t1", s.Good)
	if _, answer := take(d, undone); answer != nil {
		t.Errorf("the answer is %v", answer)
	}
	if status, _, err := s.Rail().Lookup(t.Context(), d); status != rail.StatusNone || err != nil {
		t.Errorf("after a transaction that was undone: %q, %v", status, err)
	}
	s.moved(t, "t1", 0)
	ref, answer := take(d, nil)
	taker.Taken()
	if answer != nil || ref == "" {
		t.Errorf("taken as %q, %v", ref, answer)
	}
	if again, answer := take(d, nil); again != ref || answer != nil {
		t.Errorf("taken as %q, and again as %q, %v", ref, again, answer)
	}
	if again, err := s.Rail().Send(t.Context(), d); again != ref || err != nil {
		t.Errorf("taken as %q, and sent as %q, %v", ref, again, err)
	}
	s.moved(t, "t1", 1)
	if found := s.finds(t, d, s.Ends); found != ref {
		t.Errorf("taken as %q, found as %q", ref, found)
	}
	other := d
	other.Amount = d.Amount.Add(d.Amount)
	if _, answer := take(other, nil); answer == nil {
		t.Error("one id was taken for two amounts")
	}
	s.moved(t, "t1", 1)
	if s.Refuses == "" {
		return
	}
	if _, answer := take(s.delivery("t2", s.Refuses), nil); !errors.Is(answer, rail.ErrRefused) {
		t.Errorf("the answer is %v", answer)
	}
	s.moved(t, "t2", 0)
}
