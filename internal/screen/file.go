package screen

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// FileError is what is wrong with a file of a list.
type FileError struct {
	File    string // which of several, as "alt"; "" where there is one
	Line    int    // counted from 1; 0: of the file as a whole
	Message string
}

func (e *FileError) Error() string {
	text := e.Message
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	if e.File != "" {
		text = e.File + ", " + text
	}
	return text
}

// The bounds of a file: of all of it, and of what stands between two places that reading has passed.
const (
	maxFile   = 2 << 30
	maxRecord = 1 << 20
)

var errTooLong = errors.New("something in it is longer than a megabyte")

// bounded is a file of which only so much may be read before reading has passed what was read.
type bounded struct {
	in     io.Reader
	read   int64
	passed func() int64 // how far reading has come
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.read > maxFile {
		return 0, errors.New("it is longer than 2 GiB")
	}
	if b.passed != nil && b.read-b.passed() > maxRecord {
		return 0, errTooLong
	}
	n, err := b.in.Read(p)
	b.read += int64(n)
	return n, err
}

// table reads the lines of a CSV file (RFC 4180).
type table struct {
	file  string
	csv   *csv.Reader
	least int // columns that every line has
	latin bool
	line  int
}

// newTable reads a file whose every line has at least so many columns. Latin: what is no UTF-8 is ISO 8859-1.
func newTable(file string, in io.Reader, least int, latin bool) *table {
	b := &bounded{in: in}
	t := &table{file: file, csv: csv.NewReader(b), least: least, latin: latin}
	b.passed = t.csv.InputOffset
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true
	return t
}

// next is the cells of the next line; io.EOF at the end.
func (t *table) next() ([]string, error) {
	cells, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		return nil, &FileError{t.file, broken.Line, broken.Err.Error()}
	}
	if err != nil {
		return nil, &FileError{t.file, t.line + 1, err.Error()}
	}
	t.line, _ = t.csv.FieldPos(0)
	if len(cells) == 1 && cells[0] == "\x1a" { // the end of a file, as CP/M had it
		if _, err := t.csv.Read(); !errors.Is(err, io.EOF) {
			return nil, t.fail("there is something behind the end of the file")
		}
		return nil, io.EOF
	}
	if len(cells) < t.least {
		return nil, t.fail("it has %d columns and needs %d", len(cells), t.least)
	}
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			if !t.latin {
				return nil, t.fail("column %d is not UTF-8", i+1)
			}
			cells[i] = fromLatin1(cell)
		}
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells, nil
}

func (t *table) fail(format string, args ...any) error {
	return &FileError{t.file, t.line, fmt.Sprintf(format, args...)}
}

func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// clip is what a file says, short enough for a message.
func clip(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}
