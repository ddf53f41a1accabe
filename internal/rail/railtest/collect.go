package railtest

import (
	"slices"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Collecting is a rail that collects.
type Collecting struct {
	Rail  rail.Rail
	Start rail.Cursor // from before anything was paid
	// Told returns all that the far side has told behind a cursor, once that satisfies enough: for a rail that
	// watches it is Watching, for one that takes callbacks or files the fixture hands them in.
	Told func(t *testing.T, from rail.Cursor, enough func([]rail.Observation) bool) (rail.Cursor, []rail.Observation)

	Instrument func(t *testing.T) string                                              // a new one, in the canonical spelling
	Spelled    func(instrument string) string                                         // as a payer might write it; nil: there is one spelling
	Pay        func(t *testing.T, instrument string, amount money.Amount) (id string) // pays; the rail tells of it as confirmed in the end
	Again      func(t *testing.T, id string)                                          // the far side tells the same again; nil: it never does
	Reverse    func(t *testing.T, id string)                                          // takes a confirmed payment back; nil: it cannot
	Reopen     func(t *testing.T)                                                     // the rail ends and starts again
	Asset      money.Asset
}

func runCollects(t *testing.T, open func(t *testing.T) Collecting) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, c Collecting)
	}{
		{"a payment is told", paymentIsTold},
		{"every instrument has one spelling", oneSpelling},
		{"payments to one instrument are told apart", toldApart},
		{"what is told again is the same", toldAgain},
		{"what is behind the cursor is told once", toldOnce},
		{"a reversal outranks what it reverses", reversal},
	} {
		t.Run(part.name, func(t *testing.T) {
			c := open(t)
			before := c.Rail
			part.test(t, c)
			checkName(t, before, c.Rail)
		})
	}
}

// last is the largest word about a payment.
func last(seen []rail.Observation, id string) (word rail.Observation, ok bool) {
	for _, s := range seen {
		if s.Transfer == nil && s.External == id && (!ok || s.Epoch > word.Epoch || s.Epoch == word.Epoch && s.Rank >= word.Rank) {
			word, ok = s, true
		}
	}
	return word, ok
}

// says is true once the last word about each payment has the rank.
func says(rank order.Rank, ids ...string) func([]rail.Observation) bool {
	return func(seen []rail.Observation) bool {
		return !slices.ContainsFunc(ids, func(id string) bool {
			word, ok := last(seen, id)
			return !ok || word.Rank != rank
		})
	}
}

func paymentIsTold(t *testing.T, c Collecting) {
	in, amount := c.Instrument(t), money.FromInt(c.Asset, 1234567)
	id := c.Pay(t, in, amount)
	_, seen := c.Told(t, c.Start, says(order.RankConfirmed, id))
	word, _ := last(seen, id)
	if word.Instrument != in || !word.Amount.Equal(amount) || word.Value.IsZero() {
		t.Errorf("told %+v of a payment of %s to %s", word, amount, in)
	}
	for _, s := range seen {
		if s.Transfer == nil && s.Session == nil && s.Rank == 0 {
			t.Errorf("a word without a rank: %+v", s)
		}
	}
}

func oneSpelling(t *testing.T, c Collecting) {
	if c.Spelled == nil {
		c.Spelled = func(in string) string { return in }
	}
	in := c.Instrument(t)
	id := c.Pay(t, c.Spelled(in), money.FromInt(c.Asset, 5))
	_, seen := c.Told(t, c.Start, says(order.RankConfirmed, id))
	if word, _ := last(seen, id); word.Instrument != in {
		t.Errorf("paid to %q, told as %q, want %q", c.Spelled(in), word.Instrument, in)
	}
}

func toldApart(t *testing.T, c Collecting) {
	in, amount := c.Instrument(t), money.FromInt(c.Asset, 7)
	first, second := c.Pay(t, in, amount), c.Pay(t, in, amount)
	if first == second {
		t.Fatalf("two payments are both %q", first)
	}
	c.Told(t, c.Start, says(order.RankConfirmed, first, second))
}

// toldAgain: a rail that starts over tells the same of the past, so that a crash between its word and the
// books costs nothing.
func toldAgain(t *testing.T, c Collecting) {
	id := c.Pay(t, c.Instrument(t), money.FromInt(c.Asset, 7))
	_, seen := c.Told(t, c.Start, says(order.RankConfirmed, id))
	before, _ := last(seen, id)
	if c.Again != nil {
		c.Again(t, id)
	}
	c.Reopen(t)
	_, seen = c.Told(t, c.Start, says(order.RankConfirmed, id))
	after, _ := last(seen, id)
	if after.Instrument != before.Instrument || !after.Amount.Equal(before.Amount) || !after.Value.Equal(before.Value) ||
		after.Epoch != before.Epoch || after.Rank != before.Rank || after.Evidence.Tx != before.Evidence.Tx || after.Final != before.Final {
		t.Errorf("first told   %+v\nafterwards   %+v", before, after)
	}
}

func toldOnce(t *testing.T, c Collecting) {
	first := c.Pay(t, c.Instrument(t), money.FromInt(c.Asset, 7))
	cursor, _ := c.Told(t, c.Start, says(order.RankConfirmed, first))
	second := c.Pay(t, c.Instrument(t), money.FromInt(c.Asset, 7))
	c.Reopen(t)
	after, seen := c.Told(t, cursor, says(order.RankConfirmed, second))
	if _, ok := last(seen, first); ok {
		t.Error("what lies before the cursor was told again")
	}
	if cursor.Horizon.IsZero() != after.Horizon.IsZero() || after.Horizon.Before(cursor.Horizon) || after.Head < cursor.Head {
		t.Errorf("the rail went from %s (%d) to %s (%d)", cursor.Horizon, cursor.Head, after.Horizon, after.Head)
	}
}

func reversal(t *testing.T, c Collecting) {
	if c.Reverse == nil {
		return // a rail whose payments stand
	}
	in, amount := c.Instrument(t), money.FromInt(c.Asset, 7)
	id := c.Pay(t, in, amount)
	cursor, seen := c.Told(t, c.Start, says(order.RankConfirmed, id))
	confirmed, _ := last(seen, id)
	c.Reverse(t, id)
	_, seen = c.Told(t, cursor, says(order.RankReversed, id))
	word, _ := last(seen, id)
	if word.Epoch < confirmed.Epoch || word.Epoch == confirmed.Epoch && word.Rank <= confirmed.Rank {
		t.Errorf("(%d, %s) does not outrank (%d, %s)", word.Epoch, word.Rank, confirmed.Epoch, confirmed.Rank)
	}
}

// eventually polls until ok says so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
