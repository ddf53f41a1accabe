package payin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/internal/dialect/dialecttest"
)

const webhooksFile = "webhooks.golden"

func TestGoldenAnswersAreAsDocumented(t *testing.T) { readDocument(t).CheckGoldens(t, webhooksFile) }

func TestGoldenWebhooksAreAsDocumented(t *testing.T) { readDocument(t).CheckWebhooks(t, webhooksFile) }

// The two tests above can fail: an answer that departs from the document in one thing is refused.
func TestUndocumentedAnswersAreRefused(t *testing.T) {
	doc := readDocument(t)
	exchanges := dialecttest.Exchanges(t, "get_order.golden")
	i := slices.IndexFunc(exchanges, func(x dialecttest.Exchange) bool { return strings.Contains(x.Body, `"status": "completed"`) })
	if i < 0 {
		t.Fatal("no completed order in get_order.golden")
	}
	doc.CheckRefuses(t, exchanges[i], map[string]func(x *dialecttest.Exchange){
		"an unknown status of an order": func(x *dialecttest.Exchange) { x.Replace(`"status": "completed"`, `"status": "paid"`) },
		"a field is missing":            func(x *dialecttest.Exchange) { x.Replace(`"protocol": "evm",`, ``) },
		"a field too many": func(x *dialecttest.Exchange) {
			x.Replace(`"protocol": "evm",`, `"protocol": "evm", "network": "evm",`)
		},
		"a number as a text":  func(x *dialecttest.Exchange) { x.Replace(`"blockNumber": 1234567`, `"blockNumber": "1234567"`) },
		"a time that is none": func(x *dialecttest.Exchange) { x.Replace(`"2025-01-20T10:35:22.000Z"`, `"20.01.2025 10:35"`) },
		"another HTTP status": func(x *dialecttest.Exchange) { x.Status = http.StatusAccepted },
		"another method":      func(x *dialecttest.Exchange) { x.Method = "PATCH" },
		"another path": func(x *dialecttest.Exchange) {
			x.Path = "/api/v1/order/" + strings.TrimPrefix(x.Path, "/api/v1/orders/")
		},
		"another media type":         func(x *dialecttest.Exchange) { x.Header = http.Header{"Content-Type": {"text/plain"}} },
		"the body of another answer": func(x *dialecttest.Exchange) { x.Status = http.StatusNotFound },
		"no JSON":                    func(x *dialecttest.Exchange) { x.Body = "completed" },
		"said not to be served": func(x *dialecttest.Exchange) {
			x.Status, x.Body = 405, `{"error":"","message":"","code":"METHOD_NOT_ALLOWED","statusCode":405}`
		},
	})

	webhook := dialecttest.Sections(t, webhooksFile)[0]
	kind, body := strings.TrimPrefix(webhook[0], "# "), webhook[len(webhook)-1]
	if doc.CheckWebhook("order.refunded", body) == nil {
		t.Error("an undocumented webhook was taken")
	}
	if doc.CheckWebhook(kind, strings.Replace(body, `"created_at"`, `"createdAt"`, 1)) == nil {
		t.Error("a webhook without created_at was taken")
	}
}

func readDocument(t *testing.T) dialecttest.Document {
	t.Helper()
	return dialecttest.ReadDocument(t, openAPI, notServed)
}

// notServed tells the answers to a path or method that the API does not have.
func notServed(x dialecttest.Exchange) bool {
	var refused errorBody
	if json.Unmarshal([]byte(x.Body), &refused) != nil || refused.StatusCode != x.Status {
		return false
	}
	return refused.Code == "METHOD_NOT_ALLOWED" && x.Status == http.StatusMethodNotAllowed ||
		refused.Message == "Route "+x.Method+" "+x.Path+" not found" && x.Status == http.StatusNotFound
}
