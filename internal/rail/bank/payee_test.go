package bank

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"till/internal/fault"
)

func TestTextIsWhatEveryBankTakes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"Zoë Müller-Lüdenscheidt & Söhne", "Zoe Muller-Ludenscheidt + Sohne"},
		{"Straße 1", "Strasse 1"},
		{"JOSE\u0301 Núñez", "JOSE Nunez"}, // the mark apart from its letter
		{"Łódź; Ærø", "Lodz, AEro"},
		{"  a \t b\n c ", "a b c"},
		{"//a//b///", "a/b"},
		{"“quoted” — 5 € #7", "'quoted' - 5 EUR .7"},
		{"a=b;c", "a.b,c"},
		{"", ""},
	} {
		if got, err := Text("name", test.in, 70); got != test.want || err != nil {
			t.Errorf("%q became %q, %v, want %q", test.in, got, err, test.want)
		}
	}
	for _, test := range []struct {
		in   string
		code fault.Code
	}{
		{"Иван", fault.CodeInvalidValue}, {"株式会社", fault.CodeInvalidValue}, {"a\x00b", fault.CodeInvalidValue}, {"a\xffb", fault.CodeInvalidValue},
		{"😀", fault.CodeInvalidValue}, {strings.Repeat("x", 71), fault.CodeTooLong}, {strings.Repeat("ß", 36), fault.CodeTooLong},
	} {
		_, err := Text("name", test.in, 70)
		if f, ok := fault.As(err); !ok || f.Code != test.code || f.Param != "name" {
			t.Errorf("%q: %v, want %s", test.in, err, test.code)
		}
	}
}

// A character stands in the table once: else what a name becomes would be left to chance.
func TestTransliterationsAreOne(t *testing.T) {
	n := 0
	for from, to := range plain {
		n++
		if inSet(from) && from != ' ' {
			t.Errorf("%q is of the set and never looked up", from)
		}
		for _, r := range to {
			if !inSet(r) {
				t.Errorf("%q becomes %q", from, to)
			}
		}
	}
	if n < 200 {
		t.Errorf("the table has %d characters", n)
	}
}

func TestPayeeHasOneSpelling(t *testing.T) {
	full := Payee{
		Name: "José Núñez", Account: "de89 3704 0044 0532 0130 00", BIC: "cobadeff", Clearing: "usaba:021000021", Country: "de", City: "Köln", Postcode: "50667",
		Street: "Domstraße 1", Document: "12.345.678-5", Company: true, Message: "Salary; May",
	}
	checked, err := full.Check()
	if err != nil {
		t.Fatal(err)
	}
	const want = "DE89370400440532013000;name=Jose Nunez;bic=COBADEFF;clearing=USABA:021000021;country=DE;city=Koln;postcode=50667;street=Domstrasse 1;" +
		"company=12.345.678-5;message=Salary, May"
	if checked.Text() != want {
		t.Errorf("it is %q, want %q", checked.Text(), want)
	}
	if back, err := ParsePayee(want); back != checked || err != nil {
		t.Errorf("read as %+v, %v", back, err)
	}
	local, err := Payee{Name: "A", Account: "0123-4567 89", Document: "1"}.Check()
	if err != nil || local.Text() != "0123456789;name=A;document=1" || local.IBAN() || !checked.IBAN() {
		t.Errorf("a local account is %q, %v", local.Text(), err)
	}
	for _, text := range []string{
		"", "DE89370400440532013000", "DE89370400440532013000;name=", "DE89370400440532013000;bic=COBADEFF;name=A", "DE89370400440532013000;name=A;name=A",
		"de89370400440532013000;name=A", "DE89370400440532013000;name=A;x=y", "DE89370400440532013000;name=A;", "DE89370400440532013000;name=A;company=",
		"DE88370400440532013000;name=A", "DE89370400440532013000;name=Ä", "1;name=A;bic=X",
	} {
		if p, err := ParsePayee(text); !fault.Is(err, fault.CodeInvalidAddress) {
			t.Errorf("%q was read as %+v, %v", text, p, err)
		}
	}
}

func TestPayeeIsChecked(t *testing.T) {
	good := Payee{Name: "A", Account: "DE89370400440532013000"}
	for _, test := range []struct {
		change func(*Payee)
		code   fault.Code
		param  string
	}{
		{func(p *Payee) { p.Name = "" }, fault.CodeMissingField, "name"},
		{func(p *Payee) { p.Name = " / " }, fault.CodeMissingField, "name"},
		{func(p *Payee) { p.Account = "" }, fault.CodeMissingField, "account"},
		{func(p *Payee) { p.Account = "DE88370400440532013000" }, fault.CodeInvalidAddress, "account"},
		{func(p *Payee) { p.Account = "ana@example.org" }, fault.CodeInvalidAddress, "account"},
		{func(p *Payee) { p.Account = strings.Repeat("1", 35) }, fault.CodeInvalidAddress, "account"},
		{func(p *Payee) { p.BIC = "COBADE" }, fault.CodeInvalidAddress, "bic"},
		{func(p *Payee) { p.Clearing = "USABAX:1" }, fault.CodeInvalidAddress, "clearing"},
		{func(p *Payee) { p.Clearing = ":1" }, fault.CodeInvalidAddress, "clearing"},
		{func(p *Payee) { p.Country = "DEU" }, fault.CodeInvalidValue, "country"},
		{func(p *Payee) { p.City = strings.Repeat("x", 36) }, fault.CodeTooLong, "city"},
		{func(p *Payee) { p.Message = "привет" }, fault.CodeInvalidValue, "message"},
	} {
		p := good
		test.change(&p)
		_, err := p.Check()
		if f, ok := fault.As(err); !ok || f.Code != test.code || f.Param != test.param {
			t.Errorf("%+v: %v, want %s (%s)", p, err, test.code, test.param)
		}
	}
}

// Whatever is accepted has one spelling, which is read back as the same, and checking again changes nothing.
func TestPayeeIsReadBack(t *testing.T) {
	words := rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 /-?:().,'+;=&üßŁ€\"_@\t")), 0, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		p := Payee{
			Name: words.Draw(t, "name"), Account: rapid.SampledFrom([]string{"DE89370400440532013000", "123", "GB82 WEST 1234 5698 7654 32"}).Draw(t, "account"),
			City: words.Draw(t, "city"), Street: words.Draw(t, "street"), Document: words.Draw(t, "document"), Company: rapid.Bool().Draw(t, "company"), Message: words.Draw(t, "message"),
		}
		checked, err := p.Check()
		if err != nil {
			if fault.Is(err, fault.CodeMissingField) || fault.Is(err, fault.CodeTooLong) {
				return
			}
			t.Fatal(err)
		}
		back, err := ParsePayee(checked.Text())
		if err != nil || back != checked {
			t.Fatalf("%q was read as %+v, %v, want %+v", checked.Text(), back, err, checked)
		}
	})
}
