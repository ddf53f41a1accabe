package koywe

import (
	"regexp"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
)

func TestVirtualAccountID(t *testing.T) {
	shop := engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
	form := regexp.MustCompile(`^acc_[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, s := range []engine.Scope{shop, {Merchant: "shop", Mode: engine.Live, Dialect: Name}, {Merchant: "other", Mode: engine.Sandbox, Dialect: Name}} {
		for _, a := range money.Fiats() {
			id := virtualAccountID(s, a)
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("%s in %v has %s", a, s, id)
			}
			seen[id] = true
			if got, is := virtualCurrency(s, id); !is || got != a {
				t.Errorf("%s is of %s", id, got)
			}
			if _, is := virtualCurrency(shop, id); is != (s == shop) {
				t.Errorf("%s is one of shop's: %t", id, is)
			}
		}
	}
	for _, id := range []string{"", "acc_", "acc_1", "ord_1"} {
		if _, is := virtualCurrency(shop, id); is {
			t.Errorf("%q is a balance", id)
		}
	}
	for _, code := range virtualCurrencies {
		if _, err := money.Fiat(code); err != nil {
			t.Error(err)
		}
	}
}

func TestChains(t *testing.T) {
	k := newKit(t)
	for word, id := range map[string]string{"ETHEREUM": "ethereum-sepolia", "ethereum": "ethereum-sepolia", "Polygon-Amoy": "polygon-amoy"} {
		n, err := k.dialect.chain(engine.Sandbox, word, "network")
		if err != nil || n.ID != id {
			t.Errorf("%s is %s, %v", word, n.ID, err)
		}
	}
	for _, m := range []engine.Mode{engine.Sandbox, engine.Live} {
		for _, word := range []string{"BITCOIN", "", "sandbox"} {
			_, err := k.dialect.chain(m, word, "network")
			f, _ := fault.As(err)
			if f == nil || f.Code != fault.CodeInvalidNetwork || f.Param != "network" || m == engine.Sandbox && !strings.Contains(f.Message, "ETHEREUM, POLYGON") {
				t.Errorf("%s %s: %v", m, word, err)
			}
		}
	}
	if got := wireNetwork("base-sepolia"); got != "BASE-SEPOLIA" {
		t.Error(got)
	}
}
