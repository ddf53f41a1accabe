package simchain

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type request struct {
	method, path, body   string
	host, remote, origin string
}

// ask sends a request to the control API, from this machine unless it says
// otherwise.
func ask(t *testing.T, c *Chain, in request) (int, map[string]any) {
	t.Helper()
	if in.method == "" {
		in.method = http.MethodPost
	}
	r := httptest.NewRequest(in.method, in.path, strings.NewReader(in.body))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:50000"
	if in.host != "" {
		r.Host = in.host
	}
	if in.remote != "" {
		r.RemoteAddr = in.remote
	}
	if in.origin != "" {
		r.Header.Set("Origin", in.origin)
	}
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	var out map[string]any
	dec := json.NewDecoder(w.Body)
	dec.UseNumber()
	if w.Code != http.StatusNotFound {
		if err := dec.Decode(&out); err != nil {
			t.Fatalf("%s %s: %d, no JSON: %v", in.path, in.body, w.Code, err)
		}
	}
	return w.Code, out
}

func TestControl(t *testing.T) {
	clk := newClock()
	c, client := start(t, Config{Now: clk.now})
	wantHead := func(path, body, head string) {
		t.Helper()
		status, out := ask(t, c, request{path: path, body: body})
		h := must(client.HeaderByNumber(t.Context(), nil))(t)
		if status != 200 || len(out) != 3 || out["head"] != json.Number(head) || out["hash"] != h.Hash().Hex() ||
			out["time"] != json.Number(new(big.Int).SetUint64(h.Time).String()) {
			t.Errorf("%s %s = %d %v, want head %s", path, body, status, out, head)
		}
	}
	wantHead("/mine", `{"blocks":5}`, "5")
	wantHead("/pause", ``, "5")
	if !c.paused {
		t.Error("not paused")
	}
	wantHead("/resume", `{}`, "5")
	if c.paused {
		t.Error("not resumed")
	}

	usdt := c.Tokens()["USDT"]
	tx := transfer(t, c, usdt, 3)
	wantHead("/mine", ` { "blocks" : 1 } `, "6")
	wantHead("/reorg", `{"depth":1,"keep":"remine"}`, "7")
	wantBalance(t, client, usdt, someone, 3)
	wantHead("/reorg", `{"keep":"drop","depth":2}`, "8")
	wantGone(t, client, tx)

	before := must(client.HeaderByNumber(t.Context(), nil))(t).Time
	wantHead("/time", `{"seconds":900}`, "9")
	if after := must(client.HeaderByNumber(t.Context(), nil))(t).Time; after != before+900 {
		t.Errorf("time went %d seconds, want 900", after-before)
	}

	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, in := range []request{{path: "/mine", body: `{"blocks":1}`}, {path: "/pause"}, {path: "/reorg", body: `{"depth":1,"keep":"drop"}`}, {path: "/time", body: `{"seconds":1}`}} {
		if status, out := ask(t, c, in); status != http.StatusServiceUnavailable {
			t.Errorf("closed: %s = %d %v", in.path, status, out)
		}
	}
}

func TestControlRefuses(t *testing.T) {
	c, client := start(t, Config{})
	c.Mine(2)
	for _, tc := range []struct {
		request
		status int
		names  string // what the error names first
	}{
		{request{path: "/mine"}, 400, "blocks"},
		{request{path: "/mine", body: `{}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":0}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":-1}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":1001}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":1.5}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":1e99}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":"1"}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":null}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"blocks":1,"blocks":2}`}, 400, "blocks"},
		{request{path: "/mine", body: `{"Blocks":1}`}, 400, "Blocks"},
		{request{path: "/mine", body: `{"blocks":1,"more":2}`}, 400, "more"},
		{request{path: "/mine", body: `{"blocks":1`}, 400, "body"},
		{request{path: "/mine", body: `{"blocks":`}, 400, "blocks"},
		{request{path: "/mine", body: `{1:2}`}, 400, "body"},
		{request{path: "/mine", body: `{"blocks":1} {}`}, 400, "body"},
		{request{path: "/mine", body: `[1]`}, 400, "body"},
		{request{path: "/mine", body: `blocks=1`}, 400, "body"},
		{request{path: "/mine", body: `{"blocks":` + strings.Repeat(" ", maxBody) + `1}`}, 400, "blocks"},
		{request{path: "/pause", body: `{"for":1}`}, 400, "for"},
		{request{path: "/resume", body: `null`}, 400, "body"},
		{request{path: "/reorg", body: `{"keep":"drop"}`}, 400, "depth"},
		{request{path: "/reorg", body: `{"depth":1}`}, 400, "keep"},
		{request{path: "/reorg", body: `{"depth":1,"keep":true}`}, 400, "keep"},
		{request{path: "/reorg", body: `{"depth":1,"keep":"Drop"}`}, 400, "keep"},
		{request{path: "/reorg", body: `{"depth":0,"keep":"drop"}`}, 400, "depth"},
		{request{path: "/reorg", body: `{"depth":201,"keep":"drop"}`}, 400, "depth"},
		{request{path: "/reorg", body: `{"depth":3,"keep":"drop"}`}, 400, "depth"},
		{request{path: "/time", body: `{"seconds":0}`}, 400, "seconds"},
		{request{path: "/time", body: `{"seconds":-5}`}, 400, "seconds"},
		{request{path: "/time", body: `{"seconds":9223372036854775807}`}, 400, "seconds"},
		{request{method: "GET", path: "/mine"}, 405, "method"},
		{request{method: "PUT", path: "/pause"}, 405, "method"},
		{request{path: "/else"}, 404, ""},
		{request{path: "/pause", host: "rebound.example"}, 403, "Host"},
		{request{path: "/pause", host: "rebound.example:8080"}, 403, "Host"},
		{request{path: "/pause", host: "127.0.0.1.rebound.example"}, 403, "Host"},
		{request{path: "/pause", host: "192.0.2.1:8080"}, 403, "Host"},
		{request{path: "/pause", remote: "192.0.2.1:50000"}, 403, "remote address"},
		{request{path: "/pause", remote: "@"}, 403, "remote address"},
		{request{path: "/pause", origin: "https://elsewhere.example"}, 403, "Origin"},
		{request{path: "/pause", origin: "null"}, 403, "Origin"},
	} {
		status, out := ask(t, c, tc.request)
		reason, _ := out["error"].(string)
		if status != tc.status || tc.names != "" && !strings.HasPrefix(reason, tc.names+":") {
			t.Errorf("%+v = %d %v, want %d naming %q", tc.request, status, out, tc.status, tc.names)
		}
	}
	if head := must(client.BlockNumber(t.Context()))(t); head != 2 || c.paused {
		t.Errorf("a refused request had an effect: head %d, paused %v", head, c.paused)
	}

	for _, in := range []request{
		{path: "/resume", host: "localhost"},
		{path: "/resume", host: "LOCALHOST:8080"},
		{path: "/resume", host: "[::1]:8080", remote: "[::1]:50000"},
		{path: "/resume", host: "127.0.0.2"},
		{path: "/resume", origin: "http://localhost:3000"},
	} {
		if status, out := ask(t, c, in); status != 200 {
			t.Errorf("%+v = %d %v, want 200", in, status, out)
		}
	}
}
