// Package rail defines how money moves: what a rail must offer and how it speaks.
//
// A rail transports and never decides. It reports observations; the order machine decides what they
// mean. To add one: copy rail/sandbox, make railtest pass, add a line to app/rails.go.
package rail

import (
	"context"
	"io"
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

// Observation is one word of a rail about one payment.
type Observation struct {
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

// Importer reads a file of the far side (a bank statement).
type Importer interface {
	Rail
	Import(ctx context.Context, file io.Reader) ([]Observation, error)
}

// Receiver takes callbacks of a far side. It has checked the signature when it returns observations.
type Receiver interface {
	Rail
	Receive(ctx context.Context, header http.Header, body []byte) ([]Observation, error)
}

// Delivery is one transfer to make.
type Delivery struct {
	ID     string // the transfer's id: the far side must see it, so that nothing is sent twice
	To     string
	Amount money.Amount
}

// Ref is the far side's id of a transfer.
type Ref string

// Status is what the far side knows of a transfer.
type Status string

const (
	StatusNone      Status = "none" // never heard of it: sending again is safe
	StatusSent      Status = "sent"
	StatusDelivered Status = "delivered"
	StatusFailed    Status = "failed"
)

// Sender moves money out. Nothing is sent again from an unknown outcome without a Lookup.
type Sender interface {
	Rail
	Send(ctx context.Context, d Delivery) (Ref, error)
	Lookup(ctx context.Context, d Delivery) (Status, Ref, error)
}
