package koywe

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is one file of testdata: what is asked of one endpoint, and every kind of answer.
type golden struct {
	*kit
	file string
	text strings.Builder
}

// ask makes a request and writes it down with its answer.
func (g *golden) ask(title string, q request) reply {
	g.Helper()
	got := g.do(q)
	fmt.Fprintf(&g.text, "# %s\n\n%s %s\n", title, q.method, q.path)
	if q.key != "" {
		id, _, _ := strings.Cut(q.key, ":")
		fmt.Fprintf(&g.text, "Authorization: Bearer <token of %s>\n", id)
	}
	for _, name := range sortedNames(q.header) {
		fmt.Fprintf(&g.text, "%s: %s\n", name, strings.Join(q.header[name], ", "))
	}
	if q.body != "" {
		fmt.Fprintf(&g.text, "Content-Type: application/json\n\n%s\n", pretty(q.body))
	}
	fmt.Fprintf(&g.text, "\n%d %s\n", got.status, http.StatusText(got.status))
	for _, name := range sortedNames(got.header) {
		fmt.Fprintf(&g.text, "%s: %s\n", name, strings.Join(got.header[name], ", "))
	}
	fmt.Fprintf(&g.text, "\n%s\n\n\n", pretty(got.body))
	return got
}

func (g *golden) check() {
	g.Helper()
	path := filepath.Join("testdata", g.file)
	text := strings.TrimRight(g.text.String(), "\n") + "\n"
	if *update {
		g.must(os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	g.must(err)
	if text != string(want) {
		g.Errorf("%s differs; run make golden and read the diff. Now it is:\n%s", path, text)
	}
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func pretty(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return text
	}
	return out.String()
}

func TestGoldenSignIn(t *testing.T) {
	g := &golden{kit: newKit(t), file: "sign_in.golden"}
	ask := func(title, body string) {
		t.Helper()
		g.ask("POST /api/v1/auth/sign-in: "+title, request{method: "POST", path: "/api/v1/auth/sign-in", body: body})
	}
	ask("a token", `{"apiKey":"api_shop","secret":"b2"}`)
	ask("a wrong secret", `{"apiKey":"api_shop","secret":"b3"}`)
	ask("no secret", `{"apiKey":"api_shop"}`)
	ask("no JSON", `apiKey`)
	g.ask("another method", request{method: "GET", path: "/api/v1/auth/sign-in"})
	g.ask("another path", request{method: "GET", path: "/api/v1/auth/sign-out"})
	g.check()
}
