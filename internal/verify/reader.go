package verify

import (
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Reader is one consistent view of everything on record, read in pages: what follows after is the key of the
// last row of the page before, empty or 0 at the beginning. A page that is shorter than limit is the last. A
// row whose content makes no sense is no error: it comes with Unreadable, which says why. internal/store
// implements it.
type Reader interface {
	Seals(m engine.Mode, after int64, limit int) ([]engine.Seal, error)                             // by number
	Orders(after string, limit int) ([]Order, error)                                                // by internal id, with all that belongs to each
	Loose(after string, limit int) ([]Entry, error)                                                 // entries of no order, by id
	Notices(after string, limit int) ([]Event, error)                                               // events of no order, by id
	Standings(after string, limit int) ([]Standing, error)                                          // by internal id
	Offers(after string, limit int) ([]Offer, error)                                                // by id
	Deals(after string, limit int) ([]Deal, error)                                                  // by id
	Bookings(after string, limit int) ([]Booking, error)                                            // by id
	BankDays() ([]BankDay, error)                                                                   // one for each day on which a bank booked something
	BankStatements(after BankStatement, limit int) ([]BankStatement, error)                         // by rail and place
	Strays(after order.PaymentKey, limit int) ([]Payment, error)                                    // payments of no order, by rail and external id
	Actions(after string, limit int) ([]Action, error)                                              // by id
	Balances(after BalanceKey, limit int) ([]Balance, error)                                        // by mode, account and asset
	Lines(after LineKey, limit int) ([]Line, error)                                                 // by mode, account, asset and number
	Holds(after Hold, limit int) ([]Hold, error)                                                    // by instrument, begin and order
	Counters(after Counter, limit int) ([]Counter, error)                                           // by scope, state and bucket
	Sums(after SumKey, limit int) ([]Sum, error)                                                    // by scope, bucket, state and asset
	Scopes() (map[int64]Scope, error)                                                               // few: merchants times modes times APIs
	Findings(limit int) ([]Finding, error)                                                          // rows whose other half is missing, and keys that exist twice
	Booked(m engine.Mode, f engine.Family, on rail.Name, after string, limit int) ([]Booked, error) // addresses and what was booked for them, by address
	BucketOf(number int64) int64                                                                    // the bucket of order_counts that a number is counted in
}

// Order is one order with every row that belongs to it.
type Order struct {
	ID         string
	Unreadable string
	Record     *engine.Order // with its payments; nil when it is unreadable
	Scope      int64         // of its row
	Columns    []string      // of its row, that contradict the record
	Payments   []Payment
	Entries    []Entry
	Events     []Event
	Transfers  []Transfer
	Held       int // holds of its instruments that it has open
}

// Standing is a row of a standing instruction.
type Standing struct {
	ID         string
	Unreadable string
	Record     *engine.Standing // nil when it is unreadable
	Columns    []string         // of its row, that contradict the record
}

// Offer is a row of an offer.
type Offer struct {
	ID         string
	Unreadable string
	Record     *engine.Offer // nil when it is unreadable
	Columns    []string      // of its row, that contradict the record
}

// Deal is a deal on record.
type Deal struct {
	ID         string
	Unreadable string
	Record     *engine.Deal // nil when it is unreadable
}

// Payment is a row of a payment.
type Payment struct {
	order.Payment
	Unreadable string
	Mode       engine.Mode // of a stray
	OrderID    string
	Position   int
	Columns    []string // of its row, that contradict the record
}

// Mark is how a row stands to its seal.
type Mark struct {
	Sealed bool         // the row says that it has one
	Seal   *engine.Seal // the one that names it; nil: there is none
}

// Entry is an entry with its postings in order.
type Entry struct {
	engine.Entry
	Mark
	Unreadable string
}

// Event is a row of an event.
type Event struct {
	engine.Event
	Mark
	Unreadable string
}

// Action is a row of an operator's action.
type Action struct {
	engine.Action
	Mark
}

// Transfer is a row of a transfer: what workers look for.
type Transfer struct {
	ID      string
	Rail    string
	Purpose order.Purpose
	State   order.TransferState
}

// BalanceKey names a running balance by its columns.
type BalanceKey struct {
	Mode    engine.Mode
	Account ledger.Account
	Asset   string
}

// Balance is a running balance on record.
type Balance struct {
	BalanceKey
	Book  string
	Units string // with the asset, as stored
	Lines int64  // of its statement
}

// LineKey names a line of a balance's statement by its columns.
type LineKey struct {
	BalanceKey
	N int64
}

// Line is a line of a statement, and the posting it is of, as stored.
type Line struct {
	LineKey
	Entry                 string
	Posting               int64
	At                    int64 // microseconds on the mode's clock
	Amount, Balance       string
	From, To, PostingSays string // of the posting; empty: it is gone
}

// Hold is a row of who held an instrument; times in microseconds, To 0 while it is held.
type Hold struct {
	Number  int64  // of the instrument
	Family  string // of the instrument; empty: it is gone
	Value   string
	From    int64
	OrderID string
	To      int64
	Rail    string // whose clock From and To are on; empty: a standing instruction's, on all of the family
}

// Counter is how many orders of a scope are in a state, for one bucket of numbers.
type Counter struct {
	Scope  int64
	State  order.State
	Bucket int64
	N      int64
}

// SumKey names what orders of a scope, bucket, state and asset sum up to.
type SumKey struct {
	Scope, Bucket int64
	State         order.State
	Asset         string
}

// Sum is how many orders there are, of how many money was seen, after how many microseconds together, and what is
// due together in smallest units.
type Sum struct {
	SumKey
	N, Seen, Wait int64
	Units         string
}

// Scope is a scope on record with its last order number.
type Scope struct {
	engine.Scope
	Last int64
}

// Finding is something a query of the database alone can find.
type Finding struct {
	Check Check
	Row   string
	Text  string
}

// Booked is an address and the confirmed money that orders got through it on one rail, by asset.
type Booked struct {
	Address string
	House   bool // it is the operator's own
	Amounts map[money.Asset]money.Amount
}
