package baanx

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
)

func TestEveryFaultHasAStatus(t *testing.T) {
	for _, code := range fault.Codes() {
		if status, ok := statuses[code]; !ok || status < 400 || status > 599 {
			t.Errorf("%s: %d", code, status)
		}
	}
	if len(statuses) != len(fault.Codes()) {
		t.Error("there are statuses for codes that no fault has")
	}
}

// The kind of a fault and its status belong together, so that a row on the wrong line is noticed.
func TestStatusesFitTheKinds(t *testing.T) {
	allowed := map[fault.Kind][]int{
		fault.Invalid: {422}, fault.Unauthorized: {401}, fault.Forbidden: {403}, fault.NotFound: {404, 405},
		fault.Conflict: {409, 422}, fault.TooLarge: {413}, fault.TooMany: {429}, fault.Unavailable: {503},
	}
	for code, status := range statuses {
		fits := false
		for _, want := range allowed[fault.KindOf(code)] {
			fits = fits || want == status
		}
		if !fits {
			t.Errorf("%s is %v and answers %d", code, fault.KindOf(code), status)
		}
	}
}

// Every refusal has a message, and says nothing of what went wrong on our side.
func TestRefusal(t *testing.T) {
	var log strings.Builder
	d := &Dialect{log: slog.New(slog.NewTextHandler(&log, nil))}
	for want, err := range map[string]error{
		`{"message":"The field 'productId' is required","error":"Validation error","details":["productId: The field 'productId' is required"]}`: fault.New(fault.CodeMissingField, "The field 'productId' is required").On("productId"),
		`{"message":"Missing client key"}`:                                  missingClient(),
		`{"message":"Not authenticated"}`:                                   notAuthenticated(),
		`{"message":"Internal server error"}`:                               errors.New("disk /var/secret is full"),
		`{"message":"No","error":"invalid_grant","error_description":"No"}`: invalidGrant("no"),
	} {
		w := httptest.NewRecorder()
		d.refuse(w, httptest.NewRequest("GET", "/x", nil), err)
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	if !strings.Contains(log.String(), "secret") {
		t.Error("the log does not have what was not told")
	}
	w := httptest.NewRecorder()
	d.refuse(w, httptest.NewRequest("GET", "/x", nil), fault.New(fault.CodeRateLimited, "slow").Retry(41500*time.Millisecond))
	if w.Code != 429 || w.Header().Get("Retry-After") != "42" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
