package app

import (
	"strings"
	"testing"
	"time"
)

func TestRatesConfig(t *testing.T) {
	cfg, err := load(t, `
[rates]
fixed = ["USD/COP 4012.55", "USDC/USD 1"]
file = "ecb.xml"
url = "https://rates.example.com/now"
references = ["USD/COP 4000"]
quote_life = "10s"
[[pricing]]
kind = "ONRAMP"
from = "COP"
fixed = "1500"
tax = 1900
`)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Rates.Fixed) != 2 || cfg.Rates.Fixed[0].Value.String() != "4012.55" || !strings.HasSuffix(cfg.Rates.File, "/ecb.xml") || cfg.Rates.MaxAge.File != 144*time.Hour {
		t.Errorf("%+v", cfg.Rates)
	}
	if x := cfg.Exchange; x.Life != 10*time.Second || x.HoldChain != 30*time.Minute || len(x.References) != 1 || len(x.Pricing) != 1 || x.Pricing[0].Tax != 1900 {
		t.Errorf("%+v", x)
	}
	if list := rateSources(cfg.Rates, nil); len(list) != 3 || list[0].Name() != "fixed" || list[1].Name() != "file" || list[2].Name() != "url" {
		t.Errorf("%v", list)
	}
	if list := rateSources(Rates{}, nil); len(list) != 0 {
		t.Errorf("%v", list)
	}
}

func TestRatesConfigRefuses(t *testing.T) {
	for text, key := range map[string]string{
		`fixed = ["USD/COP"]`:                          "rates.fixed",
		`fixed = ["USD/COP 4,000"]`:                    "rates.fixed",
		`fixed = ["USD/USD 1"]`:                        "rates.fixed",
		`fixed = ["usd/COP 1"]`:                        "rates.fixed",
		`fixed = ["USD/COP 1", "COP/USD 1"]`:           "rates.fixed",
		`references = ["USD 1"]`:                       "rates.references",
		`factor = "1"`:                                 "rates.factor",
		`factor = "x"`:                                 "rates.factor",
		`url = "http://rates.example.com/"`:            "rates.url",
		`url = "https://127.0.0.1/"`:                   "rates.url",
		`every = "0s"`:                                 "rates.every",
		`url_max_age = "1m"`:                           "rates.url_max_age",
		`quote_life = "0s"`:                            "rates.quote_life",
		`hold_chain = "1s"`:                            "rates.hold_chain",
		`hold_bank = "9000h"`:                          "rates.hold_bank",
		"[[pricing]]\nspread = 10000":                  "pricing",
		"[[pricing]]\nfixed = \"1\"":                   "pricing",
		"[[pricing]]\nfrom = \"CLP\"\nfixed = \"1.5\"": "pricing",
		"[[pricing]]\npercent = 100\n[[pricing]]\npercent = 999999": "pricing",
	} {
		_, err := load(t, "[rates]\n"+text)
		if err == nil || !strings.Contains(err.Error(), key+": ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
