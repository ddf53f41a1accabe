package koywe

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"till/internal/dialect/dialecttest"
)

func TestGoldenAnswersAreAsDocumented(t *testing.T) { readDocument(t).CheckGoldens(t) }

// The test above can fail: an answer that departs from the document in one thing is refused.
func TestUndocumentedAnswersAreRefused(t *testing.T) {
	good := dialecttest.Exchanges(t, "sign_in.golden")[0]
	readDocument(t).CheckRefuses(t, good, map[string]func(x *dialecttest.Exchange){
		"a field is missing":    func(x *dialecttest.Exchange) { x.Body = `{}` },
		"a field too many":      func(x *dialecttest.Exchange) { x.Replace(`"token":`, `"more": 1, "token":`) },
		"a text as a number":    func(x *dialecttest.Exchange) { x.Body = `{"token": 1}` },
		"another HTTP status":   func(x *dialecttest.Exchange) { x.Status = http.StatusAccepted },
		"another method":        func(x *dialecttest.Exchange) { x.Method = "PATCH" },
		"another path":          func(x *dialecttest.Exchange) { x.Path = "/api/v1/auth/sign-out" },
		"another media type":    func(x *dialecttest.Exchange) { x.Header = http.Header{"Content-Type": {"text/plain"}} },
		"no JSON":               func(x *dialecttest.Exchange) { x.Body = "token" },
		"the body of a refusal": func(x *dialecttest.Exchange) { x.Status = http.StatusUnauthorized },
	})
}

func TestEveryRouteIsDocumented(t *testing.T) {
	var served []string
	for _, rt := range newKit(t).dialect.routes() {
		served = append(served, rt.method+" "+strings.ReplaceAll(rt.path, "...}", "}"))
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
	if json.Unmarshal([]byte(x.Body), &refused) != nil || refused.StatusCode != x.Status {
		return false
	}
	return refused.ErrorCode == "METHOD_NOT_ALLOWED" && x.Status == http.StatusMethodNotAllowed ||
		refused.Message == "Cannot "+x.Method+" "+x.Path && x.Status == http.StatusNotFound
}
