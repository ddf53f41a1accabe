package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/web"
)

// The echo takes what the clients send, as often as they send it, and what is sent has a reference of its own each time.
func TestClientsRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	r := orderRequest(host, echoPath, "key", 7)
	seen := map[string]bool{}
	for _, n := range []int64{0, 1, 9, 10, 1e15} {
		for run := range 12 {
			r.number(run, n)
			parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(r.text))))
			if err != nil {
				t.Fatal(err)
			}
			body, err := readEcho(parsed)
			if err != nil {
				t.Fatal(err)
			}
			seen[body.OrderReference] = true
		}
	}
	if len(seen) != 5*12 {
		t.Errorf("%d references of %d", len(seen), 5*12)
	}
}

// The plain echo answers as the other one does, and refuses the same.
func TestPlainEcho(t *testing.T) {
	ask := func(path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		echo(w, r)
		return w
	}
	r := orderRequest("localhost", echoPath, "key", 7)
	body := string(r.text[strings.Index(string(r.text), "\r\n\r\n")+4:])
	if own, plain := ask(echoPath, body), ask(echoPlainPath, body); own.Code != http.StatusCreated || plain.Code != own.Code || plain.Body.String() != own.Body.String() {
		t.Errorf("%d %s, plain %d %s", own.Code, own.Body, plain.Code, plain.Body)
	}
	for _, change := range [][2]string{{`"125.50"`, `"125.5000001"`}, {`"125.50"`, `125.5`}, {`"bench-7`, `"\u0007`}, {token, ""}, {"https://shop.example/cart", "shop"}, {"{", "["}} {
		wrong := strings.Replace(body, change[0], change[1], 1)
		if own, plain := ask(echoPath, wrong), ask(echoPlainPath, wrong); own.Code != http.StatusBadRequest || plain.Code != own.Code {
			t.Errorf("%s: %d, plain %d", wrong, own.Code, plain.Code)
		}
	}
}

// Both ways to send carry the same request, with the reference of each time, and a refusal is an error that says why.
func TestWaysToSend(t *testing.T) {
	for name, open := range map[string]func(context.Context, string, []byte) (func([]byte) error, func(), error){"socket": overSocket, "net/http": withLibrary} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-API-Key") != "key" || r.URL.Path != echoPath {
					t.Errorf("%s with %v", r.URL, r.Header)
				}
				body, err := readEcho(r)
				if err != nil || seen[body.OrderReference] {
					web.WriteJSON(w, http.StatusConflict, map[string]string{"error": "taken"})
					return
				}
				seen[body.OrderReference] = true
				web.WriteJSON(w, http.StatusCreated, body)
			}))
			defer server.Close()
			host := strings.TrimPrefix(server.URL, "http://")
			r := orderRequest(host, echoPath, "key", 7)
			send, close, err := open(t.Context(), host, r.text)
			if err != nil {
				t.Fatal(err)
			}
			defer close()
			for n := range int64(3) {
				r.number(1, n)
				if err := send(r.text); err != nil {
					t.Fatal(err)
				}
			}
			if err := send(r.text); err == nil || !strings.Contains(err.Error(), "409") || !strings.Contains(err.Error(), "taken") || len(seen) != 3 {
				t.Errorf("%v, %d references", err, len(seen))
			}
		})
	}
}

// A payout has a reference of its own each time, in a body that stays JSON of its length.
func TestPayoutsDiffer(t *testing.T) {
	r := payoutRequest("localhost", "token", "acc_1", 7)
	seen := map[string]bool{}
	for run := range 3 {
		r.number(run, 1e15)
		parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(r.text))))
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			ExternalID string      `json:"externalId"`
			AmountIn   json.Number `json:"amountIn"`
		}
		if err := json.NewDecoder(parsed.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		if amount, err := money.Parse(cop, body.AmountIn.String()); err != nil || !amount.Equal(money.FromInt(cop, payoutUnits)) {
			t.Errorf("%s COP are not what the balance is checked with: %v", body.AmountIn, err)
		}
		seen[body.ExternalID] = true
	}
	if len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}

// The echo takes what is asked for a quote, which has no reference to be written over.
func TestEchoOfQuotes(t *testing.T) {
	r := newRequest("localhost", echoQuotesPath, "Authorization: Bearer token", quoteBody, "")
	r.number(1, 1)
	parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(r.text))))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	echo(w, parsed)
	if w.Code != http.StatusCreated || w.Body.String() != quoteBody {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReadCreated(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 201 Created\r\nA: b\r\nContent-Length: 3\r\n\r\n{ }" +
		"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nSAID" + "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"))
	if err := readCreated(in); err != nil {
		t.Fatal(err)
	}
	if err := readCreated(in); err == nil || !strings.Contains(err.Error(), "SAID") {
		t.Errorf("a refusal: %v", err)
	}
	in.Discard(4)
	if err := readCreated(in); err == nil {
		t.Error("an answer without a length was read")
	}
}

func TestMedianAndQuantile(t *testing.T) {
	same := func(v float64) float64 { return v }
	if m := medianOf([]float64{9, 1, 5}, same); m != 5 {
		t.Errorf("median %v", m)
	}
	if m := medianOf([]float64{9, 1, 5, 7}, same); m != 6 {
		t.Errorf("median %v", m)
	}
	list := []time.Duration{1, 2, 3, 4}
	if quantile(list, 0.5) != 3 || quantile(list, 0.99) != 4 || quantile(list[:1], 0.99) != 1 {
		t.Error("quantile")
	}
}

func TestReadStat(t *testing.T) {
	parent, used, err := readStat("7 (a name) with) S 3 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 1 1 1")
	if err != nil || parent != 3 || used != 3*time.Second {
		t.Errorf("%d, %s, %v", parent, used, err)
	}
	if _, _, err := readStat("7 (short) S 3"); err == nil {
		t.Error("a short line was read")
	}
}

func TestAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for n := range uint64(1000) {
		seen[address(1, n)], seen[address(2, n)] = true, true
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000", len(seen))
	}
	for a := range seen {
		if len(a) != 42 {
			t.Fatal(a)
		}
	}
}
