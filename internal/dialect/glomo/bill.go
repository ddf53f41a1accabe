package glomo

import (
	"till/internal/engine"
	"till/internal/money"
)

// bill is what an order or a payment link says to whoever pays it, in the words that payments repeat.
type bill struct {
	record
	amount   money.Amount     // what the merchant asked for
	fee      money.Amount     // the house's
	referral money.Amount     // the platform's
	bears    engine.FeeBearer // who bears them
}

func billOf(o *engine.Order) bill {
	zero := money.Zero(o.Terms.Due.Asset())
	b := bill{record: recordOf(o), amount: o.Terms.Due, fee: o.Terms.Fee, referral: o.Terms.Referral.Amount, bears: engine.BearerMerchant}
	if asked := b.record.Amount; !asked.Asset().IsZero() {
		b.amount = asked
	}
	if b.record.Bearer != "" {
		b.bears = b.record.Bearer
	}
	if b.fee.Asset().IsZero() {
		b.fee = zero
	}
	if b.referral.Asset().IsZero() {
		b.referral = zero
	}
	return b
}
