package koywe

import (
	"strings"
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
		id, _, _ := strings.Cut(q.key, ":")
		x.Key = "Authorization: Bearer <token of " + id + ">"
	}
	g.Write(x)
	return got
}

func (g *golden) check() {
	g.Helper()
	g.Check(g.T, g.file)
}

func TestGoldenSignIn(t *testing.T) {
	g := &golden{kit: newKit(t), file: "sign_in.golden"}
	ask := func(title, body string) {
		t.Helper()
		g.ask("POST /api/v1/auth/sign-in: "+title, request{method: "POST", path: "/api/v1/auth/sign-in", body: body})
	}
	ask("a token", `{"apiKey":"api_shop","secret":"b2"}`)
	ask("a wrong secret", `{"apiKey":"api_shop","secret":"b3"}`)
	ask("no secret", `{"apiKey":"api_shop"}`)
	ask("no JSON", `apiKey`)
	g.ask("another method", request{method: "GET", path: "/api/v1/auth/sign-in"})
	g.ask("another path", request{method: "GET", path: "/api/v1/auth/sign-out"})
	g.check()
}
