package dialecttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Document is an API's OpenAPI document as JSON values. Its schemas are closed: an object has no other fields than
// those it names, which the served document leaves open for clients.
type Document struct {
	root      map[string]any
	compiler  *jsonschema.Compiler
	notServed func(Exchange) bool
}

// The document is loaded from nowhere; the URL only names it within the compiler.
const documentURL = "https://api.invalid/openapi.json"

// ReadDocument reads an API's document. notServed tells the answers to a path or method that the API does not have,
// which no operation of a document can hold: they are held against its response "Refused".
func ReadDocument(t *testing.T, text []byte, notServed func(Exchange) bool) Document {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var read any
	must(yaml.Unmarshal(text, &read))
	// By way of JSON, which gives the types of values that the compiler knows.
	text, err := json.Marshal(read)
	must(err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(err)
	closeObjects(value)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	must(compiler.AddResource(documentURL, value))
	return Document{root: value.(map[string]any), compiler: compiler, notServed: notServed}
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

// Object is the object at a place of the document, or nil; a reference there is followed.
func (d Document) Object(place ...string) map[string]any {
	_, found := d.resolve(place...)
	return found
}

// resolve goes to a place of the document by way of its references, and says where that is.
func (d Document) resolve(place ...string) ([]string, map[string]any) {
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

// CheckRoutes checks that what is served, as "GET /path/{id}", is what is documented.
func (d Document) CheckRoutes(t *testing.T, served []string) {
	t.Helper()
	for _, route := range served {
		method, path, _ := strings.Cut(route, " ")
		if d.Object("paths", path, strings.ToLower(method)) == nil {
			t.Errorf("%s is served and not documented", route)
		}
	}
	for path := range d.Object("paths") {
		for method := range d.Object("paths", path) {
			if route := strings.ToUpper(method) + " " + path; method != "parameters" && !slices.Contains(served, route) {
				t.Errorf("%s is documented and not served", route)
			}
		}
	}
}

// CheckGoldens checks that every answer of the golden files of testdata, but of some, is one that the document
// describes: its path, method, status, media type and body. A field that the document does not name is an error too.
func (d Document) CheckGoldens(t *testing.T, but ...string) {
	t.Helper()
	for _, file := range goldenFiles(t, but...) {
		exchanges := Exchanges(t, file)
		if len(exchanges) == 0 {
			t.Errorf("%s has no exchange", file)
		}
		for _, x := range exchanges {
			if err := d.CheckAnswer(x); err != nil {
				t.Errorf("%s: %s: %v", file, x.Title, err)
			}
		}
	}
}

// CheckWebhooks checks that the webhooks of a golden file are those that the document describes, all of them.
func (d Document) CheckWebhooks(t *testing.T, file string) {
	t.Helper()
	told := map[string]bool{}
	for _, text := range Sections(t, file) {
		kind, body := strings.TrimPrefix(text[0], "# "), text[len(text)-1]
		if err := d.CheckWebhook(kind, body); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		told[kind] = true
	}
	for kind := range d.Object("webhooks") {
		if !told[kind] {
			t.Errorf("%s is documented and has no golden", kind)
		}
	}
}

// CheckRefuses shows that CheckAnswer can fail: good is taken, and what each of spoils makes of it is not.
func (d Document) CheckRefuses(t *testing.T, good Exchange, spoils map[string]func(x *Exchange)) {
	t.Helper()
	if err := d.CheckAnswer(good); err != nil {
		t.Fatal(err)
	}
	for title, spoil := range spoils {
		t.Run(title, func(t *testing.T) {
			bad := good
			spoil(&bad)
			if reflect.DeepEqual(bad, good) {
				t.Fatal("nothing was spoiled")
			}
			if d.CheckAnswer(bad) == nil {
				t.Error("taken")
			}
		})
	}
}

// CheckAnswer holds one answer against the document.
func (d Document) CheckAnswer(x Exchange) error {
	path, err := d.pathOf(x.Path)
	if d.notServed(x) {
		if err == nil && d.Object("paths", path, strings.ToLower(x.Method)) != nil {
			return fmt.Errorf("%s %s is documented and not served", x.Method, path)
		}
		return d.checkContent(x.Header.Get("Content-Type"), x.Body, "components", "responses", "Refused")
	}
	if err != nil {
		return err
	}
	place := []string{"paths", path, strings.ToLower(x.Method), "responses", strconv.Itoa(x.Status)}
	if d.Object(place...) == nil {
		return fmt.Errorf("%s %s with status %d is not documented", x.Method, path, x.Status)
	}
	return d.checkContent(x.Header.Get("Content-Type"), x.Body, place...)
}

// CheckWebhook holds the body of one webhook against the document.
func (d Document) CheckWebhook(kind, body string) error {
	if d.Object("webhooks", kind) == nil {
		return fmt.Errorf("the webhook %s is not documented", kind)
	}
	return d.checkContent("application/json", body, "webhooks", kind, "post", "requestBody")
}

// checkContent holds a body against the schema of the response or request body at the place.
func (d Document) checkContent(contentType, body string, place ...string) error {
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
func (d Document) pathOf(path string) (string, error) {
	path, _, _ = strings.Cut(path, "?")
	var fitting []string
	for _, template := range slices.Sorted(maps.Keys(d.Object("paths"))) {
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
