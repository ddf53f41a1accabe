package web

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence writes a fault's message as a sentence of its own: a capital first, no full stop last.
func Sentence(message string) string {
	message = strings.TrimSuffix(message, ".")
	first, size := utf8.DecodeRuneInString(message)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + message[size:]
}
