package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// An answer that takes longer than the server's limit arrives whole.
func TestPatient(t *testing.T) {
	part := bytes.Repeat([]byte("x"), 1<<20)
	const limit = 100 * time.Millisecond
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := NewPatient(w, time.Minute)
		for begin := time.Now(); time.Since(begin) < 3*limit; {
			if _, err := to.Write(part); err != nil {
				t.Errorf("a part: %v", err)
				return
			}
		}
		to.Write([]byte("end"))
	}))
	s.Config.WriteTimeout = limit
	s.Start()
	defer s.Close()
	got, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || !bytes.HasSuffix(body, []byte("xend")) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	// Where there is no connection the parts are written all the same.
	w := httptest.NewRecorder()
	if n, err := NewPatient(w, time.Minute).Write([]byte("part")); n != 4 || err != nil || w.Body.String() != "part" {
		t.Errorf("%d %v", n, err)
	}
}
