package app

import (
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/rail/sandbox"
)

// payees is what the rails say of accounts that money is sent to. A new kind of rail that sends gets its lines here.
type payees struct{ engine *engine.Engine }

// Address implements engine.Payees.
func (p payees) Address(n engine.Network, address string) (string, error) {
	value, err := parseAddress(n.Family, address)
	if fault.Is(err, fault.CodeInvalidValue) {
		return "", fault.New(fault.CodeNotConfigured, "nothing can be sent on the network '"+n.ID+"'")
	}
	return value, err
}

// Bank implements engine.Payees: the first network of the mode where the house holds the account's currency.
func (p payees) Bank(a *engine.Account) (engine.Destination, error) {
	for _, n := range p.engine.Networks(a.Scope.Mode) {
		holds := slices.ContainsFunc(n.Tokens, func(t engine.Token) bool { return t.Asset == a.Bank.Currency })
		if !n.Custodial || n.Family == engine.EVM || !holds {
			continue
		}
		to := a.Bank.Number
		if n.Rail == sandbox.Name {
			to = sandboxPayee(a)
		}
		return engine.Destination{Rail: n.Rail, To: to}, nil
	}
	return engine.Destination{}, fault.New(fault.CodeNotConfigured, "no rail pays to bank accounts in "+a.Bank.Currency.Code())
}

// sandboxOutcome begins the names of accounts that choose what becomes of a transfer to them in the sandbox:
// "sandbox-fail" is taken and fails afterwards. What may follow is in the rail's own documentation; the number of an
// account cannot choose, because it must be a real one's.
const sandboxOutcome = "sandbox-"

func sandboxPayee(a *engine.Account) string {
	if word, chosen := strings.CutPrefix(a.Name, sandboxOutcome); chosen && word != "" {
		return word
	}
	return a.Bank.Number
}
