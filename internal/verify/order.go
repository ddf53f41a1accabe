package verify

import (
	"strings"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// orders checks every order with what belongs to it.
func (v *run) orders() error {
	const page = 64 // an order comes with many rows
	return pages(min(page, v.Page), "", func(after string, limit int) ([]Order, error) {
		list, err := v.Orders(after, limit)
		v.step(len(list))
		return list, err
	}, func(o Order) string { return o.ID }, v.order)
}

func (v *run) order(o Order) {
	v.report.Counted.Orders++
	row := "order " + o.ID
	for _, e := range o.Entries {
		v.entry(e)
	}
	for _, ev := range o.Events {
		v.eventRow(ev)
	}
	readable := true
	for _, p := range o.Payments {
		v.report.Counted.Payments++
		readable = v.paymentRow(p) && readable
	}
	v.report.Counted.Transfers += int64(len(o.Transfers))
	if o.Record == nil {
		v.report.Add(Record, row, "cannot be read: %s", o.Unreadable)
		return
	}
	if len(o.Columns) > 0 {
		v.report.Add(Record, row, "its columns contradict its record: %s", strings.Join(o.Columns, ", "))
	}
	v.booked[Counter{Scope: o.Scope, State: o.Record.State, Bucket: v.BucketOf(o.Record.Number)}]++
	v.sumUp(o)
	v.arrival(o.Record)
	v.taking(o.Record)
	v.part(o.Record)
	v.history(row, o)
	v.shares(row, o)
	v.withheld(row, o.Record)
	v.exchange(row, o.Record)
	if readable {
		v.payments(row, o)
	}
	v.transfers(row, o)
	v.instrument(row, o)
}

// eventRow checks an event against its seal.
func (v *run) eventRow(ev Event) {
	v.report.Counted.Events++
	name := "event " + ev.ID
	v.sealed(name, engine.SealEvent, ev.ID, ev.Scope.Mode, ev.Mark, func() []byte { return ev.Canonical() }, ev.Unreadable)
	if ev.Unreadable != "" {
		v.report.Add(Record, name, "cannot be read: %s", ev.Unreadable)
	}
}

// history holds an order's events to the order: numbered without gaps; a terminal state is entered once and
// never left; what was paid had its money.
func (v *run) history(row string, o Order) {
	rec := o.Record
	seq, ended := int64(0), order.State("")
	var last order.State
	paid := false
	for _, ev := range o.Events {
		if ev.Unreadable != "" {
			seq = ev.Seq
			continue
		}
		if ev.Seq != seq+1 {
			v.report.Add(Events, row, "event %d follows event %d: what was between is gone", ev.Seq, seq)
		}
		seq, last = ev.Seq, ev.State
		if ev.Scope != rec.Scope {
			v.report.Add(Events, row, "event %d is of another merchant, mode or API", ev.Seq)
		}
		if ended != "" && ev.State != ended {
			v.report.Add(Events, row, "event %d (%s): it had ended as %s and is %s", ev.Seq, ev.Type, ended, ev.State)
		}
		state, ofOrder := strings.CutPrefix(ev.Type, "order.")
		if !ofOrder || state == "created" {
			continue
		}
		if state != string(ev.State) {
			v.report.Add(Events, row, "event %d tells %s of an order that is %s", ev.Seq, ev.Type, ev.State)
		}
		if ev.State == order.Paid {
			paid = true
			if least := rec.Terms.Due.Sub(rec.Terms.Under); !rec.Terms.DueFollows && ev.Facts.Received.Cmp(least) < 0 {
				v.report.Add(Events, row, "event %d: it was paid with %s of %s", ev.Seq, ev.Facts.Received, least)
			}
		}
		if ev.State == order.Completed && !paid {
			v.report.Add(Events, row, "event %d: it was completed and never paid", ev.Seq)
		}
		if ev.State.Terminal() {
			if ended != "" {
				v.report.Add(Events, row, "event %d: it ended as %s a second time", ev.Seq, state)
			}
			ended = ev.State
		}
	}
	if seq != rec.EventSeq {
		v.report.Add(Events, row, "its last event is %d, and it counts %d", seq, rec.EventSeq)
	} else if last != rec.State {
		v.report.Add(Events, row, "it is %s, and its last event says %s", rec.State, last)
	}
	if rec.State.Terminal() && ended != rec.State {
		v.report.Add(Events, row, "it is %s, and no event says that it ended so", rec.State)
	}
	if rec.State.Terminal() == rec.EndedAt.IsZero() {
		v.report.Add(Orders, row, "it is %s, and its end is %v", rec.State, rec.EndedAt)
	}
}

// exchange holds an order's amounts to the quote that is frozen on it. The parts of a deal share one: they are added up
// with the deal.
func (v *run) exchange(row string, rec *engine.Order) {
	q := rec.Quote
	if q == nil {
		return
	}
	if err := q.Check(); err != nil {
		v.report.Add(Orders, row, "its quote is none: %v", err)
		return
	}
	t := rec.Terms
	exchanged := q.AmountIn.Asset() != q.AmountOut.Asset()
	fee := t.Fee.Equal(q.Fee) || t.Fee.IsZero() && q.Fee.IsZero()
	if rec.Deal == "" && (!t.Due.Equal(q.AmountIn) || !fee || exchanged && !t.Out.Equal(q.AmountOut)) {
		v.report.Add(Orders, row, "it is over %s for %s, fee %s, and its quote over %s for %s, fee %s", t.Due, t.Out, t.Fee, q.AmountIn, q.AmountOut, q.Fee)
	}
}

// share names an order's part of an account.
type share struct {
	account ledger.Account
	asset   money.Asset
}

// neverBelow are the roles of which no order has less than nothing.
var neverBelow = map[ledger.Role]bool{
	ledger.Withheld: true, ledger.In: true, ledger.Out: true, ledger.Refunding: true, ledger.Extra: true, ledger.Late: true,
	ledger.Wrong: true, ledger.Unfit: true, ledger.Refused: true, ledger.Returned: true,
}

// shares holds an order's own balances to its postings, and their signs to its state.
func (v *run) shares(row string, o Order) {
	sum := map[share]money.Amount{}
	for _, e := range o.Entries {
		if e.Unreadable != "" {
			return
		}
		if e.Merchant != o.Record.Scope.Merchant || e.Entry.Mode != o.Record.Scope.Mode {
			v.report.Add(Orders, row, "entry %s is of another merchant or mode", e.ID)
		}
		for _, p := range e.Postings {
			asset := p.Amount.Asset()
			sum[share{p.From, asset}] = sum[share{p.From, asset}].Sub(p.Amount)
			sum[share{p.To, asset}] = sum[share{p.To, asset}].Add(p.Amount)
		}
	}
	for _, b := range o.Record.Balances {
		k := share{b.Account, b.Amount.Asset()}
		if !same(sum[k], b.Amount) {
			v.report.Add(Orders, row, "it has %s in %s, and its postings sum to %s", b.Amount, b.Account, sum[k])
		}
		delete(sum, k)
	}
	for k, left := range sum {
		if !left.IsZero() {
			v.report.Add(Orders, row, "its postings leave %s in %s, of which it knows nothing", left, k.account)
		}
	}
	for _, b := range o.Record.Balances {
		switch kind := b.Account.Kind(); {
		case kind == ledger.In && o.Record.State.Terminal() && !b.Amount.IsZero():
			v.report.Add(Orders, row, "it has ended as %s with %s in %s", o.Record.State, b.Amount, b.Account)
		case neverBelow[kind] && b.Amount.Sign() < 0, kind == ledger.Short && b.Amount.Sign() > 0:
			v.report.Add(Orders, row, "it has %s in %s, which no order has", b.Amount, b.Account)
		}
	}
}

// withheld holds what an order withholds to its review: all that was due, as long as somebody looks at it after the order was
// completed, and nothing at any other time.
func (v *run) withheld(row string, rec *engine.Order) {
	due, looking := rec.Terms.Due, false
	for _, r := range rec.Reviews {
		looking = looking || r.Kind == order.Compliance && (r.State == order.ReviewOpen || r.State == order.ReviewDocuments)
	}
	want := money.Zero(due.Asset())
	if looking && rec.State == order.Completed && rec.Terms.CompleteOnCollect {
		want = due
	}
	if has := rec.Balance(rec.Terms.Book.Account(ledger.Withheld), due.Asset()); !has.Equal(want) {
		v.report.Add(Orders, row, "it withholds %s, and its review wants %s", has, want)
	}
}

// paymentRow says what is wrong with a payment's row, and whether its record can be used.
func (v *run) paymentRow(p Payment) bool {
	if p.Unreadable != "" {
		v.report.Add(Record, paymentName(p), "cannot be read: %s", p.Unreadable)
		return false
	}
	if len(p.Columns) > 0 {
		v.report.Add(Record, paymentName(p), "its columns contradict its record: %s", strings.Join(p.Columns, ", "))
	}
	return true
}

func paymentName(p Payment) string { return "payment " + p.External + " on " + p.Rail }

// bookedPlaces is where a payment's money can be booked.
var bookedPlaces = map[ledger.Role]bool{ledger.In: true, ledger.Late: true, ledger.Wrong: true, ledger.Unfit: true, ledger.Refused: true}

// payments holds what an order's payments say to what was booked by the rows that book payments.
func (v *run) payments(row string, o Order) {
	left := map[share]money.Amount{}
	for _, e := range o.Entries {
		for _, p := range e.Postings {
			if !strings.HasPrefix(p.Row, "P") && p.Row != "O7" {
				continue
			}
			for account, amount := range map[ledger.Account]money.Amount{p.From: p.Amount.Neg(), p.To: p.Amount} {
				if bookedPlaces[account.Kind()] {
					k := share{account, amount.Asset()}
					left[k] = left[k].Add(amount)
				}
			}
		}
	}
	for at, p := range o.Payments {
		if p.Position != at {
			v.report.Add(Payments, row, "payment %s stands at %d and should stand at %d", p.External, p.Position, at)
		}
		if booked := p.Booked != ""; booked != (p.Rank == order.RankConfirmed) {
			v.report.Add(Payments, paymentName(p), "is %s and booked in %q", p.Rank, p.Booked)
		} else if booked {
			k := share{p.Booked, p.Amount.Asset()}
			left[k] = left[k].Sub(p.Amount)
		}
	}
	for k, amount := range left {
		if !amount.IsZero() {
			v.report.Add(Payments, row, "what is booked for payments in %s differs from its payments by %s", k.account, amount)
		}
	}
}

// transfers holds money in flight to the transfers, and the workers' rows to the record.
func (v *run) transfers(row string, o Order) {
	flying := map[share]money.Amount{}
	rows := map[string]Transfer{}
	for _, t := range o.Transfers {
		rows[t.ID] = t
	}
	book := o.Record.Terms.Book
	for _, t := range o.Record.Transfers {
		if want := (Transfer{t.ID, t.Rail, t.Purpose, t.State}); rows[t.ID] != want {
			v.report.Add(Transfers, row, "transfer %s is %s, and its row says %q", t.ID, t.State, rows[t.ID].State)
		}
		delete(rows, t.ID)
		if t.State.InFlight() {
			k := share{book.Account(ledger.Out), t.Amount.Asset()}
			if t.Purpose == order.Refund {
				k.account = book.Account(ledger.Refunding)
			}
			flying[k] = flying[k].Add(t.Amount)
		}
	}
	for id := range rows {
		v.report.Add(Transfers, row, "it knows nothing of transfer %s", id)
	}
	for _, b := range o.Record.Balances {
		if kind := b.Account.Kind(); kind == ledger.Out || kind == ledger.Refunding {
			k := share{b.Account, b.Amount.Asset()}
			flying[k] = flying[k].Sub(b.Amount)
		}
	}
	for k, amount := range flying {
		if !amount.IsZero() {
			v.report.Add(Transfers, row, "its transfers in flight and %s differ by %s", k.account, amount)
		}
	}
}

// instrument holds an open order to the hold of its instrument, or of each that its payer was given.
func (v *run) instrument(row string, o Order) {
	want := 0
	if o.Record.Standing == "" && !o.Record.State.Terminal() {
		want = len(o.Record.Instruments())
	}
	if o.Held != want {
		v.report.Add(Holds, row, "it is %s and has %d holds of its %d instruments", o.Record.State, o.Held, len(o.Record.Instruments()))
	}
	for _, a := range o.Record.Attempts {
		if _, known := o.Record.Chosen[a.ID]; len(o.Record.Methods) > 0 && !known {
			v.report.Add(Orders, row, "nobody knows what the payer was given for the attempt %s", a.ID)
		}
	}
}
