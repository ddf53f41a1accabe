package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/internal/fault"
)

// Query reads the parameters of a list and remembers the first that is wrong. What a parameter may say beyond its form is for
// the API to check, which calls Refuse.
type Query struct {
	values url.Values
	err    error
}

// maxParameter bounds a parameter, in characters.
const maxParameter = 255

// QueryOf reads a request's raw query. Error: invalid_page.
func QueryOf(raw string) (Query, error) {
	parsed, err := url.ParseQuery(raw)
	if err != nil {
		return Query{}, fault.New(fault.CodeInvalidPage, "The query cannot be read")
	}
	return Query{values: parsed}, nil
}

// Err is the first thing that was wrong, invalid_page on its parameter; nil when nothing was.
func (q *Query) Err() error { return q.err }

// Refuse says that a parameter is wrong, unless something was before.
func (q *Query) Refuse(param, message string) {
	if q.err == nil {
		q.err = fault.New(fault.CodeInvalidPage, message).On(param)
	}
}

// Text is the value of a parameter, under any of its names; an empty one is as good as none. It is refused when it is given twice,
// unless two of its names say the same.
func (q *Query) Text(names ...string) string {
	found := ""
	for _, param := range names {
		given := q.values[param]
		switch {
		case len(given) == 0 || len(given) == 1 && given[0] == "":
			continue
		case len(given) > 1 || found != "" && found != given[0]:
			q.Refuse(param, "The parameter '"+param+"' is given twice")
		case !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
			q.Refuse(param, "The parameter '"+param+"' holds characters that are not allowed")
		case utf8.RuneCountInString(given[0]) > maxParameter:
			q.Refuse(param, "The parameter '"+param+"' is longer than 255 characters")
		default:
			found = given[0]
		}
	}
	return found
}

// Number is a whole number without a sign or leading zeros; otherwise when the parameter is not given.
func (q *Query) Number(param string, low, high, otherwise int) int {
	text := q.Text(param)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || strconv.Itoa(n) != text {
		q.Refuse(param, fmt.Sprintf("The parameter '%s' must be a whole number from %d to %d", param, low, high))
	}
	return n
}
