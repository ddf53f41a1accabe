package koywe

import (
	"encoding/json"
	"strings"
	"testing"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

func TestNumbersAreExact(t *testing.T) {
	usd, clp, eth := money.MustAsset("USD", "", 2), money.MustAsset("CLP", "", 0), money.MustAsset("ETH", "x", 18)
	for _, test := range []struct {
		written string
		asset   money.Asset
		units   string // "": refused
		code    fault.Code
		shown   string
	}{
		{"1000.50", usd, "100050", "", "1000.5"},
		{"1000", usd, "100000", "", "1000"},
		{"0.01", usd, "1", "", "0.01"},
		{"1e3", usd, "100000", "", "1000"},
		{"1.5E+2", usd, "15000", "", "150"},
		{"12345e-2", usd, "12345", "", "123.45"},
		{"1500e-1", usd, "15000", "", "150"},
		{"1e-18", eth, "1", "", "0.000000000000000001"},
		{"0.1234567890123456789", eth, "", fault.CodeInvalidAmount, ""},
		{"123456789012345678901234567890.123456789012345678", eth, "123456789012345678901234567890123456789012345678", "", "123456789012345678901234567890.123456789012345678"},
		{"0.1", clp, "", fault.CodeInvalidAmount, ""},
		{"1.0", clp, "", fault.CodeInvalidAmount, ""},
		{"10.001", usd, "", fault.CodeInvalidAmount, ""},
		{"1e-3", usd, "", fault.CodeInvalidAmount, ""},
		{"0", usd, "", fault.CodeInvalidAmount, ""},
		{"0.00", usd, "", fault.CodeInvalidAmount, ""},
		{"-0", usd, "", fault.CodeInvalidAmount, ""},
		{"-1", usd, "", fault.CodeInvalidAmount, ""},
		{"-1e2", usd, "", fault.CodeInvalidAmount, ""},
		{"1e101", usd, "", fault.CodeAmountTooLarge, ""},
		{"1e99999999999999999999", usd, "", fault.CodeAmountTooLarge, ""},
		{"1e-101", eth, "", fault.CodeAmountTooLarge, ""},
		{strings.Repeat("9", 90), usd, "", fault.CodeAmountTooLarge, ""},
	} {
		body, err := web.ParseObject([]byte(`{"amountIn":` + test.written + `}`))
		if err != nil {
			t.Fatal(err)
		}
		n, err := amountField(body, "amountIn")
		if err != nil || n == nil {
			t.Fatal(err)
		}
		got, err := n.amountOf(test.asset, "amountIn")
		f, _ := fault.As(err)
		switch {
		case test.units == "" && (f == nil || f.Code != test.code || f.Param != "amountIn" || !strings.Contains(f.Message, "amountIn")):
			t.Errorf("%s %s: %v, want %s", test.written, test.asset, err, test.code)
		case test.units != "" && (err != nil || got.Units() != test.units || string(numberOf(got)) != test.shown):
			t.Errorf("%s %s: %s %s %v", test.written, test.asset, got.Units(), numberOf(got), err)
		}
	}
}

func TestOnlyNumbersAreNumbers(t *testing.T) {
	for _, written := range []string{`"1"`, `true`, `{}`, `[1]`} {
		body, err := web.ParseObject([]byte(`{"amountIn":` + written + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := amountField(body, "amountIn"); !fault.Is(err, fault.CodeWrongType) {
			t.Errorf("%s: %v", written, err)
		}
	}
	for _, written := range []string{`{}`, `{"amountIn":null}`} {
		body, err := web.ParseObject([]byte(written))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := amountField(body, "amountIn"); n != nil || err != nil {
			t.Errorf("%s: %v %v", written, n, err)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"1", "1e3", "0.1e-5", "123.450e1", "-5e0"} {
		f.Add(seed)
	}
	asset := money.MustAsset("ANY", "", money.MaxScale)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		body, err := web.ParseObject([]byte(`{"n":` + text + `}`))
		if err != nil {
			return
		}
		n, err := amountField(body, "n")
		if err != nil || n == nil {
			return
		}
		amount, err := n.amountOf(asset, "n")
		if err != nil {
			return
		}
		again, err := numberOf(amount).amountOf(asset, "n")
		if err != nil || !again.Equal(amount) {
			t.Errorf("%s is %s, which is %s (%v)", text, numberOf(amount), again, err)
		}
	})
}
