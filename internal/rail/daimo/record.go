package daimo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"till/internal/rail"
)

// What the rail remembers, by key:
//
//	ask/<request>            a request that the gateway does not have yet; the engine writes it
//	pay/<request>            a record
//	due/<micros>/<request>   when an open payment is asked for next: it holds the horizon back
//	late/<micros>/<request>  the same of an order that needs no word any more
//	hint/<payment>/<kind>    a callback that was not looked into yet
//	unmatched/<payment>      a payment that is not what was asked for: see rail.Unmatched
const (
	recordKey = "pay/"
	dueKey    = "due/"
	lateKey   = "late/"
	hintKey   = "hint/"
)

// record is a request and its payments at the gateway.
type record struct {
	Request  rail.Request `json:"request"`
	Payments []known      `json:"payments"` // the first is the one that was made; others name the same request
	Made     time.Time    `json:"made"`
	Read     time.Time    `json:"read"` // when the gateway was asked last
	Next     string       `json:"next"` // its key in the queue; "" when it is asked no more
}

// known is a payment as it was told last.
type known struct {
	ID     string    `json:"id"`
	URL    string    `json:"url,omitempty"`
	Status status    `json:"status"`
	Refund bool      `json:"refund,omitempty"`
	At     time.Time `json:"at,omitzero"` // its value time; zero: no money of it was told
}

// maxPayments bounds what names one request. Nobody but the gateway can make more, and what is beyond is unmatched.
const maxPayments = 8

func (rec record) final() bool {
	for _, p := range rec.Payments {
		if !p.Status.final() && !p.Refund {
			return false
		}
	}
	return true
}

func (rec record) started() bool {
	for _, p := range rec.Payments {
		if p.Status == started {
			return true
		}
	}
	return false
}

// place is the index of a payment; -1 for none.
func (rec record) place(id string) int {
	for i, p := range rec.Payments {
		if p.ID == id {
			return i
		}
	}
	return -1
}

// hint is a callback that was not looked into yet.
type hint struct {
	Payment string    `json:"payment"`
	Refund  bool      `json:"refund,omitempty"`
	Since   time.Time `json:"since"`
	Next    time.Time `json:"next"` // not before
	Tries   int       `json:"tries,omitempty"`
	Calls   int       `json:"calls"`
}

func (h hint) key() string {
	if h.Refund {
		return hintKey + h.Payment + "/refund"
	}
	return hintKey + h.Payment + "/look"
}

// queued is a line of a queue.
type queued struct {
	key     string
	at      time.Time
	request string
	until   time.Time
}

func queueKey(kind string, at time.Time, request string) string {
	return fmt.Sprintf("%s%020d/%s", kind, at.UnixMicro(), request)
}

func readQueued(item rail.Item) (queued, error) {
	_, rest, _ := strings.Cut(item.Key, "/")
	micros, request, ok := strings.Cut(rest, "/")
	at, err := strconv.ParseInt(micros, 10, 64)
	until, err2 := strconv.ParseInt(string(item.Value), 10, 64)
	if !ok || err != nil || err2 != nil {
		return queued{}, fmt.Errorf("daimo: the line %s cannot be read", item.Key)
	}
	return queued{item.Key, time.UnixMicro(at), request, time.UnixMicro(until)}, nil
}

// enqueue moves a record to its next place, or out of the queue. The caller saves the record.
func enqueue(m rail.Memory, rec *record, kind string, at time.Time) error {
	next := ""
	if kind != "" {
		next = queueKey(kind, at, rec.Request.ID)
	}
	if rec.Next != "" && rec.Next != next {
		if err := m.Put(rec.Next, nil); err != nil {
			return err
		}
	}
	rec.Next = next
	if next == "" {
		return nil
	}
	return m.Put(next, []byte(strconv.FormatInt(rec.Request.Until.UnixMicro(), 10)))
}
