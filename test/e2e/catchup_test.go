package e2e

import (
	"fmt"
	"testing"
)

// Many blocks at once are as good as one after the other: nothing between them is missed.
func TestManyBlocksAtOnce(t *testing.T) { // case 28, as far as a chain that lives as long as the server shows it
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.setMark(t)
	const each = 12
	var orders []order
	for n := range 2 * each {
		orders = append(orders, s.create(t, fmt.Sprintf("BLOCKS-%d", n), "1.50", []string{"USDT", "USDC", "DAI"}[n%3]))
	}

	// 300 blocks with a payment in every 25th, faster than they are read.
	for _, o := range orders[:each] {
		s.pay(t, o.Currency, o.Address, "1.50")
		s.mine(t, 25)
	}
	// Payments that waited while no block was made, and then 300 blocks by one call.
	for _, o := range orders[each:] {
		s.pay(t, o.Currency, o.Address, "1.50")
	}
	s.mine(t, 300)

	s.caughtUp(t)
	transactions := map[string]bool{}
	for _, o := range orders {
		last := s.ends(t, o.OrderID, "completed")
		transactions[*last.TxHash] = true
		s.canonical(t, s.story(t, o.OrderID))
	}
	if len(transactions) != len(orders) {
		t.Errorf("%d orders were completed by %d transactions", len(orders), len(transactions)) // I7
	}
	s.balanced(t)
}

// Nothing is told of a chain that stands still, and all of it afterwards.
func TestChainStandsStill(t *testing.T) {
	t.Parallel()
	s := start(t, "--block-time", "200ms")
	s.pause(t)
	var orders []order
	for n := range 5 {
		o := s.create(t, fmt.Sprintf("STILL-%d", n), "2", "USDT")
		s.pay(t, "USDT", o.Address, "2")
		orders = append(orders, o)
	}
	for _, o := range orders {
		if now := s.get(t, o.OrderID); !now.untouched() {
			t.Errorf("without a block the order is %+v", now)
		}
	}
	if err := s.control("/resume", nil); err != nil {
		t.Fatal(err)
	}
	for _, o := range orders {
		s.oneAnswer(t, o, "2.000000")
	}
}
