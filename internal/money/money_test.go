package money

import (
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	eur  = MustAsset("EUR", "", 2)
	jpy  = MustAsset("JPY", "", 0)
	usdt = MustAsset("USDT", "ethereum-sepolia", 6)
	eth  = MustAsset("ETH", "ethereum", 18)
)

const maxUint256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935"

func TestParse(t *testing.T) {
	tests := []struct {
		name  string
		asset Asset
		text  string
		units string
		err   error
	}{
		{"whole", usdt, "100", "100000000", nil},
		{"18 digits", usdt, "999999999999.999999", "999999999999999999", nil},
		{"19 digits", usdt, "9999999999999.999999", "9999999999999999999", nil},
		{"some decimals", usdt, "1.5", "1500000", nil},
		{"all decimals", usdt, "0.000001", "1", nil},
		{"zero", usdt, "0", "0", nil},
		{"zero with decimals", usdt, "0.000000", "0", nil},
		{"leading zeros", usdt, "007.10", "7100000", nil},
		{"many leading zeros", usdt, strings.Repeat("0", 200) + "1", "1000000", nil},

		// case 1: what a binary fraction or a big number looks like when printed.
		{"trace of a binary fraction", usdt, "0.30000000000000004", "", ErrTooPrecise},
		{"exponent", usdt, "1e21", "", ErrSyntax},
		{"exponent with sign", usdt, "1E+2", "", ErrSyntax},
		{"two decimals kept", eur, "1.10", "110", nil},

		// case 2: never rounded, not even where it would lose nothing.
		{"one decimal too many", usdt, "0.0000001", "", ErrTooPrecise},
		{"surplus zero", usdt, "1.0000000", "", ErrTooPrecise},
		{"decimals of a currency without", jpy, "1.0", "", ErrTooPrecise},

		// case 5: big numbers in full, nothing beyond.
		{"largest uint256", MustAsset("T", "x", 0), maxUint256, maxUint256, nil},
		{"largest uint256 of 18 decimals", eth, maxUint256[:60] + "." + maxUint256[60:], maxUint256, nil},
		{"78 digits", jpy, strings.Repeat("9", 78), strings.Repeat("9", 78), nil},
		{"79 digits", jpy, strings.Repeat("9", 79), "", ErrTooLarge},
		{"79 digits with the decimals", eth, strings.Repeat("9", 61), "", ErrTooLarge},
		{"a megabyte", jpy, strings.Repeat("9", 1<<20), "", ErrTooLarge},
		{"negative", usdt, "-1", "", ErrSyntax},

		// case 6
		{"minus zero", usdt, "-0", "", ErrSyntax},
		{"plus", usdt, "+1", "", ErrSyntax},
		{"space before", usdt, " 1", "", ErrSyntax},
		{"space after", usdt, "1 ", "", ErrSyntax},
		{"line end", usdt, "1\n", "", ErrSyntax},
		{"trailing dot", usdt, "1.", "", ErrSyntax},
		{"leading dot", usdt, ".5", "", ErrSyntax},
		{"only a dot", usdt, ".", "", ErrSyntax},
		{"two dots", usdt, "1.2.3", "", ErrSyntax},
		{"Arabic digit", usdt, "١", "", ErrSyntax},
		{"full-width digit", usdt, "１", "", ErrSyntax},
		{"comma", usdt, "1,5", "", ErrSyntax},
		{"hexadecimal", usdt, "0x10", "", ErrSyntax},
		{"underscore", usdt, "1_000", "", ErrSyntax},
		{"NaN", usdt, "NaN", "", ErrSyntax},
		{"Infinity", usdt, "Infinity", "", ErrSyntax},
		{"empty", usdt, "", "", ErrSyntax},
		{"zero byte", usdt, "1\x00", "", ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.asset, tt.text)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			if got.Units() != tt.units || got.Asset() != tt.asset {
				t.Errorf("got %s of %s, want %s of %s", got.Units(), got.Asset(), tt.units, tt.asset)
			}
		})
	}
}

func TestParseUnits(t *testing.T) {
	good := map[string]string{
		"0": "0", "1": "1", "-1": "-1", "0012": "12",
		maxUint256: maxUint256, "-" + maxUint256: "-" + maxUint256, // case 5
	}
	for text, want := range good {
		got, err := ParseUnits(usdt, text)
		if err != nil || got.Units() != want {
			t.Errorf("%q: got %s, %v", text, got.Units(), err)
		}
	}
	for _, text := range []string{"", "-", "--1", "+1", "-0", "1.0", "1e3", " 1", "0x1", "1_0", "١"} {
		if _, err := ParseUnits(usdt, text); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: error %v, want ErrSyntax", text, err)
		}
	}
	if _, err := ParseUnits(usdt, "-"+strings.Repeat("1", 79)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("79 digits: error %v, want ErrTooLarge", err)
	}
}

// case 7
func TestFiatMinorUnits(t *testing.T) {
	for code, decimal := range map[string]string{
		"JPY": "1234567", "CLP": "1234567", "KRW": "1234567", "UYI": "1234567",
		"KWD": "1234.567", "BHD": "1234.567", "TND": "1234.567",
		"CLF": "123.4567", "UYW": "123.4567",
		"EUR": "12345.67", "USD": "12345.67", "MXN": "12345.67", "COP": "12345.67", "BRL": "12345.67",
	} {
		asset, err := Fiat(code)
		if err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		if got := FromInt(asset, 1234567).Decimal(); got != decimal {
			t.Errorf("%s: %s, want %s", code, got, decimal)
		}
	}
	for _, code := range []string{"", "eur", "EURO", "XAU", "XXX", "XTS", "DEM", "ANG", "ZWL", "USDT"} {
		if asset, err := Fiat(code); !errors.Is(err, ErrAsset) {
			t.Errorf("%q: got %s, %v", code, asset, err)
		}
	}
}

func TestFiatTable(t *testing.T) {
	counts := map[uint8]int{}
	for code, scale := range minorUnits {
		if len(code) != 3 {
			t.Errorf("%q has not three letters", code)
		}
		if _, err := Fiat(code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		counts[scale]++
	}
	if counts[0] != 17 || counts[3] != 7 || counts[4] != 2 {
		t.Errorf("currencies by decimals: %v", counts)
	}
}

func TestAssetText(t *testing.T) {
	for text, want := range map[string]Asset{
		"EUR/2":                   eur,
		"JPY/0":                   jpy,
		"USDT/6@ethereum-sepolia": usdt,
		"1INCH/18@bsc":            MustAsset("1INCH", "bsc", 18),
		"X/36@a":                  MustAsset("X", "a", 36),
	} {
		got, err := ParseAsset(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "EUR", "EUR/", "EUR/2@", "/2", "eur/2", "EUR/02", "EUR/+2", "EUR/37", "EUR/256", "EUR/2/2",
		"EUR /2", "EUR/2 ", "USDT/6@Ethereum", "USDT/6@a@b", "USDT/6@a b", "USDT/-1@a",
		"ABCDEFGHIJKLMNOPQ/2", "A/2@" + strings.Repeat("a", 41), "ÄÖ/2",
	} {
		if got, err := ParseAsset(text); !errors.Is(err, ErrAsset) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	if !(Asset{}).IsZero() || (Asset{}).String() != "" || eur.IsZero() {
		t.Error("the zero asset is not told apart")
	}
}

// The same token name on two networks is two assets, each with its own
// decimals (case 3, as far as naming goes).
func TestSameTokenOnTwoNetworks(t *testing.T) {
	six, eighteen := MustAsset("USDT", "ethereum", 6), MustAsset("USDT", "bsc", 18)
	if six == eighteen {
		t.Fatal("one asset")
	}
	a, _ := Parse(six, "1")
	b, _ := Parse(eighteen, "1")
	if a.Units() == b.Units() || a.Equal(b) {
		t.Errorf("%s and %s", a.Units(), b.Units())
	}
	mustPanic(t, "Add", func() { a.Add(b) })
}

func TestDecimal(t *testing.T) {
	for _, tt := range []struct {
		amount  Amount
		decimal string
		text    string
	}{
		{FromInt(usdt, 100000000), "100.000000", "100.000000 USDT"},
		{FromInt(usdt, 1), "0.000001", "0.000001 USDT"},
		{FromInt(usdt, -1), "-0.000001", "-0.000001 USDT"},
		{FromInt(eur, -12345), "-123.45", "-123.45 EUR"},
		{FromInt(jpy, 7), "7", "7 JPY"},
		{Zero(usdt), "0.000000", "0.000000 USDT"},
		{Amount{}, "0", "0"},
	} {
		if got := tt.amount.Decimal(); got != tt.decimal {
			t.Errorf("Decimal: %q, want %q", got, tt.decimal)
		}
		if got := tt.amount.String(); got != tt.text {
			t.Errorf("String: %q, want %q", got, tt.text)
		}
	}
}

func TestArithmetic(t *testing.T) {
	one, two := FromInt(eur, 100), FromInt(eur, 200)
	for name, ok := range map[string]bool{
		"add":                  one.Add(two).Equal(FromInt(eur, 300)),
		"sub below zero":       one.Sub(two).Equal(FromInt(eur, -100)),
		"neg":                  one.Neg().Equal(FromInt(eur, -100)),
		"add nothing":          one.Add(Amount{}).Equal(one),
		"nothing add":          (Amount{}).Add(one).Equal(one),
		"sub nothing":          one.Sub(Amount{}).Equal(one),
		"nothing sub":          (Amount{}).Sub(one).Equal(one.Neg()),
		"cmp":                  one.Cmp(two) == -1 && two.Cmp(one) == 1 && one.Cmp(FromInt(eur, 100)) == 0,
		"min":                  Min(one, two).Equal(one) && Min(two, one).Equal(one),
		"sign":                 one.Sign() == 1 && Zero(eur).Sign() == 0 && one.Neg().Sign() == -1,
		"difference is zero":   one.Sub(one).IsZero() && one.Sub(one).Asset() == eur,
		"equal needs an asset": !Zero(eur).Equal(Zero(jpy)) && !Zero(eur).Equal(Amount{}),
		"nil is zero":          New(eur, nil).IsZero(),
	} {
		if !ok {
			t.Error(name)
		}
	}
	mustPanic(t, "Add", func() { one.Add(FromInt(jpy, 1)) })
	mustPanic(t, "Add of nothing of another asset", func() { one.Add(Zero(jpy)) })
	mustPanic(t, "Sub", func() { one.Sub(FromInt(jpy, 1)) })
	mustPanic(t, "Cmp", func() { one.Cmp(FromInt(jpy, 1)) })
	mustPanic(t, "Min", func() { Min(one, Zero(jpy)) })
	mustPanic(t, "units without an asset", func() { FromInt(Asset{}, 1) })
	mustPanic(t, "a bad asset in code", func() { MustAsset("eur", "", 2) })
	mustPanic(t, "SortKey", func() { one.Neg().SortKey() })
}

// case 5: arithmetic at and beyond the largest uint256 does not wrap.
func TestNoOverflow(t *testing.T) {
	most, err := ParseUnits(eth, maxUint256)
	if err != nil {
		t.Fatal(err)
	}
	twice := most.Add(most)
	if want := "231584178474632390847141970017375815706539969331281128078915168015826259279870"; twice.Units() != want {
		t.Errorf("twice: %s", twice.Units())
	}
	if !twice.Sub(most).Equal(most) || twice.Cmp(most) != 1 {
		t.Error("wrapped")
	}
}

func TestImmutable(t *testing.T) {
	units := big.NewInt(5)
	amount := New(eur, units)
	units.SetInt64(6)
	amount.Big().SetInt64(7)
	amount.Add(FromInt(eur, 1))
	amount.Neg()
	Zero(eur).Big().SetInt64(8)
	if amount.Units() != "5" || Zero(eur).Units() != "0" {
		t.Errorf("changed to %s, zero to %s", amount.Units(), Zero(eur).Units())
	}
}

func TestJSON(t *testing.T) {
	type body struct {
		Amount Amount
		None   Amount
		Asset  Asset
		Sums   map[Asset]Amount
	}
	most, _ := ParseUnits(usdt, maxUint256)
	in := body{FromInt(usdt, 100000000), Amount{}, eur, map[Asset]Amount{usdt: most, eur: FromInt(eur, -5)}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Amount":"100000000 USDT/6@ethereum-sepolia","None":"","Asset":"EUR/2",` +
		`"Sums":{"EUR/2":"-5 EUR/2","USDT/6@ethereum-sepolia":"` + maxUint256 + ` USDT/6@ethereum-sepolia"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var out body
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if !out.Amount.Equal(in.Amount) || !out.None.Equal(in.None) || out.Asset != in.Asset ||
		len(out.Sums) != 2 || !out.Sums[usdt].Equal(most) || !out.Sums[eur].Equal(in.Sums[eur]) {
		t.Errorf("came back as %+v", out)
	}

	// case 1: a JSON number is not an amount.
	for _, text := range []string{`1`, `1.10`, `1e21`, `"1"`, `"1 "`, `"0 "`, `" EUR/2"`, `"1 EUR"`, `"1.5 EUR/2"`, `"1  EUR/2"`, `{}`, `true`} {
		amount := FromInt(eur, 9)
		if err := json.Unmarshal([]byte(text), &amount); err == nil || !amount.Equal(FromInt(eur, 9)) {
			t.Errorf("%s was read as %s (%v)", text, amount, err)
		}
	}
}

func TestSortKey(t *testing.T) {
	tests := map[string]Amount{
		"000":                            Zero(eur),
		"0371" + strings.Repeat("0", 36): FromInt(eur, 100),
		"0011":                           FromInt(MustAsset("X", "", 36), 1),
		"0381" + strings.Repeat("0", 37): FromInt(jpy, 10),
		"114" + strings.Repeat("9", 78) + strings.Repeat("0", 36): mustUnits(t, jpy, strings.Repeat("9", 78)),
	}
	for want, amount := range tests {
		if got := amount.SortKey(); got != want {
			t.Errorf("%s: %s, want %s", amount, got, want)
		}
	}
}

func TestSortKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawAmount(t, "a"), drawAmount(t, "b")
		want := rational(a).Cmp(rational(b))
		if got := strings.Compare(a.SortKey(), b.SortKey()); got != want {
			t.Fatalf("%s and %s: keys say %d, values %d", a, b, got, want)
		}
	})
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAmount(t, "amount")
		if rapid.Bool().Draw(t, "negative") {
			a = a.Neg()
		}
		text, err := a.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Amount
		if err := back.UnmarshalText(text); err != nil || !back.Equal(a) {
			t.Fatalf("%s came back as %s (%v)", text, back, err)
		}
	})
}

func TestArithmeticLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		asset := drawAsset(t, "asset")
		a, b, c := drawUnits(t, asset, "a"), drawUnits(t, asset, "b"), drawUnits(t, asset, "c")
		if !a.Add(b).Add(c).Equal(c.Add(b).Add(a)) {
			t.Fatal("the order of adding matters")
		}
		if !a.Add(b).Sub(b).Equal(a) || !a.Sub(b).Equal(b.Sub(a).Neg()) {
			t.Fatal("Sub does not undo Add")
		}
		if a.Cmp(b) != a.Sub(b).Sign() {
			t.Fatal("Cmp is not the sign of the difference")
		}
	})
}

var plain = regexp.MustCompile(`\A[0-9]+(?:\.([0-9]+))?\z`)

// The seeds alone run with the other tests; go test -fuzz=FuzzParse goes on.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "1", "1.5", "0.000001", "00.10", ".5", "1.", "-0", "+1", "1e21", "0x10", "1_000", "١", "1,5", maxUint256, strings.Repeat("9", 79)} {
		for _, scale := range []uint8{0, 2, 6, 18, 36} {
			f.Add(scale, s)
		}
	}
	f.Fuzz(func(t *testing.T, scale uint8, s string) {
		asset := MustAsset("TOKEN", "net", scale%(MaxScale+1))
		got, err := Parse(asset, s)
		want := expect(asset, s)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Fatalf("error %v, want %v", err, want)
		}
		if err != nil {
			if !got.Equal(Amount{}) {
				t.Fatalf("an error and %s", got)
			}
			return
		}
		if value, ok := new(big.Rat).SetString(s); !ok || value.Cmp(rational(got)) != 0 {
			t.Fatalf("%q became %s", s, got)
		}
		again, err := Parse(asset, got.Decimal())
		if err != nil || !again.Equal(got) {
			t.Fatalf("%s came back as %s (%v)", got, again, err)
		}
		fromUnits, err := ParseUnits(asset, got.Units())
		if err != nil || !fromUnits.Equal(got) {
			t.Fatalf("%s came back as %s (%v)", got.Units(), fromUnits, err)
		}
	})
}

// expect is the rule of Parse said another way.
func expect(asset Asset, s string) error {
	m := plain.FindStringSubmatch(s)
	if m == nil {
		return ErrSyntax
	}
	if len(m[1]) > int(asset.Scale()) {
		return ErrTooPrecise
	}
	value, _ := new(big.Rat).SetString(s)
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(MaxDigits), nil)
	if value.Mul(value, tenTo(asset.Scale())).Cmp(new(big.Rat).SetInt(limit)) >= 0 {
		return ErrTooLarge
	}
	return nil
}

func rational(a Amount) *big.Rat {
	value := new(big.Rat).SetInt(a.Big())
	return value.Quo(value, tenTo(a.Asset().Scale()))
}

func tenTo(scale uint8) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
}

func drawAsset(t *rapid.T, name string) Asset {
	return MustAsset("T", "net", rapid.Uint8Range(0, MaxScale).Draw(t, name+" scale"))
}

func drawAmount(t *rapid.T, name string) Amount {
	return drawUnits(t, drawAsset(t, name), name)
}

func drawUnits(t *rapid.T, asset Asset, name string) Amount {
	amount, err := ParseUnits(asset, rapid.StringMatching(`[0-9]{1,78}|10{0,40}`).Draw(t, name+" units"))
	if err != nil {
		t.Fatal(err)
	}
	return amount
}

func mustUnits(t *testing.T, asset Asset, units string) Amount {
	t.Helper()
	amount, err := ParseUnits(asset, units)
	if err != nil {
		t.Fatal(err)
	}
	return amount
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}
