package payin

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

func TestEveryFaultHasARefusal(t *testing.T) {
	for _, code := range fault.Codes() {
		row, ok := refusals[code]
		if !ok || row.status < 400 || row.status > 599 || row.code == "" || row.text == "" {
			t.Errorf("%s: %+v", code, row)
		}
	}
	if len(refusals) != len(fault.Codes()) {
		t.Error("there are refusals for codes that no fault has")
	}
}

// The kind of a fault and its status belong together, so that a row on the wrong line is noticed.
func TestStatusesFitTheKinds(t *testing.T) {
	allowed := map[fault.Kind][]int{
		fault.Invalid: {400, 415}, fault.Unauthorized: {401}, fault.Forbidden: {403}, fault.NotFound: {404, 405},
		fault.Conflict: {409, 410}, fault.TooLarge: {413}, fault.TooMany: {429}, fault.Unavailable: {503},
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

func refuse(t *testing.T, err error) (*httptest.ResponseRecorder, errorBody, string) {
	t.Helper()
	var log strings.Builder
	d := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := httptest.NewRecorder()
	refused := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, err) })
	web.RequestID(refused, func() string { return "req_1" }).ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	var body errorBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if body.StatusCode != w.Code {
		t.Errorf("status %d, statusCode %d", w.Code, body.StatusCode)
	}
	return w, body, log.String()
}

// What is no fault is told to the log and to nobody else.
func TestInternalErrorsSayNothing(t *testing.T) {
	for _, inner := range []error{errors.New("disk /var/secret is full"), fault.New(fault.CodeOverloaded, "busy").Because(errors.New("disk /var/secret is full"))} {
		w, body, log := refuse(t, inner)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("told %s", w.Body)
		}
		if _, known := fault.As(inner); !known {
			if w.Code != 500 || body.Code != "INTERNAL_ERROR" || body.RequestID != "req_1" || !strings.Contains(log, "secret") || !strings.Contains(log, "req_1") {
				t.Errorf("%d %+v, log %s", w.Code, body, log)
			}
		}
	}
}

// A panic is answered in this API's own error body.
func TestPanicsSayNothing(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	k.dialect.random = strings.NewReader("short")
	k.dialect.log = slog.New(slog.DiscardHandler)
	k.handler = k.dialect.Handler()
	body := k.refused("no randomness", k.post(shopKey, "/api/v1/orders", newOrder("R-1")), 500, "INTERNAL_ERROR", "")
	if body.Error != "Internal Server Error" || strings.Contains(body.Message, "random") {
		t.Errorf("%+v", body)
	}
}

func TestUnavailableSaysWhenToComeBack(t *testing.T) {
	tests := []struct {
		err    error
		status int
		header string
		body   int64
	}{
		{fault.New(fault.CodeNoAddress, "x"), 503, "5", 0},
		{fault.New(fault.CodeOverloaded, "x").Retry(1500 * time.Millisecond), 503, "2", 0},
		{fault.New(fault.CodeRateLimited, "x").Retry(time.Minute), 429, "60", 60},
		{fault.New(fault.CodeNotFound, "x"), 404, "", 0},
	}
	for _, test := range tests {
		w, body, _ := refuse(t, test.err)
		if w.Code != test.status || w.Header().Get("Retry-After") != test.header || body.RetryAfter != test.body {
			t.Errorf("%v: %d, Retry-After %q, %+v", test.err, w.Code, w.Header().Get("Retry-After"), body)
		}
	}
}

func TestSeedsOwnWords(t *testing.T) {
	asked := engine.NewOrder{Reference: "ORDER-2025-001", Network: engine.Network{Family: engine.EVM}}
	_, body, _ := refuse(t, explain(engine.Duplicate("ord_abc123"), asked))
	if body.Error != "Duplicate order reference" || body.Message != "Order with reference 'ORDER-2025-001' already exists" ||
		body.Code != "DUPLICATE_ORDER_REFERENCE" || body.ExistingOrderID != "ord_abc123" || body.Details != nil {
		t.Errorf("%+v", body)
	}
	_, body, _ = refuse(t, explain(fault.New(fault.CodeNoAddress, "none"), asked))
	if body.Error != "No available addresses" || body.Message != "Address pool exhausted for protocol 'evm'" || body.Code != "NO_AVAILABLE_ADDRESSES" {
		t.Errorf("%+v", body)
	}
	if err := explain(io.EOF, asked); err != io.EOF {
		t.Errorf("explained %v", err)
	}
}

func TestDetailsNameTheField(t *testing.T) {
	_, body, _ := refuse(t, fault.New(fault.CodeInvalidURL, "the URL is wrong.").On("successUrl").With("limit", "3"))
	if body.Message != "The URL is wrong" || body.Details["field"] != "successUrl" || body.Details["limit"] != "3" {
		t.Errorf("%+v", body)
	}
	_, body, _ = refuse(t, fault.New(fault.CodeNotFound, ""))
	if body.Message != "" || body.Details != nil {
		t.Errorf("%+v", body)
	}
}
