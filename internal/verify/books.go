package verify

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// sums is what postings leave on each account. Its keys are as stored, so that a row that makes no sense adds
// up all the same.
type sums map[BalanceKey]money.Amount

func (s sums) add(m engine.Mode, a ledger.Account, by money.Amount) {
	k := BalanceKey{m, a, by.Asset().String()}
	s[k] = s[k].Add(by)
}

// entry checks one entry and adds its postings to the sums.
func (v *run) entry(e Entry) {
	row := "entry " + e.ID
	v.report.Counted.Entries++
	v.report.Counted.Postings += int64(len(e.Postings))
	v.sealed(row, engine.SealEntry, e.ID, e.Entry.Mode, e.Mark, func() []byte { return e.Canonical() }, e.Unreadable)
	if e.Unreadable != "" {
		v.report.Add(Record, row, "cannot be read: %s", e.Unreadable)
		return
	}
	if len(e.Postings) == 0 {
		v.report.Add(Postings, row, "has no posting")
	}
	for n, p := range e.Postings {
		if err := p.Check(); err != nil {
			v.report.Add(Postings, row, "posting %d is not well formed: %v", n+1, err)
		}
		if p.Amount.Asset().IsZero() {
			continue
		}
		v.sums.add(e.Entry.Mode, p.From, p.Amount.Neg())
		v.sums.add(e.Entry.Mode, p.To, p.Amount)
		for _, account := range []ledger.Account{p.From, p.To} {
			if account.Spendable() {
				v.toList(BalanceKey{e.Entry.Mode, account, p.Amount.Asset().String()}).add(e.ID, int64(n+1))
			}
		}
	}
}

// sealed checks a row against its seal. The chain is checked apart.
func (v *run) sealed(row string, kind engine.SealKind, id string, mode engine.Mode, m Mark, content func() []byte, unreadable string) {
	switch {
	case m.Seal == nil && m.Sealed:
		v.report.Add(Seals, row, "is marked as sealed and has no seal")
		return
	case m.Seal == nil:
		v.report.Counted.Unsealed++
		return
	case !m.Sealed:
		v.report.Add(Seals, row, "has seal %d of %s and is marked as not sealed", m.Seal.N, m.Seal.Mode)
	}
	if m.Seal.Mode != mode {
		v.report.Add(Seals, row, "is of %s and sealed in the chain of %s", mode, m.Seal.Mode)
	}
	if m.Seal.Salt == nil {
		v.report.Counted.Erased++
		return
	}
	if unreadable != "" || engine.Digest(m.Seal.Salt, kind, id, content()) != m.Seal.Digest {
		v.report.Add(Seals, row, "is not what seal %d of %s was made of: it was changed", m.Seal.N, m.Seal.Mode)
	}
}

// loose checks entries of no order.
func (v *run) loose() error {
	return pages(v.Page, "", v.Loose, func(e Entry) string { return e.ID }, v.entry)
}

// notices checks events of no order.
func (v *run) notices() error {
	return pages(v.Page, "", v.Notices, func(e Event) string { return e.ID }, func(e Event) {
		v.eventRow(e)
		if e.Seq != 0 || e.State != "" {
			v.report.Add(Events, "event "+e.ID, "belongs to no order, and is event %d of one that is %s", e.Seq, e.State)
		}
	})
}

// strayPayments checks payments of no order, and adds up where they say that their money lies.
func (v *run) strayPayments() error {
	err := pages(v.Page, order.PaymentKey{}, v.Strays, func(p Payment) order.PaymentKey { return p.PaymentKey }, func(p Payment) {
		v.report.Counted.Payments++
		if !v.paymentRow(p) {
			return
		}
		if booked := p.Booked != ""; booked != (p.Rank == order.RankConfirmed) {
			v.report.Add(Payments, paymentName(p), "is %s and booked in %q", p.Rank, p.Booked)
		} else if booked {
			v.strays.add(p.Mode, p.Booked, p.Amount)
		}
	})
	if err != nil {
		return err
	}
	for k, sum := range v.sums {
		if k.Account.Kind() == ledger.Stray && !same(sum, v.strays[k]) {
			v.report.Add(Payments, "account "+string(k.Account)+" of "+string(k.Mode), "has %s by its postings, and payments of no order say %s", sum, v.strays[k])
		}
	}
	for k, sum := range v.strays {
		if _, known := v.sums[k]; !known && !sum.IsZero() {
			v.report.Add(Payments, "account "+string(k.Account)+" of "+string(k.Mode), "has no posting, and payments of no order say %s", sum)
		}
	}
	return nil
}

// same compares amounts of which the zero Amount may be one.
func same(a, b money.Amount) bool { return a.Big().Cmp(b.Big()) == 0 }

func (v *run) actions() error {
	return pages(v.Page, "", v.Actions, func(a Action) string { return a.ID }, func(a Action) {
		v.report.Counted.Actions++
		v.sealed("action "+a.ID, engine.SealAction, a.ID, a.Mode, a.Mark, func() []byte { return a.Canonical() }, "")
	})
}

// balances compares every running balance with the sum of its postings, and looks at its sign.
func (v *run) balances() error {
	known := map[BalanceKey]bool{}
	err := pages(v.Page, BalanceKey{}, v.Balances, func(b Balance) BalanceKey { return b.BalanceKey }, func(b Balance) {
		v.report.Counted.Balances++
		known[b.BalanceKey] = true
		row := balanceName(b.BalanceKey)
		have, asset, ok := parseUnits(b.Units)
		if !ok || asset != b.Asset || string(b.Account.Book()) != b.Book {
			v.report.Add(Record, row, "contradicts itself: book %q, amount %q", b.Book, b.Units)
			return
		}
		if listed := v.toList(b.BalanceKey).n; b.Lines != listed {
			v.report.Add(Statements, row, "counts %d lines, and %d postings moved it", b.Lines, listed)
		}
		if sum := v.sums[b.BalanceKey]; sum.Big().Cmp(have) != 0 {
			v.report.Add(Balances, row, "is %s, and its postings sum to %s", have, sum.Big())
		}
		if have.Sign() < 0 && b.Account.Kind() == ledger.Merchant {
			// What a rail tells has happened, also when the merchant spent the money before.
			v.report.Note("%s is %s: a rail took back what the merchant had spent", row, have)
			return
		}
		if have.Sign() < 0 && !b.Account.MayBeNegative() || have.Sign() > 0 && !b.Account.MayBePositive() {
			v.report.Add(Balances, row, "is %s, which such an account never is", have)
		}
	})
	if err != nil {
		return err
	}
	for k, sum := range v.sums {
		if !known[k] && !sum.IsZero() {
			v.report.Add(Balances, balanceName(k), "is gone, and its postings sum to %s", sum.Big())
		}
	}
	return nil
}

func balanceName(k BalanceKey) string {
	return "balance " + string(k.Account) + " in " + k.Asset + " of " + string(k.Mode)
}

// parseUnits reads "<units> <asset>" of any length.
func parseUnits(text string) (units *big.Int, asset string, ok bool) {
	for i := range len(text) {
		if text[i] == ' ' {
			units, ok = new(big.Int).SetString(text[:i], 10)
			return units, text[i+1:], ok
		}
	}
	return nil, "", false
}

// counters compares what lists and totals are read from with the orders.
func (v *run) counters() error {
	err := pages(v.Page, Counter{}, v.Counters, func(c Counter) Counter { return c }, func(c Counter) {
		k := Counter{Scope: c.Scope, State: c.State, Bucket: c.Bucket}
		if have := v.booked[k]; have != c.N {
			v.report.Add(Counters, v.counterName(k), "says %d orders, and there are %d", c.N, have)
		}
		delete(v.booked, k)
	})
	if err != nil {
		return err
	}
	for k, n := range v.booked {
		v.report.Add(Counters, v.counterName(k), "is gone, and there are %d orders", n)
	}
	return nil
}

// dues is what orders sum up to.
type dues struct {
	n, seen, wait int64
	units         *big.Int
}

// sumUp adds an order to what its scope's orders sum up to.
func (v *run) sumUp(o Order) {
	due := o.Record.Terms.Due
	k := SumKey{o.Scope, v.BucketOf(o.Record.Number), o.Record.State, due.Asset().String()}
	s := v.dues[k]
	if s == nil {
		s = &dues{units: new(big.Int)}
		v.dues[k] = s
	}
	s.n++
	s.units.Add(s.units, due.Big())
	first := int64(-1)
	for _, p := range o.Record.Payments {
		if at := p.Told.UnixMicro(); p.Amount.Asset() == due.Asset() && (first < 0 || at < first) {
			first = at
		}
	}
	if first >= 0 {
		s.seen++
		s.wait += max(0, first-o.Record.CreatedAt.UnixMicro())
	}
}

// orderSums compares what statistics are read from with the orders.
func (v *run) orderSums() error {
	name := func(k SumKey) string {
		return "sum of" + strings.TrimPrefix(v.counterName(Counter{Scope: k.Scope, State: k.State, Bucket: k.Bucket}), "counter of") + ", " + k.Asset
	}
	err := pages(v.Page, SumKey{}, v.Sums, func(s Sum) SumKey { return s.SumKey }, func(s Sum) {
		have := v.dues[s.SumKey]
		if have == nil {
			have = &dues{units: new(big.Int)}
		}
		if said, is := fmt.Sprintf("%d, %d, %d, %s", s.N, s.Seen, s.Wait, s.Units), fmt.Sprintf("%d, %d, %d, %s", have.n, have.seen, have.wait, have.units); said != is {
			v.report.Add(Counters, name(s.SumKey), "says %s (orders, seen, microseconds, units), and the orders give %s", said, is)
		}
		delete(v.dues, s.SumKey)
	})
	if err != nil {
		return err
	}
	for k, s := range v.dues {
		v.report.Add(Counters, name(k), "is gone, and there are %d orders", s.n)
	}
	return nil
}

func (v *run) counterName(k Counter) string {
	s := v.scopes[k.Scope]
	return "counter of " + s.Merchant + " " + string(s.Mode) + " " + s.Dialect + ", state " + string(k.State) + ", bucket " + big.NewInt(k.Bucket).String()
}

// holds looks for two owners of one instrument at a time. Rows come by instrument and begin. The clocks of two rails
// cannot be compared.
func (v *run) holds() error {
	var before Hold            // of any rail
	rails := map[string]Hold{} // of the same instrument, the last of each rail
	return pages(v.Page, Hold{}, v.Holds, func(h Hold) Hold { return h }, func(h Hold) {
		v.report.Counted.Holds++
		row := "hold of " + h.Value + " by order " + h.OrderID
		if h.To != 0 && h.To < h.From {
			v.report.Add(Holds, row, "ends before it begins")
		}
		if h.To == 0 && (engine.Hold{OrderID: h.OrderID}).IsStanding() {
			v.bound[h.OrderID] = append(v.bound[h.OrderID], engine.Instrument{Family: engine.Family(h.Family), Value: h.Value})
		}
		if before.Number != h.Number {
			clear(rails)
		}
		for _, other := range rails {
			if other.To == 0 && h.To == 0 {
				v.report.Add(Holds, row, "is open, and so is that of order %s: two owners", other.OrderID)
			} else if other.Rail == h.Rail && (other.To == 0 || other.To > h.From) {
				v.report.Add(Holds, row, "begins before that of order %s ends: two owners", other.OrderID)
			}
		}
		rails[h.Rail], before = h, h
	})
}

// seals follows each mode's chain from its beginning: numbers without gaps, each head made of the one before
// and the digest, and every exported head in its place.
func (v *run) seals() error {
	for _, m := range engine.Modes() {
		if err := v.chain(m); err != nil {
			return err
		}
	}
	if n := v.report.Counted.Erased; n > 0 {
		v.report.Note("%d sealed rows cannot be compared with their seals: the salts were erased with personal data; the chains hold all the same", n)
	}
	return nil
}

func (v *run) chain(m engine.Mode) error {
	exported := map[int64]string{}
	for _, h := range v.Heads {
		if h.Mode == m {
			exported[h.N] = h.Head
		}
	}
	n, head, broken := int64(0), engine.FirstHead(m), false
	err := pages(v.Page, 0, func(after int64, limit int) ([]engine.Seal, error) { return v.Seals(m, after, limit) },
		func(s engine.Seal) int64 { return s.N }, func(s engine.Seal) {
			v.report.Counted.Seals++
			row := sealName(s.N, m)
			if s.N != n+1 {
				v.report.Add(Seals, row, "follows seal %d: what was between is gone", n)
				broken = true
			}
			if !broken && engine.NextHead(head, s.Digest) != s.Head {
				v.report.Add(Seals, row, "does not follow from the head before and its digest")
				broken = true
			}
			if want, is := exported[s.N]; is && want != hex.EncodeToString(s.Head[:]) {
				v.report.Add(HeadCut, row, "is not the head that was exported: the chain was written anew")
			}
			// From here on the chain is compared with itself again, so that one broken link is one problem.
			n, head, broken = s.N, s.Head, false
		})
	for at := range exported {
		if at > n {
			v.report.Add(HeadCut, sealName(at, m), "was exported, and the chain ends at %d: its tail was cut off", n)
		}
	}
	return err
}

func sealName(n int64, m engine.Mode) string {
	return "seal " + big.NewInt(n).String() + " of " + string(m)
}
