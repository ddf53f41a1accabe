package rail

import (
	"encoding/json"
	"time"

	"till/internal/money"
)

// Page asks a far side for a page of its own where the payer of one attempt pays. Whoever opens the attempt puts it into
// the far side's memory in the attempt's own transaction, so that it is asked for once the attempt exists, however often
// anything crashes, and never for one that does not. The rail takes it out again when the page is there.
type Page struct {
	ID      string       `json:"id"`      // what the far side repeats in all it says of the page: unique, and the instrument of its observations
	Order   string       `json:"order"`   // the order's public id
	Attempt string       `json:"attempt"` // the attempt's id
	Method  string       `json:"method"`  // the method's code
	Amount  money.Amount `json:"amount"`  // that must be paid
	At      time.Time    `json:"at"`      // true time at which it was asked for
	Until   time.Time    `json:"until"`   // true time after which the order needs no money any more
	Title   string       `json:"title"`   // what the payer is shown
	Email   string       `json:"email,omitempty"`
}

// What the keys of pages begin with, and of those that nobody may pay on any more: the attempt was left, or the order
// ended. The line of a closed page says nothing but that it is there, and the rail takes it out when the page is closed.
const (
	PageKey  = "page/"
	CloseKey = "close/"
)

// Key is where the page stands in the rail's memory.
func (p Page) Key() string { return PageKey + p.ID }

// Text is the page as it stands there.
func (p Page) Text() ([]byte, error) { return json.Marshal(p) }

// ReadPage reads a Text.
func ReadPage(text []byte) (Page, error) {
	var p Page
	err := json.Unmarshal(text, &p)
	return p, err
}
