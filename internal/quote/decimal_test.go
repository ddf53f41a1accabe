package quote

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]string{
		"4000": "4000", "4000.00": "4000", "0.00025": "0.00025", "007.10": "7.1", "00.5": "0.5", "1.0": "1",
		strings.Repeat("0", 300) + "1":                                 "1",
		strings.Repeat("9", 200) + "." + strings.Repeat("9", 200):      strings.Repeat("9", 200) + "." + strings.Repeat("9", 200),
		"1." + strings.Repeat("1", 199) + "2" + strings.Repeat("0", 9): "1." + strings.Repeat("1", 199) + "2",
	} {
		got, err := ParseDecimal(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "0", "0.0", "000", ".5", "1.", ".", "-1", "+1", "1e3", "1E3", "1,5", "1 ", " 1", "1_000", "0x1", "1/3", "NaN", "Inf", "١", "1.2.3",
		strings.Repeat("9", 201), "0." + strings.Repeat("0", 200) + "1", strings.Repeat("0", 900) + "1",
	} {
		if got, err := ParseDecimal(text); !errors.Is(err, ErrDecimal) || !got.IsZero() {
			t.Errorf("%q was read as %s (%v)", text, got, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("MustDecimal did not panic")
		}
	}()
	MustDecimal("0")
}

func TestDecimalIsExactAndCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,30}(\.[0-9]{1,30})?`).Draw(t, "text")
		d, err := ParseDecimal(text)
		want, _ := new(big.Rat).SetString(text)
		if want.Sign() == 0 {
			if err == nil {
				t.Fatalf("%s is not above zero", text)
			}
			return
		}
		if err != nil || d.Rat().Cmp(want) != 0 {
			t.Fatalf("%s became %s (%v)", text, d, err)
		}
		again, err := ParseDecimal("0" + text)
		if err != nil || again != d {
			t.Fatalf("%s and 0%s are %s and %s", text, text, d, again)
		}
		stored, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back Decimal
		if err := json.Unmarshal(stored, &back); err != nil || back != d {
			t.Fatalf("%s came back as %s (%v)", stored, back, err)
		}
	})
	var none Decimal
	if text, err := json.Marshal(none); err != nil || string(text) != `""` || none.Rat().Sign() != 0 {
		t.Errorf("no number is %s, %v", text, err)
	}
	back := MustDecimal("1")
	if err := json.Unmarshal([]byte(`""`), &back); err != nil || !back.IsZero() {
		t.Errorf("no number came back as %s (%v)", back, err)
	}
	for _, text := range []string{`1.5`, `"x"`, `"0"`} {
		if json.Unmarshal([]byte(text), &back) == nil {
			t.Errorf("%s was read as %s", text, back)
		}
	}
}
