package web

import (
	"net/http"
	"strings"
	"testing"

	"till/internal/fault"
)

func TestIdempotencyKey(t *testing.T) {
	long := strings.Repeat("k", 255)
	for given, want := range map[string]string{"": "", "k1": "k1", long: long} {
		h := http.Header{}
		if given != "" {
			h.Set("Idempotency-Key", given)
		}
		if got, err := IdempotencyKey(h); got != want || err != nil {
			t.Errorf("%q: %q %v", given, got, err)
		}
	}
	for _, wrong := range [][]string{{""}, {long + "k"}, {"two words"}, {"\x7f"}, {"ключ"}, {"k1", "k1"}} {
		got, err := IdempotencyKey(http.Header{"Idempotency-Key": wrong})
		if f, ok := fault.As(err); got != "" || !ok || f.Code != fault.CodeInvalidValue || f.Param != "Idempotency-Key" {
			t.Errorf("%q: %q %v", wrong, got, err)
		}
	}
}

func TestSentence(t *testing.T) {
	for message, want := range map[string]string{"": "", ".": "", "no such order": "No such order", "Taken.": "Taken", "éclair": "Éclair"} {
		if got := Sentence(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
