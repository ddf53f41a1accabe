// Package engine is the one engine under every API: its use cases, one file each, and the storage port.
//
// A use case always has the same bracket, in one transaction: load, order.Apply, save, write postings,
// append events. No network inside it. The engine knows legs and rails, never an API; what an API looks
// like is in internal/dialect, how rows are stored in internal/store, how money moves in internal/rail.
package engine

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Rest is how long an instrument rests after its order ended before another order may get it, unless the order
// says otherwise.
const Rest = 30 * time.Minute

// Engine runs the use cases. Safe for concurrent use.
type Engine struct {
	store      Store
	networks   map[string]Network
	modes      map[Mode][]Network // the same, by id
	methods    []Method           // by country and code
	gateways   map[string]Gateway
	random     io.Reader               // for public ids of arrivals
	wake       func()                  // called after each commit of a use case; must not block
	limits     Limits                  // of what leaves without a second person's word
	who        string                  // the operator this engine is for; empty: the program itself
	payees     Payees                  // nil: no account can be paid to
	screener   Screener                // nil: there is nobody on any list
	blobs      Blobs                   // the bytes of files
	forgetters map[string]Forgetter    // by the word of their API
	maxFile    int64                   // how many one may have
	second     map[string]money.Amount // above which two persons approve a review, by the code of what is due
	batches    map[rail.Name]rail.Batcher
	exchange   *exchange // on what terms the house exchanges
	looks      *looks    // shared by all engines over the store
}

// New makes an engine over a store and the networks it collects on. wake is called after each commit
// of a use case, so that the workers need not wait for their next look; it may be nil.
func New(store Store, networks []Network, wake func()) *Engine {
	e := &Engine{store: store, networks: map[string]Network{}, random: rand.Reader, wake: wake, looks: newLooks(store)}
	for _, n := range networks {
		e.networks[n.ID] = n
	}
	e.modes = byMode(e.networks)
	e.SetBlobs(nil, 0)
	if e.wake == nil {
		e.wake = func() {}
	}
	e.exchange, _ = newExchange(DefaultExchange()) // its factor is above 1 and it has no references
	return e
}

// update runs fn in a transaction and wakes the workers, who look for what it left them.
func (e *Engine) update(ctx context.Context, want Keys, fn func(Tx) error) error {
	if err := e.store.Update(ctx, want, fn); err != nil {
		return err
	}
	e.wake()
	return nil
}

// apply runs one change on an order that is on record (or about to be, when fresh) and writes all that
// follows: the order, its postings, its events, the end of its hold on an instrument.
func (e *Engine) apply(tx Tx, o *Order, c order.Change, fresh bool) (order.Outcome, error) {
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return order.Outcome{}, err
	}
	now := clock.Shift(tx.Now())
	c.At = now

	was, overlay := o.State, o.Overlay
	out, err := order.Apply(o.Order, c)
	if err != nil || !out.Changed {
		return out, err
	}
	out, released, err := o.releaseOwn(out, c)
	if err != nil {
		return out, err
	}
	cursor, err := cursorOn(tx, o.Rail)
	if err != nil {
		return out, err
	}
	head := cursor.Head

	o.Order = out.Order
	o.UpdatedAt, o.Head = now, head
	if (c.Kind == order.PayConfirmed || c.Kind == order.AssignIt) && (c.Payment.PaymentKey == o.Closing || tells(out.Events, "order.paid")) {
		o.Closing, o.ClosingAt = c.Payment.PaymentKey, head
	}
	if o.State.Terminal() && !was.Terminal() {
		o.EndedAt = now
	}
	o.schedule(tx.Now())
	if err := stopWaiting(tx, o); err != nil {
		return out, err
	}
	if err := unask(tx, o); err != nil {
		return out, err
	}
	events := e.events(tx, o, out.Events, now, head)
	sayWhy(events, released)
	if o.Kind != "" {
		sayBefore(events, was, overlay)
	}
	if err := e.notify(tx, o, events, fresh, o.State.Terminal() && !was.Terminal()); err != nil {
		return out, err
	}

	if fresh {
		err = tx.InsertOrder(o)
	} else {
		err = tx.SaveOrder(o)
	}
	if err != nil {
		return out, err
	}
	if err := commanded(tx, o, c); err != nil {
		return out, err
	}
	if o.State == order.Completed && was != order.Completed && o.Standing != "" {
		if err := count(tx, o, now); err != nil {
			return out, err
		}
	}
	if o.State.Terminal() && !was.Terminal() && o.Standing == "" {
		if err := e.letGo(tx, o, now); err != nil {
			return out, err
		}
	}
	if o.PolicyApproval != "" && !fresh {
		if err := o.decided(tx, now); err != nil {
			return out, err
		}
	}
	if o.State == order.Completed && was != order.Completed && o.Purchase != (Purchase{}) {
		if err := handOver(tx, o); err != nil {
			return out, err
		}
	}
	if o.Offer != "" && o.State.Terminal() && !was.Terminal() {
		if err := settle(tx, o.Offer, o.State); err != nil {
			return out, err
		}
	}
	if len(out.Postings) > 0 {
		if err := e.post(tx, o, out.Postings, c.Kind.IsCommand()); err != nil {
			return out, err
		}
	}
	if err := requoteLater(tx, o, released); err != nil {
		return out, err
	}
	return out, tx.AddEvents(events)
}

// letGo ends an order's hold on each of its instruments, on the clock of the instrument's rail.
func (e *Engine) letGo(tx Tx, o *Order, now time.Time) error {
	for _, p := range o.Paths() {
		if p.Instrument.Value == "" {
			continue
		}
		cursor, err := cursorOn(tx, p.Rail)
		if err != nil {
			return err
		}
		until := cursor.Horizon
		if until.IsZero() {
			until = tx.Now()
		}
		if err := tx.FreeInstrument(p.Instrument, o.ID, until, e.restUntil(o, now)); err != nil {
			return err
		}
	}
	return nil
}

// restUntil is when an order's instrument may serve again: after every moment at which money could still
// have been meant for this order, and the rest.
func (e *Engine) restUntil(o *Order, now time.Time) time.Time {
	until := now
	for _, t := range []time.Time{o.Terms.Deadline, o.Terms.ConfirmBy} {
		if t.After(until) {
			until = t
		}
	}
	return until.Add(o.Rest)
}

// post writes an entry. No command takes a merchant's spendable balance below zero; what a rail tells has
// happened, so it is never refused for a balance.
func (e *Engine) post(tx Tx, o *Order, postings []order.Posting, command bool) error {
	for _, p := range postings {
		if !command || p.From.Kind() != ledger.Merchant || p.From.MayBeNegative() || p.From.Book() == ledger.Wallet(o.Scope.Merchant) {
			continue
		}
		have, err := tx.Balance(p.From, p.Amount.Asset(), o.Scope.Mode)
		if err != nil {
			return err
		}
		if have.Cmp(p.Amount) < 0 {
			return fault.New(fault.CodeInsufficientBalance, "the balance does not cover this").
				With("available", have.Decimal()).With("required", p.Amount.Decimal())
		}
	}
	return tx.AddEntry(Entry{ID: tx.NewID(), OrderID: o.ID, Merchant: o.Scope.Merchant, Mode: o.Scope.Mode, At: tx.Now(), Postings: postings})
}

// events turns the machine's events into rows, numbered within the order.
func (e *Engine) events(tx Tx, o *Order, list []order.Event, now time.Time, head uint64) []Event {
	rows := make([]Event, 0, len(list))
	for _, ev := range list {
		o.EventSeq++
		f := Facts{Received: o.Received(), Payment: ev.Payment, Ref: ev.Ref, At: now}
		for _, p := range o.Payments {
			if p.PaymentKey == ev.Payment {
				f.Amount, f.Evidence = p.Amount, p.Evidence
				f.Confirmations = confirmations(p, head)
			}
		}
		if s := o.Sendings[ev.Ref]; s.Reason != "" && (strings.HasSuffix(ev.Type, ".returned") || strings.HasSuffix(ev.Type, ".failed")) {
			f.Details = map[string]string{"reason": s.Reason}
		}
		rows = append(rows, Event{
			ID: tx.NewID(), OrderID: o.ID, Scope: o.Scope, Seq: o.EventSeq,
			Type: ev.Type, State: ev.State, Overlay: ev.Overlay, Row: ev.Row, At: tx.Now(), Facts: f,
		})
	}
	return rows
}

// cursorOn is how far a rail has told everything; the zero Cursor where there is no rail, or it told nothing.
func cursorOn(tx Tx, r rail.Name) (rail.Cursor, error) {
	if r == "" {
		return rail.Cursor{}, nil
	}
	p, err := tx.Progress(r)
	if err != nil || p == nil {
		return rail.Cursor{}, err
	}
	return p.Cursor, nil
}

// Confirmations counts the blocks from a payment's block to its rail's head, both included. It is live
// while the order is open and stands still, at its value of that moment, for the payment that closed it. A
// reorganisation sets that one in motion again, until it is final in another block.
func (o *Order) Confirmations(p order.Payment) uint64 {
	if p.PaymentKey == o.Closing && p.Rank == order.RankConfirmed {
		return confirmations(p, o.ClosingAt)
	}
	return confirmations(p, o.Head)
}

func confirmations(p order.Payment, head uint64) uint64 {
	if p.Evidence.Block == 0 || head < p.Evidence.Block || p.Rank == order.RankReversed || p.Rank == order.RankFailed {
		return 0
	}
	return head - p.Evidence.Block + 1
}

func tells(events []order.Event, kind string) bool {
	for _, ev := range events {
		if ev.Type == kind {
			return true
		}
	}
	return false
}
