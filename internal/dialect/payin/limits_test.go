package payin

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
)

// case 46: a key calls so often and no more, and learns how often it still may.
func TestRateLimits(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	token := k.person("ann", map[string]auth.Role{"shop": auth.Viewer})
	k.dialect.limiter = newLimiter(Limits{PerMinute: 3, PerHour: 5, PerDay: 8})
	call := func(key string) reply { return k.get(key, "/api/v1/orders") }
	shows := func(what string, got reply, status, limit, left int, reset time.Time) {
		t.Helper()
		h := got.header
		if got.status != status || h.Get("X-RateLimit-Limit") != strconv.Itoa(limit) || h.Get("X-RateLimit-Remaining") != strconv.Itoa(left) ||
			h.Get("X-RateLimit-Reset") != strconv.FormatInt(reset.Unix(), 10) {
			t.Errorf("%s: %d %v, want %d: %d of %d until %v", what, got.status, h, status, left, limit, reset)
		}
	}
	k.clock.Move(45 * time.Second) // 10:30:45
	minute, hour, day := started.Add(time.Minute), started.Add(30*time.Minute), started.Truncate(24*time.Hour).Add(24*time.Hour)
	shows("first", call(shopKey), 200, 3, 2, minute)
	shows("second", call(shopKey), 200, 3, 1, minute)
	shows("third", call(shopKey), 200, 3, 0, minute)
	full := call(shopKey)
	shows("fourth", full, 429, 3, 0, minute)
	if body := k.refused("fourth", full, 429, "RATE_LIMIT_EXCEEDED", ""); body.RetryAfter != 15 || full.header.Get("Retry-After") != "15" {
		t.Errorf("%+v %v", body, full.header)
	}
	shows("another key", call(otherKey), 200, 3, 2, minute)
	shows("a person", call(token), 200, 3, 2, minute)

	k.clock.Move(15 * time.Second)
	shows("the next minute", call(shopKey), 200, 5, 1, hour)
	shows("the last of the hour", call(shopKey), 200, 5, 0, hour)
	shows("the hour is full", call(shopKey), 429, 5, 0, hour)
	k.clock.Move(29 * time.Minute)
	for left := 2; left >= 0; left-- {
		if got := call(shopKey); got.status != 200 || left == 0 && got.header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("%d %v", got.status, got.header)
		}
	}
	shows("the day is full", call(shopKey), 429, 8, 0, day)
	k.clock.Move(day.Sub(k.clock.Now()))
	shows("the next day", call(shopKey), 200, 3, 2, day.Add(time.Minute))

	// Strangers take no room, and keys that are not used any more are forgotten.
	for i := range 100 {
		call("pk_test_" + strconv.Itoa(i))
	}
	if n := len(k.dialect.limiter.counts); n != 4 && n != 1 {
		t.Errorf("%d counters", n)
	}
	k.clock.Move(49 * time.Hour)
	call(shopKey)
	if n := len(k.dialect.limiter.counts); n != 1 {
		t.Errorf("%d counters after two days", n)
	}
}

// Without limits nothing is counted and nothing is said.
func TestNoRateLimits(t *testing.T) {
	k := newKit(t)
	for range 200 {
		got := k.get(shopKey, "/api/v1/orders")
		for name := range got.header {
			if got.status != 200 || strings.HasPrefix(strings.ToLower(name), "x-ratelimit") {
				t.Fatalf("%d %v", got.status, got.header)
			}
		}
	}
	if len(k.dialect.limiter.counts) != 0 {
		t.Error("counted")
	}
}

// A half-open set of limits: what is 0 is none.
func TestSomeRateLimits(t *testing.T) {
	l := newLimiter(Limits{PerDay: 1})
	if _, left, full := l.take("a", started); left != 0 || full {
		t.Errorf("%d %t", left, full)
	}
	if w, _, full := l.take("a", started.Add(13*time.Hour)); !full || w.most != 1 {
		t.Errorf("%+v %t", w, full)
	}
	if _, _, full := l.take("a", started.Add(14*time.Hour)); full {
		t.Error("still full on the next day")
	}
}
