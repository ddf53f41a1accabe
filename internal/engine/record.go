package engine

import (
	"encoding/json"
	"time"

	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Mode keeps real money and test money apart. Nothing crosses it.
type Mode string

const (
	Live    Mode = "live"
	Sandbox Mode = "sandbox"
)

// Scope is whose order it is and which API it was made through. Every list, reference and total is
// within one scope.
type Scope struct {
	Merchant string
	Mode     Mode
	Dialect  string // an opaque word for the API; see Arrivals
}

// Order is an order on record: the machine's part, and what surrounds it.
type Order struct {
	order.Order

	ID             string // internal, sorts by time, never shown
	PublicID       string // made by the dialect, unique on the server
	Scope          Scope
	Number         int64    // counts the scope's orders from 1; given by the store at insertion; creation order
	Reference      string   // the merchant's own reference, shown and searched; may be empty
	UniqueKey      string   `json:",omitzero"`  // what must be unique in the scope while the record exists; empty: nothing
	Offer          string   `json:",omitempty"` // the offer it is made of; empty: none
	Kind           string   `json:",omitempty"` // what the API calls such an order, opaque: policies, lists and reports tell orders apart by it; empty: the API has one kind
	Words          []string `json:",omitempty"` // by which the API's lists find it beside, opaque and without spaces: accounts, currencies; fixed at creation
	Purchase       Purchase `json:",omitzero"`  // what it sells to whom; zero: no product
	PolicyApproval string   `json:",omitempty"` // the approval it waits for or waited for; empty: none

	// Who it is for and who paid it was looked up on lists.
	Asks      []string                    `json:",omitempty"` // the names of the documents to ask for on a hit
	Findings  []Finding                   `json:",omitempty"` // the hits, for the person who decides
	Requested []Requested                 `json:",omitempty"` // documents asked for, and given
	Inquiry   string                      `json:",omitempty"` // what the merchant is asked under about withheld money; empty: he was not asked
	Firsts    map[order.ReviewKind]string `json:",omitempty"` // who approved first where two must, of reviews that wait for the second

	Quote    *Frozen  `json:",omitempty"` // what it exchanges; nil: nothing
	Deal     string   `json:",omitempty"` // the public id of the deal it is a part of; empty: none
	Follows  string   `json:",omitempty"` // the public id of the order whose late money it exchanges; empty: none
	Releases Releases `json:",omitzero"`  // what the engine gives the merchant by itself

	Network    string            // the network or rail the order collects on, as the merchant names it ("ethereum-sepolia"); "" for none
	Rail       rail.Name         // the rail it collects on
	Instrument Instrument        // the address, reference or account it is paid to; zero: none
	Methods    []string          `json:",omitempty"` // codes of the methods that its payer may choose, or AnyMethod alone; none: there is nothing to choose
	Chosen     map[string]Chosen `json:",omitempty"` // what surrounds its attempts, by their ids; network, rail and instrument above are the last one's
	Enforced   Enforced          `json:",omitzero"`  // who must pay it
	Gateway    AtGateway         `json:",omitzero"`  // the gateway it may be paid through; zero: none
	Standing   string            `json:",omitempty"` // the standing instruction whose arrival it is, which holds the instrument; empty: it was asked for
	Rest       time.Duration     // how long the instrument rests after the order
	Skew       time.Duration     `json:",omitzero"` // how far the rail's clock was ahead of ours at creation; taken off value times

	Notify Notify `json:",omitzero"` // whom it tells, and how

	Destination Destination        `json:",omitzero"`  // where it is delivered to, when delivery leaves the house
	Approval    Approval           `json:",omitzero"`  // of the delivery, where it is above a limit
	Maker       string             `json:",omitempty"` // who made it: a key or a person; empty: nobody is known
	SendAt      time.Time          `json:",omitzero"`  // true time from which a worker may send it; zero: nothing waits to be sent
	Sendings    map[string]Sending `json:",omitempty"` // what surrounds its transfers, by their ids

	CreatedAt time.Time // on the mode's clock
	UpdatedAt time.Time
	EndedAt   time.Time        `json:",omitzero"` // when it became terminal; zero: not yet
	Closing   order.PaymentKey `json:",omitzero"` // the payment whose confirmation made it paid; zero: none
	ClosingAt uint64           `json:",omitzero"` // the rail's head then

	Version  int64           // grows with each save; the store's guard
	EventSeq int64           // the last event number given out
	Doc      json.RawMessage `json:",omitempty"` // what the dialect must remember and echo; the engine never reads it

	Head uint64 `json:",omitzero"` // the rail's head at reading, for confirmations; not stored
}

// Destination is where money goes that leaves the house: a rail, and an address or account there in the
// rail's canonical spelling.
type Destination struct {
	Rail rail.Name
	To   string
}

// Sending is what surrounds a transfer: where it goes, and when a worker looks at it next.
type Sending struct {
	Destination
	Ref   rail.Ref  `json:",omitempty"` // the far side's id, once it is told
	Look  time.Time `json:",omitzero"`  // true time of the next look; zero: it is not in flight
	Looks int       `json:",omitempty"` // how often it was looked at
	Why   string    `json:",omitempty"` // in the words of who asked for a refund
	Doc   string    `json:",omitempty"` // JSON: what the dialect must remember of a refund; the engine never reads it

	Reason string `json:",omitempty"` // the far side's word why it failed or came back: of a bank, a reason code of ISO 20022

	Approval Approval `json:",omitzero"`  // of a refund, where it is above a limit
	Maker    string   `json:",omitempty"` // who asked for the refund
}

// Received is the sum of confirmed payments in Due's asset that counted.
func (o *Order) Received() money.Amount {
	sum := money.Zero(o.Terms.Due.Asset())
	for _, p := range o.Payments {
		if p.Rank == order.RankConfirmed && p.Booked == o.Terms.Book.Account(ledger.In) {
			sum = sum.Add(p.Amount)
		}
	}
	return sum
}

// Family groups rails that share instruments: one EVM address is the same on every EVM chain.
type Family string

// EVM is the family of all Ethereum-like chains.
const EVM Family = "evm"

// Pool is where free instruments of one merchant come from.
type Pool struct {
	Merchant string
	Mode     Mode
	Family   Family
}

// Instrument names one address, bank reference or virtual account. Unique on the server by Family and Value.
type Instrument struct {
	Family Family
	Value  string // canonical spelling
}

// Imported is an instrument to add to a pool.
type Imported struct {
	Value           string
	DerivationIndex *int64
	MasterPublicKey string
	Derived         bool // made here from the key: it serves one order, ever
}

// Hold is one ownership of an instrument by an order or a standing instruction. From and To are on the clock of
// its rail: a chain's block time, so that a block tells whose address it paid whenever the block is told. Rails of
// one family share their instruments and not their clocks.
type Hold struct {
	Instrument Instrument
	Rail       rail.Name // that the order collects on; empty: a standing instruction's, on every rail of the family
	OrderID    string    // the owner: an order's id or a standing instruction's
	From       time.Time
	To         time.Time // zero: still held
}

// Event is one thing that happened, neutral of any API. Written in the transaction of its change. It is of an order
// or of a scope alone (an address was bound, a pool runs low): then it has no order, number, state or row, and
// what there is to say stands in its facts.
type Event struct {
	ID      string
	OrderID string // empty: an event of the scope
	Scope   Scope
	Seq     int64 // counts the order's events from 1; 0 without an order
	Type    string
	State   order.State   // at this event, not now
	Overlay order.Overlay // at this event
	Row     string        // the row of the table that fired
	At      time.Time     // true time
	Facts   Facts
}

// Facts is what an event says of the order at that moment.
type Facts struct {
	Received      money.Amount     `json:"received,omitzero"`
	Payment       order.PaymentKey `json:"payment,omitzero"`
	Amount        money.Amount     `json:"amount,omitzero"` // of the payment
	Evidence      order.Evidence   `json:"evidence,omitzero"`
	Confirmations uint64           `json:"confirmations,omitempty"`
	Ref           string           `json:"ref,omitempty"`
	At            time.Time        `json:"at,omitzero"` // on the mode's clock

	Details map[string]string `json:"details,omitempty"` // of funds.released why, where the engine itself did it; of events without an order what happened, for the API that tells it

	// Of events without an order.
	Endpoint string `json:"endpoint,omitempty"` // the only endpoint that is told, whatever it wants; empty: all that want it
}

// Entry is the postings of one change.
type Entry struct {
	ID       string
	OrderID  string // empty: money of nobody
	Merchant string
	Mode     Mode
	At       time.Time
	Postings []order.Posting
}

// Answer is a remembered answer of an idempotent request.
type Answer struct {
	Scope   string // who asked for what: merchant, mode, route
	Key     string
	Hash    string // of the request; another hash under the same key is a conflict
	OrderID string
	Status  int
	Body    []byte
	At      time.Time
}

// Endpoint is where a merchant wants events to be told.
type Endpoint struct {
	ID        string
	Scope     Scope
	Name      string
	URL       string
	Secret    string      // sealed; only the webhook worker opens it
	Old       []OldSecret // what it replaced and what signs beside it for a while, the newest first
	Events    []string    // the dialect's event names and patterns; what none means is the dialect's
	Enabled   bool
	CreatedAt time.Time
	UpdatedAt time.Time

	MaxRetries   *int          // at most so many retries of a message; nil: as many as the schedule has
	Timeout      time.Duration // of one attempt, whole milliseconds; 0: the worker's own
	ScheduleOnly bool          // the dialect's own schedule, and nothing behind it

	Description string
	Metadata    json.RawMessage // the merchant's own, as it was sent; nil for none
}

// OldSecret is a secret that was replaced. Until its end messages are signed with it as well, so that a
// receiver can change over without missing one.
type OldSecret struct {
	Sealed string
	Until  time.Time // true time
}

// Secrets is the sealed secrets that sign at a time, the newest first.
func (ep Endpoint) Secrets(now time.Time) []string {
	list := []string{ep.Secret}
	for _, old := range ep.Old {
		if old.Until.After(now) {
			list = append(list, old.Sealed)
		}
	}
	return list
}

// MessageState is where a message stands.
type MessageState string

const (
	MessagePending   MessageState = "pending"
	MessageDelivered MessageState = "delivered"
	MessageExhausted MessageState = "exhausted" // every attempt failed; visible, can be replayed
	MessageCancelled MessageState = "cancelled" // its endpoint is gone
)

// Message is one event rendered for one endpoint. Its bytes never change.
type Message struct {
	ID         string // internal
	EventID    string // the internal event
	OrderID    string // empty: of an event of the scope
	EndpointID string
	Scope      Scope
	WireID     string // the id the receiver sees, the same at every attempt
	Counts     bool   // insertion only: its event is counted among those that its organisation's endpoints are told (told.go)
	Type       string // the dialect's event name
	Body       []byte
	State      MessageState
	Attempts   int
	NextAt     time.Time
	LastStatus int
	LastError  string
	CreatedAt  time.Time
	DoneAt     time.Time

	// The last attempt. A replay begins anew with all but Tries.
	SentAt   time.Time     // when it began; zero: none was made
	Took     time.Duration // whole milliseconds
	Response string        // the beginning of what the receiver answered: somebody else's text, at most MaxResponse bytes
	Tries    []Try         // the last KeptTries attempts, the oldest first
}

// What is kept of attempts.
const (
	MaxResponse = 1 << 10 // bytes
	KeptTries   = 20
)

// Try is one attempt to deliver a message.
type Try struct {
	At     time.Time     `json:"at"`
	Status int           `json:"status,omitempty"` // 0: there was no answer
	Took   time.Duration `json:"took,omitempty"`   // whole milliseconds
	Error  string        `json:"error,omitempty"`  // why there was none
}

// Progress is how far a rail's watcher is. Head and Horizon serve confirmations and deadlines.
type Progress struct {
	Rail   rail.Name
	Cursor rail.Cursor
	Fence  int64 // grows with each owner; a report under an older fence is refused
}

// ClockMove is one step of the sandbox's clock: from At (true time) on, Offset is added.
type ClockMove struct {
	At     time.Time
	Offset time.Duration
}

// Clock is the moves of one mode, oldest first. The live clock has none.
type Clock []ClockMove

// Offset is the offset in effect at a true time.
func (c Clock) Offset(at time.Time) time.Duration {
	var offset time.Duration
	for _, m := range c {
		if m.At.After(at) {
			break
		}
		offset = m.Offset
	}
	return offset
}

// Shift turns a true time into the mode's time.
func (c Clock) Shift(at time.Time) time.Time { return at.Add(c.Offset(at)) }

// Merchant is who sells.
type Merchant struct {
	ID           string
	Organisation string
	Name         string
	CreatedAt    time.Time
}
