package payin

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"till/internal/fault"
)

// Limits are how often one key, or one person's token, may call. 0 is no limit. Each process counts for itself and
// in memory: behind a load balancer a key may call as often at each of them. A count in the database would cost a
// write for each request, which is what an order costs.
type Limits struct{ PerMinute, PerHour, PerDay int }

// limiter counts calls in windows that begin with the minute, the hour and the day (UTC).
type limiter struct {
	windows []window

	mu     sync.Mutex
	counts map[string][]count // by key, one for each window
	swept  time.Time
}

type window struct {
	size time.Duration
	most int
}

// count is the calls in the window that began at start.
type count struct {
	start time.Time
	n     int
}

func newLimiter(l Limits) *limiter {
	x := &limiter{counts: map[string][]count{}}
	for _, w := range []window{{time.Minute, l.PerMinute}, {time.Hour, l.PerHour}, {24 * time.Hour, l.PerDay}} {
		if w.most > 0 {
			x.windows = append(x.windows, w)
		}
	}
	return x
}

// admit counts a call and tells in the headers how many are left, of the window that has the fewest. What is
// refused is not counted.
//
// Error: rate_limited.
func (l *limiter) admit(w http.ResponseWriter, key string, now time.Time) error {
	if len(l.windows) == 0 {
		return nil
	}
	tightest, left, full := l.take(key, now)
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.Itoa(tightest.most))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	reset := now.UTC().Truncate(tightest.size).Add(tightest.size)
	header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	if full {
		return fault.New(fault.CodeRateLimited, "Rate limit of "+strconv.Itoa(tightest.most)+" requests exceeded").Retry(reset.Sub(now))
	}
	return nil
}

// take counts a call unless a window is full. tightest is the window with the fewest calls left, or of the full ones
// the longest.
func (l *limiter) take(key string, now time.Time) (tightest window, left int, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	counts := l.counts[key]
	if counts == nil {
		counts = make([]count, len(l.windows))
		l.counts[key] = counts
	}
	for i, w := range l.windows {
		if start := now.UTC().Truncate(w.size); !start.Equal(counts[i].start) {
			counts[i] = count{start: start}
		}
		if counts[i].n >= w.most {
			tightest, full = w, true
		}
	}
	if full {
		return tightest, 0, true
	}
	for i, w := range l.windows {
		counts[i].n++
		if rest := w.most - counts[i].n; i == 0 || rest < left {
			tightest, left = w, rest
		}
	}
	return tightest, left, false
}

// sweep forgets, now and then, keys whose windows have all passed.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Hour {
		return
	}
	l.swept = now
	for key, counts := range l.counts {
		over := true
		for i, w := range l.windows {
			over = over && !now.Before(counts[i].start.Add(w.size))
		}
		if over {
			delete(l.counts, key)
		}
	}
}
