package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// listTime bounds a list whose cost grows with the history it looks through.
const listTime = time.Second

var errPage = fault.New(fault.CodeInvalidPage, "The page and the limit are at least 1.")

// Orders implements engine.Reader. Without a filter, by states and by creation time a page and its total
// cost the same however many orders there are: the total comes from order_counts, the page from an index,
// entered near its first row. Other filters and sorts look through the orders that remain, for a second at
// most: overloaded then.
func (r *reader) Orders(f engine.Filter) (engine.Page, error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return engine.Page{}, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return engine.Page{}, err
	}
	l := listing{reader: r, filter: f, scope: scope, states: f.States, skip: int64(f.Page-1) * int64(f.Limit), limit: int64(f.Limit)}
	looks := lookPlain
	if len(f.Looks) > 0 {
		looks = l.readLooks()
	}
	if len(l.states) == 0 {
		l.states = order.States()
	}
	l.states = slices.Compact(slices.Sorted(slices.Values(l.states)))
	if err := l.bound(); err != nil || l.low > l.high {
		return engine.Page{}, err
	}
	plain := f.AssetCode == "" && f.Network == "" && f.Reference == "" && f.Standing == "" && len(f.Words) == 0
	byCreation := f.Sort == engine.ByCreation || f.Sort == ""
	switch {
	case plain && byCreation && looks == lookPlain:
		return l.byNumber()
	case plain && byCreation && looks == lookByState:
		return l.byLooks()
	}
	return l.bySearch(plain && looks == lookPlain)
}

// OrderNumbers implements engine.Reader.
func (r *reader) OrderNumbers(s engine.Scope, from, to time.Time) (first, last int64, err error) {
	scope, err := queryScope(r.store, r, s)
	if err != nil || scope == 0 {
		return 1, 0, err
	}
	l := listing{reader: r, filter: engine.Filter{CreatedAfter: from, CreatedBefore: to}, scope: scope}
	err = l.bound()
	return l.low, l.high, err
}

// OrdersNumbered implements engine.Reader.
func (r *reader) OrdersNumbered(s engine.Scope, first, last int64) ([]engine.Order, error) {
	scope, err := queryScope(r.store, r, s)
	if err != nil || scope == 0 {
		return nil, err
	}
	var numbers []int64
	for n := first; n <= last; n++ {
		numbers = append(numbers, n)
	}
	l := listing{reader: r, scope: scope}
	return l.load(numbers)
}

// listing is one list being made: the scope's orders numbered low to high, as creation time grows with the
// number.
type listing struct {
	*reader
	filter      engine.Filter
	scope       int64
	states      []order.State
	whole       bool  // only orders of which no money goes back
	low, high   int64 // numbers, both included
	skip, limit int64
}

// bound turns the creation times, both included, into numbers.
func (l *listing) bound() error {
	last := int64(0)
	err := matchAny(l, selectNumber, []string{"id"}, [][]any{{l.scope}}, func(rows record) error { return rows.Scan(&l.scope, &last) })
	if err != nil {
		return err
	}
	l.low, l.high = 1, last
	if after := l.filter.CreatedAfter; !after.IsZero() {
		if l.low, err = l.firstSince(micros(after), last); err != nil {
			return err
		}
	}
	if before := l.filter.CreatedBefore; !before.IsZero() {
		next, err := l.firstSince(micros(before)+1, last)
		if err != nil {
			return err
		}
		l.high = next - 1
	}
	return nil
}

// firstSince is the number of the first order created at or after a time, last+1 when there is none.
func (l *listing) firstSince(at, last int64) (int64, error) {
	low, high := int64(1), last+1
	for low < high {
		middle := low + (high-low)/2
		var created int64
		err := scan(l, selectCreatedAt, []any{place(l.scope, middle)}, func(rows record) error { return rows.Scan(&created) })
		if err != nil {
			return 0, err
		}
		if created >= at {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}

// A bucket is how many of the wanted orders are among 1 << bucketBits numbers.
type bucket struct{ id, n int64 }

// buckets counts the wanted orders, in the list's direction. The first and the last bucket may be cut by a
// bound and are then counted one by one.
func (l *listing) buckets() ([]bucket, error) {
	args := []any{l.scope, l.low >> bucketBits, l.high >> bucketBits}
	query := strings.Replace(selectOrderCounts, "{states}", placeholders(len(args), len(l.states)), 1)
	for _, s := range l.states {
		args = append(args, string(s))
	}
	var found []bucket
	err := scan(l, query, args, func(rows record) error {
		var b bucket
		err := rows.Scan(&b.id, &b.n)
		found = append(found, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	cut := map[int64]bool{} // counted one by one
	for i, b := range found {
		low, high := max(l.low, b.id<<bucketBits), min(l.high, (b.id+1)<<bucketBits-1)
		if low == max(1, b.id<<bucketBits) && (high == (b.id+1)<<bucketBits-1 || l.filter.CreatedBefore.IsZero()) {
			continue
		}
		numbers, err := l.numbers(low, high, 1<<bucketBits)
		if err != nil {
			return nil, err
		}
		found[i].n = int64(len(numbers))
		cut[b.id] = true
	}
	if l.whole {
		if err := l.lessOverlaid(found, cut); err != nil {
			return nil, err
		}
	}
	if l.filter.Descending {
		slices.Reverse(found)
	}
	return found, nil
}

// byNumber makes a page sorted by creation: it walks the buckets to the one where the page begins.
func (l *listing) byNumber() (engine.Page, error) {
	buckets, err := l.buckets()
	if err != nil {
		return engine.Page{}, err
	}
	page := engine.Page{}
	for _, b := range buckets {
		page.Total += b.n
	}
	skip, low, high := l.skip, l.low, l.high
	for _, b := range buckets {
		if skip < b.n {
			break
		}
		skip -= b.n
		if l.filter.Descending {
			high = min(high, b.id<<bucketBits-1)
		} else {
			low = max(low, (b.id+1)<<bucketBits)
		}
	}
	if l.skip >= page.Total {
		return page, nil
	}
	numbers, err := l.numbers(low, high, skip+l.limit)
	if err != nil {
		return page, err
	}
	page.Orders, err = l.load(numbers[min(skip, int64(len(numbers))):])
	return page, err
}

// numbers are the first n of the wanted orders' numbers from low to high, in the list's direction, found state by
// state in an index.
func (l *listing) numbers(low, high, n int64) ([]int64, error) {
	direction := "ASC"
	if l.filter.Descending {
		direction = "DESC"
	}
	query := strings.Replace(selectOrderNumbers, "{direction}", direction, 1)
	if l.whole {
		query = strings.Replace(selectWholeNumbers, "{direction}", direction, 1)
	}
	var found []int64
	for _, s := range l.states {
		err := scan(l, query, []any{l.scope, string(s), low, high, n}, func(rows record) error {
			var number int64
			err := rows.Scan(&number)
			found = append(found, number)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	if l.filter.Descending {
		slices.Reverse(found)
	}
	return found[:min(n, int64(len(found)))], nil
}

// load reads orders by number and keeps the order of the numbers.
func (l *listing) load(numbers []int64) ([]engine.Order, error) {
	places := make([]int64, len(numbers))
	for i, n := range numbers {
		places[i] = place(l.scope, n)
	}
	orders := map[string]*engine.Order{}
	byNumber := map[int64]*engine.Order{}
	err := matchAny(l, selectOrders, []string{"place"}, single(places), func(rows record) error {
		o, err := scanOrder(rows)
		if err == nil {
			orders[o.ID], byNumber[o.Number] = o, o
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := queryPaymentsOf(l, orders); err != nil {
		return nil, err
	}
	list := make([]engine.Order, 0, len(numbers))
	for _, n := range numbers {
		o, ok := byNumber[n]
		if !ok {
			return nil, fmt.Errorf("order number %d is counted and not on record", n)
		}
		list = append(list, *o)
	}
	return list, nil
}

// sortColumns is what a list may be sorted by.
var sortColumns = map[engine.SortKey]string{
	engine.ByCreation: "place", "": "place", engine.ByUpdate: "updated_at", engine.ByAmount: "amount_key",
}

// bySearch makes a page by looking through the scope's orders, within listTime.
func (l *listing) bySearch(plain bool) (engine.Page, error) {
	column, ok := sortColumns[l.filter.Sort]
	if !ok {
		return engine.Page{}, fault.New(fault.CodeInvalidPage, "The list cannot be sorted by that.")
	}
	outer := l.reader
	var page engine.Page
	err := outer.within(func(r *reader) (err error) {
		l.reader = r
		page, err = l.search(column, plain)
		return err
	})
	return page, err
}

func (l *listing) search(column string, plain bool) (engine.Page, error) {
	var page engine.Page
	where, args := l.where()
	if plain {
		buckets, err := l.buckets()
		if err != nil {
			return page, err
		}
		for _, b := range buckets {
			page.Total += b.n
		}
	} else {
		err := scan(l, countOrders+where, args, func(rows record) error { return rows.Scan(&page.Total) })
		if err != nil {
			return page, err
		}
	}
	if l.skip >= page.Total {
		return page, nil
	}
	direction := ""
	if l.filter.Descending {
		direction = " DESC"
	}
	by := " ORDER BY " + column + direction
	if column != "place" {
		by += ", place" + direction
	}
	by += " LIMIT $" + strconv.Itoa(len(args)+1) + " OFFSET $" + strconv.Itoa(len(args)+2)
	var numbers []int64
	err := scan(l, searchOrders+where+by, append(args, l.limit, l.skip), func(rows record) error {
		var n int64
		err := rows.Scan(&n)
		numbers = append(numbers, n)
		return err
	})
	if err != nil {
		return page, err
	}
	page.Orders, err = l.load(numbers)
	return page, err
}

// where writes the filter's condition; every value is an argument.
func (l *listing) where() (string, []any) {
	args := []any{place(l.scope, l.low), place(l.scope, l.high)}
	where := " WHERE place >= $1 AND place <= $2"
	if l.filter.Standing != "" { // all of its orders are of one scope
		args, where = []any{l.filter.Standing, l.low, l.high}, " WHERE standing_id = $1 AND number >= $2 AND number <= $3"
	}
	add := func(condition string, value any) {
		args = append(args, value)
		where += " AND " + strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
	}
	if len(l.filter.States) > 0 {
		where += " AND state IN (" + placeholders(len(args), len(l.states)) + ")"
		for _, s := range l.states {
			args = append(args, string(s))
		}
	}
	if len(l.filter.Looks) > 0 {
		where += " AND " + l.lookedAt(&args)
	}
	for _, word := range l.filter.Words {
		add(`words LIKE ? ESCAPE '\'`, "% "+likeEscape.Replace(word)+" %")
	}
	if l.filter.AssetCode != "" {
		add("asset_code = ?", l.filter.AssetCode)
	}
	if l.filter.Network != "" {
		add("network = ?", l.filter.Network)
	}
	if l.filter.Reference != "" {
		add(`reference_lower LIKE ? ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(l.filter.Reference))+"%")
	}
	return where, args
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// placeholders writes "$4, $5" for two after three.
func placeholders(after, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(after+i+1)
	}
	return strings.Join(list, ", ")
}
