package bank

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"till/internal/party"
)

// Our own references are RF, two check digits and 14 characters of ownAlphabet: capitals and digits that nobody mistakes
// for another. So they also fit where a bank or a scheme takes letters and digits only.
const (
	ownBody     = 14
	ownLength   = 4 + ownBody
	ownAlphabet = "0123456789ABCDEFGHJKLMNPRSTVWXYZ" // 32 of them, without I, O, Q and U
)

// NewReference makes a reference of our own from 14 bytes of random: one of 2^70. Its error is random's.
func NewReference(random io.Reader) (string, error) {
	var b [ownBody]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("a new creditor reference: %w", err)
	}
	for i := range b {
		b[i] = ownAlphabet[b[i]%byte(len(ownAlphabet))]
	}
	return Reference(string(b[:])), nil
}

// Reference is the creditor reference with that body: RF, its check digits, the body. A body is 1 to 21 capitals and
// digits; of anything else it is "". Source: ISO 11649, whose check digits are those of ISO 7064 MOD 97-10.
func Reference(body string) string {
	if len(body) < 1 || len(body) > 21 || !every(body, isAlnum) {
		return ""
	}
	return fmt.Sprintf("RF%02d%s", 98-party.Mod97(body+"RF00"), body)
}

// ParseReference reads a creditor reference as people and machines write it, in either case and with spaces between
// its groups. The canonical spelling is in capitals without spaces. ok is false where the check digits do not fit.
func ParseReference(s string) (reference string, ok bool) {
	if len(s) > 64 {
		return "", false
	}
	s = capitals(strings.Join(strings.Fields(s), ""))
	return s, validReference(s)
}

func validReference(s string) bool {
	if len(s) < 5 || len(s) > 25 || s[:2] != "RF" || !isDigit(s[2]) || !isDigit(s[3]) || !every(s, isAlnum) {
		return false
	}
	// 00, 01 and 99 fit where 97, 98 and 02 do, and are never issued.
	return s[2:4] >= "02" && s[2:4] <= "98" && party.Mod97(s[4:]+s[:4]) == 1
}

// What a text can cost to look through. A remittance text has 140 characters, or a few times as many.
const (
	maxText    = 4096
	maxGroups  = 8  // a reference is written in groups of four, or cut by the end of a line
	maxRepairs = 16 // places of a text that look like a reference with a mistake
	maxNear    = 48
)

// ReferencesIn finds creditor references in a text that people and banks have handled. Only what has the right check
// digits is returned, each once, in the order of the text.
//
// exact are those that stand there, in either case, in groups or cut by the ends of lines, alone or stuck to other words.
// near are references of our own form that one repair makes of what stands there: RF left out, or RF and the check digits;
// two neighbours transposed; one character wrong; letters of the ones that we never use, for the digits they look like.
// Where a reference of our own form stands there exactly, near has only what two transposed neighbours make of it: one in
// 150 slips of a letter and a digit has the right check digits. Nothing may be booked by near alone.
//
// The work is bounded: 4,096 characters are looked at, and at most 48 repairs returned.
func ReferencesIn(text string) (exact, near []string) {
	w := newWords(text)
	own := false
	for i := 0; i+5 <= len(w.text); i++ {
		if w.text[i] != 'R' || w.text[i+1] != 'F' || !isDigit(w.text[i+2]) || !isDigit(w.text[i+3]) {
			continue
		}
		shortest, end := 5, i
		if s, ok := w.window(i, ownLength); ok && isOwn(s) && validReference(s) {
			exact, own = add(exact, s), true
			shortest, end = ownLength+1, i+ownLength-1 // a longer one may begin with what looks like ours
		}
		for n := min(25, len(w.text)-i); n >= shortest && w.first[i]; n-- {
			if s, ok := w.window(i, n); ok && w.last[i+n-1] && validReference(s) {
				exact = add(exact, s)
			}
		}
		i = end
	}
	if own {
		for _, s := range exact {
			if isOwn(s) && len(near) < maxNear {
				near = append(near, transposed(s)...)
			}
		}
		near = slices.DeleteFunc(near, func(s string) bool { return slices.Contains(exact, s) })
		return exact, near[:min(len(near), maxNear)]
	}
	repairs := 0
	for i := range w.text {
		if !w.first[i] || len(near) >= maxNear {
			continue
		}
		if s, ok := w.whole(i, 2+ownBody); ok && isDigit(s[0]) && isDigit(s[1]) && inOwnAlphabet(s[2:]) && validReference("RF"+s) {
			near = add(near, "RF"+s)
		}
		if s, ok := w.whole(i, ownBody); ok && inOwnAlphabet(s) && strings.ContainsAny(s, "0123456789") {
			near = add(near, Reference(s)) // without a digit it would be any words of that length
		}
		if s, ok := w.whole(i, ownLength); ok && repairs < maxRepairs && (s[0] == 'R' || s[1] == 'F' || s[:2] == "FR") {
			repairs++
			for _, r := range repaired(s) {
				near = add(near, r)
			}
		}
	}
	near = slices.DeleteFunc(near, func(s string) bool { return slices.Contains(exact, s) })
	return exact, near[:min(len(near), maxNear)]
}

// repaired are the valid references of our own form that are one mistake away from s, which has their length.
func repaired(s string) []string {
	var list []string
	try := func(b []byte) {
		if r := string(b); isOwn(r) && validReference(r) && r != s {
			list = add(list, r)
		}
	}
	b := []byte(s)
	for i := range b {
		switch b[i] {
		case 'O', 'Q':
			b[i] = '0'
		case 'I':
			b[i] = '1'
		case 'U':
			b[i] = 'V'
		}
	}
	try(b)
	list = append(list, transposed(s)...)
	b = []byte(s)
	wrong, at := 0, 0
	for i := range b {
		if !fitsAt(i, b[i]) {
			wrong, at = wrong+1, i
		}
	}
	if wrong > 1 {
		return list
	}
	for i, was := range b {
		if wrong == 1 && i != at {
			continue
		}
		for _, c := range []byte("RF" + ownAlphabet) {
			if c != was && fitsAt(i, c) {
				b[i] = c
				try(b)
			}
		}
		b[i] = was
	}
	return list
}

// transposed are the valid references of our own form that two neighbours of s make when they change places.
func transposed(s string) (list []string) {
	b := []byte(s)
	for i := range len(b) - 1 {
		b[i], b[i+1] = b[i+1], b[i]
		if r := string(b); r != s && isOwn(r) && validReference(r) {
			list = add(list, r)
		}
		b[i], b[i+1] = b[i+1], b[i]
	}
	return list
}

// fitsAt says that a reference of our own form may have c at its index i.
func fitsAt(i int, c byte) bool {
	switch i {
	case 0:
		return c == 'R'
	case 1:
		return c == 'F'
	case 2, 3:
		return isDigit(c)
	}
	return strings.IndexByte(ownAlphabet, c) >= 0
}

func isOwn(s string) bool {
	for i := range len(s) {
		if !fitsAt(i, s[i]) {
			return false
		}
	}
	return len(s) == ownLength
}

func inOwnAlphabet(s string) bool {
	return every(s, func(c byte) bool { return strings.IndexByte(ownAlphabet, c) >= 0 })
}

// words is a text without what stands between its words, in capitals. first and last mark where a word begins and ends.
type words struct {
	text        string
	first, last []bool
}

func newWords(text string) words {
	text = text[:min(len(text), maxText)]
	var w words
	var b strings.Builder
	begins := true
	for i := range len(text) {
		c := capital(text[i])
		if !isAlnum(c) {
			if n := len(w.last); n > 0 {
				w.last[n-1] = true
			}
			begins = true
			continue
		}
		b.WriteByte(c)
		w.first, w.last = append(w.first, begins), append(w.last, false)
		begins = false
	}
	if n := len(w.last); n > 0 {
		w.last[n-1] = true
	}
	w.text = b.String()
	return w
}

// window is the n characters from i on, when they stand in few enough groups.
func (w words) window(i, n int) (string, bool) {
	if i+n > len(w.text) {
		return "", false
	}
	groups := 1
	for _, begins := range w.first[i+1 : i+n] {
		if begins {
			groups++
		}
	}
	return w.text[i : i+n], groups <= maxGroups
}

// whole is a window that ends where a word ends.
func (w words) whole(i, n int) (string, bool) {
	s, ok := w.window(i, n)
	return s, ok && w.last[i+n-1]
}

func add(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// capitals is strings.ToUpper that knows no letters but a to z: nothing else becomes one of A to Z.
func capitals(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = capital(b[i])
	}
	return string(b)
}

func capital(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isDigit(c) || 'A' <= c && c <= 'Z' }
