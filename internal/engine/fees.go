package engine

import (
	"encoding/json"
	"fmt"
	"math/big"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

// What the house takes of an order that a payer pays, and who bears it. All of it is the merchant's settings, made by
// operators.

// The settings.
const (
	FeeBPS           = "fee_bps"     // hundredths of a percent of the amount, 0 to 5000
	FeeFixed         = "fee_fixed"   // beside it, by the currency's code: {"USD": "0.30"}
	FeeBearerSetting = "fee_bearer"  // a FeeBearer; BearerMerchant is the default
	Platform         = "platform"    // true: he sells on a platform, which may earn of his orders
	PlatformID       = "platform_id" // the merchant who is the platform: his balance gets the referral fees
)

// FeeBearer is who bears the house's fee.
type FeeBearer string

// The bearers.
const (
	BearerMerchant FeeBearer = "merchant" // the payer pays the amount, the merchant gets it less the fee
	BearerCustomer FeeBearer = "customer" // the payer pays the fee on top, the merchant gets the amount
)

// Charges is what becomes of an amount that a merchant asks for.
type Charges struct {
	Due      money.Amount   // what the payer pays
	Fee      money.Amount   // the house's; inside Due
	Referral order.Referral // the platform's; inside Due, and always the merchant's to bear; zero: none
	Bearer   FeeBearer
}

// Put writes the charges into an order's terms.
func (c Charges) Put(t *order.Terms) { t.Due, t.Fee, t.Referral = c.Due, c.Fee, c.Referral }

// Charges is what the merchant's settings make of an amount, with a referral fee of so much (zero: none). The fee is rounded
// half up to the smallest unit, once; what a customer pays of it in a currency of three decimals to ten of them, because nobody
// can be charged less there.
//
// Errors: not_configured when there is a referral fee and nobody who earns it; invalid_amount when fees eat the amount.
func (p Plan) Charges(amount, referral money.Amount) (Charges, error) {
	c := Charges{Due: amount, Fee: money.Zero(amount.Asset()), Bearer: BearerMerchant}
	var bps int64
	var fixed map[string]string
	for key, into := range map[string]any{FeeBPS: &bps, FeeFixed: &fixed, FeeBearerSetting: &c.Bearer} {
		if raw, set := p.Settings[key]; set {
			if err := json.Unmarshal(raw, into); err != nil {
				return c, fmt.Errorf("the setting %s: %w", key, err)
			}
		}
	}
	flat := money.Zero(amount.Asset())
	if text := fixed[amount.Asset().Code()]; text != "" {
		more, err := money.Parse(amount.Asset(), text)
		if err != nil {
			return c, fmt.Errorf("the setting %s: %w", FeeFixed, err)
		}
		flat = more
	}
	step := int64(1)
	if c.Bearer == BearerCustomer && amount.Asset().Scale() == 3 {
		step = 10
	}
	c.Fee = feeOf(amount, bps, flat, step)
	if c.Bearer == BearerCustomer {
		c.Due = amount.Add(c.Fee)
	}
	if referral.Sign() > 0 {
		var to string
		if raw, set := p.Settings[PlatformID]; set {
			if err := json.Unmarshal(raw, &to); err != nil {
				return c, fmt.Errorf("the setting %s: %w", PlatformID, err)
			}
		}
		if to == "" {
			return c, fault.New(fault.CodeNotConfigured, "nobody is set who earns the referral fee").On(PlatformID)
		}
		c.Referral = order.Referral{To: ledger.Owed(to).Account(ledger.Merchant), Amount: referral}
	}
	left := c.Due.Sub(c.Fee)
	if referral.Sign() > 0 {
		left = left.Sub(referral)
	}
	if left.Sign() <= 0 {
		return c, fault.New(fault.CodeInvalidAmount, "the fees are as much as the amount").On("amount")
	}
	return c, nil
}

// share is hundredths of a percent of an amount, rounded half up to the smallest unit.
func share(amount money.Amount, bps int64) money.Amount {
	return feeOf(amount, bps, money.Zero(amount.Asset()), 1)
}

// feeOf is hundredths of a percent of an amount and a fixed amount, rounded half up to a whole number of steps.
func feeOf(amount money.Amount, bps int64, flat money.Amount, step int64) money.Amount {
	const whole = 10_000
	units := new(big.Int).Mul(amount.Big(), big.NewInt(bps))
	units.Add(units, new(big.Int).Mul(flat.Big(), big.NewInt(whole)))
	steps := units.Div(units.Add(units, big.NewInt(whole*step/2)), big.NewInt(whole*step))
	return money.New(amount.Asset(), steps.Mul(steps, big.NewInt(step)))
}

// checkFee checks a setting of this file; known is false for any other key.
func checkFee(key string, value json.RawMessage) (known bool, err error) {
	refuse := func(say string) (bool, error) { return true, fault.New(fault.CodeInvalidValue, say).On(key) }
	switch key {
	case FeeBPS:
		var bps int64
		if json.Unmarshal(value, &bps) != nil || bps < 0 || bps > 5000 {
			return refuse("want a whole number of hundredths of a percent, 0 to 5000")
		}
	case FeeFixed:
		var fixed map[string]string
		if json.Unmarshal(value, &fixed) != nil {
			return refuse(`want amounts by currency: {"USD": "0.30"}`)
		}
		for code, text := range fixed {
			asset, err := money.Fiat(code)
			if err != nil {
				return refuse("there is no currency " + code)
			}
			if amount, err := money.Parse(asset, text); err != nil || amount.Sign() < 0 {
				return refuse("want an amount of " + code + " as a decimal")
			}
		}
	case FeeBearerSetting:
		var bearer FeeBearer
		if json.Unmarshal(value, &bearer) != nil || bearer != BearerMerchant && bearer != BearerCustomer {
			return refuse("want merchant or customer")
		}
	case Platform:
		return true, checkBool(key, value)
	case PlatformID:
		var id string
		if json.Unmarshal(value, &id) != nil || id == "" {
			return refuse("want the id of a merchant")
		}
		if _, err := ledger.ParseAccount(string(ledger.Owed(id).Account(ledger.Merchant))); err != nil {
			return refuse("want the id of a merchant")
		}
	default:
		return false, nil
	}
	return true, nil
}
