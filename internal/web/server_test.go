package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWriteJSON(t *testing.T) {
	w := httptest.NewRecorder()
	WriteJSON(w, http.StatusCreated, map[string]any{"url": "https://a.example/?a=1&b=<2>", "amount": json.Number("0.10")})
	if w.Code != 201 || w.Body.String() != `{"amount":0.10,"url":"https://a.example/?a=1&b=<2>"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRequestID(t *testing.T) {
	var inside string
	handler := RequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inside = FromContext(r.Context()) }), func() string { return "made" })
	for given, want := range map[string]string{
		"": "made", "abc-DEF_123": "abc-DEF_123", strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "made",
		"a b": "made", "a\nb": "made", "año": "made", "a/b": "made", `a"b`: "made",
	} {
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		if given != "" {
			r.Header["X-Request-Id"] = []string{given}
		}
		handler.ServeHTTP(w, r)
		if inside != want || w.Header().Get("X-Request-Id") != want {
			t.Errorf("%q became %q inside and %q outside", given, inside, w.Header().Get("X-Request-Id"))
		}
	}
	if FromContext(context.Background()) != "" {
		t.Error("an id without a request")
	}
}

func TestRecover(t *testing.T) {
	var logged lockedBuffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	failed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteJSON(w, http.StatusInternalServerError, map[string]string{"error": "internal"})
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "9999")
		w.Header().Set("Location", "/elsewhere")
		panic([]string{"broken"})
	})
	mux.HandleFunc("/unencodable", func(w http.ResponseWriter, r *http.Request) { WriteJSON(w, 200, func() {}) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "half"); panic("broken") })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); panic("broken") })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/fine", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "fine") })
	server := httptest.NewUnstartedServer(RequestID(Recover(mux, failed, logger), func() string { return "request-7" }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()

	for _, path := range []string{"/panic", "/unencodable"} {
		logged.Reset()
		status, header, body, err := get(server.URL + path + "?token=hunter2")
		if err != nil || status != 500 || body != `{"error":"internal"}` || header.Get("Location") != "" || header.Get("X-Request-Id") != "request-7" {
			t.Errorf("%s: %d %v %q %v", path, status, header, body, err)
		}
		if line := logged.String(); !strings.Contains(line, "request=request-7") || !strings.Contains(line, "server_test.go") || strings.Contains(line, "hunter2") {
			t.Errorf("%s: logged %s", path, line)
		}
	}
	for _, path := range []string{"/half", "/stream", "/abort"} {
		logged.Reset()
		if status, _, body, err := get(server.URL + path); err == nil {
			t.Errorf("%s: a whole answer %d %q", path, status, body)
		}
		if (logged.String() != "") != (path != "/abort") {
			t.Errorf("%s: logged %q", path, logged.String())
		}
	}
	if status, _, body, err := get(server.URL + "/fine"); err != nil || status != 200 || body != "fine" {
		t.Errorf("%d %q %v", status, body, err)
	}
}

// case 92
func TestAccessLog(t *testing.T) {
	var logged bytes.Buffer
	level := new(slog.LevelVar)
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: level}))
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { clock = clock.Add(time.Second); return clock }
	handler := RequestID(AccessLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK)
			io.WriteString(w, "four")
		}
	}), logger, now), func() string { return "request-7" })
	call := func(path string) string {
		logged.Reset()
		r := httptest.NewRequest("GET", path+"?token=hunter2", nil)
		r.Header.Set("Authorization", "Bearer hunter2")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		return logged.String()
	}
	if line := call("/missing"); line != "" {
		t.Errorf("at level info: %s", line)
	}
	level.Set(slog.LevelDebug)
	line := call("/missing")
	for _, want := range []string{"level=DEBUG", "request=request-7", "method=GET", "path=/missing", "status=404", "bytes=4", "took=1s"} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
	if strings.Contains(line, "hunter2") {
		t.Errorf("logged a token: %s", line)
	}
	if line := call("/silent"); !strings.Contains(line, "status=200") {
		t.Errorf("%s", line)
	}
	hinted := &recorder{ResponseWriter: httptest.NewRecorder()}
	hinted.WriteHeader(http.StatusEarlyHints)
	hinted.WriteHeader(http.StatusNotFound)
	if hinted.status != 404 {
		t.Errorf("an early hint is taken for the answer %d", hinted.status)
	}
}

// case 44: slow-loris headers and bodies, and headers without end.
func TestServerLimits(t *testing.T) {
	refused := make(chan error, 1)
	newServer := func() *http.Server {
		return NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := ReadBody(r, 100)
			refused <- err
			w.WriteHeader(http.StatusRequestTimeout)
		}))
	}
	if server := newServer(); server.ReadHeaderTimeout != 5*time.Second || server.ReadTimeout != 30*time.Second || server.WriteTimeout != 60*time.Second ||
		server.IdleTimeout != 120*time.Second || server.MaxHeaderBytes != 32<<10 {
		t.Fatalf("%+v", server)
	}
	for name, c := range map[string]struct {
		sent    string
		headers time.Duration // how long they may take
		status  string        // "": the server only hangs up
	}{
		"headers that never end": {"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ", 100 * time.Millisecond, ""},
		"nothing at all":         {"", 100 * time.Millisecond, ""},
		"too many headers":       {"POST / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 50) + "\r\n", time.Minute, "431"},
		"a body that never ends": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf", time.Minute, "408"},
	} {
		server := newServer()
		server.ReadHeaderTimeout, server.ReadTimeout = c.headers, 200*time.Millisecond
		server.ErrorLog = log.New(io.Discard, "", 0)
		listener, err := net.Listen("tcp", server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, c.sent)
		answer, err := io.ReadAll(conn) // until the server hangs up
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the server still waits", name)
		}
		if c.status != "" && !strings.HasPrefix(string(answer), "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %.60q", name, answer)
		}
		conn.Close()
		server.Close()
		<-done
	}
	select {
	case err := <-refused:
		if err == nil {
			t.Error("half a body was read as a whole")
		}
	default:
		t.Error("the slow body never reached its handler")
	}
}

// lockedBuffer is a log that a server writes while the test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

func get(url string) (int, http.Header, string, error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(body), err
}

// A client that connects and says nothing holds up no shutdown, and one in the middle of a request is answered.
func TestShutdownDoesNotWaitForTheSilent(t *testing.T) {
	begun, answer := make(chan struct{}), make(chan struct{})
	s := NewServer("", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-answer
		WriteJSON(w, http.StatusOK, "answered")
	}))
	heard := make(chan struct{}, 10)
	track := s.ConnState
	s.ConnState = func(c net.Conn, state http.ConnState) {
		track(c, state)
		if state == http.StateNew {
			heard <- struct{}{}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	<-heard
	got := make(chan int, 1)
	go func() {
		r, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			t.Error(err)
			got <- 0
			return
		}
		r.Body.Close()
		got <- r.StatusCode
	}()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(t.Context()) }()
	if err := silent.SetReadDeadline(time.Now().Add(4 * time.Second)); err != nil { // by itself it would be 5 s
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the silent connection: %v", err)
	}
	close(answer)
	if code := <-got; code != http.StatusOK {
		t.Errorf("the request under way got %d", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-served
}
