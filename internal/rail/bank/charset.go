package bank

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

var errUTF8 = errors.New("this is not UTF-8")

// charset is the table of an encoding of one byte for each character, nil for UTF-8; ok is false for any other encoding.
func charset(name string) (table *charmap.Charmap, ok bool) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil, true
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1":
		return charmap.ISO8859_1, true
	case "windows-1252", "cp1252", "cp-1252":
		return charmap.Windows1252, true
	}
	return nil, false
}

// decoder turns a line in the encoding into UTF-8. It is nil for an encoding that is not known.
func decoder(encoding string) func(string) (string, error) {
	table, ok := charset(encoding)
	switch {
	case !ok:
		return nil
	case table == nil:
		return func(s string) (string, error) {
			if !utf8.ValidString(s) {
				return "", errUTF8
			}
			return s, nil
		}
	}
	return func(s string) (string, error) { return decoded(table, s), nil }
}

// anyEncoding is a decoder for lines whose encoding nobody names: UTF-8 where it can be, else windows-1252.
func anyEncoding(s string) (string, error) {
	if utf8.ValidString(s) {
		return s, nil
	}
	return decoded(charmap.Windows1252, s), nil
}

func decoded(table *charmap.Charmap, s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for i := range len(s) {
		b.WriteRune(table.DecodeByte(s[i]))
	}
	return b.String()
}
