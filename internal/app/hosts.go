package app

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"till/internal/page"
)

// atRoot serves APIs at the root of host names of their own, so that a client which cannot have a path in its base URL
// finds them. hosts says which API a name is for. What the Host header says decides which of the public faces
// answers and nothing else: a wrong one leads to a face that is there under its mount for everybody.
func atRoot(next http.Handler, hosts map[string]string) http.Handler {
	if len(hosts) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, known := hosts[hostName(r.Host)]
		mount := "/" + name
		if !known || strings.HasPrefix(r.URL.Path, mount+"/") || strings.HasPrefix(r.URL.Path, page.AssetPath) {
			next.ServeHTTP(w, r)
			return
		}
		below := r.Clone(r.Context())
		below.URL.Path = mount + r.URL.Path
		if r.URL.RawPath != "" {
			below.URL.RawPath = mount + r.URL.RawPath
		}
		next.ServeHTTP(w, below)
	})
}

// hostName is a Host header without its port, as names are compared.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// isHostName says whether a config's text is the name of a host alone.
func isHostName(text string) bool {
	u, err := url.Parse("https://" + text)
	return err == nil && text != "" && u.Host == text && u.Port() == "" && hostName(text) == text && !strings.HasSuffix(text, ":")
}
