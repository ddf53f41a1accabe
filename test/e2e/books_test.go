package e2e

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Whatever is paid by whom and when, and however often the chain changes its mind: in the end the books
// say what the chain says, for each token, each order and each payment.
func TestBooksEqualChain(t *testing.T) { // I1, I4, I5, I6, I7, I12
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := start(t, "--block-time", "200ms")
	s.pause(t)
	s.setMark(t)
	if err := s.control("/resume", nil); err != nil {
		t.Fatal(err)
	}
	currencies := []string{"USDT", "USDC", "DAI"}
	orders := make([]order, 20)
	for n := range orders {
		orders[n] = s.create(t, fmt.Sprintf("BOOKS-%d", n), "0.000300", currencies[n%len(currencies)])
	}

	// What a payer does: mostly the right token, sometimes another.
	payment := func(chance *rand.Rand) (contract, to string, units *big.Int) {
		o := orders[chance.IntN(len(orders))]
		currency := o.Currency
		if chance.IntN(8) == 0 {
			currency = currencies[chance.IntN(len(currencies))]
		}
		units = big.NewInt(1 + chance.Int64N(200))
		if currency == "DAI" {
			units.Mul(units, big.NewInt(1_000_000_000_000))
		}
		return s.info.Chain.Tokens[currency].Address, o.Address, units
	}

	const payers, each = 4, 15
	var paying sync.WaitGroup
	for n := range uint64(payers) {
		paying.Go(func() {
			chance := rand.New(rand.NewPCG(seed, n))
			for range each {
				if _, err := s.transfer(payment(chance)); err != nil && !hasIt(err) {
					t.Errorf("a payment was not sent: %v", err)
				}
				s.nextBlock()
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		paying.Wait()
	}()

	chance := rand.New(rand.NewPCG(seed, payers))
	reorgs := 0
	for paid := false; !paid; {
		select {
		case <-done:
			paid = true
		default:
		}
		s.nextBlock()
		if chance.IntN(2) == 0 {
			s.reorg(t, 1+chance.IntN(6), "remine")
		} else {
			s.reorg(t, 1+chance.IntN(6), "drop")
			s.thinkAgain(t, func() (string, string, *big.Int, bool) {
				contract, to, units := payment(chance)
				return contract, to, units, chance.IntN(2) == 0
			})
		}
		reorgs++
	}

	s.pause(t)
	eventually(t, "every transaction is in a block", func() bool {
		s.sendAgain(t)
		s.mine(t, 1)
		mined, err := s.node.NonceAt(bounded(t), s.address(), nil)
		return err == nil && mined == uint64(len(s.sent))
	})
	s.mine(t, 5)
	s.caughtUp(t)
	t.Logf("%d reorganisations", reorgs)

	s.balanced(t)
	owners := map[string]string{}
	completed := 0
	for _, o := range orders {
		story := s.story(t, o.OrderID)
		s.canonical(t, story)
		booked := map[string]*big.Int{}
		for _, currency := range currencies {
			booked[currency] = new(big.Int)
		}
		for _, p := range story.Payments {
			if other, twice := owners[p.External]; twice {
				t.Errorf("payment %s belongs to the orders %s and %s", p.External, other, o.OrderID)
			}
			owners[p.External] = o.OrderID
			if p.State == "confirmed" {
				units, _ := new(big.Int).SetString(p.Amount.Units, 10)
				booked[p.Amount.Currency].Add(booked[p.Amount.Currency], units)
			} else if p.State != "reversed" {
				t.Errorf("at rest payment %s is %s", p.External, p.State)
			}
		}
		for currency, units := range booked {
			if held := s.held(t, currency, o.Address); held.Cmp(units) != 0 {
				t.Errorf("order %s: the address holds %s of %s, %s is confirmed", o.OrderID, held, currency, units)
			}
		}
		// An order that has its money is completed. One whose money went away afterwards stays so.
		enough := booked[o.Currency].Cmp(s.units(t, o.Currency, o.Amount)) >= 0
		switch now := s.get(t, o.OrderID); {
		case now.Status == "completed":
			completed++
			s.told(t, o.OrderID, "order.completed", 1)
			if n := happened(story, "order.completed"); n != 1 {
				t.Errorf("order %s was completed %d times", o.OrderID, n)
			}
		case now.Status != "pending" || enough:
			t.Errorf("order %s is %s with %s of %s", o.OrderID, now.Status, booked[o.Currency], o.Currency)
		}
	}
	if completed == 0 || len(owners) < payers*each/2 {
		t.Errorf("only %d orders were completed and %d payments told: the test shows nothing", completed, len(owners))
	}
}

// nextBlock waits until the chain's head is another one, for at most a moment. It may be called from any
// goroutine.
func (s *server) nextBlock() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	first, err := s.node.BlockNumber(ctx)
	for now := first; err == nil && now == first; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
		now, err = s.node.BlockNumber(ctx)
	}
}
