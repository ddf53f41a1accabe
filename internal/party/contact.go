package party

import (
	"strings"

	"till/internal/fault"
)

// Email checks an e-mail address: a local part of up to 64 characters, @, and a
// domain of at least two labels, 254 characters in all, ASCII only, without
// quotes, comments and literal addresses. The canonical spelling has the
// domain in small letters. Source: RFC 5321, sections 4.1.2 and 4.5.3.1. Fault:
// invalid_value.
func Email(field, s string) (string, error) {
	if _, err := typed(field, s); err != nil {
		return "", err
	}
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || !isDotAtom(s[:at]) || !isDomain(s[at+1:]) {
		return "", fault.New(fault.CodeInvalidValue, "this is no e-mail address").On(field)
	}
	return s[:at] + strings.ToLower(s[at:]), nil
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || !every(atom, isAtext) {
			return false
		}
	}
	return true
}

func isAtext(c byte) bool {
	return isDigit(c) || isLetter(c) || 'a' <= c && c <= 'z' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func isDomain(s string) bool {
	if !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			!every(label, func(c byte) bool { return isDigit(c) || isLetter(c) || 'a' <= c && c <= 'z' || c == '-' }) {
			return false
		}
	}
	return true
}

// Phone checks an international telephone number: + and 7 to 15 digits, the
// first one not 0. Spaces, dots, dashes and brackets between them are taken
// out. Source: ITU-T E.164. Fault: invalid_value.
func Phone(field, s string) (string, error) {
	if _, err := typed(field, s); err != nil {
		return "", err
	}
	rest, international := strings.CutPrefix(strings.TrimSpace(s), "+")
	if !international {
		return "", fault.New(fault.CodeInvalidValue, "a telephone number begins with + and the code of its country").On(field)
	}
	digits := strings.NewReplacer(" ", "", ".", "", "-", "", "(", "", ")", "").Replace(rest)
	if !every(digits, isDigit) || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return "", fault.New(fault.CodeInvalidValue, "a telephone number is + and 7 to 15 digits that do not begin with 0").On(field)
	}
	return "+" + digits, nil
}

// Country checks the two letters of a country and gives them in capitals.
// Source: the form of ISO 3166-1 alpha-2; whether somebody has the letters is
// not held. Fault: invalid_value.
func Country(field, s string) (string, error) {
	s, err := typed(field, s)
	if err != nil {
		return "", err
	}
	if len(s) != 2 || !every(s, isLetter) {
		return "", fault.New(fault.CodeInvalidValue, "a country is two letters, such as MX").On(field)
	}
	return s, nil
}
