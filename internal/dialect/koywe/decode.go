package koywe

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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

const maxParameter = 255 // characters

// text is the value of a parameter; an empty one is as good as none.
func (q *query) text(param string) string {
	given := q.values[param]
	switch {
	case len(given) == 0 || len(given) == 1 && given[0] == "":
		return ""
	case len(given) > 1:
		q.refuse(param, "The parameter '"+param+"' is given twice")
	case !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
		q.refuse(param, "The parameter '"+param+"' holds characters that are not allowed")
	case utf8.RuneCountInString(given[0]) > maxParameter:
		q.refuse(param, "The parameter '"+param+"' is longer than 255 characters")
	default:
		return given[0]
	}
	return ""
}

// number is a whole number.
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

// word is one of the allowed words.
func (q *query) word(param string, allowed ...string) string {
	text := q.text(param)
	if text != "" && !slices.Contains(allowed, text) {
		q.refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(allowed, ", "))
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
	text := q.text(param)
	if text == "" {
		return time.Time{}
	}
	t, day, ok := parseTime(text)
	switch {
	case !ok:
		q.refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
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
