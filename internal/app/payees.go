package app

import (
	"context"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/party"
	"till/internal/rail/bank"
	"till/internal/rail/sandbox"
)

// payees are what the rails say of accounts that money is sent to. A new kind of rail that sends gets its lines here.
type payees struct{ engine *engine.Engine }

// Address implements engine.Payees.
func (p payees) Address(n engine.Network, address string) (string, error) {
	value, err := parseAddress(n.Family, address)
	if fault.Is(err, fault.CodeInvalidValue) {
		return "", fault.New(fault.CodeNotConfigured, "nothing can be sent on the network '"+n.ID+"'")
	}
	return value, err
}

// Bank implements engine.Payees: the first bank account of the house in the account's currency that payment files are
// written for, else what is made up.
func (p payees) Bank(ctx context.Context, a *engine.Account) (engine.Destination, error) {
	for _, madeUp := range []bool{false, true} {
		for _, n := range p.engine.Networks(a.Scope.Mode) {
			holds := slices.ContainsFunc(n.Tokens, func(t engine.Token) bool { return t.Asset == a.Bank.Currency })
			if n.Simulated != madeUp || n.ReceiveOnly || !n.Custodial || !holds || !isBank(n) && n.Rail != sandbox.Name {
				continue
			}
			to := sandboxPayee(a)
			if isBank(n) {
				payee, err := p.payee(ctx, a)
				if err != nil {
					return engine.Destination{}, err
				}
				to = payee.Text()
			}
			return engine.Destination{Rail: n.Rail, To: to}, nil
		}
	}
	return engine.Destination{}, fault.New(fault.CodeNotConfigured, "no rail pays to bank accounts in "+a.Bank.Currency.Code())
}

// payee is an account as a payment file names it. Its holder is the customer whose it is, or the merchant.
//
// Error: not_configured, where a payment file has no place for what the account needs.
func (p payees) payee(ctx context.Context, a *engine.Account) (bank.Payee, error) {
	to := bank.Payee{Account: a.Bank.Number, BIC: a.Bank.BIC, Clearing: a.Bank.Bank, Country: a.Bank.Country}
	switch {
	case a.Bank.Country == "US":
		to.Clearing = "USABA:" + a.Bank.Routing
	case a.Bank.Routing != "":
		return to, fault.New(fault.CodeNotConfigured, "a payment file cannot name the branch of an account in "+a.Bank.Country)
	}
	if a.Customer == "" {
		m, err := p.engine.Merchant(ctx, a.Scope.Merchant)
		if err != nil {
			return to, err
		}
		if m != nil {
			to.Name = m.Name
		}
	} else {
		c, err := p.engine.Customer(ctx, a.Scope, a.Customer)
		if err != nil {
			return to, err
		}
		to.Name, to.Document, to.Company = strings.TrimSpace(c.FirstName+" "+c.LastName), c.Document.Number, c.Kind != party.Person
		to.Street, to.City, to.Postcode = c.Address.Street, c.Address.City, c.Address.PostalCode
	}
	checked, err := to.Check()
	if f, ok := fault.As(err); ok {
		return to, fault.New(fault.CodeNotConfigured, "a payment file cannot pay to this account: "+f.Message)
	}
	return checked, err
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
