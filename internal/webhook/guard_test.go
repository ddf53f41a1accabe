package webhook

import (
	"net/netip"
	"strings"
	"testing"

	"till/internal/fault"
)

// hostile are URLs that lead into the operator's own network, or might. Each is refused by the guard of production, and none of
// the forms that only exist to deceive is accepted by any guard.
var hostile = []string{
	"https://127.0.0.1/", "https://127.255.255.254", "https://[::1]/", "https://0.0.0.0", "https://0.1.2.3", "https://[::]/",
	"https://169.254.169.254/latest/meta-data/", "https://[fe80::1]/", "https://[fe80::a9fe:a9fe]",
	"https://10.0.0.1", "https://10.255.255.255", "https://172.16.0.1", "https://172.31.255.255", "https://192.168.1.1",
	"https://100.64.0.1", "https://100.127.255.255", "https://192.0.0.8", "https://192.0.2.1", "https://198.51.100.1",
	"https://203.0.113.9", "https://198.18.0.1", "https://198.19.255.255", "https://192.88.99.1", "https://224.0.0.1",
	"https://239.255.255.255", "https://240.0.0.1", "https://255.255.255.255",
	"https://[fc00::1]", "https://[fd00:ec2::254]", "https://[ff02::1]", "https://[fec0::1]", "https://[100::1]",
	"https://[::ffff:127.0.0.1]", "https://[::ffff:7f00:1]", "https://[::ffff:8.8.8.8]", "https://[::127.0.0.1]",
	"https://[64:ff9b::7f00:1]", "https://[64:ff9b::10.0.0.1]", "https://[64:ff9b:1::1]",
	"https://[2001::1]", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "https://[2001:2::1]", "https://[2001:10::1]",
	"https://[2001:db8::1]", "https://[2002:7f00:1::1]", "https://[2002:a00:1::]", "https://[3fff::1]", "https://[5f00::1]",
	"https://localhost", "https://localhost.", "https://LOCALHOST:8443/", "https://LocalHost.", "https://a.localhost",
	"https://a.b.localhost.", "https://localhost:80",
}

// malformed are refused by every guard.
var malformed = []string{
	"https://2130706433", "https://2130706433/", "https://0x7f.1", "https://0x7f000001", "https://0X7F.0.0.1", "https://0177.0.0.1",
	"https://017700000001", "https://127.1", "https://127.0.1", "https://127.0.0.1.", "https://1", "https://0", "https://0x",
	"https://example.1", "https://example.0x10", "https://127.0.0.01", "https://256.0.0.1", "https://127.0.0.1.5",
	"https://[fe80::1%25eth0]/", "https://[::1%25lo]", "https://[2606:4700::1111%25eth0]",
	"https://user@example.com", "https://user:password@example.com/", "https://@example.com", "https://:@example.com",
	"https://example.com@127.0.0.1/", "https://example.com:pw@127.0.0.1/",
	"https://example.com/\r\nX-Evil: 1", "https://example.com/\n", "\nhttps://example.com", "https://exam\tple.com",
	"https://example.com/a b", " https://example.com", "https://example.com ", "https://example.com/\x00", "https://example.com/\x7f",
	"https://example.com/\u0085", "https://example.com/\u00a0", "https://example.com/\u2028", "https://example.com/\xff",
	`https:\\example.com`, `https://example.com\@127.0.0.1/`, `https://example.com/\`,
	"https://example.com/#", "https://example.com/#x", "https://example.com#@127.0.0.1",
	"", "https", "https:", "https://", "https:///path", "https://:443/", "https:example.com", "//example.com", "/path", "example.com",
	"example.com:443/x", "ftp://example.com", "file:///etc/passwd", "gopher://example.com", "javascript:alert(1)", "data:,x",
	"unix:///run/x.sock", "https+unix://example.com",
	"https://example.com:0/", "https://example.com:65536/", "https://example.com:-1/", "https://example.com:x/", "https://example.com:/",
	"https://example..com", "https://.example.com", "https://.", "https://example.com..", "https://exa$mple.com", "https://exa%6dple.com/%",
	"https://ex*mple.com", "https://münchen.example", "https://127。0。0。1", "https://①②⑦.0.0.1", "https://%31%32%37.0.0.1",
	"https://[::1", "https://::1/", "https://[example.com]", "https://[1.2.3.4]/",
	"https://" + strings.Repeat("a", 64) + ".example", "https://" + strings.Repeat("a.", 130) + "example",
	"https://example.com/" + strings.Repeat("a", maxURL),
}

var harmless = []string{
	"https://example.com", "https://example.com/", "https://example.com:443/hook", "https://hooks.example.com:8443/a/b?x=1&y=%20",
	"HTTPS://EXAMPLE.COM/", "https://example.com./hook", "https://xn--mnchen-3ya.example/ñ", "https://a-b_c.example",
	"https://8.8.8.8/", "https://[2606:4700:4700::1111]:8443/", "https://100.63.255.255", "https://100.128.0.1", "https://172.15.0.1",
	"https://172.32.0.1", "https://192.167.1.1", "https://11.0.0.1", "https://126.0.0.1", "https://128.0.0.1", "https://223.255.255.255",
	"https://localhost.example.com", "https://notlocalhost", "https://1.example", "https://0x7f.example",
	"https://example.com?x", "https://example.com/" + strings.Repeat("a", maxURL-len("https://example.com/")),
}

// cases 69, 78
func TestGuardRefusesWhatLeadsInside(t *testing.T) {
	everything := Guard{AllowPrivate: true, AllowHTTP: true}
	for _, raw := range hostile {
		if parsed, err := (Guard{}).CheckURL(raw); !fault.Is(err, fault.CodeInvalidURL) || parsed != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if _, err := everything.CheckURL(raw); err != nil {
			t.Errorf("%s, with private addresses allowed: %v", raw, err)
		}
	}
	for _, raw := range malformed {
		for _, guard := range []Guard{{}, everything} {
			parsed, err := guard.CheckURL(raw)
			if !fault.Is(err, fault.CodeInvalidURL) || parsed != nil {
				t.Errorf("%q, guard %+v: %v", raw, guard, err)
			}
		}
	}
	for _, raw := range harmless {
		if _, err := (Guard{}).CheckURL(raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		plain := "http" + raw[len("https"):]
		if _, err := (Guard{}).CheckURL(plain); !fault.Is(err, fault.CodeInvalidURL) {
			t.Errorf("%s: %v", plain, err)
		}
		if _, err := (Guard{AllowHTTP: true}).CheckURL(plain); err != nil {
			t.Errorf("%s, with http allowed: %v", plain, err)
		}
	}
}

// case 78
func TestGuardNeverRepeatsCredentials(t *testing.T) {
	for _, raw := range []string{"https://user:hunter2@example.com/", "https://hunter2@127.0.0.1", "https://127.0.0.1/?token=hunter2", "https://[hunter2"} {
		if _, err := (Guard{}).CheckURL(raw); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for raw, want := range map[string]string{
		"https://user:hunter2@example.com:8443/a%2Fb?token=hunter2#hunter2": "https://example.com:8443/a%2Fb?...",
		"https://example.com/a":      "https://example.com/a",
		"https://example.com":        "https://example.com",
		"hunter2":                    "[invalid URL]",
		"mailto:hunter2@example.com": "[invalid URL]",
		"https://[hunter2":           "[invalid URL]",
	} {
		if got := Redacted(raw); got != want {
			t.Errorf("%s is logged as %s, want %s", raw, got, want)
		}
	}
}

func TestPublicNeedsAPlainAddress(t *testing.T) {
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("::ffff:8.8.8.8"), netip.MustParseAddr("2606:4700::1111").WithZone("eth0")} {
		if Public(addr) {
			t.Errorf("%v counts as public", addr)
		}
	}
	for _, addr := range []string{"8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888", "2001:200::1"} {
		if !Public(netip.MustParseAddr(addr)) {
			t.Errorf("%v does not count as public", addr)
		}
	}
}

// case 78
func TestCustomHeaders(t *testing.T) {
	for _, c := range []struct{ name, value string }{
		{"X-Evil", "a\r\nX-Other: b"}, {"X-Evil", "a\nb"}, {"X-Evil", "a\rb"}, {"X-Evil", "a\x00b"}, {"X-Evil", "a\x7f"},
		{"X-Evil\r\nHost", "a"}, {"X Evil", "a"}, {"X-Evil:", "a"}, {"", "a"}, {"X-Añil", "a"}, {"X-\x80", "a"},
		{"Host", "a"}, {"host", "a"}, {"content-length", "1"}, {"Transfer-Encoding", "chunked"}, {"webhook-signature", "v1,x"},
		{"Webhook-Id", "x"}, {"webhook-timestamp", "0"}, {"connection", "close"}, {"Content-Type", "text/html"},
	} {
		if err := CheckHeader(c.name, c.value); !fault.Is(err, fault.CodeInvalidValue) {
			t.Errorf("%q: %q: %v", c.name, c.value, err)
		}
	}
	for _, c := range []struct{ name, value string }{{"X-Tenant", "a b\tc"}, {"Authorization", "Bearer abc=="}, {"X-Name", "José"}, {"X-Empty", ""}} {
		if err := CheckHeader(c.name, c.value); err != nil {
			t.Errorf("%q: %q: %v", c.name, c.value, err)
		}
	}
	for _, c := range []struct{ name, value string }{{"X-Long", strings.Repeat("a", maxHeaderValue+1)}, {strings.Repeat("a", 129), "a"}} {
		if err := CheckHeader(c.name, c.value); !fault.Is(err, fault.CodeTooLong) {
			t.Errorf("%d bytes in %d: %v", len(c.value), len(c.name), err)
		}
	}
}

// Whatever the guard accepts has a host that is a public address or a name, and is read by the parser as it was written.
func FuzzCheckURL(f *testing.F) {
	for _, list := range [][]string{hostile, malformed, harmless} {
		for _, raw := range list {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, err := (Guard{}).CheckURL(raw)
		if err != nil {
			if !fault.Is(err, fault.CodeInvalidURL) {
				t.Errorf("%q: not a fault of its kind: %v", raw, err)
			}
			return
		}
		if parsed.Scheme != "https" || parsed.User != nil || parsed.Fragment != "" || strings.ContainsAny(raw, "\r\n\t \\#\x00") {
			t.Errorf("accepted %q", raw)
		}
		if addr, err := netip.ParseAddr(parsed.Hostname()); err == nil && !Public(addr) {
			t.Errorf("accepted the address %v", addr)
		}
		if len(parsed.String()) > maxURL {
			return // escaping made it longer
		}
		again, err := (Guard{}).CheckURL(parsed.String())
		if err != nil || again.Host != parsed.Host {
			t.Errorf("%q is accepted, and what is called, %q, is not: %v", raw, parsed, err)
		}
	})
}
