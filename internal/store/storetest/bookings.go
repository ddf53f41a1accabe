package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

const bankRail = engine.RailName("bank:main")

var bankDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// booking is a credit in suspense that is not stored yet.
func (s *suite) booking(tx engine.Tx, reference string) *engine.Booking {
	return &engine.Booking{
		Booking: engine.RailBooking{Reference: reference, Line: 7, Amount: money.FromInt(eur, 1250), Credit: true, Booked: bankDay, Value: bankDay, EndToEnd: "",
			References: []string{"RF18539007547034"}, Near: []string{"RF71"}, Party: engine.RailParty{Name: "Zoë <&>", Account: "DE1"}, Text: "a \"text\"\nof two lines"},
		ID: tx.NewID(), Key: reference, Network: "main", Rail: bankRail, Mode: engine.Sandbox, Account: "DE00", Statement: "s1", State: engine.BookingSuspense, Told: tx.Now(),
	}
}

// saveBooking stores a booking that change has altered.
func (s *suite) saveBooking(reference string, change func(b *engine.Booking)) *engine.Booking {
	s.Helper()
	var b *engine.Booking
	s.update(func(tx engine.Tx) error {
		b = s.booking(tx, reference)
		if change != nil {
			change(b)
		}
		return tx.SaveBooking(b)
	})
	return b
}

func bookings(s *suite) {
	first := s.saveBooking("a", nil)
	want(s, "version", first.Version, 1)
	key := engine.BookingKey{Rail: bankRail, Key: "a"}
	s.update(func(tx engine.Tx) error {
		b, err := tx.Booking(key)
		if err != nil || !reflect.DeepEqual(b, first) {
			return fmt.Errorf("read\n%+v\nwant\n%+v (%w)", b, first, err)
		}
		b.References[0] = "changed" // a copy
		if b, err = tx.BookingByID(first.ID); err != nil || b == nil || b.References[0] != first.References[0] {
			return fmt.Errorf("by its id: %+v (%w)", b, err)
		}
		b.State, b.Order, b.Proposals = engine.BookingProposed, "o1", []engine.Proposal{{Order: "o2", Public: "ord_2", Why: engine.ProposedNear, Reference: "RF71"}}
		b.Charge, b.Transfers, b.Note = money.FromInt(eur, -3), []string{"t1"}, "odd"
		if err := tx.SaveBooking(b); err != nil {
			return err
		}
		first = b
		if again, err := tx.BookingByID(b.ID); err != nil || again.State != engine.BookingProposed {
			return fmt.Errorf("after the write %+v (%w)", again, err)
		}
		if none, err := tx.Booking(engine.BookingKey{Rail: "bank:other", Key: "a"}); none != nil || err != nil {
			return fmt.Errorf("another rail has %+v (%w)", none, err)
		}
		none, err := tx.BookingByID("nobody")
		if none != nil || err != nil {
			return fmt.Errorf("nobody is %+v (%w)", none, err)
		}
		return nil
	})
	stale := first.Clone()
	stale.Version--
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveBooking(stale.Clone()) }), fault.CodeVersionConflict)
	for what, change := range map[string]func(b *engine.Booking){
		"id":   func(b *engine.Booking) { b.ID = "another" },
		"mode": func(b *engine.Booking) { b.Mode = engine.Live },
	} {
		b := first.Clone()
		change(b)
		if s.try(func(tx engine.Tx) error { return tx.SaveBooking(b) }) == nil {
			s.Errorf("its %s was changed", what)
		}
	}
	s.reopen()
	s.view(func(rd engine.Reader) error {
		b, err := rd.BookingByID(first.ID)
		if err != nil || !reflect.DeepEqual(b, first) {
			return fmt.Errorf("read\n%+v\nwant\n%+v (%w)", b, first, err)
		}
		none, err := rd.BookingByID("nobody")
		if none != nil {
			return errors.New("nobody was found")
		}
		return err
	})
	// A refused caller leaves nothing.
	if err := s.try(func(tx engine.Tx) error { return errors.Join(tx.SaveBooking(s.booking(tx, "b")), errRefused) }); !errors.Is(err, errRefused) {
		s.Error(err)
	}
	s.update(func(tx engine.Tx) error {
		if b, err := tx.Booking(engine.BookingKey{Rail: bankRail, Key: "b"}); b != nil || err != nil {
			return fmt.Errorf("a refused caller left %+v (%w)", b, err)
		}
		return nil
	})
}

func bookingRace(s *suite) {
	errs := AtOnce(16, func(int) error {
		return s.try(func(tx engine.Tx) error {
			was, err := tx.Booking(engine.BookingKey{Rail: bankRail, Key: "one"})
			if err != nil || was != nil {
				return err
			}
			return tx.SaveBooking(s.booking(tx, "one"))
		})
	})
	for _, err := range errs {
		if err != nil && !fault.Is(err, fault.CodeVersionConflict) {
			s.Error(err)
		}
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.Bookings(engine.BookingFilter{Rail: bankRail, Limit: 10})
		want(s, "bookings", len(list), 1)
		return err
	})
}

func bookingsFound(s *suite) {
	references := func(list []engine.Booking) (refs []string) {
		for _, b := range list {
			refs = append(refs, b.Reference)
		}
		return refs
	}
	s.saveBooking("a", func(b *engine.Booking) { b.Early, b.EndToEnd = true, "e1" })
	s.saveBooking("b", func(b *engine.Booking) { b.State, b.EndToEnd = engine.BookingMatched, "e1" })
	s.saveBooking("c", func(b *engine.Booking) { b.Early, b.Rail = true, "bank:other" })
	s.saveBooking("d", nil)
	s.update(func(tx engine.Tx) error {
		e := s.booking(tx, "e")
		e.Early, e.EndToEnd = true, "e1"
		if err := tx.SaveBooking(e); err != nil {
			return err
		}
		a, err := tx.Booking(engine.BookingKey{Rail: bankRail, Key: "a"})
		if err != nil {
			return err
		}
		early, err := tx.EarlyBookings(bankRail)
		if err != nil || !slices.Equal(references(early), []string{"a", "e"}) {
			return fmt.Errorf("early are %q (%w)", references(early), err)
		}
		a.Early, a.EndToEnd = false, "e2"
		if err := tx.SaveBooking(a); err != nil {
			return err
		}
		if early, err = tx.EarlyBookings(bankRail); err != nil || !slices.Equal(references(early), []string{"e"}) {
			return fmt.Errorf("early are %q (%w)", references(early), err)
		}
		naming, err := tx.BookingsNaming(bankRail, "e1", 10)
		slices.SortFunc(naming, func(a, b engine.Booking) int { return int(a.Reference[0]) - int(b.Reference[0]) })
		if err != nil || !slices.Equal(references(naming), []string{"b", "e"}) {
			return fmt.Errorf("naming e1 are %q (%w)", references(naming), err)
		}
		none, err := tx.BookingsNaming(bankRail, "", 10)
		if len(none) > 0 {
			return fmt.Errorf("naming nothing are %q", references(none))
		}
		return err
	})
	pending := func(tx engine.Tx, after string, limit int, want ...string) ([]engine.Booking, error) {
		list, err := tx.PendingBookings(bankRail, after, limit)
		if err == nil && !slices.Equal(references(list), want) {
			err = fmt.Errorf("pending behind %q are %q, want %q", after, references(list), want)
		}
		return list, err
	}
	s.update(func(tx engine.Tx) error {
		for _, reference := range []string{"p1", "p2", "p3"} {
			p := s.booking(tx, reference)
			p.State = engine.BookingPending
			if err := tx.SaveBooking(p); err != nil {
				return err
			}
		}
		list, err := pending(tx, "", 9, "p1", "p2", "p3")
		if err != nil {
			return err
		}
		list[0].State = engine.BookingLapsed
		if err := tx.SaveBooking(&list[0]); err != nil {
			return err
		}
		_, err = pending(tx, "", 1, "p2")
		return err
	})
	s.reopen()
	s.update(func(tx engine.Tx) error {
		list, err := pending(tx, "", 1, "p2")
		if err != nil {
			return err
		}
		if list, err = pending(tx, list[0].ID, 9, "p3"); err != nil {
			return err
		}
		_, err = pending(tx, list[0].ID, 9)
		return err
	})
	s.update(func(tx engine.Tx) error {
		early, err := tx.EarlyBookings(bankRail)
		if err != nil || !slices.Equal(references(early), []string{"e"}) {
			return fmt.Errorf("early are %q (%w)", references(early), err)
		}
		one, err := tx.BookingsNaming(bankRail, "e1", 1)
		if len(one) != 1 {
			return fmt.Errorf("naming e1, one of them: %q", references(one))
		}
		return err
	})
	s.view(func(rd engine.Reader) error {
		page, err := rd.Bookings(engine.BookingFilter{Rail: bankRail, Limit: 6})
		if page = page[min(len(page), 3):]; err != nil || !slices.Equal(references(page), []string{"e", "d", "b"}) {
			return fmt.Errorf("the first page is %q (%w)", references(page), err)
		}
		if page, err = rd.Bookings(engine.BookingFilter{Rail: bankRail, Limit: 3, After: page[2].ID}); err != nil || !slices.Equal(references(page), []string{"a"}) {
			return fmt.Errorf("the second page is %q (%w)", references(page), err)
		}
		if page, err = rd.Bookings(engine.BookingFilter{Rail: bankRail, State: engine.BookingSuspense, Limit: 2}); err != nil || !slices.Equal(references(page), []string{"e", "d"}) {
			return fmt.Errorf("in suspense are %q (%w)", references(page), err)
		}
		if page, err = rd.Bookings(engine.BookingFilter{Rail: bankRail, State: engine.BookingSuspense, Limit: 2, After: page[1].ID}); err != nil || !slices.Equal(references(page), []string{"a"}) {
			return fmt.Errorf("in suspense are then %q (%w)", references(page), err)
		}
		return nil
	})
}

// bookingsOfBatches are found by what they are in a batch, those on record and those that the group writes.
func bookingsOfBatches(s *suite) {
	line := func(b *engine.Booking) { b.Batch, b.Party, b.References = "X", engine.RailParty{}, nil }
	s.saveBooking("line", line)
	s.saveBooking("single", func(b *engine.Booking) { b.Message, b.Noticed = "X", true })
	s.saveBooking("told", func(b *engine.Booking) { b.Batch = "X" })
	s.saveBooking("other", func(b *engine.Booking) { line(b); b.Batch = "Y" })
	s.saveBooking("elsewhere", func(b *engine.Booking) { line(b); b.Rail = "bank:other" })
	for _, key := range []string{"ref", "ref#2", "ref@20260302C5", "refs", "ref1", "re"} {
		s.saveBooking(key, nil)
	}
	names := func(list []engine.Booking, err error) string {
		var keys []string
		for _, b := range list {
			keys = append(keys, b.Key)
		}
		slices.Sort(keys)
		return fmt.Sprint(keys, err)
	}
	s.update(func(tx engine.Tx) error {
		new := s.booking(tx, "new")
		line(new)
		if err := errors.Join(tx.SaveBooking(new), tx.SaveBooking(s.booking(tx, "ref#3"))); err != nil {
			return err
		}
		want(s, "lines", names(tx.BookingsOfBatch(bankRail, []string{"line/X", "line/X", "line/none", ""}, 9)), "[line new] <nil>")
		want(s, "of both", names(tx.BookingsOfBatch(bankRail, []string{"single/X", "line/Y"}, 9)), "[other single] <nil>")
		want(s, "of none", names(tx.BookingsOfBatch(bankRail, nil, 9)), "[] <nil>")
		want(s, "called so", names(tx.BookingsCalled(bankRail, "ref", 9)), "[ref#2 ref#3 ref@20260302C5] <nil>")
		return nil
	})
	want(s, "two days", s.outside(bankDay.AddDate(0, 0, 1), bankDay.AddDate(0, 0, 9)), "15000")
	s.update(func(tx engine.Tx) error {
		b, err := tx.Booking(engine.BookingKey{Rail: bankRail, Key: "refs"})
		if err != nil {
			return err
		}
		b.State = engine.BookingSplit // it does not count any more
		another := s.booking(tx, "another")
		another.Booked = bankDay.AddDate(0, 0, 2)
		another.Credit = false
		return errors.Join(tx.SaveBooking(b), tx.SaveBooking(another))
	})
	want(s, "before", s.outside(bankDay.AddDate(0, 0, 1), bankDay.AddDate(0, 0, 9)), "13750")
	want(s, "before and after", s.outside(bankDay.AddDate(0, 0, 1), bankDay.AddDate(0, 0, 1)), "12500")
	want(s, "outside of nothing", s.outside(bankDay, bankDay.AddDate(0, 0, 2)), "0")
}

// outside is what bookings before a day or after another one moved.
func (s *suite) outside(before, after time.Time) string {
	s.Helper()
	var sum money.Amount
	s.view(func(rd engine.Reader) (err error) {
		sum, err = rd.BookedOutside(bankRail, eur, before, after)
		return err
	})
	return sum.Units()
}

// statement is a closing one of a day, that opens and closes with so many cents.
func (s *suite) statement(day int, number string, opening, closing int64) *engine.BankStatement {
	at := bankDay.AddDate(0, 0, day)
	return &engine.BankStatement{Digest: "s" + number, Network: "main", Rail: bankRail, Mode: engine.Sandbox, Bookings: 2, Credits: money.FromInt(eur, 5), Debits: money.Zero(eur), Told: bankDay,
		Statement: engine.RailStatement{Account: "DE00", ID: "id" + number, Number: number, Asset: eur, HasOpening: true, HasClosing: true,
			Opening: money.FromInt(eur, opening), Closing: money.FromInt(eur, closing), From: at, To: at}}
}

func bankStatements(s *suite) {
	first, second, third := s.statement(0, "9", 0, 10), s.statement(0, "10", 10, 20), s.statement(1, "11", 20, 15)
	report := s.statement(0, "12", 10, 12)
	report.Intraday = true
	beside := func(tx engine.Tx, of *engine.BankStatement, before, after string) error {
		for _, side := range []struct {
			after bool
			want  string
		}{{false, before}, {true, after}} {
			got, err := tx.BankStatementBeside(*of, side.after)
			if err != nil {
				return err
			}
			if id := map[bool]func() string{true: func() string { return "" }, false: func() string { return got.Digest }}[got == nil](); id != side.want {
				return fmt.Errorf("beside %s (after: %t) is %q, want %q", of.Digest, side.after, id, side.want)
			}
		}
		return nil
	}
	s.update(func(tx engine.Tx) error {
		for _, st := range []*engine.BankStatement{third, report, first} {
			if err := tx.SaveBankStatement(st); err != nil {
				return err
			}
		}
		return beside(tx, second, "s9", "s11")
	})
	s.update(func(tx engine.Tx) error {
		if err := beside(tx, second, "s9", "s11"); err != nil {
			return err
		}
		if err := tx.SaveBankStatement(second); err != nil {
			return err
		}
		return errors.Join(beside(tx, first, "", "s10"), beside(tx, third, "s10", ""))
	})
	third.Warning = "a gap"
	s.update(func(tx engine.Tx) error { return tx.SaveBankStatement(third) })
	stale := *third
	stale.Version--
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveBankStatement(&stale) }), fault.CodeVersionConflict)
	s.reopen()
	s.update(func(tx engine.Tx) error {
		got, err := tx.BankStatement(*s.statement(1, "11", 0, 0))
		if err != nil || !reflect.DeepEqual(got, third) {
			return fmt.Errorf("read\n%+v\nwant\n%+v (%w)", got, third, err)
		}
		none, err := tx.BankStatement(*s.statement(2, "11", 0, 0))
		if none != nil {
			return fmt.Errorf("there is %+v", none)
		}
		return err
	})
	s.view(func(rd engine.Reader) error {
		ids := func(f engine.StatementFilter) (list []string, err error) {
			f.Rail = bankRail
			found, err := rd.BankStatements(f)
			for _, st := range found {
				list = append(list, st.Digest)
			}
			return list, err
		}
		all, err := ids(engine.StatementFilter{Limit: 3})
		if err != nil || !slices.Equal(all, []string{"s11", "s12", "s10"}) {
			return fmt.Errorf("statements are %q (%w)", all, err)
		}
		rest, err := ids(engine.StatementFilter{Limit: 3, After: second.Place()})
		if err != nil || !slices.Equal(rest, []string{"s9"}) {
			return fmt.Errorf("behind it are %q (%w)", rest, err)
		}
		closing, err := ids(engine.StatementFilter{Limit: 9, Closing: true})
		if err != nil || !slices.Equal(closing, []string{"s11", "s10", "s9"}) {
			return fmt.Errorf("closing are %q (%w)", closing, err)
		}
		oldest, err := rd.FirstBankStatement(bankRail)
		if err != nil || oldest == nil || oldest.Digest != "s9" {
			return fmt.Errorf("the first is %+v (%w)", oldest, err)
		}
		none, err := rd.FirstBankStatement("bank:other")
		if none != nil {
			return fmt.Errorf("another rail begins with %+v", none)
		}
		return err
	})
}

func bookedOutside(s *suite) {
	for i, day := range []int{0, 1, 2, 3} {
		s.saveBooking(fmt.Sprint("n", i), func(b *engine.Booking) {
			b.Booked, b.Amount, b.Credit = bankDay.AddDate(0, 0, day), money.FromInt(eur, int64(100<<i)), i != 3
		})
	}
	s.saveBooking("pending", func(b *engine.Booking) { b.State, b.Booked = engine.BookingPending, bankDay })
	s.saveBooking("split", func(b *engine.Booking) { b.State, b.Booked = engine.BookingSplit, bankDay })
	s.update(func(tx engine.Tx) error {
		return tx.AddEntry(engine.Entry{ID: tx.NewID(), Mode: engine.Sandbox, At: tx.Now(), Postings: []order.Posting{{Posting: ledger.Posting{
			From: ledger.House.Account(ledger.PayerOn("bank:main")), To: ledger.House.Account(ledger.Stray), Amount: money.FromInt(eur, 77)}}}})
	})
	s.view(func(rd engine.Reader) error {
		sum, err := rd.BookedOutside(bankRail, eur, bankDay.AddDate(0, 0, 1), bankDay.AddDate(0, 0, 2))
		want(s, "outside", sum.String(), money.FromInt(eur, 100-800).String())
		if err != nil {
			return err
		}
		none, err := rd.BookedOutside("bank:other", eur, bankDay, bankDay)
		want(s, "of another rail", none.String(), money.Zero(eur).String())
		if err != nil {
			return err
		}
		balance, err := rd.BalanceOf(ledger.House.Account(ledger.PayerOn("bank:main")), eur, engine.Sandbox)
		want(s, "balance", balance.String(), money.FromInt(eur, -77).String())
		if err != nil {
			return err
		}
		balance, err = rd.BalanceOf(ledger.House.Account(ledger.PayerOn("bank:main")), eur, engine.Live)
		want(s, "balance of the other mode", balance.String(), money.Zero(eur).String())
		return err
	})
}

func openOrders(s *suite) {
	on := func(r engine.RailName, due money.Amount, state order.State) *engine.Order {
		return s.insert(scopeA, func(o *engine.Order) { o.Rail, o.Terms.Due, o.State = r, due, state })
	}
	ten := money.FromInt(eur, 1000)
	first, second := on(bankRail, ten, order.Waiting), on(bankRail, ten, order.Part)
	on(bankRail, ten, order.Expired)
	on(bankRail, money.FromInt(eur, 1001), order.Waiting)
	on(bankRail, money.FromInt(usdt, 10_000_000), order.Waiting) // the same number of another asset
	on("bank:other", ten, order.Waiting)
	on("evm:x", ten, order.Waiting)
	s.insert(scopeC, func(o *engine.Order) { o.Rail, o.Terms.Due = bankRail, ten })
	find := func(limit int) (ids []string) {
		s.view(func(rd engine.Reader) error {
			list, err := rd.OpenOrders(engine.Sandbox, bankRail, ten, limit)
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			return err
		})
		return ids
	}
	if got := find(9); !slices.Equal(got, []string{first.ID, second.ID}) {
		s.Errorf("open are %q, want %q", got, []string{first.ID, second.ID})
	}
	if got := find(1); !slices.Equal(got, []string{first.ID}) {
		s.Errorf("the first is %q, want %q", got, first.ID)
	}
	s.view(func(rd engine.Reader) error {
		list, err := rd.OpenOrders(engine.Sandbox, "evm:x", ten, 9)
		want(s, "orders of a chain", len(list), 0)
		return err
	})
}
