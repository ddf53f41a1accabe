package koywe

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"till/internal/engine"
	"till/internal/money"
)

// A merchant has one balance for each currency, which clients see as an account. It is no row: its id is made of whose
// balance it is, so that everybody who knows the merchant, the mode and the currency knows the id.

// virtualAccountID is the id of a scope's balance in a currency: acc_ and a UUID (RFC 9562, version 8).
func virtualAccountID(s engine.Scope, currency money.Asset) string {
	return madeOf("acc", "virtual account", s.Merchant, string(s.Mode), currency.Code())
}

// idOf is the id of a currency (cur_) or a country (ctry_), which are the same on every server; nil for no code.
func idOf(prefix, code string) *string {
	if code == "" {
		return nil
	}
	return new(madeOf(prefix, code))
}

// madeOf is an id that follows from what it names.
func madeOf(prefix string, words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\n")))
	raw := sum[:16]
	raw[6], raw[8] = raw[6]&0x0f|0x80, raw[8]&0x3f|0x80
	return fmt.Sprintf("%s_%x-%x-%x-%x-%x", prefix, raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// madeVersion is where the version of an account's UUID stands: 8 in an id that is made of what it names, 4 in a random one.
const madeVersion = len("acc_00000000-0000-")

// virtualCurrency is the currency of the balance that has an id in the scope; is is false for every other id.
func virtualCurrency(s engine.Scope, id string) (currency money.Asset, is bool) {
	if len(id) <= madeVersion || id[madeVersion] != '8' || !strings.HasPrefix(id, "acc_") {
		return money.Asset{}, false
	}
	for _, a := range money.Fiats() {
		if virtualAccountID(s, a) == id {
			return a, true
		}
	}
	return money.Asset{}, false
}

// virtualNumber is the account number that a balance shows. No bank can transfer to it.
func virtualNumber(s engine.Scope, currency money.Asset) string {
	return "VIRTUAL_FIAT-" + s.Merchant + "-" + currency.Code()
}

// virtualCurrencies are the currencies of which every merchant has a balance: those of Koywe. In others a balance
// appears once there is something in it.
var virtualCurrencies = []string{"ARS", "BOB", "BRL", "CLP", "COP", "MXN", "PEN", "USD"}
