package glomo

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"
)

// csvWriter writes lines as RFC 4180 has them: CRLF at their ends, and quotes around what needs them. A program that opens
// the file must not take a cell for a formula: one that begins like a formula gets an apostrophe in front (OWASP).
type csvWriter struct {
	to *bufio.Writer
}

func newCSVWriter(to io.Writer) *csvWriter { return &csvWriter{to: bufio.NewWriterSize(to, 64<<10)} }

// write writes one line. Its errors are those of the writer below, which keep until the end.
func (w *csvWriter) write(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			w.to.WriteByte(',')
		}
		w.writeCell(cell)
	}
	_, err := w.to.WriteString("\r\n")
	return err
}

// formulaBegins are what a formula begins with, also in the full width of East Asian keyboards.
const formulaBegins = "=+-@\t\r\n＝＋－＠"

func (w *csvWriter) writeCell(cell string) {
	first, _ := utf8.DecodeRuneInString(cell)
	formula := cell != "" && strings.ContainsRune(formulaBegins, first)
	if !strings.ContainsAny(cell, "\",\r\n") && (cell == "" || cell[0] != ' ' && cell[len(cell)-1] != ' ') {
		if formula {
			w.to.WriteByte('\'')
		}
		w.to.WriteString(cell)
		return
	}
	w.to.WriteByte('"')
	if formula {
		w.to.WriteByte('\'')
	}
	w.to.WriteString(strings.ReplaceAll(cell, `"`, `""`))
	w.to.WriteByte('"')
}

func (w *csvWriter) flush() error { return w.to.Flush() }
