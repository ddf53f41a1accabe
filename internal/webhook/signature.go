// Package webhook is how Till speaks to a merchant's server: signatures, the check of the URL, the guarded HTTP client and the
// schedules of retries.
//
// It is not the queue: the worker that claims deliveries, records attempts and disables endpoints lives in package worker, and
// what an event looks like is the business of a dialect, which also owns its vendor's signature formula and builds it from
// [HMACHex]. Every delivery carries the Standard Webhooks headers of [StandardHeaders] besides.
//
// Next to read: [Guard] for what may be called at all, [Client] for the call, [Decide] and [Schedule] for what follows it.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/secrets"
)

// The headers of the Standard Webhooks specification.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far a message's timestamp may lie from the receiver's clock, in either direction.
const Tolerance = 5 * time.Minute

// Secret signs; it is never printed.
type Secret = secrets.Text

// standardPrefix marks a secret that holds its key in base64.
const standardPrefix = "whsec_"

// StandardHeaders signs body for a receiver that follows Standard Webhooks: the id of the event, the second of the attempt, and one
// signature for every secret, so that during a rotation the receiver may still know only the old one. An empty secret signs
// nothing, and without any secret there is no signature header. Every attempt is signed anew, since receivers refuse old timestamps.
func StandardHeaders(keys []secrets.Text, id string, at time.Time, body []byte) http.Header {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header := http.Header{}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	var signatures []string
	for _, key := range keys {
		if key != "" {
			signatures = append(signatures, standardSignature(key, id, timestamp, body))
		}
	}
	if len(signatures) > 0 {
		header.Set(HeaderSignature, strings.Join(signatures, " "))
	}
	return header
}

// VerifyStandard checks a message signed as by [StandardHeaders]: one signature must fit one of the secrets, over the body's bytes as
// they arrived, and the timestamp must lie within [Tolerance] of now. Every reason to refuse gives the same unauthorized fault, in
// about the same time, so that a forger learns nothing. Without a secret nothing verifies.
func VerifyStandard(keys []secrets.Text, header http.Header, body []byte, now time.Time) error {
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	given := strings.Split(header.Get(HeaderSignature), " ")
	if len(given) > 16 {
		given = given[:16] // a rotation has two; more is somebody's attempt to keep us busy
	}
	matched := false
	for _, key := range keys {
		if key == "" {
			continue // an empty key is known to everybody
		}
		want := []byte(standardSignature(key, id, timestamp, body))
		for _, signature := range given {
			if hmac.Equal(want, []byte(signature)) {
				matched = true
			}
		}
	}
	if !matched || id == "" || !recent(timestamp, now) {
		return fault.New(fault.CodeUnauthorized, "The webhook signature is missing, wrong or too old.")
	}
	return nil
}

// HMACHex is the lowercase hexadecimal HMAC-SHA256 of message: the building block of most vendors' formulas.
func HMACHex(key, message []byte) string {
	return hex.EncodeToString(hmacSHA256(key, message))
}

func standardSignature(key secrets.Text, id, timestamp string, body []byte) string {
	message := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	message = append(message, id...)
	message = append(message, '.')
	message = append(message, timestamp...)
	message = append(message, '.')
	message = append(message, body...)
	return "v1," + base64.StdEncoding.EncodeToString(hmacSHA256(standardKey(key), message))
}

// standardKey is the base64 after the prefix where that gives 24 to 64 bytes, the lengths the specification allows. Any other
// secret, for instance one a vendor's API made in a form of its own, is used byte for byte.
func standardKey(key secrets.Text) []byte {
	if encoded, found := strings.CutPrefix(key.Reveal(), standardPrefix); found {
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(raw) >= 24 && len(raw) <= 64 {
			return raw
		}
	}
	return []byte(key.Reveal())
}

func hmacSHA256(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

func recent(timestamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return false
	}
	return now.Sub(time.Unix(seconds, 0)).Abs() <= Tolerance
}
