package e2e

import (
	"maps"
	"math/big"
	"testing"
)

// holds checks where an order's money stands.
func (s *server) holds(t *testing.T, o order, state string, want map[string]string) {
	t.Helper()
	story := s.story(t, o.OrderID)
	if story.State != state || !maps.Equal(shares(story), want) {
		t.Errorf("order %s (%s) is %s with %v, not %s with %v", o.OrderID, o.OrderReference, story.State, shares(story), state, want)
	}
}

func TestTooMuchAndWrong(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)

	step(t, "too much", func(t *testing.T) { // case 10
		o := s.create(t, "OVER", "10.00", "USDT")
		s.pay(t, "USDT", o.Address, "12.50")
		s.mine(t, 3)
		s.ends(t, o.OrderID, "completed")
		s.holds(t, o, "completed", map[string]string{"merchant USDT": "10.000000", "suspense/extra USDT": "2.500000"})
	})

	step(t, "parts that cross the amount", func(t *testing.T) { // case 10
		o := s.create(t, "PARTS", "10.00", "USDT")
		s.pay(t, "USDT", o.Address, "6")
		s.mine(t, 3)
		part := s.until(t, o.OrderID, "has a part", func(o order) bool { return o.ConfirmedReceived != nil && *o.ConfirmedReceived == "6.000000" })
		if part.Status != "pending" {
			t.Errorf("with a part the order is %s", part.Status)
		}
		s.holds(t, o, "part", map[string]string{"order/in USDT": "6.000000"})
		s.pay(t, "USDT", o.Address, "6")
		s.mine(t, 3)
		s.ends(t, o.OrderID, "completed")
		s.pay(t, "USDT", o.Address, "1")
		s.mine(t, 3)
		s.caughtUp(t)
		s.holds(t, o, "completed", map[string]string{"merchant USDT": "10.000000", "suspense/extra USDT": "3.000000"})
		if story := s.story(t, o.OrderID); happened(story, "order.completed") != 1 {
			t.Errorf("completed more than once: %+v", story.Events)
		}
		s.told(t, o.OrderID, "order.completed", 1)
	})

	step(t, "another token", func(t *testing.T) {
		o := s.create(t, "WRONG", "10.00", "USDC")
		s.pay(t, "DAI", o.Address, "10.5")
		s.pay(t, "USDT", o.Address, "10")
		s.mine(t, 3)
		s.caughtUp(t)
		if o := s.get(t, o.OrderID); !o.untouched() {
			t.Errorf("paid in other tokens the order is %+v", o)
		}
		wrong := map[string]string{"suspense/wrong DAI": "10.500000000000000000", "suspense/wrong USDT": "10.000000"}
		s.holds(t, o, "waiting", wrong)
		s.pay(t, "USDC", o.Address, "10")
		s.mine(t, 3)
		s.ends(t, o.OrderID, "completed")
		wrong["merchant USDC"] = "10.000000"
		s.holds(t, o, "completed", wrong)
	})

	step(t, "what is no payment", func(t *testing.T) {
		o := s.create(t, "NOTHING", "10.00", "USDT")
		if _, err := s.transfer(fakeUSDT, o.Address, big.NewInt(10_000_000)); err != nil { // case 18
			t.Fatal(err)
		}
		s.pay(t, "USDT", o.Address, "0")                                     // case 22
		s.ether(t, o.Address, big.NewInt(1_000_000_000_000_000_000))         // case 23
		s.pay(t, "USDT", s.address().Hex(), "10")                            // to the payer itself
		s.pay(t, "USDT", "0x000000000000000000000000000000000000dEaD", "10") // to nobody we know
		s.mine(t, 5)
		s.caughtUp(t)
		if o := s.get(t, o.OrderID); !o.untouched() {
			t.Errorf("the order is %+v", o)
		}
		if story := s.story(t, o.OrderID); len(story.Payments) != 0 || len(story.Entries) != 0 || len(story.Balances) != 0 {
			t.Errorf("the operator sees %+v", story)
		}
		// All of it did happen on the chain.
		if ether, err := s.node.BalanceAt(bounded(t), addressOf(o), nil); err != nil || ether.Sign() == 0 {
			t.Errorf("the address has %v wei, %v", ether, err)
		}
		if fakes := s.heldOf(t, fakeUSDT, o.Address); fakes.Int64() != 10_000_000 {
			t.Errorf("the address has %s of the fake token", fakes)
		}
		// And the address is as good as before.
		s.pay(t, "USDT", o.Address, "10")
		s.mine(t, 3)
		s.oneAnswer(t, o, "10.000000")
	})

	step(t, "an address nobody holds", func(t *testing.T) {
		free := s.free(t)
		s.pay(t, "USDT", free, "3")
		s.mine(t, 3)
		s.caughtUp(t)
		if stray := s.balance(t, "suspense/stray", "USDT"); stray != "3.000000" {
			t.Errorf("money without an order: %q is booked", stray)
		}
		if n := s.counts(t); n.Allocated != int64(s.page(t, 1, 1, "pending").Pagination.Total) {
			t.Errorf("the pool is %+v", n)
		}
	})
	s.balanced(t)
}

// Time is the block's, on the sandbox's clock.
func TestTooLittleAndTooLate(t *testing.T) { // case 29
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)
	under := s.create(t, "UNDER", "100.00", "USDT")
	nothing := s.create(t, "LATE", "50.00", "USDT")
	before := s.counts(t)
	s.pay(t, "USDT", under.Address, "40")
	s.mine(t, 3)
	s.until(t, under.OrderID, "has a part", func(o order) bool { return o.ConfirmedReceived != nil && *o.ConfirmedReceived == "40.000000" })

	// Within the grace period nothing ends, and the last moment is still in time.
	s.forward(t, 12)
	s.mine(t, 1)
	s.caughtUp(t)
	for _, o := range []order{under, nothing} {
		if now := s.get(t, o.OrderID); now.Status != "pending" {
			t.Errorf("in its grace period order %s is %s", o.OrderReference, now.Status)
		}
	}

	s.forward(t, 4)
	s.mine(t, 1) // an order ends when the chain was read beyond its deadline
	for _, o := range []order{under, nothing} {
		s.ends(t, o.OrderID, "expired")
		s.told(t, o.OrderID, "order.expired", 1)
	}
	s.holds(t, under, "expired", map[string]string{"suspense/extra USDT": "40.000000"})
	s.holds(t, nothing, "expired", map[string]string{})

	s.pay(t, "USDT", nothing.Address, "50.00")
	s.pay(t, "USDT", under.Address, "60.00")
	s.mine(t, 3)
	s.caughtUp(t)
	s.holds(t, nothing, "expired", map[string]string{"suspense/late USDT": "50.000000"})
	s.holds(t, under, "expired", map[string]string{"suspense/extra USDT": "40.000000", "suspense/late USDT": "60.000000"})
	for _, o := range []order{under, nothing} {
		if now := s.get(t, o.OrderID); now.Status != "expired" || now.CompletedAt != nil {
			t.Errorf("after late money order %s is %+v", o.OrderReference, now)
		}
		if came := s.deliveries(t, o.OrderID); len(came) != 1 {
			t.Errorf("order %s: %d webhooks", o.OrderReference, len(came))
		}
	}

	// An address that late money came to serves no other order before an operator has looked: late money must find
	// its own order.
	fresh := s.create(t, "FRESH", "1.00", "USDT")
	if fresh.Address == under.Address || fresh.Address == nothing.Address { // case 30
		t.Errorf("the address %s serves a second order at once", fresh.Address)
	}
	if n := s.counts(t); n.Quarantined < 2 || n.Total != before.Total {
		t.Errorf("the pool is %+v, it was %+v", n, before)
	}
	s.balanced(t)
}

// The chain's own clock may run ahead: a block beyond the deadline is late, though on our clock the order
// still waits.
func TestLateByBlockTime(t *testing.T) { // case 29
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)
	o := s.create(t, "BLOCK-TIME", "10.00", "USDT")
	if err := s.control("/time", map[string]int{"seconds": 16 * 60}); err != nil {
		t.Fatal(err)
	}
	s.pay(t, "USDT", o.Address, "10.00")
	s.mine(t, 3)
	s.caughtUp(t)
	if now := s.get(t, o.OrderID); !now.untouched() {
		t.Errorf("paid by a late block the order is %+v", now)
	}
	s.holds(t, o, "waiting", map[string]string{"suspense/late USDT": "10.000000"})

	// An order is measured from its own beginning.
	next := s.create(t, "AFTERWARDS", "10.00", "USDT")
	s.pay(t, "USDT", next.Address, "10.00")
	s.mine(t, 3)
	s.oneAnswer(t, next, "10.000000")

	s.forward(t, 16)
	s.mine(t, 1)
	s.ends(t, o.OrderID, "expired")
	s.holds(t, o, "expired", map[string]string{"suspense/late USDT": "10.000000"})
	s.balanced(t)
}
