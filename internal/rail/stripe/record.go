package stripe

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// What the rail remembers, by key:
//
//	page/<page>            a page that was asked for and is not there yet; the engine writes it
//	close/<page>           a page that nobody may pay on any more; the engine writes it
//	pay/<page>             a record
//	due/<micros>/<page>    when an open session is looked at next: it holds the horizon back
//	intent/<intent>        the page whose money it moves
//	hint/<page>            that a page wants looking at: of a webhook, or of the list of events
//	hint/<intent>          the same, by the intent
//	dispute/<dispute>      an open dispute, and its page
//	unmatched/<session>    a session that is not what was asked for: see rail.Unmatched
//	event                  the newest event that was read
const (
	recordKey  = "pay/"
	dueKey     = "due/"
	intentKey  = "intent/"
	hintKey    = "hint/"
	disputeKey = "dispute/"
	eventKey   = "event"
)

// record is a page and what was told of its session.
type record struct {
	Page    rail.Page       `json:"page"`
	Session string          `json:"session"`
	Intent  string          `json:"intent,omitempty"`
	URL     string          `json:"url,omitempty"`
	Ends    rail.Ends       `json:"ends,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Told    map[string]told `json:"told,omitempty"`    // by charge
	Refunds map[string]said `json:"refunds,omitempty"` // by transfer
	Made    time.Time       `json:"made"`
	Over    bool            `json:"over,omitempty"` // nothing more comes of the session by itself
	Next    string          `json:"next,omitempty"` // its key in the queue; "": it is asked for no more
}

// gaveBack says that something was told of money that went back.
func (r record) gaveBack() bool {
	if len(r.Refunds) > 0 {
		return true
	}
	for _, t := range r.Told {
		if t.Epoch > 0 {
			return true
		}
	}
	return false
}

// told is the last word about a charge.
type told struct {
	Rank   order.Rank   `json:"rank"`
	Epoch  uint64       `json:"epoch"`
	Amount money.Amount `json:"amount"`
}

func (t told) same(o told) bool {
	return t.Rank == o.Rank && t.Epoch == o.Epoch && t.Amount.Equal(o.Amount)
}

// said is the last word about a transfer.
type said struct {
	Ref    rail.Ref    `json:"ref"`
	Status rail.Status `json:"status"`
}

// hint says that something wants looking at.
type hint struct {
	Since time.Time `json:"since"`
	Next  time.Time `json:"next"` // not before
	Tries int       `json:"tries,omitempty"`
	Calls int       `json:"calls"`

	Refund bool `json:"refund,omitempty"` // it was about a refund, of which the charge may know nothing any more
}

// queued is a line of the queue.
type queued struct {
	key, page string
	at        time.Time
}

func readQueued(item rail.Item) (queued, error) {
	micros, page, ok := strings.Cut(strings.TrimPrefix(item.Key, dueKey), "/")
	at, err := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil {
		return queued{}, fmt.Errorf("stripe: the line %s cannot be read", item.Key)
	}
	return queued{item.Key, page, time.UnixMicro(at)}, nil
}

// enqueue moves a record to its next place in the queue, or out of it. The caller saves the record.
func enqueue(m rail.Memory, rec *record, at time.Time) error {
	next := ""
	if !rec.Over {
		next = fmt.Sprintf("%s%020d/%s", dueKey, at.UnixMicro(), rec.Page.ID)
	}
	if rec.Next != "" && rec.Next != next {
		if err := m.Put(rec.Next, nil); err != nil {
			return err
		}
	}
	if rec.Next = next; next == "" {
		return nil
	}
	return m.Put(next, []byte("1"))
}
