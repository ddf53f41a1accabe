package payin

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
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
		Page:          q.number("page", 1, maxPage, 1),
		Limit:         q.number("limit", 1, 100, 20),
		States:        q.states("status"),
		AssetCode:     q.text("currency", "token"),
		Network:       q.text("chainId", "chain"),
		Reference:     q.text("orderReference"),
		CreatedAfter:  q.time("createdAfter", 0),
		CreatedBefore: q.time("createdBefore", shownTime-1),
		Sort:          sortKeys[q.word("sortBy", "createdAt", "updatedAt", "amount", "created_at", "updated_at")],
		Descending:    !strings.EqualFold(q.word("sortOrder", "desc", "asc", "DESC", "ASC"), "asc"),
	}
	return f, q.err
}

// maxPage keeps page times limit far from the end of an int.
const maxPage = 1_000_000_000

var sortKeys = map[string]engine.SortKey{
	"": engine.ByCreation, "createdAt": engine.ByCreation, "created_at": engine.ByCreation,
	"updatedAt": engine.ByUpdate, "updated_at": engine.ByUpdate,
	"amount": engine.ByAmount,
}

// query reads parameters and remembers the first that is wrong.
type query struct {
	values url.Values
	err    error
}

func queryOf(raw string) (*query, error) {
	parsed, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.New(fault.CodeInvalidPage, "The query cannot be read")
	}
	return &query{values: parsed}, nil
}

func (q *query) refuse(param, message string) {
	if q.err == nil {
		q.err = fault.New(fault.CodeInvalidPage, message).On(param)
	}
}

// text is the value of a parameter, under any of its names.
func (q *query) text(names ...string) string {
	found := ""
	for _, param := range names {
		given := q.values[param]
		switch {
		case len(given) == 0 || len(given) == 1 && given[0] == "":
			continue
		case len(given) > 1 || found != "" && found != given[0]:
			q.refuse(param, "The parameter '"+param+"' is given twice")
		case !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
			q.refuse(param, "The parameter '"+param+"' holds characters that are not allowed")
		case utf8.RuneCountInString(given[0]) > maxReference:
			q.refuse(param, "The parameter '"+param+"' is longer than 255 characters")
		default:
			found = given[0]
		}
	}
	return found
}

func (q *query) number(param string, low, high, otherwise int) int {
	text := q.text(param)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || strconv.Itoa(n) != text {
		q.refuse(param, fmt.Sprintf("The parameter '%s' must be a whole number from %d to %d", param, low, high))
	}
	return n
}

// word is one of the allowed words, whatever the case of its letters, as the list spells it.
func (q *query) word(param string, allowed ...string) string {
	text := q.text(param)
	if text == "" {
		return ""
	}
	i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, text) })
	if i < 0 {
		q.refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return allowed[i]
}

// flag is true or false, or nil where nothing is said.
func (q *query) flag(names ...string) *bool {
	switch text := q.text(names...); text {
	case "":
		return nil
	case "true", "false":
		value := text == "true"
		return &value
	}
	q.refuse(names[0], "The parameter '"+names[0]+"' must be true or false")
	return nil
}

// states turns wire statuses into every state of the machine that looks like one of them.
func (q *query) states(param string) []order.State {
	text := q.text(param)
	if text == "" {
		return nil
	}
	var states []order.State
	wanted := strings.Split(text, ",")
	for i, status := range wanted {
		wanted[i] = strings.TrimSpace(status)
		if !slices.Contains(statuses, wanted[i]) {
			q.refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(statuses, ", "))
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
	text := q.text(append([]string{param}, others...)...)
	if text == "" {
		return time.Time{}
	}
	t, ok := parseTime(text)
	if !ok {
		q.refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
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
