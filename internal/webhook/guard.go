package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/internal/fault"
)

// maxURL is the longest webhook URL in bytes; longer ones break on proxies.
const maxURL = 2048

// Guard says which URLs the server may call on a merchant's word. Its zero value is what production wants: https to public
// addresses. The other two are for development and for an operator whose receivers live in the same private network.
type Guard struct {
	AllowPrivate bool // also loopback, private and reserved addresses
	AllowHTTP    bool // also http
}

// CheckURL reads the URL of an endpoint, when it is registered and again before every call. A fault (invalid_url, without Param)
// says what is wrong with it, and never repeats it: a URL may hold credentials.
//
// Host names are not resolved here; where a name leads is checked by [Client] when it dials.
func (g Guard) CheckURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, refuseURL("is longer than %d bytes", maxURL)
	}
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\' }) {
		return nil, refuseURL("holds a space, a control character or a backslash")
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		return nil, refuseURL("cannot be parsed")
	}
	switch {
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return nil, refuseURL("must be absolute and begin with https://")
	case parsed.Scheme == "http" && !g.AllowHTTP:
		return nil, refuseURL("must use https")
	case parsed.User != nil:
		return nil, refuseURL("must not hold a user name or password")
	case strings.Contains(raw, "#"):
		return nil, refuseURL("must not have a fragment")
	case parsed.Opaque != "" || parsed.Hostname() == "":
		return nil, refuseURL("has no host")
	case !validPort(parsed):
		return nil, refuseURL("has an invalid port")
	}
	if err := g.checkHost(parsed.Hostname()); err != nil {
		return nil, err
	}
	return parsed, nil
}

// Public reports whether an address is one of the open internet: none of the special-purpose blocks of the IANA registries (RFC 6890
// and its updates), no multicast, and no form that carries an IPv4 address inside an IPv6 one, which could lead anywhere.
func Public(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	if addr.Is6() && !globalUnicast6.Contains(addr) {
		return false
	}
	for _, block := range reserved {
		if block.Contains(addr) {
			return false
		}
	}
	return true
}

// Redacted is a URL as it may be logged: scheme, host and path. User information, the query and the fragment may hold credentials
// and are left out.
func Redacted(raw string) string {
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Host == "" {
		return "[invalid URL]"
	}
	shown := url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path, RawPath: parsed.RawPath}
	if parsed.RawQuery != "" {
		shown.RawQuery = "..."
	}
	return shown.String()
}

// globalUnicast6 is all of IPv6 that IANA has given out for public use. Everything outside is refused unseen: unspecified, loopback,
// IPv4-mapped, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard, unique local, link-local, multicast.
var globalUnicast6 = netip.MustParsePrefix("2000::/3")

// reserved is what else is not public: all of it for IPv4, and the special blocks inside 2000::/3.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, the metadata services of clouds
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast

	netip.MustParsePrefix("2001::/23"),     // protocol assignments: Teredo, benchmarks, ORCHID
	netip.MustParsePrefix("2001:db8::/32"), // documentation
	netip.MustParsePrefix("2002::/16"),     // 6to4
	netip.MustParsePrefix("3fff::/20"),     // documentation
}

func (g Guard) checkHost(host string) error {
	if addr, is := addressOf(host); is {
		switch {
		case addr.Zone() != "":
			return refuseURL("must not name a network zone")
		case !g.AllowPrivate && !Public(addr):
			return refuseURL("must not lead to a private or reserved address")
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	labels := strings.Split(name, ".")
	switch {
	case !validName(name, labels):
		return refuseURL("has an invalid host name (write international names in their xn-- form)")
	case isNumber(labels[len(labels)-1]):
		// 2130706433, 0x7f.1, 0177.0.0.1 and 127.1 are all 127.0.0.1 to some resolvers, and no top-level domain is a number.
		return refuseURL("must write an IPv4 address as four decimal numbers")
	case !g.AllowPrivate && labels[len(labels)-1] == "localhost":
		return refuseURL("must not lead to this machine")
	}
	return nil
}

// addressOf reads a host that is an address. Each one has a colon or ends with a digit, which no usual name does: the error of
// reading one as an address would cost more than all else.
func addressOf(host string) (netip.Addr, bool) {
	last := host[len(host)-1]
	if !strings.Contains(host, ":") && (last < '0' || last > '9') {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	return addr, err == nil
}

func validName(name string, labels []string) bool {
	if len(name) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range label {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// isNumber says whether a resolver might read a host's last label as a number, as the URL standard puts it: all digits, or
// hexadecimal after 0x.
func isNumber(label string) bool {
	if digits, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// validPort accepts no port and 1 to 65535. "https://host:" has an empty port, which some clients read differently.
func validPort(parsed *url.URL) bool {
	if strings.HasSuffix(parsed.Host, ":") {
		return false
	}
	if parsed.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(parsed.Port(), 10, 16)
	return err == nil && port != 0
}

func refuseURL(format string, args ...any) error {
	return fault.New(fault.CodeInvalidURL, "The URL "+fmt.Sprintf(format, args...)+".")
}
