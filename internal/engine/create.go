package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/quote"
)

// stale is how far behind a rail may be for an instrument that other orders held before to be handed out.
// What the rail has not told yet may be late money of the former owner, and the new hold begins at the
// rail's horizon. Nobody can have paid to an instrument that was never handed out.
const stale = 2 * time.Minute

// NewOrder asks for an order. The dialect fills it after it has checked the request.
type NewOrder struct {
	Scope     Scope
	PublicID  string
	Reference string
	UniqueKey string
	Kind      string   // what the API calls such an order, opaque
	Words     []string // by which its lists find it beside

	// Whose policy is asked, and who makes the order: a key or a person, who cannot approve what the policy puts on
	// hold. Organisation is the merchant's, as the caller has checked; empty: no policy is asked.
	Organisation string
	Maker        string

	Network    Network // where it is collected; the zero Network when it is collected from the merchant's balance
	Instrument Origin  // where the instrument comes from that the payer pays to
	Gateway    Paying  // the gateway it may be paid through beside; zero: none

	// An order whose payer chooses how he pays has Methods in place of a network: the codes he may choose from, or
	// AnyMethod alone. Method is chosen at once, with what is known of the payer; nil: he chooses later.
	Methods  []string
	Method   *Method
	Given    map[string]string // by the Field constants
	Enforced Enforced          // who must pay it; zero: anybody

	Destination Destination // where it is delivered to; the zero Destination when delivery is a posting

	// What it exchanges, where it does: a quote that this order uses, by its public id, or what is asked for, to be
	// priced now. Either is handed to Terms, which copies its amounts. Empty and nil: nothing.
	Quote string
	Ask   *quote.Ask

	// Releases says that the engine itself gives the merchant what the order collected and could not deliver, and, of
	// an exchange, what came after its deadline, as his setting late_rate wants it (release.go).
	Releases bool

	// Terms is called in the transaction, with what only the transaction knows. doc is what the dialect
	// must remember of the order and echo.
	Terms func(p Plan) (t order.Terms, doc json.RawMessage, err error)

	// Rest says how long the instrument rests after the order, by the merchant's settings; nil: the default. It is
	// called in the transaction and holds for this order alone.
	Rest func(settings map[string]json.RawMessage) time.Duration

	Screen *Screening // who it is for is looked up on lists before it is made; nil: nobody is

	Notify Notify // whom the order tells, and how; the caller has checked that the customer is the scope's

	Offer    OfferTaken // what it is made of; zero: the merchant asked for it
	Purchase Purchase   // what it sells; zero: no product. Only Buy fills it

	// Customer is changed with the order, or neither is written: a customer of the scope, of whom the request says
	// something new. The zero CustomerChange: none.
	Customer CustomerChange

	// Once, when set, makes a repeat of the same request give the first answer again. Answer renders what
	// is remembered.
	Once   *Once
	Answer func(o *Order) (status int, body []byte)

	made    made     // by the engine itself, of what was asked for before
	verdict *verdict // of Screen; nil: it was not asked for yet
}

// made is an order that follows another one, or is a part of a deal. Its exchange is settled already.
type made struct {
	exchange *Frozen
	amounts  quote.Part // of the exchange, the order's share
	deal     string     // public id
	follows  string     // public id
}

// Origin is where an order's instrument comes from.
type Origin uint8

const (
	Pooled Origin = iota // the merchant's pool of the network's family
	Made                 // a reference made for this order alone, in the form of the network
	None                 // it has none: the far side knows the order in another way
)

// Plan is what the terms of an order depend on beside the request.
type Plan struct {
	Now      time.Time                  // on the mode's clock
	Settings map[string]json.RawMessage // of the merchant in this mode

	// Quote is the exchange: the quote the order uses, or what was asked for, priced now and without an id. nil: none.
	// Its rate holds for RateHold from now, on the rail the order is collected on: money that comes later is late.
	Quote    *Quote
	RateHold time.Duration
}

// Created is the new order, or the remembered answer to the same request.
type Created struct {
	Order  *Order
	Replay *Answer
}

// Create makes an order. By its terms it is collected from the merchant's balance, at once, or else on the
// network, from whoever pays to its instrument. Everything is written in one transaction or nothing is: a
// refused order takes no instrument and no money.
//
// Errors: duplicate_reference (Details "existing": the public id of the order that has the unique key),
// idempotency_conflict, insufficient_balance, not_configured (the network's rail has never told anything, or
// the destination's rail serves another mode or nobody, or the gateway does not serve the network), missing_field (a delivery that leaves the house
// without a destination; on "bank": of a method that needs one), invalid_network (of another mode), no_address, of an offer not_found, not_published, offer_ended, sold_out and
// version_conflict (it has changed since its price was found), of a quote not_found, quote_used and quote_expired, of a
// price those of Price, policy_denied (Details "rule": which one, where there is one), and what Terms returns.
func (e *Engine) Create(ctx context.Context, n NewOrder) (Created, error) {
	if n.Screen != nil {
		v := e.judge(*n.Screen, n.Scope.Mode)
		n.verdict = &v
	}
	rails := []RailName{n.Network.Rail}
	if n.Method != nil {
		rails[0] = e.networks[n.Method.Network].Rail
	}
	want := Keys{
		Unique:   []UniqueKey{{Scope: n.Scope, Key: n.UniqueKey}},
		Settings: []SettingScope{{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode}},
		Clocks:   []Mode{n.Scope.Mode},
		Progress: rails,
	}
	if n.Organisation != "" {
		want.Documents = append(want.Documents, DocumentKey{kindPolicy, policyID(OfOrganisation(n.Organisation, n.Scope.Mode, n.Scope.Dialect))})
	}
	if n.Customer.ID != "" {
		want.Documents = append(want.Documents, DocumentKey{KindCustomer, n.Customer.ID})
	}
	n.wantExchange(&want)
	if n.Ask != nil && n.Network.ID == "" && len(n.Methods) == 0 { // out of the merchant's balance
		book := ledger.Owed(n.Scope.Merchant)
		for _, role := range []ledger.Role{ledger.Merchant, ledger.In} {
			want.Balances = append(want.Balances, BalanceKey{book.Account(role), n.Ask.From, n.Scope.Mode})
		}
	}
	o, replay, err := once(ctx, e, want, Repeatable[*Order]{Once: n.Once, Answer: n.Answer}, func(tx Tx) (*Order, error) { return e.create(tx, n) })
	return Created{Order: o, Replay: replay}, err
}

// create makes the order inside a transaction.
func (e *Engine) create(tx Tx, n NewOrder) (*Order, error) {
	if n.UniqueKey != "" {
		taken, err := tx.OrderByUnique(UniqueKey{Scope: n.Scope, Key: n.UniqueKey})
		if err != nil {
			return nil, err
		}
		if taken != nil {
			return nil, Duplicate(taken.PublicID)
		}
	}
	clock, err := tx.Clock(n.Scope.Mode)
	if err != nil {
		return nil, err
	}
	settings, err := tx.Settings(SettingScope{Merchant: n.Scope.Merchant, Mode: n.Scope.Mode})
	if err != nil {
		return nil, err
	}
	now := clock.Shift(tx.Now())
	if n.Offer.ID != "" {
		if err := take(tx, n.Scope, n.Offer, now); err != nil {
			return nil, err
		}
	}
	plan := Plan{Now: now, Settings: settings, RateHold: e.exchange.hold(n.Network)}
	if plan.Quote, err = e.exchangeOf(tx, n); err != nil {
		return nil, err
	}
	terms, doc, err := n.Terms(plan)
	if err != nil {
		return nil, err
	}
	if n.Customer.ID != "" {
		if _, err := e.As(n.Maker).changeCustomer(tx, n.Scope, n.Customer.ID, n.Customer.Change); err != nil {
			return nil, err
		}
	}
	if err := e.checkDestination(n.Destination, terms, n.Scope.Mode); err != nil {
		return nil, err
	}
	judged := terms.Due
	if n.made.deal != "" { // of a deal the whole is judged with each part: small parts are no way around a rule
		judged = n.made.exchange.AmountIn
	}
	reviews, rule, err := e.policed(tx, n, judged)
	if err != nil {
		return nil, err
	}

	o := &Order{
		Order: order.Order{Terms: terms},
		ID:    tx.NewID(), PublicID: n.PublicID, Scope: n.Scope, Reference: n.Reference, UniqueKey: n.UniqueKey,
		Offer: n.Offer.ID, Purchase: n.Purchase, Kind: n.Kind, Maker: n.Maker, Words: n.Words, Destination: n.Destination, Methods: n.Methods, Enforced: n.Enforced, Doc: doc,
		Rest: Rest, CreatedAt: now, UpdatedAt: now,
	}
	if n.Rest != nil {
		o.Rest = n.Rest(settings)
	}
	if o.Notify, err = n.Notify.settle(settings, terms, now); err != nil {
		return nil, err
	}
	held := len(reviews) > 0
	if n.verdict != nil {
		opened, err := o.screenedAtCreation(*n.verdict, *n.Screen, now, e.random)
		if err != nil {
			return nil, err
		}
		reviews = append(reviews, opened...)
	}
	asked := order.Change{Kind: order.Create, Actor: order.ByMerchant, Who: n.Maker, Reviews: reviews}
	if err := o.exchanges(n, plan, &asked); err != nil {
		return nil, err
	}
	switch {
	case terms.FromBalance:
		asked.Payment.External = o.ID
		asked.Available, err = tx.Balance(terms.Book.Account(ledger.Merchant), terms.Due.Asset(), n.Scope.Mode)
	case len(n.Methods) > 0: // the order gets a rail with its payer's choice
	default:
		if err = e.collectOn(tx, o, n); err == nil {
			err = e.payThrough(tx, o, n)
		}
	}
	if err != nil {
		return nil, err
	}
	if held {
		if err := o.hold(tx, n, rule); err != nil {
			return nil, err
		}
	}
	if _, err := e.apply(tx, o, asked, true); err != nil {
		return nil, lacking(err, terms, asked.Available)
	}
	if n.Method != nil && !terms.FromBalance {
		if slices.Contains(n.Method.Required, FieldBank) && n.Given[FieldBank] == "" { // the rest the page asks for
			return nil, fault.New(fault.CodeMissingField, n.Method.Code+" needs a bank").On(FieldBank)
		}
		if err := e.open(tx, o, *n.Method, n.Given); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// lacking says of a refusal for the balance how much there is, and how much is needed.
func lacking(err error, t order.Terms, available money.Amount) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeInsufficientBalance {
		return err
	}
	return f.With("available", available.Decimal()).With("required", t.Due.Decimal()).With("currency", t.Due.Asset().Code())
}

// checkDestination refuses a delivery that would go nowhere, or into another mode.
func (e *Engine) checkDestination(d Destination, t order.Terms, m Mode) error {
	switch {
	case t.Instant && d != Destination{}:
		return errors.New("engine: an order whose delivery is a posting has a destination")
	case t.Instant:
		return nil
	case d.Rail == "" || d.To == "":
		return fault.New(fault.CodeMissingField, "where the money goes is missing").On("destination")
	}
	return e.serves(d.Rail, m)
}

// collectOn gives the order its rail, and the instrument that its payer pays to.
func (e *Engine) collectOn(tx Tx, o *Order, n NewOrder) error {
	if n.Network.Mode != n.Scope.Mode || n.Network.Simulated && n.Scope.Mode == Live {
		return fault.New(fault.CodeInvalidNetwork, "the network '"+n.Network.ID+"' is not supported")
	}
	told, err := e.watched(tx, n.Network, n.Instrument)
	if err != nil {
		return err
	}
	o.Network, o.Rail, o.Head, o.Skew = n.Network.ID, n.Network.Rail, told.Cursor.Head, aheadBy(told, tx.Now())
	o.Instrument, err = e.takeFor(tx, o, n.Network, n.Instrument, told)
	return err
}

// watched is how far the network's rail has told everything. Error: not_configured, when it never told anything.
func (e *Engine) watched(tx Tx, n Network, from Origin) (*Progress, error) {
	told, err := tx.Progress(n.Rail)
	if err != nil {
		return nil, err
	}
	// Who holds a pooled instrument is a matter of the rail's own time.
	if told == nil || from == Pooled && told.Cursor.Horizon.IsZero() {
		return nil, fault.New(fault.CodeNotConfigured, "the network '"+n.ID+"' is not being watched yet")
	}
	return told, nil
}

// aheadBy is how far a rail's clock is ahead of ours.
func aheadBy(told *Progress, now time.Time) time.Duration {
	return max(0, told.Cursor.Horizon.Sub(now))
}

// originOn is where the instruments of a network come from.
func originOn(n Network) Origin {
	if n.Makes() {
		return Made
	}
	return Pooled
}

// takeFor gives an order an instrument to be paid on the network. Money that the house will owe is paid to an address
// of the house, where the network's addresses are the merchants' own.
func (e *Engine) takeFor(tx Tx, o *Order, n Network, from Origin, told *Progress) (Instrument, error) {
	pool := Pool{Merchant: o.Scope.Merchant, Mode: o.Scope.Mode, Family: n.Family}
	if from == Pooled && !n.Custodial && !o.Terms.Book.IsWallet() {
		pool = HousePool(o.Scope.Mode, n.Family)
	}
	switch from {
	case Pooled:
		take := tx.TakeInstrument
		if tx.Now().Sub(told.Cursor.Horizon) > stale {
			take = tx.TakeNewInstrument
		}
		return take(pool, n.Rail, o.ID, told.Cursor.Horizon)
	case Made:
		value, err := e.reference(tx, n)
		if err != nil {
			return Instrument{}, err
		}
		return tx.MakeInstrument(pool, n.Rail, value, o.ID)
	}
	return Instrument{}, nil
}

// reference makes what the payer of one order, or of one standing instruction, must name.
func (e *Engine) reference(tx Tx, n Network) (string, error) {
	if n.Reference != nil {
		return n.Reference(e.random)
	}
	return n.Prefix + strings.ToUpper(tx.NewID()), nil
}

// Duplicate is the refusal of a reference that another order has.
func Duplicate(existing string) *fault.Error {
	return fault.New(fault.CodeDuplicateReference, "an order with this reference exists").With("existing", existing)
}
