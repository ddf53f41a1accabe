package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/order"
	"till/internal/rail"
)

const (
	deliverPage  = 100              // transfers or orders read at once
	deliverWidth = 8                // calls of one rail at a time
	callTimeout  = 30 * time.Second // of one call; far less than engine.TransferLease
)

// deliverEngine is what delivering needs of the engine.
type deliverEngine interface {
	Waiting(ctx context.Context, r rail.Name, now time.Time, after engine.Due, limit int) ([]engine.Due, error)
	InFlight(ctx context.Context, r rail.Name, now time.Time, after engine.Due, limit int) ([]engine.DueTransfer, error)
	Reserve(ctx context.Context, orderID string) (engine.Job, error)
	Hand(ctx context.Context, orderID string, to rail.Taker) (job engine.Job, answer, err error)
	Postpone(ctx context.Context, orderID string, until time.Time) error
	Claim(ctx context.Context, due engine.DueTransfer) (engine.Job, bool, error)
	Transferred(ctx context.Context, orderID, transferID string, kind order.ChangeKind, ref rail.Ref) error
	TransfersTold(ctx context.Context, r rail.Name, words []rail.Word) error
}

// Deliver sends money on one rail: deliveries of paid orders, and refunds. What was reserved is sent; what
// was sent, or may have been, is looked up, and sent again only after a look-up that knows nothing of it.
// Each transfer is claimed in the database before the rail is called, so that two processes never work on
// one. A rail.Taker is not called for a delivery: it has the transfer as soon as the money is reserved. Each rail has a loop of its own, so that one that hangs delays no other.
type Deliver struct {
	*loop
	engine deliverEngine
	sender rail.Sender
}

// Run delivers until ctx ends. Calls in flight then get a grace to be answered and recorded; what is cut off
// is looked up at the next start.
func (d *Deliver) Run(ctx context.Context) {
	calling, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cut) })
	defer stop()
	d.run(ctx, func(ctx context.Context) (int, error) { return d.round(ctx, calling) })
}

// RunOnce looks up every transfer that is due, sends every order that waits, and returns how many of both
// there were. The error joins those of single transfers; it held up no other.
func (d *Deliver) RunOnce(ctx context.Context) (int, error) { return d.round(ctx, ctx) }

func (d *Deliver) round(ctx, calling context.Context) (int, error) {
	now := d.now()
	looked, err := d.lookAll(ctx, calling, now)
	sent, sendErr := d.sendAll(ctx, calling, now)
	return looked + sent, errors.Join(err, sendErr)
}

func (d *Deliver) lookAll(ctx, calling context.Context, now time.Time) (n int, err error) {
	var failures []error
	for after := (engine.Due{}); ctx.Err() == nil; {
		page, err := d.engine.InFlight(ctx, d.sender.Name(), now, after, deliverPage)
		if err != nil {
			return n, errors.Join(append(failures, err)...)
		}
		failures = append(failures, each(ctx, page, func(due engine.DueTransfer) error { return d.look(calling, due) }))
		n += len(page)
		if len(page) < deliverPage {
			break
		}
		after = page[len(page)-1].Due
	}
	return n, errors.Join(failures...)
}

func (d *Deliver) sendAll(ctx, calling context.Context, now time.Time) (n int, err error) {
	var failures []error
	for after := (engine.Due{}); ctx.Err() == nil; {
		page, err := d.engine.Waiting(ctx, d.sender.Name(), now, after, deliverPage)
		if err != nil {
			return n, errors.Join(append(failures, err)...)
		}
		failures = append(failures, each(ctx, page, func(due engine.Due) error { return d.begin(calling, due.ID) }))
		n += len(page)
		if len(page) < deliverPage {
			break
		}
		after = page[len(page)-1]
	}
	return n, errors.Join(failures...)
}

// each works on a page, a few at a time, and begins nothing more once ctx has ended.
func each[T any](ctx context.Context, page []T, work func(T) error) error {
	errs := make([]error, len(page))
	places := make(chan struct{}, deliverWidth)
	var working sync.WaitGroup
	for i, one := range page {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		working.Go(func() {
			defer func() { <-places }()
			errs[i] = work(one)
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

// begin reserves an order's money and sends it. An order that was cancelled or taken by another worker
// meanwhile is none of ours; one whose merchant is short waits, and so does one that cannot be reserved, lest
// it holds up the others.
func (d *Deliver) begin(ctx context.Context, orderID string) error {
	killpoint.Here("deliver.reserve")
	job, err := d.reserve(ctx, orderID)
	switch {
	case fault.Is(err, fault.CodeOrderStateConflict):
		return nil
	case fault.Is(err, fault.CodeInsufficientBalance):
		return d.engine.Postpone(ctx, orderID, d.now().Add(engine.ShortWait))
	case err != nil:
		return errors.Join(err, d.engine.Postpone(ctx, orderID, d.now().Add(engine.ShortWait)))
	case job == nil:
		return nil
	}
	killpoint.Here("deliver.reserved")
	return d.send(ctx, *job)
}

// reserve returns what is to be sent then: nothing where the rail has taken it in the same transaction.
func (d *Deliver) reserve(ctx context.Context, orderID string) (*engine.Job, error) {
	taker, takes := d.sender.(rail.Taker)
	if !takes {
		job, err := d.engine.Reserve(ctx, orderID)
		return &job, err
	}
	job, answer, err := d.engine.Hand(ctx, orderID, taker)
	if err == nil {
		killpoint.Here("deliver.taken")
		d.say(job, answer)
	}
	return nil, err
}

// send calls the rail and records what is known afterwards. An answer that never came makes the transfer
// unknown, which the next look finds; one that cannot be sent at present stays what it is.
func (d *Deliver) send(ctx context.Context, job engine.Job) error {
	within, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ref, err := d.sender.Send(within, job.Delivery)
	killpoint.Here("deliver.sent")
	d.say(job, err)
	kind := engine.SentAs(err)
	if kind == "" {
		return nil
	}
	return d.record(ctx, job, kind, ref)
}

// say logs what a rail answered to a sending that it did not take.
func (d *Deliver) say(job engine.Job, answer error) {
	if answer == nil {
		return
	}
	if kind := engine.SentAs(answer); kind != "" {
		d.log.Warn("a transfer was not taken", "transfer", job.ID, "order", job.OrderID, "outcome", string(kind), "error", answer)
		return
	}
	d.log.Warn("a transfer waits", "transfer", job.ID, "order", job.OrderID, "error", answer)
}

// look asks the rail what became of a transfer, and sends it when the rail never heard of it: then the
// process died before it was sent, or the sending was lost.
func (d *Deliver) look(ctx context.Context, due engine.DueTransfer) error {
	job, ok, err := d.engine.Claim(ctx, due)
	if err != nil || !ok {
		return err
	}
	killpoint.Here("deliver.claimed")
	within, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	status, ref, err := d.sender.Lookup(within, job.Delivery)
	if err != nil {
		return err // the lease is the pause before the next look
	}
	killpoint.Here("deliver.looked")
	switch status {
	case rail.StatusNone:
		if job.State == order.TransferSent {
			return errors.New("the rail took transfer " + job.ID + " and knows nothing of it now: it is not sent again")
		}
		return d.send(ctx, job)
	case rail.StatusSent:
		return d.record(ctx, job, order.Sent, ref)
	case rail.StatusUnknown: // the rail's own word, after which it is left alone
		return d.engine.TransfersTold(ctx, d.sender.Name(), []rail.Word{{ID: job.ID, Status: status, Ref: ref}})
	case rail.StatusDelivered:
		return d.record(ctx, job, order.Delivered, ref)
	case rail.StatusFailed:
		return d.record(ctx, job, order.Undelivered, ref)
	case rail.StatusReturned:
		return d.record(ctx, job, order.ReturnedBack, ref)
	}
	return errors.New("the rail answered a look-up with " + string(status))
}

// record stores an outcome, even when the call was cut off by the end of ctx.
func (d *Deliver) record(ctx context.Context, job engine.Job, kind order.ChangeKind, ref rail.Ref) error {
	killpoint.Here("deliver.record")
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := d.engine.Transferred(within, job.OrderID, job.ID, kind, ref)
	if err == nil {
		killpoint.Here("deliver.recorded")
	}
	return err
}
