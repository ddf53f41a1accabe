// Package web holds what every HTTP face of the server shares: strict reading of JSON bodies, answers, request ids, recovery from
// panics, the access log and the server's own limits.
//
// It knows no route, no error body and no credential: those belong to the faces (a dialect, the operator API, the pages).
//
// Next to read: [Decode] and [Object] for requests, [WriteJSON] for answers, [NewServer] for the limits.
package web

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"till/internal/fault"
)

// Limits of a JSON body, whatever its length.
const (
	maxDepth  = 32     // objects and arrays inside each other
	maxValues = 10_000 // members of objects and elements of arrays, all together
)

// CheckJSON reads a whole body once and refuses everything that two readers might understand differently, or that costs more than it
// may: what is not JSON (RFC 8259), invalid UTF-8, a byte order mark, halves of surrogate pairs, anything behind the value
// (invalid_json); one key twice in an object, at any depth, however it is escaped (duplicate_json_key); nesting deeper than 32 or
// more than 10,000 members and elements (invalid_body); and the character NUL in a string, which no database keeps (invalid_value).
// Param of the last three and of the duplicate is where it stands, like "customer.phones[0].number".
func CheckJSON(body []byte) error {
	_, err := scan(body, "")
	return err
}

// ParseObject reads a body that must be one JSON object, as strictly as [CheckJSON].
func ParseObject(body []byte) (Object, error) {
	members, err := scan(body, "")
	if err != nil {
		return Object{}, err
	}
	if kindOf(body) != "object" {
		return Object{}, fault.New(fault.CodeInvalidBody, "The body must be a JSON object.")
	}
	return Object{members: members, raw: bytes.TrimFunc(body, isSpace)}, nil
}

// member is one name of an object with the text of its value.
type member struct {
	name string
	raw  json.RawMessage
}

// usualMembers is how many members most bodies have at most.
const usualMembers = 8

// scanner walks over a JSON text once. It reports the members of the outermost object, and keeps the path to where it stands only for
// messages.
type scanner struct {
	text   []byte
	at     int
	values int
	path   []step
	prefix string
}

// step is one level of the path: an element of an array by its index, or a member of an object by its name.
type step struct {
	index int // of the element; inMember or beforeMember in an object
	name  string
}

const (
	inMember     = -1
	beforeMember = -2 // between the brace or comma and the end of the name
)

// scan reads one JSON text and returns the members of the object it is, or of the elements of the array it is, with empty names.
// prefix is where the text itself stands.
func scan(text []byte, prefix string) ([]member, error) {
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		return nil, fault.New(fault.CodeInvalidJSON, "The body begins with a byte order mark.")
	}
	if !utf8.Valid(text) {
		return nil, fault.New(fault.CodeInvalidJSON, "The body is not valid UTF-8.")
	}
	s := scanner{text: text, prefix: prefix}
	s.space()
	if s.at == len(text) {
		return nil, fault.New(fault.CodeInvalidJSON, "The body is empty.")
	}
	members, err := s.value(true)
	if err != nil {
		return nil, err
	}
	s.space()
	if s.at < len(text) {
		return nil, s.broken("something follows the JSON value")
	}
	return members, nil
}

// value reads any value; keep asks for its members.
func (s *scanner) value(keep bool) ([]member, error) {
	switch c := s.peek(); {
	case c == '{':
		return s.object(keep)
	case c == '[':
		return s.array(keep)
	case c == '"':
		_, err := s.string()
		return nil, err
	case c == '-' || isDigit(c):
		return nil, s.number()
	case c == 't':
		return nil, s.word("true")
	case c == 'f':
		return nil, s.word("false")
	case c == 'n':
		return nil, s.word("null")
	}
	return nil, s.broken("a value is expected")
}

func (s *scanner) object(keep bool) ([]member, error) {
	if err := s.enter(step{index: beforeMember}); err != nil {
		return nil, err
	}
	var members []member
	if keep {
		members = make([]member, 0, usualMembers)
	}
	var seen names
	for s.space(); s.peek() != '}'; s.space() {
		if seen.count > 0 {
			if err := s.expect(','); err != nil {
				return nil, err
			}
			s.space()
		}
		if s.peek() != '"' {
			return nil, s.broken("a name in quotes is expected")
		}
		here := len(s.path) - 1
		s.path[here].index = beforeMember
		said, err := s.string()
		if err != nil {
			return nil, err
		}
		name := string(said)
		s.path[here] = step{inMember, name}
		if !seen.add(name) {
			return nil, fault.New(fault.CodeDuplicateJSONKey, "The name "+strconv.Quote(shown(name))+" stands twice in one object.").On(s.where())
		}
		s.space()
		if err := s.expect(':'); err != nil {
			return nil, err
		}
		raw, err := s.inner()
		if err != nil {
			return nil, err
		}
		if keep {
			members = append(members, member{name, raw})
		}
	}
	s.leave()
	return members, nil
}

func (s *scanner) array(keep bool) ([]member, error) {
	if err := s.enter(step{}); err != nil {
		return nil, err
	}
	var elements []member
	for s.space(); s.peek() != ']'; s.space() {
		if index := s.path[len(s.path)-1].index; index > 0 {
			if err := s.expect(','); err != nil {
				return nil, err
			}
		}
		raw, err := s.inner()
		if err != nil {
			return nil, err
		}
		if keep {
			elements = append(elements, member{raw: raw})
		}
		s.path[len(s.path)-1].index++
	}
	s.leave()
	return elements, nil
}

// inner reads the value of a member or an element.
func (s *scanner) inner() (json.RawMessage, error) {
	if s.values++; s.values > maxValues {
		return nil, fault.New(fault.CodeInvalidBody, "The body has more than "+strconv.Itoa(maxValues)+" members.").On(s.where())
	}
	s.space()
	start := s.at
	if _, err := s.value(false); err != nil {
		return nil, err
	}
	return s.text[start:s.at:s.at], nil
}

func (s *scanner) enter(first step) error {
	if len(s.path) == maxDepth {
		return fault.New(fault.CodeInvalidBody, "The body is nested deeper than "+strconv.Itoa(maxDepth)+" levels.").On(s.where())
	}
	s.at++
	s.path = append(s.path, first)
	return nil
}

func (s *scanner) leave() {
	s.at++
	s.path = s.path[:len(s.path)-1]
}

// string reads a string and returns what it says, as part of the text where that is possible.
func (s *scanner) string() ([]byte, error) {
	s.at++
	start := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[start : s.at-1], nil
		case c == '\\':
			return s.escapedString(start)
		case c < ' ':
			return nil, s.broken("a control character stands in a string")
		default:
			s.at++
		}
	}
	return nil, s.broken("a string does not end")
}

// escapedString goes on from the first backslash of a string.
func (s *scanner) escapedString(start int) ([]byte, error) {
	said := append(make([]byte, 0, 2*(s.at-start)+16), s.text[start:s.at]...)
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return said, nil
		case c < ' ':
			return nil, s.broken("a control character stands in a string")
		case c != '\\':
			said = append(said, c)
		default:
			r, err := s.escape()
			if err != nil {
				return nil, err
			}
			said = utf8.AppendRune(said, r)
		}
	}
	return nil, s.broken("a string does not end")
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, error) {
	c := s.peek()
	s.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return s.unicodeEscape()
	}
	return 0, s.broken("an unknown escape stands in a string")
}

func (s *scanner) unicodeEscape() (rune, error) {
	first, ok := s.hex4()
	if !ok {
		return 0, s.broken(`\u needs four hexadecimal digits`)
	}
	switch {
	case first == 0:
		return 0, fault.New(fault.CodeInvalidValue, "A text holds the character NUL.").On(s.where())
	case first < 0xd800 || first > 0xdfff:
		return first, nil
	}
	if first <= 0xdbff && bytes.HasPrefix(s.text[s.at:], []byte(`\u`)) {
		s.at += 2
		if second, ok := s.hex4(); ok && second >= 0xdc00 && second <= 0xdfff {
			return (first-0xd800)<<10 + (second - 0xdc00) + 0x10000, nil
		}
	}
	return 0, s.broken("half of a surrogate pair stands in a string")
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s.text[s.at : s.at+4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return r, true
}

// number reads [-] int [frac] [exp].
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	switch c := s.peek(); {
	case c == '0':
		s.at++
	case !s.digits():
		return s.broken("a number is incomplete")
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return s.broken("a number is incomplete")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return s.broken("a number is incomplete")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.at
	for isDigit(s.peek()) {
		s.at++
	}
	return s.at > start
}

func (s *scanner) word(word string) error {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return s.broken("a value is expected")
	}
	s.at += len(word)
	return nil
}

func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.broken("a " + string(c) + " is expected")
	}
	s.at++
	return nil
}

// peek is the next byte, 0 at the end: no JSON begins with it.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(rune(s.text[s.at])) {
		s.at++
	}
}

func (s *scanner) broken(what string) error {
	return fault.New(fault.CodeInvalidJSON, "The body is not valid JSON: "+what+" at byte "+strconv.Itoa(min(s.at, len(s.text)))+".")
}

// where is the path as a Param.
func (s *scanner) where() string {
	path := s.prefix
	for _, step := range s.path {
		switch {
		case step.index >= 0:
			path = elementPath(path, step.index)
		case step.index == inMember:
			path = memberPath(path, shown(step.name))
		}
	}
	return path
}

// names notices a name that comes twice: a list while there are few, a set when there are many.
type names struct {
	count int
	list  [16]string
	set   map[string]bool
}

func (n *names) add(name string) bool {
	if n.count < len(n.list) {
		for _, known := range n.list[:n.count] {
			if known == name {
				return false
			}
		}
		n.list[n.count] = name
		n.count++
		return true
	}
	if n.set == nil {
		n.set = map[string]bool{}
		for _, known := range n.list {
			n.set[known] = true
		}
	}
	if n.set[name] {
		return false
	}
	n.set[name] = true
	n.count++
	return true
}

// shown cuts a name that the caller invented to a length that may stand in an answer.
func shown(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "..."
}

func memberPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func elementPath(path string, index int) string {
	return path + "[" + strconv.Itoa(index) + "]"
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// kindOf is the JSON type of a valid value.
func kindOf(raw []byte) string {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '{':
			return "object"
		case '[':
			return "array"
		case '"':
			return "string"
		case 't', 'f':
			return "boolean"
		case 'n':
			return "null"
		}
		return "number"
	}
	return ""
}
