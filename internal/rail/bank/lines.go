package bank

import (
	"bufio"
	"context"
	"io"
	"strings"

	"till/internal/rail"
)

// maxLine bounds a line of a text file in bytes.
const maxLine = 64 << 10

// lines reads a text file line by line, whatever ends them, in UTF-8. Its errors are *rail.FileError but for the reader's and
// the context's own.
type lines struct {
	ctx    context.Context
	in     *bufio.Reader
	format Format
	decode func(string) (string, error)
	left   int64
	number int // of the line that was read last
}

func newLines(ctx context.Context, f Format, file io.Reader, s Settings, decode func(string) (string, error)) *lines {
	return &lines{ctx: ctx, in: bufio.NewReaderSize(file, maxLine), format: f, decode: decode, left: s.maxBytes()}
}

// next is the next line without its end; io.EOF when there is none.
func (l *lines) next() (string, error) {
	if l.number%256 == 0 {
		if err := l.ctx.Err(); err != nil {
			return "", err
		}
	}
	raw, err := l.in.ReadSlice('\n')
	switch {
	case err == io.EOF && len(raw) == 0:
		return "", io.EOF
	case err == bufio.ErrBufferFull:
		l.number++
		return "", l.fail("", "a line is longer than %d bytes", maxLine)
	case err != nil && err != io.EOF:
		return "", err
	}
	l.number++
	if l.left -= int64(len(raw)); l.left < 0 {
		return "", l.fail("", "the file is longer than is read")
	}
	if l.number == 1 && wide(raw) {
		return "", l.fail("", "it is in UTF-16 or UTF-32; UTF-8, ISO-8859-1 and windows-1252 are read")
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if l.number == 1 {
		text = strings.TrimPrefix(text, bom)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "", l.fail("", "there is a NUL byte")
	}
	if text, err = l.decode(text); err != nil {
		return "", l.fail("", "%s", err)
	}
	return text, nil
}

func (l *lines) fail(field, message string, args ...any) *rail.FileError {
	return failed(l.format, l.number, field, message, args...)
}
