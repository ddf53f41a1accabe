package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SQLite begins and ends a statement, and finds its way from the root of every index, for each row anew. Several rows in one INSERT lie
// behind one another in most indexes, and the next one is put where the last one was. So rows of a statement that follow each
// other go in chunks; as on PostgreSQL (postgres_rows.go) the statement for many rows is made from the one for one.

// chunks are how many rows one INSERT takes, so that few different statements exist.
var chunks = []int{16, 4}

// inserts are the rows of one statement, until another statement comes.
type inserts struct {
	single bool // rows go one by one: a guard failed, and which it was is to be found out
	query  string
	none   []*conflict
	args   [][]any
	texts  map[string]string // the statements for many rows
}

// add keeps a row for send; false where it must be written by itself.
func (r *inserts) add(query string, args []any, none *conflict) bool {
	if r.single || query != r.query && (!strings.HasPrefix(query, "INSERT") || !slices.Contains(manyRows, query)) {
		return false
	}
	r.query = query
	r.args, r.none = append(r.args, args), append(r.none, none)
	return true
}

// send writes the rows that add kept.
func (r *inserts) send(s *session) error {
	query, args, none := r.query, r.args, r.none
	r.clear()
	for at := 0; at < len(args); {
		size := 1
		if i := slices.IndexFunc(chunks, func(n int) bool { return n <= len(args)-at }); i >= 0 {
			size = chunks[i]
		}
		text := query
		if size > 1 {
			text = r.many(query, len(args[at]), size)
		}
		changed, err := s.drive(text, args[at:at+size]...)
		if err != nil {
			return err
		}
		if guard := none[at]; guard != nil && changed != int64(size) {
			if size > 1 {
				return &conflict{what: fmt.Sprintf("%d of %d rows: %s", changed, size, query)}
			}
			return guard
		}
		at += size
	}
	return nil
}

func (r *inserts) clear() { r.query, r.args, r.none = "", nil, nil }

// many is the text of an INSERT for n rows of so many columns each.
func (r *inserts) many(query string, columns, n int) string {
	key := strconv.Itoa(n) + query
	if text, ok := r.texts[key]; ok {
		return text
	}
	text := valuesOf(query, columns, n)
	set(&r.texts, key, text)
	return text
}

// valuesOf rewrites an INSERT for one row into one for n. INSERT ... SELECT becomes a join with the rows. A row that breaks a constraint ends
// it without taking back the rows before (OR FAIL): the whole group is rolled back then, and SQLite need not copy each page first.
func valuesOf(query string, columns, n int) string {
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	text := strings.Replace(strings.Join(strings.Fields(query), " "), "INSERT INTO", "INSERT OR FAIL INTO", 1)
	if head, values, plain := strings.Cut(text, "VALUES ("); plain {
		end := closing(values)
		row = "(" + unnumbered(values[:end]) + ")"
		return head + "VALUES " + row + strings.Repeat(", "+row, n-1) + values[end+1:]
	}
	rows := "(VALUES " + row + strings.Repeat(", "+row, n-1) + ") AS many"
	return strings.Replace(placeholder.ReplaceAllString(text, "many.column$1"), "FROM ", "FROM "+rows+" CROSS JOIN ", 1)
}

// unnumbered takes the numbers off placeholders that come in order, each once. SQLite takes "$7" for a name, and the driver asks for the
// name of each placeholder at each use, which SQLite looks for among all of the statement's.
func unnumbered(query string) string {
	n := 0
	inOrder := true
	text := placeholder.ReplaceAllStringFunc(query, func(p string) string {
		n++
		inOrder = inOrder && p == "$"+strconv.Itoa(n)
		return "?"
	})
	if !inOrder {
		return query
	}
	return text
}

// drive runs a statement with the values of its rows by the driver itself. database/sql would look at each of hundreds of values, and copy all
// of them, and take three locks.
func (s *session) drive(query string, rows ...[]any) (changed int64, err error) {
	if s.counted != nil {
		s.counted.Add(1)
	}
	s.values = s.values[:0]
	for _, row := range rows {
		for _, value := range row {
			if value, err = storedAs(value); err != nil {
				return 0, fmt.Errorf("%w in %s", err, query)
			}
			s.values = append(s.values, driver.NamedValue{Ordinal: len(s.values) + 1, Value: value})
		}
	}
	defer clear(s.values)
	err = s.conn.Raw(func(c any) error {
		stmt, ok := s.driven[query]
		if !ok {
			if stmt, err = c.(driver.ConnPrepareContext).PrepareContext(context.Background(), s.wording(query)); err != nil {
				return fmt.Errorf("%w in %s", err, query)
			}
			set(&s.driven, query, stmt)
		}
		result, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.values)
		if err != nil {
			return err
		}
		changed, err = result.RowsAffected()
		return err
	})
	return changed, err
}

// storedAs is a value as drivers take it.
func storedAs(value any) (driver.Value, error) {
	switch v := value.(type) {
	case int64, string, []byte, nil:
		return v, nil
	case int:
		return int64(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(value)
}
