package app

import (
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/party"
	"till/internal/rail/sandbox"
)

func TestPayees(t *testing.T) {
	e := engine.New(nil, networks(Config{}), nil)
	p := payees{e}
	cop := money.MustAsset("COP", "", 2)
	account := func(m engine.Mode, name string, currency money.Asset) *engine.Account {
		return &engine.Account{Scope: engine.Scope{Mode: m}, Name: name, Bank: &party.BankAccount{Number: "123456789", Currency: currency}}
	}
	for _, c := range []struct{ name, to string }{{"Main", "123456789"}, {"sandbox-fail", sandbox.Fail}, {"sandbox-", "123456789"}} {
		to, err := p.Bank(t.Context(), account(engine.Sandbox, c.name, cop))
		if want := (engine.Destination{Rail: sandbox.Name, To: c.to}); to != want || err != nil {
			t.Errorf("%s is paid at %v, %v", c.name, to, err)
		}
	}
	if _, err := p.Bank(t.Context(), account(engine.Live, "Main", cop)); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("live: %v", err)
	}
	if _, err := p.Bank(t.Context(), account(engine.Sandbox, "Main", money.MustAsset("USDT", "x", 6))); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("a token: %v", err)
	}

	chain := engine.Network{ID: "x", Family: engine.EVM}
	const good = "0x52908400098527886E0F7030069857D2E4169EE7"
	for _, spelling := range []string{good, "0x" + strings.ToLower(good[2:])} {
		if got, err := p.Address(chain, spelling); got != good || err != nil {
			t.Errorf("%s: %s, %v", spelling, got, err)
		}
	}
	for _, wrong := range []string{"0x52908400098527886E0F7030069857D2E4169Ee7", "0x5290", "", "0x" + strings.Repeat("0", 40)} {
		if _, err := p.Address(chain, wrong); !fault.Is(err, fault.CodeInvalidAddress) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := p.Address(engine.Network{ID: "y", Family: "other"}, good); !fault.Is(err, fault.CodeNotConfigured) {
		t.Errorf("another family: %v", err)
	}
}
