package quote

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
)

// Why a pair that has a rate has none that may be used; found with errors.Is
// behind the fault that Price returns.
var (
	ErrStale  = errors.New("the rate is older than its source allows")
	ErrAbsurd = errors.New("the rate jumped further than the table allows")
)

const (
	// retryAfter is how long a client is told to wait for a usable rate.
	retryAfter = 30 * time.Second
	// skew is how far a source's clock may be ahead of ours.
	skew = time.Minute
)

// Table is the rates the house exchanges at: of every pair the newest one that
// can be believed. It never changes: Update and Accept return another one, so
// it may be read by many at once. Made by NewTable; a nil Table can be read and
// has no rates.
type Table struct {
	factor    *big.Rat
	reference map[market]*big.Rat
	markets   map[market]entry
	beside    map[string][]string // by code, the codes it has a market with, sorted
}

// An entry is what is known of a market. Values are what one of market.a is
// worth in market.b.
type entry struct {
	rate  Rate // the newest that was believed; without time if none was yet
	value *big.Rat
	doubt Rate // a newer one that was not believed; without time if there is none
}

// NewTable makes a table without rates. A rate is believed only if it is
// within the factor (above 1) of the rate that was last believed of its pair,
// and of the pair's reference where there is one: at "1.2" 100 may become 120
// or 83.4 and not 121 or 83. References are compared with and never quoted.
func NewTable(factor Decimal, references ...Rate) (*Table, error) {
	if factor.Rat().Cmp(big.NewRat(1, 1)) <= 0 {
		return nil, fmt.Errorf("the factor %q a rate may jump by is not above 1", factor)
	}
	t := &Table{factor: factor.Rat(), reference: map[market]*big.Rat{}}
	for _, r := range references {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		t.reference[marketOf(r.Base, r.Quote)] = r.valueIn(marketOf(r.Base, r.Quote))
	}
	return t, once(references)
}

// Update is the table after these rates were told. The newest rate of a pair
// counts, whatever its source and direction; an older one than is known
// changes nothing. A rate that is not believed closes its pair, so that
// nothing is quoted, until one is told that is believed or somebody calls
// Accept. The error joins what was wrong, for the log and an alarm (ErrRate,
// ErrAbsurd); the table is good beside it.
//
// Now is the true time: a rate from more than a minute ahead of it is ErrRate,
// else it would keep all right ones out.
func (t *Table) Update(told []Rate, now time.Time) (*Table, error) {
	next, problems := t.copied(), []error(nil)
	for _, r := range told {
		if err := r.Check(); err != nil {
			problems = append(problems, err)
			continue
		}
		if r.At.After(now.Add(skew)) {
			problems = append(problems, fmt.Errorf("%w: %s/%s is of %s, which is not yet", ErrRate, r.Base, r.Quote, r.At.UTC().Format(time.RFC3339)))
			continue
		}
		m := marketOf(r.Base, r.Quote)
		e, value := next.markets[m], r.valueIn(m)
		if r.At.Before(e.rate.At) || r.At.Before(e.doubt.At) {
			continue
		}
		if t.jumps(value, e.value) || t.jumps(value, t.reference[m]) {
			problems = append(problems, fmt.Errorf("%w: %s/%s %s by %s", ErrAbsurd, r.Base, r.Quote, r.Value, r.Source))
			e.doubt = r
			next.markets[m] = e
			continue
		}
		next.markets[m] = entry{rate: r, value: value}
	}
	next.findBeside()
	return next, errors.Join(problems...)
}

// Restore is the table with rates that were on record, believed and in doubt as they are given, and nothing else: no
// rate is compared with anything, since a person may have accepted what the factor or a reference would refuse.
func (t *Table) Restore(believed, doubts []Rate) *Table {
	next := *t
	next.markets = map[market]entry{}
	for _, r := range believed {
		m := marketOf(r.Base, r.Quote)
		next.markets[m] = entry{rate: r, value: r.valueIn(m)}
	}
	for _, r := range doubts {
		m := marketOf(r.Base, r.Quote)
		e := next.markets[m]
		e.doubt = r
		next.markets[m] = e
	}
	next.findBeside()
	return &next
}

// Accept is the table after a person said that the rate in doubt of a pair is
// right; it is what later ones are compared with. A reference it contradicts
// still holds for those, so that is to be changed too. It fails with not_found when no rate of the pair is in doubt, and with
// version_conflict when it is another one than the person saw.
func (t *Table) Accept(seen Rate) (*Table, error) {
	m := marketOf(seen.Base, seen.Quote)
	doubt := t.copied().markets[m].doubt
	if doubt.At.IsZero() {
		return nil, fault.New(fault.CodeNotFound, "No rate of this pair is in doubt.")
	}
	if doubt.Base != seen.Base || doubt.Value != seen.Value || !doubt.At.Equal(seen.At) || doubt.Source != seen.Source {
		return nil, fault.New(fault.CodeVersionConflict, "Another rate of this pair was told since.")
	}
	next := t.copied()
	next.markets[m] = entry{rate: doubt, value: doubt.valueIn(m)}
	next.findBeside()
	return next, nil
}

// Rates is every rate that was last believed, by codes: what a restart must
// tell to a new table first, else there is nothing to compare the next with.
func (t *Table) Rates() []Rate {
	return t.list(func(e entry) Rate { return e.rate })
}

// Doubts is every rate that is not believed and closes its pair, by codes.
func (t *Table) Doubts() []Rate {
	return t.list(func(e entry) Rate { return e.doubt })
}

// Price is what one of a code is worth in another, and the rates that say so.
type Price struct {
	Rates []Rate // none, one, or two for a cross

	value *big.Rat
}

// Rat is the price as a fraction of its own.
func (p Price) Rat() *big.Rat { return new(big.Rat).Set(p.value) }

// Price is what one of from is worth in to. A rate of the pair itself is used,
// in either direction; only where none was ever told, two rates with one code
// between them: of those that may be used the pair whose older rate is
// youngest, then the first by code. A code is worth 1 of itself.
//
// It fails with not_configured when there are no such rates, and with
// overloaded, an advice to wait and ErrStale or ErrAbsurd as its cause, when
// there are but they may not be used.
func (t *Table) Price(from, to string, now time.Time) (Price, error) {
	if from == to {
		return Price{value: big.NewRat(1, 1)}, nil
	}
	if t == nil {
		return Price{}, noRate(from, to)
	}
	if _, known := t.markets[marketOf(from, to)]; known {
		r, value, err := t.leg(from, to, now)
		if err != nil {
			return Price{}, closed(from, to, err)
		}
		return Price{Rates: []Rate{r}, value: value}, nil
	}

	var best Price
	var bestAt time.Time
	var reason error
	for _, between := range t.beside[from] {
		if _, known := t.markets[marketOf(between, to)]; !known {
			continue
		}
		first, firstValue, err := t.leg(from, between, now)
		if err == nil {
			var second Rate
			var secondValue *big.Rat
			if second, secondValue, err = t.leg(between, to, now); err == nil {
				at := first.At
				if second.At.Before(at) {
					at = second.At
				}
				if at.After(bestAt) {
					best = Price{Rates: []Rate{first, second}, value: new(big.Rat).Mul(firstValue, secondValue)}
					bestAt = at
				}
			}
		}
		if err != nil && reason == nil {
			reason = err
		}
	}
	switch {
	case best.value != nil:
		return best, nil
	case reason != nil:
		return Price{}, closed(from, to, reason)
	}
	return Price{}, noRate(from, to)
}

// leg is the rate of a market the table has, and what one of from is worth in
// to by it.
func (t *Table) leg(from, to string, now time.Time) (Rate, *big.Rat, error) {
	m := marketOf(from, to)
	e := t.markets[m]
	if !e.doubt.At.IsZero() {
		return Rate{}, nil, fmt.Errorf("%s/%s: %w", from, to, ErrAbsurd)
	}
	if now.Sub(e.rate.At) > e.rate.MaxAge {
		return Rate{}, nil, fmt.Errorf("%s/%s: %w", from, to, ErrStale)
	}
	if from == m.a {
		return e.rate, e.value, nil
	}
	return e.rate, new(big.Rat).Inv(e.value), nil
}

func noRate(from, to string) error {
	return fault.New(fault.CodeNotConfigured, "There is no exchange rate between "+from+" and "+to+".")
}

func closed(from, to string, reason error) error {
	return fault.New(fault.CodeOverloaded, "There is no current exchange rate between "+from+" and "+to+".").Retry(retryAfter).Because(reason)
}

// jumps says that two values of one market are further apart than the factor.
// There is no jump from nothing.
func (t *Table) jumps(value, from *big.Rat) bool {
	if from == nil {
		return false
	}
	return value.Cmp(new(big.Rat).Mul(from, t.factor)) > 0 || from.Cmp(new(big.Rat).Mul(value, t.factor)) > 0
}

// valueIn is what one of the market's first code is worth in its second.
func (r Rate) valueIn(m market) *big.Rat {
	if r.Base == m.a {
		return r.Value.Rat()
	}
	return new(big.Rat).Inv(r.Value.Rat())
}

func (t *Table) copied() *Table {
	next := *t
	if next.markets = maps.Clone(t.markets); next.markets == nil {
		next.markets = map[market]entry{}
	}
	return &next
}

func (t *Table) findBeside() {
	t.beside = map[string][]string{}
	for m := range t.markets {
		t.beside[m.a] = append(t.beside[m.a], m.b)
		t.beside[m.b] = append(t.beside[m.b], m.a)
	}
	for _, codes := range t.beside {
		slices.Sort(codes)
	}
}

func (t *Table) list(pick func(entry) Rate) []Rate {
	var rates []Rate
	if t == nil {
		return rates
	}
	for _, m := range slices.SortedFunc(maps.Keys(t.markets), func(x, y market) int {
		return strings.Compare(x.a+"/"+x.b, y.a+"/"+y.b)
	}) {
		if r := pick(t.markets[m]); !r.At.IsZero() {
			rates = append(rates, r)
		}
	}
	return rates
}
