package party_test

import (
	"slices"
	"testing"

	"till/internal/money"
	"till/internal/party"
)

// Every bank of the lists takes an account of a length it keeps, and none of another.
func TestBanks(t *testing.T) {
	currencies := map[string]money.Asset{"CL": money.MustAsset("CLP", "", 0), "CO": money.MustAsset("COP", "", 2)}
	seen := map[string]bool{}
	for _, b := range party.Banks() {
		if b.Name == "" || seen[b.Country+b.Code] || currencies[b.Country].IsZero() || b.MinDigits > b.MaxDigits {
			t.Errorf("%+v", b)
		}
		seen[b.Country+b.Code] = true
		digits := func(n int) string { return string(slices.Repeat([]byte{'7'}, n)) }
		a := party.BankAccount{Country: b.Country, Bank: b.Code, Currency: currencies[b.Country], Number: digits(max(b.MinDigits, 8))}
		if b.MinDigits > 0 {
			a.Number = digits(b.MinDigits)
		}
		if _, err := party.CheckAccount(a, party.Banks()); err != nil {
			t.Errorf("%s %s: %v", b.Country, b.Code, err)
		}
		if b.MaxDigits > 0 {
			a.Number = digits(b.MaxDigits + 1)
			if _, err := party.CheckAccount(a, party.Banks()); err == nil {
				t.Errorf("%s %s takes %d digits", b.Country, b.Code, b.MaxDigits+1)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d banks", len(seen))
	}
	changed := party.Banks()
	changed[0].Code = "another"
	if party.Banks()[0].Code == "another" {
		t.Error("the list is shared")
	}
}
