package rail

import (
	"encoding/json"
	"time"

	"till/internal/money"
)

// Request asks a gateway for a payment that brings an order its money. Whoever makes the order puts it into the
// gateway's memory in the order's own transaction, so that it is asked for once the order exists, however often
// anything crashes, and never for an order that does not. The rail takes it out again when the gateway has the payment.
type Request struct {
	ID     string       `json:"id"`     // what the gateway repeats in all it says of the payment: unique, and the instrument of its observations
	Order  string       `json:"order"`  // the order's public id: for people, never sent
	Amount money.Amount `json:"amount"` // that must arrive
	Chain  uint64       `json:"chain"`  // EIP-155
	Token  string       `json:"token"`  // contract
	To     string       `json:"to"`     // address
	Until  time.Time    `json:"until"`  // true time after which the order needs no word any more

	Title    string            `json:"title"`           // what the payer is shown
	Currency string            `json:"currency"`        // of the price he is shown, ISO 4217
	Price    string            `json:"price,omitempty"` // decimal; "": none
	Metadata map[string]string `json:"metadata,omitempty"`
}

// RequestKey is what the keys of all requests begin with.
const RequestKey = "ask/"

// Key is where the request stands in the rail's memory.
func (r Request) Key() string { return RequestKey + r.ID }

// Text is the request as it stands there.
func (r Request) Text() ([]byte, error) { return json.Marshal(r) }

// ReadRequest reads a Text.
func ReadRequest(text []byte) (Request, error) {
	var r Request
	err := json.Unmarshal(text, &r)
	return r, err
}

// Session is what a gateway says of a payment beside the money: shown to the payer and to who looks after the order,
// never counted.
type Session struct {
	Payment string // the gateway's id of it
	Status  string // where it stands there, in the rail's own word; "": nothing is to be said
	URL     string // the page where it is paid; "": it has none
	Tx      string // the transaction that brought the money; "": there is none yet
	From    string // who paid, where the gateway says so
	Note    string // one of the constants; "": nothing is to be said

	// Of the page of one attempt.
	Ends   Ends   // what became of the attempt; "": nothing is to be said
	Reason string // the far side's own word for why it refused last; "": it did not
}

// Ends is what a far side says of an attempt beside its money.
type Ends string

// The ways.
const (
	EndsPending  Ends = "pending"  // the payer did his part, and the far side works on it
	EndsDeclined Ends = "declined" // refused, and nothing more can come of it
	EndsLeft     Ends = "left"     // its page is no more: nobody paid in time, or it was closed
)

// What a gateway says went another way than it should.
const (
	NoteBounced  = "payment_bounced"  // the money could not be delivered, and went to the refund address
	NoteRefunded = "payment_refunded" // money went back to the payer
	NoteRefused  = "payment_refused"  // the gateway never took the request
)
