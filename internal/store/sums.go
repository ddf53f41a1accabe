package store

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// What orders sum up to is kept beside order_counts, in the same buckets of numbers. Each change of an order takes
// away what it was and adds what it is, whatever anybody else does: no row is read before.
const (
	addOrderSum = `INSERT INTO order_sums (scope_id, bucket, state, asset, n, seen, seen_us, units_0, units_1, units_2, units_3, units_4, units_5, units_6, units_7, units_8)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (scope_id, bucket, state, asset) DO UPDATE SET n = order_sums.n + excluded.n, seen = order_sums.seen + excluded.seen,
		seen_us = order_sums.seen_us + excluded.seen_us, units_0 = order_sums.units_0 + excluded.units_0, units_1 = order_sums.units_1 + excluded.units_1,
		units_2 = order_sums.units_2 + excluded.units_2, units_3 = order_sums.units_3 + excluded.units_3, units_4 = order_sums.units_4 + excluded.units_4,
		units_5 = order_sums.units_5 + excluded.units_5, units_6 = order_sums.units_6 + excluded.units_6, units_7 = order_sums.units_7 + excluded.units_7,
		units_8 = order_sums.units_8 + excluded.units_8`
	selectOrderSums = `SELECT state, asset, CAST(SUM(n) AS BIGINT), CAST(SUM(seen) AS BIGINT), CAST(SUM(seen_us) AS BIGINT), CAST(SUM(units_0) AS BIGINT),
		CAST(SUM(units_1) AS BIGINT), CAST(SUM(units_2) AS BIGINT), CAST(SUM(units_3) AS BIGINT), CAST(SUM(units_4) AS BIGINT), CAST(SUM(units_5) AS BIGINT),
		CAST(SUM(units_6) AS BIGINT), CAST(SUM(units_7) AS BIGINT), CAST(SUM(units_8) AS BIGINT)
		FROM order_sums WHERE scope_id = $1 AND bucket >= $2 AND bucket <= $3 GROUP BY state, asset HAVING SUM(n) <> 0`
)

// partDigits is how many decimal digits of an amount stand in one part, the lowest part first.
const (
	partDigits = 9
	parts      = 9 // 81 digits: more than an amount can have
)

type sumKey struct {
	scope, bucket int64
	state         order.State
	asset         string
}

// orderSum is what some orders sum up to.
type orderSum struct {
	n, seen, wait int64 // wait in microseconds
	units         [parts]int64
}

// add adds another sum times a sign, which is 1 or -1.
func (s *orderSum) add(b orderSum, sign int64) {
	s.n += sign * b.n
	s.seen += sign * b.seen
	s.wait += sign * b.wait
	for i := range s.units {
		s.units[i] += sign * b.units[i]
	}
}

func sumKeyOf(o *engine.Order, scope int64) sumKey {
	return sumKey{scope, o.Number >> bucketBits, o.State, o.Terms.Due.Asset().String()}
}

// sumOf is what one order counts for.
func sumOf(o *engine.Order) orderSum {
	s := orderSum{n: 1}
	if at, seen := o.FirstSeen(); seen {
		s.seen, s.wait = 1, max(0, micros(at)-micros(o.CreatedAt))
	}
	digits, negative := strings.CutPrefix(o.Terms.Due.Units(), "-")
	for i := range s.units {
		low := max(0, len(digits)-partDigits)
		if digits[low:] == "" {
			break
		}
		s.units[i], _ = strconv.ParseInt(digits[low:], 10, 64)
		if negative {
			s.units[i] = -s.units[i]
		}
		digits = digits[:low]
	}
	return s
}

func (s orderSum) total(a money.Asset) money.Amount {
	if a.IsZero() {
		return money.Amount{}
	}
	return money.New(a, s.big())
}

// big puts the parts together.
func (s orderSum) big() *big.Int {
	sum, base := new(big.Int), big.NewInt(1_000_000_000)
	for _, part := range slices.Backward(s.units[:]) {
		sum.Mul(sum, base).Add(sum, big.NewInt(part))
	}
	return sum
}

func (g *group) flushSums(sums map[sumKey]*orderSum) error {
	keys := make([]sumKey, 0, len(sums))
	for k, s := range sums {
		if *s != (orderSum{}) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b sumKey) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.state, b.state), cmp.Compare(a.asset, b.asset))
	})
	for _, k := range keys {
		s := sums[k]
		args := []any{k.scope, k.bucket, string(k.state), k.asset, s.n, s.seen, s.wait}
		for _, part := range s.units {
			args = append(args, part)
		}
		if err := g.write("", addOrderSum, args...); err != nil {
			return err
		}
	}
	return nil
}

// Tally sums whole buckets up from order_sums, and the orders of the first and the last one by one where the
// filter's times cut them. Its cost follows the number of buckets; it ends after listTime.
func (r *reader) Tally(f engine.Filter) ([]engine.Tally, error) {
	if f.Reference != "" {
		return nil, fault.New(fault.CodeInvalidPage, "Sums of orders cannot be searched by reference.")
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return nil, err
	}
	var list []engine.Tally
	err = r.within(func(r *reader) error {
		l := listing{reader: r, filter: f, scope: scope}
		if err := l.bound(); err != nil || l.low > l.high {
			return err
		}
		sums := map[sumKey]*orderSum{}
		if err := l.sumUp(sums); err != nil {
			return err
		}
		list, err = talliesOf(f, sums)
		return err
	})
	return list, err
}

// sumUp adds up the orders from low to high. The keys it makes have no scope and no bucket.
func (l *listing) sumUp(sums map[sumKey]*orderSum) error {
	first, last := l.low>>bucketBits, l.high>>bucketBits
	if l.low > max(1, first<<bucketBits) {
		if err := l.sumOrders(l.low, min(l.high, (first+1)<<bucketBits-1), sums); err != nil {
			return err
		}
		first++
	}
	if first <= last && l.high < (last+1)<<bucketBits-1 && !l.filter.CreatedBefore.IsZero() {
		if err := l.sumOrders(last<<bucketBits, l.high, sums); err != nil {
			return err
		}
		last--
	}
	if first > last {
		return nil
	}
	return scan(l, selectOrderSums, []any{l.scope, first, last}, func(rows record) error {
		var k sumKey
		var s orderSum
		columns := []any{&k.state, &k.asset, &s.n, &s.seen, &s.wait}
		for i := range s.units {
			columns = append(columns, &s.units[i])
		}
		err := rows.Scan(columns...)
		addSum(sums, k, s)
		return err
	})
}

// sumOrders adds up orders one by one.
func (l *listing) sumOrders(low, high int64, sums map[sumKey]*orderSum) error {
	var numbers []int64
	for n := max(1, low); n <= high; n++ {
		numbers = append(numbers, n)
	}
	orders, err := l.load(numbers)
	if err != nil {
		return err
	}
	for i := range orders {
		k := sumKeyOf(&orders[i], 0)
		k.bucket = 0
		addSum(sums, k, sumOf(&orders[i]))
	}
	return nil
}

func addSum(sums map[sumKey]*orderSum, k sumKey, s orderSum) {
	if sums[k] == nil {
		sums[k] = &orderSum{}
	}
	sums[k].add(s, 1)
}

func takeSum(sums map[sumKey]*orderSum, k sumKey, s orderSum) {
	if sums[k] == nil {
		sums[k] = &orderSum{}
	}
	sums[k].add(s, -1)
}

// talliesOf leaves out what the filter does not let through; by state, then asset.
func talliesOf(f engine.Filter, sums map[sumKey]*orderSum) ([]engine.Tally, error) {
	var list []engine.Tally
	for k, s := range sums {
		t := engine.Tally{State: k.state, Orders: s.n, Seen: s.seen, Wait: s.wait}
		if err := t.Asset.UnmarshalText([]byte(k.asset)); err != nil {
			return nil, err
		}
		t.Due = s.total(t.Asset)
		if len(f.States) > 0 && !slices.Contains(f.States, k.state) || f.Network != "" && t.Asset.Network() != f.Network ||
			f.AssetCode != "" && t.Asset.Code() != f.AssetCode {
			continue
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b engine.Tally) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Asset.String(), b.Asset.String()))
	})
	return list, nil
}
