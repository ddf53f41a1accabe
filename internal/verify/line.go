package verify

import (
	"hash/fnv"
	"math/big"
	"strconv"
)

// listed is which postings a balance's statement lists: how many, and a sum over their names that does not depend on
// their order. So it is found out that a line is missing or stands twice without keeping them all.
type listed struct {
	n    int64
	hash uint64
}

func (l *listed) add(entry string, posting int64) {
	h := fnv.New64a()
	h.Write([]byte(entry + " " + strconv.FormatInt(posting, 10)))
	l.n++
	l.hash += h.Sum64()
}

// toList is what the postings say that the statement of a balance lists.
func (v *run) toList(k BalanceKey) *listed {
	if v.listed[k] == nil {
		v.listed[k] = &listed{}
	}
	return v.listed[k]
}

// statements follows the lines of each balance that a merchant may spend: numbers without gaps, times that never go
// back, each line the posting it names, each balance the one before and its amount, and all of them together the
// postings that moved it. The balances check compares their number and their end with the running balance.
func (v *run) statements() error {
	had := map[BalanceKey]*listed{}
	var at LineKey
	var stood *big.Int
	var time int64
	err := pages(v.Page, LineKey{}, v.Lines, func(l Line) LineKey { return l.LineKey }, func(l Line) {
		v.report.Counted.Lines++
		row := "line " + strconv.FormatInt(l.N, 10) + " of " + balanceName(l.BalanceKey)
		if l.BalanceKey != at.BalanceKey {
			at, stood, time = LineKey{BalanceKey: l.BalanceKey}, new(big.Int), 0
			had[l.BalanceKey] = &listed{}
		}
		had[l.BalanceKey].add(l.Entry, l.Posting)
		if l.N != at.N+1 {
			v.report.Add(Statements, row, "follows line %d", at.N)
		}
		if l.At < time {
			v.report.Add(Statements, row, "is older than the one before it")
		}
		amount, isAmount := new(big.Int).SetString(l.Amount, 10)
		balance, isBalance := new(big.Int).SetString(l.Balance, 10)
		if !isAmount || !isBalance {
			v.report.Add(Statements, row, "cannot be read: amount %q, balance %q", l.Amount, l.Balance)
			return
		}
		if new(big.Int).Add(stood, amount).Cmp(balance) != 0 {
			v.report.Add(Statements, row, "leaves %s, and %s and %s give %s", balance, stood, amount, new(big.Int).Add(stood, amount))
		}
		at, stood, time = l.LineKey, balance, l.At
		v.posted(row, l, amount)
	})
	if err != nil {
		return err
	}
	for k, postings := range v.listed {
		lines := had[k]
		if lines == nil {
			lines = &listed{}
		}
		if *lines != *postings {
			v.report.Add(Statements, "statement of "+balanceName(k), "lists %d postings, and %d others moved it, or not the same ones", lines.n, postings.n)
		}
		delete(had, k)
	}
	for k := range had {
		v.report.Add(Statements, "statement of "+balanceName(k), "has lines, and no posting moved it")
	}
	return nil
}

// posted compares a line with its posting.
func (v *run) posted(row string, l Line, amount *big.Int) {
	units, asset, ok := parseUnits(l.PostingSays)
	if !ok {
		v.report.Add(Missing, row, "its posting %d of entry %s is gone", l.Posting, l.Entry)
		return
	}
	if l.From == string(l.Account) {
		units.Neg(units)
	}
	if asset != l.Asset || units.Cmp(amount) != 0 || (l.From == string(l.Account)) == (l.To == string(l.Account)) {
		v.report.Add(Statements, row, "says %s of %s, and posting %d of entry %s says %s from %s to %s", amount, l.Asset, l.Posting, l.Entry, l.PostingSays, l.From, l.To)
	}
}
