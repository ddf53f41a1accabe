package webhook

import (
	"net/http"
	"strings"

	"till/internal/fault"
)

// maxHeaderValue is the longest value of a header that a merchant adds to its deliveries, in bytes.
const maxHeaderValue = 1024

// ourHeaders are set by the server or by HTTP itself; a merchant's own headers must not change them.
var ourHeaders = map[string]bool{
	"Connection": true, "Content-Encoding": true, "Content-Length": true, "Content-Type": true, "Expect": true, "Host": true,
	"Keep-Alive": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
	HeaderID: true, HeaderSignature: true, HeaderTimestamp: true,
}

// CheckHeader checks a header that a merchant wants on its deliveries. The faults are invalid_value for characters that could end
// the header and begin another (CR, LF, NUL), for a malformed name and for names the server itself sets, and too_long.
func CheckHeader(name, value string) error {
	switch {
	case len(name) > 128 || len(value) > maxHeaderValue:
		return fault.New(fault.CodeTooLong, "The header is too long.")
	case !validHeader(name, value):
		return fault.New(fault.CodeInvalidValue, "The header holds characters that are not allowed in one.")
	case ourHeaders[http.CanonicalHeaderKey(name)]:
		return fault.New(fault.CodeInvalidValue, "The header is set by the server itself.")
	}
	return nil
}

// validHeader follows RFC 9110, 5.1 and 5.5: a token, and a value of visible characters, spaces and tabs.
func validHeader(name, value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}
