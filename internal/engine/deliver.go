package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// TransferLease is how long a worker has a transfer for itself: longer than it lets any call of a rail take, so
// that nobody looks a transfer up while its sending is still on the way.
const TransferLease = 2 * time.Minute

// UnknownLook is how long a transfer of which its rail says that nobody knows is left alone: the rail tells of it by itself, and
// only what was lost on the way here is found by a look.
const UnknownLook = 24 * time.Hour

// ShortWait is how long an order waits before it is asked again whether its merchant's shortfall is gone.
const ShortWait = time.Minute

// Job is a transfer that a worker has for itself until its lease ends.
type Job struct {
	OrderID string
	Purpose order.Purpose
	State   order.TransferState
	rail.Delivery
}

// Waiting returns orders that wait to be sent on a rail, the longest waiting first, behind the given one.
func (e *Engine) Waiting(ctx context.Context, r rail.Name, now time.Time, after Due, limit int) ([]Due, error) {
	var list []Due
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.OrdersToSend(r, now, after, limit)
		return err
	})
	return list, err
}

// InFlight returns transfers on a rail that are due for a look, the longest due first, behind the given one.
func (e *Engine) InFlight(ctx context.Context, r rail.Name, now time.Time, after Due, limit int) ([]DueTransfer, error) {
	var list []DueTransfer
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.TransfersToWork(r, now, after, limit)
		return err
	})
	return list, err
}

// Reserve takes the money of a paid order out of reach, so that the worker may send it: the point of no
// return, committed before any rail is called. The worker has the transfer for itself for TransferLease. While the
// merchant is short of an asset of the order, nothing is sent, and the order stays paid.
//
// Errors: not_found; order_state_conflict when the order is not paid any more, or its delivery is above a limit and
// waits for a second person; insufficient_balance when the merchant is short.
func (e *Engine) Reserve(ctx context.Context, orderID string) (Job, error) {
	return e.reserve(ctx, orderID, Keys{}, func(Tx, *Order, Job) error { return nil })
}

// Hand is Reserve for a rail that takes a transfer by a write into its own memory: the money is reserved, the rail has the transfer, and
// what it answered is booked, all in one transaction or nothing of it. answer is what the rail's Send would have returned.
//
// Errors: those of Reserve.
func (e *Engine) Hand(ctx context.Context, orderID string, to rail.Taker) (job Job, answer, err error) {
	want := Keys{}
	for _, key := range to.Reads() {
		want.Memory = append(want.Memory, RailKey{to.Name(), key})
	}
	job, err = e.reserve(ctx, orderID, want, func(tx Tx, o *Order, job Job) (err error) {
		var ref rail.Ref
		if ref, answer, err = to.Take(railMemory{tx, to.Name()}, job.Delivery); err != nil {
			return err
		}
		kind := SentAs(answer)
		if kind == "" {
			return nil
		}
		err = e.transferred(tx, o, job.ID, kind, ref, lookAgain(0))
		killpoint.Here("deliver.handing")
		return err
	})
	if err != nil {
		return Job{}, nil, err
	}
	to.Taken()
	return job, answer, nil
}

// SentAs is what a rail's answer to a sending makes of the transfer. An answer that never came makes it unknown; "": it could not be sent
// at present, nothing has happened to it, and the lease is the pause before it is tried again.
func SentAs(answer error) order.ChangeKind {
	switch {
	case answer == nil:
		return order.Sent
	case errors.Is(answer, rail.ErrNotNow):
		return ""
	case errors.Is(answer, rail.ErrRefused):
		return order.Undelivered
	}
	return order.Unknown
}

// reserve is Reserve, with what follows in the same transaction.
func (e *Engine) reserve(ctx context.Context, orderID string, want Keys, then func(Tx, *Order, Job) error) (Job, error) {
	var job Job
	may := true
	want.Orders = []string{orderID}
	err := e.update(ctx, want, func(tx Tx) error {
		may = true
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		if o.State == order.Paid {
			if err := notShort(tx, o); err != nil {
				return err
			}
			if may, err = e.mayDeliver(tx, o); err != nil || !may {
				return err
			}
			if err := e.counts(tx, o.Destination.Rail, o.Terms.Delivers()); err != nil {
				return err
			}
		}
		id := tx.NewID()
		o.surround(id, Sending{Destination: o.Destination, Look: tx.Now().Add(TransferLease)})
		send := order.Change{Kind: order.Send, Actor: order.ByEngine, Transfer: order.Transfer{ID: id, Rail: string(o.Destination.Rail)}}
		if _, err = e.apply(tx, o, send, false); err != nil {
			return err
		}
		job = o.job(*o.transfer(id))
		return then(tx, o, job)
	})
	if err == nil && !may {
		err = fault.New(fault.CodeOrderStateConflict, "the delivery waits for an approval")
	}
	return job, err
}

// notShort refuses to send while the merchant owes what reversed or missing money had left open.
func notShort(tx Tx, o *Order) error {
	assets := []money.Asset{o.Terms.Due.Asset()}
	if out := o.Terms.Out.Asset(); !out.IsZero() && out != assets[0] {
		assets = append(assets, out)
	}
	for _, asset := range assets {
		short, err := tx.Balance(o.Terms.Book.Account(ledger.Short), asset, o.Scope.Mode)
		if err != nil {
			return err
		}
		if short.Sign() < 0 {
			return fault.New(fault.CodeInsufficientBalance, "a shortfall of "+short.Neg().String()+" must be covered first")
		}
	}
	return nil
}

// Postpone lets an order that could not be reserved wait. It does nothing when the order waits no more.
func (e *Engine) Postpone(ctx context.Context, orderID string, until time.Time) error {
	return e.store.Update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil || o.SendAt.IsZero() {
			return err
		}
		o.SendAt = until
		return tx.SaveOrder(o)
	})
}

// Claim takes a transfer that is due for a look, for TransferLease. It says false when another worker was faster or
// nothing is left to look at.
func (e *Engine) Claim(ctx context.Context, due DueTransfer) (job Job, ok bool, err error) {
	err = e.store.Update(ctx, Keys{Orders: []string{due.OrderID}}, func(tx Tx) error {
		job, ok = Job{}, false
		o, err := tx.Order(due.OrderID)
		if err != nil {
			return err
		}
		t, s := o.transfer(due.ID), o.Sendings[due.ID]
		if t == nil || s.Look.IsZero() || !s.Look.Equal(due.At) {
			return nil
		}
		s.Look, s.Looks = tx.Now().Add(TransferLease), s.Looks+1
		o.surround(due.ID, s)
		job, ok = o.job(*t), true
		return tx.SaveOrder(o)
	})
	return job, ok, err
}

// Transferred books what is known of a transfer after it was sent or looked up, and gives it back to whoever
// looks next. kind is one of sent, unknown, delivered, undelivered and returned. It is never refused.
//
// Error: not_found when the order has no such transfer.
func (e *Engine) Transferred(ctx context.Context, orderID, transferID string, kind order.ChangeKind, ref rail.Ref) error {
	return e.update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		if o.transfer(transferID) == nil {
			return fault.New(fault.CodeNotFound, "no such transfer")
		}
		return e.transferred(tx, o, transferID, kind, ref, lookAgain(o.Sendings[transferID].Looks))
	})
}

// transferred is Transferred in a transaction, for whoever looks again after so long.
func (e *Engine) transferred(tx Tx, o *Order, transferID string, kind order.ChangeKind, ref rail.Ref, again time.Duration) error {
	s, was := o.Sendings[transferID], o.Sendings[transferID]
	if ref != "" {
		s.Ref = ref
	}
	if !s.Look.IsZero() {
		s.Look = tx.Now().Add(again)
	}
	o.surround(transferID, s)
	c := order.Change{Kind: kind, Actor: order.ByEngine, Transfer: order.Transfer{ID: transferID}}
	if err := lacks(tx, o, &c); err != nil {
		return err
	}
	out, err := e.apply(tx, o, c, false)
	switch {
	case err != nil:
		return err
	case out.Changed:
		return e.holdFailed(tx, o, c)
	case s != was:
		return tx.SaveOrder(o)
	}
	return nil
}

// lacks finds out what the merchant's balance lacks for a refund that was called failed, and so came back to it, and
// that arrives after all.
func lacks(tx Tx, o *Order, c *order.Change) error {
	t := o.transfer(c.Transfer.ID)
	if c.Kind != order.Delivered || t.Purpose != order.Refund || t.State != order.TransferFailed || t.Source.Kind() != ledger.Merchant {
		return nil
	}
	have, err := tx.Balance(t.Source, t.Amount.Asset(), o.Scope.Mode)
	if missing := t.Amount.Sub(have); err == nil && missing.Sign() > 0 {
		c.Lacks = missing
	}
	return err
}

// TransfersTold books what a rail found out of transfers beside what it watches. It never refuses a word.
func (e *Engine) TransfersTold(ctx context.Context, r rail.Name, words []rail.Word) error {
	for _, n := range e.networks {
		if n.Rail != r {
			continue
		}
		return e.update(ctx, Keys{}, func(tx Tx) error {
			for _, w := range words {
				if err := e.transferTold(tx, n, w); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return fault.New(fault.CodeNotConfigured, "the rail '"+string(r)+"' is not available")
}

// transferTold books what a rail says of a transfer by itself. A rail speaks only of what was sent on it. A
// transfer that nobody knows was not reserved here, for a reservation is always committed before its
// sending: there is nothing the word could be about.
func (e *Engine) transferTold(tx Tx, n Network, w rail.Word) error {
	kind, says := map[rail.Status]order.ChangeKind{
		rail.StatusSent: order.Sent, rail.StatusUnknown: order.Unknown, rail.StatusDelivered: order.Delivered,
		rail.StatusFailed: order.Undelivered, rail.StatusReturned: order.ReturnedBack,
	}[w.Status]
	if !says {
		return nil
	}
	owner, err := tx.OrderByTransfer(w.ID)
	if err != nil || owner == "" {
		return err
	}
	o, err := tx.Order(owner)
	if err != nil {
		return err
	}
	if o.transfer(w.ID).Rail != string(n.Rail) || o.Scope.Mode != n.Mode {
		return nil
	}
	if s := o.Sendings[w.ID]; w.Reason != "" && w.Reason != s.Reason {
		s.Reason = w.Reason
		o.surround(w.ID, s)
	}
	again := lookAgain(o.Sendings[w.ID].Looks)
	if w.Status == rail.StatusUnknown {
		again = UnknownLook
	}
	return e.transferred(tx, o, w.ID, kind, w.Ref, again)
}

// schedule says what workers have to do for an order: send it when it is paid, later after a delivery that
// failed; look no more at what is not in flight.
func (o *Order) schedule(now time.Time) {
	switch {
	case o.State != order.Paid || o.Terms.Instant || o.Approval.State == ApprovalOpen:
		o.SendAt = time.Time{}
	case o.SendAt.IsZero():
		o.SendAt = now.Add(sendAgain(o.failedDeliveries()))
	}
	for _, t := range o.Transfers {
		if s := o.Sendings[t.ID]; !t.State.InFlight() && !s.Look.IsZero() {
			s.Look = time.Time{}
			o.surround(t.ID, s)
		}
	}
}

// sendAgain is how long after a failed delivery the next is tried: 1 min, doubling to an hour.
func sendAgain(failed int) time.Duration {
	if failed == 0 {
		return 0
	}
	return min(time.Minute<<min(failed-1, 6), time.Hour)
}

// lookAgain is how long after a look at a transfer in flight the next follows: 5 s, doubling to ten minutes.
func lookAgain(looks int) time.Duration {
	return min(5*time.Second<<min(looks, 7), 10*time.Minute)
}

func (o *Order) failedDeliveries() (n int) {
	for _, t := range o.Transfers {
		if t.Purpose == order.Delivery && t.State == order.TransferFailed {
			n++
		}
	}
	return n
}

// transfer is nil when the order has no such transfer.
func (o *Order) transfer(id string) *order.Transfer {
	i := slices.IndexFunc(o.Transfers, func(t order.Transfer) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	return &o.Transfers[i]
}

func (o *Order) surround(transferID string, s Sending) {
	if o.Sendings == nil {
		o.Sendings = map[string]Sending{}
	}
	o.Sendings[transferID] = s
}

func (o *Order) job(t order.Transfer) Job {
	return Job{OrderID: o.ID, Purpose: t.Purpose, State: t.State,
		Delivery: rail.Delivery{ID: t.ID, To: o.Sendings[t.ID].To, Amount: t.Amount}}
}
