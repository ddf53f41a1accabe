package screen

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// The columns of a list in CSV; only name must be there.
var columns = []string{"id", "kind", "name", "aliases", "country", "addresses"}

// ReadCSV reads a list in a form of our own and calls each with every entry: CSV (RFC 4180, UTF-8) with a first line that names the
// columns name, kind, id, aliases, country and addresses, in any order. Several aliases, countries or addresses stand in one cell with
// semicolons between them. An empty kind is not said.
//
// Errors: a *FileError, or what each returned as one.
func ReadCSV(in io.Reader, each func(Entry) error) error {
	t := newTable("", in, 1, false)
	head, err := t.next()
	if errors.Is(err, io.EOF) {
		return &FileError{Message: "the file is empty"}
	}
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[name]; twice || !slices.Contains(columns, name) {
			return t.fail("%q is no column, or there twice: want %s", clip(name), strings.Join(columns, ", "))
		}
		at[name] = i
	}
	if _, there := at["name"]; !there {
		return t.fail("there is no column name")
	}
	width := len(head)
	for {
		cells, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(cells) != width {
			return t.fail("it has %d columns and the first line %d", len(cells), width)
		}
		cell := func(column string) string {
			if i, there := at[column]; there {
				return strings.Clone(cells[i])
			}
			return ""
		}
		e := Entry{ID: cell("id"), Kind: Kind(strings.ToLower(cell("kind"))), Name: cell("name"),
			Aliases: several(cell("aliases")), Countries: several(cell("country")), Addresses: several(cell("addresses"))}
		if err := each(e); err != nil {
			return t.fail("%v", err)
		}
	}
}

func several(cell string) (list []string) {
	for part := range strings.SplitSeq(cell, ";") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
