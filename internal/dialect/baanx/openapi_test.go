package baanx

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
		"a field is missing":   func(x *dialecttest.Exchange) { x.Body = `{}` },
		"a field too many":     func(x *dialecttest.Exchange) { x.Replace(`"requestId":`, `"more": 1, "requestId":`) },
		"an amount as a text":  func(x *dialecttest.Exchange) { x.Replace(`199.5`, `"199.5"`) },
		"a chain as a number":  func(x *dialecttest.Exchange) { x.Replace(`"11155111"`, `11155111`) },
		"another HTTP status":  func(x *dialecttest.Exchange) { x.Status = http.StatusCreated },
		"another method":       func(x *dialecttest.Exchange) { x.Method = "PATCH" },
		"another media type":   func(x *dialecttest.Exchange) { x.Header = http.Header{"Content-Type": {"text/plain"}} },
		"an order id with a _": func(x *dialecttest.Exchange) { x.Replace(`"orderId": "`, `"orderId": "_`) },
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
	return dialecttest.ReadDocument(t, openAPI, func(x dialecttest.Exchange) bool {
		var refused errorBody
		return json.Unmarshal([]byte(x.Body), &refused) == nil && strings.HasPrefix(x.Path, "/v1/nothing") && x.Status == http.StatusNotFound
	})
}
