package engine

import (
	"context"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
)

// Searches is what operators read across all merchants, modes and APIs. Every list is the newest first
// unless it says otherwise, holds at most Limit rows, and goes on behind After, a row of the page before. An
// empty filter lets everything through. A list that has to look through too much ends after a second.
//
// Errors: invalid_page, overloaded.
type Searches interface {
	SearchOrders(s OrderSearch) ([]Order, error)
	SearchPayments(s PaymentSearch) ([]FoundPayment, error)
	SearchEntries(s EntrySearch) ([]FoundEntry, error)
	SearchEvents(s EventSearch) ([]FoundEvent, error)
	SearchMessages(s MessageSearch) ([]FoundMessage, error)
	SearchEndpoints(s EndpointSearch) ([]Endpoint, error)
	SearchKeys(s KeySearch) ([]Key, error)
	Message(id string) (*Message, error) // nil when there is none

	OrderCounts() ([]OrderCount, error) // one for each mode, API and state that has orders
	Backlog() (Backlog, error)
}

// OrderSearch chooses orders.
type OrderSearch struct {
	Merchant      string
	Mode          Mode
	Dialect       string
	States        []order.State
	Reference     string    // contained in it, ignoring case; every character means itself
	CreatedAfter  time.Time // on the mode's clock, both included
	CreatedBefore time.Time
	After         string // an internal id
	Limit         int
}

// PaymentSearch chooses payments that an order owns, by rail and external id.
type PaymentSearch struct {
	Merchant string
	Mode     Mode
	Rail     string
	After    order.PaymentKey
	Limit    int
}

// EntrySearch chooses entries of the ledger.
type EntrySearch struct {
	Merchant string
	Mode     Mode
	OrderID  string         // an internal id
	Account  ledger.Account // of one of its postings
	After    string
	Limit    int
}

// EventSearch chooses events.
type EventSearch struct {
	Merchant string
	Mode     Mode
	Dialect  string
	OrderID  string // an internal id
	Type     string
	After    string
	Limit    int
}

// MessageSearch chooses messages. The times are true ones, of their creation, both included.
type MessageSearch struct {
	Merchant      string
	Mode          Mode
	State         MessageState
	Type          string
	Endpoint      string
	OrderID       string // an internal id
	CreatedAfter  time.Time
	CreatedBefore time.Time
	After         string
	Limit         int
}

// EndpointSearch chooses endpoints, by id.
type EndpointSearch struct {
	Merchant string
	Mode     Mode
	Dialect  string
	After    string
	Limit    int
}

// KeySearch chooses keys, by id.
type KeySearch struct {
	Merchant  string
	Mode      Mode
	Dialect   string
	Unrevoked bool // leave out those that ended for good
	After     string
	Limit     int
}

// A found row comes with the public id of its order; "" for money of no order.
type (
	// FoundPayment is a payment and whose it is.
	FoundPayment struct {
		order.Payment
		Scope Scope
		Order string
	}
	// FoundEntry is an entry and its order.
	FoundEntry struct {
		Entry
		Order string
	}
	// FoundEvent is an event and its order.
	FoundEvent struct {
		Event
		Order string
	}
	// FoundMessage is a message and its order; "" for one that tells no event of an order.
	FoundMessage struct {
		Message
		Order string
	}
)

// OrderCount is how many orders of all merchants are in a state.
type OrderCount struct {
	Mode    Mode
	Dialect string
	State   order.State
	N       int64
}

// Backlog is what the workers have before them. Numbers are counted up to MaxBacklog.
type Backlog struct {
	Untold        int       // events that have no messages yet
	Pending       int       // messages that are not delivered
	OldestPending time.Time // when the oldest of them was made; zero: none is pending
	ToSend        int       // orders whose delivery waits to be sent
	InFlight      int       // transfers that are neither here nor there
	Unnotified    int       // notifications that are not sent yet
	Unnotifiable  int       // notifications that failed for good and are on record
}

// MaxBacklog is where counting a backlog ends.
const MaxBacklog = 100_000

// MaxSearch is the longest page of a search.
const MaxSearch = 1000

// SearchOrders lists orders of any scope, without their entries and events. after is the public id of the
// last order of the page before, "" for the first page. For operators.
//
// Errors: invalid_page, overloaded.
func (e *Engine) SearchOrders(ctx context.Context, s OrderSearch, after string) ([]Order, error) {
	var list []Order
	err := e.search(ctx, s.Limit, func(rd Reader) (err error) {
		if s.After, err = behind(rd, after); err != nil {
			return err
		}
		list, err = rd.SearchOrders(s)
		return err
	})
	return list, err
}

// SearchPayments lists payments of any scope. For operators. Errors: invalid_page, overloaded.
func (e *Engine) SearchPayments(ctx context.Context, s PaymentSearch) ([]FoundPayment, error) {
	return found(ctx, e, s.Limit, func(rd Reader) ([]FoundPayment, error) { return rd.SearchPayments(s) })
}

// SearchEntries lists entries of any merchant, or of one order by its public id. For operators.
// Errors: not_found for the order; invalid_page, overloaded.
func (e *Engine) SearchEntries(ctx context.Context, s EntrySearch, publicID string) ([]FoundEntry, error) {
	return found(ctx, e, s.Limit, func(rd Reader) (list []FoundEntry, err error) {
		if s.OrderID, err = internalID(rd, publicID, s.Mode); err != nil {
			return nil, err
		}
		return rd.SearchEntries(s)
	})
}

// SearchEvents lists events of any scope, or of one order by its public id. For operators.
// Errors: not_found for the order; invalid_page, overloaded.
func (e *Engine) SearchEvents(ctx context.Context, s EventSearch, publicID string) ([]FoundEvent, error) {
	return found(ctx, e, s.Limit, func(rd Reader) (list []FoundEvent, err error) {
		if s.OrderID, err = internalID(rd, publicID, s.Mode); err != nil {
			return nil, err
		}
		return rd.SearchEvents(s)
	})
}

// SearchMessages lists messages of any scope, or of one order by its public id. For operators.
// Errors: not_found for the order; invalid_page, overloaded.
func (e *Engine) SearchMessages(ctx context.Context, s MessageSearch, publicID string) ([]FoundMessage, error) {
	return found(ctx, e, s.Limit, func(rd Reader) (list []FoundMessage, err error) {
		if s.OrderID, err = internalID(rd, publicID, s.Mode); err != nil {
			return nil, err
		}
		return rd.SearchMessages(s)
	})
}

// SearchEndpoints lists endpoints of any scope, by id. For operators. Errors: invalid_page.
func (e *Engine) SearchEndpoints(ctx context.Context, s EndpointSearch) ([]Endpoint, error) {
	return found(ctx, e, s.Limit, func(rd Reader) ([]Endpoint, error) { return rd.SearchEndpoints(s) })
}

// SearchKeys lists keys of any scope, by id. For operators. Errors: invalid_page.
func (e *Engine) SearchKeys(ctx context.Context, s KeySearch) ([]Key, error) {
	return found(ctx, e, s.Limit, func(rd Reader) ([]Key, error) { return rd.SearchKeys(s) })
}

// Merchants lists every merchant by id.
func (e *Engine) Merchants(ctx context.Context) ([]Merchant, error) {
	var list []Merchant
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.Merchants()
		return err
	})
	return list, err
}

// OrderCounts says how many orders are in each state.
func (e *Engine) OrderCounts(ctx context.Context) ([]OrderCount, error) {
	var list []OrderCount
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.OrderCounts()
		return err
	})
	return list, err
}

// Backlog says what the workers have before them.
func (e *Engine) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	err := e.store.View(ctx, func(rd Reader) (err error) {
		b, err = rd.Backlog()
		return err
	})
	return b, err
}

// Find finds an order of any scope by its public id. For operators. Error: not_found.
func (e *Engine) Find(ctx context.Context, publicID string) (*Order, error) {
	return e.Order(ctx, Scope{}, publicID)
}

func (e *Engine) search(ctx context.Context, limit int, read func(Reader) error) error {
	if limit < 1 || limit > MaxSearch+1 {
		return fault.New(fault.CodeInvalidPage, "want 1 to 1000").On("limit")
	}
	return e.store.View(ctx, read)
}

func found[T any](ctx context.Context, e *Engine, limit int, read func(Reader) ([]T, error)) ([]T, error) {
	var list []T
	err := e.search(ctx, limit, func(rd Reader) (err error) {
		list, err = read(rd)
		return err
	})
	return list, err
}

// behind is the internal id of the order that a page goes on behind.
func behind(rd Reader, publicID string) (string, error) {
	if publicID == "" {
		return "", nil
	}
	o, err := rd.OrderByPublic(Scope{}, publicID)
	if fault.Is(err, fault.CodeNotFound) {
		return "", fault.New(fault.CodeInvalidPage, "no such order to go on behind").On("after")
	}
	if err != nil {
		return "", err
	}
	return o.ID, nil
}

// internalID finds the order a list is about; "" for a list that is about none.
func internalID(rd Reader, publicID string, m Mode) (string, error) {
	if publicID == "" {
		return "", nil
	}
	o, err := rd.OrderByPublic(Scope{}, publicID)
	if err != nil {
		return "", err
	}
	if m != "" && o.Scope.Mode != m {
		return "", fault.New(fault.CodeNotFound, "no such order")
	}
	return o.ID, nil
}

// Instrument finds one instrument of a pool. For operators. Error: not_found.
func (e *Engine) Instrument(ctx context.Context, p Pool, value string) (InstrumentRow, error) {
	var row InstrumentRow
	err := e.store.View(ctx, func(rd Reader) error {
		// A page that begins just before it: only those that differ in their last character can stand between.
		list, err := rd.Instruments(p, value[:max(0, len(value)-1)], 256)
		for _, found := range list {
			if found.Instrument.Value == value {
				row = found
				return nil
			}
		}
		if err == nil {
			err = fault.New(fault.CodeNotFound, "the pool has no such address")
		}
		return err
	})
	return row, err
}
