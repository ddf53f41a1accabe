package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Limit bounds what leaves the house in one asset without a second person's word. A zero Amount is no bound.
type Limit struct {
	Order money.Amount // of one delivery or refund
	Day   money.Amount // of all of them in one day, by UTC: what was reserved or approved, also what failed afterwards
}

// Limits are by the rail that money leaves by, and the asset.
type Limits map[rail.Name]map[money.Asset]Limit

// Limited is the engine with limits.
func (e *Engine) Limited(l Limits) *Engine {
	mine := *e
	mine.limits = l
	return &mine
}

// Approval is what a second person says of a delivery or refund that is above a limit. It waits until then: a delivery
// as a paid order, which can still be cancelled, a refund as a transfer that nobody sends.
type Approval struct {
	State ApprovalState `json:",omitempty"`
	Why   string        `json:",omitempty"` // which limit, in words
	Asked time.Time     `json:",omitzero"`
	Who   string        `json:",omitempty"` // who decided
	At    time.Time     `json:",omitzero"`
}

// ApprovalState is where an approval stands.
type ApprovalState string

const (
	ApprovalNone     ApprovalState = ""         // no limit is met
	ApprovalOpen     ApprovalState = "open"     // an operator decides next
	ApprovalApproved ApprovalState = "approved" // it goes its way, also when it is sent again
	ApprovalRefused  ApprovalState = "refused"
)

// The events of an approval. Their Ref is why.
const (
	eventWaits    = ".waits"
	eventApproved = ".approved"
	eventRefused  = ".refused"
)

// limitMemory is the name under which the engine counts, beside the rails' own memories. No rail is called so: a rail's
// name has a family or stands alone as one, and this one is neither.
const limitMemory rail.Name = "engine.limits"

// AwaitsApproval is a delivery or refund that waits for a second person.
type AwaitsApproval struct {
	OrderID  string
	PublicID string
	Scope    Scope
	Purpose  order.Purpose
	Transfer string // the refund's id; empty: a delivery, which has none yet
	Rail     rail.Name
	To       string
	Amount   money.Amount
	Maker    string // who made the order, or asked for the refund; empty: nobody is known
	Approval
}

// Decision is an operator's word on what waits.
type Decision struct {
	OrderID  string
	Transfer string // the refund's id; empty: the delivery
	Who      string
	Reason   string // of a refusal, for people
}

// exceeds says which limit an amount is above; "" for none.
func (e *Engine) exceeds(tx Tx, r rail.Name, amount money.Amount) (string, error) {
	l, limited := e.limits[r][amount.Asset()]
	switch {
	case !limited:
		return "", nil
	case l.Order.Sign() > 0 && amount.Cmp(l.Order) > 0:
		return amount.String() + " is more than the limit of " + l.Order.String() + " for one order", nil
	case l.Day.Sign() > 0:
		sum, err := sentOn(tx, r, amount.Asset())
		if err != nil {
			return "", err
		}
		if sum.Add(amount).Cmp(l.Day) > 0 {
			return amount.String() + " and " + sum.String() + " of the same day are more than the limit of " + l.Day.String(), nil
		}
	}
	return "", nil
}

func dayKey(tx Tx, r rail.Name, asset money.Asset) string {
	return "day/" + string(r) + "/" + asset.String() + "/" + tx.Now().UTC().Format(time.DateOnly)
}

// sentOn is what has left by a rail today, of what has a limit.
func sentOn(tx Tx, r rail.Name, asset money.Asset) (money.Amount, error) {
	text, err := tx.RailState(limitMemory, dayKey(tx, r, asset))
	if err != nil || text == nil {
		return money.Zero(asset), err
	}
	return money.ParseUnits(asset, string(text))
}

// counts adds an amount to the day's sum. A day's sum is forgotten a day later.
func (e *Engine) counts(tx Tx, r rail.Name, amount money.Amount) error {
	if _, limited := e.limits[r][amount.Asset()]; !limited {
		return nil
	}
	sum, err := sentOn(tx, r, amount.Asset())
	if err != nil {
		return err
	}
	before := "day/" + string(r) + "/" + amount.Asset().String() + "/" + tx.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)
	if err := tx.SaveRailState(limitMemory, before, nil); err != nil {
		return err
	}
	return tx.SaveRailState(limitMemory, dayKey(tx, r, amount.Asset()), []byte(sum.Add(amount).Units()))
}

// mayDeliver says whether an order that is paid may be sent. When it is above a limit it waits for a second person, and
// that is on record when the transaction is.
func (e *Engine) mayDeliver(tx Tx, o *Order) (bool, error) {
	amount := o.Terms.Delivers()
	switch o.Approval.State {
	case ApprovalApproved:
		return true, nil
	case ApprovalOpen:
		return false, nil
	}
	why, err := e.exceeds(tx, o.Destination.Rail, amount)
	if err != nil || why == "" {
		return err == nil, err
	}
	o.Approval = Approval{State: ApprovalOpen, Why: why, Asked: tx.Now()}
	o.schedule(tx.Now())
	if err := waits(tx, o, ""); err != nil {
		return false, err
	}
	return false, e.tellApproval(tx, o, order.Delivery, eventWaits, why)
}

// mayRefund is mayDeliver for a refund that was just reserved.
func (e *Engine) mayRefund(tx Tx, o *Order, id string, amount money.Amount) error {
	s := o.Sendings[id]
	why, err := e.exceeds(tx, s.Rail, amount)
	if err != nil {
		return err
	}
	if why == "" {
		return e.counts(tx, s.Rail, amount)
	}
	s.Look, s.Approval = time.Time{}, Approval{State: ApprovalOpen, Why: why, Asked: tx.Now()}
	o.surround(id, s)
	if err := waits(tx, o, id); err != nil {
		return err
	}
	return e.tellApproval(tx, o, order.Refund, eventWaits, why)
}

// tellApproval saves the order and writes the event of an approval.
func (e *Engine) tellApproval(tx Tx, o *Order, p order.Purpose, what, why string) error {
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return err
	}
	now := clock.Shift(tx.Now())
	o.UpdatedAt = now
	cursor, err := cursorOn(tx, o.Rail)
	if err != nil {
		return err
	}
	events := e.events(tx, o, []order.Event{{Type: string(p) + what, State: o.State, Overlay: o.Overlay, Ref: why}}, now, cursor.Head)
	if err := tx.SaveOrder(o); err != nil {
		return err
	}
	return tx.AddEvents(events)
}

func waitKey(o *Order, transfer string) string {
	return "wait/" + o.ID + "/" + transfer
}

// waits puts what waits where operators find it.
func waits(tx Tx, o *Order, transfer string) error {
	return tx.SaveRailState(limitMemory, waitKey(o, transfer), []byte("{}"))
}

// stopWaiting forgets an approval that is asked for no more, because the order has left the state paid.
func stopWaiting(tx Tx, o *Order) error {
	if o.Approval.State != ApprovalOpen || o.State == order.Paid {
		return nil
	}
	o.Approval = Approval{}
	return tx.SaveRailState(limitMemory, waitKey(o, ""), nil)
}

// AwaitApproval lists what waits for a second person, the oldest order first, behind the given order and transfer.
func (e *Engine) AwaitApproval(ctx context.Context, after AwaitsApproval, limit int) (list []AwaitsApproval, err error) {
	begin := ""
	if after.OrderID != "" {
		begin = "wait/" + after.OrderID + "/" + after.Transfer
	}
	err = e.store.View(ctx, func(rd Reader) error {
		list = nil
		rows, err := rd.RailStates(limitMemory, "wait/", begin, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			id, transfer, _ := strings.Cut(strings.TrimPrefix(row.Key, "wait/"), "/")
			o, err := rd.Order(id)
			if err != nil {
				return err
			}
			if w, open := o.awaits(transfer); open {
				list = append(list, w)
			}
		}
		return nil
	})
	return list, err
}

// awaits is what an order's delivery or refund waits for; open is false when nobody is asked any more.
func (o *Order) awaits(transfer string) (w AwaitsApproval, open bool) {
	w = AwaitsApproval{OrderID: o.ID, PublicID: o.PublicID, Scope: o.Scope, Transfer: transfer}
	if transfer == "" {
		w.Purpose, w.Rail, w.To, w.Amount = order.Delivery, o.Destination.Rail, o.Destination.To, o.Terms.Delivers()
		w.Maker, w.Approval = o.Maker, o.Approval
		return w, w.State == ApprovalOpen
	}
	t, s := o.transfer(transfer), o.Sendings[transfer]
	if t == nil {
		return w, false
	}
	w.Purpose, w.Rail, w.To, w.Amount, w.Maker, w.Approval = order.Refund, s.Rail, s.To, t.Amount, s.Maker, s.Approval
	return w, w.State == ApprovalOpen
}

// ApproveDelivery lets what waits go its way. It counts for the day like all else. Only operators may call it, and not
// who made the order or asked for the refund, nor by a key that he made.
//
// Errors: not_found; order_state_conflict when nothing waits, also when it was decided before; forbidden for its maker.
func (e *Engine) ApproveDelivery(ctx context.Context, d Decision) (*Order, error) {
	return e.decide(ctx, d, "delivery.approve", func(tx Tx, o *Order, w AwaitsApproval) error {
		w.Approval.State, w.Approval.Who, w.Approval.At = ApprovalApproved, d.Who, tx.Now()
		if w.Transfer == "" {
			o.Approval = w.Approval
			o.schedule(tx.Now())
		} else {
			s := o.Sendings[w.Transfer]
			s.Approval, s.Look = w.Approval, tx.Now()
			o.surround(w.Transfer, s)
			if err := e.counts(tx, w.Rail, w.Amount); err != nil {
				return err
			}
		}
		return e.tellApproval(tx, o, w.Purpose, eventApproved, "by "+d.Who)
	})
}

// RefuseDelivery ends what waits: the order is cancelled, and the money set aside or back in the balance it came from;
// a refund's money goes back to where it was taken from. Only operators may call it.
//
// Errors: not_found; order_state_conflict when nothing waits, also when it was decided before.
func (e *Engine) RefuseDelivery(ctx context.Context, d Decision) (*Order, error) {
	return e.decide(ctx, d, "delivery.refuse", func(tx Tx, o *Order, w AwaitsApproval) error {
		w.Approval.State, w.Approval.Who, w.Approval.At = ApprovalRefused, d.Who, tx.Now()
		why := "by " + d.Who
		if d.Reason != "" {
			why += ": " + d.Reason
		}
		if w.Transfer == "" {
			o.Approval = w.Approval
			if err := e.tellApproval(tx, o, w.Purpose, eventRefused, why); err != nil {
				return err
			}
			_, err := e.apply(tx, o, order.Change{Kind: order.Cancel, Actor: order.ByOperator, Who: d.Who, Reason: order.ReasonRefused}, false)
			return err
		}
		s := o.Sendings[w.Transfer]
		s.Approval = w.Approval
		o.surround(w.Transfer, s)
		if err := e.tellApproval(tx, o, w.Purpose, eventRefused, why); err != nil {
			return err
		}
		_, err := e.apply(tx, o, order.Change{Kind: order.Undelivered, Actor: order.ByEngine, Transfer: order.Transfer{ID: w.Transfer}}, false)
		return err
	})
}

// decide is what both decisions have in common.
func (e *Engine) decide(ctx context.Context, d Decision, what string, do func(Tx, *Order, AwaitsApproval) error) (*Order, error) {
	if d.Who == "" {
		return nil, errors.New("engine: a decision on a delivery has nobody who made it")
	}
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{d.OrderID}}, func(tx Tx) error {
		o, err := tx.Order(d.OrderID)
		if err != nil {
			return err
		}
		got = o
		w, open := o.awaits(d.Transfer)
		same, err := isHand(tx, d.Who, w.Maker)
		switch {
		case err != nil:
			return err
		case !open:
			return fault.New(fault.CodeOrderStateConflict, "Nothing of this order waits for an approval.")
		case same && what == "delivery.approve":
			return fault.New(fault.CodeForbidden, "Another person must approve it than who made it.")
		}
		if err := tx.SaveRailState(limitMemory, waitKey(o, d.Transfer), nil); err != nil {
			return err
		}
		if err := do(tx, o, w); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s of %s on %s to %s; %s", w.Purpose, w.Amount, w.Rail, w.To, w.Why)
		if d.Reason != "" {
			detail += "; reason " + d.Reason
		}
		return addAction(tx, o.Scope.Mode, d.Who, what, o.ID, detail)
	})
	return got, err
}
