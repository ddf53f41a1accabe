package webhook

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"
)

// case 75
func TestScheduleIsExact(t *testing.T) {
	vendor := Schedule{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
	whole := vendor.Then(Ours)
	want := []time.Duration{
		1e9, 2e9, 4e9, 8e9, 16e9,
		5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := start
	var got []time.Duration
	for failed := 1; ; failed++ {
		wait, ok := whole.Next(failed, nil)
		if !ok {
			break
		}
		got = append(got, wait)
		clock = clock.Add(wait)
	}
	if !slices.Equal(got, want) {
		t.Errorf("waits %v, want %v", got, want)
	}
	if total := clock.Sub(start); total != 31*time.Second+35*time.Minute+75*time.Hour {
		t.Errorf("the last attempt comes after %v", total)
	}
	if len(vendor) != 5 || len(Ours) != 8 {
		t.Error("Then changed one of its parts")
	}
	for _, failed := range []int{0, -1, len(whole) + 1, math.MaxInt} {
		if wait, ok := whole.Next(failed, nil); ok || wait != 0 {
			t.Errorf("after %d failures: %v", failed, wait)
		}
	}
	if _, ok := (Schedule{}).Next(1, nil); ok {
		t.Error("an empty schedule has a next attempt")
	}
}

// case 75
func TestJitterLengthensByATenthAtMost(t *testing.T) {
	for failed := 1; failed <= len(Ours); failed++ {
		base := Ours[failed-1]
		for chance, want := range map[uint64]time.Duration{
			0: base, 1: base + 1, uint64(base / 10): base + base/10, uint64(base/10) + 1: base, uint64(base/20) + 7: base + base/20 + 7,
		} {
			if got, _ := Ours.Next(failed, func() uint64 { return chance }); got != want {
				t.Errorf("attempt %d, chance %d: %v, want %v", failed, chance, got, want)
			}
		}
		if got, _ := Ours.Next(failed, func() uint64 { return math.MaxUint64 }); got < base || got > base+base/10 {
			t.Errorf("attempt %d: %v", failed, got)
		}
	}
	if got, ok := (Schedule{0}).Next(1, func() uint64 { return 5 }); got != 0 || !ok {
		t.Errorf("a wait of nothing became %v", got)
	}
}

// case 73
func TestDecide(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := Verdict{Outcome: Retry, Wait: time.Minute}
		switch {
		case status >= 200 && status < 300:
			want = Verdict{Outcome: Delivered}
		case status == http.StatusGone:
			want = Verdict{Outcome: Disable}
		}
		if got := Decide(Answer{Status: status, RetryAfter: time.Minute}, nil); got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
	for _, err := range []error{ErrRefused, ErrTimeout, ErrNetwork, errors.New("other")} {
		if got := Decide(Answer{Status: 200}, err); got != (Verdict{Outcome: Retry}) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if got := Decide(Answer{Status: 429, RetryAfter: 1000 * time.Hour}, nil); got.Wait != 24*time.Hour {
		t.Errorf("an endless wait is honoured for %v", got.Wait)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "86400": 24 * time.Hour, "86401": 24 * time.Hour,
		"99999999999999999999999": 24 * time.Hour, "-5": 0, "1.5": 0, "soon": 0, "1e3": 0, "٣": 0,
		"Thu, 01 Jan 2026 12:01:30 GMT": 90 * time.Second, "Thursday, 01-Jan-26 12:01:30 GMT": 90 * time.Second,
		"Thu Jan  1 12:01:30 2026": 90 * time.Second, "Thu, 01 Jan 2026 11:59:59 GMT": 0, "Fri, 01 Jan 2027 12:00:00 GMT": 24 * time.Hour,
		"Fri, 01 Jan 9999 12:00:00 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
