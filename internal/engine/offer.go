package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"till/internal/fault"
	"till/internal/order"
)

// Offer is something a merchant sells to whoever comes: each time it is taken up makes an order of its own. It is
// drafted, then published under a slug, and in the end archived. What is sold and at what price is the dialect's
// (Doc); the engine counts, so that no more is taken than there is.
type Offer struct {
	ID     string // public, made by the dialect, unique on the server
	Scope  Scope
	Number int64  // counts the scope's from 1; given by the store at insertion
	Slug   string // under which it is published, unique on the server; empty in a draft
	State  OfferState

	Stock  *int64    // how often it can be sold; nil: without end
	Taken  int64     // orders that were completed, or can still be
	Sold   int64     // orders that were completed
	EndsAt time.Time // on the mode's clock, when nobody can take it up any more; zero: never

	Revision    int64     // grows when the merchant changes it; an order names the one its price comes from
	CreatedAt   time.Time // on the mode's clock, as all of its times
	UpdatedAt   time.Time // by the merchant
	PublishedAt time.Time // zero: never

	Version int64           // grows with each save; the store's guard
	Doc     json.RawMessage // what the dialect must remember and show; the engine never reads it
}

// OfferState is where an offer stands.
type OfferState string

const (
	OfferDraft     OfferState = "draft"     // only the merchant sees it, who publishes it next
	OfferPublished OfferState = "published" // anybody can take it up
	OfferArchived  OfferState = "archived"  // for ever; its orders go on
)

// Left is how often it can still be taken up; limited is false when there is no end.
func (o *Offer) Left() (left int64, limited bool) {
	if o.Stock == nil {
		return 0, false
	}
	return max(0, *o.Stock-o.Taken), true
}

// said is what an action's record says of the offer as it is then.
func (o *Offer) said() string {
	sum := sha256.Sum256(o.Doc)
	return fmt.Sprintf("%s; revision %d; document %x", o.State, o.Revision, sum[:8])
}

// Clone is a copy that shares nothing with the offer.
func (o *Offer) Clone() *Offer {
	if o == nil {
		return nil
	}
	c := *o
	if o.Stock != nil {
		stock := *o.Stock
		c.Stock = &stock
	}
	c.Doc = bytes.Clone(o.Doc)
	return &c
}

// Open says why an offer cannot be taken up at a time on its mode's clock; nil: it can.
//
// Errors: not_published, offer_ended, sold_out.
func (o *Offer) Open(now time.Time) error {
	left, limited := o.Left()
	switch {
	case o.State != OfferPublished:
		return fault.New(fault.CodeNotPublished, "this offer is not published")
	case !o.EndsAt.IsZero() && !now.Before(o.EndsAt):
		return fault.New(fault.CodeOfferEnded, "this offer has ended")
	case limited && left == 0:
		return fault.New(fault.CodeSoldOut, "this offer is sold out")
	}
	return nil
}

// NewOffer asks for an offer, which begins as a draft.
type NewOffer struct {
	ID     string
	Scope  Scope
	Stock  *int64
	EndsAt time.Time
	Doc    json.RawMessage

	// Check is called in the transaction, with the mode's time; nil: there is nothing to check.
	Check func(o *Offer, now time.Time) error
	Repeatable[*Offer]
}

// Offered is the new offer, or the remembered answer to the same request.
type Offered struct {
	Offer  *Offer
	Replay *Answer
}

// MakeOffer drafts an offer. Errors: idempotency_conflict, and those of Check.
func (e *Engine) MakeOffer(ctx context.Context, n NewOffer) (Offered, error) {
	made, replay, err := once(ctx, e, Keys{}, n.Repeatable, func(tx Tx) (*Offer, error) {
		clock, err := tx.Clock(n.Scope.Mode)
		if err != nil {
			return nil, err
		}
		now := clock.Shift(tx.Now())
		o := &Offer{
			ID: n.ID, Scope: n.Scope, State: OfferDraft, Stock: n.Stock, EndsAt: n.EndsAt, Revision: 1,
			CreatedAt: now, UpdatedAt: now, Doc: n.Doc,
		}
		if n.Check != nil {
			if err := n.Check(o, now); err != nil {
				return nil, err
			}
		}
		if err := tx.InsertOffer(o); err != nil {
			return nil, err
		}
		return o, e.act(tx, n.Scope.Mode, "offer.make", o.ID, o.said())
	})
	return Offered{Offer: made, Replay: replay}, err
}

// ChangeOffer changes the stock, the end and the document of an offer. change may run more than once; now is the
// mode's time. Orders that were made keep their price.
//
// Errors: not_found, offer_archived, and those of change.
func (e *Engine) ChangeOffer(ctx context.Context, s Scope, id string, change func(o *Offer, now time.Time) error) (*Offer, error) {
	return e.saveOffer(ctx, s, id, func(o *Offer, now time.Time) error {
		if o.State == OfferArchived {
			return fault.New(fault.CodeOfferArchived, "an archived offer does not change any more")
		}
		return change(o, now)
	})
}

// PublishOffer lets anybody take the offer up under the slug; one that is published keeps its slug.
//
// Errors: not_found, offer_archived.
func (e *Engine) PublishOffer(ctx context.Context, s Scope, id, slug string) (*Offer, error) {
	return e.saveOffer(ctx, s, id, func(o *Offer, now time.Time) error {
		switch o.State {
		case OfferArchived:
			return fault.New(fault.CodeOfferArchived, "an archived offer cannot be published again")
		case OfferDraft:
			o.State, o.Slug, o.PublishedAt = OfferPublished, slug, now
		}
		return nil
	})
}

// ArchiveOffer ends an offer. Orders that were made of it go on. Error: not_found.
func (e *Engine) ArchiveOffer(ctx context.Context, s Scope, id string) (*Offer, error) {
	return e.saveOffer(ctx, s, id, func(o *Offer, _ time.Time) error {
		o.State = OfferArchived
		return nil
	})
}

func (e *Engine) saveOffer(ctx context.Context, s Scope, id string, change func(o *Offer, now time.Time) error) (saved *Offer, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		o, err := tx.Offer(id)
		if err != nil {
			return err
		}
		if o == nil || o.Scope != s {
			return errNoOffer
		}
		clock, err := tx.Clock(s.Mode)
		if err != nil {
			return err
		}
		now := clock.Shift(tx.Now())
		if err := change(o, now); err != nil {
			return err
		}
		o.Revision++
		o.UpdatedAt = now
		saved = o
		if err := tx.SaveOffer(o); err != nil {
			return err
		}
		return e.act(tx, s.Mode, "offer.save", o.ID, o.said())
	})
	return saved, err
}

var errNoOffer = fault.New(fault.CodeNotFound, "there is no such offer")

// OfferTaken names the offer that an order is made of, as it was when the order's price was found.
type OfferTaken struct {
	ID       string
	Revision int64
}

// take counts an order that is made of an offer.
//
// Errors: not_found, not_published, offer_ended, sold_out; version_conflict when the merchant has changed the offer
// since its price was read.
func take(tx Tx, s Scope, taken OfferTaken, now time.Time) error {
	o, err := tx.Offer(taken.ID)
	if err != nil {
		return err
	}
	if o == nil || o.Scope != s {
		return errNoOffer
	}
	if err := o.Open(now); err != nil {
		return err
	}
	if o.Revision != taken.Revision {
		return fault.New(fault.CodeVersionConflict, "the offer has changed meanwhile")
	}
	o.Taken++
	return tx.SaveOffer(o)
}

// settle counts an order that has ended: it was sold, or somebody else can have it.
func settle(tx Tx, id string, s order.State) error {
	o, err := tx.Offer(id)
	if err != nil || o == nil {
		return err
	}
	if s == order.Completed {
		o.Sold++
	} else {
		o.Taken--
	}
	return tx.SaveOffer(o)
}

// Reading.

// OfferFilter chooses and pages a scope's offers, the newest first. Pages count from 1.
type OfferFilter struct {
	Scope       Scope
	State       OfferState // empty: all
	Page, Limit int
}

// OfferPage is one page of a list and the exact total.
type OfferPage struct {
	Offers []Offer
	Total  int64
}

// Offer finds an offer of the scope. Error: not_found, also for another scope's.
func (e *Engine) Offer(ctx context.Context, s Scope, id string) (*Offer, error) {
	return e.findOffer(ctx, func(rd Reader) (*Offer, error) {
		o, err := rd.Offer(id)
		if o != nil && o.Scope != s {
			o = nil
		}
		return o, err
	})
}

// OfferBySlug finds a published or archived offer, whosever it is. Error: not_found.
func (e *Engine) OfferBySlug(ctx context.Context, slug string) (*Offer, error) {
	return e.findOffer(ctx, func(rd Reader) (*Offer, error) { return rd.OfferBySlug(slug) })
}

func (e *Engine) findOffer(ctx context.Context, find func(rd Reader) (*Offer, error)) (o *Offer, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		o, err = find(rd)
		if err == nil && o == nil {
			err = errNoOffer
		}
		return err
	})
	return o, err
}

// OfferOpen says why an offer cannot be taken up at a true time; nil: it can.
//
// Errors: not_published, offer_ended, sold_out.
func (e *Engine) OfferOpen(ctx context.Context, o *Offer, now time.Time) error {
	return e.store.View(ctx, func(rd Reader) error {
		clock, err := rd.Clock(o.Scope.Mode)
		if err != nil {
			return err
		}
		return o.Open(clock.Shift(now))
	})
}

// Offers lists a scope's offers. Errors: invalid_page, overloaded.
func (e *Engine) Offers(ctx context.Context, f OfferFilter) (page OfferPage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page, err = rd.Offers(f)
		return err
	})
	return page, err
}

// offerTx is how a transaction keeps offers.
type offerTx interface {
	Offer(id string) (*Offer, error) // nil when there is none
	InsertOffer(o *Offer) error      // gives Number and Version
	SaveOffer(o *Offer) error        // version_conflict; its id, scope, number and creation never change, nor a slug once given
}

// offerReader is how offers are read.
type offerReader interface {
	Offer(id string) (*Offer, error)         // nil when there is none
	OfferBySlug(slug string) (*Offer, error) // nil when there is none
	// Offers costs the same however many there are; with a State it counts, for a second at most: overloaded then.
	Offers(f OfferFilter) (OfferPage, error)
}
