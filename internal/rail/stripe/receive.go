package stripe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/rail"
	"till/internal/secrets"
)

// tolerance is how far the time of a signature may be from ours.
const tolerance = 300 * time.Second

// maxSignatures is how many one header may carry: while a secret is being changed there are two.
const maxSignatures = 8

// eventTypes are the events that are heard. The others say nothing here.
var eventTypes = []string{
	"checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
	"payment_intent.payment_failed", "payment_intent.processing",
	"charge.refunded", "charge.refund.updated", "refund.updated", "refund.failed",
	"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "charge.dispute.closed",
}

// Receive notes down that Stripe has something to say, and makes the watcher ask. It returns no observation: what a webhook says
// is not believed, it is asked for. The same event again changes nothing, and one about a page that is not on record yet
// waits until it is.
//
// Errors: unauthorized, invalid_value. After any other Stripe should call again: nothing was noted.
func (r *Rail) Receive(ctx context.Context, header http.Header, body []byte) ([]rail.Observation, error) {
	if !signed(r.secret, header.Values("Stripe-Signature"), body, r.now()) {
		return nil, fault.New(fault.CodeUnauthorized, "The callback does not prove where it comes from.")
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil || e.Object != "event" {
		return nil, fault.New(fault.CodeInvalidValue, "the body is not the JSON of an event")
	}
	if e.Live != r.live {
		return nil, nil
	}
	if err := r.hear(ctx, e); err != nil {
		return nil, err
	}
	killpoint.Here("page.heard")
	r.Nudge()
	return nil, nil
}

// signed says whether one of the signatures of the header is the body's own, and of a time that is not far from now.
func signed(secret secrets.Text, headers []string, body []byte, now time.Time) bool {
	if len(headers) != 1 {
		return false
	}
	at, given := "", []string{}
	for _, part := range strings.Split(headers[0], ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); {
		case name == "t":
			at = value
		case name == "v1" && len(given) < maxSignatures:
			given = append(given, value)
		}
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	want := []byte(hex.EncodeToString(mac.Sum(nil)))
	fits := false
	for _, one := range given {
		fits = hmac.Equal(want, []byte(one)) || fits
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	return fits && secret != "" && err == nil && now.Sub(time.Unix(seconds, 0)).Abs() <= tolerance
}

// hear notes what an event is about: the page that its object names, or the intent that moves the money.
func (r *Rail) hear(ctx context.Context, e event) error {
	about := e.Data.Object.Metadata[pageLine]
	if about == "" {
		about = e.Data.Object.Intent
	}
	if !slices.Contains(eventTypes, e.Type) || about == "" || len(about) > 150 || strings.Contains(about, "/") {
		return nil // nothing of ours
	}
	return r.state.Update(ctx, func(m rail.Memory) error {
		h := hint{Since: r.now()}
		if _, err := rail.Load(m, hintKey+about, &h); err != nil {
			return err
		}
		h.Refund = h.Refund || strings.Contains(e.Type, "refund")
		h.Calls, h.Next = h.Calls+1, r.now() // so that one which comes while Stripe is being asked is not taken for the one before
		return rail.Save(m, hintKey+about, h)
	}, hintKey+about)
}
