package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCall(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/long":
			w.Write([]byte(strings.Repeat("x", 101)))
		default:
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte(r.Method + r.Header.Get("Api-Key") + r.Header.Get("Content-Type") + string(body)))
		}
	}))
	defer server.Close()
	open, closed := NewClient(Guard{AllowPrivate: true, AllowHTTP: true}, Options{}), NewClient(Guard{}, Options{})
	defer open.Close()
	defer closed.Close()
	header := http.Header{"Api-Key": {"k"}}
	status, body, err := open.Call(t.Context(), http.MethodPost, server.URL, header, []byte(`{}`), 100)
	if err != nil || status != http.StatusTeapot || string(body) != "POSTkapplication/json{}" {
		t.Errorf("%d %q, %v", status, body, err)
	}
	if status, body, err = open.Call(t.Context(), http.MethodGet, server.URL, header, nil, 100); err != nil || string(body) != "GETk" {
		t.Errorf("%d %q, %v", status, body, err)
	}
	if status, _, err = open.Call(t.Context(), http.MethodGet, server.URL+"/moved", header, nil, 100); err != nil || status != http.StatusFound {
		t.Errorf("a redirect was followed: %d, %v", status, err)
	}
	if _, _, err = open.Call(t.Context(), http.MethodGet, server.URL+"/long?secret=1", header, nil, 100); !errors.Is(err, ErrNetwork) || strings.Contains(err.Error(), "secret") {
		t.Errorf("too long: %v", err)
	}
	for _, url := range []string{server.URL, "https://127.0.0.1/", "file:///etc/passwd"} {
		if _, _, err := closed.Call(t.Context(), http.MethodGet, url, header, nil, 100); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, _, err := open.Call(t.Context(), http.MethodGet, server.URL, http.Header{"Api-Key": {"a\nb"}}, nil, 100); !errors.Is(err, ErrRefused) {
		t.Errorf("a header of two lines: %v", err)
	}
}
