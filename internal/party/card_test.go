package party

import "testing"

func TestHoldsCardNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"4111111111111111":               true, // the number that every gateway's test uses
		"paid with 4111 1111 1111 1111.": true,
		"4111-1111-1111-1111":            true,
		"card=5555555555554444;exp=1230": true,
		"378282246310005":                true, // 15 digits
		"30569309025904":                 true, // 14 digits
		"4222222222222":                  true, // 13 digits
		"6304000000000000018":            true, // 19 digits
		"6304000000000000019":            false,
		"00004111111111111111000000":     true, // hidden among others
		"4111111111111112":               false,
		"4111 1111  1111 1111":           false, // two numbers
		"1234567890123":                  false, // begins as no card does
		"INV-2026-000000000000":          false,
		"":                               false,
		"1970-01-01 00:00":               false,
	} {
		if got := HoldsCardNumber(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
