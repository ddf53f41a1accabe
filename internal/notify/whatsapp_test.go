package notify

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/page"
)

// graph is Meta's Cloud API as far as it takes messages, with the answers that its documentation shows.
type graph struct {
	*httptest.Server
	status int    // 0: it takes the message
	answer string // else this
	asked  []string
}

func startGraph(t *testing.T) *graph {
	g := &graph{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v23.0/1066/messages" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+canary {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":{"message":"Malformed access token `+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+`","type":"OAuthException","code":190}}`)
			return
		}
		g.asked = append(g.asked, string(body))
		if g.status != 0 {
			w.WriteHeader(g.status)
			io.WriteString(w, g.answer)
			return
		}
		io.WriteString(w, `{"messaging_product":"whatsapp","contacts":[{"input":"573001234567","wa_id":"573001234567"}],"messages":[{"id":"wamid.HBgL"}]}`)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *graph) sender() *WhatsApp {
	return &WhatsApp{URL: g.URL + "/v23.0", NumberID: "1066", Token: canary, Timeout: time.Minute, Client: g.Client()}
}

func TestWhatsAppArrives(t *testing.T) {
	g := startGraph(t)
	text, template := g.sender(), g.sender()
	template.Template = "till_notice"
	w := Written{Lang: page.Portuguese, Line: "Loja pede que você pague 10,00 BRL.", Link: "https://pay.example/pay/order/o"}
	bare := Written{Lang: page.English, Line: "Shop has sent you 1.00 USD."}
	for _, c := range []struct {
		sender *WhatsApp
		w      Written
		want   string
	}{
		{text, w, `{"messaging_product":"whatsapp","to":"5511987654321","type":"text","text":{"preview_url":false,"body":"Loja pede que você pague 10,00 BRL.\nhttps://pay.example/pay/order/o"},"biz_opaque_callback_data":"01abc"}`},
		{text, bare, `{"messaging_product":"whatsapp","to":"5511987654321","type":"text","text":{"preview_url":false,"body":"Shop has sent you 1.00 USD."},"biz_opaque_callback_data":"01abc"}`},
		{template, w, `{"messaging_product":"whatsapp","to":"5511987654321","type":"template","template":{"name":"till_notice","language":{"code":"pt_BR"},"components":[{"type":"body","parameters":[` +
			`{"type":"text","text":"Loja pede que você pague 10,00 BRL."},{"type":"text","text":"https://pay.example/pay/order/o"}]}]},"biz_opaque_callback_data":"01abc"}`},
		{template, bare, `{"messaging_product":"whatsapp","to":"5511987654321","type":"template","template":{"name":"till_notice","language":{"code":"en"},"components":[{"type":"body","parameters":[` +
			`{"type":"text","text":"Shop has sent you 1.00 USD."},{"type":"text","text":"-"}]}]},"biz_opaque_callback_data":"01abc"}`},
	} {
		if err := c.sender.Send(t.Context(), "01abc", "+5511987654321", c.w); err != nil {
			t.Fatal(err)
		}
		if got := g.asked[len(g.asked)-1]; got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("asked\n%s, want\n%s", got, c.want)
		}
	}
}

func TestWhatsAppIsRefused(t *testing.T) {
	other := errors.New("neither")
	for _, c := range []struct {
		name   string
		status int
		answer string
		want   error
	}{
		{"undeliverable", 400, `{"error":{"message":"(#131026) Message undeliverable","type":"OAuthException","code":131026,"fbtrace_id":"A"}}`, ErrRefused},
		{"not within 24 hours", 400, `{"error":{"message":"Re-engagement message","code":131047}}`, ErrRefused},
		{"it repeats who", 400, `{"error":{"message":"+573001234567 is not on WhatsApp","code":131026}}`, ErrRefused},
		{"too many", 429, `{"error":{"message":"(#130429) Rate limit hit","code":130429}}`, ErrDown},
		{"too many to one", 400, `{"error":{"message":"(#131056) pair rate limit","code":131056}}`, other},
		{"an expired token", 401, `{"error":{"message":"Session has expired","code":190}}`, ErrDown},
		{"a wrong number of ours", 400, `{"error":{"message":"Unsupported post request","code":100,"error_subcode":33}}`, ErrDown},
		{"a template that does not exist", 404, `{"error":{"message":"template","code":132001}}`, ErrDown},
		{"their trouble", 503, `oops`, ErrDown},
		{"their trouble in JSON", 500, `{"error":{"message":"unknown","code":131000}}`, ErrDown},
		{"something else", 200, `{}`, other},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := startGraph(t)
			g.status, g.answer = c.status, c.answer
			err := g.sender().Send(t.Context(), "01abc", "+573001234567", Written{Line: "x"})
			if err == nil || kindOf(err, other) != c.want || strings.Contains(err.Error(), "3001234567") {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	g := startGraph(t)
	for _, address := range []string{"", "+", "3001234567x", "+57 300"} {
		if err := g.sender().Send(t.Context(), "01abc", address, Written{Line: "x"}); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", address, err)
		}
	}
	wrong := g.sender()
	wrong.Token = "secret-token"
	if err := wrong.Send(t.Context(), "01abc", "+573001234567", Written{Line: "x"}); !errors.Is(err, ErrDown) || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("a wrong token: %v", err)
	}
	gone := g.sender()
	g.Close()
	if err := gone.Send(t.Context(), "01abc", "+573001234567", Written{Line: "x"}); !errors.Is(err, ErrDown) || strings.Contains(err.Error(), gone.URL) {
		t.Errorf("nobody answers: %v", err)
	}
}
