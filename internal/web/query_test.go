package web

import (
	"strings"
	"testing"

	"till/internal/fault"
)

func TestQuery(t *testing.T) {
	for _, test := range []struct {
		raw, text, param string // the value of a or b; the parameter that is refused
		number           int    // of n, from 1 to 9, else 5
	}{
		{"", "", "", 5},
		{"a=", "", "", 5},
		{"a=x&n=3", "x", "", 3},
		{"b=x", "x", "", 5},
		{"a=x&b=x", "x", "", 5},
		{"a=x&b=y", "x", "b", 5},
		{"a=x&a=x", "", "a", 5},
		{"a=%00", "", "a", 5},
		{"a=%ff", "", "a", 5},
		{"a=" + strings.Repeat("%C3%A9", 255), strings.Repeat("é", 255), "", 5},
		{"a=" + strings.Repeat("x", 256), "", "a", 5},
		{"n=9", "", "", 9},
		{"n=10", "", "n", 10},
		{"n=03", "", "n", 3},
		{"a=%00&n=0", "", "a", 0}, // the first is told
	} {
		q, err := QueryOf(test.raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Text("a", "b"); got != test.text {
			t.Errorf("%q: text %q", test.raw, got)
		}
		if got := q.Number("n", 1, 9, 5); got != test.number {
			t.Errorf("%q: number %d", test.raw, got)
		}
		f, refused := fault.As(q.Err())
		if refused != (test.param != "") || refused && (f.Code != fault.CodeInvalidPage || f.Param != test.param) {
			t.Errorf("%q: %v", test.raw, q.Err())
		}
	}
	if _, err := QueryOf("%zz"); err == nil {
		t.Error("a query that cannot be read is read")
	}
}
