package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/quote"
)

// Exchange is on what terms the house exchanges. It is configuration, not a record; the rates that were told are on
// record, so that every process and the next start know the same ones.
type Exchange struct {
	Factor     quote.Decimal // how far a rate may jump from the last one and still be believed; above 1
	References []quote.Rate  // what rates are compared with beside that
	Pricing    []Pricing     // the first that fits counts; where none does the house takes nothing
	Life       time.Duration // of a quote

	// How long the rate of an order holds that is collected on a chain, and on any other rail.
	HoldChain, HoldBank time.Duration

	Now func() time.Time // true time, for a price that is asked outside a transaction
}

// DefaultExchange is what an empty config says: quotes live for 15 s, a rate may jump by a fifth, nothing is taken.
func DefaultExchange() Exchange {
	return Exchange{
		Factor: quote.MustDecimal("1.2"), Life: quote.DefaultLife, HoldChain: 30 * time.Minute, HoldBank: 24 * time.Hour, Now: time.Now,
	}
}

// Pricing is what the house takes for an exchange of one kind and pair. An empty word fits every one.
type Pricing struct {
	Kind     string // of the order, as its API says it
	From, To string // codes of currencies
	Spread   int64  // basis points off the rate
	Percent  int64  // basis points of what is paid in
	Fixed    string // a decimal of what is paid in; empty: none
	Tax      int64  // basis points of the fee
}

// Check says why nothing can be priced so. A fixed fee is checked against the currency it is in where From is one of
// ISO 4217. The error is for who configured it.
func (p Pricing) Check() error {
	paid, err := money.Fiat(p.From)
	if err != nil {
		paid = money.MustAsset("ANY", "", 18)
	}
	in, err := p.in(paid)
	if err != nil {
		return err
	}
	if p.Fixed != "" && p.From == "" {
		return errors.New("a fixed fee needs the currency it is in: from")
	}
	return in.Check(paid)
}

// in is the pricing of what is paid in an asset.
func (p Pricing) in(paid money.Asset) (quote.Pricing, error) {
	priced := quote.Pricing{Spread: p.Spread, Percent: p.Percent, Tax: p.Tax}
	if p.Fixed == "" {
		return priced, nil
	}
	fixed, err := money.Parse(paid, p.Fixed)
	if err != nil {
		return quote.Pricing{}, fmt.Errorf("the fixed fee %q: %w", p.Fixed, err)
	}
	priced.Fixed = fixed
	return priced, nil
}

func (p Pricing) fits(kind string, from, to money.Asset) bool {
	return (p.Kind == "" || p.Kind == kind) && (p.From == "" || p.From == from.Code()) && (p.To == "" || p.To == to.Code())
}

// exchange is the terms, and the table of the rates on record as it was last made.
type exchange struct {
	Exchange
	empty *quote.Table // without rates
	last  atomic.Pointer[knownRates]
}

type knownRates struct {
	record []byte
	table  *quote.Table
}

func newExchange(x Exchange) (*exchange, error) {
	empty, err := quote.NewTable(x.Factor, x.References...)
	return &exchange{Exchange: x, empty: empty}, err
}

// WithExchange is the engine on other terms of exchange. Error: what is wrong with the factor or a reference.
func (e *Engine) WithExchange(x Exchange) (*Engine, error) {
	made, err := newExchange(x)
	mine := *e
	mine.exchange = made
	return &mine, err
}

// hold is how long a rate holds for what is collected on a network.
func (x *exchange) hold(n Network) time.Duration {
	if n.Family == EVM {
		return x.HoldChain
	}
	return x.HoldBank
}

// pricing is what the house takes for an exchange.
func (x *exchange) pricing(kind string, ask quote.Ask) (quote.Pricing, error) {
	i := slices.IndexFunc(x.Pricing, func(p Pricing) bool { return p.fits(kind, ask.From, ask.To) })
	if i < 0 {
		return quote.Pricing{}, nil
	}
	priced, err := x.Pricing[i].in(ask.From)
	if err != nil {
		return priced, fault.New(fault.CodeNotConfigured, "There is no price for this exchange.").Because(err)
	}
	return priced, nil
}

// Rates are kept as one document, for a table is believed or not as a whole.
const kindRates DocumentKind = "rates"

var ratesKey = DocumentKey{Kind: kindRates, ID: "rates"}

// ratesScope is whose the rates are: the house's, in both modes.
var ratesScope = Scope{Merchant: "house", Mode: Live}

// ratesRecord is the rates on record.
type ratesRecord struct {
	Believed []quote.Rate `json:"believed"`
	Doubts   []quote.Rate `json:"doubts,omitempty"`
}

// documents is who can read one: a transaction or a view.
type documents interface {
	Document(kind DocumentKind, id string) (*Document, error)
}

// table is the rates on record. It is made once for each record.
func (x *exchange) table(rd documents) (*quote.Table, *Document, error) {
	doc, err := rd.Document(ratesKey.Kind, ratesKey.ID)
	if err != nil || doc == nil {
		return x.empty, nil, err
	}
	if known := x.last.Load(); known != nil && bytes.Equal(known.record, doc.Doc) {
		return known.table, doc, nil
	}
	var record ratesRecord
	if err := json.Unmarshal(doc.Doc, &record); err != nil {
		return nil, nil, fmt.Errorf("the rates on record cannot be read: %w", err)
	}
	table := x.empty.Restore(record.Believed, record.Doubts)
	x.last.Store(&knownRates{doc.Doc, table})
	return table, doc, nil
}

// price is what an exchange costs at a true time.
func (e *Engine) price(rd documents, ask quote.Ask, kind string, now time.Time) (quote.Quote, error) {
	table, _, err := e.exchange.table(rd)
	if err != nil {
		return quote.Quote{}, err
	}
	pricing, err := e.exchange.pricing(kind, ask)
	if err != nil {
		return quote.Quote{}, err
	}
	return quote.New(ask, table, pricing, now, e.exchange.Life)
}

// RatesTold is what a source of rates said.
type RatesTold struct {
	Source string
	Rates  []quote.Rate
	// All says that the source has no other rates: what it told before and does not tell now is withdrawn, and what
	// it told already keeps its time. So a table in a file of the operator is told.
	All bool
}

// TellRates puts on record what sources said, and returns what is not believed or not a rate (quote.ErrAbsurd,
// quote.ErrRate), for the log. Rates of sources that are not in the list are withdrawn: nobody keeps them up to date.
// A source of the list may say nothing at the moment. Where nothing changes nothing is written.
func (e *Engine) TellRates(ctx context.Context, sources []string, told []RatesTold) (doubted, err error) {
	err = e.store.Update(ctx, Keys{Documents: []DocumentKey{ratesKey}}, func(tx Tx) error {
		table, doc, err := e.exchange.table(tx)
		if err != nil {
			return err
		}
		stays := func(r quote.Rate) bool { return slices.Contains(sources, r.Source) && !withdrawn(told, r) }
		table = table.Restore(only(table.Rates(), stays), only(table.Doubts(), stays))
		var list []quote.Rate
		for _, t := range told {
			list = append(list, t.news(append(table.Rates(), table.Doubts()...))...)
		}
		table, doubted = table.Update(list, tx.Now())
		return saveRates(tx, doc, table)
	})
	return doubted, err
}

// withdrawn says that a source which tells all it has does not tell the rate any more.
func withdrawn(told []RatesTold, r quote.Rate) bool {
	i := slices.IndexFunc(told, func(t RatesTold) bool { return t.All && t.Source == r.Source })
	return i >= 0 && !slices.ContainsFunc(told[i].Rates, func(now quote.Rate) bool { return sameRate(now, r) })
}

// news is what a source says that is not on record as its word already.
func (t RatesTold) news(known []quote.Rate) []quote.Rate {
	return only(t.Rates, func(r quote.Rate) bool {
		return !t.All || !slices.ContainsFunc(known, func(k quote.Rate) bool { return k.Source == t.Source && sameRate(k, r) })
	})
}

func sameRate(a, b quote.Rate) bool {
	return a.Base == b.Base && a.Quote == b.Quote && a.Value == b.Value && a.MaxAge == b.MaxAge
}

func only(list []quote.Rate, wanted func(quote.Rate) bool) []quote.Rate {
	return slices.DeleteFunc(slices.Clone(list), func(r quote.Rate) bool { return !wanted(r) })
}

func saveRates(tx Tx, doc *Document, table *quote.Table) error {
	text, err := json.Marshal(ratesRecord{table.Rates(), table.Doubts()})
	switch {
	case err != nil:
		return err
	case doc == nil && len(table.Rates())+len(table.Doubts()) == 0:
		return nil
	case doc == nil:
		return tx.InsertDocument(&Document{
			Kind: ratesKey.Kind, ID: ratesKey.ID, Scope: ratesScope, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Doc: text,
		})
	case bytes.Equal(doc.Doc, text):
		return nil
	}
	doc.Doc, doc.UpdatedAt = text, tx.Now()
	return tx.SaveDocument(doc)
}

// Rates is the rates on record: those that are believed, whatever their age, and those in doubt, each of which closes
// its pair.
func (e *Engine) Rates(ctx context.Context) (believed, doubts []quote.Rate, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		table, _, err := e.exchange.table(rd)
		if err == nil {
			believed, doubts = table.Rates(), table.Doubts()
		}
		return err
	})
	return believed, doubts, err
}

// AcceptRate says that the rate in doubt of a pair is right, which opens the pair. For operators.
//
// Errors: not_found when no rate of the pair is in doubt; version_conflict when it is another one than was seen.
func (e *Engine) AcceptRate(ctx context.Context, seen quote.Rate) error {
	return e.update(ctx, Keys{Documents: []DocumentKey{ratesKey}}, func(tx Tx) error {
		table, doc, err := e.exchange.table(tx)
		if err != nil {
			return err
		}
		if table, err = table.Accept(seen); err != nil {
			return err
		}
		if err := saveRates(tx, doc, table); err != nil {
			return err
		}
		pair := strings.Join([]string{seen.Base, seen.Quote}, "/")
		return e.act(tx, Live, "rate.accept", pair, seen.Value.String()+" by "+seen.Source)
	})
}
