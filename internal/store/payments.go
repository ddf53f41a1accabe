package store

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// Lists of the payments that a scope's orders own. Without a filter, by rank and by the time they were told, a page
// and its total cost the same however many payments there are: the total comes from payment_counts, the page from
// an index, entered near its first row. By order and by transaction there are few. Everything else looks through
// the scope's payments, for listTime at most.
const (
	addPaymentCount = `INSERT INTO payment_counts (scope_id, rank, hour, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (scope_id, rank, hour) DO UPDATE SET n = payment_counts.n + excluded.n`
	selectPaymentCounts = `SELECT hour, n FROM payment_counts WHERE scope_id = $1 AND rank = $2 AND hour >= $3 AND hour <= $4 AND n <> 0 ORDER BY hour`
	countPaymentsTold   = `SELECT COUNT(*) FROM payments WHERE scope_id <> 0 AND scope_id = $1 AND rank = $2 AND told_at >= $3 AND told_at <= $4`
	selectPaymentsTold  = `SELECT told_at, rail, external FROM payments WHERE scope_id <> 0 AND scope_id = $1 AND rank = $2 AND told_at >= $3 AND told_at <= $4
		ORDER BY told_at {direction}, rail {direction}, external {direction} LIMIT $5`
	countPaymentsFound  = `SELECT COUNT(*) FROM payments`
	searchPaymentsFound = `SELECT rail, external FROM payments`
)

// toldHour is how many microseconds share a row of payment_counts for each scope and rank.
const toldHour = int64(time.Hour / time.Microsecond)

var paymentRanks = []order.Rank{order.RankSeen, order.RankFailed, order.RankConfirmed, order.RankReversed}

// paymentColumns is what lists of payments look at, in the order of the columns from told_at on.
func paymentColumns(p order.Payment) []any {
	settled := int64(0)
	if p.Rank == order.RankConfirmed {
		settled = micros(p.Settled)
	}
	key := ""
	if p.Amount.Sign() >= 0 {
		key = p.Amount.SortKey()
	}
	return []any{micros(p.Told), settled, p.Amount.Asset().Network(), p.Amount.Asset().Code(), key, p.Evidence.Tx}
}

// paymentColumnNames are their names.
var paymentColumnNames = []string{"told_at", "settled_at", "network", "asset_code", "amount_key", "tx"}

type paymentCountKey struct {
	scope int64
	rank  order.Rank
	hour  int64
}

// scopeOf is the id of the scope whose order has a payment, 0 for a stray. The order is in the group, because
// payments are written with their order.
func (g *group) scopeOf(row paymentRow) (int64, error) {
	if row.orderID == "" {
		return 0, nil
	}
	o, err := g.order(row.orderID)
	if err != nil {
		return 0, err
	}
	if o == nil {
		return 0, errNoOrder
	}
	return g.scope(o.Scope)
}

func (g *group) flushPaymentCounts(counts map[paymentCountKey]int64) error {
	keys := make([]paymentCountKey, 0, len(counts))
	for k, n := range counts {
		if n != 0 && k.scope != 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b paymentCountKey) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.rank, b.rank), cmp.Compare(a.hour, b.hour))
	})
	for _, k := range keys {
		if err := g.write("", addPaymentCount, k.scope, int64(k.rank), k.hour, counts[k]); err != nil {
			return err
		}
	}
	return nil
}

// Payments implements engine.Reader.
func (r *reader) Payments(f engine.PaymentFilter) (engine.PaymentPage, error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit {
		return engine.PaymentPage{}, errPage
	}
	l := paymentListing{reader: r, filter: f, ranks: f.Ranks, low: micros(f.ToldAfter), high: micros(f.ToldBefore),
		skip: int64(f.Page-1) * int64(f.Limit), limit: int64(f.Limit)}
	for _, s := range f.Scopes {
		scope, err := queryScope(r.store, r, s)
		if err != nil {
			return engine.PaymentPage{}, err
		}
		if scope != 0 {
			l.scopes = append(l.scopes, scope)
		}
	}
	if len(l.scopes) == 0 {
		return engine.PaymentPage{}, nil
	}
	if len(l.ranks) == 0 {
		l.ranks = paymentRanks
	}
	l.ranks = slices.Compact(slices.Sorted(slices.Values(l.ranks)))
	if f.ToldBefore.IsZero() {
		l.high = 1<<63 - 1
	}
	switch {
	case f.OrderID != "" || f.Tx != "":
		return l.search()
	case f.Standing == "" && f.Network == "" && f.AssetCode == "" && (f.Sort == engine.ByTold || f.Sort == ""):
		return l.byTime()
	}
	var page engine.PaymentPage
	err := r.within(func(r *reader) (err error) {
		l.reader = r
		page, err = l.search()
		return err
	})
	return page, err
}

// paymentListing is one list being made.
type paymentListing struct {
	*reader
	filter      engine.PaymentFilter
	scopes      []int64
	ranks       []order.Rank
	low, high   int64 // when they were told, both included
	skip, limit int64
}

// byTime makes a page sorted by when the payments were told: it walks the hours to the one where the page begins.
func (l *paymentListing) byTime() (engine.PaymentPage, error) {
	hours, err := l.hours()
	if err != nil {
		return engine.PaymentPage{}, err
	}
	page := engine.PaymentPage{}
	for _, h := range hours {
		page.Total += h.n
	}
	if l.skip >= page.Total {
		return page, nil
	}
	skip, low, high := l.skip, l.low, l.high
	for _, h := range hours {
		if skip < h.n {
			break
		}
		skip -= h.n
		if l.filter.Descending {
			high = min(high, h.id*toldHour-1)
		} else {
			low = max(low, (h.id+1)*toldHour)
		}
	}
	keys, err := l.keys(low, high, skip+l.limit)
	if err != nil {
		return page, err
	}
	page.Payments, err = l.load(keys[min(skip, int64(len(keys))):])
	return page, err
}

// hours counts the wanted payments, in the list's direction. An hour that a bound cuts is counted one by one.
func (l *paymentListing) hours() ([]bucket, error) {
	counted := map[int64]int64{}
	for part := range l.parts() {
		err := scan(l, selectPaymentCounts, []any{part.scope, int64(part.rank), l.low / toldHour, l.high / toldHour}, func(rows record) error {
			var hour, n int64
			err := rows.Scan(&hour, &n)
			counted[hour] += n
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, cut := range []int64{l.low / toldHour, l.high / toldHour} {
		first, last := cut*toldHour, cut*toldHour+toldHour-1
		if _, any := counted[cut]; !any || first >= l.low && last <= l.high {
			continue
		}
		counted[cut] = 0
		for part := range l.parts() {
			err := scan(l, countPaymentsTold, []any{part.scope, int64(part.rank), max(first, l.low), min(last, l.high)}, func(rows record) error {
				var n int64
				err := rows.Scan(&n)
				counted[cut] += n
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	hours := make([]bucket, 0, len(counted))
	for hour, n := range counted {
		hours = append(hours, bucket{hour, n})
	}
	slices.SortFunc(hours, func(a, b bucket) int { return cmp.Compare(a.id, b.id) })
	if l.filter.Descending {
		slices.Reverse(hours)
	}
	return hours, nil
}

// parts are what the index keeps together: the payments of one scope and rank.
func (l *paymentListing) parts() iter.Seq[paymentCountKey] {
	return func(yield func(paymentCountKey) bool) {
		for _, scope := range l.scopes {
			for _, rank := range l.ranks {
				if !yield(paymentCountKey{scope: scope, rank: rank}) {
					return
				}
			}
		}
	}
}

// keys are the first n of the wanted payments told from low to high, in the list's direction, found part by part
// in an index.
func (l *paymentListing) keys(low, high, n int64) ([]order.PaymentKey, error) {
	type place struct {
		told int64
		key  order.PaymentKey
	}
	direction, sign := "ASC", 1
	if l.filter.Descending {
		direction, sign = "DESC", -1
	}
	query := strings.ReplaceAll(selectPaymentsTold, "{direction}", direction)
	var found []place
	for part := range l.parts() {
		err := scan(l, query, []any{part.scope, int64(part.rank), low, high, n}, func(rows record) error {
			var p place
			err := rows.Scan(&p.told, &p.key.Rail, &p.key.External)
			found = append(found, p)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b place) int {
		return sign * cmp.Or(cmp.Compare(a.told, b.told), cmp.Compare(a.key.Rail, b.key.Rail), cmp.Compare(a.key.External, b.key.External))
	})
	var keys []order.PaymentKey
	for _, p := range found[:min(n, int64(len(found)))] {
		keys = append(keys, p.key)
	}
	return keys, nil
}

// paymentSorts is what a list may be sorted by.
var paymentSorts = map[engine.SortKey]string{
	engine.ByTold: "told_at", "": "told_at", engine.BySettled: "settled_at", engine.ByAmount: "amount_key",
}

// search makes a page by looking through the payments that remain.
func (l *paymentListing) search() (engine.PaymentPage, error) {
	var page engine.PaymentPage
	column, ok := paymentSorts[l.filter.Sort]
	if !ok {
		return page, fault.New(fault.CodeInvalidPage, "The list cannot be sorted by that.")
	}
	c := l.where()
	query, args := c.of(countPaymentsFound+"{where}", 0)
	if err := scan(l, query, args, func(rows record) error { return rows.Scan(&page.Total) }); err != nil || l.skip >= page.Total {
		return page, err
	}
	direction := ""
	if l.filter.Descending {
		direction = " DESC"
	}
	by := " ORDER BY " + column + direction + ", told_at" + direction + ", rail" + direction + ", external" + direction
	query, args = c.of(searchPaymentsFound+"{where}"+by+" LIMIT {limit}", int(l.limit))
	query += " OFFSET $" + strconv.Itoa(len(args)+1)
	var keys []order.PaymentKey
	err := scan(l, query, append(args, l.skip), func(rows record) error {
		var k order.PaymentKey
		err := rows.Scan(&k.Rail, &k.External)
		keys = append(keys, k)
		return err
	})
	if err != nil {
		return page, err
	}
	page.Payments, err = l.load(keys)
	return page, err
}

func (l *paymentListing) where() condition {
	f := l.filter
	c := condition{text: []string{"scope_id <> 0", "order_id <> ''"}}
	scope, scopes := "scope_id", []any{}
	for _, id := range l.scopes {
		scopes = append(scopes, id)
	}
	if f.OrderID != "" {
		c.and("order_id = ?", f.OrderID)
		scope = "COALESCE(scope_id, 0)" // the expression keeps the planner on the index of the order's payments
	}
	if f.Standing != "" {
		c.and("order_id IN (SELECT id FROM orders WHERE standing_id = ?)", f.Standing)
		scope = "COALESCE(scope_id, 0)"
	}
	c.in(scope, scopes)
	c.is("tx", f.Tx)
	c.is("network", f.Network)
	c.is("asset_code", f.AssetCode)
	if len(f.Ranks) > 0 {
		var ranks []any
		for _, rank := range l.ranks {
			ranks = append(ranks, int64(rank))
		}
		c.in("rank", ranks)
	}
	if !f.ToldAfter.IsZero() {
		c.and("told_at >= ?", l.low)
	}
	if !f.ToldBefore.IsZero() {
		c.and("told_at <= ?", l.high)
	}
	return c
}

// load reads payments with their orders and keeps the order of the keys.
func (l *paymentListing) load(keys []order.PaymentKey) ([]engine.OwnedPayment, error) {
	args := make([][]any, len(keys))
	for i, k := range keys {
		args[i] = []any{k.Rail, k.External}
	}
	owners := map[order.PaymentKey]string{}
	found := map[order.PaymentKey]order.Payment{}
	var ids []string
	err := matchAny(l, selectPayments, []string{"rail", "external"}, args, func(rows record) error {
		row, err := scanPayment(rows)
		owners[row.PaymentKey], found[row.PaymentKey] = row.orderID, row.Payment
		ids = append(ids, row.orderID)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	orders := map[string]*engine.Order{}
	if err := queryOrders(l, "id", slices.Compact(ids), func(o *engine.Order) { orders[o.ID] = o }); err != nil {
		return nil, err
	}
	list := make([]engine.OwnedPayment, 0, len(keys))
	for _, k := range keys {
		list = append(list, engine.OwnedPayment{Payment: found[k], Order: orders[owners[k]]})
	}
	return list, nil
}
