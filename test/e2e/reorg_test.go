package e2e

import (
	"fmt"
	"maps"
	"math/big"
	"testing"

	"till/internal/operator/client"
)

// oneAnswer checks an order that was paid once in the end, whatever happened to the chain before: completed
// once, the money credited once and on the chain, and one webhook.
func (s *server) oneAnswer(t *testing.T, o order, due string) client.Order {
	t.Helper()
	last := s.ends(t, o.OrderID, "completed")
	story := s.story(t, o.OrderID)
	if want := map[string]string{"merchant " + o.Currency: due}; !maps.Equal(shares(story), want) {
		t.Errorf("the order's money is %v, not %v", shares(story), want)
	}
	if n := happened(story, "order.completed"); n != 1 {
		t.Errorf("the order was completed %d times", n)
	}
	if held := s.held(t, o.Currency, o.Address); held.Cmp(s.units(t, o.Currency, due)) != 0 {
		t.Errorf("the address holds %s", held)
	}
	s.canonical(t, story)
	if last.TxHash == nil || last.BlockNumber == nil || last.Confirmations == nil || *last.Confirmations < 3 {
		t.Errorf("the completed order is %+v", last)
	}
	s.told(t, o.OrderID, "order.completed", 1)
	return story
}

// canonical checks that whatever is credited lies in a block of the chain.
func (s *server) canonical(t *testing.T, story client.Order) { // I5
	t.Helper()
	for _, p := range story.Payments {
		if p.State != "confirmed" {
			continue
		}
		block, err := s.node.HeaderByNumber(bounded(t), new(big.Int).SetUint64(p.Block))
		if err != nil || block.Hash().Hex() != p.BlockHash {
			t.Errorf("order %s is credited by block %d %s, which the chain does not have: %v", story.ID, p.Block, p.BlockHash, err)
		}
	}
}

func TestReorganisations(t *testing.T) { // cases 14, 15, 16
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)

	// The payment is in the oldest of the replaced blocks, so that it has as many confirmations as go at all
	// before it is final; deeper blocks are replaced below it.
	for _, depth := range []int{1, 3, 20} {
		step(t, fmt.Sprintf("a payment dropped by %d blocks", depth), func(t *testing.T) {
			o := s.create(t, fmt.Sprintf("DROP-%d", depth), "100.00", "USDT")
			s.mine(t, depth)
			tx := s.pay(t, "USDT", o.Address, "100.00")
			confirmations := uint64(min(depth, 2))
			s.mine(t, int(confirmations))
			seen := s.until(t, o.OrderID, "is seen", func(o order) bool { return o.Confirmations != nil && *o.Confirmations == confirmations })
			if seen.Status != "pending" || *seen.TxHash != tx.Hash().Hex() || *seen.ConfirmedReceived != "0.000000" {
				t.Errorf("the seen order is %+v", seen)
			}

			s.reorg(t, depth, "drop")
			s.until(t, o.OrderID, "shows nothing any more", order.untouched)
			s.caughtUp(t)
			if gone := s.get(t, o.OrderID); !gone.untouched() {
				t.Errorf("after the reorganisation the order is %+v", gone)
			}
			story := s.story(t, o.OrderID)
			if len(story.Entries) != 0 || len(shares(story)) != 0 || story.Payments[0].State != "reversed" || story.State != "waiting" {
				t.Errorf("after the reorganisation the operator sees %+v", story)
			}

			s.sendAgain(t)
			s.mine(t, 3)
			story = s.oneAnswer(t, o, "100.000000")
			if len(story.Payments) != 1 || happened(story, "payment.confirmed") != 1 {
				t.Errorf("one payment is told as %+v", story.Payments)
			}
		})
	}

	for _, depth := range []int{1, 3, 20} {
		step(t, fmt.Sprintf("a payment moved by %d blocks", depth), func(t *testing.T) {
			o := s.create(t, fmt.Sprintf("MOVE-%d", depth), "7.25", "USDC")
			s.mine(t, depth)
			tx := s.pay(t, "USDC", o.Address, "7.25")
			s.mine(t, 1)
			seen := s.until(t, o.OrderID, "is seen", func(o order) bool { return o.Confirmations != nil })
			before, _ := s.block(t, tx)
			s.reorg(t, depth, "remine")
			s.caughtUp(t)
			after, ok := s.block(t, tx)
			if !ok || after == before {
				t.Fatalf("the payment was not moved: %s, %v", after, ok)
			}
			moved := s.until(t, o.OrderID, "is seen in another block", func(o order) bool { return o.BlockNumber != nil && *o.BlockNumber != *seen.BlockNumber })
			if moved.Status != "pending" || *moved.BlockNumber != *seen.BlockNumber+1 {
				t.Errorf("the moved payment is shown as %+v", moved)
			}
			if story := s.story(t, o.OrderID); len(story.Entries) != 0 {
				t.Errorf("booked before it is final: %+v", story.Entries)
			}
			s.mine(t, 2)
			s.oneAnswer(t, o, "7.250000")
		})
	}

	step(t, "a final payment dropped", func(t *testing.T) { // case 15
		o := s.create(t, "FINAL-DROP", "100.00", "USDT")
		s.pay(t, "USDT", o.Address, "100.00")
		s.mine(t, 3)
		s.oneAnswer(t, o, "100.000000")
		s.mine(t, 10)

		s.reorg(t, 20, "drop")
		s.caughtUp(t)
		if o := s.get(t, o.OrderID); o.Status != "completed" {
			t.Errorf("a completed order is %s", o.Status)
		}
		story := s.story(t, o.OrderID)
		// The merchant was told that the money is there, and it is not: that is what is missing.
		if want := map[string]string{"merchant USDT": "100.000000", "order/short USDT": "-100.000000"}; !maps.Equal(shares(story), want) {
			t.Errorf("the order's money is %v, not %v", shares(story), want)
		}
		s.balanced(t)
		s.verify(t) // a shortfall is on record, so nothing contradicts anything

		s.sendAgain(t)
		s.mine(t, 3)
		s.caughtUp(t)
		s.oneAnswer(t, o, "100.000000")
	})

	step(t, "a final payment moved", func(t *testing.T) {
		o := s.create(t, "FINAL-MOVE", "0.000000000000000007", "DAI")
		s.pay(t, "DAI", o.Address, "0.000000000000000007")
		s.mine(t, 3)
		s.ends(t, o.OrderID, "completed")
		s.reorg(t, 20, "remine")
		s.mine(t, 3)
		s.caughtUp(t)
		s.oneAnswer(t, o, "0.000000000000000007")
	})
	s.balanced(t)
}

// A transaction that waits in the pool is nothing yet, though blocks are made.
func TestUnminedPaymentCountsForNothing(t *testing.T) { // case 13
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)
	o := s.create(t, "UNMINED", "10.00", "USDT")

	// The nonce before it is left out, so that no block takes it.
	s.mu.Lock()
	first, err := s.next(s.address(), new(big.Int), nil)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	tx := s.pay(t, "USDT", o.Address, "10.00")
	if _, waits, err := s.node.TransactionByHash(bounded(t), tx.Hash()); err != nil || !waits {
		t.Fatalf("the payment does not wait in the pool: %v", err)
	}
	s.mine(t, 5)
	s.caughtUp(t)
	if o := s.get(t, o.OrderID); !o.untouched() {
		t.Errorf("with an unmined payment the order is %+v", o)
	}
	if story := s.story(t, o.OrderID); len(story.Entries) != 0 || len(story.Payments) != 0 {
		t.Errorf("with an unmined payment the operator sees %+v", story)
	}

	if err := s.node.SendTransaction(bounded(t), first); err != nil {
		t.Fatal(err)
	}
	s.mine(t, 3)
	s.oneAnswer(t, o, "10.000000")
}
