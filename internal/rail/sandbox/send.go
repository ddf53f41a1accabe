package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/rail"
)

// The destinations that decide what becomes of a transfer; every other one is like OK.
const (
	OK              = "ok"
	Refuse          = "refuse"
	Fail            = "fail"
	Return          = "return"
	Slow            = "slow"
	UnknownThenOK   = "unknown-then-ok"
	UnknownThenNone = "unknown-then-none"
)

// The amounts that decide the same, in whole units of any currency.
const (
	AmountRefused         = 4901
	AmountFails           = 4902
	AmountReturned        = 4903
	AmountSlow            = 4904
	AmountUnknownThenOK   = 4905
	AmountUnknownThenNone = 4906
)

// playOf is what becomes of a transfer: what its destination says, else what its amount says.
func playOf(to string, amount money.Amount) string {
	switch to {
	case Refuse, Fail, Return, Slow, UnknownThenOK, UnknownThenNone:
		return to
	}
	whole, fraction, _ := strings.Cut(amount.Decimal(), ".")
	if strings.Trim(fraction, "0") != "" {
		return OK
	}
	switch whole {
	case strconv.Itoa(AmountRefused):
		return Refuse
	case strconv.Itoa(AmountFails):
		return Fail
	case strconv.Itoa(AmountReturned):
		return Return
	case strconv.Itoa(AmountSlow):
		return Slow
	case strconv.Itoa(AmountUnknownThenOK):
		return UnknownThenOK
	case strconv.Itoa(AmountUnknownThenNone):
		return UnknownThenNone
	}
	return OK
}

// SlowFor is how long a transfer to Slow is on its way.
const SlowFor = time.Minute

// errLost is what the caller sees of an answer that never came.
var errLost = errors.New("sandbox: the connection was lost")

// transfer is what the far side knows of one. One that was never taken it does not know.
type transfer struct {
	To     string
	Amount money.Amount
	At     time.Time // when it was taken
	Taken  int       // how often its money moved: never more than once
	Tried  int       // how often it was sent
}

// Send implements rail.Sender.
func (r *Rail) Send(ctx context.Context, d rail.Delivery) (ref rail.Ref, err error) {
	var answer error
	err = r.update(ctx, func(m rail.Memory) (err error) {
		ref, answer, err = r.Take(m, d)
		return err
	}, transferKey+d.ID, lastKey)
	if err == nil {
		err = answer
	}
	if err != nil {
		return "", err
	}
	return ref, nil
}

// Take implements rail.Taker.
func (r *Rail) Take(m rail.Memory, d rail.Delivery) (ref rail.Ref, answer, err error) {
	if answer, err = r.take(m, d); answer != nil || err != nil {
		return "", answer, err
	}
	return refOf(d), nil, nil
}

// Reads implements rail.Taker.
func (*Rail) Reads() []string { return []string{lastKey} }

// Taken implements rail.Taker: there are words to tell.
func (r *Rail) Taken() { r.ring() }

// take is the far side: answer is what it says, err that it cannot be asked.
func (r *Rail) take(m rail.Memory, d rail.Delivery) (answer, err error) {
	if d.ID == "" || len(d.ID) > maxText || len(d.To) > maxText || d.To == "" || d.Amount.Sign() <= 0 {
		return fmt.Errorf("sandbox: %w: it is malformed", rail.ErrRefused), nil
	}
	play := playOf(d.To, d.Amount)
	if play == Refuse {
		return fmt.Errorf("sandbox: %w: its destination or amount wants that", rail.ErrRefused), nil
	}
	var t transfer
	known, err := rail.Load(m, transferKey+d.ID, &t)
	if err != nil {
		return nil, err
	}
	if known && (t.To != d.To || !t.Amount.Equal(d.Amount)) {
		return fmt.Errorf("sandbox: %w: the id is that of another transfer", rail.ErrRefused), nil
	}
	t.To, t.Amount, t.Tried = d.To, d.Amount, t.Tried+1
	lost := t.Tried == 1 && (play == UnknownThenOK || play == UnknownThenNone)
	if t.Taken == 0 && !(lost && play == UnknownThenNone) {
		t.Taken, t.At = t.Taken+1, r.now()
		if err := tellOutcome(m, d); err != nil {
			return nil, err
		}
	}
	if err := rail.Save(m, transferKey+d.ID, t); err != nil {
		return nil, err
	}
	if lost {
		return errLost, nil
	}
	return nil, nil
}

// tellOutcome says by itself what becomes of a transfer, except where somebody must ask.
func tellOutcome(m rail.Memory, d rail.Delivery) error {
	outcome := []rail.Status{rail.StatusDelivered}
	switch playOf(d.To, d.Amount) {
	case Fail:
		outcome = []rail.Status{rail.StatusFailed}
	case Return:
		outcome = []rail.Status{rail.StatusDelivered, rail.StatusReturned}
	case Slow, UnknownThenOK:
		outcome = nil
	}
	for _, status := range outcome {
		if err := tell(m, rail.Observation{Transfer: &rail.Word{ID: d.ID, Status: status, Ref: refOf(d)}}); err != nil {
			return err
		}
	}
	return nil
}

// Lookup implements rail.Sender. What was sent back was delivered first, and that is what it says: only a
// word of its own tells of the return.
func (r *Rail) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	var t transfer
	err := r.state.Update(ctx, func(m rail.Memory) error {
		t = transfer{}
		_, err := rail.Load(m, transferKey+d.ID, &t)
		return err
	}, transferKey+d.ID)
	switch {
	case err != nil:
		return "", "", err
	case t.Taken == 0:
		return rail.StatusNone, "", nil
	case playOf(t.To, t.Amount) == Fail:
		return rail.StatusFailed, refOf(d), nil
	case playOf(t.To, t.Amount) == Slow && r.now().Sub(t.At) < SlowFor:
		return rail.StatusSent, refOf(d), nil
	}
	return rail.StatusDelivered, refOf(d), nil
}

func refOf(d rail.Delivery) rail.Ref { return rail.Ref("sbx_" + d.ID) }
