package engine

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// A requote is late money of an expired exchange that is to be exchanged at a new rate. It lies in the merchant's
// balance already, released in the transaction that wrote this; what is left is to make an order of it, which waits
// where there is no rate. One for each order that expired: more late money joins what waits.
type requote struct {
	Order  string       `json:"order"`            // internal id of the order that expired
	Amount money.Amount `json:"amount"`           // what waits
	Since  time.Time    `json:"since"`            // true time
	Made   []string     `json:"made,omitempty"`   // public ids of the orders that were made
	Reason string       `json:"reason,omitempty"` // why the last of it stayed in the balance
}

const (
	kindRequote DocumentKind = "requote"

	requoteWaits   = "waits"
	requoteDone    = "done"
	requoteDropped = "dropped" // the money stays in the balance, unconverted

	requoteAgain = 30 * time.Second // after a try without a rate
	requoteWait  = 24 * time.Hour   // so long a rate is waited for
)

// requoteLater notes that what was released of an order is to be exchanged anew.
func requoteLater(tx Tx, o *Order, released []release) error {
	if o.Releases.Late != LateRequote {
		return nil
	}
	for _, r := range released {
		if r.reason != ReleasedLate {
			continue
		}
		doc, err := tx.Document(kindRequote, o.ID)
		if err != nil {
			return err
		}
		if doc == nil {
			return saveRequote(tx, &Document{Kind: kindRequote, ID: o.ID, Scope: o.Scope, CreatedAt: tx.Now()},
				requote{Order: o.ID, Amount: r.amount, Since: tx.Now()}, requoteWaits, tx.Now())
		}
		var q requote
		if err := json.Unmarshal(doc.Doc, &q); err != nil {
			return err
		}
		if doc.State != requoteWaits {
			q.Amount, q.Since, q.Reason = money.Zero(r.amount.Asset()), tx.Now(), ""
		}
		q.Amount = q.Amount.Add(r.amount)
		return saveRequote(tx, doc, q, requoteWaits, tx.Now())
	}
	return nil
}

func saveRequote(tx Tx, doc *Document, q requote, state string, due time.Time) (err error) {
	if doc.Doc, err = json.Marshal(q); err != nil {
		return err
	}
	doc.State, doc.DueAt, doc.UpdatedAt = state, due, tx.Now()
	if doc.Version == 0 {
		return tx.InsertDocument(doc)
	}
	return tx.SaveDocument(doc)
}

// Requotes returns late money of a mode that is due to be exchanged anew, the longest due first, behind the given one.
func (e *Engine) Requotes(ctx context.Context, m Mode, now time.Time, after Due, limit int) ([]Due, error) {
	var list []Due
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		list, err = rd.DueDocuments(kindRequote, m, now, after, limit)
		return err
	})
	return list, err
}

// Requote makes the order that exchanges late money at a new rate, and returns it. It is nil when there is no rate yet
// (a later try makes it), when somebody was faster, or when no order can be made: then the money stays in the balance.
// The order and the end of the waiting are one transaction, so that nothing is exchanged twice.
func (e *Engine) Requote(ctx context.Context, id string) (*Order, error) {
	var made *Order
	var refused error
	attempt := func(tx Tx) error {
		made, refused = nil, nil
		doc, q, err := waitingRequote(tx, id)
		if err != nil || doc == nil {
			return err
		}
		first, err := tx.Order(q.Order)
		if err != nil {
			return err
		}
		if made, err = e.follow(tx, first, q.Amount); err != nil {
			refused = err
			return err
		}
		q.Made = append(q.Made, made.PublicID)
		return saveRequote(tx, doc, q, requoteDone, time.Time{})
	}
	err := e.update(ctx, Keys{Orders: []string{id}, Documents: []DocumentKey{ratesKey, {kindRequote, id}}}, attempt)
	if err == nil || refused == nil {
		return made, err
	}
	return nil, e.postpone(ctx, id, refused)
}

// waitingRequote is nil when nothing waits.
func waitingRequote(tx Tx, id string) (*Document, requote, error) {
	var q requote
	doc, err := tx.Document(kindRequote, id)
	if err != nil || doc == nil || doc.State != requoteWaits {
		return nil, q, err
	}
	return doc, q, json.Unmarshal(doc.Doc, &q)
}

// postpone waits for a rate, or gives up where none will help.
func (e *Engine) postpone(ctx context.Context, id string, why error) error {
	refusal, ok := fault.As(why)
	if !ok {
		return why
	}
	return e.update(ctx, Keys{Documents: []DocumentKey{{kindRequote, id}}}, func(tx Tx) error {
		doc, q, err := waitingRequote(tx, id)
		if err != nil || doc == nil {
			return err
		}
		if refusal.Retryable() && tx.Now().Before(q.Since.Add(requoteWait)) {
			return saveRequote(tx, doc, q, requoteWaits, tx.Now().Add(requoteAgain))
		}
		q.Reason = string(refusal.Code)
		return saveRequote(tx, doc, q, requoteDropped, time.Time{})
	})
}

// follow makes an order like the first one that is collected from the balance, over an amount at today's rate. It tells
// whom the first one told.
func (e *Engine) follow(tx Tx, first *Order, amount money.Amount) (*Order, error) {
	ask := quote.Ask{From: amount.Asset(), To: first.Quote.AmountOut.Asset(), AmountIn: amount}
	priced, err := e.price(tx, ask, first.Kind, tx.Now())
	if err != nil {
		return nil, err
	}
	public, err := e.publicID(prefixOf(first.PublicID))
	if err != nil {
		return nil, err
	}
	whose, err := tx.Merchant(first.Scope.Merchant)
	if err != nil {
		return nil, err
	}
	organisation := "" // whose policy is asked: what came late may be far more than what the first order was let through with
	if whose != nil {
		organisation = whose.Organisation
	}
	share := quote.Part{AmountIn: priced.AmountIn, Fee: priced.Fee, AmountOut: priced.AmountOut}
	return e.create(tx, NewOrder{
		Scope: first.Scope, PublicID: public, Kind: first.Kind, Words: first.Words, Destination: first.Destination, Organisation: organisation, Maker: first.Maker,
		Notify: first.Notify.again(),
		Terms: func(Plan) (order.Terms, json.RawMessage, error) {
			return fromBalance(first.Terms, share), first.Doc, nil
		},
		made: made{exchange: &Frozen{Quote: priced}, amounts: share, follows: first.PublicID},
	})
}

// fromBalance is the terms of an order that delivers like another one, and is collected from the balance: a share of
// an exchange.
func fromBalance(like order.Terms, share quote.Part) order.Terms {
	return order.Terms{
		Book: like.Book, Due: share.AmountIn, Fee: share.Fee, Out: share.AmountOut, To: like.To,
		FromBalance: true, Instant: like.Instant, Sends: like.Sends, MerchantCancels: like.MerchantCancels,
	}
}

// prefixOf is what a public id begins with, before its random part: what the engine's own ids put behind it has the
// length that ids of the API have.
func prefixOf(publicID string) string {
	if n := len(publicID) - publicRandom; n > 0 {
		return publicID[:n]
	}
	return publicID[:strings.LastIndexByte(publicID, '_')+1]
}
