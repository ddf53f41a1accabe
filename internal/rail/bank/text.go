package bank

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"till/internal/fault"
)

// inSet says that a character is of the set that every bank takes: the letters of English, digits, space and
// / - ? : ( ) . , ' + (EPC132-08, chapter 1.4; the same as SWIFT's set X).
func inSet(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" /-?:().,'+", r)
}

// plain writes letters of Latin scripts and the commonest signs in that set. It follows EPC217-08 (best practices for
// the extended character set), which gives a letter without its mark, so ö is o and not oe; where that paper has one
// letter for two, both are written here.
var plain = transliterations(map[string]string{
	"A": "ÀÁÂÃÄÅĀĂĄǍ", "a": "àáâãäåāăąǎª", "AE": "ÆǼ", "ae": "æǽ",
	"C": "ÇĆĈĊČ", "c": "çćĉċč", "D": "ĎĐÐ", "d": "ďđð",
	"E": "ÈÉÊËĒĔĖĘĚẼ", "e": "èéêëēĕėęěẽ", "G": "ĜĞĠĢǤ", "g": "ĝğġģǥ", "H": "ĤĦ", "h": "ĥħ",
	"I": "ÌÍÎÏĨĪĬĮİ", "i": "ìíîïĩīĭįı", "IJ": "Ĳ", "ij": "ĳ", "J": "Ĵ", "j": "ĵ", "K": "Ķ", "k": "ķĸ",
	"L": "ĹĻĽĿŁ", "l": "ĺļľŀł", "N": "ÑŃŅŇŊ", "n": "ñńņňŋŉ",
	"O": "ÒÓÔÕÖØŌŎŐ", "o": "òóôõöøōŏőº", "OE": "Œ", "oe": "œ", "R": "ŔŖŘ", "r": "ŕŗř",
	"S": "ŚŜŞŠȘ", "s": "śŝşšșſ", "ss": "ß", "SS": "ẞ", "T": "ŢŤŦȚ", "t": "ţťŧț", "TH": "Þ", "th": "þ",
	"U": "ÙÚÛÜŨŪŬŮŰŲ", "u": "ùúûüũūŭůűų", "W": "ŴẀẂẄ", "w": "ŵẁẃẅ", "Y": "ÝŶŸỲ", "y": "ýÿŷỳ", "Z": "ŹŻŽ", "z": "źżž",
	"'": "‘’‚‛`´\"“”„«»‹›", "-": "‐‑‒–—―_~", "+": "&", "(": "[{<", ")": "]}>", "/": "\\|", ".": "…·", ",": ";", "EUR": "€",
	" ": "\t\n\r\u00a0\u2002\u2003\u2009\u202f",
})

func transliterations(table map[string]string) map[rune]string {
	out := map[rune]string{}
	for to, from := range table {
		for _, r := range from {
			out[r] = to
		}
	}
	return out
}

// Text writes a text in the characters that every bank takes: a letter of a Latin script without its mark, a sign as the
// nearest one (& is +, _ is -), any other sign as a dot. Spaces are joined, and slashes neither begin nor end a text nor
// follow one another, which banks keep for themselves. Letters of other scripts are refused: a name that was made
// unrecognisable is not the payee's. max is in characters; 0 is no bound.
//
// Faults on field: invalid_value (a letter of another script, no UTF-8, a control character), too_long.
func Text(field, s string, max int) (string, error) {
	if !utf8.ValidString(s) {
		return "", fault.New(fault.CodeInvalidValue, "this is not UTF-8").On(field)
	}
	var b strings.Builder
	for _, r := range s {
		to, known := plain[r]
		switch {
		case inSet(r):
			b.WriteRune(r)
		case known:
			b.WriteString(to)
		case isMark(r): // the mark of the letter before it, where both are written apart
		case isSign(r):
			b.WriteByte('.')
		default:
			return "", fault.New(fault.CodeInvalidValue, fmt.Sprintf("%q cannot be written in the letters that banks take", r)).On(field)
		}
	}
	out := strings.Join(strings.Fields(b.String()), " ")
	for strings.Contains(out, "//") {
		out = strings.ReplaceAll(out, "//", "/")
	}
	out = strings.TrimSpace(strings.Trim(out, "/ "))
	if max > 0 && len(out) > max {
		return "", fault.New(fault.CodeTooLong, fmt.Sprintf("this has more than %d characters", max)).On(field)
	}
	return out, nil
}

// isMark is a combining diacritical mark (Unicode block 0300-036F).
func isMark(r rune) bool { return 0x300 <= r && r <= 0x36f }

// isSign is a character of ASCII, Latin-1, the punctuation or the currency signs that is neither a letter nor a control
// character.
func isSign(r rune) bool {
	return ' ' < r && r < 0x7f || 0xa1 <= r && r <= 0xbf || r == '×' || r == '÷' || 0x2010 <= r && r <= 0x2027 || 0x2030 <= r && r <= 0x205e || 0x20a0 <= r && r <= 0x20cf
}
