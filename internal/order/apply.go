package order

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
)

// Apply is what one change does to an order. It never changes its arguments; on an error the outcome is
// empty. Create an order by applying Create to Order{Terms: terms}.
//
// Errors: a command that fits no row is order_state_conflict. Create may also be refused with the faults
// of Terms.Check, quote_expired or insufficient_balance. An observation is never refused: where no row
// fits, the outcome is the order as it was, with Changed false. An error that is not a fault is a
// mistake of the caller, such as a payment without a source account.
//
// The caller holds the order (the engine does, inside a transaction) and saves all of the outcome or
// nothing.
func Apply(o Order, c Change) (Outcome, error) { return rows.apply(o, c) }

func (t table) apply(o Order, c Change) (Outcome, error) {
	s := &step{table: t, order: o.clone()}
	if err := s.run(c); err != nil {
		return Outcome{}, err
	}
	s.out.Order = s.order
	s.out.Changed = len(s.out.Rows) > 0 || !s.order.Through.Equal(o.Through)
	return s.out, nil
}

// step is one Apply at work. The row that fires finds here what it is about.
type step struct {
	table  table
	order  Order
	change Change
	out    Outcome
	err    error
	row    *Row

	payment  *Payment // OfPayment: as the row makes it; guards see it as it was
	before   Payment  // OfPayment: as it was
	attempt  *Attempt
	transfer *Transfer
	review   *Review
	asset    money.Asset // OfBooks
	stray    bool        // the payment belongs to no order
}

// run moves the entity that the change names and whatever that brings with it, then derives the order's
// state, then tidies its accounts.
func (s *step) run(c Change) error {
	if s.order.State == "" && c.Kind != Create {
		return refusal(c) // there is no order
	}
	if err := s.named(c); err != nil {
		return err
	}
	s.change = c
	if err := s.facts(); err != nil {
		return err
	}
	if s.order.State.Terminal() {
		if err := s.leaveAttempts("", c.At); err != nil {
			return err
		}
	}
	if err := s.books(); err != nil {
		return err
	}
	s.order.Overlay = s.order.overlay()
	return s.err
}

func (s *step) named(c Change) error {
	switch c.Kind {
	case Tick:
		if c.Through.After(s.order.Through) {
			s.order.Through = c.Through
		}
		return nil

	case Create:
		return s.create(c)

	case PaySeen, PayFailed, PayConfirmed, PayReversed, AssignIt:
		if fired, err := s.move(OfPayment, c); err != nil || !fired {
			return orRefusal(c, err)
		}
		if s.payment.Rank != RankConfirmed || s.payment.Attempt == "" {
			return nil
		}
		_, err := s.move(OfAttempt, Change{Kind: PayConfirmed, At: c.At, Attempt: Attempt{ID: s.payment.Attempt}})
		return err

	case Choose:
		if fired, err := s.move(OfAttempt, c); err != nil || !fired {
			return orRefusal(c, err)
		}
		return s.leaveAttempts(c.Attempt.ID, c.At)

	default:
		entity, known := entities[c.Kind]
		if !known {
			return fmt.Errorf("order: no such change: %q", c.Kind)
		}
		if fired, err := s.move(entity, c); err != nil || !fired {
			return orRefusal(c, err)
		}
		return nil
	}
}

// entities is which entity each remaining change names.
var entities = map[ChangeKind]Entity{
	AttemptIsPending: OfAttempt, AttemptIsLost: OfAttempt, AttemptIsLeft: OfAttempt,
	Send: OfTransfer, RefundIt: OfTransfer,
	Sent: OfTransfer, Unknown: OfTransfer, Delivered: OfTransfer, Undelivered: OfTransfer, ReturnedBack: OfTransfer,
	Flag: OfReview, Ask: OfReview, Given: OfReview, Approve: OfReview, Refuse: OfReview,
	Cancel: OfOrder, Release: OfOrder, Absorb: OfOrder,
}

// create moves the order, then each of its reviews, then the payment from the balance.
func (s *step) create(c Change) error {
	if fired, err := s.move(OfOrder, c); err != nil || !fired {
		return orRefusal(c, err)
	}
	for _, review := range c.Reviews {
		one := Change{Kind: Create, At: c.At, Review: review.Kind, Reviews: []Review{review}}
		if fired, err := s.move(OfReview, one); err != nil || !fired {
			return orRefusal(c, err)
		}
	}
	if !s.order.Terms.FromBalance {
		return nil
	}
	if c.Payment.External == "" {
		return errors.New("order: collecting from the balance needs the id of its payment")
	}
	collected := Change{Kind: PayConfirmed, At: c.At, Payment: Payment{
		PaymentKey: PaymentKey{Rail: BalanceRail, External: c.Payment.External},
		Amount:     s.order.Terms.Due,
		Value:      c.At,
		Source:     s.order.Terms.Book.Account(ledger.Merchant),
	}}
	_, err := s.move(OfPayment, collected)
	return err
}

// leaveAttempts abandons every attempt in progress but one.
func (s *step) leaveAttempts(but string, at time.Time) error {
	for _, a := range slices.Clone(s.order.Attempts) {
		if a.ID == but {
			continue
		}
		if _, err := s.move(OfAttempt, Change{Kind: AttemptIsLeft, At: at, Attempt: Attempt{ID: a.ID}}); err != nil {
			return err
		}
	}
	return nil
}

// maxRounds bounds facts and books. The longest real run is far shorter; a table that goes round in
// circles is a mistake in it.
const maxRounds = 64

func (s *step) facts() error {
	for range maxRounds {
		fired, err := s.move(OfFact, s.change)
		if err != nil || !fired {
			return err
		}
	}
	return errors.New("order: the facts go round in circles")
}

func (s *step) books() error {
	for range maxRounds {
		fired, err := s.tidy()
		if err != nil || !fired {
			return err
		}
	}
	return errors.New("order: the books go round in circles")
}

// tidy fires the first books row that fits for any asset.
func (s *step) tidy() (bool, error) {
	for _, asset := range s.order.assets() {
		s.asset = asset
		if fired, err := s.move(OfBooks, s.change); err != nil || fired {
			return fired, err
		}
	}
	return false, nil
}

// move fires the first row of an entity that fits the change, and says whether there was one.
func (s *step) move(e Entity, c Change) (bool, error) {
	s.change = c
	from := s.point(e)
	row, err := s.find(e, from)
	if err != nil || row == nil {
		return false, err
	}
	s.fire(row)
	return true, s.err
}

// find is the first row that fits. An error is the fault of a guard that stopped the change.
func (s *step) find(e Entity, from string) (*Row, error) {
	for i := range s.table {
		row := &s.table[i]
		if row.Entity != e || !row.names(s.change.Kind) || !slices.Contains(row.From, from) {
			continue
		}
		if e == OfFact && row.To == from { // a fact that is already so
			continue
		}
		if len(row.While) > 0 && !slices.Contains(row.While, string(s.order.State)) {
			continue
		}
		stopped := slices.IndexFunc(row.Guards, func(g Guard) bool { return !g.ok(s) })
		if stopped < 0 {
			return row, nil
		}
		if say := row.Guards[stopped].fault; say != nil {
			return nil, say(s)
		}
	}
	return nil, nil
}

// names says whether the row is about such a change; facts and books are about none.
func (r *Row) names(k ChangeKind) bool {
	return r.Entity == OfFact || r.Entity == OfBooks || slices.Contains(r.Change, k)
}

// fire moves the entity, does what the row does and tells of it.
func (s *step) fire(row *Row) {
	s.row = row
	s.take()
	for _, a := range row.Do {
		a.do(s)
	}
	s.order.Overlay = s.order.overlay()
	s.out.Rows = append(s.out.Rows, row.ID)
	s.tell(row.Event)
	if row.AsideToo != "" && !s.stray && s.payment.Booked != s.account(ledger.In) {
		s.tell(row.AsideToo)
	}
}

// tell adds an event.
func (s *step) tell(kind string) {
	if kind == "" {
		return
	}
	e := Event{Type: kind, Row: s.row.ID, State: s.order.State, Overlay: s.order.Overlay}
	switch s.row.Entity {
	case OfPayment:
		e.Payment = s.payment.PaymentKey
	case OfAttempt:
		e.Ref = s.attempt.ID
	case OfTransfer:
		e.Ref = s.transfer.ID
		if kind[0] == '*' {
			e.Type = string(s.transfer.Purpose) + kind[1:]
		}
	case OfReview:
		e.Ref = string(s.review.Kind)
	}
	s.out.Events = append(s.out.Events, e)
}

// point finds the entity that the change names and returns its state. One that does not exist yet is
// given as an empty one, whose state is "none".
func (s *step) point(e Entity) string {
	switch e {
	case OfPayment:
		s.payment = &Payment{}
		for i := range s.order.Payments {
			if s.order.Payments[i].PaymentKey == s.change.Payment.PaymentKey {
				s.payment = &s.order.Payments[i]
			}
		}
		s.before = *s.payment
		return s.payment.Rank.String()
	case OfAttempt:
		s.attempt = &Attempt{}
		for i := range s.order.Attempts {
			if s.order.Attempts[i].ID == s.change.Attempt.ID {
				s.attempt = &s.order.Attempts[i]
			}
		}
		return stateOf(s.attempt.State)
	case OfTransfer:
		s.transfer = &Transfer{}
		for i := range s.order.Transfers {
			if s.order.Transfers[i].ID == s.change.Transfer.ID {
				s.transfer = &s.order.Transfers[i]
			}
		}
		return stateOf(s.transfer.State)
	case OfReview:
		if s.change.Kind == Flag {
			s.change.Review = Compliance
		}
		s.review = &Review{}
		for i := range s.order.Reviews {
			if s.order.Reviews[i].Kind == s.change.Review {
				s.review = &s.order.Reviews[i]
			}
		}
		return stateOf(s.review.State)
	default:
		return stateOf(s.order.State)
	}
}

func stateOf[S ~string](s S) string {
	if s == "" {
		return "none"
	}
	return string(s)
}

// take gives the entity its new state and what the change says about it.
func (s *step) take() {
	to := s.row.To
	switch s.row.Entity {
	case OfPayment:
		s.takePayment()
	case OfAttempt:
		if s.attempt.State == "" {
			s.order.Attempts = append(s.order.Attempts, s.change.Attempt)
			s.attempt = &s.order.Attempts[len(s.order.Attempts)-1]
		}
		s.attempt.State = AttemptState(to)
	case OfTransfer:
		if s.transfer.State == "" {
			s.order.Transfers = append(s.order.Transfers, s.newTransfer())
			s.transfer = &s.order.Transfers[len(s.order.Transfers)-1]
		}
		s.transfer.State = TransferState(to)
	case OfReview:
		s.takeReview()
	case OfOrder, OfFact:
		if to != "" {
			s.order.State = State(to)
			s.order.Reason = s.row.Reason
		}
		if s.change.Kind == Cancel && s.row.Entity == OfOrder {
			s.order.Reason = s.change.Reason
		}
	}
	if s.row.OrderTo != "" {
		s.order.State = s.row.OrderTo
	}
}

// word is the rank that the change tells.
func (s *step) word() Rank {
	switch s.change.Kind {
	case PaySeen:
		return RankSeen
	case PayFailed:
		return RankFailed
	case PayConfirmed, AssignIt:
		return RankConfirmed
	case PayReversed:
		return RankReversed
	}
	return 0
}

// takePayment lets the newer word replace the older, all but what stays true of a payment once told:
// its first telling, its source, and the earliest value time, so that one mined again is not late.
func (s *step) takePayment() {
	word, was := s.change.Payment, s.before
	if word.Value.IsZero() {
		word.Value = s.change.At
	}
	if was.Rank == 0 {
		s.order.Payments = append(s.order.Payments, Payment{PaymentKey: word.PaymentKey})
		s.payment = &s.order.Payments[len(s.order.Payments)-1]
		was = Payment{Value: word.Value, Told: earlier(word.Told, s.change.At), Source: word.Source}
	}
	p := s.payment
	p.Epoch, p.Rank, p.Settled = word.Epoch, s.word(), s.change.At
	p.Value, p.Told, p.Source = earlier(was.Value, word.Value), was.Told, was.Source
	p.Final, p.Stranger, p.Listed = p.Rank == RankReversed && word.Final, word.Stranger, word.Listed
	if !word.Amount.IsZero() {
		p.Amount = word.Amount
	}
	if word.Evidence != (Evidence{}) {
		p.Evidence = word.Evidence
	}
	if word.Attempt != "" {
		p.Attempt = word.Attempt
	}
}

func (s *step) newTransfer() Transfer {
	t := s.change.Transfer
	t.At = s.change.At
	if s.change.Kind == RefundIt {
		t.Purpose = Refund
		return t
	}
	t.Purpose, t.Amount, t.Source, t.To = Delivery, s.order.Terms.out(), "", s.order.Terms.To
	return t
}

func (s *step) takeReview() {
	c := s.change
	if s.review.State == "" {
		review := Review{Kind: c.Review}
		if c.Kind == Create {
			review = c.Reviews[0]
		}
		s.order.Reviews = append(s.order.Reviews, review)
		s.review = &s.order.Reviews[len(s.order.Reviews)-1]
	}
	if s.row.To != AsTold {
		s.review.State = ReviewState(s.row.To)
	}
	switch c.Kind {
	case Ask, Given:
		s.review.Missing = slices.Clone(c.Missing)
	case Approve, Refuse:
		s.review.By, s.review.Reason = c.Who, c.Reason
	case Flag: // what was decided before was about something else
		s.review.By, s.review.Reason = "", ""
	}
}

// overlay tells of refunds of an ended order: refunding while one is in flight; refunded once counted
// money went back and none of it is left with the merchant, at the destination or in suspense; refunded
// too when a delivery from the merchant's own balance came back after completion. What the house kept
// as its fee does not matter.
func (o *Order) overlay() Overlay {
	if !o.State.Terminal() {
		return NoOverlay
	}
	back, returned := false, false
	for _, t := range o.Transfers {
		switch {
		case t.Purpose == Refund && t.State.InFlight():
			return Refunding
		case t.Purpose == Refund && t.State == TransferConfirmed && slices.Contains(countedPlaces, t.Source.Role()):
			back = true
		case t.Purpose == Delivery && t.State == TransferReturned && o.State == Completed && o.Terms.FromBalance:
			returned = true
		}
	}
	if returned || back && !o.keepsCounted() {
		return Refunded
	}
	return NoOverlay
}

// countedPlaces is where counted money of an ended order can lie.
var countedPlaces = []ledger.Role{ledger.Merchant, ledger.Withheld, ledger.Extra, ledger.Refused, ledger.Returned}

func (o *Order) keepsCounted() bool {
	for _, b := range o.Balances {
		ours := b.Account.Book() == o.Terms.Book && (slices.Contains(countedPlaces, b.Account.Role()) || b.Account.Role() == ledger.Out)
		if b.Amount.Sign() > 0 && (ours || b.Account == o.Terms.To) {
			return true
		}
	}
	return false
}

// clone copies all that a step changes.
func (o Order) clone() Order {
	o.Attempts = slices.Clone(o.Attempts)
	o.Transfers = slices.Clone(o.Transfers)
	o.Reviews = slices.Clone(o.Reviews)
	o.Balances = slices.Clone(o.Balances)
	o.Payments = slices.Clone(o.Payments)
	for i := range o.Reviews {
		o.Reviews[i].Missing = slices.Clone(o.Reviews[i].Missing)
	}
	return o
}

// assets is every asset of which the order has a share somewhere.
func (o *Order) assets() []money.Asset {
	var list []money.Asset
	for _, b := range o.Balances {
		if !slices.Contains(list, b.Amount.Asset()) {
			list = append(list, b.Amount.Asset())
		}
	}
	return list
}

func (s *step) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("order: row %s: %w", s.row.ID, err)
	}
}

// refusal is what a change that fits no row gets: a command is refused, an observation has no effect.
func refusal(c Change) error {
	if !c.Kind.IsCommand() {
		return nil
	}
	return fault.New(fault.CodeOrderStateConflict, "The order's state does not allow this.")
}

func orRefusal(c Change, err error) error {
	if err != nil {
		return err
	}
	return refusal(c)
}
