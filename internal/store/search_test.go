package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Searches go along an index in the order of their list, so that a page without a filter costs the same
// whatever the history, and none sorts what it found.
func TestSearchesUseIndexes(t *testing.T) {
	s := testStore(t)
	page := func(statement, column string, filters ...string) string {
		var c condition
		for _, f := range filters {
			c.and(f+" = ?", "x")
		}
		c.ids(column, "after", time.Unix(1, 0), time.Unix(2, 0))
		query, _ := c.of(statement, 10)
		return query
	}
	first := func(statement string) string {
		query, _ := (&condition{}).of(statement, 10)
		return query
	}
	var walk, rarely condition
	walk.in("COALESCE(scope_id, 0)", []any{1, 2})
	walk.in("COALESCE(state, '')", []any{"waiting"})
	walk.ids("id", "after", time.Time{}, time.Time{})
	common, _ := walk.of(searchCommon, 10)
	rarely.in("scope_id", []any{1, 2})
	rarely.in("state", []any{"held"})
	seldom, _ := rarely.of(searchRare, 0)
	for _, q := range []struct{ query, index string }{
		{common, "sqlite_autoindex_orders_1 (id<?)"},
		{first(searchCommon), "sqlite_autoindex_orders_1"},
		{page(searchCommon, "id"), "sqlite_autoindex_orders_1 (id>? AND id<?)"},
		{seldom, "orders_state"},
		{first(searchEntries), "SCAN e"}, // by its primary key, from the end
		{page(searchEntries, "e.id", "e.merchant"), "PRIMARY KEY"},
		{first(searchEvents), "SCAN e"},
		{page(searchEvents, "e.id"), "PRIMARY KEY"},
		{page(searchEvents, "e.id", "s.merchant", "e.type"), "PRIMARY KEY"},
		{first(searchMessages), "SCAN m USING INDEX sqlite_autoindex_messages_1"},
		{page(searchMessages, "m.id", "COALESCE(s.merchant, '')", "m.state"), "sqlite_autoindex_messages_1"},
		{page(searchMessages, "m.id", "m.endpoint_id"), "sqlite_autoindex_messages_1"},
		{first(searchPayments), "SCAN p"},
		{page(searchMessages, "m.id"), "sqlite_autoindex_messages_1"},
		{strings.Replace(selectPostings, "{any}", anyOf([]string{"entry_id"}, 0, 4), 1), "PRIMARY KEY"},
		{selectMessage, "sqlite_autoindex_messages_1"},
		{selectMerchant, "PRIMARY KEY"},
		{selectKeyByID, "PRIMARY KEY"},
		{deleteEndpoint, "PRIMARY KEY"},
		{countUntold, "events_untold"},
		{countPending, "messages_due"},
		{countToSend, "orders_send"},
		{countInFlight, "transfers_look"},
		{selectOldestPending, "messages_due"},
	} {
		rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+q.query, make([]any, strings.Count(q.query, "$"))...)
		if err != nil {
			t.Fatalf("%s: %v", q.query, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, skip int
			var detail string
			if err := rows.Scan(&id, &parent, &skip, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		rows.Close()
		if text := strings.Join(plan, "\n\t"); !strings.Contains(text, q.index) || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s\n\t%s\nwant %s", q.query, text, q.index)
		}
	}
}

// Searches never take the last reader: while they run, everything else is served.
func TestSearchesLeaveReaders(t *testing.T) {
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	search := func() error {
		return s.View(t.Context(), func(rd engine.Reader) error {
			return rd.(*reader).within(func(*reader) error { return nil })
		})
	}
	if err := search(); err != nil {
		t.Fatal(err)
	}
	for range cap(s.searches) {
		s.searches <- struct{}{}
	}
	if cap(s.searches) >= cap(s.idle) {
		t.Errorf("%d searches may hold all of %d readers", cap(s.searches), cap(s.idle))
	}
	if err := search(); !fault.Is(err, fault.CodeOverloaded) {
		t.Errorf("one search too many: %v", err)
	}
	<-s.searches
	if err := search(); err != nil {
		t.Errorf("after one ended: %v", err)
	}
}
