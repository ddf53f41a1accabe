package store

import (
	"strings"
	"testing"
)

func TestValuesOfManyRows(t *testing.T) {
	for query, want := range map[string]string{
		"INSERT INTO t (a, b)\n\t\tVALUES ($1, lower($2)) ON CONFLICT DO NOTHING": "INSERT OR FAIL INTO t (a, b) VALUES (?, lower(?)), (?, lower(?)) ON CONFLICT DO NOTHING",
		"INSERT INTO t (a) SELECT n FROM u WHERE n = $1 AND m > $2":               "INSERT OR FAIL INTO t (a) SELECT n FROM (VALUES (?, ?), (?, ?)) AS many CROSS JOIN u WHERE n = many.column1 AND m > many.column2",
	} {
		if got := valuesOf(query, 2, 2); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	for _, query := range manyRows {
		if text := valuesOf(query, strings.Count(query, "$"), 4); strings.HasPrefix(query, "INSERT") && strings.Contains(text, "$") {
			t.Errorf("its placeholders are not in order, each once: %s", query)
		}
	}
}

func TestUnnumbered(t *testing.T) {
	for query, want := range map[string]string{
		"a = $1 AND b = $2":            "a = ? AND b = ?",
		"a = $2 AND b = $1":            "a = $2 AND b = $1",
		"a = $1 AND b = $1 AND c = $2": "a = $1 AND b = $1 AND c = $2",
		"a = $10":                      "a = $10",
		"a":                            "a",
	} {
		if got := unnumbered(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
