package rail

import (
	"encoding/json"
	"fmt"
	"time"

	"till/internal/money"
)

// Wish is a payment that a rail whose payments are made up shall make by itself. Whoever makes orders puts it into the
// rail's memory, in the transaction that tells the payer what to do, and takes it out again when the payer changes his
// mind; the rail fulfils it in the transaction that takes it out. So it is fulfilled once, or never, whatever crashes.
type Wish struct {
	ID         string    // unique, and the end of its key
	At         time.Time // when, on the mode's clock
	Instrument string
	Amount     money.Amount
	Document   string // of the payer; "": nothing is reported
}

// WishKey is what the keys of all wishes begin with. Behind it they sort by time.
const WishKey = "wish/"

// Key is where the wish stands in the rail's memory.
func (w Wish) Key() string { return fmt.Sprintf("%s%020d/%s", WishKey, w.At.UnixMicro(), w.ID) }

// Text is the wish as it stands there.
func (w Wish) Text() ([]byte, error) { return json.Marshal(w) }

// ReadWish reads a Text.
func ReadWish(text []byte) (Wish, error) {
	var w Wish
	err := json.Unmarshal(text, &w)
	return w, err
}
