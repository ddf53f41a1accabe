package koywe

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
)

// reportAsk is which orders of a balance a report is about. Pages are counted from the oldest order on, so that orders
// made meanwhile move none of them.
type reportAsk struct {
	filter       engine.Filter
	status, kind string
	from, before time.Time
}

func (d *Dialect) ordersReport(r *http.Request, s engine.Scope) (answer, error) {
	k, err := reportedBalance(r, s)
	if err != nil {
		return answer{}, err
	}
	asked, err := decodeOrdersReport(r, s)
	if err != nil {
		return answer{}, err
	}
	stood, err := d.engine.Statement(r.Context(), engine.StatementAsk{Balance: k, From: asked.from, Before: asked.before, Limit: 1})
	if err != nil {
		return answer{}, err
	}
	page, counts, err := d.reported(r, asked)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.ordersReportOf(s, k, asked, stood, page, counts)}, nil
}

// reported is a page of the report, and how many orders there are of each type.
func (d *Dialect) reported(r *http.Request, a reportAsk) (page engine.Page, counts map[string]int64, err error) {
	counts = map[string]int64{}
	if a.status != "" && len(a.filter.Looks) == 0 {
		return page, counts, nil // no order of the type is ever called so
	}
	if page, err = d.engine.Orders(r.Context(), a.filter); err != nil {
		return page, nil, err
	}
	for _, kind := range kindNames() {
		one := a.filter
		one.Page, one.Limit, one.Looks = 1, 1, looksOf(a.status, kind)
		if a.kind != "" && a.kind != kind || len(one.Looks) == 0 {
			continue
		}
		found, err := d.engine.Orders(r.Context(), one)
		if err != nil {
			return page, nil, err
		}
		if found.Total > 0 {
			counts[kind] = found.Total
		}
	}
	return page, counts, nil
}

func decodeOrdersReport(r *http.Request, s engine.Scope) (a reportAsk, err error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return a, err
	}
	a.from, a.before = q.days()
	a.status, a.kind = q.word("status", statuses...), q.word("type", kindNames()...)
	a.filter = engine.Filter{
		Scope: s, Looks: looksOf(a.status, a.kind), Words: []string{accountWord(r.PathValue("accountId"))},
		CreatedAfter: a.from, CreatedBefore: a.before.Add(-time.Microsecond), Sort: engine.ByCreation, Page: 1, Limit: q.Number("limit", 1, 100, 50),
	}
	if cursor := q.Text("cursor"); cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 2 || n > 1<<20 || strconv.Itoa(n) != cursor {
			q.Refuse("cursor", "The parameter 'cursor' must be the 'nextCursor' of the page before")
		}
		a.filter.Page = n
	}
	return a, q.Err()
}

type ordersReportBody struct {
	AccountID  string            `json:"accountId"`
	MerchantID string            `json:"merchantId"`
	Currency   string            `json:"currency"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Summary    ordersSummaryBody `json:"summary"`
	Orders     []orderBody       `json:"orders"`
	NextCursor *string           `json:"nextCursor"`
}

// ordersSummaryBody counts the orders of the whole report, and says what the balance was before and after: what moved it
// between stands in the ledger statement of the same days.
type ordersSummaryBody struct {
	TotalOrders    int64           `json:"totalOrders"`
	ByType         []typeCountBody `json:"byType"`
	OpeningBalance string          `json:"openingBalance"`
	ClosingBalance string          `json:"closingBalance"`
}

type typeCountBody struct {
	Type   string `json:"type"`
	Orders int64  `json:"orders"`
}

func (d *Dialect) ordersReportOf(s engine.Scope, k engine.BalanceKey, a reportAsk, stood engine.Statement, page engine.Page, counts map[string]int64) ordersReportBody {
	body := ordersReportBody{
		AccountID: virtualAccountID(s, k.Asset), MerchantID: s.Merchant, Currency: k.Asset.Code(), From: dayOf(a.from), To: lastDay(a.before),
		Summary: ordersSummaryBody{page.Total, []typeCountBody{}, stood.Opening.Decimal(), stood.Closing.Decimal()}, Orders: []orderBody{},
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		body.Summary.ByType = append(body.Summary.ByType, typeCountBody{kind, counts[kind]})
	}
	for i := range page.Orders {
		body.Orders = append(body.Orders, d.encodeOrder(&page.Orders[i]))
	}
	if int64(a.filter.Page)*int64(a.filter.Limit) < page.Total {
		body.NextCursor = new(fmt.Sprint(a.filter.Page + 1))
	}
	return body
}
