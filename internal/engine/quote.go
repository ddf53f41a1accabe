package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// Quote is one promise of an exchange, kept until an order or a deal uses it, which happens once, or until it is
// forgotten. Its numbers never change.
type Quote struct {
	ID        string // public, made by the dialect, unique on the server
	Scope     Scope
	OrderKind string `json:",omitempty"` // what it is for: the dialect's word, which the engine compares and never reads
	quote.Quote
	UsedBy string    `json:",omitempty"` // the public id of the order or deal that used it; empty: nobody did
	UsedAt time.Time `json:",omitzero"`  // true time

	Version int64           // grows with each save; the store's guard
	Doc     json.RawMessage `json:",omitempty"` // what the dialect must remember and show; the engine never reads it
}

// quoteTx is how a transaction keeps quotes.
type quoteTx interface {
	Quote(id string) (*Quote, error) // nil when there is none
	InsertQuote(q *Quote) error      // gives Version; an error when the id exists
	SaveQuote(q *Quote) error        // version_conflict, not_found; its scope and times never change
	ForgetQuote(id string) error     // an error when it was used; one that is not there is left alone
}

// quoteReader is how quotes are read.
type quoteReader interface {
	Quote(id string) (*Quote, error)                         // nil when there is none
	OldQuotes(before time.Time, limit int) ([]string, error) // unused ones that ended before, the oldest first
}

// Frozen is the quote of an order as it was when the order was made, for who shows it: the order's terms have its
// amounts. A part of a deal has the quote of the whole.
type Frozen struct {
	ID string `json:"id,omitempty"` // public; empty where the price was found with the order
	quote.Quote
}

// NewQuote asks for a quote that one order may use.
type NewQuote struct {
	ID        string // public, made by the dialect
	Scope     Scope
	Ask       quote.Ask
	OrderKind string
	Life      time.Duration // how long it is promised; 0: as long as the config says
	Doc       json.RawMessage
}

// MakeQuote promises an exchange for as long as it is asked for, or as the config says.
//
// Errors: those of quote.New, on amountIn and amountOut: among them not_configured where there is no rate or price,
// and overloaded, with an advice to wait, while the rate is out of date or in doubt.
func (e *Engine) MakeQuote(ctx context.Context, n NewQuote) (*Quote, error) {
	var made *Quote
	err := e.store.Update(ctx, Keys{Quotes: []string{n.ID}, Documents: []DocumentKey{ratesKey}}, func(tx Tx) error {
		priced, err := e.price(tx, n.Ask, n.OrderKind, tx.Now())
		if err != nil {
			return err
		}
		if n.Life > 0 {
			priced.Ends = priced.Made.Add(n.Life)
		}
		made = &Quote{ID: n.ID, Scope: n.Scope, OrderKind: n.OrderKind, Quote: priced, Doc: n.Doc}
		return tx.InsertQuote(made)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Price says what an exchange costs now, and promises nothing. Errors: those of MakeQuote.
func (e *Engine) Price(ctx context.Context, _ Scope, ask quote.Ask, kind string) (quote.Quote, error) {
	var priced quote.Quote
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		priced, err = e.price(rd, ask, kind, e.exchange.Now())
		return err
	})
	return priced, err
}

// Quote finds a quote. Error: not_found, also for another scope's and for one that was forgotten.
func (e *Engine) Quote(ctx context.Context, s Scope, id string) (*Quote, error) {
	var found *Quote
	err := e.store.View(ctx, func(rd Reader) error {
		var err error
		found, err = rd.Quote(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if found == nil || found.Scope != s {
		return nil, noQuote()
	}
	return found, nil
}

func noQuote() error { return fault.New(fault.CodeNotFound, "no such quote").On("quote") }

// use marks a quote as used by an order or a deal, once and for ever.
//
// Errors: not_found, quote_used (Details "existing": by whom), quote_expired.
func use(tx Tx, s Scope, id, by string) (*Quote, error) {
	q, err := tx.Quote(id)
	if err != nil {
		return nil, err
	}
	switch {
	case q == nil || q.Scope != s:
		return nil, noQuote()
	case q.UsedBy != "":
		return nil, fault.New(fault.CodeQuoteUsed, "the quote was used already").On("quote").With("existing", q.UsedBy)
	case q.CheckAlive(tx.Now()) != nil:
		return nil, fault.New(fault.CodeQuoteExpired, "the quote has expired").On("quote")
	}
	q.UsedBy, q.UsedAt = by, tx.Now()
	return q, tx.SaveQuote(q)
}

// wantExchange names what pricing an order reads.
func (n *NewOrder) wantExchange(want *Keys) {
	if n.Quote != "" {
		want.Quotes = append(want.Quotes, n.Quote)
	}
	if n.Ask != nil {
		want.Documents = append(want.Documents, ratesKey)
	}
}

// exchangeOf is what an order exchanges; nil when it does not.
func (e *Engine) exchangeOf(tx Tx, n NewOrder) (*Quote, error) {
	switch {
	case n.made.exchange != nil:
		return &Quote{ID: n.made.exchange.ID, Scope: n.Scope, OrderKind: n.Kind, Quote: n.made.exchange.Quote}, nil
	case n.Quote != "":
		return use(tx, n.Scope, n.Quote, n.PublicID)
	case n.Ask != nil:
		priced, err := e.price(tx, *n.Ask, n.Kind, tx.Now())
		return &Quote{Scope: n.Scope, OrderKind: n.Kind, Quote: priced}, err
	}
	return nil, nil
}

// exchanges freezes the exchange on a new order, whose terms must have its amounts: nobody computes them again.
func (o *Order) exchanges(n NewOrder, p Plan, asked *order.Change) error {
	o.Deal, o.Follows = n.made.deal, n.made.follows
	if p.Quote == nil {
		return o.releases(n, p)
	}
	share := n.made.amounts
	if n.made.exchange == nil {
		share = quote.Part{AmountIn: p.Quote.AmountIn, Fee: p.Quote.Fee, AmountOut: p.Quote.AmountOut}
	}
	if !copies(o.Terms, share) {
		return errors.New("engine: an order's terms are not its quote's amounts")
	}
	o.Quote = &Frozen{ID: p.Quote.ID, Quote: p.Quote.Quote}
	if !o.Terms.FromBalance && p.Quote.AmountIn.Asset() != p.Quote.AmountOut.Asset() { // no rate, nothing to hold
		asked.QuoteEnd = p.Now.Add(p.RateHold)
	}
	return o.releases(n, p)
}

// copies says whether the terms have these amounts.
func copies(t order.Terms, q quote.Part) bool {
	fee := t.Fee
	if fee.Asset().IsZero() {
		fee = money.Zero(q.Fee.Asset())
	}
	exchanged := q.AmountIn.Asset() != q.AmountOut.Asset()
	return t.Due.Equal(q.AmountIn) && fee.Equal(q.Fee) && (!exchanged || t.Out.Equal(q.AmountOut))
}

// keepQuotes is how long a quote that nobody used stays after its end, for who asks what became of it.
const keepQuotes = 24 * time.Hour

// ForgetQuotes deletes up to limit quotes that nobody used and that ended long ago, and returns how many. Several
// processes may do it at the same time.
func (e *Engine) ForgetQuotes(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var old []string
	err = e.store.View(ctx, func(rd Reader) error {
		old, err = rd.OldQuotes(now.Add(-keepQuotes), limit)
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = e.store.Update(ctx, Keys{Quotes: old}, func(tx Tx) error {
		n = 0
		for _, id := range old {
			q, err := tx.Quote(id)
			if err != nil {
				return err
			}
			if q == nil || q.UsedBy != "" { // somebody was faster
				continue
			}
			if err := tx.ForgetQuote(id); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}
