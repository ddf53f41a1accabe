package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRefusalHeaders(t *testing.T) {
	for _, c := range []struct {
		status  int
		wait    time.Duration
		seconds int64
		signIn  string
		after   string
	}{
		{http.StatusUnauthorized, time.Second, 0, "Bearer", ""},
		{http.StatusTooManyRequests, 0, 5, "", "5"},
		{http.StatusTooManyRequests, 1200 * time.Millisecond, 2, "", "2"},
		{http.StatusServiceUnavailable, time.Minute, 60, "", "60"},
		{http.StatusServiceUnavailable, -time.Minute, 5, "", "5"},
		{http.StatusBadRequest, time.Minute, 0, "", ""},
	} {
		w := httptest.NewRecorder()
		seconds := RefusalHeaders(w, c.status, c.wait)
		if signIn, after := w.Header().Get("WWW-Authenticate"), w.Header().Get("Retry-After"); seconds != c.seconds || signIn != c.signIn || after != c.after {
			t.Errorf("%d after %s: told %d, WWW-Authenticate %q, Retry-After %q", c.status, c.wait, seconds, signIn, after)
		}
	}
}
