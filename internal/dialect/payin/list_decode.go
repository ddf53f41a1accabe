package payin

import (
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/web"
)

// decodeFilter reads the query of GET /orders. What it does not know it ignores; what it knows must be right
// and stand there once. An empty value is as good as none.
func decodeFilter(rawQuery string, s engine.Scope) (engine.Filter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.Filter{}, err
	}
	f := engine.Filter{
		Scope:         s,
		Page:          q.Number("page", 1, maxPage, 1),
		Limit:         q.Number("limit", 1, 100, 20),
		States:        q.states("status"),
		AssetCode:     q.Text("currency", "token"),
		Network:       q.Text("chainId", "chain"),
		Reference:     q.Text("orderReference"),
		CreatedAfter:  q.time("createdAfter", 0),
		CreatedBefore: q.time("createdBefore", shownTime-1),
		Sort:          sortKeys[q.word("sortBy", "createdAt", "updatedAt", "amount", "created_at", "updated_at")],
		Descending:    !strings.EqualFold(q.word("sortOrder", "desc", "asc", "DESC", "ASC"), "asc"),
	}
	return f, q.Err()
}

// maxPage keeps page times limit far from the end of an int.
const maxPage = 1_000_000_000

var sortKeys = map[string]engine.SortKey{
	"": engine.ByCreation, "createdAt": engine.ByCreation, "created_at": engine.ByCreation,
	"updatedAt": engine.ByUpdate, "updated_at": engine.ByUpdate,
	"amount": engine.ByAmount,
}

// query reads the parameters of this API's lists.
type query struct{ web.Query }

func queryOf(raw string) (*query, error) {
	q, err := web.QueryOf(raw)
	return &query{q}, err
}

// word is one of the allowed words, whatever the case of its letters, as the list spells it.
func (q *query) word(param string, allowed ...string) string {
	text := q.Text(param)
	if text == "" {
		return ""
	}
	i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, text) })
	if i < 0 {
		q.Refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return allowed[i]
}

// flag is true or false, or nil where nothing is said.
func (q *query) flag(names ...string) *bool {
	switch text := q.Text(names...); text {
	case "":
		return nil
	case "true", "false":
		value := text == "true"
		return &value
	}
	q.Refuse(names[0], "The parameter '"+names[0]+"' must be true or false")
	return nil
}

// states turns wire statuses into every state of the machine that looks like one of them.
func (q *query) states(param string) []order.State {
	text := q.Text(param)
	if text == "" {
		return nil
	}
	var states []order.State
	wanted := strings.Split(text, ",")
	for i, status := range wanted {
		wanted[i] = strings.TrimSpace(status)
		if !slices.Contains(statuses, wanted[i]) {
			q.Refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(statuses, ", "))
			return nil
		}
	}
	for _, state := range order.States() {
		if slices.Contains(wanted, statusOf(state)) {
			states = append(states, state)
		}
	}
	return states
}

// time reads a moment, also under other names, as ISO 8601 writes it, or a day, which begins at midnight UTC. Within is added, so that
// an order is found by the time it shows: shown times are cut to milliseconds.
func (q *query) time(param string, within time.Duration, others ...string) time.Time {
	text := q.Text(append([]string{param}, others...)...)
	if text == "" {
		return time.Time{}
	}
	t, ok := parseTime(text)
	if !ok {
		q.Refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
		return time.Time{}
	}
	return t.Add(within)
}

// parseTime reads a moment as ISO 8601 writes it, or a day, which begins at midnight UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
