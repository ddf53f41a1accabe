package glomo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"till/internal/dialect/dialecttest"
)

func TestGoldenAnswersAreAsDocumented(t *testing.T) {
	readDocument(t).CheckGoldens(t, "webhooks.golden")
}

func TestWebhooksAreAsDocumented(t *testing.T) { readDocument(t).CheckWebhooks(t, "webhooks.golden") }

// The tests above can fail: an answer that departs from the document in one thing is refused.
func TestUndocumentedAnswersAreRefused(t *testing.T) {
	good := dialecttest.Exchanges(t, "orders.golden")[0]
	readDocument(t).CheckRefuses(t, good, map[string]func(x *dialecttest.Exchange){
		"a field is missing":  func(x *dialecttest.Exchange) { x.Replace(`"currency": "USD",`, ``) },
		"a field too many":    func(x *dialecttest.Exchange) { x.Replace(`"currency":`, `"more": 1, "currency":`) },
		"a text as a number":  func(x *dialecttest.Exchange) { x.Replace(`"amount": 1000`, `"amount": "1000"`) },
		"another status":      func(x *dialecttest.Exchange) { x.Replace(`"active"`, `"open"`) },
		"milliseconds":        func(x *dialecttest.Exchange) { x.Replace(`:00Z"`, `:00.000Z"`) },
		"another HTTP status": func(x *dialecttest.Exchange) { x.Status = http.StatusAccepted },
		"another path":        func(x *dialecttest.Exchange) { x.Path = "/api/v1/order" },
	})
}

func TestEveryRouteIsDocumented(t *testing.T) {
	var served []string
	for _, rt := range newKit(t).dialect.routes() {
		served = append(served, rt.method+" "+rt.path)
	}
	readDocument(t).CheckRoutes(t, served)
}

func readDocument(t *testing.T) dialecttest.Document {
	t.Helper()
	return dialecttest.ReadDocument(t, openAPI, notServed)
}

// notServed tells the answers to a path or method that the API does not have.
func notServed(x dialecttest.Exchange) bool {
	var refused errorBody
	path, _, _ := strings.Cut(x.Path, "?")
	return json.Unmarshal([]byte(x.Body), &refused) == nil && x.Status == http.StatusNotFound && refused.Message == "There is no "+x.Method+" "+path+" here"
}
