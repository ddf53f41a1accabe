package koywe

import (
	"cmp"

	"till/internal/engine"
)

type receivingBody struct {
	Country                  string  `json:"country"`
	Currency                 string  `json:"currency"`
	VirtualBankAccountNumber string  `json:"virtualBankAccountNumber"`
	Provider                 string  `json:"provider"`
	Alias                    *string `json:"alias"`
	IsActive                 bool    `json:"isActive"`
}

type depositBody struct {
	Currency       string         `json:"currency"`
	Country        string         `json:"country"`
	AccountDetails accountDetails `json:"accountDetails"`
}

type accountDetails struct {
	AccountNumber     string  `json:"accountNumber"`
	BankName          string  `json:"bankName"`
	AccountHolderName string  `json:"accountHolderName"`
	DocumentNumber    *string `json:"documentNumber"`
	AccountType       string  `json:"accountType"`
	Reference         string  `json:"reference,omitempty"` // to be named with the payment
}

func (d *Dialect) receivingOf(st *engine.Standing, at place) receivingBody {
	to := d.receivedAt(st)
	return receivingBody{
		Country: at.country, Currency: at.currency.Code(), VirtualBankAccountNumber: to.number, Provider: to.provider, Alias: textOrNull(to.reference), IsActive: to.number != "",
	}
}

func (d *Dialect) depositOf(st *engine.Standing, at place, m engine.Merchant) depositBody {
	to := d.receivedAt(st)
	return depositBody{at.currency.Code(), at.country, accountDetails{
		AccountNumber: to.number, BankName: to.provider, AccountHolderName: cmp.Or(to.holder, m.Name), AccountType: "VIRTUAL", Reference: to.reference,
	}}
}

// receiving is where a standing instruction is paid.
type receiving struct {
	number, provider string
	// Where the number is the house's own account: who holds it, and what must be named there.
	holder, reference string
}

func (d *Dialect) receivedAt(st *engine.Standing) receiving {
	for _, n := range d.engine.Networks(st.Scope.Mode) {
		b := st.Binding(n.Family)
		switch {
		case b == nil:
		case b.Made && n.Details.Account != "":
			return receiving{n.Details.Account, n.Details.Bank, n.Details.Holder, b.Instrument.Value}
		default:
			return receiving{number: b.Instrument.Value, provider: n.Name}
		}
	}
	return receiving{}
}
