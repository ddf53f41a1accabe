package dev

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"till/internal/fault"
	"till/internal/web"
)

// What a sink keeps and takes at most.
const (
	maxDeliveries = 10_000   // the oldest is forgotten first
	maxKept       = 64 << 20 // bytes of all deliveries together, likewise
	maxDelivery   = 1 << 20  // bytes of one body; a longer one is answered 413 and not recorded
	maxFail       = 1_000_000
	maxControl    = 4 << 10
)

// tolerance is how far a signature's timestamp may lie from now, in either direction. Both formulas say 300 seconds.
const tolerance = 300 * time.Second

// Sink is a webhook receiver for development: it takes every delivery, checks its signatures with code that shares nothing
// with the sender's, and shows what came. Safe for concurrent use.
type Sink struct {
	paths map[string][]Scheme // what is received where, at the path and below it
	now   func() time.Time

	mu         sync.Mutex
	deliveries []Delivery
	kept       int // bytes
	fail       failure
}

// Delivery is one request that arrived, in the form of the log.
type Delivery struct {
	ReceivedAt time.Time         `json:"received_at"`
	Method     string            `json:"method"`
	Path       string            `json:"path"`    // below the mount, with the query
	Headers    map[string]string `json:"headers"` // canonical names; several values are joined by ", "
	Body       string            `json:"body"`    // the bytes as they came
	Verified   bool              `json:"verified"`
	Scheme     string            `json:"scheme"` // the schemes whose headers were there, joined by "+"; "none" without any
}

// size is about what a delivery takes in memory.
func (d Delivery) size() int {
	size := len(d.Path) + len(d.Body)
	for name, value := range d.Headers {
		size += len(name) + len(value)
	}
	return size
}

// failure is what the next deliveries are answered with.
type failure struct {
	Count  int64 `json:"count"`
	Status int64 `json:"status"`
}

// Scheme is one way to sign a delivery.
type Scheme struct {
	Name   string                                                    // as the log calls it
	Header string                                                    // whose presence says that the scheme was used
	Verify func(header http.Header, body []byte, now time.Time) bool // whether the signature is right and fresh
}

// NewSink makes a sink for the deliveries that are signed with a secret. A delivery is verified when every
// scheme of its path is there and right. An API that signs in another way gets a path of its own: a line here.
func NewSink(secret string, now func() time.Time) *Sink {
	return &Sink{now: now, paths: map[string][]Scheme{
		"/hook":       {PayInScheme(secret), StandardScheme(secret)},
		"/hook/koywe": {KoyweScheme(secret), StandardScheme(secret)},
		"/hook/baanx": {BaanxScheme(secret), StandardScheme(secret)},
		"/hook/glomo": {GlomoScheme(secret), StandardScheme(secret)},
	}}
}

// Handler serves the sink's paths and its log, relative to where it is mounted:
//
//	GET  /log       the deliveries as a JSON array, oldest first
//	POST /log/fail  {"count": 0..1000000, "status": 200..599}: the next deliveries are answered with that status
//	any  /hook      and below: receives; 204, or the status asked for
func (s *Sink) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/log":
			s.serveLog(w, r)
		case r.URL.Path == "/log/fail":
			s.serveFail(w, r)
		default:
			s.receive(w, r)
		}
	})
}

func (s *Sink) receive(w http.ResponseWriter, r *http.Request) {
	schemes, found := s.schemesOf(r.URL.Path)
	if !found {
		http.NotFound(w, r)
		return
	}
	body, err := web.ReadBody(r, maxDelivery)
	if err != nil {
		refuse(w, err)
		return
	}
	now := s.now()
	d := Delivery{ReceivedAt: now.UTC(), Method: r.Method, Path: r.URL.RequestURI(), Headers: map[string]string{}, Body: string(body)}
	for name, values := range r.Header {
		d.Headers[name] = strings.Join(values, ", ")
	}
	d.Scheme, d.Verified = check(schemes, r.Header, body, now)
	w.WriteHeader(s.record(d))
}

// schemesOf is what the longest path around path expects.
func (s *Sink) schemesOf(path string) (schemes []Scheme, found bool) {
	longest := ""
	for prefix, of := range s.paths {
		if (path == prefix || strings.HasPrefix(path, prefix+"/")) && len(prefix) >= len(longest) {
			longest, schemes, found = prefix, of, true
		}
	}
	return schemes, found
}

func check(schemes []Scheme, header http.Header, body []byte, now time.Time) (name string, verified bool) {
	var names []string
	verified = len(schemes) > 0
	for _, scheme := range schemes {
		if header.Get(scheme.Header) == "" {
			verified = false
			continue
		}
		names = append(names, scheme.Name)
		verified = scheme.Verify(header, body, now) && verified
	}
	if len(names) == 0 {
		return "none", false
	}
	return strings.Join(names, "+"), verified
}

// record keeps a delivery, within the limits, and says how to answer it.
func (s *Sink) record(d Delivery) (status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, d)
	s.kept += d.size()
	for len(s.deliveries) > maxDeliveries || s.kept > maxKept {
		s.kept -= s.deliveries[0].size()
		s.deliveries[0] = Delivery{} // the array lives on until the next append that grows it
		s.deliveries = s.deliveries[1:]
	}
	if s.fail.Count > 0 {
		s.fail.Count--
		return int(s.fail.Status)
	}
	return http.StatusNoContent
}

func (s *Sink) serveLog(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "the log is read with GET", http.StatusMethodNotAllowed)
		return
	}
	s.mu.Lock()
	all := append([]Delivery{}, s.deliveries...)
	s.mu.Unlock()
	web.WriteJSON(w, http.StatusOK, all)
}

func (s *Sink) serveFail(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "failures are asked for with POST", http.StatusMethodNotAllowed)
		return
	}
	next, err := readFailure(r)
	if err != nil {
		refuse(w, err)
		return
	}
	s.mu.Lock()
	s.fail = next
	s.mu.Unlock()
	web.WriteJSON(w, http.StatusOK, next)
}

func readFailure(r *http.Request) (failure, error) {
	body, err := web.ReadBody(r, maxControl)
	if err != nil {
		return failure{}, err
	}
	in, err := web.ParseObject(body)
	if err != nil {
		return failure{}, err
	}
	if err := in.Only("count", "status"); err != nil {
		return failure{}, err
	}
	count, hasCount, err := in.Int("count", 0, maxFail)
	if err != nil {
		return failure{}, err
	}
	status, hasStatus, err := in.Int("status", 200, 599)
	if err != nil {
		return failure{}, err
	}
	if !hasCount || !hasStatus {
		return failure{}, fault.New(fault.CodeMissingField, "count and status are required")
	}
	return failure{Count: count, Status: status}, nil
}

func refuse(w http.ResponseWriter, err error) {
	status, message := http.StatusBadRequest, "the request could not be read"
	if f, ok := fault.As(err); ok {
		message = f.Message
		if f.Param != "" {
			message = f.Param + ": " + message
		}
		if f.Kind == fault.TooLarge {
			status = http.StatusRequestEntityTooLarge
		}
	}
	web.WriteJSON(w, status, map[string]string{"error": message})
}

// StandardScheme is that of the Standard Webhooks specification, checked by its reference library. The key is the base64
// after "whsec_" where that gives 24 to 64 bytes, else the secret itself.
func StandardScheme(secret string) Scheme {
	key := []byte(secret)
	if encoded, found := strings.CutPrefix(secret, "whsec_"); found {
		if raw, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(raw) >= 24 && len(raw) <= 64 {
			key = raw
		}
	}
	return Scheme{Name: "standard", Header: standardwebhooks.HeaderWebhookSignature, Verify: func(header http.Header, body []byte, now time.Time) bool {
		if !fresh(header.Get(standardwebhooks.HeaderWebhookTimestamp), now) {
			return false // by our clock, since the library reads its own
		}
		library, err := standardwebhooks.NewWebhookRaw(key)
		return err == nil && library.VerifyIgnoringTimestamp(body, header) == nil
	}}
}

// PayInScheme is that of the PayIn API: X-PayIn-Signature is "t=<unix seconds>,v1=<hex>", and the hex, in lower case, is the
// HMAC-SHA256 of "<t>.<body>" under the secret's own bytes.
func PayInScheme(secret string) Scheme {
	const name = "X-PayIn-Signature"
	return Scheme{Name: "payin", Header: name, Verify: func(header http.Header, body []byte, now time.Time) bool {
		t, v1, found := strings.Cut(header.Get(name), ",")
		seconds, hasTime := strings.CutPrefix(t, "t=")
		given, hasSignature := strings.CutPrefix(v1, "v1=")
		if !found || !hasTime || !hasSignature || !fresh(seconds, now) {
			return false
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(seconds + "."))
		mac.Write(body)
		return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(given))
	}}
}

// GlomoScheme checks the header of the Glomo API: the HMAC-SHA256 of the body in hexadecimal. It has no time in it.
func GlomoScheme(secret string) Scheme {
	const header = "X-Glomopay-Signature"
	return Scheme{Name: "glomo", Header: header, Verify: func(h http.Header, body []byte, _ time.Time) bool {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(h.Get(header)))
	}}
}

// KoyweScheme is that of the Koywe API: Koywe-Signature is the HMAC-SHA256 of the body under the secret's own bytes, in lower-case
// hex. It has no timestamp.
func KoyweScheme(secret string) Scheme {
	const name = "Koywe-Signature"
	return Scheme{Name: "koywe", Header: name, Verify: func(header http.Header, body []byte, _ time.Time) bool {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(header.Get(name)))
	}}
}

// BaanxScheme is Baanx's own signature: X-Signature is the HMAC-SHA256 of X-Timestamp, a dot and the body, in hexadecimal.
func BaanxScheme(secret string) Scheme {
	const name = "X-Signature"
	return Scheme{Name: "baanx", Header: name, Verify: func(header http.Header, body []byte, now time.Time) bool {
		seconds := header.Get("X-Timestamp")
		if !fresh(seconds, now) {
			return false
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(seconds + "."))
		mac.Write(body)
		return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(header.Get(name)))
	}}
}

// fresh says whether a timestamp in unix seconds lies within the tolerance of now.
func fresh(seconds string, now time.Time) bool {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return false
	}
	return now.Sub(time.Unix(n, 0)).Abs() <= tolerance
}
