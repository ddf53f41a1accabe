package koywe

import (
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/order"
)

const (
	defaultPageSize = 10
	maxPageSize     = 100
)

// decodeOrderFilter reads the query of GET /orders. What it does not know it ignores; what it knows must be right and
// stand there once. An empty value is as good as none.
func (d *Dialect) decodeOrderFilter(rawQuery string, s engine.Scope) (engine.Filter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.Filter{}, err
	}
	f := engine.Filter{
		Scope:         s,
		Looks:         looksOf(q.word("status", statuses...), q.word("type", kindNames()...)),
		CreatedAfter:  q.time("startDate", 0),
		CreatedBefore: q.time("endDate", shownTime-1),
	}
	f.Page, f.Limit = q.paging(defaultPageSize, maxPageSize)
	f.Sort, f.Descending = q.sort("sort")
	if id := q.Text("currencyId"); id != "" {
		f.Words = append(f.Words, currencyWord(d.symbolOf(s.Mode, id)))
	}
	from, to, either := q.Text("originAccountId"), q.Text("destinationAccountId"), q.Text("accountId")
	if either != "" && (from != "" || to != "") {
		q.Refuse("accountId", "The parameter 'accountId' excludes 'originAccountId' and 'destinationAccountId'")
	}
	for word, id := range map[string]string{fromWord(from): from, toWord(to): to, accountWord(either): either} {
		if id != "" {
			f.Words = append(f.Words, word)
		}
	}
	slices.Sort(f.Words)
	return f, q.Err()
}

var sortKeys = map[string]engine.SortKey{"createdAt": engine.ByCreation, "updatedAt": engine.ByUpdate, "amountIn": engine.ByAmount}

// sort is what a list is sorted by: a field, and asc or desc behind a colon.
func (q *query) sort(param string) (key engine.SortKey, descending bool) {
	text := q.Text(param)
	if text == "" {
		return engine.ByCreation, true
	}
	field, direction, _ := strings.Cut(text, ":")
	key, known := sortKeys[field]
	if !known || direction != "" && direction != "asc" && direction != "desc" {
		q.Refuse(param, "The parameter '"+param+"' must be createdAt, updatedAt or amountIn, with :asc or :desc behind it")
	}
	return key, direction != "asc"
}

// looksOf is every look of the machine that orders of a status and a type have; none for all.
func looksOf(status, kind string) []engine.Look {
	if status == "" && kind == "" {
		return nil
	}
	wanted := kindNames()
	if kind != "" {
		wanted = []string{kind}
	}
	if status == "" {
		return []engine.Look{{Kinds: wanted}}
	}
	var looks []engine.Look
	for _, state := range order.States() {
		overlaid := []order.Overlay{order.NoOverlay}
		if state.Terminal() {
			overlaid = []order.Overlay{order.NoOverlay, order.Refunding, order.Refunded}
		}
		for _, refund := range overlaid {
			var fitting []string
			for _, name := range wanted {
				if statusOf(name, state, refund) == status {
					fitting = append(fitting, name)
				}
			}
			if len(fitting) == 0 {
				continue
			}
			if len(fitting) == len(kinds) {
				fitting = nil
			}
			looks = append(looks, engine.Look{State: state, Kinds: fitting, Overlay: refund})
		}
	}
	return looks
}

// The words by which lists find an order beside its type: the accounts and currencies of its two sides.
func fromWord(id string) string    { return "from:" + id }
func toWord(id string) string      { return "to:" + id }
func accountWord(id string) string { return "account:" + id }

// currencyWord names a currency by its id, which a client may have written as its symbol.
func currencyWord(text string) string {
	if !strings.HasPrefix(text, "cur_") {
		text = *idOf("cur", text)
	}
	return "currency:" + text
}

// words are those of an order. A balance is an account too, on either side.
func (p plan) words() []string {
	list := []string{currencyWord(p.from.Code())}
	if p.to.Code() != p.from.Code() {
		list = append(list, currencyWord(p.to.Code()))
	}
	from, to := "", p.record().Account
	if p.kind.fromBalance(p.asked) {
		from = virtualAccountID(p.scope, p.from)
	}
	switch {
	case p.kind.name == balanceTransfer:
		to = virtualAccountID(p.scope, p.to)
	case p.kind.merchant:
		other := p.scope
		other.Merchant = p.asked.merchant
		to = virtualAccountID(other, p.to)
	}
	if from != "" {
		list = append(list, fromWord(from), accountWord(from))
	}
	if to != "" {
		list = append(list, toWord(to))
		if to != from {
			list = append(list, accountWord(to))
		}
	}
	slices.Sort(list)
	return list
}
