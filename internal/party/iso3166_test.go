package party

import "testing"

func TestTwoLetters(t *testing.T) {
	if len(byThree) != 249 {
		t.Errorf("%d countries", len(byThree))
	}
	seen := map[string]bool{}
	for three, two := range byThree {
		if len(two) != 2 || seen[two] {
			t.Errorf("%s is %q", three, two)
		}
		seen[two] = true
	}
	for three, want := range map[string]string{"IND": "IN", "USA": "US", "DEU": "DE", "GBR": "GB", "ZWE": "ZW"} {
		if two, ok := TwoLetters(three); !ok || two != want {
			t.Errorf("%s is %q", three, two)
		}
	}
	for _, none := range []string{"ind", "XXX", "IN", ""} {
		if two, ok := TwoLetters(none); ok {
			t.Errorf("%s is %q", none, two)
		}
	}
}
