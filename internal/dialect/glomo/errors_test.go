package glomo

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/fault"
)

func TestEveryFaultHasARefusal(t *testing.T) {
	for _, code := range fault.Codes() {
		if status := statuses[code]; words[status] == "" {
			t.Errorf("%s: %d", code, status)
		}
	}
	if len(statuses) != len(fault.Codes()) {
		t.Error("there are refusals for codes that no fault has")
	}
}

// The kind of a fault and its status belong together, so that a row on the wrong line is noticed.
func TestStatusesFitTheKinds(t *testing.T) {
	allowed := map[fault.Kind][]int{
		fault.Invalid: {400}, fault.Unauthorized: {401}, fault.Forbidden: {403}, fault.NotFound: {404},
		fault.Conflict: {400, 409}, fault.TooLarge: {413}, fault.TooMany: {429}, fault.Unavailable: {503},
	}
	for code, status := range statuses {
		fits := false
		for _, one := range allowed[fault.KindOf(code)] {
			fits = fits || status == one
		}
		if !fits {
			t.Errorf("%s is %v and answers %d", code, fault.KindOf(code), status)
		}
	}
}

func TestRefusal(t *testing.T) {
	var log strings.Builder
	d := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"as published", fault.New(fault.CodeInvalidCurrency, "Currency not supported"), 400, `{"error":"Bad Request","message":"Currency not supported"}`},
		{"the message names the field", fault.New(fault.CodeWrongType, "The value must be a string.").On("notes"), 400, `{"error":"Bad Request","message":"notes: The value must be a string."}`},
		{"it does so already", fault.New(fault.CodeInvalidValue, "Customer ID must start with cust_ and be valid.").On("customer_id"), 400, `{"error":"Bad Request","message":"Customer ID must start with cust_ and be valid."}`},
		{"another status than its code's", answered{fault.New(fault.CodeDuplicateReference, "There"), 409}, 409, `{"error":"Conflict","message":"There"}`},
		{"nothing there", noEntity(), 404, `{"error":"Not found","message":"Entity not found"}`},
		{"no key", noKey(), 401, `{"error":"Unauthorized","message":"Auth token expired or invalid"}`},
		{"ours", errors.New("disk /var/secret is full"), 500, `{"error":"Internal Server Error","message":"Something went wrong on our side; the request was "}`},
	} {
		w := httptest.NewRecorder()
		d.refuse(w, httptest.NewRequest("GET", "/x?y=1", nil), test.err)
		if got := strings.TrimSpace(w.Body.String()); got != test.want || w.Code != test.status {
			t.Errorf("%s\n%d %s\nwant\n%d %s", test.name, w.Code, got, test.status, test.want)
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
