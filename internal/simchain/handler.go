package simchain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
)

const (
	maxMine = 1000    // blocks of one /mine
	maxBody = 4 << 10 // bytes of a request
)

// Handler is the control API, for the caller to mount. All calls are POST with
// a JSON object:
//
//	/mine    {"blocks": 1..1000}
//	/pause   {} or no body
//	/resume  {} or no body
//	/reorg   {"depth": 1..200, "keep": "drop" | "remine"}
//	/time    {"seconds": 1..315360000}
//
// The answer is 200 {"head": number, "hash": "0x...", "time": unix seconds} of
// the head afterwards, or {"error": "field: reason"} with 400 for a bad request
// (unknown and repeated fields too), 403 for one that does not come from this
// machine, 405 for another method, 500 if the chain fails, 503 once it is closed.
//
// There is no authentication: only loopback callers that name a loopback host
// are heard, and of browsers only pages of a loopback origin, so that a web page
// elsewhere can reach it neither by rebinding its name nor by posting across.
func (c *Chain) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/mine", control([]string{"blocks"}, func(in fields) (*types.Header, error) {
		n, err := in.integer("blocks", 1, maxMine)
		if err != nil {
			return nil, err
		}
		return c.mine(n)
	}))
	mux.Handle("/pause", control(nil, func(fields) (*types.Header, error) { return c.setPaused(true) }))
	mux.Handle("/resume", control(nil, func(fields) (*types.Header, error) { return c.setPaused(false) }))
	mux.Handle("/reorg", control([]string{"depth", "keep"}, func(in fields) (*types.Header, error) {
		depth, err := in.integer("depth", 1, maxReorg)
		if err != nil {
			return nil, err
		}
		keep, err := in.oneOf("keep", "drop", "remine")
		if err != nil {
			return nil, err
		}
		return c.reorg(depth, keep == "remine")
	}))
	mux.Handle("/time", control([]string{"seconds"}, func(in fields) (*types.Header, error) {
		n, err := in.integer("seconds", 1, int(maxForward/time.Second))
		if err != nil {
			return nil, err
		}
		return c.adjustTime(time.Duration(n) * time.Second)
	}))
	return loopbackOnly(mux)
}

// loopbackOnly refuses whoever is not on this machine or was led here by a name
// or a page that is not.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remote, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !net.ParseIP(remote).IsLoopback() {
			refuse(w, http.StatusForbidden, "remote address: not a loopback address")
			return
		}
		if !isLoopbackHost(r.Host) {
			refuse(w, http.StatusForbidden, "Host: not a loopback name or address")
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if u, err := url.Parse(origin); err != nil || !isLoopbackHost(u.Host) {
				refuse(w, http.StatusForbidden, "Origin: not a loopback name or address")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopbackHost judges host or host:port, with IPv6 addresses in brackets.
func isLoopbackHost(hostport string) bool {
	host := (&url.URL{Host: hostport}).Hostname()
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

func control(known []string, run func(fields) (*types.Header, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, http.StatusMethodNotAllowed, "method: must be POST")
			return
		}
		in, err := readFields(http.MaxBytesReader(w, r.Body, maxBody), known)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		head, err := run(in)
		switch {
		case errors.Is(err, ErrClosed):
			refuse(w, http.StatusServiceUnavailable, err.Error())
		case errors.As(err, new(badInput)):
			refuse(w, http.StatusBadRequest, err.Error())
		case err != nil:
			refuse(w, http.StatusInternalServerError, err.Error())
		default:
			answer(w, http.StatusOK, map[string]any{"head": head.Number.Uint64(), "hash": head.Hash(), "time": head.Time})
		}
	})
}

func refuse(w http.ResponseWriter, status int, reason string) {
	answer(w, status, map[string]any{"error": reason})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the caller has gone
}

// fields are the members of a request's JSON object.
type fields map[string]json.RawMessage

// readFields reads one JSON object. encoding/json into a struct would take a
// repeated field and one in other capitals without a word.
func readFields(body io.Reader, known []string) (fields, error) {
	in := fields{}
	dec := json.NewDecoder(body)
	open, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return in, nil
	}
	if err != nil || open != json.Delim('{') {
		return nil, badInput("body: must be a JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, badInput("body: must be a JSON object")
		}
		name := key.(string) // the decoder gives nothing else here
		if !slices.Contains(known, name) {
			return nil, badInput(fmt.Sprintf("%s: unknown field", name))
		}
		if _, twice := in[name]; twice {
			return nil, badInput(fmt.Sprintf("%s: given twice", name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, badInput(fmt.Sprintf("%s: must be JSON", name))
		}
		in[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, badInput("body: must be a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, badInput("body: must be one JSON object")
	}
	return in, nil
}

// integer is a whole number between low and high.
func (in fields) integer(name string, low, high int) (int, error) {
	var n *int
	if err := json.Unmarshal(in[name], &n); err != nil || n == nil || *n < low || *n > high {
		return 0, badInput(fmt.Sprintf("%s: must be a whole number from %d to %d", name, low, high))
	}
	return *n, nil
}

// oneOf is one of the given words.
func (in fields) oneOf(name string, words ...string) (string, error) {
	var s *string
	if err := json.Unmarshal(in[name], &s); err != nil || s == nil || !slices.Contains(words, *s) {
		return "", badInput(fmt.Sprintf("%s: must be %s", name, strings.Join(words, " or ")))
	}
	return *s, nil
}
