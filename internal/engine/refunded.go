package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/fault"
	"till/internal/order"
)

// What an API remembers of a refund that was asked for, and the list of a scope's refunds. Where a refund stands is said by
// its transfer on the order alone.

// kindRefund is the kind of such a record. Its id is the transfer's, its parent the order's internal id.
const kindRefund DocumentKind = "refund"

// RefundRecord is what an API remembers of a refund. The zero RefundRecord remembers nothing.
type RefundRecord struct {
	Key string          // unique among the scope's refunds, as the caller made it; "": nothing is
	Doc json.RawMessage // what the dialect must remember and show; the engine never reads it
}

func (r RefundRecord) isZero() bool { return r.Key == "" && r.Doc == nil }

// RecordedRefund is a refund with its order.
type RecordedRefund struct {
	ID        string
	Number    int64     // counts the scope's from 1
	CreatedAt time.Time // on the mode's clock
	Order     *Order
}

// Doc is what the dialect remembers of it.
func (r RecordedRefund) Doc() json.RawMessage { return json.RawMessage(r.Sending().Doc) }

// Transfer is where the refund stands.
func (r RecordedRefund) Transfer() order.Transfer {
	if t := r.Order.transfer(r.ID); t != nil {
		return *t
	}
	return order.Transfer{}
}

// Sending is what surrounds its transfer.
func (r RecordedRefund) Sending() Sending { return r.Order.Sendings[r.ID] }

// recordRefund writes down what an API remembers of a refund. Error: duplicate_reference, Details existing: the refund that
// has the key.
func recordRefund(tx Tx, o *Order, r NewRefund) error {
	if r.Record.isZero() {
		return nil
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err != nil {
		return err
	}
	d := &Document{Kind: kindRefund, ID: r.ID, Scope: o.Scope, Parent: o.ID, CreatedAt: now, UpdatedAt: now, Doc: json.RawMessage("{}")}
	if r.Record.Key != "" {
		d.Keys = []string{"refund:" + r.Record.Key}
	}
	return tx.InsertDocument(d)
}

// RefundFilter pages a scope's recorded refunds, the newest first. Pages count from 1.
type RefundFilter struct {
	Scope       Scope
	OrderID     string // internal; of this order alone
	Page, Limit int
}

// RefundPage is one page of a list and the exact total.
type RefundPage struct {
	Refunds []RecordedRefund
	Total   int64
}

// Refunds lists recorded refunds. Errors: invalid_page, overloaded.
func (e *Engine) Refunds(ctx context.Context, f RefundFilter) (page RefundPage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page = RefundPage{}
		found, err := rd.Documents(DocumentFilter{Kind: kindRefund, Scope: f.Scope, Parent: f.OrderID, Page: f.Page, Limit: f.Limit, Descending: true})
		if err != nil {
			return err
		}
		page.Total = found.Total
		for i := range found.List {
			r, err := refundOf(rd, &found.List[i])
			if err != nil {
				return err
			}
			page.Refunds = append(page.Refunds, r)
		}
		return nil
	})
	return page, err
}

// RefundByID finds a recorded refund of the scope. Error: not_found.
func (e *Engine) RefundByID(ctx context.Context, s Scope, id string) (RecordedRefund, error) {
	return e.findRefund(ctx, s, func(rd Reader) (*Document, error) { return rd.Document(kindRefund, id) })
}

// RefundByKey finds a recorded refund of the scope by its key. Error: not_found.
func (e *Engine) RefundByKey(ctx context.Context, s Scope, key string) (RecordedRefund, error) {
	return e.findRefund(ctx, s, func(rd Reader) (*Document, error) { return rd.DocumentByKey(kindRefund, s, "refund:"+key) })
}

func (e *Engine) findRefund(ctx context.Context, s Scope, find func(Reader) (*Document, error)) (r RecordedRefund, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := find(rd)
		if err != nil {
			return err
		}
		if d == nil || d.Scope != s {
			return fault.New(fault.CodeNotFound, "there is no such refund")
		}
		r, err = refundOf(rd, d)
		return err
	})
	return r, err
}

func refundOf(rd Reader, d *Document) (RecordedRefund, error) {
	o, err := rd.Order(d.Parent)
	if err != nil {
		return RecordedRefund{}, err
	}
	return RecordedRefund{ID: d.ID, Number: d.Number, CreatedAt: d.CreatedAt, Order: o}, fillHead(rd, o)
}
