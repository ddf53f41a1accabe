package bank

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"till/internal/rail"
)

// The bounds of an XML file, far above what any bank writes.
const (
	maxDepth   = 32
	maxToken   = 64 << 10 // bytes of a text, a comment or a tag with its attributes
	maxElement = 1 << 20  // bytes of an element that is held in memory
	maxFile    = 1 << 30  // where the settings say nothing
)

// xmlFile reads the elements of a file one after the other. It knows no document type and so no entity but the five of XML
// itself, and holds no more than one element.
type xmlFile struct {
	in    *xmlBytes
	dec   *xml.Decoder
	ns    string // of the message; its prefix
	space string
	open  []string // the elements around
	ended bool     // the outermost element has ended
}

func newXMLFile(ctx context.Context, file io.Reader, s Settings) *xmlFile {
	f := &xmlFile{in: &xmlBytes{ctx: ctx, in: bufio.NewReaderSize(file, 64<<10), left: s.maxBytes()}}
	f.dec = xml.NewDecoder(f.in)
	f.dec.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		table, ok := charset(label)
		if !ok {
			return nil, fmt.Errorf("the encoding %q is not read: UTF-8, ISO-8859-1 and windows-1252 are", clip(label))
		}
		if f.in.marked && table != nil {
			return nil, fmt.Errorf("the file is marked as UTF-8 and says that it is in %s", clip(label))
		}
		f.in.table = table
		return f.in, nil
	}
	return f
}

func (s Settings) maxBytes() int64 {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return maxFile
}

// line is where reading is.
func (f *xmlFile) line() int {
	line, _ := f.dec.InputPos()
	return line
}

// next is the next start, end or text. Comments and processing instructions are passed over; io.EOF is the end of a file
// that is whole. An element of another namespace is named "" (and so is what is in it).
func (f *xmlFile) next() (xml.Token, error) {
	for {
		f.in.token = 0
		token, err := f.dec.RawToken()
		if err != nil {
			return nil, f.broken(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if f.ended {
				return nil, f.fail("", "there is something behind the end of the message")
			}
			if len(f.open) == maxDepth {
				return nil, f.fail("", "elements are nested deeper than %d", maxDepth)
			}
			name := qualified(token.Name)
			f.open = append(f.open, name)
			if f.foreign(token) {
				token.Name.Local = ""
			}
			return token, nil
		case xml.EndElement:
			name := qualified(token.Name)
			if len(f.open) == 0 || f.open[len(f.open)-1] != name {
				return nil, f.fail(clip(name), "this element ends here and did not begin")
			}
			f.open = f.open[:len(f.open)-1]
			f.ended = len(f.open) == 0
			return token, nil
		case xml.CharData:
			if len(f.open) > 0 {
				return token, nil
			}
			if strings.TrimSpace(strings.TrimPrefix(string(token), bom)) != "" {
				return nil, f.fail("", "there is text outside of the message")
			}
		case xml.Directive:
			return nil, f.fail("", "it has a document type declaration, which no bank's file needs: it is refused")
		}
	}
}

// foreign says that an element is not of the message's namespace, once that is known.
func (f *xmlFile) foreign(e xml.StartElement) bool {
	if f.ns == "" {
		return false
	}
	if e.Name.Space != f.space {
		return true
	}
	for _, a := range e.Attr {
		if namespaceOf(a, f.space) && a.Value != f.ns {
			return true
		}
	}
	return false
}

// namespaceOf says that an attribute declares the namespace of a prefix.
func namespaceOf(a xml.Attr, prefix string) bool {
	if prefix == "" {
		return a.Name.Space == "" && a.Name.Local == "xmlns"
	}
	return a.Name.Space == "xmlns" && a.Name.Local == prefix
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func (f *xmlFile) fail(field, message string, args ...any) error {
	return &rail.FileError{Line: f.line(), Field: field, Message: fmt.Sprintf(message, args...)}
}

// broken is what ended the reading, as the end of the file or what is wrong with it.
func (f *xmlFile) broken(err error) error {
	var syntax *xml.SyntaxError
	var known *rail.FileError
	switch {
	case errors.As(err, &known):
		known.Line = f.line()
		return known
	case errors.Is(err, io.EOF) || errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		if f.ended && !errors.As(err, &syntax) {
			return io.EOF
		}
		if len(f.open) == 0 && f.in.read == 0 {
			return f.fail("", "the file is empty")
		}
		return f.fail(f.at(), "the file ends within this: it was cut off")
	case errors.As(err, &syntax):
		return f.fail(f.at(), "this is no XML: %s", syntax.Msg)
	case f.in.err != nil:
		return f.in.err // the reader's own, or the context's
	}
	return f.fail("", "%s", strings.TrimPrefix(err.Error(), "xml: "))
}

func (f *xmlFile) at() string {
	if len(f.open) == 0 {
		return ""
	}
	return clip(f.open[len(f.open)-1])
}

// skip passes over the rest of the element that has just begun.
func (f *xmlFile) skip() error {
	for depth := len(f.open) - 1; len(f.open) > depth; {
		if _, err := f.next(); err != nil {
			return err
		}
	}
	return nil
}

// element is a small part of a message, held in memory.
type element struct {
	name, text string
	currency   string // the attribute Ccy
	line       int
	parts      []*element
}

// read takes in the element that has just begun.
func (f *xmlFile) read(start xml.StartElement) (*element, error) {
	f.in.element = 0
	e, err := f.take(start)
	f.in.element = -1 << 62
	return e, err
}

func (f *xmlFile) take(start xml.StartElement) (*element, error) {
	e := &element{name: start.Name.Local, line: f.line()}
	for _, a := range start.Attr {
		if a.Name.Local == "Ccy" {
			e.currency = a.Value
		}
	}
	var text []byte
	for {
		token, err := f.next()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			part, err := f.take(token)
			if err != nil {
				return nil, err
			}
			e.parts = append(e.parts, part)
		case xml.CharData:
			text = append(text, token...)
		case xml.EndElement:
			e.text = string(bytes.TrimSpace(text))
			return e, nil
		}
	}
}

// at is the first element at the path, nil when there is none. It may be called on nil.
func (e *element) at(path ...string) *element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		var found *element
		for _, p := range e.parts {
			if p.name == name {
				found = p
				break
			}
		}
		e = found
	}
	return e
}

// say is the text at the path, "" when there is none.
func (e *element) say(path ...string) string {
	if e = e.at(path...); e == nil {
		return ""
	}
	return e.text
}

// each are the parts of that name.
func (e *element) each(name string) []*element {
	var list []*element
	if e != nil {
		for _, p := range e.parts {
			if p.name == name {
				list = append(list, p)
			}
		}
	}
	return list
}

// xmlBytes gives the bytes of a file in UTF-8 and stops at its bounds. It is an io.ByteReader, so that the decoder reads no
// further than it needs and each bound holds where it is counted.
type xmlBytes struct {
	ctx     context.Context
	in      *bufio.Reader
	table   *charmap.Charmap // nil: UTF-8
	marked  bool             // by a byte order mark
	read    int64
	left    int64
	token   int    // bytes since the token began
	element int    // bytes since the element began that is held
	rest    []byte // of a character that became several bytes
	buffer  [utf8.UTFMax]byte
	err     error
}

func (b *xmlBytes) ReadByte() (byte, error) {
	if len(b.rest) > 0 {
		c := b.rest[0]
		b.rest = b.rest[1:]
		return c, nil
	}
	if b.read == 0 {
		if err := b.begin(); err != nil {
			return 0, err
		}
	}
	c, err := b.in.ReadByte()
	if err != nil {
		if err != io.EOF {
			b.err = err
		}
		return 0, err
	}
	b.read++
	b.left--
	b.token++
	b.element++
	switch {
	case c == 0:
		return 0, b.stop("there is a NUL byte")
	case b.left < 0:
		return 0, b.stop("the file is longer than is read")
	case b.token > maxToken:
		return 0, b.stop("a text or tag is longer than %d bytes", maxToken)
	case b.element > maxElement:
		return 0, b.stop("an element is longer than %d bytes", maxElement)
	case b.read%(64<<10) == 0:
		if b.err = b.ctx.Err(); b.err != nil {
			return 0, b.err
		}
	}
	if c < utf8.RuneSelf || b.table == nil {
		return c, nil
	}
	n := utf8.EncodeRune(b.buffer[:], b.table.DecodeByte(c))
	b.rest = b.buffer[1:n]
	return b.buffer[0], nil
}

// begin looks at the byte order mark.
func (b *xmlBytes) begin() error {
	b.element = -1 << 62
	head, _ := b.in.Peek(4)
	if wide(head) {
		return b.stop("it is in UTF-16 or UTF-32; UTF-8, ISO-8859-1 and windows-1252 are read")
	}
	if b.marked = strings.HasPrefix(string(head), bom); b.marked {
		_, err := b.in.Discard(len(bom))
		return err
	}
	return nil
}

func (b *xmlBytes) stop(message string, args ...any) error {
	b.err = &rail.FileError{Message: fmt.Sprintf(message, args...)}
	return b.err
}

// Read is there because the decoder asks for it where it asks for another encoding; it reads by bytes.
func (b *xmlBytes) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
