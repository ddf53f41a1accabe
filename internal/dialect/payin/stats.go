package payin

import (
	"math/big"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

// orderStats sums up the merchant's orders. It is served before an order of that id could be, which there is none
// of; an order of that reference is found by its reference.
func (d *Dialect) orderStats(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodeStats(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	list, err := d.engine.Tally(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	return encodeStats(list), nil
}

// decodeStats reads the query of GET /orders/stats: the filters of the list that sums can be made of. A filter that
// would be ignored is refused, because the sums would look as if it had been applied.
func decodeStats(rawQuery string, s engine.Scope) (engine.Filter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.Filter{}, err
	}
	if q.Text("orderReference") != "" {
		return engine.Filter{}, fault.New(fault.CodeInvalidPage, "Statistics cannot be searched by orderReference").On("orderReference")
	}
	f := engine.Filter{
		Scope:         s,
		States:        q.states("status"),
		AssetCode:     q.Text("currency", "token"),
		Network:       q.Text("chainId", "chain"),
		CreatedAfter:  q.time("createdAfter", 0),
		CreatedBefore: q.time("createdBefore", shownTime-1),
	}
	return f, q.Err()
}

func encodeStats(list []engine.Tally) answer {
	body := statsBody{Success: true, Data: statsData{
		ByStatus: map[string]int64{pending: 0, completed: 0, expired: 0}, ByChain: map[string]int64{}, ByToken: map[string]int64{},
		TotalAmountByToken: map[string]string{}, CompletedAmountByToken: map[string]string{},
	}}
	b := &body.Data
	var all, paid figures
	total, done := map[string]*figures{}, map[string]*figures{}
	var seen, wait int64
	for _, t := range list {
		status, code := statusOf(t.State), t.Asset.Code()
		b.TotalOrders += t.Orders
		b.ByStatus[status] += t.Orders
		b.ByChain[t.Asset.Network()] += t.Orders
		b.ByToken[code] += t.Orders
		seen, wait = seen+t.Seen, wait+t.Wait
		all.add(t.Due)
		under(total, code).add(t.Due)
		if status == completed {
			paid.add(t.Due)
			under(done, code).add(t.Due)
		}
	}
	b.PendingOrders, b.CompletedOrders, b.ExpiredOrders = b.ByStatus[pending], b.ByStatus[completed], b.ByStatus[expired]
	b.TotalAmount, b.CompletedAmount = all.text(), paid.text()
	for code, f := range total {
		b.TotalAmountByToken[code] = f.text()
	}
	for code, f := range done {
		b.CompletedAmountByToken[code] = f.text()
	}
	if seen > 0 {
		b.AvgPaymentTimeSeconds = wait / seen / 1_000_000
	}
	return answer{http.StatusOK, body}
}

func under(all map[string]*figures, code string) *figures {
	if all[code] == nil {
		all[code] = &figures{}
	}
	return all[code]
}

// figures is a sum of the figures of amounts, whatever they count, in units of the smallest there is. PayIn adds up
// all of a merchant's orders in this way; it is never used to move money.
type figures struct {
	units big.Int
	scale uint8 // the most decimals that one of the amounts had
}

// smallest has as many decimals as an amount can have.
var smallest = money.MustAsset("FIGURES", "", money.MaxScale)

func (f *figures) add(a money.Amount) {
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(money.MaxScale-a.Asset().Scale())), nil)
	f.units.Add(&f.units, factor.Mul(factor, a.Big()))
	f.scale = max(f.scale, a.Asset().Scale())
}

// text has as many decimals as the amounts had.
func (f *figures) text() string {
	if f.scale == 0 {
		return new(big.Int).Div(&f.units, new(big.Int).Exp(big.NewInt(10), big.NewInt(money.MaxScale), nil)).String()
	}
	text := money.New(smallest, &f.units).Decimal()
	return text[:len(text)-int(money.MaxScale-f.scale)]
}
