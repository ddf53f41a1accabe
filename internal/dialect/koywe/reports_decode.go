package koywe

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
)

// maxReportDays is how long a report's time may be.
const maxReportDays = 366

// spendable is the balance of a scope in a currency, as the ledger knows it.
func spendable(s engine.Scope, currency money.Asset) engine.BalanceKey {
	return engine.BalanceKey{Account: ledger.Owed(s.Merchant).Account(ledger.Merchant), Asset: currency, Mode: s.Mode}
}

// days reads from and to, which must be there: days in UTC, both included. before is the moment the last one ends.
func (q *query) days() (from, before time.Time) {
	from, before = q.day("from"), q.day("to").AddDate(0, 0, 1)
	switch {
	case q.Err() != nil:
	case before.Before(from.AddDate(0, 0, 1)):
		q.Refuse("to", "The parameter 'to' must not be before 'from'")
	case before.After(from.AddDate(0, 0, maxReportDays)):
		q.Refuse("to", fmt.Sprintf("A report covers at most %d days", maxReportDays))
	}
	return from, before
}

// day reads a day that must be there.
func (q *query) day(param string) time.Time {
	text := q.Text(param)
	if text == "" {
		q.Refuse(param, "The parameter '"+param+"' is required")
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 {
		q.Refuse(param, "The parameter '"+param+"' must be a day, as 2026-03-31")
		return time.Time{}
	}
	return t
}

// granularities are the periods that a statement is summed up by.
var granularities = map[string]func(time.Time) time.Time{
	"daily":   func(t time.Time) time.Time { return t.AddDate(0, 0, 1) },
	"monthly": func(t time.Time) time.Time { return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC) },
}

func decodeStatement(r *http.Request) (a engine.StatementAsk, err error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return a, err
	}
	a.From, a.Before = q.days()
	a.Limit = q.Number("limit", 1, 100, 50)
	if a.Next = granularities[q.word("granularity", "daily", "monthly")]; a.Next == nil {
		a.Next = granularities["daily"]
	}
	if cursor := q.Text("cursor"); cursor != "" {
		n, known := entryNumber(cursor)
		if !known {
			q.Refuse("cursor", "The parameter 'cursor' must be the 'nextCursor' of the page before")
		}
		a.After = n
	}
	return a, q.Err()
}

// entryNumber reads the id of a ledger entry: the decimal number of the line.
func entryNumber(text string) (n int64, known bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}
