package operator

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
)

// A payment is made up to an order or to a reference, and to nothing else.
func TestPayReference(t *testing.T) {
	k := newKit(t)
	cop := money.MustAsset("COP", "", 2)
	made := engine.Network{ID: "made-up", Family: "made", Mode: engine.Sandbox, Rail: "made", Prefix: "REF-", Custodial: true, Simulated: true, Tokens: []engine.Token{{Asset: cop}}}
	real := engine.Network{ID: "real", Family: "real", Mode: engine.Sandbox, Rail: "real", Prefix: "BANK-", Custodial: true, Tokens: []engine.Token{{Asset: cop}}}
	cfg := testConfig(engine.New(k.store, []engine.Network{made, real, k.delivery}, nil), func() time.Time { return k.now }, slog.New(slog.DiscardHandler))
	cfg.People = k.people
	h := Handler(cfg)
	w := call(h, "POST", "/sandbox/payments", tokenAll, `{"reference":"ref-1","amount":"1.50","currency":"COP","from":"9"}`)
	var got client.Simulated
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.ID != "|ref-1|1.50 COP|confirmed|9|" || got.Order != "" || got.Reference != "ref-1" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	for body, want := range map[string]struct {
		code  fault.Code
		param string
	}{
		`{"amount":"1"}`: {fault.CodeMissingField, "order"},
		`{"order":"ord_open","reference":"REF-1","amount":"1","currency":"COP"}`: {fault.CodeInvalidValue, "reference"},
		`{"reference":"REF-1","amount":"1"}`:                                     {fault.CodeMissingField, "currency"},
		`{"reference":"REF-1","amount":"1","currency":"EUR"}`:                    {fault.CodeInvalidCurrency, "currency"},
		`{"reference":"REF-1","amount":"1.555","currency":"COP"}`:                {fault.CodeInvalidAmount, "amount"},
		`{"reference":"BANK-1","amount":"1","currency":"COP"}`:                   {fault.CodeInvalidValue, "reference"},
		`{"reference":"","amount":"1","currency":"COP"}`:                         {fault.CodeMissingField, "order"},
	} {
		wantProblem(t, call(h, "POST", "/sandbox/payments", tokenAll, body), http.StatusBadRequest, want.code, want.param)
	}
}
