package engine

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
)

// Documents that a review asks for, and their giving.

// Given is a file that answers one request.
type Given struct {
	Slot     string // Requested.ID
	Document string // the file's id
}

// GiveDocuments answers what an order's reviews ask for, all of it or nothing. Not all that is missing must be given at once;
// with the last document the review is open again, and a person decides. For the merchant.
//
// Errors: not_found (the order, also another scope's); order_state_conflict when nothing is asked for; missing_field
// (documents) when nothing is given; invalid_value (documents) for what is not asked for or was given before, twice the same,
// and for a file that the scope does not have, that was rejected or erased.
func (e *Engine) GiveDocuments(ctx context.Context, s Scope, orderID string, given []Given) (*Order, error) {
	if len(given) == 0 {
		return nil, fault.New(fault.CodeMissingField, "which documents are given is missing").On("documents")
	}
	want := Keys{Orders: []string{orderID}, Clocks: []Mode{s.Mode}}
	for _, g := range given {
		want.Documents = append(want.Documents, DocumentKey{KindFile, g.Document})
	}
	var got *Order
	err := e.update(ctx, want, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		if o.Scope != s {
			return fault.New(fault.CodeNotFound, "no such order")
		}
		got = o
		return e.giveDocuments(tx, o, given)
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (e *Engine) giveDocuments(tx Tx, o *Order, given []Given) error {
	if len(o.MissingDocuments()) == 0 {
		return fault.New(fault.CodeOrderStateConflict, "no document is asked for")
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err != nil {
		return err
	}
	var answered []order.ReviewKind
	o.Requested = slices.Clone(o.Requested)
	for i, g := range given {
		missing := o.MissingDocuments()
		at := slices.IndexFunc(missing, func(r Requested) bool { return r.ID == g.Slot })
		if at < 0 || slices.ContainsFunc(given[:i], func(other Given) bool { return other.Document == g.Document }) {
			return fault.New(fault.CodeInvalidValue, "a document is given once, for what is still missing").On("documents").With("slot", g.Slot)
		}
		d, err := tx.Document(KindFile, g.Document)
		if err != nil {
			return err
		}
		f, err := fileOf(d, o.Scope.Owner())
		if err != nil && !fault.Is(err, fault.CodeNotFound) {
			return err
		}
		if err != nil || f.State == FileRejected || f.IsErased() {
			return fault.New(fault.CodeInvalidValue, "there is no such document, or it was rejected").On("documents").With("document", g.Document)
		}
		slot := slices.IndexFunc(o.Requested, func(r Requested) bool { return r.ID == g.Slot })
		o.Requested[slot].Document, o.Requested[slot].GivenAt = g.Document, now
		if !slices.Contains(answered, missing[at].Review) {
			answered = append(answered, missing[at].Review)
		}
	}
	for _, kind := range answered {
		c := order.Change{Kind: order.Given, Actor: order.ByMerchant, Review: kind, Missing: o.missingNames(kind)}
		if _, err := e.apply(tx, o, c, false); err != nil {
			return err
		}
	}
	return nil
}

func (o *Order) missingNames(kind order.ReviewKind) (names []string) {
	for _, r := range o.MissingFor(kind) {
		names = append(names, r.Name)
	}
	return names
}

// givenFor is the answered requests of a review.
func (o *Order) givenFor(kind order.ReviewKind) (list []Requested) {
	for _, r := range o.Requested {
		if r.Review == kind && r.Document != "" {
			list = append(list, r)
		}
	}
	return list
}

// decideFiles writes down what a review that was decided said of the files given for it; with again, only of those whose names
// it asks for again.
func decideFiles(tx Tx, given []Requested, to FileState, again []string, now time.Time) error {
	for _, r := range given {
		if again != nil && !slices.Contains(again, r.Name) {
			continue
		}
		if err := judgeFile(tx, r.Document, to, now); err != nil {
			return err
		}
	}
	return nil
}

// An inquiry is what a merchant is asked about money that was withheld: the compliance review of an order under a name of its
// own, by which he finds and answers it.
const kindInquiry DocumentKind = "inquiry"

// inquire gives the order's compliance review its name, once.
func (o *Order) inquire(tx Tx, now time.Time, e *Engine) error {
	if o.Inquiry != "" {
		return nil
	}
	id, err := publicID("rfi_", now, e.random)
	if err != nil {
		return err
	}
	o.Inquiry = id
	body, err := json.Marshal(struct{ Order string }{o.ID})
	if err != nil {
		return err
	}
	return tx.InsertDocument(&Document{Kind: kindInquiry, ID: id, Scope: o.Scope, Parent: o.ID, CreatedAt: now, UpdatedAt: now, Doc: body})
}

// Inquiry finds the order that an inquiry is about, as Order.Inquiry names it. Error: not_found, also for another scope's.
func (e *Engine) Inquiry(ctx context.Context, s Scope, id string) (o *Order, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(kindInquiry, id)
		if err != nil {
			return err
		}
		if d == nil || d.Scope != s {
			return fault.New(fault.CodeNotFound, "there is no such inquiry")
		}
		if o, err = rd.Order(d.Parent); err != nil {
			return err
		}
		return fillHead(rd, o)
	})
	return o, err
}

// ComplianceState is what compliance says of the money of an order.
type ComplianceState string

// The states.
const (
	ComplianceNone      ComplianceState = ""          // nobody was asked
	ComplianceOpen      ComplianceState = "open"      // a person decides next
	ComplianceDocuments ComplianceState = "documents" // the merchant gives documents next
	ComplianceApproved  ComplianceState = "approved"
	ComplianceRefused   ComplianceState = "refused"
	ComplianceBarred    ComplianceState = "barred" // the payment never counted: the merchant wants no money of who is on a list
)

// Compliance is what compliance says of one payment of an order.
type Compliance struct {
	State     ComplianceState
	Inquiry   string      // what the merchant is asked under; empty: he is not
	Missing   []Requested // documents that are still asked for
	Available bool        // the payment's money is the merchant's to use
}

// ComplianceOf is what compliance says of a payment of the order. A review is of the order's money; it is told of the
// payments whose sender was found on a list and, where an operator opened it by himself, of the one that made the order paid.
func (o *Order) ComplianceOf(p order.Payment) Compliance {
	in := p.Rank == order.RankConfirmed && p.Booked == o.Terms.Book.Account(ledger.In)
	c := Compliance{Available: in && o.State == order.Completed}
	if p.Listed {
		return Compliance{State: ComplianceBarred}
	}
	r := o.reviewOf(order.Compliance)
	if r == nil {
		return c
	}
	found, any := false, false
	for _, f := range o.Findings {
		any = any || f.Review == order.Compliance
		found = found || f.Review == order.Compliance && f.Payment == p.PaymentKey
	}
	if !found && (any || p.PaymentKey != o.Closing) {
		return c
	}
	c.State, c.Inquiry, c.Missing = ComplianceState(r.State), o.Inquiry, o.MissingFor(order.Compliance)
	c.Available = c.Available && r.State == order.ReviewApproved
	return c
}
