package bank

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

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
	scan  *xmlScan
	ns    string // of the message; its prefix
	space string
	open  []string // the elements around
	ended bool     // the outermost element has ended
	held  int64    // where the element begins that is held; below zero: none is
	slab  []element
}

func newXMLFile(ctx context.Context, file io.Reader, s Settings) *xmlFile {
	return &xmlFile{scan: newXMLScan(ctx, file, s.maxBytes()), held: -1}
}

func (s Settings) maxBytes() int64 {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return maxFile
}

// line is where reading is.
func (f *xmlFile) line() int { return f.scan.line }

// next is the next start, end or text. io.EOF is the end of a file that is whole. An element of another namespace has the local name "".
func (f *xmlFile) next() (xmlToken, error) {
	for {
		token, err := f.scan.next()
		if err == nil && f.held >= 0 && f.scan.offset()-f.held > maxElement {
			err = f.scan.stop("an element is longer than %d bytes", maxElement)
		}
		if err != nil {
			return token, f.broken(err)
		}
		switch token.kind {
		case xmlStart:
			if f.ended {
				return token, f.fail("", "there is something behind the end of the message")
			}
			if len(f.open) == maxDepth {
				return token, f.fail("", "elements are nested deeper than %d", maxDepth)
			}
			f.open = append(f.open, token.name.whole)
			if f.foreign(token) {
				token.name.local = ""
			}
			return token, nil
		case xmlEnd:
			if len(f.open) == 0 || f.open[len(f.open)-1] != token.name.whole {
				return token, f.fail(clip(token.name.whole), "this element ends here and did not begin")
			}
			f.open = f.open[:len(f.open)-1]
			f.ended = len(f.open) == 0
			return token, nil
		}
		if len(f.open) > 0 {
			return token, nil
		}
		if len(bytes.TrimSpace(token.text)) > 0 {
			return token, f.fail("", "there is text outside of the message")
		}
	}
}

// foreign says that an element is not of the message's namespace, once that is known.
func (f *xmlFile) foreign(e xmlToken) bool {
	if f.ns == "" {
		return false
	}
	if e.name.prefix != f.space {
		return true
	}
	for _, a := range e.attrs {
		if namespaceOf(a, f.space) && a.value != f.ns {
			return true
		}
	}
	return false
}

// namespaceOf says that an attribute declares the namespace of a prefix.
func namespaceOf(a xmlAttr, prefix string) bool {
	if prefix == "" {
		return a.name.whole == "xmlns"
	}
	return a.name.prefix == "xmlns" && a.name.local == prefix
}

func (f *xmlFile) fail(field, message string, args ...any) error {
	return &rail.FileError{Line: f.line(), Field: field, Message: fmt.Sprintf(message, args...)}
}

// broken is what ended the reading, as the end of the file or what is wrong with it.
func (f *xmlFile) broken(err error) error {
	var known *rail.FileError
	var syntax syntaxError
	switch {
	case errors.As(err, &known):
		known.Line = f.line()
		return known
	case err == io.EOF || err == errCut:
		if f.ended && err == io.EOF {
			return io.EOF
		}
		if len(f.open) == 0 && f.scan.offset() == 0 && len(f.scan.text) == 0 {
			return f.fail("", "the file is empty")
		}
		return f.fail(f.at(), "the file ends within this: it was cut off")
	case errors.As(err, &syntax):
		return f.fail(f.at(), "this is no XML: %s", string(syntax))
	}
	return err // the reader's own, or the context's
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
func (f *xmlFile) read(start xmlToken) (*element, error) {
	f.held = f.scan.offset()
	e, err := f.take(start)
	f.held = -1
	return e, err
}

func (f *xmlFile) take(start xmlToken) (*element, error) {
	e := f.element()
	e.name, e.line = start.name.local, f.line()
	for _, a := range start.attrs {
		if a.name.local == "Ccy" {
			e.currency = a.value
		}
	}
	var text []byte
	for {
		token, err := f.next()
		if err != nil {
			return nil, err
		}
		switch token.kind {
		case xmlStart:
			part, err := f.take(token)
			if err != nil {
				return nil, err
			}
			e.parts = append(e.parts, part)
		case xmlText:
			if part := bytes.TrimSpace(token.text); len(part) > 0 || len(text) > 0 {
				text = append(text, token.text...)
			}
		case xmlEnd:
			e.text = string(bytes.TrimSpace(text))
			return e, nil
		}
	}
}

// element is a new one. They are made many at a time: an entry has dozens.
func (f *xmlFile) element() *element {
	if len(f.slab) == 0 {
		f.slab = make([]element, 64)
	}
	e := &f.slab[0]
	f.slab = f.slab[1:]
	return e
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
