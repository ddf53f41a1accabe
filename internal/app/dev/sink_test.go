package dev

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The secret is whsec_ and the base64 of 32 bytes, so the two formulas use different keys.
var (
	sinkKey    = []byte("0123456789abcdef0123456789abcdef")
	sinkSecret = "whsec_" + base64.StdEncoding.EncodeToString(sinkKey)
	sinkNow    = time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.UTC)
)

func TestSinkVerifies(t *testing.T) {
	const body = `{"amount":"1.50","note":"ü <&>"}`
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another key of thirty-two bytes!"))
	both := func(seconds int64) http.Header {
		return mergeHeaders(signPayIn(sinkSecret, seconds, body), signStandard(sinkKey, "evt_1", seconds, body))
	}
	at := sinkNow.Unix()
	tests := []struct {
		name         string
		header       http.Header
		wantScheme   string
		wantVerified bool
	}{
		{"both right", both(at), "payin+standard", true},
		{"at the edge of the past", both(at - 299), "payin+standard", true},
		{"at the edge of the future", both(at + 300), "payin+standard", true},
		{"too old", both(at - 301), "payin+standard", false},
		{"too new", both(at + 302), "payin+standard", false},
		{"only the vendor's", signPayIn(sinkSecret, at, body), "payin", false},
		{"only the standard's", signStandard(sinkKey, "evt_1", at, body), "standard", false},
		{"none", http.Header{}, "none", false},
		{"vendor's by another key", mergeHeaders(signPayIn(other, at, body), signStandard(sinkKey, "evt_1", at, body)), "payin+standard", false},
		{"standard's by another key", mergeHeaders(signPayIn(sinkSecret, at, body), signStandard([]byte(sinkSecret), "evt_1", at, body)), "payin+standard", false},
		{"another body", mergeHeaders(signPayIn(sinkSecret, at, body+" "), signStandard(sinkKey, "evt_1", at, body+" ")), "payin+standard", false},
		{"another id", withHeader(both(at), "Webhook-Id", "evt_2"), "payin+standard", false},
		{"no id", withHeader(both(at), "Webhook-Id", ""), "payin+standard", false},
		{"another timestamp", withHeader(both(at), "Webhook-Timestamp", strconv.FormatInt(at+1, 10)), "payin+standard", false},
		{"a timestamp in words", withHeader(both(at), "Webhook-Timestamp", "now"), "payin+standard", false},
		{"upper-case hex", withHeader(both(at), "X-PayIn-Signature", strings.Replace(strings.ToUpper(both(at).Get("X-PayIn-Signature")), "T=", "t=", 1)), "payin+standard", false},
		{"no v1", withHeader(both(at), "X-PayIn-Signature", "t="+strconv.FormatInt(at, 10)), "payin+standard", false},
		{"bare hex", withHeader(both(at), "X-PayIn-Signature", hexHMAC([]byte(sinkSecret), body)), "payin+standard", false},
		{"during a rotation", withHeader(both(at), "Webhook-Signature", "v1,AAAA "+both(at).Get("Webhook-Signature")), "payin+standard", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler := NewSink(sinkSecret, func() time.Time { return sinkNow }).Handler()
			if got := deliver(handler, "/hook", test.header, body); got != http.StatusNoContent {
				t.Fatalf("status %d", got)
			}
			log := readSinkLog(t, handler)
			if len(log) != 1 {
				t.Fatalf("%d deliveries", len(log))
			}
			if log[0].Scheme != test.wantScheme || log[0].Verified != test.wantVerified {
				t.Errorf("scheme %q verified %v, want %q %v", log[0].Scheme, log[0].Verified, test.wantScheme, test.wantVerified)
			}
		})
	}
}

func TestSinkLogIsExact(t *testing.T) {
	handler := NewSink(sinkSecret, func() time.Time { return sinkNow.In(time.FixedZone("", 3600)) }).Handler()
	if got := getSink(handler, "/log"); got != "[]" {
		t.Fatalf("an empty log is %s", got)
	}
	body := "{ \"a\":\t1.10, \"b\":\"<ü>\\u0041\" }\n"
	r := httptest.NewRequest(http.MethodPut, "/hook/some/path?x=1&y=%20", strings.NewReader(body))
	r.Header["X-Twice"] = []string{"one", "two"}
	r.Header.Set("content-type", "application/json")
	handler.ServeHTTP(httptest.NewRecorder(), r)

	var log []map[string]any
	if err := json.Unmarshal([]byte(getSink(handler, "/log")), &log); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"received_at": "2026-03-01T12:00:00.123Z", "method": "PUT", "path": "/hook/some/path?x=1&y=%20",
		"headers": map[string]any{"X-Twice": "one, two", "Content-Type": "application/json"},
		"body":    body, "verified": false, "scheme": "none",
	}}
	if !reflect.DeepEqual(log, want) {
		t.Errorf("got  %v\nwant %v", log, want)
	}
}

func TestSinkFails(t *testing.T) {
	handler := NewSink(sinkSecret, func() time.Time { return sinkNow }).Handler()
	at, body := sinkNow.Unix(), "{}"
	signed := mergeHeaders(signPayIn(sinkSecret, at, body), signStandard(sinkKey, "evt_1", at, body))

	if status, answer := postSink(handler, "/log/fail", `{"count":2,"status":500}`); status != http.StatusOK || answer != `{"count":2,"status":500}` {
		t.Fatalf("%d %s", status, answer)
	}
	for i, want := range []int{500, 500, 204, 204} {
		if got := deliver(handler, "/hook", signed, body); got != want {
			t.Errorf("delivery %d answered %d, want %d", i, got, want)
		}
	}
	postSink(handler, "/log/fail", `{"count":5,"status":503}`)
	postSink(handler, "/log/fail", `{"count":0,"status":200}`)
	if got := deliver(handler, "/hook", signed, body); got != http.StatusNoContent {
		t.Errorf("after the failures were called off: %d", got)
	}
	log := readSinkLog(t, handler)
	if len(log) != 5 {
		t.Fatalf("%d deliveries, want 5: a refused one is recorded too", len(log))
	}
	for i, d := range log {
		if !d.Verified {
			t.Errorf("delivery %d is not verified", i)
		}
	}
}

func TestSinkRefuses(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		want                     int
	}{
		{"no JSON", "POST", "/log/fail", `count=1`, 400},
		{"no object", "POST", "/log/fail", `[1,500]`, 400},
		{"empty", "POST", "/log/fail", ``, 400},
		{"no count", "POST", "/log/fail", `{"status":500}`, 400},
		{"no status", "POST", "/log/fail", `{"count":1}`, 400},
		{"negative count", "POST", "/log/fail", `{"count":-1,"status":500}`, 400},
		{"count as text", "POST", "/log/fail", `{"count":"1","status":500}`, 400},
		{"a fraction", "POST", "/log/fail", `{"count":1.5,"status":500}`, 400},
		{"no HTTP status", "POST", "/log/fail", `{"count":1,"status":99}`, 400},
		{"status 600", "POST", "/log/fail", `{"count":1,"status":600}`, 400},
		{"informational status", "POST", "/log/fail", `{"count":1,"status":100}`, 400},
		{"unknown field", "POST", "/log/fail", `{"count":1,"status":500,"x":1}`, 400},
		{"a key twice", "POST", "/log/fail", `{"count":1,"count":2,"status":500}`, 400},
		{"too long", "POST", "/log/fail", `{"count":1,"status":500` + strings.Repeat(" ", maxControl) + `}`, 413},
		{"fail by GET", "GET", "/log/fail", ``, 405},
		{"log by POST", "POST", "/log", `{}`, 405},
		{"another path", "POST", "/hooks", `{}`, 404},
		{"the root", "POST", "/", `{}`, 404},
		{"a body over 1 MiB", "POST", "/hook", strings.Repeat("x", maxDelivery+1), 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			handler := NewSink(sinkSecret, func() time.Time { return sinkNow }).Handler()
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
			if w.Code != test.want {
				t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
			}
			if got := getSink(handler, "/log"); got != "[]" {
				t.Errorf("recorded: %.200s", got)
			}
			if got := deliver(handler, "/hook", nil, ""); got != http.StatusNoContent {
				t.Errorf("the next delivery was answered %d", got)
			}
		})
	}
}

func TestSinkForgetsTheOldest(t *testing.T) {
	t.Run("by number", func(t *testing.T) {
		handler := NewSink(sinkSecret, func() time.Time { return sinkNow }).Handler()
		for i := range maxDeliveries + 3 {
			deliver(handler, "/hook", nil, strconv.Itoa(i))
		}
		log := readSinkLog(t, handler)
		if len(log) != maxDeliveries || log[0].Body != "3" || log[maxDeliveries-1].Body != strconv.Itoa(maxDeliveries+2) {
			t.Errorf("%d deliveries, from %s to %s", len(log), log[0].Body, log[len(log)-1].Body)
		}
	})
	t.Run("by size", func(t *testing.T) {
		sink := NewSink(sinkSecret, func() time.Time { return sinkNow })
		handler, body := sink.Handler(), strings.Repeat("x", maxDelivery)
		for i := range maxKept/maxDelivery + 5 {
			deliver(handler, "/hook/"+strconv.Itoa(i), nil, body)
		}
		total := 0
		for _, d := range sink.deliveries {
			total += d.size()
		}
		if total > maxKept || total != sink.kept || len(sink.deliveries) < maxKept/maxDelivery-1 {
			t.Errorf("%d deliveries of %d bytes, counted as %d", len(sink.deliveries), total, sink.kept)
		}
		if last := sink.deliveries[len(sink.deliveries)-1].Path; last != fmt.Sprintf("/hook/%d", maxKept/maxDelivery+4) {
			t.Errorf("the last one is %s", last)
		}
	})
}

// A secret without the base64 form is a key byte for byte in both formulas.
func TestStandardSchemeTakesAnySecret(t *testing.T) {
	for _, secret := range []string{"plain secret", "whsec_not base64!", "whsec_c2hvcnQ="} {
		header := signStandard([]byte(secret), "evt_1", sinkNow.Unix(), "{}")
		if !StandardScheme(secret).Verify(header, []byte("{}"), sinkNow) {
			t.Errorf("%q is not used byte for byte", secret)
		}
	}
}

func signPayIn(secret string, seconds int64, body string) http.Header {
	h := http.Header{}
	t := strconv.FormatInt(seconds, 10)
	h.Set("X-PayIn-Signature", "t="+t+",v1="+hexHMAC([]byte(secret), t+"."+body))
	return h
}

func signStandard(key []byte, id string, seconds int64, body string) http.Header {
	h := http.Header{}
	t := strconv.FormatInt(seconds, 10)
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, id+"."+t+"."+body)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", t)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return h
}

func hexHMAC(key []byte, message string) string {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, message)
	return hex.EncodeToString(mac.Sum(nil))
}

func mergeHeaders(a, b http.Header) http.Header {
	both := a.Clone()
	for name, values := range b {
		both[name] = values
	}
	return both
}

func withHeader(h http.Header, name, value string) http.Header {
	h.Set(name, value)
	return h
}

func deliver(handler http.Handler, path string, header http.Header, body string) int {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if header != nil {
		r.Header = header.Clone()
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

func postSink(handler http.Handler, path, body string) (int, string) {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func getSink(handler http.Handler, path string) string {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Body.String()
}

func readSinkLog(t *testing.T, handler http.Handler) []Delivery {
	t.Helper()
	var log []Delivery
	if err := json.Unmarshal([]byte(getSink(handler, "/log")), &log); err != nil {
		t.Fatal(err)
	}
	return log
}
