package order

import "till/internal/ledger"

// ApplyStray is what a word of a rail does to money that no order owns. p is the stray payment as it is
// kept, or the zero Payment when the rail tells of it for the first time; c is one of the pay_* changes;
// book is who would hold the money: the merchant's book whose instrument it hit, else the house's. It
// returns the payment as it is now, its postings (source → suspense/stray, or back), its events and
// whether anything changed. It uses the payment rows of the table and never changes its arguments. A
// payment without a source account is a programming error and panics.
//
// AssignIt, applied to an order, moves such a payment to that order; the caller then ends the stray record.
func ApplyStray(p Payment, c Change, book ledger.Book) (Payment, []Posting, []Event, bool) {
	return rows.applyStray(p, c, book)
}

func (t table) applyStray(p Payment, c Change, book ledger.Book) (Payment, []Posting, []Event, bool) {
	s := &step{table: t, order: Order{Terms: Terms{Book: book}}, stray: true}
	if p.Rank != 0 {
		s.order.Payments = []Payment{p}
	}
	fired, err := s.move(OfPayment, c)
	if err != nil {
		panic(err)
	}
	if !fired {
		return p, nil, nil, false
	}
	return *s.payment, s.out.Postings, s.out.Events, true
}
