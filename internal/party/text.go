package party

import (
	"fmt"
	"strings"

	"till/internal/fault"
)

// maxTyped bounds what is looked at; no number is as long with separators.
const maxTyped = 254

// compact takes out what people write between the parts of a number and turns
// a to z into capitals. Anything else stays, for the rule to refuse.
func compact(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte(" .-/", c) >= 0:
		case 'a' <= c && c <= 'z':
			b.WriteByte(c - 'a' + 'A')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// typed is compact of something that must be there and must not be endless.
func typed(field, s string) (string, error) {
	if len(s) > maxTyped {
		return "", fault.New(fault.CodeTooLong, fmt.Sprintf("this is longer than %d characters", maxTyped)).On(field)
	}
	s = compact(s)
	if s == "" {
		return "", fault.New(fault.CodeMissingField, "this is missing").On(field)
	}
	return s, nil
}

// digitsOf is typed of something that is from min to max digits, not all zero.
func digitsOf(code fault.Code, what, field, s string, min, max int) (string, error) {
	s, err := typed(field, s)
	switch {
	case err != nil:
		return "", err
	case !every(s, isDigit):
		return "", fault.New(code, what+" has digits only").On(field)
	case len(s) < min || len(s) > max:
		return "", wrongLength(code, what, field, "digits", len(s), min, max)
	case strings.Trim(s, "0") == "":
		return "", fault.New(code, what+" is not all zeros").On(field)
	}
	return s, nil
}

// lettersOf is typed of something that is from min to max letters and digits.
func lettersOf(code fault.Code, what, field, s string, min, max int) (string, error) {
	s, err := typed(field, s)
	switch {
	case err != nil:
		return "", err
	case !every(s, isAlnum):
		return "", fault.New(code, what+" has letters and digits only").On(field)
	case len(s) < min || len(s) > max:
		return "", wrongLength(code, what, field, "letters and digits", len(s), min, max)
	}
	return s, nil
}

func wrongLength(code fault.Code, what, field, unit string, got, min, max int) error {
	want := fmt.Sprint(min)
	if max != min {
		want = fmt.Sprintf("%d to %d", min, max)
	}
	return fault.New(code, fmt.Sprintf("%s has %s %s, this has %d", what, want, unit, got)).On(field)
}

func wrongCheckDigit(code fault.Code, what, field string) error {
	return fault.New(code, "this is no "+what+": its check digits do not fit").On(field)
}

// weigh sums the digits, each times its weight; the weights begin again where
// they end.
func weigh(digits string, weights ...int) int {
	sum := 0
	for i := range len(digits) {
		sum += int(digits[i]-'0') * weights[i%len(weights)]
	}
	return sum
}

// upTo10 is the digit that makes a sum a multiple of ten.
func upTo10(sum int) byte { return '0' + byte((10-sum%10)%10) }

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
