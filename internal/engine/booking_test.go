package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/party"
	"till/internal/rail"
	"till/internal/verify"
)

// giro is a bank account that files are exchanged about.
var giro = engine.Network{ID: "giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Prefix: "RF", Custodial: true, Tokens: []engine.Token{{Asset: eur}}}

var giroDay = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// bankKit is a kit whose engine has the bank account alone.
func bankKit(t *testing.T) *kit {
	k := newKit(t)
	k.engine = engine.New(k.store, []engine.Network{giro}, nil).WithBatches(map[rail.Name]rail.Batcher{giro.Rail: batches{}})
	k.must(k.engine.Observe(context.Background(), giro, engine.Report{Progress: engine.Progress{Rail: giro.Rail, Fence: 1}}))
	return k
}

// batches is a rail that has sent what its memory says in one file.
type batches struct{ rail.Batcher }

func (batches) Batch(m rail.Memory, id string) ([]string, error) {
	text, err := m.Get("file/" + id)
	if len(text) == 0 {
		return nil, err
	}
	return strings.Split(string(text), ","), err
}

// invoice is an order of shop that is paid to a reference on the bank account.
func (k *kit) invoice(n int64) *engine.Order {
	k.Helper()
	asked := k.ask(shop, giro)
	asked.Instrument = engine.Made
	return k.order(withTerms(asked, func(t *order.Terms) {
		t.Book, t.Due = ledger.Owed("shop"), units(eur, n)
		t.To, t.Deadline, t.SeenWaits, t.ConfirmBy = t.Book.Account(ledger.Merchant), at(30*24*time.Hour), false, time.Time{}
	}))
}

// payout is an order of shop that is paid out by the bank, and its transfer, which is under way.
func (k *kit) payout(n int64) (*engine.Order, string) {
	k.Helper()
	o := k.order(engine.NewOrder{
		Scope: shop, PublicID: k.unique("out"), Destination: engine.Destination{Rail: giro.Rail, To: "DE99"},
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: ledger.Owed("shop"), Due: units(eur, n), To: ledger.House.Account(ledger.PayeeOn(string(giro.Rail))), FromBalance: true, Sends: 1}, nil, nil
		},
	})
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Sent, ""))
	return o, job.ID
}

// Bookings.

func credit(reference string, n int64, names ...string) rail.Booking {
	return rail.Booking{Reference: reference, Amount: units(eur, n), Credit: true, Booked: giroDay, Value: giroDay, References: names,
		Party: rail.Party{Name: "Somebody Else", Account: "ES77"}, Text: "for you"}
}

func debit(reference string, n int64, endToEnd string) rail.Booking {
	return rail.Booking{Reference: reference, Amount: units(eur, n), Booked: giroDay, Value: giroDay, EndToEnd: endToEnd}
}

func with(b rail.Booking, change func(b *rail.Booking)) rail.Booking { change(&b); return b }

func (k *kit) imports(list ...rail.Booking) engine.ImportCounts {
	k.Helper()
	done, err := k.engine.Import(context.Background(), giro, rail.Statement{Account: "DE00", Asset: eur}, list)
	k.must(err)
	return done
}

func (k *kit) booked(reference string) engine.Booking {
	k.Helper()
	list, err := k.engine.Bookings(context.Background(), engine.BookingFilter{Rail: giro.Rail, Limit: 1000})
	k.must(err)
	for _, b := range list {
		if b.Key == reference {
			return b
		}
	}
	k.Fatalf("there is no booking %s", reference)
	return engine.Booking{}
}

// atBank is what the ledger says lies at the bank.
func (k *kit) atBank() int64 {
	k.Helper()
	b, err := k.engine.BankBalance(context.Background(), giro)
	k.must(err)
	return k.int(b.Ledger)
}

func (k *kit) int(a money.Amount) int64 {
	k.Helper()
	n, err := strconv.ParseInt(a.Units(), 10, 64)
	k.must(err)
	return n
}

func (k *kit) house(r ledger.Role) string {
	k.Helper()
	return k.balance(engine.Sandbox, ledger.House.Account(r), eur)
}

// checkBooks is the whole proof of the books.
func (k *kit) checkBooks() {
	k.Helper()
	k.must(k.store.Audit(context.Background(), func(r verify.Reader) error {
		report, err := verify.Run(r, verify.Options{})
		if err != nil {
			return err
		}
		for _, p := range report.Problems {
			k.Error(p)
		}
		return nil
	}))
}

// case 66: a line that is told again, in the same or another file, is one payment; one reference paid twice is two.
func TestBookingsAreStoredOnce(t *testing.T) {
	k := bankKit(t)
	o := k.invoice(100)
	first := credit("B1", 100, o.Instrument.Value)
	done := k.imports(first, first)
	want(k, "done", done, engine.ImportCounts{Booked: 1, Matched: 1, Repeated: 1})
	k.wantState(o, order.Completed)
	want(k, "again", k.imports(first), engine.ImportCounts{Repeated: 1})
	b := k.booked("B1")
	want(k, "its order", b.Order, o.ID)
	want(k, "its state", b.State, engine.BookingMatched)
	p := k.payment(o, "B1")
	want(k, "evidence", fmt.Sprint(p.Evidence.Name, "|", p.Evidence.From, "|", p.Evidence.Text), "Somebody Else|ES77|for you")
	want(k, "twice paid", k.imports(credit("B2", 100, o.Instrument.Value)), engine.ImportCounts{Booked: 1, Suspense: 1})
	twice := k.booked("B2")
	want(k, "its state", fmt.Sprint(twice.State, " of ", twice.Order == o.ID, ": ", twice.Note), "suspense of true: is of its order and lies in suspense/extra")
	_, err := k.engine.AcceptProposal(context.Background(), twice.ID, k.invoice(100).ID, "olga")
	k.wantCode(err, fault.CodeOrderStateConflict)
	want(k, "beside the order", k.share(o, ledger.Extra), "100")
	want(k, "at the bank", k.atBank(), 200)
	k.checkBooks()
}

// case 66: a reference that the bank gives to several lines names each of them, whatever file tells them in whatever order.
func TestReferencesThatBanksReuse(t *testing.T) {
	later := func(b *rail.Booking) { b.Booked, b.Value = giroDay.AddDate(0, 0, 1), giroDay.AddDate(0, 0, 1) }
	whole := with(credit("0001", 70), later)
	part := func(n int64, part string) rail.Booking {
		return with(credit("0001/"+part, n), func(b *rail.Booking) {
			later(b)
			b.Whole, b.Part, b.WholeMark = "0001", part, rail.LineMark(whole)
		})
	}
	all := []rail.Booking{
		credit("0001", 100), with(credit("0001", 100), later), credit("0001", 40), debit("0001", 5, ""), whole, part(50, "1"), part(20, "2"),
	}
	for seed := range uint64(20) {
		k := bankKit(t)
		shuffle := rand.New(rand.NewPCG(seed, 66))
		list := append(slices.Clone(all), all...)
		shuffle.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for len(list) > 0 {
			n := 1 + shuffle.IntN(len(list))
			k.imports(list[:n]...)
			list = list[n:]
		}
		want(k, "at the bank", k.atBank(), 100+100+40-5+70)
		want(k, "again", k.imports(all...), engine.ImportCounts{Repeated: len(all)})
		k.checkBooks()
	}
	k := bankKit(t)
	k.imports(credit("0001", 100), credit("0001", 40))
	dayBefore := with(credit("0001", 40), func(b *rail.Booking) { b.Booked = giroDay.AddDate(0, 0, -1) })
	want(k, "another file has the day wrong", k.imports(dayBefore), engine.ImportCounts{Repeated: 1})
	want(k, "the note", k.booked("0001@"+rail.LineMark(dayBefore)).Note, "the bank has given this reference to another line too")
}

// case 66: a reference with a typing error is only proposed, and a person's word makes it a payment.
func TestNearReferencesAreProposed(t *testing.T) {
	k := bankKit(t)
	o, other := k.invoice(100), k.invoice(70)
	near := with(credit("B1", 100), func(b *rail.Booking) { b.Near = []string{o.Instrument.Value, "RFunknown"} })
	want(k, "done", k.imports(near), engine.ImportCounts{Booked: 1, Proposed: 1})
	k.wantState(o, order.Waiting)
	b := k.booked("B1")
	if len(b.Proposals) != 1 || b.Proposals[0].Order != o.ID || b.Proposals[0].Why != engine.ProposedNear {
		t.Fatalf("proposed are %+v", b.Proposals)
	}
	want(k, "in suspense", k.house(ledger.Stray), "100")
	_, err := k.engine.DismissProposal(context.Background(), b.ID, other.ID, "olga")
	k.wantCode(err, fault.CodeNotFound)
	_, err = k.engine.AcceptProposal(context.Background(), b.ID, o.ID, "olga")
	k.must(err)
	k.wantState(o, order.Completed)
	b = k.booked("B1")
	want(k, "its state", b.State, engine.BookingMatched)
	want(k, "its order", b.Order, o.ID)
	_, err = k.engine.AcceptProposal(context.Background(), b.ID, other.ID, "olga")
	k.wantCode(err, fault.CodeOrderStateConflict)
	want(k, "told again", k.imports(near), engine.ImportCounts{Repeated: 1})

	// One that a person says no to stays in suspense.
	k.imports(with(credit("B2", 5), func(b *rail.Booking) { b.Near = []string{other.Instrument.Value} }))
	b = k.booked("B2")
	for range 2 {
		_, err = k.engine.DismissProposal(context.Background(), b.ID, other.ID, "olga")
		k.must(err)
	}
	b = k.booked("B2")
	want(k, "its state", b.State, engine.BookingSuspense)
	want(k, "who said no", b.Proposals[0].Dismissed, "olga")
	actions := map[string]int{}
	k.rows(`SELECT what FROM actions`, nil, func(c []string) { actions[c[0]]++ })
	want(k, "dismissals on record", actions["proposal.dismiss"], 1)
	want(k, "assignments on record", actions["assign"], 1)
	k.checkBooks()
}

// case 67: two open orders of the same amount and no reference: nothing is matched, and nothing is proposed for the amount alone.
func TestAnAmountMatchesNothing(t *testing.T) {
	k := bankKit(t)
	c, err := k.engine.AddCustomer(context.Background(), engine.Customer{Scope: shop, Customer: party.Customer{ID: "c1", Kind: party.Person, FirstName: "José", LastName: "Pérez Gil", Country: "ES", Email: "jose@example.org"}})
	k.must(err)
	one, two := k.invoice(100), k.invoice(100)
	want(k, "done", k.imports(credit("B1", 100)), engine.ImportCounts{Booked: 1, Suspense: 1})
	k.wantState(one, order.Waiting)
	k.wantState(two, order.Waiting)

	// The payer is known: the order is proposed, also where the other one has the same amount.
	asked := k.ask(shop, giro)
	asked.Instrument, asked.Notify = engine.Made, engine.Notify{Customer: c.ID}
	his := k.order(withTerms(asked, func(t *order.Terms) {
		t.Book, t.Due = ledger.Owed("shop"), units(eur, 100)
		t.To, t.Deadline, t.SeenWaits, t.ConfirmBy = t.Book.Account(ledger.Merchant), at(30*24*time.Hour), false, time.Time{}
	}))
	payer := with(credit("B2", 100), func(b *rail.Booking) { b.Party.Name = "PEREZ GIL, JOSE" })
	want(k, "by the payer", k.imports(payer), engine.ImportCounts{Booked: 1, Proposed: 1})
	if list := k.booked("B2").Proposals; len(list) != 1 || list[0].Order != his.ID || list[0].Why != engine.ProposedPayer {
		t.Errorf("proposed are %+v", list)
	}
	k.wantState(his, order.Waiting)
	want(k, "another amount", k.imports(with(payer, func(b *rail.Booking) { b.Reference, b.Amount = "B3", units(eur, 99) })), engine.ImportCounts{Booked: 1, Suspense: 1})

	// Two orders named: neither is paid.
	want(k, "two named", k.imports(credit("B4", 100, one.Instrument.Value, two.Instrument.Value)), engine.ImportCounts{Booked: 1, Proposed: 1})
	want(k, "proposals", len(k.booked("B4").Proposals), 2)
	k.wantState(one, order.Waiting)
	want(k, "one named twice", k.imports(credit("B5", 100, one.Instrument.Value, one.Instrument.Value, "RFnobody")), engine.ImportCounts{Booked: 1, Matched: 1})
	want(k, "at the bank", k.atBank(), 499)
	k.checkBooks()
}

// case 63: genuine money in another amount, or for an order that ended, does not complete it: it is recorded.
func TestMoneyThatDoesNotFit(t *testing.T) {
	k := bankKit(t)
	o := k.invoice(100)
	k.imports(credit("B1", 99, o.Instrument.Value))
	k.wantState(o, order.Part)
	k.imports(credit("B2", 1, o.Instrument.Value), credit("B3", 40, o.Instrument.Value))
	k.wantState(o, order.Completed)
	want(k, "beside it", k.share(o, ledger.Extra), "40")

	late := k.invoice(100)
	k.imports(with(credit("B4", 100, late.Instrument.Value), func(b *rail.Booking) { b.Value = giroDay.AddDate(0, 2, 0) }))
	want(k, "late", k.share(late, ledger.Late), "100")
	k.wantState(late, order.Waiting)
	k.checkBooks()
}

// What is only announced moves nothing, and is replaced when it is booked.
func TestPendingBookings(t *testing.T) {
	k := bankKit(t)
	o := k.invoice(100)
	pending := with(credit("B1", 100, o.Instrument.Value), func(b *rail.Booking) { b.Pending, b.Booked = true, time.Time{} })
	want(k, "announced", k.imports(pending), engine.ImportCounts{Pending: 1})
	want(k, "announced again", k.imports(pending), engine.ImportCounts{Repeated: 1})
	k.wantState(o, order.Waiting)
	want(k, "at the bank", k.atBank(), 0)
	want(k, "booked", k.imports(credit("B1", 100, o.Instrument.Value)), engine.ImportCounts{Booked: 1, Matched: 1})
	want(k, "announced once more", k.imports(pending), engine.ImportCounts{Repeated: 1})
	want(k, "its state", k.booked("B1").State, engine.BookingMatched)
	want(k, "at the bank", k.atBank(), 100)
	k.checkBooks()
}

// What was announced and is booked by another reference, or not at all, lapses when its day's statement is told, or after a fortnight where there is
// none of whole days. Booked by its reference after all it counts.
func TestAnnouncementsLapse(t *testing.T) {
	k := bankKit(t)
	announced := func(reference string, day int) rail.Booking {
		return with(credit(reference, 10), func(b *rail.Booking) { b.Pending, b.Booked, b.Value = true, time.Time{}, giroDay.AddDate(0, 0, day) })
	}
	told := func(id string, day int, change func(*rail.Statement)) {
		t.Helper()
		d := giroDay.AddDate(0, 0, day)
		st := rail.Statement{Account: "DE00", ID: id, Asset: eur, Opening: units(eur, 0), Closing: units(eur, 0), HasOpening: true, HasClosing: true, From: d, To: d}
		if change != nil {
			change(&st)
		}
		if id == "own" {
			_, err := k.engine.Import(context.Background(), giro, st, []rail.Booking{announced("P3", 1)})
			k.must(err)
		}
		_, err := k.engine.StatementTold(context.Background(), giro, st, engine.Lines{Credits: units(eur, 0), Debits: units(eur, 0)})
		k.must(err)
	}
	states := func(want ...engine.BookingState) {
		t.Helper()
		for i, state := range want {
			if got := k.booked(fmt.Sprint("P", i+1)).State; got != state {
				t.Errorf("P%d is %s, want %s", i+1, got, state)
			}
		}
	}
	const pending, lapsed = engine.BookingPending, engine.BookingLapsed
	k.imports(announced("P1", 0), announced("P2", 1), announced("P3", 1), announced("P4", 9))
	told("so far", 0, func(st *rail.Statement) { st.Intraday = true })
	states(pending, pending, pending, pending)
	told("day 0", 0, nil)
	states(lapsed, pending, pending, pending)
	told("own", 1, nil) // it announces P3 again
	states(lapsed, lapsed, pending, pending)
	told("notice", 15, func(st *rail.Statement) { st.Notice = true })
	states(lapsed, lapsed, lapsed, pending)
	want(k, "announced again", k.imports(announced("P1", 0)), engine.ImportCounts{Repeated: 1})
	states(lapsed)
	want(k, "at the bank", k.atBank(), 0)
	want(k, "booked after all", k.imports(credit("P1", 10)), engine.ImportCounts{Booked: 1, Suspense: 1})
	want(k, "at the bank", k.atBank(), 10)
	for i := range 3 { // more than one transaction takes
		var many []rail.Booking
		for n := range engine.MaxBookings {
			many = append(many, announced(fmt.Sprintf("M%d-%d", i, n), 2))
		}
		k.imports(many...)
	}
	told("day 8", 8, func(st *rail.Statement) { st.Closing = units(eur, 10) })
	list, err := k.engine.Bookings(context.Background(), engine.BookingFilter{Rail: giro.Rail, State: pending, Limit: 2000})
	k.must(err)
	want(k, "still pending", len(list), 1)
	k.checkBooks()
}

// A statement closes payouts: one by one, as a batch whose sum is exactly that of the file, and what comes back is told.
func TestBookingsCloseTransfers(t *testing.T) {
	k := bankKit(t)
	in := k.invoice(1000)
	k.imports(credit("B0", 1000, in.Instrument.Value))
	one, oneID := k.payout(100)
	want(k, "paid", k.imports(debit("D1", 100, strings.ToUpper(oneID))), engine.ImportCounts{Booked: 1, Transfers: 1})
	k.wantState(one, order.Completed)
	want(k, "the bank's reference", string(k.now(one).Sendings[oneID].Ref), "D1")

	// It comes back, less what a bank on the way kept.
	back := with(credit("R1", 97), func(b *rail.Booking) { b.EndToEnd, b.Return = oneID, "AC04" })
	want(k, "returned", k.imports(back), engine.ImportCounts{Booked: 1, Returned: 1})
	want(k, "the transfer", k.now(one).Transfers[0].State, order.TransferReturned)
	want(k, "the reason", k.now(one).Sendings[oneID].Reason, "AC04")
	want(k, "the balance", k.balanceOf("shop"), "1000")
	want(k, "the house bears", k.house(ledger.Loss), "-3")
	story := k.story(one)
	if ev := story.Events[len(story.Events)-1]; ev.Type != "delivery.returned" || ev.Facts.Details["reason"] != "AC04" {
		t.Errorf("the last event is %+v", ev)
	}
	want(k, "told again", k.imports(debit("D1", 100, oneID), back), engine.ImportCounts{Repeated: 2})

	// A batch: one line for a file.
	two, twoID := k.payout(50)
	three, threeID := k.payout(60)
	k.must(k.engine.State(giro.Rail).Update(context.Background(), func(m rail.Memory) error { return m.Put("file/F1", []byte(twoID+","+threeID)) }))
	batch := with(debit("D2", 109, ""), func(b *rail.Booking) { b.Batch = "F1" })
	want(k, "another sum", k.imports(batch).Expenses, 1)
	k.wantState(two, order.Delivering)
	batch.Reference, batch.Amount = "D3", units(eur, 110)
	want(k, "the sum", k.imports(batch), engine.ImportCounts{Booked: 1, Transfers: 1})
	k.wantState(two, order.Completed)
	k.wantState(three, order.Completed)

	// What was paid is not paid again: a second debit is nobody's.
	want(k, "a second debit", k.imports(debit("D4", 60, threeID)).Expenses, 1)
	want(k, "at the bank", k.atBank(), 1000-100+97-109-110-60)
	k.checkBooks()
}

// case 65: what comes back before it was told to have left waits in suspense, and ends as if it had been told in order.
func TestReturnsBeforeTheirDebit(t *testing.T) {
	k := bankKit(t)
	in := k.invoice(1000)
	k.imports(credit("B0", 1000, in.Instrument.Value))
	o, id := k.payout(100)
	back := with(credit("R1", 100), func(b *rail.Booking) { b.EndToEnd, b.Return = id, "AC01" })
	want(k, "returned first", k.imports(back), engine.ImportCounts{Booked: 1, Suspense: 1})
	k.wantState(o, order.Delivering)
	want(k, "in suspense", k.house(ledger.Stray), "100")
	want(k, "at the bank", k.atBank(), 1100)
	k.imports(debit("D1", 100, id))
	k.wantState(o, order.Completed)
	want(k, "the transfer", k.now(o).Transfers[0].State, order.TransferReturned)
	want(k, "in suspense", k.house(ledger.Stray), "0")
	want(k, "the balance", k.balanceOf("shop"), "1000")
	want(k, "at the bank", k.atBank(), 1000)
	want(k, "its state", k.booked("R1/return").State, engine.BookingTransfer)
	k.checkBooks()
}

// A debit that nobody knows is the house's loss, with an alarm; taken back it is as if it had not been.
func TestUnknownDebits(t *testing.T) {
	k := bankKit(t)
	k.imports(debit("D1", 30, "nobody's"))
	want(k, "the loss", k.house(ledger.Loss), "-30")
	alarms := 0
	k.rows(`SELECT type FROM events WHERE type = 'bank.expense'`, nil, func([]string) { alarms++ })
	want(k, "alarms", alarms, 1)
	want(k, "at the bank", k.atBank(), -30)
	reversal := with(credit("X1", 30), func(b *rail.Booking) { b.Reversal, b.Original = true, "D1" })
	want(k, "taken back", k.imports(reversal), engine.ImportCounts{Booked: 1, Reversed: 1})
	want(k, "the loss", k.house(ledger.Loss), "0")
	want(k, "its state", k.booked("D1").State, engine.BookingReversed)
	want(k, "at the bank", k.atBank(), 0)
	k.checkBooks()
}

// case 65: a debit that nobody knows and that was taken back before it was told is nobody's loss.
func TestDebitsTakenBackBefore(t *testing.T) {
	for what, back := range map[string]rail.Booking{
		"by a reference of its own": with(credit("X1", 30), func(b *rail.Booking) { b.Reversal, b.Original = true, "D1" }),
		"by the debit's":            with(credit("D1", 30), func(b *rail.Booking) { b.Reversal = true }),
		"by what we called it":      with(credit("X1", 30), func(b *rail.Booking) { b.Return, b.EndToEnd = "AC04", "nobody's" }),
	} {
		t.Run(what, func(t *testing.T) {
			k := bankKit(t)
			want(k, "taken back", k.imports(back), engine.ImportCounts{Booked: 1, Suspense: 1})
			want(k, "at the bank", k.atBank(), 30)
			want(k, "the debit", k.imports(debit("D1", 30, "nobody's")), engine.ImportCounts{Booked: 1, Reversed: 1})
			want(k, "the loss", k.house(ledger.Loss), "0")
			want(k, "in suspense", k.house(ledger.Stray), "0")
			want(k, "at the bank", k.atBank(), 0)
			want(k, "its state", k.booked("D1").State, engine.BookingReversed)
			want(k, "told again", k.imports(back, debit("D1", 30, "nobody's")), engine.ImportCounts{Repeated: 2})
			k.checkBooks()
		})
	}
}

// A credit that the bank takes back is a reversed payment, in whichever order it is told.
func TestReversedCredits(t *testing.T) {
	for _, inOrder := range []bool{true, false} {
		t.Run(fmt.Sprint(inOrder), func(t *testing.T) {
			k := bankKit(t)
			o := k.invoice(100)
			paid := with(credit("B1", 60, o.Instrument.Value), func(b *rail.Booking) { b.EndToEnd = "theirs" })
			back := with(debit("B1", 60, "theirs"), func(b *rail.Booking) { b.Reversal = true })
			list := []rail.Booking{paid, back}
			if !inOrder {
				slices.Reverse(list)
			}
			for _, b := range list {
				k.imports(b)
			}
			k.wantState(o, order.Waiting)
			want(k, "the payment", k.payment(o, "B1").Rank, order.RankReversed)
			want(k, "the loss", k.house(ledger.Loss), "0")
			want(k, "at the bank", k.atBank(), 0)
			want(k, "the credit", k.booked("B1").State, engine.BookingReversed)
			want(k, "the debit", k.booked("B1/reversal").State, engine.BookingReversal)
			k.checkBooks()
		})
	}
}

// A batch that one file tells as a line and another by its transactions counts once, in whichever order.
func TestBatchesInTwoFiles(t *testing.T) {
	for _, inOrder := range []bool{true, false} {
		t.Run(fmt.Sprint(inOrder), func(t *testing.T) {
			k := bankKit(t)
			one, two := k.invoice(100), k.invoice(50)
			part := func(b rail.Booking, part string) rail.Booking {
				b.Whole, b.Part, b.Reference, b.WholeMark = "W", part, "W/"+part, rail.LineMark(credit("W", 150))
				return b
			}
			files := [][]rail.Booking{{credit("W", 150)}, {part(credit("", 100, one.Instrument.Value), "1"), part(credit("", 50, two.Instrument.Value), "2")}}
			if !inOrder {
				slices.Reverse(files)
			}
			for _, list := range append(files, files...) {
				k.imports(list...)
			}
			k.wantState(one, order.Completed)
			k.wantState(two, order.Completed)
			want(k, "in suspense", k.house(ledger.Stray), "0")
			want(k, "at the bank", k.atBank(), 150)
			want(k, "the whole", k.booked("W").State, engine.BookingSplit)
			want(k, "its amount", k.booked("W").Amount.Units(), "150")
			k.checkBooks()
		})
	}
}

func TestImportRefuses(t *testing.T) {
	k := bankKit(t)
	ctx := context.Background()
	for what, list := range map[string][]rail.Booking{
		"reference": {credit("", 1)},
		"amount":    {credit("a", 0)},
		"bookings":  make([]rail.Booking, engine.MaxBookings+1),
	} {
		k.unchanged("an import without "+what, func() {
			_, err := k.engine.Import(ctx, giro, rail.Statement{}, append([]rail.Booking{credit("fine", 1)}, list...))
			k.wantCode(err, fault.CodeInvalidValue)
			var f *fault.Error
			if !errors.As(err, &f) || f.Param != what {
				t.Errorf("the error is on %+v, want %s", f, what)
			}
		})
	}
	other := credit("a", 1)
	other.Amount = money.FromInt(northUSDT, 1)
	_, err := k.engine.Import(ctx, giro, rail.Statement{}, []rail.Booking{other})
	k.wantCode(err, fault.CodeInvalidValue)
	fake := giro
	fake.Mode, fake.Simulated = engine.Live, true
	_, err = k.engine.Import(ctx, fake, rail.Statement{}, nil)
	k.wantCode(err, fault.CodeForbidden)
}

// Statements follow on; a gap is a warning until the file comes that fills it.
func TestStatementsFollowOn(t *testing.T) {
	k := bankKit(t)
	told := func(day int, opening, closing int64) *engine.BankStatement {
		t.Helper()
		d := giroDay.AddDate(0, 0, day)
		st := rail.Statement{Account: "DE00", ID: fmt.Sprint(day), Asset: eur, Opening: units(eur, opening), Closing: units(eur, closing), HasOpening: true, HasClosing: true, From: d, To: d}
		got, err := k.engine.StatementTold(context.Background(), giro, st, engine.Lines{Count: 1, Credits: units(eur, 0), Debits: units(eur, 0)})
		k.must(err)
		return got
	}
	want(k, "the first", told(0, 500, 600).Warning, "")
	if gap := told(2, 650, 700); !strings.Contains(gap.Warning, "6.50") || !strings.Contains(gap.Warning, "6.00") {
		t.Errorf("the gap is %q", gap.Warning)
	}
	want(k, "the one between", told(1, 600, 650).Warning, "")
	want(k, "told again", told(2, 650, 700).Warning, "")
	list, err := k.engine.BankStatements(context.Background(), engine.StatementFilter{Rail: giro.Rail, Limit: 10})
	k.must(err)
	want(k, "statements", len(list), 3)

	k.imports(credit("B1", 200), with(credit("B2", 7), func(b *rail.Booking) { b.Booked = giroDay.AddDate(0, 0, 3) }))
	b, err := k.engine.BankBalance(context.Background(), giro)
	k.must(err)
	want(k, "the ledger", b.Ledger.Units(), "207")
	want(k, "booked outside", b.Outside.Units(), "7")
	want(k, "the difference", b.Difference.Units(), "0")
	k.imports(debit("B3", 1, ""))
	b, err = k.engine.BankBalance(context.Background(), giro)
	k.must(err)
	want(k, "the difference", b.Difference.Units(), "-1")
}

// case 66: whatever order overlapping files come in, and however often, the books are the same, and closing equals the ledger.
func TestAnyOrderOfFilesGivesTheSameBooks(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var first map[line]money.Amount
			for run := range uint64(3) {
				got := playFiles(t, rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, run)))
				if run == 0 {
					first = got
				} else if fmt.Sprint(sortedLines(got)) != fmt.Sprint(sortedLines(first)) {
					t.Fatalf("run %d ends with\n%v\nand the first with\n%v", run, sortedLines(got), sortedLines(first))
				}
			}
		})
	}
}

func sortedLines(books map[line]money.Amount) (list []string) {
	for l, a := range books {
		list = append(list, string(l.account)+" "+a.String())
	}
	slices.Sort(list)
	return list
}

// playFiles imports lines that one source of chance makes, in an order that the other one makes, and returns the books.
func playFiles(t *testing.T, lines, shuffle *rand.Rand) map[line]money.Amount {
	k := bankKit(t)
	fund := k.invoice(100_000)
	all := []rail.Booking{credit("fund", 100_000, fund.Instrument.Value)}
	k.imports(all...)
	var orders []*engine.Order
	for range 12 {
		orders = append(orders, k.invoice(100+lines.Int64N(3)*50))
	}
	sum := int64(100_000)
	add := func(b rail.Booking) {
		all = append(all, b)
		n := k.int(b.Amount)
		if !b.Credit {
			n = -n
		}
		sum += n
	}
	for i, o := range orders {
		due := k.int(o.Terms.Due)
		name := fmt.Sprint("C", i)
		switch lines.IntN(6) {
		case 0: // nothing
		case 1: // in two parts
			add(credit(name+"a", 40, o.Instrument.Value))
			add(credit(name+"b", due-40, o.Instrument.Value))
		case 2: // twice
			add(credit(name+"a", due, o.Instrument.Value))
			add(credit(name+"b", due, o.Instrument.Value))
		case 3: // with a slip
			add(with(credit(name, due), func(b *rail.Booking) { b.Near = []string{o.Instrument.Value} }))
		case 4: // in part, and taken back by its bank
			add(credit(name, due-1, o.Instrument.Value))
			add(with(debit(name, due-1, ""), func(b *rail.Booking) { b.Reversal = true }))
		default:
			add(credit(name, due, o.Instrument.Value))
		}
	}
	for i := range 8 {
		n := 10 + lines.Int64N(20)
		_, id := k.payout(n)
		name := fmt.Sprint("D", i)
		switch lines.IntN(4) {
		case 0: // under way
		case 1: // and back
			add(debit(name, n, id))
			add(with(credit("R"+name, n), func(b *rail.Booking) { b.EndToEnd, b.Return = id, "AC01" }))
		case 2: // of nobody, and perhaps back, by a name of its own or by the debit's
			add(debit(name, n, ""))
			switch lines.IntN(3) {
			case 0:
				add(with(credit("R"+name, n), func(b *rail.Booking) { b.Reversal, b.Original = true, name }))
			case 1:
				add(with(credit(name, n), func(b *rail.Booking) { b.Reversal = true }))
			}
		default:
			add(debit(name, n, id))
		}
	}
	var files [][]rail.Booking
	for range 6 { // files that overlap
		from := shuffle.IntN(len(all))
		files = append(files, all[from:min(len(all), from+1+shuffle.IntN(10))])
	}
	for _, b := range all {
		files = append(files, []rail.Booking{b})
	}
	shuffle.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for _, list := range files {
		list = slices.Clone(list)
		shuffle.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		k.imports(list...)
	}
	want(k, "lines twice", k.imports(all...).Booked, 0)
	_, err := k.engine.StatementTold(context.Background(), giro, rail.Statement{Account: "DE00", ID: "all", Asset: eur, Opening: units(eur, 0), Closing: units(eur, sum),
		HasOpening: true, HasClosing: true, From: giroDay, To: giroDay}, engine.Lines{Count: len(all), Credits: units(eur, 0), Debits: units(eur, 0)})
	k.must(err)
	b, err := k.engine.BankBalance(context.Background(), giro)
	k.must(err)
	want(k, "the difference", b.Difference.Units(), "0")
	k.checkBooks()
	return k.balances()
}

// A batch that the bank's statement books as one line, and whose single bookings a notice tells under other references, counts once,
// whichever comes first. A single booking that a statement tells as well counts beside the line.
func TestBatchesCountOnce(t *testing.T) {
	notice, statement := rail.Statement{Account: "DE00", Asset: eur, Notice: true}, rail.Statement{Account: "DE00", Asset: eur}
	tell := func(k *kit, st rail.Statement, list ...rail.Booking) engine.ImportCounts {
		t.Helper()
		done, err := k.engine.Import(context.Background(), giro, st, list)
		k.must(err)
		return done
	}
	k := bankKit(t)
	one, two := k.invoice(100), k.invoice(40)
	of := func(b rail.Booking) rail.Booking { b.Batch = "X"; return b }
	singles := []rail.Booking{of(credit("S1", 100, one.Instrument.Value)), of(credit("S2", 40, two.Instrument.Value))}
	line := of(rail.Booking{Reference: "L", Amount: units(eur, 140), Credit: true, Booked: giroDay, Value: giroDay})

	want(k, "the notice", tell(k, notice, singles...), engine.ImportCounts{Booked: 2, Matched: 2})
	want(k, "the statement", tell(k, statement, line), engine.ImportCounts{Repeated: 1})
	want(k, "the line", k.booked("L").State, engine.BookingSplit)
	want(k, "both again", fmt.Sprint(tell(k, statement, line).Repeated, tell(k, notice, singles...).Repeated), "1 2")
	want(k, "at the bank", k.atBank(), 140)
	k.checkBooks()

	// The statement first: the line counts, and what it is made of does not.
	k = bankKit(t)
	one = k.invoice(100)
	singles[0].References = []string{one.Instrument.Value}
	want(k, "the statement", tell(k, statement, line), engine.ImportCounts{Booked: 1, Suspense: 1})
	want(k, "the notice", tell(k, notice, singles...), engine.ImportCounts{Repeated: 2})
	want(k, "a single booking", k.booked("S1").State, engine.BookingDetail)
	want(k, "at the bank", k.atBank(), 140)
	k.wantState(one, order.Waiting)
	// What the statement of the next day tells as a line of its own is one.
	want(k, "as a line", tell(k, statement, singles[0]), engine.ImportCounts{Booked: 1, Matched: 1})
	want(k, "and again", tell(k, statement, singles[0]), engine.ImportCounts{Repeated: 1})
	want(k, "at the bank", k.atBank(), 240)
	k.wantState(one, order.Completed)
	k.checkBooks()

	// What does not make the line's amount counts beside it, and says so.
	k = bankKit(t)
	tell(k, notice, of(credit("S1", 100)))
	want(k, "the statement", tell(k, statement, line), engine.ImportCounts{Booked: 1, Suspense: 1})
	if note := k.booked("L").Note; !strings.Contains(note, "may count twice") {
		t.Errorf("the note is %q", note)
	}
	// On another day it is another batch, of whoever gives them the same names.
	next := with(line, func(b *rail.Booking) {
		b.Reference, b.Booked, b.Value = "M", giroDay.AddDate(0, 0, 1), giroDay.AddDate(0, 0, 1)
	})
	want(k, "another day", tell(k, statement, next), engine.ImportCounts{Booked: 1, Suspense: 1})
	want(k, "its note", k.booked("M").Note, "")
	k.checkBooks()

	// Pay-outs that a notice closes one by one, and a statement as a file of ours.
	k = bankKit(t)
	k.imports(credit("B0", 1000, k.invoice(1000).Instrument.Value))
	out, id := k.payout(100)
	want(k, "the notice", tell(k, notice, of(debit("D1", 100, id))), engine.ImportCounts{Booked: 1, Transfers: 1})
	want(k, "the statement", tell(k, statement, of(debit("D2", 100, ""))), engine.ImportCounts{Repeated: 1})
	k.wantState(out, order.Completed)
	k.checkBooks()
}

// What a notice told alone and a statement tells as a part of its batch, under another reference, counts once; what nobody can recognise counts and is
// alarmed.
func TestPartsOfABatchToldBefore(t *testing.T) {
	notice, statement := rail.Statement{Account: "DE00", Asset: eur, Notice: true}, rail.Statement{Account: "DE00", Asset: eur}
	tell := func(k *kit, st rail.Statement, list ...rail.Booking) engine.ImportCounts {
		t.Helper()
		done, err := k.engine.Import(context.Background(), giro, st, list)
		k.must(err)
		return done
	}
	of := func(b rail.Booking) rail.Booking { b.Batch = "X"; return b }
	part := func(b rail.Booking, n string, whole int64) rail.Booking {
		b.Batch, b.Whole, b.Part, b.Reference, b.WholeMark = "X", "W", n, "W/"+n, rail.LineMark(credit("W", whole))
		return b
	}
	alarms := func(k *kit) (n int) {
		t.Helper()
		k.rows(`SELECT type FROM events WHERE type = 'bank.twice'`, nil, func([]string) { n++ })
		return n
	}
	k := bankKit(t)
	one, two := k.invoice(100), k.invoice(40)
	singles := []rail.Booking{of(credit("S1", 100, one.Instrument.Value)), of(credit("S2", 40, two.Instrument.Value))}
	parts := []rail.Booking{part(credit("", 100, one.Instrument.Value), "1", 140), part(credit("", 40, two.Instrument.Value), "2", 140)}
	want(k, "the notice", tell(k, notice, singles...), engine.ImportCounts{Booked: 2, Matched: 2})
	want(k, "the statement", tell(k, statement, parts...), engine.ImportCounts{Repeated: 2})
	want(k, "both again", fmt.Sprint(tell(k, statement, parts...).Repeated, tell(k, notice, singles...).Repeated), "2 2")
	want(k, "a part", k.booked("W/1").State, engine.BookingDetail)
	want(k, "at the bank", k.atBank(), 140)
	want(k, "alarms", alarms(k), 0)
	k.wantState(two, order.Completed)
	k.checkBooks()

	// One that was told once counts once, and the other one that says the same counts too.
	k = bankKit(t)
	tell(k, notice, of(credit("S1", 100)))
	want(k, "two that say the same", tell(k, statement, part(credit("", 100), "1", 200), part(credit("", 100), "2", 200)), engine.ImportCounts{Booked: 1, Suspense: 1, Repeated: 1})
	want(k, "at the bank", k.atBank(), 200)
	k.checkBooks()

	// Another payer's, and the same on another day.
	k = bankKit(t)
	tell(k, notice, of(credit("S1", 100)))
	other := with(part(credit("", 100), "1", 100), func(b *rail.Booking) { b.Party.Name = "Nobody Known" })
	want(k, "another's", tell(k, statement, other), engine.ImportCounts{Booked: 1, Suspense: 1})
	if note := k.booked("W/1").Note; !strings.Contains(note, "may count twice") {
		t.Errorf("the note is %q", note)
	}
	want(k, "alarms", alarms(k), 1)
	next := with(part(credit("", 100), "1", 100), func(b *rail.Booking) {
		b.Whole, b.Reference, b.Booked, b.Value = "V", "V/1", giroDay.AddDate(0, 0, 1), giroDay.AddDate(0, 0, 1)
	})
	want(k, "another day's", tell(k, statement, next), engine.ImportCounts{Booked: 1, Suspense: 1})
	want(k, "alarms", alarms(k), 1)
	want(k, "at the bank", k.atBank(), 300)
	k.checkBooks()

	// Two payers who chose one end-to-end id, of whom a notice told one: the other's part is not his, wherever it stands.
	k = bankKit(t)
	one, two = k.invoice(100), k.invoice(100)
	invoice := func(b rail.Booking, account string) rail.Booking {
		b.EndToEnd, b.Party.Account = "INVOICE", account
		return b
	}
	want(k, "the notice", tell(k, notice, invoice(of(credit("S1", 100, one.Instrument.Value)), "DE01")), engine.ImportCounts{Booked: 1, Matched: 1})
	parts = []rail.Booking{invoice(part(credit("", 100, two.Instrument.Value), "1", 200), "DE02"), invoice(part(credit("", 100), "2", 200), "DE01")}
	want(k, "the statement", tell(k, statement, parts...), engine.ImportCounts{Booked: 1, Matched: 1, Repeated: 1})
	want(k, "the first part", k.booked("W/1").State, engine.BookingMatched)
	want(k, "the second part", k.booked("W/2").State, engine.BookingDetail)
	want(k, "alarms", alarms(k), 1) // of the first part
	k.wantState(one, order.Completed)
	k.wantState(two, order.Completed)
	k.checkBooks()

	// A notice behind the statement tells them under references of its own: they count again, and that is an alarm each.
	k = bankKit(t)
	tell(k, statement, part(credit("", 100), "1", 140), part(credit("", 40), "2", 140))
	want(k, "alarms", alarms(k), 0)
	tell(k, notice, of(credit("S1", 100)), of(credit("S2", 40)))
	want(k, "at the bank", k.atBank(), 280)
	want(k, "alarms", alarms(k), 2)
	if note := k.booked("S1").Note; !strings.Contains(note, "may count twice") {
		t.Errorf("the note is %q", note)
	}
	tell(k, notice, of(credit("S1", 100)), of(credit("S2", 40)))
	want(k, "alarms of the same again", alarms(k), 2)
	k.checkBooks()

	// Parts whose end-to-end ids say that no notice told them are no reason for an alarm.
	k = bankKit(t)
	named := func(b rail.Booking, id string) rail.Booking { b.EndToEnd = id; return b }
	tell(k, notice, named(of(credit("S1", 100)), "A"))
	tell(k, statement, named(part(credit("", 100), "1", 300), "B"), named(part(credit("", 100), "2", 300), "A"), named(part(credit("", 100), "3", 300), "C"))
	want(k, "at the bank", k.atBank(), 300)
	want(k, "alarms", alarms(k), 0)
	k.checkBooks()
}

// A line whose reference was given out before, or stands twice in its statement, is found by what takes it back.
func TestReversalsOfReusedReferences(t *testing.T) {
	k := bankKit(t)
	k.imports(credit("0001", 100), credit("0001", 40), credit("0002", 7), credit("0002#2", 7))
	back := func(reference string, n int64) rail.Booking {
		return with(debit(reference, n, ""), func(b *rail.Booking) { b.Reversal = true })
	}
	want(k, "of the second", k.imports(back("0001", 40)), engine.ImportCounts{Booked: 1, Reversed: 1})
	want(k, "its state", k.booked("0001@"+rail.LineMark(credit("0001", 40))).State, engine.BookingReversed)
	want(k, "the first", k.booked("0001").State, engine.BookingSuspense)
	want(k, "of one of two", k.imports(back("0002", 7)), engine.ImportCounts{Booked: 1, Reversed: 1})
	later := with(back("0002", 7), func(b *rail.Booking) { b.Booked, b.Value = giroDay.AddDate(0, 0, 1), giroDay.AddDate(0, 0, 1) })
	want(k, "of the other one", k.imports(later), engine.ImportCounts{Booked: 1, Reversed: 1})
	want(k, "of none", k.imports(with(later, func(b *rail.Booking) { b.Amount = units(eur, 6) })), engine.ImportCounts{Booked: 1, Expenses: 1})
	want(k, "at the bank", k.atBank(), 100-6)
	k.checkBooks()
}
