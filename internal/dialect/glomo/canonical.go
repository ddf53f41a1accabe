package glomo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxNumber is the largest whole number that every reader of JSON keeps exactly (RFC 7493, 2.2).
const maxNumber = 1<<53 - 1

// canonical writes v as RFC 8785 says: no space, the names of an object in the order of their UTF-16 code units, texts
// with as few escapes as there can be. All numbers of this API are whole and not above maxNumber; any other is a
// programming error.
func canonical(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("glomo: a webhook cannot be encoded: " + err.Error())
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		panic("glomo: a webhook cannot be read back: " + err.Error())
	}
	return appendCanonical(nil, plain)
}

func appendCanonical(out []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil || n > maxNumber || n < -maxNumber {
			panic(fmt.Sprintf("glomo: %s is not a number for a webhook", v))
		}
		return strconv.AppendInt(out, n, 10)
	case string:
		return appendText(out, v)
	case []any:
		out = append(out, '[')
		for i, one := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendCanonical(out, one)
		}
		return append(out, ']')
	case map[string]any:
		out = append(out, '{')
		for i, name := range slices.SortedFunc(maps.Keys(v), byCodeUnits) {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendCanonical(append(appendText(out, name), ':'), v[name])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("glomo: %T is no JSON value", v))
}

// byCodeUnits compares texts as JavaScript does, which differs from their bytes above U+FFFF.
func byCodeUnits(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// shortEscapes are the control characters that have an escape of their own.
var shortEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		switch escape, short := shortEscapes[c]; {
		case short:
			out = append(out, escape...)
		case c < ' ':
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, string(c)...)
		}
	}
	return append(out, '"')
}
