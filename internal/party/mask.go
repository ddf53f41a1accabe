package party

import "strings"

// Mask is how a number, an e-mail address or a telephone number is shown in
// logs and to people who need not know it: the last four characters of eight
// or more, the first one of an e-mail address and its domain. Of anything
// shorter nothing is shown, and the length never is.
func Mask(s string) string {
	if name, domain, is := strings.Cut(s, "@"); is {
		if name == "" || name[0] >= 0x80 {
			return "****@" + domain
		}
		return name[:1] + "****@" + domain
	}
	if s == "" {
		return ""
	}
	runes := []rune(s)
	if len(runes) < 8 {
		return "****"
	}
	return "****" + string(runes[len(runes)-4:])
}
