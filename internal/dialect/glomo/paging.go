package glomo

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/web"
)

const (
	defaultPerPage = 20
	maxPerPage     = 100
	maxPage        = 1 << 20
)

// paging is which page of a list is asked for. Pages count from 1.
type paging struct {
	page, perPage int
	// The first and the last moment of creation that the list shows; zero: there is no end. Both are included, because
	// what is asked for excludes the seconds that it names.
	from, to time.Time
}

// pageBody is one page of a list.
type pageBody[T any] struct {
	Data []T      `json:"data"`
	Meta pageMeta `json:"page_meta"`
}

// pageMeta is where a page stands in its list. Previous and Next are null at the ends.
type pageMeta struct {
	Current  int   `json:"current"`
	Previous *int  `json:"previous"`
	Next     *int  `json:"next"`
	PerPage  int   `json:"per_page"`
	Pages    int   `json:"pages"`
	Count    int64 `json:"count"`
}

// pageOf is the page of what it shows, of a list of so many.
func pageOf[T any](p paging, data []T, count int64) pageBody[T] {
	if data == nil {
		data = []T{}
	}
	meta := pageMeta{Current: p.page, PerPage: p.perPage, Count: count, Pages: int((count + int64(p.perPage) - 1) / int64(p.perPage))}
	if p.page > 1 {
		meta.Previous = new(min(p.page-1, max(meta.Pages, 1)))
	}
	if p.page < meta.Pages {
		meta.Next = new(p.page + 1)
	}
	return pageBody[T]{data, meta}
}

// pagingOf is which page is asked for of a list that has no other parameters.
func pagingOf(r *http.Request) (paging, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return paging{}, err
	}
	at := q.paging()
	return at, q.Err()
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
		q.Refuse(param, "Invalid "+param+": it must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return text
}

// id is an id of a noun.
func (q *query) id(param, prefix string) string {
	text := q.Text(param)
	if text != "" && !isID(text, prefix) {
		q.Refuse(param, "Invalid "+param)
		return ""
	}
	return text
}

// paging reads page, per_page, before and after. More than 100 for a page are 100.
func (q *query) paging() paging {
	p := paging{page: q.number("page", 1), perPage: min(q.number("per_page", defaultPerPage), maxPerPage)}
	if after := q.time("after"); !after.IsZero() {
		p.from = after.Truncate(time.Second).Add(time.Second)
	}
	if before := q.time("before"); !before.IsZero() {
		p.to = before.Add(time.Second - 1).Truncate(time.Second).Add(-time.Microsecond)
	}
	return p
}

// number is a whole number from 1.
func (q *query) number(param string, otherwise int) int {
	text := q.Text(param)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage || strconv.Itoa(n) != text {
		q.Refuse(param, "The parameter '"+param+"' must be a whole number from 1")
		return otherwise
	}
	return n
}

// time is a moment as ISO 8601 writes it; a day is its midnight, and what says no zone is UTC.
func (q *query) time(param string) time.Time {
	text := q.Text(param)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t.UTC()
		}
	}
	q.Refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
	return time.Time{}
}

// has says whether the list shows what was created then.
func (p paging) has(created time.Time) bool {
	return (p.from.IsZero() || !created.Before(p.from)) && (p.to.IsZero() || !created.After(p.to))
}
