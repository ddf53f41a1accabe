package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// NewServer is an HTTP server that no client can hold open for long. A handler that streams (server-sent events) moves its own
// deadline with http.ResponseController.
func NewServer(addr string, handler http.Handler) *http.Server {
	s := &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
	shutDownQuickly(s)
	return s
}

// shutDownQuickly makes the server's Shutdown close connections on which nobody has sent anything yet at once. By
// itself it waits 5 s for a first request on each, so that one silent client holds up every restart.
func shutDownQuickly(s *http.Server) {
	var mu sync.Mutex
	silent := map[net.Conn]bool{}
	over := false
	s.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case state != http.StateNew:
			delete(silent, c)
		case over:
			c.Close()
		default:
			silent[c] = true
		}
	}
	s.RegisterOnShutdown(func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		for c := range silent {
			c.Close()
		}
	})
}

// WriteJSON answers with v as JSON. Answers are never cached, and never taken for anything but JSON. A value that cannot be encoded
// is a programming error: it panics before anything was written, so that [Recover] gives a proper answer.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= keptBody {
			body.Reset()
			bodies.Put(body)
		}
	}()
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false) // clients compare texts and sign bytes; a browser is held off by nosniff
	if err := encoder.Encode(v); err != nil {
		panic("web: an answer cannot be encoded: " + err.Error())
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(bytes.TrimSuffix(body.Bytes(), []byte("\n"))) // an error here means that the client has left
}

// bodies are buffers that answers are written in, one after another; a large one is not kept.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keptBody = 16 << 10

// requestIDHeader carries the id in both directions.
const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// RequestID gives every request an id, in its context and in the answer's X-Request-Id. A caller's own id is kept when it is 1 to 64
// letters, digits, - and _; anything else could forge log lines and is replaced by newID.
func RequestID(next http.Handler, newID func() string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !validRequestID(id) {
			id = newID()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// FromContext is the request id that [RequestID] gave, "" outside a request.
func FromContext(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func validRequestID(id string) bool {
	for _, c := range id {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// Recover turns a panic into a logged error and the answer of failed, a face's own "internal error" body. When the answer had already
// begun the connection is cut instead, so that nobody takes half of it for the whole. http.ErrAbortHandler passes through.
func Recover(next, failed http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, before := &recorder{ResponseWriter: w}, fieldsOf(w.Header())
		defer func() {
			switch reason := recover(); reason {
			case nil:
			case http.ErrAbortHandler:
				panic(reason)
			default:
				log.ErrorContext(r.Context(), "panic while serving", "request", FromContext(r.Context()), "method", r.Method, "path", r.URL.Path,
					"panic", reason, "stack", string(debug.Stack()))
				if answer.status != 0 {
					panic(http.ErrAbortHandler)
				}
				clear(w.Header()) // of what the handler meant for another answer
				for _, f := range before {
					w.Header()[f.name] = f.values
				}
				failed.ServeHTTP(w, r)
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

// field is one of a header.
type field struct {
	name   string
	values []string
}

// fieldsOf copies a header that has few fields yet, for less than Clone. Whoever sets a field puts a new list in its place.
func fieldsOf(h http.Header) []field {
	list := make([]field, 0, 2)
	for name, values := range h {
		list = append(list, field{name, slices.Clip(values)})
	}
	return list
}

// AccessLog writes one debug line per request. The query is left out: it may hold tokens.
func AccessLog(next http.Handler, log *slog.Logger, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		started, answer := now(), &recorder{ResponseWriter: w}
		defer func() {
			log.DebugContext(r.Context(), "request", "request", FromContext(r.Context()), "method", r.Method, "path", r.URL.Path,
				"status", cmp.Or(answer.status, http.StatusOK), "bytes", answer.bytes, "took", now().Sub(started))
		}()
		next.ServeHTTP(answer, r)
	})
}

// recorder remembers what was answered. http.ResponseController reaches the writer below through Unwrap.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Flush is for handlers that stream.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
