// Package ledger says where money can be and how it moves: a Posting takes a
// positive amount from one account to another, so books that do not balance
// cannot be written. It is pure: it keeps nothing. Which postings a change of
// an order makes is decided in package order; rows and running balances are
// the store's.
//
// Accounts and their meanings are in account.go.
package ledger

import (
	"fmt"

	"till/internal/money"
)

// Posting moves Amount from one account to another. It is the only form a
// movement can have: one asset, two accounts, what one loses the other gains.
type Posting struct {
	From   Account
	To     Account
	Amount money.Amount
}

// Check returns an error where the posting may not be written: an amount of
// zero or less or without an asset, the same account twice, or a name that is
// not an account. Such a posting is a programming error, never a client's.
func (p Posting) Check() error {
	if p.Amount.Asset().IsZero() {
		return fmt.Errorf("posting %s to %s has no asset", p.From, p.To)
	}
	if p.Amount.Sign() <= 0 {
		return fmt.Errorf("posting %s to %s of %s is not above zero", p.From, p.To, p.Amount)
	}
	if p.From == p.To {
		return fmt.Errorf("posting from %s to itself", p.From)
	}
	if _, err := ParseAccount(string(p.From)); err != nil {
		return err
	}
	_, err := ParseAccount(string(p.To))
	return err
}

// Reverse is the posting that undoes this one. A posting is never deleted.
func (p Posting) Reverse() Posting {
	return Posting{From: p.To, To: p.From, Amount: p.Amount}
}

// Key names one balance: an account holds each asset apart.
type Key struct {
	Account Account
	Asset   money.Asset
}

// Balances is the result of a replay: what the postings leave on each account.
// A balance of zero has no entry; read with Of. Make with Sum or Balances{}.
type Balances map[Key]money.Amount

// Sum replays postings from nothing.
func Sum(postings []Posting) Balances {
	b := Balances{}
	for _, p := range postings {
		b.Post(p)
	}
	return b
}

// Post adds one posting. One that Check refuses panics: nothing that was
// stored can be such.
func (b Balances) Post(p Posting) {
	if err := p.Check(); err != nil {
		panic("ledger: " + err.Error())
	}
	b.add(p.From, p.Amount.Neg())
	b.add(p.To, p.Amount)
}

func (b Balances) add(account Account, amount money.Amount) {
	key := Key{Account: account, Asset: amount.Asset()}
	sum := b[key].Add(amount)
	if sum.IsZero() {
		delete(b, key)
		return
	}
	b[key] = sum
}

// Of is the balance of an account in an asset, zero where nothing is.
func (b Balances) Of(account Account, asset money.Asset) money.Amount {
	return money.Zero(asset).Add(b[Key{Account: account, Asset: asset}])
}
