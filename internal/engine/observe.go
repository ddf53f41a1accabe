package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// maxPayments is how many payments one order takes in. Further ones are money of nobody: each is kept and
// booked, an operator may assign it, and the cost of a payment does not grow with their number.
const maxPayments = 200

// Report is what a rail tells at once: how far it has told everything, and what it saw on the way.
type Report struct {
	Progress Progress
	Seen     []rail.Observation
}

// Observe books what a rail saw and moves its cursor, in one transaction: a cursor that moved has told
// everything before it, and a crash in between tells it again. An observation is never refused.
//
// Errors: version_conflict when another watcher has taken over the rail; forbidden when the rail makes its
// payments up and the mode is live.
func (e *Engine) Observe(ctx context.Context, n Network, r Report) error {
	if n.Simulated && n.Mode == Live {
		return fault.New(fault.CodeForbidden, "a live mode takes no simulated payment")
	}
	want := Keys{}
	for _, s := range r.Seen {
		if s.Transfer != nil || s.Rank == 0 {
			continue
		}
		want.Payments = append(want.Payments, order.PaymentKey{Rail: string(n.Rail), External: s.External})
	}
	return e.update(ctx, want, func(tx Tx) error {
		if err := tx.SaveProgress(r.Progress); err != nil {
			return err
		}
		for _, s := range r.Seen {
			var err error
			switch {
			case s.Transfer != nil:
				err = e.transferTold(tx, n, *s.Transfer)
			case s.Session != nil && n.Pages:
				err = e.pageTold(tx, n, s)
			case s.Session != nil:
				err = e.gatewayTold(tx, n, s)
			default:
				err = e.observe(tx, n, s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// observe finds who owns a payment (the order that was told of it before, else the order of the network's
// mode that held the instrument at that time, else a new order where a standing instruction held it, else nobody)
// and tells the owner.
func (e *Engine) observe(tx Tx, n Network, s rail.Observation) error {
	return e.observeHeld(tx, n, s, s.Value)
}

// observeHeld is observe for a rail whose value times say less than when the instrument was used: held is when its owner must have held
// it. A payment to no instrument is nobody's.
func (e *Engine) observeHeld(tx Tx, n Network, s rail.Observation, held time.Time) error {
	key := order.PaymentKey{Rail: string(n.Rail), External: s.External}
	owner, err := tx.OrderByPayment(key)
	if err != nil {
		return err
	}
	in := Instrument{Family: n.Family, Value: s.Instrument}
	isNew := owner == ""
	if isNew {
		stray, err := tx.Stray(key)
		if err != nil {
			return err
		}
		if stray != nil {
			return e.observeStray(tx, n, *stray, s)
		}
		if in.Value == "" {
			return e.newStray(tx, n, in, s)
		}
		hold, err := tx.HoldAt(in, n.Rail, held)
		if err != nil {
			return err
		}
		if err := arrived(tx, n, in, hold, held); err != nil {
			return err
		}
		if hold == nil {
			return e.newStray(tx, n, in, s)
		}
		if hold.IsStanding() {
			return e.arrive(tx, n, hold, s)
		}
		owner = hold.OrderID
	}
	o, err := tx.Order(owner)
	if err != nil {
		return err
	}
	// An address is the same on test networks; and nobody pays an order in hundreds of parts, but anybody
	// can send dust to its address.
	if isNew && (o.Scope.Mode != n.Mode || len(o.Payments) >= maxPayments) {
		return e.newStray(tx, n, in, s)
	}
	return e.tellPayment(tx, n, o, s)
}

// tellPayment tells an order of a payment.
func (e *Engine) tellPayment(tx Tx, n Network, o *Order, s rail.Observation) error {
	_, err := e.tellChanged(tx, n, o, s)
	return err
}

// tellChanged is tellPayment, and says whether that changed anything: then the order is saved.
func (e *Engine) tellChanged(tx Tx, n Network, o *Order, s rail.Observation) (bool, error) {
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return false, err
	}
	skew := time.Duration(0)
	if o.Rail == n.Rail {
		skew = o.Skew
	}
	stranger := o.stranger(s.Evidence.Document)
	attempt, chosen := o.paidBy(n.Rail, s.Instrument)
	if attempt != "" {
		skew = chosen.Skew
	}
	if stranger {
		attempt = "" // it is no success of his who chose
	}
	s.Evidence.At = s.Value
	c := order.Change{Kind: told(s.Rank), Actor: order.ByEngine, Payment: order.Payment{
		PaymentKey: order.PaymentKey{Rail: string(n.Rail), External: s.External}, Epoch: s.Epoch, Amount: s.Amount,
		Value:  clock.Shift(s.Value.Add(-skew)),
		Source: payer(o.Terms.Book, n.Rail), Evidence: s.Evidence, Attempt: attempt, Stranger: stranger, Final: s.Final,
	}}
	if err := e.screenPayment(tx, o, &c); err != nil {
		return false, err
	}
	out, err := e.apply(tx, o, c, false)
	if err == nil && out.Changed && c.Kind == order.PayConfirmed {
		err = e.sendBack(tx, o, c.Payment.PaymentKey, "")
	}
	return out.Changed, err
}

// newStray records the first word of a payment that hit an instrument no order held at that time.
func (e *Engine) newStray(tx Tx, n Network, in Instrument, s rail.Observation) error {
	stray := Stray{Mode: n.Mode, Instrument: in, Payment: order.Payment{PaymentKey: order.PaymentKey{Rail: string(n.Rail), External: s.External}}}
	if in.Value != "" {
		pool, err := tx.InstrumentPool(in)
		if err != nil {
			return err
		}
		if pool != nil {
			stray.Merchant = pool.Merchant
		}
	}
	return e.observeStray(tx, n, stray, s)
}

// observeStray keeps the books of money that no order owns.
func (e *Engine) observeStray(tx Tx, n Network, stray Stray, s rail.Observation) error {
	book := ledger.House
	switch {
	case stray.Merchant == "":
	case n.Custodial:
		book = ledger.Owed(stray.Merchant)
	default:
		book = ledger.Wallet(stray.Merchant)
	}
	clock, err := tx.Clock(stray.Mode)
	if err != nil {
		return err
	}
	s.Evidence.At = s.Value
	c := order.Change{Kind: told(s.Rank), At: clock.Shift(tx.Now()), Payment: order.Payment{
		PaymentKey: stray.PaymentKey, Epoch: s.Epoch, Amount: s.Amount, Value: clock.Shift(s.Value),
		Source: payer(book, n.Rail), Evidence: s.Evidence, Final: s.Final,
	}}
	next, postings, _, changed := order.ApplyStray(stray.Payment, c, book)
	if !changed {
		return nil
	}
	stray.Payment = next
	if err := tx.SaveStray(&stray); err != nil {
		return err
	}
	if len(postings) == 0 {
		return nil
	}
	return tx.AddEntry(Entry{ID: tx.NewID(), Merchant: stray.Merchant, Mode: stray.Mode, At: tx.Now(), Postings: postings})
}

// payer is the account outside that a rail's money comes from. A wallet's memorandum has its own.
func payer(book ledger.Book, r rail.Name) ledger.Account {
	if book.IsWallet() {
		return book.Account(ledger.PayerOn(string(r)))
	}
	return ledger.House.Account(ledger.PayerOn(string(r)))
}

func told(r order.Rank) order.ChangeKind {
	switch r {
	case order.RankSeen:
		return order.PaySeen
	case order.RankFailed:
		return order.PayFailed
	case order.RankConfirmed:
		return order.PayConfirmed
	default:
		return order.PayReversed
	}
}

// tickPage is how many orders one transaction of Tick looks at.
const tickPage = 100

// Tick lets time pass for the orders of one rail whose deadline the rail has told everything up to. It
// returns how many orders it looked at, each once: an order that a tick does not change (its own clock is
// behind the rail's) holds up no other and waits for the next call. An order that fails is in the error;
// the others are ticked all the same.
//
// through is the smaller of now and the rail's horizon, on the mode's clock: an order never expires
// before every payment up to its deadline could have been told. One whose payer chose methods of several rails waits
// for each of them; the orders of no rail (""), whose payers have chosen nothing, expire by the clock.
func (e *Engine) Tick(ctx context.Context, m Mode, r rail.Name, now time.Time) (n int, err error) {
	var failures []error
	for after := (Due{}); ; {
		page, err := e.due(ctx, m, r, now, after)
		if err != nil {
			return n, errors.Join(append(failures, err)...)
		}
		failures = append(failures, e.tickAll(ctx, page)...)
		n += len(page)
		if len(page) < tickPage || ctx.Err() != nil {
			return n, errors.Join(failures...)
		}
		after = page[len(page)-1]
	}
}

func (e *Engine) due(ctx context.Context, m Mode, r rail.Name, now time.Time, after Due) ([]Due, error) {
	var page []Due
	err := e.store.View(ctx, func(rd Reader) error {
		clock, err := rd.Clock(m)
		if err != nil {
			return err
		}
		if r == "" {
			page, err = rd.Due(m, r, clock.Shift(now), after, tickPage)
			return err
		}
		p, err := rd.Progress(r)
		if err != nil || p == nil {
			return err
		}
		page, err = rd.Due(m, r, through(clock, now, p.Cursor.Horizon), after, tickPage)
		return err
	})
	return page, err
}

// tickAll ticks a page in one transaction or, when that fails, each order in its own.
func (e *Engine) tickAll(ctx context.Context, page []Due) (failures []error) {
	if len(page) == 0 || e.tickTogether(ctx, page) == nil {
		return nil
	}
	for i := range page {
		if err := e.tickTogether(ctx, page[i:i+1]); err != nil {
			failures = append(failures, fmt.Errorf("order %s: %w", page[i].ID, err))
		}
	}
	return failures
}

func (e *Engine) tickTogether(ctx context.Context, page []Due) error {
	var want Keys
	for _, d := range page {
		want.Orders = append(want.Orders, d.ID)
	}
	return e.update(ctx, want, func(tx Tx) error {
		for _, d := range page {
			if err := e.tick(tx, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) tick(tx Tx, id string) error {
	o, err := tx.Order(id)
	if err != nil {
		return err
	}
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return err
	}
	passed := clock.Shift(tx.Now()) // of an order without a rail
	for _, path := range o.Paths() {
		p, err := tx.Progress(path.Rail)
		if err != nil || p == nil {
			return err
		}
		if on := through(clock, tx.Now(), p.Cursor.Horizon.Add(-path.Skew)); on.Before(passed) {
			passed = on
		}
	}
	_, err = e.apply(tx, o, order.Change{Kind: order.Tick, Actor: order.ByEngine, Through: passed}, false)
	return err
}

// through is how far time has passed for a rail. A rail without a horizon has told all there is.
func through(clock Clock, now, horizon time.Time) time.Time {
	if horizon.IsZero() || now.Before(horizon) {
		return clock.Shift(now)
	}
	return clock.Shift(horizon)
}
