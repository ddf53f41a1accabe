package payin

import (
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/order"
)

// askedTransfers is a request for transfers.
type askedTransfers struct {
	filter  engine.PaymentFilter
	owner   engine.PaymentOwner
	nothing bool // no transfer can be as it is asked for
}

// transferStates is what the words of a status filter mean. What was confirmed and then reorganised away has failed
// until it is mined again.
var transferStates = map[string][]order.Rank{
	"pending":   {order.RankSeen},
	"confirmed": {order.RankConfirmed},
	"failed":    {order.RankFailed, order.RankReversed},
}

var transferSorts = map[string]engine.SortKey{
	"": engine.ByTold, "detected_at": engine.ByTold, "detectedAt": engine.ByTold,
	"confirmed_at": engine.BySettled, "confirmedAt": engine.BySettled, "amount": engine.ByAmount,
}

// decodeTransfers reads the query of both lists of transfers, each parameter under the names of PayIn's pages and
// of its server. What it does not know it ignores; what it knows must be right and stand there once.
func decodeTransfers(rawQuery string, s engine.Scope, limit, most int) (askedTransfers, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return askedTransfers{}, err
	}
	a := askedTransfers{filter: engine.PaymentFilter{
		Scopes:     []engine.Scope{s, s.Arrivals()},
		Network:    q.Text("chainId", "chain"),
		AssetCode:  q.Text("currency", "token"),
		Tx:         strings.ToLower(q.Text("txHash", "transactionHash", "transaction_hash")),
		ToldAfter:  q.time("detectedAfter", 0, "detected_after"),
		ToldBefore: q.time("detectedBefore", shownTime-1, "detected_before"),
		Sort:       transferSorts[q.word("sortBy", "detectedAt", "detected_at", "confirmedAt", "confirmed_at", "amount")],
		Descending: !strings.EqualFold(q.word("sortOrder", "desc", "asc", "DESC", "ASC"), "asc"),
		Page:       q.Number("page", 1, maxPage, 1),
		Limit:      q.Number("limit", 1, most, limit),
	}}
	a.owner = engine.PaymentOwner{Scope: s, Order: q.Text("orderId", "order_id"), Reference: q.Text("depositReference", "deposit_reference")}
	switch business := q.Text("businessType", "business_type"); business {
	case "":
	case "order":
		a.filter.Scopes = a.filter.Scopes[:1]
	case "deposit":
		a.filter.Scopes = a.filter.Scopes[1:]
	default:
		q.Refuse("businessType", "The parameter 'businessType' must be one of order, deposit")
	}
	a.filter.Ranks = q.ranks()
	a.nothing = len(a.filter.Ranks) == 0
	return a, q.Err()
}

// ranks is what status, isConfirmed and isFailed let through together.
func (q *query) ranks() []order.Rank {
	chosen := []order.Rank{order.RankSeen, order.RankFailed, order.RankConfirmed, order.RankReversed}
	keep := func(fits func(order.Rank) bool) {
		chosen = slices.DeleteFunc(chosen, func(r order.Rank) bool { return !fits(r) })
	}
	if text := q.Text("status"); text != "" {
		var wanted []order.Rank
		for word := range strings.SplitSeq(text, ",") {
			ranks, known := transferStates[strings.TrimSpace(word)]
			if !known {
				q.Refuse("status", "The parameter 'status' must be one of pending, confirmed, failed")
			}
			wanted = append(wanted, ranks...)
		}
		keep(func(r order.Rank) bool { return slices.Contains(wanted, r) })
	}
	if want := q.flag("isConfirmed", "is_confirmed"); want != nil {
		keep(func(r order.Rank) bool { return isConfirmed(r) == *want })
	}
	if want := q.flag("isFailed", "is_failed"); want != nil {
		keep(func(r order.Rank) bool { return isFailed(r) == *want })
	}
	return chosen
}

func isConfirmed(r order.Rank) bool { return r == order.RankConfirmed }
func isFailed(r order.Rank) bool    { return r == order.RankFailed || r == order.RankReversed }
