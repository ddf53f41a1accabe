// Package verify proves the books: it reads everything on record in one consistent view, computes again what
// can be computed, and reports each row that contradicts another. It changes nothing and trusts nothing but
// the rows themselves. It shares the account names, the record types and the seals' canonical bytes with the
// engine, and no rule of the state machine.
//
// Reader (reader.go) is what it reads through; order.go has the checks of one order, standing.go and offer.go those of one standing
// instruction, bank.go those of accounts at banks, books.go those over all.
// What it needs of memory follows the number of accounts and standing instructions, not of orders.
package verify

import (
	"fmt"
	"io"
	"strings"

	"till/internal/engine"
)

// Check names a kind of contradiction.
type Check string

// The checks. A name stands in the report before each row.
const (
	Seals      Check = "seals"     // the chain does not follow, or a sealed row is not what was sealed
	HeadCut    Check = "head"      // the chain does not contain a head that was exported
	Record     Check = "record"    // a row cannot be read, or its columns contradict its record
	Postings   Check = "postings"  // an entry is not well formed
	Balances   Check = "balances"  // a balance is not the sum of its postings, or has a sign that is not allowed
	Orders     Check = "orders"    // an order's own money or state makes no sense
	Events     Check = "events"    // an order's history has gaps or contradicts the order
	Payments   Check = "payments"  // what is booked for payments is not what they say
	Transfers  Check = "transfers" // money in flight is not that of the transfers
	Counters   Check = "counters"  // counted orders are not the orders
	Statements Check = "lines"     // a statement's line is not a posting's, or its lines do not follow from each other
	Holds      Check = "holds"     // an instrument had two owners at a time
	Unique     Check = "unique"    // a key exists twice
	Missing    Check = "missing"   // a row whose other half is gone
	Bank       Check = "bank"      // bookings are not what the ledger says of a bank's account, or not what its statements say
	Chain      Check = "chain"     // the blockchain says otherwise
)

// Problem is one contradiction.
type Problem struct {
	Check Check
	Row   string // "order 01k...", "seal 5 of live", ...
	Text  string
}

func (p Problem) String() string { return fmt.Sprintf("%-9s  %s: %s", p.Check, p.Row, p.Text) }

// maxProblems is how many problems a report lists; the others are counted.
const maxProblems = 200

// Counted is how much was looked at.
type Counted struct {
	Orders, Standings, Offers, Payments, Transfers, Entries, Postings, Lines, Balances, Events, Actions, Holds int64
	Bookings, BankStatements                                                                                   int64
	Seals, Unsealed, Erased                                                                                    int64
}

// Report is the outcome.
type Report struct {
	Counted  Counted
	Problems []Problem
	More     int      // problems that are not listed
	Notes    []string // what an operator should know and is no contradiction
}

// OK says that nothing contradicts anything.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Add reports a problem.
func (r *Report) Add(c Check, row, format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{c, row, fmt.Sprintf(format, args...)})
}

// Note tells what is no contradiction.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Write writes the report for people: problems, notes, and last a line of what was looked at.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintln(&b, p)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "and %d more\n", r.More)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	c := r.Counted
	outcome := "the books are right"
	if !r.OK() {
		outcome = fmt.Sprintf("%d problems", len(r.Problems)+r.More)
	}
	fmt.Fprintf(&b, "%s: %d orders, %d standing instructions, %d offers, %d payments, %d transfers, %d entries with %d postings, %d lines of statements, %d balances, %d events, %d actions, %d holds, %d bookings of banks in %d statements, %d seals (%d rows not sealed yet)\n",
		outcome, c.Orders, c.Standings, c.Offers, c.Payments, c.Transfers, c.Entries, c.Postings, c.Lines, c.Balances, c.Events, c.Actions, c.Holds, c.Bookings, c.BankStatements, c.Seals, c.Unsealed)
	_, err := io.WriteString(w, b.String())
	return err
}

// Options are what a run may be given. The zero value checks everything that needs nothing from outside.
type Options struct {
	Heads    []engine.Head           // exported heads that the chains must contain
	Page     int                     // rows read at once; 0: 500
	Progress func(done, total int64) // called now and then; nil: nobody asks
}

// Run checks everything that r shows. An error means that it could not be read, not that it is wrong.
func Run(r Reader, o Options) (*Report, error) {
	if o.Page == 0 {
		o.Page = 500
	}
	v := &run{Reader: r, Options: o, report: &Report{}, sums: sums{}, booked: map[Counter]int64{}, dues: map[SumKey]*dues{}, strays: sums{}, listed: map[BalanceKey]*listed{},
		arrived: map[string]*arrived{}, taken: map[string]*taken{}, parts: map[string]*parts{}, bound: map[string][]engine.Instrument{}}
	var err error
	if v.scopes, err = r.Scopes(); err != nil {
		return nil, err
	}
	for _, s := range v.scopes {
		v.total += s.Last
	}
	steps := []func() error{v.findings, v.orders, v.loose, v.notices, v.strayPayments, v.actions, v.statements, v.balances, v.bookings, v.counters, v.orderSums, v.holds, v.standings, v.offers, v.deals, v.seals}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return v.report, nil
}

// run is one verification at work.
type run struct {
	Reader
	Options
	report *Report
	scopes map[int64]Scope
	sums   sums                   // what the postings leave on each account
	booked map[Counter]int64      // how many orders there are; the key has N 0
	dues   map[SumKey]*dues       // what orders sum up to
	listed map[BalanceKey]*listed // the postings that statements must list
	strays sums                   // what payments of no order say lies in each account

	banks   map[bankKey]*atBank            // what bookings say of accounts at banks
	arrived map[string]*arrived            // completed orders of each standing instruction
	bound   map[string][]engine.Instrument // what each standing instruction holds by the holds
	taken   map[string]*taken              // orders of each offer
	parts   map[string]*parts              // orders of each deal
	done    int64
	total   int64
}

// step tells how far the run is, in orders: they are nearly all of the work.
func (v *run) step(n int) {
	v.done += int64(n)
	if v.Progress != nil {
		v.Progress(v.done, v.total)
	}
}

// pages calls page with the key of the last row before it until a page is short.
func pages[K, V any](limit int, after K, page func(K, int) ([]V, error), key func(V) K, each func(V)) error {
	for {
		rows, err := page(after, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			each(row)
		}
		if len(rows) < limit {
			return nil
		}
		after = key(rows[len(rows)-1])
	}
}

func (v *run) findings() error {
	list, err := v.Findings(maxProblems + 1)
	for _, f := range list {
		v.report.Add(f.Check, f.Row, "%s", f.Text)
	}
	return err
}
