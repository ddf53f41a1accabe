package bank

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"till/internal/rail"
)

// Format is what a file is written in.
type Format string

// The formats of bank files. Only the first six can be read with NewReader; a PAIN002 is an answer to a payment file.
const (
	CAMT052 Format = "camt.052" // report of the day so far
	CAMT053 Format = "camt.053" // statement
	CAMT054 Format = "camt.054" // notification of single bookings
	MT940   Format = "mt940"    // statement
	MT942   Format = "mt942"    // report of the day so far
	CSV     Format = "csv"
	PAIN002 Format = "pain.002"
)

// DetectBytes is how much of a file's beginning Detect wants to see.
const DetectBytes = 4096

var (
	iso20022 = regexp.MustCompile(`urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.\d{3})\.(\d{3}\.\d{2})`)
	mtStart  = regexp.MustCompile(`(?m)^:(20|25P?|28C?|60[FM]|13D?|34F):`)
	mt942    = regexp.MustCompile(`(?m)^:(34F|13D?|90[CD]):|\{2:[IO]942`)
)

// Detect says what a file is by its first bytes, the whole of a short one. Its error is a *rail.FileError: the file is
// empty, of no format that is read here, or of a version that is not. A text that might be a table is CSV; whether it is
// one its mapping shows.
func Detect(head []byte) (Format, error) {
	no := func(message string, args ...any) (Format, error) {
		return "", &rail.FileError{Format: "bank file", Message: fmt.Sprintf(message, args...)}
	}
	if len(head) > DetectBytes {
		head = head[:DetectBytes]
	}
	if wide(head) {
		return no("it is in UTF-16 or UTF-32; UTF-8, ISO-8859-1 and windows-1252 are read")
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte(bom)))
	switch {
	case len(text) == 0:
		return no("the file is empty")
	case bytes.IndexByte(text, 0) >= 0:
		return no("it holds NUL bytes: it is no text")
	case text[0] == '<':
		return detectXML(text)
	}
	// Lone carriage returns would hide the lines.
	lines := bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	if bytes.HasPrefix(text, []byte("{1:")) || mtStart.Match(lines) {
		if mt942.Match(lines) {
			return MT942, nil
		}
		return MT940, nil
	}
	for i, c := range text {
		if c < ' ' && !strings.ContainsRune("\t\r\n\f", rune(c)) {
			return no("byte %d is no text", i+1)
		}
	}
	if first, _, _ := bytes.Cut(lines, []byte("\n")); bytes.ContainsAny(first, ";,\t|") || bytes.ContainsAny(lines, ";\t|") {
		return CSV, nil
	}
	return no("it is neither XML of ISO 20022 nor an MT message nor a table")
}

func detectXML(text []byte) (Format, error) {
	format := "XML"
	for _, m := range iso20022.FindAllSubmatch(text, -1) {
		format = string(m[1])
		switch f := Format(format); f {
		case CAMT052, CAMT053, CAMT054:
			if err := checkVersion(f, string(m[2])); err != nil {
				return "", err
			}
			return f, nil
		case PAIN002:
			return f, nil
		}
	}
	if format == "XML" {
		return "", &rail.FileError{Format: format, Message: "no message of ISO 20022 is in it: its namespace is missing"}
	}
	return "", &rail.FileError{Format: format, Message: "this is no statement, report, notification or answer of a bank"}
}

// checkVersion refuses the versions of a camt message that are not known to be read rightly. version is as in "001.08".
func checkVersion(f Format, version string) error {
	if version < "001.02" || version > "001.08" {
		return &rail.FileError{Format: string(f), Field: "xmlns", Message: "version " + version + " is not read: 001.02 to 001.08 are"}
	}
	return nil
}

const bom = "\ufeff"

// wide says that a text has more bytes for each character: it begins with a mark that says so, or its first character
// of ASCII does.
func wide(head []byte) bool {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\x00\x00\xfe\xff", "<\x00", "\x00<", ":\x00", "\x00:"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return true
		}
	}
	return len(head) > 1 && head[1] == 0 && head[0] < utf8.RuneSelf && head[0] > ' '
}
