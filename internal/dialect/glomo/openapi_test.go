package glomo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"till/internal/dialect/dialecttest"
)

func TestGoldenAnswersAreAsDocumented(t *testing.T) { readDocument(t).CheckGoldens(t) }

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
