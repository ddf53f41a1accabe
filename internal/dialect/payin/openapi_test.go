package payin

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
		if file == webhooksFile {
			continue
		}
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

func TestGoldenWebhooksAreAsDocumented(t *testing.T) {
	doc := readDocument(t)
	told := map[string]bool{}
	for _, text := range goldenSections(t, webhooksFile) {
		kind, body := strings.TrimPrefix(text[0], "# "), text[len(text)-1]
		if err := doc.checkWebhook(kind, body); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		told[kind] = true
	}
	for kind := range doc.object("webhooks") {
		if !told[kind] {
			t.Errorf("%s is documented and has no golden", kind)
		}
	}
}

// The two tests above can fail: an answer that departs from the document in one thing is refused.
func TestUndocumentedAnswersAreRefused(t *testing.T) {
	doc := readDocument(t)
	exchanges := readExchanges(t, filepath.Join("testdata", "get_order.golden"))
	i := slices.IndexFunc(exchanges, func(x exchange) bool { return strings.Contains(x.body, `"status": "completed"`) })
	if i < 0 {
		t.Fatal("no completed order in get_order.golden")
	}
	good := exchanges[i]
	if err := doc.checkAnswer(good); err != nil {
		t.Fatal(err)
	}
	for title, spoil := range map[string]func(x *exchange){
		"an unknown status of an order": func(x *exchange) { x.replace(`"status": "completed"`, `"status": "paid"`) },
		"a field is missing":            func(x *exchange) { x.replace(`"protocol": "evm",`, ``) },
		"a field too many":              func(x *exchange) { x.replace(`"protocol": "evm",`, `"protocol": "evm", "network": "evm",`) },
		"a number as a text":            func(x *exchange) { x.replace(`"blockNumber": 1234567`, `"blockNumber": "1234567"`) },
		"a time that is none":           func(x *exchange) { x.replace(`"2025-01-20T10:35:22.000Z"`, `"20.01.2025 10:35"`) },
		"another HTTP status":           func(x *exchange) { x.status = http.StatusAccepted },
		"another method":                func(x *exchange) { x.method = "PATCH" },
		"another path":                  func(x *exchange) { x.path = "/api/v1/order/" + strings.TrimPrefix(x.path, "/api/v1/orders/") },
		"another media type":            func(x *exchange) { x.header = http.Header{"Content-Type": {"text/plain"}} },
		"the body of another answer":    func(x *exchange) { x.status = http.StatusNotFound },
		"no JSON":                       func(x *exchange) { x.body = "completed" },
		"said not to be served": func(x *exchange) {
			x.status, x.body = 405, `{"error":"","message":"","code":"METHOD_NOT_ALLOWED","statusCode":405}`
		},
	} {
		t.Run(title, func(t *testing.T) {
			bad := good
			spoil(&bad)
			if reflect.DeepEqual(bad, good) {
				t.Fatal("nothing was spoiled")
			}
			if doc.checkAnswer(bad) == nil {
				t.Error("taken")
			}
		})
	}

	webhook := goldenSections(t, webhooksFile)[0]
	kind, body := strings.TrimPrefix(webhook[0], "# "), webhook[len(webhook)-1]
	if doc.checkWebhook("order.refunded", body) == nil {
		t.Error("an undocumented webhook was taken")
	}
	if doc.checkWebhook(kind, strings.Replace(body, `"created_at"`, `"createdAt"`, 1)) == nil {
		t.Error("a webhook without created_at was taken")
	}
}

// document is openapi.yaml as JSON values. Its schemas are closed: an object has no other fields than
// those it names, which the served document leaves open for clients.
type document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

// The document is loaded from nowhere; the URL only names it within the compiler.
const documentURL = "https://payin.invalid/openapi.json"

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

func (d document) checkWebhook(kind, body string) error {
	if d.object("webhooks", kind) == nil {
		return fmt.Errorf("the webhook %s is not documented", kind)
	}
	return d.checkContent("application/json", body, "webhooks", kind, "post", "requestBody")
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

// pathOf is the documented path that a request's path fits; one without parameters goes before one with them
// (OpenAPI 3.1, Paths Object).
func (d document) pathOf(path string) (string, error) {
	path, _, _ = strings.Cut(path, "?")
	var fitting []string
	for _, template := range slices.Sorted(maps.Keys(d.object("paths"))) {
		if slices.EqualFunc(strings.Split(template, "/"), strings.Split(path, "/"), func(documented, asked string) bool {
			return documented == asked || strings.HasPrefix(documented, "{") && asked != ""
		}) {
			if !strings.Contains(template, "{") {
				return template, nil
			}
			fitting = append(fitting, template)
		}
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
	return refused.Code == "METHOD_NOT_ALLOWED" && x.status == http.StatusMethodNotAllowed ||
		refused.Message == "Route "+x.method+" "+x.path+" not found" && x.status == http.StatusNotFound
}

func (x *exchange) replace(old, new string) { x.body = strings.Replace(x.body, old, new, 1) }

var webhooksFile = filepath.Join("testdata", "webhooks.golden")

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
