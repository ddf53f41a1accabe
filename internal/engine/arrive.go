package engine

import (
	"fmt"
	"io"

	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
)

// arrive makes an order of a payment to an instrument that a standing instruction held at that time, and tells it of
// the payment. Whatever the rail says of the payment from then on is about that order. It has no deadline; reversed
// before it is final it waits until it is mined again or an operator cancels it.
//
// Money of an asset that the network is not configured for or that the standing instruction does not take, of another mode, or sent after the binding ended is money
// of nobody. An arrival costs the same however many there were, so there is no bound on their number: dust costs its
// sender a fee and us an order.
func (e *Engine) arrive(tx Tx, n Network, hold *Hold, s rail.Observation) error {
	st, err := tx.Standing(hold.OrderID)
	if err != nil {
		return err
	}
	takes := n.has(s) && (st.Only.IsZero() || st.Only == s.Amount.Asset())
	if ended := !hold.To.IsZero() && s.Value.After(hold.To); ended || st.Scope.Mode != n.Mode || !takes {
		return e.newStray(tx, n, hold.Instrument, s)
	}
	if s.Amount.Sign() <= 0 {
		return nil // nobody's payment
	}
	clock, err := tx.Clock(n.Mode)
	if err != nil {
		return err
	}
	public, err := e.publicID(st.Prefix)
	if err != nil {
		return err
	}
	told, err := tx.Progress(n.Rail)
	if err != nil {
		return err
	}
	now, book := clock.Shift(tx.Now()), ledger.Wallet(st.Scope.Merchant)
	pool, err := tx.InstrumentPool(hold.Instrument)
	if err != nil {
		return err
	}
	if n.Custodial || pool != nil && pool.IsHouse() {
		book = ledger.Owed(st.Scope.Merchant)
	}
	o := &Order{
		Order: order.Order{Terms: order.Terms{
			Book: book, Due: s.Amount, To: book.Account(ledger.Merchant), OverAny: true, DueFollows: true, Instant: true,
		}},
		ID: tx.NewID(), PublicID: public, Scope: st.Scope.Arrivals(), Reference: st.Reference, Kind: st.Kind, Standing: st.ID,
		Network: n.ID, Rail: n.Rail, Instrument: hold.Instrument, CreatedAt: now, UpdatedAt: now,
	}
	if told != nil {
		o.Skew = max(0, told.Cursor.Horizon.Sub(tx.Now()))
	}
	if _, err := e.apply(tx, o, order.Change{Kind: order.Create, Actor: order.ByEngine}, true); err != nil {
		return err
	}
	return e.tellPayment(tx, n, o, s)
}

// has says that the network is configured for the payment's asset.
func (n Network) has(s rail.Observation) bool {
	for _, t := range n.Tokens {
		if t.Asset == s.Amount.Asset() {
			return true
		}
	}
	return false
}

// WithRandom is the engine with another source for the public ids of arrivals. It must be safe for concurrent use;
// without it the system's is used.
func (e *Engine) WithRandom(r io.Reader) *Engine {
	mine := *e
	mine.random = r
	return &mine
}

// publicRandom is how many random characters the engine's public ids end with.
const publicRandom = 26

// publicID is a prefix and 26 letters and digits, each equally likely: 134 random bits. Only orders that no dialect
// asked for get their public id here.
func (e *Engine) publicID(prefix string) (string, error) {
	const alphabet, length = "abcdefghijklmnopqrstuvwxyz0123456789", publicRandom
	const even = 256 - 256%len(alphabet) // bytes from here on would make the first letters likelier
	text, buffer := make([]byte, 0, length), make([]byte, length)
	for len(text) < length {
		if _, err := io.ReadFull(e.random, buffer); err != nil {
			return "", fmt.Errorf("no randomness for a public id: %w", err)
		}
		for _, b := range buffer {
			if int(b) < even && len(text) < length {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return prefix + string(text), nil
}
