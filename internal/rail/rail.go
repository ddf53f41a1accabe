// Package rail defines how money moves: what a rail must offer and how it speaks.
//
// A rail transports and never decides. It reports observations; the order machine decides what they
// mean. To add one: copy rail/sandbox, make railtest pass, add a line to app/rails.go.
package rail

import (
	"context"
	"errors"
	"net/http"
	"time"

	"till/internal/money"
	"till/internal/order"
)

// Name names one rail with its far side, for example "evm:ethereum-sepolia".
type Name string

// Rail is all that is required of one.
type Rail interface {
	Name() Name
}

// Cursor is how far a watcher has told everything.
type Cursor struct {
	State   []byte    // the rail's own encoding; empty at the first start
	Horizon time.Time // the rail's time up to which everything is told (a chain: the block's time); zero: unknown
	Head    uint64    // the last block told; confirmations of a payment are Head - its block + 1
}

// Observation is one word of a rail about one payment, or about one of our transfers: then Transfer is set
// and nothing else. A gateway's may have a Session beside, and no Rank where the Session is all there is to say.
type Observation struct {
	Transfer *Word
	Session  *Session

	External   string // the rail's id of the payment, unique on this rail and stable over re-mining
	Instrument string // the address, reference or virtual account it arrived at, in the rail's canonical spelling
	Epoch      uint64
	Rank       order.Rank
	Amount     money.Amount
	Value      time.Time // value time on the rail's own clock
	Evidence   order.Evidence
	Final      bool // a reversal after which the same payment cannot come again
}

// Watcher tells what happens on a far side that can be asked, from a cursor on, until ctx ends.
//
// report stores cursor and observations in one transaction; when it fails the watcher must not move
// on. Watch returns only when ctx ends or when going on would be wrong (another chain answers): the
// error then says why. Outages of the far side are retried inside.
type Watcher interface {
	Rail
	Watch(ctx context.Context, from Cursor, book Book, report func(ctx context.Context, to Cursor, seen []Observation) error) error
}

// Book is what a watcher may ask of what is already known.
type Book interface {
	// Known returns those of the given instrument values that exist here, whatever their state.
	Known(ctx context.Context, values []string) (map[string]bool, error)
	// Few returns all instrument values when there are at most max of them, else nil.
	Few(ctx context.Context, max int) ([]string, error)
	// Since returns the payments of this rail in block from or later whose last word was seen or
	// confirmed, oldest block first.
	Since(ctx context.Context, from uint64) ([]Mark, error)
}

// Mark is a payment the rail told of before.
type Mark struct {
	Observation
	Confirmed bool
}

// Receiver takes callbacks of a far side. It has checked the signature, over the body's own bytes, before it believes
// anything of it. Where a callback is only a hint to look, it notes that down and returns no observation.
//
// Errors: unauthorized, invalid_value (the body is none of the far side's); after any other the far side should call again.
type Receiver interface {
	Rail
	Receive(ctx context.Context, header http.Header, body []byte) ([]Observation, error)
}

// Word is one word of a rail about a transfer we made.
type Word struct {
	ID     string // the transfer's
	Status Status
	Ref    Ref    // "": unchanged
	Reason string // the far side's own word why it failed or came back; "": it gave none
}

// Delivery is one transfer to make.
type Delivery struct {
	ID     string // the transfer's id: the far side must see it, so that nothing is sent twice
	To     string // address or account, in the rail's canonical spelling
	Amount money.Amount
}

// Ref is the far side's id of a transfer.
type Ref string

// Status is what the far side knows of a transfer.
type Status string

const (
	StatusNone      Status = "none"      // never heard of it: sending again is safe
	StatusSent      Status = "sent"      // taken, on its way
	StatusUnknown   Status = "unknown"   // out of the house, and nobody can be asked: the far side will say what became of it, or never
	StatusDelivered Status = "delivered" // arrived
	StatusFailed    Status = "failed"    // it did not and will not arrive
	StatusReturned  Status = "returned"  // arrived, and was sent back afterwards
)

// ErrRefused is what Send wraps when the far side certainly did not take the transfer and never will.
var ErrRefused = errors.New("the far side refused the transfer")

// ErrNotNow is what Send wraps when nothing was moved, nothing is wrong with the transfer, and it may be sent again later:
// the wallet is empty, the fees are too high. The transfer keeps its state, for no attempt was made.
var ErrNotNow = errors.New("the transfer cannot be sent at present")

// Sender moves money out. Both calls must end with their context, for a rail that hangs must not hold up
// the worker.
//
// Send is idempotent by the delivery's id: the same id sent twice moves money once. An error that wraps
// ErrRefused says that nothing was or will be moved, one that wraps ErrNotNow that nothing was moved yet; after any
// other error nobody knows, and nothing is sent again before a Lookup has said StatusNone.
//
// Lookup says what the far side knows. An error says nothing about the transfer. A transfer of which it says StatusUnknown is
// looked up once a day at most: its rail tells of it by itself.
type Sender interface {
	Rail
	Send(ctx context.Context, d Delivery) (Ref, error)
	Lookup(ctx context.Context, d Delivery) (Status, Ref, error)
}

// Taker is a Sender to whom a transfer is handed by a write into the rail's own memory and by nothing else: a queue that its money
// leaves by afterwards. So whoever reserves the money hands it over in the same transaction, and nothing can come between.
//
// Take is Send within that transaction, and may run more than once: it calls nobody, and does nothing but read and write the memory. answer is
// what Send would return as its error; err says that the memory could not be used, and undoes all. Reads are keys that every Take
// reads. Taken is called after a commit with something that was taken.
type Taker interface {
	Sender
	Take(m Memory, d Delivery) (ref Ref, answer, err error)
	Reads() []string
	Taken()
}

// Tender is a Sender whose transfers want looking after on their way: sent again when the far side forgot them, for
// more money when they are stuck. Tend does what is due and returns what was found out of them; a word that is lost is
// found by the next Lookup. Several processes may tend at the same time.
type Tender interface {
	Sender
	Tend(ctx context.Context) ([]Word, error)
}

// State is the small private memory of one rail, which survives a restart. Keys are at most 200 bytes and
// sort bytewise.
type State interface {
	// Update runs fn in one transaction. fn may run more than once, so it does nothing but read and write. reads are keys
	// that fn will read, as far as the caller knows them: reading another one works and costs a query.
	Update(ctx context.Context, fn func(Memory) error, reads ...string) error
	// List returns what is kept under keys with the prefix, by key, behind the given key.
	List(ctx context.Context, prefix, after string, limit int) ([]Item, error)
}

// Memory is a rail's state inside a transaction.
type Memory interface {
	Get(key string) ([]byte, error)     // nil when there is none
	Put(key string, value []byte) error // nil deletes
}

// Item is one line of a rail's state.
type Item struct {
	Key   string
	Value []byte
}
