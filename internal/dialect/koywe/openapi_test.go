package koywe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Every golden answer is one that the OpenAPI document describes: its path, method, status, media type and
// body. A field that the document does not name is an error too.
func TestGoldenAnswersAreAsDocumented(t *testing.T) {
	doc := readDocument(t)
	for _, file := range goldenFiles(t) {
		exchanges := readExchanges(t, file)
		if len(exchanges) == 0 {
			t.Errorf("%s has no exchange", file)
		}
		for _, x := range exchanges {
			if err := doc.checkAnswer(x); err != nil {
				t.Errorf("%s: %s: %v", file, x.title, err)
			}
		}
	}
}

// The tests above can fail: an answer that departs from the document in one thing is refused.
func TestUndocumentedAnswersAreRefused(t *testing.T) {
	doc := readDocument(t)
	good := readExchanges(t, filepath.Join("testdata", "sign_in.golden"))[0]
	if err := doc.checkAnswer(good); err != nil {
		t.Fatal(err)
	}
	for title, spoil := range map[string]func(x *exchange){
		"a field is missing":    func(x *exchange) { x.body = `{}` },
		"a field too many":      func(x *exchange) { x.replace(`"token":`, `"more": 1, "token":`) },
		"a text as a number":    func(x *exchange) { x.body = `{"token": 1}` },
		"another HTTP status":   func(x *exchange) { x.status = http.StatusAccepted },
		"another method":        func(x *exchange) { x.method = "PATCH" },
		"another path":          func(x *exchange) { x.path = "/api/v1/auth/sign-out" },
		"another media type":    func(x *exchange) { x.header = http.Header{"Content-Type": {"text/plain"}} },
		"no JSON":               func(x *exchange) { x.body = "token" },
		"the body of a refusal": func(x *exchange) { x.status = http.StatusUnauthorized },
	} {
		bad := good
		spoil(&bad)
		if reflect.DeepEqual(bad, good) || doc.checkAnswer(bad) == nil {
			t.Errorf("%s: taken", title)
		}
	}
}

// Every path and method that is served is documented, and the other way round.
func TestEveryRouteIsDocumented(t *testing.T) {
	doc := readDocument(t)
	served := map[string]bool{}
	for _, rt := range newKit(t).dialect.routes() {
		path := strings.ReplaceAll(rt.path, "...}", "}")
		served[rt.method+" "+path] = true
		if doc.object("paths", path, strings.ToLower(rt.method)) == nil {
			t.Errorf("%s %s is served and not documented", rt.method, path)
		}
	}
	for path := range doc.object("paths") {
		for method := range doc.object("paths", path) {
			if method != "parameters" && !served[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is documented and not served", method, path)
			}
		}
	}
}

// document is openapi.yaml as JSON values. Its schemas are closed: an object has no other fields than
// those it names, which the served document leaves open for clients.
type document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

// The document is loaded from nowhere; the URL only names it within the compiler.
const documentURL = "https://koywe.invalid/openapi.json"

func readDocument(t *testing.T) document {
	t.Helper()
	var read any
	if err := yaml.Unmarshal(openAPI, &read); err != nil {
		t.Fatal(err)
	}
	// By way of JSON, which gives the types of values that the compiler knows.
	text, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	closeObjects(value)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, value); err != nil {
		t.Fatal(err)
	}
	return document{root: value.(map[string]any), compiler: compiler}
}

func closeObjects(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			closeObjects(item)
		}
	case map[string]any:
		for _, item := range v {
			closeObjects(item)
		}
		_, named := v["properties"].(map[string]any)
		if _, said := v["additionalProperties"]; named && !said {
			v["additionalProperties"] = false
		}
	}
}

// object is the object at a place of the document, or nil; a reference there is followed.
func (d document) object(place ...string) map[string]any {
	_, found := d.resolve(place...)
	return found
}

// resolve goes to a place of the document by way of its references, and says where that is.
func (d document) resolve(place ...string) ([]string, map[string]any) {
	var at []string
	here := d.root
	for _, name := range place {
		next, ok := here[name].(map[string]any)
		if !ok {
			return nil, nil
		}
		at, here = append(at, name), next
		if ref, ok := here["$ref"].(string); ok {
			at, here = d.resolve(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return at, here
}

func (d document) checkAnswer(x exchange) error {
	path, err := d.pathOf(x.path)
	if x.notServed() {
		if err == nil && d.object("paths", path, strings.ToLower(x.method)) != nil {
			return fmt.Errorf("%s %s is documented and not served", x.method, path)
		}
		return d.checkContent(x.header.Get("Content-Type"), x.body, "components", "responses", "Refused")
	}
	if err != nil {
		return err
	}
	place := []string{"paths", path, strings.ToLower(x.method), "responses", strconv.Itoa(x.status)}
	if d.object(place...) == nil {
		return fmt.Errorf("%s %s with status %d is not documented", x.method, path, x.status)
	}
	return d.checkContent(x.header.Get("Content-Type"), x.body, place...)
}

// checkContent holds a body against the schema of the response or request body at the place.
func (d document) checkContent(contentType, body string, place ...string) error {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	at, content := d.resolve(append(slices.Clone(place), "content", mediaType)...)
	if content["schema"] == nil {
		return fmt.Errorf("%s of %s has no schema", mediaType, strings.Join(place, " "))
	}
	schema, err := d.compiler.Compile(documentURL + "#" + pointer(append(at, "schema")))
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// pointer writes a JSON pointer as the fragment of a URL (RFC 6901 section 6).
func pointer(place []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	var text strings.Builder
	for _, name := range place {
		text.WriteString("/" + escape.Replace(name))
	}
	return text.String()
}

// pathOf is the documented path that a request's path fits; the one with the fewest parameters goes first
// (OpenAPI 3.1, Paths Object).
func (d document) pathOf(path string) (string, error) {
	path, _, _ = strings.Cut(path, "?")
	var fitting []string
	for _, template := range slices.Sorted(maps.Keys(d.object("paths"))) {
		if slices.EqualFunc(strings.Split(template, "/"), strings.Split(path, "/"), func(documented, asked string) bool {
			return documented == asked || strings.HasPrefix(documented, "{") && asked != ""
		}) {
			fitting = append(fitting, template)
		}
	}
	parameters := func(template string) int { return strings.Count(template, "{") }
	slices.SortStableFunc(fitting, func(a, b string) int { return parameters(a) - parameters(b) })
	if len(fitting) > 1 && parameters(fitting[0]) < parameters(fitting[1]) {
		return fitting[0], nil
	}
	if len(fitting) != 1 {
		return "", fmt.Errorf("%s fits the documented paths %q", path, fitting)
	}
	return fitting[0], nil
}

// exchange is one request of a golden file with its answer.
type exchange struct {
	title        string
	method, path string
	status       int
	header       http.Header // of the answer
	body         string      // of the answer
}

// notServed tells the answers to a path or method that the API does not have, which no operation of a
// document can hold.
func (x exchange) notServed() bool {
	var refused errorBody
	if json.Unmarshal([]byte(x.body), &refused) != nil || refused.StatusCode != x.status {
		return false
	}
	return refused.ErrorCode == "METHOD_NOT_ALLOWED" && x.status == http.StatusMethodNotAllowed ||
		refused.Message == "Cannot "+x.method+" "+x.path && x.status == http.StatusNotFound
}

func (x *exchange) replace(old, new string) { x.body = strings.Replace(x.body, old, new, 1) }

func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return files
}

// goldenSections is a golden file cut into its sections, and each into its blocks: the title first, the body
// of the answer last.
func goldenSections(t *testing.T, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sections [][]string
	for section := range strings.SplitSeq(string(text), "\n\n\n") {
		sections = append(sections, strings.Split(section, "\n\n"))
	}
	return sections
}

func readExchanges(t *testing.T, file string) []exchange {
	t.Helper()
	var exchanges []exchange
	for _, blocks := range goldenSections(t, file) {
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
func readExchange(blocks []string) (exchange, error) {
	if len(blocks) != 4 && len(blocks) != 5 {
		return exchange{}, fmt.Errorf("%d blocks", len(blocks))
	}
	x := exchange{title: strings.TrimPrefix(blocks[0], "# "), header: http.Header{}, body: blocks[len(blocks)-1]}
	asked, _, _ := strings.Cut(blocks[1], "\n")
	answered, header, _ := strings.Cut(blocks[len(blocks)-2], "\n")
	var ok bool
	if x.method, x.path, ok = strings.Cut(asked, " "); !ok {
		return exchange{}, errors.New("no request line")
	}
	status, _, _ := strings.Cut(answered, " ")
	var err error
	if x.status, err = strconv.Atoi(status); err != nil {
		return exchange{}, err
	}
	for line := range strings.Lines(header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		x.header.Add(name, value)
	}
	return x, nil
}
