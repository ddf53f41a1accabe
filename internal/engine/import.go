package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// WithBatches is the engine that knows which transfers left together, by the rails that send in files.
func (e *Engine) WithBatches(list map[rail.Name]rail.Batcher) *Engine {
	mine := *e
	mine.batches = list
	return &mine
}

// How bookings of a bank come in: each is stored once, in the transaction that does what it says.

// MaxBookings is how many bookings one transaction takes.
const MaxBookings = 500

// ImportCounts is what became of bookings.
type ImportCounts struct {
	Booked    int // new here, and booked by the bank; each is one of the following as well
	Matched   int // credits of an order
	Proposed  int // credits in suspense, with orders that they may be of
	Suspense  int // credits in suspense
	Transfers int // debits that closed transfers of ours
	Returned  int // credits that brought a transfer back
	Expenses  int // debits that nobody knows
	Reversed  int // bookings that took another one back, or were taken back before they were told
	Repeated  int // known already, or told as a part or as the whole of what is known
	Pending   int // announced only
}

// Add adds other counts.
func (i *ImportCounts) Add(o ImportCounts) {
	i.Booked += o.Booked
	i.Matched += o.Matched
	i.Proposed += o.Proposed
	i.Suspense += o.Suspense
	i.Transfers += o.Transfers
	i.Returned += o.Returned
	i.Expenses += o.Expenses
	i.Reversed += o.Reversed
	i.Repeated += o.Repeated
	i.Pending += o.Pending
}

// FileReport is what became of a file.
type FileReport struct {
	Statements int
	Answers    int // words about payment files
	ImportCounts
}

// BankExpense is the event of the house when a debit is booked that nobody knows, or more than was sent.
const BankExpense = "bank.expense"

// BankTwice is the event of the house when a line is booked whose money may have been booked under another reference.
const BankTwice = "bank.twice"

// Import books what a bank tells of the account of a network, in one transaction. What is on record already changes nothing, so a
// file may be told again, in part or with others. No booking is refused for what it says about orders and transfers.
//
// Errors: forbidden when the network makes its payments up and the mode is live; invalid_value (on "reference", "amount" or
// "bookings") for what no reader may hand over.
func (e *Engine) Import(ctx context.Context, n Network, st rail.Statement, list []rail.Booking) (ImportCounts, error) {
	if n.Simulated && n.Mode == Live {
		return ImportCounts{}, fault.New(fault.CodeForbidden, "a live mode takes no simulated payment")
	}
	if err := importable(n, list); err != nil {
		return ImportCounts{}, err
	}
	seen, err := e.foresee(ctx, n, list)
	if err != nil {
		return ImportCounts{}, err
	}
	want := Keys{Clocks: []Mode{n.Mode}, Progress: []rail.Name{n.Rail}}
	for _, b := range list {
		key := bookingKey(b)
		want.Bookings = append(want.Bookings, BookingKey{n.Rail, key})
		if b.Whole != "" {
			want.Bookings = append(want.Bookings, BookingKey{n.Rail, b.Whole})
		}
		if b.Pending {
			continue
		}
		if b.Credit {
			want.Payments = append(want.Payments, order.PaymentKey{Rail: string(n.Rail), External: key})
			for _, name := range b.References {
				want.Made = append(want.Made, Instrument{Family: n.Family, Value: name})
			}
		}
		if b.EndToEnd != "" && (!b.Credit || b.Reversal || b.Return != "") {
			want.Transfers = append(want.Transfers, b.EndToEnd, strings.ToLower(b.EndToEnd))
		}
		if b.Reversal || b.Return != "" {
			want.Bookings = append(want.Bookings, BookingKey{n.Rail, takenBackBy(b)})
		}
	}
	statement := newBankStatement(n, st)
	var done ImportCounts
	err = e.update(ctx, want, func(tx Tx) error {
		im := importing{Engine: e, tx: tx, n: n, statement: statement.Digest, account: st.Account, foreseen: seen, notice: st.Notice || st.Intraday}
		if err := im.findLines(list); err != nil {
			return err
		}
		if im.early, err = tx.EarlyBookings(n.Rail); err != nil {
			return err
		}
		for _, b := range list {
			if err := im.take(b); err != nil {
				return err
			}
		}
		done = im.done
		return nil
	})
	return done, err
}

// importable refuses what would be kept under no name, or would move nothing.
func importable(n Network, list []rail.Booking) error {
	if len(list) > MaxBookings {
		return fault.New(fault.CodeInvalidValue, "too many bookings at once").On("bookings")
	}
	for _, b := range list {
		if err := CheckBooking(n, b); err != nil {
			return err
		}
	}
	return nil
}

// CheckBooking says what Import would say of one booking. Errors: invalid_value (on "reference" or "amount").
func CheckBooking(n Network, b rail.Booking) error {
	switch {
	case b.Reference == "" || len(b.Reference) > 200:
		return fault.New(fault.CodeInvalidValue, "a booking has a reference of 1 to 200 bytes").On("reference")
	case b.Amount.Sign() <= 0 || !n.takes(b.Amount.Asset()):
		return fault.New(fault.CodeInvalidValue, "want an amount above zero in the account's currency").On("amount")
	}
	return nil
}

func (n Network) takes(asset money.Asset) bool {
	for _, t := range n.Tokens {
		if t.Asset == asset {
			return true
		}
	}
	return false
}

// bookingKey is what a booking is stored under. Some banks repeat the reference of the line that they take back.
func bookingKey(b rail.Booking) string {
	switch {
	case b.Reversal:
		return b.Reference + "/reversal"
	case b.Return != "":
		return b.Reference + "/return"
	}
	return b.Reference
}

// takenBackBy is the reference of what a booking takes back, as far as the bank says it.
func takenBackBy(b rail.Booking) string { return cmp.Or(b.Original, b.Reference) }

// importing is one chunk at work.
type importing struct {
	*Engine
	tx        Tx
	n         Network
	statement string
	account   string
	foreseen  foreseen
	notice    bool                 // it tells single bookings, or the day so far
	lines     []Booking            // of batches that a notice tells the single bookings of
	told      map[string][]Booking // by batch, what notices told alone of it
	early     []Booking
	done      ImportCounts
}

// take does what one booking says, unless it was done before.
func (im *importing) take(b rail.Booking) error {
	made := &Booking{Booking: b, ID: im.tx.NewID(), Key: bookingKey(b), Network: im.n.ID, Rail: im.n.Rail, Mode: im.n.Mode,
		Account: im.account, Statement: im.statement, Told: im.tx.Now()}
	was, own, err := im.lineAt(made.Key, rail.LineMark(b))
	if err != nil {
		return err
	}
	if own != made.Key {
		made.Key, made.Note = own, "the bank has given this reference to another line too"
	}
	if was != nil {
		made.ID, made.Version = was.ID, was.Version
		switch {
		case was.State == BookingSplit && was.Amount.IsZero(): // its parts were told before it
			made.State = BookingSplit
			im.done.Repeated++
			return im.tx.SaveBooking(made)
		case was.State == BookingPending && b.Pending && was.Statement != made.Statement: // this statement announces it as well
			made.State, made.Told = BookingPending, was.Told
			im.done.Repeated++
			return im.tx.SaveBooking(made)
		case was.Noticed && !im.notice && !b.Pending: // its statement tells it too
			was.Noticed, im.told = false, nil
			if was.State == BookingDetail {
				made.State = "" // and as a line of its own: it counts
				break
			}
			im.done.Repeated++
			return im.tx.SaveBooking(was)
		case !was.announced() || b.Pending:
			im.done.Repeated++
			return nil
		}
	}
	if b.Pending {
		made.State = BookingPending
		im.done.Pending++
		return im.tx.SaveBooking(made)
	}
	if b.Whole != "" {
		if detail, err := im.unfold(b); err != nil || detail {
			made.State = BookingDetail
			im.done.Repeated++
			return firstOf(err, func() error { return im.tx.SaveBooking(made) })
		}
	}
	if folded, err := im.fold(made); err != nil || folded {
		im.done.Repeated++
		return firstOf(err, func() error { return im.tx.SaveBooking(made) })
	}
	im.done.Booked++
	switch {
	case b.Credit && (b.Reversal || b.Return != ""):
		err = im.comesBack(made)
	case b.Credit:
		err = im.credit(made)
	case b.Reversal:
		err = im.takenBack(made)
	default:
		err = im.debit(made)
	}
	if err != nil {
		return err
	}
	if err := im.tx.SaveBooking(made); err != nil {
		return err
	}
	if made.Early {
		im.early = append(im.early, *made)
	}
	return nil
}

// lineAt finds the line of that mark under a key, nil for none, and the key that it has or will have. That is another one where the key is
// another line's already: banks give their references out more than once.
func (im *importing) lineAt(key, mark string) (*Booking, string, error) {
	b, err := im.tx.Booking(BookingKey{im.n.Rail, key})
	if err != nil || b == nil || b.State == BookingPending || b.isOf(mark) {
		return b, key, err
	}
	key += "@" + mark
	b, err = im.tx.Booking(BookingKey{im.n.Rail, key})
	return b, key, err
}

// isOf says that a booking is the line of that mark. Of a batch known by its transactions alone the mark is what they say of it.
func (b *Booking) isOf(mark string) bool {
	if b.State == BookingSplit && b.Amount.IsZero() {
		return b.WholeMark == mark
	}
	return rail.LineMark(b.Booking) == mark
}

func firstOf(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// unfold lets the transactions of a batch count instead of its line. detail says that the line has done its work, so that they do not.
func (im *importing) unfold(b rail.Booking) (detail bool, err error) {
	whole, key, err := im.lineAt(b.Whole, b.WholeMark)
	if err != nil {
		return false, err
	}
	switch {
	case whole == nil:
		whole = &Booking{Booking: rail.Booking{Reference: b.Whole, Credit: b.Credit, Amount: money.Zero(b.Amount.Asset()), Booked: b.Booked, Value: b.Value, Line: b.Line, WholeMark: b.WholeMark, Batch: b.Batch, Message: b.Message},
			ID: im.tx.NewID(), Key: key, Network: im.n.ID, Rail: im.n.Rail, Mode: im.n.Mode, Account: im.account, Statement: im.statement, Told: im.tx.Now()}
	case whole.State == BookingSplit:
		return false, nil
	case whole.announced():
	case whole.Waits() || whole.State == BookingExpense:
		if err := im.undo(whole); err != nil {
			return false, err
		}
	default:
		return true, nil
	}
	whole.State, whole.Proposals, whole.Early = BookingSplit, nil, false
	return false, im.tx.SaveBooking(whole)
}

// maxFold is how many single bookings of a batch are looked at.
const maxFold = 5000

// findLines finds the lines of the batches whose single bookings a notice tells.
func (im *importing) findLines(list []rail.Booking) (err error) {
	if !im.notice {
		return nil
	}
	var names []string
	for _, b := range list {
		if name := batchOf(b); name != "" && b.Part == "" {
			names = append(names, "line/"+name)
		}
	}
	if len(names) > 0 {
		im.lines, err = im.tx.BookingsOfBatch(im.n.Rail, names, maxFold)
	}
	return err
}

// fold sees to it that money counts once where a statement tells a batch as one line and a notice tells its single bookings, under other
// references. Whichever comes second does not count: the line, when what was told makes its amount, or the single booking. A single
// booking that a statement tells as well is a line of its own, and counts then.
func (im *importing) fold(b *Booking) (bool, error) {
	name := batchOf(b.Booking)
	if name == "" || b.Reversal || b.Return != "" {
		return false, nil
	}
	if b.Part != "" {
		return im.foldPart(b, name)
	}
	if im.notice {
		b.Noticed = true
		split := ""
		for i := range im.lines {
			line := &im.lines[i]
			if batchOf(line.Booking) != name || line.Key == b.Key || !line.alike(b) {
				continue
			}
			if line.Counts() && line.Amount.Cmp(b.Amount) >= 0 {
				b.State, b.Note = BookingDetail, "is of the batch "+name+", which is booked as the line "+line.Reference
				return true, nil
			}
			if line.State == BookingSplit {
				split = line.Reference
			}
		}
		if split == "" {
			return false, nil
		}
		b.Note = "the parts of the batch " + name + " were told under the line " + split + ": something may count twice"
		return false, im.twice(b)
	}
	if !namesNobody(b.Booking) {
		return false, nil
	}
	told, err := im.singles(name)
	if err != nil {
		return false, err
	}
	n, sum := 0, money.Zero(b.Amount.Asset())
	for i := range told {
		if one := &told[i]; one.Noticed && one.Counts() && one.alike(b) {
			n, sum = n+1, sum.Add(one.Amount)
		}
	}
	switch {
	case n == 0:
		return false, nil
	case sameAmount(sum, b.Amount):
		b.State, b.Note = BookingSplit, fmt.Sprintf("the %d bookings of the batch %s were told one by one, and count instead of it", n, name)
		return true, nil
	}
	b.Note = fmt.Sprintf("%d bookings of the batch %s were told one by one and make %s: something may count twice", n, name, sum)
	return false, im.twice(b)
}

// foldPart sees to it that a transaction that a statement tells as a part of its batch counts once where a notice told it alone, under
// another reference. Only one that says the same is it, and each is one part: what nobody can tell apart is as often there as it was told most.
func (im *importing) foldPart(b *Booking, name string) (bool, error) {
	if im.notice {
		return false, nil
	}
	told, err := im.singles(name)
	if err != nil {
		return false, err
	}
	left := false
	for i := range told {
		one := &told[i]
		if !one.Noticed || !one.Counts() || !one.alike(b) || !sameAmount(one.Amount, b.Amount) || differ(one.EndToEnd, b.EndToEnd) {
			continue
		}
		if left = true; !one.says(b) {
			continue
		}
		one.Noticed = false
		b.State, b.Note = BookingDetail, "was told alone as "+one.Reference+", which counts"
		return true, im.tx.SaveBooking(one)
	}
	if !left {
		return false, nil
	}
	b.Note = "bookings of the batch " + name + " were told one by one, and none of them says this: something may count twice"
	return false, im.twice(b)
}

// singles is what notices told alone of a batch, and no statement has told since.
func (im *importing) singles(name string) ([]Booking, error) {
	told, known := im.told[name]
	if known {
		return told, nil
	}
	told, err := im.tx.BookingsOfBatch(im.n.Rail, []string{"single/" + name}, maxFold)
	if err != nil {
		return nil, err
	}
	if im.told == nil {
		im.told = map[string][]Booking{}
	}
	im.told[name] = told
	return told, nil
}

// says that two bookings of the same amount are of one transaction: they have an end-to-end id, which payers choose and which others may have chosen
// too, and what both say of the other side and what for is no different; or neither has one, and all of that is the same.
func (b *Booking) says(of *Booking) bool {
	if b.EndToEnd != of.EndToEnd {
		return false
	}
	if b.EndToEnd != "" {
		return !differ(b.Party.Account, of.Party.Account) && !differ(b.Party.Name, of.Party.Name) && !differ(b.Virtual, of.Virtual) &&
			(len(b.References) == 0 || len(of.References) == 0 || slices.Equal(b.References, of.References))
	}
	return b.Party == of.Party && b.Virtual == of.Virtual && b.Text == of.Text && slices.Equal(b.References, of.References) && !namesNobody(b.Booking)
}

// differ says that two texts are both there, and not the same.
func differ(x, y string) bool { return x != "" && y != "" && x != y }

// twice alarms whoever runs the house: what was booked may have been booked before.
func (im *importing) twice(b *Booking) error {
	_, err := announce(im.tx, Scope{Mode: im.n.Mode}, Notice{Type: BankTwice, Ref: b.ID, Details: map[string]string{
		"bank": im.n.ID, "amount": b.Amount.String(), "reference": b.Reference, "note": b.Note,
	}})
	return err
}

// alike says that two bookings move the same asset in the same direction on the same day.
func (b *Booking) alike(of *Booking) bool {
	same := func(x, y time.Time) bool { return !x.IsZero() && x.Equal(y) }
	return b.Credit == of.Credit && b.Amount.Asset() == of.Amount.Asset() && (same(b.Booked, of.Booked) || same(b.Value, of.Value))
}

// undo takes back what a booking in suspense, or one that the house bears, did.
func (im *importing) undo(b *Booking) error {
	if b.State == BookingExpense {
		return im.charge(b, b.Charge.Neg())
	}
	return im.tellReversed(b)
}

// tellReversed tells whoever has a credit's money that it is gone.
func (im *importing) tellReversed(b *Booking) error {
	o := b.observation(order.RankReversed, "")
	o.Final = true
	return im.observe(im.tx, im.n, o)
}

// observation is what a credit says of a payment.
func (b *Booking) observation(rank order.Rank, instrument string) rail.Observation {
	at := b.Value
	if at.IsZero() {
		at = b.Booked
	}
	to := instrument
	if to == "" {
		to = b.Account
	}
	return rail.Observation{External: b.Key, Instrument: instrument, Rank: rank, Amount: b.Amount, Value: at, Evidence: order.Evidence{
		Tx: b.Reference, From: b.Party.Account, To: to, Name: b.Party.Name, Document: b.Party.Document, Text: b.Text,
	}}
}

// payment is the key of the payment that a credit is.
func (b *Booking) payment() order.PaymentKey {
	return order.PaymentKey{Rail: string(b.Rail), External: b.Key}
}

// credit is money that came: it is told to who holds the one reference that it names, else it goes to suspense.
func (im *importing) credit(b *Booking) error {
	owners, err := im.named(b)
	if err != nil {
		return err
	}
	instrument := ""
	if len(owners) == 1 {
		instrument = owners[0].Instrument.Value
	}
	if err := im.observeHeld(im.tx, im.n, b.observation(order.RankConfirmed, instrument), b.heldAt()); err != nil {
		return err
	}
	if b.Order, err = im.tx.OrderByPayment(b.payment()); err != nil {
		return err
	}
	aside, err := im.aside(b)
	if err != nil {
		return err
	}
	switch {
	case aside != "":
		b.State, b.Note = BookingSuspense, cmp.Or(b.Note, "is of its order and lies in "+string(aside))
		im.done.Suspense++
	case b.Order != "":
		b.State = BookingMatched
		im.done.Matched++
	default:
		if b.Proposals, err = im.propose(b, owners); err != nil {
			return err
		}
		b.State = BookingSuspense
		if len(b.Proposals) > 0 {
			b.State = BookingProposed
			im.done.Proposed++
		} else {
			im.done.Suspense++
		}
	}
	return im.reversedBefore(b)
}

// aside is in which suspense an order's payment lies as a whole: it came too late, from somebody else, or behind all that was due. Empty: in none.
func (im *importing) aside(b *Booking) (ledger.Role, error) {
	if b.Order == "" {
		return "", nil
	}
	o, err := im.tx.Order(b.Order)
	if err != nil {
		return "", err
	}
	for _, p := range o.Payments {
		if p.PaymentKey == b.payment() && p.Rank == order.RankConfirmed && p.Booked != "" && strings.HasPrefix(string(p.Booked.Role()), "suspense/") {
			return p.Booked.Role(), nil
		}
	}
	if due := o.Terms.Due; due.Asset() == b.Amount.Asset() && o.Received().Sub(b.Amount).Cmp(due) >= 0 {
		for _, part := range o.Balances {
			if part.Account.Role() == ledger.Extra && part.Amount.Asset() == due.Asset() && part.Amount.Cmp(b.Amount) >= 0 {
				return ledger.Extra, nil
			}
		}
	}
	return "", nil
}

// heldAt is when whoever holds the reference must have held it: a bank tells days, so at their end.
func (b *Booking) heldAt() time.Time {
	at := b.Value
	if at.IsZero() {
		at = b.Booked
	}
	return at.Add(24*time.Hour - time.Microsecond)
}

// named is who holds the references that a credit names, each owner once.
func (im *importing) named(b *Booking) (owners []Hold, err error) {
	names := append([]string{}, b.References...)
	if b.Virtual != "" {
		names = append(names, b.Virtual)
	}
	if im.foreseen.known[b.EndToEnd] {
		names = append(names, b.EndToEnd)
	}
	return im.holders(names, b.heldAt())
}

func (im *importing) holders(names []string, at time.Time) (owners []Hold, err error) {
	for _, name := range names {
		hold, err := im.tx.HoldAt(Instrument{Family: im.n.Family, Value: name}, im.n.Rail, at)
		if err != nil {
			return nil, err
		}
		if hold == nil {
			continue
		}
		again := false
		for _, o := range owners {
			again = again || o.OrderID == hold.OrderID
		}
		if !again {
			owners = append(owners, *hold)
		}
	}
	return owners, nil
}

// reversedBefore takes a credit back whose reversal was told before it.
func (im *importing) reversedBefore(b *Booking) error {
	for i := range im.early {
		r := &im.early[i]
		if !r.Early || r.Credit || !r.takesBack(b) {
			continue
		}
		if err := im.undo(r); err != nil {
			return err
		}
		r.Early, r.Charge = false, money.Amount{}
		if err := im.reverse(b, r); err != nil {
			return err
		}
		return im.tx.SaveBooking(r)
	}
	return nil
}

// takesBack says that a reversal is of that booking: by the bank's reference, else by what the payer called it.
func (b *Booking) takesBack(of *Booking) bool {
	if b.Credit == of.Credit || !sameAmount(b.Amount, of.Amount) {
		return false
	}
	if b.Original != "" {
		return of.isCalled(b.Original)
	}
	return of.isCalled(b.Reference) || b.EndToEnd != "" && b.EndToEnd == of.EndToEnd
}

// isCalled says that a booking has a reference of the bank's, also where equal lines had it and this one its ordinal behind it.
func (b *Booking) isCalled(reference string) bool {
	ordinal, is := strings.CutPrefix(b.Reference, reference+"#")
	if _, err := strconv.Atoi(ordinal); is && err == nil {
		return true
	}
	return b.Reference == reference
}

func sameAmount(a, b money.Amount) bool { return a.Asset() == b.Asset() && a.Cmp(b) == 0 }

// reverse books that r took the credit b back.
func (im *importing) reverse(b, r *Booking) error {
	if err := im.tellReversed(b); err != nil {
		return err
	}
	b.State, b.Proposals = BookingReversed, nil
	r.State, r.Order, r.Note = BookingReversal, b.Order, "takes "+b.Reference+" back"
	return nil
}

// takenBack is a debit that takes an earlier credit back. One that was not told yet is waited for.
func (im *importing) takenBack(r *Booking) error {
	b, err := im.original(r)
	if err != nil {
		return err
	}
	if b == nil || b.State != BookingMatched && !b.Waits() {
		r.Early, r.Note = true, "takes back what is not on record"
		return im.expense(r)
	}
	if err := im.reverse(b, r); err != nil {
		return err
	}
	im.done.Reversed++
	return im.tx.SaveBooking(b)
}

// original is what a reversal takes back; nil when it is not on record, or could be several.
func (im *importing) original(r *Booking) (*Booking, error) {
	name := takenBackBy(r.Booking)
	b, err := im.tx.Booking(BookingKey{im.n.Rail, name})
	if err != nil || b != nil && r.takesBack(b) && b.State != BookingReversed {
		return b, err
	}
	called, err := im.tx.BookingsCalled(im.n.Rail, name, 20)
	if err != nil {
		return nil, err
	}
	if one := r.onlyOne(called); one != nil {
		return one, nil
	}
	if b != nil && r.takesBack(b) {
		return b, nil
	}
	if r.Original != "" || r.EndToEnd == "" {
		return nil, nil
	}
	list, err := im.tx.BookingsNaming(im.n.Rail, r.EndToEnd, 10)
	if err != nil {
		return nil, err
	}
	return r.onlyOne(list), nil
}

// onlyOne is the one of several that a reversal can take back; nil when there is none, or more than one.
func (r *Booking) onlyOne(list []Booking) (found *Booking) {
	for i := range list {
		if b := &list[i]; r.takesBack(b) && b.State != BookingReversed && b.Counts() {
			if found != nil {
				return nil
			}
			found = b
		}
	}
	return found
}

// debit is money that left: it closes the transfer, or the batch of transfers, that it names. Else the house bears it.
func (im *importing) debit(b *Booking) error {
	jobs, err := im.sent(b)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		if back, err := im.broughtBackBefore(b); err != nil || back {
			return err
		}
		return im.expense(b)
	}
	sum := money.Zero(b.Amount.Asset())
	for _, t := range jobs {
		sum = sum.Add(t.Amount)
		if err := im.deliver(b, t); err != nil {
			return err
		}
	}
	b.State = BookingTransfer
	im.done.Transfers++
	return im.differs(b, b.Amount.Sub(sum))
}

// broughtBackBefore ends a debit that nobody knows and that was taken back before it was told: neither has done anything then.
func (im *importing) broughtBackBefore(b *Booking) (bool, error) {
	for i := range im.early {
		r := &im.early[i]
		if !r.Early || !r.Credit || !r.takesBack(b) {
			continue
		}
		if err := im.undo(r); err != nil {
			return false, err
		}
		r.Early, r.State, r.Note = false, BookingReversal, "takes "+b.Reference+" back"
		b.State, b.Note = BookingReversed, "was taken back before it was told"
		im.done.Reversed++
		return true, im.tx.SaveBooking(r)
	}
	return false, nil
}

// closed says that a transfer was paid already.
func closed(s order.TransferState) bool {
	return s == order.TransferConfirmed || s == order.TransferReturned
}

// transferOf is a transfer with its order.
type transferOf struct {
	order.Transfer
	order *Order
}

// transfer is nil for what is no transfer of ours on this rail. Some banks tell ids in capitals.
func (im *importing) transfer(id string) (*transferOf, error) {
	if id == "" {
		return nil, nil
	}
	owner, err := im.tx.OrderByTransfer(id)
	if err == nil && owner == "" {
		id = strings.ToLower(id)
		owner, err = im.tx.OrderByTransfer(id)
	}
	if err != nil || owner == "" {
		return nil, err
	}
	o, err := im.tx.Order(owner)
	if err != nil {
		return nil, err
	}
	t := o.transfer(id)
	if t == nil || t.Rail != string(im.n.Rail) || o.Scope.Mode != im.n.Mode || !im.n.takes(t.Amount.Asset()) {
		return nil, nil
	}
	return &transferOf{*t, o}, nil
}

// sent is the transfers that a debit can close: the one it names, else those of the batch it names, when they sum to it.
func (im *importing) sent(b *Booking) ([]transferOf, error) {
	one, err := im.transfer(b.EndToEnd)
	if err != nil {
		return nil, err
	}
	if one != nil {
		if closed(one.State) {
			b.Note = "the transfer " + one.ID + " is " + string(one.State) + " already"
			return nil, nil
		}
		return []transferOf{*one}, nil
	}
	batcher := im.batches[im.n.Rail]
	if batcher == nil {
		return nil, nil
	}
	for _, name := range []string{b.Batch, b.Message, b.EndToEnd} {
		if name == "" {
			continue
		}
		ids, err := batcher.Batch(railMemory{im.tx, im.n.Rail}, name)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			continue
		}
		list, sum := []transferOf{}, money.Zero(b.Amount.Asset())
		for _, id := range ids {
			t, err := im.transfer(id)
			if err != nil {
				return nil, err
			}
			if t != nil && !closed(t.State) && t.State != order.TransferFailed {
				list, sum = append(list, *t), sum.Add(t.Amount)
			}
		}
		if sameAmount(sum, b.Amount) {
			return list, nil
		}
		b.Note = fmt.Sprintf("the transfers of %s that are under way sum to %s", name, sum)
	}
	return nil, nil
}

// deliver tells a transfer that the bank has paid it, and that it came back where that was told before.
func (im *importing) deliver(b *Booking, t transferOf) error {
	b.Transfers, b.Order = append(b.Transfers, t.ID), t.order.ID
	if len(b.Transfers) > 1 {
		b.Order = ""
	}
	o, err := im.tx.Order(t.order.ID) // another transfer of the batch may be of the same order
	if err != nil {
		return err
	}
	if err := im.transferred(im.tx, o, t.ID, order.Delivered, rail.Ref(b.Reference), 0); err != nil {
		return err
	}
	for i := range im.early {
		r := &im.early[i]
		if !r.Early || !r.Credit || !strings.EqualFold(r.EndToEnd, t.ID) && (r.Original == "" || r.Original != b.Reference) && !r.takesBack(b) {
			continue
		}
		if err := im.undo(r); err != nil {
			return err
		}
		r.Early = false
		if err := im.returned(r, t.ID); err != nil {
			return err
		}
		return im.tx.SaveBooking(r)
	}
	return nil
}

// returned tells a transfer that came back. What the banks on the way kept of it the house bears.
func (im *importing) returned(r *Booking, id string) error {
	t, err := im.transfer(id)
	if err != nil || t == nil {
		return err
	}
	s := t.order.Sendings[id]
	s.Reason = cmp.Or(r.Return, "NARR")
	t.order.surround(id, s)
	if err := im.transferred(im.tx, t.order, id, order.ReturnedBack, "", 0); err != nil {
		return err
	}
	r.State, r.Transfers, r.Order, r.Note = BookingTransfer, []string{id}, t.order.ID, ""
	return im.differs(r, t.Amount.Sub(r.Amount))
}

// comesBack is a credit that brings back what left: a transfer of ours, or a debit that nobody knew. What was not told yet to have
// left is waited for, in suspense.
func (im *importing) comesBack(r *Booking) error {
	t, err := im.transfer(r.EndToEnd)
	if err != nil {
		return err
	}
	b, err := im.original(r)
	if err != nil {
		return err
	}
	if t == nil && b != nil && len(b.Transfers) == 1 {
		if t, err = im.transfer(b.Transfers[0]); err != nil {
			return err
		}
	}
	switch {
	case t != nil && t.State == order.TransferConfirmed:
		im.done.Returned++
		return im.returned(r, t.ID)
	case t == nil && b != nil && b.State == BookingExpense:
		if err := im.undo(b); err != nil {
			return err
		}
		b.State, b.Charge, b.Early = BookingReversed, money.Amount{}, false
		r.State, r.Note = BookingReversal, "takes "+b.Reference+" back"
		im.done.Reversed++
		return im.tx.SaveBooking(b)
	}
	r.State, r.Early, r.Note = BookingSuspense, true, "brings back what is not on record as paid"
	im.done.Suspense++
	return im.observeHeld(im.tx, im.n, r.observation(order.RankConfirmed, ""), r.heldAt())
}

// expense is a debit that nobody knows. The money has left, so the house bears it until somebody knows better.
func (im *importing) expense(b *Booking) error {
	b.State, b.Charge = BookingExpense, b.Amount
	im.done.Expenses++
	if err := im.charge(b, b.Amount); err != nil {
		return err
	}
	return im.alarm(b, b.Amount)
}

// differs books what the bank moved beyond what a transfer says, or less.
func (im *importing) differs(b *Booking, by money.Amount) error {
	if by.Sign() == 0 {
		return nil
	}
	b.Charge = by
	b.Note = "the bank moved " + b.Amount.String() + ", which differs from the transfer by " + by.String()
	if err := im.charge(b, by); err != nil {
		return err
	}
	return im.alarm(b, by)
}

// charge books what the house bears, below zero what it gains.
func (im *importing) charge(b *Booking, amount money.Amount) error {
	loss, payee := ledger.House.Account(ledger.Loss), ledger.House.Account(ledger.PayeeOn(string(im.n.Rail)))
	p := ledger.Posting{From: loss, To: payee, Amount: amount}
	if amount.Sign() < 0 {
		p = ledger.Posting{From: payee, To: loss, Amount: amount.Neg()}
	}
	return im.tx.AddEntry(Entry{ID: im.tx.NewID(), Mode: im.n.Mode, At: im.tx.Now(), Postings: []order.Posting{{Posting: p, Row: "bank"}}})
}

func (im *importing) alarm(b *Booking, amount money.Amount) error {
	_, err := announce(im.tx, Scope{Mode: im.n.Mode}, Notice{Type: BankExpense, Ref: b.ID, Details: map[string]string{
		"bank": im.n.ID, "amount": amount.String(), "reference": b.Reference, "note": b.Note,
	}})
	return err
}

// staleAfter is how long an announced booking is shown as pending where the bank tells no statements of whole days.
const staleAfter = 14 * 24 * time.Hour

// lapse ends the announcements that a statement leaves behind: many banks book a line under another reference than they announced it
// by. A statement of whole days ends those of its last day and before that it does not announce itself; a report of the day so far or a notice those of staleAfter before.
// What is booked under its reference all the same counts then. It runs in transactions of its own: what a crash leaves the next statement ends.
func (e *Engine) lapse(ctx context.Context, n Network, st rail.Statement) error {
	through := st.To
	if through.IsZero() {
		return nil
	}
	if st.Intraday || st.Notice {
		through = through.Add(-staleAfter)
	}
	own := newBankStatement(n, st).Digest
	for after, more := "", true; more; {
		var list []Booking
		err := e.update(ctx, Keys{}, func(tx Tx) (err error) {
			if list, err = tx.PendingBookings(n.Rail, after, MaxBookings); err != nil {
				return err
			}
			for i := range list {
				b := &list[i]
				if b.announcedFor().After(through) || b.Statement == own {
					continue
				}
				b.State, b.Note = BookingLapsed, "was announced and not booked by this reference"
				if err := tx.SaveBooking(b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if more = len(list) == MaxBookings; more {
			after = list[len(list)-1].ID
		}
	}
	return nil
}

// announcedFor is the day that a pending booking is to be booked on, else the one that it was told on.
func (b *Booking) announcedFor() time.Time {
	for _, day := range []time.Time{b.Booked, b.Value} {
		if !day.IsZero() {
			return day
		}
	}
	return b.Told.Truncate(24 * time.Hour)
}

// StatementTold puts a statement on record once its bookings are: that it was told, and whether it follows on the one before it. A
// gap is a warning, never an error: the file that fills it may come later. Announcements that it leaves behind
// lapse. counted is what its lines sum to.
func (e *Engine) StatementTold(ctx context.Context, n Network, st rail.Statement, counted Lines) (*BankStatement, error) {
	told, err := e.statementTold(ctx, n, st, counted)
	if err != nil {
		return nil, err
	}
	return told, e.lapse(ctx, n, st)
}

func (e *Engine) statementTold(ctx context.Context, n Network, st rail.Statement, counted Lines) (*BankStatement, error) {
	var told *BankStatement
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		s := newBankStatement(n, st)
		s.Bookings, s.Credits, s.Debits, s.Told = counted.Count, counted.Credits, counted.Debits, tx.Now()
		was, err := tx.BankStatement(s)
		if err != nil {
			return err
		}
		if was != nil {
			told = was
			return nil
		}
		told = &s
		if s.Closes() {
			if err := follow(tx, &s); err != nil {
				return err
			}
		}
		return tx.SaveBankStatement(&s)
	})
	return told, err
}

// Lines is what the booked lines of a statement sum to, in what was read.
type Lines struct {
	Count           int
	Credits, Debits money.Amount
}

// follow notes what statements say that go on from others, now that s is there: those of its day, and the first behind them.
func follow(tx Tx, s *BankStatement) error {
	day, before, after, err := dayAround(tx, s)
	if err != nil {
		return err
	}
	var last *BankStatement // of the day before
	if before != nil {
		list, _, _, err := dayAround(tx, before)
		if err != nil {
			return err
		}
		_, last = endsOf(list)
	}
	first, end := endsOf(day)
	for i, one := range day {
		from := last
		if one != first && i > 0 {
			from = day[i-1]
		}
		if one != first && slices.ContainsFunc(day, func(other *BankStatement) bool { return other != one && sameAmount(other.Closing, one.Opening) }) {
			from = nil // banks that give no numbers tell a day's statements in any order
		}
		if err := one.follows(tx, from, one == s); err != nil {
			return err
		}
	}
	if after == nil {
		return nil
	}
	next, _, _, err := dayAround(tx, after)
	if err != nil {
		return err
	}
	begins, _ := endsOf(next)
	return begins.follows(tx, end, false)
}

// dayAround is the closing statements of a statement's day with itself, and the one next before them and behind; nil where there is none.
func dayAround(tx Tx, s *BankStatement) (day []*BankStatement, before, after *BankStatement, err error) {
	day = []*BankStatement{s}
	for _, behind := range []bool{false, true} {
		for at := s; len(day) < maxOfDay; {
			beside, err := tx.BankStatementBeside(*at, behind)
			if err != nil {
				return nil, nil, nil, err
			}
			if beside == nil || !beside.To.Equal(s.To) {
				if behind {
					after = beside
				} else {
					before = beside
				}
				break
			}
			day, at = append(day, beside), beside
		}
	}
	return day, before, after, nil
}

// follows notes whether a statement goes on where another one ended. own says that whoever asked saves it.
func (s *BankStatement) follows(tx Tx, before *BankStatement, own bool) error {
	was := s.Warning
	s.Warning = ""
	if before != nil && !sameAmount(before.Closing, s.Opening) {
		s.Warning = "opens with " + s.Opening.String() + ", and the statement before it closes with " + before.Closing.String() + ": one is missing"
	}
	if own || s.Warning == was {
		return nil
	}
	return tx.SaveBankStatement(s)
}

// newBankStatement names a statement by all that it says of itself. One with both balances is named without the bank's id: a bank gives
// another one when it tells a statement again, and days, number and balances say which it is.
func newBankStatement(n Network, st rail.Statement) BankStatement {
	s := BankStatement{Statement: st, Network: n.ID, Rail: n.Rail, Mode: n.Mode}
	id := st.ID
	if s.Closes() {
		id = ""
	}
	h := sha256.New()
	for _, part := range []string{st.Account, id, st.Number, day(st.From), day(st.To), strconv.FormatBool(st.Intraday), strconv.FormatBool(st.Notice), balance(st.Opening, st.HasOpening), balance(st.Closing, st.HasClosing)} {
		h.Write([]byte(strconv.Quote(part)))
	}
	s.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return s
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func balance(a money.Amount, has bool) string {
	if !has {
		return ""
	}
	return a.String()
}

// Place sorts a bank's statements: by their last day, then by the bank's number, then by what else it says.
func (s *BankStatement) Place() string {
	return s.To.UTC().Format(time.DateOnly) + "/" + s.placeOfNumber() + "/" + s.Digest
}

// placeOfNumber is the bank's number as it sorts; what begins with no digit is nought.
func (s *BankStatement) placeOfNumber() string {
	digits := ""
	for _, c := range s.Number {
		if c < '0' || c > '9' {
			break
		}
		digits += string(c)
	}
	return strings.Repeat("0", max(0, 20-len(digits))) + digits
}
