package page

import (
	"net/http"
	"strings"

	"till/internal/web"
)

// policy lets a page load the kit's own files and nothing else: no inline script or style, no frame around
// it, no form to another site.
var policy = strings.Join([]string{
	"default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
	"form-action 'self'", "base-uri 'none'", unframed,
}, "; ")

// unframed is what the policy says of frames.
const unframed = "frame-ancestors 'none'"

// Frame lets pages of these origins, and no others, show the answer in a frame of theirs; none: nobody. An origin is one that
// the caller has checked: a scheme, a host and maybe a port.
func (k *Kit) Frame(w http.ResponseWriter, origins []string) {
	if len(origins) == 0 {
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Replace(policy, unframed, "frame-ancestors "+strings.Join(origins, " "), 1))
	h.Del("X-Frame-Options")                              // it can name no origin; browsers that know the policy leave it aside
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // else a page that asks for isolation could not show it
}

// silenced is what no page may ask the browser for.
var silenced = strings.Join([]string{
	"accelerometer=()", "camera=()", "display-capture=()", "geolocation=()", "gyroscope=()", "magnetometer=()",
	"microphone=()", "midi=()", "payment=()", "usb=()",
}, ", ")

// Guard stands around every handler of pages. It sets the headers that make a browser careful, refuses a
// request that changes something and comes from another site, and answers a panic with a page. It is not for
// APIs: their callers have no cookies to be abused.
func (k *Kit) Guard(next http.Handler) http.Handler {
	checked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.cross.Check(r) != nil {
			k.Refused(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
	recovering := web.Recover(checked, http.HandlerFunc(k.Failed), k.log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		// Nothing is said to other sites. To this one it is, because without it a browser calls the origin of
		// a form "null", and an old one could not be told from a forgery.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", silenced)
		h.Set("Cache-Control", "no-store")
		recovering.ServeHTTP(w, r)
	})
}
