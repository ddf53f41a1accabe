package koywe

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"till/internal/engine"
	"till/internal/money"
)

// withMethods is the kit with methods of three countries.
func withMethods(t *testing.T) *kit {
	t.Helper()
	k := newKit(t)
	cop, clp := money.MustAsset("COP", "", 2), money.MustAsset("CLP", "", 0)
	k.engine = k.engine.WithMethods([]engine.Method{
		{Code: "PSE", Name: "PSE", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptLink, Min: money.FromInt(cop, 100000), Max: money.FromInt(cop, 5000000050),
			Required: []string{"bank", "document", "email", "phone"}, Banks: []string{"BANCOLOMBIA", "DAVIVIENDA"}, Reports: true},
		{Code: "NEQUI", Name: "Nequi", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptQR},
		{Code: "KHIPU", Name: "Khipu", Country: "CL", Currency: "CLP", Network: "sandbox", Prompt: engine.PromptLink, Min: money.FromInt(clp, 500)},
		{Code: "SPEI", Name: "SPEI", Country: "MX", Currency: "MXN", Network: "sandbox", Prompt: engine.PromptTransfer},
	})
	k.dialect = New(k.config(slog.New(slog.DiscardHandler)))
	k.handler = k.dialect.Handler()
	return k
}

func TestGoldenPaymentMethods(t *testing.T) {
	g := &golden{kit: withMethods(t), file: "payment_methods.golden"}
	ask := func(title, key, query string) {
		t.Helper()
		g.ask("GET /api/v1/payment-method: "+title, request{method: "GET", path: "/api/v1/payment-method" + query, key: key})
	}
	ask("of a country and currency", shopKey, "?countrySymbol=CO&currencySymbol=COP")
	ask("of a country without any", acmeKey, "?countrySymbol=BO&currencySymbol=BOB")
	ask("with a live key", liveKey, "?countrySymbol=CO&currencySymbol=COP")
	ask("of no country", shopKey, "?countrySymbol=Colombia")
	ask("of no currency", shopKey, "?currencySymbol=PESO$")
	ask("without a token", "", "")
	g.check()
}

func TestPaymentMethodsAreFiltered(t *testing.T) {
	k := withMethods(t)
	for query, want := range map[string]string{
		"": "[KHIPU NEQUI PSE SPEI]", "?countrySymbol=co": "[NEQUI PSE]", "?currencySymbol=clp": "[KHIPU]", "?countrySymbol=CL&currencySymbol=COP": "[]",
	} {
		var got struct {
			PaymentMethods []struct{ Method string }
		}
		k.must(json.Unmarshal([]byte(k.get(shopKey, "/api/v1/payment-method"+query).body), &got))
		codes := []string{}
		for _, m := range got.PaymentMethods {
			codes = append(codes, m.Method)
		}
		if fmt.Sprint(codes) != want {
			t.Errorf("%s: %v, not %s", query, codes, want)
		}
	}
}

// Every prompt of the engine has its word.
func TestResponseTypesAreTotal(t *testing.T) {
	for _, p := range engine.Prompts() {
		if actionOf[p] == "" {
			t.Errorf("%s has no word", p)
		}
	}
	for _, field := range engine.Fields() {
		if field != engine.FieldBank && askedFields[field] == "" {
			t.Errorf("%s has no name", field)
		}
	}
}
