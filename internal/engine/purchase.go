package engine

import (
	"context"
	"encoding/json"
	"slices"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// Purchase is which user buys which product by an order, and how he pays in the API's own word; zero: the order sells no
// product. A delivery of one that failed is never tried again by itself: compliance is asked in the same transaction.
type Purchase struct {
	User    string `json:"user"`
	Product string `json:"product"`
	Method  string `json:"method"`
}

// FulfilRail is the rail of a mode whose far side is the merchant, who hands over what was paid for.
func FulfilRail(m Mode) rail.Name { return rail.Name("fulfil:" + string(m)) }

// FulfilNetwork is what the engine knows of that rail. Nothing is collected on it.
func FulfilNetwork(m Mode) Network {
	return Network{ID: "fulfil-" + string(m), Name: "Fulfilment", Family: "fulfil", Mode: m, Rail: FulfilRail(m), Custodial: true}
}

// kindPurchase is the kind of the document that names the newest order of a user for a product and method.
const kindPurchase DocumentKind = "purchase"

// newest is what that document says.
type newest struct {
	Order string // internal id
	Count int64  // of orders there were
}

// NewPurchase asks for the order of a product by a user.
type NewPurchase struct {
	Scope     Scope
	Purchase  Purchase
	PublicID  string // of a new order
	Reference string
	Maker     string

	Paying func(p *Product) Paying // how the product's gateway is asked, where it has one; its Gateway and Request are filled here

	// Terms are those of the order, beside its amount, its book and where it goes.
	Terms func(p *Product, plan Plan) (order.Terms, json.RawMessage, error)
	Repeatable[*Order]
}

// Buy makes the order of a product, or finds the one that the user has and can still pay: there is one at a time of a
// user, product and method. Whether he may buy is decided here, in the transaction, with the user and the product as
// they are then.
//
// Errors: not_found (on user or product); forbidden for a user who may not buy the product, or has paid for it;
// those of Create.
func (e *Engine) Buy(ctx context.Context, n NewPurchase) (Created, error) {
	b := n.Purchase
	at := DocumentKey{kindPurchase, purchaseID(b)}
	want := Keys{
		Documents: []DocumentKey{{KindUser, b.User}, {KindProduct, productID(n.Scope, b.Product)}, at},
		Settings:  []SettingScope{{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode}},
		Clocks:    []Mode{n.Scope.Mode},
	}
	var o *Order
	var replay *Answer
	err := error(nil)
	// Two at once for the first time: one of them inserts, and the other finds it.
	for range 3 {
		o, replay, err = once(ctx, e, want, n.Repeatable, func(tx Tx) (*Order, error) { return e.buy(tx, n, at) })
		if !fault.Is(err, fault.CodeDuplicateReference) && !fault.Is(err, fault.CodeVersionConflict) {
			break
		}
	}
	return Created{Order: o, Replay: replay}, err
}

func (e *Engine) buy(tx Tx, n NewPurchase, at DocumentKey) (*Order, error) {
	d, err := tx.Document(KindUser, n.Purchase.User)
	if err != nil {
		return nil, err
	}
	u, err := userOf(d, n.Scope)
	if err != nil {
		return nil, err
	}
	if d, err = tx.Document(KindProduct, productID(n.Scope, n.Purchase.Product)); err != nil {
		return nil, err
	}
	if d == nil {
		return nil, noProduct()
	}
	p, err := productOf(d)
	if err != nil {
		return nil, err
	}
	kept, err := tx.Document(at.Kind, at.ID)
	if err != nil {
		return nil, err
	}
	last := newest{}
	if kept != nil {
		if err := json.Unmarshal(kept.Doc, &last); err != nil {
			return nil, err
		}
		o, err := tx.Order(last.Order)
		if err != nil {
			return nil, err
		}
		now, err := modeTime(tx, n.Scope.Mode)
		if err != nil {
			return nil, err
		}
		switch {
		case o.paidFor():
			return nil, fault.New(fault.CodeForbidden, "the user has paid for this product")
		case !o.State.Terminal() && (o.State != order.Waiting || !now.After(o.Terms.Deadline)):
			cursor, err := cursorOn(tx, o.Rail)
			o.Head = cursor.Head
			return o, err
		}
	}
	if err := p.Open(u); err != nil {
		return nil, err
	}
	network, due, err := p.Due(e)
	if err != nil {
		return nil, err
	}
	var paying Paying
	from := originOn(network)
	if g, ok := e.gateways[p.Gateway]; ok && g.Network == network.ID {
		from = None // it is paid to the operator's own address, and the gateway says for what
	}
	if p.Gateway != "" {
		paying = n.Paying(p)
		paying.Gateway, paying.Request = p.Gateway, n.Reference
	}
	made, err := e.create(tx, NewOrder{
		Scope: n.Scope, Gateway: paying, PublicID: n.PublicID, Reference: n.Reference, Kind: n.Purchase.Method, Words: []string{"product:" + p.Code, "user:" + u.ID},
		Maker: n.Maker, Network: network, Instrument: from, Purchase: n.Purchase,
		Destination: Destination{Rail: FulfilRail(n.Scope.Mode), To: n.PublicID},
		Terms: func(plan Plan) (order.Terms, json.RawMessage, error) {
			t, doc, err := n.Terms(p, plan)
			t.Book = ledger.Owed(n.Scope.Merchant)
			t.Due, t.To = due, t.Book.Account(ledger.Merchant)
			if under := e.gateways[p.Gateway].Under(due); under.Sign() > 0 {
				t.Under = under
			}
			return t, doc, err
		},
	})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(newest{Order: made.ID, Count: last.Count + 1})
	if err != nil {
		return nil, err
	}
	if kept != nil {
		kept.Doc, kept.UpdatedAt = body, tx.Now()
		return made, tx.SaveDocument(kept)
	}
	return made, tx.InsertDocument(&Document{
		Kind: at.Kind, ID: at.ID, Scope: n.Scope, Parent: n.Purchase.User, Keys: []string{"purchase:" + at.ID}, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Doc: body,
	})
}

// paidFor says that the order's money is in and the product is the user's, or will be.
func (o *Order) paidFor() bool {
	switch o.State {
	case order.Paid, order.Held, order.Delivering:
		return true
	case order.Completed:
		return o.Overlay != order.Refunded
	}
	return false
}

func purchaseID(p Purchase) string { return p.User + "/" + p.Product + "/" + p.Method }

// Offering is a product as a user sees it.
type Offering struct {
	Product
	Eligible bool
}

// Offerings lists what is on sale in a scope for a user: also what he may not buy.
//
// Error: not_found.
func (e *Engine) Offerings(ctx context.Context, s Scope, user, method string) (list []Offering, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list = nil
		d, err := rd.Document(KindUser, user)
		if err != nil {
			return err
		}
		u, err := userOf(d, s)
		if err != nil {
			return err
		}
		products, err := productsOf(rd, s, true)
		if err != nil {
			return err
		}
		for _, p := range products {
			paid, err := hasPaid(rd, Purchase{u.ID, p.Code, method})
			if err != nil {
				return err
			}
			list = append(list, Offering{p, !paid && p.Open(u) == nil})
		}
		return nil
	})
	return list, err
}

func hasPaid(rd Reader, b Purchase) (bool, error) {
	d, err := rd.Document(kindPurchase, purchaseID(b))
	if err != nil || d == nil {
		return false, err
	}
	var last newest
	if err := json.Unmarshal(d.Doc, &last); err != nil {
		return false, err
	}
	o, err := rd.Order(last.Order)
	return err == nil && o.paidFor(), err
}

// handOver lets a user hold the product of an order that was completed.
func handOver(tx Tx, o *Order) error {
	d, err := tx.Document(KindUser, o.Purchase.User)
	if err != nil || d == nil {
		return err
	}
	u, err := userOf(d, o.Scope)
	if err != nil || slices.Contains(u.Holds, o.Purchase.Product) {
		return err
	}
	u.Holds = append(u.Holds, o.Purchase.Product)
	slices.Sort(u.Holds)
	if err := u.keepIn(d, tx.Now()); err != nil {
		return err
	}
	return tx.SaveDocument(d)
}

// holdFailed asks compliance about an order whose product could not be handed over, in the transaction that heard of it:
// nothing is tried again before an operator has looked. An order that failed with its last delivery needs nobody.
func (e *Engine) holdFailed(tx Tx, o *Order, c order.Change) error {
	if o.Purchase == (Purchase{}) || c.Kind != order.Undelivered && c.Kind != order.ReturnedBack || o.State != order.Paid {
		return nil
	}
	_, err := e.apply(tx, o, order.Change{Kind: order.Flag, Actor: order.ByEngine}, false)
	return err
}

// Fulfilled is an operator's word that a product was handed over by hand, or cannot be. It is about the last delivery of
// the order: one that is under way, or, that it was done, one that was called failed.
//
// Errors: not_found; order_state_conflict when there is no such delivery, or the order is not waiting for it.
func (e *Engine) Fulfilled(ctx context.Context, orderID, who string, done bool) (*Order, error) {
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		got = o
		t := o.lastDelivery()
		conflict := fault.New(fault.CodeOrderStateConflict, "No product of this order waits to be handed over.")
		if o.Purchase == (Purchase{}) || t == nil || o.State.Terminal() {
			return conflict
		}
		id, kind := t.ID, order.Delivered
		switch {
		case t.State.InFlight():
			if !done {
				kind = order.Undelivered
			}
		case !done || t.State != order.TransferFailed:
			return conflict
		}
		if err := addAction(tx, o.Scope.Mode, who, "fulfilment."+string(kind), o.ID, "transfer "+id); err != nil {
			return err
		}
		if r := o.reviewOf(order.Compliance); done && o.State == order.Held && r != nil && r.State == order.ReviewOpen {
			if _, err := e.apply(tx, o, order.Change{Kind: order.Approve, Review: order.Compliance, Actor: order.ByOperator, Who: who}, false); err != nil {
				return err
			}
		}
		return e.transferred(tx, o, id, kind, "", 0)
	})
	return got, err
}

func (o *Order) lastDelivery() *order.Transfer {
	for i := len(o.Transfers) - 1; i >= 0; i-- {
		if o.Transfers[i].Purpose == order.Delivery {
			return &o.Transfers[i]
		}
	}
	return nil
}

// LastDelivery is the newest delivery of the order; ok is false when there is none.
func (o *Order) LastDelivery() (t order.Transfer, ok bool) {
	if last := o.lastDelivery(); last != nil {
		return *last, true
	}
	return t, false
}

// ProposedRefund is what an operator is proposed to give back of an order whose product was not handed over, or that a review
// refused: what it set aside, to who paid it. ok is false when there is nothing, nobody knows who paid, or several did.
func (o *Order) ProposedRefund() (r NewRefund, ok bool) {
	ended := o.State == order.Failed || o.State == order.Cancelled || o.State == order.Expired
	roles := []ledger.Role{ledger.Extra, ledger.Unfit, ledger.Late}
	switch {
	case o.Purchase != (Purchase{}) && ended:
	case o.Terms.CompleteOnCollect && o.refused() && (ended || o.State == order.Completed):
		roles = []ledger.Role{o.refusedRole()}
	default:
		return r, false
	}
	asset := o.Terms.Due.Asset()
	for _, role := range roles {
		amount := o.Balance(o.Terms.Book.Account(role), asset)
		to, err := o.cameFrom(role, asset)
		if err == nil && amount.Sign() > 0 && to.To != "" {
			return NewRefund{OrderID: o.ID, Amount: amount, From: role, To: to}, true
		}
	}
	return r, false
}
