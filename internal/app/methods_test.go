package app

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// The sandbox has every method of the catalogue, and live has none: no rail of it serves one.
func TestMethodCatalogue(t *testing.T) {
	live := engine.Network{ID: "live", Mode: engine.Live, Tokens: sandboxNetwork().Tokens}
	e := engine.New(nil, []engine.Network{sandboxNetwork(), live}, nil).WithMethods(MethodCatalogue())
	if got, want := len(e.Methods(engine.Sandbox, engine.MethodFilter{API: glomo.Name})), len(MethodCatalogue()); got != want || want < 11 {
		t.Errorf("the sandbox has %d of %d methods", got, want)
	}
	for _, m := range e.Methods(engine.Sandbox, engine.MethodFilter{}) { // what every API's orders are paid by
		if m.API != "" {
			t.Errorf("%s.%s is the %s API's", m.Code, m.Country, m.API)
		}
	}
	if list := e.Methods(engine.Live, engine.MethodFilter{}); len(list) != 0 {
		t.Errorf("live has %v", list)
	}
	seen := map[string]bool{}
	for _, m := range MethodCatalogue() {
		if id := m.Code + "." + m.Currency; seen[id] {
			t.Errorf("%s is twice in the catalogue", id)
		} else {
			seen[id] = true
		}
		// What the catalogue says passes the checks of a config file.
		section := sectionOf(&m)
		if _, err := section.method(m.Code, m.Country, map[string]engine.Network{"sandbox": sandboxNetwork()}); err != nil {
			t.Error(err)
		}
	}
}

func TestMethodsOfAFile(t *testing.T) {
	cfg, err := load(t, `
[methods.PSE.CO]
min = "5000"
[methods.NEQUI.CO]
enabled = false
[methods.WIRE.US]
currency = "USD"
network = "sandbox"
prompt = "bank_transfer"
account = "000123"
window = "48h"
`)
	if err != nil {
		t.Fatal(err)
	}
	byCode := map[string]engine.Method{}
	for _, m := range cfg.Methods {
		byCode[m.Code+"."+m.Country] = m
	}
	if pse := byCode["PSE.CO"]; pse.Min.Decimal() != "5000.00" || len(pse.Banks) < 4 || !pse.Reports {
		t.Errorf("PSE is %+v", pse)
	}
	if wire := byCode["WIRE.US"]; wire.Name != "WIRE" || wire.Details.Account != "000123" || wire.Window != 48*time.Hour || wire.Max.Sign() != 0 {
		t.Errorf("WIRE is %+v", wire)
	}
	if _, there := byCode["NEQUI.CO"]; there {
		t.Error("a method that is switched off is there")
	}
}

func TestMethodsOfAFileAreChecked(t *testing.T) {
	for change, want := range map[string]string{
		`currency = "XXY"`:                       "methods.WIRE.US.currency: want a currency",
		`network = "nowhere"`:                    `methods.WIRE.US.network: no network "nowhere"`,
		`network = "ethereum-mainnet"`:           `does not carry USD`,
		`api = "fax"`:                            "methods.WIRE.US.api: want one of",
		`prompt = "fax"`:                         "methods.WIRE.US.prompt: want one of",
		`prompt = "bank_transfer"`:               "methods.WIRE.US.account: is what",
		`window = "1s"`:                          "methods.WIRE.US.window: want 1m0s to",
		`pays_itself_after = "48h"`:              "methods.WIRE.US.pays_itself_after: want at most",
		`required = ["bank"]`:                    "methods.WIRE.US.banks: are given",
		`required = ["shoe size"]`:               "methods.WIRE.US.required: want any of",
		`min = "1.234"`:                          "methods.WIRE.US.min:",
		"min = \"10\"\nmax = \"9\"":              "methods.WIRE.US.max: is less than min",
		`colour = "red"`:                         "methods.WIRE.US.colour: unknown key",
		"[methods.wi-re.US]\ncurrency = \"USD\"": "a method's code is",
		"[methods.WIRE.USA]\ncurrency = \"USD\"": "want a country",
	} {
		text := "[methods.WIRE.US]\n"
		for key, value := range map[string]string{"currency": "USD", "network": "sandbox", "prompt": "qr"} {
			if !strings.Contains(change, key+" =") || strings.HasPrefix(change, "[") {
				text += key + " = \"" + value + "\"\n"
			}
		}
		if _, err := load(t, text+change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}

// A method of the sandbox pays by itself when its time has come on the sandbox's clock, after a restart too.
func TestSandboxPaysByItself(t *testing.T) {
	dir := t.TempDir()
	a := startIn(t, dir, networksOff, io.Discard)
	mxn := fiat("MXN")
	book := ledger.Owed("default")
	spei, err := a.Engine.Method(engine.Sandbox, "SPEI", "MXN")
	if err != nil {
		t.Fatal(err)
	}
	ask := engine.NewOrder{
		Scope: engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "none"}, PublicID: "spei", Methods: []string{"SPEI"}, Method: &spei,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(mxn, 50_000), To: book.Account(ledger.Merchant), Whole: true, OverAny: true, OneAttempt: true,
				Instant: true, Deadline: p.Now.Add(24 * time.Hour)}, nil, nil
		},
	}
	for end := time.Now().Add(deadline); ; <-time.After(10 * time.Millisecond) { // until the rail has spoken for the first time
		_, err := a.Engine.Create(t.Context(), ask)
		if err == nil {
			break
		}
		if !fault.Is(err, fault.CodeNotConfigured) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
	stop(t, a)
	a = startIn(t, dir, networksOff, io.Discard)
	if _, err := a.Engine.MoveClock(t.Context(), engine.Sandbox, itselfAfter); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(deadline); ; <-time.After(10 * time.Millisecond) {
		o, err := a.Engine.Find(t.Context(), "spei")
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v %v", o, err)
		}
		if o.State == order.Completed {
			if len(o.Payments) != 1 || o.Attempts[0].State != order.AttemptSucceeded {
				t.Errorf("%d payments, attempts %v", len(o.Payments), o.Attempts)
			}
			break
		}
	}
}
