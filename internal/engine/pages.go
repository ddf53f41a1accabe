package engine

import (
	"time"

	"till/internal/order"
	"till/internal/rail"
)

// How an order is paid on a page of the far side's: of a card, of the payer's bank. Each attempt has a page of its own, which its
// rail asks for once the attempt is committed; until then the payer waits. What the far side says of the page comes back
// as an observation: where it is, what was paid on it, and what became of it.

// AtPage is what is known of an attempt's page.
type AtPage struct {
	Asked   bool   `json:",omitempty"` // the rail was asked for it
	Session string `json:",omitempty"` // the far side's id of it; empty: it is not there yet
	URL     string `json:",omitempty"` // where the payer pays
	Closed  bool   `json:",omitempty"` // the rail was asked to close it
}

// askPage asks the rail for the page of an attempt, by a line in its memory that is written in this transaction. It does
// nothing while the payer has to say something first.
func (e *Engine) askPage(tx Tx, o *Order, n Network, m Method, id string, c *Chosen) error {
	if !n.Pages || c.Page.Asked || len(o.Lacks(m, *c)) > 0 {
		return nil
	}
	title := o.Reference
	if title == "" {
		title = o.PublicID
	}
	page := rail.Page{
		ID: c.Instrument.Value, Order: o.PublicID, Attempt: id, Method: m.Code, Amount: o.Terms.Due, At: tx.Now(), Until: tx.Now().Add(aDay),
		Title: title, Email: c.Given[FieldEmail],
	}
	if !o.Terms.Deadline.IsZero() {
		page.Until = until(tx, o)
	}
	text, err := page.Text()
	if err != nil {
		return err
	}
	c.Page.Asked = true
	return tx.SaveRailState(c.Rail, page.Key(), text)
}

const aDay = 24 * time.Hour

// closePage asks the rail to close the page of an attempt that is over, so that nobody pays there any more.
func closePage(tx Tx, a order.Attempt, c *Chosen) error {
	if !c.Page.Asked || c.Page.Closed || a.State == order.AttemptOpen || a.State == order.AttemptPending || a.State == order.AttemptSucceeded {
		return nil
	}
	c.Page.Closed = true
	return tx.SaveRailState(c.Rail, rail.CloseKey+c.Instrument.Value, []byte("1"))
}

// pageTold tells the order of a page what its far side says of it.
func (e *Engine) pageTold(tx Tx, n Network, s rail.Observation) error {
	hold, err := tx.HoldAt(Instrument{Family: n.Family, Value: s.Instrument}, n.Rail, s.Value)
	if err != nil {
		return err
	}
	var o *Order
	id, c := "", Chosen{}
	if hold != nil && !hold.IsStanding() {
		if o, err = tx.Order(hold.OrderID); err != nil {
			return err
		}
		if o.Scope.Mode == n.Mode {
			id, c = o.paidBy(n.Rail, s.Instrument)
		}
	}
	if id == "" { // no attempt is paid there
		if s.Rank == 0 {
			return nil
		}
		return e.observe(tx, n, s)
	}
	heard := c.hear(*s.Session)
	o.surroundAttempt(id, c)
	changed := false
	if s.Rank != 0 {
		if changed, err = e.tellChanged(tx, n, o, s); err != nil {
			return err
		}
	}
	if kind, says := endsAs[s.Session.Ends]; says {
		out, err := e.apply(tx, o, order.Change{Kind: kind, Actor: order.ByEngine, Attempt: order.Attempt{ID: id}}, false)
		if err != nil {
			return err
		}
		changed = changed || out.Changed
		if kind == order.AttemptIsLost && out.Changed {
			if err := e.refusedPayment(tx, o, id); err != nil {
				return err
			}
		}
	}
	if changed || !heard {
		return nil
	}
	return tx.SaveOrder(o)
}

var endsAs = map[rail.Ends]order.ChangeKind{
	rail.EndsPending: order.AttemptIsPending, rail.EndsDeclined: order.AttemptIsLost, rail.EndsLeft: order.AttemptIsLeft,
}

// hear keeps what a far side says of a page, and says whether that is new.
func (c *Chosen) hear(s rail.Session) bool {
	was, why := c.Page, c.Reason
	if s.Payment != "" {
		c.Page.Session = s.Payment
	}
	if s.URL != "" {
		c.Page.URL = s.URL
	}
	if s.Reason != "" {
		c.Reason = s.Reason
	}
	return c.Page != was || c.Reason != why
}
