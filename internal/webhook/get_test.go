package webhook

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/long":
			w.Write([]byte("12345678901"))
		default:
			w.Write([]byte(r.Method + " " + r.Header.Get("User-Agent")))
		}
	}))
	defer server.Close()
	open, closed := NewClient(Guard{AllowPrivate: true, AllowHTTP: true}, Options{}), NewClient(Guard{}, Options{})
	defer open.Close()
	defer closed.Close()
	body, err := open.Get(t.Context(), server.URL, 10)
	if err != nil || string(body) != "GET Till" {
		t.Errorf("%q, %v", body, err)
	}
	for path, want := range map[string]error{"/moved?secret=1": ErrNetwork, "/long?secret=1": ErrNetwork} {
		if body, err := open.Get(t.Context(), server.URL+path, 10); !errors.Is(err, want) || body != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
	for _, url := range []string{server.URL, "https://127.0.0.1/", "file:///etc/passwd"} {
		if _, err := closed.Get(t.Context(), url, 10); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
