package koywe

import "till/internal/engine"

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
}

func (d *Dialect) receivingOf(st *engine.Standing, at place) receivingBody {
	number, provider := d.receivedAt(st)
	return receivingBody{Country: at.country, Currency: at.currency.Code(), VirtualBankAccountNumber: number, Provider: provider, IsActive: number != ""}
}

func (d *Dialect) depositOf(st *engine.Standing, at place, m engine.Merchant) depositBody {
	number, provider := d.receivedAt(st)
	return depositBody{at.currency.Code(), at.country, accountDetails{AccountNumber: number, BankName: provider, AccountHolderName: m.Name, AccountType: "VIRTUAL"}}
}

// receivedAt is the number that a standing instruction holds, and who keeps it.
func (d *Dialect) receivedAt(st *engine.Standing) (number, provider string) {
	for _, n := range d.engine.Networks(st.Scope.Mode) {
		if b := st.Binding(n.Family); b != nil {
			return b.Instrument.Value, n.Name
		}
	}
	return "", ""
}
