package bank

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"till/internal/rail"
)

// A statement of 100,000 lines has ten million tags and texts, and is read twice. encoding/xml takes each byte through two calls and
// makes each name anew, so that reading cost as much as booking. What banks need of XML is little, and is here: tags, attributes, texts,
// CDATA, comments, processing instructions and the five entities of XML itself. A document type is refused where it begins. A
// fuzz test holds it against encoding/xml.

// xmlName is a name with its prefix, of which a document says what it stands for.
type xmlName struct {
	whole         string // as it is written
	prefix, local string
}

// xmlAttr is an attribute of a tag.
type xmlAttr struct {
	name  xmlName
	value string
}

type xmlKind int

const (
	xmlStart xmlKind = iota // a tag that begins an element
	xmlEnd                  // one that ends it
	xmlText
)

// xmlToken is a tag or a text. The text is good until the next token is read.
type xmlToken struct {
	kind  xmlKind
	name  xmlName
	attrs []xmlAttr
	text  []byte
}

// syntaxError is what makes a file no XML.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// errCut is the end of a file within a tag.
const errCut = syntaxError("unexpected EOF")

// xmlScan cuts a file into tokens. It holds one at a time.
type xmlScan struct {
	ctx   context.Context
	in    io.Reader
	chunk []byte
	left  int64            // bytes that may be read
	table *charmap.Charmap // of the encoding; nil: UTF-8
	bom   bool             // it is marked as UTF-8
	begun bool             // something was read
	text  []byte           // that was read, in UTF-8
	at    int              // in text, where the next token begins
	done  int64            // bytes before text
	line  int              // at at
	err   error            // what stands behind text; io.EOF: nothing
	names map[string]xmlName
	attrs []xmlAttr // of the token
	plain []byte    // a text without its entities
	ends  xmlName   // of an element that ended in the tag that began it; whole "": there is none
}

// maxNames bounds how many names are kept.
const maxNames = 1000

func newXMLScan(ctx context.Context, file io.Reader, most int64) *xmlScan {
	return &xmlScan{ctx: ctx, in: file, chunk: make([]byte, 32<<10), left: most, line: 1, names: map[string]xmlName{}}
}

// offset is how many bytes there are before the next token.
func (s *xmlScan) offset() int64 { return s.done + int64(s.at) }

// more reads on; false where there is nothing more, and err says why. What stands before the token is let go of.
func (s *xmlScan) more() bool {
	if s.err != nil {
		return false
	}
	s.done += int64(s.at)
	s.text, s.at = append(s.text[:0], s.text[s.at:]...), 0
	if s.err = s.ctx.Err(); s.err != nil {
		return false
	}
	n, err := s.in.Read(s.chunk)
	read := s.chunk[:n]
	if s.err = err; int64(n) > s.left {
		read, s.err = read[:s.left], &rail.FileError{Message: "the file is longer than is read"}
	}
	s.left -= int64(len(read))
	if i := bytes.IndexByte(read, 0); i >= 0 && !(s.table == nil && !s.begun && wide(read)) {
		read, s.err = read[:i], &rail.FileError{Message: "there is a NUL byte"}
	}
	s.text = s.decode(s.text, read)
	return true
}

// decode adds bytes of the file to a text.
func (s *xmlScan) decode(text, raw []byte) []byte {
	if s.table == nil {
		return append(text, raw...)
	}
	for _, c := range raw {
		if c < utf8.RuneSelf {
			text = append(text, c)
		} else {
			text = utf8.AppendRune(text, s.table.DecodeByte(c))
		}
	}
	return text
}

// begin looks at the byte order mark and the declaration of the encoding.
func (s *xmlScan) begin() error {
	for len(s.text) < 4 && s.more() {
	}
	if wide(s.text) {
		return s.stop("it is in UTF-16 or UTF-32; UTF-8, ISO-8859-1 and windows-1252 are read")
	}
	s.begun = true
	if s.bom = bytes.HasPrefix(s.text, []byte(bom)); s.bom {
		s.at = len(bom)
	}
	return nil
}

func (s *xmlScan) stop(message string, args ...any) error {
	return &rail.FileError{Message: fmt.Sprintf(message, args...)}
}

// has says that there is a byte so far behind the beginning of the token.
func (s *xmlScan) has(i int) bool {
	for s.at+i >= len(s.text) {
		if !s.more() {
			return false
		}
	}
	return true
}

// find is where something stands, from so far behind the beginning of the token on. found is false where it does not, and i is the end.
func (s *xmlScan) find(from int, what string) (i int, found bool, err error) {
	for {
		if rest := s.text[min(s.at+from, len(s.text)):]; len(rest) >= len(what) {
			if n := bytes.Index(rest, []byte(what)); n >= 0 {
				return from + n, true, s.short(from + n)
			}
			from += len(rest) - len(what) + 1
		}
		if err := s.short(from); err != nil {
			return 0, false, err
		}
		if !s.more() {
			return len(s.text) - s.at, false, nil
		}
	}
}

// short refuses a token that is longer than any bank's.
func (s *xmlScan) short(n int) error {
	if n > maxToken {
		return s.stop("a text or tag is longer than %d bytes", maxToken)
	}
	return nil
}

// pass goes behind what was read, and counts its lines.
func (s *xmlScan) pass(n int) []byte {
	part := s.text[s.at : s.at+n]
	s.line += bytes.Count(part, []byte{'\n'})
	s.at += n
	return part
}

// broken is an error at a place, which becomes the line.
func (s *xmlScan) broken(at int, message string, args ...any) error {
	s.pass(min(at, len(s.text)-s.at))
	return syntaxError(fmt.Sprintf(message, args...))
}

// cut is the error where the file ends too early.
func (s *xmlScan) cut() error {
	s.pass(len(s.text) - s.at)
	if s.err != io.EOF {
		return s.err
	}
	return errCut
}

// next is the next tag or text. Comments and processing instructions are passed over. io.EOF: the file has ended between two tokens.
func (s *xmlScan) next() (xmlToken, error) {
	if !s.begun {
		if err := s.begin(); err != nil {
			return xmlToken{}, err
		}
	}
	if s.ends.whole != "" {
		end := xmlToken{kind: xmlEnd, name: s.ends}
		s.ends = xmlName{}
		return end, nil
	}
	for {
		if !s.has(0) {
			return xmlToken{}, s.err
		}
		if s.text[s.at] != '<' {
			return s.plainText()
		}
		if !s.has(1) {
			return xmlToken{}, s.cut()
		}
		switch s.text[s.at+1] {
		case '/':
			return s.endTag()
		case '?':
			if err := s.instruction(); err != nil {
				return xmlToken{}, err
			}
		case '!':
			token, is, err := s.marked()
			if is || err != nil {
				return token, err
			}
		default:
			return s.startTag()
		}
	}
}

// plainText reads a text up to the next tag.
func (s *xmlScan) plainText() (xmlToken, error) {
	n, found, err := s.find(0, "<")
	if err != nil {
		return xmlToken{}, err
	}
	if !found && s.err != io.EOF {
		return xmlToken{}, s.cut()
	}
	text, wrong, at := s.unescape(s.text[s.at:s.at+n], outside)
	if wrong != "" {
		return xmlToken{}, s.broken(at, "%s", wrong)
	}
	s.pass(n)
	return xmlToken{kind: xmlText, text: text}, nil
}

// Where a text stands.
type place int

const (
	outside place = iota // of tags
	quoted               // in an attribute
	literal              // in CDATA
)

// unescape is what a text stands for, else what is wrong with it, and where.
func (s *xmlScan) unescape(raw []byte, in place) (text []byte, wrong string, at int) {
	simple := true
	for i := range raw {
		if c := raw[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == '&' || c == ']' || c == '<' {
			simple = false
			break
		}
	}
	if simple {
		return raw, "", 0
	}
	if i := bytes.Index(raw, []byte("]]>")); i >= 0 && in == outside {
		return nil, "unescaped ]]> not in CDATA section", i
	}
	s.plain = s.plain[:0]
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '<' && in == quoted:
			return nil, "unescaped < inside quoted string", i
		case c == '&' && in != literal:
			r, n := entity(raw[i:])
			if n == 0 {
				return nil, "invalid character entity " + nameOfEntity(raw[i:]), i
			}
			if !isChar(r) {
				return nil, fmt.Sprintf("illegal character code %U", r), i
			}
			s.plain = utf8.AppendRune(s.plain, r)
			i += n - 1
		case c == '\r':
			s.plain = append(s.plain, '\n')
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
		case c < utf8.RuneSelf:
			if !isChar(rune(c)) {
				return nil, fmt.Sprintf("illegal character code %U", rune(c)), i
			}
			s.plain = append(s.plain, c)
		default:
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n == 1 {
				return nil, "invalid UTF-8", i
			}
			if !isChar(r) {
				return nil, fmt.Sprintf("illegal character code %U", r), i
			}
			s.plain = append(s.plain, raw[i:i+n]...)
			i += n - 1
		}
	}
	return s.plain, "", 0
}

// isChar says that XML may have the character.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= unicode.MaxRune
}

var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "apos": '\'', "quot": '"'}

// maxEntity is more than the longest entity has, with zeros before its number.
const maxEntity = 40

// entity is the character that an entity at the beginning of a text stands for, and its length; 0 for none.
func entity(text []byte) (rune, int) {
	end := bytes.IndexByte(text[:min(len(text), maxEntity)], ';')
	if end < 0 {
		return 0, 0
	}
	name := string(text[1:end])
	if r, known := entities[name]; known {
		return r, end + 1
	}
	digits, isNumber := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	switch {
	case !isNumber || err != nil || n > unicode.MaxRune:
		return 0, 0
	case !utf8.ValidRune(rune(n)):
		return utf8.RuneError, end + 1
	}
	return rune(n), end + 1
}

// nameOfEntity is an entity for a message.
func nameOfEntity(text []byte) string {
	end := 1
	for end < len(text) && (isNameByte(text[end]) || text[end] == '#') {
		end++
	}
	if end < len(text) && text[end] == ';' {
		return clip(string(text[:end+1]))
	}
	return clip(string(text[:end])) + " (no semicolon)"
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '.' || c == '-' || c >= utf8.RuneSelf
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// name is the name at the beginning of a text, and its length; 0 for none.
func (s *xmlScan) name(text []byte) (xmlName, int) {
	n := 0
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	if known, ok := s.names[string(text[:n])]; ok {
		return known, n
	}
	if n == 0 || text[0] >= '0' && text[0] <= '9' || text[0] == '.' || text[0] == '-' || !utf8.Valid(text[:n]) || bytes.Count(text[:n], []byte{':'}) > 1 {
		return xmlName{}, 0
	}
	made := xmlName{whole: string(text[:n])}
	made.local = made.whole
	if prefix, local, both := strings.Cut(made.whole, ":"); both && prefix != "" && local != "" {
		made.prefix, made.local = prefix, local
	}
	if len(s.names) < maxNames {
		s.names[made.whole] = made
	}
	return made, n
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && isSpace(text[at]) {
		at++
	}
	return at
}

// tag is the bytes of the tag that begins here, with its end. What is quoted may hold one.
func (s *xmlScan) tag() ([]byte, error) {
	quote := byte(0)
	for i := 1; ; {
		for n, c := range s.text[s.at+i:] {
			switch {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				return s.text[s.at : s.at+i+n+1], s.short(i + n)
			case c == '<':
				return nil, s.broken(i+n, "a tag within a tag")
			}
		}
		i = len(s.text) - s.at
		if err := s.short(i); err != nil {
			return nil, err
		}
		if !s.more() {
			return nil, s.cut()
		}
	}
}

func (s *xmlScan) endTag() (xmlToken, error) {
	tag, err := s.tag()
	if err != nil {
		return xmlToken{}, err
	}
	name, n := s.name(tag[2:])
	if n == 0 {
		return xmlToken{}, s.broken(2, "expected element name after </")
	}
	if end := skipSpace(tag, 2+n); end != len(tag)-1 {
		return xmlToken{}, s.broken(end, "invalid characters between </%s and >", clip(name.local))
	}
	s.pass(len(tag))
	return xmlToken{kind: xmlEnd, name: name}, nil
}

func (s *xmlScan) startTag() (xmlToken, error) {
	tag, err := s.tag()
	if err != nil {
		return xmlToken{}, err
	}
	name, n := s.name(tag[1:])
	if n == 0 {
		return xmlToken{}, s.broken(1, "expected element name after <")
	}
	s.attrs = s.attrs[:0]
	at := skipSpace(tag, 1+n)
	for tag[at] != '>' {
		if tag[at] == '/' {
			if tag[at+1] != '>' {
				return xmlToken{}, s.broken(at, "expected /> in element")
			}
			s.ends = name
			break
		}
		if at, err = s.attribute(tag, at); err != nil {
			return xmlToken{}, err
		}
	}
	s.pass(len(tag))
	return xmlToken{kind: xmlStart, name: name, attrs: s.attrs}, nil
}

// attribute reads the attribute at a place in a tag, and says where the next thing stands.
func (s *xmlScan) attribute(tag []byte, at int) (int, error) {
	name, n := s.name(tag[at:])
	if n == 0 {
		return 0, s.broken(at, "expected attribute name in element")
	}
	if at = skipSpace(tag, at+n); tag[at] != '=' {
		return 0, s.broken(at, "attribute name without = in element")
	}
	at = skipSpace(tag, at+1)
	quote := tag[at]
	if quote != '"' && quote != '\'' {
		return 0, s.broken(at, "unquoted or missing attribute value in element")
	}
	length := bytes.IndexByte(tag[at+1:], quote)
	if length < 0 {
		return 0, s.broken(at, "unquoted or missing attribute value in element")
	}
	value, wrong, place := s.unescape(tag[at+1:at+1+length], quoted)
	if wrong != "" {
		return 0, s.broken(at+1+place, "%s", wrong)
	}
	s.attrs = append(s.attrs, xmlAttr{name, string(value)})
	return skipSpace(tag, at+length+2), nil
}

// instruction passes over a processing instruction. The one that a file may begin with says what encoding it is in.
func (s *xmlScan) instruction() error {
	n, found, err := s.find(2, "?>")
	if err != nil {
		return err
	}
	if !found {
		return s.cut()
	}
	first := s.offset() == 0 || s.bom && s.offset() == int64(len(bom))
	name, length := s.name(s.text[s.at+2 : s.at+n])
	if length == 0 {
		return s.broken(2, "expected target name after <?")
	}
	text := string(s.pass(n + 2)[2+length : n])
	if name.whole != "xml" {
		return nil
	}
	if !first {
		return syntaxError("the declaration of XML does not stand at the beginning")
	}
	return s.declared(text)
}

// declared takes in what the declaration of XML says.
func (s *xmlScan) declared(text string) error {
	if version := declaration(text, "version"); version != "" && version != "1.0" {
		return syntaxError(fmt.Sprintf("unsupported version %q; only version 1.0 is supported", clip(version)))
	}
	label := declaration(text, "encoding")
	table, ok := charset(label)
	switch {
	case !ok:
		return s.stop("the encoding %q is not read: UTF-8, ISO-8859-1 and windows-1252 are", clip(label))
	case table == nil:
		return nil
	case s.bom:
		return s.stop("the file is marked as UTF-8 and says that it is in %s", clip(label))
	}
	s.table = table
	s.done += int64(s.at)
	s.text, s.at = s.decode(nil, s.text[s.at:]), 0
	return nil
}

// declaration is what the declaration of XML says under a name; "": nothing.
func declaration(text, name string) string {
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return ""
		}
		begins := i == 0 || isSpace(rest[i-1])
		rest = rest[i+len(name):]
		value, is := strings.CutPrefix(strings.TrimLeft(rest, " \t\r\n"), "=")
		if value = strings.TrimLeft(value, " \t\r\n"); begins && is && value != "" && (value[0] == '"' || value[0] == '\'') {
			if value, _, ends := strings.Cut(value[1:], value[:1]); ends {
				return value
			}
		}
	}
}

// marked reads what begins with <!: a comment, which is passed over, or CDATA, which is a text.
func (s *xmlScan) marked() (token xmlToken, is bool, err error) {
	const comment, section = "<!--", "<![CDATA["
	starts := func(with string) bool {
		return s.has(len(with)-1) && string(s.text[s.at:s.at+len(with)]) == with
	}
	switch {
	case starts(comment):
		n, found, err := s.find(len(comment), "--")
		if err != nil {
			return token, false, err
		}
		if !found || !s.has(n+2) {
			return token, false, s.cut()
		}
		if s.text[s.at+n+2] != '>' {
			return token, false, s.broken(n, `invalid sequence "--" not allowed in comments`)
		}
		s.pass(n + 3)
		return token, false, nil
	case starts(section):
		n, found, err := s.find(len(section), "]]>")
		if err != nil {
			return token, false, err
		}
		if !found {
			return token, false, s.cut()
		}
		text, wrong, at := s.unescape(s.text[s.at+len(section):s.at+n], literal)
		if wrong != "" {
			return token, false, s.broken(len(section)+at, "%s", wrong)
		}
		s.pass(n + 3)
		return xmlToken{kind: xmlText, text: text}, true, nil
	}
	return token, false, s.stop("it has a document type declaration, which no bank's file needs: it is refused")
}
