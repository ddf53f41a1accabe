package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A group writes hundreds of rows with a few statements. PostgreSQL takes all rows of one statement at once, each column
// as an array, for a third of what they cost one by one. Nobody writes those statements: they are made from the single-row
// ones (docs/adr/0017-rows-as-arrays.md), so that there is still one set of queries.

// manyRows are the statements of which a group may write several in a row. No two of them that one group writes touch the same
// row: which of them would win is not defined when they are one statement. A guard fails for all of them together.
var manyRows = []string{
	insertPlainOrder, insertOrder, updateOrder, insertPayment, updatePayment, insertEvent, updateEventTold, insertEntry, insertPosting, insertLine, insertBalance, updateBalance,
	insertAnswer, deleteAnswer, insertInstrument, restInstrument, insertHold, endHold, updateMessage, insertMessage, insertSeal, sealEntry, sealEvent,
	insertDocument, updateDocument, insertDocumentKey, moveDocumentKey, deleteDocumentKey,
	insertQuote, updateQuote, deleteQuote, upsertTransfer, insertRailState,
	insertBooking, updateBooking,
}

// fewRows is up to where statements go one by one.
const fewRows = 1

// gather makes one statement of those that follow each other and may be one.
func (b *batch) gather(ctx context.Context, c *pgx.Conn) ([]statement, error) {
	var list []statement
	for rest := b.statements; len(rest) > 0; {
		query, n := rest[0].query, 1
		for n < len(rest) && rest[n].query == query {
			n++
		}
		if n <= fewRows || b.single || !slices.Contains(manyRows, query) {
			list, rest = append(list, rest[:n]...), rest[n:]
			continue
		}
		text, err := b.many(ctx, c, query)
		if err != nil {
			return nil, err
		}
		if rest[0].none != nil {
			text = strings.TrimSuffix(text, skipTaken)
		}
		list, rest = append(list, asOne(text, rest[:n])), rest[n:]
	}
	return list, nil
}

// asOne is one statement with the rows of many.
func asOne(query string, many []statement) statement {
	one := statement{query: query, none: many[0].none}
	if one.none != nil {
		one.rows = len(many)
	}
	for i := range many[0].args {
		one.args = append(one.args, columnOf(many, i))
	}
	return one
}

// columnOf is the i-th value of each row. The driver takes a list of one type for a quarter of what one of any costs.
func columnOf(many []statement, i int) any {
	switch many[0].args[i].(type) {
	case string:
		if list, same := listOf[string](many, i); same {
			return list
		}
	case int64:
		if list, same := listOf[int64](many, i); same {
			return list
		}
	}
	column := make([]any, len(many))
	for n, row := range many {
		column[n] = row.args[i]
	}
	return column
}

func listOf[T any](many []statement, i int) (list []T, same bool) {
	list = make([]T, len(many))
	for n, row := range many {
		if list[n], same = row.args[i].(T); !same {
			return nil, false
		}
	}
	return list, true
}

// many is the text of a statement for many rows. The server knows of what types its placeholders are.
func (b *batch) many(ctx context.Context, c *pgx.Conn, query string) (string, error) {
	if text, ok := b.texts[query]; ok {
		return text, nil
	}
	single, err := c.Prepare(ctx, query, query)
	if err != nil {
		return "", fmt.Errorf("%w in %s", err, query)
	}
	kinds := make([]string, len(single.ParamOIDs))
	for i, oid := range single.ParamOIDs {
		kind, ok := c.TypeMap().TypeForOID(oid)
		if !ok {
			return "", fmt.Errorf("unknown type %d of $%d in %s", oid, i+1, query)
		}
		kinds[i] = kind.Name
	}
	text := forMany(query, kinds)
	set(&b.texts, query, text)
	return text, nil
}

var placeholder = regexp.MustCompile(`\$(\d+)`)

// skipTaken is left out of a statement for many rows that must write them all: with it PostgreSQL looks every unique index through
// beforehand, and writes each row first in doubt and then for good. Without it a row that is there already is an error (23505), which is the same
// conflict: the group is computed again row by row, and the words that skip it tell which row it is.
const skipTaken = " ON CONFLICT DO NOTHING"

// forMany rewrites a statement for one row into one whose placeholders are arrays of the kinds.
func forMany(query string, kinds []string) string {
	arrays, names := make([]string, len(kinds)), make([]string, len(kinds))
	for i, kind := range kinds {
		arrays[i], names[i] = "$"+strconv.Itoa(i+1)+"::"+kind+"[]", "p"+strconv.Itoa(i+1)
	}
	rows := "unnest(" + strings.Join(arrays, ", ") + ") AS many(" + strings.Join(names, ", ") + ")"
	text := placeholder.ReplaceAllString(strings.Join(strings.Fields(query), " "), "many.p$1")
	switch {
	case strings.HasPrefix(text, "DELETE "):
		return strings.Replace(text, " WHERE ", " USING "+rows+" WHERE ", 1)
	case strings.HasPrefix(text, "UPDATE "):
		return strings.Replace(text, " WHERE ", " FROM "+rows+" WHERE ", 1)
	case strings.Contains(text, " VALUES ("):
		head, values, _ := strings.Cut(text, "VALUES (")
		end := closing(values)
		return head + "SELECT " + values[:end] + " FROM " + rows + values[end+1:]
	}
	return strings.Replace(text, "FROM ", "FROM "+rows+" CROSS JOIN ", 1) // INSERT ... SELECT
}

// closing is where the parenthesis ends that text begins behind.
func closing(text string) int {
	for i, open := 0, 1; i < len(text); i++ {
		switch text[i] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return i
			}
		}
	}
	panic("store: a statement without the end of a parenthesis")
}
