package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestEveryLineOfARequestHasItsID(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(LogHandler(slog.NewTextHandler(&text, nil)))
	h := RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		log.InfoContext(r.Context(), "one")
		log.With("face", "x").InfoContext(r.Context(), "two")
		log.InfoContext(r.Context(), "three", "request", FromContext(r.Context()))
		log.Info("four")
	}), func() string { return "req_1" })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 4 {
		t.Fatal(text.String())
	}
	for i, want := range []int{1, 1, 1, 0} {
		if got := strings.Count(lines[i], "request=req_1"); got != want {
			t.Errorf("%d ids in %s", got, lines[i])
		}
	}
	if !strings.Contains(lines[1], "face=x") {
		t.Error(lines[1])
	}
}
