package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/rail"
)

const (
	signAfter  = time.Minute      // an unsigned nonce is then finished by whoever tends: its process died
	readEvery  = 15 * time.Second // between two looks at the wallet's balances
	maxTries   = 20               // transactions of one nonce
	fillingGas = 21_000
)

// SenderStatus is how a hot wallet is, for a health page.
type SenderStatus struct {
	Address string
	Coin    money.Amount   // of the native coin; the zero Amount: not read yet, or no coin is configured
	Tokens  []money.Amount // of every listed token
	Next    uint64         // the next nonce
	Open    int            // nonces that are not settled
	Oldest  time.Time      // when the oldest of them was reserved; zero: there is none
	Low     bool           // it lacks gas, or the last transfer found it without enough
	Foreign bool           // it is used by somebody else
	Err     error          // what went wrong last; nil: nothing since
	Since   time.Time
}

// Status is how the wallet is. It may be called at any time from anywhere.
func (s *Sender) Status() SenderStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.status
	got.Err, got.Since = errors.Join(s.sendErr, s.tendErr), s.since
	got.Low = s.short || errors.Is(s.sendErr, errLow)
	got.Foreign = s.misused || errors.Is(s.sendErr, errForeign)
	return got
}

// note keeps what the last sending met; nil is that it went well. A refusal is the transfer's fault, not the wallet's.
func (s *Sender) note(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, rail.ErrRefused) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendErr = err
	s.sinceNow()
}

func (s *Sender) tended(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tendErr = err
	s.sinceNow()
}

func (s *Sender) sinceNow() {
	switch {
	case s.sendErr == nil && s.tendErr == nil:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = s.rail.now()
	}
}

// Tend implements rail.Tender: it settles what has ended, finishes what a process that died had reserved, sends again
// what the nodes forgot, offers more for what is stuck and fills gaps. One nonce that goes wrong holds up no other.
func (s *Sender) Tend(ctx context.Context) ([]rail.Word, error) {
	w, lines, err := s.opens(ctx)
	if err != nil {
		return nil, err
	}
	var words []rail.Word
	var failures []error
	left, bumped := 0, false
	oldest := time.Time{}
	for _, l := range lines {
		if ctx.Err() != nil {
			return words, ctx.Err()
		}
		ended, stuck, err := s.tend(ctx, l)
		switch {
		case err != nil:
			failures = append(failures, err)
		case ended != nil && ended.ID != "":
			words = append(words, *ended)
		}
		if ended != nil {
			continue
		}
		left++
		if oldest.IsZero() || l.Made.Before(oldest) {
			oldest = l.Made
		}
		// What is behind the first one that is stuck waits for it, and for nothing else.
		if stuck && !bumped && err == nil {
			bumped = true
			if err := s.bump(ctx, l); err != nil {
				failures = append(failures, err)
			}
		}
	}
	if err := s.fill(ctx, w, lines); err != nil {
		failures = append(failures, err)
	}
	s.mu.Lock()
	s.status.Next, s.status.Open, s.status.Oldest = w.Next, left, oldest
	s.mu.Unlock()
	if err := s.readBalances(ctx, w); err != nil {
		failures = append(failures, err)
	}
	err = errors.Join(failures...)
	s.tended(err)
	return words, err
}

// tend looks after one nonce. ended is its end; stuck says that no block took it for too long.
func (s *Sender) tend(ctx context.Context, l line) (ended *rail.Word, stuck bool, err error) {
	if len(l.last().Raw) == 0 { // nothing of it was ever signed
		if s.rail.now().Sub(l.Made) < signAfter {
			return nil, false, nil
		}
		_, err := s.submit(ctx, l.from, l.nonce, l.ID)
		return nil, false, err
	}
	status, ref, in, err := s.outcome(ctx, l.from, l.nonce, l.open)
	if err != nil {
		return nil, false, err
	}
	if status == rail.StatusDelivered || status == rail.StatusFailed {
		return &rail.Word{ID: l.ID, Status: status, Ref: ref}, false, nil
	}
	if in == inABlock {
		return nil, false, nil
	}
	again := in == nowhere
	if !l.signed() && l.from == s.from { // a higher offer that was on record when its process died
		now, err := s.sign(ctx, l.from, l.nonce, l.open)
		if err != nil {
			return nil, false, err
		}
		l.open, again = *now, true
	}
	if again {
		if err := s.hand(ctx, l.open); err != nil {
			return nil, false, err
		}
		if err := s.submitted(ctx, l.from, l.nonce); err != nil {
			return nil, false, err
		}
	}
	return nil, s.rail.now().Sub(l.last().At) >= s.cfg.BumpAfter, nil
}

// bump offers more for a stuck nonce: what a new transaction would be offered, and at least an eighth more than before,
// which nodes ask for. Where the highest fee does not allow that, it waits.
func (s *Sender) bump(ctx context.Context, l line) error {
	if l.from != s.from || len(l.Tries) >= maxTries {
		return nil
	}
	var next try
	err := s.rail.nodes.aside(ctx, func(n *node) error {
		at, err := s.holds(ctx, n, common.Address{})
		if err == nil {
			next, err = s.fee(ctx, n, at)
		}
		return err
	})
	if errors.Is(err, errDear) {
		return nil
	}
	if err != nil {
		return err
	}
	last := l.last()
	next.Price = more(next.Price, last.Price)
	if (last.Tip == nil) != (next.Tip == nil) {
		return nil // the chain has changed its rules: the old transaction is as good as it gets
	}
	if next.Tip != nil {
		next.Tip = more(next.Tip, last.Tip)
	}
	if (*big.Int)(next.Price).Cmp(s.cfg.MaxFee) > 0 {
		return nil
	}
	added := false
	err = s.change(ctx, l.nonce, func(at *open) {
		added = at != nil && at.ID == l.ID && at.signed() && len(at.Tries) == len(l.Tries)
		if added {
			at.Tries = append(at.Tries, next)
		}
	})
	if err != nil || !added {
		return err
	}
	killpoint.Here("evm.bumped")
	o, err := s.openAt(ctx, l.from, l.nonce)
	if err != nil || o == nil {
		return err
	}
	s.log.Warn("a transaction of the hot wallet is stuck and is offered more", "transfer", l.ID, "nonce", l.nonce, "wei", (*big.Int)(next.Price).String())
	if o, err = s.sign(ctx, l.from, l.nonce, *o); err != nil {
		return err
	}
	return s.hand(ctx, *o)
}

// more is the larger of a fee and an eighth above another.
func more(fee, than *hexutil.Big) *hexutil.Big {
	least := new(big.Int).Div((*big.Int)(than), big.NewInt(8))
	least.Add(least, (*big.Int)(than)).Add(least, big.NewInt(1))
	if (*big.Int)(fee).Cmp(least) < 0 {
		return (*hexutil.Big)(least)
	}
	return fee
}

// fill gives a vacant nonce that others wait behind to a transaction of nothing to the wallet itself.
func (s *Sender) fill(ctx context.Context, w wallet, lines []line) error {
	if len(w.Vacant) == 0 {
		return nil
	}
	waits := false
	for _, l := range lines {
		waits = waits || l.from == s.from && l.nonce > w.Vacant[0]
	}
	if !waits {
		return nil
	}
	var first try
	var head uint64
	err := s.rail.nodes.aside(ctx, func(n *node) error {
		at, err := s.holds(ctx, n, common.Address{})
		if err == nil {
			head = at.head.number
			first, err = s.fee(ctx, n, at)
		}
		return err
	})
	if err != nil {
		return err
	}
	nonce, filled := w.Vacant[0], false
	err = s.cfg.State.Update(ctx, func(m rail.Memory) error {
		filled = false
		now, err := recall[wallet](m, walletKey+s.from.Hex())
		if err != nil || now == nil || now.Version != w.Version {
			return err
		}
		filled = true
		now.Version++
		now.Vacant = now.Vacant[1:]
		if err := keep(m, walletKey+s.from.Hex(), now); err != nil {
			return err
		}
		to := s.from
		return keep(m, openName(s.from, nonce), open{
			To: to, Call: &to, Units: (*hexutil.Big)(new(big.Int)), Value: (*hexutil.Big)(new(big.Int)), Gas: fillingGas, Since: head, Made: s.rail.now(),
			Tries: []try{first},
		})
	})
	if err != nil || !filled {
		return err
	}
	s.log.Warn("a gap in the hot wallet's nonces is filled", "nonce", nonce)
	_, err = s.submit(ctx, s.from, nonce, "")
	return err
}

// readBalances keeps what the wallet holds, now and then.
func (s *Sender) readBalances(ctx context.Context, w wallet) error {
	now := s.rail.now()
	s.mu.Lock()
	due := s.read.IsZero() || now.Sub(s.read) >= readEvery
	s.mu.Unlock()
	if !due {
		return nil
	}
	var at held
	var tokens []money.Amount
	err := s.rail.nodes.aside(ctx, func(n *node) error {
		if err := s.rail.nodes.admit(ctx, n); err != nil {
			return err
		}
		var err error
		if at, err = s.holds(ctx, n, common.Address{}); err != nil {
			return err
		}
		found, err := s.rail.holdingsAt(ctx, n, at.head.number, []string{s.from.Hex()})
		if err == nil {
			tokens = found[0].Amounts
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("evm:%s: what the hot wallet holds: %w", s.rail.network, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read, s.status.Tokens = now, tokens
	if !s.cfg.Coin.IsZero() {
		s.status.Coin = money.New(s.cfg.Coin, at.coin)
	}
	s.short = at.coin.Sign() == 0 || !s.cfg.MinCoin.IsZero() && at.coin.Cmp(s.cfg.MinCoin.Big()) < 0
	s.misused = w.Begun && s.mayGoOn(at, w) != nil
	return nil
}
