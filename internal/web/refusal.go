package web

import (
	"net/http"
	"strconv"
	"time"
)

// comeBack is the Retry-After of a refusal that has no advice of its own.
const comeBack = 5 * time.Second

// RefusalHeaders sets what a refusal of this status says in its headers: how to sign in with 401 (RFC 9110, 15.5.2), and
// when to come back with 429 and 503 (RFC 9110, 10.2.3), which is after wait, or after 5 s where wait is 0. It gives the
// seconds it told, 0 for none.
func RefusalHeaders(w http.ResponseWriter, status int, wait time.Duration) (seconds int64) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if wait <= 0 {
			wait = comeBack
		}
		seconds = int64((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return seconds
}
