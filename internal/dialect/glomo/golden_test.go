package glomo

import (
	"testing"

	"till/internal/dialect/dialecttest"
)

// golden is one file of testdata: what is asked of one endpoint, and every kind of answer.
type golden struct {
	*kit
	dialecttest.Golden
	file string
}

// ask makes a request and writes it down with its answer.
func (g *golden) ask(title string, q request) reply {
	g.Helper()
	got := g.do(q)
	x := dialecttest.Exchange{Title: title, Method: q.method, Path: q.path, Asked: q.header, Sent: q.body, Status: got.status, Header: got.header, Body: got.body}
	if q.key != "" {
		x.Key = "Authorization: Bearer <key of " + q.key + ">"
	}
	g.Write(x)
	return got
}

func (g *golden) check() {
	g.Helper()
	g.Check(g.T, g.file)
}

func TestGoldenRefusals(t *testing.T) {
	g := &golden{kit: newKit(t), file: "refusals.golden"}
	g.ask("a path that is not served", request{method: "GET", path: "/api/v1/subscriptions", key: shopKey})
	g.ask("a method that is not served", request{method: "DELETE", path: "/.well-known/jwks.json"})
	g.check()
}
