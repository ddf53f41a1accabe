package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Store is the storage port. internal/store implements it; internal/store/storetest is its specification.
type Store interface {
	// Update runs fn in a durable transaction and returns after the commit. The store groups callers: fn
	// runs on the writer's goroutine, one after another, and sees what earlier ones of its group did. It may
	// run more than once, must not block, and must not keep tx. What fn wrote is dropped when it returns an
	// error, and only that. want names what fn will read, so that it is loaded for the whole group at once;
	// reading something else works and costs a query.
	//
	// Errors: fn's own; version_conflict, commit_unknown, overloaded (all may be tried again).
	Update(ctx context.Context, want Keys, fn func(Tx) error) error
	// View reads a consistent state that includes every update acknowledged before.
	View(ctx context.Context, fn func(Reader) error) error
}

// What a store speaks of a rail, under names of its own port: a store imports no rail.
type (
	RailName = rail.Name
	RailItem = rail.Item

	RailBooking   = rail.Booking
	RailParty     = rail.Party
	RailStatement = rail.Statement
)

// Keys names what a transaction will read.
type Keys struct {
	Orders   []string // internal ids
	Unique   []UniqueKey
	Payments []order.PaymentKey
	Answers  []AnswerKey
	Settings []SettingScope
	Clocks   []Mode
	Progress []RailName

	Documents []DocumentKey
	Quotes    []string // public ids
	Bookings  []BookingKey
	Balances  []BalanceKey
	Memory    []RailKey
	Made      []Instrument // made for one order each: a hold or two, and the order
	Transfers []string     // and their orders
}

// RailKey names a line of a rail's memory.
type RailKey struct {
	Rail RailName
	Key  string
}

// UniqueKey names an order by what is unique in its scope.
type UniqueKey struct {
	Scope Scope
	Key   string
}

// AnswerKey names a remembered answer.
type AnswerKey struct{ Scope, Key string }

// SettingScope is whose settings.
type SettingScope struct {
	Merchant string
	Mode     Mode
}

// Tx is one caller's transaction. Reads see the writes of the same and of earlier callers of the group.
// An order that a read returns belongs to the caller: changing it changes nothing until SaveOrder.
type Tx interface {
	Now() time.Time // true time, one per transaction, never before an earlier transaction's
	NewID() string  // internal id: 26 characters, sorts by time

	Order(id string) (*Order, error)                   // not_found
	OrderByUnique(k UniqueKey) (*Order, error)         // nil when there is none
	OrderByPayment(k order.PaymentKey) (string, error) // the owning order's id; "" when unknown or a stray
	OrderByTransfer(id string) (string, error)         // the owning order's id; "" when unknown
	Stray(k order.PaymentKey) (*Stray, error)          // nil when there is none
	InstrumentPool(in Instrument) (*Pool, error)       // nil when unknown
	Endpoint(id string) (*Endpoint, error)             // nil when there is none
	CountEndpoints(s Scope) (int, error)
	Answer(k AnswerKey) (*Answer, error) // nil when there is none
	Settings(s SettingScope) (map[string]json.RawMessage, error)
	Clock(m Mode) (Clock, error)
	Progress(r rail.Name) (*Progress, error) // nil when the rail never told anything; the cursor's State is shared and must not be changed
	Balance(a ledger.Account, asset money.Asset, m Mode) (money.Amount, error)

	// HoldAt finds whose an instrument was at a time on a rail's clock: the order that held it then on this
	// rail, else the standing instruction that held it then, else, of those whose hold had begun by its own clock, the one
	// who got the instrument last, whatever his rail: clocks of two rails are not compared. nil when there is none.
	HoldAt(in Instrument, r rail.Name, at time.Time) (*Hold, error)

	// TakeInstrument hands out a free instrument of the pool to the order, from a time on its rail's clock, or to
	// a standing instruction, on every rail ("") and never before its last such hold ended: never used first, imported before
	// derived, oldest first; then the one at rest longest, but never one that was derived. It goes back by
	// itself when fn fails. no_address when there is none.
	TakeInstrument(p Pool, r rail.Name, orderID string, from time.Time) (Instrument, error)
	// TakeNewInstrument is TakeInstrument, but hands out only what no order ever held.
	TakeNewInstrument(p Pool, r rail.Name, orderID string, from time.Time) (Instrument, error)
	// MakeInstrument makes an instrument of the pool that is the order's from the beginning of time and never
	// another's. An error when the value exists.
	MakeInstrument(p Pool, r rail.Name, value, orderID string) (Instrument, error)
	// FreeInstrument ends the order's hold at a time on its rail's clock; the instrument may be handed out again after restUntil and EndRest.
	FreeInstrument(in Instrument, orderID string, at, restUntil time.Time) error
	// ImportInstruments adds instruments to a pool; those the pool has already are left alone; one that
	// another pool has is a fault invalid_address (Param: index). Returns how many are new.
	ImportInstruments(p Pool, list []Imported) (added int, err error)
	poolTx     // pool.go: how instruments are kept
	offerTx    // offer.go
	documentTx // document.go
	notifyTx   // notify.go
	quoteTx    // quote.go
	bookingTx  // booking.go
	blobTx     // file.go: the bytes of files

	Standing(id string) (*Standing, error)                            // not_found
	StandingByReference(s Scope, reference string) (*Standing, error) // nil when there is none
	InsertStanding(s *Standing) error                                 // gives Number and Version; duplicate_standing when the scope has the reference
	SaveStanding(s *Standing) error                                   // version_conflict

	InsertOrder(o *Order) error // gives Number and Version; duplicate_reference (Details existing = public id) when UniqueKey is taken
	SaveOrder(o *Order) error   // version_conflict
	SaveStray(s *Stray) error
	AddEntry(e Entry) error // checks each posting; balances are summed per group
	AddEvents(list []Event) error
	Remember(a Answer) error
	Forget(k AnswerKey) error

	SaveProgress(p Progress) error                                       // version_conflict when the stored fence is larger
	SaveSetting(s SettingScope, key string, value json.RawMessage) error // nil value deletes
	RailState(r rail.Name, key string) ([]byte, error)                   // nil when there is none
	SaveRailState(r rail.Name, key string, value []byte) error           // nil value deletes
	MoveClock(m Mode, to ClockMove) error                                // never backwards

	AddAction(a Action) error
	LastSeal(m Mode) (Seal, error)        // of a chain without seals: the zero Seal
	AddSeals(list []Seal) error           // and marks their rows as sealed; version_conflict where a number or a row is taken
	Lease(name string) (WorkLease, error) // the zero WorkLease when it was never taken
	SaveLease(l WorkLease) error          // version_conflict when the stored fence is larger

	Merchant(id string) (*Merchant, error)   // nil when there is none
	HasOrganisation(id string) (bool, error) // some merchant is of it
	KeyByID(id string) (*Key, error)         // nil when there is none
	SaveMerchant(m Merchant) error
	SaveEndpoint(e Endpoint) error
	DeleteEndpoint(id string) error             // its messages stay
	SaveMessages(list []Message) error          // insert or update by id; a message whose (event, endpoint) exists is left alone on insert
	ForgetMessage(id string, body []byte) error // of a message on record: another body, and no answer to the one before
	EventsTold(ids []string) error              // these events have their messages
	SaveKey(k Key) error                        // UsedAt is KeyUsed's
	KeyUsed(id string, at time.Time) error      // never backwards; a key that is not there is left alone
}

// Key is an API key on record. The key itself is not: only its hash.
type Key struct {
	ID        string
	Hash      string // lower-case hex SHA-256 of the key
	Prefix    string // what may be shown
	Scope     Scope  // Dialect "" for an operator's token
	Name      string
	Scopes    []string
	Active    bool
	ExpiresAt time.Time
	CreatedAt time.Time
	MadeBy    string    // the id of the person or key that made it; "" when the house did
	UpdatedAt time.Time // zero: never changed
	UsedAt    time.Time // within a minute or so; zero: never used
	RevokedAt time.Time // it ended for good then; zero: it may be switched on and off
	Sealed    string    // its text, of an API that signs with it: to AddKey and from KeyWithText; "" everywhere else
}

// Stray is a payment that no order owns.
type Stray struct {
	order.Payment
	Mode       Mode
	Merchant   string // whose instrument it hit; "" for the house
	Instrument Instrument
}

// Reader is a consistent read-only view.
type Reader interface {
	Order(id string) (*Order, error)                            // not_found
	OrderByPublic(scope Scope, publicID string) (*Order, error) // not_found, also for another scope's; the zero scope means any: for operators
	OrderByUnique(k UniqueKey) (*Order, error)                  // not_found
	Orders(f Filter) (Page, error)
	OrderNumbers(s Scope, from, to time.Time) (first, last int64, err error) // of the orders made between, both included; zero: no end
	OrdersNumbered(s Scope, first, last int64) ([]Order, error)              // by number, both included; all of them must be there
	Tally(f Filter) ([]Tally, error)                                         // by state and asset
	Payments(f PaymentFilter) (PaymentPage, error)
	StandingByReference(s Scope, reference string) (*Standing, error) // nil when there is none
	Standings(f StandingFilter) (StandingPage, error)
	Entries(orderID string) ([]Entry, error)
	Events(orderID string) ([]Event, error)
	Messages(orderID string) ([]Message, error)
	OldAnswers(before time.Time, limit int) ([]AnswerKey, error) // remembered at that time or before, the oldest first; never ServerMarks
	Settings(s SettingScope) (map[string]json.RawMessage, error)
	Clock(m Mode) (Clock, error)
	Progress(r rail.Name) (*Progress, error)
	Instruments(p Pool, after string, limit int) ([]InstrumentRow, error) // by value
	// InstrumentBefore is the last value of the first skip instruments by value; "" when there are not so many.
	InstrumentBefore(p Pool, skip int) (value string, err error)
	InstrumentCounts(p Pool) (InstrumentCounts, error)
	poolReader                                                 // pool.go: how instruments are kept
	offerReader                                                // offer.go
	documentReader                                             // document.go
	notifyReader                                               // notify.go
	lineReader                                                 // line.go: statements
	quoteReader                                                // quote.go
	bookingReader                                              // booking.go
	blobParts                                                  // file.go: the bytes of files
	Balances(merchant string, m Mode) ([]order.Balance, error) // of every account of the merchant's books
	Endpoints(s Scope) ([]Endpoint, error)
	Endpoint(id string) (*Endpoint, error) // nil when there is none
	Merchants() ([]Merchant, error)
	Merchant(id string) (*Merchant, error) // nil when there is none
	KeyByHash(hash string) (*Key, error)   // nil when there is none
	KeyByID(id string) (*Key, error)       // nil when there is none

	Searches      // search.go: what operators look for
	messageReader // outbox.go: what merchants see of their messages
	toldReader    // told.go: what organisations see of theirs

	// For sealing.
	Unsealed(limit int) (Unsealed, error) // at most limit of each kind, of every mode, by id
	LastSeal(m Mode) (Seal, error)        // of a chain without seals: the zero Seal

	// For rails: what one keeps under keys with the prefix, by key, behind the given key.
	RailStates(r rail.Name, prefix, after string, limit int) ([]rail.Item, error)

	// For operators.
	Aside(m Mode, after string, limit int) ([]Order, error)    // orders with money in suspense or a shortfall, by id
	Reviewed(m Mode, after string, limit int) ([]Order, error) // orders about which a person must decide something, by id
	Strays(after order.PaymentKey, limit int) ([]Stray, error) // money of no order, of every mode, by rail and external id

	// StraysOf is the money of no order that hit an instrument of the merchant, the newest first.
	StraysOf(merchant string, m Mode, limit int) ([]Stray, error)

	// For watchers.
	KnownInstruments(f Family, values []string) (map[string]bool, error)
	FewInstruments(f Family, max int) ([]string, error)               // all values when at most max, else nil
	PaymentsSince(r rail.Name, block uint64) ([]order.Payment, error) // last word seen or confirmed, strays too, oldest block first

	// For workers: bounded scans over partial indexes.

	// Due returns collecting orders whose next deadline (Deadline, then ConfirmBy) is before through, by
	// deadline and id, behind the given one; the zero Due begins. An order whose Through is past both
	// deadlines has none left and is not due.
	Due(m Mode, r rail.Name, through time.Time, after Due, limit int) ([]Due, error)
	// OrdersToSend returns orders whose delivery on the rail waits to be sent (SendAt is not after now), by
	// SendAt and id, behind the given one.
	OrdersToSend(r rail.Name, now time.Time, after Due, limit int) ([]Due, error)
	// TransfersToWork returns transfers in flight on the rail whose next look is not after now, by that time and
	// id, behind the given one.
	TransfersToWork(r rail.Name, now time.Time, after Due, limit int) ([]DueTransfer, error)
	// UntoldEvents returns events of these dialects nobody was told of, oldest first. What was written while its
	// scope had no enabled endpoint counts as told: an endpoint that comes later is not told of the past.
	UntoldEvents(dialects []string, limit int) ([]Event, error)
	// DueEndpoints returns the ids of endpoints, also of deleted ones, that have a pending message with
	// NextAt not after now, by id, behind the given one. Its cost follows the number of endpoints with
	// pending messages, never the number of messages.
	DueEndpoints(now time.Time, after string, limit int) ([]string, error)
	// DueMessages returns an endpoint's pending messages with NextAt not after now, by NextAt and id.
	DueMessages(endpoint string, now time.Time, limit int) ([]Message, error)
}

// Due is an order for which there is something to do, and its place in that queue.
type Due struct {
	At time.Time // since when: its next deadline, or SendAt
	ID string    // of the order
}

// DueTransfer is a transfer to look at, and its place in that queue: ID is the transfer's.
type DueTransfer struct {
	Due
	OrderID string
}

// InstrumentRow is one instrument as operators see it.
type InstrumentRow struct {
	Instrument Instrument
	State      InstrumentState
	OrderID    string // public id of the order that holds it
	Reference  string // of the standing instruction that holds it
	CreatedAt  time.Time
	HeldSince  time.Time // on the clock of the holder's rail; zero: nobody holds it
	RestSince  time.Time // when its last hold that is over ended; zero: there is none
	RestUntil  time.Time
	Index      *int64    // of an address that belongs to a public key; nil: not known
	Balances   []Balance // what it held at the end of its last rest
}

// InstrumentState is what an instrument is doing.
type InstrumentState string

const (
	InstrumentFree     InstrumentState = "available"
	InstrumentHeld     InstrumentState = "allocated" // by an order
	InstrumentBound    InstrumentState = "bound"     // by a standing instruction
	InstrumentResting  InstrumentState = "cooldown"
	InstrumentArchived InstrumentState = "archived"

	InstrumentQuarantined InstrumentState = "quarantined" // an operator must look at what arrived there
	InstrumentUsed        InstrumentState = "used"        // derived, and held once: it never serves again
)

// InstrumentCounts is how many instruments a pool has in each state.
type InstrumentCounts struct{ Total, Free, Held, Bound, Resting, Archived, Quarantined, Used int64 }

// SortKey is what a list is sorted by; ties are broken by creation order.
type SortKey string

const (
	ByCreation SortKey = "created"
	ByUpdate   SortKey = "updated"
	ByAmount   SortKey = "amount" // decimal value, whatever the asset
)

// Look is how an order looks to lists: where it stands, what it is, and whether its money goes back.
type Look struct {
	State   order.State // empty: any, and then any Overlay too
	Kinds   []string    // Order.Kind; empty: any
	Overlay order.Overlay
}

// Filter chooses and pages a scope's orders. Pages count from 1.
type Filter struct {
	Scope         Scope
	States        []order.State // empty: all
	Looks         []Look        // any of them, no two of which fit one order; empty: all. Not together with States
	Words         []string      // all of them are among Order.Words
	AssetCode     string
	Network       string
	Reference     string // contained in Reference, ignoring case; every character means itself
	Standing      string // internal id of the standing instruction whose arrivals they are
	CreatedAfter  time.Time
	CreatedBefore time.Time
	Sort          SortKey
	Descending    bool
	Page, Limit   int
}

// Page is one page of a list and the exact total.
type Page struct {
	Orders []Order
	Total  int64
}

// blobTx is how a transaction keeps the bytes of files.
type blobTx interface {
	AddBlob(name string, part int, content []byte) error // an error where the part exists
	DropBlob(name string) error                          // all its parts, of which none was added in this transaction
}

// blobParts is how the bytes of files are read.
type blobParts interface {
	BlobPart(name string, part int) ([]byte, error) // nil when there is none
}
