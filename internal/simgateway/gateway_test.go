package simgateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func open(t *testing.T, cfg Config) *Gateway {
	t.Helper()
	cfg.Key, cfg.Secret = "key", "secret"
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Over HTTP: a payment is made once by its key, its page plays it, and the callback arrives.
func TestListen(t *testing.T) {
	for _, api := range []string{PaymentsAPI, SessionsAPI} {
		kept := map[string]Payment{}
		g := open(t, Config{API: api, Keep: func(p Payment) error { kept[p.ID] = p; return nil }})
		base, err := g.Listen()
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan http.Header, 8)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			heard <- r.Header
		}))
		g.HookURL(receiver.URL)
		path, header, mark := "/api/payment", "Api-Key", "key"
		body := `{"display":{"intent":"x"},"destination":{"destinationAddress":"0x00000000000000000000000000000000000000A1","chainId":1,"tokenAddress":"0x00000000000000000000000000000000000000A2","amountUnits":"7.5"},"refundAddress":"0x00000000000000000000000000000000000000A3","externalId":"e"}`
		if api == SessionsAPI {
			path, header, mark = "/v1/sessions", "Authorization", "Bearer key"
			body = `{"display":{"title":"x","verb":"Pay"},"destination":{"type":"evm","address":"0x00000000000000000000000000000000000000A1","chainId":1,"tokenAddress":"0x00000000000000000000000000000000000000A2","amountUnits":"7.5"},"metadata":{"requestId":"e"}}`
		}
		call := func(method, path, mark, key, body string) (int, string) {
			request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(header, mark)
			request.Header.Set("Idempotency-Key", key)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(text)
		}
		if status, _ := call(http.MethodPost, path, "other", "k", body); status != http.StatusUnauthorized {
			t.Errorf("%s: a wrong key: %d", api, status)
		}
		for range 2 {
			if status, text := call(http.MethodPost, path, mark, "k", body); status != http.StatusOK && status != http.StatusCreated {
				t.Fatalf("%s: %d %s", api, status, text)
			}
		}
		if api == PaymentsAPI {
			if status, _ := call(http.MethodPost, path, mark, "another", body); status != http.StatusConflict {
				t.Errorf("the same external id again: %d", status)
			}
		}
		if status, _ := call(http.MethodPost, path, mark, "bad", `{}`); status != http.StatusBadRequest {
			t.Errorf("%s: an empty request: %d", api, status)
		}
		list := g.Payments()
		if len(list) != 1 || len(kept) != 1 || list[0].External != "e" {
			t.Fatalf("%s: payments %+v, kept %d", api, list, len(kept))
		}
		id := list[0].ID
		page := func() string {
			_, text := call(http.MethodGet, "/pay/"+id, mark, "", "")
			return text
		}
		if text := page(); !strings.Contains(text, "This is the sandbox") || !strings.Contains(text, "7.5") {
			t.Errorf("%s: the page is %s", api, text)
		}
		answer, err := http.PostForm(base+"/pay/"+id, url.Values{"play": {"pay"}})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if text := page(); !strings.Contains(text, "payment_completed") || strings.Contains(text, `value="pay"`) {
			t.Errorf("%s: the page is %s", api, text)
		}
		if got := <-heard; got.Get("Authorization")+got.Get("Daimo-Signature") == "" {
			t.Errorf("%s: the callback proves nothing: %v", api, got)
		}
		if answer, err = http.PostForm(base+"/pay/"+id, url.Values{"play": {"bounce"}}); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusConflict {
			t.Errorf("%s: what is over became something else: %d", api, answer.StatusCode)
		}
		status, text := call(http.MethodGet, path+"/"+id, mark, "", "")
		if !json.Valid([]byte(text)) || status != http.StatusOK {
			t.Errorf("%s: read back as %d %s", api, status, text)
		}
		// One made of what was kept knows it.
		again := open(t, Config{API: api, Known: []Payment{kept[id]}})
		if p, ok := again.Find("e"); !ok || p.Status != Completed || p.Received != "7.5" {
			t.Errorf("%s: afterwards %+v", api, p)
		}
		if err := again.Begin(context.Background(), id); err == nil {
			t.Errorf("%s: a payment that is over begins again", api)
		}
		receiver.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestHalf(t *testing.T) {
	for amount, want := range map[string]string{"199.000000": "99.500000", "5": "2", "1.5": "0.7", "10": "5", "0.3": "0.1"} {
		if got := half(amount); got != want {
			t.Errorf("half of %s is %s, want %s", amount, got, want)
		}
	}
}
