package webhook

import (
	"net/http"
	"slices"
	"time"
)

// Schedule is when a failed delivery is tried again: the waits between one attempt and the next.
type Schedule []time.Duration

// Ours follows whatever schedule the vendor documents: about three days in all.
var Ours = Schedule{
	5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Then is s with next behind it: the vendor's schedule first, then ours.
func (s Schedule) Then(next Schedule) Schedule { return slices.Concat(s, next) }

// Next is the wait after that many failed attempts (1 or more), lengthened by up to a tenth at random so that deliveries which failed
// together do not come back together. chance gives 64 random bits; nil lengthens nothing. ok is false when the schedule is
// exhausted.
func (s Schedule) Next(failed int, chance func() uint64) (wait time.Duration, ok bool) {
	if failed < 1 || failed > len(s) {
		return 0, false
	}
	wait = s[failed-1]
	if chance != nil {
		wait += time.Duration(chance() % (uint64(wait/10) + 1))
	}
	return wait, true
}

// Retries is when failed deliveries to an endpoint are tried again.
type Retries struct {
	Waits       Schedule
	NotAfter4xx bool // an answer of 400 to 499 ends the delivery, as some vendors have it
}

// Next is Schedule.Next for a delivery whose last attempt got a status, 0 for no answer.
func (r Retries) Next(failed, status int, chance func() uint64) (wait time.Duration, ok bool) {
	if r.NotAfter4xx && status >= 400 && status <= 499 {
		return 0, false
	}
	return r.Waits.Next(failed, chance)
}

// AtMost is r with at most n retries; nil is no bound.
func (r Retries) AtMost(n *int) Retries {
	if n != nil {
		r.Waits = r.Waits[:min(max(*n, 0), len(r.Waits))]
	}
	return r
}

// Outcome is what an attempt means for its delivery.
type Outcome string

// The outcomes. Delivered and Disable end the delivery; the worker acts on Retry.
const (
	Delivered Outcome = "delivered" // any 2xx
	Disable   Outcome = "disable"   // 410: the receiver wants no more, so the endpoint is disabled
	Retry     Outcome = "retry"     // everything else, refused and unreachable receivers included
)

// Verdict is an outcome and, for Retry, the least the receiver asks to wait. The next attempt comes after the longer of Wait and the
// schedule's own.
type Verdict struct {
	Outcome Outcome
	Wait    time.Duration
}

// Decide judges what [Client.Post] returned.
func Decide(answer Answer, err error) Verdict {
	switch {
	case err != nil:
		return Verdict{Outcome: Retry}
	case answer.Status >= 200 && answer.Status <= 299:
		return Verdict{Outcome: Delivered}
	case answer.Status == http.StatusGone:
		return Verdict{Outcome: Disable}
	}
	return Verdict{Outcome: Retry, Wait: min(answer.RetryAfter, maxRetryAfter)}
}
