package koywe

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"till/internal/fault"
	"till/internal/web"
)

// What the decoders of all nouns share: how a field, and a parameter of a query, is read.

// required reads a text that must be there and not be empty.
func required(body web.Object, field string, limit int) (string, error) {
	text, present, err := body.String(field, limit)
	if err != nil {
		return "", err
	}
	if !present || text == "" {
		return "", missing(body.Param(field))
	}
	return text, nil
}

func missing(field string) error {
	return fault.New(fault.CodeMissingField, "The field '"+field+"' is required").On(field)
}

// optional reads a text; "" where it is absent, null or empty. Control characters are refused.
func optional(body web.Object, field string, limit int) (string, error) {
	text, _, err := body.String(field, limit)
	if err == nil && strings.ContainsFunc(text, unicode.IsControl) {
		return "", fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not hold control characters").On(body.Param(field))
	}
	return text, err
}

// word reads one of the allowed words.
func word(body web.Object, field string, allowed []string) (string, error) {
	text, err := optional(body, field, 64)
	if err != nil || text == "" {
		return "", err
	}
	if !slices.Contains(allowed, text) {
		return "", fault.New(fault.CodeInvalidValue, "The field '"+field+"' must be one of "+strings.Join(allowed, ", ")).On(body.Param(field))
	}
	return text, nil
}

// query reads the parameters of this API's lists.
type query struct{ web.Query }

func queryOf(raw string) (*query, error) {
	q, err := web.QueryOf(raw)
	return &query{q}, err
}

// word is one of the allowed words.
func (q *query) word(param string, allowed ...string) string {
	text := q.Text(param)
	if text != "" && !slices.Contains(allowed, text) {
		q.Refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return text
}

// flag is true or false.
func (q *query) flag(param string, otherwise bool) bool {
	switch q.word(param, "true", "false") {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// time is a moment as ISO 8601 writes it, or a day, which begins at midnight UTC; within is added to a moment, and a
// day where it is not zero lasts until its end. So an order is found by the time it shows: shown times are cut to
// milliseconds.
func (q *query) time(param string, within time.Duration) time.Time {
	text := q.Text(param)
	if text == "" {
		return time.Time{}
	}
	t, day, ok := parseTime(text)
	switch {
	case !ok:
		q.Refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
		return time.Time{}
	case day && within > 0:
		return t.Add(24*time.Hour - time.Microsecond)
	}
	return t.Add(within)
}

// parseTime reads a moment as ISO 8601 writes it, or a day, which begins at midnight UTC.
func parseTime(text string) (t time.Time, day, ok bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t.UTC(), layout == time.DateOnly, true
		}
	}
	return time.Time{}, false, false
}
