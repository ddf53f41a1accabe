package koywe

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
		row, ok := refusals[code]
		if !ok || row.status < 400 || row.status > 599 || row.code == "" {
			t.Errorf("%s: %+v", code, row)
		}
	}
	if len(refusals) != len(fault.Codes()) {
		t.Error("there are refusals for codes that no fault has")
	}
}

// The kind of a fault and its status belong together, so that a row on the wrong line is noticed. What is wrong with
// the body is 400 here, also what another API would call a conflict.
func TestStatusesFitTheKinds(t *testing.T) {
	allowed := map[fault.Kind][]int{
		fault.Invalid: {400, 415}, fault.Unauthorized: {401}, fault.Forbidden: {403}, fault.NotFound: {404, 405},
		fault.Conflict: {400, 409}, fault.TooLarge: {413}, fault.TooMany: {429}, fault.Unavailable: {503},
	}
	for code, row := range refusals {
		fits := false
		for _, status := range allowed[fault.KindOf(code)] {
			fits = fits || status == row.status
		}
		if !fits {
			t.Errorf("%s is %v and answers %d", code, fault.KindOf(code), row.status)
		}
	}
}

// A number of Koywe's catalogue is said only where it is known: two letters or more and five digits.
func TestOnlyKnownNumbersAreSaid(t *testing.T) {
	known := []string{numberMerchant, numberAccountCurrency, numberDocument, numberNoRule, numberApproval, numberContact}
	for code, row := range refusals {
		if strings.ContainsAny(row.code, "0123456789") {
			t.Errorf("%s says %s: the table has words only", code, row.code)
		}
	}
	if got := strings.Join(known, " "); got != "MC00015 BAA00008 DC00010 POL00002 POL00007 CT00036" {
		t.Errorf("the numbers are %s", got)
	}
}

func TestRefusal(t *testing.T) {
	now := time.Date(2026, 3, 2, 10, 30, 0, 123e6, time.UTC)
	var log strings.Builder
	d := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"a field", fault.New(fault.CodeMissingField, "the field 'type' is required.").On("type"),
			`{"statusCode":400,"timestamp":"2026-03-02T10:30:00.123Z","path":"/x","errorCode":"VALIDATION_ERROR","message":"The field 'type' is required","details":{"field":"type"}}`},
		{"a number of the catalogue", numbered{fault.New(fault.CodeInvalidValue, "no").On("destinationAccountId"), numberAccountCurrency},
			`{"statusCode":400,"timestamp":"2026-03-02T10:30:00.123Z","path":"/x","errorCode":"BAA00008","message":"No","details":{"field":"destinationAccountId"}}`},
		{"amounts are numbers", fault.New(fault.CodeInsufficientBalance, "no").With("available", "10.50").With("required", "1000.00").With("currency", "COP"),
			`{"statusCode":400,"timestamp":"2026-03-02T10:30:00.123Z","path":"/x","errorCode":"INSUFFICIENT_BALANCE","message":"No","details":{"available":10.5,"currency":"COP","required":1000}}`},
		{"what exists", fault.New(fault.CodeDuplicateReference, "there").On("externalId").With("existing", "ord_1"),
			`{"statusCode":409,"timestamp":"2026-03-02T10:30:00.123Z","path":"/x","errorCode":"ALREADY_EXISTS","message":"There","details":{"existingId":"ord_1","field":"externalId"}}`},
		{"ours", errors.New("disk /var/secret is full"),
			`{"statusCode":500,"timestamp":"2026-03-02T10:30:00.123Z","path":"/x","errorCode":"INTERNAL_ERROR","message":"Something went wrong on our side","details":{"requestId":""}}`},
	} {
		w := httptest.NewRecorder()
		d.refuse(w, httptest.NewRequest("GET", "/x?y=1", nil), test.err)
		if got := strings.TrimSpace(w.Body.String()); got != test.want {
			t.Errorf("%s\n%s\nwant\n%s", test.name, got, test.want)
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
