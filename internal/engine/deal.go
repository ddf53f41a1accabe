package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// Deal is an exchange over one quote by orders of its own: one, or, where it is paid from the merchant's balance, as
// many as it takes, one for each part of the money that is there. Its rate holds until Until; what was not paid by
// then stays in the balance. A deal moves no money: its orders do, and each is an order like any other.
type Deal struct {
	ID     string // public, made by the dialect
	Scope  Scope
	Number int64  // counts the scope's from 1; given by the store at insertion
	Kind   string // what the API calls such a deal
	State  DealState
	Reason string `json:",omitempty"` // why it ended early: a fault's code

	Quote  Frozen
	Paid   money.Amount // what its orders were asked to collect, of Quote.AmountIn
	Orders []string     // their public ids, in order; at most maxParts+1
	Until  time.Time    // on the mode's clock; zero: it is not paid in parts
	Parts  *parts       `json:",omitempty"` // how each part is made; nil: it is one order

	CreatedAt time.Time // on the mode's clock
	UpdatedAt time.Time
	Version   int64
	Doc       json.RawMessage `json:",omitempty"` // the dialect's; the engine never reads it
}

// DealState is where a deal stands.
type DealState string

const (
	DealOpen  DealState = "open"  // the merchant's balance: what it gets pays the next part
	DealMade  DealState = "made"  // nobody: its orders are made, and go on by themselves
	DealEnded DealState = "ended" // nobody: its time is over before all was paid
)

// parts is what the orders of a deal have in common.
type parts struct {
	Prefix      string          `json:"prefix"` // of their public ids
	Kind        string          `json:"kind"`
	Words       []string        `json:"words,omitempty"`
	Terms       order.Terms     `json:"terms"` // of the whole
	Destination Destination     `json:"destination,omitzero"`
	Doc         json.RawMessage `json:"doc,omitempty"`

	Organisation string `json:"organisation,omitempty"` // whose policy each is asked
	Maker        string `json:"maker,omitempty"`
	Notify       Notify `json:"notify,omitzero"` // whom each tells
}

const (
	kindDeal DocumentKind = "deal"

	// maxParts bounds the orders of a deal: a part is at least this share of the whole, unless it is the last.
	maxParts = 100
)

// NewDeal asks for a deal.
type NewDeal struct {
	ID    string // public, made by the dialect
	Quote string // public id of the quote it uses

	// Order is what each of its orders is like, of the deal's scope and without a quote of its own. Its Terms are asked
	// once, for the whole quote; a part has other amounts and nothing else.
	Order NewOrder
	// Prefix begins the public ids of its orders where it is paid in parts from the balance; empty: it is one order,
	// which is made at once or not at all.
	Prefix string

	Doc json.RawMessage
	Repeatable[*Deal]
}

// Dealt is the new deal with the orders made so far, or the remembered answer to the same request.
type Dealt struct {
	Deal   *Deal
	Orders []Order
	Replay *Answer
}

// MakeDeal uses a quote for a deal. One that is paid in parts takes what is in the balance at once, and later what
// comes, within the time a rate holds on a bank's rails.
//
// Errors: those of Create and of a quote's use.
func (e *Engine) MakeDeal(ctx context.Context, n NewDeal) (Dealt, error) {
	want := Keys{
		Quotes: []string{n.Quote}, Settings: []SettingScope{{Merchant: n.Order.Scope.Merchant, Mode: n.Order.Scope.Mode}},
		Clocks: []Mode{n.Order.Scope.Mode}, Progress: []RailName{n.Order.Network.Rail},
	}
	var orders []Order
	deal, replay, err := once(ctx, e, want, n.Repeatable, func(tx Tx) (d *Deal, err error) {
		orders = nil
		d, o, err := e.deal(tx, n)
		if o != nil {
			orders = []Order{*o}
		}
		return d, err
	})
	if err != nil {
		return Dealt{}, err
	}
	return Dealt{Deal: deal, Orders: orders, Replay: replay}, nil
}

func (e *Engine) deal(tx Tx, n NewDeal) (*Deal, *Order, error) {
	s := n.Order.Scope
	q, err := use(tx, s, n.Quote, n.ID)
	if err != nil {
		return nil, nil, err
	}
	clock, err := tx.Clock(s.Mode)
	if err != nil {
		return nil, nil, err
	}
	now := clock.Shift(tx.Now())
	d := &Deal{
		ID: n.ID, Scope: s, Kind: n.Order.Kind, State: DealOpen, Quote: Frozen{ID: q.ID, Quote: q.Quote},
		Paid: money.Zero(q.AmountIn.Asset()), CreatedAt: now, UpdatedAt: now, Doc: n.Doc,
	}
	var o *Order
	if n.Prefix == "" {
		o, err = e.dealWhole(tx, d, n.Order)
	} else {
		o, err = e.dealInParts(tx, d, n, now)
	}
	if err != nil {
		return nil, nil, err
	}
	return d, o, d.insert(tx)
}

// dealWhole makes the deal's only order.
func (e *Engine) dealWhole(tx Tx, d *Deal, n NewOrder) (*Order, error) {
	whole := quote.Part{AmountIn: d.Quote.AmountIn, Fee: d.Quote.Fee, AmountOut: d.Quote.AmountOut}
	n.made = made{exchange: &d.Quote, amounts: whole, deal: d.ID}
	o, err := e.create(tx, n)
	if err != nil {
		return nil, err
	}
	d.State, d.Paid, d.Orders = DealMade, whole.AmountIn, []string{o.PublicID}
	return o, nil
}

// dealInParts settles what the parts are like, and makes the first of them where there is money.
func (e *Engine) dealInParts(tx Tx, d *Deal, n NewDeal, now time.Time) (*Order, error) {
	settings, err := tx.Settings(SettingScope{Merchant: d.Scope.Merchant, Mode: d.Scope.Mode})
	if err != nil {
		return nil, err
	}
	whole := &Quote{ID: d.Quote.ID, Scope: d.Scope, OrderKind: d.Kind, Quote: d.Quote.Quote}
	terms, doc, err := n.Order.Terms(Plan{Now: now, Settings: settings, Quote: whole})
	if err != nil {
		return nil, err
	}
	if !terms.FromBalance {
		return nil, errors.New("engine: only what is paid from the balance is paid in parts")
	}
	if err := e.checkDestination(n.Order.Destination, terms, d.Scope.Mode); err != nil {
		return nil, err
	}
	if err := terms.Check(); err != nil {
		return nil, err
	}
	d.Until = now.Add(e.exchange.HoldBank)
	d.Parts = &parts{
		Prefix: n.Prefix, Kind: n.Order.Kind, Words: n.Order.Words, Terms: terms, Destination: n.Order.Destination, Doc: doc,
		Organisation: n.Order.Organisation, Maker: n.Order.Maker, Notify: n.Order.Notify,
	}
	return e.payPart(tx, d, now)
}

// payPart makes an order of what the balance has for the deal; nil when that makes no part.
func (e *Engine) payPart(tx Tx, d *Deal, now time.Time) (*Order, error) {
	account := d.Parts.Terms.Book.Account(ledger.Merchant)
	free, err := tx.Balance(account, d.Quote.AmountIn.Asset(), d.Scope.Mode)
	if err != nil {
		return nil, err
	}
	part, ok := d.next(free)
	if !ok {
		return nil, nil
	}
	public, err := e.publicID(d.Parts.Prefix)
	if err != nil {
		return nil, err
	}
	p := d.Parts
	o, err := e.create(tx, NewOrder{
		Scope: d.Scope, PublicID: public, Kind: p.Kind, Words: p.Words, Organisation: p.Organisation, Maker: p.Maker, Destination: p.Destination, Notify: p.Notify.again(),
		Terms: func(Plan) (order.Terms, json.RawMessage, error) { return fromBalance(p.Terms, part), p.Doc, nil },
		made:  made{exchange: &d.Quote, amounts: part, deal: d.ID},
	})
	if err != nil {
		return nil, err
	}
	d.Paid, d.Orders, d.UpdatedAt = d.Paid.Add(part.AmountIn), append(d.Orders, public), now
	if d.Paid.Equal(d.Quote.AmountIn) {
		d.State = DealMade
	}
	return o, nil
}

// next is the part that so much money pays; not ok when it makes none: it is too little to be an order, or to be one of
// at most maxParts.
func (d *Deal) next(free money.Amount) (quote.Part, bool) {
	if free.Sign() <= 0 || d.State != DealOpen {
		return quote.Part{}, false
	}
	whole := d.Quote.AmountIn
	upTo := money.Min(d.Paid.Add(free), whole)
	part, err := d.Quote.Part(d.Paid, upTo)
	if err != nil || part.AmountOut.Sign() <= 0 || part.Fee.Cmp(part.AmountIn) >= 0 {
		return quote.Part{}, false
	}
	share := part.AmountIn.Big()
	share.Mul(share, money.FromInt(whole.Asset(), maxParts).Big())
	return part, upTo.Equal(whole) || share.Cmp(whole.Big()) >= 0
}

// Deal finds a deal with its orders. Error: not_found, also for another scope's.
func (e *Engine) Deal(ctx context.Context, s Scope, id string) (Dealt, error) {
	var found Dealt
	err := e.store.View(ctx, func(rd Reader) error {
		d, err := readDeal(rd, id)
		if err != nil {
			return err
		}
		if d == nil || d.Scope != s {
			return fault.New(fault.CodeNotFound, "no such deal")
		}
		found.Deal = d
		for _, public := range d.Orders {
			o, err := rd.OrderByPublic(s, public)
			if err != nil {
				return err
			}
			found.Orders = append(found.Orders, *o)
		}
		return nil
	})
	return found, err
}

// DealFilter chooses and pages a scope's deals. Pages count from 1.
type DealFilter struct {
	Scope       Scope
	State       DealState // empty: all
	Page, Limit int
	Descending  bool // the newest first
}

// Deals lists deals, without their orders. Error: invalid_page.
func (e *Engine) Deals(ctx context.Context, f DealFilter) (list []Deal, total int64, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page, err := rd.Documents(DocumentFilter{Kind: kindDeal, Scope: f.Scope, State: string(f.State), Page: f.Page, Limit: f.Limit, Descending: f.Descending})
		if err != nil {
			return err
		}
		list, total = nil, page.Total
		for i := range page.List {
			d, err := dealOf(&page.List[i])
			if err != nil {
				return err
			}
			list = append(list, *d)
		}
		return nil
	})
	return list, total, err
}

// OpenDeals returns deals of a mode that money or time can move on, the oldest first, behind the given one.
func (e *Engine) OpenDeals(ctx context.Context, m Mode, now time.Time, after Due, limit int) (open []Due, last Due, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		open, last = nil, Due{}
		clock, err := rd.Clock(m)
		if err != nil {
			return err
		}
		page, err := rd.DueDocuments(kindDeal, m, clock.Shift(now), after, limit)
		if err != nil {
			return err
		}
		for _, due := range page {
			last = due
			d, err := readDeal(rd, due.ID)
			if err != nil || d == nil || d.State != DealOpen {
				return err
			}
			moves, err := d.moves(rd, clock.Shift(now))
			if err != nil {
				return err
			}
			if moves {
				open = append(open, due)
			}
		}
		return nil
	})
	return open, last, err
}

// moves says that a look at an open deal would change it.
func (d *Deal) moves(rd Reader, now time.Time) (bool, error) {
	if now.After(d.Until) {
		return true, nil
	}
	balances, err := rd.Balances(d.Scope.Merchant, d.Scope.Mode)
	if err != nil {
		return false, err
	}
	account := d.Parts.Terms.Book.Account(ledger.Merchant)
	for _, b := range balances {
		if b.Account == account && b.Amount.Asset() == d.Quote.AmountIn.Asset() {
			_, ok := d.next(b.Amount)
			return ok, nil
		}
	}
	return false, nil
}

// PayDeal makes the next order of an open deal of what its merchant's balance has, or ends it when its time is over.
// A part that cannot be made, because the policy or the merchant's far side refuses it, ends the deal as well. Nil when
// there is nothing to do.
func (e *Engine) PayDeal(ctx context.Context, id string) (*Order, error) {
	var made *Order
	var refused error
	err := e.update(ctx, Keys{Documents: []DocumentKey{{kindDeal, id}}}, func(tx Tx) error {
		made, refused = nil, nil
		d, now, err := e.openDeal(tx, id)
		if err != nil || d == nil {
			return err
		}
		if now.After(d.Until) {
			return d.end(tx, now, "")
		}
		if made, err = e.payPart(tx, d, now); err != nil {
			refused = err
			return err
		}
		if made == nil {
			return nil
		}
		return d.save(tx)
	})
	if err == nil || refused == nil {
		return made, err
	}
	refusal, ok := fault.As(refused)
	if !ok || refusal.Retryable() {
		return nil, err
	}
	return nil, e.update(ctx, Keys{Documents: []DocumentKey{{kindDeal, id}}}, func(tx Tx) error {
		d, now, err := e.openDeal(tx, id)
		if err != nil || d == nil {
			return err
		}
		return d.end(tx, now, string(refusal.Code))
	})
}

// openDeal is nil when the deal is not open; now is the time of its mode.
func (e *Engine) openDeal(tx Tx, id string) (*Deal, time.Time, error) {
	doc, err := tx.Document(kindDeal, id)
	if err != nil || doc == nil {
		return nil, time.Time{}, err
	}
	d, err := dealOf(doc)
	if err != nil || d.State != DealOpen {
		return nil, time.Time{}, err
	}
	clock, err := tx.Clock(d.Scope.Mode)
	return d, clock.Shift(tx.Now()), err
}

func (d *Deal) end(tx Tx, now time.Time, reason string) error {
	d.State, d.Reason, d.UpdatedAt = DealEnded, reason, now
	return d.save(tx)
}

// document is the deal as it is kept. An open one is always due: what it waits for is money.
func (d *Deal) document() (*Document, error) {
	doc := &Document{Kind: kindDeal, ID: d.ID, Scope: d.Scope, Number: d.Number, State: string(d.State), CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Version: d.Version}
	if d.State == DealOpen {
		doc.DueAt = d.CreatedAt
	}
	var err error
	doc.Doc, err = json.Marshal(d)
	return doc, err
}

func (d *Deal) insert(tx Tx) error {
	doc, err := d.document()
	if err != nil {
		return err
	}
	err = tx.InsertDocument(doc)
	d.Number, d.Version = doc.Number, doc.Version
	return err
}

func (d *Deal) save(tx Tx) error {
	doc, err := d.document()
	if err != nil {
		return err
	}
	err = tx.SaveDocument(doc)
	d.Version = doc.Version
	return err
}

func readDeal(rd documents, id string) (*Deal, error) {
	doc, err := rd.Document(kindDeal, id)
	if err != nil || doc == nil {
		return nil, err
	}
	return dealOf(doc)
}

func dealOf(doc *Document) (*Deal, error) {
	d := &Deal{}
	if err := json.Unmarshal(doc.Doc, d); err != nil {
		return nil, fmt.Errorf("the deal %s cannot be read: %w", doc.ID, err)
	}
	d.Number, d.Version = doc.Number, doc.Version
	return d, nil
}
