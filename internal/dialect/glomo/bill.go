package glomo

import (
	"till/internal/engine"
	"till/internal/money"
)

// bill is what an order or a payment link says to whoever pays it, in the words that payments repeat.
type bill struct {
	record
	amount   money.Amount // what the merchant asked for
	fee      money.Amount // the house's
	referral money.Amount // the platform's
	bears    string       // who bears them
}

// Who bears the fees.
const (
	bearerMerchant = "merchant"
	bearerCustomer = "customer"
)

func billOf(o *engine.Order) bill {
	b := bill{record: recordOf(o), amount: o.Terms.Due, fee: o.Terms.Fee, bears: bearerMerchant}
	zero := money.Zero(o.Terms.Due.Asset())
	if b.fee.Asset().IsZero() {
		b.fee = zero
	}
	b.referral = zero
	return b
}
