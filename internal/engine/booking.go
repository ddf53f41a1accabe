package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/rail"
)

// Booking is a line of a bank's account on record, and what became of it here.
type Booking struct {
	rail.Booking

	ID        string // internal, sorts by the time it was told; operators name it so
	Key       string // unique on the rail: the bank's reference, and for what takes another line back a word behind it
	Network   string
	Rail      rail.Name
	Mode      Mode
	Account   string // the bank account's number
	Statement string // id of the statement that told it

	State     BookingState
	Order     string       `json:",omitempty"` // internal id of the order its money is of
	Transfers []string     `json:",omitempty"` // our transfers that it closed or brought back
	Proposals []Proposal   `json:",omitempty"` // whose it may be, where nobody knows
	Charge    money.Amount `json:",omitzero"`  // what of it the house bears; below zero: what it gained
	Early     bool         `json:",omitempty"` // it takes back what was not told yet
	Noticed   bool         `json:",omitempty"` // of a batch's, which a notice or a report of the day so far told alone, and no statement of whole days yet
	Note      string       `json:",omitempty"` // what is odd about it, for people
	Told      time.Time    // true time
	Version   int64        // grows with each save; the store's guard
}

// BookingState is what became of a booking.
type BookingState string

const (
	BookingPending  BookingState = "pending"  // announced by the bank and not booked: it is shown, and nothing else
	BookingLapsed   BookingState = "lapsed"   // announced, and not booked under this reference when its day was over
	BookingMatched  BookingState = "matched"  // a credit that belongs to an order
	BookingProposed BookingState = "proposed" // a credit in suspense, with orders that it may be of: a person decides
	BookingSuspense BookingState = "suspense" // a credit in suspense: of nobody, or of an order that does not take it
	BookingTransfer BookingState = "transfer" // a debit that closed transfers of ours, or a credit that brought one back
	BookingExpense  BookingState = "expense"  // a debit that nobody knows: the house bears it
	BookingReversal BookingState = "reversal" // it took another booking back
	BookingReversed BookingState = "reversed" // another booking took it back
	BookingSplit    BookingState = "split"    // a batch whose transactions are told one by one, and count instead of it
	BookingDetail   BookingState = "detail"   // a transaction of a batch that counts as one line
)

// BookingStates lists them all.
func BookingStates() []BookingState {
	return []BookingState{BookingPending, BookingLapsed, BookingMatched, BookingProposed, BookingSuspense, BookingTransfer, BookingExpense, BookingReversal, BookingReversed, BookingSplit, BookingDetail}
}

// Counts says that the booking moved the account by its amount: it is neither announced only nor told twice.
func (b *Booking) Counts() bool {
	return !b.announced() && b.State != BookingSplit && b.State != BookingDetail
}

// announced says that the bank has not booked it, as far as it is known under this reference.
func (b *Booking) announced() bool { return b.State == BookingPending || b.State == BookingLapsed }

// InBatch is what a booking of a batch is found by: 'line/' and the batch, of one that stands for all of it, 'single/' and the batch where a
// notice told one of it alone; empty for all others.
func (b *Booking) InBatch() string {
	name := batchOf(b.Booking)
	switch {
	case name == "" || b.Part != "" || b.announced():
		return ""
	case b.Noticed:
		return "single/" + name
	case namesNobody(b.Booking):
		return "line/" + name
	}
	return ""
}

// batchOf is the batch that a line names: a file of ours, or somebody else's.
func batchOf(b rail.Booking) string { return cmp.Or(b.Batch, b.Message) }

// namesNobody says that a line is not of one payment: neither who is on its other side is told, nor what for.
func namesNobody(b rail.Booking) bool {
	return b.EndToEnd == "" && b.Virtual == "" && b.Party == (rail.Party{}) && len(b.References) == 0 && !b.Reversal && b.Return == ""
}

// Moved is by how much the account grew, below zero where it shrank; zero for what does not count.
func (b *Booking) Moved() money.Amount {
	switch {
	case !b.Counts():
		return money.Zero(b.Amount.Asset())
	case b.Credit:
		return b.Amount
	}
	return b.Amount.Neg()
}

// Waits says that a person has to decide about the booking.
func (b *Booking) Waits() bool { return b.State == BookingProposed || b.State == BookingSuspense }

// Clone is a copy that shares nothing with the booking; nil of nil.
func (b *Booking) Clone() *Booking {
	if b == nil {
		return nil
	}
	c := *b
	c.References, c.Near = slices.Clone(b.References), slices.Clone(b.Near)
	c.Transfers, c.Proposals = slices.Clone(b.Transfers), slices.Clone(b.Proposals)
	return &c
}

// Proposal is an order that a booking in suspense may be of.
type Proposal struct {
	Order     string // internal id
	Public    string // public id
	Why       ProposalReason
	Reference string `json:",omitempty"` // the order's, where the booking names it or one like it
	Dismissed string `json:",omitempty"` // who said that it is not this one
}

// ProposalReason is why an order is proposed.
type ProposalReason string

const (
	ProposedNear  ProposalReason = "near"  // the booking names a reference that is one slip away from the order's
	ProposedPayer ProposalReason = "payer" // the amount is the order's, and so is the payer
	ProposedNamed ProposalReason = "named" // the booking names the order, and another one too
)

// BookingKey names a booking.
type BookingKey struct {
	Rail rail.Name
	Key  string
}

// BankStatement is a statement on record.
type BankStatement struct {
	rail.Statement
	Digest   string // of what the bank says of it: the same statement has the same
	Network  string
	Rail     rail.Name
	Mode     Mode
	Bookings int          // lines
	Credits  money.Amount // their sums
	Debits   money.Amount
	Warning  string    `json:",omitempty"` // its opening balance is not the closing one before it
	Told     time.Time // true time
	Version  int64
}

// Closes says that the statement is the account's word about whole days: with both balances, neither a report of the day so far nor
// a notice of single bookings.
func (s *BankStatement) Closes() bool {
	return s.HasOpening && s.HasClosing && !s.Intraday && !s.Notice
}

// bookingTx is how a transaction keeps bookings.
type bookingTx interface {
	Booking(k BookingKey) (*Booking, error) // nil when there is none
	BookingByID(id string) (*Booking, error)
	// EarlyBookings are those of the rail that are Early, the oldest first; at most MaxEarly of them.
	EarlyBookings(r rail.Name) ([]Booking, error)
	// BookingsNaming are at most limit bookings of the rail with an end-to-end id, in no order.
	BookingsNaming(r rail.Name, endToEnd string, limit int) ([]Booking, error)
	// BookingsOfBatch are at most limit bookings of the rail that are found by any of those names (InBatch).
	BookingsOfBatch(r rail.Name, names []string, limit int) ([]Booking, error)
	// BookingsCalled are at most limit bookings of the rail whose keys are the reference with more behind it: '#2', where a line is there twice, or
	// '@' and the mark of a line, where a reference was given out twice.
	BookingsCalled(r rail.Name, reference string, limit int) ([]Booking, error)
	// PendingBookings are at most limit bookings of the rail in the state pending, by id, behind the given one.
	PendingBookings(r rail.Name, after string, limit int) ([]Booking, error)
	// SaveBooking inserts a booking without a version, and gives it one. version_conflict. Its id, key, rail and mode never change.
	SaveBooking(b *Booking) error
	// BankStatement finds a statement by what it says; nil when there is none.
	BankStatement(s BankStatement) (*BankStatement, error)
	// BankStatementBeside is the closing statement of the same rail next before it, or after; nil when there is none.
	BankStatementBeside(s BankStatement, after bool) (*BankStatement, error)
	SaveBankStatement(s *BankStatement) error // as SaveBooking
}

// MaxEarly bounds EarlyBookings. Each is an error of the bank's or a file that is missing; beyond that many an operator has to look.
const MaxEarly = 1000

// bookingReader is how bookings are read.
type bookingReader interface {
	BookingByID(id string) (*Booking, error)                   // nil when there is none
	Bookings(f BookingFilter) ([]Booking, error)               // the newest first
	BankStatements(f StatementFilter) ([]BankStatement, error) // the newest first, by their days
	// FirstBankStatement is the oldest closing one; nil when there is none.
	FirstBankStatement(r rail.Name) (*BankStatement, error)
	// BookedOutside sums Moved of the rail's bookings that were booked before a day or after another one. Nothing is booked: zero of the asset.
	BookedOutside(r rail.Name, asset money.Asset, before, after time.Time) (money.Amount, error)
	BalanceOf(a ledger.Account, asset money.Asset, m Mode) (money.Amount, error) // as Tx.Balance
	// OpenOrders are at most limit orders of the mode that collect on a bank's rail and are due that amount, the oldest first.
	OpenOrders(m Mode, r rail.Name, due money.Amount, limit int) ([]Order, error)
}

// BookingFilter chooses bookings.
type BookingFilter struct {
	Rail  rail.Name
	State BookingState // empty: all
	After string       // id of the last one of the page before
	Limit int
}

// StatementFilter chooses statements of banks.
type StatementFilter struct {
	Rail    rail.Name
	Closing bool   // only those that close days
	After   string // Place of the last one of the page before
	Limit   int
}

// Bookings lists a bank's bookings, the newest first. For operators.
func (e *Engine) Bookings(ctx context.Context, f BookingFilter) (list []Booking, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = rd.Bookings(f)
		return err
	})
	return list, err
}

// Booking finds a booking by its id. For operators. Error: not_found.
func (e *Engine) Booking(ctx context.Context, id string) (b *Booking, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		b, err = rd.BookingByID(id)
		return err
	})
	if err == nil && b == nil {
		err = errNoBooking
	}
	return b, err
}

var errNoBooking = fault.New(fault.CodeNotFound, "no such booking")

// BankStatements lists a bank's statements, the newest first. For operators.
func (e *Engine) BankStatements(ctx context.Context, f StatementFilter) (list []BankStatement, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = rd.BankStatements(f)
		return err
	})
	return list, err
}

// BankBalance is what a bank and the ledger say of one account.
type BankBalance struct {
	Network Network
	First   *BankStatement // the first that closes days; nil: there is none
	Last    *BankStatement
	Ledger  money.Amount // what the ledger says of the rail: what came in less what went out
	Outside money.Amount // of it booked before the first statement or after the last
	// Difference is Ledger less Outside less what the account grew by from the first statement's opening to the last one's closing:
	// zero when the ledger and the bank agree. Without a statement it is zero.
	Difference money.Amount
}

// BankBalance holds what the bank's statements say against the ledger. For operators. Error: not_configured when the network
// has no currency.
func (e *Engine) BankBalance(ctx context.Context, n Network) (b BankBalance, err error) {
	if len(n.Tokens) == 0 {
		return b, fault.New(fault.CodeNotConfigured, "the network '"+n.ID+"' has no currency")
	}
	asset := n.Tokens[0].Asset
	err = e.store.View(ctx, func(rd Reader) error {
		b = BankBalance{Network: n, Outside: money.Zero(asset), Difference: money.Zero(asset), Ledger: money.Zero(asset)}
		for _, role := range []ledger.Role{ledger.PayerOn(string(n.Rail)), ledger.PayeeOn(string(n.Rail))} {
			outside, err := rd.BalanceOf(ledger.House.Account(role), asset, n.Mode)
			if err != nil {
				return err
			}
			b.Ledger = b.Ledger.Sub(outside)
		}
		newest, err := rd.BankStatements(StatementFilter{Rail: n.Rail, Closing: true, Limit: maxOfDay})
		if err != nil || len(newest) == 0 {
			return err
		}
		_, b.Last = endsOf(ofDay(newest, newest[0].To))
		oldest, err := rd.FirstBankStatement(n.Rail)
		if err != nil {
			return err
		}
		behind := oldest.To.UTC().AddDate(0, 0, 1).Format(time.DateOnly) // every place of its day is before that
		early, err := rd.BankStatements(StatementFilter{Rail: n.Rail, Closing: true, After: behind, Limit: maxOfDay})
		if err != nil {
			return err
		}
		b.First, _ = endsOf(ofDay(early, oldest.To))
		if b.Outside, err = rd.BookedOutside(n.Rail, asset, b.First.From, b.Last.To); err != nil {
			return err
		}
		b.Difference = b.Ledger.Sub(b.Outside).Sub(b.Last.Closing.Sub(b.First.Opening))
		return nil
	})
	return b, err
}

// maxOfDay bounds how many statements of one day are put into their order.
const maxOfDay = 200

func ofDay(list []BankStatement, day time.Time) []*BankStatement {
	var found []*BankStatement
	for i := range list {
		if list[i].To.Equal(day) {
			found = append(found, &list[i])
		}
	}
	return found
}

// endsOf are the statements that a day begins and ends with. Each opens with what the one before it closed with, so the balance that
// only opens is the day's first, and the one that only closes its last. Where that says nothing, because one is missing or the day
// ends with what it began with, the bank's numbers decide, and where it gives none the order in which they were told.
func endsOf(list []*BankStatement) (first, last *BankStatement) {
	slices.SortStableFunc(list, func(a, b *BankStatement) int {
		return cmp.Or(strings.Compare(a.placeOfNumber(), b.placeOfNumber()), a.Told.Compare(b.Told))
	})
	left := map[string]int{} // how often each balance opens less how often it closes
	for _, s := range list {
		left[s.Opening.String()]++
		left[s.Closing.String()]--
	}
	starts, stops := 0, 0 // balances that a chain begins with, and ends with
	for _, n := range left {
		starts, stops = starts+max(n, 0), stops-min(n, 0)
	}
	first, last = list[0], list[len(list)-1]
	if starts > 1 { // one is missing
		return first, last
	}
	for _, s := range slices.Backward(list) {
		if left[s.Opening.String()] > 0 {
			first = s
		}
	}
	for _, s := range list {
		if left[s.Closing.String()] < 0 || stops == 0 && sameAmount(s.Closing, first.Opening) {
			last = s
		}
	}
	return first, last
}

// AcceptProposal gives a booking in suspense to an order that is still collecting, one that is proposed or another: as Assign does. For
// operators.
//
// Errors: not_found, order_state_conflict.
func (e *Engine) AcceptProposal(ctx context.Context, id, orderID, who string) (*Order, error) {
	b, err := e.Booking(ctx, id)
	if err != nil {
		return nil, err
	}
	if !b.Waits() {
		return nil, fault.New(fault.CodeOrderStateConflict, "the booking does not wait for a decision")
	}
	if b.Order != "" {
		return nil, fault.New(fault.CodeOrderStateConflict, "the money is an order's already and lies in its suspense: release or refund it there")
	}
	return e.Assign(ctx, b.payment(), orderID, who)
}

// DismissProposal says that a booking is not of an order that is proposed. When none is left the money stays in suspense. For
// operators. Errors: not_found when the order is not proposed.
func (e *Engine) DismissProposal(ctx context.Context, id, orderID, who string) (*Booking, error) {
	var got *Booking
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		b, err := tx.BookingByID(id)
		if err != nil {
			return err
		}
		if b == nil {
			return errNoBooking
		}
		i := slices.IndexFunc(b.Proposals, func(p Proposal) bool { return p.Order == orderID })
		if i < 0 {
			return fault.New(fault.CodeNotFound, "this order is not proposed")
		}
		got = b
		if b.Proposals[i].Dismissed != "" || !b.Waits() {
			return nil
		}
		b.Proposals[i].Dismissed = who
		if !slices.ContainsFunc(b.Proposals, func(p Proposal) bool { return p.Dismissed == "" }) {
			b.State = BookingSuspense
		}
		if err := tx.SaveBooking(b); err != nil {
			return err
		}
		return addAction(tx, b.Mode, who, "proposal.dismiss", b.ID, "order "+b.Proposals[i].Public)
	})
	return got, err
}

// assigned notes at a booking whose money it is, after a person has said so.
func assigned(tx Tx, r rail.Name, key string, o *Order) error {
	b, err := tx.Booking(BookingKey{r, key})
	if err != nil || b == nil || !b.Waits() {
		return err
	}
	b.State, b.Order, b.Early = BookingMatched, o.ID, false
	return tx.SaveBooking(b)
}
