package engine

import (
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// How an order is paid through a gateway: a far side that takes whatever the payer has and brings the order's money to
// its destination.
//
// The same money is counted once. Where the order is collected on a chain that this server watches, only the chain
// says that money is there; the gateway's word makes a payment that is seen, and so keeps the order from expiring
// while its money is on the way, and never more. Where the gateway's own network is the order's, nobody else tells of
// the money, and the gateway's word, read back from it, counts.

// Gateway is configuration, not a record.
type Gateway struct {
	ID        string
	Name      string // for people
	Mode      Mode
	Rail      rail.Name
	Network   string // of its own, where the money arrives on a chain that nobody watches; "": it has none
	Address   string // where the money of orders of that network arrives: the operator's
	Simulated bool   // its payments are made up: never in live mode

	// Tolerance is how much less than was asked for it may bring and call that paid, in hundredths of a percent: what
	// Under makes an order's terms tolerate.
	Tolerance int64
}

// Under is how much less than due an order tolerates that is paid through the gateway, rounded down.
func (g Gateway) Under(due money.Amount) money.Amount {
	part := new(big.Int).Mul(due.Big(), big.NewInt(g.Tolerance))
	return money.New(due.Asset(), part.Div(part, big.NewInt(10_000)))
}

// family is that of the requests to the gateway.
func (g Gateway) family() Family { return Family(g.Rail) }

// Paying says through which gateway an order may be paid.
type Paying struct {
	Gateway string // its id
	Request string // what the gateway repeats in all it says of the payment; unique on the server, at most 128 of A-Z a-z 0-9 _ -

	Title    string            // what the payer is shown
	Currency string            // of the price he is shown; with Price
	Price    string            // decimal
	Metadata map[string]string // that the gateway keeps
}

// AtGateway is what is known of an order's payment at a gateway. All but the first four is the gateway's own word: for people
// to read and for APIs to repeat, never counted.
type AtGateway struct {
	Gateway string // its id
	Rail    rail.Name
	Request Instrument // whose value the gateway repeats in all it says
	To      string     // the address that the money must arrive at

	Payment string `json:",omitempty"` // the gateway's id of the payment; empty: it has none yet
	Status  string `json:",omitempty"` // where the payment stands there, in its rail's own word; empty: not told
	URL     string `json:",omitempty"` // where it is paid; empty: not told
	Tx      string `json:",omitempty"` // the transaction that brought the money
	From    string `json:",omitempty"` // who paid
	Note    string `json:",omitempty"` // rail.NoteBounced and the like; empty: nothing is to be said

	ToldAt time.Time `json:",omitzero"` // true time at which it last said something new; zero: it said nothing yet
}

// WithGateways is the engine with the gateways that orders may be paid through.
func (e *Engine) WithGateways(list []Gateway) *Engine {
	mine := *e
	mine.gateways = map[string]Gateway{}
	for _, g := range list {
		mine.gateways[g.ID] = g
	}
	return &mine
}

// Gateway finds a gateway of the mode. Error: not_configured.
func (e *Engine) Gateway(id string, m Mode) (Gateway, error) {
	g, ok := e.gateways[id]
	if !ok || g.Mode != m || g.Simulated && m == Live {
		return Gateway{}, fault.New(fault.CodeNotConfigured, "the gateway '"+id+"' is not available")
	}
	return g, nil
}

// Gateways lists the gateways of a mode by id.
func (e *Engine) Gateways(m Mode) []Gateway {
	var list []Gateway
	for _, id := range slices.Sorted(maps.Keys(e.gateways)) {
		if g, err := e.Gateway(id, m); err == nil {
			list = append(list, g)
		}
	}
	return list
}

const maxRequest = 128

// payThrough lets an order that collects on its network be paid through a gateway too: the request is the order's, and
// the gateway is asked once the order is committed.
func (e *Engine) payThrough(tx Tx, o *Order, n NewOrder) error {
	p := n.Gateway
	if p.Gateway == "" {
		return nil
	}
	g, err := e.Gateway(p.Gateway, o.Scope.Mode)
	if err != nil {
		return err
	}
	if p.Request == "" || len(p.Request) > maxRequest || strings.Trim(p.Request, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return errors.New("engine: the id of a request to a gateway is malformed")
	}
	to := o.Instrument.Value
	if g.Network == n.Network.ID {
		to = g.Address
	}
	contract := n.Network.contract(o.Terms)
	if n.Network.ChainID == 0 || contract == "" || to == "" {
		return fault.New(fault.CodeNotConfigured, "the gateway '"+g.ID+"' does not reach the network '"+n.Network.ID+"'")
	}
	told, err := tx.Progress(g.Rail)
	if err != nil {
		return err
	}
	if told == nil {
		return fault.New(fault.CodeNotConfigured, "the gateway '"+g.ID+"' is not being watched yet")
	}
	pool := Pool{Merchant: o.Scope.Merchant, Mode: o.Scope.Mode, Family: g.family()}
	o.Gateway = AtGateway{Gateway: g.ID, Rail: g.Rail, To: to}
	if o.Gateway.Request, err = tx.MakeInstrument(pool, g.Rail, p.Request, o.ID); err != nil {
		return err
	}
	request := rail.Request{
		ID: p.Request, Order: o.PublicID, Amount: o.Terms.Due, Chain: n.Network.ChainID, Token: contract, To: to, Until: until(tx, o),
		Title: p.Title, Currency: p.Currency, Price: p.Price, Metadata: p.Metadata,
	}
	text, err := request.Text()
	if err != nil {
		return err
	}
	return tx.SaveRailState(g.Rail, request.Key(), text)
}

// contract is where the token is that an order's money is.
func (n Network) contract(t order.Terms) string {
	for _, token := range n.Tokens {
		if token.Asset == t.Due.Asset() {
			return token.Contract
		}
	}
	return ""
}

// until is the true time after which no word about money can keep an order that is new open.
func until(tx Tx, o *Order) time.Time {
	last := o.Terms.Deadline
	if o.Terms.ConfirmBy.After(last) {
		last = o.Terms.ConfirmBy
	}
	return tx.Now().Add(last.Sub(o.CreatedAt)) // both are on the mode's clock
}

// gatewayTold tells the order of a request what its gateway says. Where another rail collects the order's money, that
// one says when it is there: the gateway's word is then that money is on its way, whatever it says itself.
func (e *Engine) gatewayTold(tx Tx, n Network, s rail.Observation) error {
	hold, err := tx.HoldAt(Instrument{Family: n.Family, Value: s.Instrument}, n.Rail, s.Value)
	if err != nil {
		return err
	}
	if hold == nil {
		if s.Rank == 0 {
			return nil
		}
		return e.observe(tx, n, s)
	}
	o, err := tx.Order(hold.OrderID)
	if err != nil {
		return err
	}
	if o.Scope.Mode != n.Mode || o.Gateway.Rail != n.Rail {
		return nil // a request is of one order and of one gateway: this is not how a true one speaks
	}
	was := o.Gateway
	o.Gateway.hear(*s.Session)
	if o.Gateway != was {
		o.Gateway.ToldAt = tx.Now()
	}
	changed := false
	if s.Rank != 0 {
		if s.Rank == order.RankConfirmed && o.Rail != n.Rail {
			s.Rank = order.RankSeen
		}
		if changed, err = e.tellChanged(tx, n, o, s); err != nil {
			return err
		}
	}
	if changed || o.Gateway == was {
		return nil
	}
	return tx.SaveOrder(o)
}

// hear keeps what a gateway says. The payment that brought money stands for the order, else the first.
func (t *AtGateway) hear(s rail.Session) {
	if t.Payment == "" || s.Tx != "" && t.Tx == "" {
		t.Payment = s.Payment
	}
	if s.Payment != t.Payment {
		if s.Note != "" && t.Note == "" {
			t.Note = s.Note
		}
		return
	}
	for _, one := range []struct {
		to   *string
		says string
	}{{&t.Status, s.Status}, {&t.URL, s.URL}, {&t.Tx, s.Tx}, {&t.From, s.From}, {&t.Note, s.Note}} {
		if one.says != "" {
			*one.to = one.says
		}
	}
}

// announced says that a payment is only a gateway's word of one that the order's own rail told of too.
func (o *Order) announced(p order.Payment) bool {
	if o.Gateway.Rail == "" || p.Rail != string(o.Gateway.Rail) || o.Rail == o.Gateway.Rail || p.Evidence.Tx == "" {
		return false
	}
	for _, other := range o.Payments {
		if other.Rail == string(o.Rail) && strings.EqualFold(other.Evidence.Tx, p.Evidence.Tx) {
			return true
		}
	}
	return false
}

// NoteRefunded is a gateway's word that money went back to the payer, for APIs, which know no rail.
const NoteRefunded = rail.NoteRefunded
