package dialecttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Exchange is one request with its answer, as a golden file keeps it.
type Exchange struct {
	Title        string
	Method, Path string
	Key          string      // the whole header that says who asks; empty: nobody
	Asked        http.Header // what else the request's head says
	Sent         string      // the body of the request; empty: none
	Status       int
	Header       http.Header // of the answer
	Body         string      // of the answer
}

// Replace changes the first place of the answer's body that says old.
func (x *Exchange) Replace(old, new string) { x.Body = strings.Replace(x.Body, old, new, 1) }

// Golden is one file of testdata as it comes to be: what is asked of one endpoint, with every kind of answer.
type Golden struct{ text strings.Builder }

// Write adds an exchange.
func (g *Golden) Write(x Exchange) {
	fmt.Fprintf(&g.text, "# %s\n\n%s %s\n", x.Title, x.Method, x.Path)
	if x.Key != "" {
		fmt.Fprintln(&g.text, x.Key)
	}
	g.writeHeader(x.Asked)
	if x.Sent != "" {
		fmt.Fprintf(&g.text, "Content-Type: application/json\n\n%s\n", pretty(x.Sent))
	}
	fmt.Fprintf(&g.text, "\n%d %s\n", x.Status, http.StatusText(x.Status))
	g.writeHeader(x.Header)
	fmt.Fprintf(&g.text, "\n%s\n\n\n", pretty(x.Body))
}

// WriteWebhook adds a webhook: its type, the headers it is sent with, and its body.
func (g *Golden) WriteWebhook(kind string, header http.Header, body string) {
	fmt.Fprintf(&g.text, "# %s\n\n", kind)
	g.writeHeader(header)
	fmt.Fprintf(&g.text, "\n%s\n\n\n", pretty(body))
}

func (g *Golden) writeHeader(h http.Header) {
	for _, name := range sortedNames(h) {
		fmt.Fprintf(&g.text, "%s: %s\n", name, strings.Join(h[name], ", "))
	}
}

// Count is how often the file says something.
func (g *Golden) Count(text string) int { return strings.Count(g.text.String(), text) }

// Check holds what was written against the file of testdata; with -update it writes that file instead.
func (g *Golden) Check(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	text := strings.TrimRight(g.text.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; run make golden and read the diff. Now it is:\n%s", path, text)
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

// goldenFiles are the golden files of testdata but some.
func goldenFiles(t *testing.T, but ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return slices.DeleteFunc(found, func(file string) bool { return slices.Contains(but, filepath.Base(file)) })
}

// Sections is a golden file of testdata cut into its sections, and each into its blocks: the title first, the body of
// the answer last.
func Sections(t *testing.T, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.Base(file)))
	if err != nil {
		t.Fatal(err)
	}
	var sections [][]string
	for section := range strings.SplitSeq(string(text), "\n\n\n") {
		sections = append(sections, strings.Split(section, "\n\n"))
	}
	return sections
}

// Exchanges are those that a golden file of testdata keeps; of a request only what names its operation is read back.
func Exchanges(t *testing.T, file string) []Exchange {
	t.Helper()
	var exchanges []Exchange
	for _, blocks := range Sections(t, file) {
		x, err := readExchange(blocks)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, blocks[0], err)
		}
		exchanges = append(exchanges, x)
	}
	return exchanges
}

// readExchange takes the blocks of a section: title, head of the request, its body if it has one, head of
// the answer, body of the answer.
func readExchange(blocks []string) (Exchange, error) {
	if len(blocks) != 4 && len(blocks) != 5 {
		return Exchange{}, fmt.Errorf("%d blocks", len(blocks))
	}
	x := Exchange{Title: strings.TrimPrefix(blocks[0], "# "), Header: http.Header{}, Body: blocks[len(blocks)-1]}
	asked, _, _ := strings.Cut(blocks[1], "\n")
	answered, header, _ := strings.Cut(blocks[len(blocks)-2], "\n")
	var ok bool
	if x.Method, x.Path, ok = strings.Cut(asked, " "); !ok {
		return Exchange{}, errors.New("no request line")
	}
	status, _, _ := strings.Cut(answered, " ")
	var err error
	if x.Status, err = strconv.Atoi(status); err != nil {
		return Exchange{}, err
	}
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		x.Header.Add(name, value)
	}
	return x, nil
}
