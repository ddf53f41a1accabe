package store

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/order"
)

// Lists by how orders look: by state, kind, and whether their money goes back (engine.Look).

const (
	selectWholeNumbers = `SELECT number FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 AND refunds = '' ORDER BY number {direction} LIMIT $5`

	selectLookNumbers = `SELECT number FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 AND refunds = $5{kinds} ORDER BY number {direction} LIMIT {limit}`
	countLook         = `SELECT COUNT(*) FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 AND refunds = $5{kinds}`
	// The same for looks with an overlay, so that the planner sees that the index has all of them.
	selectOverlayNumbers = `SELECT number FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 AND refunds = $5 AND refunds <> ''{kinds} ORDER BY number {direction} LIMIT {limit}`
	countOverlay         = `SELECT COUNT(*) FROM orders WHERE scope_id = $1 AND state = $2 AND number >= $3 AND number <= $4 AND refunds = $5 AND refunds <> ''{kinds}`
)

// How the looks of a filter are listed.
type lookPath int

const (
	lookPlain   lookPath = iota // whole states: totals come from the counters
	lookByState                 // each within one state: counted in its index
	lookSearch                  // any state: looked through
)

// readLooks says how the filter's looks are listed, and which states they are of. What is whole in the states of lookPlain has
// none of its money going back; of those orders there are as many as the counters say less the few of the others.
func (l *listing) readLooks() lookPath {
	path := lookPlain
	l.states, l.whole = nil, true
	for _, look := range l.filter.Looks {
		switch {
		case look.State == "":
			path = lookSearch
		case len(look.Kinds) > 0 || look.Overlay != order.NoOverlay:
			path = max(path, lookByState)
		}
		l.states = append(l.states, look.State)
	}
	if path == lookSearch {
		l.states = nil
	}
	if path != lookPlain {
		l.whole = false
	}
	if len(l.states) == 0 {
		l.states = order.States()
	}
	return path
}

// lessOverlaid takes off the counts of whole buckets those orders whose money goes back.
func (l *listing) lessOverlaid(found []bucket, cut map[int64]bool) error {
	less := map[int64]int64{}
	for _, state := range l.states {
		for _, overlay := range []order.Overlay{order.Refunding, order.Refunded} {
			numbers, err := l.numbersOf(engine.Look{State: state, Overlay: overlay}, math.MaxInt64)
			if err != nil {
				return err
			}
			for _, n := range numbers {
				less[n>>bucketBits]++
			}
		}
	}
	for i, b := range found {
		if !cut[b.id] {
			found[i].n -= less[b.id]
		}
	}
	return nil
}

// byLooks makes a page sorted by creation of orders that stand in few states, counting those of each, within listTime: open orders
// are few whatever the history.
func (l *listing) byLooks() (engine.Page, error) {
	outer := l.reader
	var page engine.Page
	err := outer.within(func(r *reader) error {
		l.reader = r
		page = engine.Page{}
		var numbers []int64
		for _, look := range l.filter.Looks {
			n, err := l.countLook(look)
			if err != nil {
				return err
			}
			page.Total += n
			some, err := l.numbersOf(look, l.skip+l.limit)
			if err != nil {
				return err
			}
			numbers = append(numbers, some...)
		}
		slices.Sort(numbers)
		if l.filter.Descending {
			slices.Reverse(numbers)
		}
		from := min(l.skip, int64(len(numbers)))
		numbers = numbers[from:min(from+l.limit, int64(len(numbers)))]
		if len(numbers) == 0 {
			return nil
		}
		var err error
		page.Orders, err = l.load(numbers)
		return err
	})
	return page, err
}

func (l *listing) countLook(look engine.Look) (n int64, err error) {
	query, args := l.lookQuery(countLook, countOverlay, look)
	err = scan(l, query, args, func(rows record) error { return rows.Scan(&n) })
	return n, err
}

func (l *listing) numbersOf(look engine.Look, n int64) (numbers []int64, err error) {
	direction := "ASC"
	if l.filter.Descending {
		direction = "DESC"
	}
	query, args := l.lookQuery(selectLookNumbers, selectOverlayNumbers, look)
	args = append(args, n)
	query = strings.NewReplacer("{direction}", direction, "{limit}", "$"+strconv.Itoa(len(args))).Replace(query)
	err = scan(l, query, args, func(rows record) error {
		var number int64
		err := rows.Scan(&number)
		numbers = append(numbers, number)
		return err
	})
	return numbers, err
}

func (l *listing) lookQuery(plain, overlaid string, look engine.Look) (query string, args []any) {
	query, args = plain, []any{l.scope, string(look.State), l.low, l.high, string(look.Overlay)}
	if look.Overlay != order.NoOverlay {
		query = overlaid
	}
	kinds := ""
	if len(look.Kinds) > 0 {
		kinds = " AND kind IN (" + placeholders(len(args), len(look.Kinds)) + ")"
		for _, k := range look.Kinds {
			args = append(args, k)
		}
	}
	return strings.Replace(query, "{kinds}", kinds, 1), args
}

// lookedAt is the condition that an order has one of the filter's looks.
func (l *listing) lookedAt(args *[]any) string {
	add := func(value string) string {
		*args = append(*args, value)
		return "$" + strconv.Itoa(len(*args))
	}
	var any []string
	for _, look := range l.filter.Looks {
		var all []string
		if look.State != "" {
			all = append(all, "state = "+add(string(look.State)), "refunds = "+add(string(look.Overlay)))
		}
		if len(look.Kinds) > 0 {
			var kinds []string
			for _, k := range look.Kinds {
				kinds = append(kinds, add(k))
			}
			all = append(all, "kind IN ("+strings.Join(kinds, ", ")+")")
		}
		if len(all) == 0 {
			return "1 = 1"
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	return "(" + strings.Join(any, " OR ") + ")"
}
