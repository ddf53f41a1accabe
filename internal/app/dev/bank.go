package dev

import (
	"path/filepath"
	"time"

	"till/internal/app"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail/bank"
)

// The bank account that a dev server has when it is asked for one, and the method that leads payers to it.
const (
	bankID      = "giro"
	bankAccount = "DE93999999990000000001" // of no bank that exists
	bankMethod  = "SEPA"
)

// giro is that account. Its files lie below the data folder.
func giro(data string) (app.Bank, error) {
	eur := money.MustAsset("EUR", "", 2)
	folder := filepath.Join(data, "bank")
	out, err := bank.Config{
		ID: bankID, Own: bank.Payee{Name: "Till Dev", Account: bankAccount, Country: "DE"}, Asset: eur, Version: bank.Pain001V09, Service: "SEPA",
		Calendar: bank.Calendar{Weekend: []time.Weekday{time.Saturday, time.Sunday}}, HandsOut: true,
	}.Check()
	if err != nil {
		return app.Bank{}, err
	}
	return app.NewBank(app.Bank{
		Network: engine.Network{ID: bankID, Name: "Giro", Mode: engine.Sandbox}, Currency: eur, Account: bankAccount, Country: "DE", Holder: "Till Dev", Folder: folder, Out: &out,
		CSV: &bank.Mapping{Separator: ";", Decimal: ",", Date: "DD.MM.YYYY", Booked: "Day", Reference: "Id", Amount: "Amount", Balance: "Balance", Text: "Purpose", Name: "Name", Account: "IBAN"},
	}), nil
}

// transfers is the method that leads payers to an account.
func transfers(b app.Bank) engine.Method {
	return engine.Method{
		Code: bankMethod, Name: "SEPA transfer", Country: "DE", Currency: b.Currency.Code(), Network: b.ID, Prompt: engine.PromptTransfer, Details: b.Details,
		Min: money.Zero(b.Currency), Max: money.Zero(b.Currency), Window: 5 * 24 * time.Hour,
	}
}
